"""Mails to people of the team: rows of the outbox. `backend/jobs/staff_mail.py` sends them, `backend/mail/about_the_shop.py`
says what they say.

A payload holds ids alone. Who reads it, whether they still may, and what it says are looked up when it goes out.
"""

from typing import Any

from sqlalchemy import select

from backend import outbox
from backend.ledger.posting import AnySession
from backend.models import Staff
from backend.staff.rights import Right

KIND = "staff_mail"


def tell(
    session: AnySession, shop_id: int, right: Right, kind: str, key: str, *, besides: int | None = None, **facts: Any
) -> int:
    """A mail to everybody in the shop who has the right, but for the person `besides`; how many were written.

    `key` says what has happened: the same once more is told nobody again.
    """
    people = session.execute(
        select(Staff.id).where(
            Staff.shop_id == shop_id,
            Staff.status == "active",
            Staff.email.is_not(None),
            Staff.rights.contains([right.value]),
            Staff.id != (besides or 0),
        )
    ).scalars()
    return outbox.put_all(
        session,
        KIND,
        [
            (shop_id, f"staff:{kind}:{key}:{each}", {"purpose": kind, "staff_id": each, "right": right.value, **facts})
            for each in people
        ],
    )


def write_to(session: AnySession, shop_id: int, staff_id: int, kind: str, key: str, **facts: Any) -> bool:
    """A mail to one person, about their own account. True if it was written."""
    payload = {"purpose": kind, "staff_id": staff_id, **facts}
    return outbox.put(session, shop_id, KIND, f"staff:{kind}:{key}:{staff_id}", payload)
