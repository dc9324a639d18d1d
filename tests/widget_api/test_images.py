"""The pictures that merchants upload, as everybody sees them."""

from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import Image
from werkzeug.test import TestResponse

from backend import clock
from backend.db import transaction
from backend.loyalty.rewards import images
from tests.conftest import TestShop


def kept(shop: TestShop, kind: str = "PNG") -> images.Picture:
    written = BytesIO()
    Image.new("RGB", (30, 20), (10, 120, 60)).save(written, kind)
    picture = images.banner(written.getvalue())
    with transaction() as session:
        images.keep(session, shop.id, picture, clock.now())
    return picture


def load(shop: TestShop, image_id: str, key: str | None = None, **options: dict[str, str]) -> TestResponse:
    return shop.client.get(images.path(key or shop.facts.widget_key, image_id), **options)


@pytest.mark.parametrize(("kind", "content_type"), [("PNG", "image/png"), ("JPEG", "image/jpeg")])
def test_a_picture_is_shown_to_every_page_and_kept_for_ever(shop: TestShop, kind: str, content_type: str) -> None:
    picture = kept(shop, kind)
    answer = load(shop, picture.id)
    assert (answer.status_code, answer.data) == (200, picture.content)
    assert answer.headers["Content-Type"] == content_type
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["ETag"] == f'"{picture.id}"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "Lagniappe-Signature" not in answer.headers
    assert "Set-Cookie" not in answer.headers


def test_a_picture_that_is_known_is_not_sent_again(shop: TestShop) -> None:
    picture = kept(shop)
    for known in (f'"{picture.id}"', f'W/"{picture.id}"', f'"other", "{picture.id}"', "*"):
        answer = load(shop, picture.id, headers={"If-None-Match": known})
        assert (answer.status_code, answer.data) == (304, b"")
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert "Content-Type" not in answer.headers
    assert load(shop, picture.id, headers={"If-None-Match": f'"{"0" * 64}"'}).status_code == 200


@pytest.mark.parametrize(
    "image_id", ["0" * 64, "A" * 64, "0" * 63, "0" * 65, "x", "%00", "..%2f..%2fetc%2fpasswd", "é", "a" * 4000]
)
def test_what_is_not_there_is_a_problem(shop: TestShop, image_id: str) -> None:
    for known in ({}, {"If-None-Match": "*"}):
        answer = load(shop, image_id, headers=known)
        assert (answer.status_code, answer.content_type) == (404, "application/problem+json")
        assert answer.json["code"] == "not_found"
        assert "immutable" not in answer.headers.get("Cache-Control", "")


def test_another_shop_s_picture_is_not_there(shop: TestShop, new_shop: Callable[..., TestShop]) -> None:
    other = new_shop(domain="other.example")
    picture = kept(other)
    assert load(other, picture.id).status_code == 200
    assert load(shop, picture.id).json == load(shop, "0" * 64).json
    assert load(shop, picture.id, key="wk_none").status_code == 404


def test_a_page_may_ask_before_it_loads_one(shop: TestShop) -> None:
    answer = shop.client.options(
        images.path(shop.facts.widget_key, "0" * 64), headers={"Origin": "https://anywhere.example"}
    )
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
