"""Which level a member is at. Pure: what counts in the window and what was held before in, a verdict out; no clock.

Two things hold a level, and the higher of them is the member's: what was reached by what counts, and what a merchant
gave by hand. What was reached goes up at once; down only as the program's `downgrade` says (docs/decisions/0013).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from backend.loyalty.calendar_rules import day_in_year, first_instant, local_day
from backend.loyalty.program.settings import Level, Tiers

Cause = Literal["reached", "fell", "program", "manual", "manual_ended"]
NO_LEVEL = -1
THE_BEGINNING = date.min


@dataclass(frozen=True, slots=True)
class Window:
    """What counts: `basis` of the days since `counts_from`, and beside them of those from `before_from` to it."""

    basis: Literal["points_earned", "spend", "orders"]
    before_from: date
    counts_from: date


@dataclass(frozen=True, slots=True)
class Standing:
    """What a member has by now: the level that was reached, when it will be left, and what a merchant gave."""

    reached: str | None = None
    leaves_at: datetime | None = None
    manual_level: str | None = None
    manual_until: datetime | None = None
    level: str | None = None
    """The level that the member is at."""


@dataclass(frozen=True, slots=True)
class Counted:
    """The sums of the two parts of the window, and the first day since `counts_from` on which anything counts."""

    value: Decimal = Decimal(0)
    value_before: Decimal = Decimal(0)
    first_day: date | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where the member stands, and what is new about it."""

    standing: Standing
    check_at: datetime | None
    """When time alone may change it."""
    cause: Cause | None = None
    """Why the level changed; None: it did not."""
    entered: tuple[Level, ...] = ()
    """The levels that the member has come to or past, the lowest first."""
    is_ending: bool = False
    """Whether the time until `leaves_at` began just now, and the member will be at a lower level after it."""


def window(tiers: Tiers | None, today: date) -> Window:
    """What counts on that local day.

    >>> window(Tiers(levels=[{"id": "a", "from": 1, "name": {"en": "A"}}]), date(2028, 2, 29)).counts_from
    datetime.date(2027, 3, 1)
    """
    if tiers is None:
        return Window("points_earned", THE_BEGINNING, THE_BEGINNING)
    match tiers.window:
        case "lifetime":
            return Window(tiers.basis, THE_BEGINNING, THE_BEGINNING)
        case "calendar_year":
            return Window(tiers.basis, date(today.year - 1, 1, 1), date(today.year, 1, 1))
        case "rolling_12_months":
            since = day_in_year(today.year - 1, today.month, today.day) + timedelta(days=1)
            return Window(tiers.basis, since, since)


def judge(tiers: Tiers | None, held: Standing, counted: Counted, now: datetime, tz: ZoneInfo) -> Verdict:
    """Where the member stands at `now`, by what counts now and what was held before."""
    if tiers is None:
        return Verdict(replace(held, reached=None, leaves_at=None, level=None), None, "program" if held.level else None)
    levels = ladder(tiers)
    reached, leaves_at = _reached(tiers, levels, held, counted, now, tz)
    is_over = held.manual_until is not None and held.manual_until <= now
    manual_level, manual_until = (None, None) if is_over else (held.manual_level, held.manual_until)
    given = _rank(levels, manual_level)
    rank, before = max(reached, given), _rank(levels, held.level)
    level = levels[rank].id if rank > NO_LEVEL else None
    cause: Cause | None = None
    if level != held.level:
        is_gone = held.level is not None and before == NO_LEVEL
        cause = "program" if is_gone else "reached" if rank > before else "manual_ended" if is_over else "fell"
    standing = Standing(
        levels[reached].id if reached > NO_LEVEL else None, leaves_at, manual_level, manual_until, level
    )
    return Verdict(
        standing,
        check_at=min(_moments(tiers, standing, counted, now, tz), default=None),
        cause=cause,
        entered=tuple(levels[before + 1 : rank + 1]),
        is_ending=leaves_at is not None and held.leaves_at is None and given < reached,
    )


def ladder(tiers: Tiers) -> list[Level]:
    """The levels, the lowest first."""
    return sorted(tiers.levels, key=lambda level: level.starts_at)


def kept_until(tiers: Tiers, standing: Standing, counted: Counted, now: datetime, tz: ZoneInfo) -> datetime | None:
    """Until when the level is safe: by hand as long as it was given for, by years to the end of the next one.

    None: while enough counts, or for ever.
    """
    if standing.level is None or standing.leaves_at is not None:
        return None
    if is_manual(standing):
        return standing.manual_until
    if tiers.window != "calendar_year" or tiers.downgrade.policy == "never":
        return None
    starts_at = next((level.starts_at for level in tiers.levels if level.id == standing.level), None)
    if not starts_at:
        return None
    year = local_day(now, tz).year
    return first_instant(date(year + (2 if counted.value >= starts_at else 1), 1, 1), tz)


def is_manual(standing: Standing) -> bool:
    """Whether the member is at the level because a merchant said so."""
    return standing.level is not None and standing.level == standing.manual_level and standing.level != standing.reached


def _reached(
    tiers: Tiers, levels: list[Level], held: Standing, counted: Counted, now: datetime, tz: ZoneInfo
) -> tuple[int, datetime | None]:
    """The rank that was reached, and when it will be left if it is reached no more."""
    value = max(counted.value, counted.value_before)
    earned = sum(1 for level in levels if level.starts_at <= value) - 1
    before = _rank(levels, held.reached)
    if earned >= before:
        return earned, None
    if tiers.downgrade.policy == "never":
        return before, None
    leaves_at = held.leaves_at or first_instant(local_day(now, tz) + timedelta(days=tiers.downgrade.grace_days), tz)
    return (earned, None) if leaves_at <= now else (before, leaves_at)


def _rank(levels: list[Level], level_id: str | None) -> int:
    return next((rank for rank, level in enumerate(levels) if level.id == level_id), NO_LEVEL)


def _moments(tiers: Tiers, standing: Standing, counted: Counted, now: datetime, tz: ZoneInfo) -> Iterator[datetime]:
    """When time alone may change something: what was given ends, the grace ends, the window loses a day or a year."""
    if standing.manual_until is not None:
        yield standing.manual_until
    if standing.leaves_at is not None:
        yield standing.leaves_at
    if tiers.window == "rolling_12_months" and counted.first_day is not None:
        yield first_instant(_leaves_window_on(counted.first_day), tz)
    if tiers.window == "calendar_year" and (counted.value or counted.value_before):
        yield first_instant(date(local_day(now, tz).year + 1, 1, 1), tz)


def _leaves_window_on(day: date) -> date:
    """The first day that has it no more in its 12 months: the same a year later, for 29 February 1 March."""
    if (day.month, day.day) == (2, 29):
        return date(day.year + 1, 3, 1)
    return day.replace(year=day.year + 1)
