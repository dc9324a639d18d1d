"""The picture at the top of README: the store with the widget open. Taken each time; kept only when it is wanted, so that
running the tests changes no file: `LAGNIAPPE_NEW_PICTURE=1 .venv/bin/pytest tests/browser/test_picture.py`."""

import os
import struct
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.running_demo import Demo
from tests.browser.store import Store
from tests.browser.widget import Widget

PICTURE = Path(__file__).parents[2] / "docs" / "widget.png"
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
    demo.shop.await_balance(CAMILLE, available=71, pending_points=7, expected_points=5)
    store.collect(store.buy("Moon jar"))
    demo.shop.adjust(CAMILLE, 149, "For your tenth visit to the workshop")
    demo.shop.await_balance(CAMILLE, available=220, pending_points=107, expected_points=5)

    store.visit("/#shelf")
    page.evaluate("scrollBy(0, -28)")
    widget.open_at_balance()
    expect(widget.available()).to_have_text("220")
    expect(widget.card("On their way").get_by_role("listitem")).to_have_count(3)
    expect(widget.card("Expiring")).to_be_visible()
    page.mouse.move(5, SIZE[1] - 5)
    widget.dialog.get_by_role("heading", level=2).focus()  # no ring of focus in the picture

    is_wanted = "LAGNIAPPE_NEW_PICTURE" in os.environ or not PICTURE.exists()
    taken = PICTURE if is_wanted else tmp_path / "widget.png"
    page.screenshot(path=taken, animations="disabled")
    for picture in (taken, PICTURE):
        assert size_of(picture) == SIZE
        assert picture.stat().st_size <= MOST_BYTES
