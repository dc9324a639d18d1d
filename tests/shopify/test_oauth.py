"""How the app comes to tokens, and what refusals mean (platforms.md 1.2, 1.5)."""

from datetime import timedelta

import pytest

from backend import clock
from backend.config import ShopifyApp
from backend.platforms.base import Never, TryAgain
from backend.platforms.shopify import oauth
from tests.shopify.pretend import CLIENT_ID, OLD_SECRET, SECRET, Pretend
from tests.shopify.pretend_tokens import ADA, SCOPES, Tokens, session_token

DOMAIN = "kiln-and-kettle.myshopify.com"


@pytest.fixture
def app(shopify: Pretend) -> ShopifyApp:
    return ShopifyApp(CLIENT_ID, (SECRET, OLD_SECRET), shopify.url)


def test_a_session_token_brings_an_offline_token_that_ends(
    app: ShopifyApp, shopify: Pretend, token_door: Tokens
) -> None:
    before = clock.wall()
    got = oauth.exchange(app, DOMAIN, session_token(DOMAIN), is_rehearsal=True)
    assert shopify.tokens[got.access] == DOMAIN
    assert token_door.refresh[got.refresh] == DOMAIN
    assert before <= got.access_until - timedelta(hours=1) <= clock.wall()
    assert before <= got.refresh_until - timedelta(days=90) <= clock.wall()
    assert got.scopes == tuple(SCOPES.split(","))
    [(domain, said)] = shopify.token_calls
    assert domain == DOMAIN
    assert said["expiring"] == 1
    assert said["requested_token_type"].endswith("offline-access-token")


def test_who_opened_the_app_is_told_with_an_online_token(app: ShopifyApp, token_door: Tokens) -> None:
    user = oauth.who_opened(app, DOMAIN, session_token(DOMAIN), is_rehearsal=True)
    assert user.id == str(ADA["id"])
    assert (user.email, user.email_verified, user.account_owner) == (ADA["email"], True, True)
    assert (user.first_name, user.last_name, user.locale) == ("Ada", "Kiln", "en")
    assert not user.collaborator


@pytest.mark.parametrize(
    "claims", [{"exp": 1}, {"aud": "another app"}, {"dest": "https://other.myshopify.com"}, {"sub": "1"}]
)
def test_a_session_token_that_is_over_or_another_s_is_to_be_made_again(
    app: ShopifyApp, token_door: Tokens, claims: dict[str, object]
) -> None:
    stale = session_token(DOMAIN, **claims)
    with pytest.raises(oauth.SessionTokenRefused):
        oauth.exchange(app, DOMAIN, stale, is_rehearsal=True)
    with pytest.raises(oauth.SessionTokenRefused):
        oauth.who_opened(app, DOMAIN, stale, is_rehearsal=True)


def test_a_code_brings_a_token_once(app: ShopifyApp, shopify: Pretend, token_door: Tokens) -> None:
    token_door.codes.add("a94a110d")
    got = oauth.exchange_code(app, DOMAIN, "a94a110d", is_rehearsal=True)
    assert shopify.tokens[got.access] == DOMAIN
    assert shopify.token_calls[0][1]["expiring"] == "1"
    with pytest.raises(oauth.CodeRefused):
        oauth.exchange_code(app, DOMAIN, "a94a110d", is_rehearsal=True)


def test_a_refresh_brings_another_pair_and_ends_what_was_before_the_last(
    app: ShopifyApp, shopify: Pretend, token_door: Tokens
) -> None:
    _, first = token_door.first(shopify, DOMAIN)
    second = oauth.refresh(app, DOMAIN, first, is_rehearsal=True)
    again = oauth.refresh(app, DOMAIN, first, is_rehearsal=True)
    assert len({first, second.refresh, again.refresh}) == 3
    with pytest.raises(oauth.RefreshRefused):
        oauth.refresh(app, DOMAIN, second.refresh, is_rehearsal=True)
    oauth.refresh(app, DOMAIN, again.refresh, is_rehearsal=True)
    with pytest.raises(oauth.RefreshRefused):
        oauth.refresh(app, DOMAIN, first, is_rehearsal=True)


