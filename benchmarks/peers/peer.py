"""What is asked of a peer: points added, taken and read over HTTP, by one process."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.http import MOST_PER_SECOND, Requests
from benchmarks.load import Request
from benchmarks.processes import Server

ACCOUNTS = 100
PLENTY = 1_000_000
"""What each account holds before the first debit."""
AMOUNT = 10


@dataclass(frozen=True)
class Peer:
    """A peer that answers. Its requests go to all of its accounts in turn; each is answered with 200."""

    server: Server
    credit: Requests
    debit: Requests
    read: Requests


def in_turn(requests: Iterable[Request]) -> Requests:
    prepared = list(requests)
    return lambda seconds: itertools.islice(itertools.cycle(prepared), int(seconds * MOST_PER_SECOND))
