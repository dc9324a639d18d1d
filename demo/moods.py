"""How the shop's door for discount codes behaves: as it should, slowly, not at all, or without saying what it did."""

import random
import sqlite3
from dataclasses import dataclass

from demo.book import change_setting, setting

MOODS = {
    "slow": "Answers slowly",
    "down": "Is down",
    "forgetful": "Loses its answers",
}
SLOW_SECONDS = 3.0
RETRY_AFTER_SECONDS = 5
LOST_PERCENT = 25
"""How many answers get lost, unless another share is set."""


@dataclass(frozen=True)
class Mood:
    on: frozenset[str]
    lost_percent: int

    def loses_this_answer(self) -> bool:
        return "forgetful" in self.on and random.uniform(0, 100) < self.lost_percent


def mood(db: sqlite3.Connection) -> Mood:
    return Mood(
        on=frozenset(name for name in MOODS if setting(db, f"discounts_{name}") == "on"),
        lost_percent=int(setting(db, "discounts_lost_percent", str(LOST_PERCENT))),
    )


def set_mood(db: sqlite3.Connection, on: set[str], lost_percent: int) -> None:
    for name in MOODS:
        change_setting(db, f"discounts_{name}", "on" if name in on else "off")
    change_setting(db, "discounts_lost_percent", str(min(max(lost_percent, 0), 100)))
