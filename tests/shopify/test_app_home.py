"""The app's address: what Shopify opens, and what somebody else might (platforms.md 1.4; Shopify's security checks)."""

from collections.abc import Callable
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text
from werkzeug.test import TestResponse

from backend.db import db, transaction
from backend.models import ShopifyShop, ShopifyUser, Staff
from backend.platforms.shopify import query_signature
from backend.staff.rights import Right
from tests.conftest import TestShop
from tests.shopify.pretend import OLD_SECRET, SECRET, Pretend
from tests.shopify.pretend_tokens import ADA, SCOPES, Tokens, session_token

BEN = {**ADA, "id": 902541636, "first_name": "Ben", "email": "ben@kilnandkettle.example", "account_owner": False}
FACTS = {
    "id": "gid://shopify/Shop/548380009",
    "name": "Kiln & Kettle",
    "currencyCode": "EUR",
    "ianaTimezone": "Europe/Paris",
    "primaryDomain": {"localization": {"defaultLocale": "en"}},
}


@pytest.fixture(autouse=True)
def facts(shopify: Pretend, token_door: Tokens) -> None:
    """What the pretend Shopify says of every shop."""
    shopify.resolvers["Query.shop"] = lambda domain: {"myshopifyDomain": domain, **FACTS}


@pytest.fixture
def granted(installed_shop: TestShop) -> TestShop:
    """A shop that has granted all that the app wants."""
    with transaction() as session:
        session.get_one(ShopifyShop, installed_shop.id).scopes = SCOPES.split(",")
    return installed_shop


def open_app(client: FlaskClient, domain: str, token: str | None, path: str = "/shopify", **more: str) -> TestResponse:
    """As Shopify does, in its frame."""
    query = {"embedded": "1", "shop": domain, "host": "YWRtaW4", **more}
    if token is not None:
        query["id_token"] = token
    return client.get(path, query_string=query)


def asked_for(answer: TestResponse) -> tuple[str, dict[str, str]]:
    """Where the answer leads: the path on this server, and the query."""
    assert answer.status_code == 303, (answer.status_code, answer.text)
    parts = urlsplit(answer.headers["Location"])
    assert (parts.scheme, parts.netloc) == ("", "")
    return parts.path, dict(parse_qsl(parts.query))


def person(shop_id: int, user_id: object) -> Staff:
    db.session.rollback()
    link = db.session.get_one(ShopifyUser, (shop_id, str(user_id)))
    return db.session.get_one(Staff, (shop_id, link.staff_id))


def may(shop_id: int, user_id: object) -> set[str]:
    return set(person(shop_id, user_id).rights)


# Opening --------------------------------------------------------------------------------------------------------------


def test_the_first_opening_installs_the_app_and_makes_its_owner(client: FlaskClient, shopify_shop: TestShop) -> None:
    domain = shopify_shop.facts.domain
    token = session_token(domain)
    path, query = asked_for(open_app(client, domain, token))
    assert path == "/admin"
    assert query["id_token"] == token
    db.session.rollback()
    assert db.session.get_one(ShopifyShop, shopify_shop.id).state == "installed"
    ada = person(shopify_shop.id, ADA["id"])
    assert (ada.name, ada.email, ada.status, ada.password_hash) == ("Ada Kiln", ADA["email"], "active", None)
    assert set(ada.rights) == {right.value for right in Right}
    assert client.get(f"{path}?id_token={token}").status_code == 200


def test_a_shop_that_nobody_knew_is_made(client: FlaskClient) -> None:
    domain = "quite-new.myshopify.com"
    asked_for(open_app(client, domain, session_token(domain)))
    found = db.session.execute(select(ShopifyShop).where(ShopifyShop.domain == domain)).scalar_one()
    assert found.state == "installed"
    assert person(found.shop_id, ADA["id"]).status == "active"
    with transaction() as session:  # the name is free again for who runs the tests once more
        session.execute(
            text("update shopify_shop set domain = 'was-' || domain where domain = :domain"), {"domain": domain}
        )


def test_opening_it_once_more_asks_shopify_nothing(client: FlaskClient, granted: TestShop, shopify: Pretend) -> None:
    open_app(client, granted.facts.domain, session_token(granted.facts.domain))
    asked = len(shopify.token_calls)
    assert asked_for(open_app(client, granted.facts.domain, session_token(granted.facts.domain)))[0] == "/admin"
    assert len(shopify.token_calls) == asked


