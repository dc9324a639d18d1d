"""The sums that are kept as things happen (`migrations/sql/0013_reports.sql`): what a period holds, exactly, and at once.

A period of years is read as months and the days at its edges; what a statement has just left is added, so a sum never
waits for the job that tidies up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from sqlalchemy import text

from backend.ledger.posting import AnySession

What = Literal["entry", "rule", "lot", "member", "redemption", "referral", "visit"]
ALWAYS = (date.min, date.max)
"""From the first day to the last."""


@dataclass(frozen=True, slots=True)
class Sum:
    """How many, and their points."""

    number: int
    points: int


_BETWEEN = """
    select key, cast(sum(number) as bigint), cast(sum(points) as bigint) from (
        select key, number, points from month_sum
        where shop_id = :shop and what = :what and month >= :first_month and month <= :last_month
        union all
        select key, number, points from day_sum
        where shop_id = :shop and what = :what and day >= :first and day <= :head
        union all
        select key, number, points from day_sum
        where shop_id = :shop and what = :what and day >= :tail and day <= :last
        union all
        select key, number, points from sum_change
        where shop_id = :shop and what = :what and day >= :first and day <= :last
    ) parts group by key having sum(number) <> 0 or sum(points) <> 0
"""


def between(session: AnySession, shop_id: int, what: What, first: date, last: date) -> dict[str, Sum]:
    """What the days from `first` to `last` hold, both included, by key."""
    rows = session.execute(text(_BETWEEN), {"shop": shop_id, "what": what, **_parts(first, last)})
    return {key: Sum(number, points) for key, number, points in rows}


def most(session: AnySession, shop_id: int, what: What, first: date, last: date, limit: int) -> dict[str, Sum]:
    """Those of `between` with the highest numbers, highest first; of equals the lower key, as a number."""
    rows = session.execute(
        text(f"{_BETWEEN} order by 2 desc, length(key), key limit :limit"),
        {"shop": shop_id, "what": what, "limit": limit, **_parts(first, last)},
    )
    return {key: Sum(number, points) for key, number, points in rows}


def of_days(session: AnySession, shop_id: int, what: What, days: Sequence[date], keys: Sequence[str]) -> dict[str, int]:
    """How many there are of each of these keys on these days; only as much is read as is asked for."""
    rows = session.execute(
        text(
            """
            select key, cast(sum(number) as bigint) as number from (
                select key, number from day_sum
                where shop_id = :shop and what = :what and day = any(:days) and key = any(:keys)
                union all
                select key, number from sum_change
                where shop_id = :shop and what = :what and day = any(:days) and key = any(:keys)
            ) parts group by key
            """
        ),
        {"shop": shop_id, "what": what, "days": list(days), "keys": list(keys)},
    )
    return {row.key: row.number for row in rows}


def by_day(session: AnySession, shop_id: int, what: What, first: date, last: date) -> list[tuple[date, str, int]]:
    """(day, key, points) of the days from `first` to `last`; days without any are left out, and days may come twice."""
    rows = session.execute(
        text(
            """
            select day, key, points from day_sum
            where shop_id = :shop and what = :what and day >= :first and day <= :last
            union all
            select day, key, points from sum_change
            where shop_id = :shop and what = :what and day >= :first and day <= :last
            """
        ),
        {"shop": shop_id, "what": what, "first": first, "last": last},
    )
    return [(day, key, points) for day, key, points in rows]


def sum_up(session: AnySession, limit: int) -> int:
    """Move up to `limit` changes into the sums; returns how many. While another one does, none."""
    alone = session.execute(text("select pg_try_advisory_xact_lock(hashtext('sum_up'))")).scalar_one()
    if not alone:
        return 0
    moved: int = session.execute(
        text(
            """
            with due as materialized (
                select shop_id, id from sum_change order by shop_id, id limit :limit
            ), gone as (
                delete from sum_change c using due where c.shop_id = due.shop_id and c.id = due.id
                returning c.shop_id, c.what, c.day, c.key, c.number, c.points
            ), days as (
                insert into day_sum as d (shop_id, what, day, key, number, points)
                select shop_id, what, day, key, sum(number), sum(points) from gone group by 1, 2, 3, 4
                on conflict (shop_id, what, day, key) do update
                set number = d.number + excluded.number, points = d.points + excluded.points
            ), months as (
                insert into month_sum as m (shop_id, what, month, key, number, points)
                select shop_id, what, cast(date_trunc('month', day) as date), key, sum(number), sum(points)
                from gone group by 1, 2, 3, 4
                on conflict (shop_id, what, month, key) do update
                set number = m.number + excluded.number, points = m.points + excluded.points
            )
            select count(*) from gone
            """
        ),
        {"limit": limit},
    ).scalar_one()
    return moved


def _parts(first: date, last: date) -> dict[str, date]:
    """The period as its whole months, the days before them (to `head`) and the days after them (from `tail`).

    >>> _parts(date(2026, 1, 30), date(2026, 3, 2))["first_month"], _parts(date(2026, 1, 30), date(2026, 3, 2))["head"]
    (datetime.date(2026, 2, 1), datetime.date(2026, 1, 31))
    """
    starts = first if first.day == 1 else _month_after(first)
    ends = last if last == _last_of_month(last) else _month_before(last)
    if starts > ends:  # no whole month: days alone
        return {
            "first": first,
            "last": last,
            "head": last,
            "tail": date.max,
            "first_month": date.max,
            "last_month": date.min,
        }
    return {
        "first": first,
        "last": last,
        "head": starts - timedelta(1) if starts > first else date.min,
        "tail": ends + timedelta(1) if ends < last else date.max,
        "first_month": starts,
        "last_month": ends.replace(day=1),
    }


def _month_after(day: date) -> date:
    """The first day of the next month; the last of all days after the last month."""
    found = _last_of_month(day)
    return found if found == date.max else found + timedelta(1)


def _month_before(day: date) -> date:
    """The last day of the month before; the first of all days before the first month."""
    found = day.replace(day=1)
    return found if found == date.min else found - timedelta(1)


def _last_of_month(day: date) -> date:
    if (day.year, day.month) == (date.max.year, date.max.month):
        return date.max
    return (day.replace(day=28) + timedelta(4)).replace(day=1) - timedelta(1)
