"""A member's entries, as an auditor reads them (contract section 10, S3.21)."""

from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import text

from backend.ledger.posting import AnySession
from backend.merchant_api.members import MemberRef, find
from backend.merchant_api.operations import Call, operation
from backend.merchant_api.paging import Page, PageQuery, cut
from backend.merchant_api.shapes import Id, Shown, Time, example

Kind = Literal[
    "promise",
    "post",
    "void",
    "grant",
    "deduct",
    "hold",
    "release",
    "capture",
    "spend",
    "return",
    "expire",
    "claw_back",
    "settle",
    "merge",
]
Bucket = Literal[
    "pending",
    "available",
    "on_hold",
    "owed",
    "issued",
    "spent",
    "expired",
    "voided",
    "clawed_back",
    "adjusted",
    "merged",
]
EXAMPLE: dict[str, Any] = {
    "id": "1042",
    "at": "2026-11-23T06:50:00Z",
    "kind": "grant",
    "from": "issued",
    "to": "available",
    "points": 50,
    "reason": "Sorry for the late parcel",
    "actor": "staff",
    "actor_name": "Ada of customer care",
    "source_key": "adjustment:17:api:3:9b2e…",
    "available_after": 120,
    "expires_at": "2027-12-31T23:00:00Z",
    "why": {
        "rule": "adjustment",
        "points": 50,
        "expires_by": "program",
        "expires_at": "2027-12-31T23:00:00Z",
        "program_version": 4,
    },
    "order": None,
    "resolves": None,
}


class Transaction(Shown):
    """One movement of points between two buckets. Never changed, never deleted: a correction is another one."""

    model_config = example(**EXAMPLE)

    id: Id
    at: Time
    kind: Kind
    from_bucket: Annotated[Bucket, Field(alias="from", description="the bucket that the points left")]
    to_bucket: Annotated[Bucket, Field(alias="to", description="the bucket that they entered")]
    points: Annotated[int, Field(ge=1, description="always above zero; `from` and `to` say which way they went")]
    reason: str
    actor: Annotated[Literal["system", "staff", "customer", "platform"], Field(description="who caused it")]
    actor_name: Annotated[str | None, Field(description="which person or API key, where there is one")]
    source_key: Annotated[str, Field(description="what it came from; the same source never makes two")]
    available_after: Annotated[int, Field(ge=0, description="the member's available points right after it")]
    expires_at: Annotated[Time | None, Field(description="when the points that came end")]
    why: Annotated[dict[str, Any], Field(description="the sum that made it")]
    order: Annotated[str | None, Field(description="the number of the order that it belongs to")]
    resolves: Annotated[Id | None, Field(description="the hold or spend that it ends, by id")]


class Transactions(Page[Transaction]):
    """A page of transactions."""


_ENTRIES = """
    select e.id, e.at, e.kind, e.from_bucket, e.to_bucket, e.points, e.reason, e.actor, e.actor_name, e.source_key,
        e.available_after, e.expires_at, e.why, e.answers_entry_id as resolves, coalesce(
            jsonb_path_query_first(o.known, '$.states[*].order.number ? (@ != null)') #>> '{}', o.external_id) as "order"
    from entry e left join orders o on o.shop_id = e.shop_id and o.id = e.order_id
    """


@operation("GET", "/members/{ref}/transactions", scope="read", tag="Members", summary="How a member's points moved")
def list_transactions(call: Call, ref: MemberRef, query: PageQuery) -> Transactions:
    """Every movement of the member's points, newest first, with who caused it and why."""
    rows = call.session.execute(
        text(
            _ENTRIES + " where e.shop_id = :shop and e.member_id = :member and e.id < :position"
            " order by e.id desc limit :limit"
        ),
        {
            "shop": call.shop_id,
            "member": find(call.session, call.shop_id, ref),
            "position": query.position,
            "limit": query.limit + 1,
        },
    ).all()
    shown, following = cut(rows, query.limit)
    return Transactions(items=[Transaction.model_validate(dict(row._mapping)) for row in shown], next=following)


def fields_of(session: AnySession, shop_id: int, entry_id: int) -> dict[str, Any]:
    """One entry, as `Transaction` takes it."""
    row = session.execute(
        text(_ENTRIES + " where e.shop_id = :shop and e.id = :id"), {"shop": shop_id, "id": entry_id}
    ).mappings()
    return dict(row.one())
