"""How far an order on Shopify is on its way to the customer. Pure; webhooks and the Admin API tell the same facts.

Shopify has no word for "collected": an order that is *fulfilled* may still lie in a van. So it is collected once every
piece that is to be shipped was handed over:

- a fulfilment with a tracking number is handed over when its carrier says `delivered` (or the customer has picked it up);
- one without any will never be told of again: Shopify learns where a parcel is from its carrier alone. The merchant has
  handed it over when they say that it is fulfilled: a sale in the shop, a download, a letter in the post;
- `ready_for_pickup` is an arrival: it waits for the customer.

Pieces that were refunded or taken out of the order are waited for no longer. An order of which nothing is to be shipped
goes by all of its lines.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

SUCCESS = "success"
_HANDED_OVER = ("delivered", "picked_up")
_ARRIVED = ("ready_for_pickup",)
_STAGES = ("shipped", "arrived", "collected")


@dataclass(frozen=True, slots=True)
class Fulfilment:
    """Pieces that went out together. `status` and `shipment_status` are Shopify's words, in small letters.

    `at`: when it came to be as it is: of one with a tracking number its last change, else when it was made.
    """

    status: str
    shipment_status: str | None
    has_tracking: bool
    quantities: Mapping[str, int]
    """Pieces by the id of the order's line."""
    at: datetime


@dataclass(frozen=True, slots=True)
class LineToDeliver:
    """A line of the order with the pieces of it that go to the customer: those that are in the order now, and those that
    came back after they had been there (restocked by a `return`)."""

    line_id: str
    quantity: int
    requires_shipping: bool = True


@dataclass(frozen=True, slots=True)
class Progress:
    """`status` is one of `pending`, `shipped`, `arrived`, `collected`; the times are those of the last piece that counts."""

    status: str
    arrived_at: datetime | None = None
    collected_at: datetime | None = None


PENDING = Progress("pending")


def progress(lines: Sequence[LineToDeliver], fulfilments: Iterable[Fulfilment]) -> Progress:
    """How far the whole order has come: as far as the last of its pieces.

    >>> from datetime import UTC
    >>> at = datetime(2026, 11, 20, tzinfo=UTC)
    >>> parcel = Fulfilment("success", "in_transit", True, {"1": 2}, at)
    >>> progress([LineToDeliver("1", 2)], [parcel]).status
    'shipped'
    >>> progress([LineToDeliver("1", 3)], [parcel]).status
    'pending'
    """
    left = [line for line in lines if line.quantity > 0]
    wanted = {line.line_id: line.quantity for line in left if line.requires_shipping}
    wanted = wanted or {line.line_id: line.quantity for line in left}
    if not wanted:
        return PENDING
    by_time = sorted(fulfilments, key=lambda each: each.at)
    reached = {stage: _since(wanted, [each for each in by_time if _is_at(each, stage)]) for stage in _STAGES}
    if reached["collected"] is not None:
        return Progress("collected", collected_at=reached["collected"])
    if reached["arrived"] is not None:
        return Progress("arrived", arrived_at=reached["arrived"])
    return Progress("shipped") if reached["shipped"] is not None else PENDING


def _since(wanted: Mapping[str, int], fulfilments: Iterable[Fulfilment]) -> datetime | None:
    """When these fulfilments, the earliest first, held all of the pieces. None: they do not."""
    held: Counter[str] = Counter()
    for each in fulfilments:
        held.update(each.quantities)
        if all(held[line] >= quantity for line, quantity in wanted.items()):
            return each.at
    return None


def _is_at(fulfilment: Fulfilment, stage: str) -> bool:
    """Whether it has come to that stage, or further."""
    return fulfilment.status == SUCCESS and _STAGES.index(_stage(fulfilment)) >= _STAGES.index(stage)


def _stage(fulfilment: Fulfilment) -> str:
    if fulfilment.shipment_status in _HANDED_OVER:
        return "collected"
    if fulfilment.shipment_status in _ARRIVED:
        return "arrived"
    if fulfilment.shipment_status is None and not fulfilment.has_tracking:
        return "collected"
    return "shipped"
