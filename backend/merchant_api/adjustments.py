"""Adding and taking points by hand (S3.22), for keys that may assign points (S3.26)."""

import secrets
from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, Tag

from backend.ledger.posting import Author
from backend.loyalty.points.adjustments import MAX_POINTS, adjust
from backend.merchant_api import balances, transactions
from backend.merchant_api.balances import Balance
from backend.merchant_api.members import MemberRef, find
from backend.merchant_api.operations import Call, operation
from backend.merchant_api.shapes import A_LINE, Given, GivenTime, example
from backend.merchant_api.transactions import Transaction

_Reason = Annotated[
    str,
    Field(
        min_length=1,
        max_length=500,
        pattern=A_LINE,
        description="shown to the member and kept for ever",
        examples=["Sorry for the late parcel"],
    ),
]
_ActorName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=120,
        pattern=A_LINE,
        description="the person who did it; without it the name of the API key is noted",
        examples=["Ada of customer care"],
    ),
]


def _not_zero(points: object) -> object:
    if points == 0:
        raise ValueError("should not be 0")
    return points


class AddPoints(Given):
    """Give points."""

    points: Annotated[Annotated[int, Field(ge=1, le=MAX_POINTS, examples=[50])], BeforeValidator(_not_zero)]
    reason: _Reason
    expires_at: Annotated[GivenTime | None, Field(description="when they end; left out: by the program in force")] = (
        None
    )
    actor_name: _ActorName | None = None


class DeductPoints(Given):
    """Take points, by a negative number."""

    points: Annotated[int, Field(ge=-MAX_POINTS, le=-1, examples=[-50])]
    reason: _Reason
    actor_name: _ActorName | None = None


def _which(value: Any) -> str:
    points = value.get("points") if isinstance(value, dict) else getattr(value, "points", None)
    return "=deduct" if type(points) is int and points < 0 else "=add"


Adjustment = Annotated[
    Annotated[AddPoints, Tag("=add")] | Annotated[DeductPoints, Tag("=deduct")], Discriminator(_which)
]


class Adjusted(Transaction):
    """The transaction that was made, and what the member has now."""

    model_config = example(**transactions.EXAMPLE, balance=balances.EXAMPLE)

    balance: Balance


@operation(
    "POST",
    "/members/{ref}/adjustments",
    scope="points:assign",
    tag="Members",
    summary="Add or take points",
    status=201,
    refusals={
        "not_enough_points": "a deduction over what is available; `missing_points` says by how many",
        "already_expired": "`expires_at` has passed",
        "member_erased": "the member was erased: the account is closed",
        "member_merged": "the account was merged into another one",
        "member_blocked": "the member is blocked: points can be taken, and none added",
    },
)
def create_adjustment(call: Call, ref: MemberRef, body: Adjustment) -> Adjusted:
    """Adds points, or takes them if `points` is negative, and tells the member by mail. Added points end by the program
    in force unless `expires_at` is given. Who did it stands in the transaction."""
    member_id = find(call.session, call.shop_id, ref)
    entry_id = adjust(
        call.session,
        call.shop_id,
        member_id,
        body.points,
        body.reason,
        Author("staff", body.actor_name or call.caller.name),
        key=f"api:{call.caller.key_id}:{call.key or secrets.token_urlsafe(16)}",
        now=call.now,
        expires_at=body.expires_at if isinstance(body, AddPoints) else None,
    )
    return Adjusted.model_validate(
        {
            **transactions.fields_of(call.session, call.shop_id, entry_id),
            "balance": balances.read(call.session, call.shop_id, member_id, call.now),
        }
    )
