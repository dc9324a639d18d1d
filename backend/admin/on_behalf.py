"""What somebody of the team does for a customer with their rewards: redeem, give back, mark (S1.40)."""

from typing import Annotated, Any, Literal

from flask import Response
from pydantic import BaseModel, Field

from backend.admin import customers, reward_fields
from backend.admin.assigning import Key, followed, me
from backend.admin.door import Visit, form, page
from backend.errors import BadInput, Conflict, NotFound
from backend.loyalty.members import customer_profile
from backend.loyalty.points import approvals
from backend.loyalty.redemptions.marks import DeliveryStatus, UseState
from backend.loyalty.rewards import reward_list, rewards
from backend.loyalty.rewards.reward_attributes import AttributesMissing
from backend.loyalty.rewards.rewards import Reward
from backend.staff import marking
from backend.staff.rights import Right

MOST_SHOWN = 25
"""Rewards to choose from; a search finds the others."""
SAID = {
    "used": "Marked as used.",
    "delivered": "Marked as not used.",
}
SAID_OF_DELIVERY = {
    "ordered": "Its delivery is ordered.",
    "shipped": "Marked as shipped.",
    "delivered": "Marked as delivered.",
    "canceled": "The delivery is canceled.",
}


class Chosen(BaseModel):
    search: str | None = Field(default=None, max_length=120)
    reward: str | None = Field(default=None, pattern="^[0-9a-f]{24}$")


class Redeemed(BaseModel):
    key: Key
    reward: Annotated[str, Field(pattern="^[0-9a-f]{24}$")]
    reason: Annotated[str, Field(max_length=approvals.MAX_REASON_CHARACTERS)] = ""


class GivenBack(BaseModel):
    key: Key
    reason: Annotated[str, Field(max_length=approvals.MAX_REASON_CHARACTERS)] = ""


class Marked(BaseModel):
    use_state: UseState | None = None
    delivery_status: DeliveryStatus | None = None
    back: Literal["profile", "reward"] = "profile"


@page("/customers/<row_id:member_id>/redeem", right=Right.ASSIGN_POINTS)
def redeem_for(visit: Visit, member_id: int) -> str:
    """Choose a reward, then say why."""
    member = customer_profile.find(visit.session, visit.shop_id, member_id)
    asked = visit.asked(Chosen)
    chosen_id = visit.form.get("reward") or asked.reward
    chosen = _find(visit, chosen_id) if chosen_id else None
    on_offer = (
        []
        if chosen
        else reward_list.on_offer(visit.session, visit.shop_id, asked.search or "", visit.now, MOST_SHOWN + 1)
    )
    return visit.render(
        "customer_redeem.html",
        **customers.about(visit, member),
        **customers.changing(visit, member_id),
        asked=asked,
        chosen=chosen,
        attributes=chosen.definition.custom_transaction_attributes if chosen else [],
        on_offer=on_offer[:MOST_SHOWN],
        has_more=len(on_offer) > MOST_SHOWN,
        label_of=reward_fields.label_of,
        available=customer_profile.points(visit.session, visit.shop_id, member_id, visit.now).balance.available,
    )


@form("/customers/<row_id:member_id>/redeem", right=Right.ASSIGN_POINTS, again=redeem_for)
def redeem_on_behalf(visit: Visit, member_id: int) -> Response:
    given = visit.checked(Redeemed)
    reward = _find(visit, given.reward)
    said = _attributes(visit, reward)
    try:
        change = approvals.redeem(
            visit.session, visit.shop, me(visit), member_id, reward.id, said, given.reason, given.key, visit.now
        )
    except AttributesMissing as missing:  # of a form the field is wrong, which is no conflict
        raise BadInput(missing.detail, missing.extra["errors"]) from None
    return followed(visit, change, said=f"“{reward.name}” was redeemed for the customer.")


@page("/customers/<row_id:member_id>/redemptions/<row_id:redemption_id>", right=Right.VIEW_CUSTOMERS)
def customer_redemption(visit: Visit, member_id: int, redemption_id: int) -> str:
    """One redeemed reward, and what can be done about it."""
    member = customer_profile.find(visit.session, visit.shop_id, member_id)
    had = customer_profile.one_had(visit.session, visit.shop_id, member_id, redemption_id, visit.now)
    return visit.render(
        "customer_redemption.html",
        **customers.about(visit, member),
        **customers.changing(visit, member_id),
        had=had,
        type=reward_fields.label_of(had.redemption.frozen["type"], had.redemption.frozen.get("sub_type")),
        redemptions=customers.REDEMPTIONS,
        may_mark=visit.may(Right.REDEMPTIONS),
    )


@form(
    "/customers/<row_id:member_id>/redemptions/<row_id:redemption_id>/return",
    right=Right.ASSIGN_POINTS,
    again=customer_redemption,
)
def return_on_behalf(visit: Visit, member_id: int, redemption_id: int) -> Response:
    """Its code ends first, then the points come back with their old dates."""
    given = visit.checked(GivenBack)
    change = approvals.give_back(
        visit.session, visit.shop, me(visit), member_id, redemption_id, given.reason, given.key, visit.now
    )
    return followed(visit, change, said="Given back. The points return once the code is disabled.")


@form(
    "/customers/<row_id:member_id>/redemptions/<row_id:redemption_id>/mark",
    right=Right.REDEMPTIONS,
    again=customer_redemption,
)
def mark_for_customer(visit: Visit, member_id: int, redemption_id: int) -> Response:
    """The same marking as in the grid (S1.40)."""
    given = visit.checked(Marked)
    customer_profile.one_had(visit.session, visit.shop_id, member_id, redemption_id, visit.now)
    marking.mark(visit.session, visit.shop, redemption_id, visit.now, given.use_state, given.delivery_status)
    said = (
        SAID_OF_DELIVERY[given.delivery_status] if given.delivery_status else SAID.get(given.use_state or "", "Done.")
    )
    if not visit.may(Right.VIEW_CUSTOMERS):
        return visit.done(said, "home")
    if given.back == "reward":
        return visit.done(said, "customer_redemption", member_id=member_id, redemption_id=redemption_id)
    return visit.done(said, "customer", member_id=member_id)


def _find(visit: Visit, shown: str) -> Reward:
    """Raises Conflict for one that there is not: an address or a form may be old."""
    try:
        found = rewards.find(visit.session, visit.shop_id, rewards.parse_public_id(shown))
    except NotFound:
        raise Conflict("There is no such reward any more. Choose another one.", code="reward_inactive") from None
    return found


def _attributes(visit: Visit, reward: Reward) -> dict[str, Any]:
    """What the reward asks for, by the names of the form's fields."""
    said = {
        each.attribute_id: visit.form.get(f"attributes.{each.attribute_id}", "").strip()
        for each in reward.definition.custom_transaction_attributes
    }
    return {name: value for name, value in said.items() if value}
