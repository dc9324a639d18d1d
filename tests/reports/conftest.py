"""The reports' tests have a database of their own: jobs look at every shop."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.ledger.books import Book, own_app, wipe


@pytest.fixture(scope="session")
def ledger_app(environ: dict[str, str]) -> Flask:
    return own_app(environ, "reports_tests")


@pytest.fixture
def in_ledger(ledger_app: Flask) -> Iterator[None]:
    """The ledger's own app, its database empty."""
    with ledger_app.app_context():
        yield
        wipe()


@pytest.fixture
def book(in_ledger: None) -> Book:
    return Book()
