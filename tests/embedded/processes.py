"""Looking at real processes."""

import itertools
import os
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import psutil

from tests import stopwatch

T = TypeVar("T")


def eventually(look: Callable[[], T], *, within: float = 60.0) -> T:
    """What `look` returns as soon as that is true; fails when it is not in time. `within` is for a promise: a machine that is
    busy is given long."""
    deadline = stopwatch.now() + within
    while not (seen := look()):
        assert stopwatch.now() < deadline, f"not within {within} s"
        time.sleep(0.02)
    return seen


def status_of(process: "subprocess.Popen[bytes] | subprocess.Popen[str]", *, within: float = 60.0) -> int:
    """What it ended with; fails when it does not end in time."""
    eventually(lambda: process.poll() is not None, within=within)
    return int(process.returncode)


def with_word(word: str) -> list[psutil.Process]:
    """Every living process that has `word` in its command line, with its `name` and `cmdline` of this moment in `info`:
    asked for later, it may be gone."""
    found = []
    for process in psutil.process_iter(["name", "cmdline", "status"]):
        said = process.info
        if said["status"] != psutil.STATUS_ZOMBIE and any(word in part for part in said["cmdline"] or ()):
            found.append(process)
    return found


def is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


_ports = itertools.cycle(range(20_000, 32_000))
next(itertools.islice(_ports, os.getpid() * 97 % 12_000, None))


def free_port() -> int:
    """One that nobody listens at, and that nobody is given by the system or a second time by us before it is used."""
    for port in _ports:
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("never")
