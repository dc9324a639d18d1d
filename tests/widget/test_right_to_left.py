"""The panel in Arabic: read from right to left, with codes and sums as they are typed."""

import pytest
from playwright.sync_api import expect

from tests.widget.conftest import Store
from tests.widget.rewarding import had, offer, open_at, panel, redemption, reward, tab, too_dear

TABS = ["اكسب النقاط", "استبدل النقاط", "مكافآتي", "رصيدي"]
POINTS = {"zero": "نقطة", "one": "نقطة", "two": "نقطتان", "few": "نقاط", "many": "نقطة", "other": "نقطة"}

SIDEWAYS = """() => [...document.querySelector("lagniappe-widget").shadowRoot.querySelectorAll("dialog, dialog .scroll")]
    .filter((element) => element.scrollWidth > element.clientWidth).length"""

WORDS = """(element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    return range.getBoundingClientRect().toJSON();
}"""


@pytest.fixture
def arabic(store: Store) -> Store:
    store.answers["program"]["program"]["points_name"] = POINTS
    offer(store, reward(1, "خصم 5 €", featured=True), too_dear(2, "Big Mug", cost=500, missing=380))
    had(store, redemption())
    return store


def test_the_panel_says_so_and_every_tab_fits(arabic: Store) -> None:
    open_at(arabic, TABS[0], locale="ar-EG")
    dialog = arabic.page.locator("dialog")
    expect(dialog).to_have_attribute("lang", "ar")
    expect(dialog).to_have_css("direction", "rtl")
    for width in (320, 360, 1280):
        arabic.page.set_viewport_size({"width": width, "height": 800})
        for name in TABS:
            tab(arabic, name).click()
            expect(panel(arabic, name).locator(".skeleton")).to_have_count(0)
            assert arabic.page.evaluate(SIDEWAYS) == 0, (width, name)


def test_the_arrow_to_the_left_leads_onward(arabic: Store) -> None:
    open_at(arabic, TABS[0], locale="ar")
    arabic.page.keyboard.press("ArrowLeft")
    expect(tab(arabic, TABS[1])).to_be_focused()


def test_a_code_stands_as_it_is_typed(arabic: Store) -> None:
    mine = open_at(arabic, TABS[2], locale="ar")
    expect(mine.locator("code")).to_have_css("direction", "ltr")
    expect(mine.locator("code")).to_have_css("unicode-bidi", "isolate")


def test_the_sign_of_a_sum_stands_before_it(arabic: Store) -> None:
    """Of +30 in a line from right to left, the sign would stand behind."""
    balance = open_at(arabic, TABS[3], locale="ar")
    promised = balance.locator(".dated b").first
    expect(promised).to_have_text("+30")
    expect(promised).to_have_css("unicode-bidi", "plaintext")


def test_words_of_another_direction_are_ordered_by_their_own_and_stand_where_ours_do(arabic: Store) -> None:
    redeem = open_at(arabic, TABS[1], locale="ar")
    english = redeem.get_by_role("heading", name="Big Mug")
    expect(english).to_have_css("unicode-bidi", "plaintext")
    emblem, words = redeem.locator(".emblem").nth(1).bounding_box(), english.evaluate(WORDS)
    assert emblem
    assert 0 < emblem["x"] - words["right"] < 20  # beside the picture, at the right


def test_numbers_are_those_of_the_server_s_sentences(arabic: Store) -> None:
    open_at(arabic, TABS[0], locale="ar-EG")
    expect(arabic.page.locator(".headline")).to_have_text("120 نقطة")
