"""A member has a reward for points (S1.1 to S1.7, design section 7)."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from backend import clock
from backend.db import transaction
from backend.errors import BadInput, Conflict, IdempotencyKeyReused, NotEnoughPoints, NotFound, Unauthorized
from backend.ledger.posting import Author
from backend.loyalty.members import members
from backend.loyalty.redemptions import redemptions
from backend.loyalty.redemptions.redemptions import MustExpireFirst, Redeemer
from backend.loyalty.rewards.reward_attributes import AttributesMissing, AttributesWrong
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.rewards_world import (
    CASHBACK,
    FIVE_OFF,
    GIFT,
    change,
    entries,
    free_codes,
    give_back,
    has,
    lots,
    member_with,
    redeem,
    redemption,
    reward,
    rows,
    taken,
    violations,
)

SOURCE = {"attribute_name": "Source", "attribute_type": "Text", "is_attribute_mandatory": True}


def refused(shop: TestShop, *what: Any, **attributes: Any) -> str:
    """The code that redeeming is refused with."""
    with pytest.raises((Conflict, BadInput)) as caught:
        redeem(shop, *what, **attributes)
    assert caught.value.detail
    return caught.value.code


# What happens


def test_points_become_a_code_at_once(shop: TestShop, time: BusinessTime) -> None:
    member = member_with(shop, 620)
    made = reward(shop)
    first_code = free_codes(shop, made)[0]
    had = redeem(shop, member, made)
    assert (had.status, had.use_state, had.points, had.points_after) == ("issued", "delivered", 500, 120)
    assert had.code == first_code and first_code not in free_codes(shop, made)
    assert had.issued_at == had.requested_at >= time.now
    assert (had.ending, had.hold_until, had.delivery_status, had.expires_at) == (None, None, None, None)
    assert (has(shop, member).available, entries(shop, member)) == (120, [("spend", 500)])
    assert violations(shop) == []


def test_the_same_key_again_is_the_same_redemption_as_it_now_is(shop: TestShop) -> None:
    member, made = member_with(shop, 2000), reward(shop)
    had = redeem(shop, member, made, "a key")
    assert redeem(shop, member, made, "a key").id == had.id
    give_back(shop, member, had.id)
    again = redeem(shop, member, made, "a key")
    assert (again.id, again.status) == (had.id, "returned")
    assert entries(shop, member) == [("spend", 500), ("return", 500)]


def test_a_key_belongs_to_its_member_alone(shop: TestShop) -> None:
    made = reward(shop)
    one, other = (member_with(shop, 500, customer) for customer in ("c-1", "c-2"))
    assert redeem(shop, one, made, "a key").id != redeem(shop, other, made, "a key").id


def test_a_key_with_another_body_is_refused(shop: TestShop) -> None:
    member = member_with(shop, 2000)
    made, gift = reward(shop), reward(shop, GIFT)
    redeem(shop, member, made, "a key")
    with pytest.raises(IdempotencyKeyReused):
        redeem(shop, member, gift, "a key")
    change(shop, gift, is_active=False)
    with pytest.raises(IdempotencyKeyReused):
        redeem(shop, member, gift, "a key")
    assert has(shop, member).available == 1500


def test_what_was_had_is_told_again_after_the_reward_has_gone(shop: TestShop) -> None:
    member, made = member_with(shop, 500), reward(shop)
    had = redeem(shop, member, made, "a key")
    change(shop, made, is_active=False)
    assert redeem(shop, member, made, "a key").id == had.id


def test_a_refused_key_may_be_used_once_there_is_enough(shop: TestShop) -> None:
    member, made = member_with(shop, 499), reward(shop)
    with pytest.raises(NotEnoughPoints):
        redeem(shop, member, made, "a key")
    member_with(shop, 1)
    assert redeem(shop, member, made, "a key").status == "issued"


def test_the_soonest_expiring_points_go_first_and_those_without_an_end_last(shop: TestShop, time: BusinessTime) -> None:
    soon, later = time.now + timedelta(days=10), time.now + timedelta(days=20)
    for until in (None, later, soon):
        member = member_with(shop, 300, expires_at=until)
    redeem(shop, member, reward(shop))
    assert lots(shop, member) == [(100, later), (300, None)]


def test_a_gift_keeps_the_address_that_it_goes_to(shop: TestShop) -> None:
    address = {"street": "1 Rue Test", "city": "Paris"}
    shop.tell("customer.created", {"id": "c-1", "address": address})
    member = member_with(shop, 1000)
    gift = redeem(shop, member, reward(shop, GIFT))
    assert (gift.status, gift.code, gift.address) == ("issued", None, address)
    assert redeem(shop, member, reward(shop)).address is None
    shop.tell("customer.updated", {"id": "c-1", "address": {"street": "elsewhere"}})
    assert redemption(shop, gift.id).address == address
    shop.tell("customer.redacted", {"id": "c-1"})
    assert redemption(shop, gift.id).address is None


def test_a_reward_for_nothing_moves_no_points(shop: TestShop) -> None:
    member = member_with(shop)
    had = redeem(shop, member, reward(shop, points_to_be_redeemed=0))
    assert (had.status, had.points, had.entry_id, entries(shop, member)) == ("issued", 0, None, [])
    assert violations(shop) == []


def test_a_code_is_good_to_the_end_of_its_last_local_day(new_shop: Any, time: BusinessTime) -> None:
    time.set("2026-03-26T23:30:00+01:00")  # the clocks go forward on the 29th
    shop = new_shop()
    member = member_with(shop, 500)
    had = redeem(shop, member, reward(shop, coupon_valid_days=3))
    assert had.expires_at.isoformat() == "2026-03-29T22:00:00+00:00"


def test_the_entry_says_what_was_had_and_what_was_asked_for(shop: TestShop) -> None:
    member = member_with(shop, 500)
    made = reward(shop, custom_transaction_attributes=[SOURCE])
    had = redeem(shop, member, made, source="a leaflet")
    (entry,) = rows(shop, "select * from entry where shop_id = :shop and id = :id", id=had.entry_id)
    assert (entry.reason, entry.actor, entry.source_key) == ("5 off", "customer", f"redemption:{had.id}:1")
    assert entry.why == {
        "rule": "redemption",
        "redemption": str(had.id),
        "reward": "5 off",
        "reward_id": "5_off",
        "attributes": {"source": "a leaflet"},
    }


def test_a_changed_reward_is_had_as_it_is_now_and_what_was_had_stays(shop: TestShop) -> None:
    member, made = member_with(shop, 1000), reward(shop)
    before = redeem(shop, member, made)
    change(shop, made, points_to_be_redeemed=100, reward_value="1")
    after = redeem(shop, member, made)
    assert (before.points, before.frozen["worth"]["value"]) == (500, "5.00")
    assert (after.points, after.frozen["worth"]["value"]) == (100, "1.00")
    assert redemption(shop, before.id).frozen == before.frozen


# What is refused: each by its own code, nothing half done


def test_too_few_points_are_refused_with_what_is_missing(shop: TestShop) -> None:
    member, made = member_with(shop, 120), reward(shop)
    with pytest.raises(NotEnoughPoints) as caught:
        redeem(shop, member, made)
    assert (caught.value.code, caught.value.available, caught.value.wanted) == ("not_enough_points", 120, 500)
    assert len(free_codes(shop, made)) == 50


def test_points_past_their_date_are_written_off_and_told_before_others_are_spent(
    shop: TestShop, time: BusinessTime
) -> None:
    ends = time.now + timedelta(days=5)
    member = member_with(shop, 400, expires_at=ends, email="ada@example.com")
    member_with(shop, 500)
    made = reward(shop)
    time.set(ends)
    with pytest.raises(MustExpireFirst):
        redemptions.redeem(shop.facts, Redeemer(member, Author("customer")), made.id, {}, "a key", clock.now())
    assert has(shop, member).available == 500
    assert redeem(shop, member, made, "a key").points_after == 0
    assert entries(shop, member) == [("expire", 400), ("spend", 500)]
    assert violations(shop) == []


def test_points_can_be_spent_until_the_second_before_they_end(shop: TestShop, time: BusinessTime) -> None:
    ends = time.now + timedelta(days=5)
    member, made = member_with(shop, 1000, expires_at=ends), reward(shop)
    time.set(ends - timedelta(seconds=1))
    assert redeem(shop, member, made).status == "issued"
    time.set(ends)
    assert refused(shop, member, made) == "not_enough_points"


def test_what_cannot_be_had_now_is_refused(shop: TestShop, time: BusinessTime) -> None:
    member = member_with(shop, 5000)
    inactive = reward(shop, is_active=False)
    over = reward(shop, reward_name="Over", active_to=(time.now - timedelta(days=2)).date().isoformat())
    to_come = reward(shop, reward_name="To come", active_from=(time.now + timedelta(days=2)).date().isoformat())
    at_checkout = reward(shop, CASHBACK)
    for each in (inactive, over, to_come, at_checkout):
        assert refused(shop, member, each) == "reward_inactive"
    with pytest.raises(NotFound):
        redemptions.redeem(shop.facts, Redeemer(member, Author("customer")), 10**15, {}, "k", clock.now())
    assert has(shop, member).available == 5000


def test_who_is_not_eligible_hears_why(shop: TestShop) -> None:
    rule = [{"conditions": [{"attribute": "Tags", "operator": "Contain all of", "value": ["vip"]}]}]
    member = member_with(shop, 500)
    made = reward(shop, member_eligibility_rules=rule)
    assert refused(shop, member, made) == "not_eligible"
    shop.tell("customer.updated", {"id": "c-1", "tags": ["vip"]})
    assert redeem(shop, member, made).status == "issued"


def test_a_limit_of_one_per_member_counts_what_was_had_and_not_what_came_back(shop: TestShop) -> None:
    member = member_with(shop, 2000)
    made = reward(shop, limit_per_member=1)
    had = redeem(shop, member, made)
    assert refused(shop, member, made) == "limit_reached"
    give_back(shop, member, had.id)
    redeem(shop, member, made)
    assert redeem(shop, member_with(shop, 500, "c-2"), made).status == "issued"


def test_a_limit_of_all_counts_what_was_had_and_not_what_came_back(shop: TestShop) -> None:
    one, other = member_with(shop, 500), member_with(shop, 500, "c-2")
    made = reward(shop, limit_total=1)
    had = redeem(shop, one, made)
    assert (refused(shop, other, made), taken(shop, made)) == ("limit_reached", 1)
    give_back(shop, one, had.id)
    assert taken(shop, made) == 0
    assert redeem(shop, other, made).status == "issued"
    assert violations(shop) == []


def test_an_empty_pool_is_sold_out_and_takes_nothing(shop: TestShop) -> None:
    one, other = member_with(shop, 500), member_with(shop, 500, "c-2")
    made = reward(shop, coupons=["ONLY-1"], limit_total=10)
    assert redeem(shop, one, made).code == "ONLY-1"
    assert refused(shop, other, made) == "out_of_stock"
    assert (has(shop, other).available, taken(shop, made)) == (500, 1)


def test_what_a_reward_must_know_is_asked_for(shop: TestShop) -> None:
    member = member_with(shop, 500)
    number = {"attribute_name": "Size", "attribute_type": "Number"}
    made = reward(shop, custom_transaction_attributes=[SOURCE, number])
    with pytest.raises(AttributesMissing):
        redeem(shop, member, made)
    with pytest.raises(AttributesMissing):
        redeem(shop, member, made, source="")
    for wrong in (
        {"source": 7},
        {"source": "x" * 501},
        {"source": "x", "size": "big"},
        {"source": "x", "colour": "red"},
    ):
        with pytest.raises(AttributesWrong):
            redeem(shop, member, made, **wrong)
    assert has(shop, member).available == 500


@pytest.mark.parametrize("size", [42, Decimal("42.5"), "42.5"])
def test_a_number_is_kept_as_it_was_said(shop: TestShop, size: Any) -> None:
    member = member_with(shop, 500)
    made = reward(shop, custom_transaction_attributes=[{"attribute_name": "Size", "attribute_type": "Number"}])
    assert str(redeem(shop, member, made, size=size).attributes["size"]) == str(size)


def test_a_number_of_thirty_digits_is_refused_like_any_other(shop: TestShop) -> None:
    member = member_with(shop, 500)
    made = reward(shop, custom_transaction_attributes=[{"attribute_name": "Size", "attribute_type": "Number"}])
    with pytest.raises(AttributesWrong):
        redeem(shop, member, made, size=10**29)


def test_an_ended_session_and_an_erased_member_have_nothing(shop: TestShop) -> None:
    member, made = member_with(shop, 1000), reward(shop)
    with pytest.raises(Unauthorized):
        redemptions.redeem(shop.facts, Redeemer(member, Author("customer"), 7), made.id, {}, "k", clock.now())
    with transaction() as session:
        members.erase(session, shop.id, "c-1", clock.now())
    with pytest.raises(Unauthorized):
        redeem(shop, member, made)


def test_a_reward_of_another_shop_is_not_there(shop: TestShop, new_shop: Any) -> None:
    member = member_with(shop, 1000)
    with pytest.raises(NotFound):
        redeem(shop, member, reward(new_shop(), FIVE_OFF))
