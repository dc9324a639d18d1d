"""A ledger for tests: one shop with members and orders, and the verbs with no more words than a test is about."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import flask_migrate
import psycopg
from flask import Flask
from psycopg import sql
from sqlalchemy import text

from backend.app import create_app
from backend.db import db, transaction
from backend.ledger import posting
from backend.ledger.balance import Balance, balance
from backend.ledger.check import Report, check
from backend.ledger.posting import SYSTEM, Author

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
A_PERSON = Author("staff", "Ada")

_numbers = count(1)


def own_app(environ: dict[str, str], name: str) -> Flask:
    """An app on a new database of its own, migrated: what other tests leave behind is not there."""
    with psycopg.connect(environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    address, _, query = environ["DATABASE_URL"].partition("?")
    app = create_app({**environ, "DATABASE_URL": f"{address.rpartition('/')[0]}/{name}?{query}"})
    with app.app_context():
        flask_migrate.upgrade()
        db.session.execute(
            text(f"alter database {name} set synchronous_commit = off")
        )  # a test need not survive a crash
        db.session.commit()
        db.engine.dispose()
    return app


def wipe() -> None:
    """Empty every table of the running app's database but those that hold one row from the start."""
    with transaction() as session:
        session.execute(text("set local session_replication_role = replica"))
        tables = session.execute(
            text(
                "select tablename from pg_tables where schemaname = 'public'"
                " and tablename not in ('alembic_version', 'clock_offset')"
            )
        ).scalars()
        for table in tables.all():
            session.execute(text(f"delete from {table}"))


def ledger_sql() -> str:
    """The text that `lagniappe migrate` defines the verbs from."""
    return (Path(posting.__file__).parent / "ledger.sql").read_text()


def days(number: float) -> timedelta:
    return timedelta(days=number)


@dataclass(frozen=True)
class Move:
    """An entry as a test looks at it."""

    kind: str
    from_bucket: str
    to_bucket: str
    points: int
    available_after: int


@dataclass(frozen=True)
class LotNow:
    """A lot as a test looks at it."""

    id: int
    points: int
    remaining: int
    expires_at: datetime | None
    reminder: str
    order_id: int | None
    earned_at: datetime


