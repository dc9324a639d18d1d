"""Looking after an account in a real browser: block and unblock, merge two accounts, hand out the data, erase."""

import os
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from tests.browser.admin import Admin
from tests.browser.axe import flaws
from tests.browser.running_demo import LONG_AGO, Demo
from tests.journeys.running import wait_until

SECONDS = 60


def newcomer(admin: Admin, demo: Demo, name: str, mark: str) -> str:
    """A customer whom the store tells of; the address of their profile."""
    customer = f"{name.lower()}-{mark}"
    told = {"id": customer, "first_name": name, "last_name": mark, "email": f"{customer}@mail.example"}
    assert demo.shop.send("customer.created", told, customer, LONG_AGO) == 202
    page = admin.page

    def is_found() -> bool:
        admin.open(f"/customers?search={customer}@mail.example")
        return page.get_by_role("link", name=f"{name} {mark}", exact=True).count() > 0

    wait_until(is_found, SECONDS)
    return str(page.get_by_role("link", name=f"{name} {mark}", exact=True).first.get_attribute("href")).removeprefix(
        "/admin"
    )


def test_an_account_is_blocked_merged_handed_out_and_erased(admin: Admin, demo: Demo) -> None:
    mark, page = uuid4().hex[:8], admin.page
    kept, gone = newcomer(admin, demo, "Anouk", mark), newcomer(admin, demo, "Nouk", mark)
    admin.open(kept)
    page.get_by_role("link", name="Block, merge, erase").click()
    _is_fine(admin, "care")
    page.get_by_label("Reason").fill("A chargeback")
    page.get_by_role("button", name="Block").click()
    expect(admin.said.first).to_contain_text("Blocked")
    page.get_by_label("Reason").fill("It was a mistake")
    page.get_by_role("button", name="Unblock").click()
    expect(admin.said.first).to_contain_text("Unblocked")
    expect(page.locator("#care-log tbody tr")).to_have_count(2)
    _is_fine(admin, "care-log")

    page.get_by_role("link", name="Find the other account").click()
    page.get_by_label("Name, e-mail").fill(f"nouk-{mark}@mail.example")
    page.get_by_role("button", name="Find").click()
    _is_fine(admin, "merge-found")
    page.get_by_role("link", name=f"Nouk {mark}", exact=True).click()
    expect(page.locator("#both")).to_contain_text(f"anouk-{mark}@mail.example")
    _is_fine(admin, "merge")
    page.get_by_label("How do you know").fill("She called us")
    page.get_by_label("Type “merge”").fill("merge")
    page.get_by_role("button", name="Merge for good").click()
    expect(admin.said.first).to_contain_text("one now")
    admin.open(gone)
    expect(page.get_by_text("This account was merged")).to_be_visible()

    admin.open(f"{kept}/care")
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download all data").click()
    assert downloading.value.suggested_filename.endswith(".zip")

    page.get_by_role("link", name="See what goes").click()
    _is_fine(admin, "erase")
    page.get_by_label("Type “erase”").fill("erase")
    page.get_by_role("button", name="Erase for good").click()
    expect(admin.said.first).to_contain_text("Erased")
    admin.open(f"/customers?search=anouk-{mark}@mail.example")
    expect(page.get_by_role("link", name=f"Anouk {mark}")).to_have_count(0)


@pytest.mark.parametrize("width", [360, 1280])
def test_its_pages_fit_a_phone_and_a_desk(admin: Admin, demo: Demo, width: int) -> None:
    mark, page = uuid4().hex[:8], admin.page
    kept, gone = newcomer(admin, demo, "Wide", mark), newcomer(admin, demo, "Wider", mark)
    page.set_viewport_size({"width": width, "height": 800})
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for name, path in (
            ("care", f"{kept}/care"),
            ("merge", f"{kept}/merge?other={gone.rsplit('/', 1)[1]}"),
            ("erase", f"{kept}/erase"),
        ):
            admin.open(path)
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, (name, wide)
            _is_fine(admin, f"{name}-{width}-{scheme}")


def _is_fine(admin: Admin, name: str) -> None:
    assert flaws(admin.page) == []
    if folder := os.environ.get("LAGNIAPPE_PICTURES"):
        admin.page.screenshot(path=Path(folder) / f"care-{name}.png", full_page=True)
