"""The tab Redeem points: what can be had, the step in which it is had, and points as money for the cart at hand."""

import json
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.axe import flaws
from tests.gallery.state import settle
from tests.journeys.running import wait_until
from tests.widget.conftest import STORE, Store
from tests.widget.rewarding import (
    CASHBACK,
    FIVE_OFF,
    MUG,
    TEN_PERCENT,
    card,
    cashback,
    credit,
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
    too_dear,
)

SENTENCE = "You must have 380 more points to get reward"
FIVE = {"kind": "fixed_amount", "value": "5.00", "minimum_subtotal": None}
TEN = {"kind": "percentage", "value": "10", "minimum_subtotal": None}
ASK = {"id": "source", "name": "Where did you hear of us?", "type": "Text", "mandatory": True}
QUOTE = {"campaign": {"id": CASHBACK, "point_value": "2"}, "max_points": 50}


def bought(store: Store, available: int = 20, **more: Any) -> None:
    """What the server answers to somebody who redeems €5 off."""
    me = store.answers["session"]["me"]
    store.answers["POST me/redemptions"] = (201, redemption(**more), {})
    had(store, redemption(**more))
    store.answers["me"] = {**me, "balance": {**me["balance"], "available": available}}


def keys_sent(store: Store, path: str = "me/redemptions") -> list[str | None]:
    return [key for to, _, key in store.posts if to == path]


# What is shown -------------------------------------------------------------------------------------------------------


def test_every_reward_says_what_it_is_and_what_it_costs(store: Store) -> None:
    """S4.7, S4.8."""
    more = {
        "value_text": "€5",
        "description_html": "<p>From <b>€20</b> on</p>",
        "brand": {"name": "Limoges & Sons", "description_html": None, "image_url": None},
        "more_info_url": "https://store.example/gifts",
    }
    offer(store, reward(1, "€5 off", **more), reward(4, "A mug", type="gift", sub_type=None, image_url="/mug.png"))
    redeem = open_at(store, "Redeem points")
    expect(redeem.get_by_role("listitem")).to_have_count(2)
    five = card(store, "€5 off")
    for text in ("100 points", "€5", "Limoges & Sons"):
        expect(five).to_contain_text(text)
    expect(five.locator(".about b")).to_have_text("€20")  # the merchant's own HTML
    expect(five.get_by_role("link", name="More about it")).to_have_attribute("href", "https://store.example/gifts")
    expect(card(store, "A mug").locator("img")).to_have_attribute("src", "/mug.png")
    expect(five.get_by_role("button", name="Redeem")).to_have_accessible_description("€5 off")


def test_the_brand_is_shown_by_its_image_where_the_card_has_none_of_its_own(store: Store) -> None:
    """S0.35."""
    brand = {"name": None, "description_html": None, "image_url": "/brand.png"}
    offer(store, reward(1, "€5 off", brand=brand), reward(4, "A mug", brand=brand, image_url="/mug.png"))
    open_at(store, "Redeem points")
    expect(card(store, "€5 off").locator("img")).to_have_attribute("src", "/brand.png")
    expect(card(store, "A mug").locator("img")).to_have_attribute("src", "/mug.png")
    expect(card(store, "€5 off").locator(".cost")).to_have_text("100 points")  # no dot before a name that there is not


def test_a_reward_that_costs_too_much_says_how_many_points_are_missing(store: Store) -> None:
    """S1.6, S1.7: greyed out and disabled, with the exact sentence, which is there for everybody to read."""
    offer(store, too_dear(2, "10 % off", cost=500, missing=380))
    open_at(store, "Redeem points")
    shown = card(store, "10 % off")
    expect(shown.get_by_text(SENTENCE, exact=True)).to_be_visible()
    button = shown.get_by_role("button", name="Redeem")
    expect(button).to_be_disabled()
    expect(button).to_have_accessible_description(f"10 % off {SENTENCE}")
    bar = shown.get_by_role("progressbar", name="10 % off")
    expect(bar).to_have_attribute("value", "120")
    expect(bar).to_have_attribute("max", "500")
    expect(shown).to_contain_text("120 of 500\u00a0points")


@pytest.mark.parametrize("sentence", ["All of these are gone.", "You have had this one already.", "For Gold members."])
def test_whatever_else_stands_in_the_way_is_said(store: Store, sentence: str) -> None:
    offer(store, reward(1, "€5 off", redeemable=False, message=sentence))
    open_at(store, "Redeem points")
    button = card(store, "€5 off").get_by_role("button", name="Redeem")
    expect(button).to_be_disabled()
    expect(button).to_have_accessible_description(f"€5 off {sentence}")
    expect(card(store, "€5 off").get_by_role("progressbar")).to_have_count(0)


def test_a_sentence_of_the_server_is_text_and_not_markup(store: Store) -> None:
    offer(store, reward(1, "<i>€5</i> off", redeemable=False, message="Not <b>yet</b>", value_text="<u>5</u>"))
    redeem = open_at(store, "Redeem points")
    expect(redeem.get_by_text("Not <b>yet</b>", exact=True)).to_be_visible()
    expect(redeem.locator("li :is(i, u, p b)")).to_have_count(0)


