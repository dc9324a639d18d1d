"""How often somebody may try to sign in. Each try is counted before the password is looked at, in a statement of its own:
tries side by side, or a process that dies, win nobody another one.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from backend import db
from backend.errors import TooManyRequests


@dataclass(frozen=True)
class Limit:
    """At most so many tries in so long."""

    tries: int
    window: timedelta


LIMITS: Mapping[str, Limit] = {
    "person here": Limit(5, timedelta(minutes=15)),  # an e-mail address from one place
    "place": Limit(60, timedelta(minutes=15)),  # a network address, whomever it tries
    "person": Limit(100, timedelta(hours=1)),  # an e-mail address, from wherever: many places share the work
    "code": Limit(5, timedelta(minutes=15)),  # a second factor of one person
    "own password": Limit(10, timedelta(minutes=15)),  # of who is signed in
    "forgot": Limit(3, timedelta(hours=1)),  # mails to one address
}
KEPT = max(limit.window for limit in LIMITS.values())

_COUNT = """
    insert into sign_in_try as t (key, tries, since) values (%(key)s, 1, %(wall)s)
    on conflict (key) do update set
        tries = case when t.since <= %(over)s then 1 else t.tries + 1 end,
        since = case when t.since <= %(over)s then %(wall)s else t.since end
    returning tries, since
"""


class TooManyTries(TooManyRequests):
    """Somebody has to wait. The sentence says how long, in minutes."""

    title = "Too many tries"

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(retry_after_seconds)
        minutes = math.ceil(retry_after_seconds / 60)
        self.detail = f"Too many tries. Try again in {minutes} {'minute' if minutes == 1 else 'minutes'}."


def count(kind: str, whom: str, wall: datetime) -> None:
    """One try more. Raises TooManyTries if there were too many."""
    limit = LIMITS[kind]
    row = db.one_statement(_COUNT, {"key": _key(kind, whom), "wall": wall, "over": wall - limit.window})
    assert row is not None
    if row["tries"] > limit.tries:
        left = row["since"] + limit.window - wall
        raise TooManyTries(max(1, math.ceil(left.total_seconds())))


def give_back(kind: str, whom: str) -> None:
    """It was them: this try does not count. Those before it do, so that a right one among many wrong ones frees nobody."""
    db.one_statement(
        "update sign_in_try set tries = greatest(tries - 1, 0) where key = %(key)s returning tries",
        {"key": _key(kind, whom)},
    )


def forget(kind: str, whom: str) -> None:
    """It was them, and nobody else tries: those before it do not count either."""
    db.one_statement("delete from sign_in_try where key = %(key)s returning tries", {"key": _key(kind, whom)})


def _key(kind: str, whom: str) -> bytes:
    return sha256(f"{kind}\0{whom}".encode()).digest()
