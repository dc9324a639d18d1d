"""The processes that work behind the web, `worker` and `clock`, and `time advance`, which moves the clock in demo and
tests."""

import re
import time

import click
import orjson

from backend import clock as clocks
from backend import queue, rehearsal
from backend.command import application
from backend.errors import BadInput
from backend.platforms.events import time_text

_STEP = re.compile(r"([0-9]{1,10})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@click.command()
@click.option(
    "--queues",
    default=",".join(queue.QUEUES),
    show_default=True,
    help="Which queues to work on, separated by commas: one process for each.",
)
def worker(queues: str) -> None:
    """Do what the doorbells ask for, until SIGTERM."""
    from backend.jobs import worker as process

    names = list(dict.fromkeys(name.strip() for name in queues.split(",")))
    if unknown := [name for name in names if name not in queue.QUEUES]:
        raise click.UsageError(f"There is no queue {unknown[0]!r}; there are {', '.join(queue.QUEUES)}.")
    with application() as app:
        process.run(app, names)


@click.command()
def clock() -> None:
    """Ring the doorbells in time, until SIGTERM. Any number may run: one leads, the others stand by."""
    from backend.jobs import clock_process

    with application() as app:
        clock_process.run(app)


@click.group("time")
def time_commands() -> None:
    """The clock of the business rules, in demo and tests."""


@time_commands.command("advance")
@click.argument("step")
def advance(step: str) -> None:
    """Move the clock forward for every process, by STEP such as 90s, 15m, 36h or 3d, and ring every doorbell."""
    from backend.jobs.schedule import SCHEDULE

    with application():
        ahead = rehearsal.advance(seconds_of(step))
        time.sleep(rehearsal.SEEN_AFTER_SECONDS + 0.05)  # every process reads the new time by then
        for job in SCHEDULE:
            queue.bell().ring(job.name)
        now = time_text(clocks.now().replace(microsecond=0))
        click.echo(orjson.dumps({"now": now, "offset_seconds": ahead}).decode())


def seconds_of(step: str) -> int:
    """The seconds of a step such as 3d. Raises BadInput."""
    found = _STEP.fullmatch(step)
    if found is None:
        raise BadInput(f"{step!r} is not a step such as 90s, 15m, 36h or 3d.")
    return int(found[1]) * _SECONDS[found[2]]
