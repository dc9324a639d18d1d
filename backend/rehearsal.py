"""Moving the business clock, in demo and tests only: due dates, expiry and holds can be seen without waiting for them.

How far the clock stands ahead is one row of the database, so that every process sees the same time; each reads it again
after a fifth of a second. Signatures, tokens and leases go by the machine's clock and do not move.
"""

import time
from datetime import timedelta

from flask import current_app

from backend import db
from backend.errors import BadInput, Forbidden

SEEN_AFTER_SECONDS = 0.2
"""How long a process may go by the offset that it read last."""
FURTHEST_SECONDS = 100 * 366 * 24 * 60 * 60
"""A hundred years, in one move and in all: far beyond every rule, and far from the end of the calendar."""

_seen: tuple[float, timedelta] | None = None


def current_offset() -> timedelta:
    """How far the business clock stands ahead of the machine's. Read from the database at most five times a second."""
    global _seen
    seen = _seen
    if seen is None or time.monotonic() - seen[0] > SEEN_AFTER_SECONDS:
        row = db.one_statement("select seconds from clock_offset", {})
        seen = _seen = (time.monotonic(), timedelta(seconds=row["seconds"] if row else 0))
    return seen[1]


def advance(seconds: int) -> int:
    """Move the business clock of every process `seconds` forward; returns how far it then stands ahead.

    Two at once add up. Raises Forbidden outside demo and test, BadInput for a step that is not forward or too far.
    """
    global _seen
    if not current_app.config["LAGNIAPPE"].is_rehearsal:
        raise Forbidden("Time can only be moved with LAGNIAPPE_ENV=demo or test.")
    if not 0 < seconds <= FURTHEST_SECONDS:
        raise BadInput("Time moves forward only, and at most 100 years.")
    current_offset()  # repairs a line that broke since it was last used: the update below must not be sent twice
    row = (
        db.direct()
        .execute(
            "update clock_offset set seconds = seconds + %(step)s where seconds + %(step)s <= %(furthest)s"
            " returning seconds",
            {"step": seconds, "furthest": FURTHEST_SECONDS},
        )
        .fetchone()
    )
    _seen = None
    if row is None:
        raise BadInput("The clock would stand more than 100 years ahead.")
    total: int = row["seconds"]
    return total
