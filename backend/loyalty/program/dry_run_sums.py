"""What settings would make of one order that is there already, beside what it brought. Pure; by the rules of every order.

Kept as it was then: who the owner was, their level, what rules were open to them, which points were spent. Those rules of the
draft that nobody was judged by when the order came are judged by what is known of the member now.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from backend.loyalty import calendar_rules
from backend.loyalty.calendar_rules import local_day
from backend.loyalty.orders import awards, earning
from backend.loyalty.orders.order_rules import Terms
from backend.loyalty.program.settings import OF_ORDERS, ProgramSettings
from backend.loyalty.shops.shops import ShopFacts
from backend.platforms.events import RefundState
from backend.platforms.known_orders import KnownOrder


@dataclass(frozen=True, slots=True)
class PastOrder:
    """An order with what the ledger says of it, in points."""

    known: KnownOrder
    refunds: tuple[RefundState, ...]
    placed_at: datetime
    due_at: datetime | None
    promised: int
    """What it brought: promised, less what was voided, taken back, or counts as taken back since it had expired."""
    pending: int
    """What of it still waits."""
    remaining: int
    """What of it can still be spent."""
    expired: int
    is_uninstalled: bool
    is_blocked: bool
    paid_with_points: Decimal
    level: str | None


@dataclass(frozen=True, slots=True)
class Tried:
    """What one order would bring."""

    points: int
    """0 while it is not received."""
    waiting: int
    """What it will bring once it is received."""
    due_at: datetime | None
    is_due: bool
    outstanding: int
    """What of its points would be there now, if as many had been spent."""


class Trial:
    """Settings, and the moment until which they are tried."""

    def __init__(self, shop: ShopFacts, settings: ProgramSettings, until: datetime) -> None:
        self.shop = shop
        self.settings = settings
        self.until = until
        self.tz = ZoneInfo(shop.timezone)
        self._has_terms = settings.tiers is not None or any(rule.kind in OF_ORDERS for rule in settings.rules)
        levels = settings.tiers.levels if settings.tiers is not None else ()
        self._factors = {level.id: level.multiplier for level in levels}

    def of(self, order: PastOrder, open_to: Collection[str]) -> Tried:
        """`open_to` are the rules of these settings that are open to the owner."""
        settings = self.settings
        terms = None
        if self._has_terms:
            factor = self._factors.get(order.level) if order.level is not None else None
            terms = Terms.of(settings, order.placed_at, open_to, order.level, factor)
        made = earning.outcome(
            awards.order_sum(order.known.order),
            [awards.refund_of(each) for each in order.refunds],
            settings.earn,
            shop_currency=self.shop.currency,
            enabled=settings.enabled,
            uninstalled=order.is_uninstalled,
            blocked=order.is_blocked,
            paid_with_points=order.paid_with_points,
            terms=terms,
        )
        received_at = awards.received(order.known, settings.assign)
        if received_at is None:
            return Tried(0, made.target, None, is_due=False, outstanding=0)
        due_at = calendar_rules.due_at(received_at, settings.assign.delay_days, self.tz)
        expires_at = calendar_rules.expires_at(due_at, settings.expiry, self.tz)
        is_over = expires_at is not None and expires_at <= self.until
        spent = max(order.promised - order.pending - order.remaining - order.expired, 0)
        return Tried(
            made.target,
            0,
            due_at,
            is_due=due_at <= self.until,
            outstanding=0 if is_over else max(made.target - spent, 0),
        )


@dataclass
class Totals:
    """What was counted so far, whole numbers. JSON keeps it between two batches."""

    months: dict[str, Counter[str]] = field(default_factory=dict)
    """By month of the order (2026-11): orders, earning_now, earning_then, points_now, points_then."""
    outstanding: int = 0
    """By how much the points outstanding would differ."""
    still_now: int = 0
    still_then: int = 0
    """What of these orders' points is outstanding, and would be."""
    waiting: int = 0
    """Orders that would not be received yet."""
    moves: Counter[str] = field(default_factory=Counter)
    """Members by "from>to", the ids of levels; nothing for no level."""
    members: int = 0

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Totals":
        return cls(
            months={month: Counter(counts) for month, counts in document.get("months", {}).items()},
            moves=Counter(document.get("moves", {})),
            **{name: document.get(name, 0) for name in _NUMBERS},
        )

    def document(self) -> dict[str, Any]:
        return {
            "months": {month: dict(counts) for month, counts in self.months.items()},
            "moves": dict(self.moves),
            **{name: getattr(self, name) for name in _NUMBERS},
        }

    def add(self, trial: Trial, order: PastOrder, tried: Tried) -> None:
        """Count one order."""
        counts = self.month(local_day(order.placed_at, trial.tz))
        counts["orders"] += 1
        counts["earning_now"] += order.promised > 0
        counts["earning_then"] += tried.points > 0
        counts["points_now"] += order.promised
        counts["points_then"] += tried.points
        still = order.remaining + order.pending
        self.still_now += still
        self.still_then += tried.outstanding
        self.outstanding += tried.outstanding - still
        self.waiting += tried.waiting > 0

    def month(self, day: date) -> Counter[str]:
        return self.months.setdefault(f"{day:%Y-%m}", Counter())

    def sum(self, what: str) -> int:
        return sum(counts[what] for counts in self.months.values())

    def rows(self) -> Sequence[tuple[str, Counter[str]]]:
        """The months in their order."""
        return sorted(self.months.items())


_NUMBERS = ("outstanding", "still_now", "still_then", "waiting", "members")
