"""What the store has to tell Lagniappe, by webhook and by calls of the merchant API: a queue on disk, and the thread that
empties it, trying until a 2xx.

"Mischief" makes the store behave like the worst of real ones: everything sent twice, sent late, or out of order.
"""

import json
import logging
import random
import sqlite3
import threading
import uuid
from dataclasses import dataclass
from typing import Any

import requests

from demo import signing, times
from demo.book import Book, change_setting, setting

MISCHIEF = {
    "twice": "Send everything twice",
    "late": "Send 20 seconds late",
    "shuffled": "Send in a shuffled order",
}
LATE_SECONDS = 20.0
SHUFFLE_SECONDS = 8.0
LONGEST_WAIT_SECONDS = 30.0
NOBODY_THERE_SECONDS = 0.25
_TIMEOUT_SECONDS = 10
_REFUSED = frozenset({400, 403, 409, 410, 422})
"""Answers to a call that no other try would change."""
_log = logging.getLogger(__name__)


def mischief(db: sqlite3.Connection) -> set[str]:
    """The switches that are on."""
    return {name for name in MISCHIEF if setting(db, f"mischief_{name}") == "on"}


def set_mischief(db: sqlite3.Connection, on: set[str]) -> None:
    for name in MISCHIEF:
        change_setting(db, f"mischief_{name}", "on" if name in on else "off")


def enqueue(db: sqlite3.Connection, envelope: dict[str, Any], about: str) -> None:
    """Put one webhook on the queue, in the caller's transaction. `about` says in words what it is about."""
    _put(db, envelope["type"], envelope, about)


def enqueue_call(db: sqlite3.Connection, type_: str, path: str, body: dict[str, Any], about: str) -> None:
    """Put one call of the merchant API on the queue, in the caller's transaction. `path` begins with its `/`."""
    _put(db, type_, body, about, path)


def _put(db: sqlite3.Connection, type_: str, body: dict[str, Any], about: str, path: str = "") -> None:
    now = times.wall().timestamp()
    switches = mischief(db)
    delay = LATE_SECONDS if "late" in switches else 0.0
    if "shuffled" in switches:
        delay += random.uniform(0, SHUFFLE_SECONDS)
    db.execute(
        "INSERT INTO delivery (webhook_id, type, about, body, created_at, due_at, sends_left, path)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            f"msg_{uuid.uuid4().hex}",
            type_,
            about,
            json.dumps(body, ensure_ascii=False),
            now,
            now + delay,
            2 if "twice" in switches else 1,
            path,
        ),
    )


def send_again(db: sqlite3.Connection, delivery_id: int) -> None:
    """One more time, with the same id: Lagniappe answers that it is a duplicate."""
    db.execute(
        "UPDATE delivery SET sends_left = sends_left + 1, due_at = ? WHERE id = ?",
        (times.wall().timestamp(), delivery_id),
    )


def waiting(db: sqlite3.Connection) -> int:
    """How many webhooks have not had their 2xx yet."""
    return int(db.execute("SELECT count(*) FROM delivery WHERE sends_left > 0").fetchone()[0])


def attempts(db: sqlite3.Connection) -> int:
    """How often anything was sent."""
    return int(db.execute("SELECT count(*) FROM attempt").fetchone()[0])


def wait_after(failures: int, retry_after: str | None) -> float:
    """Seconds until the next try: 1, 2, 4 … 30, and not before the answer's `Retry-After`."""
    asked = float(retry_after) if retry_after and retry_after.isdigit() else 0.0
    return min(LONGEST_WAIT_SECONDS, max(2.0 ** (failures - 1), asked))


@dataclass(frozen=True)
class _Answer:
    status: int | None
    """None if nobody answered."""
    text: str
    retry_after: str | None = None

    is_call: bool = False

    @property
    def is_done(self) -> bool:
        if self.status is None:
            return False
        return 200 <= self.status < 300 or (self.is_call and self.status in _REFUSED)


class Sender(threading.Thread):
    """Sends what is due, one after the other, for as long as the store runs."""

    def __init__(self, book: Book, url: str, secret: str, api: tuple[str, str] = ("", "")) -> None:
        """`api` is the address of the merchant API and the shop's key for it."""
        super().__init__(name="webhook-sender", daemon=True)
        self._book = book
        self._url = url
        self._secret = secret
        self._api_url, self._api_key = api
        self._doorbell = threading.Event()
        self._is_stopping = False

    def ring(self) -> None:
        """There is something new on the queue."""
        self._doorbell.set()

    def stop(self) -> None:
        self._is_stopping = True
        self._doorbell.set()
        self.join(_TIMEOUT_SECONDS)

    def run(self) -> None:
        with requests.Session() as session:
            session.trust_env = False  # the demo's addresses are this machine's own: no proxy belongs in between
            while not self._is_stopping:
                self._doorbell.clear()
                try:
                    idle = self._send_next(session)
                except sqlite3.OperationalError:  # a full or locked disk must not end the thread: the row stays
                    _log.exception("The store's book cannot be written")
                    idle = LONGEST_WAIT_SECONDS
                if idle > 0:
                    self._doorbell.wait(idle)

    def _send_next(self, session: requests.Session) -> float:
        """Send the webhook that is due first; the seconds to wait before looking again."""
        with self._book.reading() as db:
            row = db.execute("SELECT * FROM delivery WHERE sends_left > 0 ORDER BY due_at, id LIMIT 1").fetchone()
        if row is None:
            return LONGEST_WAIT_SECONDS
        early: float = row["due_at"] - times.wall().timestamp()
        if early > 0:
            return min(early, LONGEST_WAIT_SECONDS)
        answer = self._post(session, row)
        self._note(row, answer)
        return 0.0 if answer.status else NOBODY_THERE_SECONDS  # the others would meet the same silence

    def _post(self, session: requests.Session, row: sqlite3.Row) -> _Answer:
        body = row["body"].encode()
        is_call = bool(row["path"])
        if is_call:  # twice with the same key is once
            headers = {"Authorization": f"Bearer {self._api_key}", "Idempotency-Key": row["webhook_id"]}
        else:
            headers = signing.webhook_headers(self._secret, row["webhook_id"], times.wall(), body)
        try:
            answer = session.post(
                self._api_url + row["path"] if is_call else self._url,
                data=body,
                headers={**headers, "Content-Type": "application/json", "User-Agent": "kiln-and-kettle/1"},
                timeout=_TIMEOUT_SECONDS,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            return _Answer(None, f"No answer: {type(error).__name__}")
        return _Answer(answer.status_code, answer.text[:2000], answer.headers.get("Retry-After"), is_call)

    def _note(self, row: sqlite3.Row, answer: _Answer) -> None:
        now = times.wall().timestamp()
        with self._book.writing() as db:
            db.execute(
                "INSERT INTO attempt (delivery_id, at, status, answer) VALUES (?, ?, ?, ?)",
                (row["id"], now, answer.status, answer.text),
            )
            if answer.is_done:
                db.execute(
                    "UPDATE delivery SET sends_left = sends_left - 1, failures = 0, due_at = ? WHERE id = ?",
                    (now, row["id"]),
                )
            else:
                failures = row["failures"] + 1
                db.execute(
                    "UPDATE delivery SET failures = ?, due_at = ? WHERE id = ?",
                    (failures, now + wait_after(failures, answer.retry_after), row["id"]),
                )
