"""`lagniappe clock`: what is due happens within 10 seconds, whatever has become of queue and workers."""

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from flask import Flask

from backend import clock
from backend.jobs import clock_process
from backend.jobs.clock_process import LEADER_LOCK, SESSION_NAME, Watch
from backend.jobs.outbox import FIRST_PAUSE_SECONDS
from backend.jobs.schedule import SCHEDULE, Periodic
from backend.platforms import outgoing
from backend.platforms.base import TryAgain
from backend.queue import QUEUES, Bell
from tests import stopwatch
from tests.embedded.processes import eventually, status_of
from tests.jobs.conftest import OwnValkey, Start
from tests.platforms.servers import serving

LATE = 10.0
"""Contract section 1: what is due happens within 10 seconds."""


@pytest.fixture
def line(environ: dict[str, str], whole_app: Flask) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(environ["DATABASE_URL"], autocommit=True) as connection:
        yield connection


@pytest.fixture
def leader(line: psycopg.Connection[Any]) -> Callable[[], int | None]:
    """The PostgreSQL process of the session that holds the clock's lock."""

    def look() -> int | None:
        row = line.execute(
            "select pid from pg_locks where locktype = 'advisory' and objid = %s and granted", [LEADER_LOCK]
        ).fetchone()
        return row[0] if row else None

    return look


@pytest.fixture
def sessions(line: psycopg.Connection[Any]) -> Callable[[], int]:
    """How many clocks are connected: the leader and those that stand by."""

    def count() -> int:
        row = line.execute(
            "select count(*) from pg_stat_activity where application_name = %s and datname = current_database()",
            [SESSION_NAME],
        ).fetchone()
        assert row is not None
        return int(row[0])

    return count


def test_without_any_worker_the_clock_does_the_work(
    lagniappe: Start, leader: Callable[[], int | None], deliver: Callable[..., str], states: Callable[[], list[str]]
) -> None:
    lagniappe("clock")
    eventually(leader)
    deliver()
    eventually(lambda: states() == ["handled"], within=LATE)


def test_with_a_dead_queue_the_clock_does_the_work_without_waiting_for_a_worker(
    lagniappe: Start,
    leader: Callable[[], int | None],
    valkey: OwnValkey,
    deliver: Callable[..., str],
    states: Callable[[], list[str]],
) -> None:
    lagniappe("clock")
    eventually(leader)
    valkey.kill()
    deliver()
    eventually(lambda: states() == ["handled"], within=4)


def test_with_a_hung_queue_workers_and_web_included_the_work_is_done(
    lagniappe: Start,
    leader: Callable[[], int | None],
    valkey: OwnValkey,
    deliver: Callable[..., str],
    states: Callable[[], list[str]],
) -> None:
    lagniappe("worker", "--queues", "inbox")
    lagniappe("clock")
    eventually(leader)
    eventually(lambda: valkey.client.scard("rq:workers") == 1)
    valkey.hang()
    assert stopwatch.seconds_for(lambda: [deliver(number) for number in range(10)]) < 2.5  # had each waited: 5
    eventually(lambda: states() == ["handled"] * 10, within=LATE)
    valkey.go_on()


def test_emptying_the_queue_again_and_again_loses_nothing(
    lagniappe: Start, valkey: OwnValkey, deliver: Callable[..., str], states: Callable[[], list[str]]
) -> None:
    lagniappe("worker", "--queues", "inbox")
    lagniappe("clock")
    for number in range(60):
        deliver(number)
        valkey.client.flushall()
    eventually(lambda: states() == ["handled"] * 60)


def test_stale_jobs_in_the_queue_do_no_harm(
    lagniappe: Start, valkey: OwnValkey, deliver: Callable[..., str], states: Callable[[], list[str]]
) -> None:
    with valkey.client.pipeline() as many:
        for number in range(20_000):
            many.rpush("rq:queue:inbox", f"gone{number}")
        many.execute()
    lagniappe("worker", "--queues", "inbox")
    lagniappe("clock")
    deliver()
    eventually(lambda: states() == ["handled"])


def test_a_second_clock_stands_by_and_takes_over(
    lagniappe: Start,
    leader: Callable[[], int | None],
    sessions: Callable[[], int],
    deliver: Callable[..., str],
    states: Callable[[], list[str]],
) -> None:
    first = lagniappe("clock")
    led_by = eventually(leader)
    lagniappe("clock")
    eventually(lambda: sessions() == 2)
    time.sleep(1.5)
    assert leader() == led_by
    first.send_signal(signal.SIGKILL)
    eventually(lambda: leader() not in (None, led_by), within=LATE)
    deliver()
    eventually(lambda: states() == ["handled"], within=LATE)


def test_a_clock_that_loses_its_session_leads_again(
    lagniappe: Start,
    leader: Callable[[], int | None],
    line: psycopg.Connection[Any],
    deliver: Callable[..., str],
    states: Callable[[], list[str]],
) -> None:
    lagniappe("clock")
    led_by = eventually(leader)
    line.execute("select pg_terminate_backend(%s)", [led_by])
    eventually(lambda: leader() not in (None, led_by), within=LATE)
    deliver()
    eventually(lambda: states() == ["handled"], within=LATE)


def test_a_leader_that_hangs_loses_the_lock(lagniappe: Start, leader: Callable[[], int | None]) -> None:
    first = lagniappe("clock")
    led_by = eventually(leader)
    second = lagniappe("clock")
    first.send_signal(signal.SIGSTOP)
    eventually(lambda: leader() not in (None, led_by))
    first.send_signal(signal.SIGCONT)
    second.terminate()
    assert status_of(second) == 0
    eventually(leader)
    assert first.poll() is None


