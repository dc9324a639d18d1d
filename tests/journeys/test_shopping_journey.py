"""What shoppers live through, in a real browser against the whole running demo: nothing is stood in for."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.running_demo import DUE_SECONDS, Demo
from tests.browser.store import Store
from tests.browser.widget import Widget
from tests.journeys.at_the_store import FIRST_ORDER_POINTS, JAR_POINTS, SIGN_UP_POINTS, buy_and_wait, newcomer
from tests.journeys.running import wait_until


@pytest.fixture
def store(page: Page, demo: Demo) -> Store:
    return Store(page, demo.store_url)


def test_a_newcomer_buys_collects_waits_three_days_and_sees_the_points_and_their_sum_and_the_letter(
    store: Store, widget: Widget, demo: Demo
) -> None:
    """S3.3, S3.5, S3.30, S4.16, S4.17."""
    email = newcomer(store, demo, "Nadia")
    order = store.buy("Moon jar")
    demo.shop.await_balance(f"email:{email}", expected_points=JAR_POINTS)

    store.visit()
    widget.open_at_balance()
    expect(widget.available()).to_have_text(str(SIGN_UP_POINTS))
    coming = widget.card("On their way")
    expect(coming).to_contain_text(f"Order {order}")
    expect(coming).to_contain_text("The date follows once you have your order")
    widget.close()

    store.collect(order)
    demo.shop.await_balance(f"email:{email}", pending_points=JAR_POINTS + FIRST_ORDER_POINTS, expected_points=0)
    store.visit()
    widget.open_at_balance()
    expect(coming).to_contain_text(re.compile(r"Available from \w+ \d+, 20\d\d"))
    expect(coming).to_contain_text(f"+{JAR_POINTS}")
    widget.close()

    store.wait_three_days()
    all_points = SIGN_UP_POINTS + JAR_POINTS + FIRST_ORDER_POINTS
    demo.shop.await_balance(f"email:{email}", available=all_points, pending_points=0)
    store.visit()
    widget.open_at_balance()
    expect(widget.available()).to_have_text(str(all_points))
    expect(widget.entry("Your first order", f"+{FIRST_ORDER_POINTS}")).to_be_visible()
    expect(coming).to_have_count(0)
    why = widget.why(f"Order {order}", f"+{JAR_POINTS}")
    expect(why).to_contain_text("€1,000.00")
    expect(why).to_contain_text("100 points")
    expect(why).to_contain_text("Moon jar")
    expect(why).to_contain_text("1 point for every €10")
    expect(why).to_contain_text("Available afterwards")

    store.open_letter("100 points", to=email)
    letter = store.page.frame_locator("iframe").locator("body")
    expect(letter).to_contain_text("100 points")
    expect(letter).to_contain_text(order)


def test_a_refund_after_the_points_were_spent_is_owed_explained_kindly_and_settled_by_the_next_order(
    store: Store, widget: Widget, demo: Demo
) -> None:
    email = newcomer(store, demo, "Ravi")
    brought = JAR_POINTS + FIRST_ORDER_POINTS
    order = buy_and_wait(store, demo, email, "Moon jar", brought)
    demo.shop.adjust(f"email:{email}", -(SIGN_UP_POINTS + brought), "Spent on the stall at the market")
    store.refund(order)
    demo.shop.await_balance(f"email:{email}", available=0, owed=-brought)

    store.visit()
    widget.open_at_balance()
    expect(widget.available()).to_have_text("0")
    owed = widget.card(f"{brought} points to make up")
    expect(owed).to_contain_text("An order was refunded after its points had been spent.")
    expect(owed).to_contain_text("You never owe money.")
    expect(widget.entry(f"Order {order}: points taken back", "−100")).to_be_visible()

    # The level that the jar had brought is kept for a while, and the first order is now another.
    at_celadon = JAR_POINTS * 5 // 4
    again = buy_and_wait(store, demo, email, "Moon jar", at_celadon + FIRST_ORDER_POINTS)
    store.visit()
    widget.open_at_balance()
    expect(widget.available()).to_have_text(str(at_celadon + FIRST_ORDER_POINTS - brought))
    expect(owed).to_have_count(0)
    expect(widget.entry(f"Order {again}", f"+{at_celadon}")).to_be_visible()
    expect(widget.entry("Owed points paid back", f"−{at_celadon}")).to_be_visible()


def test_a_guest_who_signs_up_later_with_the_same_address_finds_the_points_there(
    store: Store, widget: Widget, demo: Demo
) -> None:
    email = "gus@newcomers.example"
    order = store.buy("Moon jar", guest=("Gus", email))
    store.collect(order)
    demo.await_deliveries()
    store.wait_three_days()

    store.sign_up("Gus", email)
    demo.shop.await_balance(f"email:{email}", available=SIGN_UP_POINTS)
    store.visit()
    widget.open_at_balance()
    expect(widget.available()).to_have_text(str(SIGN_UP_POINTS))  # anybody could have typed that address

    store.confirm_address(email)
    all_points = SIGN_UP_POINTS + JAR_POINTS + FIRST_ORDER_POINTS
    demo.shop.await_balance(f"email:{email}", available=all_points)
    store.visit()
    widget.open_at_balance()
    expect(widget.available()).to_have_text(str(all_points))
    expect(widget.why(f"Order {order}", f"+{JAR_POINTS}")).to_contain_text("€1,000.00")


def test_what_the_merchant_adds_and_takes_by_hand_is_listed_with_reason_and_author(
    store: Store, widget: Widget, demo: Demo
) -> None:
    """S4.18."""
    email = newcomer(store, demo, "Mona")
    demo.shop.adjust(f"email:{email}", 25, "Sorry for the late parcel")
    demo.shop.adjust(f"email:{email}", -5, "Counted twice")

    store.visit()
    widget.open_at_balance()
    expect(widget.available()).to_have_text(str(SIGN_UP_POINTS + 20))
    added = widget.why("Added by Kiln & Kettle: Sorry for the late parcel", "+25")
    expect(added).to_contain_text("Sorry for the late parcel")
    expect(added).to_contain_text("The shop’s team")
    taken = widget.why("Deducted by Kiln & Kettle: Counted twice", "−5")
    expect(taken).to_contain_text("Counted twice")


def test_a_visitor_finds_every_way_to_earn_with_the_button_that_leads_there(
    store: Store, widget: Widget, page: Page
) -> None:
    """S4.1 to S4.6."""
    store.visit()
    box = widget.launcher.bounding_box()
    assert box is not None
    assert box["x"] + box["width"] > 1280 - 40
    assert box["y"] + box["height"] > 800 - 40

    widget.open()
    expect(widget.dialog.get_by_role("tab")).to_have_text(["Earn points", "Redeem points"])
    expect(widget.dialog.get_by_role("link", name="Log in")).to_have_attribute("href", f"{store.url}/log-in")
    rules = widget.panel("Earn points").get_by_role("listitem")
    order, account = rules.filter(has_text="Complete an order"), rules.filter(has_text="Create an account")
    expect(order).to_contain_text("1 point for every €10")
    expect(account).to_contain_text("50 points")
    for title, points in (
        ("Your first order", "25 points"),
        ("The month’s glaze: tenmoku", "10 points per item"),
        ("Your birthday", "100 points"),
        ("A letter a month", "20 points"),
        ("Follow us on Instagram", "15 points"),
        ("Review what you bought", "20 points"),
        ("An evening at the wheel", "40 points"),
        ("Bring a friend", "100 points"),
    ):
        expect(rules.filter(has_text=title)).to_contain_text(points)

    order.get_by_role("link", name="Purchase").click()
    expect(page).to_have_url(f"{store.url}/")
    widget.open()
    account.get_by_role("link", name="Sign up").click()
    expect(page).to_have_url(f"{store.url}/sign-up")
    widget.open()
    widget.dialog.locator("#head").get_by_role("link", name="Sign up").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign up")


def test_a_member_redeems_uses_the_code_cancels_and_uses_it_again_and_gives_another_one_back(
    store: Store, widget: Widget, page: Page, demo: Demo
) -> None:
    """S1.5 to S1.7, S1.10, S1.11, S4.7 to S4.10: through the widget, the store's cart and back."""
    email = newcomer(store, demo, "Rosa")
    buy_and_wait(store, demo, email, "Moon jar", JAR_POINTS + FIRST_ORDER_POINTS)

    store.visit("/products/moon-jar")
    page.locator("#content").get_by_role("button", name="Add to cart").click()
    store.visit("/cart")
    widget.open()
    widget.choose("Redeem points")
    expect(widget.reward("15% off one order")).to_contain_text("120 points")
    widget.reward("€10 off").get_by_role("button", name="Redeem").click()
    widget.step().get_by_role("button", name="Confirm").click()
    expect(widget.step()).to_contain_text("€10 off is yours")
    code = widget.step().locator("code").inner_text()
    have = SIGN_UP_POINTS + JAR_POINTS + FIRST_ORDER_POINTS
    expect(widget.dialog.locator("#head")).to_contain_text(str(have - 60))

    widget.step().get_by_role("link", name="Use it now").click()
    expect(page.get_by_text(f"The code {code} is in your cart: €10 off.")).to_be_visible()
    store.visit("/checkout")
    store.place_the_order()
    demo.shop.await_balance(f"email:{email}", expected_points=JAR_POINTS * 5 // 4)  # at Celadon
    mine = eventually_mine(widget, "€10 off", "Used on")
    expect(mine.get_by_role("button", name="Give it back")).to_have_count(0)
    widget.close()

    # Cancelled: the code is good again, and its points stay spent.
    page.get_by_role("button", name="Cancel the order").click()
    demo.shop.await_balance(f"email:{email}", expected_points=0, available=have - 60)
    mine = eventually_mine(widget, "€10 off", "Ready to use")
    mine.get_by_role("button", name="Give it back").click()
    widget.step().get_by_role("button", name="Give it back").click()
    demo.shop.await_balance(f"email:{email}", available=have)
    expect(widget.reward("€10 off")).to_contain_text("Given back")


def eventually_mine(widget: Widget, reward: str, state: str) -> Locator:
    """The member's reward of that name once it is in that state: the store's word takes a moment to arrive."""
    mine = widget.reward(reward)

    def is_so() -> bool:
        widget.page.reload()
        widget.open()
        widget.choose("My rewards")
        expect(mine).to_be_visible()
        if state in mine.inner_text():
            return True
        widget.close()
        return False

    wait_until(is_so, DUE_SECONDS, lambda: f"{reward} is not “{state}”")
    return mine
