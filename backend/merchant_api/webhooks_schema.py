"""What webhooks out say, for the OpenAPI document. `outgoing_bodies.py` writes them; a test holds both equal."""

from typing import Annotated, Any, Literal

from pydantic import Field, create_model

from backend.loyalty.notifications.endpoints import TYPES
from backend.merchant_api.shapes import Id, Shown, Time
from backend.merchant_api.transactions import Bucket, Kind

DESCRIPTION = """
Sent to the endpoints that the merchant set up in the admin, signed as Standard Webhooks 1.0 say (headers `webhook-id`,
`webhook-timestamp`, `webhook-signature`). `lagniappe-sequence` counts an endpoint's messages without gaps. Answer with 2xx
within 10 seconds. Anything else is tried again for 3 days, with the same bytes and the same `webhook-id`; 410 pauses the
endpoint.
"""


class Who(Shown):
    """A member. More than ids is told by the API alone."""

    id: Id
    external_id: Annotated[str | None, Field(description="the platform's id of the customer; null once erased")]


class PointsMoved(Shown):
    """Points that went from one bucket to another."""

    member: Who
    points: Annotated[int, Field(ge=1, description="always above zero; `from` and `to` say which way they went")]
    from_bucket: Annotated[Bucket, Field(alias="from")]
    to_bucket: Annotated[Bucket, Field(alias="to")]
    available_after: Annotated[int, Field(ge=0, description="the member's available points right after it")]
    reason: str
    actor: Literal["system", "staff", "customer", "platform"]
    order: Annotated[str | None, Field(description="the number of the order that it belongs to")]
    order_id: Annotated[str | None, Field(description="the platform's id of that order")]
    entry_id: Annotated[Id, Field(description="the transaction, as `GET /members/{ref}/transactions` has it")]
    kind: Kind
    due_at: Annotated[Time | None, Field(description="of `points.pending`: when they become available")]
    expires_at: Annotated[Time | None, Field(description="when the points that came end")]
    why: Annotated[dict[str, Any], Field(description="the sum that made it")]


class RewardOf(Shown):
    """The reward as it was when it was had."""

    id: str
    name: str
    type: str


class RewardMoved(Shown):
    """What a member has, or had. As it stands when the message is written, within a second or two."""

    member: Who
    redemption_id: Id
    reward: RewardOf
    origin: Annotated[Literal["points", "earned"], Field(description="`earned`: a gift of the program, for no points")]
    points: Annotated[int, Field(ge=0)]
    code: str | None
    status: Literal["requested", "issued", "returned", "expired", "failed"]
    use_state: Literal["delivered", "used"]
    order_id: Annotated[str | None, Field(description="the platform's id of the order that used it")]
    expires_at: Time | None


class LevelChanged(Shown):
    """A member came to another level; null is none."""

    member: Who
    from_level: Annotated[str | None, Field(alias="from")]
    to_level: Annotated[str | None, Field(alias="to")]
    cause: Literal["reached", "fell", "program", "manual", "manual_ended"]


class FriendBrought(Shown):
    """A friend was brought, and what both get was given."""

    referral_id: Id
    advocate: Who
    friend: Who
    order_id: Annotated[str | None, Field(description="the platform's id of the order that decided it")]


class MemberCreated(Shown):
    """Somebody became a member."""

    member: Who
    enrolled_at: Time
    locale: str | None


_DATA: dict[str, type[Shown]] = {
    "points": PointsMoved,
    "reward": RewardMoved,
    "tier": LevelChanged,
    "referral": FriendBrought,
    "member": MemberCreated,
}


def _message(type_: str) -> type[Shown]:
    name = "".join(part.title() for part in type_.replace("_", ".").split(".")) + "Message"
    fields: dict[str, Any] = {
        "type": (Literal[type_], ...),
        "timestamp": (Annotated[Time, Field(description="when it happened")], ...),
        "data": (_DATA[type_.partition(".")[0]], ...),
    }
    return create_model(name, __base__=Shown, __doc__=f"{TYPES[type_]}.", **fields)


MESSAGES: dict[str, type[Shown]] = {type_: _message(type_) for type_ in TYPES}
"""The whole body of each type."""


def described(type_: str, schema: Any) -> dict[str, Any]:
    """One entry of the document's `webhooks`."""
    return {
        "post": {
            "operationId": f"on_{type_.replace('.', '_')}",
            "summary": TYPES[type_],
            "description": DESCRIPTION.strip(),
            "security": [],
            "parameters": [
                {
                    "name": name,
                    "in": "header",
                    "required": True,
                    "description": said,
                    "schema": {"type": "string"},
                }
                for name, said in (
                    ("webhook-id", "the same for every attempt and every replay: drop what you have seen"),
                    ("webhook-timestamp", "of this attempt, in seconds since 1970"),
                    ("webhook-signature", "`v1,<base64>`, several separated by spaces while a secret is changed"),
                    ("lagniappe-sequence", "counts this endpoint's messages; not signed"),
                )
            ],
            "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
            "responses": {
                "2XX": {"description": "taken"},
                "410": {"description": "the endpoint is paused"},
                "default": {"description": "tried again"},
            },
        }
    }
