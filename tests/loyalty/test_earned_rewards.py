"""A reward that is earned costs nothing, and its member has it once for each occasion."""

from datetime import datetime
from typing import Any

import pytest

from backend import clock
from backend.db import transaction
from backend.jobs import points
from backend.ledger import posting
from backend.loyalty.redemptions import earned_rewards
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.rewards_world import (
    CASHBACK,
    FIVE_OFF,
    GIFT,
    buy,
    change,
    entries,
    free_codes,
    member_with,
    redeem,
    redemption,
    reward,
    rows,
    send_all,
    taken,
    violations,
)
from tests.platforms.discount_store import open_store


def give(shop: TestShop, member: int, reward_id: int, key: str = "referral:1:advocate") -> Any:
    """Give it; the redemption's row, or None."""
    with transaction() as session:
        posting.lock_accounts(session, shop.id, [member])
        given = earned_rewards.give(
            session, shop.facts, member, reward_id, key=key, occasion={"rule": "referral"}, now=clock.now()
        )
        given_id = given.id if given is not None else None
    return None if given_id is None else redemption(shop, given_id)


def withdraw(shop: TestShop, key: str = "referral:1:advocate") -> bool:
    with transaction() as session:
        given = earned_rewards.find(session, shop.id, key)
        assert given is not None
        posting.lock_accounts(session, shop.id, [given.member_id])
        return earned_rewards.withdraw(session, shop.facts, given, clock.now())


def test_it_is_issued_at_once_with_a_code_from_stock_and_moves_no_points(shop: TestShop, time: BusinessTime) -> None:
    member, made = member_with(shop, 120), reward(shop, coupon_valid_days=3)
    first_code = free_codes(shop, made)[0]
    given = give(shop, member, made.id)
    assert (given.origin, given.status, given.code, given.points) == ("earned", "issued", first_code, 0)
    assert (given.points_after, given.entry_id, given.hold_until) == (120, None, None)
    assert given.expires_at > given.issued_at >= time.now
    assert given.frozen["occasion"] == {"rule": "referral"} and given.frozen["worth"]["value"] == "5.00"
    assert first_code not in free_codes(shop, made)
    assert (entries(shop, member), violations(shop)) == ([], [])


def test_the_same_key_again_is_the_same_redemption(shop: TestShop) -> None:
    member, made = member_with(shop), reward(shop)
    assert give(shop, member, made.id).id == give(shop, member, made.id).id
    assert give(shop, member, made.id, "referral:2:advocate").id != give(shop, member, made.id).id
    assert len(free_codes(shop, made)) == 48


def test_a_members_own_key_is_not_the_occasions(shop: TestShop) -> None:
    member, made = member_with(shop, 500), reward(shop)
    assert redeem(shop, member, made, "referral:1:advocate").id != give(shop, member, made.id).id


def test_without_a_code_in_stock_it_waits_for_one_and_holds_no_points(new_shop: Any, time: BusinessTime) -> None:
    with open_store() as store:
        shop = new_shop(discounts_url=store.url)
        member, made = member_with(shop), reward(shop)
        given = give(shop, member, made.id)
        assert (given.status, given.code) == ("requested", None)
        time.advance(hours=25)
        points.release_holds()  # there is nothing to let go
        assert (redemption(shop, given.id).status, violations(shop)) == ("requested", [])
        send_all(shop)
        served = redemption(shop, given.id)
        assert (served.status, served.hold_until, served.entry_id) == ("issued", None, None)
        assert served.code in store.codes
        assert violations(shop) == []


def test_a_reward_that_is_not_on_offer_can_be_earned_and_gets_a_code_of_its_own(shop: TestShop) -> None:
    member, made = member_with(shop), reward(shop, is_active=False)
    assert free_codes(shop, made) == []
    given = give(shop, member, made.id)
    points.refill_coupons()
    served = redemption(shop, given.id)
    assert (served.status, bool(served.code), free_codes(shop, made)) == ("issued", True, [])
    assert violations(shop) == []


def test_an_empty_pool_gives_nothing_and_says_so_in_the_log(shop: TestShop, caplog: pytest.LogCaptureFixture) -> None:
    member, made = member_with(shop), reward(shop, coupons=["POOL-1"], limit_total=5)
    assert give(shop, member, made.id).code == "POOL-1"
    assert give(shop, member, made.id, "referral:2:advocate") is None
    assert "referral:2:advocate" in caplog.text
    assert (taken(shop, made), violations(shop)) == (1, [])


