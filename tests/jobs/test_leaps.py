"""A machine's clock that is set to another day costs nobody points (reliability F-76)."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import event, text

from backend import clock
from backend.db import db
from backend.jobs import points
from backend.jobs.leaps import Leaps
from backend.jobs.schedule import SCHEDULE, Periodic
from tests.conftest import TestShop
from tests.loyalty.rewards_world import member_with

SetClock = Callable[[timedelta], None]


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """Has the machine's clock show a time that is so far from the right one."""
    right = clock.wall
    return lambda wrong: monkeypatch.setattr(clock, "wall", lambda: right() + wrong)


def test_a_leap_is_seen_and_told_until_the_clock_is_right_again(
    set_clock: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    leaps = Leaps()
    assert not leaps.have_happened()
    for days in (365, -2):
        set_clock(timedelta(days=days))
        assert leaps.have_happened()
    assert "nothing expires" in caplog.text
    set_clock(timedelta(hours=-2))
    assert not leaps.have_happened()


def test_a_drain_that_was_rung_for_before_the_leap_ends_nobodys_points(shop: TestShop, set_clock: SetClock) -> None:
    member_with(shop, 10, expires_at=clock.now() + timedelta(days=5))
    set_clock(timedelta(days=365))
    points.expire()
    set_clock(timedelta())
    kinds = db.session.execute(text("select kind from entry where shop_id = :shop"), {"shop": shop.id}).scalars().all()
    assert kinds == ["grant"]


@pytest.fixture
def begun(app: Flask) -> Iterator[list[object]]:
    """One for each transaction that began."""
    found: list[object] = []
    note = found.append
    event.listen(db.engine, "begin", note)
    yield found
    event.remove(db.engine, "begin", note)


@pytest.mark.parametrize("job", [job for job in SCHEDULE if job.needs_sane_time], ids=lambda job: job.name)
def test_whatever_needs_a_sane_time_asks_for_nothing_after_a_leap(
    job: Periodic, set_clock: SetClock, begun: list[object]
) -> None:
    drain = job.door()
    drain()
    assert begun
    begun.clear()
    set_clock(timedelta(days=365))
    assert drain() == 0
    assert begun == []


def test_what_ends_something_needs_a_sane_time() -> None:
    assert {job.name for job in SCHEDULE if job.needs_sane_time} == {
        *("points.birthdays", "points.expire", "points.expire_rewards", "points.remind", "points.tiers")
    }
