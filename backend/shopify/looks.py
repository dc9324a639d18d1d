"""Orders that are to be asked for whole, one by one: `order_look` rows.

They come from webhooks that say that an order changed and not what it is now, and from comparing (orders.py). Such a row
is claimed, the order is asked for outside of any transaction, and goes into the inbox as if Shopify had sent it; the row
goes in the same transaction. So whichever moment a process dies at, the order is asked for again, and nothing doubles: a
delivery has its name from the order and its moment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert

from backend import queue, strict_json
from backend.errors import BadInput
from backend.ledger.posting import AnySession
from backend.loyalty.deliveries import deliveries
from backend.models import Delivery
from backend.platforms.base import NotForUs
from backend.platforms.registry import platform
from backend.platforms.shopify import api_orders

JOB = "outbox.look_at_orders"
BATCH = 20
LEASE = timedelta(minutes=2)
FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=3)
_LONGEST_ERROR = 500

_CLAIM = text(
    """
    with due as (
        select shop_id, external_id from order_look where next_try_at <= :wall
        order by next_try_at limit :batch for update skip locked
    )
    update order_look k set tries = tries + 1, next_try_at = :lease
    from due where k.shop_id = due.shop_id and k.external_id = due.external_id
    returning k.shop_id, k.external_id, k.asked_at, k.untold, k.tries,
        (select s.state = 'installed' from shopify_shop s where s.shop_id = k.shop_id) as is_installed
    """
)
_DROP = text("delete from order_look where shop_id = :shop and external_id = :order and asked_at = :asked_at")
_LATER = text(
    """
    update order_look set next_try_at = :next_at, tries = tries - :untried, error = coalesce(:error, error)
    where shop_id = :shop and external_id = :order and asked_at = :asked_at
    """
)


@dataclass(frozen=True)
class Look:
    """An order to be asked for. `untold`: no webhook had told of it. `tries` counts this one."""

    shop_id: int
    external_id: str
    asked_at: datetime
    untold: bool
    tries: int


def claim(session: AnySession, wall: datetime, batch: int = BATCH) -> list[Look]:
    """Take those whose time has come for as long as the lease lasts, shop by shop.

    Those of a shop without the app go: nobody may ask for it, and once it is back what changed is found by comparing.
    """
    looks = []
    for row in session.execute(_CLAIM, {"wall": wall, "lease": wall + LEASE, "batch": batch}).all():
        look = Look(row.shop_id, row.external_id, row.asked_at, row.untold, row.tries)
        if row.is_installed:
            looks.append(look)
        else:
            drop(session, look)
    return sorted(looks, key=lambda look: (look.shop_id, look.asked_at))


def take(session: AnySession, look: Look, node: Mapping[str, Any], now: datetime, wall: datetime) -> None:
    """The order came: into the inbox with it, unless it is there already as it is now. Look no more."""
    store(session, look.shop_id, node, why="reconcile" if look.untold else "look", now=now, wall=wall)
    drop(session, look)


def drop(session: AnySession, look: Look) -> None:
    """Look no more, unless it was asked for anew meanwhile."""
    session.execute(_DROP, _of(look))


def put_back(session: AnySession, looks: Sequence[Look], at: datetime) -> None:
    """They were not asked for; from `at` on they may be."""
    for look in looks:
        session.execute(_LATER, _of(look) | {"next_at": at, "untried": 1, "error": None})


def again(session: AnySession, look: Look, reason: str, wall: datetime, pause: timedelta | None) -> None:
    """It failed: again after a second, then two … to an hour, and no sooner than `pause`; after three days no more."""
    next_at: datetime | None = None
    if wall - look.asked_at < GIVE_UP_AFTER:
        backed_off = min(FIRST_PAUSE * 2 ** min(look.tries - 1, 20), LONGEST_PAUSE)
        next_at = wall + max(backed_off, pause or timedelta())
    session.execute(_LATER, _of(look) | {"next_at": next_at, "untried": 0, "error": reason[:_LONGEST_ERROR]})


def store(
    session: AnySession, shop_id: int, node: Mapping[str, Any], *, why: str, now: datetime, wall: datetime
) -> bool:
    """Put an order that we asked for into the inbox. False: it is there, as it is now."""
    order = api_orders.as_webhook(node)
    body = strict_json.dumps(order).decode()
    name = api_orders.delivery_id(why, str(order["id"]), datetime.fromisoformat(order["updated_at"]))
    former = session.execute(
        text("select body from delivery where shop_id = :shop and delivery_id = :name"), {"shop": shop_id, "name": name}
    ).one_or_none()
    if former is not None:
        if former.body == body:
            return False
        # A parcel may move without the order's own time: also long after what was stored then was cleared away.
        name = f"{name}:{api_orders.digest(body)}"
    state, error = _judge(body)
    stored = session.execute(
        insert(Delivery)
        .values(
            shop_id=shop_id,
            delivery_id=name,
            type=api_orders.TOPIC,
            state=state,
            error=error,
            body=body,
            received_at=now,
            tries=0,
            next_try_at=wall if state == "received" else None,
        )
        .on_conflict_do_nothing()
    )
    queue.enqueue_after_commit(deliveries.DRAIN)
    return bool(stored.rowcount)  # type: ignore[attr-defined]


def _judge(body: str) -> tuple[str, str | None]:
    """As the door for webhooks judges."""
    try:
        platform("shopify").check(api_orders.TOPIC, strict_json.parse(body.encode()))
    except NotForUs as ignored:
        return "ignored", ignored.reason
    except BadInput as refusal:
        return "rejected", refusal.detail
    return "received", None


def _of(look: Look) -> dict[str, Any]:
    return {"shop": look.shop_id, "order": look.external_id, "asked_at": look.asked_at}