class Book:
    """The ledger of one shop. `now` is the business time that its verbs are given; a test moves it."""

    def __init__(self, *, grace_days: int = 7) -> None:
        self.now = START
        self.grace_days = grace_days
        with transaction() as session:
            self.shop_id: int = session.execute(
                text(
                    "insert into shop (platform, name, domain, currency, timezone, locale, widget_key, webhook_secret,"
                    " identity_secret, created_at) values ('custom', 'Maison Test', 'shop.example', 'EUR',"
                    " 'Europe/Paris', 'en', :key, '', '', :now) returning id"
                ),
                {"key": f"wk_book_{next(_numbers)}", "now": START},
            ).scalar_one()
            session.execute(
                text(
                    "insert into program_version (shop_id, version, settings, in_force_from, author)"
                    " values (:shop, 1, jsonb_build_object('expiry', jsonb_build_object('grace_days',"
                    " cast(:grace as integer))), :now, 'a test')"
                ),
                {"shop": self.shop_id, "grace": grace_days, "now": START},
            )

    def advance(self, **delta: float) -> None:
        self.now += timedelta(**delta)

    def member(self, *, email: str | None = None) -> int:
        """A new member with an empty account."""
        with transaction() as session:
            member_id: int = session.execute(
                text(
                    "insert into member (shop_id, external_id, email, enrolled_at) values (:shop, :id, :email, :now)"
                    " returning id"
                ),
                {"shop": self.shop_id, "id": f"c-{next(_numbers)}", "email": email, "now": self.now},
            ).scalar_one()
            session.execute(
                text("insert into account (shop_id, member_id) values (:shop, :member)"),
                {"shop": self.shop_id, "member": member_id},
            )
        return member_id

    def order(self, member_id: int) -> int:
        """A new order of the member: something that awards can be about."""
        with transaction() as session:
            order_id: int = session.execute(
                text(
                    "insert into orders (shop_id, external_id, member_id, known, placed_at, program_version)"
                    " values (:shop, :id, :member, '{}', :now, 1) returning id"
                ),
                {"shop": self.shop_id, "id": f"o-{next(_numbers)}", "member": member_id, "now": self.now},
            ).scalar_one()
        return order_id

    # The verbs, each its own transaction. `key` is new for each call unless it is given.

    def promise(
        self,
        member_id: int,
        points: int,
        *,
        due_at: datetime | None = None,
        expires_at: datetime | None = None,
        order_id: int | None = None,
        key: str | None = None,
    ) -> int | None:
        return self._do(
            posting.promise,
            member_id,
            points,
            key=key or self.new_key(),
            rule="order",
            why={},
            program_version=1,
            due_at=due_at or self.now,
            expires_at=expires_at,
            order_id=order_id,
        )

    def void(self, award_id: int, points: int, *, key: str | None = None) -> int | None:
        return self._do(posting.void, award_id, points, key=key or self.new_key(), why={})

    def redate(self, order_id: int, due_at: datetime, expires_at: datetime | None) -> None:
        with transaction() as session:
            posting.redate(session, self.shop_id, order_id, due_at, expires_at)

    def post_due(self, limit: int = 1000) -> int:
        with transaction() as session:
            return len(posting.post_due(session, self.now, limit))

    def grant(
        self, member_id: int, points: int, *, expires_at: datetime | None = None, key: str | None = None
    ) -> int | None:
        return self._do(
            posting.grant, member_id, points, key=key or self.new_key(), author=A_PERSON, why={}, expires_at=expires_at
        )

    def deduct(self, member_id: int, points: int, *, key: str | None = None) -> int | None:
        return self._do(posting.deduct, member_id, points, key=key or self.new_key(), author=A_PERSON, why={})

    def hold(self, member_id: int, points: int, *, key: str | None = None) -> int | None:
        return self._do(posting.hold, member_id, points, key=key or self.new_key(), author=SYSTEM, why={})

    def release(self, member_id: int, hold_id: int) -> int | None:
        return self._do(posting.release, member_id, hold_id, author=SYSTEM, why={}, grace_days=self.grace_days)

    def capture(self, member_id: int, hold_id: int) -> int | None:
        return self._do(posting.capture, member_id, hold_id, why={})

    def spend(self, member_id: int, points: int, *, may_owe: bool = False, key: str | None = None) -> int | None:
        return self._do(
            posting.spend, member_id, points, key=key or self.new_key(), author=SYSTEM, why={}, may_owe=may_owe
        )

    def give_back(self, member_id: int, taken_id: int) -> int | None:
        return self._do(posting.give_back, member_id, taken_id, author=SYSTEM, why={}, grace_days=self.grace_days)

    def claw_back(
        self, member_id: int, points: int, *, order_id: int | None = None, key: str | None = None
    ) -> int | None:
        return self._do(
            posting.claw_back,
            member_id,
            points,
            key=key or self.new_key(),
            why={},
            order_id=order_id,
            program_version=1,
        )

    def expire_due(self, limit: int = 1000) -> int:
        with transaction() as session:
            return len(posting.expire_due(session, self.now, limit))

    # Looking.

    def balance(self, member_id: int) -> Balance:
        with transaction() as session:
            return balance(session, self.shop_id, member_id, self.now)

    def account(self, member_id: int) -> tuple[int, int, int, int]:
        """pending, available, on_hold, owed as they are stored."""
        (row,) = self.rows(
            "select pending, available, on_hold, owed from account where shop_id = :shop and member_id = :member",
            member=member_id,
        )
        return tuple(row)

    def moves(self, member_id: int) -> list[Move]:
        """The member's entries, oldest first."""
        return [
            Move(*row)
            for row in self.rows(
                "select kind, from_bucket, to_bucket, points, available_after from entry"
                " where shop_id = :shop and member_id = :member order by id",
                member=member_id,
            )
        ]

    def lots(self, member_id: int) -> list[LotNow]:
        """The member's lots, open and closed, oldest first."""
        return [
            LotNow(*row)
            for row in self.rows(
                "select id, points, remaining, expires_at, reminder, order_id, earned_at from lot"
                " where shop_id = :shop and member_id = :member order by id",
                member=member_id,
            )
        ]

    def remaining(self, member_id: int) -> list[int]:
        """What each of the member's lots still holds, oldest first."""
        return [lot.remaining for lot in self.lots(member_id)]

    def lots_of(self, entry_id: int | None) -> list[tuple[int, int]]:
        """How much of which lot an entry moved, by lot."""
        rows = self.rows(
            "select lot_id, points from entry_lot where shop_id = :shop and entry_id = :entry order by lot_id",
            entry=entry_id,
        )
        return [(row[0], row[1]) for row in rows]

    def entry(self, entry_id: int | None) -> Any:
        """All columns of an entry."""
        (row,) = self.rows("select * from entry where shop_id = :shop and id = :entry", entry=entry_id)
        return row

    def count(self, table: str) -> int:
        return int(self.rows(f"select count(*) from {table} where shop_id = :shop")[0][0])

    def check(self) -> Report:
        with transaction() as session:
            return check(session, self.now, datetime.now(UTC), self.shop_id)

    def rows(self, statement: str, **parameters: Any) -> list[Any]:
        with transaction() as session:
            return list(session.execute(text(statement), {"shop": self.shop_id, **parameters}).all())

    def execute(self, statement: str, **parameters: Any) -> None:
        """Change something by hand, past the verbs."""
        with transaction() as session:
            session.execute(text(statement), {"shop": self.shop_id, **parameters})

    def try_out(self, statement: str, **parameters: Any) -> None:
        """`execute`, and take it back: what is not the ledger's own work must not stay in it."""
        with transaction() as session:
            session.execute(text(statement), {"shop": self.shop_id, **parameters})
            session.rollback()

    @contextmanager
    def past_all_rules(self) -> Iterator[Callable[..., None]]:
        """Yields `execute` for a transaction in which neither triggers nor foreign keys are looked at."""
        with transaction() as session:
            session.execute(text("set local session_replication_role = replica"))

            def execute(statement: str, **parameters: Any) -> None:
                session.execute(text(statement), {"shop": self.shop_id, **parameters})

            yield execute

    def new_key(self) -> str:
        return f"test:{next(_numbers)}"

    def _do(self, verb: Callable[..., int | None], *args: Any, **given: Any) -> int | None:
        with transaction() as session:
            return verb(session, self.shop_id, *args, at=self.now, reason="a test", **given)
