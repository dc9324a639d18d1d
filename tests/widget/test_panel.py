"""The panel: what a visitor and a member see, by pointer, keyboard and screen reader, on good days and bad ones."""

from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.axe import flaws
from tests.gallery.state import settle
from tests.widget.conftest import Store


def tab(store: Store, name: str) -> Locator:
    return store.page.get_by_role("tab", name=name, exact=True)


def shown(store: Store, name: str) -> Locator:
    return store.page.get_by_role("tabpanel", name=name, exact=True)


def focused(store: Store) -> Any:
    return store.page.evaluate(
        """() => {
            const { activeElement } = document.querySelector("lagniappe-widget").shadowRoot;
            return activeElement && (activeElement.id || activeElement.ariaLabel || activeElement.textContent.trim());
        }"""
    )


# What is shown -------------------------------------------------------------------------------------------------------


def test_a_visitor_can_sign_up_or_log_in_and_sees_every_way_to_earn(store: Store) -> None:
    """S4.1 to S4.6."""
    store.visit(signup_url="/register", login_url="/log-in")
    store.open()
    dialog = store.page.get_by_role("dialog", name="Rewards")
    expect(dialog.get_by_role("link", name="Sign up", exact=True).first).to_have_attribute("href", "/register")
    expect(dialog.get_by_role("link", name="Log in", exact=True)).to_have_attribute("href", "/log-in")
    rules = shown(store, "Earn points").get_by_role("listitem")
    expect(rules).to_have_count(2)
    purchase = rules.filter(has_text="Complete an order").get_by_role("link", name="Purchase")
    expect(purchase).to_have_attribute("href", "https://store.example/shop")
    expect(rules.filter(has_text="Create an account").get_by_role("link")).to_have_attribute("href", "/register")
    expect(shown(store, "Earn points").locator("em")).to_have_text("not")  # the merchant's own HTML
    expect(tab(store, "My balance")).to_have_count(0)


def test_a_member_sees_what_is_done(store: Store) -> None:
    store.visit(identity="jwt")
    store.open()
    expect(store.page.get_by_text("Hello, Ada")).to_be_visible()
    rules = shown(store, "Earn points").get_by_role("listitem")
    expect(rules.filter(has_text="Create an account")).to_contain_text("Done")
    expect(rules.get_by_role("link")).to_have_text(["Purchase"])


def test_the_balance_is_never_one_number(store: Store) -> None:
    """S4.16, S3.20."""
    store.visit(identity="jwt")
    store.open()
    tab(store, "My balance").click()
    balance = shown(store, "My balance")
    for text in (
        "120Available",
        "Pending30",
        "On hold20",
        "Order #1002",
        "Available from Dec 4, 2026",
        "+30",
        "Order #1003",
        "+45",
        "Use by Dec 31, 2027",
        "20\u00a0points set aside",
    ):
        expect(balance).to_contain_text(text)


def test_what_is_owed_is_explained(store: Store) -> None:
    store.answers["session"]["me"]["balance"].update(available=0, owed=-40)
    store.visit(identity="jwt")
    store.open()
    tab(store, "My balance").click()
    expect(shown(store, "My balance")).to_contain_text("40\u00a0points to make up")


def test_each_entry_opens_into_its_why(store: Store) -> None:
    """S4.17: the sum, the lines, the rule, the rounding, what was not counted, and the dates."""
    store.visit(identity="jwt")
    store.open()
    tab(store, "My balance").click()
    store.page.get_by_text("Order #1001").click()
    why = store.page.locator("details[open]")
    for text in (
        "€1,000.00 = 100\u00a0points",
        "Sofa",
        "× 2",
        "Delivery€5.00",
        "1\u00a0point for every €10",
        "Items before discounts",
        "RoundingDown",
        "Available fromNov 20, 2026",
        "Use byDec 31, 2027",
        "Available afterwards120\u00a0points",
    ):
        expect(why).to_contain_text(text)


@pytest.mark.parametrize("why", [{}, None, {"rule": "later", "note": "something new", "lines": None, "round": "odd"}])
def test_a_why_that_we_do_not_know_is_shown_as_far_as_it_goes(store: Store, why: Any) -> None:
    store.answers["me/activity"]["items"][0]["why"] = why
    store.visit(identity="jwt")
    store.open()
    tab(store, "My balance").click()
    store.page.get_by_text("Order #1001").click()
    expect(store.page.locator("details[open]")).to_contain_text("Available afterwards")


