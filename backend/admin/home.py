"""The first page: how the program is doing, and what waits for somebody."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import text

from backend.admin import charts
from backend.admin.door import SIGNED_IN, Visit, page
from backend.loyalty.calendar_rules import local_day
from backend.reports import liability, movements
from backend.staff.rights import Right

DAYS = 30
MOST_COUNTED = 100

_WAITING = (
    (Right.SETTINGS, "deliveries", "deliveries that failed", "delivery where shop_id = :shop and state = 'failed'"),
    (Right.SETTINGS, "deliveries", "messages that were given up", "outbox where shop_id = :shop and state = 'parked'"),
    (
        Right.REDEMPTIONS,
        "redeemed_rewards",
        "gifts to ship",
        "redemption where shop_id = :shop and delivery_status = 'ordered'",
    ),
)


@page("", right=SIGNED_IN)
def home(visit: Visit) -> str:
    needs = [
        (name, label, count)
        for right, name, label, rows in _WAITING
        if visit.may(right) and (count := _count(visit, rows))
    ]
    return visit.render(
        "home.html", needs=needs, most=MOST_COUNTED, **(_figures(visit) if visit.may(Right.REPORTS) else {})
    )


def _count(visit: Visit, rows: str) -> int:
    """How many wait, up to `MOST_COUNTED`: more need not be counted to say that there are many."""
    counted: int = visit.session.execute(
        text(f"select count(*) from (select 1 from {rows} limit {MOST_COUNTED}) waiting"),  # noqa: S608 - ours above
        {"shop": visit.shop_id},
    ).scalar_one()
    return counted


def _figures(visit: Visit) -> dict[str, object]:
    today = local_day(visit.now, ZoneInfo(visit.shop.timezone))
    days = list(movements.by_day(visit.session, visit.shop_id, today - timedelta(days=2 * DAYS - 1), today))
    before, lately = days[:DAYS], days[DAYS:]
    value = liability.point_value(visit.session, visit.shop_id)
    return {
        "outstanding": days[-1].closing,
        "worth": value * days[-1].closing if value else None,
        "issued": sum(each.issued for each in lately),
        "issued_before": sum(each.issued for each in before),
        "spent": sum(each.moved["spent"] for each in lately),
        "spent_before": sum(each.moved["spent"] for each in before),
        "picture": charts.bars(
            f"Points issued and spent in the last {DAYS} days",
            [f"{each.first:%b} {each.first.day}" for each in lately],
            {"Issued": [each.issued for each in lately], "Spent": [each.moved["spent"] for each in lately]},
        ),
    }
