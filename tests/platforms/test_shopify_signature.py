"""What Shopify signs its webhooks with: the official vectors, rotation, and garbage (platforms.md 2.2)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import Unauthorized
from backend.platforms.shopify.webhook_signature import sign, verify
from tests.shopify.pretend import PAYLOADS

VECTORS = [
    each for each in json.loads((PAYLOADS / "signature_vectors.json").read_text()) if each["kind"] == "webhook_base64"
]
SECRET, RAW = "a secret of the app", b'{"id":1}'


def test_there_are_official_vectors():
    assert len(VECTORS) == 4


@pytest.mark.parametrize("vector", VECTORS, ids=[each["id"] for each in VECTORS])
def test_every_official_vector_is_signed_and_verified(vector):
    raw = vector["body"].encode()
    assert sign(vector["secret"], raw) == vector["expected"]
    verify(vector["expected"], raw, [vector["secret"]])


@pytest.mark.parametrize("vector", VECTORS, ids=[each["id"] for each in VECTORS])
def test_the_former_secret_is_good_beside_the_current_one(vector):
    verify(vector["expected"], vector["body"].encode(), ["the current one", vector["secret"]])


@pytest.mark.parametrize("secrets", [[], [""], ["", "another"], ["another"]])
def test_no_other_secret_is_good_and_an_empty_one_is_none(secrets):
    for secret in (SECRET, ""):
        with pytest.raises(Unauthorized):
            verify(sign(secret, RAW), RAW, secrets)


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        " ",
        "nonsense",
        "é" * 44,
        "\ud800",
        sign(SECRET, RAW).lower(),
        sign(SECRET, RAW) + "=",
        " " + sign(SECRET, RAW),
        sign(SECRET, RAW).rstrip("="),
        "sha256=" + sign(SECRET, RAW),
    ],
)
def test_anything_but_the_signature_is_refused(given):
    with pytest.raises(Unauthorized):
        verify(given, RAW, [SECRET])


def test_the_hexadecimal_digest_is_refused():
    import base64

    with pytest.raises(Unauthorized):
        verify(base64.b64decode(sign(SECRET, RAW)).hex(), RAW, [SECRET])


def test_another_body_is_refused_whatever_it_means():
    with pytest.raises(Unauthorized):
        verify(sign(SECRET, RAW), b'{"id": 1}', [SECRET])


def test_an_empty_body_is_refused_even_signed():
    with pytest.raises(Unauthorized):
        verify(sign(SECRET, b""), b"", [SECRET])


@given(st.text(), st.binary())
def test_garbage_raises_nothing_but_unauthorized(given, raw):
    with pytest.raises(Unauthorized):
        verify(given, raw, [SECRET])
