"""Members: first sight, profile, verified addresses, erasure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert

from backend.errors import MemberBlocked, Unauthorized
from backend.ledger.posting import AnySession
from backend.loyalty.members import account_metafields, care_log
from backend.loyalty.notifications import outgoing_events
from backend.loyalty.referrals import referral_codes
from backend.loyalty.segments import segment_due
from backend.loyalty.tiers import tier_due
from backend.models import Account, Member, Tombstone, VerifiedAddress
from backend.platforms.events import Customer

_PLAIN_FIELDS = ("phone", "first_name", "last_name", "locale", "birthday")
_IDS_AT_ONCE = 100
_BODIES_AT_ONCE = 5000


@dataclass(frozen=True)
class WidgetVisitor:
    """Who the store says is signed in."""

    external_id: str
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    locale: str | None = None


def by_external_id(session: AnySession, shop_id: int, external_id: str) -> Member | None:
    """The member of that platform id, or None."""
    return session.execute(
        select(Member).where(Member.shop_id == shop_id, Member.external_id == external_id)
    ).scalar_one_or_none()


def living(session: AnySession, member: Member) -> Member:
    """The member that this one is part of, if it was merged into another, else itself."""
    if member.status != "merged" or member.merged_into is None:
        return member
    return session.get_one(Member, (member.shop_id, member.merged_into))


def living_id(session: AnySession, shop_id: int, member_id: int) -> int:
    """`living`, by ids."""
    return session.execute(
        select(func.coalesce(Member.merged_into, Member.id)).where(Member.shop_id == shop_id, Member.id == member_id)
    ).scalar_one()


def enrol(session: AnySession, shop_id: int, external_id: str, now: datetime) -> Member | None:
    """The member of that platform id, made with its account on first sight. None if the customer was erased.

    Of a customer whose account was merged it is the member that was kept.
    """
    known = by_external_id(session, shop_id, external_id)
    if known is not None:
        return living(session, known)
    if _is_erased(session, shop_id, external_id):
        return None
    member_id = session.execute(
        insert(Member)
        .values(shop_id=shop_id, external_id=external_id, enrolled_at=now, referral_code=referral_codes.new_code())
        .on_conflict_do_nothing(index_elements=["shop_id", "external_id"])
        .returning(Member.id)
    ).scalar()
    if member_id is not None:
        session.execute(insert(Account).values(shop_id=shop_id, member_id=member_id))
        tier_due.mark(session, [(shop_id, member_id)], now)
        segment_due.note(session, shop_id, [member_id])
    return by_external_id(session, shop_id, external_id)


def describe(member: Member, customer: Customer, at: datetime) -> None:
    """Take over what the event says of the customer, each field unless a newer event said it. What is not said stays.

    Field by field, so that the end is the same in whatever order the events arrive (contract section 3).
    """
    moment = at.astimezone(UTC).isoformat(timespec="microseconds")  # of equal length, so that texts compare as times
    newer = {name: value for name, value in _said(customer).items() if member.profile_times.get(name, moment) <= moment}
    if customer.birthday is not None:
        is_another = "birthday" in newer and customer.birthday != member.birthday
        if is_another:
            member.birthday_since = at
        elif customer.birthday == member.birthday:
            member.birthday_since = min(at, member.birthday_since or at)
    for name, value in newer.items():
        setattr(member, name, value)
    if customer.created_at is not None:
        member.registered_at = min(customer.created_at, member.registered_at or customer.created_at)
    if "email" in newer:
        member.email_verified = customer.email_verified
    member.profile_times = member.profile_times | dict.fromkeys(newer, moment)
    member.profile_at = max(at, member.profile_at or at)


def _said(customer: Customer) -> dict[str, Any]:
    said = {name: getattr(customer, name) for name in ("email", *_PLAIN_FIELDS)}
    said["tags"] = None if customer.tags is None else list(customer.tags)
    said["address"] = None if customer.address is None else dict(customer.address)
    return {name: value for name, value in said.items() if value is not None}


def verify_address(session: AnySession, member: Member, email: str) -> bool:
    """Note that the platform has verified the address as this member's. False if it is known as another's.

    The first member to prove an address keeps it: it may have claimed a guest's orders already.
    """
    session.execute(
        insert(VerifiedAddress)
        .values(shop_id=member.shop_id, email=email.lower(), member_id=member.id)
        .on_conflict_do_nothing(index_elements=["shop_id", "email"])
    )
    return owner_of_address(session, member.shop_id, email) == member.id


def owner_of_address(session: AnySession, shop_id: int, email: str) -> int | None:
    """The member whose verified address this is."""
    return session.execute(
        select(VerifiedAddress.member_id).where(
            VerifiedAddress.shop_id == shop_id, VerifiedAddress.email == email.lower()
        )
    ).scalar_one_or_none()


def see_in_widget(session: AnySession, shop_id: int, visitor: WidgetVisitor, now: datetime) -> Member:
    """The member who opened the widget, made on first sight. The store's webhooks know the profile better: only gaps
    are filled. Raises Unauthorized for an erased customer, MemberBlocked."""
    member = enrol(session, shop_id, visitor.external_id, now)
    if member is None:
        raise Unauthorized("This customer has been erased.")
    if member.status == "blocked":
        raise MemberBlocked()
    for name in ("email", "first_name", "last_name", "locale"):
        if getattr(member, name) is None:
            setattr(member, name, getattr(visitor, name))
    return member


def erase(session: AnySession, shop_id: int, external_id: str, at: datetime) -> int | None:
    """Forget the person, keep the sums: personal data goes, the ledger's entries stay under a pseudonym.

    A tombstone keeps late deliveries from bringing the customer back. Erasing twice, or somebody unknown, is fine.
    Returns the id of the member that was erased, if there was one.
    """
    session.execute(
        insert(Tombstone)
        .values(shop_id=shop_id, external_id_hash=_hash(shop_id, external_id), erased_at=at)
        .on_conflict_do_nothing(index_elements=["shop_id", "external_id_hash"])
    )
    member = by_external_id(session, shop_id, external_id)
    if member is None:
        return None
    if member.status == "merged":  # stores drop the customer that was merged; the person stays
        _close(member)
        return None
    _forget(session, shop_id, member, external_id, at)
    return member.id


def erase_member(session: AnySession, shop_id: int, member: Member, at: datetime) -> None:
    """`erase` for who is known by the member alone."""
    if member.external_id is not None:
        erase(session, shop_id, member.external_id, at)
    else:
        _forget(session, shop_id, member, None, at)


def _close(account: Member) -> None:
    """The account of a customer that a store has no more."""
    account.external_id = account.referral_code = None
    account.status = "erased"


def _forget(session: AnySession, shop_id: int, member: Member, external_id: str | None, at: datetime) -> None:
    remember_address(session, shop_id, member.id, at)
    for former in session.execute(
        select(Member).where(Member.shop_id == shop_id, Member.merged_into == member.id, Member.status == "merged")
    ).scalars():
        if former.external_id is not None:
            session.execute(
                insert(Tombstone)
                .values(shop_id=shop_id, external_id_hash=_hash(shop_id, former.external_id), erased_at=at)
                .on_conflict_do_nothing(index_elements=["shop_id", "external_id_hash"])
            )
            account_metafields.forget(session, shop_id, former.id, former.external_id)
        _close(former)
    if external_id is not None:
        account_metafields.forget(session, shop_id, member.id, external_id)
    verified = session.execute(
        delete(VerifiedAddress)
        .where(VerifiedAddress.shop_id == shop_id, VerifiedAddress.member_id == member.id)
        .returning(VerifiedAddress.email)
    ).scalars()
    addresses = {*verified, *([member.email.lower()] if member.email else [])}
    for name in (
        "external_id",
        "referral_code",
        "email",
        "phone",
        "first_name",
        "last_name",
        "locale",
        "birthday",
        "birthday_since",
        "address",
    ):
        setattr(member, name, None)
    member.tags, member.segments, member.profile_times = [], [], {}
    member.tier = None
    member.email_verified = False
    member.status = "erased"
    member.token_version += 1
    session.flush()
    tier_due.forget(session, shop_id, member.id)
    segment_due.forget(session, shop_id, member.id)
    session.execute(
        text("delete from member_connection where shop_id = :shop and member_id = :member"),
        {"shop": shop_id, "member": member.id},
    )
    session.execute(
        text(
            "update redemption set address = null, attributes = '{}' where shop_id = :shop and member_id = :member"
            " and (address is not null or attributes <> '{}')"
        ),
        {"shop": shop_id, "member": member.id},
    )
    outgoing_events.forget(session, shop_id, member.id)
    care_log.forget(session, shop_id, member.id)
    _drop_what_waits(session, shop_id, member.id, at)
    erase_from_bodies(session, shop_id, [external_id] if external_id is not None else [], addresses)


def _drop_what_waits(session: AnySession, shop_id: int, member_id: int, at: datetime) -> None:
    """Mails that have not gone out, changes that wait for a second person, what people wrote about either, and notes."""
    who = {"shop": shop_id, "member": member_id, "at": at}
    for statement in (
        "delete from outbox where shop_id = :shop and kind = 'mail' and payload ->> 'member_id' = cast(:member as text)"
        " and state <> 'done'",
        # nobody can be reminded any more: points must not wait for a mail that is gone
        "update lot set reminder = case when open then 'impossible' else 'waiting' end where shop_id = :shop"
        " and member_id = :member and reminder = 'queued'",
        "update manual_change set state = 'withdrawn', decided_at = :at, decided_name = 'Lagniappe'"
        " where shop_id = :shop and state = 'waiting'"
        " and (member_id = :member or details ->> 'other_id' = cast(:member as text))",
        "update manual_change set reason = '', decision_reason = null, details = '{}'"
        " where shop_id = :shop and (member_id = :member or details ->> 'other_id' = cast(:member as text))",
        "delete from member_note where shop_id = :shop and member_id = :member",
        "update member_block set until = :at where shop_id = :shop and member_id = :member and until is null",
        "update award set held = false where shop_id = :shop and member_id = :member and held",
    ):
        session.execute(text(statement), who)


def erase_from_bodies(session: AnySession, shop_id: int, ids: Iterable[str], addresses: Iterable[str]) -> None:
    """Empty the handled deliveries that name one of these ids of the platform or addresses (in small letters); what still
    waits is emptied by retention later. Answers that are remembered for those who ask twice are forgotten.

    An id is found where a body holds it as text, as a whole number or at the end of a longer name (`gid://…/7001`).
    A large shop has more bodies than one statement may take time for, so they are looked through some at a time.
    """
    wanted = list(ids)
    at_once = [wanted[at : at + _IDS_AT_ONCE] for at in range(0, len(wanted), _IDS_AT_ONCE)]
    # One expression for many ids: the length of the body is what a look costs, however many are looked for.
    named = ['("|id":|/)(' + "|".join(map(re.escape, some)) + ')(["},])' for some in at_once]
    names_them = (
        "(exists (select 1 from unnest(cast(:named as text[])) n where body ~ n)"
        " or exists (select 1 from unnest(cast(:addresses as text[])) a where position(a in lower(body)) > 0))"
    )
    who = {"shop": shop_id, "named": named, "addresses": sorted(addresses)}
    session.execute(text(f"delete from remembered_answer where shop_id = :shop and {names_them}"), who)  # noqa: S608 - our own
    is_done = "shop_id = :shop and next_try_at is null and body is not null"
    kept = list(session.execute(text(f"select id from delivery where {is_done}"), who).scalars())  # noqa: S608
    empty = text(f"update delivery set body = null where {is_done} and id = any(:ids) and {names_them}")  # noqa: S608
    for at in range(0, len(kept), _BODIES_AT_ONCE):
        session.execute(empty, who | {"ids": kept[at : at + _BODIES_AT_ONCE]})


def _is_erased(session: AnySession, shop_id: int, external_id: str) -> bool:
    return bool(erased_among(session, shop_id, [external_id]))


_EMAIL_KEY = text("select email_key from member where shop_id = :shop and id = :member")


def remember_address(session: AnySession, shop_id: int, member_id: int, at: datetime) -> None:
    """Keep a hash of the address of somebody who is being erased: who comes back with it is no new customer."""
    email_key = session.execute(_EMAIL_KEY, {"shop": shop_id, "member": member_id}).scalar()
    if email_key is not None:
        session.execute(
            text(
                "insert into former_address values (:shop, :hash, :at)"
                " on conflict (shop_id, email_hash) do update set erased_at = excluded.erased_at"
            ),
            {"shop": shop_id, "hash": _hash(shop_id, f"address|{email_key}"), "at": at},
        )


def address_hashes(session: AnySession, shop_id: int, member_id: int) -> list[bytes]:
    """The hashes under which the member's address would be known if somebody with it had been erased."""
    email_key = session.execute(_EMAIL_KEY, {"shop": shop_id, "member": member_id}).scalar()
    if email_key is None:
        return []
    return [_hash(owner, f"address|{email_key}") for owner in _owners(session, shop_id)]


