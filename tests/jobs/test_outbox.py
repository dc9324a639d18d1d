"""The outbox: committed first, leased, done outside any transaction, finished only by whoever still holds the lease."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.engine import Row

from backend import clock, outbox
from backend.db import db, transaction
from backend.jobs import outbox as sending
from backend.jobs.calls import Call, Send
from backend.jobs.draining import Bounds, bounded
from backend.jobs.outbox import Sender, claim, pause, send_some
from backend.platforms.base import Never, TryAgain
from tests.conftest import TestShop

KIND = "test.call"


@pytest.fixture
def noted() -> list[str]:
    """What the hooks were called for."""
    return []


@pytest.fixture
def sender(noted: list[str]) -> Callable[[Send], Sender]:
    """A sender of the kind KIND that does what it is given."""

    def make(send: Send) -> Sender:
        @contextmanager
        def line() -> Iterator[Send]:
            yield send

        return Sender(
            line=line,
            done=lambda session, call: noted.append(f"done {call.key}"),
            never=lambda session, call, reason: noted.append(f"never {call.key}: {reason}"),
        )

    return make


def put(shop: TestShop, *keys: str) -> None:
    with transaction() as session:
        for key in keys:
            outbox.put(session, shop.id, KIND, key, {"key": key})


def row(shop: TestShop, key: str) -> Row[Any]:
    found = db.session.execute(
        text("select * from outbox where shop_id = :shop and key = :key"), {"shop": shop.id, "key": key}
    ).one()
    db.session.rollback()
    return found


def let_pass(shop: TestShop, **time: float) -> None:
    """As if that time had passed on the machine's clock."""
    with transaction() as session:
        session.execute(
            text(
                "update outbox set next_try_at = next_try_at - :time, created_at = created_at - :time,"
                " lease_until = lease_until - :time where shop_id = :shop"
            ),
            {"time": timedelta(**time), "shop": shop.id},
        )


@pytest.fixture(autouse=True)
def alone(app: Flask) -> Iterator[None]:
    """Rows of other tests are none of ours."""
    with transaction() as session:
        session.execute(text("update outbox set state = 'parked' where kind = :kind"), {"kind": KIND})
    yield


def test_a_row_is_written_once_for_its_key_and_not_if_the_transaction_rolls_back(shop: TestShop) -> None:
    with transaction() as session:
        assert outbox.put(session, shop.id, KIND, "a", {"n": 1})
        assert not outbox.put(session, shop.id, KIND, "a", {"n": 2})
        assert outbox.put_all(session, KIND, [(shop.id, "a", {}), (shop.id, "b", {}), (shop.id, "c", {})]) == 2
    with pytest.raises(ZeroDivisionError), transaction() as session:
        outbox.put(session, shop.id, KIND, "d", {})
        _ = 1 / 0
    rows = db.session.execute(
        text("select key, payload from outbox where shop_id = :shop order by key"), {"shop": shop.id}
    ).all()
    assert [(found.key, found.payload) for found in rows] == [("a", {"n": 1}), ("b", {}), ("c", {})]


def test_what_is_sent_is_done_and_its_hook_belongs_to_it(
    shop: TestShop, sender: Callable[[Send], Sender], noted: list[str]
) -> None:
    put(shop, "a")
    assert send_some(KIND, sender(lambda call: None)) == 1
    assert (row(shop, "a").state, row(shop, "a").attempts, noted) == ("done", 1, ["done a"])
    assert row(shop, "a").done_at is not None
    assert send_some(KIND, sender(lambda call: None)) == 0


def test_nothing_is_sent_inside_a_transaction(shop: TestShop, sender: Callable[[Send], Sender]) -> None:
    put(shop, "a")
    seen: list[bool] = []
    send_some(KIND, sender(lambda call: seen.append(db.session.info.get("in_transaction", False))))
    assert seen == [False]


