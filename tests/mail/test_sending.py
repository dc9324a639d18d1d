"""Handing letters to a real SMTP server."""

import socket
from email.message import EmailMessage

import pytest

from backend.mail.messages import Message
from backend.mail.sending import Letterhead, MailServer, letter, postbox
from backend.platforms.base import Never, TryAgain
from tests import stopwatch
from tests.mail.conftest import Mailbox

MESSAGE = Message(subject="100 étoiles", text="Bonjour Ada\n", html="<p>Bonjour Ada</p>")


def a_letter(
    to: str = "ada@example.com", key: str = "1:mail:1", shop: str = "Café & Co", message: Message = MESSAGE
) -> EmailMessage:
    return letter(
        message, to_address=to, to_name="Ada", head=Letterhead("rewards@shop.example", shop, "rewards-1"), key=key
    )


def server(url: str) -> MailServer:
    return MailServer.from_url(url, "https://loyalty.example")


def post(mailbox: Mailbox, mail: EmailMessage) -> None:
    with postbox(server(mailbox.url)) as send:
        send(mail)


def test_a_letter_arrives_as_text_and_html_from_the_shop(mailbox: Mailbox) -> None:
    post(mailbox, a_letter())
    (mail,) = mailbox.letters
    assert mail["From"] == "Café & Co <rewards@shop.example>"
    assert mail["To"] == "Ada <ada@example.com>"
    assert mail["Subject"] == "100 étoiles"
    assert mail["Auto-Submitted"] == "auto-generated"
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None and text.get_content().strip() == "Bonjour Ada"
    assert html is not None and html.get_content().strip() == "<p>Bonjour Ada</p>"


def test_the_same_mail_sent_again_after_a_crash_is_recognised_by_its_id() -> None:
    assert a_letter(key="1:a")["Message-ID"] == a_letter(key="1:a")["Message-ID"]
    assert a_letter(key="1:a")["Message-ID"] != a_letter(key="2:a")["Message-ID"]


def test_no_name_can_add_a_header_or_a_recipient(mailbox: Mailbox) -> None:
    evil = "x\r\nBcc: eve@evil.example\r\n\r\nHello"
    post(mailbox, a_letter(shop=evil, message=Message(subject=evil, text="t", html="h")))
    (mail,) = mailbox.letters
    assert mail["Bcc"] is None
    assert mailbox.recipients == [["ada@example.com"]]


@pytest.mark.parametrize(
    "address",
    [
        *("", "ada", "@example.com", "ada@", "a@b@c", "<a@b.example>", "a@ü..example", "é@b.example"),
        *("a@b.example, eve@evil.example", "a@b\r\nBcc: c@d.e", "a\x00@b.example", "a@" + "b" * 400),
    ],
)
def test_an_address_that_is_none_is_refused_for_good(address: str) -> None:
    with pytest.raises(Never, match="address"):
        a_letter(to=address)


def test_a_domain_of_any_script_is_written_as_mail_servers_read_it(mailbox: Mailbox) -> None:
    post(mailbox, a_letter(to="ada@bücher.example"))
    assert mailbox.recipients == [["ada@xn--bcher-kva.example"]]


def test_one_connection_carries_a_batch_and_a_refused_reader_does_not_end_it(mailbox: Mailbox) -> None:
    mailbox.answers["gone@example.com"] = "550 no such user"
    with postbox(server(mailbox.url)) as send:
        send(a_letter("ada@example.com"))
        with pytest.raises(Never, match="550 no such user"):
            send(a_letter("gone@example.com"))
        send(a_letter("bob@example.com"))
    assert mailbox.recipients == [["ada@example.com"], ["bob@example.com"]]
    assert mailbox.connections == 1


def test_a_reader_refused_for_now_is_tried_again(mailbox: Mailbox) -> None:
    mailbox.answers["ada@example.com"] = "451 greylisted"
    with pytest.raises(TryAgain, match="451 greylisted"):
        post(mailbox, a_letter())


@pytest.mark.parametrize(("answer", "worth"), [("554 looks like spam", Never), ("452 disk full", TryAgain)])
def test_a_refused_letter_is_worth_what_the_server_says(mailbox: Mailbox, answer: str, worth: type[Exception]) -> None:
    mailbox.answer_to_letter = answer
    with pytest.raises(worth, match=answer[4:]):
        post(mailbox, a_letter())


def test_a_server_that_went_away_in_between_is_found_again(mailbox: Mailbox) -> None:
    with postbox(server(mailbox.url)) as send:
        send(a_letter())
        mailbox.drop_connections()
        send(a_letter())
    assert len(mailbox.letters) == 2


def test_a_server_that_is_away_is_tried_again() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with postbox(server(f"smtp://127.0.0.1:{port}")) as send, pytest.raises(TryAgain, match="cannot be used"):
        send(a_letter())


def test_a_server_that_never_answers_costs_its_time_limit_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.mail.sending.TIMEOUT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = stopwatch.now()
        url = f"smtp://127.0.0.1:{silent.getsockname()[1]}"
        with postbox(server(url)) as send, pytest.raises(TryAgain):
            send(a_letter())
        assert stopwatch.now() - begun < 2


def test_the_password_of_the_address_is_used(mailbox: Mailbox) -> None:
    host = mailbox.url.removeprefix("smtp://")
    with postbox(server(f"smtp://us:p%40ss@{host}")) as send:
        send(a_letter())
    with postbox(server(f"smtp://us:wrong@{host}")) as send, pytest.raises(TryAgain, match="535"):
        send(a_letter())
    assert len(mailbox.letters) == 1


def test_starttls_is_insisted_on(mailbox: Mailbox) -> None:
    url = mailbox.url.replace("smtp://", "smtp+starttls://")
    with postbox(server(url)) as send, pytest.raises(TryAgain, match="STARTTLS"):
        send(a_letter())
    assert mailbox.letters == []


def test_without_a_server_the_letter_is_written_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with postbox(None) as send:
        send(a_letter())
    assert "100 étoiles" in caplog.text
    assert "Bonjour Ada" in caplog.text


@pytest.mark.parametrize(
    ("url", "port", "sender"),
    [
        ("smtp://mail.example", 25, "no-reply@loyalty.example"),
        ("smtps://mail.example", 465, "no-reply@loyalty.example"),
        ("smtp+starttls://u:p@mail.example?from=a@b.example", 587, "a@b.example"),
        ("smtp://mail.example:2525", 2525, "no-reply@loyalty.example"),
    ],
)
def test_the_address_says_where_and_from_whom(url: str, port: int, sender: str) -> None:
    found = server(url)
    assert (found.host, found.port, found.sender) == ("mail.example", port, sender)


def test_a_link_longer_than_a_line_stays_whole(mailbox: Mailbox) -> None:
    """Python would write it as =?utf-8?q?...?=, and no mail program finds a link in that."""
    url = f"https://loyalty.example/unsubscribe/{'x' * 200}"
    head = Letterhead("rewards@shop.example", "Shop", f"rewards-1.{'y' * 100}", url)
    mail = letter(MESSAGE, to_address="ada@example.com", to_name=None, head=head, key="1:a")
    assert f"List-Unsubscribe: <{url}>\r\n".encode() in mail.as_bytes()
    post(mailbox, mail)
    assert mailbox.letters[0]["List-Unsubscribe"] == f"<{url}>"
