"""How values are shown on the merchant's pages: points, money, moments in the shop's own zone."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal, format_percent
from jinja2 import pass_context
from jinja2.runtime import Context

from backend.loyalty.calendar_rules import timezone

LOCALE = "en"
"""The language of the merchant's pages."""
NOTHING = "–"


def number(value: int | Decimal | None) -> str:
    """1234567 as 1,234,567."""
    return NOTHING if value is None else format_decimal(value, locale=LOCALE)


def signed(value: int | None) -> str:
    """+50, −50 with a real minus, 0."""
    if value is None:
        return NOTHING
    text = format_decimal(abs(value), locale=LOCALE)
    return f"+{text}" if value > 0 else f"−{text}" if value < 0 else text


def percent(value: float | Decimal | None) -> str:
    """0.1234 as 12.3%."""
    return NOTHING if value is None else format_percent(value, "#,##0.#%", locale=LOCALE)


@pass_context
def money(context: Context, value: Decimal | str | None, currency: str | None = None) -> str:
    """In that currency, or the shop's. Text is a decimal number, as an order says it."""
    if value is None:
        return NOTHING
    return format_currency(Decimal(value), currency or context["visit"].shop.currency, locale=LOCALE)


@pass_context
def moment(context: Context, at: datetime | None) -> str:
    """Nov 26, 2026, 7:30 AM in the shop's zone."""
    if at is None:
        return NOTHING
    return format_datetime(at, "MMM d, y, h:mm a", tzinfo=_zone(context), locale=LOCALE).replace("\u202f", " ")


@pass_context
def day(context: Context, at: datetime | date | None) -> str:
    """Nov 26, 2026 in the shop's zone."""
    if at is None:
        return NOTHING
    local = at.astimezone(_zone(context)).date() if isinstance(at, datetime) else at
    return format_date(local, "medium", locale=LOCALE)


@pass_context
def field_moment(context: Context, at: datetime | None) -> str:
    """As a date-and-time field of a form wants it, in the shop's zone: 2026-11-26T07:30."""
    return "" if at is None else at.astimezone(_zone(context)).strftime("%Y-%m-%dT%H:%M")


def _zone(context: Context) -> Any:
    return timezone(context["visit"].shop.timezone)


FILTERS: Mapping[str, Callable[..., str]] = {
    "number": number,
    "signed": signed,
    "percent": percent,
    "money": money,
    "moment": moment,
    "day": day,
    "field_moment": field_moment,
}
