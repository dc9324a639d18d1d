"""The whole shop as a zip: for each table `data/<table>.jsonl`, exact, and for most `csv/<table>.csv`, for people.

One snapshot (repeatable read), streamed out of PostgreSQL in pieces: memory stays flat whatever the shop's size. The last
file is `manifest.json`: the schema's version, how many rows each file has, and each file's SHA-256.
"""

import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal

import orjson
import psycopg
from flask import current_app
from psycopg import sql

from backend.errors import NotFound
from backend.platforms.events import time_text
from backend.spreadsheets import FORMULA_SIGNS
from backend.transfer.tables import SHOP_COLUMNS, TAKEN, Taken

FORMAT = 1
BLOCK = 256 * 1024
_NUMBERS = frozenset({"bigint", "integer", "smallint", "numeric", "boolean", "date", "timestamp with time zone"})

Progress = Callable[[int, int], None]
"""Told how many rows are out and how many there will be, about once a second of work."""


def stream(shop_id: int, now: datetime, progress: Progress = lambda done, total: None) -> Iterator[bytes]:
    """The zip in blocks, made while it is read. Raises NotFound before the first block."""
    with _snapshot() as connection:
        shop = connection.execute(
            sql.SQL("select {} from shop where id = %s").format(_names(SHOP_COLUMNS)), [shop_id]
        ).fetchone()
        if shop is None:
            raise NotFound()
        yield from _Writer(connection, shop_id, progress).all_of(_shop_document(shop_id, shop), now)


