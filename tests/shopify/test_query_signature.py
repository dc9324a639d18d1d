"""The way back from Shopify's page for permissions: official vectors, and all that is refused (platforms.md 1.2, 1.3)."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from backend.config import ShopifyApp
from backend.errors import Unauthorized
from backend.platforms.shopify import query_signature
from tests.shopify.pretend import CLIENT_ID, OLD_SECRET, PAYLOADS, SECRET

WALL = datetime(2026, 11, 26, 12, tzinfo=UTC)
SHOP = "some-shop.myshopify.com"
STATE = "0f" * 32
VECTORS = [
    each
    for each in json.loads((PAYLOADS / "signature_vectors.json").read_text())
    if each["kind"].startswith("oauth_query_hex")
]


def query_of(params: dict[str, Any]) -> bytes:
    return urlencode(params, doseq=True).encode()


def callback(secret: str = SECRET, **changes: Any) -> bytes:
    """A signed callback, changed before it is signed; None leaves a parameter out."""
    said = {
        "code": "a94a110d86d2452eb3e2af4cfb8a3828",
        "host": "YWRtaW4uc2hvcGlmeS5jb20vc3RvcmUvc29tZS1zaG9w",
        "shop": SHOP,
        "state": STATE,
        "timestamp": str(int(WALL.timestamp())),
    } | changes
    query = query_of({name: value for name, value in said.items() if value is not None})
    return query + b"&hmac=" + query_signature.sign(secret, query).encode()


def check(query: bytes, state: str | None = STATE, wall: datetime = WALL) -> query_signature.Granted:
    return query_signature.check_callback(query, state, (SECRET, OLD_SECRET), wall)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda each: each["id"])
def test_signatures_are_shopify_s(vector: dict[str, Any]) -> None:
    query = query_of(vector["params"])
    signed = query_signature.sign(vector["secret"], query)
    if vector["kind"].endswith("ORDER_AS_GIVEN"):  # of a library that does not sort: its own order is not ours
        assert signed != vector["expected"]
    else:
        assert signed == vector["expected"]


def test_a_callback_grants_its_code_for_its_shop() -> None:
    granted = check(callback())
    assert (granted.shop, granted.code) == (SHOP, "a94a110d86d2452eb3e2af4cfb8a3828")
    assert granted.code not in repr(granted)


def test_the_secret_before_the_current_one_still_signs() -> None:
    assert check(callback(OLD_SECRET)).shop == SHOP


def test_a_host_that_ends_in_equals_signs_is_taken_however_it_was_escaped() -> None:
    host = "YWRtaW4uc2hvcGlmeS5jb20vc3RvcmUvc29tZQ=="
    assert check(callback(host=host)).shop == SHOP
    query = callback(host=host).partition(b"&hmac=")[0]
    escaped = b"&".join(sorted(query.split(b"&")))
    signature = hmac.new(SECRET.encode(), escaped, hashlib.sha256).hexdigest()
    assert check(query + b"&hmac=" + signature.encode()).shop == SHOP


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"shop": "evil.example"}, "names no shop"),
        ({"shop": "kiln.myshopify.com.evil.example"}, "names no shop"),
        ({"shop": SHOP + "\n"}, "names no shop"),
        ({"shop": None}, "names no shop"),
        ({"shop": [SHOP, SHOP]}, "twice"),
        ({"state": "0e" * 32}, "not begun in this browser"),
        ({"state": "é"}, "not begun in this browser"),
        ({"state": None}, "not begun in this browser"),
        ({"timestamp": "1.5"}, "90 seconds"),
        ({"timestamp": "١٢"}, "90 seconds"),
        ({"timestamp": None}, "90 seconds"),
        ({"code": None}, "no code"),
        ({"code": ""}, "no code"),
        ({"code": "a b"}, "no code"),
    ],
)
def test_a_signed_callback_that_is_not_as_agreed_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(Unauthorized, match=why):
        check(callback(**changes))


@pytest.mark.parametrize("state", [None, "", "0e" * 32, "é" * 64, STATE + "0"])
def test_a_callback_in_a_browser_that_did_not_begin_is_refused(state: str | None) -> None:
    with pytest.raises(Unauthorized, match="not begun in this browser"):
        check(callback(), state)


@pytest.mark.parametrize("seconds", [-91, 91])
def test_a_callback_is_good_for_90_seconds(seconds: int) -> None:
    assert check(callback(), wall=WALL + timedelta(seconds=seconds - seconds // abs(seconds))).shop == SHOP
    with pytest.raises(Unauthorized, match="90 seconds"):
        check(callback(), wall=WALL + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    "spoilt",
    [
        callback().replace(b"code=a94", b"code=b94"),
        callback() + b"&evil=1",
        callback() + b"&hmac=" + b"0" * 64,
        callback().partition(b"&hmac=")[0],
        callback().partition(b"&hmac=")[0] + b"&hmac=",
        callback().partition(b"&hmac=")[0] + b"&hmac=%C3%A9",
        callback("shpss_somebody_else"),
        callback("").partition(b"&hmac=")[0] + b"&hmac=" + b"\xff",
        b"\xff=%ff&&&=",
        b"",
        b"a=1&" * 4000,
    ],
)
def test_what_is_not_signed_by_the_app_s_secret_is_refused(spoilt: bytes) -> None:
    with pytest.raises(Unauthorized):
        check(spoilt)


def test_an_empty_secret_signs_nothing() -> None:
    with pytest.raises(Unauthorized, match="does not match"):
        query_signature.check_callback(callback(""), STATE, ("",), WALL)


def test_who_comes_from_shopify_s_admin_is_told_by_the_same_signature() -> None:
    query = query_of({"shop": SHOP, "timestamp": str(int(WALL.timestamp())), "embedded": "1"})
    signed = query + b"&hmac=" + query_signature.sign(SECRET, query).encode()
    assert query_signature.verify(signed, (SECRET,), WALL) == SHOP
    with pytest.raises(Unauthorized):
        query_signature.verify(query, (SECRET,), WALL)
    with pytest.raises(Unauthorized):
        query_signature.verify(signed, (SECRET,), WALL + timedelta(minutes=2))


def test_an_owner_is_sent_to_the_shop_with_a_state_that_the_browser_keeps_for_a_minute() -> None:
    app = ShopifyApp(CLIENT_ID, (SECRET,))
    state = query_signature.new_state()
    callback_url = "https://loyalty.example.com/shopify/callback"
    url = urlsplit(
        query_signature.begin_url(
            app, SHOP, state=state, redirect_uri=callback_url, scopes=["read_orders", "write_discounts"]
        )
    )
    assert (url.scheme, url.netloc, url.path) == ("https", SHOP, "/admin/oauth/authorize")
    assert parse_qs(url.query) == {
        "client_id": [CLIENT_ID],
        "scope": ["read_orders,write_discounts"],
        "redirect_uri": [callback_url],
        "state": [state],
    }
    cookie = query_signature.state_cookie(state, "/shopify/callback")
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "Lax")
    assert (cookie["max_age"], cookie["path"]) == (60, "/shopify/callback")
    assert check(callback(state=state), state).shop == SHOP
    with pytest.raises(ValueError, match="Shopify alone"):
        query_signature.begin_url(app, "evil.example", state=state, redirect_uri=callback_url, scopes=[])