def test_cashback_is_explained_and_has_no_button(store: Store) -> None:
    """S0.44."""
    offer(store, cashback())
    redeem = open_at(store, "Redeem points")
    expect(redeem).to_contain_text("Pay with points at checkout: 1\u00a0point is worth €2.")
    expect(redeem.get_by_role("button")).to_have_count(0)


def test_a_visitor_sees_the_rewards_and_is_led_to_sign_up(store: Store) -> None:
    offer(store, reward(1, "€5 off"), cashback())
    redeem = open_at(store, "Redeem points", identity=None, signup_url="/register")
    expect(card(store, "€5 off").get_by_role("link", name="Sign up")).to_have_attribute("href", "/register")
    expect(redeem.get_by_role("button")).to_have_count(0)
    expect(redeem.get_by_role("progressbar")).to_have_count(0)
    expect(store.page.get_by_role("tab")).to_have_text(["Earn points", "Redeem points"])


def test_the_tabs_stand_in_the_order_of_the_contract_and_redeem_only_if_there_is_something(store: Store) -> None:
    store.visit(identity="jwt")
    store.open()
    expect(store.page.get_by_role("tab")).to_have_text(["Earn points", "My rewards", "My balance"])
    offer(store, reward(1, "€5 off"))
    store.visit(identity="jwt")
    store.open()
    expect(store.page.get_by_role("tab")).to_have_text(["Earn points", "Redeem points", "My rewards", "My balance"])


@pytest.mark.parametrize(
    ("cart", "best"),
    [
        ("20.00", "€5 off"),  # more than 10 % of it
        ("90.00", "10 % off"),
        ("200.00", None),  # €30 off, but only from €300 on; 20 € off costs too much
    ],
)
def test_the_reward_that_takes_most_off_the_cart_is_marked(store: Store, cart: str, best: str | None) -> None:
    thirty = {"kind": "fixed_amount", "value": "30.00", "minimum_subtotal": "300.00"}
    twenty = {"kind": "fixed_amount", "value": "90.00", "minimum_subtotal": None}
    best = best or "10 % off"
    offer(
        store,
        reward(1, "€5 off", discount=FIVE),
        reward(2, "10 % off", discount=TEN),
        reward(5, "€30 off", discount=thirty),
        too_dear(6, "€90 off", cost=500, missing=380, discount=twenty),
    )
    redeem = open_at(store, "Redeem points", cart_total=cart)
    expect(redeem.get_by_text("Best for this cart")).to_have_count(1)
    expect(card(store, best)).to_contain_text("Best for this cart")


@pytest.mark.parametrize(("total", "currency"), [("", "EUR"), ("0", "EUR"), ("nonsense", "EUR"), ("100.00", "JPY")])
def test_without_a_cart_in_our_currency_nothing_is_best_for_it(store: Store, total: str, currency: str) -> None:
    offer(store, reward(1, "€5 off", discount=FIVE), cashback())
    redeem = open_at(store, "Redeem points", cart_total=total, cart_currency=currency)
    expect(redeem.get_by_text("Best for this cart")).to_have_count(0)
    expect(redeem.get_by_role("slider")).to_have_count(0)


# The step ------------------------------------------------------------------------------------------------------------


def test_a_reward_is_redeemed_after_it_was_confirmed(store: Store) -> None:
    """S4.8: a code to copy, the way to use it, and everything up to date."""
    offer(store, reward(1, "€5 off"))
    bought(store)
    open_at(store, "Redeem points")
    store.page.evaluate("document.addEventListener('lagniappe:redeemed', ({ detail }) => (window.told = detail))")
    card(store, "€5 off").get_by_role("button", name="Redeem").click()
    confirm = store.page.get_by_role("dialog", name="Spend 100 points on €5 off?")
    expect(confirm).to_contain_text("Do you wish to confirm?")
    assert store.posts[1:] == []  # after the session: nothing yet
    confirm.get_by_role("button", name="Confirm").click()
    done = store.page.get_by_role("dialog", name="€5 off is yours")
    expect(done.locator("code")).to_have_text("LGN-7F3K-Q2M8-0012")
    expect(done.get_by_role("link", name="Use it now")).to_have_attribute(
        "href", f"{STORE}/discount/LGN-7F3K-Q2M8-0012"
    )
    expect(done).to_contain_text("you can give it back in My rewards")
    (path, body, key) = store.posts[1]
    assert (path, body) == ("me/redemptions", {"reward_id": FIVE_OFF, "attributes": {}})
    assert key
    assert store.page.evaluate("window.told.code") == "LGN-7F3K-Q2M8-0012"
    expect(store.page.get_by_role("dialog", name="Rewards").locator("#head")).to_contain_text("20 points")
    done.get_by_role("button", name="My rewards").click()
    expect(panel(store, "My rewards")).to_contain_text("€5 off")


