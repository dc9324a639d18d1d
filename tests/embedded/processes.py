"""Looking at real processes."""

import socket
import time
from collections.abc import Callable
from typing import TypeVar

import psutil

T = TypeVar("T")


def eventually(look: Callable[[], T], *, within: float = 10.0) -> T:
    """What `look` returns as soon as that is true; fails when it is not in time."""
    deadline = time.monotonic() + within
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not within {within} s"
        time.sleep(0.02)
    return seen


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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
