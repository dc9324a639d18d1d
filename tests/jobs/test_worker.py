"""`lagniappe worker`: real processes on a real queue."""

import os
import pickle
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from flask import Flask
from rq import Callback, Queue
from rq.serializers import JSONSerializer, PickleSerializer

from backend.jobs.worker import DrainWorker
from backend.queue import JOB_SECONDS, ListedJob, bell, client
from tests import stopwatch
from tests.embedded.processes import eventually, is_alive, status_of
from tests.jobs.conftest import OwnValkey, Start


def children_of(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children()


def started(lagniappe: Start, *queues: str) -> tuple[int, list[psutil.Process]]:
    """The pid of `lagniappe worker` and its workers, once they listen."""
    process = lagniappe("worker", "--queues", ",".join(queues))
    eventually(lambda: len(children_of(process.pid)) == len(queues))
    return process.pid, children_of(process.pid)


def test_a_delivery_is_handled_because_its_doorbell_rang(
    lagniappe: Start, deliver: Callable[..., str], states: Callable[[], list[str]]
) -> None:
    started(lagniappe, "inbox")
    for number in range(5):
        deliver(number)
    eventually(lambda: states() == ["handled"] * 5)


def test_there_is_a_process_for_each_queue_and_a_killed_one_comes_back_within_2_seconds(
    lagniappe: Start, deliver: Callable[..., str], states: Callable[[], list[str]]
) -> None:
    parent, workers = started(lagniappe, "inbox", "points", "outbox", "upkeep")

    def rise_again() -> None:
        killed = set(children_of(parent))
        for worker in killed:
            worker.kill()
        eventually(lambda: len(set(children_of(parent)) - killed) == len(workers))

    assert stopwatch.is_within(2, rise_again)
    deliver()
    eventually(lambda: states() == ["handled"])


def test_workers_end_with_their_parent_however_it_ends(lagniappe: Start) -> None:
    parent, workers = started(lagniappe, "inbox", "points")
    os.kill(parent, signal.SIGKILL)
    eventually(lambda: not any(is_alive(worker.pid) for worker in workers))


def test_sigterm_ends_everything_within_8_seconds(lagniappe: Start, valkey: OwnValkey) -> None:
    process = lagniappe("worker")
    workers = eventually(lambda: len(children_of(process.pid)) == 4 and children_of(process.pid))
    eventually(lambda: valkey.client.scard("rq:workers") == 4)
    process.terminate()
    assert status_of(process, within=8) == 0
    assert not any(is_alive(worker.pid) for worker in workers)


def test_sigterm_ends_everything_though_the_queue_hangs(lagniappe: Start, valkey: OwnValkey) -> None:
    process = lagniappe("worker", "--queues", "inbox")
    eventually(lambda: valkey.client.scard("rq:workers") == 1)
    valkey.hang()
    process.terminate()
    assert status_of(process, within=10) == 0
    valkey.go_on()


def test_a_worker_outlives_a_restart_of_the_queue(
    lagniappe: Start, valkey: OwnValkey, deliver: Callable[..., str], states: Callable[[], list[str]]
) -> None:
    _, (worker,) = started(lagniappe, "inbox")
    eventually(lambda: valkey.client.scard("rq:workers") == 1)
    valkey.kill()
    time.sleep(1)
    valkey.start()
    deliver()
    eventually(lambda: states() == ["handled"])
    assert worker.is_running()


def test_a_worker_waits_for_a_queue_that_is_not_there_yet(
    lagniappe: Start, valkey: OwnValkey, deliver: Callable[..., str], states: Callable[[], list[str]]
) -> None:
    valkey.kill()
    _, (worker,) = started(lagniappe, "inbox")
    time.sleep(1)
    valkey.start()
    deliver()
    eventually(lambda: states() == ["handled"])
    assert worker.is_running()


def test_foreign_jobs_are_refused_and_ours_go_on(
    lagniappe: Start,
    valkey: OwnValkey,
    tmp_path: Path,
    deliver: Callable[..., str],
    states: Callable[[], list[str]],
    own_app: Flask,
) -> None:
    """With RQ alone each of these runs: it calls by name whatever can be imported."""
    touched = tmp_path / "touched"
    command = f"touch {touched}"
    queue = Queue("inbox", connection=valkey.client, serializer=JSONSerializer)
    queue.enqueue("os.system", command)
    queue.enqueue("backend.jobs.inbox.drain", on_success=Callback("os.system"), on_failure=Callback("os.system"))
    queue.enqueue("backend.jobs.inbox.drain", args=(command,))
    queue.enqueue("subprocess.getoutput", command, on_failure=Callback("os.system"))
    Queue("inbox", connection=valkey.client, serializer=PickleSerializer).enqueue(os.system, command)
    malformed: list[dict[str, Any]] = [
        {"data": pickle.dumps(Exploding(command))},
        {"data": b"[]", "timeout": "x"},
        {"data": b"\xff", "created_at": "no time", "status": "no status"},
        {"nothing": "1"},
    ]
    for number, fields in enumerate(malformed):
        valkey.client.hset(f"rq:job:foreign{number}", mapping={**fields, "origin": "inbox"})
        valkey.client.rpush("rq:queue:inbox", f"foreign{number}")
    started(lagniappe, "inbox")
    deliver()
    eventually(lambda: states() == ["handled"])
    assert not touched.exists()


def test_a_job_that_hangs_is_broken_off_though_it_swallows_every_exception_and_its_process_with_it(
    own_app: Flask, valkey: OwnValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang() -> int:
        while True:
            with suppress(Exception):
                time.sleep(0.01)

    monkeypatch.setitem(JOB_SECONDS, "inbox", 1)
    monkeypatch.setattr(ListedJob, "doors", {"inbox.drain": hang})
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)}
    bell().ring("inbox.drain")
    worker = DrainWorker(own_app, "inbox", client(valkey.url))
    try:
        worker.work(burst=True, logging_level="WARNING")
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert worker.is_worn_out
    assert valkey.client.zcard("rq:failed:inbox") == 1


def test_a_door_that_fails_is_logged_and_ends_neither_the_worker_nor_the_next_job(
    own_app: Flask, valkey: OwnValkey, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[str] = []
    monkeypatch.setattr(ListedJob, "doors", {"inbox.drain": lambda: 1 / 0, "inbox.other": lambda: done.append("other")})
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)}
    bell().ring("inbox.drain")
    bell().ring("inbox.other")
    worker = DrainWorker(own_app, "inbox", client(valkey.url))
    try:
        worker.work(burst=True, logging_level="WARNING")
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert done == ["other"]
    assert not worker.is_worn_out
    assert "the job inbox.drain failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text


class Exploding:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self._command = command

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (self._command,)
