"""Points by day: what opened, what moved, what closed, to the point (design section 4, invariant 9).

The sums are kept as entries are written (`migrations/sql/0013_reports.sql`), so no report reads the entries.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

from sqlalchemy import text

from backend.ledger.posting import AnySession

Step = Literal["day", "week", "month"]

COLUMNS: dict[str, tuple[str, ...]] = {
    "promised": ("promise",),
    "granted": ("grant",),
    "returned": ("return",),
    "voided": ("void",),
    "deducted": ("deduct",),
    "clawed back": ("claw_back",),
    "spent": ("spend", "capture"),
    "expired": ("expire",),
}
"""The accountant's columns and the kinds of entries in each. Kinds that are in none move points inside of an account."""
ADDING = ("promised", "granted", "returned")

_KEPT = """
    select day, kind, points from points_day where shop_id = :shop
    union all select day, kind, points from points_change where shop_id = :shop
"""


@dataclass(frozen=True)
class Movements:
    """The points of one day, week or month. `closing` is pending + available + on hold + owed at its end."""

    first: date
    last: date
    opening: int
    moved: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COLUMNS, 0))
    """Points by column, none of them negative."""

    @property
    def closing(self) -> int:
        return self.opening + sum(points if name in ADDING else -points for name, points in self.moved.items())

    @property
    def issued(self) -> int:
        """What came in: promised and granted, without what came back."""
        return self.moved["promised"] + self.moved["granted"]


def by_day(session: AnySession, shop_id: int, first: date, last: date) -> Iterator[Movements]:
    """Every day from `first` to `last`, both included; days without a movement too."""
    return by_step(session, shop_id, first, last, "day")


def by_step(session: AnySession, shop_id: int, first: date, last: date, step: Step) -> Iterator[Movements]:
    """Every day, week (from Monday) or month from `first` to `last`; the first and the last one may be cut off."""
    rows = session.execute(
        text(f"select day, kind, sum(points) from ({_KEPT}) kept where day <= :last group by day, kind"),  # noqa: S608
        {"shop": shop_id, "last": last},
    ).all()
    column_of = {kind: name for name, kinds in COLUMNS.items() for kind in kinds}
    moved: dict[date, dict[str, int]] = {}
    opening = 0
    for day, kind, points in rows:
        if (name := column_of.get(kind)) is None:
            continue
        if day < first:
            opening += int(points) if name in ADDING else -int(points)
            continue
        sums = moved.setdefault(_start(day, first, step), dict.fromkeys(COLUMNS, 0))
        sums[name] += int(points)
    return _steps(first, last, step, opening, moved)


def accounts(session: AnySession, shop_id: int) -> int:
    """What all accounts of the shop hold now: pending + available + on hold + owed. Reads every account."""
    return int(
        session.execute(
            text("select coalesce(sum(pending + available + on_hold + owed), 0) from account where shop_id = :shop"),
            {"shop": shop_id},
        ).scalar_one()
    )


def outstanding(session: AnySession, shop_id: int) -> int:
    """The same from the sums by day: what all movements leave, whatever day they are dated."""
    return next(by_step(session, shop_id, date.max, date.max, "day")).closing


def sum_up(session: AnySession, limit: int) -> int:
    """Move up to `limit` changes into the sums by day; returns how many."""
    moved: int = session.execute(
        text(
            """
            with due as materialized (
                select shop_id, id from points_change order by shop_id, id limit :limit for update skip locked
            ), gone as (
                delete from points_change c using due where c.shop_id = due.shop_id and c.id = due.id
                returning c.shop_id, c.day, c.kind, c.points, c.entries
            ), kept as (
                insert into points_day (shop_id, day, kind, points, entries)
                select shop_id, day, kind, sum(points), sum(entries) from gone group by 1, 2, 3 order by 1, 2, 3
                on conflict (shop_id, day, kind) do update
                set points = points_day.points + excluded.points, entries = points_day.entries + excluded.entries
            )
            select count(*) from gone
            """
        ),
        {"limit": limit},
    ).scalar_one()
    return moved


def _start(day: date, first: date, step: Step) -> date:
    """The first day of the step that holds `day`, not before `first`."""
    if step == "week":
        begins = day - timedelta(days=day.weekday())
    elif step == "month":
        begins = day.replace(day=1)
    else:
        begins = day
    return max(begins, first)


def _after(day: date, step: Step) -> date:
    """The last day of the step that holds `day`."""
    if step == "week":
        return day + timedelta(days=6 - day.weekday())
    if step == "month":
        return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    return day


def _steps(first: date, last: date, step: Step, opening: int, moved: dict[date, dict[str, int]]) -> Iterator[Movements]:
    day = first
    while day <= last:
        ends = min(_after(day, step), last)
        found = Movements(day, ends, opening, moved.get(day) or dict.fromkeys(COLUMNS, 0))
        yield found
        opening = found.closing
        if ends == date.max:
            return
        day = ends + timedelta(days=1)
