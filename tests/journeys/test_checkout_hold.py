"""Points that pay at the checkout, with a store that answers late, badly or not at all, and processes that die in between.

The order is what matters: a code works no more before its points are back (design section 7).
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from typing import get_args

import psutil
import pytest

from tests.journeys.running import Running, RunningShop, wait_until
from tests.journeys.shopper import Shopper
from tests.journeys.unreliable_store import Mishap, Told, UnreliableStore, no_ceremony
from tests.loyalty.rewards_world import CASHBACK, FIVE_OFF

LEASE_SECONDS = 60
_numbers = count(1)
SOON = 120
"""Seconds: a call that failed is made again after 1, 2, 4 …; the rest is for a machine that is busy."""


@pytest.fixture(scope="module", autouse=True)
def campaign(shop: RunningShop) -> None:
    """A point is worth 2 euros."""
    shop.call("POST", "/rewards", CASHBACK)


@pytest.fixture
def shopper(lagniappe: Running, shop: RunningShop) -> Shopper:
    """Somebody new, who has 50 points. The next call to the store is theirs: it has heard all of the tests before."""
    wait_until(lambda: nothing_to_tell(lagniappe), LEASE_SECONDS + SOON)
    return Shopper(shop, f"c-{next(_numbers)}", 50)


def points(shopper: Shopper) -> tuple[int, int]:
    """What is available and what is on hold."""
    has = shopper.balance()
    return has["available"], has["on_hold"]


def are_back(shopper: Shopper, store: UnreliableStore, code: str) -> bool:
    """Whether all 50 points are there again. Whenever they are, the store takes the code no more."""
    is_whole = points(shopper) == (50, 0)
    assert not (is_whole and store.is_live(code)), "the points are back and the code still works"
    return is_whole


def await_code(store: UnreliableStore, code: str) -> None:
    wait_until(lambda: store.is_live(code), SOON, lambda: f"{code} is not at the store: {store.heard}")


def codes_of(store: UnreliableStore, shopper: Shopper) -> list[str]:
    """What the store's checkout takes of this shopper."""
    return [
        code
        for code, each in store.discounts.items()
        if each.is_live and each.terms.get("customer_id") == shopper.customer
    ]


def buy(shopper: Shopper, code: str) -> None:
    at = datetime.now(UTC).isoformat()
    order = {
        "id": f"o-{code}",
        "customer": {"id": shopper.customer},
        "currency": "EUR",
        "created_at": at,
        "subtotal": "100.00",
        "total": "60.00",
        "payment_status": "paid",
        "discount_codes": [code.lower()],
    }
    assert shopper.shop.send("order.created", order, f"d-{code}", at) == 202


def test_the_order_that_carries_the_code_captures_the_points(store: UnreliableStore, shopper: Shopper) -> None:
    held = shopper.hold(20, "cart")
    assert points(shopper) == (30, 20)
    await_code(store, held["code"])
    assert store.discounts[held["code"]].terms["value"] == "40.00"
    wait_until(lambda: shopper.hold(20, "cart")["status"] == "ready", SOON)

    buy(shopper, held["code"])
    wait_until(lambda: points(shopper) == (30, 0), SOON)
    had = shopper.redemption(held)
    assert (had["status"], had["use_state"]) == ("issued", "used")
    assert store.times_told("disable", held["code"]) == 0


@pytest.mark.parametrize("mishap", get_args(Mishap))
def test_whatever_goes_wrong_once_the_store_has_one_code_for_the_checkout(
    mishap: Mishap, store: UnreliableStore, shopper: Shopper
) -> None:
    """F-66, F-67, F-70: a code that is somebody else's is not handed out, another one takes its place."""
    with wrong_for_now(store, mishap):
        first = shopper.hold(20, "cart")
        wait_until(lambda: shopper.hold(20, "cart")["status"] == "ready", SOON)
    held = shopper.hold(20, "cart")
    assert held["id"] == first["id"]
    assert codes_of(store, shopper) == [held["code"]]
    assert (held["code"] == first["code"]) == (mishap != "foreign")
    assert points(shopper) == (30, 20)


