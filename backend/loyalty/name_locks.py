"""Advisory locks for names: what they stand for may not exist yet."""

from hashlib import blake2b

from sqlalchemy import text

from backend.ledger.posting import AnySession


def key(shop_id: int, kind: str, name: str) -> int:
    """PostgreSQL's number for the name."""
    return int.from_bytes(blake2b(f"{shop_id}|{kind}|{name}".encode(), digest_size=8).digest(), signed=True)


def hold(session: AnySession, shop_id: int, kind: str, name: str) -> None:
    """Have the name alone until the transaction ends. Before anything else is locked."""
    session.execute(text("select pg_advisory_xact_lock(:key)"), {"key": key(shop_id, kind, name)})


def try_hold(session: AnySession, shop_id: int, kind: str, name: str) -> bool:
    """`hold` without waiting: False if somebody has it."""
    tried = session.execute(text("select pg_try_advisory_xact_lock(:key)"), {"key": key(shop_id, kind, name)})
    return bool(tried.scalar_one())
