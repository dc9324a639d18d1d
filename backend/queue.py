"""The doorbells of deferred work: RQ on REDIS_URL.

The database row is the truth and the queue is a doorbell (design section 6). A job has a name such as "inbox.drain"
and nothing else: the function `drain` of `backend/jobs/inbox.py`, on the queue `inbox`. Losing the whole queue loses
nothing: the clock process finds what waits. So ringing may fail, but it may never hold up or break what rings: the
thread of a web request only leaves a note, and the ringer of its process takes the notes to the queue.

What RQ 3.0 does with jobs was measured (reliability, section 2). From that follows: no retries, no
schedules, no results, no callbacks, JSON instead of pickle, and a job class that runs only what is on our list.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any, ClassVar

import redis
from flask import Flask, current_app
from prometheus_client import Counter
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.serializers import JSONSerializer

from backend.db import after_commit

QUEUES = ("inbox", "points", "outbox", "upkeep")
JOBS_PACKAGE = "backend.jobs"

CONNECT_SECONDS = 0.2
ANSWER_SECONDS = 0.5
AWAY_SECONDS = 2.0
"""After a failure nothing is rung for this long."""
COALESCED_MILLISECONDS = 200
"""Of the rings of one doorbell within this time one becomes a job, unless a worker has begun with it meanwhile."""
PAUSE_SECONDS = 0.05
"""The least time between two rounds of one process' ringer."""
MAX_WAITING = 20
"""Jobs that may wait in one queue, more than it has doorbells. More would say nothing new: each drains all that is due."""
JOB_SECONDS = {"inbox": 60, "points": 60, "outbox": 60, "upkeep": 3600}
"""By queue: RQ's last resort against a job that hangs. Drains end by themselves after about 20."""
WAITING_SECONDS = 60
"""A job that nobody has taken by then is forgotten."""
FAILED_SECONDS = 24 * 60 * 60

log = logging.getLogger(__name__)

rung = Counter("lagniappe_doorbells_rung", "Doorbells that became a job", ["name"])
unheard = Counter("lagniappe_doorbells_unheard", "Doorbells that could not be rung: the queue is away", ["name"])
foreign_jobs = Counter("lagniappe_foreign_jobs", "Jobs in the queue that are not on our list, refused")


class ForeignJobError(Exception):
    """Somebody who can write to Redis put a job there that is not ours."""


class ListedJob(Job):
    """A job that can only be a door on our list, without arguments, and nothing around it.

    RQ calls whatever importable name the job and its callbacks carry, `os.system` included, with either serializer.
    """

    doors: ClassVar[Mapping[str, Callable[[], int]]] = {}
    """What a worker may run, by name. The worker's process fills it in; anywhere else it is empty."""

    def restore(self, raw_data: Any) -> Any:
        try:
            super().restore(raw_data)
        except NoSuchJobError:
            raise
        except Exception as error:  # whatever a foreign hash makes RQ's parsing raise; unhandled, it ends the worker
            foreign_jobs.inc()
            log.error("job %s in the queue is malformed, skipped: %r", self.id, error)
            raise NoSuchJobError(f"{self.id} is malformed") from error
        self._success_callback_name = self._failure_callback_name = self._stopped_callback_name = None
        self.webhooks = []
        self.retries_left = self.repeats_left = None
        self.rate_limit_key = None
        self.timeout = JOB_SECONDS.get(self.origin, min(JOB_SECONDS.values()))
        self.result_ttl = 0
        self.failure_ttl = FAILED_SECONDS

    def _execute(self) -> int:
        name = (self.func_name or "").removeprefix(f"{JOBS_PACKAGE}.")
        door = self.doors.get(name)
        if door is None or self.instance or self.args or self.kwargs:
            foreign_jobs.inc()
            raise ForeignJobError(f"{self.func_name!r} is not on the list of jobs")
        # From here on a ring means something new: it must become a job of its own.
        self.connection.delete(_doorbell(name))
        return door()


