"""`lagniappe worker`: one RQ worker process for each queue, started again when it dies.

One queue per process, because a worker of RQ 3.0.0 that listens on two loses the job in its hands when it dies. Each
process is forked from one that holds no connection, runs its jobs itself (RQ's `SimpleWorker`: a fork for each job is
five times slower) and comes back by itself when Redis was away.
"""

import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import Any

import redis
from flask import Flask
from rq import SimpleWorker
from rq.exceptions import StopRequested
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.timeouts import UnixSignalDeathPenalty
from rq.worker import WorkerStatus

from backend import db, queue
from backend.config import Config
from backend.jobs.draining import Bounds, bounded
from backend.jobs.schedule import SCHEDULE
from backend.lineage import dying_with_us
from backend.queue import ListedJob

GRACE_SECONDS = 8.0
"""How long the workers may finish their batch after SIGTERM."""
LIVED_WELL_SECONDS = 5.0
PAUSE_SECONDS = 0.8
"""Before a process that died young is started again."""
AWAY_SECONDS = 0.5
"""Between two looks at a Redis that is away."""
WORKER_TTL_SECONDS = 30
MAINTENANCE_SECONDS = 15
_TICK = 0.1

log = logging.getLogger(__name__)


class JobOverrun(BaseException):
    """A job hangs. Not an Exception, so that no batch which keeps one bad row from spoiling the others swallows it."""


class Deadline(UnixSignalDeathPenalty):
    """RQ's alarm, raising what cannot be mistaken for the failure of one row."""

    def handle_death_penalty(self, signum: int, frame: FrameType | None) -> None:
        raise JobOverrun(f"it took longer than {self._timeout} seconds")


class DrainWorker(SimpleWorker):
    """RQ's worker without what we do not use: no remote commands, no long waits, no log line for each job."""

    job_class = ListedJob
    death_penalty_class = Deadline
    max_connection_wait_time = 1.0
    log_result_lifespan = False

    def __init__(self, app: Flask, queue_name: str, connection: redis.Redis) -> None:
        super().__init__(
            [queue_name],
            connection=connection,
            serializer=JSONSerializer,
            worker_ttl=WORKER_TTL_SECONDS,
            maintenance_interval=MAINTENANCE_SECONDS,
            log_job_description=False,
        )
        self._app = app
        self.is_stopping = False
        self.is_worn_out = False
        """True once a job was broken off in the middle: its connections are in no known state."""

    def subscribe(self) -> None:
        """Anybody who reaches Redis could send commands: we listen to none."""

    def request_stop(self, signum: Any, frame: FrameType | None) -> None:
        """Finish the batch at hand and end. Asks nothing of Redis, which may be the reason for the stop."""
        self.is_stopping = self._stop_requested = True
        if self.get_state() != WorkerStatus.BUSY:
            raise StopRequested

    def perform_job(self, job: Job, *args: Any) -> bool:
        with self._app.app_context(), bounded(Bounds(is_stopping=lambda: self.is_stopping)):
            return super().perform_job(job, *args)

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """A job that fails is logged; nobody repeats it, the clock rings again."""
        log.error("the job %.100s failed", job.description, exc_info=exc_info)
        if isinstance(exc_info[1], JobOverrun):
            self.is_worn_out = self._stop_requested = True


def run(app: Flask, queues: Sequence[str] = queue.QUEUES) -> None:
    """Work on these queues until SIGTERM or SIGINT."""
    ListedJob.doors = {job.name: job.door() for job in SCHEDULE}
    with app.app_context():
        db.db.engine.dispose()  # no connection may be shared with a child
    gc.freeze()
    _Pack(app, queues).run()


class _Pack:
    """The process that starts the workers, watches them and does nothing else."""

    def __init__(self, app: Flask, queues: Sequence[str]) -> None:
        self._app = app
        self._idle = dict.fromkeys(queues, 0.0)
        """Queues without a process, and when they may get one."""
        self._working: dict[int, tuple[str, float]] = {}
        """By process id: the queue, and since when."""
        self._is_stopping = False

    def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        while not self._is_stopping:
            for name in [name for name, start_at in self._idle.items() if start_at <= time.monotonic()]:
                self._start(name)
            time.sleep(_TICK)
            self._bury()
        self._end()

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        self._is_stopping = True

    def _start(self, name: str) -> None:
        die_with_us = dying_with_us(signal.SIGKILL)  # whatever it does may be cut off anywhere
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                if die_with_us is not None:
                    die_with_us()
                status = _be_a_worker(self._app, name)
            except BaseException:
                log.exception("the worker of %s failed", name)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        del self._idle[name]
        self._working[pid] = (name, time.monotonic())

    def _bury(self) -> None:
        """Take note of the dead and say when their queues get a new process."""
        for pid in list(self._working):
            try:
                found, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                found, status = pid, 0
            if found == 0:
                continue
            name, since = self._working.pop(pid)
            if not self._is_stopping:
                log.warning("the worker of %s ended (status %s), starting another", name, status)
            lived_well = time.monotonic() - since > LIVED_WELL_SECONDS
            self._idle[name] = time.monotonic() + (0.0 if lived_well else PAUSE_SECONDS)

    def _end(self) -> None:
        self._send(signal.SIGTERM)
        ends_at = time.monotonic() + GRACE_SECONDS
        while self._working and time.monotonic() < ends_at:
            time.sleep(_TICK / 2)
            self._bury()
        self._send(signal.SIGKILL)
        for pid in self._working:
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)

    def _send(self, number: signal.Signals) -> None:
        for pid in self._working:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def _be_a_worker(app: Flask, name: str) -> int:
    """The life of a worker process. The status it ends with: 0 after being asked to stop."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)  # until RQ takes over there is nothing to finish
    config: Config = app.config["LAGNIAPPE"]
    connection = queue.client(config.redis_url)
    while True:
        _wait_for(queue.client(config.redis_url))  # a client of its own: its short time limit would cut RQ's waiting
        worker = None
        try:
            worker = DrainWorker(app, name, connection)
            worker.work(logging_level="WARNING")
        except redis.RedisError as error:
            log.warning("the worker of %s lost the queue: %s", name, error)
        if worker is not None and worker.is_stopping:
            return 0
        if worker is not None and worker.is_worn_out:
            return 1
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        time.sleep(AWAY_SECONDS)


def _wait_for(connection: redis.Redis) -> None:
    while True:
        try:
            connection.ping()
            return
        except redis.RedisError:
            time.sleep(AWAY_SECONDS)
