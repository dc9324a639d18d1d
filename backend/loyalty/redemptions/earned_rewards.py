"""Rewards that are earned: a redemption that costs no points, because a referral or a level of the program brought it.

Who earned a reward has it: the rules of who may redeem it, how often, and whether it is on offer are for those who pay.
Only what cannot be given is not given: an empty pool, a reward that is sold out or gone.
"""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, text

from backend.errors import NotFound
from backend.ledger.balance import spendable
from backend.ledger.posting import AnySession
from backend.loyalty.coupons import coupons
from backend.loyalty.members import blocking
from backend.loyalty.redemptions import endings, issuing, redemptions
from backend.loyalty.redemptions.endings import CASHBACK
from backend.loyalty.rewards import rewards
from backend.loyalty.rewards.rewards import Reward
from backend.loyalty.shops.shops import ShopFacts
from backend.models import Member, Redemption

LONGEST_WAIT = timedelta(days=365)
"""How long an earned reward waits for a code: no points are on hold for it, so there is no hurry to give it up."""

log = logging.getLogger(__name__)


def give(
    session: AnySession,
    shop: ShopFacts,
    member_id: int,
    reward_id: int,
    *,
    key: str,
    occasion: Mapping[str, Any],
    now: datetime,
) -> Redemption | None:
    """Have the member have the reward; once per key, so the same key again is the same redemption as it now is.

    `occasion` says what brought it. Without a code in stock it is `requested` until one is made. None, and a line in
    the log, if it cannot be given. The caller holds the account.
    """
    known = find(session, shop.id, key)
    if known is not None:
        return known
    if blocking.is_blocked(session, shop.id, member_id):
        return None
    reward = _held(session, shop.id, reward_id)
    if reward is None or reward.type == CASHBACK:
        log.warning("reward %s of shop %s was earned (%s) and cannot be given: there is none", reward_id, shop.id, key)
        return None
    if not _take(session, reward):
        log.warning("reward %s of shop %s was earned (%s) and cannot be given: sold out", reward_id, shop.id, key)
        return None
    return _have(session, shop, member_id, reward, key, occasion, now)


def find(session: AnySession, shop_id: int, key: str) -> Redemption | None:
    """What was earned under that key, or None."""
    return session.execute(
        select(Redemption).where(Redemption.shop_id == shop_id, Redemption.key == _key(key))
    ).scalar_one_or_none()


def withdraw(session: AnySession, shop: ShopFacts, redemption: Redemption, now: datetime) -> bool:
    """Take an earned reward back, its code disabled first. False for one that was used, or is over: that stays so.

    The caller holds the account.
    """
    (held,) = issuing.lock_all(session, shop.id, [redemption.id])
    if held.status not in ("requested", "issued") or held.use_state == "used" or held.ending is not None:
        return False
    endings.begin(session, shop, held, "order_undone", now)
    return True


def _held(session: AnySession, shop_id: int, reward_id: int) -> Reward | None:
    """The reward as it is now; what it is and what its codes are worth stay so until the transaction ends."""
    session.execute(
        text("select 1 from reward where shop_id = :shop and id = :id for key share"),
        {"shop": shop_id, "id": reward_id},
    )
    try:
        return rewards.find(session, shop_id, reward_id)
    except NotFound:
        return None


def _take(session: AnySession, reward: Reward) -> bool:
    """Count it against the reward's limit; False if there is none left."""
    if reward.limit_total is None:
        return True
    return bool(
        session.execute(
            text(
                "update reward set taken = taken + 1 where shop_id = :shop and id = :id and taken < limit_total"
                " returning 1"
            ),
            {"shop": reward.shop_id, "id": reward.id},
        ).scalar()
    )


def _have(
    session: AnySession,
    shop: ShopFacts,
    member_id: int,
    reward: Reward,
    key: str,
    occasion: Mapping[str, Any],
    now: datetime,
) -> Redemption | None:
    free = coupons.take_free(session, shop.id, reward.id) if reward.coupon_source != "none" else None
    redemption = Redemption(
        shop_id=shop.id,
        member_id=member_id,
        reward_id=reward.id,
        origin="earned",
        status="issued",
        points=0,
        points_after=spendable(session, shop.id, member_id, now),
        frozen={**redemptions.freeze(reward), "occasion": dict(occasion)},
        address=session.get_one(Member, (shop.id, member_id)).address if reward.type == "gift" else None,
        key=_key(key),
        requested_at=now,
    )
    if reward.coupon_source == "none":
        redemption.issued_at = now
        redemption.expires_at = issuing.valid_until(shop, reward.coupon_valid_days, now)
    elif free is None and reward.coupon_source == "uploaded":
        if reward.limit_total is not None:
            issuing.make_room(session, redemption)
        log.warning("reward %s of shop %s was earned (%s) and its pool is empty", reward.id, shop.id, key)
        return None
    else:
        redemption.status, redemption.hold_until = "requested", now + LONGEST_WAIT
    session.add(redemption)
    session.flush()
    if free is not None:
        issuing.issue(session, shop, redemption, *free, now)
    elif redemption.status == "issued":
        issuing.tell(session, redemption, "reward_issued")
    if reward.coupon_source in ("made", "each") and (free is None or free[0] % coupons.TAKEN_PER_LOOK == 0):
        coupons.ask_refill(session, shop.id, reward.id)
    return redemption


def _key(key: str) -> str:
    """Among the shop's keys; those of members who pay begin with a number (`redemptions.key_of`)."""
    return f"earned:{key}"
