"""Members whose points moved, for segments that ask for points. They are found in the ledger, so that moving points costs
no more in a shop with segments than in one without.

Entries are numbered before they are committed: one may appear below the newest that was seen. So each entry is met
twice, at once and again when a minute has passed; what takes longer than that the next night finds.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import text

from backend.ledger.posting import AnySession
from backend.loyalty.eligibility.eligibility import Rule

EVERY = timedelta(seconds=5)
LATEST_COMMIT = timedelta(minutes=1)

_NOTE = text(
    "insert into segment_due (shop_id, member_id) select distinct shop_id, member_id from entry"
    " where shop_id = :shop and id > :after and id <= :up_to"
)


def scan(session: AnySession, shop_id: int, rules: Collection[Rule], now: datetime) -> int:
    """Note members whose points moved since the last scan. 1 if it was time for it, else 0.

    The caller holds the shop's walk.
    """
    walk = session.execute(
        text(
            "select scan_at, scanned_entry_id, marked_entry_id, rescanned_entry_id, marked_at,"
            " (select coalesce(max(id), 0) from entry where shop_id = :shop) as newest"
            " from segment_walk where shop_id = :shop"
        ),
        {"shop": shop_id},
    ).one()
    if not any(each.attribute == "Available Points" for rule in rules for each in rule.conditions()):
        if walk.scan_at is not None:
            session.execute(text("update segment_walk set scan_at = null where shop_id = :shop"), {"shop": shop_id})
        return 0
    if walk.scan_at is not None and walk.scan_at > now:
        return 0
    if walk.scan_at is None:  # everybody is being judged anyway
        marked = rescanned = walk.newest
        marked_at = now
    else:
        _note(session, shop_id, walk.scanned_entry_id, walk.newest)
        marked, rescanned, marked_at = walk.marked_entry_id, walk.rescanned_entry_id, walk.marked_at
        if marked_at + LATEST_COMMIT <= now:
            _note(session, shop_id, rescanned, marked)
            marked, rescanned, marked_at = walk.newest, marked, now
    session.execute(
        text(
            "update segment_walk set scan_at = :next, scanned_entry_id = :newest, marked_entry_id = :marked,"
            " rescanned_entry_id = :rescanned, marked_at = :marked_at where shop_id = :shop"
        ),
        {
            "shop": shop_id,
            "next": now + EVERY,
            "newest": walk.newest,
            "marked": marked,
            "rescanned": rescanned,
            "marked_at": marked_at,
        },
    )
    return 1


def _note(session: AnySession, shop_id: int, after: int, up_to: int) -> None:
    if up_to > after:
        session.execute(_NOTE, {"shop": shop_id, "after": after, "up_to": up_to})
