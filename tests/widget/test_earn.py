"""The tab Earn points: every way to earn, with how often and until when, and what members say or do right there."""

from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.widget.conftest import STORE, Store
from tests.widget.rewarding import open_at, panel, refusal, step, tab
from tests.widget.test_redeem import flaws_on_screens

FACEBOOK = "https://facebook.example/maison-verte"


def rule(kind: str, title: str, **more: Any) -> dict[str, Any]:
    return {
        "id": kind,
        "kind": kind,
        "title": title,
        "text": None,
        "points_text": "20 points",
        "button": {"label": "Follow us", "url": FACEBOOK},
        "network": None,
        "is_claim": kind in ("visit", "follow", "share"),
        "limit_text": None,
        "active_to": None,
        **more,
    }


def mine(kind: str, title: str, **more: Any) -> dict[str, Any]:
    """The rule as a member has it, who has not earned by it yet."""
    state = {"done": False, "limit": None, "is_claimable": kind in ("visit", "follow", "share")}
    return rule(kind, title, **{**state, **more})


FOLLOW = mine("follow", "Follow us on Facebook", limit={"times": 1, "per": "ever", "used": 0}, network="facebook")
BIRTHDAY = mine("birthday", "It is your birthday", button=None, birthday_known=False, limit_text="Once a year")


def earns(store: Store, *rules: dict[str, Any]) -> None:
    """These rules, to visitors and to the member, besides the one for orders."""
    for document in (store.answers["program"], store.answers["session"]["me"]):
        document["earn"] = [document["earn"][0], *rules]
    store.answers["me"] = store.answers["session"]["me"]


def card(store: Store, title: str) -> Locator:
    heading = store.page.get_by_role("heading", name=title, exact=True)
    return panel(store, "Earn points").get_by_role("listitem").filter(has=heading)


def claimed(store: Store, rule_id: str, *, due_at: str = "2020-01-01T00:00:00Z", **state: Any) -> None:
    """What the server answers to the claim, and how the dashboard shows the rule from then on."""
    answer = {"id": "1", "points": 20, "points_text": "20 points", "due_at": due_at, "done": True, "limit": None}
    store.answers[f"POST me/earn/{rule_id}"] = (201, answer, {})
    me = store.answers["session"]["me"]
    after = {"done": True, "is_claimable": False, **state}
    earn = [{**one, **after} if one["id"] == rule_id else one for one in me["earn"]]
    store.answers["me"] = {**me, "earn": earn}


# What is shown -------------------------------------------------------------------------------------------------------


def test_every_rule_says_what_it_is_how_often_and_until_when(store: Store) -> None:
    """S4.4 to S4.6."""
    review = mine(
        "review", "Write a review", text="For each thing that you bought", limit_text="3 times a week",
        limit={"times": 3, "per": "week", "used": 2}, active_to="2026-12-31T23:00:00Z",
        button={"label": "To my orders", "url": f"{STORE}/orders"},
    )  # fmt: skip
    earns(store, review)
    open_at(store, "Earn points")
    shown = card(store, "Write a review")
    for text in ("20 points", "For each thing that you bought", "3 times a week · 1 of 3 left · Until Dec 31, 2026"):
        expect(shown).to_contain_text(text)
    expect(shown.get_by_role("link", name="To my orders")).to_have_attribute("href", f"{STORE}/orders")
    expect(card(store, "Complete an order").get_by_role("link", name="Purchase")).to_be_visible()


def test_a_rule_without_a_button_has_none(store: Store) -> None:
    earns(store, mine("event", "Come to our evening", button=None))
    open_at(store, "Earn points")
    expect(card(store, "Come to our evening").locator(".button")).to_have_count(0)


def test_what_multiplies_points_for_a_while_stands_first(store: Store) -> None:
    weekend = {"points_text": "2× points", "active_to": "2026-11-29T23:00:00Z", "button": None}
    earns(store, FOLLOW, mine("multiplier", "Double points weekend", **weekend))
    earn = open_at(store, "Earn points")
    first = earn.get_by_role("listitem").first
    for text in ("Double points weekend", "2× points", "Until Nov 29, 2026"):
        expect(first).to_contain_text(text)


