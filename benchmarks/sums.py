"""What the sums cost that reports read: the two hottest writes with the triggers that keep them, and without."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import psycopg

from backend import clock
from benchmarks.http import CONNECTIONS, some_members
from benchmarks.pgbench import duration
from benchmarks.processes import cpu_seconds
from benchmarks.redeem import MOST_PER_SECOND, Redeem
from benchmarks.rounds import Result, Sample, faster, interleaved
from benchmarks.seeding import sum_again
from benchmarks.spending import Pool, give, lots_for, spenders
from benchmarks.stage import Database, Stage

MEMBERS = 2_000
BATCH = 1_000
TRIGGERS = (
    ("entry", "sum_by_day"),
    ("lot", "sum_by_end"),
    ("lot", "sum_by_end_again"),
    ("redemption", "sum_had"),
)
"""Those that these writes meet."""


def run(stage: Stage, rounds: int) -> Result:
    database, sizes = stage.large, stage.sizes
    most = MOST_PER_SECOND * sum(duration(sizes.seconds))
    pool = Pool.make(database, "Codes, for the sums", most)
    members = spenders(database, min(MEMBERS, database.members))
    give(database, members, lots_for(2 * (rounds + 1) * most / len(members)))
    redeem = Redeem(stage, database)
    redeem(pool, most, members)  # plans that are made while a table is empty are poor
    awards = iter(some_members(database, 2 * rounds * sizes.awards))
    try:
        found = interleaved(
            {
                "posted": partial(_post, stage, awards, sizes.awards),
                "posted, without sums": partial(_without, database, partial(_post, stage, awards, sizes.awards)),
                "redeemed": partial(redeem, pool, most, members),
                "redeemed, without sums": partial(_without, database, partial(redeem, pool, most, members)),
            },
            rounds,
        )
    finally:
        with psycopg.connect(database.url) as connection:
            sum_again(connection, database.shop.shop_id)
    return Result(
        f"sums: {sizes.awards:,} awards a round in statements of {BATCH:,}; {CONNECTIONS} clients redeem",
        found,
        [
            faster("posted with the sums / without", found["posted"], found["posted, without sums"], 0.9),
            faster("redeemed with the sums / without", found["redeemed"], found["redeemed, without sums"], 0.8),
        ],
    )


def _post(stage: Stage, awards: Iterator[int], count: int) -> Sample:
    database = stage.large
    ids = [award for award, _ in zip(awards, range(count), strict=False)]
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute(
            "update award set due_at = %s where shop_id = %s and id = any(%s) and state = 'pending'",
            [clock.now(), database.shop.shop_id, ids],
        )
        connection.execute("select ledger_post_due(%s, 1)", [clock.now()])  # this connection's plans, after a switch
        posted, postgres, begin = 0, cpu_seconds(stage.postgres_pid), time.perf_counter()
        while done := len(connection.execute("select ledger_post_due(%s, %s)", [clock.now(), BATCH]).fetchall()):
            posted += done
        seconds = time.perf_counter() - begin
        postgres = cpu_seconds(stage.postgres_pid) - postgres
    return Sample(per_second=posted / seconds, postgres_us=postgres / posted * 1e6)


def _without(database: Database, measure: partial[Sample]) -> Sample:
    with _switched(database):
        return measure()


@contextmanager
def _switched(database: Database) -> Iterator[None]:
    """The triggers off for as long as the block."""
    _switch(database, "disable")
    try:
        yield
    finally:
        _switch(database, "enable")


def _switch(database: Database, how: str) -> None:
    with psycopg.connect(database.url) as connection:
        for table, trigger in TRIGGERS:
            connection.execute(f"alter table {table} {how} trigger {trigger}")
