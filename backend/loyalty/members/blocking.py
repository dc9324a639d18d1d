"""Blocking a member: nothing is earned or redeemed until it is lifted, and nothing is taken away.

What was promised before waits: its day comes and goes, and it is posted when the block is lifted. An order that is placed
while its customer is blocked earns nothing, then and later, whenever it is told (docs/decisions/0021). Points go on ending
on their day, codes that are out already go on working, and returns and refunds are handled as ever.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, text

from backend.errors import Conflict, NotFound
from backend.ledger import posting
from backend.ledger.posting import AnySession, Author
from backend.loyalty.members import care_log
from backend.loyalty.referrals import referral_facts
from backend.loyalty.segments import segment_due
from backend.loyalty.tiers import tier_due
from backend.models import Member
from backend.queue import enqueue_after_commit


def block(session: AnySession, shop_id: int, member_id: int, reason: str, author: Author, now: datetime) -> None:
    """Raises NotFound; Conflict `blocked` if the member is already, `member_erased`, `member_merged`."""
    member = held(session, shop_id, [member_id])[0]
    if member.status == "blocked":
        raise Conflict("This customer is blocked already.", code="blocked")
    require_living(member)
    member.status = "blocked"
    member.token_version += 1  # sessions that are open end with their next call
    session.flush()
    session.execute(
        text("insert into member_block (shop_id, member_id, since) values (:shop, :member, :now)"),
        {"shop": shop_id, "member": member_id, "now": now},
    )
    _hold_promises(session, shop_id, member_id, is_held=True)
    segment_due.note(session, shop_id, [member_id])
    care_log.note(session, shop_id, member_id, "block", author, now, reason=reason)


def unblock(session: AnySession, shop_id: int, member_id: int, reason: str, author: Author, now: datetime) -> None:
    """What waited comes. Raises NotFound; Conflict `not_blocked`."""
    member = held(session, shop_id, [member_id])[0]
    if member.status != "blocked":
        raise Conflict("This customer is not blocked.", code="not_blocked")
    member.status = "active"
    session.flush()
    session.execute(
        text("update member_block set until = :now where shop_id = :shop and member_id = :member and until is null"),
        {"shop": shop_id, "member": member_id, "now": now},
    )
    _hold_promises(session, shop_id, member_id, is_held=False)
    session.execute(
        text(
            "with one as (select id from member where shop_id = :shop and (id = :member or merged_into = :member))"
            " update referral set recheck = true where shop_id = :shop and not recheck"
            " and (advocate_id = any(array(select id from one)) or friend_id = any(array(select id from one)))"
        ),
        {"shop": shop_id, "member": member_id},
    )
    tier_due.mark(session, [(shop_id, member_id)], now)
    segment_due.note(session, shop_id, [member_id])
    care_log.note(session, shop_id, member_id, "unblock", author, now, reason=reason)
    enqueue_after_commit(posting.POST_DUE)
    enqueue_after_commit(referral_facts.REWARD)


def is_blocked(session: AnySession, shop_id: int, member_id: int) -> bool:
    """Whether the member is blocked now. True only of what stays so, if the caller holds the account."""
    session.flush()
    return (
        session.execute(
            select(Member.status).where(Member.shop_id == shop_id, Member.id == member_id)
        ).scalar_one_or_none()
        == "blocked"
    )


def was_blocked_at(session: AnySession, shop_id: int, member_id: int, at: datetime) -> bool:
    """Whether the member, or an account that was merged into it, was blocked at that moment."""
    found = session.execute(
        text(
            "select 1 from member_block b where b.shop_id = :shop and b.since <= :at and (b.until is null or b.until > :at)"
            " and (b.member_id = :member or exists (select from member m where m.shop_id = b.shop_id"
            " and m.id = b.member_id and m.merged_into = :member)) limit 1"
        ),
        {"shop": shop_id, "member": member_id, "at": at},
    )
    return found.first() is not None


def held(session: AnySession, shop_id: int, member_ids: Sequence[int]) -> list[Member]:
    """The members, in this order, with their accounts held: nobody changes them meanwhile. Raises NotFound."""
    posting.lock_accounts(session, shop_id, member_ids)
    found = [session.get(Member, (shop_id, each), populate_existing=True) for each in member_ids]
    members = [each for each in found if each is not None]
    if len(members) < len(member_ids):
        raise NotFound()
    return members


def require_living(member: Member) -> None:
    """Raises Conflict for an account that is closed."""
    if member.status == "erased":
        raise Conflict("This customer has been erased: there is nothing left to change.", code="member_erased")
    if member.status == "merged":
        raise Conflict("This account was merged into another one: change that one.", code="member_merged")


def _hold_promises(session: AnySession, shop_id: int, member_id: int, *, is_held: bool) -> None:
    session.execute(
        text(
            "update award set held = :held where shop_id = :shop and member_id = :member and state = 'pending'"
            " and held <> :held"
        ),
        {"shop": shop_id, "member": member_id, "held": is_held},
    )
