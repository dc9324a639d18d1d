"""What happens to points when their day comes: they become available, they expire, and members hear of it before; what
they were held for or spent on ends, and codes are kept in stock."""

from backend import clock
from backend.db import transaction
from backend.jobs.draining import in_batches
from backend.loyalty import awards, coupons, endings, expiry, shops
from backend.loyalty import birthdays as birthday_rules


def post_due() -> int:
    return in_batches("points.post_due", _post)


def expire() -> int:
    return in_batches("points.expire", _expire)


def remind() -> int:
    return in_batches("points.remind", _remind)


def release_holds() -> int:
    return in_batches("points.release_holds", _release_holds)


def expire_rewards() -> int:
    return in_batches("points.expire_rewards", _expire_rewards)


def birthdays() -> int:
    return in_batches("points.birthdays", _birthdays)


def refill_coupons() -> int:
    return in_batches(coupons.REFILL, _refill)


def _post() -> int:
    with transaction() as session:
        return awards.post_due(session, clock.now())


def _expire() -> int:
    with transaction() as session:
        return expiry.expire_due(session, clock.now())


def _remind() -> int:
    with transaction() as session:
        return expiry.remind(session, clock.now())


def _release_holds() -> int:
    with transaction() as session:
        return endings.release_holds(session, clock.now())


def _expire_rewards() -> int:
    with transaction() as session:
        return endings.expire_due(session, clock.now())


def _birthdays() -> int:
    with transaction() as session:
        return birthday_rules.give_next(session, shops.facts, clock.now())


def _refill() -> int:
    with transaction() as session:
        return int(coupons.refill_next(session, shops.facts, clock.now()))
