"""A whole Lagniappe as a merchant runs it: `lagniappe up` in a process of its own, known only by its addresses."""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
import requests
from psycopg.rows import dict_row

from backend import embedded
from backend.platforms.custom import signature
from tests import stopwatch
from tests.embedded.processes import free_port, status_of

LAGNIAPPE = Path(sys.executable).parent / "lagniappe"
START_SECONDS = 240
STOP_SECONDS = 30
"""Ten are promised, which tests/embedded and tests/demo time; here it is enough that nothing is left."""
PATIENCE_SECONDS = 60
"""For an answer that nobody promised to be quick."""


@dataclass
class Running:
    """The addresses of a running Lagniappe and the ways in: commands, webhooks, the merchant API."""

    base_url: str
    environ: dict[str, str]
    process: subprocess.Popen[bytes]
    log: Path
    _sessions: requests.Session = field(default_factory=requests.Session)

    def command(self, *arguments: str, status: int = 0) -> Any:
        """Run `lagniappe …` and read what it prints as JSON."""
        done = subprocess.run(
            [LAGNIAPPE, *arguments], env=self.environ, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == status, done.stderr + done.stdout
        return json.loads(done.stdout)

    def create_shop(self, program: dict[str, Any], folder: Path, **given: str) -> "RunningShop":
        facts = {
            "platform": "custom",
            "name": "Maison Test",
            "domain": "shop.example",
            "currency": "EUR",
            "timezone": "Europe/Paris",
            "locale": "en",
        } | given
        made = self.command("shop", "create", *[part for name, value in facts.items() for part in (f"--{name}", value)])
        file = folder / f"program-{made['shop_id']}.json"
        file.write_text(json.dumps(program))
        self.command("program", "set", "--shop", made["shop_id"], str(file))
        return RunningShop(self, made)

    def processes(self, *words: str) -> list[psutil.Process]:
        """The running processes of this Lagniappe whose command line holds all these words."""
        found = []
        for each in psutil.Process(self.process.pid).children(recursive=True):
            try:
                line = " ".join(each.cmdline())
            except psutil.Error:
                continue
            if all(word in line for word in words):
                found.append(each)
        return found

    def rows(self, statement: str, *parameters: Any) -> list[dict[str, Any]]:
        """Ask its database what no address tells, or change what only time would."""
        with (
            embedded.running(Path(self.environ["LAGNIAPPE_DATA_DIR"])) as addresses,
            psycopg.connect(addresses.database_url, autocommit=True, row_factory=dict_row) as database,
        ):
            found = database.execute(statement, parameters)
            return found.fetchall() if found.description is not None else []


@dataclass
class RunningShop:
    """A shop of a running Lagniappe, seen from its store."""

    lagniappe: Running
    made: dict[str, str]

    def send(self, type_: str, data: Mapping[str, Any], delivery_id: str, at: str) -> int:
        """Deliver one webhook once; the status of the answer, or 0 if there was none."""
        raw = json.dumps({"type": type_, "timestamp": at, "data": data}).encode()
        timestamp = int(time.time())
        headers = {
            "webhook-id": delivery_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature.sign(self.made["webhook_secret"], delivery_id, timestamp, raw),
            "content-type": "application/json",
        }
        try:
            return requests.post(
                self.made["webhook_url"], data=raw, headers=headers, timeout=PATIENCE_SECONDS
            ).status_code
        except requests.RequestException:
            return 0

    def get(self, path: str) -> Any:
        """Read from the merchant API."""
        answer = requests.get(
            f"{self.lagniappe.base_url}/api/v1{path}",
            headers={"Authorization": f"Bearer {self.made['api_key']}"},
            timeout=PATIENCE_SECONDS,
        )
        answer.raise_for_status()
        return answer.json()

    def call(self, method: str, path: str, document: Any) -> Any:
        """Write to the merchant API."""
        answer = requests.request(
            method,
            f"{self.lagniappe.base_url}/api/v1{path}",
            json=document,
            headers={"Authorization": f"Bearer {self.made['api_key']}", "Idempotency-Key": secrets.token_hex(8)},
            timeout=PATIENCE_SECONDS,
        )
        assert answer.ok, answer.text
        return answer.json()


@contextmanager
def lagniappe_up(folder: Path, **environ: str) -> Iterator[Running]:
    """`lagniappe up` on embedded servers in `folder`; stopped by SIGTERM, which must leave nothing running."""
    port = free_port()
    settings = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "LAGNIAPPE_ENV": "test",
        "LAGNIAPPE_DATA_DIR": str(folder),
    } | environ
    log = folder / "up.log"
    folder.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [LAGNIAPPE, "up", "--port", str(port)], env=settings, stdout=output, stderr=subprocess.STDOUT
        )
    running = Running(f"http://127.0.0.1:{port}", settings, process, log)
    try:
        wait_until(lambda: is_ready(running.base_url), START_SECONDS, lambda: log.read_text()[-3000:])
        yield running
    finally:
        family = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        try:
            status_of(process, within=STOP_SECONDS)
        finally:
            process.kill()
        _, alive = psutil.wait_procs(family, timeout=STOP_SECONDS)
        assert not alive, f"still running after lagniappe up ended: {alive}"


def is_ready(base_url: str) -> bool:
    try:
        return requests.get(f"{base_url}/readyz", timeout=2).status_code == 200
    except requests.RequestException:
        return False


def wait_until(claim: Callable[[], bool], seconds: float, explain: Callable[[], str] = lambda: "") -> None:
    """Ask again and again until the claim holds. Fails, with an explanation, if it does not in time."""
    deadline = stopwatch.now() + seconds
    while not claim():
        assert stopwatch.now() < deadline, f"not within {seconds} s. {explain()}"
        time.sleep(0.1)
