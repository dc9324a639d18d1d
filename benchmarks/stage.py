"""What every benchmark stands on: PostgreSQL and Valkey of their own, seeded databases, the product's environment."""

import base64
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import flask_migrate
import psycopg
from flask import Flask

from backend import clock
from backend.app import create_app
from backend.db import db, transaction
from backend.embedded import Addresses, running
from backend.loyalty.program import programs
from backend.loyalty.shops import shops
from backend.loyalty.shops.shops import NewShop
from benchmarks import seeding
from benchmarks.processes import APP, Server, web
from benchmarks.seeding import Histories

PROGRAM: dict[str, Any] = {
    "earn": {"spend_step": "10", "points_per_step": 1, "base": "items", "round": "floor"},
    "assign": {"delay_days": 3, "on": "collected"},
    "expiry": {"kind": "fixed_day", "month": 12, "day": 31},
    "rules": [{"id": "welcome", "kind": "signup", "points": 100, "title": {"en": "Become a member"}}],
}
UNLIMITED = "reads=999999999/second;writes=999999999/second;address=999999999/second"
"""The rate limits count as always and refuse nothing: a benchmark asks more than a shopper may."""


@dataclass(frozen=True)
class Sizes:
    """How much there is of everything, and how long each measurement takes."""

    members: int
    few_members: int
    long_history: int
    seconds: float
    awards: int
    """Posted by the product in each round."""
    jobs: int
    """Done one by one by the reference in each round."""
    singles: int
    """Requests or awards behind each p50 of `flat`, in each round."""
    codes: int
    """In the largest pool of coupons."""


FULL = Sizes(1_000_000, 10_000, 10_000, seconds=3.0, awards=40_000, jobs=200, singles=1_000, codes=1_000_000)
QUICK = Sizes(100_000, 10_000, 1_000, seconds=1.5, awards=10_000, jobs=60, singles=300, codes=100_000)
TINY = Sizes(600, 300, 60, seconds=0.2, awards=50, jobs=8, singles=20, codes=10_000)


@dataclass(frozen=True)
class Database:
    """A seeded database with one shop, and the environment of production on it."""

    name: str
    url: str
    members: int
    shop: NewShop
    widget_key: str
    histories: Histories
    environ: dict[str, str] = field(repr=False)
    app: Flask = field(repr=False)


class Stage:
    """The servers of one run. Databases are seeded when they are first asked for."""

    def __init__(self, folder: Path, addresses: Addresses, sizes: Sizes) -> None:
        self.folder = folder
        self.addresses = addresses
        self.sizes = sizes
        self._databases: dict[int, Database] = {}
        self._servers: dict[tuple[str, str], Server] = {}
        self._running = ExitStack()

    def __enter__(self) -> "Stage":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()
        for database in self._databases.values():
            with database.app.app_context():
                db.session.remove()
                db.engine.dispose()

    @property
    def postgres_pid(self) -> int:
        """The process whose descendants are all of PostgreSQL."""
        return int((self.folder / "postgres" / "postmaster.pid").read_text().split()[0])

    @property
    def large(self) -> Database:
        """The database with all the members."""
        return self.database(self.sizes.members)

    @property
    def small(self) -> Database:
        """The database with few members, to compare with."""
        return self.database(self.sizes.few_members)

    def log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    def database(self, members: int) -> Database:
        if members not in self._databases:
            self._databases[members] = self._make(members)
        return self._databases[members]

    def server(self, target: str, database: Database | None = None) -> Server:
        """The web server of that app, on that database; it runs until the stage ends, and idles for nothing."""
        key = target, database.name if database else ""
        if key not in self._servers:
            environ = database.environ if database else {}
            self._servers[key] = self._running.enter_context(web(target, environ, self.log("web")))
        return self._servers[key]

    def product(self, database: Database) -> Server:
        return self.server(APP, database)

    def bare(self) -> Server:
        """What the same server does with next to no app."""
        return self.server("benchmarks.reference.bare:create_app")

    def empty_database(self, name: str) -> str:
        """The URL of a new database with nothing in it, on the same PostgreSQL."""
        with psycopg.connect(self.addresses.database_url, autocommit=True) as connection:
            connection.execute(f"create database {name}")
        return urlsplit(self.addresses.database_url)._replace(path=f"/{name}").geturl()

    def databases(self) -> list[Database]:
        """Those made so far."""
        return list(self._databases.values())

    def _make(self, members: int) -> Database:
        name = f"bench_{members}"
        url = self.empty_database(name)
        environ = self.environ(url)
        app = create_app(environ)
        now = clock.wall()
        with app.app_context():
            flask_migrate.upgrade()
            with transaction() as session:
                shop = shops.create(
                    session,
                    now,
                    platform="custom",
                    name="Maison Bench",
                    domain="shop.example",
                    currency="EUR",
                    timezone_name="Europe/Paris",
                    locale="en",
                )
                programs.set_program(session, shop.shop_id, PROGRAM, author="the benchmark", now=now)
                widget_key = shop.shop.widget_key
        tenth = members // 10
        histories = Histories(
            short=range(tenth, tenth + 10),
            long=range(2 * tenth, 2 * tenth + 10),
            short_entries=6,  # with the seed's own about ten
            long_entries=self.sizes.long_history if members == self.sizes.members else 6,
        )
        seeding.fill(url, shop.shop_id, members, now, histories)
        return Database(name, url, members, shop, widget_key, histories, environ, app)

    def environ(self, database_url: str) -> dict[str, str]:
        """That of production on this database."""
        return {
            "LAGNIAPPE_ENV": "production",
            "DATABASE_URL": database_url,
            "REDIS_URL": self.addresses.redis_url,
            "SECRET_KEY": secrets.token_urlsafe(48),
            "ENCRYPTION_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "BASE_URL": "https://loyalty.example.com",
            "MAIL_URL": "smtp://127.0.0.1:9",
            "LAGNIAPPE_DATA_DIR": str(self.folder),
            "LAGNIAPPE_RATE_LIMITS": UNLIMITED,
            "LOG_LEVEL": "WARNING",
        }


@contextmanager
def stage(sizes: Sizes) -> Iterator[Stage]:
    """A stage for as long as the block; nothing of it is left afterwards."""
    with (
        TemporaryDirectory(prefix="lagniappe-bench-") as folder,
        running(Path(folder)) as addresses,
        Stage(Path(folder), addresses, sizes) as built,
    ):
        yield built


def socket_folder(url: str) -> str:
    """Where PostgreSQL's socket lies, for programs that want it as -h."""
    return parse_qs(urlsplit(url).query)["host"][0]
