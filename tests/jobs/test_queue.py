"""Ringing: coalesced, bounded, and never a burden for what rings."""

import time

import pytest
import redis
from flask import Flask

from backend import queue
from backend.db import transaction
from backend.queue import Bell
from tests.embedded.processes import eventually
from tests.jobs.conftest import OwnValkey
from tests.stopwatch import seconds_for

INBOX = "rq:queue:inbox"


@pytest.fixture
def bell(valkey: OwnValkey) -> Bell:
    return Bell(valkey.url)


def test_many_rings_at_once_are_one_job(bell: Bell, valkey: OwnValkey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "COALESCED_MILLISECONDS", 60_000)
    assert all(bell.ring("inbox.drain") for _ in range(20))
    assert valkey.client.llen(INBOX) == 1
    assert bell.ring("inbox.other")
    assert valkey.client.llen(INBOX) == 2


def test_jobs_do_not_pile_up_when_nobody_works(bell: Bell, valkey: OwnValkey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "COALESCED_MILLISECONDS", 1)
    for _ in range(40):
        bell.ring("inbox.drain")
        time.sleep(0.002)
    assert valkey.client.llen(INBOX) == queue.MAX_WAITING


def test_a_job_that_nobody_takes_is_forgotten(bell: Bell, valkey: OwnValkey) -> None:
    bell.ring("inbox.drain")
    (job_id,) = valkey.client.lrange(INBOX, 0, -1)
    assert 0 < valkey.client.ttl(f"rq:job:{job_id.decode()}") <= queue.WAITING_SECONDS


def test_a_hung_queue_costs_one_ring_at_most_0_7_seconds_and_the_next_ones_nothing(valkey: OwnValkey) -> None:
    bells = [Bell(valkey.url) for _ in range(3)]
    assert all(bell.ring("points.remind") for bell in bells)
    valkey.hang()
    first = [seconds_for(lambda bell=bell: bell.ring("inbox.drain")) for bell in bells]  # type: ignore[misc]
    next_ = [seconds_for(lambda bell=bell: bell.ring("outbox.send")) for bell in bells]  # type: ignore[misc]
    assert (min(first) < 0.7, min(next_) < 0.05) == (True, True), (first, next_)
    valkey.go_on()


def test_a_hung_queue_costs_a_new_process_no_more(valkey: OwnValkey) -> None:
    valkey.hang()
    bells = [Bell(valkey.url) for _ in range(3)]
    assert min(seconds_for(lambda bell=bell: bell.ring("inbox.drain")) for bell in bells) < 0.7  # type: ignore[misc]
    assert bells[-1].ring("inbox.drain") is False
    valkey.go_on()


def test_a_dead_queue_is_noticed_at_once_and_a_new_one_is_found_again(bell: Bell, valkey: OwnValkey) -> None:
    assert bell.ring("inbox.drain")
    valkey.kill()
    assert seconds_for(lambda: bell.ring("inbox.drain")) < queue.ANSWER_SECONDS
    assert bell.ring("inbox.drain") is False
    valkey.start()
    eventually(lambda: bell.ring("inbox.drain"))


def test_a_restarted_queue_hears_the_first_ring(bell: Bell, valkey: OwnValkey) -> None:
    assert bell.ring("inbox.drain")
    valkey.kill()
    valkey.start()
    assert bell.ring("inbox.drain")
    assert valkey.client.llen(INBOX) == 1


def test_whoever_leaves_a_note_does_not_wait_for_a_hung_queue(own_app: Flask, valkey: OwnValkey) -> None:
    valkey.hang()
    assert seconds_for(lambda: [queue.ring("inbox.drain") for _ in range(100)]) < queue.ANSWER_SECONDS
    valkey.go_on()


def test_a_note_is_rung(own_app: Flask, valkey: OwnValkey) -> None:
    queue.ring("inbox.drain")
    eventually(lambda: valkey.client.llen(INBOX) == 1)


def test_a_ring_after_a_worker_began_is_a_job_of_its_own(
    bell: Bell, valkey: OwnValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "COALESCED_MILLISECONDS", 60_000)
    rung_meanwhile: list[bool] = []

    def door() -> int:
        rung_meanwhile.append(bell.ring("inbox.drain"))
        return 0

    bell.ring("inbox.drain")
    (job_id,) = valkey.client.lrange(INBOX, 0, -1)
    monkeypatch.setattr(queue.ListedJob, "doors", {"inbox.drain": door})
    job = queue.ListedJob.fetch(job_id.decode(), connection=valkey.client, serializer=queue.JSONSerializer)
    job.perform()
    assert rung_meanwhile == [True]
    assert valkey.client.llen(INBOX) == 2


def test_what_rolls_back_rings_nothing(own_app: Flask, valkey: OwnValkey) -> None:
    with pytest.raises(ZeroDivisionError), transaction():
        queue.enqueue_after_commit("inbox.drain")
        _ = 1 / 0
    with transaction():
        queue.enqueue_after_commit("outbox.send")
    eventually(lambda: valkey.client.llen("rq:queue:outbox") == 1)
    assert valkey.client.llen(INBOX) == 0


def test_one_transaction_rings_once(own_app: Flask, valkey: OwnValkey, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[str] = []
    monkeypatch.setattr(queue.bell(), "leave_note", rung.append)
    with transaction():
        for _ in range(3):
            queue.enqueue_after_commit("inbox.drain")
            queue.enqueue_after_commit("outbox.send")
        assert rung == []
    assert rung == ["inbox.drain", "outbox.send"]


@pytest.mark.parametrize("name", ["", "inbox", "inbox.", "os.system", ".drain"])
def test_a_name_that_is_no_job_is_a_mistake_of_ours(own_app: Flask, name: str) -> None:
    with pytest.raises(ValueError, match="not the name of a job"):
        queue.ring(name)


@pytest.mark.parametrize("scheme", ["redis", "valkey"])
def test_both_names_of_the_queue_are_understood(scheme: str) -> None:
    connection = queue.client(f"{scheme}://queue.example:7000/3").connection_pool.connection_kwargs
    assert (connection["host"], connection["port"], connection["db"]) == ("queue.example", 7000, 3)
    assert queue.client("valkeys://queue.example").connection_pool.connection_class is redis.SSLConnection
