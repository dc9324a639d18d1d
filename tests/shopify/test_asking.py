"""Asking Shopify for a shop: what an answer means to whoever asked."""

from collections.abc import Mapping
from typing import Any

import pytest

from backend.platforms.base import Never
from backend.shopify import asking
from tests.conftest import TestShop
from tests.shopify.pretend import Pretend


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
