"""Orders use codes, whatever their case, and give the use back; the end does not depend on what is told first."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from backend.errors import Conflict
from backend.jobs import points
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.rewards_world import (
    CASHBACK,
    FIVE_OFF,
    buy,
    change,
    entries,
    give_back,
    has,
    hold,
    mails,
    mark,
    member_with,
    order,
    redeem,
    redemption,
    reward,
    rows,
    send_all,
    taken,
    tell_again,
    violations,
)
from tests.platforms.discount_store import open_store


def state(shop: TestShop, redemption_id: int) -> tuple[str, str]:
    now = redemption(shop, redemption_id)
    return now.status, now.use_state


def order_of(shop: TestShop, redemption_id: int) -> str | None:
    """The platform's id of the order that used it."""
    found = rows(
        shop,
        "select o.external_id from redemption r join orders o on o.shop_id = r.shop_id and o.id = r.order_id"
        " where r.shop_id = :shop and r.id = :id",
        id=redemption_id,
    )
    return found[0].external_id if found else None


# Using


@pytest.mark.parametrize("written", [str.upper, str.lower, str.title])
def test_an_order_uses_the_code_whatever_its_case(shop: TestShop, written: Callable[[str], str]) -> None:
    had = redeem(shop, member_with(shop, 500), reward(shop))
    bought = buy(shop, written(had.code))
    used = redemption(shop, had.id)
    assert (used.status, used.use_state, used.delivery_status) == ("issued", "used", "ordered")
    assert used.used_at.isoformat(timespec="milliseconds") == (
        datetime.fromisoformat(bought["created_at"]).isoformat(timespec="milliseconds")
    )
    assert violations(shop) == []


def test_codes_of_other_alphabets_are_found_as_they_were_uploaded(shop: TestShop) -> None:
    member = member_with(shop, 1500)
    made = reward(shop, coupons=["straße-1", "ΣΊΣΥΦΟΣ", "İki"])
    for number in range(3):
        had = redeem(shop, member, made)
        buy(shop, had.code, order_id=f"o-{number}")
        assert state(shop, had.id) == ("issued", "used")


def test_whoever_carries_it_uses_it(shop: TestShop) -> None:
    member, made = member_with(shop, 1000), reward(shop)
    by_guest, by_friend = redeem(shop, member, made), redeem(shop, member, made)
    buy(shop, by_guest.code, order_id="o-guest", customer={"email": "guest@example.com"})
    buy(shop, by_friend.code, order_id="o-friend", customer={"id": "c-2"})
    assert (order_of(shop, by_guest.id), order_of(shop, by_friend.id)) == ("o-guest", "o-friend")
    assert has(shop, member).available == 0


def test_an_order_that_drops_the_code_gives_the_use_back(shop: TestShop) -> None:
    had = redeem(shop, member_with(shop, 500), reward(shop))
    bought = buy(shop, had.code)
    tell_again(shop, bought, discount_codes=[])
    assert state(shop, had.id) == ("issued", "delivered")
    assert redemption(shop, had.id).delivery_status is None


def test_a_state_that_says_nothing_of_codes_leaves_them(shop: TestShop) -> None:
    had = redeem(shop, member_with(shop, 500), reward(shop))
    bought = buy(shop, had.code)
    tell_again(shop, {name: value for name, value in bought.items() if name != "discount_codes"})
    assert state(shop, had.id) == ("issued", "used")


def test_codes_of_nobody_do_no_harm(shop: TestShop) -> None:
    had = redeem(shop, member_with(shop, 500), reward(shop))
    buy(shop, "SUMMER", "summer", "' or 1=1", had.code, had.code.lower())
    assert state(shop, had.id) == ("issued", "used")


def test_a_code_of_another_shop_is_not_used(shop: TestShop, new_shop: Callable[..., TestShop]) -> None:
    had = redeem(shop, member_with(shop, 500), reward(shop))
    buy(new_shop(), had.code)
    assert state(shop, had.id) == ("issued", "delivered")


# Giving the use back


