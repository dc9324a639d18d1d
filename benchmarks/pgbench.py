"""pgbench, which comes with PostgreSQL: the limit of what one transaction can cost, and the load of our own statements."""

import re
import statistics
import subprocess
import time
from pathlib import Path

from backend.embedded.places import postgres_binaries
from benchmarks.processes import cpu_seconds
from benchmarks.rounds import Sample
from benchmarks.stage import Stage, socket_folder

WARM_UP_SECONDS = 1
SETTLING_SECONDS = 0.2
"""Until PostgreSQL's processes for the connections have ended: while they do, their CPU time is hard to see."""
_PATIENCE = 300.0


def duration(seconds: float) -> tuple[int, int]:
    """How many whole seconds a run takes before it is measured, and while it is."""
    return WARM_UP_SECONDS if seconds >= WARM_UP_SECONDS else 0, max(1, round(seconds))


def pgbench(stage: Stage, database: str, clients: int, seconds: float, options: list[str]) -> tuple[Sample, int]:
    """A run with prepared statements on that database, and how many transactions were made in it.

    What is measured begins after a second: the first calls of a connection plan each statement anew, which the product's
    connections did long ago. (Too little time for that: all of it is measured.)
    """
    warm_up, measured = duration(seconds)
    given = [*options, "--protocol=prepared", f"--client={clients}", "--progress=1"]
    command = _command(stage, database, [*given, f"--time={warm_up + measured}"])
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        time.sleep(warm_up)
        cpu = cpu_seconds(stage.postgres_pid)
        said, progress = running.communicate(timeout=_PATIENCE)
        time.sleep(SETTLING_SECONDS)
        cpu = cpu_seconds(stage.postgres_pid) - cpu
    if running.returncode:
        raise RuntimeError(f"pgbench failed: {progress[-500:]}")
    rates = [float(each) for each in re.findall(r"^progress: [\d.]+ s, ([\d.]+) tps", progress, re.MULTILINE)][warm_up:]
    count = re.search(r"transactions actually processed: (\d+)", said)
    assert count, said[-500:]
    if not rates:  # so short a run may end before its last second was told
        rates = [int(count[1]) / (warm_up + measured)] * measured
    rate = statistics.mean(rates)
    return Sample(per_second=rate, postgres_us=cpu / (rate * len(rates)) * 1e6), int(count[1])


def script(stage: Stage, name: str, lines: list[str], given: dict[str, str]) -> list[str]:
    """The options for a script of our own, with its variables."""
    path = stage.folder / f"{name}.sql"
    path.write_text("\n".join([*lines, ""]))
    return ["--no-vacuum", f"--file={path}", *(f"--define={each}={value}" for each, value in given.items())]


def initialize(stage: Stage, database: str, scale: int) -> None:
    """Make pgbench's own tables, with 100,000 accounts for each step of the scale."""
    command = _command(stage, database, ["--initialize", "--quiet", f"--scale={scale}"])
    subprocess.run(command, capture_output=True, check=True, timeout=_PATIENCE)


def _command(stage: Stage, database: str, options: list[str]) -> list[str | Path]:
    return [
        postgres_binaries() / "pgbench",
        f"--host={socket_folder(stage.addresses.database_url)}",
        "--username=lagniappe",
        *options,
        database,
    ]
