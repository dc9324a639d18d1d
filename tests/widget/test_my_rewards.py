"""The tab My rewards: what a member has, what has become of it, and the way back."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.widget.conftest import STORE, Store
from tests.widget.rewarding import (
    card,
    credit,
    gift_card,
    had,
    held,
    offer,
    open_at,
    panel,
    redemption,
    refusal,
    reward,
    step,
    tab,
)
from tests.widget.test_redeem import flaws_on_screens

AGO = "2026-11-10T10:00:00Z"
OVER: dict[str, Any] = {"can_return": False, "ended_at": AGO}
WAITING: dict[str, Any] = {"status": "requested", "code": None, "is_ready": False, "can_return": False}
GIFT: dict[str, Any] = {"type": "gift", "code": None, "can_return": False, "value_text": None}

STATES: list[tuple[dict[str, Any], str, str]] = [
    ({}, "Ready to use until Dec 31, 2026", "Yours"),
    ({"expires_at": None}, "Ready to use", "Yours"),
    (WAITING, "Being prepared", "Yours"),
    ({"ending": "returned", "can_return": False}, "Being given back", "Yours"),
    ({"ending": "expired", "can_return": False}, "Just ended", "Yours"),
    ({**GIFT}, "The shop is getting it ready", "Yours"),
    ({**GIFT, "use_state": "used", "delivery_status": "ordered"}, "Ordered for you", "Yours"),
    ({**GIFT, "use_state": "used", "delivery_status": "shipped"}, "On its way to you", "Yours"),
    ({**GIFT, "use_state": "used", "delivery_status": "delivered"}, "Delivered", "Earlier"),
    ({**GIFT, "use_state": "used", "delivery_status": "canceled"}, "Canceled", "Earlier"),
    ({"use_state": "used", "used_at": AGO, "can_return": False}, "Used on Nov 10, 2026", "Earlier"),
    ({**OVER, "status": "expired"}, "Expired on Nov 10, 2026", "Earlier"),
    ({**OVER, "status": "expired", "points_returned": True}, "Your points are back", "Earlier"),
    ({**OVER, "status": "expired", "points_returned": False}, "The points it cost stay spent", "Earlier"),
    ({**OVER, "status": "returned"}, "Given back on Nov 10, 2026", "Earlier"),
    ({**OVER, "status": "failed", "code": None}, "It could not be made. Your points are back.", "Earlier"),
    ({**OVER, "status": "expired", "type": "cashback"}, "Not used in time. Your points are back.", "Earlier"),
]


@pytest.mark.parametrize(("state", "words", "group"), STATES, ids=[words for _, words, _ in STATES])
def test_what_it_is_now_is_said_in_plain_words(store: Store, state: dict[str, Any], words: str, group: str) -> None:
    """S4.9, S1.10 to S1.15; a gift's delivery and another reward's use are never one word (A1, A7)."""
    had(store, redemption(**state))
    mine = open_at(store, "My rewards")
    expect(mine.locator("section").filter(has=store.page.get_by_role("heading", name=group))).to_contain_text(words)
    usable = group == "Yours" and words.startswith("Ready")
    expect(mine.get_by_role("link", name="Use it now")).to_have_count(1 if usable else 0)
    expect(mine.locator("code")).to_have_count(1 if usable else 0)


def test_a_reward_is_used_right_from_here(store: Store) -> None:
    """S4.10: the store's own address puts the code in the cart."""
    had(store, redemption())
    mine = open_at(store, "My rewards")
    expect(mine.locator("code")).to_have_text("LGN-7F3K-Q2M8-0012")
    way = mine.get_by_role("link", name="Use it now")
    expect(way).to_have_attribute("href", f"{STORE}/discount/LGN-7F3K-Q2M8-0012")
    expect(way).to_have_accessible_description("LGN-7F3K-Q2M8-0012")
    expect(mine.get_by_role("button", name="Copy")).to_be_visible()


def test_a_worth_in_words_does_not_stand_in_a_figures_place(store: Store) -> None:
    """On a phone a long word of it would break, and the name says it already."""
    free = redemption(13, "Versand geschenkt", sub_type="free_shipping", value_text="Kostenloser Versand")
    had(store, redemption(), free)
    mine = open_at(store, "My rewards")
    expect(mine.locator("h4")).to_have_text(["€5 off", "Versand geschenkt"])
    expect(mine.locator(".worth")).to_have_text(["€5"])


