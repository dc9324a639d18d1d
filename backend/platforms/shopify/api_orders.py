"""Orders as the Admin API tells them (documents/order.graphql), in the words of the webhook of the same order.

So both are read by one code (payloads.py, orders.py) and end in the same state. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import blake2b
from itertools import chain, combinations
from typing import Any

from backend.platforms.events import time_text
from backend.platforms.shopify.orders import payment_status

TOPIC = "reconcile/order"
"""What a delivery is called that we asked for ourselves. Shopify has no such topic; payloads.py reads it as any order."""

_EVENTS = frozenset(
    {
        "ATTEMPTED_DELIVERY",
        "CARRIER_PICKED_UP",
        "CONFIRMED",
        "DELAYED",
        "DELIVERED",
        "FAILURE",
        "IN_TRANSIT",
        "LABEL_PRINTED",
        "LABEL_PURCHASED",
        "OUT_FOR_DELIVERY",
        "PICKED_UP",
        "READY_FOR_PICKUP",
    }
)
"""What of a parcel's `displayStatus` is the last event of it: the webhook's `shipment_status`. The others say that there was
none (FULFILLED, MARKED_AS_FULFILLED, SUBMITTED …) and are null there."""
_MOST_COMPARED = 12
"""Lines that could be tips of which every choice is looked at."""


@dataclass(frozen=True, slots=True)
class Change:
    """An order in a list of those that changed."""

    external_id: str
    updated_at: datetime
    payment_status: str
    is_cancelled: bool
    is_test: bool


def change(node: Mapping[str, Any]) -> Change:
    """What documents/orders_changed.graphql says of one order."""
    return Change(
        external_id=str(node["legacyResourceId"]),
        updated_at=datetime.fromisoformat(node["updatedAt"]).astimezone(UTC),
        payment_status=payment_status(node["displayFinancialStatus"]),
        is_cancelled=node["cancelledAt"] is not None,
        is_test=node["test"],
    )


def gid(external_id: str) -> str:
    """Shopify's own name of the order with that number."""
    return f"gid://shopify/Order/{external_id}"


def delivery_id(why: str, external_id: str, updated_at: datetime) -> str:
    """The name of a delivery that we make ourselves: of an order as it was then there is one, however often it is read."""
    return f"{why}:{external_id}:{time_text(updated_at)}"


def digest(body: str) -> str:
    """Tells two orders of the same moment apart."""
    return blake2b(body.encode(), digest_size=6).hexdigest()


def as_webhook(node: Mapping[str, Any]) -> dict[str, Any]:
    """The body that `orders/updated` would have, as far as payloads.OrderBody reads it."""
    customer, tips = node["customer"], _tips(node)
    return {
        "id": node["legacyResourceId"],
        "name": node["name"],
        "currency": node["currencyCode"],
        "created_at": node["createdAt"],
        "updated_at": node["updatedAt"],
        "cancelled_at": node["cancelledAt"],
        "test": node["test"],
        "source_name": node["sourceName"],
        "email": node["email"],
        "customer_locale": node["customerLocale"],
        "financial_status": _word(node["displayFinancialStatus"]),
        "taxes_included": node["taxesIncluded"],
        "total_tax_set": _money(node["totalTaxSet"]),
        "original_total_duties_set": _money(node["originalTotalDutiesSet"]),
        "original_total_additional_fees_set": _money(node["originalTotalAdditionalFeesSet"]),
        "discount_codes": [{"code": code} for code in node["discountCodes"]],
        "customer": None if customer is None else _customer(customer),
        "line_items": [_line(each) | tips.get(each["id"], {}) for each in node["lineItems"]["nodes"]],
        "shipping_lines": [
            {"price_set": _money(each["originalPriceSet"]), "discount_allocations": _allocations(each)}
            for each in node["shippingLines"]["nodes"]
        ],
        "fulfillments": [_fulfilment(each) for each in node["fulfillments"]],
        "refunds": [_refund(each) for each in node["refunds"]],
    }


