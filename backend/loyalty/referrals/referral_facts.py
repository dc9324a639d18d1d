"""What is known of a friend and an advocate: the links that were claimed, and what speaks against one or for a look."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text

from backend.ledger.posting import AnySession
from backend.loyalty.members import members

REWARD = "points.reward_referrals"
"""The doorbell of what judges again and pays what is due."""
NEW_FOR = timedelta(days=30)
"""Somebody whose account is older than that when they come by a friend's link was here before."""
CHECKOUT = timedelta(hours=1)
"""An order may be a little older than the claim: who signs up while buying opens the widget after it."""
BURST = timedelta(hours=1)
MOST_IN_A_BURST = 5
"""More friends than that within an hour are looked at by a person."""
MOST_CLAIMS = 20
"""So many links one friend can have come by."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A friend came by the link of an advocate at that moment."""

    friend_id: int
    advocate_id: int
    at: datetime


def note(session: AnySession, shop_id: int, claim: Claim, source: str, *, waits: bool = False) -> None:
    """Keep the claim. Told again it is the same one, at the earlier moment. One that `waits` is judged by a job."""
    session.execute(
        text(
            "insert into referral_claim as c (shop_id, friend_id, advocate_id, at, source, waits)"
            " select :shop, :friend, :advocate, :at, :source, :waits where :most > ("
            "  select count(*) from referral_claim where shop_id = :shop and friend_id = :friend"
            "  and advocate_id <> :advocate)"
            " on conflict (shop_id, friend_id, advocate_id)"
            " do update set at = least(c.at, excluded.at),"
            " source = case when excluded.at < c.at then excluded.source else c.source end"
        ),
        {
            "shop": shop_id,
            "friend": claim.friend_id,
            "advocate": claim.advocate_id,
            "at": claim.at,
            "source": source,
            "waits": waits,
            "most": MOST_CLAIMS,
        },
    )


def claims_of(session: AnySession, shop_id: int, friend_id: int) -> Sequence[Claim]:
    """The friend's claims, the first one first."""
    rows = session.execute(
        text(
            "select advocate_id, at from referral_claim where shop_id = :shop and friend_id = :friend"
            " order by at, advocate_id"
        ),
        {"shop": shop_id, "friend": friend_id},
    )
    return [Claim(friend_id, row.advocate_id, row.at) for row in rows]


def judged(session: AnySession, shop_id: int, friend_id: int) -> None:
    """None of the friend's claims waits any more."""
    session.execute(
        text("update referral_claim set waits = false where shop_id = :shop and friend_id = :friend and waits"),
        {"shop": shop_id, "friend": friend_id},
    )


@dataclass(frozen=True, slots=True)
class Pair:
    """The two of a claim. Each fact is what the database says now."""

    is_same_account: bool
    has_same_email: bool
    has_same_phone: bool
    was_merged: bool
    is_erased: bool
    """Either of them: the person, and not only a name that was merged into another and that the store has deleted."""
    is_ring: bool
    """The friend has brought the advocate, or somebody who did."""
    has_older_account: bool
    is_older_account: bool
    """The friend's account is older than a new one is."""
    has_ordered: bool
    """Before the claim."""


_PAIR = text(
    """
    with recursive up as (
        select advocate_id from referral where shop_id = :shop and friend_id = :advocate
            and coalesce(reason, '') <> all ('{self,cycle}'::text[])
        union
        select r.advocate_id from up join referral r on r.shop_id = :shop and r.friend_id = up.advocate_id
            and coalesce(r.reason, '') <> all ('{self,cycle}'::text[])
    )
    select f.id = a.id as is_same_account,
        f.id <> a.id and coalesce(f.email_key = a.email_key, false) as has_same_email,
        f.id <> a.id and coalesce(f.phone_key = a.phone_key, false) as has_same_phone,
        exists (select from same_person s where s.shop_id = f.shop_id
            and (s.kept_id, s.gone_id) in ((f.id, a.id), (a.id, f.id))) as was_merged,
        friend.status = 'erased' or advocate.status = 'erased' as is_erased,
        exists (select from up where up.advocate_id = f.id or exists (select from same_person s
            where s.shop_id = f.shop_id and (s.kept_id, s.gone_id) in ((f.id, up.advocate_id), (up.advocate_id, f.id))))
            as is_ring,
        exists (select from member o where o.shop_id = f.shop_id and o.email_key = f.email_key
            and o.id not in (f.id, a.id) and (coalesce(o.registered_at, o.enrolled_at), o.id)
                < (coalesce(f.registered_at, f.enrolled_at), f.id))
            or exists (select from same_person s
                join member o on o.shop_id = s.shop_id and o.id = s.kept_id + s.gone_id - f.id
                where s.shop_id = f.shop_id and f.id in (s.kept_id, s.gone_id) and o.id <> a.id
                and (coalesce(o.registered_at, o.enrolled_at), o.id)
                    < (coalesce(f.registered_at, f.enrolled_at), f.id))
            or exists (select from former_address t where t.shop_id = f.shop_id and t.erased_at < :at + :new_for
                and t.email_hash = any(cast(:hashes as bytea[]))) as has_older_account,
        coalesce(f.registered_at, f.enrolled_at) < :at - :new_for as is_older_account,
        exists (select from orders o where o.shop_id = f.shop_id and o.member_id = coalesce(f.merged_into, f.id)
                and o.placed_at < :at - :checkout)
            or exists (select from orders o where o.shop_id = f.shop_id and o.member_id is null
                and o.guest_email = lower(f.email) and o.placed_at < :at - :checkout) as has_ordered
    from member f join member a on a.shop_id = f.shop_id
    join member friend on friend.shop_id = f.shop_id and friend.id = coalesce(f.merged_into, f.id)
    join member advocate on advocate.shop_id = a.shop_id and advocate.id = coalesce(a.merged_into, a.id)
    where f.shop_id = :shop and f.id = :friend and a.id = :advocate
    """
)


