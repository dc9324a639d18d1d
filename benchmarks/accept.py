"""A delivery accepted: verified, strictly parsed and checked, stored and committed, against its limits.

The limits: an empty POST of the same bytes under the same server, and PostgreSQL doing the very same INSERT for pgbench.
"""

import re
from functools import partial

from backend import clock
from backend.webhooks import inbox
from benchmarks import http
from benchmarks.pgbench import pgbench, script
from benchmarks.rounds import Result, Sample, beside, faster, interleaved
from benchmarks.stage import Database, Stage

BODIES = 50


def run(stage: Stage, rounds: int) -> Result:
    database, seconds = stage.large, stage.sizes.seconds
    bodies = http.orders(BODIES)
    path = f"/webhooks/custom/{database.shop.shop_id}"
    ours, bare = stage.product(database), stage.bare()
    door = partial(http.door, postgres_pid=stage.postgres_pid, expected=202, seconds=seconds)
    variants = interleaved(
        {
            "empty POST": door(bare, requests=http.deliveries(database, "/empty", bodies)),
            "delivery accepted": door(ours, requests=http.deliveries(database, path, bodies)),
            "pgbench -c1": partial(_pgbench, stage, database, bodies[0].decode(), 1, seconds),
            "pgbench -c8": partial(_pgbench, stage, database, bodies[0].decode(), 8, seconds),
        },
        rounds,
    )
    accepted = variants["delivery accepted"]
    return Result(
        f"accept: a delivery of {len(bodies[0])} bytes, {http.CONNECTIONS} connections",
        variants,
        [
            beside("accepted / empty POST", accepted, variants["empty POST"], 0.40),
            faster("accepted / pgbench -c1", accepted, variants["pgbench -c1"], 0.70, by_cpu=False),
            faster("accepted / pgbench -c8", accepted, variants["pgbench -c8"], 0.25, by_cpu=False),
        ],
    )


def _pgbench(stage: Stage, database: Database, body: str, clients: int, seconds: float) -> Sample:
    """The inbox's own INSERT, with the same values, prepared, one transaction each."""
    now = clock.now().isoformat()
    given = {
        "shop": str(database.shop.shop_id),
        "type": "order.created",
        "state": "received",
        "body": body,
        "now": now,
        "next_try_at": now,
    }
    statement = re.sub(r"%\((\w+)\)s", r":\1", inbox.STORE).replace(":error", "null")
    statement = statement.replace(":delivery,", "'pgbench_' || :delivery,")
    lines = [f"\\set delivery random(1, {2**62})", f"{' '.join(statement.split())};"]
    sample, _ = pgbench(stage, database.name, clients, seconds, script(stage, "insert", lines, given))
    return sample