@pytest.mark.parametrize("change", ["needs_opening = true", "scopes = '{read_orders}'"])
def test_new_tokens_are_fetched_where_the_old_ones_do_not_do(
    client: FlaskClient, granted: TestShop, change: str
) -> None:
    open_app(client, granted.facts.domain, session_token(granted.facts.domain))
    with transaction() as session:
        session.execute(text(f"update shopify_shop set {change} where shop_id = :shop"), {"shop": granted.id})
    open_app(client, granted.facts.domain, session_token(granted.facts.domain))
    db.session.rollback()
    row = db.session.get_one(ShopifyShop, granted.id)
    assert (row.needs_opening, row.scopes) == (False, SCOPES.split(","))


def test_a_page_of_the_admin_opens_at_the_address_that_shopify_makes_of_it(
    client: FlaskClient, granted: TestShop
) -> None:
    domain, token = granted.facts.domain, session_token(granted.facts.domain)
    path, query = asked_for(open_app(client, domain, token, "/shopify/admin/customers", search="ada"))
    assert (path, query["search"], query["id_token"]) == ("/admin/customers", "ada", token)
    answer = open_app(client, domain, token, "/admin/customers", search="ada")
    assert answer.status_code == 200


def test_the_secret_before_the_current_one_still_opens_it(client: FlaskClient, granted: TestShop) -> None:
    domain = granted.facts.domain
    open_app(client, domain, session_token(domain))
    assert asked_for(open_app(client, domain, session_token(domain, secret=OLD_SECRET)))[0] == "/admin"


# Who opens it ---------------------------------------------------------------------------------------------------------


def test_whoever_comes_after_the_first_sees_and_changes_nothing(
    client: FlaskClient, granted: TestShop, token_door: Tokens
) -> None:
    domain = granted.facts.domain
    token_door.users[str(BEN["id"])] = BEN
    open_app(client, domain, session_token(domain))
    open_app(client, domain, session_token(domain, BEN))
    assert may(granted.id, BEN["id"]) == {Right.REPORTS, Right.VIEW_CUSTOMERS}


def test_the_owner_may_do_everything_however_late(client: FlaskClient, granted: TestShop, token_door: Tokens) -> None:
    domain = granted.facts.domain
    token_door.users[str(BEN["id"])] = BEN
    open_app(client, domain, session_token(domain, BEN))
    open_app(client, domain, session_token(domain))
    assert may(granted.id, ADA["id"]) == {right.value for right in Right}


def test_nobody_is_kept_out_because_shopify_does_not_say_who_they_are(
    client: FlaskClient, granted: TestShop, token_door: Tokens
) -> None:
    domain = granted.facts.domain
    token_door.users[str(BEN["id"])] = BEN
    open_app(client, domain, session_token(domain))
    token_door.moods.append("503")
    assert asked_for(open_app(client, domain, session_token(domain, BEN)))[0] == "/admin"
    ben = person(granted.id, BEN["id"])
    assert (ben.name, ben.email, set(ben.rights)) == (f"Shopify user {BEN['id']}", None, {Right.REPORTS})
    open_app(client, domain, session_token(domain, BEN))
    ben = person(granted.id, BEN["id"])
    assert (ben.name, ben.email, set(ben.rights)) == ("Ben Kiln", BEN["email"], {Right.REPORTS})


# What is refused -------------------------------------------------------------------------------------------------------


def nobody_came_in(shop: TestShop) -> bool:
    db.session.rollback()
    asked = select(ShopifyUser).where(ShopifyUser.shop_id == shop.id)
    return db.session.execute(asked).first() is None


