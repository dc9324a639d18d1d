"""The codes of a reward in the admin: counters, adding one's own with a report, taking them out, and stock that runs low."""

import csv
import io
from collections.abc import Callable
from io import BytesIO

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import text

from backend.db import transaction
from backend.loyalty.coupons import stock_health
from backend.staff.rights import Right
from tests import stopwatch
from tests.admin.conftest import Desk, said
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.rewards_world import FIVE_OFF, GIFT, buy, free_codes, give_back, member_with, redeem, reward


def figures(page: BeautifulSoup) -> dict[str, str]:
    return {
        each.select_one("dt").get_text(strip=True): each.select_one("dd").contents[0].strip()  # type: ignore[union-attr]
        for each in page.select(".figure")
    }


def low(desk: Desk) -> list[str]:
    return [" ".join(each.get_text(" ").split()) for each in desk.page("/reward-campaigns/stock").select("tbody tr")]


def test_issued_and_redeemed_are_different_counters(desk: Desk, shop: TestShop) -> None:
    made = reward(shop, coupons=["A-1", "A-2", "A-3"])
    member = member_with(shop, 2000)
    used = redeem(shop, member, made)
    redeem(shop, member, made)
    buy(shop, used.code)
    shown = figures(desk.page(f"/reward-campaigns/{made.public_id}/codes"))
    assert (shown["Free"], shown["Issued"], shown["Redeemed"]) == ("1", "2", "1")


def test_codes_are_added_by_paste_and_the_report_says_what_was_refused(desk: Desk, shop: TestShop) -> None:
    made = reward(shop, coupons=["A-1"])
    address = f"/reward-campaigns/{made.public_id}/codes"
    answer = desk.post(address, codes="B-1\nB 2\na-1\n\nB-3\nb-3")
    assert answer.status_code == 200
    report = BeautifulSoup(answer.text, "html.parser").select_one("#report")
    assert report is not None
    assert "2 codes were added, 3 were refused." in " ".join(report.get_text(" ").split())
    lines = [[cell.get_text() for cell in each.select("td")] for each in report.select("tbody tr")]
    assert lines == [
        ["2", "B 2", "holds a space or a control character"],
        ["3", "a-1", "is known in this shop already"],
        ["6", "b-3", "stands in line 5 already"],
    ]
    assert free_codes(shop, made) == ["A-1", "B-1", "B-3"]


def test_a_csv_file_is_taken_by_its_first_column(desk: Desk, shop: TestShop) -> None:
    made = reward(shop, coupons=[])
    file = (BytesIO(b"\xef\xbb\xbfcode;note\nB-1;x\nB-2;y\n"), "codes.csv")
    assert "2 codes were added." in desk.done(f"/reward-campaigns/{made.public_id}/codes", codes_file=file)
    assert free_codes(shop, made) == ["B-1", "B-2"]
    assert "1 code was added." in desk.done(f"/reward-campaigns/{made.public_id}/codes", codes="B-3")


def test_it_can_be_checked_first_and_nothing_is_lost(desk: Desk, shop: TestShop) -> None:
    made = reward(shop, coupons=["A-1"])
    file = (BytesIO(b"code\nB-1\nA-1\n"), "codes.csv")
    page = BeautifulSoup(
        desk.post(f"/reward-campaigns/{made.public_id}/codes", codes_file=file, do="check").text, "html.parser"
    )
    told = " ".join(page.select_one("#report").get_text(" ").split())  # type: ignore[union-attr]
    assert "1 code would be added, 1 would be refused. Nothing has been added yet." in told
    typed = page.select_one('[name="codes"]')
    assert typed is not None
    assert typed.get_text().split() == ["B-1", "A-1"]
    assert free_codes(shop, made) == ["A-1"]


@pytest.mark.parametrize(
    ("file", "reason"), [(b"\xff\xfe\x00", "no text in UTF-8"), (b"\n\n", "are missing"), (b'"a\x00', "are")]
)
def test_a_file_that_is_no_list_of_codes_is_refused(desk: Desk, shop: TestShop, file: bytes, reason: str) -> None:
    made = reward(shop, coupons=[])
    answer = desk.post(f"/reward-campaigns/{made.public_id}/codes", codes_file=(BytesIO(file), "codes.csv"))
    assert answer.status_code in (200, 422)
    assert reason in answer.text
    assert free_codes(shop, made) == []


def test_a_reward_without_codes_of_ones_own_takes_none(desk: Desk, shop: TestShop) -> None:
    made = reward(shop)
    answer = desk.post(f"/reward-campaigns/{made.public_id}/codes", codes="B-1")
    assert answer.status_code == 409
    assert "made without codes of your own" in said(answer)
    page = desk.page(f"/reward-campaigns/{made.public_id}/codes").get_text()
    assert "Made ahead of need" in page
    assert "Calls that were given up" in page


