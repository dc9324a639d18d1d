"""Which page may read which answer (contract section 5)."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import text
from werkzeug.test import TestResponse

from backend.app import create_app
from backend.db import transaction
from backend.loyalty.shops import shops
from backend.widget_api import cors
from tests.conftest import TestShop
from tests.widget_api.conftest import ORIGIN, Widget

EXPOSED = "Lagniappe-Signature, ETag, Retry-After"
HEADERS_ALLOWED = {"authorization", "content-type", "idempotency-key", "if-none-match"}

NOT_THIS_SHOP = [
    "null",
    "https://nobody-registered.example",
    "https://shop.example.evil.com",
    "https://evilshop.example",
    "https://shop.example@evil.com",
    "https://evil.com/https://shop.example",
    "https://shop.example:8443",
    "https://shop.example.",
    "https://shop.example/",
    "https://SHOP.example",
    "http://shop.example",
    "ftp://shop.example",
    "//shop.example",
    "shop.example",
    "https://",
    "https://shop%2eexample",
    "https://shop.example\\@evil.com",
    "*",
    "file://",
    "https://shоp.example",  # a Cyrillic letter
    "https://shop.example https://evil.com",
    "x" * 5000,
]


@pytest.fixture(autouse=True)
def forget_domains() -> None:
    cors._known.clear()


@pytest.fixture
def ask(shop: TestShop) -> Callable[..., TestResponse]:
    def preflight(path: str, origin: str | None, method: str = "GET") -> TestResponse:
        headers = {
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "authorization,content-type",
        }
        if origin is not None:
            headers["Origin"] = origin
        return shop.client.open(f"/widget/v1/{path}", method="OPTIONS", headers=headers)

    return preflight


PRIVATE_PATHS = ["me", "me/activity", "me/redemptions", "me/seen", "me/earn/order", "{key}/session"]


class TestPreflight:
    @pytest.mark.parametrize("path", PRIVATE_PATHS)
    def test_a_page_of_any_shop_may_ask(self, shop: TestShop, new_shop: Any, ask: Any, path: str) -> None:
        new_shop(domain="second.example")
        for origin in (ORIGIN, "https://second.example"):
            answer = ask(path.format(key=shop.facts.widget_key), origin)
            assert answer.status_code == 204
            assert answer.data == b""
            assert answer.headers["Access-Control-Allow-Origin"] == origin
            assert {name.strip().lower() for name in answer.headers["Access-Control-Allow-Headers"].split(",")} == (
                HEADERS_ALLOWED
            )
            assert set(answer.headers["Access-Control-Allow-Methods"].split(", ")) >= {"GET", "POST"}
            assert int(answer.headers["Access-Control-Max-Age"]) > 0
            assert answer.headers["Vary"] == "Origin"
            assert "Access-Control-Allow-Credentials" not in answer.headers

    @pytest.mark.parametrize("origin", NOT_THIS_SHOP, ids=lambda text: text[:30])
    def test_no_other_page_may(self, ask: Any, origin: str) -> None:
        answer = ask("me", origin.encode().decode("latin-1"))
        assert answer.status_code == 403
        assert "Access-Control-Allow-Origin" not in answer.headers

    @pytest.mark.parametrize("path", ["{key}/program", "loader.js", "assets/x/lagniappe.js"])
    def test_everybody_may_ask_for_what_is_public(self, shop: TestShop, ask: Any, path: str) -> None:
        for origin in ("https://anywhere.example", "null", None):
            answer = ask(path.format(key=shop.facts.widget_key), origin)
            assert answer.status_code == 204
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            assert "if-none-match" in answer.headers["Access-Control-Allow-Headers"].lower()

    def test_options_without_an_origin_is_no_preflight_and_allows_nobody(self, ask: Any) -> None:
        answer = ask("me", None)
        assert answer.status_code == 204
        assert "Access-Control-Allow-Origin" not in answer.headers

    def test_asking_again_reads_no_database(self, shop: TestShop, ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        ask("me", ORIGIN)
        ask("me", "https://nobody.example")
        asked: list[str] = []
        monkeypatch.setattr(cors.db, "one_statement", lambda statement, _: asked.append(statement))
        for _ in range(5):
            assert ask("me", ORIGIN).status_code == 204
            assert ask("me", "https://nobody.example").status_code == 403
        assert asked == []

    def test_a_flood_of_invented_origins_is_forgotten_again(self, ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cors, "_MAX_KNOWN", 10)
        for number in range(35):
            ask("me", f"https://invented-{number}.example")
        assert len(cors._known) <= 10


class TestAnswers:
    @pytest.mark.parametrize("path", ["me", "me/activity", "me/redemptions"])
    def test_a_page_of_the_tokens_own_shop_may_read(self, widget: Widget, path: str) -> None:
        answer = widget.call(path)
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert answer.headers["Access-Control-Expose-Headers"] == EXPOSED
        assert answer.headers["Vary"] == "Origin"
        assert "Access-Control-Allow-Credentials" not in answer.headers

    @pytest.mark.parametrize("origin", NOT_THIS_SHOP, ids=lambda text: text[:30])
    @pytest.mark.parametrize("path", ["me", "me/activity"])
    def test_no_other_page_may(self, widget: Widget, origin: str, path: str) -> None:
        answer = widget.call(path, headers={"Origin": origin.encode().decode("latin-1")})
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert answer.headers["Vary"] == "Origin"

    def test_a_page_of_another_shop_may_ask_and_not_read(self, widget: Widget, new_shop: Any, ask: Any) -> None:
        new_shop(domain="second.example")
        assert ask("me", "https://second.example").status_code == 204
        answer = widget.call("me", headers={"Origin": "https://second.example"})
        assert "Access-Control-Allow-Origin" not in answer.headers

    def test_the_stores_server_which_sends_no_origin_is_answered(self, widget: Widget) -> None:
        answer = widget.call("me", headers={"Origin": None})
        assert answer.status_code == 200
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert answer.headers["Vary"] == "Origin"

    def test_a_refusal_can_be_read_by_the_shops_own_page(self, widget: Widget) -> None:
        for answer in (
            widget.call("me/activity", query_string={"after": "x"}),
            widget.call("me/earn/nothing", "POST"),
            widget.shop.client.post(
                f"/widget/v1/{widget.key}/session", json={"identity": "x"}, headers={"Origin": ORIGIN}
            ),
        ):
            assert answer.status_code >= 400
            assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
            assert answer.headers["Access-Control-Expose-Headers"] == EXPOSED
            assert answer.headers["Cache-Control"] == "no-store"

    def test_without_a_token_it_is_nobodys_answer(self, shop: TestShop) -> None:
        answer = shop.client.get("/widget/v1/me", headers={"Origin": ORIGIN})
        assert answer.status_code == 401
        assert "Access-Control-Allow-Origin" not in answer.headers


class TestWrites:
    @pytest.mark.parametrize("origin", NOT_THIS_SHOP, ids=lambda text: text[:30])
    @pytest.mark.parametrize("path", ["me/seen", "me/earn/order"])
    def test_a_page_that_may_not_read_may_not_write(self, widget: Widget, origin: str, path: str) -> None:
        answer = widget.call(path, "POST", headers={"Origin": origin.encode().decode("latin-1")})
        assert (answer.status_code, answer.json["code"]) == (403, "origin_not_allowed")
        assert "Access-Control-Allow-Origin" not in answer.headers

    @pytest.mark.parametrize("origin", NOT_THIS_SHOP, ids=lambda text: text[:30])
    def test_no_foreign_page_begins_a_session(self, widget: Widget, origin: str) -> None:
        answer = widget.shop.client.post(
            f"/widget/v1/{widget.key}/session",
            json={"identity": widget.identity()},
            headers={"Origin": origin.encode().decode("latin-1")},
        )
        assert answer.status_code == 403
        assert "session" not in answer.json

    def test_the_shops_own_page_and_its_server_may(self, widget: Widget) -> None:
        assert widget.call("me/seen", "POST").status_code == 200
        assert widget.call("me/seen", "POST", headers={"Origin": None}).status_code == 200


class TestOnShopify:
    """A shop on Shopify answers at the name that Shopify gave it, too: previews, and shops without a domain of their own."""

    NAME = "kiln-of-ours.myshopify.com"

    @pytest.fixture
    def widget(self, new_shop: Any, widget_of: Any) -> Iterator[Widget]:
        shop = new_shop(platform="shopify", domain=self.NAME)
        with transaction() as session:
            statement = "update shop set domain = 'kiln.example' where id = :shop"
            session.execute(text(statement), {"shop": shop.id})
        shops.forget_facts()
        yield widget_of(shop)
        with transaction() as session:
            session.execute(text("delete from shopify_shop where domain = :name"), {"name": self.NAME})

    @pytest.mark.parametrize("origin", ["https://kiln.example", "https://kiln-of-ours.myshopify.com"])
    def test_pages_of_both_may_ask_read_and_write(self, widget: Widget, ask: Any, origin: str) -> None:
        assert ask("me", origin).status_code == 204
        for path, method in (("me", "GET"), ("me/seen", "POST")):
            answer = widget.call(path, method, headers={"Origin": origin})
            assert answer.status_code == 200
            assert answer.headers["Access-Control-Allow-Origin"] == origin

    @pytest.mark.parametrize(
        "origin", ["https://nobodys-kiln.myshopify.com", "http://kiln-of-ours.myshopify.com", "https://myshopify.com"]
    )
    def test_no_other_page_may(self, widget: Widget, ask: Any, origin: str) -> None:
        assert ask("me", origin).status_code == 403
        assert widget.call("me/seen", "POST", headers={"Origin": origin}).status_code == 403


class TestPlainHttp:
    """http origins are those of demo and tests alone."""

    def test_a_store_on_this_machine_may_use_it_in_tests(self, new_shop: Any, widget_of: Any, ask: Any) -> None:
        widget = widget_of(new_shop(domain="127.0.0.1:48001"))
        assert ask("me", "http://127.0.0.1:48001").status_code == 204
        assert ask("me", "http://127.0.0.1:48002").status_code == 403
        assert ask("me", "https://127.0.0.1:48001").status_code == 403
        answer = widget.call("me", headers={"Origin": "http://127.0.0.1:48001"})
        assert answer.headers["Access-Control-Allow-Origin"] == "http://127.0.0.1:48001"

    def test_never_in_production(self, new_shop: Any, ask: Any, environ: dict[str, str]) -> None:
        new_shop(domain="http://plain.example")
        key = "x" * 40
        production = environ | {
            "LAGNIAPPE_ENV": "production",
            "SECRET_KEY": key,
            "ENCRYPTION_KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
            "BASE_URL": "https://loyalty.example",
            "MAIL_URL": "smtp://mail.example",
        }
        del production["SHOPIFY_TEST_URL"]
        client = create_app(production).test_client()
        for origin, status in (("http://plain.example", 403), (ORIGIN, 204)):
            cors._known.clear()
            asked = client.options("/widget/v1/me", headers={"Origin": origin, "Access-Control-Request-Method": "GET"})
            assert asked.status_code == status, origin


def test_no_route_of_this_door_sets_a_cookie(widget: Widget) -> None:
    for answer in (widget.begin(), widget.call("me"), widget.program(), widget.call("me/seen", "POST")):
        assert "Set-Cookie" not in answer.headers