def pair(session: AnySession, shop_id: int, claim: Claim) -> Pair:
    row = session.execute(
        _PAIR,
        {
            "shop": shop_id,
            "friend": claim.friend_id,
            "advocate": claim.advocate_id,
            "at": claim.at,
            "new_for": NEW_FOR,
            "checkout": CHECKOUT,
            "hashes": members.address_hashes(session, shop_id, claim.friend_id),
        },
    ).one()
    return Pair(**row._mapping)


def signals(session: AnySession, shop_id: int, claim: Claim) -> list[str]:
    """What a person should look at before the two get anything, in words: address, connection, burst."""
    row = session.execute(
        text(
            """
            select coalesce(f.address_key = a.address_key, false) as address,
                exists (select from member_connection x join member_connection y using (shop_id, connection)
                    where x.shop_id = f.shop_id and x.member_id = f.id and y.member_id = a.id) as connection,
                (select count(*) from (select from referral_claim c where c.shop_id = f.shop_id
                    and c.advocate_id = a.id and c.friend_id <> f.id and c.at > :at - :burst and c.at <= :at
                    limit :most) others) >= :most as burst
            from member f join member a on a.shop_id = f.shop_id
            where f.shop_id = :shop and f.id = :friend and a.id = :advocate
            """
        ),
        {
            "shop": shop_id,
            "friend": claim.friend_id,
            "advocate": claim.advocate_id,
            "at": claim.at,
            "burst": BURST,
            "most": MOST_IN_A_BURST,
        },
    ).one()
    return [name for name in ("address", "connection", "burst") if getattr(row, name)]


@dataclass(frozen=True, slots=True)
class Counted:
    """How many friends of an advocate have counted: on that local day, in that month, ever."""

    day: int
    month: int
    total: int


def counted(session: AnySession, shop_id: int, claim: Claim, at: datetime, timezone: str) -> Counted:
    """The other friends of the claim's advocate that count against the caps at that moment."""
    row = session.execute(
        text(
            """
            select count(*) filter (where date_trunc('day', counted_at at time zone :tz)
                    = date_trunc('day', cast(:at as timestamptz) at time zone :tz)) as day,
                count(*) filter (where date_trunc('month', counted_at at time zone :tz)
                    = date_trunc('month', cast(:at as timestamptz) at time zone :tz)) as month,
                count(*) as total
            from referral where shop_id = :shop and advocate_id = :advocate and friend_id <> :friend
                and state = any ('{qualified,rewarded}'::text[])
            """
        ),
        {"shop": shop_id, "advocate": claim.advocate_id, "friend": claim.friend_id, "at": at, "tz": timezone},
    ).one()
    return Counted(row.day, row.month, row.total)


@dataclass(frozen=True, slots=True)
class Received:
    """An order of the friend that was received, and whether it still stands."""

    order_id: int
    placed_at: datetime
    received_at: datetime
    stands: bool


def received(session: AnySession, shop_id: int, friend_id: int) -> Sequence[Received]:
    """The friend's orders that were received, the first one first."""
    rows = session.execute(
        text(
            "select id, placed_at, received_at, stands from orders where shop_id = :shop and member_id = coalesce("
            " (select merged_into from member where shop_id = :shop and id = :friend), :friend)"
            " and received_at is not null order by received_at, placed_at, external_id"
        ),
        {"shop": shop_id, "friend": friend_id},
    )
    return [Received(row.id, row.placed_at, row.received_at, row.stands) for row in rows]
