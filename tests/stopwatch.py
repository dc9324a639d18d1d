"""Time as a test may measure it: while the machine itself stands still, so does this clock.

A promise of seconds is then kept or broken by the program, not by whatever else the machine had to do. A machine that is
merely slow is not excused: the limits of the tests leave room for one.
"""

import threading
import time
from collections.abc import Callable

BEAT = 0.02
FORGIVEN = 0.03
"""Seconds: any busy machine wakes a thread so much late, and nothing stood still."""


class Metronome(threading.Thread):
    """Wakes up at every beat. What it oversleeps, everybody has overslept."""

    def __init__(self) -> None:
        super().__init__(name="metronome", daemon=True)
        self._heard = (0.0, time.monotonic() + BEAT)
        """How long everything has stood still so far, and when the next beat is due."""
        self.start()

    def run(self) -> None:
        while True:
            stood_still, due = self._heard
            time.sleep(BEAT)
            now = time.monotonic()
            self._heard = (stood_still + _late(now, due), now + BEAT)

    def now(self) -> float:
        """Seconds since some moment in the past, without those in which everything stood still."""
        stood_still, due = self._heard
        moment = time.monotonic()
        return moment - stood_still - _late(moment, due)


def _late(now: float, due: float) -> float:
    return max(0.0, now - due - FORGIVEN)


now = Metronome().now


def seconds_for(call: Callable[[], object]) -> float:
    """How long it takes."""
    begun = now()
    call()
    return now() - begun


def is_within(seconds: float, call: Callable[[], object], tries: int = 3) -> bool:
    """Whether it takes less, once in so many times: what else a machine does may fall into any of them."""
    return any(seconds_for(call) < seconds for _ in range(tries))
