"""A statement of a hot path, run by libpq itself on the direct line of `db.py`.

psycopg's cursor costs more than a read by primary key does: 24 to 50 µs of Python for a query of 40 µs, once more as
much time spent waiting through an event loop (measured: the widget's read took 131 µs with a cursor and 67 µs so).
Here a statement is prepared once per connection and then executed with one blocking call; parameters and columns are
text. For a single statement that may run twice to the same effect, like `db.one_statement`.
"""

import itertools
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import lru_cache
from typing import Any

import psycopg
from psycopg import errors
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from backend import db

_PARAMETER = re.compile(r"%\((\w+)\)s")
_numbers = itertools.count(1)
_prepared = threading.local()

Row = tuple[str | None, ...]
Parameters = Mapping[str, str | int | datetime | None]
_Connection = psycopg.Connection[dict[str, Any]]


class HotStatement:
    """One SQL statement with parameters written `%(name)s`, whose types PostgreSQL can tell from their place."""

    def __init__(self, statement: str) -> None:
        self._statement = statement
        self._order = list(dict.fromkeys(_PARAMETER.findall(statement)))
        self._text = _PARAMETER.sub(lambda match: f"${self._order.index(match[1]) + 1}", statement).encode()

    def first_row(self, parameters: Parameters) -> Row | None:
        """Run it as its own transaction; the first row, its columns as text. Raises psycopg.Error.

        When the server went away since the last call, it is sent again once on a new connection.
        """
        standing = _standing_in.get()
        if standing is not None:
            tables, more = standing
            return _over(tables, self._statement)._first_row({**parameters, **more})
        return self._first_row(parameters)

    def _first_row(self, parameters: Parameters) -> Row | None:
        values = [_as_text(parameters[name]) for name in self._order]
        connection = db.direct()
        try:
            return self._run(connection, values)
        except psycopg.OperationalError:
            if not connection.closed:
                raise
        except (errors.InvalidSqlStatementName, errors.FeatureNotSupported):
            _prepared.names = {}  # the schema changed under it, or a pooler gave us another server
        return self._run(db.direct(), values)

    def _run(self, connection: _Connection, values: list[bytes | None]) -> Row | None:
        if getattr(_prepared, "connection", None) is not connection:
            _prepared.connection, _prepared.names = connection, {}
        name = _prepared.names.get(self) or self._prepare(connection)
        result = connection.pgconn.exec_prepared(name, values)  # type: ignore[arg-type]  # None is null
        if result.status != ExecStatus.TUPLES_OK:
            raise _error(connection, result)
        if result.ntuples == 0:
            return None
        return tuple(
            None if (value := result.get_value(0, column)) is None else value.decode()
            for column in range(result.nfields)
        )

    def _prepare(self, connection: _Connection) -> bytes:
        name = b"hot_%d" % next(_numbers)  # always a new one: an old one may still be there, broken
        result = connection.pgconn.prepare(name, self._text)
        if result.status != ExecStatus.COMMAND_OK:
            raise _error(connection, result)
        _prepared.names[self] = name
        return name


_standing_in: ContextVar[tuple[str, Parameters] | None] = ContextVar("standing_in", default=None)


@contextmanager
def reading_from(tables: str, parameters: Parameters) -> Iterator[None]:
    """Let the statements of the running request read these tables in place of those of the same name: `tables` is what
    stands behind `with`, and `parameters` are its own. For a preview, which only reads."""
    token = _standing_in.set((tables, parameters))
    try:
        yield
    finally:
        _standing_in.reset(token)


@lru_cache(maxsize=64)
def _over(tables: str, statement: str) -> HotStatement:
    return HotStatement(f"with {tables} {statement}")


def _as_text(value: str | int | datetime | None) -> bytes | None:
    if value is None:
        return None
    return (value.isoformat() if isinstance(value, datetime) else str(value)).encode()


def _error(connection: _Connection, result: PGresult) -> psycopg.Error:
    if connection.closed:
        return psycopg.OperationalError("the connection to the database was lost")
    return errors.error_from_result(result)
