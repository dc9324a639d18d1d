"""Notices that the machine's clock was set to another day while this process ran.

The kernel's count of seconds since the machine started goes on through sleep and is never set. As long as the two
disagree nothing expires and nobody is reminded: one wrong answer of a time server must not cost anybody points. What
expires something reads the time first and asks here afterwards, so that no leap falls between the two.
"""

import logging
import time

from backend import clock

LEAP_SECONDS = 24 * 60 * 60
"""No correction of a clock that works goes so far."""
ALARM_SECONDS = 60.0

log = logging.getLogger(__name__)


class Leaps:
    """Those since it was made."""

    def __init__(self) -> None:
        self._origin = self._gap()
        self._alarm_at = 0.0

    def have_happened(self) -> bool:
        leap = self._gap() - self._origin
        if abs(leap) < LEAP_SECONDS:
            return False
        if time.monotonic() >= self._alarm_at:
            self._alarm_at = time.monotonic() + ALARM_SECONDS
            log.critical(
                "the machine's clock has leapt by %d seconds: nothing expires until it is right again;"
                " if it is right now, restart `lagniappe clock` and `lagniappe worker`",
                leap,
            )
        return True

    @staticmethod
    def _gap() -> float:
        since_boot = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
        return clock.wall().timestamp() - time.clock_gettime(since_boot)


_since_the_start = Leaps()


def have_happened() -> bool:
    """Whether the machine's clock has leapt since this process, or the one that it was forked from, was started."""
    return _since_the_start.have_happened()
