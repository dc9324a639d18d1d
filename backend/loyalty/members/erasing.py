"""Erasing a person by hand: what goes and what stays, then the same that a store's own request does."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from backend.errors import Conflict, NotFound
from backend.ledger.balance import Balance, balance
from backend.ledger.posting import AnySession, Author
from backend.loyalty.members import care_log, members, person_locks
from backend.loyalty.orders import orders
from backend.loyalty.referrals import referrals
from backend.loyalty.shops.shops import ShopFacts
from backend.models import Member


@dataclass(frozen=True, slots=True)
class Preview:
    """What an erasure would meet: numbers that stay without the person, and what is dropped."""

    member: Member
    balance: Balance
    entries: int
    orders: int
    rewards: int
    usable_rewards: int
    """Codes that are out and still work at the store."""
    accounts: int
    """That were merged into this one."""
    waiting_mails: int
    waiting_changes: int


def preview(session: AnySession, shop_id: int, member_id: int, now: datetime) -> Preview:
    """Changes nothing. Raises NotFound."""
    member = session.get(Member, (shop_id, member_id))
    if member is None:
        raise NotFound()
    counted = session.execute(
        text(
            """
            select (select count(*) from entry where shop_id = :shop and member_id = :member) as entries,
                (select count(*) from orders where shop_id = :shop and member_id = :member) as orders,
                (select count(*) from redemption where shop_id = :shop and member_id = :member) as rewards,
                (select count(*) from redemption where shop_id = :shop and member_id = :member and status = 'issued'
                    and use_state = 'delivered' and code is not null) as usable_rewards,
                (select count(*) from member where shop_id = :shop and merged_into = :member) as accounts,
                (select count(*) from outbox where shop_id = :shop and kind = 'mail' and state = 'waiting'
                    and payload ->> 'member_id' = cast(:member as text)) as waiting_mails,
                (select count(*) from manual_change where shop_id = :shop and member_id = :member and state = 'waiting')
                    as waiting_changes
            """
        ),
        {"shop": shop_id, "member": member_id},
    ).one()
    return Preview(member, balance(session, shop_id, member_id, now), **counted._mapping)


def erase(
    session: AnySession, shop: ShopFacts, member_id: int, author: Author, now: datetime, *, cause: str | None = None
) -> None:
    """Forget the person for good. Takes its own locks: call it first in a transaction.

    `cause` is kept, so it must say nothing of the person. Raises NotFound; Conflict `member_erased`, `member_merged`.
    """
    (member,) = person_locks.hold(session, shop.id, [member_id], referrals.LINKS)
    if member.status == "erased":
        raise Conflict("This customer has been erased already.", code="member_erased")
    if member.status == "merged":
        raise Conflict("This account was merged into another one: erase that one.", code="member_merged")
    members.erase_member(session, shop.id, member, now)
    orders.forget_addresses(session, shop.id, member_id)
    care_log.note(session, shop.id, member_id, "erase", author, now, reason=cause)
