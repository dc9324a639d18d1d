"""Forgetting a whole shop that has left: its members, guests and what it sent. The ledger stays, of nobody.

A step at a time, each in a transaction of its own, so that it may be stopped and goes on. A shop that has the app again
is left alone from that moment on.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import select, text

from backend.ledger.posting import AnySession
from backend.loyalty.members import members, person_locks
from backend.loyalty.orders import orders
from backend.loyalty.referrals import referrals
from backend.models import Member

DUE = (
    "select shop_id, redacted_to from shopify_shop where redact_at <= %(wall)s and state <> 'installed'"
    " order by redact_at limit 1"
)
"""The question whether a shop waits, for the schedule."""
MEMBERS_AT_ONCE = 20
ROWS_AT_ONCE = 500

_EMPTY_BODIES = """
    update delivery d set body = null, next_try_at = null from (
        select shop_id, id from delivery where shop_id = :shop and state <> 'received'
            and (body is not null or next_try_at is not null) order by id limit :chunk for update skip locked) old
    where d.shop_id = old.shop_id and d.id = old.id
"""
_LEFT_OVERS = (
    "delete from order_look where shop_id = :shop",
    "delete from remembered_answer where shop_id = :shop",
    "update transfer set expires_at = :wall where shop_id = :shop and (expires_at is null or expires_at > :wall)",
)
"""Files that were brought in or taken out end at once: the purge drops their pieces."""


def step(session: AnySession, now: datetime, wall: datetime) -> int:
    """Go on with the shop that has waited longest; how much was done, 0 if none is due."""
    shop = session.execute(
        text(
            "select shop_id, redacted_to from shopify_shop where redact_at <= :wall and state <> 'installed'"
            " order by redact_at limit 1 for update skip locked"
        ),
        {"wall": wall},
    ).one_or_none()
    if shop is None:
        return 0
    # bodies first: who is forgotten afterwards is looked for in those that are left
    return (
        _rows(session, _EMPTY_BODIES, shop.shop_id)
        or _forget_members(session, shop.shop_id, shop.redacted_to, now)
        or orders.forget_guests(session, shop.shop_id, ROWS_AT_ONCE)
        or _end(session, shop.shop_id, wall)
    )


def _rows(session: AnySession, statement: str, shop_id: int) -> int:
    done: Any = session.execute(text(statement), {"shop": shop_id, "chunk": ROWS_AT_ONCE})
    return int(done.rowcount)


def _forget_members(session: AnySession, shop_id: int, after: int, now: datetime) -> int:
    ids = list(
        session.execute(
            select(Member.id)
            .where(Member.shop_id == shop_id, Member.id > after, Member.status.not_in(("erased", "merged")))
            .order_by(Member.id)
            .limit(MEMBERS_AT_ONCE)
        ).scalars()
    )
    if not ids:
        return 0
    for member in person_locks.hold(session, shop_id, ids, referrals.LINKS):
        if member.status not in ("erased", "merged"):
            members.erase_member(session, shop_id, member, now)
            orders.forget_addresses(session, shop_id, member.id)
    session.execute(
        text("update shopify_shop set redacted_to = :last where shop_id = :shop"), {"shop": shop_id, "last": ids[-1]}
    )
    return len(ids)


def _end(session: AnySession, shop_id: int, wall: datetime) -> int:
    for statement in _LEFT_OVERS:
        session.execute(text(statement), {"shop": shop_id, "wall": wall})
    session.execute(text("update shopify_shop set redact_at = null where shop_id = :shop"), {"shop": shop_id})
    return 1
