"""What the shop owes its members: unspent points by when they end and by their age, and what a point is worth.

Exact at any moment and read from the sums of open lots (`kept.py`), never from the lots: `lagniappe ledger check` proves
that they are the same. Points whose day is over and that are still there (their reminder is late) are counted.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from sqlalchemy import text

from backend.ledger.posting import AnySession

NEVER = "never"
"""The key of lots without an end."""


@dataclass(frozen=True)
class Parts:
    """Available points by the day they end, and by the month in which they were earned."""

    by_last_day: Mapping[date | None, int] = field(default_factory=dict)
    """In the order of the days; None, last, for points that never end."""
    by_month_earned: Mapping[date, int] = field(default_factory=dict)
    """By the month's first day, oldest first."""

    @property
    def available(self) -> int:
        return sum(self.by_month_earned.values())

    def by_month_of_end(self) -> Mapping[date | None, int]:
        """The first of both by months."""
        months: Counter[date | None] = Counter()
        for day, points in self.by_last_day.items():
            months[day.replace(day=1) if day else None] += points
        return months

    def until(self, day: date) -> int:
        """What ends on that day or before."""
        return sum(points for last_day, points in self.by_last_day.items() if last_day and last_day <= day)


def point_value(session: AnySession, shop_id: int) -> Decimal | None:
    """What a point is worth in the shop's currency: as the best active cashback pays; None without one."""
    found: Decimal | None = session.execute(
        text("select max(point_value) from reward where shop_id = :shop and type = 'cashback' and is_active"),
        {"shop": shop_id},
    ).scalar_one()
    return found


def parts(session: AnySession, shop_id: int) -> Parts:
    """Of now. Reads a row for each pair of a month of earning and a day of ending that points still have."""
    rows = session.execute(
        text(
            """
            select month, key, cast(sum(points) as bigint) from (
                select month, key, points from month_sum where shop_id = :shop and what = 'lot'
                union all
                select day, key, points from sum_change where shop_id = :shop and what = 'lot'
            ) lots group by month, key having sum(points) <> 0
            """
        ),
        {"shop": shop_id},
    )
    ends: Counter[date | None] = Counter()
    earned: Counter[date] = Counter()
    for month, key, points in rows:
        ends[None if key == NEVER else date.fromisoformat(key)] += points
        earned[month] += points
    return Parts(
        dict(sorted(ends.items(), key=lambda each: each[0] or date.max)),
        dict(sorted(earned.items())),
    )
