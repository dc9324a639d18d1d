"""Moving time: Lagniappe's clock by its own command, then the store's by as much."""

import os
import subprocess
import threading
from datetime import datetime

from demo import times
from demo.book import Book, business_now, move_clock
from demo.orders import Refusal
from demo.settings import Settings

STEPS = {"1d": "+1 day", "3d": "+3 days", "1mo": "+1 month", "1y": "+1 year"}
_TIMEOUT_SECONDS = 60
standing_still = threading.Lock()
"""Held while time moves: whoever must know the shop's time waits for the move to end, and a second move too."""


def advance(book: Book, settings: Settings, step: str) -> datetime:
    """Move both clocks by a button of the bar; the shop's new time.

    Lagniappe's command comes first. If it fails, the store's clock stays where it is and Refusal says why.
    """
    if step not in STEPS:
        raise Refusal("The time bar has no such button.")
    with standing_still:
        with book.reading() as db:
            days = times.days_ahead(step, business_now(db).astimezone(times.ZONE).date())
        _run([*settings.time_command, f"{days}d"], {**os.environ, **settings.time_environment})
        with book.writing() as db:
            move_clock(db, days)
            return business_now(db)


def _run(command: list[str], environment: dict[str, str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603 (the command is the demo's own setting)
            command, env=environment, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Refusal(f"Time did not move: {error}") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Refusal(f"Time did not move: {said[-1] if said else f'the command ended with {done.returncode}'}")
