"""Asking Shopify for a shop: what an answer means to whoever asked."""

import logging
from collections.abc import Mapping
from typing import Any

import pytest
from graphql import GraphQLError

from backend.db import transaction
from backend.platforms.base import Never, TryAgain
from backend.platforms.shopify import admin_api
from backend.shopify import asking
from tests import stopwatch
from tests.conftest import TestShop
from tests.shopify.pretend import Pretend, by_kind


@pytest.fixture(autouse=True)
def facts_of_the_shop(shopify: Pretend) -> None:
    """What the pretend Shopify answers to `shop_facts`."""
    shopify.resolvers["Query.shop"] = lambda domain: {
        "id": "gid://shopify/Shop/548380009",
        "name": "Kiln & Kettle",
        "currencyCode": "EUR",
        "ianaTimezone": "Europe/Paris",
        "myshopifyDomain": domain,
        "primaryDomain": {"localization": {"defaultLocale": "fr"}},
    }


def ask(shop: TestShop) -> Mapping[str, Any]:
    return asking.ask(shop.id, "shop_facts", {})


def test_a_shop_that_has_the_app_is_answered(installed_shop: TestShop) -> None:
    assert ask(installed_shop)["shop"]["name"] == "Kiln & Kettle"


def test_nothing_is_asked_for_a_shop_without_the_app(shopify: Pretend, shopify_shop: TestShop) -> None:
    with pytest.raises(Never, match="not installed"):
        ask(shopify_shop)
    assert shopify.operations() == []


def test_nothing_is_asked_inside_a_transaction(installed_shop: TestShop, shopify: Pretend) -> None:
    with pytest.raises(RuntimeError, match="inside transaction"), transaction():
        ask(installed_shop)
    assert shopify.operations() == []


@pytest.mark.parametrize(
    ("mood", "seconds"),
    [
        ("429 7", 7),
        ("429", None),
        ("503", None),
        ("503 30", 30),
        ("408", None),
        ("internal", None),
        ("garbage", None),
        ("lose", None),
        ("lose after", None),
        ("402", admin_api.CLOSED_PAUSE_SECONDS),
        ("423", admin_api.CLOSED_PAUSE_SECONDS),
    ],
)
def test_what_may_pass_is_to_be_tried_again(
    installed_shop: TestShop, shopify: Pretend, mood: str, seconds: float | None
) -> None:
    shopify.will(mood)
    with pytest.raises(TryAgain) as failed:
        ask(installed_shop)
    assert failed.value.retry_after_seconds == seconds
    assert failed.value.reason.endswith(".")
    assert ask(installed_shop)["shop"]["name"] == "Kiln & Kettle"


@pytest.mark.parametrize("mood", ["404", "403", "301", "400"])
def test_what_no_repetition_helps_is_said_so(installed_shop: TestShop, shopify: Pretend, mood: str) -> None:
    shopify.will(mood)
    with pytest.raises(Never) as failed:
        ask(installed_shop)
    assert failed.value.reason.endswith(".")
    assert shopify.asked == []


def test_a_short_throttling_is_waited_for(installed_shop: TestShop, shopify: Pretend) -> None:
    shopify.will("throttled")
    assert ask(installed_shop)["shop"]["name"] == "Kiln & Kettle"


def test_a_long_throttling_is_left_for_later_with_its_time(installed_shop: TestShop, shopify: Pretend) -> None:
    shopify.available, shopify.restore_rate = 0.0, 10.0  # the refused call wants 50
    shopify.will("throttled")
    begun = stopwatch.now()
    with pytest.raises(asking.Throttled) as failed:
        ask(installed_shop)
    assert stopwatch.now() - begun < asking.PATIENCE_SECONDS
    assert failed.value.retry_after_seconds == pytest.approx(5, abs=2)
    assert shopify.asked == []  # nothing was done


def test_a_permission_that_is_missing_is_named(installed_shop: TestShop, shopify: Pretend) -> None:
    def denied(_: str) -> None:
        required = "`read_orders` access scope or `read_marketplace_orders` access scope."
        said = {"code": "ACCESS_DENIED", "documentation": "https://shopify.dev", "requiredAccess": required}
        raise GraphQLError("Access denied for shop field.", extensions=said)

    shopify.resolvers["Query.shop"] = denied
    with pytest.raises(Never, match=r"lacks a permission \(read_marketplace_orders or read_orders\)"):
        ask(installed_shop)