def test_codes_are_taken_out_with_the_right_to_export_alone(
    desk: Desk, shop: TestShop, sign_in: Callable[..., Desk]
) -> None:
    made = reward(shop, coupons=["A-1", "=cmd|' /C calc'!A0".replace(" ", "_")])
    redeem(shop, member_with(shop, 500), made)
    answer = desk.get(f"/reward-campaigns/{made.public_id}/codes.csv")
    assert answer.mimetype == "text/csv"
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[0] == ["code", "state", "created_at"]
    assert [each[:2] for each in rows[1:]] == [["A-1", "issued"], ["'=cmd|'_/C_calc'!A0", "free"]]
    marketing = sign_in(Right.REWARDS)
    assert marketing.get(f"/reward-campaigns/{made.public_id}/codes.csv").status_code == 403
    assert "Download" not in marketing.page(f"/reward-campaigns/{made.public_id}/codes").get_text()


def test_the_file_tells_of_a_code_that_works_no_more_that_it_does_not(desk: Desk, shop: TestShop) -> None:
    member, made = member_with(shop, 1500), reward(shop, coupons=["A-1", "A-2", "A-3"])
    returned, used, _ = (redeem(shop, member, made) for _ in range(3))
    give_back(shop, member, returned.id)
    buy(shop, used.code)
    answer = desk.get(f"/reward-campaigns/{made.public_id}/codes.csv")
    states = {code: state for code, state, _ in list(csv.reader(io.StringIO(answer.text)))[1:]}
    assert states == {"A-1": "disabled", "A-2": "used", "A-3": "issued"}


def test_another_shops_codes_are_not_there(desk: Desk, new_shop: Callable[..., TestShop]) -> None:
    theirs = reward(new_shop(), coupons=["A-1"])
    for what in ("codes", "codes.csv"):
        assert desk.get(f"/reward-campaigns/{theirs.public_id}/{what}").status_code == 404
    assert desk.post(f"/reward-campaigns/{theirs.public_id}/codes", codes="B-1").status_code == 404


def test_a_pool_that_is_empty_or_runs_low_is_listed_with_what_customers_see(desk: Desk, shop: TestShop) -> None:
    reward(shop, reward_name="Empty", coupons=[])
    reward(shop, reward_name="Few", coupons=[f"F-{number}" for number in range(9)])
    reward(shop, reward_name="Plenty", coupons=[f"P-{number}" for number in range(20)])
    reward(shop, reward_name="Made")
    reward(shop, GIFT)
    reward(shop, reward_name="Off", coupons=[], is_active=False)
    empty, few = low(desk)
    assert empty.startswith("Empty Your own codes Empty 0 0 –")
    assert "Sold out at the moment" in empty
    assert few.startswith("Few Your own codes Low 9 0 Nobody has had it in the last 30 days")


def test_it_is_estimated_how_long_a_pool_lasts(desk: Desk, shop: TestShop, time: BusinessTime) -> None:
    made = reward(shop, {**FIVE_OFF, "points_to_be_redeemed": 1}, coupons=[f"P-{number}" for number in range(40)])
    member = member_with(shop, 100)
    for _ in range(30):
        redeem(shop, member, made)
    (line,) = low(desk)
    assert "Low 10 0 About 10 days at the last 30 days’ pace" in line
    time.advance(days=31)
    assert low(desk) == []


def test_codes_of_ours_that_are_out_say_that_points_wait(desk: Desk, shop: TestShop) -> None:
    made = reward(shop)
    with transaction() as session:
        session.execute(text("delete from coupon_free where shop_id = :shop"), {"shop": shop.id})
    redeem(shop, member_with(shop, 500), made)
    (line,) = low(desk)
    assert "Codes made ahead Empty 0 1" in line
    assert "on hold until a code is made" in line


def test_ten_thousand_rewards_do_not_make_the_health_page_slow(shop: TestShop, time: BusinessTime) -> None:
    first = reward(shop, coupons=["A-1"])
    with transaction() as session:
        session.execute(
            text(
                "insert into reward (shop_id, redemption_id, name, type, sub_type, is_active, points, worth, coupon_source,"
                " rank, details, created_at, modified_at) select shop_id, redemption_id || n, name || n, type, sub_type,"
                " is_active, points, worth, 'none', rank, details, created_at, modified_at from reward,"
                " generate_series(1, 10000) n where shop_id = :shop and id = :id"
            ),
            {"shop": shop.id, "id": first.id},
        )
        assert stopwatch.is_within(1, lambda: stock_health.running_low(session, shop.id, time.now))
        found = stock_health.running_low(session, shop.id, time.now)
        session.rollback()
    assert [each.name for each in found] == ["5 off"]
