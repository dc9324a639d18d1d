"""`lagniappe demo`, whole and real, for tests that look at it with a browser: started once, stopped as Ctrl-C does."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import requests

from tests.embedded.processes import free_port, status_of
from tests.journeys.running import LAGNIAPPE, PATIENCE_SECONDS, STOP_SECONDS, Running, RunningShop, wait_until

START_SECONDS = 300
DUE_SECONDS = 60
"""What is due happens within 10 seconds (contract section 1), which tests/jobs times; the rest is for a busy machine."""
LONG_AGO = (datetime.now(UTC) - timedelta(days=60)).isoformat(timespec="seconds")
"""When somebody signed up whose points for it are there, and for long."""
SIGN_UP = 50
"""What the demo's program gives for it."""
_OURS = ("DATABASE_URL", "REDIS_URL", "BASE_URL", "MAIL_URL", "SECRET_KEY", "ENCRYPTION_KEY", "LAGNIAPPE_RATE_LIMITS")


class DemoShop(RunningShop):
    """A shop of the running demo, with what its merchant does through the API."""

    def adjust(self, member: str, points: int, reason: str, by: str = "Ada of customer care") -> None:
        """`member` is an id, `external:…` or `email:…`."""
        document = {"points": points, "reason": reason, "actor_name": by}
        self.call("POST", f"/members/{member}/adjustments", document)

    def await_balance(self, member: str, **expected: int) -> None:
        """Wait until these parts of the member's balance (available, pending_points, expected_points, owed) are so."""
        found: dict[str, Any] = {}

        def is_so() -> bool:
            found.clear()
            try:
                found.update(self.get(f"/members/{member}/balance"))
            except requests.HTTPError as error:
                if error.response.status_code != 404:  # the member comes with the store's webhook
                    raise
            return {name: found.get(name) for name in expected} == expected

        wait_until(is_so, DUE_SECONDS, lambda: f"wanted {expected}, found {found}")


class Demo:
    """The running demo: its shop, its store, and the Lagniappe under both."""

    def __init__(self, lagniappe: Running, known: dict[str, str]) -> None:
        self.lagniappe = lagniappe
        self.shop = DemoShop(lagniappe, known)
        self.store_url = known["store_url"]

    def await_deliveries(self) -> None:
        """Wait until the store has no webhook left to send, and Lagniappe none to handle."""
        wait_until(lambda: self.state()["waiting"] == 0, DUE_SECONDS)
        wait_until(lambda: self._left_to_handle() == 0, DUE_SECONDS)

    def state(self) -> dict[str, Any]:
        """The store's counts: waiting, letters, …"""
        found: dict[str, Any] = requests.get(f"{self.store_url}/state", timeout=PATIENCE_SECONDS).json()
        return found

    def _left_to_handle(self) -> int:
        status = requests.get(f"{self.lagniappe.base_url}/status", timeout=PATIENCE_SECONDS).json()
        return int(status["inbox"]["waiting"])


@contextmanager
def demo_running(folder: Path) -> Iterator[Demo]:
    """A demo on a new data folder. Ctrl-C must end it with success, and leave nothing running."""
    data = folder / "data"
    port, store_port = free_port(), free_port()
    environ = {name: value for name, value in os.environ.items() if name not in _OURS} | {
        "LAGNIAPPE_ENV": "demo",
        "LAGNIAPPE_DATA_DIR": str(data),
    }
    log = folder / "demo.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [LAGNIAPPE, "demo", "--port", str(port), "--store-port", str(store_port), "--no-past"],
            env=environ,
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    announcement = data / "demo.json"

    def is_announced() -> bool:
        assert process.poll() is None, log.read_text()
        return announcement.exists()

    try:
        wait_until(is_announced, START_SECONDS, lambda: log.read_text()[-3000:])
        known = json.loads(announcement.read_text())
        yield Demo(Running(known["base_url"], environ, process, log), known)
    finally:
        family = _family(process)
        process.send_signal(signal.SIGINT)
        try:
            status = status_of(process, within=STOP_SECONDS)
        finally:
            _, alive = psutil.wait_procs(family, timeout=STOP_SECONDS)
            for each in [process, *alive]:
                each.kill()
        assert status == 0, log.read_text()[-3000:]
        assert not alive, f"still running after Ctrl-C: {alive}"


def _family(process: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    try:
        return list(psutil.Process(process.pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return []