def test_a_token_that_never_ends_is_changed_for_one_that_does(
    app: ShopifyApp, shopify: Pretend, token_door: Tokens
) -> None:
    old = shopify.new_token(DOMAIN)
    got = oauth.migrate(app, DOMAIN, old, is_rehearsal=True)
    assert shopify.tokens[got.access] == DOMAIN
    assert old not in shopify.tokens
    with pytest.raises(oauth.RefreshRefused):
        oauth.migrate(app, DOMAIN, old, is_rehearsal=True)


@pytest.mark.parametrize("mood", ["503", "429", "lose", "lose after"])
def test_what_may_pass_is_to_be_tried_again(app: ShopifyApp, shopify: Pretend, token_door: Tokens, mood: str) -> None:
    _, first = token_door.first(shopify, DOMAIN)
    token_door.moods.append(mood)
    with pytest.raises(TryAgain):
        oauth.refresh(app, DOMAIN, first, is_rehearsal=True)
    assert oauth.refresh(app, DOMAIN, first, is_rehearsal=True).access in shopify.tokens


def test_keys_that_shopify_does_not_know_end_nobody_s_installation(shopify: Pretend, token_door: Tokens) -> None:
    _, first = token_door.first(shopify, DOMAIN)
    wrong = ShopifyApp(CLIENT_ID, ("shpss_mistyped0000000000", SECRET), shopify.url)
    with pytest.raises(TryAgain, match="SHOPIFY_API_SECRET") as failed:
        oauth.refresh(wrong, DOMAIN, first, is_rehearsal=True)
    assert failed.value.retry_after_seconds == oauth.LONG_PAUSE_SECONDS


PAIR = {
    "access_token": "shpat_very-secret",
    "expires_in": 3600,
    "refresh_token": "shprt_very-secret",
    "refresh_token_expires_in": 7776000,
    "scope": "read_orders",
}


@pytest.mark.parametrize(
    "said",
    [
        [],
        {},
        {"access_token": "shpat_very-secret"},
        PAIR | {"access_token": "shpat_very-secret\r\nx-forged: 1"},
        PAIR | {"expires_in": "3600"},
        PAIR | {"expires_in": 0},
        PAIR | {"expires_in": True},
        PAIR | {"refresh_token": None},
        PAIR | {"scope": None},
    ],
)
def test_an_answer_that_is_not_as_agreed_is_no_answer_and_not_shown(
    app: ShopifyApp, shopify: Pretend, said: dict[str, object]
) -> None:
    shopify.grant = lambda *_: (200, said)
    with pytest.raises(TryAgain) as failed:
        oauth.refresh(app, DOMAIN, "shprt_very-secret", is_rehearsal=True)
    assert "secret" not in failed.value.reason


def test_tokens_are_not_shown_by_what_holds_them(app: ShopifyApp, token_door: Tokens) -> None:
    got = oauth.exchange(app, DOMAIN, session_token(DOMAIN), is_rehearsal=True)
    assert got.access not in repr(got)
    assert got.refresh not in repr(got)
    assert SECRET not in repr(app)


@pytest.mark.parametrize(
    "domain", ["evil.example", "kiln.myshopify.com/x", "KILN.myshopify.com", "kiln.myshopify.com\n", ""]
)
def test_the_secret_goes_to_shops_on_shopify_alone(app: ShopifyApp, shopify: Pretend, domain: str) -> None:
    with pytest.raises(ValueError, match="Shopify alone"):
        oauth.refresh(app, domain, "shprt_1", is_rehearsal=True)
    assert shopify.token_calls == []


def test_another_refusal_of_a_session_token_is_final(app: ShopifyApp, shopify: Pretend) -> None:
    shopify.grant = lambda *_: (400, {"error": "invalid_request"})
    with pytest.raises(Never):
        oauth.exchange(app, DOMAIN, session_token(DOMAIN), is_rehearsal=True)
