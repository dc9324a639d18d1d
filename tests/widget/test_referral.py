"""The tab Referral program: a member's own link, the ways to share it, and what became of each friend."""

from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.widget.conftest import Store
from tests.widget.rewarding import had, offer, open_at, panel, redemption, reward, tab
from tests.widget.test_redeem import flaws_on_screens, winter

LINK = "https://points.example/r/ADA7K2"
GIVES = {"enabled": True, "reward_when": "registered", "advocate_text": "100 points", "friend_text": "50 points"}

FRIENDS: list[dict[str, Any]] = [
    {"id": "5", "name": None, "state": "visited", "text": "Somebody followed your link.", "due_at": None},
    {
        "id": "4",
        "name": "Cleo",
        "state": "registered",
        "text": "Cleo joined. You get 100 points on 12/4.",
        "due_at": "2026-12-03T23:00:00Z",
    },
    {"id": "3", "name": "Dan", "state": "qualified", "text": "Dan placed an order.", "due_at": "2026-12-03T23:00:00Z"},
    {"id": "2", "name": "Bea", "state": "rewarded", "text": "Bea joined: 100 points for you.", "due_at": None},
    {"id": "1", "name": "<b>Eve</b>", "state": "rejected", "text": "Eve had an account before.", "due_at": None},
]


def referring(store: Store, *friends: dict[str, Any], **more: Any) -> None:
    """A shop with a referral program, and what the member's friends did."""
    store.answers["program"]["referral"] = GIVES
    store.answers["session"]["me"]["referral"] = {"enabled": True, "url": LINK, "code": "ADA7K2"}
    store.answers["me"] = store.answers["session"]["me"]
    rewarded = sum(one["state"] == "rewarded" for one in friends)
    store.answers["me/referral"] = {
        "url": LINK,
        "code": "ADA7K2",
        "share_text": "Maison Verte has lovely things. Join with my link:",
        "reward_when": "registered",
        "advocate": {"text": "100 points"},
        "friend": {"text": "50 points"},
        "counts": {"visited": 5, "registered": 1, "qualified": 2, "rewarded": rewarded, "rejected": 1},
        "earned_text": "100 points",
        "friends": [{"at": "2026-11-20T10:00:00Z", **one} for one in friends],
        "next": None,
        **more,
    }


def referral(store: Store) -> Locator:
    return open_at(store, "Referral program")


def test_it_stands_between_my_rewards_and_my_balance_for_members_of_such_a_program(store: Store) -> None:
    """S4.12."""
    store.visit(identity="jwt")
    store.open()
    expect(store.page.get_by_role("tab")).to_have_text(["Earn points", "My rewards", "My balance"])
    referring(store)
    store.visit(identity="jwt")
    store.open()
    expect(store.page.get_by_role("tab")).to_have_text(["Earn points", "My rewards", "Referral program", "My balance"])
    assert [call for call in store.calls() if "referral" in call] == []  # asked for when it is looked at
    store.visit()
    store.open()
    expect(tab(store, "Referral program")).to_have_count(0)


def test_the_link_is_there_to_be_read_copied_and_shared(store: Store) -> None:
    """S4.11, S4.13: and what each side gets, in one sentence."""
    referring(store)
    shown = referral(store)
    expect(shown.get_by_label("Your own link")).to_have_value(LINK)
    expect(shown.get_by_label("Your own link")).not_to_be_editable()
    expect(shown).to_contain_text(
        "Your friend gets 50 points, and you get 100 points. It counts as soon as they sign up."
    )
    mail = shown.get_by_role("link", name="E-mail").get_attribute("href")
    assert mail is not None
    assert mail.startswith("mailto:?subject=Something%20for%20you&body=Maison%20Verte")
    assert mail.endswith("r%2FADA7K2")
    expect(shown.get_by_role("link", name="WhatsApp")).to_have_attribute("rel", "noopener")


