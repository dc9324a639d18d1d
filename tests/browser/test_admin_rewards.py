"""A merchant adds reward campaigns with keyboard and mouse, and customers see them."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.admin import Admin
from tests.browser.axe import flaws
from tests.browser.running_demo import Demo
from tests.browser.widget import Widget
from tests.journeys.running import wait_until


@pytest.fixture
def name(demo: Demo) -> Iterator[str]:
    """A campaign's name that no other test uses; what has it is inactive afterwards."""
    own = f"Thanks {uuid4().hex[:8]}"
    yield own
    for each in demo.shop.get("/rewards?limit=100")["items"]:
        if own in each["reward_name"]:
            demo.shop.call("PATCH", f"/rewards/{each['id']}", {"is_active": False})


def is_in_the_program(demo: Demo, page: Page, name: str) -> None:
    """A visitor of the store finds it in the widget; a process may go by what it knew for three seconds."""
    widget = Widget(page)

    def shows() -> bool:
        page.goto(demo.store_url)
        widget.open()
        widget.choose("Redeem points")
        expect(widget.panel("Redeem points").get_by_role("heading").first).to_be_visible()
        return widget.reward(name).count() > 0

    wait_until(shows, 60, lambda: f"{name} is not in the widget")


def test_a_discount_is_added_with_the_mouse_and_shown_in_the_widget(admin: Admin, demo: Demo, name: str) -> None:
    page = admin.page
    admin.open("/reward-campaigns")
    page.get_by_role("main").get_by_role("link", name="Add reward campaign").click()
    expect(page.get_by_label("Campaign type")).to_have_value("fixed_amount_discount")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Cost in points").fill("7")
    page.get_by_role("button", name="SAVE").last.click()
    expect(admin.said.first).to_contain_text("Reward value")
    expect(page.get_by_label("Reward value")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Name", exact=True)).to_have_value(name)
    page.get_by_label("Reward value").fill("3")
    page.get_by_label("Show to visitors who are not signed in").check()
    page.get_by_role("button", name="SAVE").last.click()
    expect(admin.said.first).to_contain_text(f"“{name}” was added.")
    is_in_the_program(demo, page, name)


@pytest.mark.parametrize("trouble", ["refused", "lost"])
def test_a_question_that_is_added_in_a_moment_of_trouble_saves_nothing(
    admin: Admin, demo: Demo, name: str, trouble: str
) -> None:
    page = admin.page
    failed: list[str] = []

    def fail_once(route: Route) -> None:
        if failed or "add_attribute" not in (route.request.post_data or ""):
            return route.continue_()
        failed.append(trouble)
        return route.fulfill(status=503, body="") if trouble == "refused" else route.abort()

    admin.open("/reward-campaigns/new")
    page.get_by_label("Name", exact=True).first.fill(name)
    page.get_by_label("Cost in points").fill("7")
    page.get_by_label("Reward value").fill("3")
    page.route("**/admin/reward-campaigns/new", fail_once)
    questions = page.locator("#field-custom_transaction_attributes .row")
    before = questions.count()
    page.get_by_role("button", name="Add question").click()
    expect(questions).to_have_count(before + 1)
    expect(page.get_by_label("Name", exact=True).first).to_have_value(name)
    assert failed == [trouble]
    assert name not in [each["reward_name"] for each in demo.shop.get("/rewards?limit=100")["items"]]


def test_cashback_is_added_with_the_keyboard_alone(admin: Admin, demo: Demo, name: str) -> None:
    page = admin.page
    admin.open("/reward-campaigns/new")
    page.get_by_label("Campaign type").focus()
    page.keyboard.type("Cashback")
    expect(page.get_by_label("Cost in points")).to_be_hidden()
    expect(page.get_by_label("Point value")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type(name)
    page.get_by_label("Point value").focus()
    page.keyboard.type("0.01")
    page.get_by_label("Show to visitors who are not signed in").focus()
    page.keyboard.press("Space")
    page.get_by_label("Key").focus()
    page.keyboard.type("Event")
    page.keyboard.press("Tab")
    page.keyboard.type("Birthday")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # Add Label
    expect(page.get_by_label("Key").nth(1)).to_be_focused()
    expect(page.get_by_label("Value", exact=True).first).to_have_value("Birthday")
    expect(page.locator("#preview")).to_contain_text(name)
    page.get_by_label("Name", exact=True).focus()
    page.keyboard.press("Enter")
    expect(admin.said.first).to_contain_text(f"“{name}” was added.")
    is_in_the_program(demo, page, name)


def test_dates_and_target_come_and_go_with_what_is_chosen(admin: Admin) -> None:
    page = admin.page
    admin.open("/reward-campaigns/new")
    expect(page.get_by_label("Active from")).to_be_hidden()
    page.get_by_label("All time active").uncheck()
    expect(page.get_by_label("Active from")).to_be_visible()
    expect(page.get_by_label("Active from")).to_be_enabled()
    page.get_by_label("All time active").check()
    expect(page.get_by_label("Active from")).to_be_disabled()
    levels = page.locator('[data-shown-when="target.type=level"]')
    expect(levels).to_be_hidden()
    page.get_by_label("Target type").select_option("level")
    expect(levels).to_be_visible()


def test_a_description_is_made_bold_by_a_button_and_the_preview_follows(admin: Admin) -> None:
    """S0.15: a rich text, without knowing HTML."""
    page = admin.page
    admin.open("/reward-campaigns/new")
    description = page.get_by_label("Short description").and_(page.get_by_role("textbox"))
    description.fill("Five off")
    description.select_text()
    page.get_by_role("group", name="Formatting of Short description").get_by_role("button", name="Bold").click()
    expect(description).to_have_value("<b>Five off</b>")
    expect(page.locator("#preview b")).to_have_text("Five off")


def test_an_overlap_is_said_while_the_dates_are_typed(admin: Admin) -> None:
    page = admin.page
    admin.open("/points-campaigns/new")
    taken = page.locator("[data-taken] li").first
    begins = taken.get_attribute("data-from")
    assert begins is not None
    page.get_by_label("Publish", exact=True).fill(begins)
    expect(page.locator("#overlap-now")).to_contain_text("Overlaps with")
    page.get_by_role("button", name="Check the dates").click()
    expect(page.locator("#overlap")).to_contain_text("Campaigns cannot overlap")
    expect(page.get_by_label("Publish", exact=True)).to_have_value(begins)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_quarter_of_the_calendar_by_axe(admin: Admin, scheme: str) -> None:
    admin.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    for width in (360, 1280):
        admin.page.set_viewport_size({"width": width, "height": 860})
        admin.open("/points-campaigns/calendar?span=quarter")
        assert flaws(admin.page) == []
        assert admin.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
