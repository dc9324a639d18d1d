"""How often a rule pays: the periods that its limit counts in, by the shop's own calendar. Pure."""

from datetime import UTC, date, datetime, timedelta  # noqa: F401 - UTC stands in the example below
from zoneinfo import ZoneInfo

from backend.loyalty.calendar_rules import first_instant, local_day
from backend.loyalty.program.settings import Limit

Span = tuple[datetime, datetime]
"""From the first instant on, before the second."""


def period(limit: Limit, at: datetime, tz: ZoneInfo) -> Span | None:
    """The period around `at` in which the limit counts; None: all time. Weeks begin on Monday (ISO 8601).

    >>> begin, end = period(Limit(times=1, per="week"), datetime(2026, 11, 26, tzinfo=UTC), ZoneInfo("Europe/Paris"))
    >>> begin.isoformat(), end.isoformat()
    ('2026-11-22T23:00:00+00:00', '2026-11-29T23:00:00+00:00')
    """
    days = period_days(limit, at, tz)
    return None if days is None else (first_instant(days[0], tz), first_instant(days[1], tz))


def period_days(limit: Limit, at: datetime, tz: ZoneInfo) -> tuple[date, date] | None:
    """The period's first day, and the first day after it."""
    today = local_day(at, tz)
    match limit.per:
        case "day":
            return today, today + timedelta(days=1)
        case "week":
            monday = today - timedelta(days=today.weekday())
            return monday, monday + timedelta(days=7)
        case "month":
            first = today.replace(day=1)
            return first, (first + timedelta(days=31)).replace(day=1)
        case "year":
            return date(today.year, 1, 1), date(today.year + 1, 1, 1)
        case _:
            return None
