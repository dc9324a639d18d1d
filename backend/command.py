"""What every command stands on: the app on the servers of its environment."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import click
from flask import Flask

from backend.app import create_app
from backend.db import db
from backend.embedded import filled_in
from backend.errors import LagniappeError


@contextmanager
def application() -> Iterator[Flask]:
    """The app on the servers that the environment names, or on the embedded ones for this command's duration.

    An error of ours ends the command with its sentence and status 1.
    """
    try:
        with filled_in(os.environ) as environ:
            app = create_app(environ)
            with app.app_context():
                try:
                    yield app
                finally:
                    db.engine.dispose()  # leave PostgreSQL without open connections: it may be about to stop
    except LagniappeError as error:
        several = getattr(error, "errors", [])
        if len(several) > 1:  # one alone is in the sentence
            for each in several:
                click.echo(f"{each['field']}: {each['message']}", err=True)
        raise click.ClickException(error.detail) from error
