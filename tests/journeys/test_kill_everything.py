"""Under load the worker, the web process, Valkey and PostgreSQL are killed in turn, and nothing is lost or doubled."""

import itertools
import random
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import requests

from tests.journeys.running import PATIENCE_SECONDS, Running, RunningShop, wait_until

MEMBERS = 12
ORDERS = 240
SENDERS = 3
PAUSE_BETWEEN_KILLS = 1.2
VICTIMS = (
    ("worker", "lagniappe worker"),
    ("web", "granian"),
    ("Valkey", "valkey-server"),
    ("PostgreSQL", "postgres", "-D"),
    ("clock", "lagniappe clock"),
)
ROUNDS = 3

Event = tuple[str, dict[str, Any], str]
"""(type, data, envelope time)"""


def test_nothing_is_lost_or_doubled_while_everything_is_killed(lagniappe: Running, tmp_path: Path) -> None:
    shop = lagniappe.create_shop({"assign": {"delay_days": 0, "on": "collected"}}, tmp_path)
    chance = random.Random(20261123)
    events, expected = story(chance)
    arrivals = [(f"d-{number}", event) for number, event in enumerate(events)]
    arrivals += chance.sample(arrivals, len(arrivals) * 3 // 10)  # 30 % come twice
    chance.shuffle(arrivals)

    stop = threading.Event()
    killed: list[str] = []
    killer = threading.Thread(target=kill_in_turn, args=(lagniappe, stop, killed))
    killer.start()
    send_all(shop, arrivals, stop)
    killer.join()
    assert len(killed) >= len(VICTIMS), f"the load was over too soon: {killed}"

    wait_until(lambda: nothing_waits(lagniappe), 240, lambda: str(status(lagniappe)))
    balances = {
        member["external_id"]: shop.get(f"/members/{member['id']}/balance") for member in shop.get("/members")["items"]
    }
    assert {name: balance["available"] + balance["owed"] for name, balance in balances.items()} == expected
    states = [delivery["state"] for delivery in all_of(shop, "/deliveries")]
    assert states == ["handled"] * len(events)
    assert lagniappe.command("ledger", "check")["violations"] == []


def story(chance: random.Random) -> tuple[list[Event], dict[str, int]]:
    """Orders of some members, collected, some of them refunded or cancelled; and what each member should end with."""
    began = datetime.now(UTC) - timedelta(hours=2)
    events: list[Event] = []
    expected: dict[str, int] = {}
    for number in range(ORDERS):
        member, subtotal = f"c-{number % MEMBERS}", chance.randrange(10, 2000)
        order = {
            "id": f"o-{number}",
            "customer": {"id": member},
            "currency": "EUR",
            "created_at": began.isoformat(),
            "subtotal": f"{subtotal}.00",
            "line_items": [{"id": "l", "quantity": 1, "total": f"{subtotal}.00"}],
        }
        points = subtotal // 10
        at = (began + timedelta(seconds=10 * number)).isoformat()
        later = (began + timedelta(seconds=10 * number + 5)).isoformat()
        events.append(("order.created", order, at))
        events.append(("order.collected", order | {"collected_at": later}, later))
        fate = chance.random()
        if fate < 0.1:
            events.append(("order.cancelled", order | {"cancelled_at": later, "collected_at": later}, later))
            points = 0
        elif fate < 0.2:
            refund = {"id": "r", "line_items": [{"line_item_id": "l", "quantity": 1}]}
            events.append(("order.refunded", {"order_id": order["id"], "refund": refund}, later))
            points = 0
        expected[member] = expected.get(member, 0) + points
    return events, expected


def send_all(shop: RunningShop, arrivals: list[tuple[str, Event]], stop: threading.Event) -> None:
    """Deliver everything as a platform does: again and again until it is acknowledged. Then lets the killing stop."""
    share = iter(arrivals)
    lock = threading.Lock()
    refused: list[str] = []

    def send() -> None:
        while True:
            with lock:
                each = next(share, None)
            if each is None:
                return
            delivery_id, (type_, data, at) = each
            for attempt in itertools.count():
                answer = shop.send(type_, data, delivery_id, at)
                if answer in (200, 202):
                    break
                if 400 <= answer < 500 or attempt > 300:
                    refused.append(f"{delivery_id}: {answer}")
                    break
                time.sleep(0.2)
            time.sleep(0.03)  # spread over the killing

    senders = [threading.Thread(target=send) for _ in range(SENDERS)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    stop.set()
    assert refused == []


def kill_in_turn(lagniappe: Running, stop: threading.Event, killed: list[str]) -> None:
    """kill -9 one process after the other, whatever it is doing."""
    for name, *words in VICTIMS * ROUNDS:
        if stop.wait(PAUSE_BETWEEN_KILLS):
            return
        for victim in lagniappe.processes(*words):
            try:
                victim.kill()
                killed.append(name)
            except psutil.NoSuchProcess:
                continue


def status(lagniappe: Running) -> dict[str, Any]:
    answer: dict[str, Any] = requests.get(f"{lagniappe.base_url}/status", timeout=PATIENCE_SECONDS).json()
    return answer


def nothing_waits(lagniappe: Running) -> bool:
    try:
        now = status(lagniappe)
    except requests.RequestException:
        return False
    return all(now.get(name, {}).get("waiting") == 0 for name in ("inbox", "inbox_failed", "due_awards"))


def all_of(shop: RunningShop, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    page = shop.get(f"{path}?limit=200")
    while True:
        items += page["items"]
        if page["next"] is None:
            return items
        page = shop.get(f"{path}?limit=200&after={page['next']}")
