"""Forgetting people because the store says so: a customer by their id, a guest by address and orders."""

from datetime import datetime

from sqlalchemy import func, select

from backend.ledger.posting import AnySession
from backend.loyalty.members import members
from backend.loyalty.orders import orders
from backend.models import Member
from backend.platforms.events import AddressErased, CustomerErased


def erase_customer(session: AnySession, shop_id: int, erased: CustomerErased, now: datetime) -> None:
    """Forget the customer, and let nothing that comes late bring them back. The ledger's sums stay.

    Deliveries may name who has no account, too, such as a test order's.
    """
    member_id = members.erase(session, shop_id, erased.external_id, now)
    if member_id is not None:
        orders.forget_addresses(session, shop_id, member_id)
    elif erased.redacted:
        members.erase_from_bodies(session, shop_id, [erased.external_id], [])


def erase_address(session: AnySession, shop_id: int, erased: AddressErased, now: datetime) -> None:
    """Forget the guest who made these orders, or any under this address.

    An account that the store has no customer for (it was brought in from a file) is known by its address alone, so it is
    forgotten with it; any other only if the address is all that the store names the person by.
    """
    email = erased.email.lower() if erased.email is not None else None
    if email is not None:
        for member in _under(session, shop_id, email, erased.is_all_that_is_known):
            members.erase_member(session, shop_id, member, now)
            orders.forget_addresses(session, shop_id, member.id)
    orders.forget_guest(session, shop_id, email, erased.order_ids)
    members.erase_from_bodies(session, shop_id, erased.order_ids, [email] if email is not None else [])


def _under(session: AnySession, shop_id: int, email: str, whoever: bool) -> list[Member]:
    under = select(Member).where(
        Member.shop_id == shop_id, func.lower(Member.email) == email, Member.status.not_in(("erased", "merged"))
    )
    if not whoever:
        under = under.where(Member.external_id.is_(None))
    return list(session.execute(under.order_by(Member.id)).scalars())
