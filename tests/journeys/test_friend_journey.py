"""Bringing a friend, in two browsers against the whole running demo."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.chromium import browsing
from tests.browser.running_demo import Demo
from tests.browser.store import Store
from tests.browser.widget import Widget
from tests.journeys.at_the_store import SIGN_UP_POINTS, newcomer

ADVOCATE_POINTS, FRIEND_POINTS = 100, 50


@pytest.fixture
def friends_page(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A browser of somebody else: programs without a person before them are not counted as visitors."""
    with browsing(chromium, request, user_agent="Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 Safari/537.36") as opened:
        yield opened


def own_link(page: Page, demo: Demo) -> str:
    """The link of whoever is signed in there, copied out of the widget."""
    Store(page, demo.store_url).visit()
    widget = Widget(page)
    widget.open()
    widget.choose("Referral program")
    shown = widget.panel("Referral program")
    link = shown.get_by_label("Your own link").input_value()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    shown.get_by_role("button", name="Copy").click()
    expect(widget.status).to_have_text("Link copied")
    assert page.evaluate("navigator.clipboard.readText()") == link
    widget.close()
    return link


def friends_of(page: Page, demo: Demo) -> Locator:
    """The part Your friends of the widget, with what is known now."""
    Store(page, demo.store_url).visit()
    widget = Widget(page)
    widget.open()
    widget.choose("Referral program")
    return widget.panel("Referral program")


def follow(page: Page, demo: Demo, link: str) -> None:
    """Into the store, by the link alone."""
    page.goto(link)
    expect(page).to_have_url(f"{demo.store_url}/?ref={link.rsplit('/', 1)[1]}")


def test_a_friend_comes_by_a_members_link_and_both_get_points_and_a_letter_and_a_second_account_gets_nothing(
    page: Page, friends_page: Page, demo: Demo
) -> None:
    """S3.32, S4.12 to S4.15."""
    store, theirs = Store(page, demo.store_url), Store(friends_page, demo.store_url)
    ada, bea = newcomer(store, demo, "Ada"), "bea@newcomers.example"
    link = own_link(page, demo)

    follow(friends_page, demo, link)
    theirs.visit("/sign-up")
    expect(friends_page.get_by_text("A friend sent you.")).to_be_visible()
    theirs.sign_up("Bea", bea)
    demo.shop.await_balance(f"email:{bea}", available=SIGN_UP_POINTS + FRIEND_POINTS)
    theirs.visit()
    widget = Widget(friends_page)
    widget.open_at_balance()
    expect(widget.available()).to_have_text(str(SIGN_UP_POINTS + FRIEND_POINTS))
    expect(widget.entry("Referral program", f"+{FRIEND_POINTS}")).to_be_visible()

    demo.shop.await_balance(f"email:{ada}", available=SIGN_UP_POINTS + ADVOCATE_POINTS)
    store.open_letter("Your friend counts: 100 points for you", to=ada)  # once the points have come, it is told
    friends = friends_of(page, demo)
    expect(friends).to_contain_text("Bea has joined, and you have got 100 points.")
    expect(friends.locator(".counts")).to_have_text("Looked in1Joined1Rewarded1")
    store.open_letter("Your friend counts: 100 points for you", to=ada)
    expect(store.letter()).to_contain_text("100 points")
    store.open_letter("50 points for you", to=bea)

    # Bea brings herself: the same mailbox under another name.
    link = own_link(friends_page, demo)
    friends_page.context.clear_cookies()
    follow(friends_page, demo, link)
    theirs.sign_up("Beatrice", "bea+again@newcomers.example")
    demo.shop.await_balance("email:bea+again@newcomers.example", available=SIGN_UP_POINTS, pending_points=0)
    theirs.log_in_as(bea)
    friends = friends_of(friends_page, demo)
    expect(friends).to_contain_text("This one did not count: the link is for your friends.")
    expect(friends).not_to_contain_text("Beatrice")
    demo.shop.await_balance(f"email:{bea}", available=SIGN_UP_POINTS + FRIEND_POINTS, pending_points=0)
