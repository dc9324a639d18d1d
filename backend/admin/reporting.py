"""Reports: points over time, liability, and how the program does; each table as a file as well."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal

from flask import Response
from pydantic import BaseModel, Field

from backend.admin import charts, program_tables
from backend.admin.door import DECLARED, Visit, page
from backend.admin.program_tables import Table
from backend.errors import NotFound
from backend.loyalty.calendar_rules import local_day, timezone
from backend.money import quantize
from backend.reports import liability, movements, program
from backend.reports.movements import COLUMNS, Movements, Step
from backend.spreadsheets import BYTE_ORDER_MARK, harmless
from backend.staff.rights import Right

USUAL_DAYS = 30
USUAL_MONTHS = 12
MOST_DAYS = 3660
MOST_ROWS = 400
_STEPS: tuple[tuple[Step, int], ...] = (("day", 1), ("week", 7), ("month", 30))


class Asked(BaseModel):
    first: date | None = Field(default=None, ge=date(2000, 1, 1), le=date(2200, 1, 1))
    last: date | None = Field(default=None, ge=date(2000, 1, 1), le=date(2200, 1, 1))
    step: Step = "day"


class AskedValue(BaseModel):
    value: Decimal | None = Field(default=None, gt=0, le=1_000_000, decimal_places=6)


def _today(visit: Visit) -> date:
    return local_day(visit.now, timezone(visit.shop.timezone))


def _range(visit: Visit, asked: Asked, usual: date) -> tuple[date, date]:
    """The days that are asked for, in order and no more than `MOST_DAYS`; without any, from `usual` until today."""
    last = asked.last or _today(visit)
    first = asked.first or min(usual, last)
    first, last = min(first, last), max(first, last)
    return max(first, last - timedelta(days=MOST_DAYS - 1)), last


def _periods(visit: Visit) -> list[tuple[str, date, date]]:
    """What people mostly ask for, by name."""
    today = _today(visit)
    month = today.replace(day=1)
    before = month - timedelta(days=1)
    return [
        ("Last 30 days", today - timedelta(days=29), today),
        ("This month", month, today),
        ("Last month", before.replace(day=1), before),
        ("Last 12 months", _months_before(today, USUAL_MONTHS - 1), today),
        ("This year", today.replace(month=1, day=1), today),
    ]


def _months_before(day: date, months: int) -> date:
    """The first day of the month so many months before that of `day`."""
    at = day.year * 12 + day.month - 1 - months
    return date(at // 12, at % 12 + 1, 1)


# Points over time


@page("/reports/points", right=Right.REPORTS)
def points_report(visit: Visit) -> str:
    """Opening, movements and closing of each day, week or month, as pictures and as a table."""
    asked = visit.asked(Asked)
    first, last = _range(visit, asked, _today(visit) - timedelta(days=USUAL_DAYS - 1))
    found = list(movements.by_step(visit.session, visit.shop_id, first, last, asked.step))
    drawn, drawn_by = _drawn(visit, first, last, asked.step, found)
    labels = [_label(each, drawn_by, first.year != last.year) for each in drawn]
    return visit.render(
        "points_report.html",
        asked=asked,
        first=first,
        last=last,
        periods=_periods(visit),
        columns=COLUMNS,
        found=found[-MOST_ROWS:],
        whole=_whole(found),
        cut=len(found) > MOST_ROWS,
        drawn_by=drawn_by,
        flow=charts.bars(
            "Points issued, spent and expired",
            labels,
            {
                "Issued": [each.issued for each in drawn],
                "Spent": [each.moved["spent"] for each in drawn],
                "Expired": [each.moved["expired"] for each in drawn],
            },
        ),
        standing=charts.line("Points outstanding", labels, {"Outstanding": [each.closing for each in drawn]}),
        outstanding=movements.outstanding(visit.session, visit.shop_id),
        in_accounts=movements.accounts(visit.session, visit.shop_id) if "prove" in visit.query else None,
    )


def _drawn(visit: Visit, first: date, last: date, step: Step, found: list[Movements]) -> tuple[list[Movements], Step]:
    """What is drawn: as asked, or by longer steps where columns would be too many to be told apart."""
    length = (last - first).days + 1
    fitting = [name for name, days in _STEPS if length <= days * charts.MOST_DRAWN]
    drawn_by = max(step, fitting[0] if fitting else "month", key=[name for name, _ in _STEPS].index)
    if drawn_by == step:
        return found, step
    return list(movements.by_step(visit.session, visit.shop_id, first, last, drawn_by)), drawn_by


def _label(each: Movements, step: Step, with_year: bool) -> str:
    if step == "month":
        return f"{each.first:%b %Y}"
    return f"{each.first:%b} {each.first.day}{f', {each.first.year}' if with_year else ''}"


def _whole(found: list[Movements]) -> Movements:
    """The whole period as one row."""
    moved = {name: sum(each.moved[name] for each in found) for name in COLUMNS}
    return Movements(found[0].first, found[-1].last, found[0].opening, moved)


@page("/reports/points.csv", right=Right.REPORTS)
def points_csv(visit: Visit) -> Response:
    """For the accountant: every day of the range, in points, and what was outstanding at its end in money."""
    first, last = _range(visit, visit.asked(Asked), _today(visit) - timedelta(days=USUAL_DAYS - 1))
    found = movements.by_day(visit.session, visit.shop_id, first, last)
    value, currency = _value(visit), visit.shop.currency

    def lines() -> Iterator[tuple[object, ...]]:
        names = [name.replace(" ", "_") for name in COLUMNS]
        yield "day", "opening", *names, "closing", "point_value", "closing_value", "currency"
        for each in found:
            worth = quantize(value * each.closing, currency) if value else ""
            yield each.first, each.opening, *each.moved.values(), each.closing, value or "", worth, currency

    return _file(f"points-{first}-{last}", lines())


# Liability


def _value(visit: Visit) -> Decimal | None:
    """What a point is worth: as somebody asks, or as the best active cashback pays (docs/decisions/0023)."""
    return visit.asked(AskedValue).value or liability.point_value(visit.session, visit.shop_id)


@page("/reports/liability", right=Right.REPORTS)
def liability_report(visit: Visit) -> str:
    """What is outstanding now, and what of it ends when and was earned when, in points and in money."""
    found = liability.parts(visit.session, visit.shop_id)
    ends, today = found.by_month_of_end(), _today(visit)
    shown = list(ends.items())[: charts.MOST_DRAWN]
    asked = visit.asked(AskedValue).value
    return visit.render(
        "liability_report.html",
        standing=movements.standing(visit.session, visit.shop_id),
        ends=ends,
        earned=found.by_month_earned,
        available=found.available,
        soon=found.until(today + timedelta(days=30)),
        value=_value(visit),
        asked_value=asked,
        derived=liability.point_value(visit.session, visit.shop_id),
        this_month=today.replace(day=1),
        picture=charts.bars(
            "Points by the month in which they end",
            [f"{month:%b %Y}" if month else "Never" for month, _ in shown],
            {"Points": [points for _, points in shown]},
        ),
    )


@page("/reports/liability.csv", right=Right.REPORTS)
def liability_csv(visit: Visit) -> Response:
    """For the accountant: available points by the day they end and the month they were earned in, and their worth."""
    found = liability.parts(visit.session, visit.shop_id)
    value, currency = _value(visit), visit.shop.currency
    as_of = visit.now.astimezone(timezone(visit.shop.timezone)).isoformat(timespec="seconds")

    def line(by: str, when: object, points: int) -> tuple[object, ...]:
        worth = quantize(value * points, currency) if value else ""
        return as_of, by, when, points, value or "", worth, currency

    def lines() -> Iterator[tuple[object, ...]]:
        yield "as_of", "by", "when", "points", "point_value", "value", "currency"
        for day, points in found.by_last_day.items():
            yield line("last_day", day or liability.NEVER, points)
        for month, points in found.by_month_earned.items():
            yield line("month_earned", f"{month:%Y-%m}", points)
        yield line("all_available", "", found.available)

    return _file(f"liability-{_today(visit)}", lines())


# How the program does


@page("/reports/program", right=Right.REPORTS)
def program_report(visit: Visit) -> str:
    """How much of what was issued is spent or lost, members, friends, rules, rewards and codes."""
    today = _today(visit)
    asked = visit.asked(Asked)
    first, last = _range(visit, asked, _months_before(today, USUAL_MONTHS - 1))
    return visit.render(
        "program_report.html",
        first=first,
        last=last,
        periods=_periods(visit),
        flow=program.flow(visit.session, visit.shop_id, first, last),
        tables=program_tables.tables(visit, first, last, today),
        may_open=lambda name: name in DECLARED and visit.may(DECLARED[name].right),
    )


@page("/reports/program/<name>.csv", right=Right.REPORTS)
def program_csv(visit: Visit, name: str) -> Response:
    """One of the tables of the page."""
    today = _today(visit)
    first, last = _range(visit, visit.asked(Asked), _months_before(today, USUAL_MONTHS - 1))
    found = {each.name: each for each in program_tables.tables(visit, first, last, today)}
    if name not in found:
        raise NotFound()
    return _file(f"{name}-{first}-{last}", _rows_of(found[name]), BYTE_ORDER_MARK)


def _rows_of(table: Table) -> Iterator[tuple[object, ...]]:
    yield table.columns
    for row in table.rows:
        yield tuple("" if cell is None else f"{cell:.4f}" if isinstance(cell, float) else cell for cell in row)


def _file(name: str, rows: Iterable[tuple[object, ...]], begins: str = "") -> Response:
    """A CSV file. No text in it is read as a formula where it is opened: names are the merchant's and may be anything."""
    out = io.StringIO()
    out.write(begins)
    csv.writer(out).writerows([harmless(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    answer = Response(out.getvalue(), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer
