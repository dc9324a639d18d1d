"""A program that is switched off stops what is new and keeps what was promised (docs/decisions/0035)."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from backend import clock
from backend.db import transaction
from backend.errors import Conflict
from backend.jobs import points
from backend.loyalty.redemptions import cashback
from backend.loyalty.redemptions.cashback import CashbackUnavailable
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.rewards_world import (
    CASHBACK,
    buy,
    give_back,
    has,
    hold,
    member_with,
    order,
    redeem,
    redemption,
    reward,
    violations,
)


@pytest.fixture
def shop(time: BusinessTime, new_shop: Callable[..., TestShop]) -> TestShop:
    time.set("2026-05-04T12:00:00Z")
    return new_shop()


def switch_off(shop: TestShop, time: BusinessTime) -> None:
    time.advance(minutes=1)
    shop.set_program(enabled=False)
    time.advance(minutes=1)


def test_nothing_is_redeemed_until_it_is_on_again(shop: TestShop, time: BusinessTime) -> None:
    member, five_off = member_with(shop, 1_000), reward(shop)
    had = redeem(shop, member, five_off, "before")
    switch_off(shop, time)
    with pytest.raises(Conflict) as refused:
        redeem(shop, member, five_off)
    assert (refused.value.code, has(shop, member).available) == ("reward_inactive", 500)
    assert redeem(shop, member, five_off, "before").id == had.id
    shop.set_program(enabled=True)
    redeem(shop, member, five_off)
    assert has(shop, member).available == 0


def test_points_pay_at_no_checkout_that_begins_now(shop: TestShop, time: BusinessTime) -> None:
    member = member_with(shop, 100)
    reward(shop, CASHBACK)
    held = hold(shop, member, "40.00", key="cart-1")
    switch_off(shop, time)
    with pytest.raises(CashbackUnavailable):
        hold(shop, member, "40.00")
    with transaction() as session, pytest.raises(CashbackUnavailable):
        cashback.quote_for(session, shop.facts, member, Decimal(40), None, clock.now())
    assert hold(shop, member, "40.00", key="cart-1").id == held.id
    buy(shop, held.code)
    assert (redemption(shop, held.id).status, has(shop, member).on_hold) == ("issued", 0)
    assert violations(shop) == []


def test_codes_in_hand_are_used_or_given_back(shop: TestShop, time: BusinessTime) -> None:
    member, five_off = member_with(shop, 1_000), reward(shop)
    used, unused = redeem(shop, member, five_off), redeem(shop, member, five_off)
    switch_off(shop, time)
    buy(shop, used.code)
    assert redemption(shop, used.id).use_state == "used"
    assert give_back(shop, member, unused.id).status == "returned"
    assert has(shop, member).available == 500
    assert violations(shop) == []


def test_orders_from_before_earn_and_later_ones_do_not(shop: TestShop, time: BusinessTime) -> None:
    shop.set_program(assign={"delay_days": 3, "on": "paid"})
    member = member_with(shop)
    time.advance(minutes=1)
    shop.tell("order.created", order("before"))
    late = order("told-late")
    switch_off(shop, time)
    shop.tell("order.created", order("after"))
    shop.tell("order.created", late)
    assert has(shop, member).pending == 20
    time.advance(days=4)
    points.post_due()
    assert (has(shop, member).pending, has(shop, member).available) == (0, 20)
    assert violations(shop) == []
