"""The first page: how the program is doing, and what waits for somebody."""

from dataclasses import dataclass
from datetime import date, timedelta

from backend.admin import charts, guide
from backend.admin.door import DECLARED, SIGNED_IN, Visit, page
from backend.loyalty.calendar_rules import local_day, timezone
from backend.reports import activity, liability, movements, program, waiting
from backend.reports.movements import Movements
from backend.staff.rights import Right

DAYS = 30
RATE_DAYS = 365


@dataclass(frozen=True)
class Item:
    """Something that may wait: who may see it, the page that it is dealt with on, and what it is called."""

    kind: waiting.Kind
    right: Right
    page: str
    one: str
    several: str


ITEMS = (
    Item("approvals", Right.ASSIGN_POINTS, "approvals", "change of points to approve", "changes of points to approve"),
    Item("referrals", Right.VIEW_CUSTOMERS, "referral_reviews", "referral to look at", "referrals to look at"),
    Item("gifts", Right.REDEMPTIONS, "redeemed_rewards", "gift to send", "gifts to send"),
    Item("pools", Right.REWARDS, "reward_stock", "reward whose codes run low", "rewards whose codes run low"),
    Item("deliveries", Right.SETTINGS, "deliveries", "delivery that failed", "deliveries that failed"),
    Item("messages", Right.SETTINGS, "delivery_gaps", "message that was given up", "messages that were given up"),
    Item("endpoints", Right.SETTINGS, "endpoints", "endpoint that does not answer", "endpoints that do not answer"),
    Item("unanswered", Right.SETTINGS, "delivery_gaps", "webhook that was not taken", "webhooks that were not taken"),
    Item("imports", Right.EXPORT, "imports", "import that waits for you", "imports that wait for you"),
)
"""In the order in which people should look."""


@page("", right=SIGNED_IN)
def home(visit: Visit) -> str:
    today = local_day(visit.now, timezone(visit.shop.timezone))
    items = [item for item in ITEMS if item.page in DECLARED and visit.may(item.right)]
    counts = waiting.counts(visit.session, visit.shop_id, [item.kind for item in items], visit.who.staff_id, visit.now)
    return visit.render(
        "home.html",
        needs=[(item, counts[item.kind]) for item in items if counts[item.kind]],
        most=waiting.MOST_COUNTED,
        steps=guide.steps_of(visit) if visit.may(Right.SETTINGS) else [],
        **(_figures(visit, today) if visit.may(Right.REPORTS) else {}),
    )


def _figures(visit: Visit, today: date) -> dict[str, object]:
    session, shop_id = visit.session, visit.shop_id
    this_month = today.replace(day=1)
    last_month = (this_month - timedelta(days=1)).replace(day=1)
    first = min(last_month, today - timedelta(days=DAYS - 1))
    days = list(movements.by_day(session, shop_id, first, today))
    lately = days[-DAYS:]
    value = liability.point_value(session, shop_id)
    outstanding = movements.outstanding(session, shop_id)
    by_level = program.members(session, shop_id)
    return {
        "members": sum(by_level.values()),
        "joined": sum(program.members(session, shop_id, this_month, today).values()),
        "active": activity.of(session, shop_id),
        "active_days": activity.DAYS,
        "outstanding": outstanding,
        "worth": value * outstanding if value else None,
        "months": [
            (label, *_so_far(days, last_month, this_month, today, column))
            for label, column in (("Issued", "issued"), ("Spent", "spent"), ("Expired", "expired"))
        ],
        "rate": program.flow(session, shop_id, today - timedelta(days=RATE_DAYS - 1), today).redemption_rate,
        "picture": charts.bars(
            f"Points issued and spent in the last {DAYS} days",
            [f"{each.first:%b} {each.first.day}" for each in lately],
            {"Issued": [each.issued for each in lately], "Spent": [each.moved["spent"] for each in lately]},
        ),
        "lately": lately,
    }


def _so_far(
    days: list[Movements], last_month: date, this_month: date, today: date, column: str
) -> tuple[int, int, int]:
    """Points of this month, of the last by the same day, and of all of the last."""

    def points(each: Movements) -> int:
        return each.issued if column == "issued" else each.moved[column]

    by_the_day = last_month + (today - this_month)
    now = sum(points(each) for each in days if each.first >= this_month)
    before = [each for each in days if last_month <= each.first < this_month]
    return now, sum(points(each) for each in before if each.first <= by_the_day), sum(map(points, before))
