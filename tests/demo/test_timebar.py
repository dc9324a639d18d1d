"""The bar that moves time."""

import sys
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from demo import timebar, times
from demo.book import Book, business_now
from demo.orders import Refusal
from demo.settings import Settings


def ahead(book: Book) -> timedelta:
    with book.reading() as db:
        return business_now(db) - times.wall()


def command(script: str) -> tuple[str, ...]:
    return (sys.executable, "-c", script)


def test_a_button_runs_the_command_and_moves_the_store_as_far(book: Book, settings: Settings, tmp_path: Path) -> None:
    said = tmp_path / "said"
    script = "import os, sys; open(os.environ['SAID'], 'w').write(' '.join(sys.argv[1:]))"
    told = replace(settings, time_command=command(script), time_environment={"SAID": str(said)})
    now = timebar.advance(book, told, "3d")
    assert said.read_text() == "3d"
    assert abs(ahead(book) - timedelta(days=3)) < timedelta(seconds=5)
    assert abs(now - times.wall() - timedelta(days=3)) < timedelta(seconds=5)


def test_moves_add_up_and_are_kept(book: Book, settings: Settings) -> None:
    timebar.advance(book, settings, "1d")
    timebar.advance(book, settings, "3d")
    assert abs(ahead(Book(settings.folder)) - timedelta(days=4)) < timedelta(seconds=5)


def test_a_refused_move_leaves_the_store_where_it_is_and_says_why(book: Book, settings: Settings) -> None:
    told = replace(settings, time_command=command("import sys; sys.exit('Error: time stands still here')"))
    with pytest.raises(Refusal, match="time stands still here"):
        timebar.advance(book, told, "3d")
    assert abs(ahead(book)) < timedelta(seconds=5)


def test_a_command_that_is_not_there_is_a_sentence(book: Book, settings: Settings) -> None:
    with pytest.raises(Refusal, match="Time did not move"):
        timebar.advance(book, replace(settings, time_command=("/nowhere/lagniappe",)), "1d")


def test_there_are_no_other_buttons(book: Book, settings: Settings) -> None:
    with pytest.raises(Refusal):
        timebar.advance(book, settings, "-1d; rm")


@pytest.mark.parametrize(
    ("step", "today", "days"),
    [
        ("1d", date(2026, 11, 23), 1),
        ("3d", date(2026, 11, 23), 3),
        ("1mo", date(2026, 11, 23), 30),
        ("1mo", date(2027, 1, 31), 28),
        ("1mo", date(2028, 1, 31), 29),
        ("1y", date(2026, 11, 23), 365),
        ("1y", date(2028, 2, 29), 365),
        ("1y", date(2027, 12, 31), 366),
    ],
)
def test_a_month_and_a_year_are_the_calendars(step: str, today: date, days: int) -> None:
    assert times.days_ahead(step, today) == days
