"""Comparing the orders that changed at Shopify with those that we know (reliability 2.6).

Webhooks get lost. So every quarter of an hour the orders that have changed since are listed, a page at a time, and those
that are news to us are noted as `order_look`s: from there on they go the way of any order of which we know only that it
changed (looks.py). A page is noted together with where the reading goes on, so that it may end anywhere, at any
moment, and nothing is left out.

Times are compared by Shopify's own (`updatedAt`), which an overlap covers against what its index is behind and the two
clocks apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert

from backend import queue
from backend.ledger.posting import AnySession
from backend.models import OrderLook, ShopifyShop
from backend.platforms.events import time_text
from backend.platforms.shopify import api_orders
from backend.shopify import looks

JOB = "upkeep.reconcile"
EVERY = timedelta(minutes=15)
OVERLAP = timedelta(hours=2)
DAILY_OVERLAP = timedelta(days=3)
REACH = timedelta(days=60)
"""Older orders are not shown to an app with the scope `read_orders`."""
LEASE = timedelta(minutes=5)
"""How long a reading may take until it is begun again; it pauses long before."""
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
TOLD_WITHIN = timedelta(minutes=10)
"""A webhook that has not come by then has not been sent, or was lost."""
UNTOLD_KEPT = timedelta(days=3)
"""How long it is worth a word that webhooks were missing, after the last that was."""
_LONGEST_ERROR = 500

_CLAIM = select(ShopifyShop).with_for_update(skip_locked=True)
_KNOWN = text(
    """
    select external_id, known #>> '{states,0,order,updated_at}' as updated_at,
        known #>> '{states,0,order,payment_status}' as payment_status, known -> 'first_shown' ? 'cancelled' as cancelled
    from orders where shop_id = :shop and external_id = any(cast(:ids as text[]))
    """
)
_STORED = text("select delivery_id from delivery where shop_id = :shop and delivery_id = any(cast(:ids as text[]))")
# While deliveries wait to be handled, what they tell is not known here either.
_UNTOLD = text(
    """
    update shopify_shop
    set untold_orders = case when untold_last > :forgotten then untold_orders else 0 end + :count,
        untold_since = case when untold_last > :forgotten then untold_since else :wall end, untold_last = :wall
    where shop_id = :shop and not exists (
        select 1 from delivery d where d.shop_id = :shop and d.state = 'received' and d.next_try_at <= :wall)
    """
)
_FINISHED = text(
    """
    update shopify_shop
    set orders_until = :until, orders_from = null, orders_tries = 0, orders_error = null,
        orders_next_at = case when orders_next_at = :lease then :next_at else orders_next_at end
    where shop_id = :shop and state = 'installed'
    """
)
_WAIT_NO_LONGER = text(
    """
    update order_look
    set asked_at = case when next_try_at is null then :wall else asked_at end,
        tries = case when next_try_at is null then 0 else tries end, next_try_at = :wall
    where shop_id = :shop and (next_try_at is null or next_try_at > :wall)
    """
)
_GO_ON_LATER = text(
    """
    update shopify_shop
    set orders_next_at = case when state = 'installed' then cast(:next_at as timestamptz) end, orders_error = :error,
        orders_tries = orders_tries + :failed
    where shop_id = :shop and orders_next_at = :lease
    """
)


@dataclass(frozen=True)
class Reading:
    """A shop whose changed orders are being read. `lease` is the moment at which another one may begin with it."""

    shop_id: int
    installed_at: datetime
    since: datetime
    lease: datetime
    tries: int


def begin(session: AnySession, wall: datetime) -> Reading | None:
    """Take the shop whose time has come longest ago. None: there is none. Shops without the app are asked no more."""
    due = _CLAIM.where(ShopifyShop.orders_next_at <= wall).order_by(ShopifyShop.orders_next_at).limit(1)
    shop = session.execute(due).scalar_one_or_none()
    if shop is None:
        return None
    shop.orders_next_at = None
    if shop.state != "installed":
        return begin(session, wall)
    assert shop.installed_at is not None
    if shop.orders_from is None:
        shop.orders_from = begins_at(shop.shop_id, shop.installed_at, shop.orders_until, wall)
    shop.orders_next_at = wall + LEASE
    return Reading(shop.shop_id, shop.installed_at, shop.orders_from, shop.orders_next_at, shop.orders_tries)


def begins_at(shop_id: int, installed_at: datetime, until: datetime | None, wall: datetime) -> datetime:
    """From which change on orders are read. Pure.

    `until`: everything changed before that was read. Two hours before it, once a day three days; of what changed before
    the app was there nothing, unless it was there before and is back: then from where it stopped.
    """
    if until is None:
        return installed_at
    since = until - (OVERLAP if _day(shop_id, until) == _day(shop_id, wall) else DAILY_OVERLAP)
    if until >= installed_at:
        since = max(since, installed_at)
    return max(since, wall - REACH)


def next_at(shop_id: int, wall: datetime) -> datetime:
    """The shop's next quarter of an hour: each shop has its own moments, so that not all are asked at once. Pure."""
    every = int(EVERY.total_seconds())
    offset = _spread(shop_id) % every
    slot = (int(wall.timestamp()) - offset) // every + 1
    return datetime.fromtimestamp(slot * every + offset, UTC)


def wanted(since: datetime) -> str:
    """The orders that changed since, in Shopify's words for a search."""
    return f"updated_at:>='{time_text(since.replace(microsecond=0))}'"


