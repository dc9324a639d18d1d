"""Orders: what is known of each, whose it is, and when it counts as received."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, DateTime, Text, cast, select, tuple_
from sqlalchemy.dialects.postgresql import JSONPATH, insert

from backend.ledger.posting import AnySession
from backend.loyalty.bonuses import occasions
from backend.loyalty.members import members
from backend.loyalty.orders import awards, order_terms
from backend.loyalty.program import programs
from backend.loyalty.redemptions import order_codes
from backend.loyalty.referrals import referrals
from backend.loyalty.segments import segment_due
from backend.loyalty.shops.shops import ShopFacts
from backend.loyalty.tiers import tiers
from backend.models import Member, Order, Refund
from backend.platforms.events import (
    Customer,
    OrderRefunded,
    OrderSeen,
    OrderState,
    refund_to_document,
    time_text,
)
from backend.platforms.known_orders import KnownOrder, known_from_document, known_to_document, learn

GUEST_EMAIL = "$.states[*].order.guest_email"


def see(session: AnySession, shop: ShopFacts, seen: OrderSeen, now: datetime) -> None:
    """Learn one more state of an order and bring its points to where they should be.

    States may come twice and in any order; the end is the same (contract section 3).
    """
    row = by_external_id(session, shop.id, seen.order.external_id)
    known = learn(known_from_document(row.known) if row else None, seen)
    if row is None:
        row = _new(session, shop, known)
    else:
        row.known = known_to_document(known)
    row.guest_email = known.order.guest_email.lower() if known.order.guest_email else None
    customer, came = seen.order.customer, None
    if customer is not None and customer.external_id is not None:
        member = members.enrol(session, shop.id, customer.external_id, now)
        if member is not None:
            take_over_profile(session, shop, member, customer, seen.at, now)
            if referrals.came_by_link(session, shop, member, customer, seen.order.created_at):
                came = member.id
    owner = _owner_of(session, shop.id, known.order, now)
    if owner != row.member_id and (owner is not None or _is_unclaimed_again(session, row, known.order)):
        former = row.member_id
        awards.move_to(session, shop, row, known, owner, now)
        if former is not None:
            occasions.order_left(session, shop, former, known, now)
            referrals.order_left(session, shop, former, now)
            segment_due.note(session, shop.id, [former])
    order_codes.settle(session, shop, row, known, now)
    _reckon(session, shop, row, known, now, came)


def refund(session: AnySession, shop: ShopFacts, refunded: OrderRefunded, now: datetime) -> None:
    """Keep the refund and take back what it is worth. One that arrives before its order waits for it.

    Of two tellings of one refund the later counts, whichever arrives first.
    """
    document = refund_to_document(refunded.refund) | {"at": time_text(refunded.at)}
    telling = insert(Refund).values(
        shop_id=shop.id,
        order_external_id=refunded.order_id,
        external_id=refunded.refund.external_id,
        document=document,
    )
    session.execute(
        telling.on_conflict_do_update(
            index_elements=["shop_id", "order_external_id", "external_id"],
            set_={"document": telling.excluded.document},
            where=_place(telling.excluded.document) > _place(Refund.document),
        )
    )
    row = by_external_id(session, shop.id, refunded.order_id)
    if row is not None:
        _reckon(session, shop, row, known_from_document(row.known), now)


def _reckon(
    session: AnySession, shop: ShopFacts, row: Order, known: KnownOrder, now: datetime, came: int | None = None
) -> None:
    """Bring what the order is worth, and all that depends on it, to where it should be. `came`: the member who came
    by a friend's link with it."""
    order_terms.freeze(session, shop, row, now)
    awards.reckon(session, shop, row, known, now)
    occasions.order_seen(session, shop, row, known, now)
    referrals.order_seen(session, shop, row, known, now, came)
    tiers.order_seen(session, shop, row, known, now)
    if row.member_id is not None:
        segment_due.note(session, shop.id, [row.member_id])


def take_over_profile(
    session: AnySession, shop: ShopFacts, member: Member, customer: Customer, at: datetime, now: datetime
) -> None:
    """Take over what the platform says of a customer. An address it has verified claims the orders of a guest."""
    if customer.external_id == member.external_id:  # of an account that was merged the other one says who it is
        members.describe(member, customer, at)
    session.flush()
    segment_due.note(session, shop.id, [member.id])
    if customer.email and customer.email_verified and members.verify_address(session, member, customer.email):
        claim(session, shop, member.id, customer.email, now)


