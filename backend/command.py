"""What every command stands on: the app on the servers of its environment, its shop, and how it answers."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import flask_migrate
import orjson
import psycopg
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.app import create_app
from backend.db import db, is_away, sqlstate, transaction
from backend.embedded import filled_in
from backend.errors import LagniappeError, NotFound
from backend.ledger.posting import AnySession
from backend.models import Shop

_UNDEFINED_TABLE = "42P01"


@contextmanager
def application() -> Iterator[Flask]:
    """The app on the servers that the environment names, or on the embedded ones for this command's duration.

    An error of ours ends the command with its sentence and status 1. Either way it leaves no connection open.
    """
    try:
        with filled_in(os.environ) as environ:
            app = create_app(environ)
            with app.app_context():
                try:
                    if not os.environ.get("DATABASE_URL"):
                        _make_first_tables()
                    yield app
                finally:
                    db.session.remove()
                    db.engine.dispose()
    except LagniappeError as error:
        several = getattr(error, "errors", [])
        if len(several) > 1:  # one alone is in the sentence
            for each in several:
                click.echo(f"{each['field']}: {each['message']}", err=True)
        raise click.ClickException(error.detail) from error
    except (DBAPIError, psycopg.Error) as error:
        if is_away(error):
            reason = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise click.ClickException(f"The database of DATABASE_URL does not answer: {reason}") from error
        if sqlstate(error) == _UNDEFINED_TABLE:
            raise click.ClickException("The database has no tables yet: run lagniappe migrate first.") from error
        raise


def print_json(document: Any) -> None:
    """The answer of a command, for people and programs."""
    click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())


def require_shop(session: AnySession, shop_id: int) -> None:
    """Raises NotFound."""
    if session.get(Shop, shop_id) is None:
        raise NotFound(f"There is no shop {shop_id}.")


def _make_first_tables() -> None:
    """In a new data folder any command may be the first, and nobody else migrates a server of our own."""
    with transaction() as session:
        is_new = session.execute(text("select to_regclass('alembic_version') is null")).scalar_one()
    if is_new:
        flask_migrate.upgrade()
