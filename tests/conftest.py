"""What all tests stand on: a real PostgreSQL and a real Valkey, one app, and a shop of its own for each test."""

import gc
import itertools
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import flask_migrate
import orjson
import psycopg
import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers
from sqlalchemy import text
from werkzeug.test import TestResponse

from backend import clock, rehearsal
from backend import db as database
from backend.app import create_app
from backend.db import db, transaction
from backend.embedded import Addresses, running
from backend.jobs import inbox, points
from backend.loyalty.program import programs
from backend.loyalty.rewards import campaigns, rewards
from backend.loyalty.shops import shops
from backend.loyalty.shops.shops import NewShop
from backend.platforms.custom import signature
from backend.staff import passwords
from tests.races.work import PATIENT
from tests.shopify.pretend import CLIENT_ID, OLD_SECRET, SECRET, Pretend, open_pretend

# Everywhere the same examples in every run, however long a busy machine takes over one: what fails, fails again.
settings.register_profile("steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")
# `pytest --hypothesis-profile nightly`: others each time, many long walks of the ledger, and what fails is made small.
settings.register_profile(
    "nightly",
    max_examples=2000,
    stateful_step_count=50,
    derandomize=False,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

ALONE = {
    *("benchmarks", "browser", "demo", "embedded", "gallery", "jobs", "journeys", "races"),
    *("test_slow_bodies.py", "transfer/test_killed.py", "shopify/test_killed.py", "shopify/test_codes.py"),
}
"""Folders and files whose tests start many processes, kill them or hold a promise in seconds: `make test WORKERS=2` runs the
others side by side, and these one after the other when they have ended."""

PROGRAM = {
    "earn": {"spend_step": "10", "points_per_step": 1, "base": "items", "round": "floor"},
    "assign": {"delay_days": 3, "on": "collected", "arrived_carriers": ["tcat"]},
    "expiry": {"kind": "fixed_day", "month": 12, "day": 31},
}
"""The program of the documents' examples: every 10 earns 1 point, 3 days after collection, until the next 12/31."""

NEXT_YEAR = datetime.now(UTC).year + 1
"""For tests that name a day: it is still to come when a test makes its shop, whenever the test runs."""


def pytest_configure(config: pytest.Config) -> None:
    """Keep the examples from depending on which modules a run has loaded: hypothesis tries the constants that it finds in
    them, so a file alone and the whole suite would try different ones, and differ after each change of any module."""
    if config.getoption("--hypothesis-profile") != "nightly":
        providers._get_local_constants = lambda: providers._local_constants


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need the machine for themselves."""
    here = Path(__file__).parent
    for item in items:
        place = item.path.relative_to(here)
        if place.parts[0] in ALONE or str(place) in ALONE:
            item.add_marker("alone")


def pytest_collection_finish() -> None:
    """The thousands of tests stay until the end: nobody need look through them for garbage again and again."""
    gc.freeze()


@pytest.fixture(scope="session")
def servers() -> Iterator[Addresses]:
    """Of the tests alone. Nobody needs their data after a power cut: no commit waits for a disk, which may be busy."""
    with tempfile.TemporaryDirectory(prefix="lagniappe-tests-") as folder, running(Path(folder)) as addresses:
        with psycopg.connect(addresses.database_url, autocommit=True) as connection:
            for setting in ("fsync", "full_page_writes"):
                connection.execute(f"alter system set {setting} = off")
            connection.execute("select pg_reload_conf()")
        yield addresses


@pytest.fixture(scope="session", autouse=True)
def patient_database() -> Iterator[None]:
    """No statement of this process is broken off because a busy machine takes more than five seconds over it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "_CONNECT_OPTIONS", PATIENT)
        yield


