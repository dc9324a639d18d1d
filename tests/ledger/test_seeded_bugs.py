"""The state machine is worth its time: it finds bugs that were put into the ledger on purpose."""

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy.exc import DBAPIError

from backend.db import db
from backend.errors import LagniappeError
from tests.ledger.books import ledger_sql, own_app
from tests.ledger.machine import walk
from tests.ledger.seeded_bugs import BUGS, STEPS, WALKS, SeededBug


@pytest.fixture(scope="module")
def bugs_app(environ: dict[str, str]) -> Iterator[Flask]:
    app = own_app(environ, "ledger_bugs")
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def a_ledger_to_spoil(bugs_app: Flask) -> Iterator[None]:
    with bugs_app.app_context():
        yield


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_the_walks_find_that(a_ledger_to_spoil: None, bug: SeededBug) -> None:
    install(bug.seeded_in(ledger_sql()))
    assert any(finds(seed) for seed in range(WALKS))


def finds(seed: int) -> bool:
    try:
        walk(seed, STEPS)
    except (AssertionError, DBAPIError, LagniappeError):
        return True
    return False


def install(text: str) -> None:
    with db.engine.begin() as connection:
        connection.exec_driver_sql(text.replace("%", "%%"))


def test_a_bug_whose_place_is_gone_is_not_taken_for_found() -> None:
    with pytest.raises(ValueError, match="0 times"):
        BUGS[0].seeded_in("")


def test_there_are_at_least_ten_and_all_different() -> None:
    assert len({(bug.right, bug.wrong) for bug in BUGS}) == len({bug.name for bug in BUGS}) == len(BUGS) >= 10
