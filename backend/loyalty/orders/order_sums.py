"""The money of an order, and the sum that it comes to. Values alone: `earning` makes the sum, `order_refunds` takes back."""

from dataclasses import dataclass, field
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any, Literal

from backend.loyalty.program.settings import Earn

MAX_POINTS = 1_000_000_000
"""No order brings more, whatever its amounts say (reliability I-05)."""

Note = Literal[
    "other_currency", "pos", "uninstalled", "blocked", "disabled", "cancelled", "returned", "voided", "refunded"
]
"""Why an order brings nothing, for the sum that the shopper reads."""

Excluded = Literal["gift_cards", "excluded_items", "discounts", "paid_with_points", "shipping", "fees", "tax"]

EXACT = Context(prec=100)
"""Enough digits for any amounts and quantities that JSON carries; Decimal's own 28 would round the absurd ones."""
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One line of the order, before discounts. Money left out: `total` is unit price × quantity, `discount` is 0."""

    id: str | None
    title: str | None = None
    quantity: int = 1
    unit_price: Decimal | None = None
    discount: Decimal | None = None
    total: Decimal | None = None
    gift_card: bool = False
    product_id: str | None = None
    sku: str | None = None
    categories: tuple[str, ...] = ()

    def before_discount(self) -> Decimal:
        if self.total is not None:
            return self.total
        return (self.unit_price or ZERO) * self.quantity


@dataclass(frozen=True, slots=True)
class OrderSum:
    """The money of an order as it now is, refunds not subtracted. `subtotal` is that of the lines, before discounts.

    Left out: `discount_total` is the sum of the lines' discounts, `total` is made from its parts, the others are 0.
    """

    currency: str
    subtotal: Decimal
    discount_total: Decimal | None = None
    shipping_total: Decimal | None = None
    fee_total: Decimal | None = None
    tax_total: Decimal | None = None
    total: Decimal | None = None
    lines: tuple[OrderLine, ...] = ()
    source: str | None = None
    payment_status: str | None = None
    cancelled: bool = False
    returned: bool = False


@dataclass(frozen=True, slots=True)
class RefundLine:
    """What went back of one line. Without `amount` it is quantity × the line's total / the line's quantity."""

    line_item_id: str | None
    quantity: int | None = None
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Refund:
    id: str
    lines: tuple[RefundLine, ...] = ()


@dataclass(frozen=True, slots=True)
class LineSum:
    """A line's part in the sum. `counted` of all lines add up to the order's, and so do `points`."""

    id: str | None
    title: str | None
    quantity: int
    total: Decimal
    counted: Decimal
    points: int
    taken_back: int = 0
    excluded: Literal["gift_card", "rule"] | None = None
    factor: Fraction = Fraction(1)
    """Times which its part of the order's points came."""
    bonus: int = 0
    """What of its points its pieces brought on top."""


@dataclass(frozen=True, slots=True)
class Sum:
    """How an order's points came about: `points` earned, of which `taken_back` went again."""

    earn: Earn
    currency: str
    counted: Decimal
    points: int
    lines: tuple[LineSum, ...]
    excluded: tuple[tuple[Excluded, Decimal], ...] = field(default=())
    note: Note | None = None
    rules: tuple[dict[str, Any], ...] = ()
    """The program's rules for orders and the member's level, each with whether it applied."""

    @property
    def taken_back(self) -> int:
        return sum(line.taken_back for line in self.lines)

    @property
    def target(self) -> int:
        """The points that should stand in the ledger for this order."""
        return self.points - self.taken_back
