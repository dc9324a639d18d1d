"""An order and its life, as a shop keeps it. Pure: every verb takes the order and the time, changes the order and says
which webhooks tell of it; nothing here sends or stores.

Amounts are `Decimal` in the shop's currency. A line's `total` is unit price × quantity, before discounts and never
reduced by refunds; the same holds for `subtotal` (contract section 3). Codes for money off are in the lines' discounts;
free delivery is in `shipping_total`, which is what is paid for it, and a gift is a line that costs nothing: neither is
a discount of the items, so `subtotal` - `discount_total` stays what was paid for them.
"""

from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from demo import discounts, money, times
from demo.discounts import Applied

CARRIERS = {
    "courier": "Bike courier",
    "post": "Parcel post",
    "tcat": "T-Cat (arriving counts as collected)",
    "pickup": "Collect at the workshop",
}
"""`tcat` is in the program's list of carriers whose "arrived" starts the waiting days (S3.5)."""

SHIPPING = {"courier": Decimal("6.90"), "post": Decimal("4.90"), "tcat": Decimal("5.90"), "pickup": Decimal("0.00")}

MAX_QUANTITY = 99


class Refusal(Exception):
    """What the shop cannot do with this order, as a sentence for the person who asked."""


@dataclass
class Line:
    id: str
    product_id: str
    sku: str
    title: str
    quantity: int
    unit_price: Decimal
    discount: Decimal = Decimal("0.00")
    gift_card: bool = False
    categories: list[str] = field(default_factory=list)
    """Unknown of orders from before the shop told them."""

    @property
    def total(self) -> Decimal:
        return self.unit_price * self.quantity

    @property
    def is_gift(self) -> bool:
        """Put in by a code: nothing that the shop sells costs nothing."""
        return self.unit_price == 0


@dataclass
class RefundLine:
    line_item_id: str
    quantity: int
    amount: Decimal


@dataclass
class Refund:
    id: str
    created_at: datetime
    amount: Decimal
    line_items: list[RefundLine] = field(default_factory=list)


@dataclass
class Order:
    id: str
    number: str
    email: str
    first_name: str
    last_name: str
    customer_id: str | None
    """None for a guest: the order is known by its e-mail."""
    created_at: datetime
    updated_at: datetime
    carrier: str
    lines: list[Line]
    currency: str = money.CURRENCY
    source: str = "online"
    payment_status: str = "pending"
    delivery_status: str = "pending"
    arrived_at: datetime | None = None
    collected_at: datetime | None = None
    cancelled_at: datetime | None = None
    shipping_price: Decimal = Decimal("0.00")
    """Before a code for free delivery."""
    shipping_discount: Decimal = Decimal("0.00")
    fee_total: Decimal = Decimal("0.00")
    tax_total: Decimal = Decimal("0.00")
    discounts: list[Applied] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)

    @property
    def subtotal(self) -> Decimal:
        return sum((line.total for line in self.lines), Decimal("0.00"))

    @property
    def discount_total(self) -> Decimal:
        return sum((line.discount for line in self.lines), Decimal("0.00"))

    @property
    def discount_codes(self) -> list[str]:
        return [each.code for each in self.discounts]

    @property
    def shipping_total(self) -> Decimal:
        return self.shipping_price - self.shipping_discount

    @property
    def total(self) -> Decimal:
        return self.subtotal - self.discount_total + self.shipping_total + self.fee_total + self.tax_total

    @property
    def refunded(self) -> Decimal:
        return sum((refund.amount for refund in self.refunds), Decimal("0.00"))

    @property
    def refundable(self) -> Decimal:
        return self.total - self.refunded

    @property
    def is_guest(self) -> bool:
        return self.customer_id is None

    @property
    def status(self) -> str:
        """One word for people: cancelled wins, then money, then where the parcel is."""
        if self.cancelled_at:
            return "cancelled"
        if self.delivery_status == "pending":
            return "waiting for payment" if self.payment_status == "pending" else "paid"
        return self.delivery_status

    def line(self, line_id: str) -> Line:
        for line in self.lines:
            if line.id == line_id:
                return line
        raise Refusal("That line is not part of this order.")

    def refunded_quantity(self, line_id: str) -> int:
        parts = (part for refund in self.refunds for part in refund.line_items)
        return sum(part.quantity for part in parts if part.line_item_id == line_id)


