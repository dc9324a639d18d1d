"""Keeping house: what is no longer needed goes."""

from datetime import timedelta

from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.jobs.draining import in_batches

CHUNK = 2000
BODIES_KEPT = timedelta(days=30)
"""A delivery's raw body holds personal data. What could not be handled keeps its body until it is."""
SENT_KEPT = timedelta(days=90)
ANSWERS_KEPT = timedelta(days=30)
"""How long an Idempotency-Key is remembered."""

_PURGES = (
    (
        "update delivery d set body = null from (select shop_id, id from delivery where body is not null"
        " and received_at < :before and state in ('handled', 'ignored', 'rejected')"
        " order by received_at limit :chunk for update skip locked) old"
        " where d.shop_id = old.shop_id and d.id = old.id",
        BODIES_KEPT,
    ),
    (
        "delete from outbox o using (select shop_id, id from outbox where state = 'done' and done_at < :before"
        " limit :chunk for update skip locked) old where o.shop_id = old.shop_id and o.id = old.id",
        SENT_KEPT,
    ),
    (
        "delete from remembered_answer a using (select shop_id, scope, key from remembered_answer"
        " where created_at < :before limit :chunk for update skip locked) old"
        " where a.shop_id = old.shop_id and a.scope = old.scope and a.key = old.key",
        ANSWERS_KEPT,
    ),
)


def purge() -> int:
    """Empty old deliveries, drop old rows of the outbox and old remembered answers. By the machine's clock."""
    return in_batches("upkeep.purge", _purge)


def _purge() -> int:
    gone = 0
    for statement, kept in _PURGES:
        with transaction() as session:
            done = session.execute(text(statement), {"before": clock.wall() - kept, "chunk": CHUNK})
            gone += done.rowcount
    return gone
