"""A shopper's gift, from the widget to its arrival: the merchant marks it, is told to send it, ships it (S1.8 to S1.42)."""

from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.admin import Admin
from tests.browser.axe import flaws
from tests.browser.running_demo import Demo
from tests.browser.store import Store
from tests.browser.widget import Widget

GIFT = "A matcha whisk"
PAGES = (
    "/redeemed-rewards",
    "/redeemed-rewards?sort=delivery&use=used",
    "/redeemed-rewards?search=nobody-has-this",
)


def redeem_gift(demo: Demo, page: Page, first_name: str) -> tuple[str, str]:
    """A newcomer of the store has the gift, through the widget: their address, and the gift's code."""
    email = f"{first_name.lower()}-{uuid4().hex[:8]}@mail.example"
    store = Store(page, demo.store_url)
    store.sign_up(first_name, email)
    demo.shop.await_balance(f"email:{email}", owed=0)  # the store has told of them
    demo.shop.adjust(f"email:{email}", 100, "for a whisk")
    store.visit()
    widget = Widget(page)
    widget.open()
    widget.choose("Redeem points")
    widget.reward(GIFT).get_by_role("button", name="Redeem").click()
    widget.step().get_by_role("button", name="Confirm").click()
    expect(widget.step()).to_contain_text("is yours")
    return email, widget.step().locator("code").inner_text()


def test_a_gift_is_redeemed_marked_used_told_of_shipped_and_delivered(
    admin: Admin, demo: Demo, chromium: Browser
) -> None:
    with chromium.new_context() as shopper:
        email, code = redeem_gift(demo, shopper.new_page(), "Gwen")
    desk = admin.page
    admin.open("/redeemed-rewards")
    desk.get_by_label("E-mail, phone or code").fill(code)
    desk.keyboard.press("Enter")
    line = desk.locator("#grid tbody tr")
    expect(line).to_have_count(1)
    expect(line).to_contain_text(f"{GIFT} ({code})")
    expect(line).to_contain_text(email)
    box = line.get_by_role("checkbox", name=f"Used: {GIFT} ({code})")
    expect(box).not_to_be_checked()

    box.focus()
    desk.keyboard.press("Space")
    expect(admin.said.first).to_contain_text(f"“{GIFT}” is marked as used. Your team is told to send it.")
    expect(box).to_be_checked()
    expect(line).to_have_count(1)  # the grid shows what it showed before

    # S1.42: the mail names the reward and the customer, and leads to the gift.
    mailbox = Store(desk, demo.store_url)
    mailbox.open_letter(f"Reward Redeemed: {GIFT}", demo.shop.made["admin_email"])  # other gifts are told of, too
    expect(mailbox.letter()).to_contain_text(f"{GIFT} ({code})")
    expect(mailbox.letter()).to_contain_text(email)
    address = mailbox.letter().get_by_role("link", name="See the reward").get_attribute("href")
    assert address is not None
    desk.goto(address)
    expect(desk.get_by_role("heading", level=1)).to_have_text(f"{GIFT} ({code})")
    expect(desk.get_by_label("Address for the delivery")).to_contain_text(email)
    assert flaws(admin.page) == []

    admin.open(f"/redeemed-rewards?search={code}")
    for status in ("Shipped", "Delivered"):
        line.get_by_role("combobox", name=f"Delivery status of {GIFT}").select_option(status)
        line.get_by_role("button", name="Save the delivery status").click()
        expect(admin.said.first).to_contain_text(f"is {status.lower()} now")
    assert flaws(admin.page) == []
    line.get_by_role("link", name="View the address").click()
    expect(desk.get_by_label("Reward", exact=True)).to_contain_text("Delivered")


def test_all_on_the_page_are_chosen_at_once(admin: Admin) -> None:
    admin.open("/redeemed-rewards")
    chosen = admin.page.locator("input[name=chosen]")
    count = chosen.count()
    assert count > 0
    admin.page.get_by_label("All on this page").check()
    expect(admin.page.locator("input[name=chosen]:checked")).to_have_count(count)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_accessible_and_do_not_scroll_sideways(admin: Admin, path: str, scheme: str) -> None:
    admin.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    for width in (360, 768, 1280):
        admin.page.set_viewport_size({"width": width, "height": 900})
        admin.open(path)
        assert flaws(admin.page) == []
        assert admin.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} scrolls at {width}"
