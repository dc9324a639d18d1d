"""The app proxy: Shopify says who is signed in at a storefront, and the widget API believes it (platforms.md section 3)."""

import time
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from sqlalchemy import text
from werkzeug.test import TestResponse

from backend.app import create_app
from backend.db import transaction
from backend.platforms.shopify import proxy_signature
from backend.widget_api import identity
from tests.conftest import TestShop
from tests.shopify.pretend import OLD_SECRET, SECRET

DOOR = "/shopify/proxy/identity"


def proxied(shop: str, customer: str = "7", *, secret: str = SECRET, age_seconds: int = 0, **added: str) -> str:
    """The address at which Shopify asks us when a reader of that shop asks for /apps/lagniappe/identity."""
    said = {
        **added,
        "logged_in_customer_id": customer,
        "path_prefix": "/apps/lagniappe",
        "shop": shop,
        "timestamp": str(int(time.time()) - age_seconds),
    }
    query = urlencode(said)
    return f"{DOOR}?{query}&signature={proxy_signature.sign(secret, query.encode())}"


def ask(shop: TestShop, customer: str = "7", **options: Any) -> TestResponse:
    return shop.client.get(proxied(shop.facts.domain, customer, **options))


def set_state(shop: TestShop, state: str) -> None:
    with transaction() as session:
        statement = "update shopify_shop set state = :state, access_token = 'x' where shop_id = :shop"
        session.execute(text(statement), {"state": state, "shop": shop.id})


def test_who_is_signed_in_gets_an_identity_that_the_widget_api_believes(shopify_shop: TestShop) -> None:
    answer = ask(shopify_shop, "820982911946154500")
    assert answer.status_code == 200
    token = answer.json["identity"]
    assert identity.verify(token, shopify_shop.facts.identity_secret).external_id == "820982911946154500"
    key = shopify_shop.facts.widget_key
    begun = shopify_shop.client.post(f"/widget/v1/{key}/session", json={"identity": token})
    assert begun.status_code == 200
    assert begun.json["me"]["balance"]["available"] == 0


def test_an_identity_lives_five_minutes(shopify_shop: TestShop) -> None:
    answer = ask(shopify_shop)
    claims = jwt.decode(answer.json["identity"], shopify_shop.facts.identity_secret, algorithms=["HS256"])
    assert set(claims) == {"sub", "iat", "exp"}
    assert claims["sub"] == "7"
    assert claims["exp"] - claims["iat"] == answer.json["expires_in"] == 300


def test_a_visitor_gets_none(shopify_shop: TestShop) -> None:
    answer = ask(shopify_shop, "")
    assert (answer.status_code, answer.json) == (200, {"identity": None})


def test_app_proxy_liquid_injection(shopify_shop: TestShop) -> None:
    """Shopify's check of that name: what is answered is JSON, and nothing of the request stands in it."""
    for answer in (ask(shopify_shop), ask(shopify_shop, ""), ask(shopify_shop, extra="{{ shop.name }}")):
        assert "liquid" not in answer.content_type
        assert answer.content_type.endswith("json")
        assert "{{" not in answer.text


def test_nothing_is_kept_by_anybody_on_the_way(shopify_shop: TestShop) -> None:
    for answer in (ask(shopify_shop), ask(shopify_shop, ""), shopify_shop.client.get(DOOR)):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Set-Cookie" not in answer.headers


def test_what_is_not_signed_by_shopify_is_refused(shopify_shop: TestShop) -> None:
    domain = shopify_shop.facts.domain
    for address in (
        DOOR,
        f"{DOOR}?shop={domain}&logged_in_customer_id=7",
        proxied(domain, secret="another secret, of nobody's"),
        proxied(domain, age_seconds=100),
        proxied(domain).replace("customer_id=7", "customer_id=8"),
        f"{DOOR}?signature=%FF&{'a' * 9000}",
    ):
        answer = shopify_shop.client.get(address)
        assert (answer.status_code, answer.json["code"]) == (401, "unauthorized"), address


def test_the_secret_before_a_rotation_still_counts(shopify_shop: TestShop) -> None:
    assert ask(shopify_shop, secret=OLD_SECRET).json["identity"]


def test_a_page_may_add_nothing(shopify_shop: TestShop) -> None:
    """What is signed has no marks between parameters: by its own, a page could move where a customer's id ends."""
    answer = ask(shopify_shop, "7", foo="1logged_in_customer_id=42logged_in_customer_ix=")
    assert answer.status_code == 401
    assert "identity" not in answer.json


def test_an_identity_is_good_in_its_own_shop_alone(shopify_shop: TestShop, new_shop: Any) -> None:
    other = new_shop(platform="shopify", domain="other-kiln.myshopify.com")
    token = ask(shopify_shop).json["identity"]
    answer = other.client.post(f"/widget/v1/{other.facts.widget_key}/session", json={"identity": token})
    assert answer.status_code == 401


def test_a_shop_that_is_none_of_ours_is_not_found(shopify_shop: TestShop) -> None:
    assert shopify_shop.client.get(proxied("nobody-here.myshopify.com")).status_code == 404


def test_a_shop_that_has_uninstalled_the_app_is_not_found(shopify_shop: TestShop) -> None:
    for state, status in (("waiting", 200), ("installed", 200), ("uninstalled", 404), ("installed", 200)):
        set_state(shopify_shop, state)
        assert ask(shopify_shop).status_code == status, state


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_can_be_written_by_it(shopify_shop: TestShop, method: str) -> None:
    answer = shopify_shop.client.open(proxied(shopify_shop.facts.domain), method=method, json={"identity": "x"})
    assert answer.status_code == 405


def test_without_shopifys_keys_there_is_no_such_door(shopify_shop: TestShop, environ: dict[str, str]) -> None:
    without = {name: value for name, value in environ.items() if not name.startswith("SHOPIFY")}
    assert create_app(without).test_client().get(proxied(shopify_shop.facts.domain)).status_code == 404
