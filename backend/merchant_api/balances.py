"""What a member has, and until when (S3.20)."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import text

from backend.ledger.posting import AnySession
from backend.merchant_api.members import MemberRef, find
from backend.merchant_api.operations import Call, operation
from backend.merchant_api.shapes import Id, Shown, Time, example

EXAMPLE: dict[str, Any] = {
    "available": 120,
    "pending": [
        {
            "points": 10,
            "due_at": "2026-12-03T23:00:00Z",
            "reason": "Order #1002",
            "expires_at": "2027-12-31T23:00:00Z",
            "order": "#1002",
        }
    ],
    "pending_points": 10,
    "expected": [{"points": 25, "order": "#1003"}],
    "expected_points": 25,
    "on_hold": 0,
    "owed": 0,
    "expiring": [{"points": 120, "expires_at": "2027-12-31T23:00:00Z"}],
    "lots": [
        {
            "id": "88",
            "points": 150,
            "remaining": 120,
            "earned_at": "2026-11-23T06:50:00Z",
            "expires_at": "2027-12-31T23:00:00Z",
        }
    ],
}


class Pending(Shown):
    """Points promised, waiting for their day."""

    points: int
    due_at: Annotated[Time, Field(description="when they become available")]
    reason: str
    expires_at: Time | None
    order: Annotated[str | None, Field(description="the number of the order that they come from")]


class Expected(Shown):
    """What an order will bring once it is collected."""

    points: int
    order: Annotated[str, Field(description="the order's number")]


class Expiring(Shown):
    points: int
    expires_at: Time


class Lot(Shown):
    """Available points that came at one time and end at one time."""

    id: Id
    points: Annotated[int, Field(description="as many as it began with")]
    remaining: Annotated[int, Field(description="what is left of them")]
    earned_at: Time
    expires_at: Annotated[Time | None, Field(description="valid before this moment; null: for ever")]


class Balance(Shown):
    """Everything a member has, at one moment."""

    model_config = example(**EXAMPLE)

    available: Annotated[int, Field(description="can be spent now")]
    pending: list[Pending]
    pending_points: Annotated[int, Field(description="the sum of `pending`")]
    expected: list[Expected]
    expected_points: Annotated[int, Field(description="the sum of `expected`")]
    on_hold: Annotated[int, Field(description="reserved for a redemption or a checkout")]
    owed: Annotated[int, Field(le=0, description="taken back after it was spent; settled from the next points")]
    expiring: Annotated[
        list[Expiring], Field(description="available points with an end, summed by date, soonest first")
    ]
    lots: Annotated[list[Lot], Field(description="available points in the order in which they are spent")]


@operation("GET", "/members/{ref}/balance", scope="read", tag="Members", summary="What a member has")
def member_balance(call: Call, ref: MemberRef) -> Balance:
    """The balance with every date: what waits and until when, what ends and when. Points past their end are not
    counted, whether or not they have been swept."""
    return read(call.session, call.shop_id, find(call.session, call.shop_id, ref), call.now)


# One statement, so that the parts fit each other whatever is written meanwhile. An order that was edited may have
# several awards; whether it has is a matter of what arrived first, so its points are told as one.
_BALANCE = text(
    """
    with lots as materialized (
        select id, points, remaining, earned_at, expires_at from lot
        where shop_id = :shop and member_id = :member and open
    )
    select
        a.available - coalesce((select sum(remaining) from lots where expires_at <= :at), 0) as available,
        a.pending as pending_points, a.on_hold, a.owed,
        coalesce((
            select jsonb_agg(jsonb_build_object('points', w.points, 'due_at', w.due_at, 'reason', w.reason,
                'expires_at', w.expires_at, 'order', coalesce(jsonb_path_query_first(o.known,
                    '$.states[*].order.number ? (@ != null)') #>> '{}', o.external_id)) order by w.due_at, w.first_id)
            from (
                select sum(pending)::bigint as points, due_at, reason, expires_at, order_id, min(id) as first_id
                from award where shop_id = :shop and member_id = :member and state = 'pending'
                group by due_at, reason, expires_at, order_id
            ) w left join orders o on o.shop_id = :shop and o.id = w.order_id), '[]') as pending,
        coalesce((
            select jsonb_agg(jsonb_build_object('points', o.expected_points, 'order', coalesce(
                jsonb_path_query_first(o.known, '$.states[*].order.number ? (@ != null)') #>> '{}', o.external_id))
                order by o.placed_at, o.id)
            from orders o where o.shop_id = :shop and o.member_id = :member and o.expected_points > 0), '[]') as expected,
        coalesce((
            select jsonb_agg(jsonb_build_object('points', points, 'expires_at', expires_at) order by expires_at)
            from (select sum(remaining) as points, expires_at from lots where expires_at > :at group by expires_at) x),
            '[]') as expiring,
        coalesce((
            select jsonb_agg(jsonb_build_object('id', id, 'points', points, 'remaining', remaining,
                'earned_at', earned_at, 'expires_at', expires_at) order by expires_at, earned_at, id)
            from lots where expires_at is null or expires_at > :at), '[]') as lots
    from account a where a.shop_id = :shop and a.member_id = :member
    """
)


def read(session: AnySession, shop_id: int, member_id: int, at: datetime) -> Balance:
    """The member's balance at `at`."""
    row = session.execute(_BALANCE, {"shop": shop_id, "member": member_id, "at": at}).mappings().one()
    return Balance.model_validate(
        {**row, "available": int(row["available"]), "expected_points": sum(each["points"] for each in row["expected"])}
    )