def test_the_words_of_the_shop_are_text_and_not_markup(store: Store) -> None:
    odd = {"text": "<b>bold</b>", "limit_text": "<i>once</i>", "button": {"label": "<u>Go</u>", "url": "javascript:x"}}
    earns(store, mine("event", "<s>Title</s>", **odd))
    earn = open_at(store, "Earn points")
    expect(earn).to_contain_text("<b>bold</b>")
    expect(earn.locator("li :is(b, i, u, s)")).to_have_count(0)
    expect(card(store, "<s>Title</s>").get_by_role("link")).to_have_attribute("href", "#")


def test_a_visitor_is_led_to_sign_up_where_only_members_can_act(store: Store) -> None:
    earns(store, rule("follow", "Follow us on Facebook"), rule("birthday", "It is your birthday", button=None))
    store.answers["program"]["referral"] = {"enabled": True, "advocate_text": "100 points", "friend_text": "50 points"}
    open_at(store, "Earn points", identity=None, signup_url="/register")
    for title in ("Follow us on Facebook", "It is your birthday", "Bring a friend"):
        way = card(store, title).get_by_role("link", name="Sign up")
        expect(way).to_have_attribute("href", "/register")
    expect(card(store, "Bring a friend")).to_contain_text("100 points")
    expect(card(store, "Follow us on Facebook")).not_to_contain_text("your word")  # which nobody has given yet
    expect(tab(store, "Referral program")).to_have_count(0)


def test_points_that_only_the_friend_gets_are_not_promised_to_who_brings_them(store: Store) -> None:
    store.answers["program"]["referral"] = {"enabled": True, "advocate_text": None, "friend_text": "50 points"}
    open_at(store, "Earn points", identity=None)
    expect(card(store, "Bring a friend")).to_contain_text("50 points for your friend")


def test_a_member_is_led_from_here_to_the_referral_program(store: Store) -> None:
    store.answers["program"]["referral"] = {"enabled": True, "advocate_text": "100 points", "friend_text": None}
    store.answers["session"]["me"]["referral"] = {"enabled": True, "url": "https://points.example/r/ADA", "code": "ADA"}
    store.answers["me/referral"] = (500, {}, {})
    open_at(store, "Earn points")
    card(store, "Bring a friend").get_by_role("button", name="Invite").click()
    expect(tab(store, "Referral program")).to_have_attribute("aria-selected", "true")
    expect(tab(store, "Referral program")).to_be_focused()


# Claims --------------------------------------------------------------------------------------------------------------


def test_a_claim_opens_the_page_and_is_taken_at_its_word(store: Store) -> None:
    earns(store, FOLLOW)
    claimed(store, "follow")
    open_at(store, "Earn points")
    shown = card(store, "Follow us on Facebook")
    expect(shown).to_contain_text("We take your word for it")
    way = shown.get_by_role("link", name="Follow us")
    expect(way).to_have_attribute("rel", "noopener")
    expect(way).to_have_accessible_description("Follow us on Facebook 20 points We take your word for it")
    with store.page.context.expect_page() as opened:
        way.click()
    assert opened.value.url == FACEBOOK or opened.value.url in ("about:blank", "chrome-error://chromewebdata/")
    expect(shown).to_contain_text("Done")
    expect(store.page.get_by_role("dialog").get_by_role("status")).to_have_text("Thank you! 20 points noted.")
    assert [(path, body) for path, body, _ in store.posts[1:]] == [("me/earn/follow", {})]
    store.page.bring_to_front()
    expect(shown.locator(".done")).to_be_focused()


