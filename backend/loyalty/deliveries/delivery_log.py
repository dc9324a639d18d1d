"""Reading what arrived: filters, pages, counters, and what became of one delivery. Quick with millions of them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text

from backend import strict_json
from backend.errors import BadInput
from backend.ledger.posting import AnySession
from backend.loyalty.shops.shops import ShopFacts
from backend.models import Delivery
from backend.platforms.base import NotForUs
from backend.platforms.events import (
    CustomerErased,
    CustomerSeen,
    CustomersMerged,
    OrderChanged,
    OrderRefunded,
    OrderSeen,
)
from backend.platforms.registry import platform

LOOKED_AT = 20_000
"""Deliveries that one page looks at for a filter without an index. `Page.older` then says where it stopped."""
MOST_COUNTED = 1000
LARGEST_ID = 2**63 - 1
_COLUMNS = "id, delivery_id, type, state, error, received_at, handled_at, tries, next_try_at"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to show. Times are of the business clock; `until` is not included."""

    state: str | None = None
    type: str | None = None
    delivery_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Newest first. `older`: show those with an id below it; None: there are none. `is_partial`: more may follow, since only
    so many were looked at."""

    rows: list[Any]
    older: int | None
    is_partial: bool = False


@dataclass(frozen=True, slots=True)
class Counters:
    """Each count at most `MOST_COUNTED`."""

    waiting: int
    oldest_waiting: datetime | None
    failed: int
    rejected: int


@dataclass(frozen=True, slots=True)
class Effect:
    """What a delivery touched. Entries are those that were written as it was handled."""

    orders: list[Any]
    refunds_of: list[str]
    """Platform's ids of orders that it told a refund of, and that have not arrived."""
    members: list[Any]
    entries: list[Any]


def page(session: AnySession, shop_id: int, wanted: Wanted, before: int | None, limit: int) -> Page:
    """A page of deliveries."""
    if wanted.delivery_id is not None:
        rows = session.execute(
            text(f"select {_COLUMNS} from delivery where shop_id = :shop and delivery_id = :wanted"),  # noqa: S608
            {"shop": shop_id, "wanted": wanted.delivery_id},
        ).all()
        return Page(list(rows), None)
    lowest = _first_id_since(session, shop_id, wanted.since) if wanted.since else 0
    top = before or LARGEST_ID
    if wanted.until:
        top = min(top, _first_id_since(session, shop_id, wanted.until))
    bounds: dict[str, Any] = {"shop": shop_id, "lowest": lowest, "top": top, "limit": limit + 1, "looked_at": LOOKED_AT}
    bounds |= {"state": wanted.state, "type": wanted.type}
    is_indexed = wanted.state in _INDEXED
    source = f"(select {_COLUMNS} from delivery where shop_id = :shop and id >= :lowest and id < :top"  # noqa: S608
    if is_indexed:
        source += f" and {_INDEXED[wanted.state or '']} order by id desc) looked"
    else:
        source += " order by id desc limit :looked_at) looked"
    rows = session.execute(
        text(f"select {_COLUMNS} from {source} where {_conditions(wanted)} order by id desc limit :limit"),  # noqa: S608
        bounds,
    ).all()
    if len(rows) > limit:
        return Page(list(rows[:limit]), rows[limit - 1].id)
    if is_indexed:
        return Page(list(rows), None)
    looked = session.execute(text(f"select min(id) as last, count(*) as many from {source}"), bounds).one()  # noqa: S608
    is_partial = looked.many == LOOKED_AT
    return Page(list(rows), looked.last if is_partial else None, is_partial)


_INDEXED = {
    "failed": "state = 'failed'",
    "rejected": "state = 'rejected'",
    "received": "state = 'received' and next_try_at is not null",
}
"""States that few deliveries are in, with a condition that an index answers."""


def _conditions(wanted: Wanted) -> str:
    conditions = ["true"]
    if wanted.state is not None:
        conditions.append("state = :state")
    if wanted.type is not None:
        conditions.append("type = :type")
    return " and ".join(conditions)


