"""A store that says who is signed in when it is asked, and a real server that believes it."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.boutique import Boutique
from tests.browser.members import SOL, identity
from tests.browser.test_weight import ONE_OPENING, Scales, scales
from tests.browser.widget import Widget
from tests.widget.test_size import LANGUAGES

__all__ = ["scales"]

ADDRESS = "/apps/lagniappe/identity"


def test_a_member_opens_the_widget_on_a_page_that_is_the_same_for_everybody(
    page: Page, widget: Widget, boutique: Boutique
) -> None:
    address = boutique.answer(ADDRESS, {"identity": identity(boutique, SOL)})
    page.goto(boutique.page("/asked", identity_url=address))
    widget.open_at_balance()
    expect(widget.available()).to_have_text("1,000")


def test_nothing_is_asked_of_the_store_before_that(page: Page, widget: Widget, boutique: Boutique) -> None:
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if one.url.endswith(ADDRESS) else None)
    page.goto(boutique.page("/unasked", identity_url=boutique.answer(ADDRESS, {"identity": None})))
    expect(widget.launcher).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert asked == []
    widget.open()
    expect(widget.dialog).to_contain_text("Join Boutique")
    assert asked == [boutique.url + ADDRESS]


def test_an_identity_that_has_ended_is_said_so_and_the_next_one_counts(
    page: Page, widget: Widget, boutique: Boutique
) -> None:
    boutique.answer(ADDRESS, {"identity": boutique.identity(SOL, age=700)})
    page.goto(boutique.page("/ended", identity_url=ADDRESS))
    widget.open()
    expect(widget.dialog.get_by_role("button", name="Reload")).to_be_visible()
    boutique.answer(ADDRESS, {"identity": identity(boutique, SOL)})
    widget.close()
    widget.open()
    expect(widget.dialog).to_contain_text("Hello, Sol")


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_opening_stays_light_with_what_it_takes_to_ask(
    page: Page, widget: Widget, boutique: Boutique, scales: Scales, language: str
) -> None:
    boutique.answer(ADDRESS, {"identity": identity(boutique, SOL)})
    page.goto(boutique.page("/light-asked", identity_url=ADDRESS, locale=language))
    widget.launcher.click()
    settled = "dialog[open]:not([aria-busy=true]) [role=tabpanel]:not([hidden]) a"
    expect(widget.host.locator(settled).first).to_be_visible()
    weights = scales.weigh()
    assert any(path.endswith("identity.js") for path in weights)
    assert sum(weights.values()) <= ONE_OPENING, weights