def test_never_is_parked_with_the_reason(shop: TestShop, sender: Callable[[Send], Sender], noted: list[str]) -> None:
    def refuse(call: Call) -> None:
        raise Never("No such product.")

    put(shop, "a")
    send_some(KIND, sender(refuse))
    assert (row(shop, "a").state, row(shop, "a").last_error, noted) == (
        "parked",
        "No such product.",
        ["never a: No such product."],
    )


def test_nothing_to_send_is_done_with_the_reason(
    shop: TestShop, sender: Callable[[Send], Sender], noted: list[str]
) -> None:
    put(shop, "a")
    send_some(KIND, sender(lambda call: "not sent: nobody is there"))
    assert (row(shop, "a").state, row(shop, "a").last_error, noted) == (
        "done",
        "not sent: nobody is there",
        ["never a: not sent: nobody is there"],
    )


def test_again_waits_1_2_4_seconds_and_succeeds_later(
    shop: TestShop, sender: Callable[[Send], Sender], noted: list[str]
) -> None:
    def refuse(call: Call) -> None:
        raise TryAgain("busy")

    put(shop, "a")
    for attempt, wait in ((1, 1.0), (2, 2.0), (3, 4.0)):
        before = clock.wall()
        assert send_some(KIND, sender(refuse)) == 1
        found = row(shop, "a")
        assert (found.state, found.attempts, found.last_error) == ("waiting", attempt, "busy")
        assert wait <= (found.next_try_at - before).total_seconds()
        assert (found.next_try_at - clock.wall()).total_seconds() <= wait * 1.2
        let_pass(shop, seconds=-10)  # a busy machine may take longer to look than it waits
        assert send_some(KIND, sender(refuse)) == 0
        let_pass(shop, seconds=10)
        let_pass(shop, seconds=10)
    assert noted == []
    send_some(KIND, sender(lambda call: None))
    assert (row(shop, "a").state, row(shop, "a").last_error) == ("done", None)


def test_the_pause_grows_to_an_hour_and_heeds_what_was_asked_for() -> None:
    assert 3600 <= pause(13) <= 3600 * 1.2
    assert 3600 <= pause(100_000) <= 3600 * 1.2
    assert 90 <= pause(1, 90) <= 90 * 1.2
    assert 64 <= pause(7, 3) <= 64 * 1.2
    assert pause(1, 1e12) <= 24 * 3600 * 1.2
    assert 1 <= pause(1, -5) <= 1.2


def test_after_three_days_it_is_given_up(shop: TestShop, sender: Callable[[Send], Sender], noted: list[str]) -> None:
    def refuse(call: Call) -> None:
        raise TryAgain("busy")

    put(shop, "a")
    let_pass(shop, days=2.9)
    send_some(KIND, sender(refuse))
    assert row(shop, "a").state == "waiting"
    let_pass(shop, days=0.2)
    send_some(KIND, sender(refuse))
    assert (row(shop, "a").state, noted) == ("parked", ["never a: Given up after 2 attempts: busy"])
    assert "Given up after 2 attempts: busy" in row(shop, "a").last_error


def test_a_mistake_of_ours_is_tried_again_and_leaks_nothing(shop: TestShop, sender: Callable[[Send], Sender]) -> None:
    def fail(call: Call) -> None:
        raise KeyError("secret")

    put(shop, "a", "b")
    assert send_some(KIND, sender(fail)) == 2
    assert (row(shop, "a").state, row(shop, "a").last_error) == ("waiting", "KeyError on our side")


def test_what_is_leased_is_nobody_elses_until_the_lease_is_over(shop: TestShop) -> None:
    put(shop, "a")
    assert [call.key for call in claim(KIND, 10)] == ["a"]
    assert claim(KIND, 10) == []
    let_pass(shop, seconds=59)
    assert claim(KIND, 10) == []
    let_pass(shop, seconds=2)
    assert [call.attempts for call in claim(KIND, 10)] == [2]