class _Writer:
    def __init__(self, connection: psycopg.Connection[Any], shop_id: int, progress: Progress) -> None:
        self._connection = connection
        self._shop_id = shop_id
        self._progress = progress
        self._out = _Pipe()
        self._zip = zipfile.ZipFile(self._out, "w", zipfile.ZIP_DEFLATED, compresslevel=3)
        self._files: list[dict[str, Any]] = []
        self._done = 0
        self._total = 0

    def all_of(self, shop: bytes, now: datetime) -> Iterator[bytes]:
        counts = {each.name: self._count(each) for each in TAKEN}
        self._total = sum(counts[each.name] * (2 if each.csv else 1) for each in TAKEN)
        self._progress(0, self._total)
        yield from self._file("data/shop.json", iter([shop]), None)
        for each in TAKEN:
            yield from self._file(f"data/{each.name}.jsonl", self._copy(each, "json"), each)
            if each.csv:
                yield from self._file(f"csv/{each.name}.csv", self._copy(each, "csv"), each)
        manifest = {
            "format": FORMAT,
            "what": "a Lagniappe shop",
            "schema_version": self._schema_version(),
            "made_at": time_text(now),
            "tables": counts,
            "files": self._files,
        }
        with self._zip.open(_info("manifest.json", now), "w") as out:
            out.write(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
        self._zip.close()
        self._progress(self._total, self._total)
        yield self._out.take()

    def _file(self, name: str, blocks: Iterator[bytes], table: Taken | None) -> Iterator[bytes]:
        digest, size, rows = sha256(), 0, 0
        with self._zip.open(name, "w", force_zip64=True) as out:
            for block in blocks:
                digest.update(block)
                size += len(block)
                found = block.count(b"\n")
                rows += found
                self._done += found
                out.write(block)
                if self._out.size >= BLOCK:
                    yield self._out.take()
                    self._progress(min(self._done, self._total), self._total)
        self._files.append({"name": name, "bytes": size, "sha256": digest.hexdigest()})
        yield self._out.take()

    def _count(self, table: Taken) -> int:
        found = self._connection.execute(
            sql.SQL("select count(*) from {} where shop_id = %s and ({})").format(
                sql.Identifier(table.name), sql.SQL(table.where)
            ),
            [self._shop_id],
        ).fetchone()
        assert found is not None
        return int(found[0])

    def _copy(self, table: Taken, form: Literal["json", "csv"]) -> Iterator[bytes]:
        columns = columns_of(self._connection, table.name)
        instead = dict(table.instead)
        shown = []
        for name, kind in columns.items():
            value: sql.Composable = sql.SQL(instead[name]) if name in instead else sql.Identifier(name)
            if form == "csv" and kind not in _NUMBERS:
                plain = sql.SQL("cast({} as text)").format(value)
                value = sql.SQL("case when left({0}, 1) = any ({1}) then '''' || {0} else {0} end").format(
                    plain, sql.Literal(list(FORMULA_SIGNS))
                )
            shown.append(sql.SQL("{} as {}").format(value, sql.Identifier(name)))
        chosen = sql.SQL("select {} from {} where shop_id = {} and ({}) order by {}").format(
            sql.SQL(", ").join(shown),
            sql.Identifier(table.name),
            sql.Literal(self._shop_id),
            sql.SQL(table.where),
            sql.SQL(", ").join(map(sql.Identifier, key_of(self._connection, table.name))),
        )
        if form == "csv":
            statement = sql.SQL("copy ({}) to stdout (format csv, header)").format(chosen)
        else:  # JSON holds no control characters: with these signs nothing is quoted, and each line is one document
            statement = sql.SQL(
                "copy (select row_to_json(row) from ({}) row) to stdout (format csv, delimiter E'\\x01', quote E'\\x02')"
            ).format(chosen)
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            gathered = bytearray()
            for block in copy:
                gathered += block
                if len(gathered) >= BLOCK:
                    yield bytes(gathered)
                    gathered.clear()
            yield bytes(gathered)

    def _schema_version(self) -> str:
        found = self._connection.execute("select version_num from alembic_version").fetchone()
        assert found is not None
        return str(found[0])


class _Pipe:
    """Where the zip is written: what has been taken is forgotten. It cannot be sought, so sizes stand behind the files."""

    def __init__(self) -> None:
        self._kept = bytearray()

    @property
    def size(self) -> int:
        return len(self._kept)

    def write(self, block: bytes, /) -> int:
        self._kept += block
        return len(block)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def take(self) -> bytes:
        taken = bytes(self._kept)
        self._kept.clear()
        return taken


def columns_of(connection: psycopg.Connection[Any], table: str) -> dict[str, str]:
    """The table's columns that can be written, but shop_id, with their types."""
    rows = connection.execute(
        "select column_name, data_type from information_schema.columns where table_schema = current_schema()"
        " and table_name = %s and is_generated = 'NEVER' and column_name <> 'shop_id' order by ordinal_position",
        [table],
    )
    return dict(rows.fetchall())


def key_of(connection: psycopg.Connection[Any], table: str) -> list[str]:
    """The columns of its primary key, in order."""
    rows = connection.execute(
        "select a.attname from pg_index i join lateral unnest(i.indkey) with ordinality as k (number, place) on true"
        " join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number"
        " where i.indrelid = cast(%s as regclass) and i.indisprimary order by k.place",
        [table],
    )
    return [row[0] for row in rows]


def connect() -> psycopg.Connection[Any]:
    """A connection for what takes long: without the limits of a request."""
    return psycopg.connect(
        current_app.config["LAGNIAPPE_DATABASE_URL"],
        options="-c timezone=UTC -c statement_timeout=0 -c idle_in_transaction_session_timeout=15min",
        connect_timeout=2,
    )


@contextmanager
def _snapshot() -> Iterator[psycopg.Connection[Any]]:
    with connect() as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        yield connection


def _names(names: tuple[str, ...]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _info(name: str, at: datetime) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, at.timetuple()[:6])
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _shop_document(shop_id: int, row: tuple[Any, ...]) -> bytes:
    known = dict(zip(SHOP_COLUMNS, row, strict=True))
    return orjson.dumps({"id": shop_id, **known}, option=orjson.OPT_INDENT_2) + b"\n"
