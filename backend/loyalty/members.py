"""Members: first sight, profile, verified addresses, erasure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert

from backend.errors import Unauthorized
from backend.ledger.posting import AnySession
from backend.loyalty import outgoing_events, referral_codes, segment_due, tier_due
from backend.models import Account, Member, Tombstone, VerifiedAddress
from backend.platforms.events import Customer

_PLAIN_FIELDS = ("phone", "first_name", "last_name", "locale", "birthday")


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


def enrol(session: AnySession, shop_id: int, external_id: str, now: datetime) -> Member | None:
    """The member of that platform id, made with its account on first sight. None if the customer was erased."""
    known = by_external_id(session, shop_id, external_id)
    if known is not None:
        return known
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
    are filled. Raises Unauthorized for an erased customer."""
    member = enrol(session, shop_id, visitor.external_id, now)
    if member is None:
        raise Unauthorized("This customer has been erased.")
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
    addresses = {a.lower() for a in (member.email,) if a}
    session.execute(
        delete(VerifiedAddress).where(VerifiedAddress.shop_id == shop_id, VerifiedAddress.member_id == member.id)
    )
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
    _erase_from_bodies(session, shop_id, external_id, addresses)
    return member.id


def _erase_from_bodies(session: AnySession, shop_id: int, external_id: str, addresses: set[str]) -> None:
    """Empty the handled deliveries that name the person; what still waits is emptied by retention later."""
    session.execute(
        text(
            "update delivery set body = null where shop_id = :shop and next_try_at is null and body is not null"
            " and (position(:quoted in body) > 0 or exists ("
            "   select 1 from unnest(cast(:addresses as text[])) a where position(a in lower(body)) > 0))"
        ),
        {"shop": shop_id, "quoted": f'"{external_id}"', "addresses": sorted(addresses)},
    )


def _is_erased(session: AnySession, shop_id: int, external_id: str) -> bool:
    return bool(erased_among(session, shop_id, [external_id]))


def erased_among(session: AnySession, shop_id: int, external_ids: Sequence[str]) -> set[str]:
    """Which of these customers were erased, here or in the shop that this one was brought in from."""
    former = session.execute(text("select former_id from former_shop where shop_id = :shop"), {"shop": shop_id})
    owners = [shop_id, *former.scalars()]
    hashes = {_hash(owner, each): each for owner in owners for each in external_ids}
    found = session.execute(
        select(Tombstone.external_id_hash).where(
            Tombstone.shop_id == shop_id, Tombstone.external_id_hash.in_(list(hashes))
        )
    ).scalars()
    return {hashes[bytes(each)] for each in found}


def _hash(shop_id: int, external_id: str) -> bytes:
    return sha256(f"{shop_id}|{external_id}".encode()).digest()
