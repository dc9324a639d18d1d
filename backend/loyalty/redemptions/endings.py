"""How redemptions end: given back, run out, let go, or undone with their order.

A code is disabled before its points come back (ledger invariant 7). So an ending is noted first (`begin`), and follows once
the store has said that the code works no more (`code_disabled`): at once where there is no store to ask. Until then a shopper
who uses the code after all has used it, and nothing comes back.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import select, text

from backend.db import RETRIED_SQLSTATES, sqlstate
from backend.errors import Conflict, NotFound
from backend.ledger import posting
from backend.ledger.posting import SYSTEM, AnySession, Author
from backend.loyalty import calendar_rules
from backend.loyalty.coupons import coupons
from backend.loyalty.program import programs
from backend.loyalty.redemptions import issuing
from backend.loyalty.shops import shops
from backend.loyalty.shops.shops import ShopFacts
from backend.models import Redemption

log = logging.getLogger(__name__)

Ending = Literal["returned", "expired", "released", "order_undone"]
CASHBACK = "cashback"
NOT_IN_TIME = "No code could be made in time."
_AUTHORS: Mapping[Ending, Author] = {
    "returned": Author("customer"),
    "expired": SYSTEM,
    "released": SYSTEM,
    "order_undone": Author("platform"),
}
_REFUSALS = {
    "used": "This reward has been used: it cannot be given back.",
    "paid with": "An order has used this reward: it cannot be given back.",
    "on its way": "This gift is on its way: it cannot be given back.",
    "expired": "This reward has expired: it cannot be given back.",
    "over": "There is nothing left of this reward to give back.",
}


def why_not_returnable(redemption: Redemption, now: datetime, *, has_order: bool) -> str | None:
    """Why its owner cannot give it back, in one sentence, or None. Unused rewards go back any time (design section 1).

    `has_order`: an order that stands carries its code. Then it has been used, even if a merchant took its mark away.
    """
    if redemption.use_state == "used":
        return _REFUSALS["on its way" if redemption.delivery_status == "shipped" else "used"]
    if redemption.status not in ("requested", "issued") or redemption.ending is not None:
        return _REFUSALS["expired" if redemption.status == "expired" or redemption.ending == "expired" else "over"]
    if has_run_out(redemption, now):
        return _REFUSALS["expired"]
    return _REFUSALS["paid with"] if has_order else None


def has_run_out(redemption: Redemption, now: datetime) -> bool:
    """Only `expires_at` decides, whether or not the sweep has run. What was used is used."""
    return redemption.use_state != "used" and are_days_over(redemption, now)


def are_days_over(redemption: Redemption, now: datetime) -> bool:
    """Whether it could not be used any more now."""
    return redemption.expires_at is not None and redemption.expires_at <= now


def give_back(
    session: AnySession,
    shop: ShopFacts,
    member_id: int,
    redemption_id: int,
    now: datetime,
    staff: str | None = None,
) -> Redemption:
    """A member gives an unused reward back, or `staff` of the shop does it for them. Doing it again changes nothing.

    Raises NotFound, the same for none and for somebody else's; Conflict `not_returnable`.
    """
    owner = session.execute(
        select(Redemption.member_id).where(Redemption.shop_id == shop.id, Redemption.id == redemption_id)
    ).scalar_one_or_none()
    if owner != member_id:
        raise NotFound()
    redemption = issuing.locked(session, shop.id, redemption_id)
    if redemption.status == "returned" or redemption.ending == "returned":
        return redemption
    has_order = issuing.first_order(session, redemption) is not None
    if (refusal := why_not_returnable(redemption, now, has_order=has_order)) is not None:
        raise Conflict(refusal, code="not_returnable")
    redemption.returned_by = staff
    begin(session, shop, redemption, "returned", now)
    return redemption


def release_holds(session: AnySession, now: datetime, limit: int = 100) -> int:
    """Let go of what is held past its limit: a checkout that did not come, a code that could not be made. How many."""
    due = session.execute(
        text(
            "select shop_id, id from redemption where status = 'requested' and ending is null and hold_until <= :now"
            " order by hold_until limit :limit"
        ),
        {"now": now, "limit": limit},
    ).all()

    def let_go(shop: ShopFacts, redemption: Redemption) -> None:
        if redemption.status != "requested" or redemption.ending is not None:
            return
        if redemption.frozen["type"] == CASHBACK or redemption.coupon_id is not None:  # the store may have it by now
            begin(session, shop, redemption, "released", now)
        else:
            issuing.fail(session, shop, redemption, NOT_IN_TIME, now)

    return _each(session, due, let_go)


def expire_due(session: AnySession, now: datetime, limit: int = 100) -> int:
    """End what was not used in its days. The points come back or not, as the reward said; its owner is told."""
    due = session.execute(
        text(
            "select shop_id, id from redemption where status = 'issued' and use_state = 'delivered' and ending is null"
            " and expires_at <= :now order by expires_at limit :limit"
        ),
        {"now": now, "limit": limit},
    ).all()

    def run_out(shop: ShopFacts, redemption: Redemption) -> None:
        if redemption.status != "issued" or redemption.ending is not None or not has_run_out(redemption, now):
            return
        order = issuing.first_order(session, redemption)
        if order is not None:  # a merchant took its mark away; the order stands
            issuing.used_by(redemption, order)
        else:
            begin(session, shop, redemption, "expired", now)

    return _each(session, due, run_out)


def begin(session: AnySession, shop: ShopFacts, redemption: Redemption, ending: Ending, now: datetime) -> None:
    """Note how it ends and have its code disabled. The caller holds the redemption."""
    redemption.ending = ending
    session.flush()
    if redemption.coupon_id is None or coupons.disable(session, shop, redemption.coupon_id, redemption.id):
        _finish(session, shop, redemption, now)


def code_disabled(
    session: AnySession, shop: ShopFacts, coupon_id: int, redemption_id: int | None, now: datetime
) -> None:
    """The store has said that the code works no more: what waited for it follows."""
    redemption = None if redemption_id is None else issuing.locked(session, shop.id, redemption_id)
    coupons.was_disabled(session, shop, coupon_id)
    if redemption is not None and redemption.coupon_id == coupon_id and redemption.ending is not None:
        _finish(session, shop, redemption, now)


def code_not_disabled(
    session: AnySession, shop: ShopFacts, coupon_id: int, redemption_id: int | None, reason: str, now: datetime
) -> None:
    """The store will never disable the code, so it may still work: then it is not taken back from its owner.

    What ends by itself ends all the same: should an order carry the code, the points are spent again (order_codes.py).
    A code that nobody has stays as it is, and is never given to anybody.
    """
    if redemption_id is None:
        return
    redemption = issuing.locked(session, shop.id, redemption_id)
    coupons.cannot_be_disabled(session, shop, coupon_id)
    if redemption.coupon_id != coupon_id or redemption.ending is None:
        return
    redemption.problem = reason
    if coupons.is_money(redemption.frozen["worth"]):
        _stays_paid(session, shop, redemption, reason, now)
    elif redemption.ending == "returned":
        redemption.ending = None
    else:
        _finish(session, shop, redemption, now)


def _stays_paid(session: AnySession, shop: ShopFacts, redemption: Redemption, reason: str, now: datetime) -> None:
    """The store cannot take the money back: no points come back for it. What is known to be spent has been used."""
    if reason == coupons.SPENT:
        if redemption.status == "requested":  # it was paid before its owner was told
            coupons.give(session, shop, redemption, now)
        redemption.ending = None
        redemption.use_state, redemption.used_at = "used", now
        redemption.delivery_status = redemption.delivery_status or "ordered"  # S1.14
    elif redemption.status == "requested":  # nobody can say whether it was ever paid, and its owner was told of nothing
        issuing.fail(session, shop, redemption, reason, now)
    elif redemption.ending == "expired":
        _finish(session, shop, redemption, now, are_points_kept=True)
    else:
        redemption.ending = None


def _finish(
    session: AnySession, shop: ShopFacts, redemption: Redemption, now: datetime, *, are_points_kept: bool = False
) -> None:
    """`are_points_kept`: they stay spent, whatever the reward says of what was not used."""
    ending: Ending = redemption.ending  # type: ignore[assignment]  # whoever calls this has noted one
    was_on_hold = redemption.status == "requested"
    if ending == "released" and redemption.frozen["type"] != CASHBACK:
        issuing.fail(session, shop, redemption, NOT_IN_TIME, now)
        return
    redemption.status = "expired" if ending in ("expired", "released") else "returned"
    redemption.ending, redemption.hold_until, redemption.ended_at = None, None, now
    session.flush()
    if was_on_hold:
        issuing.release(session, shop, redemption, now, _author(redemption, ending))
    elif (ending != "expired" or redemption.frozen.get("points_back")) and not are_points_kept:
        _return_points(session, shop, redemption, ending, now)
    if ending != "expired":
        issuing.make_room(session, redemption)
        if ending == "order_undone" and redemption.origin == "earned" and not was_on_hold:
            issuing.tell(session, redemption, "reward_withdrawn")
    elif redemption.points > 0 or redemption.origin == "earned":
        issuing.tell(session, redemption, "reward_expired")


def _author(redemption: Redemption, ending: Ending) -> Author:
    if ending == "returned" and redemption.returned_by is not None:
        return Author("staff", redemption.returned_by)
    return _AUTHORS[ending]


def _return_points(session: AnySession, shop: ShopFacts, redemption: Redemption, ending: Ending, now: datetime) -> None:
    """Into the same lots with their old dates. What had been owed came from no lot: it ends as points given today would."""
    if redemption.entry_id is None:
        return
    _, settings = programs.current(shop.id)
    posting.give_back(
        session,
        shop.id,
        redemption.member_id,
        redemption.entry_id,
        at=now,
        author=_author(redemption, ending),
        reason=redemption.frozen["name"],
        why=issuing.why(redemption),
        grace_days=settings.expiry.grace_days,
        owed_expires_at=calendar_rules.expires_at(now, settings.expiry, ZoneInfo(shop.timezone)),
    )


def _each(session: AnySession, due: Iterable[Any], end: Callable[[ShopFacts, Redemption], None]) -> int:
    """Have each of them end, in a savepoint of its own: one that fails stays alone. How many did not fail."""
    ended = 0
    for shop, redemption in _held(session, due):
        redemption_id = redemption.id
        try:
            with session.begin_nested():
                end(shop, redemption)
                session.flush()
        except Exception as error:
            if sqlstate(error) in RETRIED_SQLSTATES:
                raise  # the whole batch runs again
            log.exception("redemption %s of shop %s cannot be ended", redemption_id, shop.id)
        else:
            ended += 1
    return ended


def _held(session: AnySession, due: Iterable[Any]) -> list[tuple[ShopFacts, Redemption]]:
    """The redemptions with their shops, each held; shop by shop, so that accounts are locked in the one order, and
    reward by reward, because room is made in limited ones."""
    by_shop: dict[int, list[int]] = {}
    for row in due:
        by_shop.setdefault(row.shop_id, []).append(row.id)
    return [
        (shops.facts(shop_id), redemption)
        for shop_id in sorted(by_shop)
        for redemption in sorted(issuing.lock_all(session, shop_id, by_shop[shop_id]), key=lambda each: each.reward_id)
    ]
