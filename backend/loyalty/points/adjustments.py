"""Points added or taken by hand, with who did it and why (S3.21, S3.22)."""

from datetime import datetime
from typing import Any

from sqlalchemy import select

from backend.errors import Conflict, IdempotencyKeyReused, MemberBlocked, NotFound
from backend.ledger import posting
from backend.ledger.posting import AnySession, Author
from backend.loyalty import calendar_rules
from backend.loyalty.notifications import notices
from backend.loyalty.orders import awards
from backend.loyalty.program import programs
from backend.loyalty.shops import shops
from backend.models import Entry, Member
from backend.platforms.events import time_text

MAX_POINTS = 1_000_000_000
"""The most that one entry may move (`ledger.sql`)."""


def adjust(
    session: AnySession,
    shop_id: int,
    member_id: int,
    points: int,
    reason: str,
    author: Author,
    key: str,
    now: datetime,
    expires_at: datetime | None = None,
    *,
    is_told: bool = True,
) -> int:
    """Give `points` to a member, or take them if negative, and tell the member by mail. Returns the entry's id.

    Who gets points is not told if `is_told` is false; who loses some always is.

    `key` names this adjustment among the member's: the same one again has no second effect and returns the same entry.
    What is given ends by the program in force unless `expires_at` is given (contract section 8).

    Raises NotFound; Conflict `member_erased`, `member_merged`, `member_blocked` (points that are added) or
    `already_expired`; NotEnoughPoints for a deduction over what is available; IdempotencyKeyReused if `key` stands for
    another adjustment.
    """
    if points == 0 or abs(points) > MAX_POINTS:
        raise ValueError(f"an adjustment moves 1 to {MAX_POINTS} points, not {points}")
    member = session.execute(
        select(Member).where(Member.shop_id == shop_id, Member.id == member_id)
    ).scalar_one_or_none()
    if member is None:
        raise NotFound()
    source_key = f"adjustment:{member_id}:{key}"
    done = _entry(session, shop_id, source_key)
    if done is None:
        posting.lock_accounts(session, shop_id, [member_id])
        session.refresh(member)  # who blocks, merges or erases a member holds the account
        if member.status == "erased":
            raise Conflict("This member has been erased: the account is closed.", code="member_erased")
        if member.status == "merged":
            raise Conflict(f"This account was merged into member {member.merged_into}.", code="member_merged")
        if member.status == "blocked" and points > 0:
            raise MemberBlocked("This member is blocked: points can be taken, and none added until that is lifted.")
        why = {"rule": "adjustment", "points": points}  # the member reads it: who did it stands in `author` alone
        _move(session, shop_id, member_id, points, reason, author, source_key, now, expires_at, why)
        done = _entry(session, shop_id, source_key)
        assert done is not None
    if done.points != abs(points) or (done.kind == "grant") != (points > 0) or done.reason != reason:
        raise IdempotencyKeyReused("This key was used for another adjustment of the same member.")
    if is_told or points < 0:
        notices.tell(
            session,
            shop_id,
            member_id,
            "points_adjusted",
            f"mail:points_adjusted:{done.id}",
            entry_id=done.id,
            points=points,
            reason=reason,
        )
    return done.id


def _move(
    session: AnySession,
    shop_id: int,
    member_id: int,
    points: int,
    reason: str,
    author: Author,
    source_key: str,
    now: datetime,
    expires_at: datetime | None,
    why: dict[str, Any],
) -> None:
    if points < 0:
        entry_id = posting.deduct(
            session, shop_id, member_id, -points, at=now, key=source_key, author=author, reason=reason, why=why
        )
        if entry_id is not None:
            awards.tell_of_swept(session, shop_id, member_id, entry_id)
        return
    version = programs.version_for(session, shop_id, now)
    if expires_at is None:
        zone = calendar_rules.timezone(shops.facts(shop_id).timezone)
        ends, ends_by = calendar_rules.expires_at(now, programs.settings_of(version).expiry, zone), "program"
    elif expires_at <= now:
        raise Conflict("expires_at has passed already: these points could never be spent.", code="already_expired")
    else:
        ends, ends_by = expires_at, "given"
    posting.grant(
        session,
        shop_id,
        member_id,
        points,
        at=now,
        key=source_key,
        author=author,
        reason=reason,
        why={
            **why,
            "program_version": version.version,
            "expires_at": time_text(ends) if ends else None,
            "expires_by": ends_by,
        },
        expires_at=ends,
        program_version=version.version,
    )


def _entry(session: AnySession, shop_id: int, source_key: str) -> Entry | None:
    return session.execute(
        select(Entry).where(Entry.shop_id == shop_id, Entry.source_key == source_key)
    ).scalar_one_or_none()
