"""The panel's head: how far a member is from the next reward and the next level, and what has come since the last look."""

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.gallery.world import tier
from tests.widget.conftest import Store
from tests.widget.rewarding import cashback, offer, reward, too_dear

GOLD = {"id": "gold", "name": "Gold", "multiplier_text": "1.5× points", "perks": []}
SILVER = {"id": "silver", "name": "Silver", "multiplier_text": None, "perks": []}
LEVELS = [{**SILVER, "from": 500}, {**GOLD, "from": 1000}]


def shown(store: Store, **tier_values: Any) -> Locator:
    """The head of Ada's panel, with that standing among the levels if one is given."""
    me = store.answers["session"]["me"]
    if tier_values:
        me["tier"] = tier(**tier_values)
        store.answers["program"]["tiers"] = {"basis": "points_earned", "window": "year", "levels": LEVELS}
    store.visit(identity="jwt")
    store.open()
    expect(store.page.get_by_text("Hello, Ada")).to_be_visible()
    return store.page.locator("#head")


def look_again(store: Store, available: int | None = None, **values: Any) -> None:
    """The panel is closed, something comes, and it is opened anew."""
    me = {**store.answers["me"], **values}
    if available is not None:
        me["balance"] = {**me["balance"], "available": available}
    store.answers["me"] = me
    store.page.keyboard.press("Escape")
    with store.page.expect_response("**/widget/v1/me"):
        store.page.get_by_role("button", name="Rewards").click()


# What comes next -----------------------------------------------------------------------------------------------------


def test_a_ring_shows_how_far_it_is_to_the_cheapest_reward_that_is_still_too_dear(store: Store) -> None:
    """Design section 8."""
    offer(
        store,
        reward(1, "€5 off", cost=100),
        too_dear(2, "€50 off", cost=5000, missing=4880),
        too_dear(5, "€10 off", cost=480, missing=360, value_text="€10"),
        cashback(missing_points=1),
    )
    head = shown(store)
    expect(head).to_contain_text("360\u00a0points to €10 off")
    ring = head.get_by_role("progressbar", name="360 points to €10 off")
    expect(ring).to_have_attribute("aria-valuenow", "25")
    expect(ring.locator("circle").last).to_have_attribute("stroke-dasharray", "25 100")
    expect(head.locator(".goal")).to_have_text("€10")


def test_a_gift_of_the_campaign_may_be_the_next_one(store: Store) -> None:
    gift = too_dear(7, "A candle", cost=200, missing=80, type="gift", sub_type=None)
    offer(store, reward(1, "€5 off"), mine={"id": "1", "gifts": [gift], "used_points": 0, "taken": []})
    head = shown(store)
    expect(head).to_contain_text("80\u00a0points to A candle")
    expect(head.locator(".goal .icon")).to_be_visible()  # it has no worth that could be written into the ring


def test_there_is_no_ring_if_nothing_is_out_of_reach(store: Store) -> None:
    offer(store, reward(1, "€5 off"), cashback())
    expect(shown(store).get_by_role("progressbar")).to_have_count(0)


# Levels --------------------------------------------------------------------------------------------------------------


def test_a_level_shows_how_far_the_next_one_is(store: Store) -> None:
    head = shown(store)
    expect(head.locator(".chip")).to_have_count(0)
    look_again(store, tier=tier())
    expect(head.locator(".chip")).to_have_text("Silver")
    bar = head.get_by_role("progressbar", name="380 points to Gold")
    expect(bar).to_have_js_property("value", 0.62)


def test_whoever_has_no_level_yet_sees_the_way_to_the_first(store: Store) -> None:
    head = shown(
        store, level=None, next={"id": "silver", "name": "Silver", "at": 500, "missing_text": "380 points to Silver"}
    )
    expect(head).to_contain_text("380 points to Silver")
    expect(head.locator(".chip")).to_have_count(0)


def test_the_highest_level_says_what_it_brings(store: Store) -> None:
    head = shown(store, level=GOLD, next=None, fraction=1)
    expect(head.locator(".climb")).to_have_text(re.compile(r"Gold\s*1.5× points"))
    expect(head.get_by_role("progressbar")).to_have_count(0)


def test_a_level_that_is_kept_for_a_while_says_until_when(store: Store) -> None:
    head = shown(store, level=GOLD, leaves_at="2026-12-31T23:00:00Z")
    expect(head).to_contain_text("You keep Gold until Dec 31, 2026")