class Bell:
    """Rings the doorbells of one Redis. Threads may share it; processes get their own ringer after a fork."""

    def __init__(self, redis_url: str) -> None:
        self._client = client(redis_url)
        self._queues = {
            name: Queue(name, connection=self._client, job_class=ListedJob, serializer=JSONSerializer)
            for name in QUEUES
        }
        self._away_until = 0.0
        self._notes: set[str] = set()
        self._note_left = threading.Event()
        self._ringer: threading.Thread | None = None
        self._starting = threading.Lock()
        self._pid = os.getpid()

    def leave_note(self, name: str) -> None:
        """Have `name` rung soon, at most twice `PAUSE_SECONDS` from now. Costs no wait and raises nothing."""
        if self._pid != os.getpid() or self._ringer is None:
            self._start_ringer()
        if name in self._notes:
            return  # whoever left it woke the ringer, which has not taken it yet; waking costs threads their turns
        self._notes.add(name)
        self._note_left.set()

    def ring(self, name: str) -> bool:
        """Ring now. True if a job for it waits in the queue, False if the queue is away: known within 0.7 s, and then
        for two seconds without asking."""
        if time.monotonic() < self._away_until:
            unheard.labels(name).inc()
            return False
        try:
            if self._is_due(name):
                self._enqueue(name)
        except redis.RedisError as error:
            self._away_until = time.monotonic() + AWAY_SECONDS
            unheard.labels(name).inc()
            log.warning("the queue is away, %s was not rung: %s", name, error)
            return False
        return True

    def _is_due(self, name: str) -> bool:
        round_trip = self._client.pipeline(transaction=False)
        round_trip.set(_doorbell(name), 1, nx=True, px=COALESCED_MILLISECONDS)
        round_trip.llen(self._queues[queue_of(name)].key)
        first, waiting = round_trip.execute()
        return bool(first) and waiting < MAX_WAITING

    def _enqueue(self, name: str) -> None:
        self._queues[queue_of(name)].enqueue_call(
            f"{JOBS_PACKAGE}.{name}",
            timeout=JOB_SECONDS[queue_of(name)],
            ttl=WAITING_SECONDS,
            result_ttl=0,
            failure_ttl=FAILED_SECONDS,
            description=name,
        )
        rung.labels(name).inc()

    def _start_ringer(self) -> None:
        if self._pid != os.getpid():  # a fork copies neither the thread nor who was to open the lock
            self._notes, self._note_left, self._starting = set(), threading.Event(), threading.Lock()
            self._ringer, self._pid = None, os.getpid()
        with self._starting:
            if self._ringer is None:
                self._ringer = threading.Thread(target=self._ring_notes, name="doorbells", daemon=True)
                self._ringer.start()

    def _ring_notes(self) -> None:
        while True:
            self._note_left.wait()
            self._note_left.clear()
            while self._notes:
                name = self._notes.pop()
                try:
                    self.ring(name)
                except Exception:  # the ringer must live on whatever happens
                    log.exception("%s could not be rung", name)
            time.sleep(PAUSE_SECONDS)


def init_app(app: Flask, redis_url: str) -> None:
    """Give the app its bell. Opens no connection yet."""
    app.extensions["lagniappe_bell"] = Bell(redis_url)


def bell() -> Bell:
    """The bell of the running app."""
    found: Bell = current_app.extensions["lagniappe_bell"]
    return found


def ring(name: str) -> None:
    """Have the doorbell `name` rung soon. Never waits, never raises for a queue that is away."""
    queue_of(name)
    bell().leave_note(name)


def enqueue_after_commit(name: str) -> None:
    """Ring `name` once the running transaction has committed, however often it was asked; never if it rolls back."""
    queue_of(name)
    after_commit(_ringing(name))


def queue_of(name: str) -> str:
    """The queue of a job. Raises ValueError for a name that cannot be a job's."""
    queue, dot, rest = name.partition(".")
    if queue not in QUEUES or not dot or not rest:
        raise ValueError(f"{name!r} is not the name of a job")
    return queue


def client(redis_url: str, answer_seconds: float = ANSWER_SECONDS) -> redis.Redis:
    """A client that fails fast: redis-py's own would block 4 s with Redis down and 60 s with it hung.

    A connection that broke since its last use is opened again once; a server that does not answer is not asked twice.
    """
    return redis.Redis.from_url(
        redis_url.replace("valkey", "redis", 1) if redis_url.startswith("valkey") else redis_url,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=answer_seconds,
        retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
    )


def _doorbell(name: str) -> str:
    return f"doorbell:{name}"


@cache
def _ringing(name: str) -> Callable[[], None]:
    """The same object for the same name: `after_commit` keeps one of equals."""
    return partial(ring, name)
