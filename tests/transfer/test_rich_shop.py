"""A shop in which everything has happened, into another database: the same to the point, for members too."""

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import flask_migrate
import psycopg
import pytest
from flask import Flask
from sqlalchemy import make_url, text

from backend import clock
from backend.app import create_app
from backend.db import db, transaction
from backend.ledger import check
from backend.loyalty.program import programs
from backend.loyalty.rewards import campaigns, rewards
from backend.loyalty.shops import shops
from backend.transfer import archive, exports
from tests.conftest import BusinessTime, TestShop
from tests.transfer import rich_shop
from tests.widget_api.conftest import Widget

NOT_THE_SAME = {"data/shop.json", "manifest.json", "data/former_shop.jsonl"}
"""They name the shop by its number."""
EMPTY = {
    "former_shop",
    "installation",
    "birthday_round",
    "coupon_refill",
    "reward_look",
    "segment_due",
    "segment_walk",
    "tier_walk",
}
"""What this shop may have none of; of every other table it has a row."""


@pytest.fixture
def elsewhere(environ: dict[str, str], app: Flask) -> Iterator[Flask]:
    """An app on a database of its own, on the same server."""
    with psycopg.connect(environ["DATABASE_URL"], autocommit=True) as line:
        line.execute("drop database if exists elsewhere with (force)")
        line.execute("create database elsewhere")
    moved = make_url(environ["DATABASE_URL"]).set(database="elsewhere").render_as_string(hide_password=False)
    made = create_app({**environ, "DATABASE_URL": moved, "BASE_URL": "https://new.example"})
    with made.app_context():
        flask_migrate.upgrade()
    yield made
    with made.app_context():
        db.engine.dispose()
    with psycopg.connect(environ["DATABASE_URL"], autocommit=True) as line:
        line.execute("drop database elsewhere with (force)")


@pytest.fixture
def rich(shop: TestShop, time: BusinessTime) -> tuple[TestShop, dict[str, int]]:
    return shop, rich_shop.fill(shop, time)


def test_everything_comes_back_in_another_database(rich: tuple[TestShop, dict[str, int]], elsewhere: Flask) -> None:
    shop, who = rich
    content = _zip(shop.id)
    counts = json.loads(_files(content)["manifest.json"])["tables"]
    assert {name for name, count in counts.items() if count == 0} <= EMPTY
    assert _states(shop.id) == {"requested", "issued", "returned", "expired", "failed"}
    before = {name: _seen(shop, name) for name in who if name != "gone"}
    balances = _balances(shop.id)
    assert len(balances) == len(who)
    ours = _files_of(shop, content)
    with _there(elsewhere, content) as moved:
        assert _balances(moved.id) == balances
        with transaction() as session:
            assert not check.check(session, clock.now(), clock.wall(), moved.id).violations
        for name, seen in before.items():
            assert _seen(moved, name) == seen, name
        theirs = _files_of(moved, _zip(moved.id))
        assert ours.keys() == theirs.keys()
        for name in ours:
            assert theirs[name] == ours[name], name
        assert json.loads(_files(content)["data/shop.json"])["discounts_url"] == moved.facts.discounts_url


def _zip(shop_id: int) -> bytes:
    return b"".join(archive.stream(shop_id, clock.now()))


def _files(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def _files_of(shop: TestShop, content: bytes) -> dict[str, str]:
    """The files that another export of the same shop has as well."""
    return {name: _unplaced(shop, file.decode()) for name, file in _files(content).items() if name not in NOT_THE_SAME}


def _states(shop_id: int) -> set[str]:
    with transaction() as session:
        found = session.execute(text("select distinct status from redemption where shop_id = :shop"), {"shop": shop_id})
        return set(found.scalars())


def _balances(shop_id: int) -> list[tuple[Any, ...]]:
    with transaction() as session:
        return [
            tuple(row)
            for row in session.execute(
                text(
                    "select member_id, pending, available, on_hold, owed from account where shop_id = :shop order by 1"
                ),
                {"shop": shop_id},
            )
        ]


def _seen(shop: TestShop, customer: str) -> dict[str, Any]:
    """All that the widget says to a member, and to a visitor; addresses of our own are the server's."""
    widget = Widget(shop, customer)
    said = {"program": widget.program().json, "me": widget.me()}
    for part in ("me/activity", "me/redemptions", "me/referral"):
        said[part] = widget.call(part).json
    document: dict[str, Any] = json.loads(_unplaced(shop, json.dumps(said)))
    return document


def _unplaced(shop: TestShop, written: str) -> str:
    """Without what is of the server: its address, and the shop's key in addresses."""
    for ours in (shop.facts.widget_key, "http://127.0.0.1:8000", "https://new.example"):
        written = written.replace(ours, "")
    return written


@contextmanager
def _there(elsewhere: Flask, content: bytes) -> Iterator[TestShop]:
    """The shop as it is in the other database."""
    _forget()
    with elsewhere.app_context():
        with transaction() as session:
            made = shops.create(
                session,
                clock.now(),
                rehearsal=True,
                platform="custom",
                name="Maison Test",
                domain="shop.example",
                currency="EUR",
                timezone_name="Europe/Paris",
                locale="en",
            )
            exports.bring_in(session, made.shop_id, io.BytesIO(content))
        yield TestShop(made, elsewhere.test_client())
    _forget()


def _forget() -> None:
    for forget in (shops.forget_facts, programs.forget_current, rewards.forget_current, campaigns.forget_current):
        forget()