@pytest.mark.parametrize(
    "forged",
    [
        lambda domain: "garbage",
        lambda domain: "",
        lambda domain: session_token(domain, secret="shpss_00000000000000000000000000000000"),
        lambda domain: session_token(domain, aud="another-app"),
        lambda domain: session_token(domain, iss="https://evil.myshopify.com/admin"),
        lambda domain: session_token(domain, dest="https://evil.example"),
        lambda domain: session_token(domain, exp=1),
        lambda domain: session_token(domain, dest=domain, iss=f"https://{domain}/checkouts"),
    ],
)
def test_a_token_that_is_none_opens_nothing__app_home_invalid_token_accepted(
    client: FlaskClient, granted: TestShop, shopify: Pretend, forged: Callable[[str], str]
) -> None:
    """Shopify's check APP_HOME_INVALID_TOKEN_ACCEPTED."""
    domain = granted.facts.domain
    for path in ("/shopify", "/shopify/admin/customers", "/admin", "/admin/customers"):
        asked, query = asked_for(open_app(client, domain, forged(domain), path))
        assert asked == "/shopify/token"
        assert "id_token" not in query
        again = open_app(client, domain, forged(domain), path, token_again="1")
        assert again.status_code == 401
        assert "customer" not in again.text.lower()
    assert nobody_came_in(granted)
    assert shopify.token_calls == []


def test_the_shop_is_the_tokens_whatever_the_address_says__request_derived_shop_scope(
    client: FlaskClient, granted: TestShop, new_shop: Callable[..., TestShop]
) -> None:
    """Shopify's checks REQUEST_DERIVED_SHOP_SCOPE and REQUEST_CONTROLLED_ADMIN_CONTEXT."""
    other = new_shop(platform="shopify", domain="the-other.myshopify.com", name="The Other")
    token = session_token(granted.facts.domain)
    open_app(client, granted.facts.domain, token)
    path, query = asked_for(open_app(client, other.facts.domain, token))
    page = client.get(path, query_string=query)
    assert "Maison Test" in page.text
    assert "The Other" not in page.text
    assert other.facts.domain not in page.headers["Content-Security-Policy"]
    assert nobody_came_in(other)


@pytest.mark.parametrize(
    "shop",
    ["", "evil.example", "kiln.myshopify.com.evil.example", "kiln.myshopify.com/@evil.example", "*.myshopify.com",
     "kiln.myshopify.com evil.example", "kiln.myshopify.com\n", "admin.shopify.com", "x" * 200 + ".myshopify.com"],
)  # fmt: skip
def test_no_address_names_a_shop_that_is_none__weak_shop_validation(client: FlaskClient, shop: str) -> None:
    """Shopify's check WEAK_SHOP_VALIDATION."""
    for path in ("/shopify", "/shopify/install", "/shopify/token"):
        for more in ({}, {"embedded": "1"}):
            answer = client.get(path, query_string={"shop": shop, **more})
            assert answer.status_code in (401, 422), (path, answer.status_code)
            assert "Location" not in answer.headers
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


EVIL = [
    "https://evil.example",
    "//evil.example",
    "/\\evil.example",
    "/admin/../shopify/proxy/identity",
    "/admin/%2e%2e/shopify/proxy",
    "/admin//evil.example",
    "/admin\\evil",
    "/adminevil",
    "/admin/\tx",
    "/admin/x\r\nSet-Cookie: a=b",
    "javascript:alert(1)",
    "/",
    "",
    "/webhooks/shopify",
    "@evil.example",
    "/admin@evil.example\n",
]


@pytest.mark.parametrize("wanted", EVIL)
def test_nothing_leads_away_from_the_admin__open_redirect(client: FlaskClient, granted: TestShop, wanted: str) -> None:
    """Shopify's check OPEN_REDIRECT."""
    domain = granted.facts.domain
    token = session_token(domain)
    assert asked_for(open_app(client, domain, token, return_to=wanted))[0] == "/admin"
    _, query = asked_for(open_app(client, domain, None, return_to=wanted))
    assert query["return_to"] == "/admin"
    page = client.get("/shopify/token", query_string={"shop": domain, "return_to": wanted})
    assert page.status_code == 200
    assert "evil" not in page.text


def test_what_leads_on_says_shopifys_part_only_once(client: FlaskClient, granted: TestShop) -> None:
    domain = granted.facts.domain
    wanted = "/admin/customers?search=ada&id_token=old&shop=evil.example&embedded=1&hmac=x"
    path, query = asked_for(open_app(client, domain, session_token(domain), return_to=wanted))
    assert path == "/admin/customers"
    assert (query["search"], query["shop"]) == ("ada", domain)
    location = open_app(client, domain, session_token(domain), return_to=wanted).headers["Location"]
    assert all(len(values) == 1 for values in parse_qs(urlsplit(location).query).values())


