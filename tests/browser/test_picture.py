"""The pictures of README: the store with the widget open. Taken each time; kept only when it is wanted, so that
running the tests changes no file: `LAGNIAPPE_NEW_PICTURE=1 .venv/bin/pytest tests/browser/test_picture.py`."""

import os
import struct
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.running_demo import Demo
from tests.browser.store import Store
from tests.browser.widget import Widget

DOCS = Path(__file__).parents[2] / "docs"
BALANCE, REWARDS = DOCS / "widget.png", DOCS / "rewards.png"
SIZE = (1280, 860)
MOST_BYTES = 300 * 1024
CAMILLE = "email:camille@example.com"


def size_of(png: Path) -> tuple[int, int]:
    head = png.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", head[16:])
    return width, height


def test_the_picture_of_the_readme_shows_a_balance_that_is_never_one_number(
    page: Page, demo: Demo, tmp_path: Path
) -> None:
    page.set_viewport_size({"width": SIZE[0], "height": SIZE[1]})
    store, widget = Store(page, demo.store_url), Widget(page)
    store.log_in("Camille")
    demo.shop.await_balance(CAMILLE, available=296, pending_points=7, expected_points=5)
    store.collect(store.buy("Moon jar"))
    demo.shop.adjust(CAMILLE, 24, "For your tenth visit to the workshop")
    demo.shop.await_balance(CAMILLE, available=320, pending_points=107, expected_points=5)

    store.visit("/#shelf")
    page.evaluate("scrollBy(0, -28)")
    widget.open_at_balance()
    expect(widget.available()).to_have_text("320")
    expect(widget.card("On their way").get_by_role("listitem")).to_have_count(3)
    expect(widget.card("Expiring")).to_be_visible()
    take(page, widget, BALANCE, tmp_path)


def test_the_picture_of_rewards_shows_what_can_be_had_and_the_best_for_this_cart(
    page: Page, demo: Demo, tmp_path: Path
) -> None:
    page.set_viewport_size({"width": SIZE[0], "height": SIZE[1]})
    store, widget = Store(page, demo.store_url), Widget(page)
    store.log_in("Camille")
    store.visit("/products/moon-jar")
    page.locator("#content").get_by_role("button", name="Add to cart").click()
    store.visit("/cart")
    widget.open()
    widget.choose("Redeem points")
    expect(widget.dialog.get_by_role("slider")).to_be_visible()
    expect(widget.reward("€10 off").get_by_role("button", name="Redeem")).to_be_enabled()
    expect(widget.dialog.locator(".skeleton:visible")).to_have_count(0)
    widget.reward("€10 off").evaluate(
        """card => {
            const panel = card.closest(".scroll");
            panel.scrollTop += card.getBoundingClientRect().top - panel.getBoundingClientRect().top - 84;
        }"""
    )
    take(page, widget, REWARDS, tmp_path)


def take(page: Page, widget: Widget, kept: Path, elsewhere: Path) -> None:
    page.mouse.move(5, SIZE[1] - 5)
    widget.dialog.get_by_role("heading", level=2).focus()  # no ring of focus in the picture
    is_wanted = "LAGNIAPPE_NEW_PICTURE" in os.environ or not kept.exists()
    taken = kept if is_wanted else elsewhere / kept.name
    page.screenshot(path=taken, animations="disabled")
    for picture in (taken, kept):
        assert size_of(picture) == SIZE
        assert picture.stat().st_size <= MOST_BYTES
