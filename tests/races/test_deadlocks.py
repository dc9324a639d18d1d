"""Should two transactions wait for each other after all, one of them is done again and nobody sees it (F-61)."""

import threading
from collections.abc import Callable, Iterator

import psycopg
import pytest
from flask import Flask

from backend import clock
from backend.jobs import inbox
from tests.races.conftest import deadlocks
from tests.races.crew import eventually
from tests.races.test_drains import end_of, receive, states
from tests.races.test_interleavings import paid_order, somebody_waits_for_a_lock


@pytest.fixture
def no_deadlocks() -> None:
    """Here there is to be one: so what the other races count is counted."""


@pytest.fixture
def stranger(races_app: Flask) -> Iterator[psycopg.Connection]:
    """Somebody who locks in an order of their own and is in no hurry to notice."""
    with psycopg.connect(races_app.config["LAGNIAPPE_DATABASE_URL"]) as connection:
        connection.execute("set deadlock_timeout = '30s'")
        yield connection


def test_a_batch_that_is_chosen_as_the_victim_runs_again(
    shop: int, races_app: Flask, stranger: psycopg.Connection, member: Callable[..., int]
) -> None:
    before = deadlocks()
    member_id = member(customer="c-1")
    receive(shop, 1, paid_order(1))
    inbox.drain()
    type_, _, order = paid_order(1, subtotal="300.00")
    receive(shop, 2, (type_, clock.now().isoformat(), order))
    stranger.execute("select 1 from account where member_id = %s for update", [member_id])
    worker = threading.Thread(target=drain, args=(races_app,))
    worker.start()
    eventually(somebody_waits_for_a_lock, "the batch has its order and waits for the account")
    stranger.execute("select 1 from orders where shop_id = %s for update", [shop])
    stranger.commit()
    worker.join()
    assert states(shop) == {("handled", 0)}
    assert end_of(shop)["c-1"] == (30, 0, 0, 0)
    eventually(lambda: deadlocks() == before + 1, "the deadlock is counted")


def drain(app: Flask) -> None:
    with app.app_context():
        inbox.drain()
