"""Having Shopify pay rewards in money: the outbox's calls of the kinds `shopify_gift_card` and `shopify_store_credit`.

As in `discounts.py`, what a row says is decided anew when it goes out. What Shopify may have paid, and nobody can find out,
counts as given: then no points come back, and a person is told where to look.
"""

from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import text

from backend import clock
from backend.db import db
from backend.jobs import discounts as telling
from backend.jobs import shopify_lines
from backend.jobs.calls import Call, Send
from backend.loyalty.coupons import coupons
from backend.loyalty.redemptions import issuing
from backend.loyalty.shops import shops
from backend.models import Coupon
from backend.platforms.base import Never, TryAgain
from backend.shopify import gift_cards, payouts, store_credit
from backend.shopify.discounts import Line
from backend.shopify.gift_cards import Card
from backend.shopify.store_credit import Credit

_COUPON = text(
    """
    select c.id, c.code, c.state, c.worth, c.expires_at, w.name, m.id as member_id,
        m.external_id as customer_id
    from coupon c
    join reward w on w.shop_id = c.shop_id and w.id = c.reward_id
    join redemption r on r.shop_id = c.shop_id and r.id = c.redemption_id
    left join shopify_payout p on p.shop_id = c.shop_id and p.coupon_id = c.id and not p.is_back
    -- who was paid, even if the redemption has become another member's since
    join member m on m.shop_id = c.shop_id and m.id = coalesce(p.member_id, r.member_id)
    where c.shop_id = :shop and c.id = :id
    """
)
_IS_BEING_MADE = text("select 1 from outbox where shop_id = :shop and key = :key and state = 'waiting'")


def line() -> AbstractContextManager[Send]:
    """For gift cards and store credit alike."""
    return shopify_lines.each(_tell)


def _tell(line: Line, call: Call) -> str | None:
    coupon = _read(call)
    is_back = bool(call.payload.get("disable"))
    if not is_back and coupon.state != "making":
        return telling.WITHDRAWN
    if not is_back and coupon.customer_id is None:
        raise Never(payouts.NOBODYS)
    if coupon.worth["kind"] == coupons.GIFT_CARD:
        card = Card(
            call.shop_id,
            coupon.id,
            coupon.code,
            coupon.name,
            coupon.worth,
            coupon.expires_at,
            shops.facts(call.shop_id).timezone,
        )
        if is_back:
            gift_cards.take_back(line, card, is_first=call.attempts <= 1)
        else:
            gift_cards.make(line, card)
        return None
    credit = Credit(call.shop_id, coupon.id, coupon.member_id, coupon.customer_id, coupon.worth, coupon.expires_at)
    if is_back:
        store_credit.take_back(line, credit)
    else:
        store_credit.pay(line, credit)
    return None


def _read(call: Call) -> Any:
    """The coupon as it is now. Raises TryAgain while what is to be taken back is still being made."""
    coupon_id = call.payload["coupon_id"]
    try:
        coupon = db.session.execute(_COUPON, {"shop": call.shop_id, "id": coupon_id}).one()
        key = coupons.create_key(coupon_id)
        is_being_made = db.session.execute(_IS_BEING_MADE, {"shop": call.shop_id, "key": key}).first() is not None
    finally:
        db.session.rollback()  # the calls may take their time: not inside a transaction
    if call.payload.get("disable") and is_being_made:
        raise TryAgain("It is still being made.")
    return coupon


def done(session: Any, call: Call) -> None:
    """Called in the transaction that notes Shopify's answer."""
    telling.done(session, call)


def never(session: Any, call: Call, reason: str) -> None:
    """Called in the transaction that notes that Shopify will never do it, or need not."""
    coupon_id = call.payload["coupon_id"]
    if reason == telling.WITHDRAWN:  # what was asked for before is looked into when it is taken back
        telling.never(session, call, reason)
        return
    may_be_paid = payouts.give_up(session, call.shop_id, coupon_id)
    if may_be_paid and reason != coupons.SPENT:
        _counts_as_given(session, call, reason)
    telling.never(session, call, reason)


def _counts_as_given(session: Any, call: Call, reason: str) -> None:
    """Whoever waits for money that may have been paid, or that was and cannot be taken back, has it. A person is told."""
    shop, coupon_id, now = shops.facts(call.shop_id), call.payload["coupon_id"], clock.now()
    coupon = session.get_one(Coupon, (shop.id, coupon_id))
    redemption = issuing.locked(session, shop.id, coupon.redemption_id)
    if redemption.coupon_id != coupon_id or redemption.status != "requested":
        return
    if call.payload.get("disable"):
        coupons.cannot_be_disabled(session, shop, coupon_id)
        redemption.ending = None
        coupons.give(session, shop, redemption, now)
    else:
        coupons.became_ready(session, shop, coupon_id, now)
    redemption.problem = reason
    session.flush()
