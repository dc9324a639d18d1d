"""What the store sent us, and what became of it (contract section 10)."""

from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import text

from backend import clock
from backend.errors import Conflict, NotFound
from backend.loyalty.deliveries import deliveries
from backend.merchant_api.operations import Call, operation
from backend.merchant_api.paging import Page, PageQuery, cut
from backend.merchant_api.shapes import NO_CONTROLS, Id, Shown, Time, example
from backend.queue import enqueue_after_commit

State = Literal["received", "handled", "ignored", "rejected", "failed"]

_COLUMNS = "id, delivery_id, type, state, error, received_at, handled_at, tries"
_EXAMPLE = {
    "id": "311",
    "delivery_id": "msg_2nFZ",
    "type": "order.paid",
    "state": "handled",
    "error": None,
    "received_at": "2026-11-23T06:50:00Z",
    "handled_at": "2026-11-23T06:50:01Z",
    "tries": 0,
}


class Delivery(Shown):
    """One webhook that we received."""

    model_config = example(**_EXAMPLE)

    id: Id
    delivery_id: Annotated[str, Field(description="the id that the sender gave it")]
    type: Annotated[str | None, Field(description="what it tells, such as `order.paid`; null if it cannot be read")]
    state: Annotated[State, Field(description="what became of it")]
    error: Annotated[str | None, Field(description="why it was rejected, or failed")]
    received_at: Time
    handled_at: Time | None
    tries: Annotated[int, Field(description="how often handling it has failed")]


class DeliveryWithBody(Delivery):
    """One webhook with what it said."""

    model_config = example(**_EXAMPLE, body='{"type":"order.paid","timestamp":"2026-11-23T06:50:00Z","data":{…}}')

    body: Annotated[str | None, Field(description="as it arrived; null once it has been cleared away")]


class Deliveries(Page[Delivery]):
    """A page of deliveries."""


class DeliveriesQuery(PageQuery):
    state: Annotated[State | None, Field(description="only those of this state")] = None
    type: Annotated[
        Annotated[str, Field(max_length=255, pattern=NO_CONTROLS)] | None, Field(description="only those of this type")
    ] = None


@operation("GET", "/deliveries", scope="read", tag="Deliveries", summary="List deliveries")
def list_deliveries(call: Call, query: DeliveriesQuery) -> Deliveries:
    """The webhooks that the store sent, newest first."""
    conditions = ["shop_id = :shop", "id < :position"]
    if query.state is not None:
        conditions.append("state = :state")
    if query.type is not None:
        conditions.append("type = :type")
    rows = call.session.execute(
        text(
            f"select {_COLUMNS} from delivery where {' and '.join(conditions)}"  # noqa: S608 - our own words
            " order by id desc limit :limit"
        ),
        {
            "shop": call.shop_id,
            "position": query.position,
            "limit": query.limit + 1,
            "state": query.state,
            "type": query.type,
        },
    ).all()
    shown, following = cut(rows, query.limit)
    return Deliveries(items=[Delivery.model_validate(dict(row._mapping)) for row in shown], next=following)


@operation("GET", "/deliveries/{id}", scope="read", tag="Deliveries", summary="One delivery with its body")
def show_delivery(call: Call, id: int) -> DeliveryWithBody:
    """A webhook as it arrived."""
    row = call.session.execute(
        text(f"select {_COLUMNS}, body from delivery where shop_id = :shop and id = :id"),  # noqa: S608 - our own words
        {"shop": call.shop_id, "id": id},
    ).one_or_none()
    if row is None:
        raise NotFound()
    return _with_body(row)


@operation(
    "POST",
    "/deliveries/{id}/replay",
    scope="write",
    tag="Deliveries",
    summary="Handle a failed delivery again",
    refusals={"not_failed": "it was handled, ignored or rejected, or still waits: there is nothing to do again"},
)
def replay_delivery(call: Call, id: int) -> DeliveryWithBody:
    """Has a delivery that failed tried again now, instead of after its pause."""
    delivery = deliveries.replay(call.session, call.shop_id, id, clock.wall())
    if delivery is None:
        raise NotFound()
    if delivery.state != "failed" or delivery.body is None:
        raise Conflict(f"This delivery is {delivery.state}: only what failed is handled again.", code="not_failed")
    call.session.flush()
    enqueue_after_commit(deliveries.DRAIN)
    return show_delivery(call, id)


def _with_body(row: Any) -> DeliveryWithBody:
    return DeliveryWithBody.model_validate(dict(row._mapping))
