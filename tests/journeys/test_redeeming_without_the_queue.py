"""Rewards are had and their codes kept in stock while Valkey is dead, hung or forgets everything (F-50 to F-52)."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import psutil
import pytest
import redis

from backend import embedded
from backend.loyalty.coupons.coupons import STOCK
from tests import stopwatch
from tests.journeys.running import Running, RunningShop, wait_until
from tests.journeys.shopper import Shopper
from tests.journeys.test_kill_everything import status
from tests.journeys.unreliable_store import UnreliableStore
from tests.loyalty.rewards_world import FIVE_OFF

TAKEN = 40
NEARLY_FULL = STOCK - 9
"""One in ten that is taken has the stock looked after."""
PRICE = 5
ANSWER_SECONDS = 5.0
"""Nobody waits for the queue; this is for a machine that is busy."""
REFILL_SECONDS = 240
"""The clock has 5 seconds of patience with a queue that answers and none with one that does not; the rest as above."""


@pytest.fixture(scope="module")
def reward(shop: RunningShop) -> str:
    made: str = shop.call("POST", "/rewards", {**FIVE_OFF, "points_to_be_redeemed": PRICE})["id"]
    return made


@contextmanager
def killed(lagniappe: Running) -> Iterator[None]:
    """Dead again as soon as somebody starts it."""

    def kill() -> None:
        for each in lagniappe.processes("valkey-server"):
            with suppress(psutil.NoSuchProcess):
                each.kill()

    with again_and_again(kill):
        yield


@contextmanager
def hung(lagniappe: Running) -> Iterator[None]:
    (valkey,) = lagniappe.processes("valkey-server")
    valkey.suspend()
    try:
        yield
    finally:
        valkey.resume()


@contextmanager
def flushed(lagniappe: Running) -> Iterator[None]:
    """Whatever is rung is forgotten before most workers hear of it."""
    with embedded.running(Path(lagniappe.environ["LAGNIAPPE_DATA_DIR"])) as addresses:
        valkey = redis.Redis.from_url(addresses.redis_url)
        with again_and_again(valkey.flushall):
            yield


@contextmanager
def again_and_again(deed: Callable[[], object]) -> Iterator[None]:
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(0.02):
            deed()

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("trouble", [killed, hung, flushed])
def test_rewards_are_had_and_their_stock_is_filled_up(
    trouble: Callable[[Running], AbstractContextManager[None]],
    lagniappe: Running,
    store: UnreliableStore,
    shop: RunningShop,
    reward: str,
) -> None:
    shopper = Shopper(shop, trouble.__name__, TAKEN * PRICE)
    wait_until(lambda: free_codes(shop, reward) >= NEARLY_FULL, REFILL_SECONDS)
    wait_until(lambda: status(lagniappe)["queue"] == "ok", REFILL_SECONDS)  # after the trouble before
    with trouble(lagniappe):
        slowest = 0.0
        for number in range(TAKEN):
            began = stopwatch.now()
            had = shopper.redeem(reward, f"key-{number}")
            slowest = max(slowest, stopwatch.now() - began)
            assert had["status"] == "issued"
            assert store.is_live(had["code"])
        assert slowest < ANSWER_SECONDS
        wait_until(
            lambda: free_codes(shop, reward) >= NEARLY_FULL, REFILL_SECONDS, lambda: str(free_codes(shop, reward))
        )
    assert shopper.balance()["available"] == 0


def free_codes(shop: RunningShop, reward: str) -> int:
    free: int = shop.get(f"/rewards/{reward}")["coupons_info"]["available_coupons"]
    return free
