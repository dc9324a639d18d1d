"""A shop's zip back in, into a new and empty shop: every row as it was, to the point.

One transaction: it is all there or nothing is. Ids stay what they were (they are unique within a shop), so that every
reference and every key of the ledger still means the same; the sequences are moved behind them. Secrets are new.
"""

import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import IO, Any

import orjson
import psycopg
from flask import current_app
from psycopg import sql

from backend.config import Config
from backend.errors import BadInput, Conflict
from backend.loyalty.referrals import referral_codes
from backend.loyalty.rewards import images
from backend.transfer import archive
from backend.transfer.tables import REPLACED, TAKEN

BATCH_BYTES = 2 * 1024 * 1024
LARGEST_ID = 10**15
"""A file cannot use up the sequences of everybody."""
LONGEST_LINE = 32 * 1024 * 1024
_EMPTY = ("member", "orders", "entry", "reward", "campaign", "coupon", "redemption", "segment", "image")


@dataclass(frozen=True)
class Described:
    """What the zip says of itself."""

    shop: dict[str, Any]
    schema_version: str
    tables: dict[str, int]
    digests: dict[str, str]

    @property
    def rows(self) -> int:
        return sum(self.tables.values())


def describe(file: IO[bytes]) -> Described:
    """Read the manifest. Raises BadInput for anything that is not an exported shop."""
    try:
        with zipfile.ZipFile(file) as opened:
            manifest = _small(opened, "manifest.json")
            if manifest.get("format") != archive.FORMAT:
                raise BadInput("The file was written by another version of Lagniappe, in another format.")
            return Described(
                shop=_small(opened, "data/shop.json"),
                schema_version=str(manifest["schema_version"]),
                tables={str(name): int(count) for name, count in manifest["tables"].items()},
                digests={str(each["name"]): str(each["sha256"]) for each in manifest["files"]},
            )
    except BadInput:
        raise
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError, NotImplementedError, OSError):
        raise BadInput("The file is not a zip that a shop was exported to.") from None


def _small(opened: zipfile.ZipFile, name: str) -> dict[str, Any]:
    with opened.open(name) as found:
        document = orjson.loads(found.read(1_000_000))
    if not isinstance(document, dict):
        raise ValueError(name)
    return document


def restore(
    connection: psycopg.Connection[Any],
    shop_id: int,
    file: IO[bytes],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, int]:
    """Put everything into the shop, which must be empty; rows by table. The caller commits.

    Raises BadInput for a file that is damaged or of another version, Conflict `not_empty`.
    """
    described = describe(file)
    found = connection.execute("select version_num from alembic_version").fetchone()
    if found is None or described.schema_version != found[0]:
        raise BadInput(
            f"The file was written by schema {described.schema_version[:20]}, and here is {found and found[0]}:"
            " bring both sides to the same version first."
        )
    connection.execute("select 1 from shop where id = %s for update", [shop_id])
    require_empty(connection, shop_id)
    for name in reversed(REPLACED):
        connection.execute(sql.SQL("delete from {} where shop_id = %s").format(sql.Identifier(name)), [shop_id])
    shop = described.shop
    counts: dict[str, int] = {}
    try:
        take_over_settings(connection, shop_id, described)
        with zipfile.ZipFile(file) as opened:
            for table in TAKEN:
                counts[table.name] = 0
                for lines in _batches(opened, f"data/{table.name}.jsonl", described.digests):
                    counts[table.name] += _insert(connection, shop_id, table.name, lines)
                    progress(sum(counts.values()), described.rows)
                if counts[table.name] != described.tables.get(table.name):
                    raise BadInput(f"{table.name} has {counts[table.name]} rows, and the manifest says otherwise.")
                _move_sequence(connection, shop_id, table.name)
        _readdress_pictures(connection, shop_id)
        connection.execute(
            "insert into former_shop (shop_id, former_id) values (%s, %s) on conflict do nothing",
            [shop_id, int(shop["id"])],
        )
    except (psycopg.errors.DataError, psycopg.errors.IntegrityError) as error:
        detail = str(error).splitlines()[0][:200]
        raise BadInput(f"The file's rows do not go together: {detail}.") from None
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, EOFError) as error:
        raise BadInput(f"The file is damaged: {str(error)[:200]}.") from None
    return counts


def take_over_settings(connection: psycopg.Connection[Any], shop_id: int, described: Described) -> None:
    """The shop's currency, zone and language become the file's, and where its store takes codes, unless that is said
    already. Raises Conflict `not_empty`.

    Another zone holds up everybody's ledger until its transaction ends (0013), so a long restoring does this before.
    """
    require_empty(connection, shop_id)
    said = [str(described.shop[name]) for name in ("currency", "timezone", "locale")]
    connection.execute(
        "update shop set currency = %s, timezone = %s, locale = %s where id = %s"
        " and (currency, timezone, locale) is distinct from (%s, %s, %s)",
        [*said, shop_id, *said],
    )
    # without it the shop would hand out codes that its store has never heard of
    connection.execute(
        "update shop set discounts_url = %s where id = %s and discounts_url is null",
        [described.shop.get("discounts_url"), shop_id],
    )


