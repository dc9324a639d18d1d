"""The store alone, against a small server that keeps what it is sent."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from demo.book import Book
from demo.outbox import Sender
from demo.settings import Settings
from demo.shop import Shop
from tests import stopwatch

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
IDENTITY_SECRET = "an-identity-secret-of-the-tests-0123456789"


@dataclass
class Received:
    headers: dict[str, str]
    body: bytes
    path: str = ""

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Listener:
    """A server at the edge: keeps every POST and answers what the test lined up, then 202."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)

    def types(self) -> list[str]:
        return [each.document["type"] for each in self.received]


def eventually(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until it holds; fail if it does not within the time, which is long for a machine that is busy."""
    deadline = stopwatch.now() + seconds
    while not holds():
        assert stopwatch.now() < deadline, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture
def listener() -> Iterator[Listener]:
    kept = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.received.append(
                Received({name.lower(): value for name, value in self.headers.items()}, body, self.path)
            )
            status, headers = kept.answers.pop(0) if kept.answers else (202, {})
            answer = b'{"status":"accepted"}'
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(answer))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_port}/webhooks/custom/7"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield kept
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def settings(tmp_path: Path, listener: Listener) -> Settings:
    return Settings(
        folder=tmp_path / "store",
        lagniappe_url="http://127.0.0.1:1",
        api_key="lgn_tests",
        patience_seconds=0,
        shop_id="7",
        webhook_url=listener.url,
        webhook_secret=SECRET,
        widget_key="wk_tests",
        identity_secret=IDENTITY_SECRET,
        time_command=("true",),
    )


@pytest.fixture
def book(settings: Settings) -> Book:
    return Book(settings.folder)


@pytest.fixture
def sender(book: Book, settings: Settings) -> Iterator[Sender]:
    """Not started: a test that wants deliveries starts it."""
    api = settings.webhook_url.replace("/webhooks/custom/7", "/api/v1")
    thread = Sender(book, settings.webhook_url, settings.webhook_secret, (api, settings.api_key))
    yield thread
    if thread.is_alive():
        thread.stop()


@pytest.fixture
def shop(book: Book, sender: Sender, settings: Settings) -> Shop:
    return Shop(book, sender, settings)
