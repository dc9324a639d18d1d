"""`lagniappe demo`, whole and real: the store, PostgreSQL, Valkey, the workers and the mail, seen from outside only."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.demo.conftest import eventually
from tests.embedded.processes import free_port, status_of

START_SECONDS = 300.0
STOP_SECONDS = 10.0
"""Contract section 1."""
PATIENCE_SECONDS = 120.0
"""For an answer that nobody promised to be quick."""
KEYS = {
    *("base_url", "store_url", "mailbox_url", "shop_id", "webhook_url", "webhook_secret", "widget_key"),
    *("identity_secret", "api_key", "admin_login_url", "data_dir", "database_url", "redis_url"),
}


class Demo:
    """One data folder, on which the demo can be started and stopped again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = (str(free_port()), str(free_port()))
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def announcement(self) -> Path:
        return self.folder / "demo.json"

    def start(self) -> dict[str, Any]:
        """What demo.json says; fails with the output if the demo ends before it is ready."""
        port, store_port = self.ports
        with (self.folder.parent / "output").open("ab") as output:
            self.process = process = subprocess.Popen(
                [
                    Path(sys.executable).with_name("lagniappe"),
                    "demo",
                    "--port",
                    port,
                    "--store-port",
                    store_port,
                    "--no-past",
                ],
                env={**self.clean_environ(), "LAGNIAPPE_DATA_DIR": str(self.folder)},
                cwd=self.folder.parent,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

        def is_ready() -> bool:
            assert process.poll() is None, (self.folder.parent / "output").read_text()
            return self.announcement.exists()

        eventually(is_ready, START_SECONDS)
        found: dict[str, Any] = json.loads(self.announcement.read_text())
        return found

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return status_of(self.process, within=STOP_SECONDS)

    @staticmethod
    def clean_environ() -> dict[str, str]:
        ours = ("DATABASE_URL", "REDIS_URL", "BASE_URL", "MAIL_URL", "SECRET_KEY", "ENCRYPTION_KEY", "LAGNIAPPE_ENV")
        return {name: value for name, value in os.environ.items() if name not in ours}


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    started = Demo(tmp_path / "data")
    yield started
    if started.process is not None and started.process.poll() is None:
        started.process.terminate()
        try:
            started.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            started.process.kill()
            started.process.wait()


def test_a_newcomer_buys_collects_waits_and_sees_the_points_and_the_letter_and_a_second_run_keeps_them_at_another_port(
    demo: Demo,
) -> None:
    known = demo.start()
    assert known.keys() >= KEYS
    assert stat.S_IMODE(demo.announcement.stat().st_mode) == 0o600
    for address in (known["store_url"], known["mailbox_url"], f"{known['base_url']}/readyz"):
        assert requests.get(address, timeout=PATIENCE_SECONDS).status_code == 200, address

    rewards = merchant(known, "GET", "/rewards")["items"]
    assert len({reward["reward_sub_type"] or reward["reward_type"] for reward in rewards}) == 8

    store = requests.Session()
    assert store.get(f"{known['store_url']}/state", timeout=PATIENCE_SECONDS).json()["waiting"] == 0
    store.post(f"{known['store_url']}/tour/buy", timeout=PATIENCE_SECONDS)
    page = store.get(known["store_url"], timeout=PATIENCE_SECONDS).text
    collect = re.search(r'action="(/orders/[^"]+/collect)"', page)
    assert collect is not None
    store.post(f"{known['store_url']}{collect[1]}", timeout=PATIENCE_SECONDS)
    eventually(lambda: store.get(f"{known['store_url']}/state", timeout=PATIENCE_SECONDS).json()["waiting"] == 0)
    eventually(lambda: points_of_the_moon_jar(store, known)["pending"] == 100)
    store.post(f"{known['store_url']}/clock", data={"step": "3d"}, timeout=PATIENCE_SECONDS)
    eventually(lambda: points_of_the_moon_jar(store, known)["earned"] == 100)
    eventually(lambda: "Read it" in store.get(known["store_url"], timeout=PATIENCE_SECONDS).text)

    assert demo.stop() == 0
    assert not demo.announcement.exists()
    with pytest.raises(requests.ConnectionError):
        requests.get(known["store_url"], timeout=2)

    demo.ports = (demo.ports[0], str(free_port()))
    again = demo.start()
    assert {name for name in known if again[name] != known[name]} == {"store_url", "mailbox_url"}
    kept = merchant(again, "GET", "/rewards")["items"]
    assert [reward["id"] for reward in kept] == [reward["id"] for reward in rewards]
    assert points_of_the_moon_jar(store, again)["earned"] == 100
    assert "Read it" in store.get(again["store_url"], timeout=PATIENCE_SECONDS).text
    a_reward_is_stocked_although_answers_get_lost(again)
    assert demo.stop() == 0


def a_reward_is_stocked_although_answers_get_lost(known: dict[str, Any]) -> None:
    """A new reward's codes are made at the store, and in the end both know as many."""
    mischief = {"on": "forgetful", "lost_percent": "25"}
    requests.post(f"{known['store_url']}/mischief/discounts", data=mischief, timeout=PATIENCE_SECONDS)
    wanted = {
        "reward_name": "€3 off",
        "reward_type": "coupon_based_reward",
        "reward_sub_type": "fixed_amount_discount",
        "reward_value": "€3",
        "points_to_be_redeemed": 15,
    }
    made = merchant(known, "POST", "/rewards", wanted)

    def is_stocked() -> bool:
        ours = merchant(known, "GET", f"/rewards/{made['id']}")["coupons_info"]["total_coupons"]
        items = requests.get(f"{known['store_url']}/discounts.json", timeout=PATIENCE_SECONDS).json()["items"]
        return 0 < ours == len([code for code in items if code["value"] == "3.00"])

    eventually(is_stocked, 120)


def merchant(known: dict[str, Any], method: str, path: str, document: Any = None) -> Any:
    answer = requests.request(
        method,
        f"{known['base_url']}/api/v1{path}",
        json=document,
        headers={"Authorization": f"Bearer {known['api_key']}", "Idempotency-Key": "shelf"},
        timeout=PATIENCE_SECONDS,
    )
    assert answer.ok, answer.text
    return answer.json()


def points_of_the_moon_jar(store: requests.Session, known: dict[str, Any]) -> dict[str, int]:
    """What the widget would show of the tour's order to whoever is signed in at the store."""
    page = store.get(known["store_url"], timeout=PATIENCE_SECONDS).text
    identity = re.search(r'data-identity="([^"]+)"', page)
    assert identity is not None
    api = f"{known['base_url']}/widget/v1"
    session = requests.post(
        f"{api}/{known['widget_key']}/session", json={"identity": identity[1]}, timeout=PATIENCE_SECONDS
    ).json()
    signed_in = {"Authorization": f"Bearer {session['session']}"}
    balance = requests.get(f"{api}/me", headers=signed_in, timeout=PATIENCE_SECONDS).json()["balance"]
    activity = requests.get(f"{api}/me/activity", headers=signed_in, timeout=PATIENCE_SECONDS).json()["items"]
    return {
        "pending": max((each["points"] for each in balance["pending"]), default=0),
        "earned": max((each["points"] for each in activity if each["balance_after"] >= 100), default=0),
    }


def test_two_demos_do_not_share_a_data_folder(demo: Demo) -> None:
    demo.folder.mkdir()
    lock = demo.folder / "store"
    lock.mkdir()
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD_LOCK, str(lock / "lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    refused = subprocess.run(
        [Path(sys.executable).with_name("lagniappe"), "demo", "--port", demo.ports[0], "--store-port", demo.ports[1]],
        env={**Demo.clean_environ(), "LAGNIAPPE_DATA_DIR": str(demo.folder)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    holder.communicate(b"\n")
    assert refused.returncode == 1
    assert "A demo is running" in refused.stderr


_HOLD_LOCK = """
import fcntl, sys
with open(sys.argv[1], "w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_the_demo_refuses_production(demo: Demo) -> None:
    refused = subprocess.run(
        [Path(sys.executable).with_name("lagniappe"), "demo"],
        env={**Demo.clean_environ(), "LAGNIAPPE_DATA_DIR": str(demo.folder), "LAGNIAPPE_ENV": "production"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert refused.returncode == 1
    assert "LAGNIAPPE_ENV=demo" in refused.stderr
    assert not demo.folder.exists()
