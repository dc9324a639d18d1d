"""Every state of the widget by axe (WCAG 2.2 AA and its best practices), in light and dark, on every width, zoomed and
from right to left; nowhere does a page or a panel scroll sideways."""

from collections.abc import Callable
from typing import Any, Literal, get_args

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import flaws
from tests.browser.boutique import Boutique
from tests.browser.members import ADA, NOVA, OLU, RIA, identity
from tests.browser.network import away, unanswered
from tests.browser.running_demo import Demo
from tests.browser.store import Store
from tests.browser.widget import Widget

WIDTHS = {320: 640, 360: 740, 768: 1024, 1280: 800}
"""Each with its height. 320 is also a window of 1280 at 400 % (WCAG 1.4.10)."""
ZOOMED = (640, 400)
"""What a window of 1280 by 800 has room for at 200 % (WCAG 1.4.4)."""
SIDEWAYS = """() => {
    const panels = [...document.querySelector("lagniappe-widget").shadowRoot.querySelectorAll("dialog, dialog .scroll")];
    const wide = [document.documentElement, ...panels].filter((element) => element.scrollWidth > element.clientWidth);
    const box = panels[0]?.getBoundingClientRect();
    return [...wide.map(({ tagName, className }) => `${tagName} ${className} scrolls sideways`),
        ...(box && (box.left < 0 || box.right > innerWidth || box.top < 0) ? ["the panel is cut off"] : [])];
}"""

Scheme = Literal["light", "dark"]
Arrange = Callable[..., None]
"""Brings a page into a state; `root` and further words are attributes of the page and of its script."""


def closed(page: Page, boutique: Boutique, widget: Widget, **given: Any) -> None:
    page.goto(boutique.page("/axe", **given))
    expect(widget.launcher).to_be_visible()


def guest(page: Page, boutique: Boutique, widget: Widget, **given: Any) -> None:
    page.goto(boutique.page("/axe", **given))
    widget.open()
    expect(widget.panel("Earn points").get_by_role("link", name="Purchase")).to_be_visible()


def earning(page: Page, boutique: Boutique, widget: Widget, **given: Any) -> None:
    page.goto(boutique.page("/axe", identity=identity(boutique, ADA), **given))
    widget.open()
    expect(widget.panel("Earn points").get_by_role("link", name="Purchase")).to_be_visible()


def balance(page: Page, boutique: Boutique, widget: Widget, **given: Any) -> None:
    page.goto(boutique.page("/axe", identity=identity(boutique, ADA), **given))
    widget.open_at_balance()


def balance_owed(page: Page, boutique: Boutique, widget: Widget, **given: Any) -> None:
    page.goto(boutique.page("/axe", identity=identity(boutique, OLU), **given))
    widget.open_at_balance()


def balance_without_activity(page: Page, boutique: Boutique, widget: Widget, **given: Any) -> None:
    page.goto(boutique.page("/axe", identity=identity(boutique, NOVA), **given))
    widget.open_at_balance()
    expect(widget.dialog).to_contain_text("Nothing here yet")


def why(page: Page, boutique: Boutique, widget: Widget, **given: Any) -> None:
    balance(page, boutique, widget, **given)
    expect(widget.why("Order A1", "+100")).to_be_visible()


def rewards_for_a_visitor(page: Page, boutique: Boutique, widget: Widget, **given: Any) -> None:
    page.goto(boutique.page("/axe", **given))
    widget.open()
    widget.choose("Redeem points")
    expect(widget.reward("€5 off").get_by_role("link", name="Sign up")).to_be_visible()


def rewards(page: Page, boutique: Boutique, widget: Widget, **given: Any) -> None:
    """With one that costs too much, and a cart to pay for with points."""
    page.goto(boutique.page("/axe", identity=identity(boutique, ADA), cart_total="64.90", **given))
    widget.open()
    widget.choose("Redeem points")
    expect(widget.dialog).to_contain_text("You must have 4850 more points to get reward")
    expect(widget.dialog.get_by_role("slider")).to_be_visible()


def confirming(page: Page, boutique: Boutique, widget: Widget, **given: Any) -> None:
    page.goto(boutique.page("/axe", identity=identity(boutique, RIA), **given))
    widget.open()
    widget.choose("Redeem points")
    widget.reward("A chair at the fair").get_by_role("button", name="Redeem").click()
    expect(widget.step().get_by_label("Who comes along?")).to_be_visible()


