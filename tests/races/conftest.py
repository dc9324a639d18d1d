"""A database of the races' own, a crew of processes on it, and a shop in it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from backend import clock
from backend.db import db, transaction
from backend.ledger import posting
from backend.loyalty.members import members
from backend.loyalty.program import programs
from backend.loyalty.rewards import campaigns, rewards
from backend.loyalty.shops import shops
from backend.loyalty.shops.shops import NewShop
from tests.ledger.books import own_app
from tests.races.crew import Crew


@pytest.fixture(scope="session")
def races_app(environ: dict[str, str]) -> Iterator[Flask]:
    app = own_app(environ, "races")
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def in_races(races_app: Flask) -> Iterator[None]:
    shops.forget_facts()
    programs.forget_current()
    rewards.forget_current()
    campaigns.forget_current()
    with races_app.app_context():
        yield


@pytest.fixture
def crew(races_app: Flask, environ: dict[str, str]) -> Iterator[Crew]:
    hands = Crew({**environ, "DATABASE_URL": races_app.config["LAGNIAPPE_DATABASE_URL"]})
    yield hands
    hands.dismiss()


@pytest.fixture
def open_shop(in_races: None) -> Callable[..., NewShop]:
    """Open a shop: EUR, Paris, one point for every 10, available 3 days after collection, for 400 days."""

    def opened(**given: Any) -> NewShop:
        with transaction() as session:
            shop = shops.create(
                session,
                clock.now(),
                platform="custom",
                name="Maison Test",
                domain="shop.example",
                currency="EUR",
                timezone_name="Europe/Paris",
                locale="en",
                rehearsal=True,
                **given,
            )
            program = {"expiry": {"kind": "days", "days": 400}}
            programs.set_program(session, shop.shop_id, program, author="a race", now=clock.now())
        return shop

    return opened


@pytest.fixture
def shop(open_shop: Callable[..., NewShop]) -> int:
    return open_shop().shop_id


@pytest.fixture
def member(shop: int) -> Callable[..., int]:
    """Make a member who has points."""

    def make(points: int = 0, customer: str = "c-1", **given: Any) -> int:
        with transaction() as session:
            made = members.enrol(session, shop, customer, clock.now())
            assert made is not None
            if points:
                posting.grant(
                    session,
                    shop,
                    made.id,
                    points,
                    at=clock.now(),
                    key=f"first:{made.id}",
                    author=posting.SYSTEM,
                    reason="a race",
                    why={},
                    expires_at=given.get("expires_at"),
                )
            return made.id

    return make


@pytest.fixture(autouse=True)
def no_deadlocks(in_races: None) -> Iterator[None]:
    """Whoever locks in one order never waits in a ring; a retry would only hide it."""
    before = deadlocks()
    yield
    assert deadlocks() == before


def deadlocks() -> int:
    with transaction() as session:
        session.execute(text("select pg_stat_force_next_flush()"))
    with transaction() as session:
        session.execute(text("select pg_stat_clear_snapshot()"))
        return int(
            session.execute(
                text("select deadlocks from pg_stat_database where datname = current_database()")
            ).scalar_one()
        )