def test_the_merchants_own_words_are_shown_before_and_after(store: Store) -> None:
    """S2.5 to S2.29: confirmation and post-confirmation HTML."""
    words = "<p>{{points}} for <u>{{reward_name}}</u>, only <em>in May</em>.</p>"
    offer(store, reward(1, "€5 <b>off</b>", confirmation_html=words))
    bought(store, post_confirmation_html="<p>Show <b>LGN-7F3K</b> at the till.</p>")
    open_at(store, "Redeem points")
    card(store, "€5 <b>off</b>").get_by_role("button", name="Redeem").click()
    expect(step(store).locator("em")).to_have_text("in May")
    expect(step(store).locator("u")).to_have_text("€5 <b>off</b>")  # a name is text, here too
    expect(step(store)).to_contain_text("100 for")
    expect(step(store)).not_to_contain_text("Do you wish to confirm?")
    store.page.get_by_role("button", name="Confirm").click()
    expect(step(store).locator(".prose b")).to_have_text("LGN-7F3K")


def test_what_the_merchant_asks_for_is_asked_and_sent(store: Store) -> None:
    """S2.28."""
    optional = {"id": "when", "name": "When?", "type": "Date", "mandatory": False}
    offer(store, reward(1, "€5 off", attributes=[ASK, optional]))
    bought(store)
    open_at(store, "Redeem points")
    card(store, "€5 off").get_by_role("button", name="Redeem").click()
    store.page.get_by_role("button", name="Confirm").click()
    field = step(store).get_by_label("Where did you hear of us? required")
    expect(field).to_be_focused()  # where the browser says what is missing
    assert keys_sent(store) == []
    field.fill("A friend")
    store.page.get_by_role("button", name="Confirm").click()
    expect(step(store)).to_contain_text("€5 off is yours")
    assert store.posts[1][1] == {"reward_id": FIVE_OFF, "attributes": {"source": "A friend"}}


def test_yes_or_no_is_chosen_and_a_number_may_have_decimals(store: Store) -> None:
    """S2.28: the four types of what is asked, as the server takes them."""
    asked = [
        {"id": "wrapped", "name": "Wrapped?", "type": "Boolean", "mandatory": True},
        {"id": "news", "name": "News?", "type": "Boolean", "mandatory": False},
        {"id": "size", "name": "Size", "type": "Number", "mandatory": False},
    ]
    offer(store, reward(1, "€5 off", attributes=asked))
    bought(store)
    open_at(store, "Redeem points")
    card(store, "€5 off").get_by_role("button", name="Redeem").click()
    store.page.get_by_role("button", name="Confirm").click()
    wrapped = step(store).get_by_label("Wrapped? required")
    expect(wrapped).to_be_focused()
    wrapped.select_option("No")
    step(store).get_by_label("Size").fill("42.5")
    store.page.get_by_role("button", name="Confirm").click()
    expect(step(store)).to_contain_text("€5 off is yours")
    assert store.posts[1][1] == {"reward_id": FIVE_OFF, "attributes": {"wrapped": "False", "size": "42.5"}}


def test_it_goes_by_keyboard_alone(store: Store) -> None:
    offer(store, reward(1, "€5 off", attributes=[ASK]))
    bought(store, available=120)
    redeem = open_at(store, "Redeem points")
    keyboard = store.page.keyboard
    for _ in range(2):
        keyboard.press("Tab")  # the tab's panel, then its first button
    button = redeem.get_by_role("button", name="Redeem")
    expect(button).to_be_focused()
    keyboard.press("Enter")
    title = step(store).get_by_role("heading")
    expect(title).to_be_focused()
    stops = []
    for _ in range(4):
        keyboard.press("Tab")
        stops.append(store.page.evaluate(FOCUSED))
    assert stops == ["ask-source", "Not now", "Confirm", "ask-source"]  # nothing behind it
    keyboard.type("A friend")
    keyboard.press("Enter")
    expect(title).to_have_text("€5 off is yours")
    expect(title).to_be_focused()
    keyboard.press("Escape")
    expect(step(store)).to_be_hidden()
    expect(button).to_be_focused()


FOCUSED = """() => {
    const { activeElement } = document.querySelector("lagniappe-widget").shadowRoot;
    return activeElement && (activeElement.id || activeElement.textContent.trim());
}"""


def test_escape_puts_off_the_step_and_then_the_panel(store: Store) -> None:
    offer(store, reward(1, "€5 off"))
    redeem = open_at(store, "Redeem points")
    redeem.get_by_role("button", name="Redeem").click()
    expect(step(store)).to_be_visible()
    store.page.keyboard.press("Escape")
    expect(step(store)).to_be_hidden()
    expect(redeem.get_by_role("button", name="Redeem")).to_be_focused()
    store.page.keyboard.press("Escape")
    expect(store.page.get_by_role("dialog", name="Rewards")).to_be_hidden()


def test_not_now_and_a_click_beside_it_put_it_off_and_nothing_is_sent(store: Store) -> None:
    offer(store, reward(1, "€5 off"))
    redeem = open_at(store, "Redeem points")
    redeem.get_by_role("button", name="Redeem").click()
    step(store).get_by_role("button", name="Not now").click()
    expect(step(store)).to_be_hidden()
    redeem.get_by_role("button", name="Redeem").click()
    store.page.locator(".step").click(position={"x": 20, "y": 20})
    expect(step(store)).to_be_hidden()
    assert keys_sent(store) == []