def test_the_rules_for_those_who_pay_are_not_asked(shop: TestShop) -> None:
    rule = [{"conditions": [{"attribute": "Tags", "operator": "Contain all of", "value": ["vip"]}]}]
    member, made = member_with(shop), reward(shop, limit_per_member=1, member_eligibility_rules=rule)
    assert give(shop, member, made.id) and give(shop, member, made.id, "referral:2:advocate")


def test_a_limited_reward_counts_what_was_earned_and_is_sold_out_for_everybody(shop: TestShop) -> None:
    member, made = member_with(shop, 500), reward(shop, limit_total=2)
    redeem(shop, member, made)
    assert give(shop, member, made.id) is not None
    assert give(shop, member, made.id, "referral:2:advocate") is None
    assert (taken(shop, made), violations(shop)) == (2, [])


def test_a_limit_that_comes_later_counts_what_was_earned(shop: TestShop) -> None:
    member, made = member_with(shop), reward(shop)
    give(shop, member, made.id)
    change(shop, made, limit_total=5)
    assert (taken(shop, made), violations(shop)) == (1, [])


def test_what_there_is_not_and_what_is_no_thing_to_have_cannot_be_given(new_shop: Any) -> None:
    shop, other = new_shop(), new_shop()
    member = member_with(shop)
    for which in (10**9, reward(other).id, reward(shop, CASHBACK).id):
        assert give(shop, member, which, f"referral:{which}") is None


def test_a_gift_goes_to_the_members_address(shop: TestShop) -> None:
    address = {"street": "1 Rue Test", "city": "Paris"}
    shop.tell("customer.created", {"id": "c-1", "address": address})
    given = give(shop, member_with(shop), reward(shop, GIFT).id)
    assert (given.status, given.code, given.address, bool(given.issued_at)) == ("issued", None, address, True)


def test_what_was_not_used_is_withdrawn_with_its_code(shop: TestShop) -> None:
    member, made = member_with(shop), reward(shop, limit_total=5)
    given = give(shop, member, made.id)
    assert withdraw(shop) is True
    (coupon,) = rows(shop, "select state from coupon where shop_id = :shop and id = :id", id=given.coupon_id)
    assert (redemption(shop, given.id).status, coupon.state, taken(shop, made)) == ("returned", "disabled", 0)
    assert (withdraw(shop), violations(shop)) == (False, [])


def test_the_code_is_disabled_at_the_store_before_the_reward_is_gone(new_shop: Any) -> None:
    with open_store() as store:
        shop = new_shop(discounts_url=store.url)
        member, made = member_with(shop), reward(shop)
        send_all(shop)
        given = give(shop, member, made.id)
        withdraw(shop)
        assert (redemption(shop, given.id).status, redemption(shop, given.id).ending) == ("issued", "order_undone")
        send_all(shop)
        assert (redemption(shop, given.id).status, violations(shop)) == ("returned", [])


def test_one_that_waits_for_its_code_is_withdrawn_at_once(new_shop: Any) -> None:
    with open_store() as store:
        shop = new_shop(discounts_url=store.url)
        given = give(shop, member_with(shop), reward(shop).id)
        assert withdraw(shop) is True
        assert (redemption(shop, given.id).status, violations(shop)) == ("returned", [])


def test_what_was_used_stays(shop: TestShop) -> None:
    member, made = member_with(shop), reward(shop)
    given = give(shop, member, made.id)
    buy(shop, given.code)
    assert withdraw(shop) is False
    assert (redemption(shop, given.id).use_state, violations(shop)) == ("used", [])


def test_it_runs_out_on_its_day_without_a_letter_about_points(shop: TestShop, time: BusinessTime) -> None:
    member = member_with(shop, email="ada@example.com")
    given = give(shop, member, reward(shop, FIVE_OFF, coupon_valid_days=1, points_back_when_expired=True).id)
    time.set(datetime.fromisoformat(str(given.expires_at)))
    points.expire_rewards()
    assert (redemption(shop, given.id).status, entries(shop, member), violations(shop)) == ("expired", [], [])
