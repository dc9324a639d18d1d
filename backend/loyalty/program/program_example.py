"""The program's settings as an example that a merchant can check: made by the rules that orders go by, and by no other.

Pure.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from backend.loyalty.calendar_rules import due_at, expires_at, local_day
from backend.loyalty.orders import quotes
from backend.loyalty.orders.quotes import Cart
from backend.loyalty.program.settings import Level, ProgramSettings
from backend.money import quantum

_STEPS = 100


@dataclass(frozen=True)
class Example:
    """What an order brings. Days are the shop's own."""

    amount: Decimal
    points: int
    anchor: date
    """The day on which it is collected (paid, shipped)."""
    due: date
    last_day: date | None
    """The last day on which the points can be used; None: for ever."""
    odd_amount: Decimal
    """An amount between two steps, to show the rounding."""
    odd_points: int
    level: Level | None
    """The level whose members get the most."""
    level_points: int


def example(settings: ProgramSettings, currency: str, tz: ZoneInfo, at: datetime) -> Example:
    """An order of a hundred steps that is collected at `at`, in a program without rules for some products."""
    plain = settings.model_copy(update={"rules": ()})
    step = settings.earn.spend_step
    amount, odd_amount = step * _STEPS, step * 2 - quantum(currency)
    due = due_at(at, settings.assign.delay_days, tz)
    gone = expires_at(max(due, at), settings.expiry, tz)

    def points(of: Decimal, level: Level | None = None) -> int:
        cart = Cart(currency, total=of)
        return quotes.quote(cart, plain, shop_currency=currency, tier=None if level is None else level.id, at=at).points

    levels = settings.tiers.levels if settings.tiers is not None else ()
    best = max(levels, key=lambda each: each.multiplier, default=None)
    return Example(
        amount=amount,
        points=points(amount),
        anchor=local_day(at, tz),
        due=local_day(due, tz),
        last_day=None if gone is None else local_day(gone - timedelta(microseconds=1), tz),
        odd_amount=odd_amount,
        odd_points=points(odd_amount),
        level=best if best is not None and best.multiplier > 1 else None,
        level_points=points(amount, best) if best is not None else 0,
    )