@pytest.fixture(scope="session", autouse=True)
def light_hashes() -> Iterator[None]:
    """Hundreds of tests sign somebody in: their passwords are hashed in a moment, those of tests/admin/test_log_in.py as
    everybody's are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield


@pytest.fixture(scope="session")
def pretend_shopify() -> Iterator[Pretend]:
    """A Shopify for every shop of the tests. `forget()` it before use: tests/shopify/conftest.py does."""
    with open_pretend() as pretend:
        yield pretend


@pytest.fixture(scope="session")
def environ(servers: Addresses, pretend_shopify: Pretend) -> dict[str, str]:
    return {
        "LAGNIAPPE_ENV": "test",
        "DATABASE_URL": servers.database_url,
        "REDIS_URL": servers.redis_url,
        "BASE_URL": "http://127.0.0.1:8000",
        "LOG_LEVEL": "WARNING",
        "SHOPIFY_API_KEY": CLIENT_ID,
        "SHOPIFY_API_SECRET": f"{SECRET},{OLD_SECRET}",
        "SHOPIFY_TEST_URL": pretend_shopify.url,
    }


@pytest.fixture(scope="session")
def whole_app(environ: dict[str, str]) -> Iterator[Flask]:
    app = create_app(environ)
    with app.app_context():
        flask_migrate.upgrade()
    yield app
    with app.app_context():
        db.engine.dispose()


def empty_caches() -> None:
    """All that the process knows for a few seconds."""
    shops.forget_facts()
    programs.forget_current()
    rewards.forget_current()
    campaigns.forget_current()


@pytest.fixture
def app(whole_app: Flask) -> Iterator[Flask]:
    """The app, with its context pushed and every cache of the process empty."""
    empty_caches()
    with whole_app.app_context():
        yield whole_app
    clock.use_offset(rehearsal.current_offset)


@pytest.fixture
def another_app(environ: dict[str, str]) -> Iterator[Callable[..., Flask]]:
    """Make an app beside the one of all tests, with other settings. Its connections end with the test."""
    all_made: list[Flask] = []

    def make(**settings: str) -> Flask:
        all_made.append(create_app({**environ, **settings}))
        return all_made[-1]

    yield make
    for made in all_made:
        with made.app_context():
            db.engine.dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


class BusinessTime:
    """The business clock of this process, standing still where the test puts it."""

    def __init__(self) -> None:
        self._now = clock.wall()
        # a little more, so that the moment itself has come however long a busy machine takes from one reading to the next
        clock.use_offset(lambda: self._now - clock.wall() + timedelta(milliseconds=200))

    def set(self, now: datetime | str) -> None:
        at = datetime.fromisoformat(now) if isinstance(now, str) else now
        self._now = at.astimezone(UTC)

    def advance(self, **delta: float) -> None:
        self._now += timedelta(**delta)

    @property
    def now(self) -> datetime:
        return self._now


@pytest.fixture
def time(app: Flask) -> BusinessTime:
    return BusinessTime()


@dataclass
class TestShop:
    """A shop with what a test does to it: deliver webhooks, let the jobs work, look."""

    __test__ = False

    made: NewShop
    client: FlaskClient

    _ids = itertools.count(1)

    @property
    def id(self) -> int:
        return self.made.shop_id

    @property
    def facts(self) -> shops.ShopFacts:
        return shops.facts(self.made.shop_id)

    def signed(self, body: bytes, delivery_id: str | None = None, *, at: datetime | None = None) -> dict[str, str]:
        """The headers of a Standard Webhook with this body."""
        delivery_id = delivery_id or f"msg_{next(self._ids)}"
        timestamp = int((at or clock.wall()).timestamp())
        return {
            "webhook-id": delivery_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature.sign(self.made.webhook_secret, delivery_id, timestamp, body),
            "content-type": "application/json",
        }

    def post(self, body: bytes, delivery_id: str | None = None) -> TestResponse:
        """Deliver raw bytes, signed."""
        return self.client.post(f"/webhooks/custom/{self.id}", data=body, headers=self.signed(body, delivery_id))

    def deliver(
        self, type_: str, data: dict[str, Any], *, at: datetime | str | None = None, delivery_id: str | None = None
    ) -> TestResponse:
        """Deliver an event whose envelope says `at` (the business clock's time if left out)."""
        moment = at if isinstance(at, str) else (at or clock.now()).isoformat()
        body = orjson.dumps({"type": type_, "timestamp": moment, "data": data})
        return self.post(body, delivery_id)

    def tell(self, type_: str, data: dict[str, Any], *, at: datetime | str | None = None) -> None:
        """Deliver and let the workers' doors work: drain the inbox, then post what is due."""
        answer = self.deliver(type_, data, at=at)
        assert answer.status_code == 202, answer.text
        self.work()

    def work(self) -> None:
        inbox.drain()
        points.post_due()

    def set_program(self, **settings: Any) -> int:
        """Put a new version in force from the business clock's now; returns its number."""
        with transaction() as session:
            version = programs.set_program(session, self.id, settings, author="a test", now=clock.now(), rehearsal=True)
            return version.version


@pytest.fixture
def new_shop(app: Flask, client: FlaskClient) -> Iterator[Callable[..., TestShop]]:
    """Make a shop: EUR, Paris, English and the example program unless said otherwise.

    What it still has to tell its store when the test ends is called off: the store is gone, and others would wait for it.
    """
    all_made: list[int] = []

    def make(program: dict[str, Any] | None = None, **given: Any) -> TestShop:
        facts = {
            "platform": "custom",
            "name": "Maison Test",
            "domain": "shop.example",
            "currency": "EUR",
            "timezone_name": "Europe/Paris",
            "locale": "en",
        } | given
        with transaction() as session:
            made = shops.create(session, clock.now(), rehearsal=True, **facts)
            programs.set_program(
                session,
                made.shop_id,
                PROGRAM if program is None else program,
                author="a test",
                now=clock.now(),
                rehearsal=True,
            )
        all_made.append(made.shop_id)
        return TestShop(made, client)

    yield make
    db.session.rollback()
    with db.engine.begin() as connection:
        for statement in (
            "delete from coupon_refill where shop_id = any(:shops)",
            "update outbox set state = 'parked' where shop_id = any(:shops) and state = 'waiting'"
            " and kind in ('discount', 'shopify_code', 'shopify_discount', 'shopify_gift_card', 'shopify_store_credit')",
        ):
            connection.execute(text(statement), {"shops": all_made})


@pytest.fixture
def shop(new_shop: Callable[..., TestShop]) -> TestShop:
    return new_shop()