@dataclass(frozen=True)
class Told:
    """One webhook that a verb gives rise to; `refund_id` only for `order.refunded`."""

    type: str
    at: datetime
    refund_id: str | None = None


def place(order: Order, at: datetime, *, paid: bool) -> list[Told]:
    """A new order, paid at once by card, or waiting for the bank transfer."""
    if not order.lines:
        raise Refusal("The cart is empty.")
    order.created_at = order.updated_at = at
    _reckon(order)
    told = [Told("order.created", at)]
    if order.source == "pos":
        order.payment_status, order.delivery_status, order.collected_at = "paid", "collected", at
        return [*told, Told("order.paid", at), Told("order.collected", at)]
    return [*told, *pay(order, at)] if paid else told


def pay(order: Order, at: datetime) -> list[Told]:
    _refuse_if_cancelled(order)
    if order.payment_status != "pending":
        raise Refusal("This order is paid already.")
    order.payment_status = "paid"
    return [Told("order.paid", _touch(order, at))]


def ship(order: Order, at: datetime) -> list[Told]:
    _move(order, "shipped", after=("pending",))
    return [Told("order.shipped", _touch(order, at))]


def arrive(order: Order, at: datetime) -> list[Told]:
    _move(order, "arrived", after=("pending", "shipped"))
    order.arrived_at = _touch(order, at)
    return [Told("order.arrived", order.arrived_at)]


def collect(order: Order, at: datetime) -> list[Told]:
    """The shopper has it in hand: the day from which the waiting days count."""
    _move(order, "collected", after=("pending", "shipped", "arrived"))
    order.collected_at = _touch(order, at)
    return [Told("order.collected", order.collected_at)]


def take_back(order: Order, at: datetime) -> list[Told]:
    """The parcel comes back, collected before or never picked up. The money goes back by a refund, another click."""
    _move(order, "returned", after=("shipped", "arrived", "collected"))
    return [Told("order.returned", _touch(order, at))]


def cancel(order: Order, at: datetime) -> list[Told]:
    """The whole order is off: unpaid is voided, paid is given back."""
    _refuse_if_cancelled(order)
    order.payment_status = "voided" if order.payment_status == "pending" else "refunded"
    order.cancelled_at = _touch(order, at)
    return [Told("order.cancelled", order.cancelled_at)]


def change_quantity(order: Order, line_id: str, quantity: int, at: datetime) -> list[Told]:
    _refuse_if_cancelled(order)
    line = order.line(line_id)
    if line.is_gift:
        raise Refusal(f"{line.title}: there is one, as promised.")
    least = max(1, order.refunded_quantity(line_id))
    if not least <= quantity <= MAX_QUANTITY:
        raise Refusal(f"{line.title}: the quantity must be between {least} and {MAX_QUANTITY}.")
    if quantity == line.quantity:
        raise Refusal(f"{line.title}: the quantity is {quantity} already.")
    before, line.quantity = line.quantity, quantity
    _reckon(order)
    if order.refundable < 0:
        line.quantity = before
        _reckon(order)
        raise Refusal("More than that was refunded already.")
    return [Told("order.updated", _touch(order, at))]


def refund_line(order: Order, line_id: str, quantity: int, refund_id: str, at: datetime) -> list[Told]:
    """Give back `quantity` of one line at what was paid: the unit price less its share of the line's discount.

    That is nothing for what was paid with points alone; its refund still says what came back.
    """
    line = order.line(line_id)
    if line.is_gift:
        raise Refusal(f"{line.title} is a gift: there is nothing to refund.")
    left = line.quantity - order.refunded_quantity(line_id)
    if left == 0:
        raise Refusal(f"{line.title} is refunded already.")
    if not 1 <= quantity <= left:
        raise Refusal(f"{line.title}: between 1 and {left} can be refunded.")
    amount = money.cents((line.total - line.discount) * quantity / line.quantity)
    parts = [RefundLine(line_item_id=line_id, quantity=quantity, amount=amount)]
    return _refund(order, Refund(refund_id, at, amount, parts), at)


