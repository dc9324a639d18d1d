"""The ledger's tests have a database of their own: batch verbs look at every shop."""

from collections.abc import Iterator

import pytest
from flask import Flask

from backend.db import db
from tests.ledger.books import Book, own_app, wipe


@pytest.fixture(scope="session")
def ledger_app(environ: dict[str, str]) -> Iterator[Flask]:
    app = own_app(environ, "ledger_tests")
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def in_ledger(ledger_app: Flask) -> Iterator[None]:
    """The ledger's own app, its database empty."""
    with ledger_app.app_context():
        yield
        wipe()


@pytest.fixture
def book(in_ledger: None) -> Book:
    return Book()
