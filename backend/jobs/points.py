"""What happens to points when their day comes: they become available, they expire, and members hear of it before."""

from backend import clock
from backend.db import transaction
from backend.jobs.draining import in_batches
from backend.loyalty import awards, expiry


def post_due() -> int:
    return in_batches("points.post_due", _post)


def expire() -> int:
    return in_batches("points.expire", _expire)


def remind() -> int:
    return in_batches("points.remind", _remind)


def _post() -> int:
    with transaction() as session:
        return awards.post_due(session, clock.now())


def _expire() -> int:
    with transaction() as session:
        return expiry.expire_due(session, clock.now())


def _remind() -> int:
    with transaction() as session:
        return expiry.remind(session, clock.now())
