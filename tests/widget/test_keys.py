"""The whole widget without a mouse (WCAG 2.2: 2.1.1, 2.1.2, 2.4.3, 2.4.7, 2.4.11): every path is walked by keys alone, the
focus is never lost when what is shown changes, and where it is can be seen with every accent."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.gallery.texts import ACCENTS
from tests.gallery.world import everything, referral
from tests.widget.conftest import Store
from tests.widget.rewarding import redemption, step, tab

FOCUSED = """() => {
    const { activeElement } = document.querySelector("lagniappe-widget").shadowRoot;
    if (!activeElement) return null;
    const { id, textContent, ariaLabel, localName } = activeElement;
    return id || ariaLabel || textContent.trim() || localName;
}"""


@pytest.fixture
def keys(store: Store) -> Store:
    """A member with everything, the panel open by key, and the focus on its title."""
    everything(store)
    store.visit(identity="jwt")
    store.page.keyboard.press("Tab")
    press(store, "Enter")
    expect(store.page.get_by_text("Hello, Ada")).to_be_visible()
    assert focused(store) == "title"
    return store


def press(store: Store, *names: str) -> None:
    for name in names:
        store.page.keyboard.press(name)


def focused(store: Store) -> Any:
    return store.page.evaluate(FOCUSED)


def walk_to(store: Store, target: str, key: str = "Tab") -> None:
    """Press the Tab key until the focus is there."""
    seen = []
    for _ in range(60):
        press(store, key)
        seen.append(focused(store))
        if seen[-1] == target:
            return
    raise AssertionError(f"{target} is not among {seen}")


def choose(store: Store, tab_id: str) -> None:
    """By the arrows."""
    walk_to(store, focused_tab(store))
    for _ in range(6):
        if focused(store) == f"tab-{tab_id}":
            break
        press(store, "ArrowRight")
    assert focused(store) == f"tab-{tab_id}"
    expect(store.page.locator("[role=tabpanel]:not([hidden]) > .skeleton")).to_have_count(0)


def focused_tab(store: Store) -> str:
    chosen = store.page.locator("[role=tab][aria-selected=true]").get_attribute("id")
    assert chosen
    return chosen


def test_a_reward_is_redeemed_copied_and_given_back(keys: Store) -> None:
    keys.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    one = redemption()
    keys.answers["POST me/redemptions"] = (201, one, {})
    keys.answers["me/redemptions"] = {"items": [one], "next": None}
    choose(keys, "redeem")
    redeem = f"redeem-{1:024x}"
    walk_to(keys, redeem)
    press(keys, "Enter")
    assert focused(keys) == "step-title"
    walk_to(keys, "Not now")
    press(keys, "Enter")
    assert focused(keys) == redeem  # where it came from
    press(keys, "Enter")
    walk_to(keys, "Confirm")
    press(keys, "Enter")
    expect(step(keys).locator("code")).to_be_visible()
    assert focused(keys) == "step-title"
    walk_to(keys, "Copy")
    press(keys, "Enter")
    expect(keys.page.get_by_role("dialog", name="Rewards").get_by_role("status")).to_have_text("Copied")
    assert focused(keys) in ("Copy", "Copied")
    walk_to(keys, "My rewards")
    press(keys, "Enter")
    assert focused(keys) == "tab-rewards"

    keys.answers["POST me/redemptions/12/return"] = redemption(status="returned", can_return=False, code=None)
    walk_to(keys, "Give it back")
    press(keys, "Enter")
    assert focused(keys) == "step-title"
    press(keys, "Escape")
    expect(step(keys)).to_be_hidden()
    assert focused(keys) == "redemption-12"
    expect(keys.page.get_by_role("dialog", name="Rewards")).to_be_visible()
    walk_to(keys, "Give it back")
    press(keys, "Enter")
    keys.answers["me/redemptions"] = {"items": [keys.answers["POST me/redemptions/12/return"]], "next": None}
    walk_to(keys, "Give it back")
    press(keys, "Enter")
    expect(step(keys)).to_be_hidden()
    assert focused(keys) in ("redemption-12", "panel-rewards")


def test_a_friends_link_is_copied(keys: Store) -> None:
    keys.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    choose(keys, "referral")
    expect(keys.page.get_by_role("tabpanel").get_by_text("Bea").first).to_be_visible()
    walk_to(keys, "copy-link")
    press(keys, "Enter")
    expect(keys.page.get_by_role("dialog", name="Rewards").get_by_role("status")).not_to_have_text("")
    assert focused(keys) == "copy-link"
    assert keys.page.evaluate("navigator.clipboard.readText()") == referral()["url"]


def test_the_activity_is_filtered_and_opened(keys: Store) -> None:
    choose(keys, "balance")
    expect(keys.page.get_by_text("Order #1001").first).to_be_visible()
    select = keys.page.locator(".kind select")
    walk_to(keys, str(select.get_attribute("id")))
    with keys.page.expect_response("**/me/activity?kind=*"):
        press(keys, "ArrowDown")
    expect(keys.page.get_by_text("Order #1001").first).to_be_visible()
    assert focused(keys) == select.get_attribute("id")  # and not lost with what it has filtered
    summary = keys.page.locator("#entry-7 summary")
    for _ in range(20):
        press(keys, "Tab")
        if summary.evaluate("(one) => one === one.getRootNode().activeElement"):
            break
    press(keys, "Enter")
    expect(keys.page.locator("#entry-7 .why")).to_be_visible()


@pytest.mark.parametrize("tab_id", ["earn", "redeem", "rewards", "referral", "balance"])
def test_from_every_tab_escape_leads_back_to_the_launcher(keys: Store, tab_id: str) -> None:
    choose(keys, tab_id)
    press(keys, "Tab", "Tab", "Escape")
    expect(keys.page.get_by_role("dialog")).to_have_count(0)
    expect(keys.page.locator("[part=launcher]")).to_be_focused()


@pytest.mark.parametrize("tab_id", ["earn", "redeem", "rewards", "referral", "balance"])
def test_the_focus_stays_when_what_is_known_changes(keys: Store, tab_id: str) -> None:
    choose(keys, tab_id)
    press(keys, "Tab", "Tab")
    before = focused(keys)
    me = keys.answers["me"]
    keys.answers["me"] = {**me, "member": {**me["member"], "first_name": "Grace"}}
    keys.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(keys.page.get_by_text("Hello, Grace")).to_be_visible()
    assert focused(keys) == before


RING = """() => {
    const { activeElement } = document.querySelector("lagniappe-widget").shadowRoot;
    const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
    const light = (text) => rgb(text).slice(0, 3).map((c) => c / 255)
        .map((c) => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
    const ground = (one) => {
        for (; one; one = one.parentElement) {
            const color = getComputedStyle(one).backgroundColor;
            if ((rgb(color)[3] ?? 1) === 1) return color;
        }
        return "rgb(255, 255, 255)";
    };
    const { outlineStyle, outlineColor, outlineWidth } = getComputedStyle(activeElement);
    const [a, b] = [light(outlineColor), light(ground(activeElement.parentElement))].sort((x, y) => y - x);
    return { style: outlineStyle, width: parseFloat(outlineWidth), contrast: (a + .05) / (b + .05) };
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("accent", ACCENTS.values(), ids=ACCENTS)
def test_where_the_focus_is_can_be_seen_with_every_accent(store: Store, accent: str, scheme: Any) -> None:
    everything(store)
    store.answers["program"]["appearance"]["accent"] = accent
    store.page.emulate_media(color_scheme=scheme)
    store.visit(identity="jwt", look={"accent": accent})
    store.page.keyboard.press("Tab")
    press(store, "Enter")
    expect(store.page.get_by_text("Hello, Ada")).to_be_visible()
    tab(store, "Redeem points").press("Enter")
    expect(store.page.get_by_role("button", name="Redeem").first).to_be_visible()
    seen = []
    for _ in range(10):
        press(store, "Tab")
        ring = store.page.evaluate(RING)
        seen.append(focused(store))
        assert ring["style"] not in ("none", "hidden"), seen
        assert ring["width"] >= 2, seen
        assert ring["contrast"] >= 3, (seen, ring)
    assert len(set(seen)) > 5