def _customer(node: Mapping[str, Any]) -> dict[str, Any]:
    address, phone = node["defaultEmailAddress"] or {}, node["defaultPhoneNumber"] or {}
    state = address.get("marketingState")
    return {
        "id": node["legacyResourceId"],
        "state": _word(node["state"]),
        "first_name": node["firstName"],
        "last_name": node["lastName"],
        "email": address.get("emailAddress"),
        "verified_email": node["verifiedEmail"],
        "phone": phone.get("phoneNumber"),
        "tags": ", ".join(node["tags"]),
        "created_at": node["createdAt"],
        "updated_at": node["updatedAt"],
        "default_address": node["defaultAddress"],
        "email_marketing_consent": None if state is None else {"state": _word(state)},
    }


def _line(node: Mapping[str, Any]) -> dict[str, Any]:
    product = node["product"]
    return {
        "id": node["id"],
        "title": node["title"],
        "sku": node["sku"],
        "quantity": node["quantity"],
        "current_quantity": node["currentQuantity"],
        "gift_card": node["isGiftCard"],
        "requires_shipping": node["requiresShipping"],
        "product_id": None if product is None else product["legacyResourceId"],
        "price_set": _money(node["originalUnitPriceSet"]),
        "discount_allocations": _allocations(node),
    }


def _tips(node: Mapping[str, Any]) -> dict[str, dict[str, None]]:
    """The lines that are tips, with the mark that webhooks give these. Here only their sum is told: they are lines that cost
    something, of no product, of which nothing is sent, and that add up to it; the last ones, if several could be."""
    bag = node["totalTipReceivedSet"]
    total = Decimal(bag["shopMoney"]["amount"]) if bag else Decimal(0)
    if total <= 0:
        return {}
    lines = [each for each in node["lineItems"]["nodes"] if each["product"] is None and not each["requiresShipping"]]
    worth = {
        each["id"]: Decimal(each["originalUnitPriceSet"]["shopMoney"]["amount"]) * each["quantity"]
        for each in reversed(lines)
        if not each["isGiftCard"]
    }
    last_first = [each for each in worth if worth[each] > 0]
    tails = (last_first[:number] for number in range(1, len(last_first) + 1))
    some = last_first[:_MOST_COMPARED]
    others = (each for number in range(1, len(some)) for each in combinations(some, number))
    found = next((each for each in chain(tails, others) if sum(worth[line] for line in each) == total), ())
    return {each: {"tip_payment_gateway": None} for each in found}


def _fulfilment(node: Mapping[str, Any]) -> dict[str, Any]:
    tracking = node["trackingInfo"][0] if node["trackingInfo"] else {}
    return {
        "status": _word(node["status"]),
        "shipment_status": _word(node["displayStatus"]) if node["displayStatus"] in _EVENTS else None,
        "created_at": node["createdAt"],
        "updated_at": node["updatedAt"],
        "tracking_company": tracking.get("company"),
        "tracking_number": tracking.get("number"),
        "line_items": [
            {"id": each["lineItem"]["id"], "quantity": each["quantity"] or 0}
            for each in node["fulfillmentLineItems"]["nodes"]
        ],
    }


def _refund(node: Mapping[str, Any]) -> dict[str, Any]:
    paid = node["totalRefundedSet"]["shopMoney"]["amount"]
    return {
        "id": node["legacyResourceId"],
        "created_at": node["createdAt"],
        "refund_line_items": [
            {
                "line_item_id": each["lineItem"]["id"],
                "quantity": each["quantity"],
                "restock_type": _word(each["restockType"]),
            }
            for each in node["refundLineItems"]["nodes"]
        ],
        # none for pieces that were put back and not paid for
        "transactions": [{"kind": "refund", "status": "success", "amount": paid}] if Decimal(paid) else [],
    }


def _allocations(node: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"amount_set": _money(each["allocatedAmountSet"])} for each in node["discountAllocations"]]


def _money(bag: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if bag is None else {"shop_money": {"amount": bag["shopMoney"]["amount"]}}


def _word(value: str | None) -> str | None:
    """Shopify writes in small letters in webhooks what it writes in capitals here."""
    return None if value is None else value.lower()