# Frames ---------------------------------------------------------------------------------------------------------------


def test_the_page_that_fetches_a_token_is_for_that_shops_frame_and_shows_nothing(
    client: FlaskClient, granted: TestShop
) -> None:
    domain = granted.facts.domain
    _, query = asked_for(open_app(client, domain, None, "/admin/customers", search="ada"))
    page = client.get("/shopify/token", query_string=query)
    policy = page.headers["Content-Security-Policy"]
    assert policy.endswith(f"frame-ancestors https://{domain} https://admin.shopify.com")
    assert 'src="https://cdn.shopify.com/shopifycloud/app-bridge.js"' in page.text
    assert "return_to=%2Fadmin%2Fcustomers%3Fsearch%3Dada" in page.text
    assert SECRET not in page.text
    assert "Set-Cookie" not in page.headers


def test_no_answer_may_be_framed_by_everybody__static_frame_ancestors(client: FlaskClient, granted: TestShop) -> None:
    """Shopify's checks STATIC_FRAME_ANCESTORS and MISSING_EMBEDDED_CSP."""
    domain = granted.facts.domain
    for answer in (
        client.get("/shopify"),
        client.get("/shopify/callback"),
        client.get("/shopify/install", query_string={"shop": domain}),
        client.get("/shopify/token"),
    ):
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"], answer.status_code
    for answer in (
        open_app(client, domain, session_token(domain)),
        open_app(client, domain, session_token(domain), "/admin"),
        open_app(client, domain, session_token(domain), "/admin/nothing-here"),
    ):
        policy = answer.headers["Content-Security-Policy"]
        assert f"frame-ancestors https://{domain} https://admin.shopify.com" in policy
        assert "*" not in policy


def test_outside_of_a_frame_the_app_is_installed_by_the_authorization_grant(
    client: FlaskClient, granted: TestShop
) -> None:
    path, query = asked_for(client.get("/shopify", query_string={"shop": granted.facts.domain}))
    assert (path, query) == ("/shopify/install", {"shop": granted.facts.domain})


def test_a_signed_address_says_where_somebody_came_from_and_not_who_they_are(
    client: FlaskClient, granted: TestShop
) -> None:
    query = f"shop={granted.facts.domain}&timestamp=1"
    signed = f"{query}&hmac={query_signature.sign(SECRET, query.encode())}"
    assert asked_for(client.get(f"/shopify?{signed}"))[0] == "/shopify/install"
    assert client.get(f"/admin?{signed}").status_code == 303
    assert nobody_came_in(granted)


# When Shopify does not answer ------------------------------------------------------------------------------------------


def test_it_says_so_in_the_frame_when_shopify_does_not_answer(
    client: FlaskClient, shopify_shop: TestShop, token_door: Tokens
) -> None:
    domain = shopify_shop.facts.domain
    token_door.moods.append("503")
    answer = open_app(client, domain, session_token(domain))
    assert answer.status_code == 503
    assert f"frame-ancestors https://{domain} https://admin.shopify.com" in answer.headers["Content-Security-Policy"]
    assert asked_for(open_app(client, domain, session_token(domain)))[0] == "/admin"


def test_a_token_that_is_over_at_shopify_is_fetched_anew(
    client: FlaskClient, shopify_shop: TestShop, token_door: Tokens
) -> None:
    domain = shopify_shop.facts.domain
    token_door.users.clear()
    assert asked_for(open_app(client, domain, session_token(domain)))[0] == "/shopify/token"


def test_no_token_of_ours_is_in_an_answer_or_a_log__credential_browser_leakage(
    client: FlaskClient, shopify_shop: TestShop, shopify: Pretend, caplog: pytest.LogCaptureFixture
) -> None:
    """Shopify's check CREDENTIAL_BROWSER_LEAKAGE."""
    domain = shopify_shop.facts.domain
    token = session_token(domain)
    answers = [open_app(client, domain, token), open_app(client, domain, token, "/admin")]
    said = "".join(f"{answer.text}{answer.headers}" for answer in answers) + caplog.text
    assert SECRET not in said
    assert "shpat_" not in said
    assert "shprt_" not in said
    assert not any(value in said for value in shopify.tokens)
    assert token not in answers[1].text
    assert token not in caplog.text
