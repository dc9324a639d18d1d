"""One order from Shopify with all of its lines, parcels and refunds, however many pages that takes."""

from collections.abc import Callable, Mapping
from typing import Any

from backend.platforms.base import TryAgain
from backend.platforms.shopify import api_orders

Ask = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""Asks Shopify by one of our documents; its `data`."""

PARCELS_AT_ONCE = 8
REFUNDS_AT_ONCE = 12
"""What order.graphql reads of the lists that Shopify does not page: as many as that may not be all."""


def read(ask: Ask, external_id: str) -> dict[str, Any] | None:
    """The order as api_orders.py understands it; None: Shopify has no such order, or does not show it to us.

    Raises what `ask` raises, and TryAgain if the order is gone between two pages.
    """
    gid = api_orders.gid(external_id)
    order: dict[str, Any] | None = ask("order", {"id": gid})["order"]
    if order is None:
        return None
    _read_on(order["lineItems"], lambda after: _there(ask("order_lines", {"id": gid, "after": after}), "order"))
    if len(order["fulfillments"]) >= PARCELS_AT_ONCE:
        _add_missing(order["fulfillments"], _there(ask("order_parcels", {"id": gid}), "order")["fulfillments"])
    if len(order["refunds"]) >= REFUNDS_AT_ONCE:
        _add_missing(order["refunds"], _there(ask("order_refunds", {"id": gid}), "order")["refunds"])
    for name, listed, document, of in (
        ("fulfillmentLineItems", order["fulfillments"], "parcel_lines", "fulfillment"),
        ("refundLineItems", order["refunds"], "refund_lines", "refund"),
    ):
        for each in listed:
            lines = each.setdefault(name, {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": None}})
            _read_on(
                lines,
                lambda after, each=each, document=document, of=of: _there(  # type: ignore[misc]
                    ask(document, {"id": each["id"], "after": after}), of
                ),
                name,
            )
    return order


def _read_on(
    connection: dict[str, Any], page: Callable[[str | None], Mapping[str, Any]], name: str = "lineItems"
) -> None:
    """Bring all of its nodes into the connection."""
    while connection["pageInfo"]["hasNextPage"]:
        more = page(connection["pageInfo"]["endCursor"])[name]
        connection["nodes"] += more["nodes"]
        connection["pageInfo"] = more["pageInfo"]


def _add_missing(some: list[Any], every: list[Any]) -> None:
    there = {each["id"] for each in some}
    some += [each for each in every if each["id"] not in there]


def _there(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] | None = data[name]
    if found is None:
        raise TryAgain("The order changed while it was read.")
    return found