def test_sigterm_ends_leader_and_standby(
    lagniappe: Start, leader: Callable[[], int | None], sessions: Callable[[], int]
) -> None:
    clocks: list[subprocess.Popen[bytes]] = [lagniappe("clock"), lagniappe("clock")]
    eventually(lambda: leader() and sessions() == 2)
    for each in clocks:
        each.terminate()
    assert [status_of(each) for each in clocks] == [0, 0]
    assert leader() is None


class TestWatching:
    """One job under the clock's eyes; the door and the question are the test's own."""

    @pytest.fixture
    def done(self) -> list[str]:
        return []

    @pytest.fixture
    def watch(self, own_app: Flask, done: list[str], monkeypatch: pytest.MonkeyPatch) -> Watch:
        watch = Watch(own_app, Periodic("upkeep.purge", every=1, waits="select 1"))
        monkeypatch.setattr(watch, "_door", lambda: done.append("here"))
        return watch

    def test_it_rings_first_and_drains_here_only_when_nothing_moves(
        self,
        watch: Watch,
        done: list[str],
        line: psycopg.Connection[Any],
        valkey: OwnValkey,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        bell, stopping = Bell(valkey.url), threading.Event()
        monkeypatch.setattr(clock_process, "PATIENCE_SECONDS", 600)
        watch.attend(line, bell, stopping)
        assert (valkey.client.llen("rq:queue:upkeep"), done) == (1, [])
        watch.attend(line, bell, stopping)
        assert done == []
        monkeypatch.setattr(clock_process, "PATIENCE_SECONDS", 0)
        watch.attend(line, bell, stopping)
        assert done == ["here"]

    def test_as_long_as_its_own_draining_brings_something_it_goes_on_in_every_round(
        self,
        own_app: Flask,
        line: psycopg.Connection[Any],
        valkey: OwnValkey,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        left = iter("210")
        watch = Watch(
            own_app, Periodic("upkeep.purge", every=1, waits="select nullif(current_setting('own.waiting'), '0')")
        )
        monkeypatch.setattr(watch, "_door", lambda: line.execute(f"set own.waiting = '{next(left)}'"))
        line.execute("set own.waiting = '3'")
        valkey.kill()
        bell, stopping = Bell(valkey.url), threading.Event()
        for _ in range(3):
            watch.attend(line, bell, stopping)
        assert next(left, None) is None

    def test_a_job_without_a_question_is_rung_until_somebody_hears_it(
        self, own_app: Flask, line: psycopg.Connection[Any], valkey: OwnValkey, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        watch, bell, stopping = (
            Watch(own_app, Periodic("upkeep.check_ledger", every=1)),
            Bell(valkey.url),
            threading.Event(),
        )
        watch.attend(line, bell, stopping)
        assert valkey.client.llen("rq:queue:upkeep") == 0, "a start is no reason"
        valkey.kill()
        time.sleep(1.1)
        watch.attend(line, bell, stopping)
        monkeypatch.setattr(watch, "_is_due", lambda: False)
        valkey.start()
        eventually(lambda: watch.attend(line, bell, stopping) or valkey.client.llen("rq:queue:upkeep") == 1)
        time.sleep(0.3)
        watch.attend(line, bell, stopping)
        assert valkey.client.llen("rq:queue:upkeep") == 1

    def test_its_own_work_waits_for_no_silent_store_as_long_as_a_workers(
        self, own_app: Flask, line: psycopg.Connection[Any], valkey: OwnValkey, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def speak() -> None:
            began = time.monotonic()
            with pytest.raises(TryAgain):
                outgoing.post(f"http://127.0.0.1:{server.port}", b"{}", {}, is_rehearsal=True)
            took.append(time.monotonic() - began)

        took: list[float] = []
        watch = Watch(own_app, Periodic("upkeep.purge", every=1, waits="select 1"))
        monkeypatch.setattr(watch, "_door", speak)
        monkeypatch.setattr(clock_process, "OWN_CALL_SECONDS", 0.3)
        valkey.kill()
        with serving(lambda connection: threading.Event().wait(6)) as server:
            watch.attend(line, Bell(valkey.url), threading.Event())
        assert took[0] < outgoing.LIMITS.read

    def test_an_error_in_a_door_does_not_end_the_clock(
        self,
        watch: Watch,
        line: psycopg.Connection[Any],
        valkey: OwnValkey,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.setattr(watch, "_door", lambda: 1 / 0)
        valkey.kill()
        watch.attend(line, Bell(valkey.url), threading.Event())
        assert "the clock could not do upkeep.purge" in caplog.text


@pytest.mark.parametrize("job", SCHEDULE, ids=lambda job: job.name)
def test_each_job_has_its_door_and_its_queue(job: Periodic) -> None:
    assert callable(job.door())
    assert job.name.partition(".")[0] in QUEUES
    assert job.every <= LATE / 2 or job.name.startswith("upkeep.")


def test_repetitions_after_1_2_and_4_seconds_are_not_left_lying_for_another() -> None:
    (sends,) = [job for job in SCHEDULE if job.name == "outbox.send"]
    assert sends.every + clock_process.TICK_SECONDS <= FIRST_PAUSE_SECONDS / 2


@pytest.mark.parametrize("job", [job for job in SCHEDULE if job.waits], ids=lambda job: job.name)
def test_each_question_is_answered_from_an_index(job: Periodic, line: psycopg.Connection[Any]) -> None:
    with line.transaction():
        line.execute("set local enable_seqscan = off")
        line.execute("set local enable_sort = off")
        times = {"now": clock.wall(), "wall": clock.wall()}
        plan = "\n".join(row[0] for row in line.execute(f"explain {job.waits}", times).fetchall())
    assert "Index" in plan
    assert "Seq Scan" not in plan
    assert "Sort" not in plan
