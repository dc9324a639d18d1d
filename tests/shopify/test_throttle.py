"""A shop's bucket of cost at Shopify: shared by all who ask, never drawn below what is there (platforms.md 5.4)."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask import Flask

from backend.platforms.shopify.admin_api import Budget
from backend.shopify import asking
from backend.shopify.throttle import HELD_SECONDS, STANDARD, Full, Throttle, throttle
from tests import stopwatch
from tests.conftest import TestShop
from tests.shopify.pretend import Pretend

_shops = itertools.count(10_000_001)
SLOW = 0.001
"""A rate so slow that nothing comes back within a test."""


@pytest.fixture
def shop_id() -> int:
    return next(_shops)


@pytest.fixture
def bucket(app: Flask) -> Throttle:
    return throttle()


def said(bucket: Throttle, shop_id: int, available: float, rate: float = SLOW, maximum: float = 2000.0) -> None:
    """Let Shopify say this of the shop's bucket."""
    with bucket.taking(shop_id, 0, bulk=False) as place:
        place.budget = Budget(available, maximum, rate)


def wait_of(bucket: Throttle, shop_id: int, cost: float, *, bulk: bool = False) -> float:
    """How long this call would have to wait; 0 if it is let through (and is made for nothing)."""
    try:
        with bucket.taking(shop_id, cost, bulk=bulk):
            return 0.0
    except Full as full:
        return full.seconds


def test_a_shop_that_said_nothing_yet_has_the_smallest_plan_s_bucket(bucket: Throttle, shop_id: int) -> None:
    assert wait_of(bucket, shop_id, STANDARD.maximum) == 0
    with bucket.taking(shop_id, 1990, bulk=False):
        assert wait_of(bucket, shop_id, 10) == 0
        assert 0 < wait_of(bucket, shop_id, 20) <= 10 / STANDARD.restore_rate


def test_what_shopify_said_counts_and_comes_back_with_time(bucket: Throttle, shop_id: int) -> None:
    said(bucket, shop_id, 30, rate=10)
    assert wait_of(bucket, shop_id, 20) == 0
    assert 0 < wait_of(bucket, shop_id, 80) <= 5
    said(bucket, shop_id, 0, rate=1_000_000)
    assert wait_of(bucket, shop_id, 1) <= 1
    said(bucket, shop_id, 1990, rate=1_000_000)
    assert wait_of(bucket, shop_id, 2000) <= 0.0001
    said(bucket, shop_id, 0, rate=100)
    assert wait_of(bucket, shop_id, 2500) == pytest.approx(20, abs=1)  # more than it can hold: as soon as it is full


def test_what_is_under_way_is_held_back_until_it_is_answered(bucket: Throttle, shop_id: int) -> None:
    said(bucket, shop_id, 100)
    with bucket.taking(shop_id, 60, bulk=False):
        assert wait_of(bucket, shop_id, 60) > 0
        assert wait_of(bucket, shop_id, 40) == 0
    assert wait_of(bucket, shop_id, 60) == 0


def test_bulk_work_leaves_half_of_the_bucket_to_others(bucket: Throttle, shop_id: int) -> None:
    said(bucket, shop_id, 1100)
    assert wait_of(bucket, shop_id, 100, bulk=True) == 0
    assert wait_of(bucket, shop_id, 101, bulk=True) > 0
    assert wait_of(bucket, shop_id, 1100) == 0


def test_one_shop_s_calls_hold_up_no_other_s(bucket: Throttle, shop_id: int) -> None:
    said(bucket, shop_id, 0)
    assert wait_of(bucket, shop_id, 10) > 0
    assert wait_of(bucket, next(_shops), 10) == 0


def test_many_at_once_never_take_more_than_there_is(bucket: Throttle, shop_id: int, app: Flask) -> None:
    said(bucket, shop_id, 500)
    together, through = Barrier(8), Barrier(8)

    def take(_: int) -> bool:
        together.wait(60)
        try:
            with bucket.taking(shop_id, 100, bulk=False):
                through.wait(60)
                return True
        except Full:
            through.wait(60)
            return False

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(take, range(8))) == 5


def test_the_keys_of_a_shop_that_is_quiet_go_away(bucket: Throttle, shop_id: int) -> None:
    said(bucket, shop_id, 500)
    with bucket.taking(shop_id, 100, bulk=False):
        client = bucket._client
        keys = sorted(client.keys(f"shopify:{{{shop_id}}}:*"))
        assert [client.ttl(key) > 0 for key in keys] == [True, True]
        assert client.ttl(keys[1]) <= HELD_SECONDS


def test_without_valkey_everything_is_let_through_at_once(shop_id: int) -> None:
    away = Throttle("unix:///nowhere/valkey.sock?db=0")
    begun = stopwatch.now()
    for _ in range(100):
        assert wait_of(away, shop_id, 10_000) == 0
    assert stopwatch.now() - begun < 1


@pytest.fixture
def ask(installed_shop: TestShop, shopify: Pretend, app: Flask) -> Callable[..., str]:
    """Ask the pretend Shopify something that costs 12, from any thread."""
    shopify.resolvers["Query.shop"] = lambda domain: {
        "id": "gid://shopify/Shop/1",
        "name": "Kiln & Kettle",
        "currencyCode": "EUR",
        "ianaTimezone": "Europe/Paris",
        "myshopifyDomain": domain,
        "primaryDomain": {"localization": None},
    }

    def asked(*, bulk: bool = False) -> str:
        with app.app_context():
            try:
                name: str = asking.ask(installed_shop.id, "shop_facts", {}, bulk=bulk)["shop"]["name"]
                return name
            except asking.Throttled as later:
                assert later.retry_after_seconds is not None
                assert later.retry_after_seconds > 0
                return "later"

    return asked


def test_two_threads_share_what_shopify_says_is_left(shopify: Pretend, ask: Callable[..., str]) -> None:
    shopify.available = 20.0
    shopify.restore_rate = SLOW
    assert ask() == "Kiln & Kettle"  # now it is known that 20 are left, and that this costs 12
    shopify.will("slow 0.5", "slow 0.5")
    asked = len(shopify.asked)
    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(lambda _: ask(), range(2))) == ["Kiln & Kettle", "later"]
    assert len(shopify.asked) == asked + 1


def test_bulk_work_waits_while_the_bucket_is_less_than_half_full(shopify: Pretend, ask: Callable[..., str]) -> None:
    shopify.available, shopify.restore_rate = 900.0, SLOW
    assert ask() == "Kiln & Kettle"
    assert ask(bulk=True) == "later"
    assert ask() == "Kiln & Kettle"