def test_whoever_sleeps_through_the_lease_writes_nothing(
    shop: TestShop, sender: Callable[[Send], Sender], noted: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A process that was stopped for ten minutes in the middle of its call (F-43)."""
    put(shop, "a")

    def sleep_while_another_one_takes_over(call: Call) -> None:
        let_pass(shop, minutes=10)
        send_some(KIND, sender(lambda call: None))
        assert row(shop, "a").state == "done"
        raise Never("I come too late.")

    send_some(KIND, sender(sleep_while_another_one_takes_over))
    assert (row(shop, "a").state, row(shop, "a").last_error, noted) == ("done", None, ["done a"])
    assert "the lease was over" in caplog.text


def test_two_senders_at_once_send_each_row_once(app: Flask, shop: TestShop, sender: Callable[[Send], Sender]) -> None:
    keys = [f"k{number}" for number in range(60)]
    put(shop, *keys)
    sent: list[str] = []

    def work() -> None:
        with app.app_context():
            while send_some(KIND, sender(lambda call: sent.append(call.key)), batch=7):
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(sent) == sorted(keys)


def test_a_batch_that_has_no_time_left_gives_the_rest_back_untried(
    shop: TestShop, sender: Callable[[Send], Sender]
) -> None:
    put(shop, "a", "b", "c")
    stop = threading.Event()
    with bounded(Bounds(is_stopping=stop.is_set)):
        assert send_some(KIND, sender(lambda call: stop.set())) == 1
    states = sorted((row(shop, key).state, row(shop, key).attempts) for key in "abc")
    assert states == [("done", 1), ("waiting", 0), ("waiting", 0)]
    assert len(claim(KIND, 10)) == 2


def test_what_was_sent_is_not_sent_again_because_its_hook_fails(
    shop: TestShop, sender: Callable[[Send], Sender]
) -> None:
    def broken(session: Any, call: Call, _reason: str = "") -> None:
        session.execute(text("update outbox set payload = '{}' where id = :id"), {"id": call.id})
        raise RuntimeError

    put(shop, "a")
    made = sender(lambda call: None)
    assert send_some(KIND, Sender(line=made.line, done=broken, never=broken)) == 1
    found = row(shop, "a")
    assert (found.state, found.payload) == ("parked", {"key": "a"})
    assert "RuntimeError" in found.last_error


def test_the_door_sends_every_kind_that_is_known(
    shop: TestShop, sender: Callable[[Send], Sender], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(shop, *(f"k{number}" for number in range(45)))
    monkeypatch.setattr(sending, "SENDERS", {KIND: sender(lambda call: None)})
    assert sending.send() == 45


# Many together


def test_calls_that_go_together_end_each_as_what_became_of_it(shop: TestShop, noted: list[str]) -> None:
    put(shop, "fine", "needless", "later", "never")
    asked: list[int] = []

    def together(calls: list[Call]) -> Iterator[tuple[Call, Send]]:
        asked.append(len(calls))
        for call in calls:
            yield call, outcome

    def outcome(call: Call) -> str | None:
        if call.key == "later":
            raise TryAgain("It is busy.")
        if call.key == "never":
            raise Never("It says no.")
        return "Not needed any more." if call.key == "needless" else None

    made = Sender(
        together=together,
        done=lambda session, call: noted.append(f"done {call.key}"),
        never=lambda session, call, reason: noted.append(f"never {call.key}: {reason}"),
        batch=10,
        shops=3,
    )
    assert send_some(KIND, made) == 4
    assert asked == [4]
    assert sorted(noted) == ["done fine", "never needless: Not needed any more.", "never never: It says no."]
    assert [row(shop, key).state for key in ("fine", "needless", "later", "never")] == [
        "done",
        "done",
        "waiting",
        "parked",
    ]


def test_no_shop_takes_more_than_its_share_of_a_batch(shop: TestShop, new_shop: Callable[..., TestShop]) -> None:
    put(shop, *(f"many-{number}" for number in range(5)))
    others = [new_shop(), new_shop()]
    for other in others:
        put(other, "one")
    first = claim(KIND, 2, 2)
    assert sorted(call.shop_id for call in first) == [shop.id, shop.id, others[0].id]
    assert sorted(call.shop_id for call in claim(KIND, 2, 2)) == [shop.id, shop.id, others[1].id]
