"""What reports show, and to whom."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import text

from backend import clock
from backend.admin import charts
from backend.db import transaction
from backend.ledger import posting
from backend.ledger.posting import SYSTEM
from backend.loyalty.program import programs
from backend.loyalty.rewards import rewards
from backend.loyalty.shops import shops
from backend.staff.rights import Right
from tests.admin.conftest import Desk
from tests.conftest import TestShop

PAGES = ("", "/reports/points", "/reports/liability", "/reports/program")
FILES = (
    "/reports/points.csv",
    "/reports/liability.csv",
    *(f"/reports/program/{name}.csv" for name in ("levels", "referrals", "rules", "rewards", "codes")),
)


def granted(shop: TestShop, points: int, at: datetime, *, expires_at: datetime | None = None) -> int:
    """A new member who was given so many points."""
    with transaction() as session:
        member: int = session.execute(
            text(
                "insert into member (shop_id, external_id, enrolled_at) values (:shop, gen_random_uuid()::text, :at)"
                " returning id"
            ),
            {"shop": shop.id, "at": at},
        ).scalar_one()
        session.execute(
            text("insert into account (shop_id, member_id) values (:shop, :member)"),
            {"shop": shop.id, "member": member},
        )
        posting.grant(
            session, shop.id, member, points, at=at, key=f"test:{member}:{points}", author=SYSTEM, reason="x", why={},
            expires_at=expires_at,
        )  # fmt: skip
    return member


def spent(shop: TestShop, member: int, points: int, at: datetime) -> None:
    with transaction() as session:
        posting.spend(
            session, shop.id, member, points, at=at, key=f"test:{member}:spent", author=SYSTEM, reason="x", why={}
        )


def cashback(shop: TestShop, value: str) -> None:
    with transaction() as session:
        rewards.create(
            session,
            shops.facts(shop.id),
            {"reward_name": "Money off", "reward_type": "cashback", "point_value": value},
            clock.now(),
        )


def rows(desk: Desk, path: str, **query: Any) -> list[dict[str, str]]:
    answer = desk.get(path, **query)
    assert answer.status_code == 200
    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))


def figure(page: BeautifulSoup, label: str) -> str:
    """The number beside that name."""
    found = next(each for each in page.select(".figure") if each.dt.get_text(strip=True) == label)
    return str(found.dd.find(string=True)).strip()


@pytest.mark.parametrize(
    "path",
    [
        *PAGES,
        "/reports/points?first=2024-02-29&step=month&prove=1",
        "/reports/points?first=2017-01-01&step=day",
        "/reports/points?first=nonsense&last=2026-99-99&step=year",
        "/reports/liability?value=-1",
        "/reports/program?first=2001-01-01&last=2199-01-01",
    ],
)
def test_a_new_shop_has_every_report(desk: Desk, path: str) -> None:
    address, _, query = path.partition("?")
    found = desk.page(address, **dict(parse_qsl(query)))
    assert found.h1 is not None
    assert not found.select("svg script, svg style, [style]")


def test_days_of_the_csv_open_as_the_day_before_closed(desk: Desk) -> None:
    granted(desk.shop, 30, datetime(2026, 2, 10, 12, tzinfo=UTC))
    member = granted(desk.shop, 50, datetime(2026, 2, 28, 23, 30, tzinfo=UTC))  # 1 March in Paris
    spent(desk.shop, member, 20, datetime(2026, 3, 2, 12, tzinfo=UTC))
    found = rows(desk, "/reports/points.csv", first="2026-01-01", last="2026-03-31")
    assert len(found) == 90
    assert all(later["opening"] == earlier["closing"] for earlier, later in pairwise(found))
    by_day = {each["day"]: each for each in found}
    assert (by_day["2026-02-10"]["granted"], by_day["2026-03-01"]["granted"]) == ("30", "50")
    assert (by_day["2026-03-02"]["spent"], found[-1]["closing"]) == ("20", "60")
    assert (found[-1]["currency"], found[-1]["point_value"], found[-1]["closing_value"]) == ("EUR", "", "")


def test_points_are_shown_by_month_with_a_proof_against_the_accounts(desk: Desk) -> None:
    granted(desk.shop, 30, datetime(2026, 2, 10, 12, tzinfo=UTC))
    granted(desk.shop, 50, datetime(2026, 3, 10, 12, tzinfo=UTC))
    found = desk.page("/reports/points", first="2026-01-15", last="2026-03-31", step="month", prove="1")
    assert [row.th.get_text(strip=True) for row in found.select("tbody tr")] == [
        "Mar 1, 2026",
        "Feb 1, 2026",
        "Jan 15, 2026",
    ]
    assert "hold 80: the same" in found.get_text()
    with transaction() as session:
        session.execute(text("update day_sum set points = points + 1 where shop_id = :shop"), {"shop": desk.shop.id})
        session.execute(text("update sum_change set points = points + 1 where shop_id = :shop"), {"shop": desk.shop.id})
    assert "not the same" in desk.page("/reports/points", prove="1").get_text()


def test_a_long_time_is_drawn_by_longer_steps_and_shown_as_asked(desk: Desk) -> None:
    found = desk.page("/reports/points", first="2025-01-01", last="2025-12-31", step="day")
    assert "Issued, spent, expired by week" in found.get_text()
    assert len(found.select("tbody tr")) == 365


def test_liability_says_what_ends_when_and_what_it_is_worth(desk: Desk) -> None:
    now = clock.now()
    granted(desk.shop, 100, now, expires_at=now + timedelta(days=10))
    granted(desk.shop, 50, now, expires_at=None)
    found = desk.page("/reports/liability")
    assert figure(found, "Available") == figure(found, "Outstanding") == "150"
    assert figure(found, "Ends within 30 days") == "100"
    assert "€" not in found.select_one("main").get_text()

    cashback(desk.shop, "0.02")
    assert "€3.00" in desk.page("/reports/liability").get_text()
    assert "€15.00" in desk.page("/reports/liability", value="0.1").get_text()

    kept = rows(desk, "/reports/liability.csv")
    by = {kind: [each for each in kept if each["by"] == kind] for kind in ("last_day", "month_earned", "all_available")}
    assert [each["points"] for each in by["last_day"]] == ["100", "50"]
    assert by["last_day"][-1]["when"] == "never"
    for kind in by:
        assert sum(int(each["points"]) for each in by[kind]) == 150
    total = by["all_available"][0]
    assert (Decimal(total["value"]), total["currency"], total["point_value"]) == (Decimal("3.00"), "EUR", "0.02")
    assert rows(desk, "/reports/liability.csv", value="0.1")[-1]["value"] == "15.00"


def test_the_program_report_has_rates_levels_and_rules(desk: Desk) -> None:
    now = clock.now()
    member = granted(desk.shop, 200, now - timedelta(days=5))
    granted(desk.shop, 100, now - timedelta(days=400))
    spent(desk.shop, member, 50, now - timedelta(days=1))
    with transaction() as session:
        version, _ = programs.current(desk.shop.id)
        posting.promise(
            session, desk.shop.id, member, 40, at=now, key="test:promised", rule="order", reason="Order 1", why={},
            program_version=version, due_at=now, expires_at=None,
        )  # fmt: skip
    found = desk.page("/reports/program")
    assert figure(found, "Redemption rate") == "20.8%"  # 50 of 240
    assert "No level" in found.select_one("#levels").get_text()
    assert [each["Points"] for each in rows(desk, "/reports/program/rules.csv")] == ["40"]
    assert rows(desk, "/reports/program/rules.csv", first="2020-01-01", last="2020-12-31") == []
    (level,) = rows(desk, "/reports/program/levels.csv")
    assert (level["Members"], level["Joined"]) == ("2", "1")


def test_no_name_in_a_file_is_a_formula(desk: Desk) -> None:
    with transaction() as session:
        reward = rewards.create(
            session,
            shops.facts(desk.shop.id),
            {"reward_name": "=cmd|' /C calc'!A0", "reward_type": "gift", "points_to_be_redeemed": 10},
            clock.now(),
        )
        session.execute(
            text(
                "insert into sum_change (shop_id, what, day, key, number, points)"
                " values (:shop, 'redemption', :day, :key, 2, 20)"
            ),
            {"shop": desk.shop.id, "day": clock.now().date(), "key": str(reward.id)},
        )
    (found,) = rows(desk, "/reports/program/rewards.csv")
    assert found == {"Reward": "'=cmd|' /C calc'!A0", "Times": "2", "Points": "20"}


def test_another_shops_points_are_in_no_report(
    desk: Desk, sign_in: Callable[..., Desk], new_shop: Callable[..., TestShop]
) -> None:
    other_shop = new_shop()
    granted(other_shop, 777, clock.now())
    for path in PAGES:
        assert "777" not in desk.page(path).select_one("main").get_text()
    for path in FILES:
        assert "777" not in desk.get(path).text
    assert "777" in sign_in(of=other_shop).page("/reports/liability").get_text()


def test_without_the_right_there_are_no_figures(sign_in: Callable[..., Desk]) -> None:
    desk = sign_in(Right.VIEW_CUSTOMERS)
    assert "outstanding" not in desk.page("").get_text()
    for path in (*PAGES[1:], *FILES):
        assert desk.get(path).status_code == 403


def test_what_ends_in_one_month_needs_no_picture(desk: Desk) -> None:
    granted(desk.shop, 30, clock.now())
    page = desk.page("/reports/liability")
    assert "When they end" in page.get_text()
    assert page.select_one("svg.chart") is None, "one slab from edge to edge"


def test_a_picture_says_what_it_shows(desk: Desk) -> None:
    granted(desk.shop, 30, clock.now())
    for path in ("", "/reports/points", "/reports/liability"):
        for picture in desk.page(path).select("svg.chart"):
            assert picture["role"] == "img"
            named = [picture.find(id=each) for each in str(picture["aria-labelledby"]).split()]
            assert [each.name for each in named] == ["title", "desc"]
            assert all(each.get_text() for each in named)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], [0, 1]),
        ([0, 0], [0, 1]),
        ([1], [0, 1]),
        ([3, 7], [0, 2, 4, 6, 8]),
        ([-40, 90], [-50, 0, 50, 100]),
        ([1_234_567], [0, 500_000, 1_000_000, 1_500_000]),
        ([10**15], [0, 2 * 10**14, 4 * 10**14, 6 * 10**14, 8 * 10**14, 10**15]),
    ],
)
def test_an_axis_has_few_round_whole_numbers(values: list[int], expected: list[int]) -> None:
    assert charts.ticks(values) == expected


def test_labels_are_written_out() -> None:
    drawn = charts.bars("Points", ["Nov 26, 2026", "Nov 27, 2026"], {"Issued": [1500, 20]})
    for label in ("Nov 26, 2026", "1,500"):
        assert f">{label}</text>" in drawn
