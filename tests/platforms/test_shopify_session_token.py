"""Session tokens: every claim, wrong in every way (platforms.md 1.4, reliability.md section 3)."""

import base64
import contextlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from backend.platforms.shopify import session_token
from backend.platforms.shopify.session_token import InvalidSessionToken, SessionToken

CLIENT = "1f0e8d7c6b5a49382716053f4e2d1c0b"
SECRET = "shpss_0123456789abcdef0123456789abcdef"
OLD = "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"
NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
GONE = object()


def claims(**changed: Any) -> dict[str, Any]:
    said = {
        "iss": "https://kiln.myshopify.com/admin",
        "dest": "https://kiln.myshopify.com",
        "aud": CLIENT,
        "sub": "548380009",
        "exp": AT + 55,
        "nbf": AT - 5,
        "iat": AT - 5,
        "jti": "f8912129-1af6-4cad-9ca3-76b0f7621087",
        "sid": "aaea182f2732d44c23057c0fea584021a4485b2bd25d3eb7fd349313ad24c685",
    } | changed
    return {name: value for name, value in said.items() if value is not GONE}


def token(secret: str = SECRET, /, **changed: Any) -> str:
    return jwt.encode(claims(**changed), secret, algorithm="HS256")


def verify(text: str) -> SessionToken:
    return session_token.verify(text, CLIENT, (SECRET, OLD), NOW)


def refused(text: str) -> bool:
    with pytest.raises(InvalidSessionToken) as caught:
        verify(text)
    assert caught.value.status == 401
    return True


def test_a_session_token_says_which_shop_and_who() -> None:
    said = verify(token())
    assert said.shop == "kiln.myshopify.com"
    assert said.user_id == "548380009"
    assert said.session_id == "aaea182f2732d44c23057c0fea584021a4485b2bd25d3eb7fd349313ad24c685"
    assert said.token_id == "f8912129-1af6-4cad-9ca3-76b0f7621087"
    assert said.expires_at == NOW + timedelta(seconds=55)


def test_the_secret_before_the_current_one_still_counts_and_no_other() -> None:
    assert verify(token(OLD)).user_id == "548380009"
    assert refused(token("shpss_00000000000000000000000000000000"))
    assert refused(token("another secret that is long enough for it"))


def test_a_session_without_an_id_is_taken() -> None:
    assert verify(token(sid=GONE)).session_id == ""


@pytest.mark.parametrize("name", session_token.REQUIRED)
def test_every_claim_has_to_be_there(name: str) -> None:
    assert refused(token(**{name: GONE}))


