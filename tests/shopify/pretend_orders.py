"""The pretend Shopify's orders: listed by their last change, a page at a time, and told one by one.

An `AnOrder` is told in two ways, as Shopify tells every order: as the body of its webhook and as the node of the Admin API.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from tests.shopify.pretend import Pretend

_numbers = count(5_500_000_000_001)
_SINCE = re.compile(r"updated_at:>='(.+)'")


@dataclass(frozen=True)
class AParcel:
    """`said`: the status that its carrier has last told, in the Admin API's letters; None: none has."""

    at: datetime
    pieces: dict[int, int]
    """By the place of the line in the order."""
    said: str | None = None
    tracking: str | None = "1Z999"
    company: str | None = "UPS"
    status: str = "SUCCESS"
    changed_at: datetime | None = None


@dataclass(frozen=True)
class ARefund:
    at: datetime
    pieces: dict[int, int]
    paid: str
    restock: str = "NO_RESTOCK"
    transaction: str = "success"
    id: int = field(default_factory=lambda: next(_numbers))


@dataclass(frozen=True)
class ALine:
    price: str
    quantity: int = 1
    current: int | None = None
    off: str | None = None
    gift_card: bool = False
    product_id: int | None = 788032119674292922
    requires_shipping: bool = True
    title: str = "Moon jar"
    sku: str | None = "JAR-1"
    is_tip: bool = False
    id: int = field(default_factory=lambda: next(_numbers))

    @property
    def left(self) -> int:
        return self.quantity if self.current is None else self.current


