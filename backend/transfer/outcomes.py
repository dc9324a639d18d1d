"""What became of an imported row, and what whoever takes rows over needs to know."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from backend.ledger.posting import Author
from backend.loyalty.shops.shops import ShopFacts
from backend.transfer.fields import Reading

What = Literal["made", "changed", "same", "refused"]


@dataclass(frozen=True)
class Outcome:
    """`about` names what the row is about, `why` says what there is to say."""

    what: What
    why: str = ""
    about: str = ""
    points: int = 0
    """That it moves, below zero if it takes them."""


@dataclass(frozen=True)
class Run:
    """One batch of one import."""

    shop: ShopFacts
    transfer_id: int
    file_hash: str
    first_row: int
    """The number of the batch's first row in the file, from 1."""
    options: Mapping[str, Any]
    author: Author
    now: datetime
    reading: Reading
    people: tuple[int, ...] = ()
    """Who of the team brings it, and who agreed."""
