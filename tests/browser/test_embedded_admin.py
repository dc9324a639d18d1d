"""The admin inside Shopify, in a real browser: framed by a page of another origin, with no cookies and an own App Bridge."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Frame, FrameLocator, Page, Response, Route, expect
from sqlalchemy import text
from werkzeug.serving import make_server

from backend import clock
from backend.db import transaction
from backend.loyalty.program import programs
from backend.loyalty.shops import shops
from backend.models import ShopifyShop
from backend.platforms.shopify import scopes
from tests.browser.axe import flaws
from tests.browser.chromium import browsing
from tests.conftest import BusinessTime, TestShop
from tests.shopify.conftest import shopify, token_door  # noqa: F401 - fixtures
from tests.shopify.pretend import CLIENT_ID
from tests.shopify.pretend_tokens import ADA, Tokens, session_token
from tests.transfer import rich_shop

SHOPIFY = "https://admin.shopify.com/store/kiln/apps/lagniappe"
APP_BRIDGE = "https://cdn.shopify.com/shopifycloud/app-bridge.js"
STUB = """window.shopify = {
  idToken: () => window.pretendToken(), loading: () => {}, scopes: { request: (wanted) => window.pretendGrant(wanted) } };"""
AROUND = """<!DOCTYPE html><title>Shopify</title>
<iframe name="app" allow="local-network-access" style="width: 1200px; height: 700px" src="{src}"></iframe>"""


@dataclass
class Desk:
    """Shopify's admin with the app in it. Every token is new; every answer of ours is kept an eye on."""

    page: Page
    shop: TestShop
    base: str
    cookies: list[str] = field(default_factory=list)
    is_stale: bool = False
    """Whether App Bridge's next token is one that is over."""

    @property
    def domain(self) -> str:
        return f"embedded-{self.shop.id}.myshopify.com"

    def token(self, **claims: Any) -> str:
        return session_token(self.domain, ADA, sid="browser", **claims)

    def next_token(self) -> str:
        """App Bridge's."""
        ago = clock.wall() - timedelta(minutes=3)
        stale = {"iat": ago, "nbf": ago, "exp": ago + timedelta(minutes=1)} if self.is_stale else {}
        self.is_stale = False
        return self.token(**stale)

    def open(self, path: str = "/shopify", around: str = SHOPIFY, **claims: Any) -> None:
        src = f"{self.base}{path}?embedded=1&shop={self.domain}&host=YWRtaW4&id_token={self.token(**claims)}"
        said = AROUND.replace("{src}", src.replace("&", "&amp;"))
        self.page.route(f"{around}**", lambda route: route.fulfill(body=said, content_type="text/html"))
        self.page.goto(around)

    @property
    def app(self) -> FrameLocator:
        return self.page.frame_locator("iframe[name=app]")

    @property
    def frame(self) -> Frame:
        found = self.page.frame("app")
        assert found is not None
        return found

    def shows(self, heading: str) -> None:
        expect(self.app.get_by_role("heading", level=1)).to_have_text(heading)

    def is_at(self, path: str) -> None:
        self.frame.wait_for_function("() => !location.search.includes('id_token')")
        assert self.frame.url.partition("?")[0] == f"{self.base}{path}"
        assert "said=" not in self.frame.url

    def follow(self, name: str) -> None:
        """A link of the sidebar."""
        self.app.get_by_role("navigation", name="Pages").get_by_role("link", name=name, exact=True).click()

    def says(self, text: str) -> None:
        expect(self.app.locator(".said")).to_contain_text(text)