def test_the_focus_stays_in_the_tab_if_the_button_can_no_longer_be_pressed(store: Store) -> None:
    offer(store, reward(1, "€5 off"))
    bought(store)
    store.answers["me"]["rewards"] = [too_dear(1, "€5 off", cost=100, missing=80)]
    redeem = open_at(store, "Redeem points")
    redeem.get_by_role("button", name="Redeem").click()
    store.page.get_by_role("button", name="Confirm").click()
    expect(redeem.get_by_role("button", name="Redeem", include_hidden=True)).to_be_disabled()
    step(store).get_by_role("button", name="Done").click()
    expect(redeem).to_be_focused()


# Nothing is bought twice ---------------------------------------------------------------------------------------------


def test_a_lost_answer_and_a_second_click_buy_it_once(store: Store) -> None:
    offer(store, reward(1, "€5 off", attributes=[ASK]))
    bought(store)
    won = store.answers["POST me/redemptions"]
    store.answers["POST me/redemptions"] = [("lost", {}, {}), (503, {}, {}), won]
    open_at(store, "Redeem points")
    card(store, "€5 off").get_by_role("button", name="Redeem").click()
    step(store).get_by_label("Where").fill("A friend")
    step(store).get_by_role("button", name="Confirm").click()
    expect(step(store)).to_contain_text("nothing is taken twice")
    expect(step(store).get_by_role("heading")).to_be_focused()
    step(store).get_by_role("button", name="Try again").click()
    expect(step(store)).to_contain_text("nothing is taken twice")
    step(store).get_by_role("button", name="Not now").click()
    card(store, "€5 off").get_by_role("button", name="Redeem").click()  # it is still not known
    step(store).get_by_role("button", name="Try again").click()
    expect(step(store)).to_contain_text("€5 off is yours")
    keys = keys_sent(store)
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert len({json.dumps(body) for _, body, _ in store.posts[1:]}) == 1  # the same request, word for word


def test_another_attempt_has_another_key(store: Store) -> None:
    offer(store, reward(1, "€5 off"))
    bought(store, available=120)
    open_at(store, "Redeem points")
    for _ in range(2):
        card(store, "€5 off").get_by_role("button", name="Redeem").click()
        step(store).get_by_role("button", name="Confirm").click()
        step(store).get_by_role("button", name="Done").click()
    keys = keys_sent(store)
    assert len(keys) == len(set(keys)) == 2


def test_a_browser_without_random_uuids_makes_keys_all_the_same(store: Store) -> None:
    store.page.add_init_script("delete Crypto.prototype.randomUUID")
    offer(store, reward(1, "€5 off"))
    bought(store)
    open_at(store, "Redeem points")
    card(store, "€5 off").get_by_role("button", name="Redeem").click()
    step(store).get_by_role("button", name="Confirm").click()
    expect(step(store)).to_contain_text("€5 off is yours")
    (key,) = keys_sent(store)
    assert key is not None
    assert len(key) >= 32


def test_two_quick_clicks_are_one(store: Store) -> None:
    offer(store, reward(1, "€5 off"))
    bought(store)
    open_at(store, "Redeem points")
    card(store, "€5 off").get_by_role("button", name="Redeem").click()
    step(store).get_by_role("button", name="Confirm").evaluate("(button) => { button.click(); button.click() }")
    expect(step(store)).to_contain_text("€5 off is yours")
    assert len(keys_sent(store)) == 1


# Not this time -------------------------------------------------------------------------------------------------------


def test_what_the_server_refuses_is_said_in_its_words_and_the_balance_is_looked_at_anew(store: Store) -> None:
    offer(store, reward(1, "€5 off"))
    bought(store, available=60)
    detail = "You must have 40 more points to get <b>reward</b>"
    store.answers["POST me/redemptions"] = refusal("not_enough_points", detail)
    redeem = open_at(store, "Redeem points")
    card(store, "€5 off").get_by_role("button", name="Redeem").click()
    step(store).get_by_role("button", name="Confirm").click()
    expect(step(store).get_by_text(detail, exact=True)).to_be_visible()
    expect(store.page.locator("#head")).to_contain_text("60 points")
    step(store).get_by_role("button", name="Back").click()
    expect(redeem.get_by_role("button", name="Redeem")).to_be_focused()
    redeem.get_by_role("button", name="Redeem").click()
    expect(step(store).get_by_role("button", name="Confirm")).to_be_visible()  # refused is answered: a new attempt


def test_an_answer_that_comes_after_the_step_was_put_off_is_told(store: Store) -> None:
    offer(store, reward(1, "€5 off"))
    bought(store)
    open_at(store, "Redeem points")
    waiting: list[Any] = []
    store.page.route("**/me/redemptions", lambda route: waiting.append(route))
    card(store, "€5 off").get_by_role("button", name="Redeem").click()
    with store.page.expect_request("**/me/redemptions"):
        step(store).get_by_role("button", name="Confirm").click()
    store.page.keyboard.press("Escape")
    waiting[0].fallback()
    expect(store.page.get_by_role("status")).to_have_text("€5 off is yours")
    expect(step(store)).to_be_hidden()


