"""The same over HTTP, one process each: points spent, added and read, by us and by two other programs.

What is asked of the others does less: Medusa changes the amount of an account, django-hordak books a transfer. Ours
takes points from the lots that end first, and a code from a pool; adds a lot with an end, and a mail for the member;
reads the whole dashboard. A peer that cannot be had here is left out, and the reason printed.
"""

import itertools
import json
import secrets
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial

import requests

from benchmarks import http
from benchmarks.load import Request, request
from benchmarks.peers import hordak, medusa
from benchmarks.peers.installing import Absent
from benchmarks.peers.peer import Peer
from benchmarks.processes import Server
from benchmarks.read import ME
from benchmarks.rounds import Measure, Result, faster, interleaved
from benchmarks.spending import COST, Pool, give, lots_for, spenders
from benchmarks.stage import Database, Stage

AIM = 15
PEERS: dict[str, Callable[[Stage], AbstractContextManager[Peer]]] = {
    "Medusa": medusa.running,
    "django-hordak": hordak.running,
}
MEMBERS = 2_000
MOST_PER_SECOND = 4_000
"""So many requests of ours are prepared, and so many codes kept ready, for each second."""
_JSON = {"Content-Type": "application/json"}


def run(stage: Stage, rounds: int) -> Result:
    database, seconds = stage.large, stage.sizes.seconds
    pool = Pool.make(database, "Codes, over HTTP", 0)
    members = spenders(database, MEMBERS)
    give(database, members, 2 * lots_for((rounds + 1) * seconds * MOST_PER_SECOND / len(members)))
    with ExitStack() as running:
        variants = _ours(stage, pool, members)
        left_out = []
        for name, start in PEERS.items():
            try:
                variants |= _theirs(stage, name, running.enter_context(start(stage)))
            except (Absent, RuntimeError, requests.RequestException) as error:
                left_out.append(f"{name} was left out: {error}")
                print(left_out[-1], file=sys.stderr, flush=True)
        found = interleaved(variants, rounds)
    return Result(
        f"over HTTP, one process each: {http.CONNECTIONS} connections",
        found,
        [
            faster(f"{ours} / {name} {theirs}", found[ours], found[f"{name} {theirs}"], AIM)
            for name in PEERS
            for ours, theirs in (("redeem", "debit"), ("credit", "credit"), ("read", "read"))
            if f"{name} {theirs}" in found
        ],
        tuple(left_out),
    )


def _ours(stage: Stage, pool: Pool, members: range) -> dict[str, Measure]:
    database = pool.database
    door = _doors(stage, stage.product(database))
    tokens = http.sessions(database, members)
    return {
        "redeem": door(requests=partial(_redemptions, pool, tokens), expected=201),
        "credit": door(requests=partial(_credits, database, members), expected=201),
        "read": door(requests=http.reads(ME, tokens), expected=200),
    }


def _theirs(stage: Stage, name: str, peer: Peer) -> dict[str, Measure]:
    door = _doors(stage, peer.server)
    return {
        f"{name} debit": door(requests=peer.debit, expected=200),
        f"{name} credit": door(requests=peer.credit, expected=200),
        f"{name} read": door(requests=peer.read, expected=200),
    }


def _doors(stage: Stage, server: Server) -> Callable[..., Measure]:
    return partial(http.door, server, stage.postgres_pid, seconds=stage.sizes.seconds)


def _redemptions(pool: Pool, tokens: list[str], seconds: float) -> list[Request]:
    """Each with a key of its own, and with a code for each."""
    count = max(1, round(seconds * MOST_PER_SECOND))
    pool.restock(count)
    body, run = json.dumps({"reward_id": pool.public_id}).encode(), secrets.token_hex(8)
    return [
        request(
            "POST",
            f"{ME}/redemptions",
            http.widget_headers(token) | _JSON | {"Idempotency-Key": f"{run}-{number}"},
            body,
        )
        for number, token in zip(range(count), itertools.cycle(tokens), strict=False)
    ]


def _credits(database: Database, members: range, seconds: float) -> list[Request]:
    count = max(1, round(seconds * MOST_PER_SECOND))
    body, run = json.dumps({"points": COST, "reason": "A benchmark"}).encode(), secrets.token_hex(8)
    headers = {"Authorization": f"Bearer {database.shop.api_key}"} | _JSON
    return [
        request(
            "POST",
            f"/api/v1/members/{member}/adjustments",
            headers | {"Idempotency-Key": f"{run}-{number}"},
            body,
        )
        for number, member in zip(range(count), itertools.cycle(members), strict=False)
    ]
