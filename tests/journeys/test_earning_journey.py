"""Ways to earn beside orders, and saying no to letters, in a real browser against the whole running demo."""

from datetime import date, datetime, timedelta

import pytest
import requests
from playwright.sync_api import Locator, Page, expect

from demo import times
from tests.browser.running_demo import DUE_SECONDS, Demo
from tests.browser.store import Store
from tests.browser.widget import Widget
from tests.journeys.at_the_store import FIRST_ORDER_POINTS, SIGN_UP_POINTS, newcomer
from tests.journeys.running import wait_until

FOLLOW_POINTS, REVIEW_POINTS, WORKSHOP_POINTS, NEWSLETTER_POINTS, BIRTHDAY_POINTS = 15, 20, 40, 20, 100
NOOR = "email:noor@example.com"
"""Somebody of 29 February."""


@pytest.fixture
def store(page: Page, demo: Demo) -> Store:
    return Store(page, demo.store_url)


def way(widget: Widget, title: str) -> Locator:
    """The card of a way to earn."""
    named = widget.page.get_by_role("heading", name=title, exact=True)
    return widget.panel("Earn points").get_by_role("listitem").filter(has=named)


def today(demo: Demo) -> date:
    """In the shop."""
    return datetime.fromisoformat(demo.state()["now"]).astimezone(times.ZONE).date()


def skip(demo: Demo, button: str) -> None:
    """A button of the store's time bar, without a browser."""
    requests.post(f"{demo.store_url}/clock", data={"step": button}, timeout=240).raise_for_status()


def points_that_ended(demo: Demo) -> bool:
    """Whether there are any that have not been taken off yet."""
    return bool(demo.lagniappe.rows("select 1 from lot where open and expires_at <= %s", demo.state()["now"]))


def test_a_birthday_is_told_in_the_widget_and_brings_points_on_the_day(
    store: Store, widget: Widget, demo: Demo
) -> None:
    email = newcomer(store, demo, "Bo")
    soon = today(demo) + timedelta(days=3)
    store.visit()
    widget.open()
    way(widget, "Your birthday").get_by_role("button", name="Tell us when").click()
    widget.step().get_by_label("Your birthday").fill(f"1992-{soon:%m-%d}")
    widget.step().get_by_role("button", name="Save").click()
    expect(widget.step()).to_contain_text("Noted, thank you!")
    store.visit()
    demo.shop.await_balance(f"email:{email}", available=SIGN_UP_POINTS)
    store.wait_three_days()
    demo.shop.await_balance(f"email:{email}", available=SIGN_UP_POINTS + BIRTHDAY_POINTS)
    store.visit()
    widget.open_at_balance()
    expect(widget.entry("Your birthday", f"+{BIRTHDAY_POINTS}")).to_be_visible()
    store.open_letter("100 points", to=email)


def test_claims_events_and_reviews_bring_points_once(store: Store, widget: Widget, page: Page, demo: Demo) -> None:
    """S3.29, S4.2: what is claimed, and what the store tells by the merchant API."""
    email = newcomer(store, demo, "Ines")
    store.visit()
    widget.open()
    follow = way(widget, "Follow us on Instagram")
    expect(follow).to_contain_text("We take your word for it")
    with page.context.expect_page() as opened:
        follow.get_by_role("link", name="Follow").click()
    expect(opened.value.get_by_role("heading", name="kilnandkettle")).to_be_visible()
    opened.value.close()
    expect(follow).to_contain_text("Done")
    demo.shop.await_balance(f"email:{email}", available=(have := SIGN_UP_POINTS + FOLLOW_POINTS))
    widget.close()

    store.visit("/account")
    page.get_by_role("button", name="I was at the workshop").click()
    expect(page.get_by_text("It was good to have you at the wheel.")).to_be_visible()
    demo.shop.await_balance(f"email:{email}", available=(have := have + WORKSHOP_POINTS))
    page.get_by_label("A letter a month").check()
    page.get_by_role("button", name="Save").click()
    demo.shop.await_balance(f"email:{email}", available=(have := have + NEWSLETTER_POINTS))

    store.buy("Breakfast plate")
    store.visit("/products/plate")
    page.get_by_label("And you, Ines?").fill("The crumbs stay where they belong.")
    page.get_by_role("button", name="Write a review").click()
    expect(page.get_by_text("The crumbs stay where they belong.")).to_be_visible()
    expect(page.get_by_role("button", name="Write a review")).to_have_count(0)
    demo.shop.await_balance(f"email:{email}", available=have + REVIEW_POINTS, expected_points=3)

    store.visit()
    widget.open()
    expect(way(widget, "Follow us on Instagram")).to_contain_text("Done")
    expect(way(widget, "A letter a month")).to_contain_text("Done")
    expect(way(widget, "An evening at the wheel")).to_contain_text("Done")
    widget.choose("My balance")
    expect(widget.entry("Review what you bought", f"+{REVIEW_POINTS}")).to_be_visible()
    expect(widget.entry("An evening at the wheel", f"+{WORKSHOP_POINTS}")).to_be_visible()


