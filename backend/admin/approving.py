"""Approvals: what waits for a second person, what became of the rest, and the limit (docs/decisions/0020)."""

from datetime import datetime
from typing import Annotated, Literal

from flask import Response
from pydantic import BaseModel, Field

from backend.admin.assigning import me
from backend.admin.door import Visit, form, page
from backend.loyalty.points import approvals as rules
from backend.models import ManualChange
from backend.staff import letters, team_log
from backend.staff.rights import Right

PAGE_SIZE = 25
WHAT = {"adjust": "Points", "redeem": "Reward redeemed", "return": "Reward given back", "merge": "Accounts merged"}
STATES = {
    "approved": ("Approved", "good"),
    "refused": ("Refused", "bad"),
    "withdrawn": ("Taken back", "calm"),
    "expired": ("Not decided in time", "warn"),
}


class Asked(BaseModel):
    before: int | None = Field(default=None, ge=1, lt=2**63)


class Decided(BaseModel):
    decision: Literal["approved", "refused"]
    reason: Annotated[str, Field(max_length=rules.MAX_REASON_CHARACTERS)] = ""


class Limited(BaseModel):
    points: Annotated[int, Field(ge=1)] | None = None


@page("/approvals", right=Right.ASSIGN_POINTS)
def approvals(visit: Visit, change_id: int | None = None) -> str:
    """`change_id` is the one whose form is shown again."""
    asked = visit.asked(Asked)
    past = rules.past(visit.session, visit.shop_id, visit.now, asked.before, PAGE_SIZE + 1)
    return visit.render(
        "approvals.html",
        waiting=rules.waiting(visit.session, visit.shop_id, visit.now),
        past=past[:PAGE_SIZE],
        before=asked.before,
        older=past[PAGE_SIZE - 1].change.id if len(past) > PAGE_SIZE else None,
        limit=rules.limit_of(visit.session, visit.shop_id),
        people=rules.who_may_approve(visit.session, visit.shop_id),
        may_limit=visit.may(Right.STAFF),
        may_see=visit.may(Right.VIEW_CUSTOMERS),
        what=WHAT,
        states=STATES,
        days=rules.WAITS.days,
        change_id=change_id,
        me=visit.who.staff_id,
        ends_of=_ends_of,
    )


@form("/approvals/<row_id:change_id>", right=Right.ASSIGN_POINTS, again=approvals)
def decide_approval(visit: Visit, change_id: int) -> Response:
    given = visit.checked(Decided)
    change = rules.decide(visit.session, visit.shop, me(visit), change_id, given.decision, given.reason, visit.now)
    said = "Done." if change.state == "approved" else "Refused. Nothing has changed for the customer."
    return visit.done(said, "approvals")


@form("/approvals/<row_id:change_id>/withdraw", right=Right.ASSIGN_POINTS, again=approvals)
def withdraw_approval(visit: Visit, change_id: int) -> Response:
    rules.withdraw(visit.session, visit.shop_id, me(visit), change_id, visit.now)
    return visit.done("You have taken it back.", "approvals")


@page("/approvals/limit", right=Right.STAFF)
def approval_limit(visit: Visit) -> str:
    return visit.render(
        "approval_limit.html",
        limit=rules.limit_of(visit.session, visit.shop_id),
        people=rules.who_may_approve(visit.session, visit.shop_id),
        days=rules.WAITS.days,
    )


@form("/approvals/limit", right=Right.STAFF, again=approval_limit)
def set_approval_limit(visit: Visit) -> Response:
    points = visit.checked(Limited).points
    rules.set_limit(visit.session, visit.shop_id, points, visit.who.name, visit.now)
    _tell_the_team(visit, points)
    said = f"More than {points:,} points need a second person now." if points else "Nobody else has to agree any more."
    return visit.done(said, "approvals" if visit.may(Right.ASSIGN_POINTS) else "approval_limit")


def _tell_the_team(visit: Visit, points: int | None) -> None:
    """Who may lift the limit may assign points as well: nobody does both unseen."""
    shown = f"{points:,} points a day" if points else "none"
    team_log.note(visit.session, visit.shop_id, visit.now, visit.who.name, "limit", shown)
    letters.tell(
        visit.session,
        visit.shop_id,
        Right.STAFF,
        "limit_changed",
        visit.wall.isoformat(),
        besides=visit.who.staff_id,
        author=visit.who.name,
        points=points,
    )


def _ends_of(change: ManualChange) -> datetime | None:
    """When the points that are asked for end, if that was said."""
    said = change.details.get("expires_at")
    return datetime.fromisoformat(said) if said else None
