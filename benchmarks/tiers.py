"""Levels: looking at a batch of members again, in a shop with few and with many of them, and after a short and a long past.

Both sides of a ratio take turns. Each look is what the job does: the accounts held, new entries counted, the window moved,
the verdicts written, committed.
"""

import itertools
import secrets
import statistics
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from backend import clock
from backend.db import transaction
from backend.jobs import points
from backend.ledger import posting
from backend.loyalty.program import programs
from backend.loyalty.shops import shops
from backend.loyalty.tiers import tier_due, tier_settling
from backend.platforms.events import time_text
from benchmarks import http
from benchmarks.rounds import Result, Sample, flat
from benchmarks.stage import PROGRAM, Database, Stage

AIM = 1.2
BATCH = 1_000
LOOKS = 15
"""At each side, in each round."""
LONG_PAST = 5_000
SHORT_PAST = 10
"""Entries that count or could count, of members with a long and with a short past."""
DAYS = 360
TIERS: dict[str, Any] = {
    "basis": "points_earned",
    "window": "rolling_12_months",
    "levels": [
        {"id": "silver", "from": 1_000, "name": {"en": "Silver"}},
        {"id": "gold", "from": 100_000_000, "name": {"en": "Gold"}},
    ],
}


@dataclass(frozen=True)
class Side:
    """The members of a database that are looked at together."""

    name: str
    database: Database
    members: list[int]


def run(stage: Stage, rounds: int) -> Result:
    small, large = stage.small, stage.large
    for database in (small, large):
        _begin(database)
    batch = min(BATCH, small.members // 2)
    past = min(LONG_PAST, stage.sizes.long_history)
    pairs = [
        tuple(
            Side(f"{batch:,} of {each.members:,} members", each, sorted(http.some_members(each, batch)))
            for each in (small, large)
        ),
        (
            _with_past(large, list(large.histories.short), SHORT_PAST),
            _with_past(large, list(large.histories.long), past),
        ),
    ]
    found: dict[str, list[float]] = {}
    for side in itertools.chain(*pairs):
        _count_all(side)
    for _, pair in itertools.product(range(rounds), pairs):
        for side in pair:
            _look(side)  # warm
        for _ in range(LOOKS):
            for side in pair:
                _earn(side.database, side.members[0])
                found.setdefault(side.name, []).append(_look(side))
    variants = {
        name: Sample(per_second=1 / (p50 := statistics.median(each)), p50_ms=p50 * 1e3) for name, each in found.items()
    }
    return Result(
        f"tiers: a batch of members looked at again, {rounds * LOOKS} times each",
        variants,
        [flat(f"tiers, {many.name} / {few.name}", variants[many.name], variants[few.name], AIM) for few, many in pairs],
    )


def _begin(database: Database) -> None:
    """Give the shop levels. Its members are looked at only where the benchmark asks for it."""
    with database.app.app_context(), transaction() as session:
        programs.set_program(
            session, database.shop.shop_id, {**PROGRAM, "tiers": TIERS}, author="the benchmark", now=clock.now()
        )


def _with_past(database: Database, members: list[int], entries: int) -> Side:
    with database.app.app_context():
        for member_id in members:
            with transaction() as session:
                for number in range(entries // 2):  # a promise and its posting
                    _promise(session, database, member_id, days_ago=number * DAYS // max(entries // 2, 1))
            points.post_due()
    return Side(f"{len(members)} members with {entries:,} entries", database, members)


def _earn(database: Database, member_id: int) -> None:
    """One more entry that counts."""
    with database.app.app_context():
        with transaction() as session:
            _promise(session, database, member_id, days_ago=0)
        points.post_due()


def _promise(session: Any, database: Database, member_id: int, days_ago: int) -> None:
    due_at = clock.now() - timedelta(days=days_ago, seconds=1)
    posting.promise(
        session,
        database.shop.shop_id,
        member_id,
        5,
        at=clock.now(),
        key=f"tiers:{secrets.token_hex(8)}",
        rule="order",
        reason="Order",
        why={"rule": "order", "order": "7", "due_at": time_text(due_at)},
        program_version=1,
        due_at=due_at,
        expires_at=clock.now() + timedelta(days=365),
    )


def _count_all(side: Side) -> None:
    """The first look counts the whole past, once for all."""
    for _ in range(0, len(side.members), tier_settling.COUNTED_AT_ONCE):
        _look(side)


def _look(side: Side) -> float:
    """Look at them as the job does; the seconds that it takes."""
    shop_id = side.database.shop.shop_id
    with side.database.app.app_context():
        shop = shops.facts(shop_id)
        with transaction() as session:
            tier_due.mark(session, [(shop_id, each) for each in side.members], clock.now())
        begin = time.perf_counter()
        with transaction() as session:
            posting.lock_accounts(session, shop_id, side.members)
            tier_settling.settle(session, shop, side.members, clock.now())
        return time.perf_counter() - begin
