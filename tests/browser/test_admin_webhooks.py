"""Webhooks out, deliveries and missing points in a real browser: a system of the merchant's hears of what happens."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from playwright.sync_api import expect
from standardwebhooks import Webhook

from tests.browser.admin import Admin
from tests.browser.axe import flaws
from tests.browser.running_demo import LONG_AGO, Demo
from tests.jobs.receiver import Receiver, open_receiver
from tests.journeys.running import wait_until

SECONDS = 60


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with open_receiver() as opened:
        yield opened


def test_an_endpoint_is_added_tested_told_and_told_again(admin: Admin, demo: Demo, receiver: Receiver) -> None:
    mark = uuid4().hex[:8]
    page = admin.page
    demo.await_deliveries()  # nobody else becomes a member meanwhile
    admin.open("/webhooks/new")
    page.get_by_label("Address").fill(receiver.url)
    page.get_by_label("Description").fill(f"Stock {mark}")
    page.get_by_role("button", name="Add endpoint").click()
    secret = page.get_by_label("Secret").input_value()
    assert flaws(admin.page) == []
    page.get_by_role("link", name="I have kept it").click()
    page.get_by_role("button", name="Send a test event").click()
    expect(page.locator("#way")).to_contain_text("Delivered", timeout=SECONDS * 1000)
    expect(page.locator("#way")).to_contain_text("204")
    assert flaws(admin.page) == []
    assert Webhook(secret).verify(receiver.heard[0].body, receiver.heard[0].headers)

    before = len(receiver.heard)
    receiver.will_tell("member.created", "500")
    demo.shop.send("customer.created", {"id": f"hooks-{mark}"}, f"hooks-{mark}", LONG_AGO)
    wait_until(lambda: [each.said["type"] for each in receiver.heard[before:]].count("member.created") == 2, SECONDS)
    page.get_by_role("link", name=f"Stock {mark}").click()
    log = page.locator("#log")
    log.get_by_label("Event").select_option("member.created")
    expect(log.get_by_role("link", name="member.created")).to_have_count(1)
    log.get_by_role("link", name="member.created").click()
    wait_until(
        lambda: bool(page.reload()) and page.locator(".attempts > li").count() == 2, SECONDS
    )  # noted after it is heard
    page.get_by_text("What it answered").click()
    expect(page.locator(".attempts pre")).to_have_text("because")
    assert flaws(admin.page) == []

    page.get_by_role("link", name=f"Stock {mark}").click()
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(admin.said.first).to_contain_text("removed")


def test_a_refused_delivery_is_found_and_explained(admin: Admin, demo: Demo) -> None:
    mark = uuid4().hex[:8]
    order = {
        "id": f"hooks-{mark}",
        "number": f"hooks-{mark}",
        "currency": "EUR",
        "created_at": LONG_AGO,
        "subtotal": "a lot",
    }
    assert demo.shop.send("order.created", order, f"hooks-{mark}", LONG_AGO) == 400
    page = admin.page
    admin.open("/missing-points")
    page.get_by_label("Order number").fill(f"hooks-{mark}")
    page.get_by_role("button", name="Look", exact=True).click()
    expect(page.locator(".verdict")).to_contain_text("was refused")
    assert flaws(admin.page) == []
    page.get_by_role("link", name="See the delivery").click()
    expect(page.get_by_text('"subtotal": "a lot"')).to_be_visible()
    assert flaws(admin.page) == []
    page.get_by_role("button", name="Look at it anew").click()
    expect(admin.said.first).to_contain_text("It is still refused.")
    admin.open("/deliveries/gaps")
    expect(page.get_by_role("main")).to_contain_text("Deliveries that were refused")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_order_that_nobody_knows_by_axe(admin: Admin, scheme: str) -> None:
    admin.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    for width in (360, 1280):
        admin.page.set_viewport_size({"width": width, "height": 860})
        admin.open("/missing-points?order=4711-never")
        assert flaws(admin.page) == []
        assert admin.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