@dataclass(frozen=True)
class AnOrder:
    """One order. `changed` makes a later state of it."""

    lines: tuple[ALine, ...] = (ALine("100.00"),)
    at: datetime = datetime(2026, 11, 20, 9, tzinfo=UTC)
    updated_at: datetime = datetime(2026, 11, 20, 9, 0, 5, tzinfo=UTC)
    paid: str = "PAID"
    cancelled_at: datetime | None = None
    customer: dict[str, Any] | None = None
    email: str | None = None
    codes: tuple[str, ...] = ()
    parcels: tuple[AParcel, ...] = ()
    refunds: tuple[ARefund, ...] = ()
    shipping: str | None = "5.00"
    tax: str = "0.00"
    currency: str = "EUR"
    source: str = "web"
    test: bool = False
    id: int = field(default_factory=lambda: next(_numbers))

    def changed(self, **what: Any) -> "AnOrder":
        """A minute later, unless it is said when."""
        return replace(self, **{"updated_at": self.updated_at + timedelta(minutes=1), **what})

    @property
    def name(self) -> str:
        return f"#{self.id % 100_000}"

    def webhook(self) -> dict[str, Any]:
        """The body of a webhook about it, in the shape of Shopify's samples."""
        return {
            "id": self.id,
            "admin_graphql_api_id": f"gid://shopify/Order/{self.id}",
            "name": self.name,
            "created_at": _local(self.at),
            "updated_at": _local(self.updated_at),
            "cancelled_at": _local(self.cancelled_at),
            "test": self.test,
            "currency": self.currency,
            "presentment_currency": "USD",
            "email": self.email or "",
            "contact_email": self.email,
            "customer_locale": "fr",
            "source_name": self.source,
            "financial_status": self.paid.lower(),
            "taxes_included": True,
            "total_tax": self.tax,
            "total_tax_set": _shop_money(self.tax),
            "original_total_duties_set": None,
            "original_total_additional_fees_set": None,
            "discount_codes": [{"code": code, "amount": "5.00", "type": "fixed_amount"} for code in self.codes],
            "discount_applications": [{"type": "discount_code", "code": code} for code in self.codes],
            "customer": self.customer,
            "line_items": [
                {
                    "id": line.id,
                    "admin_graphql_api_id": f"gid://shopify/LineItem/{line.id}",
                    "title": line.title,
                    "sku": line.sku,
                    "quantity": line.quantity,
                    "current_quantity": line.left,
                    "gift_card": line.gift_card,
                    "requires_shipping": line.requires_shipping,
                    "product_id": line.product_id,
                    "price": line.price,
                    "price_set": _shop_money(line.price),
                    **({"tip_payment_gateway": None, "tip_payment_method": None} if line.is_tip else {}),
                    "discount_allocations": []
                    if line.off is None
                    else [{"amount": line.off, "amount_set": _shop_money(line.off), "discount_application_index": 0}],
                }
                for line in self.lines
            ],
            "shipping_lines": []
            if self.shipping is None
            else [{"price": self.shipping, "price_set": _shop_money(self.shipping), "discount_allocations": []}],
            "fulfillments": [
                {
                    "id": number,
                    "status": each.status.lower(),
                    "shipment_status": each.said and each.said.lower(),
                    "created_at": _local(each.at),
                    "updated_at": _local(each.changed_at or each.at),
                    "tracking_company": each.company,
                    "tracking_number": each.tracking,
                    "tracking_numbers": [each.tracking] if each.tracking else [],
                    "line_items": [
                        {"id": self.lines[place].id, "quantity": pieces} for place, pieces in each.pieces.items()
                    ],
                }
                for number, each in enumerate(self.parcels, start=1)
            ],
            "refunds": [
                {
                    "id": each.id,
                    "order_id": self.id,
                    "created_at": _local(each.at),
                    "refund_line_items": [
                        {
                            "line_item_id": self.lines[place].id,
                            "quantity": pieces,
                            "restock_type": each.restock.lower(),
                        }
                        for place, pieces in each.pieces.items()
                    ],
                    "transactions": [{"kind": "refund", "status": each.transaction, "amount": each.paid}]
                    if Decimal(each.paid)
                    else [],
                }
                for each in self.refunds
            ],
        }

    def node(self) -> dict[str, Any]:
        """The order as the Admin API knows it; connections are functions of `first` and `after`."""
        return {
            "__typename": "Order",
            "id": f"gid://shopify/Order/{self.id}",
            "legacyResourceId": str(self.id),
            "name": self.name,
            "createdAt": _utc(self.at),
            "updatedAt": _utc(self.updated_at),
            "cancelledAt": self.cancelled_at and _utc(self.cancelled_at),
            "test": self.test,
            "sourceName": self.source,
            "email": self.email,
            "customerLocale": "fr",
            "currencyCode": self.currency,
            "displayFinancialStatus": self.paid,
            "taxesIncluded": True,
            "discountCodes": list(self.codes),
            "totalTaxSet": _bag(self.tax),
            "originalTotalDutiesSet": None,
            "originalTotalAdditionalFeesSet": None,
            "totalTipReceivedSet": _bag(str(sum(Decimal(line.price) for line in self.lines if line.is_tip))),
            "customer": self.customer and _customer_node(self.customer),
            "lineItems": _pages(
                {
                    "id": f"gid://shopify/LineItem/{line.id}",
                    "title": line.title,
                    "sku": line.sku,
                    "quantity": line.quantity,
                    "currentQuantity": line.left,
                    "isGiftCard": line.gift_card,
                    "requiresShipping": line.requires_shipping,
                    "product": line.product_id and {"legacyResourceId": str(line.product_id)},
                    "originalUnitPriceSet": _bag(line.price),
                    "discountAllocations": [{"allocatedAmountSet": _bag(line.off)}] if line.off else [],
                }
                for line in self.lines
            ),
            "shippingLines": _pages(
                [{"originalPriceSet": _bag(self.shipping), "discountAllocations": []}] if self.shipping else []
            ),
            "fulfillments": lambda first: self.parcel_nodes()[:first],
            "refunds": lambda first: self.refund_nodes()[:first],
        }

    def parcel_nodes(self) -> list[dict[str, Any]]:
        return [
            {
                "id": f"gid://shopify/Fulfillment/{self.id}{number:03}",
                "status": each.status,
                "displayStatus": each.said or ("SUBMITTED" if each.tracking else "FULFILLED"),
                "createdAt": _utc(each.at),
                "updatedAt": _utc(each.changed_at or each.at),
                "trackingInfo": lambda first, each=each: (
                    [{"company": each.company, "number": each.tracking}] if each.tracking or each.company else []
                ),
                "fulfillmentLineItems": _pages(
                    {"quantity": pieces, "lineItem": {"id": f"gid://shopify/LineItem/{self.lines[place].id}"}}
                    for place, pieces in each.pieces.items()
                ),
            }
            for number, each in enumerate(self.parcels, start=1)
        ]

    def refund_nodes(self) -> list[dict[str, Any]]:
        return [
            {
                "id": f"gid://shopify/Refund/{each.id}",
                "legacyResourceId": str(each.id),
                "createdAt": _utc(each.at),
                "totalRefundedSet": _bag(each.paid),
                "refundLineItems": _pages(
                    {
                        "quantity": pieces,
                        "restockType": each.restock,
                        "lineItem": {"id": f"gid://shopify/LineItem/{self.lines[place].id}"},
                    }
                    for place, pieces in each.pieces.items()
                ),
            }
            for each in self.refunds
        ]


def a_tip(amount: str) -> ALine:
    """As Shopify puts it among the lines of an order."""
    return ALine(amount, product_id=None, requires_shipping=False, title="Tip", sku=None, is_tip=True)