def test_points_that_come_later_say_when(store: Store) -> None:
    earns(store, {**FOLLOW, "button": {"label": "I did", "url": None}})
    claimed(store, "follow", due_at="2999-01-03T23:00:00Z")
    open_at(store, "Earn points")
    card(store, "Follow us on Facebook").get_by_role("button", name="I did").click()
    said = store.page.get_by_role("dialog").get_by_role("status")
    expect(said).to_have_text("Thank you! 20 points, yours on Jan 4, 2999.")


def test_it_looks_done_at_once_and_not_so_if_it_was_refused(store: Store) -> None:
    sentence = "You have claimed this already."
    earns(store, {**FOLLOW, "button": {"label": "I did", "url": None}})
    store.answers["POST me/earn/follow"] = refusal("already_claimed", sentence)
    open_at(store, "Earn points")
    shown = card(store, "Follow us on Facebook")
    store.page.route("**/me/earn/follow", lambda route: None)  # no answer yet
    shown.get_by_role("button", name="I did").click()
    expect(shown).to_contain_text("Done")
    store.page.unroute("**/me/earn/follow")
    store.page.keyboard.press("Escape")
    store.visit(identity="jwt")
    store.open()
    shown.get_by_role("button", name="I did").click()
    expect(shown).to_contain_text(sentence)
    expect(shown.get_by_role("button", name="I did")).to_be_focused()
    expect(shown).not_to_contain_text("Done")
    expect(store.page.get_by_role("dialog").get_by_role("status")).to_have_text(sentence)


@pytest.mark.parametrize("lost", [("lost", {}, {}), (500, {}, {})])
def test_a_claim_whose_answer_was_lost_may_be_made_again(store: Store, lost: Any) -> None:
    earns(store, {**FOLLOW, "button": {"label": "I did", "url": None}})
    claimed(store, "follow")
    after = store.answers["me"]
    store.answers["me"] = store.answers["session"]["me"]
    store.answers["POST me/earn/follow"] = [lost, store.answers["POST me/earn/follow"]]
    open_at(store, "Earn points")
    shown = card(store, "Follow us on Facebook")
    shown.get_by_role("button", name="I did").click()
    expect(shown).to_contain_text("We did not hear back")
    store.answers["me"] = after
    shown.get_by_role("button", name="I did").click()
    expect(shown).to_contain_text("Done")


def test_a_claim_of_which_only_the_answer_was_lost_is_known_to_be_made(store: Store) -> None:
    limit = {"times": 3, "per": "week", "used": 1}
    earns(store, {**FOLLOW, "limit": limit, "button": {"label": "I did", "url": None}})
    claimed(store, "follow", done=False, is_claimable=True, limit={**limit, "used": 2})
    store.answers["POST me/earn/follow"] = ("lost", {}, {})
    open_at(store, "Earn points")
    shown = card(store, "Follow us on Facebook")
    shown.get_by_role("button", name="I did").click()
    expect(store.page.get_by_role("dialog").get_by_role("status")).to_have_text("Thank you! 20 points noted.")
    expect(shown).to_contain_text("1 of 3 left")
    expect(shown).not_to_contain_text("We did not hear back")


def test_two_clicks_claim_once(store: Store) -> None:
    earns(store, {**FOLLOW, "button": {"label": "I did", "url": None}})
    claimed(store, "follow")
    open_at(store, "Earn points")
    card(store, "Follow us on Facebook").get_by_role("button", name="I did").dblclick()
    expect(store.page.get_by_role("dialog").get_by_role("status")).to_have_text("Thank you! 20 points noted.")
    assert len(store.posts[1:]) == 1


def test_a_claim_that_is_used_up_for_now_has_no_button(store: Store) -> None:
    used = {"times": 2, "per": "day", "used": 2}
    earns(store, mine("visit", "Look in every day", limit=used, limit_text="Twice a day", is_claimable=False))
    open_at(store, "Earn points")
    shown = card(store, "Look in every day")
    expect(shown).to_contain_text("Twice a day · 0 of 2 left")
    expect(shown.locator(".button")).to_have_count(0)


# The birthday --------------------------------------------------------------------------------------------------------


