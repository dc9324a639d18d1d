"""Customers who ask their store for what is kept of them: noted at their account, for the merchant to answer."""

from datetime import datetime

from sqlalchemy import func, select, text

from backend.ledger.posting import AnySession, Author
from backend.loyalty.members import care_log, members
from backend.models import Member
from backend.platforms.events import DataRequested


def note(session: AnySession, shop_id: int, asked: DataRequested, now: datetime) -> None:
    """Keep that they asked in the log of their account. Noted once, however often it is told."""
    member = whose(session, shop_id, asked)
    if member is None:
        return
    known = session.execute(
        text(
            "select 1 from care_action where shop_id = :shop and member_id = :member and what = 'data_request'"
            " and facts ->> 'request' = :request"
        ),
        {"shop": shop_id, "member": member.id, "request": asked.request_id},
    ).first()
    if known is None:
        facts = {"request": asked.request_id}
        care_log.note(session, shop_id, member.id, "data_request", Author("platform"), now, facts=facts)


def whose(session: AnySession, shop_id: int, asked: DataRequested) -> Member | None:
    """The member whose data it is: by id, else by address."""
    if asked.customer_id is not None:
        known = members.by_external_id(session, shop_id, asked.customer_id)
        if known is not None:
            return members.living(session, known)
    if asked.email is None:
        return None
    under = select(Member).where(
        Member.shop_id == shop_id, func.lower(Member.email) == asked.email.lower(), Member.status != "merged"
    )
    return session.execute(under.order_by(Member.id).limit(1)).scalar_one_or_none()


def guest_orders(session: AnySession, shop_id: int, asked: DataRequested) -> list[int]:
    """Our ids of the orders that are kept under the address without an account."""
    if asked.email is None:
        return []
    found = session.execute(
        text("select id from orders where shop_id = :shop and guest_email = :email and member_id is null order by id"),
        {"shop": shop_id, "email": asked.email.lower()},
    )
    return list(found.scalars())