@pytest.mark.parametrize("called_off", [{"cancelled_at": "now"}, {"payment_status": "voided"}])
def test_an_order_that_is_called_off_gives_the_use_back_and_not_the_points(
    shop: TestShop, called_off: dict[str, str]
) -> None:
    member = member_with(shop, 500)
    had = redeem(shop, member, reward(shop))
    bought = buy(shop, had.code)
    tell_again(shop, bought, **{name: value.replace("now", bought["created_at"]) for name, value in called_off.items()})
    assert state(shop, had.id) == ("issued", "delivered")
    assert (has(shop, member).available, entries(shop, member)) == (0, [("spend", 500)])
    again = buy(shop, had.code, order_id="o-2")
    assert (state(shop, had.id), order_of(shop, had.id)) == (("issued", "used"), again["id"])
    assert violations(shop) == []


def test_a_refund_leaves_the_code_used(shop: TestShop) -> None:
    had = redeem(shop, member_with(shop, 500), reward(shop))
    bought = buy(shop, had.code)
    tell_again(shop, bought, payment_status="refunded")
    assert state(shop, had.id) == ("issued", "used")


def test_of_two_orders_with_one_code_the_one_that_was_made_first_has_it_whichever_is_told_first(
    new_shop: Callable[..., TestShop], time: BusinessTime
) -> None:
    early, late = time.now.isoformat(), (time.now + timedelta(hours=1)).isoformat()
    time.advance(hours=2)
    for tellings in permutations([("early", early), ("late", late)]):
        shop = new_shop()
        had = redeem(shop, member_with(shop, 500), reward(shop))
        told = {name: buy(shop, had.code, order_id=name, created_at=made) for name, made in tellings}
        assert order_of(shop, had.id) == "early"
        tell_again(shop, told["early"], cancelled_at=late)
        assert (order_of(shop, had.id), state(shop, had.id)) == ("late", ("issued", "used"))
        tell_again(shop, told["late"], cancelled_at=late)
        assert (order_of(shop, had.id), state(shop, had.id)) == (None, ("issued", "delivered"))
        assert violations(shop) == []


# With what a merchant marks by hand


def test_a_mark_that_is_taken_away_gives_no_points_back_for_what_an_order_has_used(shop: TestShop) -> None:
    member = member_with(shop, 500)
    had = redeem(shop, member, reward(shop))
    bought = buy(shop, had.code)
    mark(shop, had.id, use_state="delivered")
    with pytest.raises(Conflict) as refused:
        give_back(shop, member, had.id)
    assert (refused.value.code, has(shop, member).available) == ("not_returnable", 0)
    tell_again(shop, bought, cancelled_at=bought["created_at"])
    give_back(shop, member, had.id)
    assert has(shop, member).available == 500
    assert violations(shop) == []


def test_what_an_order_has_used_does_not_run_out_though_its_mark_was_taken_away(
    shop: TestShop, time: BusinessTime
) -> None:
    member = member_with(shop, 500, email="ada@mail.example")
    had = redeem(shop, member, reward(shop, coupon_valid_days=1, points_back_when_expired=True))
    buy(shop, had.code)
    used = redemption(shop, had.id)
    mark(shop, had.id, use_state="delivered")
    time.set(had.expires_at)
    points.expire_rewards()
    assert redemption(shop, had.id) == used
    assert (has(shop, member).available, mails(shop, "reward_expired")) == (0, [])


def test_marked_again_it_is_used_by_its_order_again(shop: TestShop, time: BusinessTime) -> None:
    had = redeem(shop, member_with(shop, 500), reward(shop))
    bought = buy(shop, had.code)
    used = redemption(shop, had.id)
    time.advance(hours=1)
    mark(shop, had.id, use_state="delivered")
    mark(shop, had.id, use_state="used")
    assert redemption(shop, had.id) == used
    tell_again(shop, bought, cancelled_at=bought["created_at"])
    assert state(shop, had.id) == ("issued", "delivered")


# After the points came back


