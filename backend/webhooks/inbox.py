"""The inbox: a verified delivery becomes a row, exactly once, before it is acknowledged."""

from dataclasses import dataclass
from datetime import datetime

from backend.hot_statement import HotStatement

STORE = """
    insert into delivery (shop_id, delivery_id, type, state, error, body, received_at, next_try_at)
    values (%(shop)s, %(delivery)s, %(type)s, %(state)s, %(error)s, %(body)s, %(now)s, %(next_try_at)s)
    on conflict (shop_id, delivery_id) do nothing
    returning id
"""
_store = HotStatement(STORE)
_known = HotStatement("select state, error from delivery where shop_id = %(shop)s and delivery_id = %(delivery)s")


@dataclass(frozen=True, slots=True)
class Known:
    """What became of an earlier delivery with the same id."""

    state: str
    error: str | None


def store(
    shop_id: int,
    delivery_id: str,
    raw: bytes,
    *,
    topic: str | None,
    state: str,
    error: str | None = None,
    now: datetime,
    wall: datetime,
) -> Known | None:
    """Store and commit a delivery in one statement. None: it is new; otherwise what is known of it already.

    `received` ones wait for the drain; `ignored` and `rejected` ones are kept for the merchant to see.
    """
    row = _store.first_row(
        {
            "shop": shop_id,
            "delivery": delivery_id,
            "type": topic,
            "state": state,
            "error": error,
            "body": _text(raw),
            "now": now,
            "next_try_at": wall if state == "received" else None,
        }
    )
    if row is not None:
        return None
    known = _known.first_row({"shop": shop_id, "delivery": delivery_id})
    assert known is not None, "a delivery is never deleted"
    return Known(known[0] or "", known[1])


def _text(raw: bytes) -> str:
    """The body as PostgreSQL can keep it. What is valid is kept as it is; only a rejected body can hold other bytes."""
    return raw.decode("utf-8", errors="replace").replace("\x00", "�")
