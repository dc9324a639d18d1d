"""shopify.app.toml says what the server understands, asks for no more than it needs, and holds no secret."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from graphql import parse

from backend.platforms.shopify import adapter, admin_api, scopes
from backend.platforms.shopify.payloads import BODIES
from tests.shopify import needed_scopes
from tests.shopify.test_documents import NAMES

FILE = Path(__file__).parent.parent.parent / "shopify.app.toml"
NOT_SUBSCRIBED = {
    "reconcile/order": "we ask for it ourselves",
    **{
        f"returns/{each}": "a return takes points once it is refunded; read_returns is not asked for"
        for each in ("approve", "cancel", "close", "decline", "process", "reopen", "request", "update")
    },
}
"""Topics that the adapter understands and that Shopify is not asked for."""


@pytest.fixture(scope="module")
def app_toml() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text())


@pytest.fixture(scope="module")
def subscribed(app_toml: dict[str, Any]) -> list[str]:
    return [topic for each in app_toml["webhooks"]["subscriptions"] for topic in each.get("topics", ())]


def granted(app_toml: dict[str, Any]) -> list[str]:
    listed: str = app_toml["access_scopes"]["scopes"]
    return listed.split(",")


def kind_of_money(document: str) -> str | None:
    """What a document pays rewards in; None: it pays none, and every shop's app needs it."""
    return next((kind for kind in scopes.FOR_MONEY if kind in document), None)


def needs(subscribed: list[str]) -> set[needed_scopes.Need]:
    """Of all documents and topics together, without what only those shops need that pay rewards in money."""
    found: set[needed_scopes.Need] = set()
    for name in NAMES:
        if kind_of_money(name) is None:
            found |= needed_scopes.of_document(parse(admin_api.document(name)))
    for topic in subscribed:
        found |= needed_scopes.of_topic(topic)
    return found


def test_webhooks_are_written_by_the_version_that_we_ask_by(app_toml: dict[str, Any]) -> None:
    assert app_toml["webhooks"]["api_version"] == admin_api.VERSION


def test_every_topic_that_we_understand_is_subscribed_and_no_other(subscribed: list[str]) -> None:
    assert sorted(subscribed) == sorted(BODIES.keys() - NOT_SUBSCRIBED.keys() - adapter.COMPLIANCE)
    assert NOT_SUBSCRIBED.keys() <= BODIES.keys()


def test_the_topics_of_the_law_are_subscribed_as_such(app_toml: dict[str, Any]) -> None:
    listed = [topic for each in app_toml["webhooks"]["subscriptions"] for topic in each.get("compliance_topics", ())]
    assert sorted(listed) == sorted(adapter.COMPLIANCE)


def test_the_scopes_are_those_that_the_server_counts_on(app_toml: dict[str, Any]) -> None:
    assert granted(app_toml) == list(scopes.WANTED)
    assert all(scopes.REASONS.values())


def test_the_scopes_suffice_for_every_document_and_topic(app_toml: dict[str, Any], subscribed: list[str]) -> None:
    allowed = needed_scopes.held(granted(app_toml))
    assert [sorted(need) for need in needs(subscribed) if not need & allowed] == []


def test_no_scope_is_asked_for_that_nothing_needs(app_toml: dict[str, Any], subscribed: list[str]) -> None:
    wanted = granted(app_toml)
    needless = []
    for scope in wanted:
        others = needed_scopes.held([each for each in wanted if each != scope])
        if all(need & others for need in needs(subscribed)):
            needless.append(scope)
    assert needless == ["write_app_proxy"]  # for the section app_proxy, of which the schema knows nothing
    assert "app_proxy" in app_toml


def test_what_only_some_shops_grant_is_asked_of_nobody_at_first(app_toml: dict[str, Any]) -> None:
    assert app_toml["access_scopes"]["optional_scopes"] == list(scopes.OPTIONAL)
    assert set(scopes.OPTIONAL).isdisjoint(granted(app_toml))


@pytest.mark.parametrize("kind", scopes.FOR_MONEY)
def test_money_needs_what_is_asked_for_it_and_no_less(kind: str, app_toml: dict[str, Any]) -> None:
    needed: set[needed_scopes.Need] = set()
    for name in NAMES:
        if kind_of_money(name) == kind:
            needed |= needed_scopes.of_document(parse(admin_api.document(name)))
    asked = [*granted(app_toml), *scopes.FOR_MONEY[kind]]
    assert [sorted(need) for need in needed if not need & needed_scopes.held(asked)] == []
    for scope in scopes.FOR_MONEY[kind] if needed else ():
        others = needed_scopes.held([each for each in asked if each != scope])
        assert not all(need & others for need in needed), f"nothing needs {scope}"


def test_every_address_is_a_door_of_the_server(app_toml: dict[str, Any], app: Flask) -> None:
    root = "https://loyalty.example.com"
    doors = app.url_map.bind("loyalty.example.com", url_scheme="https")
    webhooks = {each["uri"] for each in app_toml["webhooks"]["subscriptions"]}
    assert webhooks == {f"{root}/webhooks/shopify"}
    assert doors.test("/webhooks/shopify", "POST")
    [callback] = app_toml["auth"]["redirect_urls"]
    for address in (app_toml["application_url"], callback):
        assert address.startswith(f"{root}/shopify")
        assert doors.test(address.removeprefix(root), "GET")
    proxy = app_toml["app_proxy"]
    assert proxy["url"] == f"{root}/shopify/proxy"
    assert any(rule.rule.startswith("/shopify/proxy/") for rule in app.url_map.iter_rules())
    assert (proxy["prefix"], proxy["subpath"]) == ("apps", "lagniappe")
    assert app_toml["embedded"] is True


def test_no_secret_stands_in_it() -> None:
    text = FILE.read_text()
    assert re.search(r"shp(ss|at|rt|ca|pa)_|[0-9a-f]{32}|secret\s*=", text) is None