def test_a_code_that_was_given_back_and_is_used_after_all_spends_the_points_again(shop: TestShop) -> None:
    member, made = member_with(shop, 500), reward(shop, limit_total=3)
    had = redeem(shop, member, made)
    give_back(shop, member, had.id)
    bought = buy(shop, had.code)
    assert (state(shop, had.id), has(shop, member).available, taken(shop, made)) == (("issued", "used"), 0, 1)
    assert violations(shop) == []
    tell_again(shop, bought, cancelled_at=bought["created_at"])  # the code works no more: worth nothing
    assert (state(shop, had.id), has(shop, member).available) == (("returned", "delivered"), 500)
    assert taken(shop, made) == 0
    assert [kind for kind, _ in entries(shop, member)] == ["spend", "return", "spend", "return"]
    assert violations(shop) == []


def test_what_is_missing_then_is_owed_and_comes_back_with_the_rest(shop: TestShop) -> None:
    member, made = member_with(shop, 500), reward(shop)
    had = redeem(shop, member, made)
    give_back(shop, member, had.id)
    redeem(shop, member, reward(shop, reward_name="Another", points_to_be_redeemed=300))
    bought = buy(shop, had.code)
    assert (has(shop, member).available, has(shop, member).owed) == (0, -300)
    assert violations(shop) == []
    tell_again(shop, bought, cancelled_at=bought["created_at"])
    assert (has(shop, member).available, has(shop, member).owed) == (200, 0)
    assert violations(shop) == []


def test_all_of_it_may_be_owed(shop: TestShop) -> None:
    member, made = member_with(shop, 500), reward(shop)
    had = redeem(shop, member, made)
    give_back(shop, member, had.id)
    redeem(shop, member, made)
    bought = buy(shop, had.code)
    assert has(shop, member).owed == -500
    member_with(shop, 200)
    assert (has(shop, member).available, has(shop, member).owed) == (0, -300)
    tell_again(shop, bought, cancelled_at=bought["created_at"])
    assert (has(shop, member).available, has(shop, member).owed) == (200, 0)
    assert violations(shop) == []


def test_a_reward_for_nothing_that_is_used_after_all_counts_again(shop: TestShop) -> None:
    member, made = member_with(shop), reward(shop, points_to_be_redeemed=0, limit_total=3)
    had = redeem(shop, member, made)
    give_back(shop, member, had.id)
    buy(shop, had.code)
    assert (state(shop, had.id), taken(shop, made)) == (("issued", "used"), 1)
    assert violations(shop) == []


def test_a_code_that_ran_out_before_its_order_was_told_was_used(shop: TestShop, time: BusinessTime) -> None:
    member = member_with(shop, 500)
    had = redeem(shop, member, reward(shop, coupon_valid_days=1))
    time.set(had.expires_at)
    points.expire_rewards()
    bought = buy(shop, had.code, created_at=had.issued_at.isoformat())
    assert (state(shop, had.id), has(shop, member).available) == (("issued", "used"), 0)
    tell_again(shop, bought, cancelled_at=bought["created_at"])
    assert (state(shop, had.id), has(shop, member).available) == (("expired", "delivered"), 0)
    assert violations(shop) == []


def test_a_code_that_is_used_while_it_is_being_disabled_is_used(new_shop: Callable[..., TestShop]) -> None:
    with open_store() as store:
        shop = new_shop(discounts_url=store.url)
        member, made = member_with(shop, 500), reward(shop)
        send_all(shop)
        had = redeem(shop, member, made)
        give_back(shop, member, had.id)
        bought = buy(shop, had.code)
        assert (state(shop, had.id), redemption(shop, had.id).ending) == (("issued", "used"), None)
        send_all(shop)
        assert (has(shop, member).available, entries(shop, member)) == (0, [("spend", 500)])
        assert violations(shop) == []
        tell_again(shop, bought, cancelled_at=bought["created_at"])
        assert (state(shop, had.id), has(shop, member).available) == (("returned", "delivered"), 500)
        assert violations(shop) == []


def test_an_erased_members_code_may_still_be_used(shop: TestShop) -> None:
    member = member_with(shop, 500)
    had = redeem(shop, member, reward(shop))
    give_back(shop, member, had.id)
    shop.tell("customer.redacted", {"id": "c-1"})
    buy(shop, had.code, customer={"id": "c-2"})
    assert state(shop, had.id) == ("issued", "used")
    assert violations(shop) == []