def require_empty(connection: psycopg.Connection[Any], shop_id: int) -> None:
    """Raises Conflict `not_empty` for a shop that something has happened in."""
    for name in _EMPTY:
        query = sql.SQL("select 1 from {} where shop_id = %s limit 1").format(sql.Identifier(name))
        if connection.execute(query, [shop_id]).fetchone() is not None:
            raise Conflict(
                "A shop can only be brought into a new one, and this one has members, orders or rewards already.",
                code="not_empty",
            )


def _batches(opened: zipfile.ZipFile, name: str, digests: dict[str, str]) -> Iterator[list[bytes]]:
    """The file's lines, as many at once as fit. Raises BadInput if it is not what the manifest says."""
    digest, kept, size = sha256(), [], 0
    with opened.open(name) as source:
        while line := source.readline(LONGEST_LINE):
            if not line.endswith(b"\n"):
                raise BadInput(f"{name} is cut off, or a row of it is too long.")
            digest.update(line)
            kept.append(line)
            size += len(line)
            if size >= BATCH_BYTES:
                yield kept
                kept, size = [], 0
    if digest.hexdigest() != digests.get(name):
        raise BadInput(f"{name} is not what the manifest says: the file was changed or is damaged.")
    if kept:
        yield kept


def _insert(connection: psycopg.Connection[Any], shop_id: int, table: str, lines: list[bytes]) -> int:
    columns = list(archive.columns_of(connection, table))
    document = b"[" + b",".join(lines) + b"]"
    if table == "member":
        document = _with_free_codes(connection, document)
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    done = connection.execute(
        sql.SQL(
            "insert into {table} (shop_id, {names}) select %s, {names} from json_populate_recordset(null::{table}, %s::json)"
        ).format(table=sql.Identifier(table), names=names),
        [shop_id, document.decode()],
    )
    return done.rowcount


def _with_free_codes(connection: psycopg.Connection[Any], document: bytes) -> bytes:
    """A friend's link leads to one shop of this server: where the code is taken (by the shop that this one was), another."""
    members = json.loads(document)
    codes = [each["referral_code"] for each in members if each.get("referral_code")]
    taken = {
        row[0] for row in connection.execute("select referral_code from member where referral_code = any(%s)", [codes])
    }
    if not taken:
        return document
    for each in members:
        if each.get("referral_code") in taken:
            each["referral_code"] = referral_codes.new_code()
    return json.dumps(members).encode()


def _readdress_pictures(connection: psycopg.Connection[Any], shop_id: int) -> None:
    """Rewards name pictures that we keep by the address of the shop that this one was: they are here now."""
    config: Config = current_app.config["LAGNIAPPE"]
    connection.execute(
        "update reward r set details = cast(regexp_replace(cast(r.details as text), %(theirs)s, %(ours)s, 'g') as jsonb)"
        " where r.shop_id = %(shop)s and cast(r.details as text) ~ %(theirs)s",
        {
            "shop": shop_id,
            "theirs": r'https?://[^"\\\s]+?' + images.path("[A-Za-z0-9_-]+", "([0-9a-f]+)"),
            "ours": config.base_url + images.path(_key_of(connection, shop_id), r"\1"),
        },
    )


def _key_of(connection: psycopg.Connection[Any], shop_id: int) -> str:
    found = connection.execute("select widget_key from shop where id = %s", [shop_id]).fetchone()
    assert found is not None
    return str(found[0])


def _move_sequence(connection: psycopg.Connection[Any], shop_id: int, table: str) -> None:
    for column in ("id", "number"):
        known = archive.columns_of(connection, table)
        if known.get(column) != "bigint":
            continue
        named = connection.execute("select pg_get_serial_sequence(%s, %s)", [table, column]).fetchone()
        if named is None or named[0] is None:
            continue
        most = connection.execute(
            sql.SQL("select max({}) from {} where shop_id = %s").format(sql.Identifier(column), sql.Identifier(table)),
            [shop_id],
        ).fetchone()
        if most is None or most[0] is None:
            continue
        if most[0] > LARGEST_ID:
            raise BadInput(f"{table} has ids that are larger than any that Lagniappe gives.")
        connection.execute(
            "select setval(cast(%(name)s as regclass), %(most)s) where"
            " coalesce((select last_value from pg_sequences where format('%%I.%%I', schemaname, sequencename)::regclass"
            " = cast(%(name)s as regclass)), 0) < %(most)s",
            {"name": named[0], "most": most[0]},
        )
