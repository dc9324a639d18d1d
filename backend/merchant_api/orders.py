"""Orders and the sum behind their points: why this many, or why none."""

from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import select

from backend.errors import NotFound
from backend.loyalty.orders import awards
from backend.loyalty.shops import shops
from backend.merchant_api.operations import Call, operation
from backend.merchant_api.paging import Page, PageQuery, cut
from backend.merchant_api.shapes import NO_CONTROLS, Id, Shown, Time, example
from backend.models import Order as Row
from backend.platforms.known_orders import known_from_document

_Text = Annotated[str, Field(max_length=255, pattern=NO_CONTROLS)]
State = Literal["expected", "received", "guest"]


class Order(Shown):
    """An order as the platform last told it, with what it brings."""

    model_config = example(
        id="8",
        external_id="gid-1001",
        number="#1001",
        member_id="17",
        state="received",
        placed_at="2026-11-23T06:50:00Z",
        points=0,
        due_at="2026-11-26T23:00:00Z",
        expires_at=None,
        why={"rule": "order", "order": "#1001", "note": "other_currency", "currency": "USD", "points": 0},
    )

    id: Id
    external_id: Annotated[str, Field(description="the platform's id")]
    number: Annotated[str | None, Field(description="what people call it")]
    member_id: Annotated[Id | None, Field(description="whose it is; null while a guest's waits for an account")]
    state: Annotated[State, Field(description="expected: not received yet; guest: received, and nobody's yet")]
    placed_at: Time
    points: Annotated[int, Field(ge=0, description="what it should have brought by now")]
    due_at: Annotated[Time | None, Field(description="when its points become available; null until it is received")]
    expires_at: Time | None
    why: Annotated[dict[str, Any], Field(description="the sum; its `note` says why there is nothing")]


class Orders(Page[Order]):
    """A page of orders."""


class OrdersQuery(PageQuery):
    external_id: Annotated[_Text | None, Field(description="only the order with this id on the platform")] = None


@operation("GET", "/orders", scope="read", tag="Orders", summary="List orders")
def list_orders(call: Call, query: OrdersQuery) -> Orders:
    """The shop's orders, newest first, each with the sum behind its points."""
    wanted = select(Row).where(Row.shop_id == call.shop_id, Row.id < query.position)
    if query.external_id is not None:
        wanted = wanted.where(Row.external_id == query.external_id)
    rows = call.session.execute(wanted.order_by(Row.id.desc()).limit(query.limit + 1)).scalars().all()
    shown, following = cut(rows, query.limit)
    return Orders(items=[_order(call, row) for row in shown], next=following)


@operation("GET", "/orders/{id}", scope="read", tag="Orders", summary="One order, and why it brings what it brings")
def show_order(call: Call, id: int) -> Order:
    """An order by our id; by the platform's with `?external_id=` on the list."""
    row = call.session.get(Row, (call.shop_id, id))
    if row is None:
        raise NotFound()
    return _order(call, row)


def _order(call: Call, row: Row) -> Order:
    known = known_from_document(row.known)
    points, why = awards.explain(call.session, shops.facts(call.shop_id), row, known)
    return Order(
        id=str(row.id),
        external_id=row.external_id,
        number=known.order.number,
        member_id=str(row.member_id) if row.member_id is not None else None,
        state="expected" if row.due_at is None else "received" if row.member_id is not None else "guest",
        placed_at=row.placed_at,
        points=points,
        due_at=row.due_at,
        expires_at=row.expires_at,
        why=why,
    )
