"""The shop's calendar: when points fall due and when they end. Pure: no clock, no database.

A promise counted in days is counted in days of the shop's own calendar and kept as one instant in UTC. Valid means
`now < expires_at`: the instant is the first one at which the points are gone.
"""

from calendar import isleap
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from backend.errors import BadInput
from backend.loyalty.program.settings import AfterDays, Expiry, FixedDay, Never

REMINDER_DAYS = (30, 7)
"""How long before points end their owner is told (issue "An order becomes points", 5)."""

_OF_THE_MACHINE = frozenset({"Factory", "localtime"})
"""Names that mean something else on another machine."""


@lru_cache(maxsize=1)
def _known_zones() -> frozenset[str]:
    return frozenset(available_timezones() - _OF_THE_MACHINE)


def timezone(name: str) -> ZoneInfo:
    """The zone of an IANA name such as "Europe/Paris".

    Raises BadInput for any other text; `ZoneInfo` alone would read paths and fail in five ways (reliability section 5).
    """
    if name not in _known_zones():
        message = f"{name[:64]!r} is not a time zone; use an IANA name such as Europe/Paris."
        raise BadInput(message, [{"field": "timezone", "message": message}])
    return ZoneInfo(name)


def local_day(at: datetime, tz: ZoneInfo) -> date:
    """The date on the shop's wall when it is `at` (aware)."""
    return at.astimezone(tz).date()


def first_instant(day: date, tz: ZoneInfo) -> datetime:
    """When that day begins in the zone, in UTC: local midnight, or the end of the gap that swallowed midnight.

    A midnight that comes twice counts the first time. A day that the zone skipped whole (Apia, 2011-12-30) begins and
    ends at the instant the next day begins.

    >>> first_instant(date(2026, 4, 24), ZoneInfo("Africa/Cairo"))  # the clock goes from 23:59:59 to 01:00
    datetime.datetime(2026, 4, 23, 22, 0, tzinfo=datetime.timezone.utc)
    """
    return instant_of(datetime(day.year, day.month, day.day), tz)  # noqa: DTZ001 - a reading of the wall clock


def instant_of(reading: datetime, tz: ZoneInfo) -> datetime:
    """When the wall clock of the zone first shows `reading` (without a zone), in UTC; a reading that a gap swallowed is
    the gap's end.
    """
    at = reading.replace(tzinfo=tz).astimezone(UTC)
    if at.astimezone(tz).replace(tzinfo=None) == reading:
        return at
    return _end_of_gap(reading, tz)


def _end_of_gap(reading: datetime, tz: ZoneInfo) -> datetime:
    """The instant of the change that jumps over this wall-clock reading, to the second."""
    before = reading.replace(tzinfo=tz, fold=1).astimezone(UTC)  # by the offset after the change: too early
    after = reading.replace(tzinfo=tz, fold=0).astimezone(UTC)  # by the offset before it: at the change or later
    seconds_before, seconds_after = 0, int((after - before).total_seconds())
    while seconds_after - seconds_before > 1:
        middle = (seconds_before + seconds_after) // 2
        if (before + timedelta(seconds=middle)).astimezone(tz).replace(tzinfo=None) < reading:
            seconds_before = middle
        else:
            seconds_after = middle
    return before + timedelta(seconds=seconds_after)


def due_at(anchor: datetime, delay_days: int, tz: ZoneInfo) -> datetime:
    """When points counted from `anchor` become available: the start of that local day + N days (S3.5).

    Collected on 12/1 with N = 3: the first instant of 12/4. With N = 0 the start of the same day, so at once.
    """
    return first_instant(local_day(anchor, tz) + timedelta(days=delay_days), tz)


def expires_at(earned: datetime, expiry: Expiry, tz: ZoneInfo) -> datetime | None:
    """The first instant at which points earned then (their due date) are gone, or None if they stay for ever.

    `fixed_day`: the end of that day in the year after the local year of earning (S3.4): earned 2019-12-04 with 12/31
    ends with 2020-12-31. 29 February means the 28th in a year without it. `days`: the end of the local day N days on.
    """
    match expiry:
        case Never():
            return None
        case AfterDays():
            return end_after_days(earned, expiry.days, tz)
        case FixedDay():
            last_day = day_in_year(local_day(earned, tz).year + 1, expiry.month, expiry.day)
    return first_instant(last_day + timedelta(days=1), tz)


def end_after_days(begins: datetime, days: int, tz: ZoneInfo) -> datetime:
    """The first instant after the local day that lies `days` days after the one of `begins`."""
    return first_instant(local_day(begins, tz) + timedelta(days=days + 1), tz)


def day_in_year(year: int, month: int, day: int) -> date:
    """That day of the year; 29 February is the 28th in a year without it."""
    if (month, day) == (2, 29) and not isleap(year):
        return date(year, 2, 28)
    return date(year, month, day)
