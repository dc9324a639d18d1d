"""A merchant sets the program up in a browser: the guide from a new shop to the snippet, settings as a draft."""

import itertools
import json
import os
import re
import subprocess
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import APIResponse, Browser, Page, Request, Route, expect

from tests.browser.admin import Admin
from tests.browser.axe import flaws
from tests.browser.running_demo import Demo
from tests.journeys.running import LAGNIAPPE, PATIENCE_SECONDS, wait_until


def run(demo: Demo, *words: str) -> dict[str, Any]:
    """One command of the demo's own Lagniappe; what it prints."""
    environ = {**os.environ, "LAGNIAPPE_ENV": "demo", "LAGNIAPPE_DATA_DIR": demo.shop.made["data_dir"]}
    done = subprocess.run([LAGNIAPPE, *words], env=environ, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def new_shop(demo: Demo) -> dict[str, Any]:
    """A shop beside the demo's that nobody has set up."""
    name = f"Atelier {uuid4().hex[:6]}"
    facts = ("--platform", "custom", "--currency", "EUR", "--timezone", "Europe/Paris", "--locale", "en")
    return run(demo, "shop", "create", "--name", name, "--domain", f"{uuid4().hex[:8]}.example", *facts)


@pytest.fixture
def owner(demo: Demo, new_shop: dict[str, Any], page: Page) -> Page:
    """A browser in which the new shop's owner has just joined."""
    address = f"owner@{uuid4().hex[:8]}.example"
    words = ("--shop", str(new_shop["shop_id"]), "--email", address, "--name", "Olga Owner")
    page.goto(run(demo, "staff", "invite", *words)["url"])
    for each in page.locator("input[type=password]").all():
        each.fill("correct horse battery staple")
    page.get_by_role("main").get_by_role("button").first.click()
    page.wait_for_url(re.compile(r"/admin(/guide.*)?$"))
    return page


@pytest.fixture
def without_script(demo: Demo, chromium: Browser) -> Iterator[Page]:
    """A browser that runs no JavaScript, signed in at the demo's desk."""
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    Admin(page, demo).sign_in()
    yield page
    context.close()


def in_force(demo: Demo, shop: dict[str, Any]) -> dict[str, Any]:
    return run(demo, "program", "show", "--shop", str(shop["shop_id"]))


def settings_of(shown: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = shown.get("settings", shown)
    return found


def test_from_a_new_shop_to_the_snippet(demo: Demo, new_shop: dict[str, Any], owner: Page) -> None:
    page = owner
    page.goto(f"{demo.shop.made['base_url']}/admin/guide")
    example = page.get_by_role("complementary", name="Example")
    expect(example).to_contain_text("100 points")
    page.get_by_label("Points earned").fill("4")
    expect(example).to_contain_text("400 points")
    widget = page.frame_locator("iframe[data-preview]")
    expect(widget.get_by_text("4 points for every €10")).to_be_visible()
    expect(page.get_by_label("Points earned")).to_be_focused()
    page.get_by_role("button", name="Next").last.click()
    page.get_by_label("Points assign day").fill("14")
    page.get_by_role("button", name="Next").last.click()
    page.get_by_label("Points expiry date").select_option("fixed_day")
    expect(page.get_by_label("Month")).to_have_value("12")
    page.get_by_role("button", name="Next").last.click()
    page.get_by_label("Money off").fill("5")
    page.get_by_label("Cost in points").fill("200")
    page.get_by_role("button", name="Next").last.click()
    page.get_by_label("Corner").select_option("left")
    page.get_by_role("button", name="Next").last.click()
    expect(page.get_by_role("heading", name="Put it in force")).to_be_visible()
    before = settings_of(in_force(demo, new_shop))
    assert (before["earn"]["points_per_step"], before["appearance"]["position"]) == (1, "right")
    page.get_by_role("button", name="Update").click()
    expect(page.locator(".notice.done")).to_contain_text("in force from now on")
    after = settings_of(in_force(demo, new_shop))
    assert (after["earn"]["points_per_step"], after["appearance"]["position"]) == (4, "left")
    assert after["assign"]["delay_days"] == 14
    assert after["expiry"] == {"kind": "fixed_day", "month": 12, "day": 31, "grace_days": 7}
    expect(page.locator("#snippet")).to_contain_text(f"loader.js?shop={new_shop['widget_key']}")


def test_who_goes_on_while_a_change_is_being_shown_is_not_told_of_somebody_else(
    demo: Demo, new_shop: dict[str, Any], owner: Page
) -> None:
    page = owner
    page.goto(f"{demo.shop.made['base_url']}/admin/guide/rate")
    kept: list[tuple[Route, APIResponse]] = []  # whose answers are still on their way

    def hold(route: Route) -> None:
        if is_shown(route.request):
            kept.append((route, route.fetch(max_redirects=0)))
        else:
            route.continue_()

    page.route("**/admin/guide/rate", hold)
    with page.expect_request(is_shown):
        page.get_by_label("Points earned").fill("4")
    wait_until(
        lambda: page.wait_for_timeout(50) or bool(kept), PATIENCE_SECONDS
    )  # the page's events are heard meanwhile
    page.get_by_label("Points earned").fill("45")
    page.get_by_role("button", name="Next").last.click()
    ((route, answer),) = kept
    route.fulfill(response=answer)
    expect(page.get_by_label("Points assign day")).to_be_visible()


def is_shown(request: Request) -> bool:
    """Is this a change on its way to the widget beside the form?"""
    return 'name="do"\r\n\r\nshow' in (request.post_data or "")


def test_a_draft_is_made_and_thrown_away_with_its_changes_in_sight(admin: Admin) -> None:
    page = admin.page
    admin.open("/program/levels")
    count = page.locator("#levels fieldset.level").count()
    page.get_by_role("button", name="Add level").click()
    expect(page.locator("#levels fieldset.level")).to_have_count(count + 1)
    added = page.locator("#levels fieldset.level").last
    added.get_by_label("Name (en)").fill("Raku")
    added.get_by_label("From", exact=True).fill("99000")
    page.get_by_role("button", name="Save as draft").last.click()
    expect(admin.said.first).to_contain_text("Nothing is in force until you update")
    page.get_by_role("link", name="Look at the changes").click()
    expect(page.locator(".differs caption")).to_contain_text("Levels: Raku")
    for scheme, width in itertools.product(("light", "dark"), (360, 1280)):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 860})
        assert flaws(page) == [], (scheme, width)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
    page.get_by_role("button", name="Throw the draft away").click()
    page.get_by_role("dialog").get_by_role("button").last.click()
    expect(admin.said.first).to_contain_text("thrown away")


def test_member_points_is_set_without_javascript(demo: Demo, without_script: Page) -> None:
    page = without_script
    page.goto(f"{demo.shop.made['base_url']}/admin/member-points")
    page.locator('[name="add_language"]').fill("nl")
    page.get_by_role("button", name="Add language").click()
    page.get_by_label("Points rule (nl)").fill("<p>Tien</p>")
    page.get_by_role("button", name="Save as draft").last.click()
    expect(page.locator(".draft")).to_contain_text("Draft with 1 change")
    page.get_by_role("button", name="Throw the draft away").click()
    expect(page.locator(".notice.done")).to_contain_text("thrown away")
