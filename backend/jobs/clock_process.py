"""`lagniappe clock`: rings each doorbell at its time, and does the work itself where ringing brings no progress.

Any number of clocks may run: a lock in PostgreSQL lets one lead, the others stand by and take over when it is gone. So
everything that is due happens, slower, with the queue killed, hung or flushed and with no worker alive.
"""

import logging
import signal
import threading
import time
from types import FrameType
from typing import Any

import psycopg
from flask import Flask

from backend import clock
from backend.jobs import leaps
from backend.jobs.draining import Bounds, bounded
from backend.jobs.schedule import SCHEDULE, Periodic
from backend.platforms import outgoing
from backend.queue import Bell, bell

LEADER_LOCK = 7246002
SESSION_NAME = "lagniappe clock"
"""What `pg_stat_activity` calls leader and standbys."""
PATIENCE_SECONDS = 5.0
"""How long the row that waits longest may stay the same before the clock does the work itself."""
OWN_DRAIN_SECONDS = 0.5
"""How long the clock drains one job at a stretch: all the others wait meanwhile, and what is due has 10 seconds."""
OWN_CALL_SECONDS = 5.0
"""How long a call to a store or to Shopify may take when the clock makes it: nothing else happens meanwhile. What takes
longer has to wait for a worker."""
TICK_SECONDS = 0.25
STANDBY_SECONDS = 1.0

_OPTIONS = "-c timezone=UTC -c statement_timeout=5s -c idle_session_timeout=10s"
"""The last one makes a leader that hangs lose the lock: PostgreSQL closes its idle session."""

log = logging.getLogger(__name__)


def run(app: Flask, stopping: threading.Event | None = None) -> None:
    """Keep time until SIGTERM or SIGINT, or until `stopping` is set."""
    stopping = stopping or _asked_to_stop()
    while not stopping.is_set():
        try:
            with app.app_context(), _connect(app) as line:
                if _becomes_leader(line, stopping):
                    log.info("this clock leads")
                    _lead(app, line, stopping)
        except psycopg.Error as error:
            log.warning("the clock has lost the database: %s", str(error).strip())
            stopping.wait(STANDBY_SECONDS)


def _asked_to_stop() -> threading.Event:
    stopping = threading.Event()

    def stop(signum: int, frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    return stopping


def _connect(app: Flask) -> psycopg.Connection[Any]:
    """A session of its own: the lock lives as long as this connection. Not through a pooler that shares sessions."""
    return psycopg.connect(
        app.config["LAGNIAPPE_DATABASE_URL"],
        autocommit=True,
        options=_OPTIONS,
        connect_timeout=2,
        application_name=SESSION_NAME,
    )


def _becomes_leader(line: psycopg.Connection[Any], stopping: threading.Event) -> bool:
    """Stand by until the lock is ours. False if we were asked to stop first."""
    while not stopping.is_set():
        row = line.execute("select pg_try_advisory_lock(%s)", [LEADER_LOCK]).fetchone()
        if row is not None and row[0]:
            return True
        stopping.wait(STANDBY_SECONDS)
    return False


def _lead(app: Flask, line: psycopg.Connection[Any], stopping: threading.Event) -> None:
    watches = [Watch(app, job) for job in SCHEDULE]
    while not stopping.is_set():
        has_leapt = leaps.have_happened()
        for watch in watches:
            if stopping.is_set():
                return
            if not (has_leapt and watch.job.needs_sane_time):
                watch.attend(line, bell(), stopping)
        stopping.wait(TICK_SECONDS)


class Watch:
    """What the clock knows of one job."""

    def __init__(self, app: Flask, job: Periodic) -> None:
        self.job = job
        self._app = app
        self._door = job.door()
        self._slot: int | None = None
        self._oldest: Any = None
        self._same_since = 0.0
        self._is_late = False
        self._goes_on = False
        """The last stretch of our own brought something: another in the next round."""
        self._is_owed = False
        """Rung, but nobody heard it."""

    def attend(self, line: psycopg.Connection[Any], ringer: Bell, stopping: threading.Event) -> None:
        """Look after the job if it is time: ring, and drain here if nobody hears it or it brings nothing.

        Raises psycopg.Error when the line is lost.
        """
        is_due = self._is_due()
        if self.job.waits is None:
            self._is_owed = (is_due or self._is_owed) and not ringer.ring(self.job.name)
            return
        if not is_due and self._oldest is None:
            return
        oldest = self._look(line)
        if oldest != self._oldest:
            self._oldest, self._same_since, self._is_late, self._goes_on = oldest, time.monotonic(), False, False
        if oldest is None:
            return
        is_heard = ringer.ring(self.job.name) if is_due else True
        if not is_heard or self._goes_on or time.monotonic() - self._same_since >= PATIENCE_SECONDS:
            if not self._is_late:
                log.warning("no worker does %s: the clock does it", self.job.name)
            self._is_late = True
            self._drain(stopping)
            left = self._look(line)
            self._goes_on = left != self._oldest
            self._oldest, self._same_since = left, time.monotonic()

    def _is_due(self) -> bool:
        """Once in each round slot of `every` seconds; at the start only what can see whether anything waits."""
        slot = int(clock.wall().timestamp() // self.job.every)
        is_due = slot != self._slot and (self._slot is not None or self.job.waits is not None)
        self._slot = slot
        return is_due

    def _look(self, line: psycopg.Connection[Any]) -> Any:
        assert self.job.waits is not None
        return line.execute(self.job.waits, {"now": clock.now(), "wall": clock.wall()}).fetchone()

    def _drain(self, stopping: threading.Event) -> None:
        try:
            bounds = Bounds(OWN_DRAIN_SECONDS, stopping.is_set)
            with self._app.app_context(), bounded(bounds), outgoing.no_longer_than(OWN_CALL_SECONDS):
                self._door()
        except Exception:
            log.exception("the clock could not do %s", self.job.name)
