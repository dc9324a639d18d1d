"""Contract section 4: a store proves who is signed in; nothing else is believed."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.conftest import TestShop
from tests.widget_api.conftest import Widget, identity_token

SECRET = "a secret of some other shop, long enough"


def refused(widget: Widget, identity: str) -> str:
    """The code of a 401, in the one form that all errors have."""
    answer = widget.begin(identity)
    assert answer.status_code == 401, answer.text
    assert answer.content_type == "application/problem+json"
    assert answer.json["status"] == 401
    assert answer.json["detail"]
    return answer.json["code"]


def test_a_token_of_the_store_begins_a_session_and_makes_the_member_on_first_sight(widget: Widget) -> None:
    answer = widget.begin(widget.identity(first_name="Zoë", email="zoe@shop.example", locale="fr"))

    assert answer.status_code == 200
    assert answer.json["member"] == {"id": answer.json["member"]["id"], "first_name": "Zoë", "tier": None}
    assert answer.json["member"]["id"].isdigit()


def test_the_same_customer_is_the_same_member_however_often_seen(widget: Widget) -> None:
    assert widget.begin().json["member"]["id"] == widget.begin().json["member"]["id"]


def test_first_sight_in_the_widget_gives_no_points_for_signing_up(shop: TestShop, widget: Widget) -> None:
    shop.set_program(rules=[{"id": "signup", "kind": "signup", "points": 50, "title": {"en": "Create an account"}}])
    widget.begin()
    shop.work()

    assert widget.me()["balance"]["available"] == 0
    assert widget.me()["balance"]["pending"] == []


def test_a_customer_id_of_255_characters_is_taken(widget: Widget) -> None:
    assert widget.begin(identity_token(widget.shop.facts.identity_secret, "x" * 255)).status_code == 200


def test_fifteen_minutes_is_the_longest_life(widget: Widget) -> None:
    seconds = int(time.time())
    assert widget.begin(widget.identity(iat=seconds, exp=seconds + 900)).status_code == 200
    assert refused(widget, widget.identity(iat=seconds, exp=seconds + 901)) == "unauthorized"
    assert refused(widget, widget.identity(iat=seconds, exp=seconds + 16 * 60)) == "unauthorized"


def test_a_token_made_long_ago_cannot_be_stretched_by_its_end(widget: Widget) -> None:
    seconds = int(time.time())
    assert refused(widget, widget.identity(iat=seconds - 3600, exp=seconds + 60)) == "unauthorized"


def test_the_stores_clock_may_be_a_few_seconds_off(widget: Widget) -> None:
    seconds = int(time.time())
    assert widget.begin(widget.identity(iat=seconds + 5, exp=seconds + 305)).status_code == 200
    assert widget.begin(widget.identity(iat=seconds + 5, exp=seconds + 905)).status_code == 200


@pytest.mark.parametrize("ago", [0, 1, 5, 60])
def test_an_expired_token_says_so(widget: Widget, ago: int) -> None:
    seconds = int(time.time())
    assert refused(widget, widget.identity(iat=seconds - 600, exp=seconds - ago)) == "identity_expired"


def test_a_token_from_the_future_is_refused(widget: Widget) -> None:
    seconds = int(time.time())
    assert refused(widget, widget.identity(iat=seconds + 60, exp=seconds + 300)) == "unauthorized"


def test_moving_the_business_clock_expires_no_identity(widget: Widget, time: Any) -> None:
    time.advance(days=30)
    assert widget.begin().status_code == 200


@pytest.mark.parametrize("claim", ["sub", "iat", "exp"])
def test_a_token_without_what_it_needs_is_refused_and_told_what(widget: Widget, claim: str) -> None:
    token = widget.identity(**{claim: None})
    assert refused(widget, token) == "unauthorized"
    assert f"does not say {claim}" in widget.begin(token).json["detail"]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (lambda now: {"iat": now + 120, "exp": now + 600}, "in the future"),
        (lambda now: {"nbf": now + 120}, "in the future"),
        (lambda now: {"sub": 7}, "sub must be a text of 1 to 255 characters"),
    ],
    ids=["iat", "nbf", "sub"],
)
def test_whoever_signs_well_and_says_it_wrong_is_told_what_is_wrong(
    widget: Widget, said: Callable[[int], dict[str, object]], words: str
) -> None:
    token = hand_made({"alg": "HS256"}, claims(**said(int(time.time()))), widget.shop.facts.identity_secret)
    assert refused(widget, token) == "unauthorized"
    assert words in widget.begin(token).json["detail"]


@pytest.mark.parametrize(
    "sub", ["", "x" * 256, 7, 7.5, True, ["c-1"], {"id": "c-1"}, "a\x00b", "half \ud800 of a character"]
)
def test_a_customer_id_that_is_no_text_of_1_to_255_characters_is_refused(widget: Widget, sub: object) -> None:
    token = hand_made({"alg": "HS256"}, claims(sub=sub), widget.shop.facts.identity_secret)
    assert refused(widget, token) == "unauthorized"


@pytest.mark.parametrize("name", ["email", "first_name", "last_name", "locale"])
@pytest.mark.parametrize("value", [7, ["x"], {"x": 1}, "x" * 321, "a\x00b", "\udfff"])
def test_what_else_the_store_says_must_be_text_that_can_be_kept(widget: Widget, name: str, value: object) -> None:
    token = hand_made({"alg": "HS256"}, claims(**{name: value}), widget.shop.facts.identity_secret)
    assert refused(widget, token) == "unauthorized"


@pytest.mark.parametrize("value", [None, ""])
def test_what_the_store_leaves_empty_counts_as_not_said(widget: Widget, value: object) -> None:
    token = hand_made({"alg": "HS256"}, claims(first_name=value), widget.shop.facts.identity_secret)
    assert widget.begin(token).json["member"]["first_name"] is None


def claims(**given: object) -> dict[str, object]:
    seconds = int(time.time())
    return {"sub": "c-1", "iat": seconds, "exp": seconds + 600} | given


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def hand_made(header: dict[str, object], payload: object, secret: str | None) -> str:
    """A JWT that a library would refuse to make, signed with HS256 (or not at all)."""
    import hmac

    head = b64(json.dumps(header).encode())
    body = payload if isinstance(payload, str) else b64(json.dumps(payload).encode())
    signature = "" if secret is None else b64(hmac.digest(secret.encode(), f"{head}.{body}".encode(), "sha256"))
    return f"{head}.{body}.{signature}"


@pytest.mark.filterwarnings("ignore:The HMAC key is")
def test_no_algorithm_but_hs256_is_taken(widget: Widget) -> None:
    secret = widget.shop.facts.identity_secret
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    assert refused(widget, jwt.encode(claims(), None, algorithm="none")) == "unauthorized"
    assert refused(widget, hand_made({"alg": "none"}, claims(), None)) == "unauthorized"
    assert refused(widget, hand_made({"alg": "nOnE"}, claims(), "")) == "unauthorized"
    assert refused(widget, jwt.encode(claims(), rsa_key, algorithm="RS256")) == "unauthorized"
    assert refused(widget, identity_token(secret, algorithm="HS512")) == "unauthorized"
    assert refused(widget, identity_token(secret, algorithm="HS384")) == "unauthorized"
    assert refused(widget, hand_made({}, claims(), secret)) == "unauthorized"
    assert refused(widget, hand_made({"alg": "HS512"}, claims(), secret)) == "unauthorized"
    assert (
        refused(widget, hand_made({"alg": "HS256", "b64": False, "crit": ["b64"]}, claims(), secret)) == "unauthorized"
    )


def test_a_token_signed_with_anything_but_the_shops_secret_is_refused(widget: Widget) -> None:
    facts = widget.shop.facts
    assert refused(widget, identity_token(SECRET)) == "unauthorized"
    assert refused(widget, hand_made({"alg": "HS256"}, claims(), "")) == "unauthorized"
    assert refused(widget, hand_made({"alg": "HS256"}, claims(), facts.widget_key)) == "unauthorized"
    assert refused(widget, hand_made({"alg": "HS256"}, claims(), facts.webhook_secrets[0])) == "unauthorized"


def test_another_shops_token_opens_nothing_here(new_shop: Any, widget: Widget) -> None:
    other = new_shop(domain="other.example")
    assert refused(widget, identity_token(other.facts.identity_secret)) == "unauthorized"


def test_a_tampered_token_is_refused(widget: Widget) -> None:
    head, _, signature = widget.identity().split(".")
    body = b64(json.dumps(claims(sub="somebody-else")).encode())
    assert refused(widget, f"{head}.{body}.{signature}") == "unauthorized"


@pytest.mark.parametrize(
    "times",
    [
        {"exp": 1e400},
        {"exp": float("nan")},
        {"exp": "tomorrow"},
        {"exp": None},
        {"exp": []},
        {"exp": 10**400},
        {"exp": -1},
        {"iat": "now"},
        {"iat": {}},
        {"iat": float("-inf")},
        {"iat": "the time as text"},
        {"nbf": 10**12},
    ],
    ids=str,
)
def test_absurd_times_are_refused(widget: Widget, times: dict[str, object]) -> None:
    if times == {"iat": "the time as text"}:
        times = {"iat": str(int(time.time()))}
    token = hand_made({"alg": "HS256"}, claims(**times), widget.shop.facts.identity_secret)
    assert refused(widget, token) in ("unauthorized", "identity_expired")


@pytest.mark.parametrize(
    "identity",
    [
        "",
        " ",
        "c-1",
        "a.b",
        "a.b.c",
        "....",
        "=.=.=",
        "é.é.é",
        "\x00",
        "\ud800",
        "x" * 4097,
        "eyJhbGciOiJIUzI1NiJ9.." * 3,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_what_is_no_token_is_refused(widget: Widget, identity: str) -> None:
    answer = (
        widget.begin(identity)
        if identity
        else widget.shop.client.post(f"/widget/v1/{widget.key}/session", json={"identity": ""})
    )
    assert answer.status_code in (400, 401), answer.text


@pytest.mark.parametrize(
    "payload",
    [
        b64(b"[]"),
        b64(b'"text"'),
        b64(b"null"),
        b64(b"\xff\xfe"),
        b64(b"[" * 2000),
        b64(b'{"a":' * 700),
        "",
        "!!!!",
    ],
    ids=lambda text: text[:12],
)
def test_a_signed_token_that_holds_no_claims_is_refused(widget: Widget, payload: str) -> None:
    assert refused(widget, hand_made({"alg": "HS256"}, payload, widget.shop.facts.identity_secret)) == "unauthorized"


def test_an_erased_customer_cannot_come_back_through_the_widget(shop: TestShop, widget: Widget) -> None:
    widget.begin()
    shop.tell("customer.redacted", {"id": "c-1"})
    assert refused(widget, widget.identity()) == "unauthorized"
