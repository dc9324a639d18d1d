"""Awards: what an order brings, and moving the ledger to it.

The rule is one number: what the order should have brought by now (`earning.outcome`). `reckon` compares it with what
stands in the ledger and moves the difference: refunds, edits, cancellations and returns need no code of their own.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import takewhile
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from backend.ledger import posting
from backend.ledger.posting import AnySession
from backend.loyalty import calendar_rules
from backend.loyalty.members import blocking
from backend.loyalty.notifications import notices
from backend.loyalty.notifications.notices import Notice
from backend.loyalty.orders import earning
from backend.loyalty.orders.earning import OrderLine, OrderSum, Sum
from backend.loyalty.orders.order_rules import Terms
from backend.loyalty.program import programs
from backend.loyalty.program.settings import OF_ORDERS, Assign, ProgramSettings
from backend.loyalty.shops import shops
from backend.loyalty.shops.shops import ShopFacts
from backend.loyalty.tiers import tier_due
from backend.models import Order
from backend.platforms.events import OrderState, RefundState, refund_from_document
from backend.platforms.known_orders import KnownOrder
from backend.queue import enqueue_after_commit

MOST_SWEPT_LOTS = 1000
"""Of how many lots that ended together a member hears one by one."""
_REASONS = {
    "cancelled": "Order {order} was cancelled",
    "returned": "Order {order} was returned",
    "voided": "The payment of order {order} was voided",
    "changed": "Order {order} was refunded or changed",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ledger says of one order and member, in points.

    `net` is what was promised less what was voided and clawed back, `expired` what ended unspent, and
    `net_when_expired` the net when the last of it did.
    """

    net: int
    expired: int
    net_when_expired: int


def reckon(session: AnySession, shop: ShopFacts, row: Order, known: KnownOrder, now: datetime) -> None:
    """Move the order's points to what the order should have brought by now, by the program frozen on it.

    Before it is received (collected, paid or shipped, as the program says) nothing is promised; the widget then shows
    the sum as expected. Takes the member's account lock. Running it again changes nothing.
    """
    settings = _settings(session, row)
    refunds = [refund_of(each) for each in refunds_of(session, row)]
    made = _outcome(session, shop, row, known.order, refunds, settings)
    received_at = received(known, settings.assign)
    row.received_at = received_at
    row.stands = received_at is not None and earning.stands(made, order_sum(known.order), refunds)
    was_received = row.due_at is not None
    if received_at is not None:
        _date(session, shop, row, settings, received_at)
    row.expected_points = made.target if received_at is None and row.member_id is not None else 0
    if row.member_id is None or not (received_at or was_received):
        return
    why = _why(row, known, made)
    # A newer state may take back that it was received: an arrival counts with some carriers alone.
    _move(session, row, made.target if received_at is not None else 0, known.order, why, now)


def explain(session: AnySession, shop: ShopFacts, row: Order, known: KnownOrder) -> tuple[int, dict[str, Any]]:
    """What the order should have brought by now, in points, and the sum behind it, also if that is nothing."""
    refunds = [refund_of(each) for each in refunds_of(session, row)]
    made = _outcome(session, shop, row, known.order, refunds, _settings(session, row))
    return made.target, _why(row, known, made)


def _why(row: Order, known: KnownOrder, made: Sum) -> dict[str, Any]:
    return earning.why(
        made,
        program_version=row.program_version,
        order=_called(known.order),
        due_at=row.due_at,
        expires_at=row.expires_at,
    )


def move_to(
    session: AnySession, shop: ShopFacts, row: Order, known: KnownOrder, member_id: int | None, now: datetime
) -> None:
    """The order turns out to be another member's, or nobody's yet: the old one gives back what it brought, `reckon`
    then gives anew."""
    if row.member_id is not None:
        _move(session, row, 0, known.order, {"rule": "order", "note": "moved", "order": _called(known.order)}, now)
        row.expired_taken_back = 0
    row.member_id = member_id
    row.rules_open = row.tier = row.tier_factor = None  # they are not true of another owner
    session.flush()


def received(known: KnownOrder, assign: Assign) -> datetime | None:
    """When the order counts as received: the moment that the delay is counted from (S3.5). None: not yet.

    For carriers in the merchant's list an arrival is enough.
    """
    match assign.on:
        case "paid":
            return known.first_shown.get("paid")
        case "shipped":
            return known.first_shown.get("shipped")
        case "collected":
            order = known.order
            if assign.is_arrival_enough(order.delivery_carrier) and "arrived" in known.first_shown:
                return order.arrived_at
            return order.collected_at if "collected" in known.first_shown else None


def post_due(session: AnySession, now: datetime, limit: int = 1000) -> int:
    """Post the awards whose day has come and tell their owners by mail (S3.30), in the same transaction.

    Posts at most about `limit` awards, oldest first, and returns how many. Each award is posted at most once, even if
    two workers run this together. Awards of orders made before the shop uninstalled the app are posted like any other
    (S3.25).
    """
    posted = posting.post_due(session, now, limit)
    tier_due.mark(session, {(each.shop_id, each.member_id) for each in posted}, now)
    tell(session, posted, "points_earned")
    return len(posted)