def test_a_checkout_that_does_not_come_loses_its_code_and_then_gets_its_points_back(
    lagniappe: Running, store: UnreliableStore, shopper: Shopper
) -> None:
    held = shopper.hold(20, "cart")
    await_code(store, held["code"])
    lagniappe.command("time", "advance", "31m")
    wait_until(lambda: are_back(shopper, store, held["code"]), SOON)
    assert shopper.redemption(held)["status"] == "expired"
    assert store.times_told("disable", held["code"]) == 1


def test_while_the_store_is_down_the_points_of_a_lost_checkout_stay_on_hold(
    lagniappe: Running, store: UnreliableStore, shopper: Shopper
) -> None:
    held = shopper.hold(20, "cart")
    await_code(store, held["code"])
    with store_down(store):
        lagniappe.command("time", "advance", "31m")
        wait_until(lambda: times_asked_to_disable(store, held["code"]) >= 3, SOON)
        assert points(shopper) == (30, 20)
        assert shopper.redemption(held)["status"] == "requested"
    wait_until(lambda: are_back(shopper, store, held["code"]), SOON)
    assert shopper.redemption(held)["status"] == "expired"


def test_a_code_that_the_store_may_have_heard_of_is_called_off_before_the_points_are_back(
    lagniappe: Running, store: UnreliableStore, shopper: Shopper
) -> None:
    """The store was down for all of the checkout: whether it made the code is not known before it answers."""
    with store_down(store):
        held = shopper.hold(20, "cart")
        wait_until(lambda: bool(store.turned_away) and store.turned_away[-1].code == held["code"], SOON)
        lagniappe.command("time", "advance", "31m")
        wait_until(lambda: shopper.redemption(held)["ending"] == "released", SOON)
        assert points(shopper) == (30, 20)
    wait_until(lambda: are_back(shopper, store, held["code"]), SOON)
    assert shopper.redemption(held)["status"] == "expired"
    assert codes_of(store, shopper) == []


def test_an_order_that_came_while_the_store_was_down_keeps_what_it_paid_with(
    lagniappe: Running, store: UnreliableStore, shopper: Shopper
) -> None:
    """The store could not be told that the code is over, so its checkout took it."""
    held = shopper.hold(20, "cart")
    await_code(store, held["code"])
    with store_down(store):
        lagniappe.command("time", "advance", "31m")
        wait_until(lambda: times_asked_to_disable(store, held["code"]) >= 1, SOON)
        buy(shopper, held["code"])
        wait_until(lambda: points(shopper) == (30, 0), SOON)
    wait_until(lambda: not store.is_live(held["code"]), SOON)
    wait_until(lambda: nothing_to_tell(lagniappe), SOON)
    assert points(shopper) == (30, 0)
    assert shopper.redemption(held)["use_state"] == "used"


def test_a_reward_given_back_while_the_store_is_down_waits_for_its_code_to_be_disabled(
    store: UnreliableStore, shop: RunningShop, shopper: Shopper
) -> None:
    reward = shop.call("POST", "/rewards", {**FIVE_OFF, "points_to_be_redeemed": 20})["id"]
    shopper.redeem(reward, "five-off")
    wait_until(lambda: shopper.redemptions()[0]["status"] == "issued", SOON)
    had = shopper.redemptions()[0]
    assert store.is_live(had["code"])
    with store_down(store):
        given_back = shopper.give_back(had)
        assert (given_back["ending"], given_back["can_return"]) == ("returned", False)
        wait_until(lambda: times_asked_to_disable(store, had["code"]) >= 3, SOON)
        assert points(shopper) == (30, 0)
        assert shopper.give_back(had)["ending"] == "returned"
    wait_until(lambda: are_back(shopper, store, had["code"]), SOON)
    assert shopper.redemption(had)["status"] == "returned"
    assert store.times_told("disable", had["code"]) == 1


def test_a_worker_that_dies_between_the_answer_and_our_commit_leaves_one_code_and_one_hold(
    lagniappe: Running, store: UnreliableStore, shopper: Shopper
) -> None:
    """F-41: whoever asks again hears that the code is taken, and that it is ours."""
    killed = threading.Event()

    @contextmanager
    def dying(told: Told, port: int) -> Iterator[None]:
        store.around_answer = no_ceremony
        with held_fast(lagniappe, port) as caller:
            yield
            caller.kill()
            killed.set()

    store.around_answer = dying
    held = shopper.hold(20, "cart")
    assert killed.wait(SOON)
    assert store.is_live(held["code"])
    assert shopper.hold(20, "cart")["status"] == "preparing"

    let_leases_end(lagniappe)
    wait_until(lambda: shopper.hold(20, "cart")["status"] == "ready", SOON)
    assert store.times_told("create", held["code"]) == 2
    assert codes_of(store, shopper) == [held["code"]]
    assert points(shopper) == (30, 20)
    buy(shopper, held["code"])
    wait_until(lambda: points(shopper) == (30, 0), SOON)


