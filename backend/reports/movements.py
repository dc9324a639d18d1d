"""Points by day: what opened, what moved, what closed, to the point (design section 4, invariant 9).

The sums are kept as entries are written (`kept.py`), so no report reads the entries.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

from sqlalchemy import text

from backend.ledger.posting import AnySession
from backend.reports import kept

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
    column_of = {kind: name for name, kinds in COLUMNS.items() for kind in kinds}
    opening = 0
    if first > date.min:
        for kind, found in kept.between(session, shop_id, "entry", date.min, first - timedelta(days=1)).items():
            if (name := column_of.get(kind)) is not None:
                opening += found.points if name in ADDING else -found.points
    moved: dict[date, dict[str, int]] = {}
    for day, kind, points in kept.by_day(session, shop_id, "entry", first, last):
        if (name := column_of.get(kind)) is not None:
            moved.setdefault(_start(day, first, step), dict.fromkeys(COLUMNS, 0))[name] += points
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


@dataclass(frozen=True)
class Standing:
    """Where the points that are outstanding stand. `owed` is negative or zero."""

    pending: int
    available: int
    on_hold: int
    owed: int

    @property
    def outstanding(self) -> int:
        return self.pending + self.available + self.on_hold + self.owed


def standing(session: AnySession, shop_id: int) -> Standing:
    """What all accounts hold together, without reading any. What is available is the sum of the open lots."""
    points = {kind: found.points for kind, found in kept.between(session, shop_id, "entry", *kept.ALWAYS).items()}
    lots = sum(found.points for found in kept.between(session, shop_id, "lot", *kept.ALWAYS).values())

    def total(*kinds: str) -> int:
        return sum(points.get(kind, 0) for kind in kinds)

    pending = total("promise") - total("post", "void")
    on_hold = total("hold") - total("release", "capture")
    outstanding = sum(total(*kinds) * (1 if name in ADDING else -1) for name, kinds in COLUMNS.items())
    return Standing(pending, lots, on_hold, outstanding - pending - on_hold - lots)


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
