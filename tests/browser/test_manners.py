"""The widget is a light guest on a page (design section 8, contract section 9): seen from the page, with the real server."""

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Request, Route, expect

from tests.browser.boutique import HOSTILE_STYLE, PROGRAM, Boutique
from tests.browser.chromium import DESKTOP
from tests.browser.members import ADA, identity
from tests.browser.widget import Widget
from tests.journeys.running import wait_until

WATCH_SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => shifts.push(...list.getEntries().map(({ value }) => value)))
    .observe({ type: "layout-shift", buffered: true });
"""
WATCH_VIOLATIONS = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) => violations.push([event.violatedDirective, event.blockedURI]));
"""
THEMED = (
    *("display", "position", "float", "visibility", "opacity", "transform", "z-index", "box-sizing", "overflow"),
    *("width", "height", "margin", "padding", "border", "border-radius", "outline", "box-shadow", "cursor"),
    *("color", "background", "fill", "stroke", "font", "letter-spacing", "word-spacing", "text-align", "text-indent"),
    *("text-transform", "text-decoration", "white-space", "list-style", "direction", "animation", "transition"),
)
"""What a theme is likely to set, and all that is inherited among it."""
LOOK = """([host, themed]) => [...host.shadowRoot.querySelectorAll(":not([hidden], [hidden] *)")].map((element) => {
    const { x, y, width, height } = element.getBoundingClientRect();
    const looks = [null, "::before", "::after"].map((pseudo) => {
        const style = getComputedStyle(element, pseudo);
        return themed.map((name) => `${name}: ${style.getPropertyValue(name)}`);
    });
    return [`${element.tagName} ${element.id} ${element.className}`, x, y, width, height, ...looks.flat()];
})"""
"""How every element on view under the shadow root looks: its name, its place, and what a theme might have changed."""


def asked(page: Page, boutique: Boutique) -> list[Request]:
    """What the page asks of Lagniappe from now on; grows by itself."""
    found: list[Request] = []
    base = boutique.shop.lagniappe.base_url

    def note(request: Request) -> None:
        if request.url.startswith(base):
            found.append(request)

    page.on("request", note)
    return found


@pytest.mark.parametrize("sign", ["hover", "focus", "click"])
def test_the_loader_is_all_that_is_asked_for_before_the_first_sign_of_interest(
    page: Page, widget: Widget, boutique: Boutique, sign: str
) -> None:
    requests = asked(page, boutique)
    page.goto(boutique.page("/quiet", identity=identity(boutique, ADA)))
    expect(widget.launcher).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert [request.url for request in requests] == [boutique.loader_url()]

    with page.expect_response("**/program?locale=en"):
        getattr(widget.launcher, sign)()
    if sign == "click":
        expect(widget.dialog).to_contain_text("Hello, Ada")
    else:  # only who opens it becomes a member
        page.evaluate("new Promise(requestIdleCallback)")
        assert not any(request.url.endswith("/session") for request in requests)


def test_hands_that_are_quicker_than_the_server_begin_one_session(
    page: Page, widget: Widget, boutique: Boutique
) -> None:
    """Two would count twice against the limit, and only one of them would bring the friend's code."""
    held: list[Route] = []
    page.route("**/session", lambda route: held.append(route))
    page.goto(boutique.page("/quick", identity=identity(boutique, ADA)) + "?ref=FRIEND-7")
    widget.open()
    widget.choose("My balance")
    expect(widget.panel("My balance").locator(".skeleton").first).to_be_visible()
    wait_until(lambda: page.evaluate("new Promise((idle) => requestIdleCallback(() => idle(true)))") and bool(held), 60)
    for route in held:
        route.continue_()
    expect(widget.entry("Order A1", "+100")).to_be_visible()
    assert ["FRIEND-7" in (route.request.post_data or "") for route in held] == [True]


def test_no_cookie_is_set_and_nothing_is_stored(page: Page, widget: Widget, boutique: Boutique) -> None:
    page.goto(boutique.page("/nothing-kept", identity=identity(boutique, ADA)))
    widget.open_at_balance()
    assert page.context.cookies() == []
    stored = "[localStorage.length, sessionStorage.length, indexedDB.databases().then((all) => all.length)]"
    assert page.evaluate(f"Promise.all({stored})") == [0, 0, 0]


@pytest.mark.parametrize("who", ["visitor", "member"])
@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_moves_neither_on_the_page_nor_in_the_panel(
    page: Page, widget: Widget, boutique: Boutique, who: str, width: int
) -> None:
    """Also if the answers come long after the click: what waits for them has its height already."""
    page.set_viewport_size({"width": width, "height": 800})
    page.add_init_script(WATCH_SHIFTS)
    page.goto(boutique.page("/still", identity=identity(boutique, ADA) if who == "member" else None))
    before = [page.locator(part).bounding_box() for part in ("h1", "main", "body", "html")]
    expect(widget.launcher).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert page.evaluate("shifts") == []

    held: list[Route] = []
    for answer in ("**/program?locale=en", "**/session"):
        page.route(answer, lambda route: held.append(route))
    widget.open()
    expect(widget.dialog.locator(".skeleton").first).to_be_visible()
    everything = 2 if who == "member" else 1
    wait_until(lambda: page.evaluate("new Promise(requestAnimationFrame)") and len(held) == everything, 60)
    for route in held:
        route.continue_()
    expect(widget.panel("Earn points").get_by_role("link", name="Purchase")).to_be_visible()
    expect(widget.dialog.locator(".skeleton:visible")).to_have_count(0)
    page.evaluate("new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown)))")
    assert page.evaluate("shifts") == []
    assert [page.locator(part).bounding_box() for part in ("h1", "main", "body", "html")] == before


