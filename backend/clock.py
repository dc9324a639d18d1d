"""The only sources of time.

`now()` is the time of the business rules: due dates, expiry, holds, campaigns. In demo and tests it can be moved
(`lagniappe time advance`). `wall()` is the machine's own clock: signature ages, tokens, leases, rate limits. SQL never
calls now(); it is given a time.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

_NO_OFFSET = timedelta()
_offset_source: Callable[[], timedelta] | None = None
_standing: ContextVar[datetime | None] = ContextVar("standing", default=None)


def wall() -> datetime:
    """The machine's clock, aware, UTC."""
    return datetime.now(UTC)


def now() -> datetime:
    """The business clock, aware, UTC. Equal to `wall()` in production."""
    return _standing.get() or wall() + offset()


@contextmanager
def standing_at(moment: datetime | None) -> Iterator[None]:
    """Let the business clock of the running request stand at another moment: for a preview, which only reads
    (`db.reading_only`). None changes nothing."""
    token = _standing.set(moment)
    try:
        yield
    finally:
        _standing.reset(token)


def offset() -> timedelta:
    """How far the business clock stands ahead of the machine's."""
    return _offset_source() if _offset_source is not None else _NO_OFFSET


def use_offset(source: Callable[[], timedelta] | None) -> None:
    """Let `source` say how far the business clock is ahead; the app sets it in demo and test only."""
    global _offset_source
    _offset_source = source
