"""A token is renewed in time, by one of all who want it, and no death in between costs the shop its access."""

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from flask import Flask

from backend import clock
from backend.db import db, transaction
from backend.errors import ConfigError
from backend.loyalty import name_locks
from backend.models import ShopifyShop
from backend.platforms.base import Never, TryAgain
from backend.shopify import asking, tokens
from tests.conftest import TestShop
from tests.embedded.processes import eventually
from tests.shopify.pretend import Pretend
from tests.shopify.pretend_tokens import Tokens

WAITING = (
    "select count(*) from pg_stat_activity where application_name = 'lagniappe tokens'"
    " and wait_event_type = 'Lock' and wait_event = %s"
)


@pytest.fixture(autouse=True)
def facts_of_the_shop(shopify: Pretend) -> None:
    shopify.resolvers["Query.shop"] = lambda domain: {
        "id": "gid://shopify/Shop/1",
        "name": "Kiln & Kettle",
        "currencyCode": "EUR",
        "ianaTimezone": "Europe/Paris",
        "myshopifyDomain": domain,
        "primaryDomain": {"localization": None},
    }


@pytest.fixture
def line(app: Flask) -> Iterator[psycopg.Connection[Any]]:
    """A session of PostgreSQL that the test looks and locks with."""
    with psycopg.connect(app.config["LAGNIAPPE_DATABASE_URL"], autocommit=True) as opened:
        yield opened


def row_of(shop: TestShop) -> ShopifyShop:
    db.session.rollback()
    return db.session.get_one(ShopifyShop, shop.id)


def kept_refresh(shop: TestShop) -> str:
    row = row_of(shop)
    assert row.refresh_token is not None
    return tokens.vault().open(row.refresh_token, shop_id=shop.id, purpose=tokens.REFRESH)


def aged(shop: TestShop, shopify: Pretend, minutes: float) -> str:
    """Let the shop's token be this old, and return it: after an hour Shopify does not know it any more."""
    token = tokens.fresh(shop.id).token
    with transaction() as session:
        session.get_one(ShopifyShop, shop.id).access_until = clock.wall() + timedelta(minutes=60 - minutes)
    if minutes >= 60:
        del shopify.tokens[token]
    return token


def ask(shop: TestShop) -> str:
    name: str = asking.ask(shop.id, "shop_facts", {})["shop"]["name"]
    return name


def renewals(shopify: Pretend) -> int:
    return sum(said.get("grant_type") == "refresh_token" for _, said in shopify.token_calls)


def test_a_token_that_is_good_for_long_is_not_renewed(installed_shop: TestShop, shopify: Pretend) -> None:
    token = aged(installed_shop, shopify, 54)
    assert tokens.fresh(installed_shop.id).token == token
    assert shopify.token_calls == []


@pytest.mark.parametrize("minutes", [56, 61])
def test_a_token_with_less_than_five_minutes_left_is_renewed(
    installed_shop: TestShop, shopify: Pretend, minutes: int
) -> None:
    old = aged(installed_shop, shopify, minutes)
    assert ask(installed_shop) == "Kiln & Kettle"
    row = row_of(installed_shop)
    assert row.access_until is not None
    assert row.access_until > clock.wall() + timedelta(minutes=59)
    assert tokens.fresh(installed_shop.id).token != old
    assert renewals(shopify) == 1


def test_a_new_pair_is_committed_before_it_is_used(
    installed_shop: TestShop, shopify: Pretend, line: psycopg.Connection[Any]
) -> None:
    aged(installed_shop, shopify, 61)
    before = row_of(installed_shop).access_token
    answer = shopify.resolvers["Query.shop"]
    seen = []

    def look(domain: str) -> Any:
        seen.append(line.execute("select access_token from shopify_shop where domain = %s", [domain]).fetchone())
        return answer(domain)

    shopify.resolvers["Query.shop"] = look
    ask(installed_shop)
    [(stored,)] = seen
    assert stored not in (None, before)


