"""The pretend Shopify answers by the real schema, so that what the tests prove is worth something."""

import requests

from tests.conftest import TestShop
from tests.shopify.pretend import VERSION, Pretend


def call(shopify: Pretend, shop: TestShop, query: str, token: str) -> requests.Response:
    return requests.post(
        f"{shopify.url}/{shop.facts.domain}/admin/api/{VERSION}/graphql.json",
        json={"query": query},
        headers={"X-Shopify-Access-Token": token},
        timeout=60,
    )


def test_it_answers_who_has_a_token_of_the_shop(shopify: Pretend, shopify_shop: TestShop) -> None:
    shopify.resolvers["Query.shop"] = lambda domain: {"name": "Kiln", "myshopifyDomain": domain}
    token = shopify.new_token(shopify_shop.facts.domain)
    said = call(shopify, shopify_shop, "query Name { shop { name myshopifyDomain } }", token).json()
    assert said["data"] == {"shop": {"name": "Kiln", "myshopifyDomain": shopify_shop.facts.domain}}
    assert shopify.operations() == ["Name"]
    assert call(shopify, shopify_shop, "query Name { shop { name } }", "guess").status_code == 401


def test_it_refuses_what_the_schema_does_not_know(shopify: Pretend, shopify_shop: TestShop) -> None:
    token = shopify.new_token(shopify_shop.facts.domain)
    said = call(shopify, shopify_shop, "query Name { shop { nickname } }", token).json()
    assert "Cannot query field 'nickname'" in said["errors"][0]["message"]


def test_it_refuses_what_is_deprecated(shopify: Pretend, shopify_shop: TestShop) -> None:
    token = shopify.new_token(shopify_shop.facts.domain)
    said = call(shopify, shopify_shop, 'query Old { customer(id: "gid://shopify/Customer/1") { email } }', token).json()
    assert "deprecated" in said["errors"][0]["message"]
    assert shopify.asked == []