WATCH_LOOKS = """
window.looks = [];
const { fetch } = window;
window.fetch = (...asked) => {
    if (String(asked[0]).endsWith("/me/redemptions")) looks.push(Date.now());
    return fetch(...asked);
};
"""
"""When the page asks for redemptions, by its own clock, in milliseconds."""


def test_a_code_that_is_being_made_is_looked_for_gently(store: Store) -> None:
    """S1.10; contract section 6: `requested` until a code is there."""
    store.page.clock.install()
    store.page.add_init_script(WATCH_LOOKS)
    waiting = {"status": "requested", "code": None, "issued_at": None, "can_return": False}
    offer(store, reward(1, "€5 off"))
    bought(store, **waiting)
    store.answers["GET me/redemptions"] = {"items": [redemption(**waiting)], "next": None}
    open_at(store, "Redeem points")
    card(store, "€5 off").get_by_role("button", name="Redeem").click()
    step(store).get_by_role("button", name="Confirm").click()
    expect(step(store)).to_contain_text("Your code is being made")

    def looks(of_page: str = "looks.length") -> Any:
        store.page.clock.run_for(1_000)  # besides, the time goes on by itself
        return store.page.evaluate(of_page)

    wait_until(lambda: looks() >= 5, 60)  # the first is the POST
    moments = looks("looks")[:5]
    for pause, before, after in zip((1_000, 2_000, 4_000, 8_000), moments, moments[1:], strict=False):
        assert after - before >= pause
    store.answers["GET me/redemptions"] = {"items": [redemption()], "next": None}
    wait_until(lambda: bool(looks()) and step(store).locator("code").is_visible(), 60)
    expect(step(store).locator("code")).to_have_text("LGN-7F3K-Q2M8-0012")
    store.page.clock.run_for(100)
    expect(store.page.get_by_role("status")).to_have_text("€5 off is ready to use")
    so_far = looks()
    store.page.clock.run_for(120_000)
    assert looks() == so_far  # there is nothing left to look for


def test_of_store_credit_no_code_is_spoken(store: Store) -> None:
    store.page.clock.install()
    waiting = credit(status="requested", use_text=None, issued_at=None, can_return=False)
    offer(store, reward(1, "€10 of store credit", sub_type="value_code"))
    store.answers["me/redemptions"] = waiting
    store.answers["GET me/redemptions"] = {"items": [waiting], "next": None}
    open_at(store, "Redeem points")
    card(store, "€10 of store credit").get_by_role("button", name="Redeem").click()
    step(store).get_by_role("button", name="Confirm").click()
    expect(step(store)).to_contain_text("Your credit is on its way")
    expect(step(store)).to_contain_text("It will be in your account at the store in a moment.")
    store.answers["GET me/redemptions"] = {"items": [credit()], "next": None}
    with store.page.expect_response("**/me/redemptions"):
        store.page.clock.run_for(1_000)
    expect(step(store)).to_contain_text("€10 of store credit is yours")
    expect(step(store)).to_contain_text("Sign in there, and the checkout uses it by itself.")
    expect(step(store).locator("code")).to_have_count(0)


def test_store_credit_that_could_not_be_given_says_so(store: Store) -> None:
    offer(store, reward(1, "€10 of store credit", sub_type="value_code"))
    store.answers["me/redemptions"] = credit(status="failed", use_text=None, can_return=False)
    open_at(store, "Redeem points")
    card(store, "€10 of store credit").get_by_role("button", name="Redeem").click()
    step(store).get_by_role("button", name="Confirm").click()
    expect(step(store)).to_contain_text("The credit could not be given")
    expect(step(store)).to_contain_text("100\u00a0points are back in your balance.")


def test_nothing_is_looked_for_while_the_panel_is_closed(store: Store) -> None:
    store.page.clock.install()
    waiting = redemption(status="requested", code=None, can_return=False)
    had(store, waiting)
    offer(store, reward(1, "€5 off"))
    open_at(store, "My rewards")
    expect(panel(store, "My rewards")).to_contain_text("Being prepared")
    store.page.keyboard.press("Escape")
    store.page.clock.run_for(10_000)  # what was on its way when it closed
    before = len(store.calls())
    store.page.clock.run_for(600_000)
    assert len(store.calls()) == before


def test_a_code_that_could_not_be_made_brings_the_points_back(store: Store) -> None:
    offer(store, reward(1, "€5 off"))
    bought(store, status="failed", code=None, can_return=False)
    open_at(store, "Redeem points")
    card(store, "€5 off").get_by_role("button", name="Redeem").click()
    step(store).get_by_role("button", name="Confirm").click()
    expect(step(store)).to_contain_text("100\u00a0points are back in your balance")


# Taking the code along -----------------------------------------------------------------------------------------------


