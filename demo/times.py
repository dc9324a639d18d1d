"""Two clocks: the shop's business goes by one that the time bar moves, signatures and tokens by the machine's own."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Paris")


def wall() -> datetime:
    """The machine's clock, aware, UTC: `webhook-timestamp`, `iat`, `exp`, retries."""
    return datetime.now(UTC)


def iso(at: datetime) -> str:
    """UTC to the millisecond, as webhooks carry it: "2026-11-23T06:50:00.000Z"."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_iso(text: str) -> datetime:
    return datetime.fromisoformat(text)


def shown(at: datetime) -> str:
    """As people in the shop's town read it: "Mon 23 Nov 2026, 07:50"."""
    local = at.astimezone(ZONE)
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M}"


def shown_day(at: datetime) -> str:
    local = at.astimezone(ZONE)
    return f"{local:%a} {local.day} {local:%b %Y}"


def days_ahead(step: str, today: date) -> int:
    """How many days a button of the time bar moves: "3d", "1mo" or "1y" from this day.

    31 January + 1 month is 28 February: 28 days. Raises KeyError for a button that does not exist.
    """
    return {"1d": 1, "3d": 3, "1mo": _months(today, 1), "1y": _months(today, 12)}[step]


def _months(today: date, count: int) -> int:
    year, month = divmod(today.year * 12 + today.month - 1 + count, 12)
    month += 1
    target = date(year, month, min(today.day, monthrange(year, month)[1]))
    return (target - today) // timedelta(days=1)