def test_no_global_variable_is_added(page: Page, widget: Widget, boutique: Boutique) -> None:
    names = "Object.getOwnPropertyNames(window).sort()"
    page.goto(boutique.page("/without", copies=0))
    without = page.evaluate(names)
    page.goto(boutique.page("/with", identity=identity(boutique, ADA)))
    widget.open_at_balance()
    assert set(page.evaluate(names)) - set(without) <= {"0"}  # what a driver of the browser may leave, and no name


def test_it_works_under_a_strict_content_security_policy_and_breaks_none_of_it(
    page: Page, widget: Widget, boutique: Boutique
) -> None:
    page.add_init_script(WATCH_VIOLATIONS)
    answer = page.goto(boutique.page("/strict", identity=identity(boutique, ADA)))
    assert answer is not None
    assert "style-src 'self';" in answer.headers["content-security-policy"]
    widget.open_at_balance()
    expect(widget.why("Order A1", "+100")).to_contain_text("100 points")
    assert page.evaluate("violations") == []

    page.evaluate("document.body.setAttribute('style', 'color: red')")  # the watch is awake
    assert page.evaluate("new Promise((done) => setTimeout(() => done(violations)))") == [["style-src-attr", "inline"]]


def test_two_copies_of_the_script_make_one_widget(page: Page, widget: Widget, boutique: Boutique) -> None:
    page.goto(boutique.page("/twice", identity=identity(boutique, ADA), copies=2))
    page.wait_for_load_state("networkidle")
    expect(widget.host).to_have_count(1)
    widget.open_at_balance()
    expect(widget.dialog).to_have_count(1)
    widget.close()
    widget.open()


def test_a_theme_that_styles_everything_changes_nothing_inside(page: Page, widget: Widget, boutique: Boutique) -> None:
    def look(path: str, theme: str) -> list[list[Any]]:
        page.goto(boutique.page(path, identity=identity(boutique, ADA), theme=theme))
        widget.open_at_balance()
        expect(widget.why("Order A1", "+100")).to_be_visible()
        widget.tab("My balance").focus()
        found: list[list[Any]] = page.evaluate(LOOK, [widget.host.element_handle(), THEMED])
        return found

    plain, hostile = look("/plain", ""), look("/hostile", HOSTILE_STYLE)
    expect(page.locator("h1")).to_have_css("color", "rgb(255, 0, 0)")  # the theme is there
    assert len(plain) > 100
    assert [element[0] for element in hostile] == [element[0] for element in plain]
    for mine, theirs in zip(plain, hostile, strict=True):
        assert theirs == mine


def test_it_sits_in_the_corner_that_the_program_says(page: Page, widget: Widget, boutique: Boutique) -> None:
    """S4.1: bottom left or right. (The demo's own program says right: the shopping journeys see it there.)"""
    assert PROGRAM["appearance"]["position"] == "left"
    page.goto(boutique.page("/left"))
    assert edges(widget.launcher) == {"left": 20, "bottom": 20}
    widget.open()
    assert edges(widget.dialog)["left"] == 20
    widget.close()
    page.goto(boutique.page("/right", position="right"))
    assert edges(widget.launcher) == {"right": 20, "bottom": 20}
    widget.open()
    assert edges(widget.dialog)["right"] == 20


def edges(locator: Locator) -> dict[str, float]:
    """How far it is from the window's bottom, and from whichever side is nearer."""
    box = locator.bounding_box()
    assert box is not None
    right = DESKTOP["width"] - box["x"] - box["width"]
    side = ("left", box["x"]) if box["x"] < right else ("right", right)
    return {side[0]: round(side[1]), "bottom": round(DESKTOP["height"] - box["y"] - box["height"])}


def test_a_visitor_sees_the_programs_words_and_every_rule_with_its_button(
    page: Page, widget: Widget, boutique: Boutique
) -> None:
    """S4.3 to S4.6, in a program of the merchant's own."""
    page.goto(boutique.page("/visitor", signup_url=f"{boutique.url}/join", login_url=f"{boutique.url}/enter"))
    widget.open()
    rules = widget.panel("Earn points").locator("li.rule")
    expect(rules).to_have_count(2)
    expect(rules.nth(0).get_by_role("link", name="Purchase")).to_have_attribute("href", boutique.url)
    expect(rules.nth(1).get_by_role("link", name="Sign up")).to_have_attribute("href", f"{boutique.url}/join")
    head = widget.dialog.locator("#head")
    expect(head.get_by_role("link", name="Sign up")).to_have_attribute("href", f"{boutique.url}/join")
    expect(head.get_by_role("link", name="Log in")).to_have_attribute("href", f"{boutique.url}/enter")
    expect(widget.dialog.get_by_role("link", name="all the rules")).to_have_attribute(
        "href", "https://boutique.example/rules"
    )
    expect(widget.tab("My balance")).to_have_count(0)
