"""Euros and cents as `Decimal`; the shop sells in one currency."""

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

CURRENCY = "EUR"
_CENT = Decimal("0.01")


def cents(amount: Decimal) -> Decimal:
    """The amount rounded to whole cents, half up."""
    return amount.quantize(_CENT, rounding=ROUND_HALF_UP)


def text(amount: Decimal) -> str:
    """As webhooks carry it: "1000.00"."""
    return f"{cents(amount):.2f}"


def shown(amount: Decimal) -> str:
    """As shoppers read it: "€1,000" and "€18.50"."""
    whole = amount == amount.to_integral_value()
    return f"€{amount:,.0f}" if whole else f"€{cents(amount):,.2f}"


def parse(typed: str) -> Decimal | None:
    """What a person typed as an amount, or None if it is not a positive amount of at most 12 digits."""
    cleaned = typed.strip().lstrip("€").strip().replace(" ", "").replace(",", ".")
    try:
        amount = Decimal(cleaned)
    except InvalidOperation:
        return None
    if not amount.is_finite() or amount <= 0 or amount >= Decimal(10) ** 10:
        return None
    return cents(amount) or None
