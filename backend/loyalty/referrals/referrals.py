"""Referrals: who brought whom, whether it counts, and what both get for it (docs/decisions/0012).

Like an order's points, a referral follows from what is known and never from the sequence in which it was told: the links
that the friend came by, who the two are, and the friend's orders. `referral_judging.judge` brings it to where it should be.

The caller holds the accounts of the friend and of everybody whose link they came by.
"""

from datetime import datetime

from sqlalchemy import text

from backend.ledger import posting
from backend.ledger.posting import AnySession
from backend.loyalty import name_locks
from backend.loyalty.referrals import referral_codes, referral_facts, referral_visits
from backend.loyalty.referrals.referral_facts import Claim
from backend.loyalty.referrals.referral_judging import judge
from backend.loyalty.shops.shops import ShopFacts
from backend.models import Member, Order
from backend.platforms.events import Customer, CustomerSeen
from backend.platforms.known_orders import KnownOrder
from backend.queue import enqueue_after_commit

LINKS = ("referrals", "")
"""The name that everybody holds who makes a friend somebody's: rings are refused because one after the other looks."""


def customer_seen(session: AnySession, shop: ShopFacts, member: Member, seen: CustomerSeen, now: datetime) -> None:
    """The store told of a customer, who may be somebody's friend."""
    # A new account came by the link when it was made; of an old one it is told now.
    came_by_link(session, shop, member, seen.customer, seen.signed_up_at or seen.at)
    judge(session, shop, member.id, now)
    _look_again_at_those_like(session, shop.id, member.id)


def came_by_link(session: AnySession, shop: ShopFacts, member: Member, customer: Customer, at: datetime) -> bool:
    """Keep that the customer came by the link at that moment whose code the store says of them, if it is anybody's. True
    if it is: they are to be judged."""
    code = customer.referral_code
    advocate_id = None if code is None else referral_codes.advocate_of(session, shop.id, code)
    if advocate_id is None:
        return False
    referral_facts.note(session, shop.id, Claim(member.id, advocate_id, at), "store")
    return True


def order_seen(
    session: AnySession, shop: ShopFacts, row: Order, known: KnownOrder, now: datetime, came: int | None = None
) -> None:
    """An order was reckoned anew: it may qualify a friend, or take back that it did. `came`: the member who came by
    a link with it."""
    session.flush()
    concerned = session.execute(
        text(
            "select friend_id from referral where shop_id = :shop and friend_id = :member"
            " union select r.friend_id from member m join referral r on r.shop_id = m.shop_id and r.friend_id = m.id"
            " where m.shop_id = :shop and m.merged_into = :member"
            " union select friend_id from referral where shop_id = :shop and order_id = :order"
            " union select r.friend_id from referral_payout p join referral r on r.shop_id = p.shop_id"
            " and r.id = p.referral_id where p.shop_id = :shop and p.order_id = :order"
        ),
        {"shop": shop.id, "member": row.member_id, "order": row.id},
    ).scalars()
    friends = set(concerned.all())
    for friend_id in sorted(friends if came is None else friends | {came}):
        judge(session, shop, friend_id, now)
    if row.member_id is not None:
        _look_again_at_those_like(session, shop.id, row.member_id)
    elif row.guest_email is not None:
        _look_again(
            session,
            "select id from member where shop_id = :shop and lower(email) = :email",
            shop=shop.id,
            email=row.guest_email,
        )


def order_left(session: AnySession, shop: ShopFacts, member_id: int, now: datetime) -> None:
    """An order turned out to be another's than this member's, who may be new after all."""
    session.flush()
    judge(session, shop, member_id, now)


def claim(session: AnySession, shop: ShopFacts, friend_id: int, code: str, now: datetime) -> None:
    """A member has opened the widget, brought by that link. Nothing follows from a code that nobody has, nor from the same
    link again. Takes its own locks: call it first in a transaction."""
    advocate_id = referral_codes.advocate_of(session, shop.id, code)
    if advocate_id is None or _is_claimed(session, shop.id, friend_id, advocate_id):
        return
    came = Claim(friend_id, advocate_id, now)
    if not name_locks.try_hold(session, shop.id, *LINKS):  # a page does not wait for a batch of sign-ups
        referral_facts.note(session, shop.id, came, "widget", waits=True)
        enqueue_after_commit(referral_facts.REWARD)
        return
    hold_link(session, shop.id, [friend_id, advocate_id])
    referral_facts.note(session, shop.id, came, "widget")
    judge(session, shop, friend_id, now)