def test_more_activity_comes_when_asked_for_and_focus_goes_to_it(store: Store) -> None:
    first = store.answers["me/activity"]["items"][0]
    store.answers["me/activity"]["next"] = "abc"
    store.visit(identity="jwt")
    store.open()
    tab(store, "My balance").click()
    more = store.page.get_by_role("button", name="Show more")
    more.wait_for()
    store.answers["me/activity"] = {"items": [{**first, "id": "6", "title": "Order #0999"}], "next": None}
    more.click()
    expect(store.page.get_by_text("Order #0999")).to_be_visible()
    expect(more).to_have_count(0)
    expect(store.page.locator("summary:focus")).to_contain_text("Order #0999")
    assert store.calls()[-1] == "me/activity?after=abc"


def test_opening_costs_a_member_one_request(store: Store) -> None:
    store.visit(identity="jwt")
    with store.page.expect_response("**/program?locale=en"):
        store.page.get_by_role("button", name="Rewards").hover()
    before = len(store.calls())
    store.open()
    expect(store.page.get_by_text("Hello, Ada")).to_be_visible()
    assert store.calls()[before:] == ["wk_test/session"]
    store.page.keyboard.press("Escape")
    with store.page.expect_response("**/widget/v1/me"):
        store.open()
    assert store.calls()[before:] == ["wk_test/session", "me"]


def test_points_that_came_meanwhile_are_told(store: Store) -> None:
    store.visit(identity="jwt")
    store.open()
    expect(store.page.get_by_text("Hello, Ada")).to_be_visible()
    store.page.keyboard.press("Escape")
    store.answers["me"] = {**store.answers["me"], "balance": {**store.answers["me"]["balance"], "available": 220}}
    store.open()
    expect(store.page.get_by_role("dialog").get_by_role("status")).to_have_text("100\u00a0points added")
    expect(store.page.get_by_role("dialog")).to_contain_text("220 points")


def test_a_page_that_is_looked_at_again_brings_the_panel_up_to_date(store: Store) -> None:
    store.visit(identity="jwt")
    store.open()
    expect(store.page.get_by_text("Hello, Ada")).to_be_visible()
    store.answers["me"] = {**store.answers["me"], "member": {"id": "1", "first_name": "Grace"}}
    store.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(store.page.get_by_text("Hello, Grace")).to_be_visible()


def test_somebody_who_logs_in_without_leaving_the_page_is_shown_at_the_next_opening(store: Store) -> None:
    store.visit()
    store.open()
    expect(tab(store, "My balance")).to_have_count(0)
    store.page.keyboard.press("Escape")
    store.page.evaluate("document.querySelector('lagniappe-widget').setAttribute('identity', 'jwt')")
    store.open()
    expect(store.page.get_by_text("Hello, Ada")).to_be_visible()
    store.page.keyboard.press("Escape")
    store.page.evaluate("document.querySelector('lagniappe-widget').removeAttribute('identity')")
    store.open()
    expect(store.page.get_by_role("dialog").get_by_role("link", name="Log in")).to_be_visible()
    expect(store.page.get_by_text("Hello, Ada")).to_have_count(0)


def test_a_name_is_text_and_not_markup(store: Store) -> None:
    store.answers["session"]["me"]["member"]["first_name"] = "<img src=x onerror=alert(1)>"
    store.visit(identity="jwt")
    store.open()
    expect(store.page.get_by_text("Hello, <img src=x onerror=alert(1)>")).to_be_visible()


def test_the_words_are_those_of_the_page(store: Store) -> None:
    store.visit(identity="jwt", locale="de-CH")
    store.page.get_by_role("button", name="Rewards").click()
    expect(tab(store, "Mein Guthaben")).to_be_visible()
    loaded = [url.partition("/locales/")[2] for url in store.requests if "/locales/" in url]
    assert loaded == ["de.json"]  # one language, and only one; the words of a tab come with the tab
    tab(store, "Mein Guthaben").click()
    expect(shown(store, "Mein Guthaben")).to_contain_text("Verlauf")
    loaded = [url.partition("/locales/")[2] for url in store.requests if "/locales/" in url]
    assert loaded == ["de.json", "balance/de.json"]
    assert "wk_test/program?locale=de-CH" in store.calls()


# Keyboard ------------------------------------------------------------------------------------------------------------


