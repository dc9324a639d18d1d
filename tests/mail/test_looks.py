"""Mails and the page that unsubscribes as a browser shows them: by axe, in light and dark, on a small telephone."""

from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.axe import flaws
from tests.browser.chromium import browsing, chromium_running
from tests.gallery.mails import pages

NAMES = ("reward_issued", "tier_up", "points_clawed_back", "unsubscribe-ask", "unsubscribe-done", "unsubscribe-unknown")
SHOWN = {f"{language}/{name}" for language in ("en", "ar") for name in NAMES}
PAGES = {name: html for name, html in pages() if name in SHOWN}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
NOT_OF_MAILS = ("region", "landmark-one-main")
"""axe's advice for pages: mail programs put a mail into a page of their own."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with chromium_running() as browser:
        yield browser


@pytest.fixture
def page(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    with browsing(chromium, request, viewport={"width": 320, "height": 640}) as opened:
        yield opened


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_nobody_is_kept_from_reading_it(page: Page, name: str) -> None:
    page.set_content(PAGES[name])
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        ignored = () if "unsubscribe" in name else NOT_OF_MAILS
        assert [flaw for flaw in flaws(page) if not flaw.startswith(ignored)] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_the_button_is_reached_by_the_keyboard_and_large_enough_for_a_thumb(page: Page) -> None:
    page.set_content(PAGES["en/unsubscribe-ask"])
    page.keyboard.press("Tab")
    button = page.get_by_role("button", name="Unsubscribe")
    assert button.evaluate("element => element === document.activeElement")
    box = button.bounding_box()
    assert box is not None and box["height"] >= 44