def take_page(session: AnySession, reading: Reading, nodes: Sequence[Mapping[str, Any]], wall: datetime) -> int:
    """Note those of a page of changed orders that are news, and that the reading has come so far. How many are news."""
    changes = [api_orders.change(node) for node in nodes]
    news = _news(session, reading.shop_id, [each for each in changes if not each.is_test])
    untold = {each.external_id for each in news if reading.installed_at < each.updated_at <= wall - TOLD_WITHIN}
    noted = 0
    for each in news:
        look = insert(OrderLook).values(
            shop_id=reading.shop_id,
            external_id=each.external_id,
            asked_at=wall,
            next_try_at=wall,
            untold=each.external_id in untold,
        )
        anew = {"asked_at": wall, "next_try_at": wall, "tries": 0}
        done = session.execute(
            look.on_conflict_do_update(
                index_elements=("shop_id", "external_id"), set_=anew, where=OrderLook.next_try_at.is_(None)
            ).returning(OrderLook.external_id)
        )
        if done.one_or_none() is not None and each.external_id in untold:
            noted += 1  # one that waits already was counted
    if noted:
        session.execute(
            _UNTOLD, {"shop": reading.shop_id, "count": noted, "wall": wall, "forgotten": wall - UNTOLD_KEPT}
        )
    if changes:
        session.execute(
            text("update shopify_shop set orders_from = :from where shop_id = :shop and orders_from is not null"),
            {"shop": reading.shop_id, "from": changes[-1].updated_at},
        )
    if news:
        queue.enqueue_after_commit(looks.JOB)
    return len(news)


def finish(session: AnySession, reading: Reading, until: datetime, wall: datetime) -> None:
    """Every order that had changed before `until` has been read. If somebody has asked meanwhile, it begins anew.

    After failures, single orders that wait for Shopify need wait no longer either, and those given up meanwhile are asked
    for again: Shopify may have let nobody in for longer than an order is tried.
    """
    if reading.tries:
        session.execute(_WAIT_NO_LONGER, {"shop": reading.shop_id, "wall": wall})
        queue.enqueue_after_commit(looks.JOB)
    session.execute(
        _FINISHED,
        {"shop": reading.shop_id, "until": until, "lease": reading.lease, "next_at": next_at(reading.shop_id, wall)},
    )


def pause(session: AnySession, reading: Reading, until: datetime) -> None:
    """It goes on from where it is, after the other shops that are due by then."""
    session.execute(
        _GO_ON_LATER,
        {"shop": reading.shop_id, "lease": reading.lease, "next_at": until, "error": None, "failed": 0},
    )


def fail(
    session: AnySession, reading: Reading, reason: str, wall: datetime, *, pause_seconds: float | None, for_good: bool
) -> None:
    """It could not go on: again after a minute, then two … to an hour, and no sooner than Shopify asks for.

    `for_good`: no repetition helps as things are, so an hour is soon enough.
    """
    backed_off = min(FIRST_PAUSE * 2 ** min(reading.tries, 10), LONGEST_PAUSE)
    pause_ = LONGEST_PAUSE if for_good else max(backed_off, timedelta(seconds=pause_seconds or 0))
    session.execute(
        _GO_ON_LATER,
        {
            "shop": reading.shop_id,
            "lease": reading.lease,
            "next_at": wall + pause_,
            "error": reason[:_LONGEST_ERROR],
            "failed": 1,
        },
    )


def ask_now(session: AnySession, shop_id: int, wall: datetime) -> bool:
    """Have the shop's changed orders read now, and what was given up tried again. False: the shop has no app."""
    asked = session.execute(
        text(
            "update shopify_shop set orders_next_at = :wall, orders_tries = 0"
            " where shop_id = :shop and state = 'installed' returning 1"
        ),
        {"shop": shop_id, "wall": wall},
    ).one_or_none()
    if asked is None:
        return False
    session.execute(
        text("update order_look set next_try_at = :wall, asked_at = :wall, tries = 0 where shop_id = :shop"),
        {"shop": shop_id, "wall": wall},
    )
    queue.enqueue_after_commit(JOB)
    queue.enqueue_after_commit(looks.JOB)
    return True


def _news(session: AnySession, shop_id: int, changes: Sequence[api_orders.Change]) -> list[api_orders.Change]:
    """Those that are not here as they are there, and have not been asked for as they are there either."""
    known = {
        row.external_id: row
        for row in session.execute(_KNOWN, {"shop": shop_id, "ids": [each.external_id for each in changes]})
    }
    news = [each for each in changes if not _is_known(known.get(each.external_id), each)]
    names = {api_orders.delivery_id("reconcile", each.external_id, each.updated_at): each for each in news}
    stored = session.execute(_STORED, {"shop": shop_id, "ids": list(names)}).scalars().all()
    return [each for name, each in names.items() if name not in stored]


def _is_known(row: Any, change: api_orders.Change) -> bool:
    """By its time; within one second more than one thing may change, so what counts most is compared as well."""
    if row is None or row.updated_at is None or datetime.fromisoformat(row.updated_at) < change.updated_at:
        return False
    if datetime.fromisoformat(row.updated_at) > change.updated_at:
        return True
    return bool(row.payment_status == change.payment_status and row.cancelled == change.is_cancelled)


def _day(shop_id: int, at: datetime) -> int:
    """The day of the shop's own count that a moment lies in: their long readings do not all fall together."""
    return (int(at.timestamp()) + _spread(shop_id)) // 86_400


def _spread(shop_id: int) -> int:
    """Seconds, as different as may be for shops made one after the other."""
    return shop_id * 40_503 % 86_400
