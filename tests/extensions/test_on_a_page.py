"""The embed and the blocks in a real Chromium, on a page as Shopify makes it of our Liquid."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.chromium import PATIENCE
from tests.browser.test_manners import WATCH_SHIFTS
from tests.extensions.theme import CART, CDN, EXTENSION, MUG, Theme
from tests.journeys.running import wait_until
from tests.widget.conftest import ASSETS, SERVER, STORE, _serve_static, loader

PROGRAM: dict[str, Any] = {
    "shop": {"name": "Kiln & Kettle", "currency": "EUR", "locale": "en", "timezone": "Europe/Paris"},
    "program": {"enabled": True, "points_name": {"one": "point", "other": "points"}, "rules_html": None},
    "appearance": {"position": "right", "accent": "#2e5e4e", "accent_ink": "#ffffff", "launcher_label": "Rewards"},
    "earn": [],
    "rewards": [],
    "strings": {},
}
ME: dict[str, Any] = {
    "member": {"id": "1", "first_name": "Ada", "tier": None},
    "balance": {"available": 120, "pending": [], "expected": [], "on_hold": 0, "owed": 0, "expiring": []},
    "summary": {"locale": "en", "points_text": "120 points", "next_text": "380 points to €10 off"},
    "earn": [],
}


@dataclass
class Storefront:
    """A page of a shop with the embed switched on and blocks in its sections."""

    page: Page
    requests: list[str] = field(default_factory=list)
    identity: Any = None

    def visit(self, theme: Theme, *blocks: str, more: str = "", **settings: Any) -> None:
        sections = "".join(theme.show(name) for name in blocks)
        sheet = f'<link rel="stylesheet" href="{CDN}/lagniappe.css">' if blocks else ""  # by the schema's `stylesheet`
        embed = theme.show("loyalty_embed", **settings)
        html = (
            f'<!doctype html><html lang="en"><head><title>Kiln</title>{sheet}</head>'
            f'<body><main><h1>A mug</h1>{more}{sections}<p id="after">What comes after.</p></main>{embed}</body></html>'
        )
        self.page.route("**/*", lambda route: self._answer(route, html))
        self.page.goto(f"{STORE}/products/mug")

    def _answer(self, route: Route, html: str) -> None:
        url = route.request.url
        self.requests.append(url)
        path = urlsplit(url).path
        if url == f"{STORE}/apps/lagniappe/identity":
            route.fulfill(json={"identity": self.identity})
        elif url.startswith(STORE):
            route.fulfill(body=html, content_type="text/html")
        elif url.startswith(CDN):
            kind = "text/css" if path.endswith(".css") else "text/javascript"
            route.fulfill(body=(EXTENSION / "assets" / path.rpartition("/")[2]).read_text("utf-8"), content_type=kind)
        elif url.startswith(ASSETS):
            _serve_static(route)
        elif path.endswith("/loader.js"):
            route.fulfill(body=loader(), content_type="text/javascript")
        else:
            assert url.startswith(SERVER)
            answers = {"/program": PROGRAM, "/session": {"session": "t", "member": ME["member"], "me": ME}, "/me": ME}
            said = next((each for end, each in answers.items() if path.endswith(end)), None) or self._points(url)
            headers = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "*, Authorization"}
            route.fulfill(json=said, headers=headers)

    def _points(self, url: str) -> dict[str, Any]:
        """10 earn a point."""
        lines = orjson.loads(parse_qs(urlsplit(url).query)["lines"][0])
        points = int(sum(float(line["unit_price"]) * line["quantity"] for line in lines) / 10)
        return {"points": points, "locale": "en", "next": None, "texts": {"earn": f"Earn {points} points"}}

    def asked(self, end: str) -> list[str]:
        return [url for url in self.requests if urlsplit(url).path.endswith(end)]


@pytest.fixture
def storefront(chromium: Browser) -> Iterator[Storefront]:
    context = chromium.new_context(reduced_motion="reduce")
    context.set_default_timeout(PATIENCE)
    yield Storefront(context.new_page())
    context.close()


SIGNED_IN = Theme(customer={"id": 7}, product=MUG, cart=CART)
VISITED = Theme(product=MUG, cart=CART)
ALL = ("product_points", "cart_points", "balance")


def test_the_embed_brings_the_widget(storefront: Storefront) -> None:
    storefront.visit(VISITED)
    expect(storefront.page.get_by_role("button", name="Rewards")).to_be_visible()
    assert storefront.asked("/loader.js") == [f"{SERVER}/widget/v1/loader.js?shop=wk_test"]


def test_nothing_of_ours_is_asked_for_before_the_page_has_been_loaded(storefront: Storefront) -> None:
    """What the page waits for comes from Shopify alone."""
    held: list[Route] = []
    html = VISITED.show("loyalty_embed")
    body = f"<!doctype html><title>Kiln</title><body><img src='{STORE}/mug.png'>{html}</body>"
    storefront.page.route(
        "**/*",
        lambda route: held.append(route) if route.request.url.endswith("mug.png") else storefront._answer(route, body),
    )
    storefront.page.goto(f"{STORE}/products/mug", wait_until="domcontentloaded")
    wait_until(lambda: storefront.page.evaluate("true") and bool(held), 60)
    assert storefront.asked("/loader.js") == []
    with storefront.page.expect_request("**/loader.js?**"):
        held[0].fulfill(body="", content_type="image/png")
    expect(storefront.page.get_by_role("button", name="Rewards")).to_be_visible()


def test_points_appear_on_a_product_in_the_cart_and_in_the_account(storefront: Storefront) -> None:
    storefront.identity = "a.b.c"
    storefront.visit(SIGNED_IN, *ALL)
    expect(storefront.page.locator("lagniappe-product-points")).to_contain_text("Earn 6 points")
    expect(storefront.page.locator("lagniappe-cart-points")).to_contain_text("Earn 12 points")
    expect(storefront.page.locator("lagniappe-balance")).to_contain_text("120 points")


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_moves(storefront: Storefront, width: int) -> None:
    storefront.identity = "a.b.c"
    storefront.page.set_viewport_size({"width": width, "height": 800})
    storefront.page.add_init_script(WATCH_SHIFTS)
    storefront.visit(SIGNED_IN, *ALL)
    before = storefront.page.locator("#after").bounding_box()
    for name, said in (("product-points", "Earn 6"), ("cart-points", "Earn 12"), ("balance", "120 points")):
        expect(storefront.page.locator(f"lagniappe-{name}")).to_contain_text(said)
    storefront.page.evaluate("new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown)))")
    assert storefront.page.evaluate("shifts") == []
    assert storefront.page.locator("#after").bounding_box() == before


def test_another_variant_says_its_own_points_and_so_do_more_of_it(storefront: Storefront) -> None:
    form = (
        '<form action="/cart/add"><select name="id" aria-label="Size">'
        '<option value="1">S</option><option value="2">L</option><option value="99">Of another product</option></select>'
        '<input name="quantity" aria-label="Quantity" value="1"></form>'
    )
    storefront.visit(VISITED, "product_points", more=form)
    line = storefront.page.locator("lagniappe-product-points")
    expect(line).to_contain_text("Earn 6 points")
    storefront.page.get_by_label("Size").select_option("2")
    expect(line).to_contain_text("Earn 10 points")
    storefront.page.get_by_label("Quantity").fill("3")
    storefront.page.get_by_label("Quantity").blur()
    expect(line).to_contain_text("Earn 30 points")
    storefront.page.get_by_label("Size").select_option("99")
    expect(line).to_have_attribute("sku", "<img src=x onerror=alert(1)>")


def test_who_is_signed_in_is_asked_of_the_shop_when_the_widget_is_opened(storefront: Storefront) -> None:
    storefront.identity = "a.b.c"
    storefront.visit(SIGNED_IN)
    launcher = storefront.page.get_by_role("button", name="Rewards")
    expect(launcher).to_be_visible()
    assert storefront.asked("/apps/lagniappe/identity") == []
    launcher.click()
    expect(storefront.page.get_by_text("Hello, Ada")).to_be_visible()
    assert len(storefront.asked("/apps/lagniappe/identity")) == 1


def test_for_a_visitor_nothing_is_asked_of_the_shop(storefront: Storefront) -> None:
    storefront.visit(VISITED)
    storefront.page.get_by_role("button", name="Rewards").click()
    expect(storefront.page.get_by_text("Join Kiln & Kettle")).to_be_visible()
    expect(storefront.page.get_by_role("link", name="Sign up").first).to_have_attribute("href", "/account/register")
    assert storefront.asked("/apps/lagniappe/identity") == []


def test_a_merchant_may_keep_it_for_members(storefront: Storefront) -> None:
    storefront.visit(VISITED, visitors=False)
    storefront.page.wait_for_load_state("networkidle")
    expect(storefront.page.locator("lagniappe-widget")).to_have_count(0)


def test_a_merchant_may_choose_the_corner(storefront: Storefront) -> None:
    storefront.visit(VISITED, position="left")
    expect(storefront.page.locator("lagniappe-widget")).to_have_attribute("position", "left")


def test_two_copies_bring_one_widget(storefront: Storefront) -> None:
    """As in the theme editor, which puts the embed in again whenever a setting changes."""
    errors: list[str] = []
    storefront.page.on("pageerror", lambda error: errors.append(str(error)))
    storefront.visit(VISITED, more=VISITED.show("loyalty_embed"))
    expect(storefront.page.get_by_role("button", name="Rewards")).to_be_visible()
    storefront.page.wait_for_load_state("networkidle")
    expect(storefront.page.locator("lagniappe-widget")).to_have_count(1)
    assert (len(storefront.asked("/loader.js")), errors) == (1, [])


def test_before_the_app_was_opened_a_page_shows_nothing_and_the_theme_editor_says_why(storefront: Storefront) -> None:
    storefront.visit(Theme(metafields={}))
    expect(storefront.page.locator("body")).to_have_text("A mugWhat comes after.")
    assert "Open Lagniappe once" in Theme(metafields={}, design_mode=True).show("loyalty_embed")


def test_a_cart_of_very_many_lines_is_told_by_its_total() -> None:
    items = [{**CART["items"][0], "product_id": number} for number in range(90)]
    shown = Theme(cart=CART | {"items": items}).show("cart_points")
    assert "lines=" not in shown
    assert 'total="111.6"' in shown
