"""A merchant looks through a customer's eyes at a later day, finds every tab and redeems nothing; a dry run by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from tests.browser.admin import Admin
from tests.browser.axe import flaws
from tests.browser.running_demo import LONG_AGO, SIGN_UP, Demo

TABS = ("Earn points", "Redeem points", "My rewards", "Referral program", "My balance")


@pytest.fixture
def member(demo: Demo) -> dict[str, Any]:
    """Somebody with points for any reward, who reads English, and of whom nothing is on its way: what the demo's people
    have is for other tests, and their past may still be arriving."""
    customer = f"preview-{uuid4().hex[:8]}"
    assert demo.shop.send("customer.created", {"id": customer, "locale": "en"}, customer, LONG_AGO) == 202
    reference = f"external:{customer}"
    demo.shop.await_balance(reference, available=SIGN_UP, pending_points=0)
    demo.shop.adjust(reference, 5000, "for a test")
    found: dict[str, Any] = demo.shop.get(f"/members/{reference}")
    return found


def frame_of(page: Page) -> FrameLocator:
    return page.frame_locator("iframe[data-preview]")


def test_seen_as_a_customer_at_a_later_date_tabs_work_and_redeeming_is_refused(
    admin: Admin, demo: Demo, member: dict[str, Any]
) -> None:
    page = admin.page
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    before = demo.shop.get(f"/members/{member['id']}/balance")
    admin.open(f"/preview?member={member['id']}")
    page.get_by_label("On", exact=True).fill(str(datetime.now(UTC).date() + timedelta(days=40)))
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", name="What is foreseen")).to_be_visible()
    widget = frame_of(page)
    expect(widget.get_by_role("dialog")).to_be_visible()
    for tab in TABS:
        widget.get_by_role("tab", name=tab).click()
        expect(widget.get_by_role("tabpanel", name=tab)).to_be_visible()
        expect(widget.locator(".skeleton:visible")).to_have_count(0)
        expect(widget.get_by_role("heading", name="That did not work")).to_have_count(0)
    widget.get_by_role("tab", name="Redeem points").click()
    widget.locator("button[data-do=choose]:enabled").first.click()
    expect(widget.locator(".sheet").get_by_role("button", name="Confirm")).to_be_visible()
    attribute = widget.locator(".sheet input:required")
    for at in range(attribute.count()):
        attribute.nth(at).fill("a test")
    widget.locator(".sheet").get_by_role("button", name="Confirm").click()
    expect(widget.get_by_text("Preview: nothing is changed.").first).to_be_visible()
    assert demo.shop.get(f"/members/{member['id']}/balance") == before
    assert complaints == []


def test_the_frame_has_no_origin_and_nothing_of_who_looks(admin: Admin, member: dict[str, Any]) -> None:
    page = admin.page
    admin.open(f"/preview?member={member['id']}")
    expect(frame_of(page).get_by_role("dialog")).to_be_visible()
    frame = next(each for each in page.frames if "/preview/frame" in each.url)
    assert frame.evaluate("self.origin") == "null"
    reached = frame.evaluate(
        "fetch('/admin/account', { credentials: 'include' }).then((answer) => answer.text(), () => 'refused')"
    )
    assert reached == "refused"
    with pytest.raises(Exception, match="sandboxed"):
        frame.evaluate("document.cookie")


def test_a_visitor_is_invited_to_sign_up(admin: Admin) -> None:
    admin.open("/preview")
    expect(frame_of(admin.page).get_by_role("link", name="Sign up").first).to_be_visible()


def test_a_dry_run_is_begun_and_shows_its_result_by_itself(admin: Admin) -> None:
    page = admin.page
    admin.open("/program/dry-run")
    page.get_by_role("button", name="Try").first.click()
    expect(page.get_by_text("Month by month").first).to_be_visible()
    expect(page.get_by_text("Up to date")).to_be_visible()
    expect(page.get_by_role("img", name="Points of the orders of each month")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/preview", "/program/dry-run"])
def test_these_pages_by_axe(admin: Admin, path: str, scheme: str) -> None:
    admin.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    for width in (390, 1280):
        admin.page.set_viewport_size({"width": width, "height": 860})
        admin.open(path)
        if path == "/preview":
            expect(frame_of(admin.page).get_by_role("dialog")).to_be_visible()
        assert flaws(admin.page) == []
        assert admin.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} scrolls at {width}"
