"""The first opening of the app makes the shop; a later one finds it, with all that it had."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from backend import clock
from backend.db import db, transaction
from backend.loyalty.deliveries import deliveries
from backend.loyalty.program import programs
from backend.loyalty.shops import shops
from backend.models import ShopifyShop
from backend.platforms.base import Never
from backend.platforms.events import AppUninstalled
from backend.platforms.shopify import oauth
from backend.shopify import asking, installing, tokens
from tests.conftest import BusinessTime, TestShop
from tests.shopify.pretend import Pretend
from tests.shopify.pretend_tokens import SCOPES, Tokens, session_token
from tests.shopify.store import Store, of_the_shop

DOMAIN = "opened-by-ada.myshopify.com"
SHOP = {
    "id": "gid://shopify/Shop/548380009",
    "name": "Kiln & Kettle",
    "currencyCode": "TWD",
    "ianaTimezone": "Asia/Taipei",
    "primaryDomain": {"localization": {"defaultLocale": "zh-TW"}},
}


@pytest.fixture(autouse=True)
def said(shopify: Pretend, token_door: Tokens) -> dict[str, Any]:
    """What the pretend Shopify says of every shop."""
    known = dict(SHOP)
    shopify.resolvers["Query.shop"] = lambda domain: {"myshopifyDomain": domain, **known}
    return known


@pytest.fixture(autouse=True)
def gone_afterwards(app: Flask) -> Iterator[None]:
    """The domain is free again for the next test: its shop is somebody else's then."""
    yield
    db.session.rollback()
    with transaction() as session:
        session.execute(
            text("update shopify_shop set domain = 'was-' || shop_id || '.myshopify.com' where domain = :domain"),
            {"domain": DOMAIN},
        )


def open_app(domain: str = DOMAIN) -> int:
    """What the door does with a session token."""
    got = oauth.exchange(tokens.the_app(), domain, session_token(domain), is_rehearsal=True)
    facts = installing.ask_facts(domain, got)
    with transaction() as session:
        return installing.install(session, facts, got, now=clock.now())


def row_of(shop_id: int) -> ShopifyShop:
    db.session.rollback()
    return db.session.get_one(ShopifyShop, shop_id)


def count_of_shops() -> int:
    """How many are kept for the domain at Shopify."""
    asked = text("select count(*) from shopify_shop where domain = :domain")
    return int(db.session.execute(asked, {"domain": DOMAIN}).scalar_one())


def test_the_first_opening_makes_the_shop_as_shopify_knows_it(app: Flask) -> None:
    shop_id = open_app()
    shop = shops.facts(shop_id)
    assert (shop.platform, shop.name, shop.domain) == ("shopify", "Kiln & Kettle", DOMAIN)
    assert (shop.currency, shop.timezone, shop.locale) == ("TWD", "Asia/Taipei", "zh-TW")
    assert programs.current(shop_id)[0] == 1
    row = row_of(shop_id)
    assert (row.state, row.external_id, row.needs_opening) == ("installed", "548380009", False)
    assert row.scopes == SCOPES.split(",")
    wall = clock.wall()
    for next_at in (row.installed_at, row.orders_next_at, row.topics_next_at, row.codes_next_at):
        assert next_at is not None
        assert next_at <= wall
    assert shops.api_keys(db.session, shop_id) == []
    assert asking.ask(shop_id, "shop_facts", {})["shop"]["name"] == "Kiln & Kettle"


def test_opening_it_again_changes_nothing_but_the_tokens(app: Flask) -> None:
    shop_id = open_app()
    before = row_of(shop_id)
    begun, installed_at, sealed = before.orders_next_at, before.installed_at, before.access_token
    assert open_app() == shop_id
    after = row_of(shop_id)
    assert (after.orders_next_at, after.installed_at) == (begun, installed_at)
    assert after.access_token != sealed
    assert programs.current(shop_id)[0] == 1


def test_many_who_open_it_at_the_same_moment_make_one_shop(app: Flask) -> None:
    together = Barrier(6)

    def opening(_: int) -> int:
        with app.app_context():
            got = oauth.exchange(tokens.the_app(), DOMAIN, session_token(DOMAIN), is_rehearsal=True)
            facts = installing.ask_facts(DOMAIN, got)
            together.wait(60)
            with transaction() as session:
                return installing.install(session, facts, got, now=clock.now())

    with ThreadPoolExecutor(6) as threads:
        assert len(set(threads.map(opening, range(6)))) == 1
    assert count_of_shops() == 1


def test_a_shop_that_was_made_before_is_taken_up(shopify_shop: TestShop) -> None:
    assert open_app(shopify_shop.facts.domain) == shopify_shop.id
    assert row_of(shopify_shop.id).state == "installed"
    assert shopify_shop.facts.name == "Maison Test"


