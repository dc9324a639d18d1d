"""A merchant looks at the figures: what a shopper earns is in the report, to the point."""

from uuid import uuid4

from playwright.sync_api import Page, expect

from tests.browser.admin import Admin
from tests.browser.running_demo import LONG_AGO, SIGN_UP, Demo


def number(page: Page, label: str) -> int:
    """The figure of that name."""
    shown = page.locator(".figure").filter(has=page.get_by_text(label, exact=True)).locator("dd").first
    return int(str(shown.evaluate("each => each.firstChild.textContent")).strip().replace(",", "").replace("−", "-"))


def test_what_a_member_gets_is_in_the_report_to_the_point(admin: Admin, demo: Demo) -> None:
    page, mark = admin.page, uuid4().hex[:8]
    told = {"id": f"reports-{mark}"}
    assert demo.shop.send("customer.created", told, f"reports-{mark}", LONG_AGO) == 202
    demo.shop.await_balance(f"external:reports-{mark}", available=SIGN_UP)
    admin.open("/reports/points")
    closing = number(page, "Closing")
    issued = number(page, "Issued")
    member = f"external:reports-{mark}"
    demo.shop.adjust(member, 37, f"for the report {mark}")
    demo.shop.await_balance(member, available=SIGN_UP + 37)
    page.reload()
    assert number(page, "Closing") >= closing + 37
    assert number(page, "Issued") >= issued + 37
    page.get_by_role("link", name="Add up every account to compare").click()
    expect(page.get_by_text(": the same.")).to_be_visible()
    admin.open("/reports/liability")
    assert number(page, "Available") >= SIGN_UP + 37
    admin.open("")
    page.get_by_role("link", name="Points outstanding").click()
    expect(page.get_by_role("heading", level=1, name="Liability")).to_be_visible()


def test_a_period_is_chosen_by_name_and_kept_for_its_files(admin: Admin) -> None:
    page = admin.page
    admin.open("/reports/program")
    page.get_by_role("link", name="Last 30 days").click()
    expect(page.get_by_role("link", name="Last 30 days")).to_have_attribute("aria-current", "true")
    with page.expect_download() as got:
        page.get_by_role("link", name="CSV of Members by level").click()
    assert got.value.suggested_filename.startswith("levels-")