def test_a_part_of_the_data_with_errors_is_an_error(
    installed_shop: TestShop, shopify: Pretend, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise GraphQLError("ada@kilnandkettle.example has no language", extensions={"code": "BAD_REQUEST"})

    whole = shopify.resolvers["Query.shop"]
    shopify.resolvers["Query.shop"] = lambda domain: {**whole(domain), "primaryDomain": {"localization": broken}}
    with pytest.raises(Never, match="has no language"):
        ask(installed_shop)
    assert "shop_facts" in caplog.text
    assert "BAD_REQUEST" in caplog.text
    assert "ada@" not in caplog.text


def test_an_error_of_shopify_s_own_wins_over_what_came_with_it(installed_shop: TestShop, shopify: Pretend) -> None:
    def broken() -> None:
        raise GraphQLError("Internal error", extensions={"code": "INTERNAL_SERVER_ERROR"})

    whole = shopify.resolvers["Query.shop"]
    shopify.resolvers["Query.shop"] = lambda domain: {**whole(domain), "primaryDomain": {"localization": broken}}
    with pytest.raises(TryAgain):
        ask(installed_shop)


def test_an_error_of_shopify_s_own_needs_no_code(installed_shop: TestShop, shopify: Pretend) -> None:
    def broken(_: str) -> None:
        raise GraphQLError("Internal error. Looks like something went wrong on our end.")

    shopify.resolvers["Query.shop"] = broken
    with pytest.raises(TryAgain):
        ask(installed_shop)


NOT_SHOWN = (
    "This app is not approved to use the defaultLocale field. See https://partners.shopify.com/1/apps/2/customer_data"
)


@pytest.mark.parametrize("extensions", [None, {"code": "ACCESS_DENIED"}])
def test_what_an_app_is_not_shown_is_null_and_no_error(
    installed_shop: TestShop, shopify: Pretend, extensions: dict[str, Any] | None
) -> None:
    """Protected customer data, as Shopify's own page on it shows: the field is null, and an error says why."""

    def hidden() -> None:
        raise GraphQLError(NOT_SHOWN, extensions=extensions)

    whole = shopify.resolvers["Query.shop"]
    shopify.resolvers["Query.shop"] = lambda domain: {**whole(domain), "primaryDomain": {"localization": hidden}}
    found = ask(installed_shop)["shop"]
    assert (found["name"], found["primaryDomain"]) == ("Kiln & Kettle", {"localization": None})


@pytest.mark.parametrize("beside", [None, "BAD_REQUEST"])
def test_what_is_not_shown_hides_no_other_error(installed_shop: TestShop, shopify: Pretend, beside: str | None) -> None:
    """Nor that all of it is not shown: what is null because of that has not been deleted."""

    def hidden() -> None:
        raise GraphQLError(NOT_SHOWN)

    def broken() -> None:
        raise GraphQLError("no such thing", extensions={"code": beside})

    whole = shopify.resolvers["Query.shop"]
    parts = {"primaryDomain": {"localization": hidden}}
    parts |= {"name": hidden} if beside is None else {"primaryDomain": broken}  # a name is never null, so the shop is
    shopify.resolvers["Query.shop"] = lambda domain: {**whole(domain), **parts}
    with pytest.raises(Never):
        ask(installed_shop)


def test_what_is_not_shown_of_a_list_is_an_error(installed_shop: TestShop, shopify: Pretend) -> None:
    """Else a gift card that the app may not see would be taken for one that is gone."""

    def hidden(*_: str) -> GraphQLError:
        return GraphQLError(
            "This app is not approved to access the GiftCard object. See https://partners.shopify.com/1"
        )

    shopify.resolvers |= {"Query.nodes": by_kind(shopify), "nodes GiftCard": hidden}
    with pytest.raises(Never):
        asking.ask(installed_shop.id, "gift_cards_compared", {"cards": ["gid://shopify/GiftCard/1"]})


def test_an_answer_may_be_longer_than_a_store_s(installed_shop: TestShop, shopify: Pretend) -> None:
    whole = shopify.resolvers["Query.shop"]
    shopify.resolvers["Query.shop"] = lambda domain: {**whole(domain), "name": "é" * 300_000}
    assert len(ask(installed_shop)["shop"]["name"]) == 300_000


def test_another_version_than_ours_is_told_once(
    installed_shop: TestShop, shopify: Pretend, caplog: pytest.LogCaptureFixture
) -> None:
    shopify.version = "2027-10"
    for _ in range(3):
        ask(installed_shop)
    assert [each.levelno for each in caplog.records if "2027-10" in each.getMessage()] == [logging.WARNING]


def test_the_first_of_a_mutation_s_own_errors_is_found() -> None:
    error = {"field": ["code"], "message": "Code must be unique", "code": "TAKEN"}
    assert asking.first_user_error({"userErrors": [error, {"message": "more"}]}) == error
    assert asking.first_user_error({"userErrors": []}) is None
    assert asking.first_user_error({}) is None