def test_a_code_is_copied(store: Store) -> None:
    store.page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=STORE)
    offer(store, reward(1, "€5 off"))
    bought(store)
    open_at(store, "Redeem points")
    card(store, "€5 off").get_by_role("button", name="Redeem").click()
    step(store).get_by_role("button", name="Confirm").click()
    step(store).get_by_role("button", name="Copy").click()
    expect(store.page.get_by_role("status")).to_have_text("Copied")
    assert store.page.evaluate("navigator.clipboard.readText()") == "LGN-7F3K-Q2M8-0012"
    expect(step(store).get_by_role("button", name="Copy")).to_be_focused()


def test_a_code_is_copied_where_there_is_no_clipboard_to_write_to(store: Store) -> None:
    store.page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    offer(store, reward(1, "€5 off"))
    bought(store)
    open_at(store, "Redeem points")
    store.page.evaluate(
        "document.addEventListener('copy', (event) => (window.copied = event.composedPath()[0].value), true)"
    )
    card(store, "€5 off").get_by_role("button", name="Redeem").click()
    step(store).get_by_role("button", name="Confirm").click()
    step(store).get_by_role("button", name="Copy").click()
    expect(store.page.get_by_role("status")).to_have_text("Copied")
    assert store.page.evaluate("window.copied") == "LGN-7F3K-Q2M8-0012"
    expect(step(store).get_by_role("button", name="Copy")).to_be_focused()


# Points as money for this cart ---------------------------------------------------------------------------------------


def paying(store: Store, available: int = 50) -> None:
    offer(store, cashback(), reward(1, "€5 off", discount=FIVE), available=available)
    store.answers["me/cashback/quote"] = {**QUOTE, "points": 50, "discount": "100.00", "to_pay": "0.00"}
    me = store.answers["session"]["me"]
    store.answers["me"] = {**me, "balance": {**me["balance"], "available": 30, "on_hold": 20}}


def test_the_slider_says_what_so_many_points_are_worth(store: Store) -> None:
    """S0.3 to S0.6: 50 points make a cart of €100 free; 20 take €40 off."""
    paying(store, available=70)
    redeem = open_at(store, "Redeem points", cart_total="100.00")
    slider = redeem.get_by_role("slider", name="Points for your cart of €100.00")
    expect(slider).to_have_attribute("max", "50")
    expect(slider).to_have_attribute("aria-valuetext", "50\u00a0points · €100.00 off")
    expect(redeem).to_contain_text("€0.00 to pay")
    expect(redeem.get_by_role("region", name="Pay with points")).to_contain_text("Best for this cart")
    store.answers["me/cashback/quote"] = {**QUOTE, "points": 20, "discount": "40.00", "to_pay": "60.00"}
    with store.page.expect_response("**/me/cashback/quote") as quoted:
        slider.fill("20")
    assert quoted.value.request.post_data_json == {"order_total": "100.00", "points": 20}
    expect(slider).to_have_attribute("aria-valuetext", "20\u00a0points · €40.00 off")
    expect(redeem).to_contain_text("€60.00 to pay")
    expect(redeem.get_by_role("button", name="Use 20 points")).to_be_enabled()
    slider.press("Home")
    expect(redeem.get_by_role("button", name="Use 0 points")).to_be_disabled()
    expect(slider).to_be_focused()


def test_the_sum_of_the_server_wins(store: Store) -> None:
    paying(store, available=10)
    store.answers["me/cashback/quote"] = {**QUOTE, "points": 7, "discount": "13.99", "to_pay": "86.01", "max_points": 7}
    redeem = open_at(store, "Redeem points", cart_total="100.00")
    expect(redeem.get_by_role("slider")).to_have_attribute("aria-valuetext", "7\u00a0points · €13.99 off")


def test_without_a_quote_our_own_sum_stands(store: Store) -> None:
    paying(store, available=10)
    store.answers["me/cashback/quote"] = (500, {}, {})
    redeem = open_at(store, "Redeem points", cart_total="100.00")
    expect(redeem.get_by_role("slider")).to_have_attribute("aria-valuetext", "10\u00a0points · €20.00 off")


def test_points_are_set_aside_for_the_checkout_and_can_be_given_back(store: Store) -> None:
    paying(store)
    answer = {
        "id": "40", "code": "LGN-CASH", "points": 20, "discount": "40.00", "to_pay": "60.00", "status": "ready",
        "expires_at": "2026-11-25T10:30:00Z",
    }  # fmt: skip
    store.answers["me/cashback/hold"] = (201, answer, {})
    redeem = open_at(store, "Redeem points", cart_total="100.00")
    had(store, held(code="LGN-CASH"))
    redeem.get_by_role("slider").fill("20")
    redeem.get_by_role("button", name="Use 20 points").click()
    aside = redeem.get_by_role("region", name="€40.00 off your order")
    expect(aside).to_contain_text("Set aside for you until")
    expect(aside.locator("code")).to_have_text("LGN-CASH")
    way = aside.get_by_role("link", name="Take it to the checkout")
    expect(way).to_have_attribute("href", f"{STORE}/discount/LGN-CASH")
    expect(redeem.get_by_role("heading", name="€40.00 off your order")).to_be_focused()
    expect(store.page.locator("#head")).to_contain_text("30 points")
    hold = next(post for post in store.posts if post[0] == "me/cashback/hold")
    assert hold[1] == {"order_total": "100.00", "points": 20}
    assert hold[2]

    back = held(code="LGN-CASH", status="returned", can_return=False, ended_at="2026-11-25T10:10:00Z")
    store.answers["me/redemptions/40/return"] = back
    store.answers["me"] = store.answers["session"]["me"]
    aside.get_by_role("button", name="Give the points back").click()
    expect(redeem.get_by_role("slider")).to_be_visible()
    expect(store.page.get_by_role("status")).to_have_text("20\u00a0points are back")