def redeemed(page: Page, boutique: Boutique, widget: Widget, **given: Any) -> None:
    page.goto(boutique.page("/axe", identity=identity(boutique, RIA), **given))
    widget.open()
    widget.choose("Redeem points")
    widget.reward("€5 off").get_by_role("button", name="Redeem").click()
    widget.step().get_by_role("button", name="Confirm").click()
    expect(widget.step().locator("code")).to_be_visible()


def set_aside(page: Page, boutique: Boutique, widget: Widget, **given: Any) -> None:
    """Points, for the cart at hand."""
    page.goto(boutique.page("/axe", identity=identity(boutique, RIA), cart_total="10.00", **given))
    widget.open()
    widget.choose("Redeem points")
    use = widget.dialog.get_by_role("button", name="Use 100 points")
    way = widget.dialog.get_by_role("link", name="Take it to the checkout")
    expect(use.or_(way)).to_be_visible()
    if use.is_visible():
        use.click()
    expect(way).to_be_visible()


def my_rewards(page: Page, boutique: Boutique, widget: Widget, **given: Any) -> None:
    redeemed(page, boutique, widget, **given)
    widget.step().get_by_role("button", name="My rewards").click()
    expect(widget.reward("€5 off").get_by_role("link", name="Use it now")).to_be_visible()


def giving_back(page: Page, boutique: Boutique, widget: Widget, **given: Any) -> None:
    my_rewards(page, boutique, widget, **given)
    widget.reward("€5 off").get_by_role("button", name="Give it back").click()
    expect(widget.step()).to_contain_text("50\u00a0points come back")


def no_rewards_yet(page: Page, boutique: Boutique, widget: Widget, **given: Any) -> None:
    page.goto(boutique.page("/axe", identity=identity(boutique, NOVA), **given))
    widget.open()
    widget.choose("My rewards")
    expect(widget.dialog).to_contain_text("Nothing here yet")


def expired(page: Page, boutique: Boutique, widget: Widget, **given: Any) -> None:
    page.goto(boutique.page("/axe", identity=boutique.identity(ADA, age=3600), **given))
    widget.open()
    expect(widget.dialog.get_by_role("button", name="Reload the page")).to_be_visible()


def old_news(page: Page, boutique: Boutique, widget: Widget, **given: Any) -> None:
    """What was known, under a notice that it cannot be brought up to date."""
    balance(page, boutique, widget, **given)
    widget.close()
    away(page, boutique, "/me")
    widget.open()
    expect(widget.dialog.get_by_role("button", name="Try again")).to_be_visible()


def not_loaded(page: Page, boutique: Boutique, widget: Widget, **given: Any) -> None:
    """The words beside the launcher."""
    closed(page, boutique, widget, **given)
    away(page, boutique)
    widget.launcher.click()
    expect(widget.host.get_by_role("status")).not_to_be_empty()


def loading(page: Page, boutique: Boutique, widget: Widget, **given: Any) -> None:
    page.goto(boutique.page("/axe", identity=identity(boutique, ADA), **given))
    unanswered(page, boutique, "/program*")
    unanswered(page, boutique, "/session")
    widget.open()
    expect(widget.dialog.locator(".skeleton").first).to_be_visible()


def loading_for_a_visitor(page: Page, boutique: Boutique, widget: Widget, **given: Any) -> None:
    page.goto(boutique.page("/axe", **given))
    unanswered(page, boutique, "/program*")
    widget.open()
    expect(widget.dialog.locator(".skeleton").first).to_be_visible()


STATES: list[Arrange] = [
    *(closed, guest, earning, balance, balance_owed, balance_without_activity, why),
    *(rewards_for_a_visitor, rewards, confirming, redeemed, set_aside, my_rewards, giving_back, no_rewards_yet),
    *(expired, old_news, not_loaded, loading, loading_for_a_visitor),
]


