"""Two transactions, one in the middle of the other, in the order that hurts most."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from flask import Flask, current_app
from sqlalchemy import text

from backend import clock
from backend.db import direct, transaction
from backend.loyalty.deliveries import deliveries
from tests.races.crew import eventually
from tests.races.test_drains import Told, end_of, receive, states


@contextmanager
def handled_but_not_committed() -> Iterator[None]:
    """The oldest delivery is handled; what happens inside happens before its commit."""
    with transaction() as session:
        assert deliveries.drain(session, clock.now(), limit=1) == 1
        yield


class Meanwhile:
    """Another worker that handles the next delivery, in a thread of its own."""

    def __init__(self) -> None:
        app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(app,))
        self._thread.start()
        eventually(lambda: not self._thread.is_alive() or somebody_waits_for_a_lock(), "it is done or waits")

    def ends(self) -> None:
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _run(self, app: Flask) -> None:
        try:
            with app.app_context(), transaction() as session:
                assert deliveries.drain(session, clock.now(), limit=1) == 1
        except BaseException as failure:
            self._failure = failure


def somebody_waits_for_a_lock() -> bool:
    row = direct().execute(
        "select exists (select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')"
        " as waits"
    )
    found = row.fetchone()
    return bool(found and found["waits"])


def paid_order(number: int, **given: Any) -> Told:
    placed = (clock.now() - timedelta(days=10)).isoformat()
    order = {
        "id": f"o-{number}",
        "currency": "EUR",
        "created_at": placed,
        "customer": {"id": "c-1"},
        "subtotal": "200.00",
        "delivery_status": "collected",
        "collected_at": placed,
    }
    return ("order.collected", placed, order | given)


def test_an_order_that_is_handled_while_an_uninstall_is_handled_earns_nothing(shop: int) -> None:
    at = (clock.now() - timedelta(days=15)).isoformat()
    receive(shop, 1, paid_order(1))
    receive(shop, 2, ("app.uninstalled", at, {"at": at}))
    with handled_but_not_committed():
        uninstall = Meanwhile()
    uninstall.ends()
    assert states(shop) == {("handled", 0)}
    assert end_of(shop) == {"c-1": (0, 0, 0, 0), "o-1": ("c-1", 0, 0)}


def test_an_uninstall_that_is_handled_while_an_order_is_handled_takes_its_points(shop: int) -> None:
    at = (clock.now() - timedelta(days=15)).isoformat()
    receive(shop, 1, ("app.uninstalled", at, {"at": at}))
    receive(shop, 2, paid_order(1))
    with handled_but_not_committed():
        order = Meanwhile()
    order.ends()
    assert end_of(shop) == {"c-1": (0, 0, 0, 0), "o-1": ("c-1", 0, 0)}


def test_a_guests_order_that_is_handled_while_its_address_is_verified_is_claimed(shop: int) -> None:
    guest = {"email": "guest@example.com"}
    verified = ("customer.updated", clock.now().isoformat(), {"id": "c-1", **guest, "email_verified": True})
    told = [verified, paid_order(1, customer=guest), paid_order(2, customer=guest), verified]
    for number, (first, second) in enumerate([told[:2], told[2:]]):
        receive(shop, 2 * number, first)
        receive(shop, 2 * number + 1, second)
        with handled_but_not_committed():
            other = Meanwhile()
        other.ends()
    assert end_of(shop) == {"c-1": (40, 0, 0, 0), "o-1": ("c-1", 0, 20), "o-2": ("c-1", 0, 20)}


def test_two_refunds_of_one_order_at_once_take_both_their_parts(shop: int) -> None:
    receive(shop, 1, paid_order(1, line_items=[{"id": "l-1", "quantity": 4, "total": "200.00"}]))
    with handled_but_not_committed():
        pass
    for number in (2, 3):
        refund = {"id": f"r-{number}", "line_items": [{"line_item_id": "l-1", "quantity": 1}]}
        receive(shop, number, ("order.refunded", clock.now().isoformat(), {"order_id": "o-1", "refund": refund}))
    with handled_but_not_committed():
        other = Meanwhile()
    other.ends()
    assert end_of(shop)["c-1"] == (10, 0, 0, 0)


def test_what_is_erased_while_an_order_of_it_is_handled_stays_erased(shop: int) -> None:
    receive(shop, 1, paid_order(1))
    receive(shop, 2, ("customer.redacted", clock.now().isoformat(), {"id": "c-1"}))
    receive(shop, 3, paid_order(1, subtotal="300.00"))
    with handled_but_not_committed():
        erasure = Meanwhile()
    erasure.ends()
    with transaction() as session:
        deliveries.drain(session, clock.now(), limit=1)
    with transaction() as session:
        people = session.execute(text("select external_id, status from member where shop_id = :shop"), {"shop": shop})
        assert [tuple(row) for row in people] == [(None, "erased")]
