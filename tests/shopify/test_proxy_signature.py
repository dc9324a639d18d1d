"""The signature of the app proxy: what Shopify signs is believed, and nothing else (platforms.md section 3)."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import Unauthorized
from backend.platforms.shopify import proxy_signature
from backend.platforms.shopify.proxy_signature import Proxied
from tests.shopify.pretend import OLD_SECRET, PAYLOADS, SECRET

VECTORS: list[dict[str, Any]] = [
    vector
    for vector in json.loads((PAYLOADS / "signature_vectors.json").read_text())
    if vector["kind"] == "app_proxy_hex"
]
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
QUERY = f"logged_in_customer_id=7&path_prefix=%2Fapps%2Flagniappe&shop=kiln.myshopify.com&timestamp={SECONDS}"


def signed(query: str, secret: str = SECRET) -> bytes:
    return f"{query}&signature={proxy_signature.sign(secret, query.encode())}".encode()


def verify(query: bytes, *secrets: str, wall: datetime = NOW) -> Proxied:
    return proxy_signature.verify(query, secrets or (SECRET, OLD_SECRET), wall)


def sent_at(query: str) -> datetime:
    return datetime.fromtimestamp(int(dict(parse_qsl(query))["timestamp"]), UTC)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_the_official_examples_are_believed(vector: dict[str, Any]) -> None:
    query = vector["query"]
    said = verify(query.encode(), vector["secret"], wall=sent_at(query))
    assert said.shop == dict(parse_qsl(query))["shop"]
    assert said.customer_id == dict(parse_qsl(query)).get("logged_in_customer_id")


def test_there_are_official_examples() -> None:
    assert len(VECTORS) == 4


@pytest.mark.parametrize("query", [each for vector in VECTORS for each in vector.get("negatives", [])])
def test_the_official_counterexamples_are_not(query: str) -> None:
    with pytest.raises(Unauthorized):
        verify(query.encode(), "secret", wall=sent_at(query))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_app_proxy_unverified_signature(vector: dict[str, Any]) -> None:
    """Shopify's own check of that name: another secret, another value, one parameter more, no signature."""
    query, wall = vector["query"], sent_at(vector["query"])
    without = "&".join(pair for pair in query.split("&") if not pair.startswith("signature="))
    for changed, secret in (
        (query, "another"),
        (query, ""),
        (query.replace("shop=", "shop=x"), vector["secret"]),
        (f"{query}&evil=1", vector["secret"]),
        (without, vector["secret"]),
        (f"{without}&signature=", vector["secret"]),
    ):
        with pytest.raises(Unauthorized):
            verify(changed.encode(), secret, wall=wall)


def test_says_which_shop_and_who_is_signed_in_there() -> None:
    assert verify(signed(QUERY)) == Proxied("kiln.myshopify.com", "7", frozenset())


@pytest.mark.parametrize("query", [QUERY.replace("id=7", "id="), QUERY.removeprefix("logged_in_customer_id=7&")])
def test_nobody_is_signed_in_where_the_customers_id_is_empty_or_missing(query: str) -> None:
    assert verify(signed(query)).customer_id is None


def test_names_what_the_page_put_in_itself() -> None:
    assert verify(signed(f"{QUERY}&extra=1&extra=2&")).added == {"extra"}


@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET])
def test_the_current_secret_counts_and_the_one_before_it(secret: str) -> None:
    assert verify(signed(QUERY, secret)).shop == "kiln.myshopify.com"


def test_without_a_secret_nobody_is_believed() -> None:
    for secrets in ((), ("",)):
        with pytest.raises(Unauthorized):
            proxy_signature.verify(signed(QUERY, ""), secrets, NOW)


@pytest.mark.parametrize("seconds", [-90, 0, 90])
def test_a_signature_counts_for_ninety_seconds_both_ways(seconds: int) -> None:
    assert verify(signed(QUERY), wall=NOW + timedelta(seconds=seconds)).customer_id == "7"


@pytest.mark.parametrize("seconds", [-91, 91, 86_400])
def test_and_no_longer(seconds: int) -> None:
    with pytest.raises(Unauthorized, match="90 seconds"):
        verify(signed(QUERY), wall=NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("said", ["", f"{SECONDS}.0", f"{SECONDS}e0", "NaN", f"+{SECONDS}", f"{SECONDS}%0A", "9" * 13])
def test_a_time_is_whole_seconds(said: str) -> None:
    with pytest.raises(Unauthorized, match="90 seconds"):
        verify(signed(QUERY.replace(f"timestamp={SECONDS}", f"timestamp={said}")))


def test_a_time_must_be_there() -> None:
    with pytest.raises(Unauthorized):
        verify(signed(QUERY.replace(f"&timestamp={SECONDS}", "")))


@pytest.mark.parametrize(
    "pair",
    [
        "shop=other.myshopify.com",
        f"timestamp={SECONDS}",
        "logged_in_customer_id=8",
        "path_prefix=%2Fapps",
        "hmac=1&hmac=1",
    ],
)
def test_what_shopify_says_once_is_not_said_twice(pair: str) -> None:
    with pytest.raises(Unauthorized, match="twice"):
        verify(signed(f"{QUERY}&{pair}"))


def test_there_is_one_signature() -> None:
    query = signed(QUERY)
    with pytest.raises(Unauthorized, match="one signature"):
        verify(query + b"&signature=" + query[-64:])


@pytest.mark.parametrize(
    "shop",
    ["", "kiln.example", "kiln.myshopify.com.evil.com", "evil.com%2Fkiln.myshopify.com", "kiln.myshopify.com%0A"],
)
def test_the_shop_is_one_on_shopify(shop: str) -> None:
    with pytest.raises(Unauthorized, match="no shop"):
        verify(signed(QUERY.replace("kiln.myshopify.com", shop)))


@pytest.mark.parametrize("customer", ["-7", "7.0", "x", "7%00", "%20", "gid://shopify/Customer/7", "9" * 21, "%D9%A7"])
def test_a_customer_is_a_number(customer: str) -> None:
    with pytest.raises(Unauthorized, match="customer"):
        verify(signed(QUERY.replace("id=7", f"id={customer}")))


def test_the_pairs_are_sorted_with_their_values() -> None:
    """`a1=x` comes before `a=y`, though the name `a` comes before `a1`: as Shopify's own Ruby signs."""
    assert verify(signed(f"{QUERY}&a=y&a1=x")).added == {"a", "a1"}
    assert proxy_signature.sign("hush", b"a=y&a1=x") == proxy_signature.sign("hush", b"a1=x&a=y")


def test_a_name_without_a_value_is_signed_as_an_empty_one() -> None:
    query = signed(f"{QUERY}&bare=")
    assert verify(query.replace(b"bare=", b"bare")).added == {"bare"}


def test_what_is_not_utf8_is_signed_as_it_is() -> None:
    assert verify(signed(f"{QUERY}&raw=%FF%00+%2B")).customer_id == "7"


@given(st.binary(max_size=300))
def test_whatever_garbage_comes_is_refused(garbage: bytes) -> None:
    for query in (garbage, b"signature=" + garbage, garbage + b"&" + signed(QUERY)[:-1]):
        with pytest.raises(Unauthorized):
            verify(query)


def test_an_address_of_any_length_is_refused_at_once() -> None:
    with pytest.raises(Unauthorized, match="too long"):
        verify(signed(f"{QUERY}&x={'y' * 9000}")[:9000])
