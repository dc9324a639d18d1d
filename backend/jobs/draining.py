"""How a job works: batch after batch, each its own transaction, for a bounded time.

A job has no payload. It drains what is due, ends early when its process is asked to stop, and rings its doorbell again
if it left something.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from backend import queue
from backend.db import retrying

WORKER_SECONDS = 20.0
"""How long one job goes on in a worker; far less than RQ grants it (`queue.JOB_SECONDS`)."""


@dataclass(frozen=True)
class Bounds:
    """How long a drain may go on, and who may ask it to stop."""

    seconds: float = WORKER_SECONDS
    is_stopping: Callable[[], bool] = lambda: False


_UNASKED = Bounds()
_bounds: ContextVar[Bounds] = ContextVar("bounds", default=_UNASKED)


@contextmanager
def bounded(bounds: Bounds) -> Iterator[None]:
    """Let the drains inside keep to these bounds."""
    token = _bounds.set(bounds)
    try:
        yield
    finally:
        _bounds.reset(token)


def in_batches(name: str, batch: Callable[[], int]) -> int:
    """Call `batch` until it finds nothing to do or the bounds are reached; returns how much was done in all.

    A batch that meets a deadlock or a serialization failure is run again, so it must hold its whole transaction.
    """
    bounds = _bounds.get()
    ends_at = time.monotonic() + bounds.seconds
    run = retrying(batch)
    total = 0
    while done := run():
        total += done
        if time.monotonic() >= ends_at or bounds.is_stopping():
            queue.ring(name)
            break
    return total


def has_time_left(seconds_used: float) -> bool:
    """Whether a batch that has worked for so long may begin another slow call."""
    bounds = _bounds.get()
    return seconds_used < bounds.seconds and not bounds.is_stopping()