def test_focus_goes_in_stays_in_and_comes_back(store: Store) -> None:
    store.visit(identity="jwt")
    store.page.keyboard.press("Tab")
    store.page.keyboard.press("Enter")
    dialog = store.page.get_by_role("dialog", name="Rewards")
    expect(dialog).to_be_visible()
    expect(store.page.get_by_role("link", name="Purchase")).to_be_visible()
    assert focused(store) == "title"
    stops = []
    for _ in range(7):
        store.page.keyboard.press("Tab")
        stops.append(focused(store))
    assert stops == ["Close", "tab-earn", "panel-earn", "Purchase", "Close", "tab-earn", "panel-earn"]
    store.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert focused(store) == "Rewards"
    expect(store.page.get_by_role("button", name="Rewards")).to_have_attribute("aria-expanded", "false")


def test_the_tabs_are_all_there_while_everything_is_on_its_way(store: Store) -> None:
    """So that none comes in between when it is known: the loader says whether members bring friends here."""
    never: tuple[str, None, dict[str, str]] = ("late", None, {})
    store.answers |= {"program": never, "session": never}
    store.visit(identity="jwt", look={"referral": {"enabled": True}})
    store.page.locator("[part=launcher]").click()
    expect(store.page.get_by_role("tab")).to_have_text(
        ["Earn points", "Redeem points", "My rewards", "Referral program", "My balance"]
    )


def test_tabs_move_by_arrows_home_and_end(store: Store) -> None:
    store.visit(identity="jwt")
    store.open()
    tab(store, "Earn points").focus()
    for key, chosen in (
        ("ArrowRight", "My rewards"),
        ("ArrowRight", "My balance"),
        ("ArrowRight", "Earn points"),
        ("ArrowLeft", "My balance"),
        ("Home", "Earn points"),
        ("End", "My balance"),
    ):
        store.page.keyboard.press(key)
        expect(tab(store, chosen)).to_be_focused()
        expect(tab(store, chosen)).to_have_attribute("aria-selected", "true")
        expect(shown(store, chosen)).to_be_visible()
        expect(store.page.locator("[role=tab][tabindex='0']")).to_have_count(1)


def test_a_click_beside_the_panel_puts_it_away(store: Store) -> None:
    store.visit()
    store.open()
    store.page.mouse.click(200, 300)
    expect(store.page.get_by_role("dialog", name="Rewards")).to_be_hidden()


# Bad days ------------------------------------------------------------------------------------------------------------


def test_a_server_in_trouble_is_said_and_tried_again(store: Store) -> None:
    program = store.answers["program"]
    store.answers["program"] = (500, {}, {})
    store.visit()
    store.open()
    expect(store.page.get_by_role("heading", name="That did not work")).to_be_visible()
    store.answers["program"] = program
    store.page.get_by_role("button", name="Try again").click()
    expect(store.page.get_by_role("link", name="Purchase")).to_be_visible()


def test_activity_that_cannot_be_read_is_said_and_tried_again(store: Store) -> None:
    activity = store.answers["me/activity"]
    store.answers["me/activity"] = (500, {}, {})
    store.visit(identity="jwt")
    store.open()
    tab(store, "My balance").click()
    balance = shown(store, "My balance")
    expect(balance.locator(".activity")).to_have_text(
        "ActivityThat did not workThe program cannot be reached right now. Your points are safe.Try again"
    )
    store.answers["me/activity"] = activity
    balance.get_by_role("button", name="Try again").click()
    expect(balance).to_contain_text("Order #1001")


def test_a_tab_that_cannot_be_loaded_is_tried_again(store: Store) -> None:
    store.visit(identity="jwt")
    store.open()
    store.page.route("**/styles/balance.css", lambda route: route.abort())
    tab(store, "My balance").click()
    expect(shown(store, "My balance").get_by_role("heading", name="That did not work")).to_be_visible()
    store.page.unroute("**/styles/balance.css")
    store.page.get_by_role("button", name="Try again").click()
    expect(shown(store, "My balance")).to_contain_text("Order #1001")


def test_a_page_that_takes_the_widget_away_and_puts_it_back_keeps_it_working(store: Store) -> None:
    store.visit()
    store.open()
    store.page.evaluate("document.body.append(document.querySelector('lagniappe-widget'))")
    expect(store.page.get_by_role("dialog", name="Rewards")).to_be_hidden()
    store.open()
    store.page.keyboard.press("Escape")
    expect(store.page.get_by_role("dialog", name="Rewards")).to_be_hidden()


