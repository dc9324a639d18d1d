"""The shop's own book: one SQLite file in its folder. Another program's storage, unknown to Lagniappe.

An order's change and the webhooks that tell of it are written in one transaction, so nothing is lost when either
program stops in between.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from demo import times

_SCHEMA = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS customer (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL COLLATE NOCASE,
    confirm_token TEXT UNIQUE,
    is_closed INTEGER NOT NULL DEFAULT 0,
    record TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS customer_email ON customer (email) WHERE NOT is_closed;
CREATE TABLE IF NOT EXISTS purchase (
    id TEXT PRIMARY KEY,
    number INTEGER NOT NULL UNIQUE,
    customer_id TEXT,
    email TEXT NOT NULL COLLATE NOCASE,
    created_at TEXT NOT NULL,
    record TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS delivery (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook_id TEXT NOT NULL,
    type TEXT NOT NULL,
    about TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at REAL NOT NULL,
    due_at REAL NOT NULL,
    sends_left INTEGER NOT NULL,
    failures INTEGER NOT NULL DEFAULT 0,
    path TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS delivery_due ON delivery (due_at) WHERE sends_left > 0;
CREATE TABLE IF NOT EXISTS attempt (
    delivery_id INTEGER NOT NULL REFERENCES delivery (id),
    at REAL NOT NULL,
    status INTEGER,
    answer TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS attempt_of ON attempt (delivery_id);
CREATE TABLE IF NOT EXISTS mail (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    received_at TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipients TEXT NOT NULL,
    subject TEXT NOT NULL,
    is_read INTEGER NOT NULL DEFAULT 0,
    raw BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS discount (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    code TEXT NOT NULL UNIQUE COLLATE NOCASE,
    reference TEXT NOT NULL,
    source TEXT NOT NULL,
    terms TEXT NOT NULL,
    told INTEGER NOT NULL DEFAULT 1,
    created_at TEXT NOT NULL,
    disabled_at TEXT
);
CREATE TABLE IF NOT EXISTS discount_use (
    discount_id INTEGER NOT NULL REFERENCES discount (id),
    order_id TEXT NOT NULL REFERENCES purchase (id),
    used_at TEXT NOT NULL,
    given_back_at TEXT,
    UNIQUE (discount_id, order_id)
);
CREATE TABLE IF NOT EXISTS review (
    customer_id TEXT NOT NULL REFERENCES customer (id),
    product TEXT NOT NULL,
    first_name TEXT NOT NULL,
    words TEXT NOT NULL,
    written_at TEXT NOT NULL,
    PRIMARY KEY (customer_id, product)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS discount_use_of_order ON discount_use (order_id);
"""


class Book:
    """The file, and how to open it. A connection lives for one block: SQLite opens in a tenth of a millisecond."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "store.sqlite3"
        with self._connection() as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(_SCHEMA)
            _catch_up(db)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with self._connection() as db:
            yield db

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of the block or nothing."""
        with self._connection() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.rollback()
                raise
            db.commit()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        db = sqlite3.connect(self.path, timeout=10, isolation_level=None)
        db.row_factory = sqlite3.Row
        try:
            db.execute("PRAGMA synchronous = NORMAL")
            yield db
        finally:
            db.close()


def _catch_up(db: sqlite3.Connection) -> None:
    """What a book from an earlier run lacks."""
    if not any(column["name"] == "path" for column in db.execute("PRAGMA table_info(delivery)")):
        db.execute("ALTER TABLE delivery ADD COLUMN path TEXT NOT NULL DEFAULT ''")


def setting(db: sqlite3.Connection, name: str, default: str = "") -> str:
    row = db.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
    return row["value"] if row else default


def change_setting(db: sqlite3.Connection, name: str, value: str) -> None:
    db.execute(
        "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )


def next_number(db: sqlite3.Connection, name: str, first: int) -> int:
    """The next of a running number, such as the orders'. Two callers never get the same one."""
    number = int(setting(db, name, str(first)))
    change_setting(db, name, str(number + 1))
    return number


def business_now(db: sqlite3.Connection) -> datetime:
    """The shop's time: the machine's, plus what the time bar moved."""
    return times.wall() + timedelta(seconds=float(setting(db, "clock_ahead_seconds", "0")))


def move_clock(db: sqlite3.Connection, days: int) -> None:
    ahead = float(setting(db, "clock_ahead_seconds", "0")) + timedelta(days=days).total_seconds()
    change_setting(db, "clock_ahead_seconds", str(ahead))