def was_here_before(session: AnySession, shop_id: int, member_id: int) -> bool:
    """Whether somebody with the member's address was erased in the last two years."""
    found = session.execute(
        text(
            "select 1 from former_address where shop_id = :shop and email_hash = any(cast(:hashes as bytea[])) limit 1"
        ),
        {"shop": shop_id, "hashes": address_hashes(session, shop_id, member_id)},
    )
    return found.first() is not None


def _owners(session: AnySession, shop_id: int) -> list[int]:
    """The shop, and those that it was brought in from."""
    former = session.execute(text("select former_id from former_shop where shop_id = :shop"), {"shop": shop_id})
    return [shop_id, *former.scalars()]


def erased_among(session: AnySession, shop_id: int, external_ids: Sequence[str]) -> set[str]:
    """Which of these customers were erased, here or in the shop that this one was brought in from."""
    hashes = {_hash(owner, each): each for owner in _owners(session, shop_id) for each in external_ids}
    found = session.execute(
        select(Tombstone.external_id_hash).where(
            Tombstone.shop_id == shop_id, Tombstone.external_id_hash.in_(list(hashes))
        )
    ).scalars()
    return {hashes[bytes(each)] for each in found}


def _hash(shop_id: int, external_id: str) -> bytes:
    return sha256(f"{shop_id}|{external_id}".encode()).digest()
