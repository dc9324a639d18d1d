"""Importing and exporting in a real browser: the way from a file to members, and the bar that moves by itself."""

from uuid import uuid4

from playwright.sync_api import Route, expect

from tests.browser.admin import Admin
from tests.browser.axe import flaws


def test_a_file_is_looked_at_imported_and_reported(admin: Admin) -> None:
    mark = uuid4().hex[:8]
    page = admin.page
    admin.open("/import")
    assert flaws(admin.page) == []
    page.get_by_label("Members").check()
    content = f"Customer ID,First Name\nimport-{mark},Ada\n,Nobody\n".encode()
    page.get_by_label("CSV file").set_input_files([{"name": "people.csv", "mimeType": "text/csv", "buffer": content}])
    page.get_by_role("button", name="Upload and look").click()
    expect(page.get_by_label("Customer ID")).to_have_value("external_id")
    assert flaws(admin.page) == []
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_role("heading", name="What became of it")).to_be_visible()
    expect(page.locator("#way")).to_contain_text("The store's customer id is missing.")
    assert flaws(admin.page) == []


def test_an_export_appears_by_itself(admin: Admin) -> None:
    page = admin.page
    admin.open("/export")
    page.get_by_role("button", name="Export everything").click()
    link = page.get_by_role("link", name="Download").first
    expect(link).to_be_visible()
    with page.expect_download() as download:
        link.click()
    assert download.value.suggested_filename.endswith(".zip")
    assert flaws(admin.page) == []


def test_what_moves_by_itself_goes_on_after_answers_that_were_lost(admin: Admin) -> None:
    page = admin.page
    lost: list[str] = []

    def lose_two(route: Route) -> None:
        if len(lost) == 2:
            route.continue_()
        elif lost:
            lost.append("the server is being started anew")
            route.fulfill(status=502, body="Bad gateway")
        else:
            lost.append("no network")
            route.abort()

    admin.open("/export")
    page.route("**/admin/export", lose_two)
    page.evaluate("document.getElementById('way').dataset.poll = '0.2'; dispatchEvent(new Event('lagniappe:page'))")
    expect(page.locator("#way:not([data-poll])")).to_be_visible()
    expect(page.get_by_role("heading", name="Export", exact=True)).to_be_visible()
    assert len(lost) == 2
