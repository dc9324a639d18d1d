"""Orders that are to be asked for: a delivery said that they changed, and not what they are now."""

from datetime import datetime

from sqlalchemy import text

from backend.ledger.posting import AnySession
from backend.queue import enqueue_after_commit

LOOK = "outbox.look_at_orders"


def ask_for(session: AnySession, shop_id: int, order_id: str, wall: datetime) -> None:
    """Have the platform asked for this order soon. One question answers all deliveries that came before it."""
    session.execute(
        text(
            "insert into order_look (shop_id, external_id, asked_at, tries, next_try_at)"
            " values (:shop, :order, :wall, 0, :wall) on conflict (shop_id, external_id) do update set"
            " asked_at = greatest(order_look.asked_at, excluded.asked_at), tries = 0, error = null,"
            " next_try_at = excluded.next_try_at"
        ),
        {"shop": shop_id, "order": order_id, "wall": wall},
    )
    enqueue_after_commit(LOOK)
