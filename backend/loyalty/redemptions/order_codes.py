"""What orders do to redemptions: an order that carries a code uses it; one that is called off gives the use back.

Like its points, all of it follows from what is known of the orders and never from the sequence in which they were told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, text

from backend.ledger import posting
from backend.ledger.posting import AnySession, Author
from backend.loyalty.orders import awards
from backend.loyalty.redemptions import endings, issuing
from backend.loyalty.redemptions.endings import CASHBACK
from backend.loyalty.shops.shops import ShopFacts
from backend.models import Coupon, Order, Redemption
from backend.platforms.known_orders import KnownOrder


@dataclass(frozen=True, slots=True)
class Standing:
    """What an order is worth to the codes that it carries."""

    is_called_off: bool
    """Cancelled, or its payment voided."""
    is_undone: bool
    """Called off or refunded whole, before it was on its way."""


def standing(known: KnownOrder) -> Standing:
    order = known.order
    is_called_off = order.cancelled_at is not None or order.payment_status == "voided"
    is_on_its_way = any(fact in known.first_shown for fact in ("shipped", "arrived", "collected"))
    is_undone = (is_called_off or order.payment_status == "refunded") and not is_on_its_way
    return Standing(is_called_off, is_undone)


def settle(session: AnySession, shop: ShopFacts, row: Order, known: KnownOrder, now: datetime) -> None:
    """Bring the redemptions whose codes the order carries, or carried, to where they should be. Whatever the code's case.

    The order of a stranger who was given the code uses it just as well. The caller holds the accounts of all of them
    (`deliveries.py`).
    """
    codes = list(known.order.discount_codes or ())
    concerned = _concerned(session, shop.id, row.id, codes)
    if not concerned:
        return
    stands = standing(known)
    carried = {code.upper() for code in codes}
    for redemption in issuing.lock_all(session, shop.id, concerned):
        is_carried = redemption.code is not None and redemption.code.upper() in carried
        is_off = stands.is_undone if redemption.frozen["type"] == CASHBACK else stands.is_called_off
        _note(session, redemption, row, is_carried=is_carried, is_valid=is_carried and not is_off)
        _follow(session, shop, redemption, now)
        session.flush()


def _concerned(session: AnySession, shop_id: int, order_id: int, codes: Sequence[str]) -> list[int]:
    rows = session.execute(
        text(
            "select id from redemption where shop_id = :shop"
            " and upper(code) = any(array(select upper(c) from unnest(cast(:codes as text[])) c))"
            " union select redemption_id from coupon_use where shop_id = :shop and order_id = :order"
        ),
        {"shop": shop_id, "order": order_id, "codes": list(codes)},
    )
    return [row.id for row in rows]


def _note(session: AnySession, redemption: Redemption, row: Order, *, is_carried: bool, is_valid: bool) -> None:
    session.execute(
        text(
            "insert into coupon_use values (:shop, :redemption, :order, :is_carried, :is_valid, :placed_at)"
            " on conflict (shop_id, redemption_id, order_id)"
            " do update set is_carried = excluded.is_carried, is_valid = excluded.is_valid"
        ),
        {
            "shop": redemption.shop_id,
            "redemption": redemption.id,
            "order": row.id,
            "is_carried": is_carried,
            "is_valid": is_valid,
            "placed_at": row.placed_at,
        },
    )


def _follow(session: AnySession, shop: ShopFacts, redemption: Redemption, now: datetime) -> None:
    """Used by the first order that carries its code and stands, or by none."""
    first = issuing.first_order(session, redemption)
    if first is None:
        _free_again(session, shop, redemption, now)
        return
    if redemption.use_state != "used":
        _pay(session, shop, redemption, now)
        if not counts(redemption):
            issuing.take_room(session, redemption)
        redemption.status = "issued"
        redemption.hold_until, redemption.ending, redemption.ended_at = None, None, None
        redemption.issued_at = redemption.issued_at or now
    issuing.used_by(redemption, first)


def _pay(session: AnySession, shop: ShopFacts, redemption: Redemption, now: datetime) -> None:
    """The code was used: what is on hold for it is spent; what had come back is spent again, and what is missing is owed."""
    if redemption.entry_id is None:
        return
    if redemption.status == "requested":
        issuing.capture(session, shop, redemption, now)
        return
    came_back = session.execute(
        text(
            "select 1 from entry where shop_id = :shop and answers_entry_id = :entry and kind in ('release', 'return')"
        ),
        {"shop": shop.id, "entry": redemption.entry_id},
    ).scalar()
    if not came_back:
        return
    redemption.steps += 1
    entry_id = posting.spend(
        session,
        shop.id,
        redemption.member_id,
        redemption.points,
        at=now,
        key=f"redemption:{redemption.id}:{redemption.steps}",
        author=Author("platform"),
        reason=redemption.frozen["name"],
        why={**issuing.why(redemption), "note": "used_after_all"},
        may_owe=True,
    )
    assert entry_id is not None  # the step makes the key new
    redemption.entry_id = entry_id
    awards.tell_of_swept(session, shop.id, redemption.member_id, entry_id)


def counts(redemption: Redemption) -> bool:
    """Whether it counts against the reward's limits: what came back, failed or was let go was not had."""
    was_let_go = redemption.status == "expired" and redemption.frozen["type"] == CASHBACK
    return redemption.status in ("requested", "issued", "expired") and not was_let_go


def _free_again(session: AnySession, shop: ShopFacts, redemption: Redemption, now: datetime) -> None:
    """No order uses it any more. A code can be used once more, so its points stay spent; cashback belonged to that
    checkout, and a code that works no more is worth nothing: there the points come back."""
    if redemption.use_state != "used" or redemption.order_id is None:
        return  # never used, or marked by hand
    redemption.use_state, redemption.used_at, redemption.order_id, redemption.delivery_status = (
        "delivered",
        None,
        None,
        None,
    )
    session.flush()
    if redemption.frozen["type"] == CASHBACK:
        endings.begin(session, shop, redemption, "order_undone", now)
    elif redemption.coupon_id is not None:
        state = session.execute(
            select(Coupon.state).where(Coupon.shop_id == shop.id, Coupon.id == redemption.coupon_id)
        ).scalar_one()
        if state in ("disabling", "disabled"):
            has_run_out = endings.has_run_out(redemption, now)
            endings.begin(session, shop, redemption, "expired" if has_run_out else "returned", now)