@pytest.fixture
def served(whole_app: Flask, app: Flask) -> Iterator[str]:
    """The application at an address of this machine."""
    server = make_server("127.0.0.1", 0, whole_app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.fixture
def kiln(new_shop: Callable[..., TestShop], time: BusinessTime, token_door: Tokens) -> TestShop:  # noqa: F811
    """A full shop, with the app installed at Shopify."""
    shop = new_shop()
    rich_shop.fill(shop, time)
    wall = clock.wall()
    with transaction() as session:
        session.add(
            ShopifyShop(
                shop_id=shop.id,
                domain=f"embedded-{shop.id}.myshopify.com",
                state="installed",
                access_token="sealed",
                scopes=list(scopes.WANTED),
                installed_at=wall,
                created_at=wall,
            )
        )
    return shop


@pytest.fixture
def desk(served: str, kiln: TestShop, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Desk]:
    with browsing(chromium, request) as page:
        found = Desk(page, kiln, served)
        page.context.grant_permissions(["local-network-access"])  # the app is on this machine, Shopify is not
        page.expose_function("pretendToken", found.next_token)
        page.route(APP_BRIDGE, lambda route: route.fulfill(body=STUB, content_type="text/javascript"))

        def note(answer: Response) -> None:
            if answer.url.startswith(served) and "set-cookie" in answer.headers:
                found.cookies.append(answer.url)

        page.on("response", note)
        yield found
        assert found.cookies == []
        assert page.context.cookies() == []


def test_somebody_works_in_it_as_in_the_stand_alone_admin(desk: Desk) -> None:
    desk.open()
    desk.shows("Hello, Ada Kiln")
    desk.is_at("/admin")
    desk.follow("Customers")
    desk.shows("Customers")
    desk.is_at("/admin/customers")
    expect(desk.app.get_by_role("heading", level=1)).to_be_focused()
    assert desk.frame.title().startswith("Customers")
    desk.app.get_by_label("Find a customer").fill("ada")
    desk.app.get_by_label("Find a customer").press("Enter")
    desk.frame.wait_for_function("() => location.search.includes('search=ada')")
    desk.app.locator("main table").get_by_role("link").first.click()
    expect(desk.app.get_by_label("Points", exact=True)).to_be_visible()
    desk.app.get_by_label("Points", exact=True).fill("5")
    desk.app.get_by_label("Reason", exact=True).fill("A cup that broke")
    desk.app.get_by_role("button", name="Assign points").click()
    desk.says("5 points")
    customer = desk.frame.url
    desk.follow("Member points")
    desk.shows("Member points")
    desk.frame.evaluate("history.back()")
    expect(desk.app.get_by_label("Points", exact=True)).to_be_visible()
    assert desk.frame.url.partition("?")[0] == customer.partition("?")[0]
    expect(desk.app.locator(".said")).not_to_contain_text("5 points")
    desk.frame.evaluate("history.forward()")
    desk.shows("Member points")


def test_a_late_answer_does_not_bring_back_a_page_that_was_left(desk: Desk) -> None:
    held: list[Route] = []
    desk.open("/admin/customers")
    desk.shows("Customers")
    desk.page.route("**/admin/customers?search=*", lambda route: held.append(route))
    with desk.page.expect_request("**/admin/customers?search=*"):
        desk.app.get_by_label("Find a customer").fill("ada")
        desk.app.get_by_label("Find a customer").press("Enter")
    desk.follow("Member points")
    desk.shows("Member points")
    with desk.page.expect_response("**/admin/customers?search=*"):
        held[0].continue_()
    desk.is_at("/admin/member-points")
    desk.follow("Home")
    desk.shows("Hello, Ada Kiln")
    assert len(held) == 1


def test_a_setting_is_seen_in_the_widget_and_put_in_force(desk: Desk) -> None:
    """Scripts of one page alone, the widget in a frame of the frame, and forms that are answered by another page."""
    desk.open("/admin/customers")
    desk.shows("Customers")
    desk.follow("Set-up guide")
    desk.app.get_by_role("navigation", name="Steps").get_by_role("link", name="Rate").click()
    widget = desk.app.frame_locator("iframe[data-preview]")
    desk.app.get_by_label("Points earned").fill("4")
    expect(widget.get_by_text("4 leaves for every €10").first).to_be_visible()
    expect(desk.app.get_by_label("Points earned")).to_be_focused()
    desk.app.get_by_role("navigation", name="Steps").get_by_role("link", name="Update").click()
    desk.app.get_by_role("button", name="Update").click()
    desk.says("in force from now on")
    programs.forget_current()
    assert programs.current(desk.shop.id)[1].earn.points_per_step == 4


def test_a_part_of_a_form_is_added_and_what_is_not_saved_is_asked_about(desk: Desk) -> None:
    desk.open("/shopify/admin/program/levels")
    levels = desk.app.locator("#levels fieldset.level")
    expect(desk.app.get_by_role("button", name="Add level")).to_be_visible()
    desk.is_at("/admin/program/levels")
    count = levels.count()
    desk.app.get_by_role("button", name="Add level").click()
    expect(levels).to_have_count(count + 1)
    levels.last.get_by_label("Name (en)").fill("Raku")
    levels.last.get_by_label("From", exact=True).fill("99000")
    desk.follow("Customers")
    dialog = desk.app.get_by_role("dialog")
    expect(dialog).to_contain_text("Leave without saving")
    dialog.get_by_role("button", name="Cancel").click()
    desk.app.get_by_role("button", name="Save as draft").last.click()
    desk.says("Nothing is in force until you update")
    desk.app.get_by_role("link", name="Look at the changes").click()
    expect(desk.app.locator(".differs caption").last).to_contain_text("Levels: Raku")
    desk.app.get_by_role("button", name="Throw the draft away").click()
    dialog.get_by_role("button").last.click()
    desk.says("thrown away")
    desk.follow("Customers")
    desk.shows("Customers")


def test_files_go_up_and_come_down(desk: Desk) -> None:
    desk.open("/admin/redeemed-rewards")
    with desk.page.expect_download() as coming:
        desk.app.get_by_role("link", name="CSV").click()
    assert coming.value.suggested_filename.endswith(".csv")
    assert Path(coming.value.path()).read_bytes().count(b"\n") > 1
    desk.shows("Redeemed rewards")
    desk.follow("Import")
    people = {"name": "people.csv", "mimeType": "text/csv", "buffer": b"id,first_name\n1,Zoe\n"}
    desk.app.get_by_label("CSV file").set_input_files(people)  # type: ignore[arg-type]
    desk.app.get_by_role("button", name="Upload and look").click()
    expect(desk.app.locator("main")).to_contain_text("people.csv")


def test_what_is_wrong_with_a_form_is_said_on_it_with_what_was_typed(desk: Desk) -> None:
    desk.open("/admin/people/invite")
    desk.app.get_by_label("Name").fill("Ben Boss")
    desk.app.get_by_label("E-mail address").fill("ada@kilnandkettle.example")
    desk.app.get_by_role("button", name="Invite", exact=True).click()
    expect(desk.app.locator("[data-refusal]")).to_contain_text("is on the team already")
    expect(desk.app.locator("[data-refusal]")).to_be_focused()
    expect(desk.app.get_by_label("Name")).to_have_value("Ben Boss")
    desk.is_at("/admin/people/invite")


def test_a_word_that_is_too_old_is_fetched_anew_on_the_way_in_and_on_the_way(desk: Desk) -> None:
    ago = clock.wall() - timedelta(minutes=3)
    desk.open("/admin/customers", iat=ago, nbf=ago, exp=ago + timedelta(minutes=1))
    desk.shows("Customers")
    desk.is_at("/admin/customers")
    desk.is_stale = True
    desk.follow("Member points")
    desk.shows("Member points")
    assert not desk.is_stale


def test_shopifys_menu_leads_to_the_pages_and_other_sites_open_beside(desk: Desk) -> None:
    desk.open()
    desk.shows("Hello, Ada Kiln")
    desk.frame.evaluate(
        """() => [...document.querySelectorAll("s-app-nav s-link")].find((each) => each.textContent === "Team")
            .dispatchEvent(new CustomEvent("shopify:navigate", { bubbles: true, cancelable: true }))"""
    )
    desk.shows("People")
    desk.frame.evaluate("""() => document.querySelector("s-link[href$='/reports/points']").click()""")
    desk.shows("Points")
    desk.frame.evaluate(
        """() => document.querySelector("main").insertAdjacentHTML("beforeend", '<a href="https://docs.example/">Docs</a>')"""
    )
    desk.page.context.route("https://docs.example/", lambda route: route.fulfill(body="Docs"))
    with desk.page.context.expect_page() as beside:
        desk.app.get_by_role("link", name="Docs").click()
    assert beside.value.url == "https://docs.example/"
    with desk.page.context.expect_page() as beside:
        desk.page.context.route(f"https://{desk.domain}/**", lambda route: route.fulfill(body="Shopify"))
        desk.app.get_by_role("link", name="Customers", exact=True).click(modifiers=["ControlOrMeta"])
    assert beside.value.url == f"https://{desk.domain}/admin/apps/{CLIENT_ID}/admin/customers"
    desk.shows("Points")


@pytest.mark.parametrize("is_granted", [True, False])
def test_shopify_is_asked_for_a_permission_before_the_form_that_needs_it_is_sent(desk: Desk, is_granted: bool) -> None:
    with transaction() as session:
        session.execute(text("update shop set platform = 'shopify' where id = :shop"), {"shop": desk.shop.id})
    shops.forget_facts()
    asked: list[list[str]] = []

    def grant(wanted: list[str]) -> None:
        asked.append(wanted)
        if not is_granted:
            raise RuntimeError("it could not be asked")

    desk.page.expose_function("pretendGrant", grant)
    desk.open("/admin/customer-accounts")
    desk.shows("Points in customer accounts")
    desk.app.get_by_role("button", name="Switch it on").click()
    desk.says("from now on")
    assert asked == [["write_customers"]]
    expect(desk.app.get_by_role("heading", name="It is on")).to_be_visible()
    for scheme in ("light", "dark"):
        desk.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert flaws(desk.frame) == []


def test_nobody_else_can_frame_it__static_frame_ancestors(desk: Desk) -> None:
    """Shopify's check STATIC_FRAME_ANCESTORS: not another site, not even with a token that is good."""
    for around in ("https://evil.example/", "https://other.myshopify.com/admin", "https://partners.shopify.com/"):
        for path in ("/shopify", "/admin", "/shopify/token"):
            desk.open(path, around=around)
            expect(desk.page.locator("iframe")).to_be_visible()
            desk.page.wait_for_load_state("networkidle")
            assert desk.app.get_by_role("heading").count() == 0, (around, path)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_in_the_frame_by_axe(desk: Desk, scheme: str) -> None:
    desk.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    desk.open()
    desk.follow("Customers")
    desk.shows("Customers")
    assert flaws(desk.frame) == []
