"""What a visitor's cart comes to, with the codes in it."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from demo import catalogue, codes, discounts, money
from demo.catalogue import Product
from demo.discounts import Applied


@dataclass(frozen=True)
class Basket:
    lines: list[tuple[Product, int]]
    discounts: list[Applied]
    """The codes that count, each with what it takes off the items."""
    waiting: list[tuple[str, str]]
    """The codes that do not count as the cart is, each with a sentence that says why."""

    @property
    def subtotal(self) -> Decimal:
        return _subtotal(self.lines)

    @property
    def items_total(self) -> Decimal:
        """What is left to pay for the items: all that another code could still take something off."""
        return self.subtotal - sum((each.amount for each in self.discounts), Decimal("0.00"))

    @property
    def is_delivered_free(self) -> bool:
        return any(each.kind == "free_shipping" for each in self.discounts)

    @property
    def items_total_text(self) -> str:
        return money.text(self.items_total)


def look(
    db: sqlite3.Connection, cart: Mapping[str, int], typed: Sequence[str], customer_id: str | None, now: datetime
) -> Basket:
    """The cart as it now stands. An empty one keeps its codes: they wait for something to count on."""
    lines = [(product, quantity) for slug, quantity in cart.items() if (product := catalogue.find(slug))]
    applied, waiting = codes.apply(db, typed, _subtotal(lines), customer_id, now)
    shares = discounts.share([product.price * quantity for product, quantity in lines], Decimal("0.00"), applied)
    for each, amount in zip(applied, shares.by_code, strict=True):
        each.amount = amount
    return Basket(lines, applied, waiting)


def _subtotal(lines: Sequence[tuple[Product, int]]) -> Decimal:
    return sum((product.price * quantity for product, quantity in lines), Decimal("0.00"))
