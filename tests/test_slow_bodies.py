"""Bodies that never arrive do not keep others out, on a real granian with two threads (F-15)."""

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.embedded.processes import eventually, free_port, status_of

APP = """
import time
from backend.slow_bodies import SlowBodies

def plain(environ, start_response):
    body = environ["wsgi.input"].read() if environ["REQUEST_METHOD"] == "POST" else b"hello"
    time.sleep(2 if environ["PATH_INFO"] == "/slow-answer" else 0)
    start_response("200 OK", [])
    return [body]

watched = SlowBodies(plain, patience=2, crowd=100)
patient = SlowBodies(plain, patience=5, crowd=100)
"""
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"


def served(app: str, folder: Path) -> Iterator[int]:
    (folder / "slow_body_app.py").write_text(APP)
    port = free_port()
    options = f"--port {port} --interface wsgi --blocking-threads 2 --workers-kill-timeout 1 --no-log".split()
    granian = subprocess.Popen(
        [Path(sys.executable).parent / "granian", *options, "--working-dir", folder, f"slow_body_app:{app}"]
    )
    try:
        eventually(lambda: answer(port, seconds=1))
        yield port
    finally:
        granian.terminate()
        status_of(granian)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[int]:
    yield from served("watched", tmp_path)


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[int]:
    yield from served("patient", tmp_path)


@pytest.fixture
def unwatched(tmp_path: Path) -> Iterator[int]:
    yield from served("plain", tmp_path)


def answer(port: int, *, path: str = "/", body: bytes | None = None, seconds: float) -> bytes | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", data=body, timeout=seconds) as answered:
            return bytes(answered.read())
    except OSError:
        return None


def stall(stack: ExitStack, port: int, count: int) -> list[socket.socket]:
    connections = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(count)]
    for connection in connections:
        connection.sendall(HEAD + b"half")
    return connections


def keep_all_busy(stack: ExitStack, port: int) -> None:
    """No thread is left to answer. Bodies that nobody waits for any more, since the machine paused, are begun anew."""
    for _ in range(5):
        stall(stack, port, 6)
        if answer(port, seconds=0.2) is None:
            return
    raise AssertionError("others are answered")


def test_others_are_answered_although_more_bodies_than_threads_never_arrive(watched: int) -> None:
    with ExitStack() as stack:
        keep_all_busy(stack, watched)
        assert answer(watched, seconds=60) == b"hello"


def test_the_watch_is_needed(unwatched: int) -> None:
    with ExitStack() as stack:
        keep_all_busy(stack, unwatched)
        assert answer(unwatched, seconds=3.5) is None


def test_a_body_that_keeps_coming_is_read_to_its_end(patient: int) -> None:
    with ExitStack() as stack:
        stall(stack, patient, 1)
        (slow,) = stall(stack, patient, 1)
        for byte in b"+whole":
            time.sleep(1)  # longer in all than anybody's patience
            slow.sendall(bytes([byte]))
        assert slow.recv(4096).endswith(b"half+whole")


def test_whole_bodies_are_left_alone(watched: int) -> None:
    with ExitStack() as stack:
        stall(stack, watched, 1)
        assert answer(watched, body=b"0123456789", seconds=60) == b"0123456789"