def test_an_order_in_the_tea_weeks_says_by_which_rules_it_earned(
    store: Store, widget: Widget, page: Page, demo: Demo
) -> None:
    """Double points on tea, ten for a mug, none for a sample: the cart says so before, the history after."""
    email = newcomer(store, demo, "Theo")
    for product, quantity in (("sencha", "2"), ("mug", "1"), ("sample", "4")):
        store.visit(f"/products/{product}")
        page.locator("#content").get_by_label("Quantity").fill(quantity)
        page.locator("#content").get_by_role("button", name="Add to cart").click()
    points = 20  # 77 euros are 7 points, of which the tea has 3, and 3 more; and 10 for the mug
    expect(page.locator("lagniappe-cart-points")).to_contain_text(f"{points} points")
    store.visit("/checkout")
    order = store.place_the_order()
    demo.shop.await_balance(f"email:{email}", expected_points=points)
    store.collect(order)
    demo.shop.await_balance(f"email:{email}", pending_points=points + FIRST_ORDER_POINTS)
    store.wait_three_days()
    demo.shop.await_balance(f"email:{email}", available=SIGN_UP_POINTS + points + FIRST_ORDER_POINTS)
    store.visit()
    widget.open_at_balance()
    why = widget.why(f"Order {order}", f"+{points}")
    for words in ("Tea weeks: double points on tea", "The month’s glaze: tenmoku", "Samples bring no points"):
        expect(why).to_contain_text(words)


def test_one_click_in_a_letter_ends_the_letters_and_another_brings_them_back(
    store: Store, page: Page, demo: Demo
) -> None:
    email = newcomer(store, demo, "Una")
    demo.shop.adjust(f"email:{email}", 5, "For a kind word")
    store.open_letter("5 points", to=email)
    with page.context.expect_page() as opened:
        store.letter().get_by_role("link", name="Unsubscribe").click()
    asked = opened.value
    asked.get_by_role("button", name="Unsubscribe").click()
    expect(asked.get_by_role("heading", name="You are unsubscribed")).to_be_visible()

    demo.shop.adjust(f"email:{email}", 6, "For another")
    witness = newcomer(store, demo, "Wim")
    demo.shop.adjust(f"email:{witness}", 8, "For being there")
    expect(store.letters("8 points", to=witness)).to_have_count(1, timeout=60_000)
    demo.shop.await_balance(f"email:{email}", available=SIGN_UP_POINTS + 11)
    expect(store.letters("6 points", to=email)).to_have_count(0)

    asked.get_by_role("button").click()
    demo.shop.adjust(f"email:{email}", 7, "Welcome back")
    expect(store.letters("7 points", to=email)).to_have_count(1, timeout=60_000)
    expect(store.letters("6 points", to=email)).to_have_count(0)


def test_somebody_of_29_february_gets_their_points_on_the_last_day_of_february(demo: Demo) -> None:
    skipped = 0
    while not (today(demo).month == 2 and today(demo).day <= 26):
        skip(demo, "1mo" if today(demo).month != 1 or today(demo).day <= 26 else "3d")
        skipped += 1
        assert skipped < 40
    while (today(demo) + timedelta(days=2)).month == 2:
        skip(demo, "1d")
    wait_until(lambda: not points_that_ended(demo), DUE_SECONDS)  # in the months that were skipped
    before = demo.shop.get(f"/members/{NOOR}/balance")["available"]
    skip(demo, "1d")
    assert (today(demo) + timedelta(days=1)).month == 3
    demo.shop.await_balance(NOOR, available=before + BIRTHDAY_POINTS)