def test_a_hold_whose_answer_is_lost_is_made_once(store: Store) -> None:
    paying(store)
    answer = {"id": "40", "code": "C", "points": 50, "discount": "100.00", "to_pay": "0.00", "status": "preparing", "expires_at": "2026-11-25T10:30:00Z"}  # fmt: skip  # noqa: E501
    store.answers["me/cashback/hold"] = [("lost", {}, {}), (201, answer, {})]
    redeem = open_at(store, "Redeem points", cart_total="100.00")
    redeem.get_by_role("button", name="Use 50 points").click()
    expect(redeem).to_contain_text("nothing is taken twice")
    expect(redeem.get_by_role("slider")).to_be_disabled()  # what was asked for stays what is asked for
    had(store, held(code="C", is_ready=False, points=50, discount="100.00"))
    redeem.get_by_role("button", name="Use 50 points").click()
    expect(redeem).to_contain_text("Your code is being prepared")
    expect(redeem.get_by_role("link", name="Take it to the checkout")).to_have_count(0)
    keys = keys_sent(store, "me/cashback/hold")
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_what_is_set_aside_already_is_found_again(store: Store) -> None:
    paying(store)
    store.answers["session"]["me"]["balance"]["on_hold"] = 20
    had(store, held())
    redeem = open_at(store, "Redeem points")  # on a page that does not tell of a cart
    expect(redeem.get_by_role("region", name="€40.00 off your order")).to_be_visible()


def test_a_hold_that_is_refused_says_why(store: Store) -> None:
    paying(store)
    store.answers["me/cashback/hold"] = refusal("not_enough_points", "You must have 12 more points to get reward")
    redeem = open_at(store, "Redeem points", cart_total="100.00")
    redeem.get_by_role("button", name="Use 50 points").click()
    expect(redeem.get_by_text("You must have 12 more points to get reward")).to_be_visible()


# A gift campaign -----------------------------------------------------------------------------------------------------


def winter(*gifts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": "1",
        "name": "Winter gifts",
        "terms_html": "<p>One of each.</p>",
        "banner_url": f"{STORE}/banner.png",
        "starts_at": "2026-10-31T23:00:00Z",
        "ends_at": "2026-12-24T23:00:00Z",
        "gifts": list(gifts),
        **more,
    }


def test_a_campaign_shows_its_banner_days_points_terms_gifts_and_what_was_taken(store: Store) -> None:
    """S3.17 to S3.19, in that order."""
    candle = reward(7, "A candle", type="gift", sub_type=None)
    mug = too_dear(4, "A mug", cost=500, missing=380, type="gift", sub_type=None)
    mine = {"id": "1", "gifts": [candle, mug], "used_points": 300, "taken": [{"name": "A pen", "points": 300}]}
    offer(store, candle, reward(1, "€5 off"), told=winter(candle, mug), mine=mine)
    open_at(store, "Redeem points")
    campaign = store.page.get_by_role("region", name="Winter gifts")
    expect(campaign.locator("img.banner")).to_have_attribute("src", f"{STORE}/banner.png")
    expect(campaign).to_contain_text("Nov 1, 2026 to Dec 24, 2026")
    expect(campaign).to_contain_text("You have 120\u00a0points")
    campaign.get_by_text("Terms and conditions").click()
    expect(campaign.get_by_text("One of each.")).to_be_visible()
    expect(campaign.locator(".ticket h3")).to_have_text(["A candle", "A mug"])
    expect(campaign.locator(".tally")).to_contain_text("300\u00a0points used in this campaign")
    expect(campaign.locator(".tally")).to_contain_text("A pen300")
    tops = campaign.locator(":is(.banner, .dates, details, .ticket, .tally)").evaluate_all(
        "(parts) => parts.map((part) => part.className || part.localName)"
    )
    assert tops == ["banner", "dates", "details", "card ticket", "card ticket", "tally"]
    expect(card(store, "A candle")).to_have_count(1)  # once, not again below
    expect(card(store, "€5 off")).to_be_visible()


def test_a_campaign_without_an_end_and_without_terms(store: Store) -> None:
    offer(store, told=winter(reward(7, "A candle"), ends_at=None, terms_html=None, banner_url=None))
    open_at(store, "Redeem points", identity=None)
    campaign = store.page.get_by_role("region", name="Winter gifts")
    expect(campaign).to_contain_text("Since Nov 1, 2026")
    expect(campaign.locator(":is(img, details, .tally)")).to_have_count(0)