@pytest.mark.parametrize(
    ("sides", "when", "sentence"),
    [
        (
            {"advocate": {"text": "€5 off"}, "friend": {"text": None}},
            "first_order",
            "You get €5 off for each friend. It counts with their first order.",
        ),
        (
            {"advocate": {"text": None}, "friend": {"text": "€5 off"}},
            "every_order",
            "Your friend gets €5 off. It counts with every order they make.",
        ),
    ],
)
def test_what_one_side_gets_is_said_alone(store: Store, sides: Any, when: str, sentence: str) -> None:
    referring(store, reward_when=when, **sides)
    expect(referral(store)).to_contain_text(sentence)


def test_copying_says_so_to_all(store: Store) -> None:
    referring(store)
    store.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    shown = referral(store)
    shown.get_by_role("button", name="Copy").click()
    expect(shown.get_by_role("button", name="Copied")).to_be_focused()
    expect(store.page.get_by_role("dialog").get_by_role("status")).to_have_text("Link copied")
    assert store.page.evaluate("navigator.clipboard.readText()") == LINK


def test_where_pages_may_not_copy_the_link_is_marked_to_be_copied(store: Store) -> None:
    referring(store)
    shown = referral(store)
    store.page.evaluate("navigator.clipboard.writeText = () => Promise.reject(); document.execCommand = () => false")
    shown.get_by_role("button", name="Copy").click()
    expect(store.page.get_by_role("dialog").get_by_role("status")).to_have_text("Please copy the link by hand")
    marked = "document.querySelector('lagniappe-widget').shadowRoot.getElementById('link').selectionEnd"
    assert store.page.evaluate(marked) == len(LINK)


def test_a_phone_shares_by_its_own_sheet(store: Store) -> None:
    referring(store)
    store.page.add_init_script("navigator.share = async (what) => { window.shared = what }")
    shown = referral(store)
    expect(shown.get_by_role("link")).to_have_count(0)
    shown.get_by_role("button", name="Share").click()
    shared = store.page.evaluate("window.shared")
    assert shared == {"text": "Maison Verte has lovely things. Join with my link:", "url": LINK}


def test_who_changes_their_mind_about_sharing_is_told_nothing(store: Store) -> None:
    referring(store)
    store.page.add_init_script(
        "navigator.share = async () => { throw new DOMException('', window.why ?? 'AbortError') }"
    )
    shown = referral(store)
    shown.get_by_role("button", name="Share").click()
    said = store.page.get_by_role("dialog").get_by_role("status")
    expect(said).to_have_text("")
    store.page.evaluate("window.why = 'DataError'")
    shown.get_by_role("button", name="Share").click()
    expect(said).to_have_text("That did not work")


def test_each_friend_is_told_of_in_plain_words(store: Store) -> None:
    """S4.15: by state, in the server's sentences."""
    referring(store, *FRIENDS)
    shown = referral(store)
    rows = shown.get_by_role("listitem")
    expect(rows).to_have_count(5)
    expect(rows.nth(0)).to_have_text("Somebody followed your link.Nov 20, 2026")
    expect(rows.nth(1)).to_have_text("Cleo joined. You get 100 points on 12/4.Nov 20, 2026")
    expect(rows.nth(3)).to_have_text("Bea joined: 100 points for you.Nov 20, 2026")
    expect(rows.nth(4)).to_contain_text("<b>Eve</b>")
    expect(shown.locator(".counts")).to_have_text("Looked in5Joined4Rewarded1")
    expect(shown).to_contain_text("100 points so far. Thank you!")


def test_nobody_is_thanked_for_nothing(store: Store) -> None:
    referring(store, FRIENDS[0], earned_text="0 points")
    shown = referral(store)
    expect(shown).to_contain_text("Somebody followed your link.")
    expect(shown).not_to_contain_text("so far")


def test_no_friend_yet_is_an_invitation(store: Store) -> None:
    referring(store)
    shown = referral(store)
    expect(shown.get_by_role("heading", name="Who would love this shop?")).to_be_visible()
    expect(shown.locator(".counts")).to_have_count(0)