def test_a_gift_card_is_a_code_to_copy_and_words_that_say_where_it_is_used(store: Store) -> None:
    had(store, gift_card())
    mine = open_at(store, "My rewards")
    expect(mine.locator("code")).to_have_text("LGN7F3KQ2M8TWDX")
    expect(mine.get_by_role("button", name="Copy")).to_be_visible()
    expect(mine).to_contain_text("Use it as a gift card at the checkout, at once or bit by bit.")
    expect(mine.get_by_role("link")).to_have_count(0)


def test_store_credit_has_no_code_and_says_where_it_is(store: Store) -> None:
    had(store, credit())
    mine = open_at(store, "My rewards")
    expect(mine).to_contain_text("€10 of store credit is in your account at the store.")
    expect(mine.locator("code")).to_have_count(0)
    expect(mine.get_by_role("button", name="Copy")).to_have_count(0)
    expect(mine.get_by_role("link")).to_have_count(0)
    mine.get_by_role("button", name="Give it back").click()
    question = store.page.get_by_role("dialog", name="Give it back?")
    expect(question).to_contain_text("The credit leaves your account at the store, and 100\u00a0points come back")


@pytest.mark.parametrize("state", [{"status": "requested", "use_text": None}, {"ending": "returned", "use_text": None}])
def test_money_on_its_way_says_nothing_of_how_it_is_used(store: Store, state: dict[str, Any]) -> None:
    had(store, credit(can_return=False, **state))
    mine = open_at(store, "My rewards")
    expect(mine).to_contain_text("Being")
    expect(mine).not_to_contain_text("in your account")


def test_what_can_be_used_stands_before_what_is_over(store: Store) -> None:
    had(store, redemption(14, use_state="used", used_at=AGO, name="Old"), redemption(13, name="New"), held())
    mine = open_at(store, "My rewards")
    expect(mine.get_by_role("heading")).to_have_text(["Yours", "New", "Points are money", "Earlier", "Old"])
    expect(card(store, "Points are money")).to_contain_text("Set aside for your checkout until")
    expect(card(store, "Points are money")).to_contain_text("€40.00")


def test_more_comes_when_asked_for_and_focus_goes_to_it(store: Store) -> None:
    had(store, redemption(13, name="New"), more="abc")
    mine = open_at(store, "My rewards")
    had(store, redemption(9, name="Older"))
    mine.get_by_role("button", name="Show more").click()
    expect(card(store, "Older")).to_be_focused()
    expect(mine.get_by_role("button", name="Show more")).to_have_count(0)
    assert store.calls()[-1] == "me/redemptions?after=abc"


def test_who_has_nothing_yet_is_shown_the_way(store: Store) -> None:
    offer(store, reward(1, "€5 off"))
    mine = open_at(store, "My rewards")
    expect(mine).to_contain_text("Nothing here yet")
    mine.get_by_role("button", name="See what you can get").click()
    expect(tab(store, "Redeem points")).to_be_focused()
    expect(card(store, "€5 off")).to_be_visible()


def test_where_there_is_nothing_to_get_there_is_no_way_to_it(store: Store) -> None:
    mine = open_at(store, "My rewards")
    expect(mine).to_contain_text("Nothing here yet")
    expect(mine.get_by_role("button")).to_have_count(0)


def test_a_list_that_cannot_be_read_is_said_and_tried_again(store: Store) -> None:
    store.answers["me/redemptions"] = (500, {}, {})
    mine = open_at(store, "My rewards")
    expect(mine.get_by_role("heading", name="That did not work")).to_be_visible()
    expect(mine).to_contain_text("Your points are safe")
    had(store, redemption())
    mine.get_by_role("button", name="Try again").click()
    expect(mine).to_contain_text("LGN-7F3K-Q2M8-0012")


def test_a_name_is_text_and_not_markup(store: Store) -> None:
    had(store, redemption(name="<i>off</i>", code="<b>A</b>"))
    mine = open_at(store, "My rewards")
    expect(mine.locator("code")).to_have_text("<b>A</b>")
    expect(mine.get_by_role("heading", name="<i>off</i>")).to_be_visible()


# The way back --------------------------------------------------------------------------------------------------------