# Whatever the order of arrival

Step = tuple[str, dict[str, Any]]


def steps_of(code: str, number: int, at: BusinessTime) -> list[Step]:
    """What two orders with one code go through; each says when it was so."""

    def seen(name: str, minute: int, **given: Any) -> Step:
        moment = (at.now + timedelta(minutes=minute)).isoformat()
        made = (at.now + timedelta(minutes=0 if name == "first" else 1)).isoformat()
        said = {"discount_codes": [code], "created_at": made, "updated_at": moment, "customer": None}
        return "order.updated", order(f"{name}-{number}", **said | given)

    cancelled = (at.now + timedelta(minutes=5)).isoformat()
    return [
        seen("first", 2, payment_status="pending"),
        seen("first", 5, cancelled_at=cancelled, payment_status="pending"),
        seen("second", 3),
        seen("second", 6, discount_codes=[code.lower()], delivery_status="shipped"),
    ]


@pytest.mark.parametrize("document", [FIVE_OFF, CASHBACK], ids=["code", "cashback"])
@pytest.mark.parametrize("ended", [False, True], ids=["live", "given back"])
def test_the_end_is_the_same_in_whatever_order_orders_are_told(
    shop: TestShop, time: BusinessTime, document: dict[str, Any], ended: bool
) -> None:
    ends, made = set(), reward(shop, document)
    for number, which in enumerate(permutations(range(4))):
        member = member_with(shop, 500, f"c-{number}")
        had = hold(shop, member, "100.00", 20) if document is CASHBACK else redeem(shop, member, made)
        if ended:
            give_back(shop, member, had.id)
        steps = steps_of(had.code, number, time)
        for place in which:
            type_, said = steps[place]
            shop.deliver(type_, said, at=said["updated_at"])
            shop.work()
        now = redemption(shop, had.id)
        assert order_of(shop, had.id) == f"second-{number}"
        ends.add((now.status, now.use_state, now.delivery_status, has(shop, member)))
    assert len(ends) == 1
    assert next(iter(ends))[:3] == ("issued", "used", "ordered")
    assert violations(shop) == []


@pytest.mark.parametrize("document", [FIVE_OFF, CASHBACK], ids=["code", "cashback"])
def test_all_of_it_told_in_one_batch_ends_the_same(
    shop: TestShop, time: BusinessTime, document: dict[str, Any]
) -> None:
    made = reward(shop, document)
    for number, which in enumerate(permutations(range(4))):
        member = member_with(shop, 500, f"c-{number}")
        had = hold(shop, member, "100.00", 20) if document is CASHBACK else redeem(shop, member, made)
        steps = steps_of(had.code, number, time)
        for place in which:
            type_, said = steps[place]
            shop.deliver(type_, said, at=said["updated_at"])
    shop.work()
    found = rows(
        shop,
        "select r.status, r.use_state, o.external_id, a.available, a.owed, a.on_hold, m.external_id as who"
        " from redemption r join orders o on o.shop_id = r.shop_id and o.id = r.order_id"
        " join account a on a.shop_id = r.shop_id and a.member_id = r.member_id"
        " join member m on m.shop_id = r.shop_id and m.id = r.member_id where r.shop_id = :shop",
    )
    assert len(found) == 24
    left = 480 if document is CASHBACK else 0
    for row in found:
        assert row.external_id == row.who.replace("c-", "second-")
        assert (row.status, row.use_state, row.available, row.owed, row.on_hold) == ("issued", "used", left, 0, 0)
    assert violations(shop) == []


def test_a_reward_that_was_changed_meanwhile_changes_nothing_of_it(shop: TestShop) -> None:
    member, made = member_with(shop, 1000), reward(shop)
    had = redeem(shop, member, made)
    give_back(shop, member, had.id)
    change(shop, made, points_to_be_redeemed=900)
    buy(shop, had.code)
    assert has(shop, member).available == 500
