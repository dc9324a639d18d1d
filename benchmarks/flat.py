"""Cost that does not grow: the middle request takes as long with many members, and for a member with a long history.

The two sides of each ratio take turns, one request or one award after the other, so that they see the same machine.
"""

import itertools
import secrets
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from backend import clock
from backend.db import transaction
from backend.jobs import points
from backend.ledger import posting
from benchmarks import http
from benchmarks.load import in_turn
from benchmarks.read import ME
from benchmarks.rounds import Result, Sample, flat
from benchmarks.seeding import ENTRIES_EACH
from benchmarks.stage import Database, Stage

AIM = 1.2
READERS = 5_000
REQUESTS_PER_POST = 5
"""So many requests are made for each award posted: posting takes longer."""


@dataclass(frozen=True)
class Side:
    """Some members of a database, behind a web server."""

    name: str
    port: int
    database: Database
    members: list[int]

    def endlessly(self) -> Iterator[int]:
        return itertools.cycle(self.members)


Pair = tuple[Side, Side]
Latencies = list[list[float]]
"""Of the one side and of the other, in seconds."""


def run(stage: Stage, rounds: int) -> Result:
    small, large, count = stage.small, stage.large, stage.sizes.singles
    ports = stage.product(small).port, stage.product(large).port
    entries = [extra + ENTRIES_EACH for extra in (large.histories.short_entries, large.histories.long_entries)]
    pairs = [
        (
            Side(f"{small.members:,} members", ports[0], small, http.some_members(small, READERS)),
            Side(f"{large.members:,} members", ports[1], large, http.some_members(large, READERS)),
        ),
        (
            Side(f"{entries[0]:,} entries", ports[1], large, list(large.histories.short)),
            Side(f"{entries[1]:,} entries", ports[1], large, list(large.histories.long)),
        ),
    ]
    verbs: dict[str, Callable[[Pair, int], Latencies]] = {"accept": _accept, "read": _read, "post": _post}
    found: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        for pair, (verb, measure) in itertools.product(pairs, verbs.items()):
            latencies = measure(pair, count if number else min(count, 50))
            if number:  # the first round only warms up
                for side, of_side in zip(pair, latencies, strict=True):
                    found.setdefault(f"{verb}, {side.name}", []).append(statistics.median(of_side) * 1e3)
    variants = {name: Sample(1e3 / (p50 := statistics.median(each)), p50_ms=p50) for name, each in found.items()}
    return Result(
        "flat: one at a time, both sides in turn",
        variants,
        [
            flat(
                f"{verb}: {many.name} / {few.name}",
                variants[f"{verb}, {many.name}"],
                variants[f"{verb}, {few.name}"],
                AIM,
            )
            for (few, many), verb in itertools.product(pairs, verbs)
        ],
    )


def _accept(pair: Pair, count: int) -> Latencies:
    """A delivery about an order of one of the members."""
    seconds = count / http.MOST_PER_SECOND
    return in_turn(
        [
            (
                side.port,
                http.deliveries(
                    side.database,
                    f"/webhooks/custom/{side.database.shop.shop_id}",
                    [http.order(member) for member in side.members[:50]],
                )(seconds),
            )
            for side in pair
        ],
        expected=202,
    )


def _read(pair: Pair, count: int) -> Latencies:
    return in_turn(
        [
            (side.port, list(itertools.islice(http.reads(ME, http.sessions(side.database, side.members))(1e9), count)))
            for side in pair
        ],
        expected=200,
    )


def _post(pair: Pair, count: int) -> Latencies:
    """One award of a member, promised and due, posted by the job."""
    members = [side.endlessly() for side in pair]
    latencies: Latencies = [[], []]
    for _ in range(max(1, count // REQUESTS_PER_POST)):
        for side, chosen, taken in zip(pair, members, latencies, strict=True):
            with side.database.app.app_context():
                _promise(side.database, next(chosen))
                begin = time.perf_counter()
                posted = points.post_due()
                taken.append(time.perf_counter() - begin)
            assert posted == 1, f"{posted} awards were due"
    return latencies


def _promise(database: Database, member_id: int) -> None:
    now = clock.now()
    with transaction() as session:
        posting.promise(
            session,
            database.shop.shop_id,
            member_id,
            5,
            at=now,
            key=f"flat:{secrets.token_hex(8)}",
            rule="order",
            reason="Order",
            why={"rule": "order", "order": "7"},
            program_version=1,
            due_at=now - timedelta(seconds=1),
            expires_at=now + timedelta(days=365),
        )
