"""The inbox: what the platforms sent and we acknowledged becomes orders, members and points."""

from backend import clock
from backend.db import transaction
from backend.jobs.draining import in_batches
from backend.loyalty import deliveries


def drain() -> int:
    return in_batches("inbox.drain", _batch)


def _batch() -> int:
    with transaction() as session:
        return deliveries.drain(session, clock.now())