def _first_id_since(session: AnySession, shop_id: int, at: datetime) -> int:
    """The id of the first delivery that arrived at `at` or later: ids rise with time, so halving finds it."""

    def first_from(row_id: int) -> Any:
        return session.execute(
            text("select id, received_at from delivery where shop_id = :shop and id >= :id order by id limit 1"),
            {"shop": shop_id, "id": row_id},
        ).one_or_none()

    ends = session.execute(
        text(
            "select (select id from delivery where shop_id = :shop order by id limit 1) as first,"
            " (select id from delivery where shop_id = :shop order by id desc limit 1) as last"
        ),
        {"shop": shop_id},
    ).one()
    if ends.first is None:
        return 0
    return _halve(ends.first, ends.last + 1, first_from, at)


def _halve(low: int, high: int, first_from: Callable[[int], Any], at: datetime) -> int:
    while low < high:
        middle = (low + high) // 2
        found = first_from(middle)
        if found is not None and found.received_at < at:
            low = found.id + 1
        else:
            high = middle
    return low


def counters(session: AnySession, shop_id: int) -> Counters:
    """What waits and what failed."""

    def count(condition: str) -> int:
        counted: int = session.execute(
            text(
                f"select count(*) from (select 1 from delivery where shop_id = :shop and {condition} limit :most) counted"  # noqa: S608
            ),
            {"shop": shop_id, "most": MOST_COUNTED},
        ).scalar_one()
        return counted

    oldest = session.execute(
        text(
            "select min(received_at) from (select received_at from delivery where shop_id = :shop"
            " and state = 'received' and next_try_at is not null order by next_try_at limit :most) waiting"
        ),
        {"shop": shop_id, "most": MOST_COUNTED},
    ).scalar()
    return Counters(count(_INDEXED["received"]), oldest, count(_INDEXED["failed"]), count(_INDEXED["rejected"]))


def effect(session: AnySession, shop: ShopFacts, delivery: Delivery) -> Effect | None:
    """What became of a delivery. None if what it said is gone, or cannot be read."""
    if delivery.body is None:
        return None
    try:
        document = strict_json.parse(delivery.body.encode())
        events = platform(shop.platform).interpret(delivery.type or "", document, delivery.received_at)
    except (BadInput, NotForUs):
        return None
    order_ids, refunded, customer_ids = set(), set(), set()
    for event in events:
        match event:
            case OrderSeen(order=order):
                order_ids.add(order.external_id)
                if order.customer is not None and order.customer.external_id is not None:
                    customer_ids.add(order.customer.external_id)
            case OrderRefunded():
                order_ids.add(event.order_id)
                refunded.add(event.order_id)
            case CustomerSeen(customer=customer):
                customer_ids.add(customer.external_id or "")
            case CustomerErased():
                customer_ids.add(event.external_id)
            case CustomersMerged():
                customer_ids |= {event.kept_id, event.gone_id}
            case OrderChanged():
                order_ids.add(event.order_id)
    orders = session.execute(
        text(
            "select id, external_id, number, member_id from orders"
            " where shop_id = :shop and external_id = any(cast(:ids as text[])) order by id"
        ),
        {"shop": shop.id, "ids": sorted(order_ids)},
    ).all()
    members = session.execute(
        text(
            "select id, external_id, status from member where shop_id = :shop"
            " and (external_id = any(cast(:ids as text[])) or id = any(cast(:owners as bigint[]))) order by id"
        ),
        {
            "shop": shop.id,
            "ids": sorted(customer_ids),
            "owners": sorted({each.member_id for each in orders if each.member_id is not None}),
        },
    ).all()
    known = {each.external_id for each in orders}
    return Effect(list(orders), sorted(refunded - known), list(members), _entries(session, delivery, orders, members))


def _entries(session: AnySession, delivery: Delivery, orders: Any, members: Any) -> list[Any]:
    """Entries carry the moment of the batch that wrote them, which is also when the delivery was handled."""
    if delivery.handled_at is None:
        return []
    return list(
        session.execute(
            text(
                "select id, kind, points, from_bucket, to_bucket, reason, member_id, at from entry where shop_id = :shop"
                " and at = :at and id in ("
                " select id from entry where shop_id = :shop and order_id = any(cast(:orders as bigint[])) union"
                " (select id from entry where shop_id = :shop and member_id = any(cast(:members as bigint[]))"
                "  and order_id is null order by id desc limit 1000)) order by id limit 100"
            ),
            {
                "shop": delivery.shop_id,
                "at": delivery.handled_at,
                "orders": [each.id for each in orders],
                "members": [each.id for each in members],
            },
        ).all()
    )
