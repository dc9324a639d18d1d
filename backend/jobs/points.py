"""What happens to points when their day comes: they become available, they expire, and members hear of it before; what
they were held for or spent on ends, and codes are kept in stock."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from backend import clock
from backend.db import transaction
from backend.jobs import leaps
from backend.jobs.draining import in_batches
from backend.ledger import posting
from backend.loyalty.bonuses import birthdays as birthday_rules
from backend.loyalty.coupons import coupons
from backend.loyalty.orders import awards
from backend.loyalty.points import expiry
from backend.loyalty.redemptions import endings
from backend.loyalty.referrals import referral_facts, referral_rewards
from backend.loyalty.rewards import announcement_plan, announcements
from backend.loyalty.segments import segment_due, segment_judging
from backend.loyalty.shops import shops
from backend.loyalty.tiers import tier_due, tier_settling


def post_due() -> int:
    return in_batches(posting.POST_DUE, _post)


def expire() -> int:
    return in_batches("points.expire", _in_sane_time(expiry.expire_due))


def remind() -> int:
    return in_batches("points.remind", _in_sane_time(expiry.remind))


def release_holds() -> int:
    return in_batches("points.release_holds", _release_holds)


def expire_rewards() -> int:
    return in_batches("points.expire_rewards", _in_sane_time(endings.expire_due))


def birthdays() -> int:
    return in_batches("points.birthdays", _in_sane_time(_birthdays))


def tiers() -> int:
    return in_batches(tier_due.SETTLE, _in_sane_time(tier_settling.settle_due))


def reward_referrals() -> int:
    return in_batches(referral_facts.REWARD, _reward_referrals)


def announce_rewards() -> int:
    return in_batches(announcement_plan.ANNOUNCE, _announce_rewards)


def refill_coupons() -> int:
    return in_batches(coupons.REFILL, _refill)


def _in_sane_time(verb: Callable[[Any, datetime], int]) -> Callable[[], int]:
    """A batch that does nothing once the machine's clock has leapt, though it leapt in the midst of a drain."""

    def batch() -> int:
        now = clock.now()
        if leaps.have_happened():
            return 0
        with transaction() as session:
            return verb(session, now)

    return batch


def _post() -> int:
    with transaction() as session:
        return awards.post_due(session, clock.now())


def _release_holds() -> int:
    with transaction() as session:
        return endings.release_holds(session, clock.now())


def _birthdays(session: Any, now: datetime) -> int:
    return birthday_rules.give_next(session, shops.facts, now)


def segments() -> int:
    return in_batches(segment_due.JUDGE, _segments)


def _segments() -> int:
    with transaction() as session:
        return segment_judging.judge_next(session, clock.now())


def _reward_referrals() -> int:
    with transaction() as session:
        return referral_rewards.reward_due(session, clock.now())


def _announce_rewards() -> int:
    with transaction() as session:
        return announcements.announce_next(session, clock.now())


def _refill() -> int:
    with transaction() as session:
        return int(coupons.refill_next(session, shops.facts, clock.now()))
