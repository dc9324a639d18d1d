"""What somebody of the team does for a customer with their rewards: redeem, give back, mark (S1.40)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from bs4 import BeautifulSoup

from backend import clock
from backend.db import transaction
from backend.jobs import points as point_jobs
from backend.loyalty.members import members
from backend.staff.rights import Right
from tests.admin.conftest import Desk, said
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.rewards_world import (
    CASHBACK,
    FIVE_OFF,
    GIFT,
    buy,
    change,
    entries,
    has,
    hold,
    lots,
    mark,
    member_with,
    redeem,
    redemption,
    reward,
    rows,
    violations,
)

KEY = "a-key-of-one-form"


def redeem_for(
    desk: Desk, member_id: int, public_id: str, key: str = KEY, reason: str = "On the phone", **more: Any
) -> Any:
    return desk.post(f"/customers/{member_id}/redeem", key=key, reward=public_id, reason=reason, **more)


def the_only(shop: TestShop) -> Any:
    (had,) = rows(shop, "select * from redemption where shop_id = :shop")
    return had


def test_a_reward_is_redeemed_for_a_customer_and_the_log_says_by_whom(desk: Desk, shop: TestShop) -> None:
    member = member_with(shop, 700, email="ada@mail.example")
    five_off = reward(shop, FIVE_OFF)
    page = desk.page(f"/customers/{member}/redeem")
    assert "5 off" in page.text
    chosen = desk.page(f"/customers/{member}/redeem", reward=five_off.public_id)
    key = str(chosen.select_one("[name=key]")["value"])  # type: ignore[index]
    told = desk.done(f"/customers/{member}/redeem", key=key, reward=five_off.public_id, reason="On the phone")
    assert "“5 off” was redeemed" in told
    had = the_only(shop)
    assert (had.status, had.points, has(shop, member).available) == ("issued", 500, 200)
    assert had.code in desk.page(f"/customers/{member}").select_one("#rewards").text  # type: ignore[union-attr]
    spent = desk.page(f"/customers/{member}/log", kind="spent").select_one("tbody tr")
    assert spent is not None
    assert "Ada Admin" in spent.text
    (kept,) = rows(shop, "select what, reason, redemption_id, entry_id from manual_change where shop_id = :shop")
    assert tuple(kept) == ("redeem", "On the phone", had.id, had.entry_id)
    assert violations(shop) == []


@pytest.mark.parametrize(("points", "missing"), [(499, "1 point is missing"), (498, "2 points are missing")])
def test_what_is_missing_is_said_in_so_many_words(desk: Desk, shop: TestShop, points: int, missing: str) -> None:
    member = member_with(shop, points, email="ada@mail.example")
    reward(shop, FIVE_OFF)
    assert missing in desk.page(f"/customers/{member}/redeem").text


def test_a_double_click_redeems_once(desk: Desk, shop: TestShop) -> None:
    member = member_with(shop, 1_000)
    five_off = reward(shop, FIVE_OFF)
    for _ in range(3):
        assert redeem_for(desk, member, five_off.public_id).status_code == 303
    assert has(shop, member).available == 500
    assert the_only(shop).status == "issued"


def test_points_past_their_date_are_written_off_first(desk: Desk, shop: TestShop, time: BusinessTime) -> None:
    member = member_with(shop, 300, expires_at=time.now + timedelta(hours=1))
    member_with(shop, 600)
    time.advance(hours=2)
    five_off = reward(shop, FIVE_OFF)
    assert redeem_for(desk, member, five_off.public_id).status_code == 303
    assert entries(shop, member) == [("expire", 300), ("spend", 500)]
    assert has(shop, member).available == 100
    assert violations(shop) == []


def test_what_a_customer_cannot_have_nobody_can_have_for_them(desk: Desk, shop: TestShop, time: BusinessTime) -> None:
    member = member_with(shop, 1_000)
    dear = reward(shop, {**FIVE_OFF, "reward_name": "Dear", "points_to_be_redeemed": 1_001})
    once = reward(shop, {**FIVE_OFF, "reward_name": "Once", "limit_per_member": 1})
    ended = reward(shop, {**FIVE_OFF, "reward_name": "Ended", "is_active": False})
    at_checkout = reward(shop, CASHBACK)
    redeem(shop, member, once)
    for which, message in (
        (dear, "501 are missing"),
        (once, "as often as it can be"),
        (ended, "not available"),
        (at_checkout, "at the checkout"),
    ):
        answer = redeem_for(desk, member, which.public_id, key=f"{KEY}-{which.id}")
        assert answer.status_code == 409, which.name
        assert message in said(answer), which.name
    assert has(shop, member).available == 500
    assert rows(shop, "select 1 from manual_change where shop_id = :shop") == []


def test_nobody_redeems_for_a_customer_while_the_program_is_switched_off(desk: Desk, shop: TestShop) -> None:
    member, five_off = member_with(shop, 1_000), reward(shop, FIVE_OFF)
    shop.set_program(enabled=False)
    answer = redeem_for(desk, member, five_off.public_id)
    assert answer.status_code == 409
    assert "switched off" in said(answer)
    assert has(shop, member).available == 1_000


def test_for_an_erased_customer_nothing_is_redeemed(desk: Desk, shop: TestShop) -> None:
    member = member_with(shop, 1_000)
    five_off = reward(shop, FIVE_OFF)
    with transaction() as session:
        members.erase(session, shop.id, "c-1", clock.now())
    answer = redeem_for(desk, member, five_off.public_id)
    assert answer.status_code == 409
    assert "closed" in said(answer)
    assert entries(shop, member) == []


def test_rules_of_eligibility_hold(desk: Desk, shop: TestShop) -> None:
    member = member_with(shop, 1_000)
    rules = [{"conditions": [{"attribute": "Tags", "operator": "Is set"}]}]
    vip = reward(shop, {**FIVE_OFF, "member_eligibility_rules": rules})
    answer = redeem_for(desk, member, vip.public_id)
    assert (answer.status_code, has(shop, member).available) == (409, 1_000)


def test_what_the_reward_asks_is_asked(desk: Desk, shop: TestShop) -> None:
    member = member_with(shop, 1_000)
    size = {"attribute_id": "size", "attribute_name": "Size", "attribute_type": "Text", "is_attribute_mandatory": True}
    shirt = reward(shop, {**GIFT, "custom_transaction_attributes": [size]})
    page = desk.page(f"/customers/{member}/redeem", reward=shirt.public_id)
    assert page.select_one("label[for='field-attributes.size']") is not None
    answer = redeem_for(desk, member, shirt.public_id)
    assert answer.status_code == 422
    assert BeautifulSoup(answer.text, "html.parser").select_one("#wrong-attributes\\.size") is not None
    assert redeem_for(desk, member, shirt.public_id, **{"attributes.size": "L"}).status_code == 303
    assert the_only(shop).attributes == {"size": "L"}


def test_rewards_are_found_by_a_part_of_their_name(desk: Desk, shop: TestShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.admin.on_behalf.MOST_SHOWN", 2)
    member = member_with(shop, 1_000)
    for name in ("Red mug", "Blue mug", "Cap"):
        reward(shop, {**GIFT, "reward_name": name})
    page = desk.page(f"/customers/{member}/redeem")
    assert len(page.select(".choices li")) == 2
    assert "There are more" in page.text
    found = [each.text for each in desk.page(f"/customers/{member}/redeem", search="MUG").select(".choices b")]
    assert found == ["Blue mug", "Red mug"]


def test_a_reward_is_given_back_for_a_customer(desk: Desk, shop: TestShop, time: BusinessTime) -> None:
    ends = time.now + timedelta(days=40)
    member = member_with(shop, 500, expires_at=ends)
    had = redeem(shop, member, reward(shop, FIVE_OFF))
    told = desk.done(f"/customers/{member}/redemptions/{had.id}/return", key=KEY, reason="Changed her mind")
    assert "Given back" in told
    assert redemption(shop, had.id).returned_by == "Ada Admin"
    assert lots(shop, member) == [(500, ends)]
    back = desk.page(f"/customers/{member}/log", kind="returned").select_one("tbody tr")
    assert back is not None
    assert "Ada Admin" in back.text
    for _ in range(2):
        desk.done(f"/customers/{member}/redemptions/{had.id}/return", key=KEY, reason="Changed her mind")
    assert has(shop, member).available == 500
    assert violations(shop) == []


def test_what_was_used_is_not_given_back(desk: Desk, shop: TestShop) -> None:
    member = member_with(shop, 500)
    had = redeem(shop, member, reward(shop, FIVE_OFF))
    mark(shop, had.id, use_state="used")
    assert "has been used" in desk.page(f"/customers/{member}/redemptions/{had.id}").text
    answer = desk.post(f"/customers/{member}/redemptions/{had.id}/return", key=KEY, reason="Changed her mind")
    assert answer.status_code == 409
    assert has(shop, member).available == 0


def test_what_an_order_has_used_is_not_offered_back_though_its_mark_was_taken_away(desk: Desk, shop: TestShop) -> None:
    member = member_with(shop, 1_000)
    had = redeem(shop, member, reward(shop, FIVE_OFF))
    place = f"/customers/{member}/redemptions/{had.id}"
    buy(shop, had.code)
    mark(shop, had.id, use_state="delivered")
    card = desk.page(place).select_one("#return")
    assert card is not None
    assert "An order has used this reward" in card.text
    assert card.form is None
    assert desk.post(f"{place}/return", key=KEY, reason="Please").status_code == 409


def test_a_reward_is_marked_from_the_profile(desk: Desk, shop: TestShop) -> None:
    member = member_with(shop, 500)
    had = redeem(shop, member, reward(shop, GIFT))
    path = f"/customers/{member}/redemptions/{had.id}/mark"

    def buttons() -> list[str]:
        return [each.get_text(strip=True) for each in desk.page(f"/customers/{member}").select("#rewards button")]

    assert buttons() == ["Mark as used"]
    assert "Marked as used." in desk.done(path, use_state="used")
    assert buttons() == ["Not used", "Shipped"]
    assert "shipped" in desk.done(path, delivery_status="shipped")
    assert buttons() == ["Not used", "Delivered"]
    assert desk.post(path, delivery_status="ordered").status_code == 409
    assert "canceled" in desk.done(path, delivery_status="canceled", back="reward")
    now = redemption(shop, had.id)
    assert (now.use_state, now.delivery_status) == ("used", "canceled")
    assert "Marked as not used." in desk.done(path, use_state="delivered")
    now = redemption(shop, had.id)
    assert (now.use_state, now.delivery_status) == ("delivered", None)


def test_what_is_over_has_no_marks(desk: Desk, shop: TestShop, time: BusinessTime) -> None:
    member = member_with(shop, 1_000)
    had = redeem(shop, member, reward(shop, {**FIVE_OFF, "coupon_valid_days": 1}))
    time.advance(days=3)
    page = desk.page(f"/customers/{member}")
    assert page.select("#rewards button") == []
    assert "Expired" in page.select_one("#rewards").text  # type: ignore[union-attr]
    assert desk.post(f"/customers/{member}/redemptions/{had.id}/mark", use_state="used").status_code == 409


def test_cashback_is_marked_by_its_order_alone(desk: Desk, shop: TestShop) -> None:
    reward(shop, CASHBACK)
    member = member_with(shop, 100)
    held = hold(shop, member, "100.00", 20)
    point_jobs.refill_coupons()
    assert desk.page(f"/customers/{member}").select("#rewards button") == []
    assert desk.post(f"/customers/{member}/redemptions/{held.id}/mark", use_state="used").status_code == 409


def test_each_act_needs_its_right(sign_in: Callable[..., Desk], shop: TestShop) -> None:
    member = member_with(shop, 1_000)
    five_off = reward(shop, FIVE_OFF)
    had = redeem(shop, member, five_off)
    marking = sign_in(Right.VIEW_CUSTOMERS, Right.REDEMPTIONS)
    assigning = sign_in(Right.VIEW_CUSTOMERS, Right.ASSIGN_POINTS)
    path = f"/customers/{member}/redemptions/{had.id}"
    assert redeem_for(marking, member, five_off.public_id).status_code == 403
    assert marking.post(f"{path}/return", key=KEY, reason="Why not").status_code == 403
    assert assigning.post(f"{path}/mark", use_state="used").status_code == 403
    assert "Mark as used" in marking.page(path).text
    assert "Mark as used" not in assigning.page(path).text
    assert marking.page(path).select_one("#return") is None


def test_nobody_does_it_for_themselves(sign_in: Callable[..., Desk], shop: TestShop) -> None:
    address = f"ada.of{shop.id}@mail.example"
    ada = sign_in(email=address)
    own = member_with(shop, 1_000, email=address.upper())
    five_off = reward(shop, FIVE_OFF)
    had = redeem(shop, own, five_off)
    for answer in (
        redeem_for(ada, own, five_off.public_id),
        ada.post(f"/customers/{own}/redemptions/{had.id}/return", key=KEY, reason="For me"),
    ):
        assert answer.status_code == 409
        assert "own account" in said(answer)
    assert has(shop, own).available == 500


def test_of_another_customer_or_shop_nothing_is_there(
    desk: Desk, sign_in: Callable[..., Desk], shop: TestShop, new_shop: Callable[..., TestShop]
) -> None:
    member, other = member_with(shop, 1_000), member_with(shop, customer="c-2")
    five_off = reward(shop, FIVE_OFF)
    had = redeem(shop, member, five_off)
    stranger = sign_in(of=new_shop())
    for who, whose in ((desk, other), (stranger, member)):
        path = f"/customers/{whose}/redemptions/{had.id}"
        assert who.get(path).status_code == 404
        assert who.post(f"{path}/return", key=KEY, reason="Why not").status_code == 404
        assert who.post(f"{path}/mark", use_state="used").status_code == 404
    assert redeem_for(stranger, member, five_off.public_id).status_code in (404, 409)
    assert has(shop, member).available == 500


def test_a_reward_that_has_become_dearer_is_asked_for_anew(
    sign_in: Callable[..., Desk], shop: TestShop, time: BusinessTime
) -> None:
    from tests.admin.test_approvals import set_limit, waiting_ids

    ada, ben = (sign_in(Right.VIEW_CUSTOMERS, Right.ASSIGN_POINTS) for _ in range(2))
    set_limit(shop, 10, time)
    member = member_with(shop, 2_000)
    five_off = reward(shop, FIVE_OFF)
    redeem_for(ada, member, five_off.public_id)
    (waiting,) = waiting_ids(shop)
    change(shop, five_off, points_to_be_redeemed=900)
    answer = ben.post(f"/approvals/{waiting}", decision="approved", reason="")
    assert answer.status_code == 409
    assert "costs something else" in said(answer)
    assert has(shop, member).available == 2_000
