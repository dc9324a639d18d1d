"""What Shopify is told when it pays a reward in money, as a gift card or as store credit (platforms.md 5.2). Pure.

A gift card has our code and a note that ends with our reference (`discounts.title`), by which it is known again. It is
nobody's at Shopify, where giving it to a customer would need the permission to change customers: whoever has the code has
the money. Store credit has neither code nor note (`shopify/store_credit.py`).
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from backend.platforms.base import Never
from backend.platforms.shopify.discounts import instant

NO_FIGURE = "The reward does not say in figures what it is worth."
SHOWN_OF_A_CODE = 4
"""Characters at the end of a gift card's code that Shopify shows."""


def value(worth: Mapping[str, Any]) -> Decimal:
    """The amount. Raises Never if the reward says none."""
    if worth["value"] is None:
        raise Never(NO_FIGURE)
    return Decimal(worth["value"])


def money(worth: Mapping[str, Any]) -> dict[str, str]:
    """A `MoneyInput`. Raises Never as `value` does."""
    value(worth)
    return {"amount": worth["value"], "currencyCode": worth["currency"]}


def gift_card(worth: Mapping[str, Any], *, code: str, note: str, last_day: date | None) -> dict[str, Any]:
    """A `GiftCardCreateInput`. No customer sees the note. Raises Never as `value` does."""
    return {
        "code": code,
        "initialAmount": money(worth),
        "note": note,
        "expiresOn": None if last_day is None else last_day.isoformat(),
    }


def last_day(expires_at: datetime | None, timezone: str) -> date | None:
    """The last day of the shop on which something is good that is good no more at `expires_at`; None: for ever."""
    return (
        None if expires_at is None else (expires_at - timedelta(microseconds=1)).astimezone(ZoneInfo(timezone)).date()
    )


def gift_card_debit(worth: Mapping[str, Any], note: str) -> dict[str, Any]:
    """A `GiftCardDebitInput`."""
    return {"debitAmount": money(worth), "note": note}


def credit(worth: Mapping[str, Any], expires_at: datetime | None) -> dict[str, Any]:
    """A `StoreCreditAccountCreditInput`. Who has it is told by us. Raises Never as `value` does."""
    return {
        "creditAmount": money(worth),
        "expiresAt": None if expires_at is None else instant(expires_at),
        "notify": False,
    }


def credit_debit(worth: Mapping[str, Any]) -> dict[str, Any]:
    """A `StoreCreditAccountDebitInput`."""
    return {"debitAmount": money(worth)}
