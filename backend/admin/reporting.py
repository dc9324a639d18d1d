"""Reports: points over time, liability, members and rewards."""

import csv
import io
from collections.abc import Iterator
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from flask import Response
from pydantic import BaseModel, Field
from sqlalchemy import text

from backend.admin import charts
from backend.admin.door import Visit, page
from backend.loyalty.calendar_rules import local_day
from backend.reports import liability, movements
from backend.reports.movements import COLUMNS, Movements, Step
from backend.staff.rights import Right

USUAL_DAYS = 30
MOST_DAYS = 3660
MOST_ROWS = 400


class Asked(BaseModel):
    first: date | None = Field(default=None, ge=date(2000, 1, 1), le=date(2200, 1, 1))
    last: date | None = Field(default=None, ge=date(2000, 1, 1), le=date(2200, 1, 1))
    step: Step = "day"


def _range(visit: Visit, asked: Asked) -> tuple[date, date]:
    """The days that are asked for, in order and no more than `MOST_DAYS`; without any, the last `USUAL_DAYS`."""
    last = asked.last or local_day(visit.now, ZoneInfo(visit.shop.timezone))
    first = asked.first or last - timedelta(days=USUAL_DAYS - 1)
    first, last = min(first, last), max(first, last)
    return max(first, last - timedelta(days=MOST_DAYS - 1)), last


@page("/reports/points", right=Right.REPORTS)
def points_report(visit: Visit) -> str:
    """Opening, movements and closing of each day, week or month, as pictures and as a table."""
    asked = visit.asked(Asked)
    first, last = _range(visit, asked)
    found = list(movements.by_step(visit.session, visit.shop_id, first, last, asked.step))
    labels = [f"{each.first:%b} {each.first.day}" for each in found]
    return visit.render(
        "points_report.html",
        asked=asked,
        first=first,
        last=last,
        columns=COLUMNS,
        found=found[-MOST_ROWS:],
        cut=len(found) > MOST_ROWS,
        flow=charts.bars(
            "Points issued, spent and expired",
            labels,
            {
                "Issued": [each.issued for each in found],
                "Spent": [each.moved["spent"] for each in found],
                "Expired": [each.moved["expired"] for each in found],
            },
        ),
        standing=charts.line("Points outstanding", labels, {"Outstanding": [each.closing for each in found]}),
        outstanding=movements.outstanding(visit.session, visit.shop_id),
        in_accounts=movements.accounts(visit.session, visit.shop_id) if "prove" in visit.query else None,
    )


@page("/reports/points.csv", right=Right.REPORTS)
def points_csv(visit: Visit) -> Response:
    """For the accountant: every day of the range. Nothing in it is anybody's text, so no cell can be a formula."""
    first, last = _range(visit, visit.asked(Asked))
    found = movements.by_day(visit.session, visit.shop_id, first, last)
    answer = Response(_lines(found), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="points-{first}-{last}.csv"'
    return answer


def _lines(found: Iterator[Movements]) -> Iterator[str]:
    yield _line("day", "opening", *(name.replace(" ", "_") for name in COLUMNS), "closing")
    for each in found:
        yield _line(each.first, each.opening, *each.moved.values(), each.closing)


def _line(*cells: object) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()


@page("/reports/liability", right=Right.REPORTS)
def liability_report(visit: Visit) -> str:
    """Available points by when they end and by their age, in points and in money."""
    expiry = liability.by_expiry(visit.session, visit.shop_id, visit.shop.timezone, visit.now)
    age = liability.by_age(visit.session, visit.shop_id, visit.shop.timezone, visit.now)
    return visit.render(
        "liability_report.html",
        expiry=expiry,
        age=age,
        available=sum(each.points for each in expiry),
        value=liability.point_value(visit.session, visit.shop_id),
        picture=charts.bars(
            "Points by the month in which they end",
            [f"{each.month:%b %Y}" if each.month else "Never" for each in expiry],
            {"Points": [each.points for each in expiry]},
        ),
    )


@page("/reports/program", right=Right.REPORTS)
def program_report(visit: Visit) -> str:
    """Members by level, what became of referrals, and the rewards that are taken most."""
    shop = {"shop": visit.shop_id}
    return visit.render(
        "program_report.html",
        tiers=visit.session.execute(
            text(
                "select tier, count(*) from member where shop_id = :shop and status = 'active' group by 1 order by 2 desc"
            ),
            shop,
        ).all(),
        referrals=dict(
            visit.session.execute(
                text("select state, count(*) from referral where shop_id = :shop group by 1"), shop
            ).all()
        ),
        rewards=visit.session.execute(
            text("select id, name, taken from reward where shop_id = :shop and taken > 0 order by taken desc limit 10"),
            shop,
        ).all(),
    )
