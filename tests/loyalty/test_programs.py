"""Which version of a program counts (contract section 8, docs/decisions/0005)."""

from datetime import datetime, timedelta

from flask import Flask
from sqlalchemy import text

from backend import clock
from backend.db import db, transaction
from backend.loyalty.program import programs
from backend.loyalty.shops import shops


def new_shop() -> int:
    with transaction() as session:
        made = shops.create(
            session,
            clock.now(),
            platform="custom",
            name="Maison Test",
            domain="shop.example",
            currency="EUR",
            timezone_name="Europe/Paris",
            locale="en",
        )
        programs.start(session, made.shop, clock.now())
        return made.shop_id


def choose(shop_id: int, points_per_step: int) -> int:
    document = {"earn": {"points_per_step": points_per_step}}
    with transaction() as session:
        return programs.set_program(session, shop_id, document, author="a merchant", now=clock.now()).version


def points_per_step(shop_id: int, days_ago: float) -> int:
    with transaction() as session:
        version = programs.version_for(session, shop_id, clock.now() - timedelta(days=days_ago))
        return programs.settings_of(version).earn.points_per_step


def test_a_new_shop_has_the_defaults(app: Flask) -> None:
    assert points_per_step(new_shop(), days_ago=0) == 1


def test_the_first_version_is_the_one_the_merchant_chose_first(app: Flask) -> None:
    shop_id = new_shop()
    choose(shop_id, 3)
    assert points_per_step(shop_id, days_ago=100) == 3


def test_later_versions_leave_the_past_alone(app: Flask) -> None:
    shop_id = new_shop()
    first = choose(shop_id, 3)
    assert choose(shop_id, 4) == first + 1
    assert points_per_step(shop_id, days_ago=0) == 4
    assert points_per_step(shop_id, days_ago=100) == 3


def test_a_time_told_in_whole_seconds_falls_under_what_was_set_within_that_second(app: Flask) -> None:
    shop_id = new_shop()
    choose(shop_id, 3)
    second = clock.now().replace(microsecond=0)
    with transaction() as session:
        document = {"earn": {"points_per_step": 4}}
        programs.set_program(session, shop_id, document, author="x", now=second + timedelta(milliseconds=700))

    def at(moment: datetime) -> int:
        with transaction() as session:
            return programs.settings_of(programs.version_for(session, shop_id, moment)).earn.points_per_step

    assert at(second) == 4
    assert at(second + timedelta(milliseconds=300)) == 3
    assert at(second - timedelta(seconds=1)) == 3


def test_defaults_that_counted_something_stay(app: Flask) -> None:
    shop_id = new_shop()
    with transaction() as session:
        session.execute(
            text(
                "insert into orders (shop_id, external_id, known, placed_at, program_version)"
                " values (:shop, 'o-1', '{}', :now, 1)"
            ),
            {"shop": shop_id, "now": clock.now()},
        )
    choose(shop_id, 3)
    assert points_per_step(shop_id, days_ago=100) == 1
    db.session.rollback()