def ask_birthday(store: Store) -> Locator:
    open_at(store, "Earn points")
    card(store, "It is your birthday").get_by_role("button", name="Tell us when").click()
    asked = store.page.get_by_role("dialog", name="When is your birthday?")
    expect(asked).to_be_visible()
    return asked


def test_a_birthday_is_given_once_and_that_is_said(store: Store) -> None:
    earns(store, BIRTHDAY)
    claimed(store, "birthday", done=False, birthday_known=True)
    asked = ask_birthday(store)
    field = asked.get_by_label("Your birthday")
    once = "It can be given once and not changed here afterwards."
    expect(field).to_have_accessible_description(once)
    expect(asked).to_contain_text("Each year we have 20 points for you.")
    asked.get_by_role("button", name="Save").click()
    expect(field).to_be_focused()  # where the browser says that it is missing
    assert store.posts[1:] == []
    field.fill("1990-02-28")
    asked.get_by_role("button", name="Save").click()
    expect(step(store)).to_contain_text("Noted, thank you!")
    assert [(path, body) for path, body, _ in store.posts[1:]] == [("me/earn/birthday", {"birthday": "1990-02-28"})]
    step(store).get_by_role("button", name="Done").click()
    expect(card(store, "It is your birthday").get_by_role("button")).to_have_count(0)
    expect(card(store, "It is your birthday")).to_contain_text("Once a year")


def test_a_birthday_that_is_refused_keeps_what_was_typed(store: Store) -> None:
    sentence = "Your birthday is known already. Ask the shop if it is wrong."
    earns(store, BIRTHDAY)
    store.answers["POST me/earn/birthday"] = [("lost", {}, {}), refusal("already_known", sentence)]
    asked = ask_birthday(store)
    asked.get_by_label("Your birthday").fill("1990-02-28")
    asked.get_by_label("Your birthday").press("Enter")
    expect(step(store)).to_contain_text("We did not hear back")
    expect(step(store).get_by_label("Your birthday")).to_have_value("1990-02-28")
    step(store).get_by_role("button", name="Save").click()
    expect(step(store).get_by_role("alert")).to_have_text(sentence)
    store.page.keyboard.press("Escape")
    expect(step(store)).to_be_hidden()
    expect(card(store, "It is your birthday").get_by_role("button")).to_be_focused()


# For everybody -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["visitor", "member", "refused", "birthday", "kept"])
def test_every_state_is_accessible(store: Store, state: str) -> None:
    limit = {"times": 3, "per": "week", "used": 1}
    every = [
        mine("multiplier", "Double points weekend", points_text="2× points", button=None, active_to="2026-11-29T23:00:00Z"),
        {**FOLLOW, "text": "What this is about and why it is good to do", "limit_text": "Weekly", "limit": limit},
        BIRTHDAY,
        mine("newsletter", "Read our letters", done=True),
    ]  # fmt: skip
    earns(store, *every)
    claimed(store, "birthday", done=False, birthday_known=True)
    store.answers["program"]["referral"] = {"enabled": True, "advocate_text": "100 points", "friend_text": "50 points"}
    store.answers["session"]["me"]["referral"] = {"enabled": True, "url": "https://points.example/r/ADA", "code": "ADA"}
    store.answers["POST me/earn/follow"] = refusal("not_eligible", "For Gold members.")
    if state in ("birthday", "kept"):
        asked = ask_birthday(store)
        if state == "kept":
            asked.get_by_label("Your birthday").fill("1990-02-28")
            asked.get_by_role("button", name="Save").click()
            expect(step(store)).to_contain_text("Noted")
    else:
        open_at(store, "Earn points", identity=None if state == "visitor" else "jwt")
    if state == "refused":
        card(store, "Follow us on Facebook").get_by_role("link").click()
        expect(card(store, "Follow us on Facebook")).to_contain_text("For Gold members.")
        store.page.bring_to_front()
    assert flaws_on_screens(store) == []
