"""The store's queue: nothing is lost, whatever Lagniappe answers."""

import json
import socket
import sqlite3

import pytest
from standardwebhooks import Webhook

from demo import outbox, times
from demo.book import Book
from demo.outbox import Sender
from demo.settings import Settings
from tests.demo.conftest import SECRET, Listener, eventually
from tests.embedded.processes import free_port


def enqueue(book: Book, number: int = 1) -> None:
    with book.writing() as db:
        outbox.enqueue(db, {"type": "order.paid", "timestamp": "2026-11-23T07:00:00Z", "data": {"n": number}}, "a test")


def is_empty(book: Book) -> bool:
    with book.reading() as db:
        return outbox.waiting(db) == 0


def rows(book: Book) -> list[sqlite3.Row]:
    with book.reading() as db:
        return db.execute("SELECT * FROM delivery ORDER BY id").fetchall()


def test_a_delivery_is_signed_so_that_the_standards_library_verifies_it(
    book: Book, sender: Sender, listener: Listener
) -> None:
    enqueue(book)
    sender.start()
    eventually(lambda: is_empty(book))
    (received,) = listener.received
    assert Webhook(SECRET).verify(received.body, received.headers)["data"] == {"n": 1}
    assert received.headers["content-type"] == "application/json"


def test_it_is_sent_again_with_the_same_id_until_the_answer_is_2xx(
    book: Book, sender: Sender, listener: Listener
) -> None:
    listener.answers = [(503, {}), (401, {})]
    enqueue(book)
    sender.start()
    eventually(lambda: is_empty(book))
    assert len(listener.received) == 3
    assert len({received.headers["webhook-id"] for received in listener.received}) == 1
    with book.reading() as db:
        statuses = [row["status"] for row in db.execute("SELECT status FROM attempt ORDER BY rowid")]
    assert statuses == [503, 401, 202]


def test_one_that_fails_does_not_hold_up_the_others(book: Book, sender: Sender, listener: Listener) -> None:
    listener.answers = [(500, {"Retry-After": "30"})]
    enqueue(book, 1)
    enqueue(book, 2)
    sender.start()
    eventually(lambda: len(listener.received) == 2)
    assert [received.document["data"]["n"] for received in listener.received] == [1, 2]
    eventually(lambda: rows(book)[1]["sends_left"] == 0)
    assert rows(book)[0]["sends_left"] == 1


def test_nobody_listening_is_a_failure_like_any_other(book: Book) -> None:
    port = free_port()
    enqueue(book)
    sender = Sender(book, f"http://127.0.0.1:{port}/", SECRET)
    sender.start()
    eventually(lambda: rows(book)[0]["failures"] > 0)
    sender.stop()
    with book.reading() as db:
        attempt = db.execute("SELECT * FROM attempt").fetchone()
    assert attempt["status"] is None
    assert attempt["answer"].startswith("No answer")


def test_a_call_of_the_merchant_api_is_made_with_the_key_until_it_is_answered_for_good(
    book: Book, sender: Sender, listener: Listener
) -> None:
    """A member who is not known yet will be; that no rule pays for the event stays so."""
    listener.answers = [(404, {}), (409, {})]
    with book.writing() as db:
        outbox.enqueue_call(db, "event: review", "/members/external:c1/events", {"event": "review"}, "a test")
    sender.start()
    eventually(lambda: is_empty(book))
    assert [received.path for received in listener.received] == ["/api/v1/members/external:c1/events"] * 2
    assert {received.headers["authorization"] for received in listener.received} == {"Bearer lgn_tests"}
    assert len({received.headers["idempotency-key"] for received in listener.received}) == 1
    assert "webhook-signature" not in listener.received[0].headers


def test_a_book_from_before_calls_goes_on(settings: Settings) -> None:
    book = Book(settings.folder)
    enqueue(book)
    with book.writing() as db:
        db.execute("ALTER TABLE delivery DROP COLUMN path")
    enqueue(Book(settings.folder))
    assert [row["path"] for row in rows(book)] == ["", ""]


def test_what_was_not_sent_is_sent_by_the_next_run(book: Book, settings: Settings, listener: Listener) -> None:
    enqueue(book)
    again = Book(settings.folder)
    sender = Sender(again, settings.webhook_url, SECRET)
    sender.start()
    eventually(lambda: is_empty(again))
    sender.stop()
    assert len(listener.received) == 1


@pytest.mark.parametrize(
    ("failures", "retry_after", "seconds"),
    [(1, None, 1), (2, None, 2), (4, None, 8), (20, None, 30), (1, "5", 5), (1, "3600", 30), (3, "soon", 4)],
)
def test_pauses_grow_and_respect_retry_after(failures: int, retry_after: str | None, seconds: float) -> None:
    assert outbox.wait_after(failures, retry_after) == seconds


def test_twice_sends_the_same_delivery_two_times(book: Book, sender: Sender, listener: Listener) -> None:
    with book.writing() as db:
        outbox.set_mischief(db, {"twice"})
    enqueue(book)
    sender.start()
    eventually(lambda: is_empty(book))
    first, second = listener.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body


def test_late_waits_and_shuffled_mixes(book: Book) -> None:
    with book.writing() as db:
        outbox.set_mischief(db, {"late", "shuffled"})
    before = times.wall().timestamp()
    for number in range(30):
        enqueue(book, number)
    due = [row["due_at"] - before for row in rows(book)]
    assert min(due) >= outbox.LATE_SECONDS
    assert due != sorted(due)


def test_send_again_goes_out_with_the_same_id(book: Book, sender: Sender, listener: Listener) -> None:
    enqueue(book)
    sender.start()
    eventually(lambda: is_empty(book))
    with book.writing() as db:
        outbox.send_again(db, rows(book)[0]["id"])
    sender.ring()
    eventually(lambda: len(listener.received) == 2)
    assert len({received.headers["webhook-id"] for received in listener.received}) == 1


def test_the_bytes_that_are_signed_are_the_bytes_that_are_kept(book: Book) -> None:
    with book.writing() as db:
        outbox.enqueue(db, {"type": "order.paid", "data": {"title": "Thé – 茶"}}, "a test")
    assert json.loads(rows(book)[0]["body"])["data"]["title"] == "Thé – 茶"
    assert "茶" in rows(book)[0]["body"]


def test_a_port_that_hangs_up_is_tried_again(book: Book) -> None:
    with socket.create_server(("127.0.0.1", 0)) as rude:
        enqueue(book)
        sender = Sender(book, f"http://127.0.0.1:{rude.getsockname()[1]}/", SECRET)
        sender.start()
        connection, _ = rude.accept()
        connection.close()
        eventually(lambda: rows(book)[0]["failures"] > 0)
        sender.stop()