def test_the_checks_see_into_the_widget(page: Page, boutique: Boutique, widget: Widget) -> None:
    guest(page, boutique, widget)
    assert flaws(page) == []
    widget.dialog.get_by_role("button", name="Close").evaluate("(button) => button.removeAttribute('aria-label')")
    widget.dialog.locator(".rule p").first.evaluate(
        "(text) => { text.style.color = '#bbb'; text.style.width = '500px' }"
    )
    assert [flaw.partition(":")[0] for flaw in flaws(page)] == ["button-name", "color-contrast"]
    assert page.evaluate(SIDEWAYS) == ["DIV scroll scrolls sideways"]


def test_the_checks_look_at_what_stands_still(page: Page, boutique: Boutique, widget: Widget) -> None:
    """A colour halfway through a fade is nobody's to read: nor is one of an animation inside the widget."""
    guest(page, boutique, widget)
    fading = "(text) => void text.animate([{ opacity: .2 }, { opacity: 1 }], 60_000)"
    widget.dialog.locator(".rule p").first.evaluate(fading)
    page.locator("h1").first.evaluate(fading)
    assert flaws(page) == []


@pytest.mark.parametrize("arrange", STATES, ids=lambda state: state.__name__)
def test_every_state_is_accessible_on_every_width_in_light_and_dark(
    page: Page, boutique: Boutique, widget: Widget, arrange: Arrange
) -> None:
    arrange(page, boutique, widget)
    found = {}
    for width, height in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate(SIDEWAYS) == [], width
        for scheme in get_args(Scheme):
            page.emulate_media(color_scheme=scheme)
            found[width, scheme] = flaws(page)
    assert {where: what for where, what in found.items() if what} == {}


BROKEN = """() => [...document.querySelector("lagniappe-widget").shadowRoot.querySelectorAll(
    ".figure, .points, .total dd, .dated b, .why li > b")].filter((number) => {
        const text = document.createRange();
        text.selectNodeContents(number);
        return new Set([...text.getClientRects()].map(({ top }) => Math.round(top))).size > 1;
    }).map((number) => number.textContent)"""


def test_no_number_breaks_across_lines_on_a_narrow_phone(page: Page, boutique: Boutique, widget: Widget) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    why(page, boutique, widget)
    expect(widget.dialog.locator(".why:visible li > b")).to_have_count(5)
    assert page.evaluate(BROKEN) == []


def test_words_beside_the_launcher_stay_on_a_narrow_phone(page: Page, boutique: Boutique, widget: Widget) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    not_loaded(page, boutique, widget)
    box = widget.host.get_by_role("status").bounding_box()
    assert box is not None
    assert box["x"] >= 20
    assert box["x"] + box["width"] <= 300


@pytest.mark.parametrize(
    "arrange", [guest, balance, why, expired, rewards, redeemed, my_rewards], ids=lambda state: state.__name__
)
def test_at_twice_the_size_everything_can_be_reached(
    page: Page, boutique: Boutique, widget: Widget, arrange: Arrange
) -> None:
    page.set_viewport_size({"width": ZOOMED[0], "height": ZOOMED[1]})
    arrange(page, boutique, widget)
    assert page.evaluate(SIDEWAYS) == []
    assert flaws(page) == []
    box = widget.dialog.bounding_box()
    assert box is not None
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= ZOOMED[1]
    last = widget.dialog.locator(":is(a, button, summary):not(:disabled)").locator("visible=true").last
    last.focus()
    expect(last).to_be_in_viewport()
    expect(widget.dialog.get_by_role("button", name="Close")).to_be_in_viewport()


@pytest.mark.parametrize("arrange", [guest, balance, why, rewards, my_rewards], ids=lambda state: state.__name__)
def test_a_page_from_right_to_left_shows_words_that_we_have_from_left_to_right(
    page: Page, boutique: Boutique, widget: Widget, arrange: Arrange
) -> None:
    """There are no Hebrew words: the English ones are marked as such."""
    arrange(page, boutique, widget, root='dir="rtl"', locale="he")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(widget.dialog).to_have_attribute("lang", "en")
    expect(widget.dialog).to_have_css("direction", "ltr")
    for width, height in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate(SIDEWAYS) == [], width
        assert flaws(page) == [], width


def test_the_store_with_the_widget_open_is_accessible(page: Page, demo: Demo) -> None:
    store = Store(page, demo.store_url)
    store.visit()
    assert flaws(page) == []
    Widget(page).open()
    assert flaws(page) == []
