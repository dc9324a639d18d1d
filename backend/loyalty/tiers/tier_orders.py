"""What an order counts towards a level: its money and itself, on the local day on which it was received.

It counts while it stands: received, as the program frozen on it says; not cancelled, returned, voided or refunded whole.
What it counted last is kept beside it, so that the end is the same whatever the order of arrival.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import select, text

from backend.ledger import posting
from backend.ledger.posting import AnySession
from backend.loyalty.calendar_rules import local_day
from backend.loyalty.orders import awards
from backend.loyalty.program import programs
from backend.loyalty.shops.shops import ShopFacts
from backend.loyalty.tiers import tier_due
from backend.models import Order
from backend.platforms.events import Line, OrderState, RefundState
from backend.platforms.known_orders import KnownOrder, known_from_document
from backend.queue import enqueue_after_commit

_GONE = frozenset({"voided", "refunded"})


@dataclass(frozen=True, slots=True)
class Count:
    """What one order brings to one day of one member. `expired_points` were taken back by expiring unspent."""

    member_id: int
    day: date
    spend: Decimal = Decimal(0)
    orders: int = 0
    expired_points: int = 0


def count(session: AnySession, shop: ShopFacts, row: Order, known: KnownOrder, now: datetime) -> None:
    """Bring the days to what the order counts now, if its shop has tiers. The caller holds the order."""
    has_tiers, old = _counted(session, row)
    if not has_tiers:
        return
    new = _of(session, shop, row, known)
    if new == old:
        return
    posting.lock_accounts(session, shop.id, [each.member_id for each in (old, new) if each is not None])
    old = _counted(session, row)[1]
    if new == old:
        return
    _keep(session, row, new)
    _move(session, shop.id, old, new, now)
    enqueue_after_commit(tier_due.SETTLE)


def count_all(session: AnySession, shop: ShopFacts, member_ids: Collection[int], now: datetime) -> None:
    """Count the orders that these members have, once for all. The caller holds their accounts."""
    rows = session.execute(
        select(Order)
        .where(Order.shop_id == shop.id, Order.member_id.in_(member_ids))
        .order_by(Order.id)
        .execution_options(populate_existing=True)
    ).scalars()
    for row in rows.all():
        count(session, shop, row, known_from_document(row.known), now)


def money_left(order: OrderState, refunds: Iterable[RefundState]) -> Decimal | None:
    """What was paid and not given back; None if the order does not stand.

    A refund is its amount, or that of its lines: the amounts that are said, else the pieces' part of the line's total.
    """
    if order.cancelled_at is not None or order.delivery_status == "returned" or order.payment_status in _GONE:
        return None
    paid = order.total if order.total is not None else order.subtotal
    lines = {line.external_id: line for line in order.lines or ()}
    refunded = sum((_refunded(refund, lines) for refund in refunds), Decimal(0))
    return None if refunded and refunded >= paid else max(paid - refunded, Decimal(0))


def _refunded(refund: RefundState, lines: Mapping[str, Line]) -> Decimal:
    if refund.amount is not None:
        return max(refund.amount, Decimal(0))
    whole = Decimal(0)
    for part in refund.lines:
        line = lines.get(part.line_id)
        if part.amount is not None:
            whole += max(part.amount, Decimal(0))
        elif line is not None and line.quantity > 0 and part.quantity:
            total = line.total if line.total is not None else (line.unit_price or Decimal(0)) * line.quantity
            whole += total * min(part.quantity, line.quantity) / line.quantity
    return whole


def _of(session: AnySession, shop: ShopFacts, row: Order, known: KnownOrder) -> Count | None:
    if row.member_id is None:
        return None
    settings = programs.settings_of(programs.by_number(session, row.shop_id, row.program_version))
    received_at = awards.received(known, settings.assign)
    if received_at is None:
        return None
    tz = ZoneInfo(shop.timezone)
    left = money_left(known.order, awards.refunds_of(session, row))
    is_ours = known.order.currency == shop.currency
    made = Count(
        row.member_id,
        local_day(received_at, tz),
        spend=left if left is not None and is_ours else Decimal(0),
        orders=int(left is not None),
        expired_points=row.expired_taken_back,
    )
    return made if made.spend or made.orders or made.expired_points else None


def _counted(session: AnySession, row: Order) -> tuple[bool, Count | None]:
    """Whether the shop counts at all, and what the order counted last."""
    found = session.execute(
        text(
            "select c.member_id, c.day, c.spend, c.orders, c.expired_points from tier_walk w"
            " left join counted_order c on c.shop_id = w.shop_id and c.order_id = :order where w.shop_id = :shop"
        ),
        {"shop": row.shop_id, "order": row.id},
    ).one_or_none()
    return found is not None, None if found is None or found.member_id is None else Count(*found)


def _keep(session: AnySession, row: Order, new: Count | None) -> None:
    key = {"shop": row.shop_id, "order": row.id}
    if new is None:
        session.execute(text("delete from counted_order where shop_id = :shop and order_id = :order"), key)
        return
    session.execute(
        text(
            "insert into counted_order (shop_id, order_id, member_id, day, spend, orders, expired_points)"
            " values (:shop, :order, :member, :day, :spend, :orders, :expired)"
            " on conflict (shop_id, order_id) do update set member_id = excluded.member_id, day = excluded.day,"
            " spend = excluded.spend, orders = excluded.orders, expired_points = excluded.expired_points"
        ),
        {
            **key,
            "member": new.member_id,
            "day": new.day,
            "spend": new.spend,
            "orders": new.orders,
            "expired": new.expired_points,
        },
    )


_MOVE = text(
    """
    with change as (
        select * from unnest(cast(:members as bigint[]), cast(:days as date[]), cast(:points as bigint[]),
            cast(:spend as numeric[]), cast(:orders as integer[])) as t (member_id, day, points, spend, orders)
    ),
    kept as (
        insert into member_day (shop_id, member_id, day, points_earned, spend, orders)
        select :shop, member_id, day, sum(points), sum(spend), sum(orders) from change group by member_id, day
        order by member_id, day
        on conflict (shop_id, member_id, day) do update set
            points_earned = member_day.points_earned + excluded.points_earned,
            spend = member_day.spend + excluded.spend,
            orders = member_day.orders + excluded.orders
    )
    insert into tier_standing (shop_id, member_id, check_at)
    select distinct cast(:shop as bigint), member_id, cast(:now as timestamptz) from change order by member_id
    on conflict (shop_id, member_id) do update set
        check_at = least(tier_standing.check_at, excluded.check_at),
        value = tier_standing.value + coalesce((
            select sum(case tier_standing.basis when 'points_earned' then c.points when 'spend' then c.spend
                else c.orders end)
            from change c where c.member_id = tier_standing.member_id and c.day >= tier_standing.counts_from), 0),
        value_before = tier_standing.value_before + coalesce((
            select sum(case tier_standing.basis when 'points_earned' then c.points when 'spend' then c.spend
                else c.orders end)
            from change c where c.member_id = tier_standing.member_id and c.day >= tier_standing.before_from
                and c.day < tier_standing.counts_from), 0)
    """
)


def _move(session: AnySession, shop_id: int, old: Count | None, new: Count | None, now: datetime) -> None:
    changes = [(each, sign) for each, sign in ((old, -1), (new, 1)) if each is not None]
    session.execute(
        _MOVE,
        {
            "shop": shop_id,
            "now": now - tier_due.AT_ONCE,
            "members": [each.member_id for each, _ in changes],
            "days": [each.day for each, _ in changes],
            "points": [-sign * each.expired_points for each, sign in changes],
            "spend": [sign * each.spend for each, sign in changes],
            "orders": [sign * each.orders for each, sign in changes],
        },
    )
