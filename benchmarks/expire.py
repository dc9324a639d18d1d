"""Expiry: the product's job in its chunks, against a loop over rows with the ORM.

The job's rounds together expire one lot of every member. The loop runs for a few seconds a round, on lots of its own.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from backend import clock
from backend.jobs import points
from benchmarks.processes import cpu_seconds
from benchmarks.reference import expiry
from benchmarks.rounds import Figure, Result, Sample, faster, interleaved
from benchmarks.seeding import EXPIRY_DAYS, FIRST_EXPIRY_AFTER_DAYS
from benchmarks.stage import Stage

MOST_ROWS = 2_000
"""Expired by the loop in each round, if its time allows."""
LONGEST = 1.0
"""Seconds that a transaction may take."""


def run(stage: Stage, rounds: int) -> Result:
    database, rounds = stage.large, min(rounds, EXPIRY_DAYS)
    begun = clock.wall()
    ends = iter([_end_of(begun, (number + 1) * EXPIRY_DAYS // rounds) for number in range(rounds)])
    rows = max(1, min(MOST_ROWS, database.members // 100))
    try:
        with database.app.app_context():
            found = interleaved(
                {
                    "row by row": partial(_row_by_row, stage, _end_of(begun, EXPIRY_DAYS), rows),
                    "points.expire": lambda: _sweep(stage, next(ends)),
                },
                rounds,
            )
    finally:
        clock.use_offset(None)
    sweep = found["points.expire"]
    assert sweep.longest_transaction_s is not None
    return Result(
        f"expire: {database.members:,} lots in {rounds} rounds",
        found,
        [
            faster("points.expire / row by row", sweep, found["row by row"], 100),
            Figure(
                "longest transaction of points.expire",
                sweep.longest_transaction_s,
                LONGEST,
                "s",
                sweep.longest_transaction_s,
                LONGEST,
                at_most=True,
            ),
        ],
        (
            f"All of it would take the sweep {database.members / sweep.per_second:,.0f} s"
            f" and the loop {database.members / found['row by row'].per_second / 60:,.0f} min.",
        ),
    )


def _end_of(begun: datetime, days: int) -> datetime:
    """When the lots of the first so many days of expiry have all expired."""
    return begun + timedelta(days=FIRST_EXPIRY_AFTER_DAYS + days - 1, hours=12)


def _sweep(stage: Stage, now: datetime) -> Sample:
    """The job itself, again as long as it rings for more. The business clock stands at `now`."""
    ahead = now - clock.wall()
    clock.use_offset(lambda: ahead)
    own, postgres = time.process_time(), cpu_seconds(stage.postgres_pid)
    begin = time.perf_counter()
    with _timed_transactions() as lengths:
        count = 0
        while done := points.expire():
            count += done
    seconds = time.perf_counter() - begin
    own, postgres = time.process_time() - own, cpu_seconds(stage.postgres_pid) - postgres
    clock.use_offset(None)
    return Sample(
        per_second=count / seconds,
        server_us=own / count * 1e6,
        postgres_us=postgres / count * 1e6,
        longest_transaction_s=max(lengths),
    )


def _row_by_row(stage: Stage, now: datetime, rows: int) -> Sample:
    own, postgres = time.process_time(), cpu_seconds(stage.postgres_pid)
    begin = time.perf_counter()
    count = expiry.expire_one_by_one(now, rows, stage.sizes.seconds)
    seconds = time.perf_counter() - begin
    own, postgres = time.process_time() - own, cpu_seconds(stage.postgres_pid) - postgres
    return Sample(per_second=count / seconds, server_us=own / count * 1e6, postgres_us=postgres / count * 1e6)


@contextmanager
def _timed_transactions() -> Iterator[list[float]]:
    """How many seconds each transaction of the ORM's sessions takes, its commit included."""
    lengths: list[float] = []
    begun: list[float] = []

    def begin(session: Session, *_: Any) -> None:
        begun.append(time.perf_counter())

    def end(session: Session) -> None:
        if begun:
            lengths.append(time.perf_counter() - begun.pop())
            begun.clear()

    event.listen(Session, "after_begin", begin)
    event.listen(Session, "after_commit", end)
    try:
        yield lengths
    finally:
        event.remove(Session, "after_begin", begin)
        event.remove(Session, "after_commit", end)