def test_an_unused_reward_is_given_back_after_a_question(store: Store) -> None:
    """Design section 7: the code is disabled first, and then the points are back; both are told."""
    store.page.clock.install()
    had(store, redemption(points=500))
    mine = open_at(store, "My rewards")
    mine.get_by_role("button", name="Give it back").click()
    question = store.page.get_by_role("dialog", name="Give it back?")
    expect(question).to_contain_text(
        "The code stops working, and 500\u00a0points come back with the expiry dates they had."
    )
    going = redemption(points=500, ending="returned", can_return=False)
    store.answers["me/redemptions/12/return"] = going
    had(store, going)
    me = store.answers["session"]["me"]
    store.answers["me"] = me
    question.get_by_role("button", name="Give it back").click()
    expect(card(store, "€5 off")).to_contain_text("Being given back")
    expect(card(store, "€5 off")).to_be_focused()
    had(store, redemption(points=500, status="returned", **OVER))
    store.answers["me"] = {**me, "balance": {**me["balance"], "available": 620}}
    with store.page.expect_response("**/widget/v1/me"):
        store.page.clock.run_for(1_000)
    expect(store.page.locator("#head")).to_contain_text("620 points")
    store.page.clock.run_for(100)
    expect(store.page.get_by_role("status")).to_have_text("500\u00a0points are back")
    expect(card(store, "€5 off")).to_contain_text("Given back on Nov 10, 2026")


def test_one_that_is_back_at_once_is_told_at_once(store: Store) -> None:
    had(store, redemption(points=500))
    mine = open_at(store, "My rewards")
    store.answers["me/redemptions/12/return"] = redemption(points=500, status="returned", **OVER)
    mine.get_by_role("button", name="Give it back").click()
    step(store).get_by_role("button", name="Give it back").click()
    expect(store.page.get_by_role("status")).to_have_text("500\u00a0points are back")
    expect(mine).to_contain_text("Given back on Nov 10, 2026")


def test_it_can_be_kept(store: Store) -> None:
    had(store, redemption())
    mine = open_at(store, "My rewards")
    mine.get_by_role("button", name="Give it back").click()
    expect(step(store)).to_be_visible()
    step(store).get_by_role("button", name="Keep it").click()
    expect(step(store)).to_be_hidden()
    mine.get_by_role("button", name="Give it back").click()
    store.page.keyboard.press("Escape")
    expect(step(store)).to_be_hidden()
    expect(store.page.get_by_role("dialog", name="Rewards")).to_be_visible()
    assert [path for path, _, _ in store.posts if "return" in path] == []


def test_one_that_cannot_be_given_back_offers_no_way_to_it(store: Store) -> None:
    had(store, redemption(can_return=False))
    mine = open_at(store, "My rewards")
    expect(mine.locator("code")).to_be_visible()
    expect(mine.get_by_role("button", name="Give it back")).to_have_count(0)


def test_one_that_was_used_meanwhile_says_so(store: Store) -> None:
    had(store, redemption())
    mine = open_at(store, "My rewards")
    store.answers["me/redemptions/12/return"] = refusal("not_returnable", "This was used with order #1009.")
    had(store, redemption(use_state="used", used_at=AGO, can_return=False))
    mine.get_by_role("button", name="Give it back").click()
    step(store).get_by_role("button", name="Give it back").click()
    expect(step(store)).to_contain_text("This was used with order #1009.")
    step(store).get_by_role("button", name="Back").click()
    expect(mine).to_contain_text("Used on Nov 10, 2026")


def test_a_lost_answer_is_asked_for_again(store: Store) -> None:
    had(store, redemption(points=500))
    mine = open_at(store, "My rewards")
    back = redemption(points=500, status="returned", **OVER)
    store.answers["me/redemptions/12/return"] = [("lost", {}, {}), back]
    mine.get_by_role("button", name="Give it back").click()
    step(store).get_by_role("button", name="Give it back").click()
    step(store).get_by_role("button", name="Try again").click()
    expect(step(store)).to_be_hidden()
    expect(mine).to_contain_text("Given back on Nov 10, 2026")


# For everybody -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["all", "empty", "undo"])
def test_every_state_is_accessible(store: Store, state: str) -> None:
    every = [redemption(number, name=f"Reward {number}", **more) for number, (more, _, _) in enumerate(STATES, 20)]
    offer(store, reward(1, "€5 off"))
    had(store, *([] if state == "empty" else [*every, held()]), more=None if state == "empty" else "abc")
    mine = open_at(store, "My rewards")
    if state == "undo":
        mine.get_by_role("button", name="Give it back").first.click()
        expect(step(store)).to_be_visible()
    assert flaws_on_screens(store) == []


def test_a_visitor_has_none(store: Store) -> None:
    store.visit()
    store.open()
    expect(tab(store, "My rewards")).to_have_count(0)
    expect(panel(store, "My rewards")).to_have_count(0)
