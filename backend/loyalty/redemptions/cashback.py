"""Cashback: points that pay a part of a checkout (documents 000; S0.1 to S0.8).

    discount = points used × point value, in the shop's currency

A checkout asks for a quote, then holds the points under a one-time code of that value. The order that carries the code
captures them (`order_codes.py`); otherwise they are let go after half an hour (`endings.release_holds`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Context, Decimal, localcontext
from hashlib import sha256
from math import ceil
from typing import Any

from sqlalchemy import func, select, text

from backend.errors import BadInput, Conflict, NotEnoughPoints, Unauthorized
from backend.ledger import posting
from backend.ledger.balance import spendable
from backend.ledger.posting import AnySession, Author
from backend.loyalty.coupons import coupons
from backend.loyalty.eligibility import eligibility, member_facts
from backend.loyalty.orders import awards
from backend.loyalty.program import programs
from backend.loyalty.redemptions import issuing, redemptions
from backend.loyalty.redemptions.endings import CASHBACK
from backend.loyalty.rewards import rewards
from backend.loyalty.rewards.rewards import Reward
from backend.loyalty.shops.shops import ShopFacts
from backend.models import Member, Redemption
from backend.money import quantum

HOLD = timedelta(minutes=30)
_EXACT = Context(prec=60)
_MOST_VERSIONS = 5


class BeyondOrder(BadInput):
    """More points than the order costs."""

    code = "beyond_order"
    title = "That is more than the order costs"


class CashbackUnavailable(Conflict):
    code = "cashback_unavailable"
    title = "Points cannot be used at the checkout at the moment"


@dataclass(frozen=True, slots=True)
class Quote:
    """What `points` of a campaign take off an order of `order_total`."""

    points: int
    discount: Decimal
    to_pay: Decimal
    max_points: int
    """The most that is useful: no more than the balance, and none that takes nothing more off."""


def quote(order_total: Decimal, point_value: Decimal, available: int, currency: str, points: int | None) -> Quote:
    """What so many points take off, to the currency's own digits; `points` left out: the most that is useful.

    The last point may be worth more than what is left to pay: an order is never paid below 0. A point that pays less than
    the smallest coin is rounded down, so that points never pay more than they are worth.

    >>> quote(Decimal(100), Decimal(2), 50, "EUR", None)  # S0.3
    Quote(points=50, discount=Decimal('100.00'), to_pay=Decimal('0.00'), max_points=50)
    >>> quote(Decimal(100), Decimal(2), 50, "EUR", 20).to_pay  # S0.4
    Decimal('60.00')

    Raises BeyondOrder, NotEnoughPoints, BadInput for what is below zero.
    """
    coin = quantum(currency)
    for name, amount in (("order_total", order_total), ("points", points or 0)):
        if amount < 0:
            raise BadInput(
                f"{name} should not be below zero.", [{"field": name, "message": "should not be below zero"}]
            )
    with localcontext(_EXACT):
        total = order_total.quantize(coin, ROUND_DOWN)
        whole_order = ceil(total / point_value)
        most_off = _taken_off(min(available, whole_order), point_value, total, coin)
        max_points = ceil(most_off / point_value)
        used = max_points if points is None else points
        if used > whole_order:
            message = f"should be at most {whole_order}: that pays the whole order"
            raise BeyondOrder(f"points {message}.", [{"field": "points", "message": message}])
        if used > available:
            raise NotEnoughPoints(available, used)
        discount = _taken_off(used, point_value, total, coin)
    return Quote(used, discount, total - discount, max_points)


def _taken_off(points: int, point_value: Decimal, total: Decimal, coin: Decimal) -> Decimal:
    return min((point_value * points).quantize(coin, ROUND_DOWN), total)


def best(campaigns: Iterable[Reward]) -> Reward | None:
    """The one of the best point value: only one is used (S0.7); between equals the older."""
    return max(campaigns, key=lambda each: (each.point_value or Decimal(0), -each.id), default=None)


def available_to(session: AnySession, shop: ShopFacts, member_id: int, now: datetime) -> Reward:
    """The cashback campaign that this member uses: active, in its dates, for their tier or segment (S0.8), and the best.

    Raises CashbackUnavailable, also while the program is switched off.
    """
    _, settings = programs.current(shop.id)
    if not settings.enabled:
        raise CashbackUnavailable()
    on = [
        each
        for each in rewards.current(shop.id)
        if each.type == CASHBACK and rewards.is_available(each, now) and _has_room(session, each, member_id)
    ]
    if any(each.rules or each.target for each in on):
        with_orders = any(eligibility.needs_orders(each.rules) for each in on)
        facts = member_facts.facts(session, shop, member_id, with_orders=with_orders, now=now)
        on = [
            each
            for each in on
            if eligibility.is_in_target(each.target, facts) and eligibility.judge(each.rules, facts).is_eligible
        ]
    chosen = best(on)
    if chosen is None:
        raise CashbackUnavailable()
    return chosen


def _has_room(session: AnySession, campaign: Reward, member_id: int) -> bool:
    """Whether its limits allow one more. What was let go was not had."""
    if campaign.limit_total is not None and campaign.taken >= campaign.limit_total:
        return False
    if campaign.limit_per_member is None:
        return True
    had = session.execute(
        select(func.count()).where(
            Redemption.shop_id == campaign.shop_id,
            Redemption.member_id == member_id,
            Redemption.reward_id == campaign.id,
            Redemption.status.in_(("requested", "issued")),
        )
    ).scalar_one()
    return had < campaign.limit_per_member


def quote_for(
    session: AnySession, shop: ShopFacts, member_id: int, order_total: Decimal, points: int | None, now: datetime
) -> tuple[Reward, Quote]:
    """The campaign and what it takes off for this member. Raises as `available_to` and `quote` do."""
    campaign = available_to(session, shop, member_id, now)
    assert campaign.point_value is not None
    has = spendable(session, shop.id, member_id, now)
    return campaign, quote(order_total, campaign.point_value, has, shop.currency, points)


def hold(
    session: AnySession,
    shop: ShopFacts,
    member_id: int,
    order_total: Decimal,
    points: int | None,
    key: str,
    now: datetime,
) -> Redemption:
    """Hold the points for half an hour under a one-time code; the rate is frozen. The same key again: the same hold.

    Raises as `quote_for` does, NotEnoughPoints also for none at all, IdempotencyKeyReused, Unauthorized for a member
    who was erased.
    """
    request_hash = sha256(f"{order_total.normalize():f}|{points}".encode()).hexdigest()
    key = redemptions.key_of(member_id, key)
    posting.lock_accounts(session, shop.id, [member_id])
    known = session.execute(
        select(Redemption).where(Redemption.shop_id == shop.id, Redemption.key == key)
    ).scalar_one_or_none()
    if known is not None:
        if known.request_hash != request_hash:
            raise redemptions.key_reused()
        return known
    if session.get_one(Member, (shop.id, member_id), populate_existing=True).status != "active":
        raise Unauthorized("The session has been ended. Begin a new one with a fresh identity.")
    campaign, quoted = _agreed(session, shop, member_id, order_total, points, now)
    if quoted.points == 0:
        raise _nothing_to_pay_with(spendable(session, shop.id, member_id, now), campaign, shop.currency)
    if quoted.discount == 0:
        message = "should be more: these are worth less than the smallest coin"
        raise BadInput(f"points {message}.", [{"field": "points", "message": message}], code="nothing_off")
    return _hold(session, shop, member_id, campaign, quoted, key, request_hash, now)


def _nothing_to_pay_with(available: int, campaign: Reward, currency: str) -> NotEnoughPoints | BadInput:
    """Why no point is of use: there are too few for the smallest coin, or there is less than that to pay."""
    assert campaign.point_value is not None
    enough = ceil(quantum(currency) / campaign.point_value)
    if available < enough:
        return NotEnoughPoints(available, enough)
    message = "should be more: it is less than the smallest coin"
    return BadInput(f"order_total {message}.", [{"field": "order_total", "message": message}], code="nothing_off")


def _agreed(
    session: AnySession, shop: ShopFacts, member_id: int, order_total: Decimal, points: int | None, now: datetime
) -> tuple[Reward, Quote]:
    """The campaign as it is now and what it takes off, with room taken in it; it stays so until the transaction ends."""
    for _ in range(_MOST_VERSIONS):
        campaign, quoted = quote_for(session, shop, member_id, order_total, points, now)
        which = {"shop": shop.id, "id": campaign.id}
        row = session.execute(
            text("select version, limit_total from reward where shop_id = :shop and id = :id for key share"), which
        ).one()
        if row.version == campaign.version and (
            row.limit_total is None
            or session.execute(
                text(
                    "update reward set taken = taken + 1"
                    " where shop_id = :shop and id = :id and taken < limit_total returning 1"
                ),
                which,
            ).scalar()
        ):
            return campaign, quoted
        rewards.forget_current()  # it was changed, or had as often as it can be
    raise CashbackUnavailable()


def _hold(
    session: AnySession,
    shop: ShopFacts,
    member_id: int,
    campaign: Reward,
    quoted: Quote,
    key: str,
    request_hash: str,
    now: datetime,
) -> Redemption:
    ends_at = now + HOLD
    redemption = Redemption(
        shop_id=shop.id,
        member_id=member_id,
        reward_id=campaign.id,
        origin="points",
        status="requested",
        points=quoted.points,
        points_after=spendable(session, shop.id, member_id, now) - quoted.points,
        frozen=_frozen(campaign, quoted),
        is_ready=coupons.told_as(shop, is_alone=True) is None,
        discount=quoted.discount,
        key=key,
        request_hash=request_hash,
        requested_at=now,
        hold_until=ends_at,
    )
    session.add(redemption)
    session.flush()
    redemption.coupon_id, redemption.code = coupons.make_for(
        session,
        shop,
        campaign.id,
        redemption.id,
        prefix=campaign.definition.code_prefix,
        worth={
            "kind": "fixed_amount",
            "value": str(quoted.discount),
            "currency": shop.currency,
            "product_id": None,
            "minimum_subtotal": None,
        },
        expires_at=ends_at,
        now=now,
    )
    entry_id = posting.hold(
        session,
        shop.id,
        member_id,
        quoted.points,
        at=now,
        key=f"redemption:{redemption.id}:1",
        author=Author("customer"),
        reason=campaign.name,
        why={**issuing.why(redemption), "discount": str(quoted.discount), "point_value": str(campaign.point_value)},
    )
    assert entry_id is not None
    redemption.entry_id = entry_id
    awards.tell_of_swept(session, shop.id, member_id, entry_id)
    session.flush()
    return redemption


def _frozen(campaign: Reward, quoted: Quote) -> dict[str, Any]:
    return {
        **redemptions.freeze(campaign),
        "point_value": str(campaign.point_value),
        "order_total": str(quoted.discount + quoted.to_pay),
    }