def test_a_shop_that_comes_back_has_all_it_had_and_is_not_erased(installed_shop: TestShop, time: BusinessTime) -> None:
    with transaction() as session:
        row = session.get_one(ShopifyShop, installed_shop.id)
        row.state, row.access_token, row.refresh_token = "uninstalled", None, None
        row.uninstalled_at, row.redact_at = clock.wall(), clock.wall() + timedelta(days=2)
        row.orders_until = until = clock.wall() - timedelta(hours=1)
        row.orders_next_at = None
        session.execute(
            text("insert into installation (shop_id, at, event) values (:shop, :at, 'uninstalled')"),
            {"shop": installed_shop.id, "at": time.now - timedelta(hours=1)},
        )
    time.advance(hours=1)
    assert not shops.was_installed_at(db.session, installed_shop.id, time.now - timedelta(minutes=1))
    assert open_app(installed_shop.facts.domain) == installed_shop.id
    row = row_of(installed_shop.id)
    assert (row.state, row.uninstalled_at, row.redact_at) == ("installed", None, None)
    assert row.orders_next_at is not None
    assert row.orders_until == until
    time.advance(minutes=1)
    assert shops.was_installed_at(db.session, installed_shop.id, time.now)
    assert not shops.was_installed_at(db.session, installed_shop.id, time.now - timedelta(minutes=30))


def test_opening_the_app_lets_a_shop_in_again_whose_tokens_were_dead(installed_shop: TestShop) -> None:
    with transaction() as session:
        session.get_one(ShopifyShop, installed_shop.id).needs_opening = True
    with pytest.raises(Never, match="open the app in Shopify once"):
        asking.ask(installed_shop.id, "shop_facts", {})
    open_app(installed_shop.facts.domain)
    assert asking.ask(installed_shop.id, "shop_facts", {})["shop"]["name"] == "Kiln & Kettle"


def test_tokens_that_were_given_before_those_that_are_kept_are_not_kept(app: Flask) -> None:
    older = oauth.exchange(tokens.the_app(), DOMAIN, session_token(DOMAIN), is_rehearsal=True)
    facts = installing.ask_facts(DOMAIN, older)
    shop_id = open_app()
    kept = tokens.fresh(shop_id).token
    with transaction() as session:
        assert installing.install(session, facts, older, now=clock.now()) == shop_id
    assert tokens.fresh(shop_id).token == kept


def test_an_uninstall_that_is_told_late_does_not_end_a_newer_installation(
    installed_shop: TestShop, time: BusinessTime
) -> None:
    dropped_at = time.now
    with transaction() as session:  # the app was gone and is there again; only its dead tokens show it
        session.get_one(ShopifyShop, installed_shop.id).needs_opening = True
    time.advance(minutes=1)
    open_app(installed_shop.facts.domain)
    with transaction() as session:
        deliveries.apply(session, installed_shop.facts, AppUninstalled(dropped_at), time.now)
    assert row_of(installed_shop.id).state == "installed"


def test_an_uninstall_that_arrives_only_after_the_shop_came_back_does_not_end_it_either(
    installed_shop: TestShop, time: BusinessTime
) -> None:
    dropped_at = clock.wall().isoformat()
    with transaction() as session:
        session.get_one(ShopifyShop, installed_shop.id).needs_opening = True
    open_app(installed_shop.facts.domain)
    time.advance(minutes=1)
    store = Store(installed_shop)
    store.tell("app/uninstalled", of_the_shop(store.domain), X_Shopify_Triggered_At=dropped_at)
    assert row_of(installed_shop.id).state == "installed"


def test_nor_does_it_where_nobody_had_noticed_that_the_app_was_gone(installed_shop: TestShop) -> None:
    with transaction() as session:
        row = session.get_one(ShopifyShop, installed_shop.id)
        row.installed_at = clock.wall() - timedelta(days=9)
        row.access_until = clock.wall() + timedelta(minutes=20)  # given 40 minutes ago
    store = Store(installed_shop)
    dropped_at, of_before = clock.wall() - timedelta(minutes=30), clock.wall() - timedelta(minutes=50)
    store.send("app/uninstalled", of_the_shop(store.domain), X_Shopify_Triggered_At=of_before.isoformat())
    open_app(installed_shop.facts.domain)  # it was gone and is there again, and the tokens that were kept seemed good
    store.send("app/uninstalled", of_the_shop(store.domain), X_Shopify_Triggered_At=dropped_at.isoformat())
    store.shop.work()
    assert [state for state, _ in store.kept()] == ["ignored"] * 2
    assert row_of(installed_shop.id).state == "installed"
    now = (clock.wall() + timedelta(seconds=1)).isoformat()
    store.tell("app/uninstalled", of_the_shop(store.domain), X_Shopify_Triggered_At=now)
    assert row_of(installed_shop.id).state == "uninstalled"


@pytest.mark.parametrize("localization", [None, {"defaultLocale": "klingon!"}])
def test_what_we_do_not_know_of_a_shop_keeps_nobody_out(
    app: Flask, said: dict[str, Any], localization: dict[str, Any] | None
) -> None:
    said |= {"ianaTimezone": "Mars/Olympus", "name": "  ", "primaryDomain": {"localization": localization}}
    shop = shops.facts(open_app())
    assert (shop.name, shop.timezone, shop.locale) == (DOMAIN, "UTC", "en")


def test_tokens_of_another_shop_install_nothing(shopify: Pretend, token_door: Tokens, app: Flask) -> None:
    shopify.resolvers["Query.shop"] = lambda _: {"myshopifyDomain": "other.myshopify.com", **SHOP}
    with pytest.raises(Never, match="another shop"):
        open_app()
    assert count_of_shops() == 0
