"""What is left of the codes of a reward, and for how long."""

from collections.abc import Callable

import pytest

from backend import clock
from backend.db import transaction
from backend.loyalty.coupons import stock_health
from backend.loyalty.coupons.stock_health import Stock
from backend.loyalty.rewards.rewards import Reward
from tests.conftest import TestShop
from tests.loyalty.rewards_world import free_codes, member_with, redeem, reward, rows


def stock(shop: TestShop, which: Reward) -> Stock:
    with transaction() as session:
        return stock_health.of(session, shop.id, which.id, which.coupon_source, clock.now())


@pytest.mark.parametrize(
    ("free", "redeemed_lately", "source", "expected"),
    [
        (0, 0, "uploaded", "empty"),
        (9, 0, "uploaded", "low"),
        (10, 0, "uploaded", "ok"),
        (100, 200, "uploaded", "ok"),  # 15 days
        (100, 201, "uploaded", "low"),  # 14
        (0, 5, "made", "empty"),
        (1, 500, "made", "ok"),  # more are made
    ],
)
def test_when_a_pool_runs_low(
    free: int, redeemed_lately: int, source: stock_health.CouponSource, expected: stock_health.Health
) -> None:
    assert stock_health.health(free, redeemed_lately, source) == expected


@pytest.mark.parametrize(("free", "lately", "days"), [(45, 90, 15), (1, 90, 0), (0, 90, 0), (45, 0, None)])
def test_for_how_long_it_lasts(free: int, lately: int, days: int | None) -> None:
    assert stock_health.days_left(free, lately) == days


def test_codes_on_their_way_to_the_store_are_told_apart(new_shop: Callable[..., TestShop]) -> None:
    shop = new_shop(discounts_url="https://store.example/discounts")
    made = reward(shop)
    redeem(shop, member_with(shop, 500), made)
    waiting = stock(shop, made)
    assert (waiting.free, waiting.waiting, waiting.target) == (0, 1, 50)
    assert waiting.making == waiting.in_outbox > 0
    rows(
        shop,
        "update outbox set state = 'parked', last_error = 'The store says no.' where shop_id = :shop and kind = 'discount'"
        " and id = (select min(id) from outbox where shop_id = :shop and kind = 'discount') returning 1",
    )
    parked = stock(shop, made)
    assert (parked.parked, parked.last_error) == (1, "The store says no.")
    assert parked.in_outbox == waiting.in_outbox - 1


def test_a_refill_that_is_asked_for_is_told(shop: TestShop) -> None:
    made = reward(shop)
    assert stock(shop, made).refill_due_at is None
    assert stock(shop, made).free == len(free_codes(shop, made)) == 50
    rows(
        shop,
        "insert into coupon_refill (shop_id, reward_id, due_at) values (:shop, :reward, now()) returning 1",
        reward=made.id,
    )
    assert stock(shop, made).refill_due_at is not None
