"""A delivery accepted: verified, strictly parsed and checked, stored and committed, against its limits.

The limits: an empty POST of the same bytes under the same server, and PostgreSQL doing the very same INSERT for pgbench.
"""

import re
import subprocess
from functools import partial
from pathlib import Path

from backend import clock
from backend.embedded.places import postgres_binaries
from backend.webhooks import inbox
from benchmarks import http
from benchmarks.processes import cpu_seconds
from benchmarks.rounds import Result, Sample, beside, faster, interleaved
from benchmarks.stage import Database, Stage, socket_folder

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
    script = stage.folder / "insert.sql"
    statement = re.sub(r"%\((\w+)\)s", r":\1", inbox.STORE).replace(":error", "null")
    statement = statement.replace(":delivery,", "'pgbench_' || :delivery,")
    script.write_text(f"\\set delivery random(1, {2**62})\n{' '.join(statement.split())};\n")
    command: list[str | Path] = [
        postgres_binaries() / "pgbench",
        *("--no-vacuum", "--protocol=prepared", f"--file={script}", f"--host={socket_folder(database.url)}"),
        *("--username=lagniappe", f"--client={clients}", f"--time={max(1, round(seconds))}"),
        *(f"--define={name}={value}" for name, value in given.items()),
        database.name,
    ]
    cpu = cpu_seconds(stage.postgres_pid)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    cpu = cpu_seconds(stage.postgres_pid) - cpu
    found = re.search(r"transactions actually processed: (\d+)", done.stdout)
    rate = re.search(r"tps = ([\d.]+)", done.stdout)
    assert found and rate, done.stderr[-500:]
    return Sample(per_second=float(rate[1]), postgres_us=cpu / int(found[1]) * 1e6)
