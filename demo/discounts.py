"""What a discount code is worth, when it counts, and how it is shared among an order's lines. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from demo import catalogue, money, times

KINDS = ("fixed_amount", "percentage", "free_shipping", "gift")
MOST_CODES = 5
"""On one order."""

_CODE = re.compile(r"[!-.0-~]{1,255}")
"""Printable ASCII without a space and without the slash that would end an address."""
_AMOUNT = re.compile(r"\d{1,15}(\.\d{1,4})?")
_ZERO = Decimal("0.00")


class Malformed(Exception):
    """What is wrong with a discount that somebody sent, as a sentence for its developer."""


@dataclass(frozen=True)
class Terms:
    """What a code is worth, to whom, and until when."""

    kind: str
    value: Decimal | None = None
    """Euros for `fixed_amount`, percent for `percentage`, nothing for the others."""
    product_id: str | None = None
    """What a `gift` is."""
    minimum_subtotal: Decimal | None = None
    usage_limit: int | None = 1
    """None: as often as anybody likes."""
    customer_id: str | None = None
    """The one account that may use it; None: whoever has the code."""
    expires_at: datetime | None = None
    """Usable while now < expires_at."""


@dataclass
class Applied:
    """One code on a cart or an order, and what it takes off the items."""

    code: str
    """As the shopper typed it."""
    kind: str
    value: Decimal | None
    product_id: str | None
    amount: Decimal = _ZERO

    @property
    def label(self) -> str:
        return label(self.kind, self.value, self.product_id)


@dataclass(frozen=True)
class Shares:
    """What the codes take off: each code of the items, each line, and the delivery."""

    by_code: tuple[Decimal, ...]
    by_line: tuple[Decimal, ...]
    shipping: Decimal


def label(kind: str, value: Decimal | None, product_id: str | None) -> str:
    """As shoppers read it: "€5 off", "10% off", "Free delivery", "Gift: Matcha whisk"."""
    if kind == "fixed_amount":
        return f"{money.shown(value or _ZERO)} off"
    if kind == "percentage":
        return f"{(value or _ZERO).normalize():f}% off"
    if kind == "gift":
        product = catalogue.find(product_id or "")
        return f"Gift: {product.title if product else product_id}"
    return "Free delivery"


def share(lines: Sequence[Decimal], shipping: Decimal, codes: Sequence[Applied]) -> Shares:
    """What these codes take off an order with these line totals.

    Percentages count on the items as they are, then fixed amounts on what is left of them; nothing falls below zero.
    """
    left = list(lines)
    by_code = [_ZERO] * len(codes)
    for kind in ("percentage", "fixed_amount"):
        for index, code in enumerate(codes):
            if code.kind != kind or code.value is None:
                continue
            wanted = money.cents(sum(lines, _ZERO) * code.value / 100) if kind == "percentage" else code.value
            parts = _split(min(money.cents(wanted), sum(left, _ZERO)), left)
            left = [rest - part for rest, part in zip(left, parts, strict=True)]
            by_code[index] = sum(parts, _ZERO)
    return Shares(
        by_code=tuple(by_code),
        by_line=tuple(whole - rest for whole, rest in zip(lines, left, strict=True)),
        shipping=shipping if any(code.kind == "free_shipping" for code in codes) else _ZERO,
    )


def _split(amount: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """The amount in cents, shared by weight: the cents that rounding leaves go where the largest remainders are."""
    whole = sum(weights, _ZERO)
    if not amount or not whole:
        return [_ZERO] * len(weights)
    cents = [divmod(amount * 100 * weight, whole) for weight in weights]
    parts = [int(each) for each, _ in cents]
    by_remainder = sorted(range(len(weights)), key=lambda index: -cents[index][1])
    for index in by_remainder[: int(amount * 100) - sum(parts)]:
        parts[index] += 1
    return [Decimal(part).scaleb(-2) for part in parts]


def still_missing(terms: Terms, subtotal: Decimal) -> Decimal:
    """How much more the items must come to before the code counts; 0 if it does."""
    return max((terms.minimum_subtotal or _ZERO) - subtotal, _ZERO)


def read_terms(data: Mapping[str, Any]) -> Terms:
    """The terms in a `discount.create` (contract section 3). Raises Malformed."""
    kind = data.get("kind")
    if kind not in KINDS:
        raise Malformed(f"kind must be one of {', '.join(KINDS)}.")
    value = _amount(data, "value")
    if kind in ("fixed_amount", "percentage"):
        if not value:
            raise Malformed(f"value must be more than 0 for {kind}.")
        if kind == "percentage" and value > 100:
            raise Malformed("value must be at most 100 for percentage.")
    if kind == "fixed_amount" and data.get("currency") != money.CURRENCY:
        raise Malformed(f"currency must be {money.CURRENCY}: this shop sells in no other.")
    product_id = _text(data, "product_id")
    if kind == "gift" and catalogue.find(product_id or "") is None:
        raise Malformed("product_id must be something that this shop sells.")
    return Terms(
        kind=kind,
        value=value if kind in ("fixed_amount", "percentage") else None,
        product_id=product_id if kind == "gift" else None,
        minimum_subtotal=_amount(data, "minimum_subtotal"),
        usage_limit=_usage_limit(data),
        customer_id=_text(data, "customer_id"),
        expires_at=_time(data, "expires_at"),
    )


def read_code(data: Mapping[str, Any]) -> tuple[str, str]:
    """The reference and the code that every call carries. Raises Malformed."""
    reference, code = _text(data, "reference"), _text(data, "code")
    if reference is None:
        raise Malformed("reference is missing.")
    if code is None or not _CODE.fullmatch(code):
        raise Malformed("code must be 1 to 255 printable ASCII characters without spaces and slashes.")
    return reference, code


def _text(data: Mapping[str, Any], name: str) -> str | None:
    found = data.get(name)
    if found is None:
        return None
    if not isinstance(found, str) or not 0 < len(found) <= 255:
        raise Malformed(f"{name} must be a text of 1 to 255 characters.")
    return found


def _amount(data: Mapping[str, Any], name: str) -> Decimal | None:
    found = data.get(name)
    if found is None:
        return None
    if not isinstance(found, str) or not _AMOUNT.fullmatch(found):
        raise Malformed(f'{name} must be a decimal text such as "5.00".')
    return Decimal(found)


def _usage_limit(data: Mapping[str, Any]) -> int | None:
    found = data.get("usage_limit", 1)
    if found is not None and (not isinstance(found, int) or isinstance(found, bool) or found < 1):
        raise Malformed("usage_limit must be a whole number from 1.")
    return found


def _time(data: Mapping[str, Any], name: str) -> datetime | None:
    found = _text(data, name)
    if found is None:
        return None
    try:
        at = times.from_iso(found)
    except ValueError as error:
        raise Malformed(f"{name} must be an ISO 8601 time.") from error
    if at.tzinfo is None:
        raise Malformed(f"{name} must be a time with an offset.")
    return at