@pytest.mark.parametrize("name", [*session_token.REQUIRED, "sid"])
@pytest.mark.parametrize(
    "value", [None, True, [], {}, ["https://kiln.myshopify.com"], 1.5, -1, "x" * 300], ids=lambda value: str(value)[:20]
)
def test_every_claim_has_to_be_of_its_kind(name: str, value: Any) -> None:
    said = base64.urlsafe_b64encode(json.dumps(claims(**{name: value})).encode()).rstrip(b"=")
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=")
    signed = header + b"." + said
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(signed, SECRET.encode())
    assert refused((signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode())


@pytest.mark.parametrize(
    "dest",
    [
        "",
        "kiln.myshopify.com",  # an extension's
        "http://kiln.myshopify.com",
        "https://kiln.myshopify.com/",
        "https://kiln.myshopify.com/admin",
        "https://kiln.myshopify.com:443",
        "https://kiln.myshopify.com\n",
        "https://kiln.myshopify.com.evil.example",
        "https://evil.example/kiln.myshopify.com",
        "https://evil.example#.myshopify.com",
        "https://evil.example\\.myshopify.com",
        "https://user@kiln.myshopify.com",
        "https://-kiln.myshopify.com",
        "https://kilnKmyshopify.com",
        "https://kiln.myshopify.io",
        "https://kİln.myshopify.com",
        "https://admin.shopify.com",
        "https://*.myshopify.com",
        "https://kiln.myshopify.com https://evil.example",
        "javascript://kiln.myshopify.com",
    ],
)
def test_dest_is_a_shop_and_nothing_else__weak_shop_validation(dest: str) -> None:
    """Shopify's check WEAK_SHOP_VALIDATION."""
    assert refused(token(dest=dest, iss=f"{dest}/admin"))
    assert refused(token(dest=dest))


@pytest.mark.parametrize(
    "iss",
    [
        "https://kiln.myshopify.com",
        "https://kiln.myshopify.com/",
        "https://kiln.myshopify.com/admin/",
        "https://kiln.myshopify.com/admin?x=1",
        "https://kiln.myshopify.com/administrator",
        "https://kiln.myshopify.com/checkouts",
        "https://other.myshopify.com/admin",
        "http://kiln.myshopify.com/admin",
        "https://evil.example/admin",
        "kiln.myshopify.com/admin",
        "",
    ],
)
def test_the_issuer_is_the_admin_of_that_shop(iss: str) -> None:
    assert refused(token(iss=iss))


@pytest.mark.parametrize("aud", ["", "another-app", CLIENT.upper(), f"{CLIENT} ", [CLIENT], [CLIENT, "another"]])
def test_a_token_for_another_app_is_not_for_us(aud: Any) -> None:
    assert refused(token(aud=aud))


def test_an_app_without_an_id_takes_none() -> None:
    with pytest.raises(InvalidSessionToken):
        session_token.verify(token(aud=""), "", (SECRET,), NOW)


@pytest.mark.parametrize(
    "sub", ["", "0", "abc", "-5", "548380009 ", "5483 80009", "٥٤٨", "9" * 21, "gid://shopify/Customer/1"]
)
def test_the_person_is_a_number_of_shopifys(sub: str) -> None:
    assert refused(token(sub=sub))


def test_tokens_of_extensions_are_shoppers_and_never_come_in() -> None:
    checkout = {"dest": "kiln.myshopify.com", "iss": "https://kiln.myshopify.com/checkouts", "sid": GONE}
    assert refused(token(**checkout))
    assert refused(token(**checkout, sub="gid://shopify/Customer/1"))
    assert refused(token(iss="https://kiln.myshopify.com/checkouts", sub="gid://shopify/Customer/1"))


def test_clocks_may_differ_by_ten_seconds_and_no_more() -> None:
    assert verify(token(nbf=AT + 10, iat=AT + 10, exp=AT + 70))
    assert refused(token(nbf=AT + 11, exp=AT + 70))
    assert refused(token(iat=AT + 11, exp=AT + 70))
    assert verify(token(nbf=AT - 69, iat=AT - 69, exp=AT - 9))
    assert refused(token(nbf=AT - 70, iat=AT - 70, exp=AT - 10))


@pytest.mark.parametrize(
    "times",
    [
        {"exp": AT + 3600},
        {"exp": 10**30, "nbf": AT},
        {"exp": AT - 10, "nbf": AT - 5, "iat": AT - 5},
        {"exp": AT + 5, "nbf": AT + 5},
        {"nbf": AT - 100_000},
        {"iat": AT - 100_000},
        {"nbf": -(10**30)},
        {"exp": str(AT + 55)},
        {"exp": float(AT + 55)},
    ],
)
def test_its_life_is_short_and_makes_sense(times: dict[str, Any]) -> None:
    assert refused(token(**times))


def test_only_hs256_counts() -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert refused(jwt.encode(claims(), private, algorithm="RS256"))
    assert refused(jwt.encode(claims(), None, algorithm="none"))  # type: ignore[arg-type]
    assert refused(jwt.encode(claims(), SECRET * 2, algorithm="HS512"))
    assert refused(jwt.encode(claims(), SECRET * 2, algorithm="HS384"))
    _, payload, signature = token().split(".")
    for alg in ("none", "None", "nOnE", "RS256", "HS256 ", ""):
        forged = base64.urlsafe_b64encode(json.dumps({"alg": alg, "typ": "JWT"}).encode()).rstrip(b"=").decode()
        assert refused(f"{forged}.{payload}.{signature}")
        assert refused(f"{forged}.{payload}.")


def test_what_was_changed_after_signing_is_refused() -> None:
    header, payload, signature = token().split(".")
    other = base64.urlsafe_b64encode(json.dumps(claims(sub="1")).encode()).rstrip(b"=").decode()
    assert refused(f"{header}.{other}.{signature}")
    assert refused(f"{header}.{payload}.{signature[:-4]}")
    assert refused(f"{header}.{payload}.{signature}.{signature}")


def nested(opening: bytes) -> str:
    return base64.urlsafe_b64encode(opening * 1000).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "Bearer x",
        "null",
        "undefined",
        "é.é.é",
        "\udcff.a.b",
        "a" * 5000,
        f"{nested(b'[')}.a.a",
        f"{nested(b'{')}.a.a",
        f"{base64.urlsafe_b64encode(b'[]').decode().rstrip('=')}.a.a",
        f"{base64.urlsafe_b64encode(b'1').decode().rstrip('=')}.a.a",
        f"{base64.urlsafe_b64encode(bytes(range(256))).decode().rstrip('=')}.a.a",
    ],
)
def test_whatever_else_comes_is_nobody(text: str) -> None:
    assert refused(text)


def test_what_is_signed_but_no_object_is_nobody() -> None:
    for payload in (b"[]", b"1", b'"x"', b"null", b"", b"\xff", b"[" * 900):
        assert refused(jwt.PyJWS().encode(payload, SECRET, algorithm="HS256"))


def test_a_token_that_is_too_long_is_not_read() -> None:
    assert refused(token(padding="x" * 5000))


@given(st.text(max_size=200))
def test_no_text_makes_an_error_of_ours(text: str) -> None:
    assert refused(text)


@given(st.dictionaries(st.sampled_from([*session_token.REQUIRED, "sid"]), st.none() | st.integers() | st.text()))
def test_no_claims_make_an_error_of_ours(changed: dict[str, Any]) -> None:
    said = base64.urlsafe_b64encode(json.dumps(claims(**changed)).encode()).rstrip(b"=")
    signed = base64.urlsafe_b64encode(b'{"alg":"HS256"}').rstrip(b"=") + b"." + said
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(signed, SECRET.encode())
    text = (signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()
    with contextlib.suppress(InvalidSessionToken):
        assert verify(text).shop == "kiln.myshopify.com"
