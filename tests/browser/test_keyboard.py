"""The widget without a mouse (WCAG 2.2: 2.1.1, 2.1.2, 2.4.3, 2.4.7), with the real server."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.boutique import Boutique
from tests.browser.members import ADA, identity
from tests.browser.widget import Widget

FOCUSED = "() => document.activeElement?.shadowRoot?.activeElement?.id ?? null"
STOPS = """() => {
    const root = document.querySelector("lagniappe-widget").shadowRoot;
    const candidates = [...root.querySelectorAll("dialog :is(a[href], button, summary, input, select, [role=tabpanel])")];
    return candidates.filter((element) => element.tabIndex >= 0 && !element.disabled && element.checkVisibility());
}"""
"""Everything in the open panel that the Tab key should come to, in order."""
PLACE = f"() => ({STOPS})().indexOf(document.activeElement?.shadowRoot?.activeElement)"


@pytest.fixture
def keys(page: Page, boutique: Boutique, widget: Widget) -> Page:
    """The page of a member, with nothing focused."""
    page.goto(boutique.page("/keys", identity=identity(boutique, ADA)))
    expect(widget.launcher).to_be_visible()
    return page


def press_until_focused(page: Page, widget_part: str, key: str = "Tab") -> None:
    for _ in range(40):
        page.keyboard.press(key)
        if page.evaluate(FOCUSED) == widget_part:
            return
    raise AssertionError(f"{key} never came to {widget_part}")


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_it_opens_by_key_and_escape_gives_the_focus_back(keys: Page, widget: Widget, key: str) -> None:
    keys.keyboard.press("Tab")  # the page's own link
    keys.keyboard.press("Tab")
    expect(widget.launcher).to_be_focused()
    expect(widget.launcher).to_have_css("outline-style", "solid")
    keys.keyboard.press(key)
    expect(widget.dialog).to_be_visible()
    expect(widget.dialog.get_by_role("heading", level=2)).to_be_focused()
    keys.keyboard.press("Escape")
    expect(widget.dialog).to_be_hidden()
    expect(widget.launcher).to_have_attribute("aria-expanded", "false")
    expect(widget.launcher).to_be_focused()
    keys.keyboard.press("Shift+Tab")
    expect(keys.get_by_role("link", name="a cart")).to_be_focused()


def test_the_button_that_closes_it_gives_the_focus_back_too(keys: Page, widget: Widget) -> None:
    widget.launcher.press("Enter")
    expect(widget.dialog).to_be_visible()
    keys.keyboard.press("Tab")
    expect(widget.dialog.get_by_role("button", name="Close")).to_be_focused()
    keys.keyboard.press("Enter")
    expect(widget.dialog).to_be_hidden()
    expect(widget.launcher).to_be_focused()


def test_tabs_move_by_arrows_home_and_end_and_are_one_stop(keys: Page, widget: Widget) -> None:
    widget.launcher.press("Enter")
    expect(widget.tab("My balance")).to_be_visible()
    press_until_focused(keys, "tab-earn")
    for key, chosen, other in (
        ("ArrowRight", "Redeem points", "Earn points"),
        ("ArrowRight", "My rewards", "Redeem points"),
        ("ArrowRight", "My balance", "My rewards"),
        ("ArrowRight", "Earn points", "My balance"),
        ("ArrowLeft", "My balance", "Earn points"),
        ("Home", "Earn points", "My balance"),
        ("End", "My balance", "Earn points"),
    ):
        keys.keyboard.press(key)
        expect(widget.tab(chosen)).to_be_focused()
        expect(widget.tab(chosen)).to_have_attribute("aria-selected", "true")
        expect(widget.tab(other)).to_have_attribute("aria-selected", "false")
        expect(widget.panel(chosen)).to_be_visible()
        expect(widget.dialog.get_by_role("tabpanel")).to_have_count(1)
    expect(widget.available()).to_have_text("150")
    keys.keyboard.press("Tab")
    expect(widget.panel("My balance")).to_be_focused()


@pytest.mark.parametrize(("key", "step"), [("Tab", 1), ("Shift+Tab", -1)])
def test_focus_passes_everything_in_order_and_stays_inside(keys: Page, widget: Widget, key: str, step: int) -> None:
    widget.launcher.press("Enter")
    widget.tab("My balance").press("Enter")
    expect(widget.entry("Order A2: points on their way", "+100")).to_be_visible()
    stops = keys.evaluate(f"({STOPS})().length")
    place = keys.evaluate(PLACE)
    assert stops > 10
    for _ in range(stops + 3):
        keys.keyboard.press(key)
        place = (place + step) % stops
        assert keys.evaluate(PLACE) == place


def test_an_activity_opens_by_key_and_more_of_it_comes_by_key(keys: Page, widget: Widget) -> None:
    widget.launcher.press("Enter")
    widget.tab("My balance").press("Enter")
    rows = widget.panel("My balance").locator("summary")
    rows.first.press("Enter")
    expect(widget.panel("My balance").locator(".why").first).to_be_visible()
    read = rows.count()
    widget.dialog.get_by_role("button", name="Show more").press("Enter")
    expect(rows.nth(read)).to_be_focused()
    expect(widget.panel("My balance").locator(".why").first).to_be_visible()