def test_of_eight_who_find_a_token_old_one_renews_it(
    installed_shop: TestShop, shopify: Pretend, app: Flask, environ: dict[str, str], line: psycopg.Connection[Any]
) -> None:
    aged(installed_shop, shopify, 61)
    key = name_locks.key(installed_shop.id, "shopify", "token")
    line.execute("select pg_advisory_lock(%s)", [key])

    def want() -> str:
        with app.app_context():
            return tokens.fresh(installed_shop.id).token

    with process(installed_shop, environ) as other, ThreadPoolExecutor(7) as threads:
        eventually(lambda: waiting(line, "advisory") == 1)
        wanted: list[Future[str]] = [threads.submit(want) for _ in range(7)]
        eventually(lambda: waiting(line, "advisory") == 8)
        line.execute("select pg_advisory_unlock(%s)", [key])
        had = {each.result() for each in wanted} | {other.communicate(timeout=120)[0]}
    assert had == {tokens.fresh(installed_shop.id).token}
    assert renewals(shopify) == 1


def test_a_process_killed_between_answer_and_commit_costs_nothing(
    installed_shop: TestShop, shopify: Pretend, environ: dict[str, str], line: psycopg.Connection[Any]
) -> None:
    aged(installed_shop, shopify, 61)
    first = kept_refresh(installed_shop)
    with process(installed_shop, environ) as victim, transaction() as session:
        session.get_one(ShopifyShop, installed_shop.id, with_for_update=True)
        eventually(lambda: waiting(line, "transactionid") == 1)  # it has the answer and wants to write
        victim.kill()
        victim.wait(60)
        end_sessions(line)
    assert renewals(shopify) == 1
    assert kept_refresh(installed_shop) == first
    assert ask(installed_shop) == "Kiln & Kettle"
    assert renewals(shopify) == 2
    assert kept_refresh(installed_shop) != first


def test_who_lost_the_database_while_renewing_cannot_write_any_more(
    installed_shop: TestShop, shopify: Pretend, token_door: Tokens, line: psycopg.Connection[Any]
) -> None:
    aged(installed_shop, shopify, 61)
    first = kept_refresh(installed_shop)

    def cut_off(*given: Any) -> Any:
        answer = token_door.grant(*given)
        end_sessions(line)
        return answer

    shopify.grant = cut_off
    with pytest.raises(psycopg.OperationalError):
        tokens.fresh(installed_shop.id)
    shopify.grant = token_door.grant
    assert kept_refresh(installed_shop) == first
    assert ask(installed_shop) == "Kiln & Kettle"


def test_an_answer_that_was_lost_is_asked_for_again(
    installed_shop: TestShop, shopify: Pretend, token_door: Tokens
) -> None:
    aged(installed_shop, shopify, 61)
    token_door.moods.append("lose after")
    with pytest.raises(TryAgain):
        ask(installed_shop)
    assert ask(installed_shop) == "Kiln & Kettle"
    aged(installed_shop, shopify, 61)
    assert ask(installed_shop) == "Kiln & Kettle"


def test_a_token_that_still_lives_is_used_while_no_other_can_be_had(
    installed_shop: TestShop, shopify: Pretend, token_door: Tokens
) -> None:
    old = aged(installed_shop, shopify, 57)
    token_door.moods.extend(["503", "lose"])
    assert tokens.fresh(installed_shop.id).token == old
    assert tokens.fresh(installed_shop.id).token == old
    assert tokens.fresh(installed_shop.id).token != old


def test_a_dead_refresh_token_is_told_once_and_asked_with_no_more(
    installed_shop: TestShop, shopify: Pretend, token_door: Tokens
) -> None:
    aged(installed_shop, shopify, 61)
    del token_door.refresh[kept_refresh(installed_shop)]
    for _ in range(2):
        with pytest.raises(Never, match="open the app in Shopify once"):
            ask(installed_shop)
    assert row_of(installed_shop).needs_opening
    assert renewals(shopify) == 1
    assert shopify.asked == []


