"""`lagniappe up`: the door of `machine.py`."""

import os

import click

from backend import machine
from backend.errors import LagniappeError


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where the web process listens.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
def up(host: str, port: int) -> None:
    """Run everything on this machine until Ctrl-C, with embedded servers where no addresses are set."""
    try:
        machine.run(os.environ, host=host, port=port)
    except LagniappeError as error:
        raise click.ClickException(error.detail) from error
