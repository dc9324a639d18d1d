"""The shop's themes learn where we are, without anybody typing it."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from backend import clock
from backend.db import transaction
from backend.jobs import upkeep
from backend.models import ShopifyShop
from backend.platforms.base import Never, TryAgain
from backend.platforms.shopify import scopes
from backend.shopify import storefront
from tests.conftest import TestShop
from tests.extensions.theme import Theme
from tests.shopify.pretend import Pretend

OURS = "http://127.0.0.1:8000"


@pytest.fixture(autouse=True)
def metafields(shopify: Pretend) -> Iterator[dict[str, str]]:
    """The app's own at Shopify."""
    kept: dict[str, str] = {}

    def installation(shop: str) -> dict[str, Any]:
        def metafield(namespace: str, key: str) -> dict[str, str] | None:
            return {"value": kept[f"{namespace}.{key}"]} if f"{namespace}.{key}" in kept else None

        handles = [{"handle": each} for each in scopes.WANTED]
        return {"id": "gid://shopify/AppInstallation/1", "accessScopes": handles} | dict.fromkeys(
            ("metafield", "baseUrl", "widgetKey"), metafield
        )

    def keep(shop: str, metafields: list[dict[str, str]]) -> dict[str, Any]:
        assert {each["ownerId"] for each in metafields} == {"gid://shopify/AppInstallation/1"}
        kept.update({f"{each['namespace']}.{each['key']}": each["value"] for each in metafields})
        return {"userErrors": []}

    shopify.resolvers["Query.currentAppInstallation"] = installation
    shopify.resolvers["Mutation.metafieldsSet"] = keep
    yield kept
    for name in ("Query.currentAppInstallation", "Mutation.metafieldsSet"):
        shopify.resolvers.pop(name)


@pytest.fixture
def watch(installed_shop: TestShop) -> Callable[[], ShopifyShop]:
    """Look after the shop, as the clock does after an installation and every day."""

    def run() -> ShopifyShop:
        with transaction() as session:
            session.get_one(ShopifyShop, installed_shop.id).topics_next_at = clock.wall()
        upkeep.watch_topics()
        with transaction() as session:
            row: ShopifyShop = session.get_one(ShopifyShop, installed_shop.id)
            session.expunge(row)
            return row

    return run


def test_themes_are_told_where_we_are_and_the_shops_key(
    installed_shop: TestShop, metafields: dict[str, str], watch: Callable[[], Any]
) -> None:
    watch()
    key = installed_shop.facts.widget_key
    assert metafields == {"lagniappe.base_url": OURS, "lagniappe.widget_key": key}
    told = {name.partition(".")[2]: {"value": value} for name, value in metafields.items()}
    assert f"{OURS}/widget/v1/loader.js?shop={key}" in Theme(metafields={"lagniappe": told}).show("loyalty_embed")


def test_nothing_is_written_that_is_so_already(shopify: Pretend, installed_shop: TestShop) -> None:
    assert storefront.tell(installed_shop.id, OURS)
    assert not storefront.tell(installed_shop.id, OURS)
    assert storefront.tell(installed_shop.id, "https://moved.example")
    assert shopify.operations().count("AppInThemesSet") == 2


def test_where_shopify_does_not_answer_it_is_tried_again_in_an_hour(
    shopify: Pretend, metafields: dict[str, str], watch: Callable[[], Any]
) -> None:
    asked = shopify.resolvers["Query.currentAppInstallation"]

    def then_away(shop: str) -> Any:
        shopify.will("503")
        return asked(shop)

    shopify.resolvers["Query.currentAppInstallation"] = then_away
    row = watch()
    assert timedelta(minutes=55) < row.topics_next_at - clock.wall() <= timedelta(hours=1)
    assert metafields == {}


def test_what_shopify_refuses_is_an_error_with_its_reason(shopify: Pretend, installed_shop: TestShop) -> None:
    refusal = {"userErrors": [{"field": ["metafields"], "message": "Value is too long"}]}
    shopify.resolvers["Mutation.metafieldsSet"] = lambda shop, metafields: refusal
    with pytest.raises(Never, match="Value is too long"):
        storefront.tell(installed_shop.id, OURS)
    shopify.will("503")
    with pytest.raises(TryAgain):
        storefront.tell(installed_shop.id, OURS)