def tell(session: AnySession, posted: list[posting.Posted], purpose: str) -> None:
    """A mail for each entry whose owner is to be told (notices.py)."""
    notices.tell_all(
        session,
        purpose,
        [
            Notice(
                each.shop_id,
                each.member_id,
                f"mail:{purpose}:{each.entry_id}",
                {"entry_id": each.entry_id, "points": each.points},
            )
            for each in posted
        ],
    )


def tell_of_swept(session: AnySession, shop_id: int, member_id: int, taking_entry_id: int) -> None:
    """Tell the owner of the points that had ended when others were taken: taking them swept what no sweep had found yet.

    The entries of that sweep stand right before `taking_entry_id`, which was written in this transaction.
    """
    taking, *before = session.execute(
        text(
            "select id, kind, points, at from entry where shop_id = :shop and member_id = :member and id <= :entry"
            " order by id desc limit :most"
        ),
        {"shop": shop_id, "member": member_id, "entry": taking_entry_id, "most": MOST_SWEPT_LOTS},
    )
    swept = takewhile(lambda entry: entry.kind == "expire" and entry.at == taking.at, before)
    tell(session, [posting.Posted(shop_id, member_id, each.id, each.points) for each in swept], "points_expired")


def _settings(session: AnySession, row: Order) -> ProgramSettings:
    version = programs.by_number(session, row.shop_id, row.program_version)
    return programs.settings_of(version)


def _outcome(
    session: AnySession,
    shop: ShopFacts,
    row: Order,
    order: OrderState,
    refunds: list[earning.Refund],
    settings: ProgramSettings,
) -> Sum:
    return earning.outcome(
        order_sum(order),
        refunds,
        settings.earn,
        shop_currency=shop.currency,
        enabled=settings.enabled,
        uninstalled=not shops.was_installed_at(session, shop.id, row.placed_at),
        blocked=row.member_id is not None and blocking.was_blocked_at(session, shop.id, row.member_id, row.placed_at),
        paid_with_points=_paid_with_points(session, row) if order.discount_codes else Decimal(0),
        terms=_terms(row, settings),
    )


def _terms(row: Order, settings: ProgramSettings) -> Terms | None:
    """The program's rules for orders with what is frozen on this one; None: there is nothing that looks at it."""
    if settings.tiers is None and not any(rule.kind in OF_ORDERS for rule in settings.rules):
        return None
    return Terms.of(settings, row.placed_at, row.rules_open, row.tier, row.tier_factor)


def _paid_with_points(session: AnySession, row: Order) -> Decimal:
    """What the order's cashback codes paid of it."""
    paid = session.execute(
        text(
            "select coalesce(sum(r.discount), 0) from coupon_use u"
            " join redemption r on r.shop_id = u.shop_id and r.id = u.redemption_id"
            " where u.shop_id = :shop and u.order_id = :order and u.is_carried and r.discount is not null"
        ),
        {"shop": row.shop_id, "order": row.id},
    ).scalar_one()
    return Decimal(paid)


def order_sum(order: OrderState) -> OrderSum:
    """The money of the order, as the rules read it."""
    return OrderSum(
        currency=order.currency,
        subtotal=order.subtotal,
        discount_total=order.discount_total,
        shipping_total=order.shipping_total,
        fee_total=order.fee_total,
        tax_total=order.tax_total,
        total=order.total,
        lines=tuple(
            OrderLine(
                id=line.external_id,
                title=line.title,
                quantity=line.quantity,
                unit_price=line.unit_price,
                discount=line.discount,
                total=line.total,
                gift_card=line.gift_card,
                product_id=line.product_id,
                sku=line.sku,
                categories=line.categories,
            )
            for line in order.lines or ()
        ),
        source=order.source,
        payment_status=order.payment_status,
        cancelled=order.cancelled_at is not None,
        returned=order.delivery_status == "returned",
    )


def refund_of(state: RefundState) -> earning.Refund:
    """The refund, as the rules read it."""
    return earning.Refund(
        id=state.external_id,
        lines=tuple(
            earning.RefundLine(line_item_id=line.line_id, quantity=line.quantity, amount=line.amount)
            for line in state.lines
        ),
    )


def refunds_of(session: AnySession, row: Order) -> list[RefundState]:
    """What was told of the order's refunds."""
    documents = session.execute(
        text("select document from refund where shop_id = :shop and order_external_id = :order"),
        {"shop": row.shop_id, "order": row.external_id},
    ).scalars()
    return [refund_from_document(document) for document in documents]


