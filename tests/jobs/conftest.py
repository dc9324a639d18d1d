"""A queue that a test may stop, kill and empty, and processes of ours that a test may kill."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
import redis
from flask import Flask
from sqlalchemy import text

from backend.app import create_app
from backend.db import db, transaction
from backend.embedded.places import valkey_binary
from tests.conftest import TestShop
from tests.embedded.processes import eventually


class OwnValkey:
    """A Valkey of this test alone."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "valkey.sock"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"unix://{self._socket}?db=0"

    @property
    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def start(self) -> None:
        self._process = subprocess.Popen(
            [valkey_binary(), "--port", "0", "--unixsocket", str(self._socket), "--save", "", "--loglevel", "warning"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            cwd=self._socket.parent,
        )
        eventually(self._answers)

    def hang(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False


@pytest.fixture
def valkey() -> Iterator[OwnValkey]:
    with tempfile.TemporaryDirectory(prefix="lgn-") as folder:
        server = OwnValkey(Path(folder))
        yield server
        server.kill()


@pytest.fixture
def own_environ(environ: dict[str, str], valkey: OwnValkey) -> dict[str, str]:
    return {**environ, "REDIS_URL": valkey.url}


@pytest.fixture
def own_app(whole_app: Flask, own_environ: dict[str, str]) -> Iterator[Flask]:
    """An app whose queue is the test's own Valkey."""
    app = create_app(own_environ)
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def lagniappe(own_environ: dict[str, str]) -> Iterator[Start]:
    """Start `lagniappe …` as a process of its own, on the test's own queue."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", "from backend.cli import main; main()", *arguments],
            env={**os.environ, **own_environ},
            stdin=subprocess.DEVNULL,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def deliver(own_app: Flask, shop: TestShop) -> Callable[..., str]:
    """Have a customer's webhook accepted over the own app; returns the delivery's id."""

    def accept(number: int = 1) -> str:
        delivery_id = f"jobs-{number}"
        body = orjson.dumps(
            {"type": "customer.created", "timestamp": "2026-01-01T00:00:00Z", "data": {"id": f"c{number}"}}
        )
        headers = shop.signed(body, delivery_id)
        answer = own_app.test_client().post(f"/webhooks/custom/{shop.id}", data=body, headers=headers)
        assert answer.status_code == 202, answer.text
        return delivery_id

    return accept


@pytest.fixture
def states(own_app: Flask, shop: TestShop) -> Callable[[], list[str]]:
    """The states of the shop's deliveries."""

    def look() -> list[str]:
        with transaction() as session:
            rows = session.execute(text("select state from delivery where shop_id = :shop"), {"shop": shop.id})
            return [row.state for row in rows]

    return look
