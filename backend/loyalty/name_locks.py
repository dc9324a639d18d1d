"""Advisory locks for names: what they stand for may not exist yet."""

from collections.abc import Iterable
from hashlib import blake2b

from sqlalchemy import text

from backend.ledger.posting import AnySession

WHOLE_SHOP = ("shop", "")
"""The name that is shared by whatever touches a part of a shop, and held alone by what touches all of it."""


def key(shop_id: int, kind: str, name: str) -> int:
    """PostgreSQL's number for the name."""
    return int.from_bytes(blake2b(f"{shop_id}|{kind}|{name}".encode(), digest_size=8).digest(), signed=True)


def hold(session: AnySession, shop_id: int, kind: str, name: str) -> None:
    """Have the name alone until the transaction ends. Before anything else is locked."""
    session.execute(text("select pg_advisory_xact_lock(:key)"), {"key": key(shop_id, kind, name)})


def hold_all(session: AnySession, alone: Iterable[int], shared: Iterable[int]) -> None:
    """Have the names of these keys until the transaction ends: alone, or together with others who share them. In the order
    of the keys, so that two who want the same never wait for each other in a ring."""
    keys = dict.fromkeys(shared, False) | dict.fromkeys(alone, True)
    session.execute(
        text(
            "select case when alone then pg_advisory_xact_lock(key) else pg_advisory_xact_lock_shared(key) end"
            " from unnest(cast(:keys as bigint[]), cast(:alone as boolean[])) as t (key, alone)"
        ),
        {"keys": sorted(keys), "alone": [keys[key] for key in sorted(keys)]},
    )


def try_hold(session: AnySession, shop_id: int, kind: str, name: str) -> bool:
    """`hold` without waiting: False if somebody has it."""
    tried = session.execute(text("select pg_try_advisory_xact_lock(:key)"), {"key": key(shop_id, kind, name)})
    return bool(tried.scalar_one())
