"""Thousands of redemptions while the store loses answers and our processes are killed: one code each, and none astray.

Goal G6 of the reliability plan, with F-41, F-66, F-67 and F-70 in any mixture.
"""

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import psutil

from tests.journeys.running import Running, RunningShop, is_ready, wait_until
from tests.journeys.shopper import Shopper
from tests.journeys.test_kill_everything import nothing_waits, status
from tests.journeys.unreliable_store import UnreliableStore
from tests.loyalty.rewards_world import FIVE_OFF

REDEMPTIONS = 3000
MEMBERS = 10
AT_ONCE = 8
PRICE = 4
LEFT_OVER = 3
"""Points that are not enough for one more."""
VICTIMS = {"web": "granian", "worker": "lagniappe worker", "clock": "lagniappe clock"}
ROUNDS = 3
PAUSES_BETWEEN_KILLS = (0.2, 1.5)
BUSY_SECONDS = 240
QUIET_SECONDS = 420
"""After the storm: a call that failed eight times in it waits two minutes and a half, and some fail that often; the lease of
one whose process was killed lasts a minute; the rest is for a machine that is busy."""


def test_every_redemption_has_a_code_of_its_own_and_the_store_has_no_other(
    lagniappe: Running, store: UnreliableStore, shop: RunningShop
) -> None:
    reward = shop.call("POST", "/rewards", {**FIVE_OFF, "points_to_be_redeemed": PRICE})["id"]
    each_has = REDEMPTIONS // MEMBERS
    shoppers = [Shopper(shop, f"c-{number}", each_has * PRICE + LEFT_OVER) for number in range(MEMBERS)]
    store.mishaps = {"lost": 0.13, "deaf": 0.12, "busy": 0.01, "throttled": 0.01, "foreign": 0.01}

    wanted = [(shopper, f"key-{number}") for number in range(each_has) for shopper in shoppers]
    killed: Counter[str] = Counter()
    with ThreadPoolExecutor(AT_ONCE + 1) as threads:
        killing = threads.submit(kill_in_turn, lagniappe, store, killed)
        answers = list(threads.map(lambda each: each[0].redeem(reward, each[1]), wanted))
        assert killed["web"], "all had been answered before the storm began"
        killing.result()
    store.mishaps = {}

    wait_until(lambda: len(store.live()) >= REDEMPTIONS, QUIET_SECONDS, lambda: str(unfinished(lagniappe)))
    wait_until(lambda: is_quiet(lagniappe), QUIET_SECONDS, lambda: f"{status(lagniappe)} {unfinished(lagniappe)}")
    had = {each["id"]: each for shopper in shoppers for each in shopper.redemptions()}
    assert set(had) == {each["id"] for each in answers}
    assert len(had) == len(wanted) == REDEMPTIONS
    assert Counter(each["status"] for each in had.values()) == {"issued": REDEMPTIONS}
    codes = {each["code"].upper() for each in had.values()}
    assert len(codes) == REDEMPTIONS

    free = {row["code"].upper() for row in lagniappe.rows("select code from coupon_free")}
    ours = {
        row["code"].upper(): f"lagniappe-{row['shop_id']}-{row['id']}"
        for row in lagniappe.rows("select shop_id, id, code from coupon where state = 'ready'")
    }
    assert not codes & free
    assert store.live() == ours
    assert set(ours) == codes | free

    assert {shopper.balance()["available"] for shopper in shoppers} == {LEFT_OVER}
    assert lagniappe.command("ledger", "check")["violations"] == []


def kill_in_turn(lagniappe: Running, store: UnreliableStore, killed: Counter[str]) -> None:
    """kill -9 one after the other at any moment, but none before something was done since the last one: a busy
    machine takes longer to start them."""
    chance = random.Random(20261125)
    for name in [*VICTIMS] * ROUNDS:
        heard = len(store.heard)
        wait_until(lambda heard=heard: len(store.heard) > heard and is_ready(lagniappe.base_url), BUSY_SECONDS)
        time.sleep(chance.uniform(*PAUSES_BETWEEN_KILLS))
        for victim in lagniappe.processes(VICTIMS[name]):
            with suppress(psutil.NoSuchProcess):
                victim.kill()
        killed[name] += 1


def is_quiet(lagniappe: Running) -> bool:
    return nothing_waits(lagniappe) and not any(unfinished(lagniappe).values())


def unfinished(lagniappe: Running) -> dict[str, Any]:
    """What is under way, also what waits for its time to come."""
    (row,) = lagniappe.rows(
        """
        select (select count(*) from outbox where state = 'waiting') as calls,
            (select count(*) from redemption where status = 'requested' or ending is not null) as redemptions,
            (select count(*) from coupon where state in ('making', 'disabling')) as coupons,
            (select count(*) from coupon_refill) as refills
        """
    )
    return row
