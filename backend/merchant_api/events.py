"""Events of members, told by the merchant's own systems: what the program pays for beside orders."""

from typing import Annotated, Literal

from pydantic import Field

from backend.loyalty.bonuses import told_events
from backend.loyalty.shops import shops
from backend.merchant_api.members import MemberRef, find
from backend.merchant_api.operations import Call, operation
from backend.merchant_api.shapes import A_LINE, Given, GivenTime, Shown, Time, example

_EVENT = r"^[a-z0-9_-]{1,64}$"
_Line = Annotated[str, Field(min_length=1, max_length=255, pattern=A_LINE)]


class MemberEvent(Given):
    """What a member did."""

    event: Annotated[
        str,
        Field(
            pattern=_EVENT,
            description="the `event` of a rule of the program; `newsletter` and `review` for rules of those kinds",
            examples=["review"],
        ),
    ]
    id: Annotated[
        _Line | None,
        Field(description="yours; with it the event counts once, however often it is told", examples=["review-4711"]),
    ] = None
    at: Annotated[GivenTime | None, Field(description="when it happened; left out: now")] = None
    reason: Annotated[_Line | None, Field(description="kept with the points", examples=["A review with a photo"])] = (
        None
    )


class GivenPoints(Shown):
    """What a rule gave."""

    rule: Annotated[str, Field(description="the rule's id")]
    points: Annotated[int, Field(ge=0)]
    due_at: Annotated[Time, Field(description="when they are available")]


class Refused(Shown):
    """Why a rule gave nothing."""

    rule: str
    because: Literal["already_given", "not_active", "not_eligible", "limit_reached"]
    message: Annotated[str, Field(description="one sentence for a person")]


class ToldEvent(Shown):
    """What came of an event, rule by rule."""

    model_config = example(
        event="review",
        id="review-4711",
        at="2026-11-23T06:50:00Z",
        given=[{"rule": "review", "points": 30, "due_at": "2026-11-23T06:50:00Z"}],
        refused=[],
    )

    event: str
    id: str | None
    at: Time
    given: list[GivenPoints]
    refused: list[Refused]


@operation(
    "POST",
    "/members/{ref}/events",
    scope="points:assign",
    tag="Members",
    summary="Tell what a member did",
    status=201,
    refusals={
        "no_such_event": "no rule of the program in force at that time is about such an event",
        "in_the_future": "`at` is yet to come",
        "member_erased": "the member was erased: the account is closed",
        "member_merged": "the account was merged into another one",
        "member_blocked": "the member is blocked: nothing is earned",
    },
)
def tell_member_event(call: Call, ref: MemberRef, body: MemberEvent) -> ToldEvent:
    """Gives what the rules about that event give, within their limits. The answer names what each rule gave, and why
    others gave nothing. The same `event` and `id` again for the same member gives nothing more and is answered as the
    first time."""
    answer = told_events.tell(
        call.session,
        shops.facts(call.shop_id),
        find(call.session, call.shop_id, ref),
        body.event,
        external_id=body.id,
        at=body.at or call.now,
        reason=body.reason,
        now=call.now,
    )
    return ToldEvent.model_validate(answer)