def test_an_identity_that_has_expired_asks_for_a_fresh_page(store: Store) -> None:
    store.answers["session"] = (401, {}, {})
    store.visit(identity="jwt")
    store.open()
    expect(store.page.get_by_role("button", name="Reload the page")).to_be_visible()


def test_a_session_that_has_expired_is_begun_anew_unseen(store: Store) -> None:
    store.visit(identity="jwt")
    store.open()
    expect(store.page.get_by_text("Hello, Ada")).to_be_visible()
    store.page.keyboard.press("Escape")
    store.answers["me"] = (401, {}, {})
    with store.page.expect_response("**/session"):
        store.open()
    expect(store.page.get_by_text("Hello, Ada")).to_be_visible()
    assert store.calls()[-2:] == ["me", "wk_test/session"]


def test_too_many_requests_wait_as_long_as_the_server_says(store: Store) -> None:
    program = store.answers["program"]
    store.answers["program"] = (429, {}, {"Retry-After": "1"})
    store.visit()
    store.open()
    expect(store.page.get_by_text("Trying again in a second")).to_be_visible()
    store.answers["program"] = program
    expect(store.page.get_by_role("link", name="Purchase")).to_be_visible()


def test_what_is_known_stays_on_view_when_the_network_goes(store: Store) -> None:
    store.visit(identity="jwt")
    store.open()
    expect(store.page.get_by_text("Hello, Ada")).to_be_visible()
    store.page.keyboard.press("Escape")
    store.answers["me"] = ("lost", {}, {})
    store.open()
    expect(store.page.get_by_text("That did not work")).to_be_visible()
    expect(store.page.get_by_text("Hello, Ada")).to_be_visible()
    expect(store.page.get_by_role("link", name="Purchase")).to_be_visible()


def test_a_program_that_was_switched_off_says_that_nothing_is_lost(store: Store) -> None:
    store.answers["program"]["program"]["enabled"] = False
    store.answers["program"]["earn"] = []
    store.visit()
    store.open()
    expect(store.page.get_by_role("heading", name="The program is taking a break")).to_be_visible()


# For everybody -------------------------------------------------------------------------------------------------------

STATES: dict[str, dict[str, Any]] = {
    "visitor": {},
    "member": {"identity": "jwt"},
    "balance": {"identity": "jwt", "tab": "My balance"},
    "unfolded": {"identity": "jwt", "tab": "My balance", "unfold": True},
    "new member": {
        "identity": "jwt",
        "tab": "My balance",
        "balance": {"available": 0, "pending": [], "on_hold": 0},
        "activity": [],
    },
    "owing": {"identity": "jwt", "tab": "My balance", "balance": {"available": 0, "owed": -40}},
    "expired": {"identity": "jwt", "session": (401, {}, {})},
    "in trouble": {"program": (500, {}, {})},
    "yellow": {"identity": "jwt", "tab": "My balance", "accent": "#ffd400"},
    "white": {"accent": "#ffffff"},
}


@pytest.mark.parametrize("state", STATES)
def test_every_state_is_accessible(store: Store, state: str) -> None:
    """WCAG 2.2 AA as far as a program can tell, in light and in dark, on a narrow phone and on a desk."""
    told = STATES[state]
    store.answers["session"]["me"]["balance"].update(told.get("balance", {}))
    store.answers["program"]["appearance"]["accent"] = told.get("accent", "#2e5e4e")
    for name in ("session", "program"):
        store.answers[name] = told.get(name, store.answers[name])
    if "activity" in told:
        store.answers["me/activity"]["items"] = told["activity"]
    store.visit(look={"accent": told.get("accent", "#2e5e4e"), "ink": "#000000" if "accent" in told else "#ffffff"}, **{
        name: told[name] for name in ("identity",) if name in told
    })  # fmt: skip
    store.open()
    settle(store)
    if "tab" in told:
        tab(store, told["tab"]).click()
        store.page.get_by_role("heading", name="Activity").wait_for()
        settle(store)
    if "unfold" in told:
        store.page.get_by_text("Order #1001").click()
    for scheme, width in (("light", 1280), ("light", 320), ("dark", 320)):
        store.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        store.page.set_viewport_size({"width": width, "height": 800})
        assert flaws(store.page) == []
        scroll = store.page.locator(".scroll")
        sideways = scroll.evaluate("(element) => element.scrollWidth - element.clientWidth")
        assert sideways <= 0  # WCAG 1.4.10