def test_an_order_finds_a_code_that_we_do_not_know_to_be_there_yet(
    lagniappe: Running, store: UnreliableStore, shopper: Shopper
) -> None:
    """F-72."""
    with asleep_after_the_answer(lagniappe, store) as asleep:
        held = shopper.hold(20, "cart")
        assert asleep.wait(SOON)
        assert store.is_live(held["code"])
        assert shopper.hold(20, "cart")["status"] == "preparing"
        buy(shopper, held["code"])
        wait_until(lambda: points(shopper) == (30, 0), SOON)
    wait_until(lambda: nothing_to_tell(lagniappe), SOON)
    assert shopper.redemption(held)["use_state"] == "used"
    assert points(shopper) == (30, 0)


def test_a_worker_that_wakes_up_after_its_lease_changes_nothing(
    lagniappe: Running, store: UnreliableStore, shopper: Shopper
) -> None:
    """F-43: it slept through what others have done, here with a store that disabled the code meanwhile."""
    with asleep_after_the_answer(lagniappe, store) as asleep:
        held = shopper.hold(20, "cart")
        assert asleep.wait(SOON)
        let_leases_end(lagniappe)
        wait_until(lambda: shopper.hold(20, "cart")["status"] == "ready", SOON)
        shopper.give_back(held)
        wait_until(lambda: are_back(shopper, store, held["code"]), SOON)
    wait_until(lambda: "the lease was over" in lagniappe.log.read_text(), SOON)
    assert points(shopper) == (50, 0)
    assert shopper.redemption(held)["status"] == "returned"
    assert not store.is_live(held["code"])


@contextmanager
def wrong_for_now(store: UnreliableStore, mishap: Mishap) -> Iterator[None]:
    """This happens to the next call, and no other."""
    store.will(mishap)
    yield
    assert not store.mishaps_to_come, "the store was not called"


@contextmanager
def store_down(store: UnreliableStore) -> Iterator[None]:
    """It is there again, whatever happens in the block."""
    store.is_down = True
    try:
        yield
    finally:
        store.is_down = False


def times_asked_to_disable(store: UnreliableStore, code: str) -> int:
    """While it was down."""
    return sum(told.what == "disable" and told.code == code for told in store.turned_away)


@contextmanager
def held_fast(lagniappe: Running, port: int) -> Iterator[psutil.Process]:
    """The process that calls from this port, unable to do anything with what the store says."""
    (caller,) = (
        process
        for process in lagniappe.processes("bin/lagniappe")
        if any(line.laddr and line.laddr.port == port for line in process.net_connections("tcp"))
    )
    caller.suspend()
    yield caller


@contextmanager
def asleep_after_the_answer(lagniappe: Running, store: UnreliableStore) -> Iterator[threading.Event]:
    """Whoever calls the store next sleeps with the answer in hand until the block is left. The event: it does."""
    asleep = threading.Event()
    sleepers: list[psutil.Process] = []

    @contextmanager
    def falling_asleep(told: Told, port: int) -> Iterator[None]:
        store.around_answer = no_ceremony
        with held_fast(lagniappe, port) as caller:
            sleepers.append(caller)
            yield
            asleep.set()

    store.around_answer = falling_asleep
    try:
        yield asleep
    finally:
        asleep.wait(SOON)  # nobody falls asleep after the last one was woken
        for each in sleepers:
            each.resume()


def let_leases_end(lagniappe: Running) -> None:
    """As if a minute had passed on the machine's clock for whoever holds a call and does not finish it."""
    lagniappe.rows("update outbox set next_try_at = lease_until - interval '1 minute' where lease_token is not null")


def nothing_to_tell(lagniappe: Running) -> bool:
    return not lagniappe.rows("select 1 from outbox where state = 'waiting' union all select 1 from coupon_refill")