def customer(number: int, email: str | None = None, *, verified: bool = True, **more: Any) -> dict[str, Any]:
    """A customer as webhooks of orders tell of one."""
    return {
        "id": number,
        "state": "enabled",
        "email": email,
        "verified_email": verified,
        "first_name": "Ada",
        "last_name": "Martin",
        "phone": None,
        "created_at": "2026-01-05T10:00:00+01:00",
        "updated_at": "2026-11-01T10:00:00+01:00",
        **more,
    }


@dataclass
class Orders:
    """The orders of each shop. Whatever is put into `of` is there from then on."""

    of: dict[str, dict[int, AnOrder]] = field(default_factory=dict)
    page: int = 250
    """Fewer than are asked for are told at once: tests need no hundreds of orders to see pages."""

    def put(self, domain: str, *orders: AnOrder) -> None:
        self.of.setdefault(domain, {}).update({order.id: order for order in orders})

    def register(self, pretend: Pretend) -> None:
        pretend.resolvers["Query.orders"] = self._listed
        pretend.resolvers["Query.order"] = lambda shop, id: self._one(shop, id)
        pretend.resolvers["Query.fulfillment"] = lambda shop, id: self._among(shop, id, AnOrder.parcel_nodes)
        pretend.resolvers["Query.refund"] = lambda shop, id: self._among(shop, id, AnOrder.refund_nodes)

    def _listed(self, shop: str, query: str, first: int, after: str | None = None, **_: Any) -> dict[str, Any]:
        found = _SINCE.fullmatch(query)
        assert found is not None, query
        since = datetime.fromisoformat(found[1])
        listed = sorted(
            (each for each in self.of.get(shop, {}).values() if each.updated_at.replace(microsecond=0) >= since),
            key=lambda order: (order.updated_at, order.id),
        )
        if after is not None:
            at, _, number = after.partition("/")
            listed = [o for o in listed if (o.updated_at, o.id) > (datetime.fromisoformat(at), int(number))]
        page = listed[: min(first, self.page)]
        return {
            "nodes": [each.node() for each in page],
            "pageInfo": {
                "hasNextPage": len(listed) > len(page),
                "endCursor": f"{page[-1].updated_at.isoformat()}/{page[-1].id}" if page else None,
            },
        }

    def _one(self, shop: str, gid: str) -> dict[str, Any] | None:
        found = self.of.get(shop, {}).get(int(gid.rpartition("/")[2]))
        return found and found.node()

    def _among(self, shop: str, gid: str, nodes: Any) -> dict[str, Any] | None:
        return next((each for order in self.of[shop].values() for each in nodes(order) if each["id"] == gid), None)


def _pages(nodes: Iterable[dict[str, Any]]) -> Any:
    """A connection: what is asked of it, with the place of the last one as the cursor."""
    listed = list(nodes)

    def connection(first: int, after: str | None = None, **_: Any) -> dict[str, Any]:
        begin = int(after) if after else 0
        end = begin + first
        return {"nodes": listed[begin:end], "pageInfo": {"hasNextPage": end < len(listed), "endCursor": str(end)}}

    return connection


def _customer_node(customer: dict[str, Any]) -> dict[str, Any]:
    email = customer["email"]
    return {
        "legacyResourceId": str(customer["id"]),
        "state": customer["state"].upper(),
        "firstName": customer["first_name"],
        "lastName": customer["last_name"],
        "verifiedEmail": customer["verified_email"],
        "tags": [],
        "createdAt": _utc(datetime.fromisoformat(customer["created_at"])),
        "updatedAt": _utc(datetime.fromisoformat(customer["updated_at"])),
        "defaultEmailAddress": email and {"emailAddress": email, "marketingState": "NOT_SUBSCRIBED"},
        "defaultPhoneNumber": customer["phone"] and {"phoneNumber": customer["phone"]},
        "defaultAddress": None,
    }


def _shop_money(amount: str) -> dict[str, Any]:
    """The customer's money is another: whoever reads it reads wrong."""
    return {
        "shop_money": {"amount": amount, "currency_code": "EUR"},
        "presentment_money": {"amount": "999.00", "currency_code": "USD"},
    }


def _bag(amount: str) -> dict[str, Any]:
    return {"shopMoney": {"amount": amount}, "presentmentMoney": {"amount": "999.00"}}


def _local(at: datetime | None) -> str | None:
    """As webhooks write times: in the shop's own zone."""
    return None if at is None else at.astimezone(_ZONE).isoformat(timespec="seconds")


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_ZONE = datetime.fromisoformat("2026-01-01T00:00:00+01:00").tzinfo