def refund_amount(order: Order, amount: Decimal, refund_id: str, at: datetime) -> list[Told]:
    """Give back an amount that belongs to no line, such as a gesture for a late parcel."""
    return _refund(order, Refund(refund_id, at, amount), at)


def _refund(order: Order, refund: Refund, at: datetime) -> list[Told]:
    _refuse_if_cancelled(order)
    if order.payment_status == "pending":
        raise Refusal("Nothing was paid for this order yet.")
    if refund.amount > order.refundable or (refund.amount <= 0 and not refund.line_items):
        raise Refusal(f"At most {money.shown(order.refundable)} can be refunded.")
    refund.created_at = _touch(order, at)
    order.refunds.append(refund)
    is_all_back = order.refundable == 0 and (order.refunded > 0 or _is_every_piece_back(order))
    order.payment_status = "refunded" if is_all_back else "partially_refunded"
    return [
        Told("order.refunded", refund.created_at, refund_id=refund.id),
        Told("order.updated", refund.created_at),
    ]


def _reckon(order: Order) -> None:
    """Share what the order's codes take off among its lines as they now are."""
    if not order.discounts:
        return
    shares = discounts.share([line.total for line in order.lines], order.shipping_price, order.discounts)
    for line, amount in zip(order.lines, shares.by_line, strict=True):
        line.discount = amount
    for each, amount in zip(order.discounts, shares.by_code, strict=True):
        each.amount = amount
    order.shipping_discount = shares.shipping


def _is_every_piece_back(order: Order) -> bool:
    return all(line.is_gift or order.refunded_quantity(line.id) == line.quantity for line in order.lines)


def _move(order: Order, to: str, after: tuple[str, ...]) -> None:
    _refuse_if_cancelled(order)
    if order.delivery_status not in after:
        raise Refusal(f"This order is {order.delivery_status}: it cannot become {to}.")
    order.delivery_status = to


def _refuse_if_cancelled(order: Order) -> None:
    if order.cancelled_at:
        raise Refusal("This order is cancelled.")


def _touch(order: Order, at: datetime) -> datetime:
    """Two changes never share an `updated_at`, so that the newer state is always the one with the later time."""
    order.updated_at = max(at, order.updated_at + timedelta(milliseconds=1))
    return order.updated_at


def to_record(order: Order) -> dict[str, Any]:
    """As the shop's own book keeps it: JSON with texts for times and amounts."""
    plain: dict[str, Any] = _plain(asdict(order))
    return plain


def from_record(record: dict[str, Any]) -> Order:
    values = dict(record)
    for name in ("created_at", "updated_at", "arrived_at", "collected_at", "cancelled_at"):
        values[name] = times.from_iso(values[name]) if values[name] else None
    values.setdefault("shipping_price", values.pop("shipping_total", "0.00"))  # a book from before the shop took codes
    values.pop("discount_codes", None)
    values.setdefault("shipping_discount", "0.00")
    values.setdefault("discounts", [])
    for name in ("shipping_price", "shipping_discount", "fee_total", "tax_total"):
        values[name] = Decimal(values[name])
    values["discounts"] = [
        Applied(
            **{**each, "value": Decimal(each["value"]) if each["value"] else None, "amount": Decimal(each["amount"])}
        )
        for each in values["discounts"]
    ]
    values["lines"] = [
        Line(**{**line, "unit_price": Decimal(line["unit_price"]), "discount": Decimal(line["discount"])})
        for line in values["lines"]
    ]
    values["refunds"] = [
        Refund(
            id=refund["id"],
            created_at=times.from_iso(refund["created_at"]),
            amount=Decimal(refund["amount"]),
            line_items=[RefundLine(**{**part, "amount": Decimal(part["amount"])}) for part in refund["line_items"]],
        )
        for refund in values["refunds"]
    ]
    return Order(**values)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return times.iso(value)
    return money.text(value) if isinstance(value, Decimal) else value
