"""All reward campaigns: the list with its filters and orders, and what is done with a campaign from there."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import text

from backend.db import transaction
from backend.loyalty.rewards import reward_list
from backend.loyalty.rewards.reward_list import Wanted
from backend.staff.rights import Right
from tests.admin.conftest import Desk, said
from tests.conftest import PROGRAM, BusinessTime, TestShop
from tests.loyalty.rewards_world import CASHBACK, GIFT, change, member_with, redeem, reward


def names(page: BeautifulSoup) -> list[str]:
    return [each.get_text(strip=True) for each in page.select("#rewards tbody th a")]


def row(page: BeautifulSoup, name: str) -> str:
    found = next(each for each in page.select("#rewards tbody tr") if name in each.get_text())
    return " ".join(found.get_text(" ").split())


def test_s0_9_the_sidebar_has_reward_campaigns_with_add_reward_campaign(desk: Desk) -> None:
    sidebar = desk.page("").select_one("nav[aria-label=Pages]")
    assert sidebar is not None
    group = next(each for each in sidebar.select(".group") if "Reward campaigns" in each.select_one("h2").get_text())
    assert [each.get_text(strip=True) for each in group.select("a")][:2] == [
        "All reward campaigns",
        "Add reward campaign",
    ]


def test_s0_10_the_list_has_the_button_add_reward_campaign_at_its_top(desk: Desk) -> None:
    button = desk.page("/reward-campaigns").select_one(".heading .actions a.button:not(.calm)")
    assert button is not None
    assert button.get_text(strip=True) == "Add reward campaign"
    assert button["href"] == "/admin/reward-campaigns/new"


def test_who_lacks_the_right_sees_no_campaigns(sign_in: Callable[..., Desk]) -> None:
    desk = sign_in(Right.VIEW_CUSTOMERS)
    assert desk.get("/reward-campaigns").status_code == 403


def test_a_line_says_what_there_is_of_a_reward(desk: Desk, shop: TestShop) -> None:
    made = reward(shop, coupons=["A-1", "A-2", "A-3"], limit_total=10, featured=True)
    member = member_with(shop, 1000)
    redeem(shop, member, made)
    said = row(desk.page("/reward-campaigns"), "5 off")
    assert "Discount code 500 Active 2 free 1 issued 0 redeemed 1 of 10" in said
    assert "Featured" in said


def test_it_is_by_rank_and_can_be_sorted_by_name_cost_and_age(desk: Desk, shop: TestShop) -> None:
    reward(shop, reward_name="bee", rank=2, points_to_be_redeemed=100)
    reward(shop, reward_name="Ant", rank=3, points_to_be_redeemed=300)
    reward(shop, reward_name="Cat", rank=1, points_to_be_redeemed=200)
    assert names(desk.page("/reward-campaigns")) == ["Cat", "bee", "Ant"]
    assert names(desk.page("/reward-campaigns", sort="name")) == ["Ant", "bee", "Cat"]
    assert names(desk.page("/reward-campaigns", sort="cost", descending="1")) == ["Ant", "Cat", "bee"]
    assert names(desk.page("/reward-campaigns", sort="created", descending="1")) == ["Cat", "Ant", "bee"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"search": "WATER"}, ["Water bottle"]),
        ({"search": "5_off"}, ["5 off"]),
        ({"type": "gift"}, ["Water bottle"]),
        ({"type": "fixed_amount_discount"}, ["5 off"]),
        ({"label": "Event"}, ["Water bottle"]),
        ({"label": "event:birthday"}, ["Water bottle"]),
        ({"label": "Event:Christmas"}, []),
        ({"category": "home"}, ["5 off"]),
        ({"type": "nonsense", "sort": "nonsense"}, ["Pay with points", "Water bottle", "5 off"]),
    ],
)
def test_its_filters(desk: Desk, shop: TestShop, query: dict[str, str], expected: list[str]) -> None:
    reward(shop, categories=["Home"])
    reward(shop, GIFT, labels=[{"key": "Event", "value": "Birthday"}])
    reward(shop, CASHBACK)
    assert sorted(names(desk.page("/reward-campaigns", **query))) == sorted(expected)


def test_the_status_follows_the_dates_and_inactive_wins_over_them(
    desk: Desk, shop: TestShop, time: BusinessTime
) -> None:
    time.set("2026-06-15T12:00:00Z")
    reward(shop, reward_name="now", active_from="2026-06-01", active_to="2026-06-30")
    reward(shop, reward_name="later", active_from="2026-07-01")
    reward(shop, reward_name="over", active_to="2026-05-31")
    reward(shop, reward_name="off", active_from="2026-06-01", is_active=False)
    for status, expected in {"active": "now", "scheduled": "later", "ended": "over", "inactive": "off"}.items():
        assert names(desk.page("/reward-campaigns", status=status)) == [expected]
    assert "from Jun 1, 2026 to Jun 30, 2026" in row(desk.page("/reward-campaigns"), "now")


def test_pages_follow_each_other_in_both_directions(desk: Desk, shop: TestShop) -> None:
    for number in range(60):
        reward(shop, GIFT, reward_name=f"gift {number:02}")
    first = desk.page("/reward-campaigns", sort="name")
    assert names(first) == [f"gift {number:02}" for number in range(25)]
    assert first.select_one(".pager [rel=prev]") is None
    second = follow(desk, first, "next")
    assert names(second) == [f"gift {number:02}" for number in range(25, 50)]
    third = follow(desk, second, "next")
    assert names(third) == [f"gift {number:02}" for number in range(50, 60)]
    assert third.select_one(".pager [rel=next]") is None
    assert names(follow(desk, third, "prev")) == names(second)
    assert names(follow(desk, follow(desk, third, "prev"), "prev")) == names(first)


def follow(desk: Desk, page: BeautifulSoup, rel: str) -> BeautifulSoup:
    link = page.select_one(f".pager [rel={rel}]")
    assert link is not None
    return BeautifulSoup(desk.client.get(str(link["href"])).text, "html.parser")


def test_s0_19_a_campaign_is_made_active_and_inactive(desk: Desk, shop: TestShop) -> None:
    made = reward(shop)
    assert "is inactive now" in desk.done(f"/reward-campaigns/{made.public_id}/active", active="0")
    assert names(desk.page("/reward-campaigns", status="inactive")) == ["5 off"]
    assert "is active now" in desk.done(f"/reward-campaigns/{made.public_id}/active", active="1")
    assert names(desk.page("/reward-campaigns", status="active")) == ["5 off"]


def test_a_campaign_is_duplicated_without_its_codes(desk: Desk, shop: TestShop) -> None:
    made = reward(shop, coupons=["A-1", "A-2"], labels=[{"key": "Event", "value": "Birthday"}], rank=7)
    assert "“Copy of 5 off” was made" in desk.done(f"/reward-campaigns/{made.public_id}/copy")
    desk.done(f"/reward-campaigns/{made.public_id}/copy")
    page = desk.page("/reward-campaigns", sort="name")
    assert names(page) == ["5 off", "Copy of 5 off", "Copy of 5 off (2)"]
    assert "Inactive 0 free" in row(page, "Copy of 5 off (2)")
    assert names(desk.page("/reward-campaigns", label="Event:Birthday", status="inactive")) == names(page)[1:]


def test_a_campaign_that_is_promised_elsewhere_is_not_archived(desk: Desk, shop: TestShop) -> None:
    made = reward(shop, GIFT)
    shop.set_program(**PROGRAM, referral={"enabled": True, "friend": {"reward": made.public_id}})
    answer = desk.post(f"/reward-campaigns/{made.public_id}/archive")
    assert answer.status_code == 409
    assert "the referral program’s gift for the friend" in said(answer)
    assert names(desk.page("/reward-campaigns")) == ["Water bottle"]


def test_an_archived_campaign_is_out_of_sight_and_comes_back(desk: Desk, shop: TestShop) -> None:
    made = reward(shop)
    assert "archived" in desk.done(f"/reward-campaigns/{made.public_id}/archive")
    assert names(desk.page("/reward-campaigns")) == []
    assert names(desk.page("/reward-campaigns", status="archived")) == ["5 off"]
    refused = desk.post(f"/reward-campaigns/{made.public_id}/active", active="1")
    assert refused.status_code == 409
    assert "Restore it before you change it" in refused.text
    assert "is back, and inactive" in desk.done(f"/reward-campaigns/{made.public_id}/restore")
    assert names(desk.page("/reward-campaigns", status="inactive")) == ["5 off"]


def test_another_shops_campaign_is_not_there(desk: Desk, new_shop: Callable[..., TestShop]) -> None:
    theirs = reward(new_shop())
    assert desk.get(f"/reward-campaigns/{theirs.public_id}").status_code == 404
    for what in ("active", "copy", "archive", "restore"):
        assert desk.post(f"/reward-campaigns/{theirs.public_id}/{what}").status_code == 404
    assert names(desk.page("/reward-campaigns")) == []


@pytest.mark.parametrize("sort", ["rank", "name", "cost", "created"])
@pytest.mark.parametrize("descending", [False, True])
def test_a_page_of_ten_thousand_rewards_reads_one_page_of_an_index(
    shop: TestShop, time: BusinessTime, sort: reward_list.Sort, descending: bool
) -> None:
    first = reward(shop, GIFT)
    with transaction() as session:
        session.execute(
            text(
                "insert into reward (shop_id, redemption_id, name, type, is_active, points, coupon_source, rank, details,"
                " created_at, modified_at) select shop_id, redemption_id || n, name || n, type, is_active, n % 997,"
                " coupon_source, n % 13, details, created_at, modified_at from reward, generate_series(1, 10000) n"
                " where shop_id = :shop and id = :id"
            ),
            {"shop": shop.id, "id": first.id},
        )
        session.execute(text("analyze reward"))
        wanted = Wanted(sort=sort, descending=descending, after=first.id + 5000)
        statement, parameters = reward_list.statement_for(session, shop.id, wanted, time.now, 25)
        plan = "\n".join(session.execute(text(f"explain (analyze, costs off) {statement}"), parameters).scalars())
        session.rollback()
    page = plan[plan.index("CTE page") :]
    assert "Index" in page
    assert "Seq Scan on reward" not in page
    assert "rows=10001" not in page, "it reads a page, not the shop"


def test_what_ends_in_a_moment_is_still_active(desk: Desk, shop: TestShop, time: BusinessTime) -> None:
    time.set("2026-06-15T12:00:00Z")
    made = reward(shop)
    change(shop, made, active_to=(time.now + timedelta(minutes=1)).isoformat())
    assert names(desk.page("/reward-campaigns", status="active")) == ["5 off"]
    time.advance(minutes=2)
    assert names(desk.page("/reward-campaigns", status="ended")) == ["5 off"]


def test_a_shop_without_rewards_is_told_what_they_are(desk: Desk) -> None:
    assert "No reward campaigns yet" in desk.page("/reward-campaigns").get_text()
    assert "No reward campaign like that" in desk.page("/reward-campaigns", search="x").get_text()


def test_cashback_has_a_point_value_for_a_price(desk: Desk, shop: TestShop) -> None:
    reward(shop, CASHBACK)
    assert "2 EUR for a point" in row(desk.page("/reward-campaigns"), "Pay with points")


def test_one_reward_with_most_of_the_redemptions_does_not_make_the_others_slow(
    shop: TestShop, time: BusinessTime
) -> None:
    """By its statistics PostgreSQL would read the whole table for each line: the one reward has all there is in it."""
    made = reward(shop, coupons=["A-1"])
    redeem(shop, member_with(shop, 500), made)
    reward(shop, GIFT)
    with transaction() as session:
        session.execute(text("set local session_replication_role = replica"))
        session.execute(
            text(
                "insert into redemption (shop_id, member_id, reward_id, origin, status, points, points_after, frozen, code,"
                " requested_at, issued_at) select shop_id, member_id, reward_id, origin, status, points, points_after,"
                " '{}', 'C-' || n, requested_at, issued_at from redemption, generate_series(1, 60000) n"
                " where shop_id = :shop"
            ),
            {"shop": shop.id},
        )
        session.execute(text("analyze redemption"))
        statement, parameters = reward_list.statement_for(session, shop.id, Wanted(), time.now, 25)
        plan = "\n".join(session.execute(text(f"explain {statement}"), parameters).scalars())
        session.rollback()
    assert "Seq Scan on redemption" not in plan
    assert "using redemption_of_reward" in plan, plan
    assert "using redemption_used" in plan
