"""What a member has: the account, less what has expired by its date though no sweep has run yet."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session, scoped_session

AnySession = Session | scoped_session[Session]


@dataclass(frozen=True)
class Balance:
    """Points of one member. `owed` is zero or negative."""

    available: int
    pending: int
    on_hold: int
    owed: int


def balance(session: AnySession, shop_id: int, member_id: int, at: datetime) -> Balance:
    """The member's balance at `at`. Only `expires_at` decides what has expired, whether or not the sweep has run."""
    row = session.execute(
        text(
            """
            select a.pending, a.on_hold, a.owed, a.available - coalesce((
                select sum(remaining) from lot l
                where l.shop_id = a.shop_id and l.member_id = a.member_id and l.open and l.expires_at <= :at), 0)
            from account a where a.shop_id = :shop and a.member_id = :member
            """
        ),
        {"shop": shop_id, "member": member_id, "at": at},
    ).one()
    return Balance(pending=row[0], on_hold=row[1], owed=row[2], available=int(row[3]))


def spendable(session: AnySession, shop_id: int, member_id: int, at: datetime) -> int:
    """The points that could be spent at `at`."""
    return balance(session, shop_id, member_id, at).available