def test_a_gift_is_redeemed_like_any_reward(store: Store) -> None:
    candle = reward(7, "A candle", type="gift", sub_type=None)
    mine = {"id": "1", "gifts": [candle], "used_points": 0, "taken": []}
    offer(store, told=winter(candle), mine=mine)
    bought(store, name="A candle", type="gift", code=None, can_return=False)
    open_at(store, "Redeem points")
    card(store, "A candle").get_by_role("button", name="Redeem").click()
    step(store).get_by_role("button", name="Confirm").click()
    expect(step(store)).to_contain_text("A candle is yours")
    expect(step(store).locator("code")).to_have_count(0)


# For everybody -------------------------------------------------------------------------------------------------------


def all_of_it(store: Store) -> None:
    candle = reward(7, "A candle", type="gift", sub_type=None)
    mine = {"id": "1", "gifts": [candle], "used_points": 300, "taken": [{"name": "A pen", "points": 300}]}
    ask = [ASK]
    rich = {"description_html": "<p>From <a href='/x'>€20</a></p>", "more_info_url": "/x", "featured": True}
    offer(
        store,
        reward(1, "€5 off", discount=FIVE, value_text="€5", attributes=ask, **rich),
        too_dear(2, "10 % off an order of a wonderfully long name", cost=12500, missing=12380, value_text="10 %"),
        reward(5, "Free delivery", sub_type="free_shipping", redeemable=False, message="All of these are gone."),
        cashback(),
        told=winter(candle),
        mine=mine,
    )
    store.answers["me/cashback/quote"] = {**QUOTE, "points": 50, "discount": "100.00", "to_pay": "0.00"}


@pytest.mark.parametrize("state", ["visitor", "member", "cart", "held", "confirm", "done", "refused", "yellow"])
def test_every_state_is_accessible(store: Store, state: str) -> None:
    """WCAG 2.2 AA as far as a program can tell, in light and in dark, on a narrow phone and on a desk."""
    all_of_it(store)
    if state == "yellow":
        store.answers["program"]["appearance"]["accent"] = "#ffd400"
    if state == "held":
        store.answers["session"]["me"]["balance"]["on_hold"] = 20
        had(store, held())
    bought(store)
    if state == "refused":
        store.answers["POST me/redemptions"] = refusal("limit_reached", "You have had this one already.")
    data = {"cart_total": "100.00"} if state in ("cart", "yellow") else {}
    open_at(store, "Redeem points", identity=None if state == "visitor" else "jwt", **data)
    settle(store)
    if state in ("confirm", "done", "refused"):
        card(store, "€5 off").get_by_role("button", name="Redeem").click()
        expect(step(store)).to_be_visible()
    if state in ("done", "refused"):
        step(store).get_by_label("Where").fill("A friend")
        step(store).get_by_role("button", name="Confirm").click()
        expect(step(store).get_by_role("heading")).to_have_text(
            "€5 off is yours" if state == "done" else "Not this time"
        )
    assert flaws_on_screens(store) == []


def flaws_on_screens(store: Store) -> list[Any]:
    """What axe objects to, and what is too wide, in every scheme and width."""
    found: list[Any] = []
    for scheme, width in (("light", 1280), ("light", 320), ("dark", 320)):
        store.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        store.page.set_viewport_size({"width": width, "height": 800})
        found += [(scheme, width, flaw) for flaw in flaws(store.page)]
        for part in (".scroll", ".step"):
            wide = store.page.locator(part)
            if wide.count() and wide.evaluate("(element) => element.scrollWidth > element.clientWidth"):
                found.append((part, width, "scrolls sideways"))
    return found


def test_what_can_be_pressed_is_large_enough_for_a_thumb(store: Store) -> None:
    all_of_it(store)
    redeem = open_at(store, "Redeem points", cart_total="100.00")
    store.page.set_viewport_size({"width": 360, "height": 740})
    heights = redeem.locator(":is(button, summary, .button, input)").evaluate_all(
        "(all) => all.map((one) => one.getBoundingClientRect().height)"
    )
    assert len(heights) >= 5
    assert min(heights) >= 44


def test_another_member_on_the_same_page_sees_nothing_of_the_one_before(store: Store) -> None:
    offer(store, reward(1, "€5 off"))
    had(store, redemption())
    open_at(store, "My rewards")
    expect(panel(store, "My rewards")).to_contain_text("LGN-7F3K-Q2M8-0012")
    store.page.keyboard.press("Escape")
    had(store)
    store.page.evaluate("document.querySelector('lagniappe-widget').setAttribute('identity', 'another')")
    store.open()
    expect(panel(store, "My rewards")).to_contain_text("Nothing here yet")
    expect(tab(store, "Redeem points")).to_be_visible()


def test_a_reward_of_a_kind_that_we_do_not_know_is_shown_all_the_same(store: Store) -> None:
    offer(store, reward(9, "A surprise", type="custom", sub_type=None), reward(10, "Later", type="new", sub_type="odd"))
    redeem = open_at(store, "Redeem points")
    expect(redeem.get_by_role("listitem")).to_have_count(2)


def test_the_ids_of_the_tests_are_those_of_the_contract() -> None:
    assert {len(one) for one in (FIVE_OFF, TEN_PERCENT, CASHBACK, MUG)} == {24}
