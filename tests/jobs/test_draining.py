"""A job goes on while it finds something, for a bounded time, and rings again if it leaves something."""

import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import text

from backend import queue
from backend.db import db, transaction
from backend.jobs.draining import Bounds, bounded, in_batches
from tests.embedded.processes import eventually


@pytest.fixture
def rung(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    monkeypatch.setattr(queue.bell(), "leave_note", names.append)
    return names


def batches(*sizes: int) -> Iterator[int]:
    yield from sizes
    raise AssertionError("called once too often")


def test_it_goes_on_until_a_batch_finds_nothing(rung: list[str]) -> None:
    found = batches(50, 50, 7, 0)
    assert in_batches("inbox.drain", lambda: next(found)) == 107
    assert rung == []


def test_it_ends_with_its_time_and_rings_for_the_rest(rung: list[str]) -> None:
    found = batches(50)
    with bounded(Bounds(seconds=0)):
        assert in_batches("inbox.drain", lambda: next(found)) == 50
    assert rung == ["inbox.drain"]


def test_it_ends_when_its_process_is_asked_to_stop(rung: list[str]) -> None:
    stop = threading.Event()
    found = batches(50, 50)

    def batch() -> int:
        size = next(found)
        if size == 50:
            stop.set()
        return size

    with bounded(Bounds(is_stopping=stop.is_set)):
        assert in_batches("inbox.drain", batch) == 50
    assert rung == ["inbox.drain"]


def test_a_deadlock_is_run_again_unseen(app: Flask, rung: list[str]) -> None:
    """Two transactions that take the same two locks in opposite orders: PostgreSQL breaks one of them off."""
    first_has_one, tried = threading.Event(), []

    def other() -> None:
        with app.app_context(), transaction() as session:
            session.execute(text("set local deadlock_timeout = '60s'"))
            session.execute(text("select pg_advisory_xact_lock(91)"))
            first_has_one.wait(60)
            session.execute(text("select pg_advisory_xact_lock(92)"))

    def batch() -> int:
        tried.append(1)
        with transaction() as session:
            session.execute(text("set local deadlock_timeout = '50ms'"))
            session.execute(text("select pg_advisory_xact_lock(92)"))
            first_has_one.set()
            session.execute(text("select pg_advisory_xact_lock(91)"))
        return 0

    thread = threading.Thread(target=other)
    thread.start()
    eventually(lambda: _is_locked(91))
    assert in_batches("inbox.drain", batch) == 0
    thread.join()
    assert len(tried) >= 2


def _is_locked(key: int) -> bool:
    found = db.session.execute(
        text("select count(*) from pg_locks where locktype = 'advisory' and objid = :key"), {"key": key}
    ).scalar_one()
    db.session.rollback()
    return bool(found)
