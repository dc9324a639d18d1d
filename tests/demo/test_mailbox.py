"""The demo's mailbox takes real mail."""

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from demo import mailbox
from demo.book import Book, move_clock
from tests.embedded.processes import free_port


@pytest.fixture
def port(book: Book) -> Iterator[int]:
    chosen = free_port()
    controller = mailbox.serve(book, "127.0.0.1", chosen)
    yield chosen
    controller.stop()


def a_letter(subject: str = "100 points are yours – 點數") -> EmailMessage:
    letter = EmailMessage()
    letter["From"] = "Kiln & Kettle <points@kiln.example>"
    letter["To"] = "camille@example.com"
    letter["Subject"] = subject
    letter.set_content("You have 100 points.")
    letter.add_alternative("<html><head></head><body><p>You have <b>100</b> points.</p></body></html>", subtype="html")
    return letter


def send(port: int, letter: EmailMessage) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as smtp:
        smtp.send_message(letter)


def test_a_letter_arrives_whole(book: Book, port: int) -> None:
    send(port, a_letter())
    with book.writing() as db:
        (kept,) = mailbox.letters(db)
        opened = mailbox.open_letter(db, kept.id)
        assert opened is not None
        assert mailbox.unread(db) == 0
    letter, message = opened
    assert letter.subject == "100 points are yours – 點數"
    assert letter.recipients == "camille@example.com"
    assert mailbox.part(message, "plain") == "You have 100 points.\n"
    assert "<b>100</b>" in (mailbox.part(message, "html") or "")


def test_a_letter_carries_the_shops_date(book: Book, port: int) -> None:
    with book.writing() as db:
        move_clock(db, 400)
    send(port, a_letter())
    with book.reading() as db:
        (letter,) = mailbox.letters(db)
        assert mailbox.letter_about(db, "Camille@example.com", letter.received_at, "100 points") == letter
        assert mailbox.letter_about(db, "noor@example.com", letter.received_at, "100 points") is None
        assert mailbox.letter_about(db, "camille@example.com", letter.received_at, "7 points") is None
    assert letter.received_at.year >= 2027


def test_a_letter_of_garbage_can_still_be_opened(book: Book, port: int) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as smtp:
        smtp.sendmail(
            "a@example.com",
            ["b@example.com"],
            b"Subject: =?nonsense?\r\nContent-Type: text/html; charset=klingon\r\n\r\n\xff\xfe<p>hm</p>\r\n",
        )
    with book.writing() as db:
        (letter,) = mailbox.letters(db)
        opened = mailbox.open_letter(db, letter.id)
        assert opened is not None
        assert "hm" in (mailbox.part(opened[1], "html") or "")


def test_links_in_a_letter_open_beside_it() -> None:
    assert mailbox.for_frame("<html><head><title>x</title></head></html>").startswith(
        '<html><head><base target="_blank">'
    )
    assert mailbox.for_frame("<p>x</p>") == '<base target="_blank"><p>x</p>'
