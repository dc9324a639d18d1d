"""Moving the business clock: every process sees it, production refuses it."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import text

from backend import clock, rehearsal
from backend.cli_processes import seconds_of
from backend.db import transaction
from backend.errors import BadInput, Forbidden
from backend.jobs.schedule import SCHEDULE
from backend.queue import QUEUES
from tests.embedded.processes import eventually
from tests.jobs.conftest import OwnValkey

PRODUCTION = {
    "LAGNIAPPE_ENV": "production",
    "SECRET_KEY": "k" * 40,
    "ENCRYPTION_KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    "BASE_URL": "https://loyalty.example",
    "MAIL_URL": "smtp://mail.example",
    "SHOPIFY_TEST_URL": "",
}

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def put_back(own_app: Flask) -> Iterator[None]:
    """The clock stands right again afterwards."""
    yield
    with transaction() as session:
        session.execute(text("update clock_offset set seconds = 0"))
    rehearsal._seen = None


@pytest.fixture
def advance(own_environ: dict[str, str]) -> Command:
    """`lagniappe time advance`, as a process."""

    def run(step: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "from backend.cli import main; main()", "time", "advance", step],
            env={"PATH": "/usr/bin:/bin", **own_environ, **environ},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    return run


def test_the_command_moves_the_clock_for_every_process_and_rings_every_doorbell(
    advance: Command, valkey: OwnValkey
) -> None:
    before = clock.now()
    answer = advance("3d")
    assert answer.returncode == 0, answer.stderr
    printed = json.loads(answer.stdout)
    assert printed["offset_seconds"] == 3 * 86400
    # at once: the command has waited until no process can know the old time any more
    after = clock.now()
    assert after - before >= timedelta(days=3)
    assert before + timedelta(days=3) - timedelta(seconds=1) <= datetime.fromisoformat(printed["now"]) <= after
    waiting = sum(valkey.client.llen(f"rq:queue:{name}") for name in QUEUES)
    assert waiting == len(SCHEDULE)
    assert json.loads(advance("90s").stdout)["offset_seconds"] == 3 * 86400 + 90


def test_the_command_works_with_the_queue_away(advance: Command, valkey: OwnValkey) -> None:
    valkey.kill()
    assert json.loads(advance("1h").stdout)["offset_seconds"] == 3600


@pytest.mark.parametrize("step", ["", "0s", "-3d", "3", "3w", "3 d", "３d", "1e3s", "101y", "36601d", "99999999999d"])
def test_a_step_that_is_none_is_refused(step: str) -> None:
    with pytest.raises(BadInput):
        rehearsal.advance(seconds_of(step))
    assert rehearsal.current_offset() == timedelta()


def test_a_refusal_is_one_sentence(advance: Command) -> None:
    answer = advance("3w")
    assert answer.returncode == 1
    assert answer.stderr == "Error: '3w' is not a step such as 90s, 15m, 36h or 3d.\n"


def test_many_moves_together_go_no_further_than_a_hundred_years() -> None:
    rehearsal.advance(rehearsal.FURTHEST_SECONDS)
    with pytest.raises(BadInput, match="more than 100 years"):
        rehearsal.advance(1)


def test_production_refuses(advance: Command, own_environ: dict[str, str], another_app: Callable[..., Flask]) -> None:
    answer = advance("1h", **PRODUCTION)
    assert answer.returncode == 1
    assert answer.stderr.strip() == "Error: Time can only be moved with LAGNIAPPE_ENV=demo or test."
    app = another_app(**{**own_environ, **PRODUCTION})
    with app.app_context(), pytest.raises(Forbidden):
        rehearsal.advance(1)


def test_production_does_not_even_look_at_the_offset(
    own_environ: dict[str, str], another_app: Callable[..., Flask]
) -> None:
    rehearsal.advance(3600)
    app = another_app(**{**own_environ, **PRODUCTION})
    with app.app_context():
        assert abs(clock.now() - clock.wall()) < timedelta(seconds=1)
    clock.use_offset(rehearsal.current_offset)


def test_signatures_and_leases_do_not_move() -> None:
    rehearsal.advance(86400)
    assert abs(clock.wall().timestamp() - time.time()) < 1


def test_a_process_reads_the_offset_at_most_five_times_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    monkeypatch.setattr(rehearsal.db, "one_statement", lambda statement, _: reads.append(statement))
    rehearsal._seen = None
    begun = time.monotonic()
    for _ in range(1000):
        rehearsal.current_offset()
    assert 1 <= len(reads) <= 1 + 5 * (time.monotonic() - begun)
    so_far = len(reads)
    eventually(lambda: rehearsal.current_offset() == timedelta() and len(reads) == so_far + 1)
