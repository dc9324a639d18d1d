"""What a delivery means to us, in words that no platform owns.

An adapter turns a platform's body into these events; the rules of the business see nothing else. Ids are text, times
are aware and UTC, money is `Decimal` in the order's currency. `None` means "not said", never "none".

Events may arrive twice, late and in any order (contract section 3). So an order is a set of *states* with a total
order, `newness`, and never a sequence of changes; `known_orders.py` folds the states into what is known.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import orjson

# How far along a state is: on a tie of times the further state wins.
DELIVERY_STATUSES = ("pending", "shipped", "arrived", "collected", "returned")
PAYMENT_STATUSES = ("pending", "paid", "partially_refunded", "refunded", "voided")
_DELIVERY_RANK = {status: rank for rank, status in enumerate(DELIVERY_STATUSES, start=1)}
_PAYMENT_RANK = {status: rank for rank, status in enumerate(PAYMENT_STATUSES, start=1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A shopper as the store knows them. Only in an order may `external_id` be missing: a guest."""

    external_id: str | None = None
    email: str | None = None
    email_verified: bool = False
    phone: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    locale: str | None = None
    birthday: date | None = None
    tags: tuple[str, ...] | None = None
    address: Mapping[str, Any] | None = None
    created_at: datetime | None = None
    referral_code: str | None = None
    accepts_marketing: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of an order. `total` is before discounts and is never reduced by refunds."""

    external_id: str
    product_id: str | None = None
    sku: str | None = None
    title: str | None = None
    quantity: int = 1
    unit_price: Decimal | None = None
    discount: Decimal | None = None
    total: Decimal | None = None
    gift_card: bool = False
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderState:
    """The whole order as the store saw it at one moment.

    `customer` has an id, or is None for a guest, whose address is then `guest_email`. `lines` and `discount_codes` are
    None when the store did not say them and `()` when it said that there are none.
    """

    external_id: str
    currency: str
    created_at: datetime
    subtotal: Decimal
    number: str | None = None
    customer: Customer | None = None
    guest_email: str | None = None
    updated_at: datetime | None = None
    source: str | None = None
    payment_status: str | None = None
    delivery_status: str | None = None
    delivery_carrier: str | None = None
    collected_at: datetime | None = None
    arrived_at: datetime | None = None
    cancelled_at: datetime | None = None
    discount_total: Decimal | None = None
    shipping_total: Decimal | None = None
    fee_total: Decimal | None = None
    tax_total: Decimal | None = None
    total: Decimal | None = None
    discount_codes: tuple[str, ...] | None = None
    lines: tuple[Line, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundLine:
    """What of one line went back: pieces, money, or both."""

    line_id: str
    quantity: int | None = None
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundState:
    external_id: str
    created_at: datetime | None = None
    amount: Decimal | None = None
    lines: tuple[RefundLine, ...] = ()


@dataclass(frozen=True, slots=True)
class CustomerSeen:
    """The customer as they were at `at`.

    `signed_up_at`: when they made their account, if the store tells of it because of that. `has_account`: that they have
    one, since whenever.
    """

    customer: Customer
    at: datetime
    signed_up_at: datetime | None = None
    has_account: bool = False


@dataclass(frozen=True, slots=True)
class CustomerErased:
    """The account is gone; `redacted`: its personal data must go as well. `may_be_merged`: the store says the same of a
    customer whom it merged into another, and may say it before it tells of the merge."""

    external_id: str
    at: datetime
    redacted: bool = False
    may_be_merged: bool = False


@dataclass(frozen=True, slots=True)
class OrderSeen:
    order: OrderState
    at: datetime


@dataclass(frozen=True, slots=True)
class OrderRefunded:
    order_id: str
    refund: RefundState
    at: datetime


@dataclass(frozen=True, slots=True)
class OrderChanged:
    """The order changed, and what it is now has not been said: it must be asked."""

    order_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CustomersMerged:
    """Two customers of the store became one: `gone_id` is another name of `kept_id` from now on."""

    kept_id: str
    gone_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AddressErased:
    """Whoever has that address, and the guest who made these orders, must be forgotten.

    `is_all_that_is_known`: no customer was named, so the address stands for one.
    """

    email: str | None
    order_ids: tuple[str, ...]
    at: datetime
    is_all_that_is_known: bool = False


@dataclass(frozen=True, slots=True)
class DataRequested:
    """A customer has asked the store for what is kept of them: the merchant has 30 days to hand it out."""

    request_id: str
    customer_id: str | None
    email: str | None
    order_ids: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class ShopErased:
    """The shop is to be forgotten, unless it has come back by then."""

    at: datetime


@dataclass(frozen=True, slots=True)
class ShopChanged:
    """What the shop says of itself, None for what it does not. `domain` is where its customers find it."""

    at: datetime
    external_id: str | None = None
    name: str | None = None
    domain: str | None = None
    timezone: str | None = None
    locale: str | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class ScopesChanged:
    """What the app may do in the shop from now on."""

    scopes: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class AppInstalled:
    at: datetime


@dataclass(frozen=True, slots=True)
class AppUninstalled:
    at: datetime


Event = (
    CustomerSeen
    | CustomerErased
    | CustomersMerged
    | AddressErased
    | DataRequested
    | OrderSeen
    | OrderRefunded
    | OrderChanged
    | AppInstalled
    | AppUninstalled
    | ScopesChanged
    | ShopChanged
    | ShopErased
)

Newness = tuple[datetime, datetime, bool, int, int, str]


def newness(order: OrderState, at: datetime) -> Newness:
    """The place of a state among the states of its order: the greatest is the newest (contract section 3).

    The later `updated_at`, else the later envelope time `at`, else the further state. Where a state has no `updated_at`
    its `at` stands in, because comparing "by the one, else by the other" pair by pair can run in a circle. The digest
    at the end makes the order total: two states share a place only if they say the same.
    """
    return (
        order.updated_at or at,
        at,
        order.cancelled_at is not None,
        delivery_rank(order.delivery_status),
        payment_rank(order.payment_status),
        _digest(order),
    )


def newer(one: OrderSeen, other: OrderSeen) -> OrderSeen:
    """The newer of two states of one order, whichever is named first."""
    return max(one, other, key=lambda seen: newness(seen.order, seen.at))


def delivery_rank(status: str | None) -> int:
    """0 if not said, then pending < shipped < arrived < collected < returned."""
    return _DELIVERY_RANK[status] if status else 0


def payment_rank(status: str | None) -> int:
    """0 if not said, then pending < paid < partially_refunded < refunded < voided."""
    return _PAYMENT_RANK[status] if status else 0


def _digest(order: OrderState) -> str:
    return blake2b(orjson.dumps(to_document(order), option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


# Orders as JSON documents, for the column that keeps the newest state.

_TIMES = ("created_at", "updated_at", "collected_at", "arrived_at", "cancelled_at")
_SUMS = ("subtotal", "discount_total", "shipping_total", "fee_total", "tax_total", "total")
_TEXTS = (
    "external_id",
    "currency",
    "number",
    "guest_email",
    "source",
    "payment_status",
    "delivery_status",
    "delivery_carrier",
)


def to_document(order: OrderState) -> dict[str, Any]:
    """The order as plain JSON values: money and times as text, what was not said left out.

    Of the customer only the id is kept: personal data lives in one place, and that is not the order. A guest's e-mail
    is kept, since it is all that a later account can be matched by.
    """
    document: dict[str, Any] = {}
    for name in _TEXTS:
        if (text := getattr(order, name)) is not None:
            document[name] = text
    for name in _TIMES:
        if (time := getattr(order, name)) is not None:
            document[name] = time_text(time)
    for name in _SUMS:
        if (amount := getattr(order, name)) is not None:
            document[name] = str(amount)
    if order.customer is not None:
        document["customer_id"] = order.customer.external_id
    if order.discount_codes is not None:
        document["discount_codes"] = list(order.discount_codes)
    if order.lines is not None:
        document["lines"] = [_line_to_document(line) for line in order.lines]
    return document


def order_from_document(document: Mapping[str, Any]) -> OrderState:
    """The order that `to_document` wrote down; its customer has the id alone."""
    said: dict[str, Any] = {name: document[name] for name in _TEXTS if name in document}
    said.update((name, datetime.fromisoformat(document[name])) for name in _TIMES if name in document)
    said.update((name, Decimal(document[name])) for name in _SUMS if name in document)
    if "customer_id" in document:
        said["customer"] = Customer(external_id=document["customer_id"])
    if "discount_codes" in document:
        said["discount_codes"] = tuple(document["discount_codes"])
    if "lines" in document:
        said["lines"] = tuple(_line_from_document(line) for line in document["lines"])
    return OrderState(**said)


def refund_to_document(refund: RefundState) -> dict[str, Any]:
    """The refund as plain JSON values, for one that waits for its order."""
    return _without_none(
        {
            "external_id": refund.external_id,
            "created_at": time_text(refund.created_at) if refund.created_at else None,
            "amount": _money_text(refund.amount),
            "lines": [
                _without_none({"line_id": line.line_id, "quantity": line.quantity, "amount": _money_text(line.amount)})
                for line in refund.lines
            ],
        }
    )


def refund_from_document(document: Mapping[str, Any]) -> RefundState:
    created_at = document.get("created_at")
    return RefundState(
        external_id=document["external_id"],
        created_at=datetime.fromisoformat(created_at) if created_at else None,
        amount=_money(document.get("amount")),
        lines=tuple(
            RefundLine(line_id=line["line_id"], quantity=line.get("quantity"), amount=_money(line.get("amount")))
            for line in document["lines"]
        ),
    )


def time_text(time: datetime) -> str:
    """An aware time as UTC ISO 8601 text ending in Z, microseconds only if there are any."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def _line_to_document(line: Line) -> dict[str, Any]:
    return _without_none(
        {
            "external_id": line.external_id,
            "product_id": line.product_id,
            "sku": line.sku,
            "title": line.title,
            "quantity": line.quantity,
            "unit_price": _money_text(line.unit_price),
            "discount": _money_text(line.discount),
            "total": _money_text(line.total),
            "gift_card": line.gift_card or None,
            "categories": list(line.categories) or None,
        }
    )


def _line_from_document(document: Mapping[str, Any]) -> Line:
    return Line(
        external_id=document["external_id"],
        product_id=document.get("product_id"),
        sku=document.get("sku"),
        title=document.get("title"),
        quantity=document["quantity"],
        unit_price=_money(document.get("unit_price")),
        discount=_money(document.get("discount")),
        total=_money(document.get("total")),
        gift_card=document.get("gift_card", False),
        categories=tuple(document.get("categories", ())),
    )


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _money_text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)


def _money(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