def test_keys_that_are_mistyped_end_no_installation(
    installed_shop: TestShop, shopify: Pretend, token_door: Tokens
) -> None:
    aged(installed_shop, shopify, 61)
    shopify.grant = lambda *_: (401, {"error": "invalid_client"})
    with pytest.raises(TryAgain, match="SHOPIFY_API_SECRET"):
        ask(installed_shop)
    shopify.grant = token_door.grant
    assert not row_of(installed_shop).needs_opening
    assert ask(installed_shop) == "Kiln & Kettle"


def test_a_good_token_that_is_refused_is_renewed_once(installed_shop: TestShop, shopify: Pretend) -> None:
    del shopify.tokens[tokens.fresh(installed_shop.id).token]
    assert ask(installed_shop) == "Kiln & Kettle"
    assert renewals(shopify) == 1
    shopify.will("401", "401")
    with pytest.raises(Never, match="open the app in Shopify once"):
        ask(installed_shop)
    assert renewals(shopify) == 2
    assert row_of(installed_shop).needs_opening


def test_a_token_that_never_ends_is_changed_for_one_that_does(installed_shop: TestShop, shopify: Pretend) -> None:
    old = tokens.fresh(installed_shop.id).token
    with transaction() as session:
        row = session.get_one(ShopifyShop, installed_shop.id)
        row.access_until = row.refresh_token = row.refresh_until = None
    assert ask(installed_shop) == "Kiln & Kettle"
    assert old not in shopify.tokens
    assert row_of(installed_shop).refresh_until is not None


def test_a_shop_that_dropped_the_app_meanwhile_stays_dropped(
    installed_shop: TestShop, shopify: Pretend, token_door: Tokens, line: psycopg.Connection[Any]
) -> None:
    aged(installed_shop, shopify, 61)

    def dropped(*given: Any) -> Any:
        gone = "update shopify_shop set state = 'uninstalled', access_token = null where shop_id = %s"
        line.execute(gone, [installed_shop.id])
        return token_door.grant(*given)

    shopify.grant = dropped
    for _ in range(2):
        with pytest.raises(Never, match="not installed"):
            ask(installed_shop)
    assert renewals(shopify) == 1
    assert row_of(installed_shop).access_token is None


def test_another_shop_s_tokens_are_refused(
    installed_shop: TestShop, shopify: Pretend, new_shop: Callable[..., TestShop]
) -> None:
    other = new_shop(platform="shopify", domain="other-of-" + installed_shop.facts.domain)
    with transaction() as session:
        theirs, ours = session.get_one(ShopifyShop, installed_shop.id), session.get_one(ShopifyShop, other.id)
        ours.state, ours.access_until = "installed", theirs.access_until
        ours.access_token, ours.refresh_token = theirs.access_token, theirs.refresh_token
    with pytest.raises(ConfigError, match="not sealed for"):
        ask(other)
    assert (shopify.asked, shopify.token_calls) == ([], [])


def test_tokens_are_never_logged(
    installed_shop: TestShop, shopify: Pretend, token_door: Tokens, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    aged(installed_shop, shopify, 61)
    secrets = [*shopify.tokens, *token_door.refresh]
    token_door.moods.append("503")
    with pytest.raises(TryAgain):
        ask(installed_shop)
    ask(installed_shop)
    token_door.refresh.clear()
    shopify.tokens.clear()
    with pytest.raises(Never):
        ask(installed_shop)
    secrets += [*shopify.tokens, *token_door.refresh, tokens.the_app().secrets[0]]
    assert "the app must be opened there" in caplog.text
    assert not any(each in caplog.text for each in secrets)


@contextmanager
def process(shop: TestShop, environ: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A process of its own that wants the shop's token and prints it."""
    command = [sys.executable, "-m", "tests.shopify.token_work", str(shop.id)]
    with subprocess.Popen(command, env=os.environ | environ, stdout=subprocess.PIPE, text=True) as started:
        try:
            yield started
        finally:
            started.kill()


def waiting(line: psycopg.Connection[Any], for_: str) -> int:
    row = line.execute(WAITING, [for_]).fetchone()
    return int(row[0]) if row else 0


def end_sessions(line: psycopg.Connection[Any]) -> None:
    """What PostgreSQL does with the sessions of a process that it finds dead."""
    line.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'lagniappe tokens'")
