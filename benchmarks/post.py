"""Awards posted through RQ: our one doorbell job, against a job for each award and against batches with the ORM.

Every side runs in a SimpleWorker that is up and warm: the product's `lagniappe worker`, and RQ's own for the reference.
Measured from ringing, or enqueueing, until no award waits.
"""

import time
from collections.abc import Callable
from functools import partial

import psycopg
import redis
from rq import Queue

from backend import clock, queue
from backend.ledger.posting import POST_DUE
from benchmarks.http import some_members
from benchmarks.processes import PYTHON, cpu_seconds, started
from benchmarks.reference import posting
from benchmarks.rounds import Result, Sample, faster, interleaved
from benchmarks.stage import Database, Stage

BATCH = 1_000
BATCHES = 4
REFERENCE_QUEUE = "benchmark-reference"
_PATIENCE = 120.0


def run(stage: Stage, rounds: int) -> Result:
    database, sizes = stage.large, stage.sizes
    batch = max(1, min(BATCH, sizes.awards // BATCHES))
    per_round = sizes.awards + sizes.jobs + batch * BATCHES
    awards = _Waiting(database, (rounds + 1) * per_round)
    log = stage.log("post")
    with (
        started([PYTHON.with_name("lagniappe"), "worker", "--queues", "points"], database.environ, log) as ours,
        started([PYTHON, "-m", "benchmarks.reference.rq_worker", REFERENCE_QUEUE], database.environ, log) as reference,
        redis.Redis.from_url(database.environ["REDIS_URL"]) as connection,
    ):
        jobs = Queue(REFERENCE_QUEUE, connection=connection)
        variants = {
            "doorbell": partial(_measure, stage, awards, ours.pid, partial(_ring, database)),
            "a job for each award": partial(_measure, stage, awards, reference.pid, partial(_enqueue, jobs, database)),
            "batches with the ORM": partial(
                _measure, stage, awards, reference.pid, partial(_enqueue_batches, jobs, database, batch)
            ),
        }
        counts = {"doorbell": sizes.awards, "a job for each award": sizes.jobs, "batches with the ORM": batch * BATCHES}
        for name, measure in variants.items():
            measure(min(counts[name], batch))  # so that each is up and warm
        found = interleaved({name: partial(measure, counts[name]) for name, measure in variants.items()}, rounds)
    doorbell = found["doorbell"]
    return Result(
        f"post: {sizes.awards:,} awards a round through the doorbell, {sizes.jobs:,} jobs,"
        f" {BATCHES} batches of {batch:,}",
        found,
        [
            faster("posted by the doorbell / a job for each award", doorbell, found["a job for each award"], 150),
            faster("posted by the doorbell / batches with the ORM", doorbell, found["batches with the ORM"], 3),
        ],
    )


class _Waiting:
    """Awards that wait, each handed out once: spread over the whole table, as days are."""

    def __init__(self, database: Database, most: int) -> None:
        self.database = database
        self._ids = iter(some_members(database, most))

    def make_due(self, count: int) -> list[int]:
        """The ids of the next awards, whose day has come now."""
        ids = [award for award, _ in zip(self._ids, range(count), strict=False)]
        with psycopg.connect(self.database.url) as connection:
            connection.execute(
                "update award set due_at = %s where shop_id = %s and id = any(%s) and state = 'pending'",
                [clock.now(), self.database.shop.shop_id, ids],
            )
        return ids

    def wait_until_posted(self, ids: list[int]) -> None:
        deadline = time.monotonic() + _PATIENCE
        with psycopg.connect(self.database.url, autocommit=True) as connection:
            while time.monotonic() < deadline:
                # The award that waits longest, by the index: asking costs the workers nothing.
                left = connection.execute(
                    "select 1 from award where state = 'pending' and due_at <= %s limit 1", [clock.now()]
                ).fetchone()
                if left is None:
                    return
                time.sleep(0.01)
        raise RuntimeError(f"{len(ids)} awards were not posted within {_PATIENCE:.0f} seconds")


def _measure(stage: Stage, awards: _Waiting, worker_pid: int, start: Callable[[list[int]], None], count: int) -> Sample:
    ids = awards.make_due(count)
    server, postgres = cpu_seconds(worker_pid), cpu_seconds(stage.postgres_pid)
    begin = time.perf_counter()
    start(ids)
    awards.wait_until_posted(ids)
    seconds = time.perf_counter() - begin
    server, postgres = cpu_seconds(worker_pid) - server, cpu_seconds(stage.postgres_pid) - postgres
    return Sample(
        per_second=len(ids) / seconds,
        server_us=server / len(ids) * 1e6,
        postgres_us=postgres / len(ids) * 1e6,
    )


def _ring(database: Database, ids: list[int]) -> None:
    with database.app.app_context():
        assert queue.bell().ring(POST_DUE), "the queue is away"


def _enqueue(jobs: Queue, database: Database, ids: list[int]) -> None:
    shop_id = database.shop.shop_id
    jobs.enqueue_many([Queue.prepare_data(posting.post_award, args=(shop_id, award), result_ttl=0) for award in ids])


def _enqueue_batches(jobs: Queue, database: Database, size: int, ids: list[int]) -> None:
    for at in range(0, len(ids), size):
        jobs.enqueue(posting.post_batch, database.shop.shop_id, ids[at : at + size], result_ttl=0)