def _date(session: AnySession, shop: ShopFacts, row: Order, settings: ProgramSettings, received_at: datetime) -> None:
    """Set the days of the order's points: from when it was received alone, so an edit does not move them (A5, S3.27).

    A store that tells late that the order was received earlier moves what still waits, whatever the order of arrival.
    """
    tz = ZoneInfo(shop.timezone)
    due_at = calendar_rules.due_at(received_at, settings.assign.delay_days, tz)
    if row.due_at == due_at:
        return
    row.due_at = due_at
    row.expires_at = calendar_rules.expires_at(due_at, settings.expiry, tz)
    session.flush()
    if row.member_id is not None:
        posting.lock_accounts(session, row.shop_id, [row.member_id])
        posting.redate(session, row.shop_id, row.id, due_at, row.expires_at)


def _move(session: AnySession, row: Order, target: int, order: OrderState, why: dict[str, Any], now: datetime) -> None:
    """Bring what stands in the ledger for this order and its member to `target`.

    Down: out of pending, then the order's lots, other lots, owed; but below what stood when points expired, those that
    expired unspent count as taken back first. Up: a new award with the order's own days, for what did not expire. All
    of it follows from the target alone, so an order that goes down and up again stands where it stood.
    """
    assert row.member_id is not None
    posting.lock_accounts(session, row.shop_id, [row.member_id])
    standing = _standing(session, row)
    row.expired_taken_back = min(max(standing.net_when_expired - target, 0), standing.expired)
    difference = target + row.expired_taken_back - standing.net
    if difference > 0:
        _promise(session, row, difference, order, why, now)
    elif difference < 0:
        _take_back(session, row, -difference, order, why, now)


def _promise(
    session: AnySession, row: Order, points: int, order: OrderState, why: dict[str, Any], now: datetime
) -> None:
    assert row.member_id is not None and row.due_at is not None
    posting.promise(
        session,
        row.shop_id,
        row.member_id,
        points,
        at=now,
        key=_next_key(row),
        rule="order",
        reason=f"Order {_called(order)}",
        why=why,
        program_version=row.program_version,
        due_at=row.due_at,
        expires_at=row.expires_at,
        order_id=row.id,
    )
    if row.due_at <= now:
        enqueue_after_commit(posting.POST_DUE)


def _take_back(
    session: AnySession,
    row: Order,
    points: int,
    order: OrderState,
    why: dict[str, Any],
    now: datetime,
) -> None:
    assert row.member_id is not None
    loss = loss_of(order)
    reason = _REASONS[loss].format(order=_called(order))
    why = why | {"loss": loss}
    for award_id, pending in _pending_awards(session, row):
        if points == 0:
            return
        part = min(points, pending)
        posting.void(session, row.shop_id, award_id, part, at=now, key=_next_key(row), reason=reason, why=why)
        points -= part
    if points == 0:
        return
    key = _next_key(row)
    entry_id = posting.claw_back(
        session,
        row.shop_id,
        row.member_id,
        points,
        at=now,
        key=key,
        reason=reason,
        why=why,
        order_id=row.id,
        program_version=row.program_version,
    )
    if entry_id is not None:
        tier_due.mark(session, [(row.shop_id, row.member_id)], now)
        tell_of_swept(session, row.shop_id, row.member_id, entry_id)
        tell(session, [posting.Posted(row.shop_id, row.member_id, entry_id, points)], "points_clawed_back")


def _standing(session: AnySession, row: Order) -> Standing:
    sums = session.execute(
        text(
            """
            select coalesce(sum(change), 0) as net,
                coalesce(sum(points) filter (where kind = 'expire'), 0) as expired,
                coalesce(sum(change) filter (where id < last_expiry), 0) as net_when_expired
            from (
                select id, kind, points, max(id) filter (where kind = 'expire') over () as last_expiry,
                    case when kind = 'promise' then points when kind in ('void', 'claw_back') then -points else 0 end
                        as change
                from entry e where e.shop_id = :shop and e.order_id = :order and (e.member_id = :member or exists (
                    select from member m where m.shop_id = e.shop_id and m.id = e.member_id and m.merged_into = :member))
            ) movements
            """
        ),
        {"shop": row.shop_id, "order": row.id, "member": row.member_id},
    ).one()
    return Standing(*(int(each) for each in sums))


def _pending_awards(session: AnySession, row: Order) -> list[tuple[int, int]]:
    """The order's awards that still wait, the newest first: (id, pending points)."""
    rows = session.execute(
        text(
            "select id, pending from award where shop_id = :shop and order_id = :order and member_id = :member"
            " and state = 'pending' order by id desc"
        ),
        {"shop": row.shop_id, "order": row.id, "member": row.member_id},
    )
    return [(each.id, each.pending) for each in rows]


def _next_key(row: Order) -> str:
    """The next idempotency key of this order. Its row is locked: the numbers follow the movements."""
    row.steps += 1
    return f"order:{row.id}:{row.steps}"


def _called(order: OrderState) -> str:
    return order.number or order.external_id


def loss_of(order: OrderState) -> str:
    """Why the order brings less than it did: a word that the mail about it says in the reader's language."""
    if order.cancelled_at is not None:
        return "cancelled"
    if order.delivery_status == "returned":
        return "returned"
    return "voided" if order.payment_status == "voided" else "changed"
