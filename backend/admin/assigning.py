"""Assign points: added, or taken by a negative number, with a reason (S3.22, S3.26)."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any

from flask import Response
from pydantic import BaseModel, Field

from backend.admin.customers import customer
from backend.admin.door import Visit, form
from backend.errors import BadInput
from backend.loyalty import calendar_rules
from backend.loyalty.points import approvals
from backend.loyalty.points.approvals import Person
from backend.models import ManualChange
from backend.staff import letters
from backend.staff.rights import Right

Key = Annotated[str, Field(min_length=16, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
"""Of a form: sent twice it counts once."""


class Assigned(BaseModel):
    key: Key
    points: int
    reason: Annotated[str, Field(max_length=approvals.MAX_REASON_CHARACTERS)] = ""
    expires_on: date | None = None
    tell: bool = False


@form("/customers/<row_id:member_id>/points", right=Right.ASSIGN_POINTS, again=customer)
def assign_points(visit: Visit, member_id: int) -> Response:
    given = visit.checked(Assigned)
    change = approvals.adjust(
        visit.session,
        visit.shop,
        me(visit),
        member_id,
        given.points,
        given.reason,
        given.key,
        visit.now,
        expires_at=_end_of(visit, given.expires_on),
        is_told=given.tell,
    )
    return followed(visit, change, said=_said(given.points))


def me(visit: Visit) -> Person:
    """Who is signed in, as the rules know people of the team."""
    return Person(visit.who.staff_id, visit.who.name)


def followed(visit: Visit, change: ManualChange, said: str) -> Response:
    """Back to the customer: it is done, or the others are told that it waits for one of them."""
    if change.state != "done":
        letters.tell(
            visit.session,
            visit.shop_id,
            Right.ASSIGN_POINTS,
            "approval_waiting",
            str(change.id),
            besides=visit.who.staff_id,
            change_id=change.id,
        )
        said = "This is above the limit, so it waits for a second person. Nothing has changed yet."
    return visit.done(said, "customer", member_id=change.member_id)


def _said(points: int) -> str:
    number = f"{abs(points):,} point{'' if abs(points) == 1 else 's'}"
    return f"{number} added." if points > 0 else f"{number} taken."


def _end_of(visit: Visit, last_day: date | None) -> datetime | None:
    """The moment after the last day, in the shop's zone."""
    if last_day is None:
        return None
    zone: Any = calendar_rules.timezone(visit.shop.timezone)
    if last_day < calendar_rules.local_day(visit.now, zone):
        message = "This day is past: the points could never be spent."
        raise BadInput(message, [{"field": "expires_on", "message": message}])
    try:
        return calendar_rules.first_instant(last_day + timedelta(days=1), zone)
    except OverflowError:
        message = "This day is too far away."
        raise BadInput(message, [{"field": "expires_on", "message": message}]) from None
