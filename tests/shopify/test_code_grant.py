"""The authorization grant, as a browser goes through it (platforms.md 1.2)."""

from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from flask.testing import FlaskClient

from backend import clock
from backend.db import db
from backend.models import ShopifyShop
from backend.platforms.shopify import query_signature, scopes
from tests.conftest import TestShop
from tests.shopify.pretend import CLIENT_ID, SECRET, Pretend
from tests.shopify.pretend_tokens import Tokens
from tests.shopify.test_app_home import FACTS


@pytest.fixture(autouse=True)
def facts(shopify: Pretend, token_door: Tokens) -> None:
    shopify.resolvers["Query.shop"] = lambda domain: {"myshopifyDomain": domain, **FACTS}


def begin(client: FlaskClient, domain: str) -> str:
    """The state that the browser carries to Shopify."""
    answer = client.get("/shopify/install", query_string={"shop": domain})
    assert answer.status_code == 302
    return parse_qs(urlsplit(answer.headers["Location"]).query)["state"][0]


def back(client: FlaskClient, domain: str, secret: str = SECRET, **changed: str):  # type: ignore[no-untyped-def]
    """The way back from Shopify, signed by it."""
    said = {
        "code": "c0de",
        "host": "YWRtaW4uc2hvcGlmeS5jb20vc3RvcmUva2lsbg==",
        "shop": domain,
        "timestamp": str(int(clock.wall().timestamp())),
    } | changed
    query = urlencode(said)
    return client.get(f"/shopify/callback?{query}&hmac={query_signature.sign(secret, query.encode())}")


def state_of(shop: TestShop) -> str:
    db.session.rollback()
    return db.session.get_one(ShopifyShop, shop.id).state


def test_the_owner_is_asked_at_shopify_and_a_cookie_remembers_that_it_began_here(
    client: FlaskClient, shopify_shop: TestShop
) -> None:
    domain = shopify_shop.facts.domain
    answer = client.get("/shopify/install", query_string={"shop": domain})
    parts = urlsplit(answer.headers["Location"])
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    assert parts.path.endswith(f"{domain}/admin/oauth/authorize")
    assert query["client_id"] == CLIENT_ID
    assert query["redirect_uri"] == "http://127.0.0.1:8000/shopify/callback"
    assert query["scope"].split(",") == list(scopes.WANTED)
    cookie = answer.headers["Set-Cookie"]
    assert f"shopify_state={query['state']};" in cookie
    for each in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/shopify/callback", "Max-Age=60"):
        assert each in cookie
    assert client.get("/shopify/install", query_string={"shop": domain}).headers["Location"] != parts.geturl()


def test_the_way_back_installs_the_app_and_leads_into_it_at_shopify(
    client: FlaskClient, shopify_shop: TestShop, token_door: Tokens
) -> None:
    domain = shopify_shop.facts.domain
    token_door.codes.add("c0de")
    answer = back(client, domain, state=begin(client, domain))
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"https://{domain}/admin/apps/{CLIENT_ID}"
    assert state_of(shopify_shop) == "installed"
    assert "shopify_state=;" in answer.headers["Set-Cookie"]
    assert client.get_cookie("shopify_state", path="/shopify/callback") is None


def test_a_way_back_works_once_and_in_the_browser_that_began__session_lifecycle_and_replay(
    client: FlaskClient, shopify_shop: TestShop, token_door: Tokens
) -> None:
    """Shopify's checks SESSION_LIFECYCLE_AND_REPLAY and CSRF_MISSING_PROTECTION."""
    domain = shopify_shop.facts.domain
    token_door.codes.update({"c0de", "another"})
    state = begin(client, domain)
    stranger = client.application.test_client()
    assert back(stranger, domain, state=state).status_code == 401
    assert state_of(shopify_shop) == "waiting"
    assert back(client, domain, state=state).status_code == 303
    assert back(client, domain, state=state, code="another").status_code == 401


@pytest.mark.parametrize(
    "changed",
    [
        {"state": "0" * 64},
        {"shop": "evil.example"},
        {"shop": "kiln.myshopify.com.evil.example"},
        {"timestamp": "soon"},
        {"code": ""},
    ],
)
def test_a_way_back_that_is_wrong_installs_nothing(
    client: FlaskClient, shopify_shop: TestShop, shopify: Pretend, changed: dict[str, str]
) -> None:
    domain = shopify_shop.facts.domain
    state = begin(client, domain)
    assert back(client, domain, **{"state": state, **changed}).status_code == 401
    assert state_of(shopify_shop) == "waiting"
    assert shopify.token_calls == []


def test_an_old_or_forged_way_back_installs_nothing(
    client: FlaskClient, shopify_shop: TestShop, shopify: Pretend
) -> None:
    domain = shopify_shop.facts.domain
    late = str(int((clock.wall() - timedelta(seconds=100)).timestamp()))
    assert back(client, domain, state=begin(client, domain), timestamp=late).status_code == 401
    assert back(client, domain, "another secret of somebody", state=begin(client, domain)).status_code == 401
    assert shopify.token_calls == []


def test_a_code_that_shopify_does_not_know_installs_nothing(client: FlaskClient, shopify_shop: TestShop) -> None:
    domain = shopify_shop.facts.domain
    answer = back(client, domain, state=begin(client, domain))
    assert answer.status_code == 401
    assert state_of(shopify_shop) == "waiting"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
