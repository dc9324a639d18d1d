"""How much one member and one address may ask for (contract section 5), counted in the memory of each process.

Counting in the process costs 1 µs and no other server. Behind several processes the limit is therefore theirs together.
A sliding window is kept as two counters per key; whole windows are dropped at once, so that clearing up costs nothing
however many members come (the memory storage of the library `limits` walks all its keys every 10 ms: 160 µs a hit with
50,000 members).
"""

import math
import re
import threading
import time
from collections.abc import Hashable
from dataclasses import dataclass

from backend.errors import ConfigError, TooManyRequests

_SECONDS = {"second": 1, "minute": 60, "hour": 3600}
_A_HAIR = 1e-6  # what floats are off at most
_LIMIT = re.compile(r"([1-9][0-9]{0,8})/(second|minute|hour)")


@dataclass(frozen=True)
class Limit:
    """So many in so many seconds."""

    count: int
    seconds: int


DEFAULTS = {"reads": Limit(600, 60), "writes": Limit(60, 60), "address": Limit(6000, 60), "links": Limit(120, 60)}
"""Of members, of addresses, and of addresses that follow friends' links, so that no code is guessed."""


class Window:
    """Counts hits of any number of keys against one limit."""

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._number = 0
        self._now: dict[Hashable, int] = {}
        self._before: dict[Hashable, int] = {}

    def hit(self, key: Hashable) -> None:
        """Count one. Raises TooManyRequests if the key is over its limit; a refused one is not counted."""
        windows = time.monotonic() / self._limit.seconds
        number = int(windows)
        gone = windows - number  # how much of the running window is over
        with self._lock:
            if number != self._number:
                self._before = self._now if number == self._number + 1 else {}
                self._now = {}
                self._number = number
            used = self._now.get(key, 0)
            before = self._before.get(key, 0)
            if used + before * (1 - gone) < self._limit.count - _A_HAIR:
                self._now[key] = used + 1
                return
        raise TooManyRequests(self._seconds_until_free(used, before, gone))

    def _seconds_until_free(self, used: int, before: int, gone: float) -> int:
        """When one more would pass: when enough of the window before, or of this one, has slid out."""
        count = self._limit.count
        wait = 1 - (count - used) / before - gone if used < count else (1 - gone) + (1 - count / (used + 1))
        return max(1, math.ceil(wait * self._limit.seconds + _A_HAIR))


class RateLimits:
    """The limits of the widget API. Each kind counts by itself."""

    def __init__(self, limits: dict[str, Limit]) -> None:
        self._windows = {kind: Window(limit) for kind, limit in limits.items()}

    @classmethod
    def from_setting(cls, setting: str | None, *, is_test: bool) -> "RateLimits":
        """Read LAGNIAPPE_RATE_LIMITS, such as `writes=60/minute;reads=600/minute;address=6000/minute`; a kind left out
        keeps its default. Without it there are no limits in test. Raises ConfigError."""
        if setting is None:
            return cls({} if is_test else dict(DEFAULTS))
        limits = dict(DEFAULTS)
        for part in filter(None, (part.strip() for part in setting.split(";"))):
            kind, _, text = part.partition("=")
            match = _LIMIT.fullmatch(text.strip())
            if kind.strip() not in DEFAULTS or match is None:
                raise ConfigError(
                    f"LAGNIAPPE_RATE_LIMITS must look like writes=60/minute;reads=600/minute;address=6000/minute,"
                    f" not {part!r}."
                )
            limits[kind.strip()] = Limit(int(match[1]), _SECONDS[match[2]])
        return cls(limits)

    def hit(self, kind: str, key: Hashable) -> None:
        """Count one of that kind (a name of `DEFAULTS`) for the key. Raises TooManyRequests."""
        window = self._windows.get(kind)
        if window is not None:
            window.hit(key)
