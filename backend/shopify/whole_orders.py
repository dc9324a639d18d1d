"""One order from Shopify with all of its lines, parcels and refunds, however many pages that takes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from backend.platforms.base import TryAgain
from backend.platforms.shopify import api_orders

Ask = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""Asks Shopify by one of our documents; its `data`."""

PARCELS_AT_ONCE = 5
REFUNDS_AT_ONCE = 6
"""What order.graphql reads of the lists that Shopify does not page: as many as that may not be all."""


@dataclass(frozen=True)
class _Lines:
    """Lines of something: the field that holds them, and what reads on in them, below which field of its answer."""

    name: str
    document: str
    root: str


_OF_ORDER = _Lines("lineItems", "order_lines", "order")
_OF_PARCEL = _Lines("fulfillmentLineItems", "parcel_lines", "fulfillment")
_OF_REFUND = _Lines("refundLineItems", "refund_lines", "refund")
_UNREAD = {"hasNextPage": True, "endCursor": None}


def read(ask: Ask, external_id: str) -> dict[str, Any] | None:
    """The order as api_orders.py understands it; None: Shopify has no such order, or does not show it to us.

    Raises what `ask` raises, and TryAgain if the order is gone between two pages.
    """
    gid = api_orders.gid(external_id)
    order: dict[str, Any] | None = ask("order", {"id": gid})["order"]
    if order is None:
        return None
    if len(order["fulfillments"]) >= PARCELS_AT_ONCE:
        _add_missing(order["fulfillments"], _there(ask("order_parcels", {"id": gid})["order"])["fulfillments"])
    if len(order["refunds"]) >= REFUNDS_AT_ONCE:
        _add_missing(order["refunds"], _there(ask("order_refunds", {"id": gid})["order"])["refunds"])
    _read_on(ask, order, gid, _OF_ORDER)
    for parcel in order["fulfillments"]:
        _read_on(ask, parcel, parcel["id"], _OF_PARCEL)
    for refund in order["refunds"]:
        _read_on(ask, refund, refund["id"], _OF_REFUND)
    return order


def _read_on(ask: Ask, of: dict[str, Any], gid: str, lines: _Lines) -> None:
    """Bring all of its lines into it."""
    there = of.setdefault(lines.name, {"nodes": [], "pageInfo": _UNREAD})
    while there["pageInfo"]["hasNextPage"]:
        answer = ask(lines.document, {"id": gid, "after": there["pageInfo"]["endCursor"]})
        page = _there(answer[lines.root])[lines.name]
        there["nodes"] += page["nodes"]
        there["pageInfo"] = page["pageInfo"]


def _add_missing(some: list[Any], every: list[Any]) -> None:
    there = {each["id"] for each in some}
    some += [each for each in every if each["id"] not in there]


def _there(found: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if found is None:
        raise TryAgain("The order changed while it was read.")
    return found
