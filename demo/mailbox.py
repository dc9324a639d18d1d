"""The demo's mailbox: a real SMTP server in the process that keeps every letter, and the words to read them."""

import asyncio
import re
import socket
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as modern
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from demo import timebar, times
from demo.book import Book, business_now


@dataclass(frozen=True)
class Letter:
    id: int
    received_at: datetime
    """By the shop's business clock: a letter sent after three skipped days carries the later date."""
    sender: str
    recipients: str
    subject: str
    is_read: bool


class _Keeper:
    def __init__(self, book: Book) -> None:
        self._book = book

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 (aiosmtpd's name)
        raw = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content).encode()
        await asyncio.to_thread(self._keep, raw, ", ".join(envelope.rcpt_tos))
        return "250 Kept"

    def _keep(self, raw: bytes, recipients: str) -> None:
        # Moving time can bring a letter before the store's own clock has moved: it gets the later date.
        with timebar.standing_still, self._book.writing() as db:
            keep(db, raw, recipients, business_now(db))


def serve(book: Book, host: str, port: int) -> Controller:
    """Start the SMTP server in a thread of its own. The caller stops it. Raises OSError if the port is taken."""
    with socket.socket() as probe:  # the controller would find out only after five seconds
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
    controller = Controller(_Keeper(book), hostname=host, port=port, enable_SMTPUTF8=True)
    controller.start()
    return controller


def keep(db: sqlite3.Connection, raw: bytes, recipients: str, at: datetime) -> None:
    message = message_from_bytes(raw, policy=modern)
    db.execute(
        "INSERT INTO mail (received_at, sender, recipients, subject, raw) VALUES (?, ?, ?, ?, ?)",
        (times.iso(at), str(message.get("From", "")), recipients, str(message.get("Subject", "(no subject)")), raw),
    )


def letters(db: sqlite3.Connection, limit: int = 200) -> list[Letter]:
    """Newest first."""
    return [_letter(row) for row in db.execute("SELECT * FROM mail ORDER BY id DESC LIMIT ?", (limit,))]


def how_many(db: sqlite3.Connection) -> int:
    """All letters that ever came."""
    return int(db.execute("SELECT count(*) FROM mail").fetchone()[0])


def letter_about(db: sqlite3.Connection, email: str, since: datetime, word: str) -> Letter | None:
    """The newest letter to this address that has `word` in its text, such as an order's number."""
    for letter in letters(db):
        if letter.received_at < since:
            return None
        if email.casefold() in letter.recipients.casefold() and word in _text(db, letter.id):
            return letter
    return None


def unread(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM mail WHERE NOT is_read").fetchone()[0])


def open_letter(db: sqlite3.Connection, letter_id: int) -> tuple[Letter, EmailMessage] | None:
    """The letter and its parsed message, from now on read; None if there is none."""
    row = db.execute("SELECT * FROM mail WHERE id = ?", (letter_id,)).fetchone()
    if row is None:
        return None
    db.execute("UPDATE mail SET is_read = 1 WHERE id = ?", (letter_id,))
    message: Any = message_from_bytes(row["raw"], policy=modern)
    return _letter(row), message


def part(message: EmailMessage, kind: str) -> str | None:
    """The `html` or `plain` body, if the letter has one. Whatever its charset claims, this never fails."""
    body = message.get_body(preferencelist=(kind,))
    if body is None:
        return None
    try:
        return str(body.get_content()).replace("\r\n", "\n")
    except (LookupError, UnicodeError):
        payload = body.get_payload(decode=True)
        return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else str(payload)


def for_frame(html: str) -> str:
    """The letter's HTML with its links opening in a new tab, since it is shown in a frame."""
    base = '<base target="_blank">'
    with_base, count = re.subn(r"(<head[^>]*>)", rf"\1{base}", html, count=1, flags=re.IGNORECASE)
    return with_base if count else base + html


def _text(db: sqlite3.Connection, letter_id: int) -> str:
    row = db.execute("SELECT raw FROM mail WHERE id = ?", (letter_id,)).fetchone()
    message: Any = message_from_bytes(row["raw"], policy=modern)
    return part(message, "plain") or part(message, "html") or ""


def _letter(row: sqlite3.Row) -> Letter:
    return Letter(
        id=row["id"],
        received_at=times.from_iso(row["received_at"]),
        sender=row["sender"],
        recipients=row["recipients"],
        subject=row["subject"],
        is_read=bool(row["is_read"]),
    )
