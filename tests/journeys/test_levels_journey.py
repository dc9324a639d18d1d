"""Reaching a level, what it brings, and losing it again, in a real browser against the whole running demo."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.running_demo import Demo
from tests.browser.store import Store
from tests.browser.widget import Widget
from tests.journeys.at_the_store import FIRST_ORDER_POINTS, JAR_POINTS, buy_and_wait, newcomer

EXCLUSIVE = "€25 off, for Celadon and Tenmoku"
TEAPOT_POINTS = 15
"""120 euros are 12 points, and a quarter more at Celadon."""


@pytest.fixture
def store(page: Page, demo: Demo) -> Store:
    return Store(page, demo.store_url)


def head(store: Store, widget: Widget) -> Locator:
    """The panel's head, with what is known now."""
    store.visit()
    widget.open()
    return widget.dialog.locator("#head")


def test_a_level_is_reached_brings_more_and_ends_a_year_later_after_a_letter(
    store: Store, widget: Widget, page: Page, demo: Demo
) -> None:
    email = newcomer(store, demo, "Lea")
    expect(head(store, widget)).to_contain_text("€500 to Celadon")
    widget.choose("Redeem points")
    closed = widget.reward(EXCLUSIVE).get_by_role("button", name="Redeem")
    expect(closed).not_to_be_attached()
    widget.close()

    buy_and_wait(store, demo, email, "Moon jar", JAR_POINTS + FIRST_ORDER_POINTS)
    store.open_letter("You have reached Celadon", to=email)
    shown = head(store, widget)
    expect(shown).to_contain_text("Celadon")
    expect(shown).to_contain_text(re.compile(r"€[\d.]+ to Tenmoku"))
    widget.choose("Redeem points")
    widget.reward(EXCLUSIVE).get_by_role("button", name="Redeem").click()
    widget.step().get_by_role("button", name="Confirm").click()
    expect(widget.step()).to_contain_text(f"{EXCLUSIVE} is yours")

    order = buy_and_wait(store, demo, email, "Cobalt teapot", TEAPOT_POINTS)
    store.visit()
    widget.open_at_balance()
    why = widget.why(f"Order {order}", f"+{TEAPOT_POINTS}")
    expect(why).to_contain_text("Celadon")
    expect(why).to_contain_text("12")
    widget.close()

    store.wait("+1 year")
    store.open_letter("Celadon at Kiln & Kettle: yours through", to=email)
    expect(head(store, widget)).to_contain_text("You keep Celadon until")
    store.visit()
    store.wait("+1 month")
    store.open_letter("Your level at Kiln & Kettle is now Bisque", to=email)
    shown = head(store, widget)
    expect(shown).to_contain_text("Bisque")
    expect(shown).to_contain_text("€500 to Celadon")