def claim(session: AnySession, shop: ShopFacts, member_id: int, email: str, now: datetime) -> None:
    """Give the member the orders that a guest made under an address that the platform has verified as theirs."""
    waiting = session.execute(
        select(Order)
        .where(Order.shop_id == shop.id, Order.guest_email == email.lower(), Order.member_id.is_(None))
        .order_by(Order.id)
        .with_for_update(key_share=True)
    ).scalars()
    for row in waiting.all():
        row.member_id = member_id
        _reckon(session, shop, row, known_from_document(row.known), now)


def forget_addresses(session: AnySession, shop_id: int, member_id: int) -> None:
    """Erase the guest's address from the orders that an erased member had claimed by it."""
    claimed = session.execute(
        select(Order)
        .where(
            Order.shop_id == shop_id, Order.member_id == member_id, Order.known.path_exists(cast(GUEST_EMAIL, JSONPATH))
        )
        .with_for_update(key_share=True)
    ).scalars()
    for row in claimed.all():
        _forget_address(row)


def forget_guest(session: AnySession, shop_id: int, email: str | None, order_ids: Sequence[str]) -> None:
    """Erase the guest's address from these orders and from those that wait under it (`email` in small letters)."""
    made = Order.external_id.in_(order_ids)
    guests = session.execute(
        select(Order)
        .where(
            Order.shop_id == shop_id,
            made if email is None else made | (Order.guest_email == email),
        )
        .order_by(Order.id)
        .with_for_update(key_share=True)
    ).scalars()
    for row in guests.all():
        _forget_address(row)


def forget_guests(session: AnySession, shop_id: int, limit: int) -> int:
    """Erase the addresses of guests from at most `limit` of a shop's orders; of how many."""
    guests = session.execute(
        select(Order)
        .where(Order.shop_id == shop_id, Order.known.path_exists(cast(GUEST_EMAIL, JSONPATH)))
        .order_by(Order.id)
        .limit(limit)
        .with_for_update(key_share=True)
    ).scalars()
    rows = guests.all()
    for row in rows:
        _forget_address(row)
    return len(rows)


def _forget_address(row: Order) -> None:
    row.guest_email = None
    known = known_from_document(row.known)
    states = tuple(replace(seen, order=replace(seen.order, guest_email=None)) for seen in known.states)
    row.known = known_to_document(replace(known, states=states))


def placed_since(session: AnySession, shop_id: int, at: datetime) -> Iterable[Order]:
    """The orders that were made at `at` or later."""
    return session.execute(
        select(Order)
        .where(Order.shop_id == shop_id, Order.placed_at >= at)
        .order_by(Order.id)
        .with_for_update(key_share=True)
    ).scalars()


def reckon_since(session: AnySession, shop: ShopFacts, at: datetime, now: datetime) -> None:
    """Reckon the orders again that were made since the app was installed or uninstalled (S3.25)."""
    for row in list(placed_since(session, shop.id, at)):
        _reckon(session, shop, row, known_from_document(row.known), now)


def by_external_id(session: AnySession, shop_id: int, external_id: str) -> Order | None:
    """The order of that platform id, locked, or None."""
    return session.execute(
        select(Order).where(Order.shop_id == shop_id, Order.external_id == external_id).with_for_update(key_share=True)
    ).scalar_one_or_none()


def _new(session: AnySession, shop: ShopFacts, known: KnownOrder) -> Order:
    placed_at = known.order.created_at
    row = Order(
        shop_id=shop.id,
        external_id=known.order.external_id,
        known=known_to_document(known),
        placed_at=placed_at,
        program_version=programs.version_for(session, shop.id, placed_at).version,  # frozen here (A5)
        expected_points=0,
        expired_taken_back=0,
        steps=0,
    )
    session.add(row)
    session.flush()
    return row


def _owner_of(session: AnySession, shop_id: int, order: OrderState, now: datetime) -> int | None:
    """The member whose order it is: the customer it names, or the owner of the guest's verified address."""
    if order.customer is not None and order.customer.external_id is not None:
        member = members.enrol(session, shop_id, order.customer.external_id, now)
        return member.id if member is not None else None
    if order.guest_email is not None:
        return members.owner_of_address(session, shop_id, order.guest_email)
    return None


def _place(document: Any) -> ColumnElement[Any]:
    """Where a telling of a refund stands among its tellings: by its moment, else by what it says."""
    return tuple_(cast(document["at"].astext, DateTime(timezone=True)), cast(document, Text))


def _is_unclaimed_again(session: AnySession, row: Order, order: OrderState) -> bool:
    """True if the guest's address was corrected to one that nobody has verified yet. An erased member keeps the order."""
    if order.customer is not None or order.guest_email is None:
        return False
    return session.get_one(Member, (row.shop_id, row.member_id)).status != "erased"
