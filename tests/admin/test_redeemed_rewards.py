"""The grid of redeemed rewards: document 001 (S1.8 to S1.42)."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag

from backend.db import transaction
from backend.models import Member, Redemption
from backend.staff.rights import Right
from tests.admin.conftest import Desk, PostOffice
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.rewards_world import (
    CASHBACK,
    FIVE_OFF,
    GIFT,
    buy,
    give_back,
    has,
    hold,
    member_with,
    redeem,
    redemption,
    reward,
    rows,
    violations,
)

COLUMNS = [
    "Redeem date and time",
    "Usage date and time",
    "Cost in points",
    "Tax value",
    "Customer e-mail",
    "Phone",
    "Reward",
    "Type",
    "Customer's first name",
    "Customer's surname",
    "Customer active points amount",
    "Delivery status",
    "Cashback status",
    "Unused / Used",
    "Actions",
]
ADDRESS = {"address1": "1 rue Oberkampf", "city": "Paris", "zip": "75011", "country": "FR"}


def lines(page: BeautifulSoup) -> list[dict[str, Tag]]:
    return [
        {str(cell["data-label"]): cell for cell in line.select("[data-label]")}
        for line in page.select(".redeemed tbody tr")
    ]


def line(page: BeautifulSoup, had: Any) -> dict[str, str]:
    found = page.select_one(f"#redeemed-{had.id}")
    assert found is not None
    return {str(cell["data-label"]): said(cell) for cell in found.select("[data-label]")}


def said(tag: Tag) -> str:
    """What one reads there: not what only screen readers are told, of a choice what is chosen."""
    for hidden in tag.select(".aside, button.small"):
        hidden.decompose()
    for option in tag.select("option:not([selected])"):
        option.decompose()
    return " ".join(tag.get_text(" ").split())


def ids(page: BeautifulSoup) -> list[int]:
    return [int(str(each["id"]).removeprefix("redeemed-")) for each in page.select(".redeemed tbody tr")]


def box(page: BeautifulSoup, had: Any) -> Tag:
    found = page.select_one(f"#redeemed-{had.id} [role=checkbox]")
    assert found is not None
    return found


def known(shop: TestShop, points: int = 5000, customer: str = "c-1", **facts: Any) -> int:
    member_id = member_with(shop, points, customer)
    with transaction() as session:
        member = session.get_one(Member, (shop.id, member_id))
        for name, value in facts.items():
            setattr(member, name, value)
    return member_id


def marked(shop: TestShop, had: Any) -> tuple[str, str | None]:
    now = redemption(shop, had.id)
    return now.use_state, now.delivery_status


def letters(shop: TestShop) -> list[Any]:
    return rows(shop, "select * from outbox where shop_id = :shop and kind = 'staff_mail' order by id")


# What there is


def test_s1_23_it_is_below_reward_campaigns_in_the_sidebar(desk: Desk) -> None:
    groups = desk.page("").select("nav[aria-label=Pages] .group")
    group = next(each for each in groups if "Reward campaigns" in said(each))
    assert "Redeemed rewards" in [each.get_text(strip=True) for each in group.select("a")]


@pytest.mark.parametrize("path", ["/redeemed-rewards", "/redeemed-rewards/1"])
def test_s1_8_it_is_for_those_with_the_right_alone(sign_in: Callable[..., Desk], path: str) -> None:
    assert sign_in(Right.VIEW_CUSTOMERS, Right.REWARDS).get(path).status_code == 403


def test_s1_24_to_s1_41_the_columns_have_the_documents_names_in_its_order(desk: Desk, shop: TestShop) -> None:
    redeem(shop, known(shop), reward(shop, GIFT))
    page = desk.page("/redeemed-rewards")
    assert [said(each) for each in page.select(".redeemed thead th")] == COLUMNS
    assert list(lines(page)[0]) == COLUMNS


def test_a_line_tells_who_had_what_and_when(desk: Desk, shop: TestShop, time: BusinessTime) -> None:
    time.set("2026-06-15T10:00:00Z")
    who = known(shop, 620, email="ada@mail.example", phone="+33 6 12", first_name="Ada", last_name="Diaz")
    had = redeem(shop, who, reward(shop, coupons=["SUMMER-1"], tax_value="0.80"))
    time.advance(hours=1)
    desk.done(f"/redeemed-rewards/{had.id}", use="used")
    assert line(desk.page("/redeemed-rewards"), had) == {
        "Redeem date and time": "Jun 15, 2026, 12:00 PM",
        "Usage date and time": "Jun 15, 2026, 1:00 PM",
        "Cost in points": "500",
        "Tax value": "€0.80",
        "Customer e-mail": "ada@mail.example",
        "Phone": "+33 6 12",
        "Reward": "5 off (SUMMER-1)",  # S1.30
        "Type": "Discount code",
        "Customer's first name": "Ada",
        "Customer's surname": "Diaz",
        "Customer active points amount": "120",
        "Delivery status": "Ordered",  # S1.14, S1.35
        "Cashback status": "-",  # S1.37
        "Unused / Used": "Used",
        "Actions": "",
    }


def test_s1_34_the_active_points_are_those_right_after_the_redemption(desk: Desk, shop: TestShop) -> None:
    who = known(shop, 1000)
    had = redeem(shop, who, reward(shop, GIFT))
    member_with(shop, 5000)
    assert line(desk.page("/redeemed-rewards"), had)["Customer active points amount"] == "700"


def test_s1_31_there_are_exactly_eight_types(desk: Desk, shop: TestShop) -> None:
    choices = desk.page("/redeemed-rewards").select("#field-type option")
    assert sorted(each.get_text() for each in choices if each["value"]) == sorted(
        [
            "Percentage discount code",
            "Cashback",
            "Discount code",
            "Free delivery",
            "Gift",
            "Invitation for the event",
            "Value code",
            "Custom campaign",
        ]
    )


def test_an_empty_grid_says_what_would_be_there(desk: Desk) -> None:
    page = desk.page("/redeemed-rewards")
    assert "Nobody has redeemed anything yet" in said(page)
    assert page.select_one(".pager") is None


def test_another_shops_are_not_there(
    desk: Desk, shop: TestShop, new_shop: Callable[..., TestShop], sign_in: Callable[..., Desk]
) -> None:
    had = redeem(shop, known(shop), reward(shop, GIFT))
    other = sign_in(of=new_shop())
    assert ids(other.page("/redeemed-rewards")) == []
    assert other.get(f"/redeemed-rewards/{had.id}").status_code == 404
    assert other.post(f"/redeemed-rewards/{had.id}", use="used").status_code == 404
    assert marked(shop, had) == ("delivered", None)


# Marking


def test_s1_10_s1_39_what_is_not_used_yet_is_delivered_an_empty_checkbox(desk: Desk, shop: TestShop) -> None:
    had = redeem(shop, known(shop), reward(shop, GIFT))
    page = desk.page("/redeemed-rewards")
    assert box(page, had)["aria-checked"] == "false"
    assert line(page, had)["Unused / Used"] == "Delivered"
    assert line(page, had)["Delivery status"] == "–"


def test_s1_11_s1_14_marking_it_used_orders_its_delivery_and_unmarking_takes_that_back(
    desk: Desk, shop: TestShop
) -> None:
    had = redeem(shop, known(shop), reward(shop, coupons=["A-1"]))
    assert "“5 off” is marked as used." in desk.done(f"/redeemed-rewards/{had.id}", use="used")
    assert marked(shop, had) == ("used", "ordered")
    page = desk.page("/redeemed-rewards")
    assert box(page, had)["aria-checked"] == "true"
    assert line(page, had)["Delivery status"] == "Ordered"
    assert "not marked as used any more" in desk.done(f"/redeemed-rewards/{had.id}", use="delivered")
    assert marked(shop, had) == ("delivered", None)


def test_after_marking_the_grid_is_as_it_was(desk: Desk, shop: TestShop) -> None:
    had = redeem(shop, known(shop), reward(shop, GIFT))
    answer = desk.post(f"/redeemed-rewards/{had.id}?use=delivered&sort=cost", use="used")
    assert answer.headers["Location"] == "/admin/redeemed-rewards?use=delivered&sort=cost"


def test_s1_12_what_came_back_cannot_be_marked(desk: Desk, shop: TestShop) -> None:
    who = known(shop)
    had = redeem(shop, who, reward(shop, GIFT))
    give_back(shop, who, had.id)
    page = desk.page("/redeemed-rewards")
    assert box(page, had)["aria-disabled"] == "true"
    assert box(page, had).name != "button"
    assert "Given back" in line(page, had)["Unused / Used"]
    refused = desk.post(f"/redeemed-rewards/{had.id}", use="used")
    assert refused.status_code == 409
    assert "Only an active reward can be marked" in refused.text
    assert marked(shop, had) == ("delivered", None)


def test_s1_13_what_has_expired_can_neither_be_marked_nor_unmarked(
    desk: Desk, shop: TestShop, time: BusinessTime
) -> None:
    had = redeem(shop, known(shop), reward(shop, coupons=["A-1"], coupon_valid_days=5))
    time.advance(days=7)
    page = desk.page("/redeemed-rewards")
    assert box(page, had)["aria-disabled"] == "true"
    assert "Expired" in line(page, had)["Unused / Used"]
    assert desk.post(f"/redeemed-rewards/{had.id}", use="used").status_code == 409
    assert desk.post(f"/redeemed-rewards/{had.id}", use="delivered").status_code == 409


def test_s1_13_what_was_used_in_its_days_cannot_be_unmarked_when_they_are_over(
    desk: Desk, shop: TestShop, time: BusinessTime
) -> None:
    had = redeem(shop, known(shop), reward(shop, GIFT, coupon_valid_days=5))
    desk.done(f"/redeemed-rewards/{had.id}", use="used")
    assert box(desk.page("/redeemed-rewards"), had).name == "button"
    time.advance(days=7)
    page = desk.page("/redeemed-rewards")
    assert (box(page, had).name, box(page, had)["aria-checked"]) == ("span", "true")
    assert steps(desk, had) == ["Ordered", "Shipped", "Delivered", "Canceled"]  # it may still be on its way
    profile = desk.page(f"/customers/{had.member_id}/redemptions/{had.id}").get_text()
    assert "Mark as shipped" in profile
    assert "Mark as not used" not in profile
    refused = desk.post(f"/redeemed-rewards/{had.id}", use="delivered")
    assert refused.status_code == 409
    assert "Its days are over: what was used in them stays used." in refused.text
    assert marked(shop, had) == ("used", "ordered")


def test_cashback_is_marked_by_its_order_alone(desk: Desk, shop: TestShop) -> None:
    reward(shop, CASHBACK)
    had = hold(shop, known(shop), "100.00", 20)
    waiting = line(desk.page("/redeemed-rewards"), had)  # not for its code, which it has
    assert (waiting["Cashback status"], waiting["Unused / Used"]) == ("On hold for a checkout", "Delivered")
    buy(shop, had.code)
    page = desk.page("/redeemed-rewards")
    assert line(page, had)["Cashback status"] == "Paid to an order"
    assert line(page, had)["Type"] == "Cashback"
    assert box(page, had)["aria-disabled"] == "true"


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        ("0", "INIT: INIT", "0: INIT: INIT"),
        ("2", "227: Payment declined", "2: 227: Payment declined"),
        ("3", "400: Pending", "3: 400: Pending"),
    ],
)
def test_s1_38_the_cashback_status_of_a_provider_is_shown_as_it_came(
    desk: Desk, shop: TestShop, code: str, message: str, expected: str
) -> None:
    reward(shop, CASHBACK)
    had = hold(shop, known(shop), "100.00", 20)
    with transaction() as session:
        row = session.get_one(Redemption, (shop.id, had.id))
        row.frozen = {**row.frozen, "payout": {"provider": "paytm", "code": code, "message": message}}
    assert line(desk.page("/redeemed-rewards"), had)["Cashback status"] == expected


def test_several_are_marked_at_once_and_what_cannot_be_stays(desk: Desk, shop: TestShop) -> None:
    who, gift = known(shop), reward(shop, GIFT)
    first, second, back = (redeem(shop, who, gift) for _ in range(3))
    give_back(shop, who, back.id)
    told = desk.done("/redeemed-rewards/marks", chosen=[first.id, second.id, back.id], do="used")
    assert "2 rewards were marked. 1 stayed as it was: Only an active reward" in told
    assert [marked(shop, each) for each in (first, second, back)] == [
        ("used", "ordered"),
        ("used", "ordered"),
        ("delivered", None),
    ]
    nothing = desk.post("/redeemed-rewards/marks", do="used")
    assert nothing.status_code == 422
    assert "Choose at least one line" in nothing.text
    assert desk.post("/redeemed-rewards/marks", chosen="9" * 20, do="used").status_code == 422
    assert desk.post(f"/redeemed-rewards/{first.id}").status_code == 422
    assert marked(shop, first) == ("used", "ordered")


# Delivery of a gift


def steps(desk: Desk, had: Any) -> list[str]:
    found = desk.page("/redeemed-rewards").select(f"#redeemed-{had.id} [name=delivery] option")
    return [each.get_text() for each in found]


def test_s1_15_s1_36_a_used_gift_goes_on_from_ordered_to_shipped_and_delivered(desk: Desk, shop: TestShop) -> None:
    had = redeem(shop, known(shop), reward(shop, GIFT))
    assert steps(desk, had) == []
    desk.done(f"/redeemed-rewards/{had.id}", use="used")
    assert steps(desk, had) == ["Ordered", "Shipped", "Delivered", "Canceled"]
    assert "is shipped now" in desk.done(f"/redeemed-rewards/{had.id}", delivery="shipped")
    assert steps(desk, had) == ["Shipped", "Delivered", "Canceled"]
    desk.done(f"/redeemed-rewards/{had.id}", delivery="delivered")
    assert marked(shop, had) == ("used", "delivered")
    assert desk.post(f"/redeemed-rewards/{had.id}", delivery="shipped").status_code == 409


@pytest.mark.parametrize("before", ["ordered", "shipped", "delivered"])
def test_s1_42_it_is_canceled_at_any_time_whatever_it_was(desk: Desk, shop: TestShop, before: str) -> None:
    had = redeem(shop, known(shop), reward(shop, GIFT))
    desk.done(f"/redeemed-rewards/{had.id}", use="used")
    desk.done(f"/redeemed-rewards/{had.id}", delivery=before)
    assert steps(desk, had)[-1] == "Canceled"
    told = desk.done(f"/redeemed-rewards/{had.id}", delivery="canceled")
    assert "The points stay spent" in told
    assert marked(shop, had) == ("used", "canceled")


def test_the_points_of_a_gift_that_is_canceled_come_back_by_taking_its_mark_away_and_giving_it_back(
    desk: Desk, shop: TestShop
) -> None:
    who = known(shop, 300)
    had = redeem(shop, who, reward(shop, GIFT))
    desk.done(f"/redeemed-rewards/{had.id}", use="used")
    desk.done(f"/redeemed-rewards/{had.id}", delivery="canceled")
    desk.done(f"/redeemed-rewards/{had.id}", use="delivered")
    assert (
        desk.post(f"/customers/{who}/redemptions/{had.id}/return", key="k" * 16, reason="It broke").status_code == 303
    )
    assert (redemption(shop, had.id).status, has(shop, who).available) == ("returned", 300)
    assert violations(shop) == []


def test_of_a_gift_that_is_canceled_after_its_days_no_way_is_named_that_is_closed(
    desk: Desk, shop: TestShop, time: BusinessTime
) -> None:
    had = redeem(shop, known(shop, 300), reward(shop, GIFT, coupon_valid_days=5))
    desk.done(f"/redeemed-rewards/{had.id}", use="used")
    time.advance(days=7)
    told = desk.done(f"/redeemed-rewards/{had.id}", delivery="canceled")
    assert "assign them on the customer’s profile" in told
    assert "take the mark away" not in told


def test_s1_35_everything_but_a_gift_stays_ordered(desk: Desk, shop: TestShop) -> None:
    had = redeem(shop, known(shop), reward(shop, coupons=["A-1"]))
    desk.done(f"/redeemed-rewards/{had.id}", use="used")
    assert steps(desk, had) == []
    assert desk.post(f"/redeemed-rewards/{had.id}", delivery="shipped").status_code == 409


@pytest.mark.parametrize("document", [GIFT, {**FIVE_OFF, "coupons": ["A-1"]}])
def test_s1_16_s1_41_view_shows_the_address_of_every_type(desk: Desk, shop: TestShop, document: dict[str, Any]) -> None:
    had = redeem(shop, known(shop, address=ADDRESS, first_name="Ada"), reward(shop, document))
    icon = desk.page("/redeemed-rewards").select_one(f"#redeemed-{had.id} [data-label=Actions] a")
    assert icon is not None
    page = BeautifulSoup(desk.client.get(str(icon["href"])).text, "html.parser")
    text = said(page)
    for part in (*ADDRESS.values(), "Ada", str(document["reward_name"])):
        assert part in text


def test_s1_42_the_address_of_a_gift_is_that_of_its_redemption(desk: Desk, shop: TestShop) -> None:
    who = known(shop, address=ADDRESS)
    had = redeem(shop, who, reward(shop, GIFT))
    known(shop, 0, address={"city": "Lyon"})
    text = said(desk.page(f"/redeemed-rewards/{had.id}"))
    assert "1 rue Oberkampf" in text
    assert "Lyon" not in text


def test_it_can_be_marked_on_its_own_page(desk: Desk, shop: TestShop) -> None:
    had = redeem(shop, known(shop), reward(shop, GIFT))
    answer = desk.post(f"/redeemed-rewards/{had.id}", use="used", **{"from": "reward"})
    assert answer.headers["Location"] == f"/admin/redeemed-rewards/{had.id}"


# Filters, orders, pages


def test_s1_17_to_s1_21_its_filters(desk: Desk, shop: TestShop, time: BusinessTime) -> None:
    gift, code = reward(shop, GIFT), reward(shop, coupons=["Summer-1"])
    ada = known(shop, email="Ada@mail.example", phone="+33 6 12 34 56 78")
    bob = known(shop, customer="c-2", email="bob@mail.example")
    time.set("2026-06-10T10:00:00Z")
    old = redeem(shop, ada, gift)
    time.set("2026-06-20T10:00:00Z")
    new = redeem(shop, bob, code)
    time.set("2026-06-25T10:00:30Z")
    desk.done(f"/redeemed-rewards/{old.id}", use="used")
    desk.done(f"/redeemed-rewards/{old.id}", delivery="shipped")

    def found(**query: Any) -> list[int]:
        return ids(desk.page("/redeemed-rewards", **query))

    assert found() == [new.id, old.id]  # S1.20: both, newest first
    assert found(redeemed_from="2026-06-15T00:00") == [new.id]
    assert found(redeemed_to="2026-06-15T00:00") == [old.id]
    assert found(redeemed_from="2026-06-10T12:00", redeemed_to="2026-06-10T12:00") == [old.id]  # the shop's wall
    assert found(used_from="2026-06-25T12:00", used_to="2026-06-25T12:00") == [old.id]
    assert found(used_to="2026-06-25T11:59") == []
    assert found(use="used") == [old.id]
    assert found(use="delivered") == [new.id]
    assert found(delivery="shipped") == [old.id]
    assert found(delivery="ordered") == []
    assert found(type="gift") == [old.id]
    assert found(type="fixed_amount_discount") == [new.id]
    assert found(reward=gift.public_id) == [old.id]
    assert found(member=bob) == [new.id]
    assert found(search="ada@mail.example") == [old.id]
    assert found(search="BOB@") == [new.id]
    assert found(search="+33 6 12") == [old.id]
    assert found(search="summer-1") == [new.id]
    assert found(search="summer") == []
    assert found(search="100%_\\") == []
    assert found(use="used", type="gift", member=ada, search="ada") == [old.id]
    assert found(use="nonsense", sort="nonsense", after="nonsense", reward="x") == [new.id, old.id]
    assert "None fits all of what is asked for" in said(desk.page("/redeemed-rewards", search="nobody"))


def test_a_page_says_what_it_is_narrowed_to(desk: Desk, shop: TestShop) -> None:
    gift = reward(shop, GIFT)
    who = known(shop, email="ada@mail.example")
    redeem(shop, who, gift)
    page = desk.page("/redeemed-rewards", reward=gift.public_id, member=who)
    assert [said(each) for each in page.select(".only")] == [
        "Only Water bottle .",
        "Only those of ada@mail.example .",
    ]
    assert page.select_one("input[type=hidden][name=member]") is not None


def test_s1_21_its_orders(desk: Desk, shop: TestShop, time: BusinessTime) -> None:
    who = known(shop)
    had_all = []
    for cost in (900, 100, 500):
        time.advance(hours=1)
        gift = reward(shop, GIFT, reward_name=f"for {cost}", points_to_be_redeemed=cost)
        had_all.append(redeem(shop, who, gift))
    dear, cheap, middle = had_all
    for had, status in ((middle, "shipped"), (dear, "ordered")):
        time.advance(hours=1)
        desk.done(f"/redeemed-rewards/{had.id}", use="used")
        desk.done(f"/redeemed-rewards/{had.id}", delivery=status)

    def order(**query: Any) -> list[int]:
        return ids(desk.page("/redeemed-rewards", **query))

    assert order() == [middle.id, cheap.id, dear.id]
    assert order(ascending="1") == [dear.id, cheap.id, middle.id]
    assert order(sort="used") == [dear.id, middle.id, cheap.id]
    assert order(sort="used", ascending="1") == [middle.id, dear.id, cheap.id]  # what was not used is last
    assert order(sort="cost") == [dear.id, middle.id, cheap.id]
    assert order(sort="cost", ascending="1") == [cheap.id, middle.id, dear.id]
    assert order(sort="delivery") == [middle.id, dear.id, cheap.id]
    assert order(sort="delivery", ascending="1") == [cheap.id, dear.id, middle.id]


def test_a_heading_sorts_and_turns_the_order_round(desk: Desk, shop: TestShop) -> None:
    redeem(shop, known(shop), reward(shop, GIFT))
    page = desk.page("/redeemed-rewards", use="delivered")
    heading = page.select_one("#by-cost")
    assert heading is not None
    assert heading["href"] == "/admin/redeemed-rewards?use=delivered&sort=cost"
    sorted_ = BeautifulSoup(desk.client.get(str(heading["href"])).text, "html.parser")
    turned = sorted_.select_one("#by-cost")
    assert turned is not None
    assert "ascending=1" in str(turned["href"])
    assert turned.parent is not None
    assert turned.parent["aria-sort"] == "descending"


@pytest.mark.parametrize("query", [{}, {"type": "gift"}])
def test_s1_22_controls_of_pages_are_there_only_when_there_are_more(
    desk: Desk, shop: TestShop, query: dict[str, str]
) -> None:
    who, gift = known(shop, 20_000), reward(shop, GIFT, points_to_be_redeemed=10)
    had = [redeem(shop, who, gift).id for _ in range(50)]
    assert desk.page("/redeemed-rewards", **query).select_one(".pager") is None
    had += [redeem(shop, who, gift).id for _ in range(55)]
    had.reverse()

    def follow(page: BeautifulSoup, label: str) -> BeautifulSoup:
        link = next(each for each in page.select(".pager a") if each.get_text(strip=True) == label)
        return BeautifulSoup(desk.client.get(str(link["href"])).text, "html.parser")

    def controls(page: BeautifulSoup) -> list[str]:
        return [each.get_text(strip=True) for each in page.select(".pager a")]

    first = desk.page("/redeemed-rewards", **query)
    assert (ids(first), controls(first)) == (had[:50], ["Next", "Last"])
    second = follow(first, "Next")
    assert (ids(second), controls(second)) == (had[50:100], ["First", "Back", "Next", "Last"])
    third = follow(second, "Next")
    assert (ids(third), controls(third)) == (had[100:], ["First", "Back"])
    assert ids(follow(third, "Back")) == had[50:100]
    assert ids(follow(third, "First")) == had[:50]
    last = follow(first, "Last")
    assert (ids(last), controls(last)) == (had[55:], ["First", "Back"])
    assert ids(follow(last, "Back")) == had[5:55]


# The file


def test_the_file_has_what_the_grid_shows(desk: Desk, shop: TestShop, time: BusinessTime) -> None:
    time.set("2026-06-15T10:00:00Z")
    evil = known(shop, email="=cmd|' /C calc'!A0", first_name="＠Ada", phone="+33 6 12", last_name='Di"az')
    gift = redeem(shop, evil, reward(shop, GIFT))
    redeem(shop, evil, reward(shop, coupons=["-1+2"]))
    answer = desk.get("/redeemed-rewards.csv", type="gift")
    assert answer.mimetype == "text/csv"
    assert "redeemed-rewards.csv" in answer.headers["Content-Disposition"]
    heading, *body = csv.reader(io.StringIO(answer.text))
    assert heading == COLUMNS[:-1]
    assert body == [
        [
            "2026-06-15T12:00:00+02:00",
            "",
            "300",
            "",
            "'=cmd|' /C calc'!A0",
            "'+33 6 12",
            "Water bottle",
            "Gift",
            "'＠Ada",
            'Di"az',
            str(gift.points_after),
            "",
            "-",
            "Delivered",
        ]
    ]


def test_the_file_needs_the_right_to_take_data_out(sign_in: Callable[..., Desk]) -> None:
    desk = sign_in(Right.REDEMPTIONS)
    assert desk.page("/redeemed-rewards").select_one("#file") is None
    assert desk.get("/redeemed-rewards.csv").status_code == 403


# The mail to the merchant


def test_s1_42_marking_a_gift_used_tells_who_looks_after_redeemed_rewards(
    desk: Desk, shop: TestShop, sign_in: Callable[..., Desk], time: BusinessTime
) -> None:
    sign_in(Right.VIEW_CUSTOMERS, email="nosy@shop.example")
    had = redeem(shop, known(shop), reward(shop, GIFT))
    before = len(letters(shop))
    desk.done(f"/redeemed-rewards/{had.id}", use="used")
    (letter,) = letters(shop)[before:]
    assert letter.payload["purpose"] == "reward_redeemed"
    assert letter.payload["staff_id"] == desk.staff_id
    assert letter.payload["redemption_id"] == had.id
    desk.done(f"/redeemed-rewards/{had.id}", use="used")
    desk.done(f"/redeemed-rewards/{had.id}", delivery="shipped")
    assert len(letters(shop)) == before + 1
    desk.done(f"/redeemed-rewards/{had.id}", use="delivered")
    time.advance(hours=1)
    desk.done(f"/redeemed-rewards/{had.id}", use="used")
    assert len(letters(shop)) == before + 2


def test_s1_42_the_mail_names_the_reward_the_customer_and_the_registration_address(
    desk: Desk, shop: TestShop, post_office: PostOffice
) -> None:
    who = known(shop, email="ada@mail.example", first_name="Ada", last_name="<b>Diaz</b>", address=ADDRESS)
    had = redeem(shop, who, reward(shop, GIFT))
    desk.done(f"/redeemed-rewards/{had.id}", use="used")
    (mail,) = post_office.to(desk.email)
    assert mail["Subject"] == "Reward Redeemed: Water bottle"
    text, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))  # type: ignore[union-attr]
    for part in (
        "Water bottle",
        "ada@mail.example",
        "1 rue Oberkampf, 75011, Paris, FR",
        f"/redeemed-rewards/{had.id}",
    ):
        assert part in text
        assert part in html
    assert "Ada <b>Diaz</b>" in text
    assert "<b>Diaz</b>" not in html


def test_no_mail_goes_out_for_a_gift_that_is_not_to_be_sent_any_more(
    desk: Desk, shop: TestShop, post_office: PostOffice
) -> None:
    had = redeem(shop, known(shop), reward(shop, GIFT))
    desk.done(f"/redeemed-rewards/{had.id}", use="used")
    desk.done(f"/redeemed-rewards/{had.id}", delivery="canceled")
    assert post_office.to(desk.email) == []


def test_a_code_that_is_marked_used_tells_nobody(desk: Desk, shop: TestShop) -> None:
    had = redeem(shop, known(shop), reward(shop, coupons=["A-1"]))
    before = len(letters(shop))
    desk.done(f"/redeemed-rewards/{had.id}", use="used")
    assert len(letters(shop)) == before


def test_the_api_tells_the_same(desk: Desk, shop: TestShop) -> None:
    had = redeem(shop, known(shop), reward(shop, GIFT))
    before = len(letters(shop))
    answer = shop.client.patch(
        f"/api/v1/redemptions/{had.id}",
        json={"use_state": "used"},
        headers={"Authorization": f"Bearer {shop.made.api_key}"},
    )
    assert answer.status_code == 200, answer.text
    assert len(letters(shop)) == before + 1


def test_s1_40_marking_on_the_customers_profile_tells_the_same(desk: Desk, shop: TestShop) -> None:
    who = known(shop)
    had = redeem(shop, who, reward(shop, GIFT))
    before = len(letters(shop))
    desk.done(f"/customers/{who}/redemptions/{had.id}/mark", use_state="used")
    assert marked(shop, had) == ("used", "ordered")
    assert len(letters(shop)) == before + 1
