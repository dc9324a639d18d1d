"""Months with the campaigns that are on, day by day on the shop's wall. Pure."""

import calendar
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from backend.loyalty.calendar_rules import first_instant
from backend.loyalty.rewards.campaigns import Campaign

_EARLIEST, _LATEST = date(1970, 1, 1), date(9000, 1, 1)


@dataclass(frozen=True)
class Day:
    date: date
    is_in_month: bool
    campaigns: Sequence[Campaign]
    """Those that are on at some moment of the day; several, if one ends and another begins."""


@dataclass(frozen=True)
class Month:
    first: date
    weeks: Sequence[Sequence[Day]]
    """From Monday to Sunday; days of the months beside are there too."""


def month_of(asked: str | None, today: date) -> date:
    """The first day of a month written 2026-11, or of today's."""
    try:
        found = date.fromisoformat(f"{asked}-01")
    except ValueError:
        found = today.replace(day=1)
    return min(max(found, _EARLIEST), _LATEST)


def later(month: date, months: int) -> date:
    """The first day of the month so many months later, or earlier."""
    years, number = divmod(month.year * 12 + month.month - 1 + months, 12)
    return date(years, number + 1, 1)


def span(month: date, months: int, tz: ZoneInfo) -> tuple[datetime, datetime]:
    """The first moment of the first week that is shown, and the first after the last."""
    return (
        first_instant(month - timedelta(days=7), tz),
        first_instant(later(month, months) + timedelta(days=7), tz),
    )


def months(first: date, count: int, campaigns: Sequence[Campaign], tz: ZoneInfo) -> list[Month]:
    """So many months with what is on in them."""
    return [_month(later(first, number), campaigns, tz) for number in range(count)]


def _month(first: date, campaigns: Sequence[Campaign], tz: ZoneInfo) -> Month:
    weeks = calendar.Calendar().monthdatescalendar(first.year, first.month)
    return Month(first, [list(_days(week, first, campaigns, tz)) for week in weeks])


def _days(week: Sequence[date], month: date, campaigns: Sequence[Campaign], tz: ZoneInfo) -> Iterator[Day]:
    for each in week:
        begins, ends = first_instant(each, tz), first_instant(each + timedelta(days=1), tz)
        on = [one for one in campaigns if one.starts_at < ends and (one.ends_at is None or one.ends_at > begins)]
        yield Day(each, each.month == month.month, on)
