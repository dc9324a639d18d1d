"""Referrals that are held for a look: what speaks against them, approve or refuse."""

from typing import Annotated, Literal

from flask import Response
from pydantic import BaseModel, Field

from backend.admin.assigning import me
from backend.admin.door import Visit, form, page
from backend.errors import BadInput
from backend.loyalty.points import approvals
from backend.loyalty.referrals import referral_list
from backend.loyalty.referrals import referral_reviews as reviews
from backend.staff.rights import Right

PAGE_SIZE = 25
SIGNALS = {
    "address": "Both have the same postal address",
    "connection": "Both opened the widget from the same connection",
    "burst": "The advocate brought many friends within an hour",
}
"""What a held referral's evidence means (`referral_facts.signals`)."""
REASONS = {
    "self": "It is the same person",
    "cycle": "The friend had brought the advocate",
    "existing": "The friend was a customer before",
    "erased": "One of them was erased",
    "off": "Referrals were off",
    "cap": "The advocate has brought as many as count",
    "refunded": "The order that counted was refunded",
    "review": "Refused in a review",
}
STATES = {
    "registered": "The friend has signed up; no order counts yet",
    "qualified": "Would be rewarded when the hold is over",
    "rewarded": "Rewarded",
    "rejected": "Not counted",
}


class Asked(BaseModel):
    show: Literal["waiting", "approved", "refused"] = "waiting"
    before: int | None = Field(default=None, ge=1, lt=2**63)


class Decided(BaseModel):
    decision: Literal["approved", "refused"]
    reason: Annotated[str, Field(max_length=approvals.MAX_REASON_CHARACTERS)] = ""


@page("/referral-reviews", right=Right.VIEW_CUSTOMERS)
def referral_reviews(visit: Visit, referral_id: int | None = None) -> str:
    """`referral_id` is the one whose form is shown again."""
    asked = visit.asked(Asked)
    found = referral_list.reviewed(visit.session, visit.shop_id, asked.show, asked.before, PAGE_SIZE + 1)
    return visit.render(
        "referral_reviews.html",
        asked=asked,
        found=found[:PAGE_SIZE],
        older=found[PAGE_SIZE - 1]["id"] if len(found) > PAGE_SIZE else None,
        signals=SIGNALS,
        reasons=REASONS,
        states=STATES,
        may_decide=visit.may(Right.ASSIGN_POINTS),
        referral_id=referral_id,
    )


@form("/referral-reviews/<row_id:referral_id>", right=Right.ASSIGN_POINTS, again=referral_reviews)
def review_referral(visit: Visit, referral_id: int) -> Response:
    """Both sides get what the program promises them, or nothing."""
    given = visit.checked(Decided)
    reason = " ".join(given.reason.split()) or None
    if given.decision == "refused" and reason is None:
        message = "Say why: it is kept with the decision."
        raise BadInput(message, [{"field": "reason", "message": message}])
    row = reviews.decide(visit.session, visit.shop, referral_id, given.decision, reason, visit.author, visit.now)
    for each in (row.advocate_id, row.friend_id):
        approvals.refuse_own(visit.session, visit.shop_id, me(visit).id, each)
    said = "Approved." if given.decision == "approved" else "Refused. Neither of them gets anything."
    return visit.done(said, "referral_reviews" if visit.may(Right.VIEW_CUSTOMERS) else "home")