# News ----------------------------------------------------------------------------------------------------------------


PIECES = ".panel > div[aria-hidden=true] > i"
WATCH_PIECES = """
window.flown = 0;
window.slowness = 1;
const { animate } = Element.prototype;
Element.prototype.animate = function (frames, options) {
    if (this.localName === "i") flown += 1;
    return animate.call(this, frames, { ...options, duration: options.duration * slowness });
};
"""
"""They are there for a second, in which a busy machine may not look: how many there have been, or as slow as a test wants."""


@pytest.fixture
def moving(store: Store) -> Store:
    store.page.emulate_media(reduced_motion="no-preference")
    store.page.add_init_script(WATCH_PIECES)
    return store


def await_celebration(store: Store) -> None:
    store.page.wait_for_function("flown > 0")


def test_points_that_have_come_are_celebrated_once_and_nothing_of_it_stays(moving: Store) -> None:
    head = shown(moving)
    look_again(moving, available=220)
    await_celebration(moving)
    expect(head.locator("b", has_text="+100")).to_be_visible()
    expect(moving.page.get_by_role("dialog").get_by_role("status")).to_have_text("100\u00a0points added")
    expect(head.locator(".figure")).to_have_text("220")
    expect(moving.page.locator(PIECES)).to_have_count(0)
    flown = moving.page.evaluate("flown")
    look_again(moving)
    expect(moving.page.locator("#said")).to_have_text("")
    expect(head.locator("b", has_text="+100")).to_have_count(0)
    assert moving.page.evaluate("flown") == flown


def test_it_is_in_nobodys_way_and_ends_when_the_panel_closes(moving: Store) -> None:
    shown(moving)
    moving.page.evaluate("slowness = 1000")
    look_again(moving, available=220)
    expect(moving.page.locator(PIECES)).not_to_have_count(0)
    sky = moving.page.locator(PIECES).first.locator("..")
    expect(sky).to_have_css("pointer-events", "none")
    moving.page.keyboard.press("Escape")
    expect(moving.page.locator(PIECES)).to_have_count(0)


def test_where_less_motion_is_asked_for_there_is_the_sentence_and_a_badge(store: Store) -> None:
    head = shown(store)
    look_again(store, available=220)
    expect(head.locator("b", has_text="+100")).to_be_visible()
    expect(store.page.get_by_role("dialog").get_by_role("status")).to_have_text("100\u00a0points added")
    expect(head.locator(".figure")).to_have_text("220")
    expect(store.page.locator(PIECES)).to_have_count(0)
    moving_parts = """document.querySelector("lagniappe-widget").shadowRoot.getAnimations()
        .filter(({ effect }) => effect.target.id !== "said").length"""
    assert store.page.evaluate(moving_parts) == 0


def test_a_new_level_is_celebrated_and_a_lower_one_is_not(moving: Store) -> None:
    head = shown(moving, level=SILVER)
    look_again(moving, tier=tier(level=GOLD, next=None))
    said = moving.page.get_by_role("dialog").get_by_role("status")
    expect(said).to_have_text("You have reached Gold")
    await_celebration(moving)
    expect(head.locator(".chip")).to_have_text("Gold")
    look_again(moving, tier=tier(level=SILVER))
    expect(head.locator(".chip")).to_have_text("Silver")
    expect(moving.page.locator(PIECES)).to_have_count(0)
    expect(moving.page.locator("#said")).to_have_text("")


def test_somebody_else_on_the_same_page_is_not_congratulated_on_their_points(moving: Store) -> None:
    shown(moving)
    moving.page.keyboard.press("Escape")
    other = {**moving.answers["me"], "member": {"id": "2", "first_name": "Grace", "tier": None}}
    other["balance"] = {**other["balance"], "available": 900}
    moving.answers["session"] = {**moving.answers["session"], "member": other["member"], "me": other}
    moving.page.evaluate("document.querySelector('lagniappe-widget').setAttribute('identity', 'another')")
    moving.open()
    expect(moving.page.get_by_text("Hello, Grace")).to_be_visible()
    expect(moving.page.locator("#said")).to_have_text("")


def test_an_opening_does_not_load_the_celebration(store: Store) -> None:
    shown(store)
    assert not any("news.js" in url for url in store.requests)