def test_more_friends_come_when_asked_for_and_focus_goes_to_them(store: Store) -> None:
    referring(store, *FRIENDS[:2], next="abc")
    shown = referral(store)
    more = shown.get_by_role("button", name="Show more")
    expect(more).to_be_visible()
    referring(store, *FRIENDS[2:])
    more.click()
    expect(shown.get_by_role("listitem")).to_have_count(5)
    expect(shown.get_by_role("listitem").nth(2)).to_be_focused()
    assert store.calls()[-1] == "me/referral?after=abc"


@pytest.mark.parametrize("trouble", [(500, {}, {}), ("lost", {}, {})])
def test_what_cannot_be_read_is_said_and_tried_again(store: Store, trouble: Any) -> None:
    referring(store)
    answer = store.answers["me/referral"]
    store.answers["me/referral"] = trouble
    shown = referral(store)
    expect(shown.get_by_role("heading", name="That did not work")).to_be_visible()
    store.answers["me/referral"] = answer
    shown.get_by_role("button", name="Try again").click()
    expect(shown.get_by_label("Your own link")).to_have_value(LINK)


def test_somebody_elses_link_is_never_shown(store: Store) -> None:
    referring(store, *FRIENDS)
    referral(store)
    store.page.keyboard.press("Escape")
    store.page.evaluate("document.querySelector('lagniappe-widget').setAttribute('identity', 'other')")
    store.answers["me/referral"] = ("late", {}, {})
    store.open()
    expect(panel(store, "Referral program").locator(".skeleton")).to_be_visible()
    expect(panel(store, "Referral program").locator("#link")).to_have_count(0)


def test_it_goes_by_keyboard_alone(store: Store) -> None:
    referring(store, *FRIENDS)
    shown = referral(store)
    stops = []
    for _ in range(6):
        store.page.keyboard.press("Tab")
        stops.append(
            store.page.evaluate(
                """() => {
                    const { activeElement } = document.querySelector("lagniappe-widget").shadowRoot;
                    return activeElement.id || activeElement.ariaLabel || activeElement.textContent.trim();
                }"""
            )
        )
    assert stops == ["panel-referral", "link", "copy-link", "E-mail", "WhatsApp", "Close"]
    expect(shown).to_be_visible()


@pytest.mark.parametrize("state", ["friends", "none", "trouble", "arabic"])
def test_every_state_is_accessible(store: Store, state: str) -> None:
    referring(store, *([] if state == "none" else FRIENDS), next="abc" if state == "friends" else None)
    if state == "trouble":
        store.answers["me/referral"] = (500, {}, {})
    if state == "arabic":
        open_at(store, "دعوة الأصدقاء", locale="ar")
    else:
        referral(store)
    assert flaws_on_screens(store) == []


# Beside the others -------------------------------------------------------------------------------------------------


LOOKS = """(panel) => [...panel.querySelectorAll("*")].map((part) => {
    const { x, width, height } = part.getBoundingClientRect();
    return [part.localName, part.getAttribute("class"), x, width, height, getComputedStyle(part).color].join(" ");
})"""
"""What of a tab a rule of another's style sheet would change."""


def test_a_tab_looks_the_same_after_the_others_have_been_seen(store: Store) -> None:
    """Each brings a style sheet of its own, for the whole panel."""
    candle = reward(7, "A candle", type="gift", sub_type=None)
    offer(store, candle, told=winter(candle), mine={"id": "1", "gifts": [candle], "used_points": 0, "taken": []})
    for kind in ("share", "visit", "review", "product"):
        rule = {**store.answers["program"]["earn"][0], "id": kind, "kind": kind}
        store.answers["program"]["earn"].append(rule)
        store.answers["session"]["me"]["earn"].append(rule)
    referring(store, *FRIENDS)
    had(store, redemption())
    open_at(store, "Redeem points")
    tabs = store.page.get_by_role("tab").all_inner_texts()
    before = {}
    for name in tabs:
        tab(store, name).click()
        expect(panel(store, name).locator(".skeleton")).to_have_count(0)
        before[name] = panel(store, name).evaluate(LOOKS)
    for name in tabs:
        tab(store, name).click()
        assert panel(store, name).evaluate(LOOKS) == before[name], name
