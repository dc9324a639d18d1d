"""A statement on the direct line, without a cursor: the same answers, and as hard to kill."""

from datetime import UTC, datetime

import psycopg
import pytest
from flask import Flask

from backend import db
from backend.hot_statement import HotStatement


def test_gives_the_first_row_as_text(app: Flask) -> None:
    statement = HotStatement("select %(a)s::bigint + 1, %(b)s::text, %(a)s::bigint, null")
    assert statement.first_row({"a": 41, "b": "it's é %s $1"}) == ("42", "it's é %s $1", "41", None)


def test_gives_none_where_there_is_no_row(app: Flask) -> None:
    assert HotStatement("select 1 where %(no)s::boolean").first_row({"no": "f"}) is None


def test_takes_null_and_moments(app: Flask) -> None:
    statement = HotStatement("select %(nothing)s::text is null, %(at)s::timestamptz = '2026-11-23T09:00:00Z'")
    assert statement.first_row({"nothing": None, "at": datetime(2026, 11, 23, 9, tzinfo=UTC)}) == ("t", "t")


def test_is_prepared_once_per_connection(app: Flask) -> None:
    statement = HotStatement("select count(*) from pg_prepared_statements where statement like %(mine)s")
    assert [statement.first_row({"mine": "%prepared_statements where statement like $1"}) for _ in range(3)] == [
        ("1",)
    ] * 3


def test_goes_on_after_its_connection_was_killed(app: Flask) -> None:
    statement = HotStatement("select pg_backend_pid()")
    before = statement.first_row({})
    assert before is not None and before[0] is not None
    with psycopg.connect(app.config["LAGNIAPPE_DATABASE_URL"], autocommit=True) as other:
        other.execute("select pg_terminate_backend(%s, 1000)", (int(before[0]),))
    after = statement.first_row({})
    assert after is not None and after != before


def test_goes_on_after_its_plan_was_forgotten_or_its_table_changed(app: Flask) -> None:
    connection = db.direct()
    connection.execute("create temp table thing (a integer)")
    statement = HotStatement("select * from thing where %(any)s::text is not null")
    connection.execute("insert into thing values (1)")
    assert statement.first_row({"any": "x"}) == ("1",)
    connection.execute("alter table thing add b text")
    assert statement.first_row({"any": "x"}) == ("1", None)
    connection.execute("deallocate all")
    assert statement.first_row({"any": "x"}) == ("1", None)
    connection.execute("drop table thing")


def test_an_error_is_psycopgs_own_and_leaves_the_line_usable(app: Flask) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        HotStatement("select 1 / %(zero)s::integer").first_row({"zero": 0})
    with pytest.raises(psycopg.errors.UndefinedTable):
        HotStatement("select 1 from no_such_table").first_row({})
    assert HotStatement("select 1").first_row({}) == ("1",)