def connected(session: AnySession, shop_id: int, member_id: int, connection: bytes, now: datetime) -> None:
    """The member has opened the widget from there. Before a hold is over it makes a person look at a referral of two who
    share it, if nobody has yet."""
    referral_visits.note_connection(session, shop_id, member_id, connection, now)
    _look_again(
        session,
        "select r.friend_id from referral r join member_connection x on x.shop_id = r.shop_id"
        " and x.member_id = r.friend_id + r.advocate_id - :member and x.connection = :connection"
        " where r.shop_id = :shop and (r.friend_id = :member or r.advocate_id = :member)"
        " and r.state = 'qualified' and r.review = 'none' and r.due_at > :now",
        shop=shop_id,
        member=member_id,
        connection=connection,
        now=now,
    )


def merged(session: AnySession, shop: ShopFacts, kept_id: int, gone_id: int, now: datetime) -> None:
    """The platform says that two customers are one: neither brought the other, and what came of it is taken back.
    Takes its own locks: call it first in a transaction."""
    hold_link(session, shop.id, [kept_id, gone_id])
    session.execute(
        text("insert into same_person values (:shop, :kept, :gone) on conflict do nothing"),
        {"shop": shop.id, "kept": kept_id, "gone": gone_id},
    )
    for friend_id in sorted({kept_id, gone_id}):
        judge(session, shop, friend_id, now)


def hold_link(session: AnySession, shop_id: int, member_ids: list[int]) -> None:
    """Hold what making somebody a friend needs: the links of the shop, then the accounts of these members and of all
    whose link they came by."""
    name_locks.hold(session, shop_id, *LINKS)
    advocates = session.execute(
        text("select advocate_id from referral_claim where shop_id = :shop and friend_id = any(:members)"),
        {"shop": shop_id, "members": member_ids},
    ).scalars()
    both = [*member_ids, *advocates.all()]
    kept = session.execute(
        text("select merged_into from member where shop_id = :shop and id = any(:members) and merged_into is not null"),
        {"shop": shop_id, "members": both},
    ).scalars()
    posting.lock_accounts(session, shop_id, [*both, *kept.all()])


def _is_claimed(session: AnySession, shop_id: int, friend_id: int, advocate_id: int) -> bool:
    found = session.execute(
        text("select 1 from referral_claim where shop_id = :shop and friend_id = :friend and advocate_id = :advocate"),
        {"shop": shop_id, "friend": friend_id, "advocate": advocate_id},
    )
    return found.first() is not None


def _look_again_at_those_like(session: AnySession, shop_id: int, member_id: int) -> None:
    """An advocate's profile may have become that of a friend, and a friend may turn out to have another account."""
    _look_again(
        session,
        "select r.friend_id from referral r"
        " join member a on a.shop_id = r.shop_id and a.id = r.advocate_id"
        " join member f on f.shop_id = r.shop_id and f.id = r.friend_id"
        " where r.shop_id = :shop and r.advocate_id = :member"
        " and (a.email_key = f.email_key or a.phone_key = f.phone_key)"
        " union all select f.id from member me"
        " join member f on f.shop_id = me.shop_id and f.email_key = me.email_key and f.id <> me.id"
        " where me.shop_id = :shop and me.id = :member"
        " union all select kept_id + gone_id - :member from same_person"
        " where shop_id = :shop and :member in (kept_id, gone_id)",
        shop=shop_id,
        member=member_id,
    )


def _look_again(session: AnySession, friends: str, **given: object) -> None:
    """Have the referrals of these friends judged again by a job, which locks what that needs. Who does not count stays so."""
    marked = session.execute(
        text(
            "update referral set recheck = true where shop_id = :shop and reason is null and not recheck"  # noqa: S608
            f" and friend_id in ({friends}) returning 1"
        ),
        given,
    )
    if marked.first() is not None:
        enqueue_after_commit(referral_facts.REWARD)
