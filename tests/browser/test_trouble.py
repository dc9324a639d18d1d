"""What a shopper reads when something is wrong: kind words and a way on, never a crash (any uncaught error fails a test)."""

import re

import requests
from playwright.sync_api import Page, expect

from tests.browser.boutique import Boutique
from tests.browser.members import ADA, OLU, identity
from tests.browser.network import away
from tests.browser.widget import Widget

SAFE = "Your points are safe."


def test_an_identity_that_has_expired_asks_for_a_fresh_page(page: Page, widget: Widget, boutique: Boutique) -> None:
    page.goto(boutique.page("/expired", identity=boutique.identity(ADA, age=3600)))
    widget.open()
    expect(widget.dialog).to_contain_text("This page has been open for a while")
    expect(widget.dialog).to_contain_text("To keep your points safe, please load it again.")
    boutique.page("/expired", identity=identity(boutique, ADA))
    with page.expect_navigation():
        widget.dialog.get_by_role("button", name="Reload the page").click()
    widget.open()
    expect(widget.dialog).to_contain_text("Hello, Ada")


def test_an_identity_that_somebody_made_up_is_shown_nothing(page: Page, widget: Widget, boutique: Boutique) -> None:
    forged = identity(boutique, ADA)[:-6] + "AAAAAA"
    page.goto(boutique.page("/forged", identity=forged))
    widget.open()
    expect(widget.dialog).to_contain_text("This page has been open for a while")
    expect(widget.dialog).not_to_contain_text("Ada")


def test_a_server_that_is_away_before_anything_was_loaded_is_said_beside_the_launcher(
    page: Page, widget: Widget, boutique: Boutique
) -> None:
    page.goto(boutique.page("/away", identity=identity(boutique, ADA)))
    expect(widget.launcher).to_be_visible()
    away(page, boutique)
    widget.launcher.click()
    said = widget.host.get_by_role("status")
    expect(said).to_have_text("This cannot be loaded right now. Please try again.")
    page.unroute_all()
    widget.open()
    expect(widget.dialog).to_contain_text("Hello, Ada")
    expect(said.first).to_be_empty()


def test_an_api_that_is_away_is_said_in_the_panel_and_tried_again(
    page: Page, widget: Widget, boutique: Boutique
) -> None:
    page.goto(boutique.page("/api-away", identity=identity(boutique, ADA)))
    away(page, boutique, "/session")
    widget.open()
    expect(widget.dialog).to_contain_text("That did not work")
    expect(widget.dialog).to_contain_text(SAFE)
    page.unroute_all()
    widget.dialog.get_by_role("button", name="Try again").click()
    expect(widget.dialog).to_contain_text("Hello, Ada")
    expect(widget.dialog).not_to_contain_text("That did not work")


def test_without_a_network_what_is_known_stays_on_view(page: Page, widget: Widget, boutique: Boutique) -> None:
    page.goto(boutique.page("/offline", identity=identity(boutique, ADA)))
    widget.open_at_balance()
    widget.close()
    page.context.set_offline(True)
    widget.open()
    expect(widget.dialog).to_contain_text("You seem to be offline")
    expect(widget.available()).to_have_text("150")
    page.context.set_offline(False)
    widget.dialog.get_by_role("button", name="Try again").click()
    expect(widget.dialog).not_to_contain_text("You seem to be offline")


def test_activity_that_does_not_come_is_said_where_it_would_be(page: Page, widget: Widget, boutique: Boutique) -> None:
    page.goto(boutique.page("/no-activity", identity=identity(boutique, ADA)))
    widget.open()
    away(page, boutique, "/me/activity")
    widget.choose("My balance")
    again = widget.panel("My balance").get_by_role("button", name="Try again")
    expect(again).to_be_visible()
    expect(widget.available()).to_have_text("150")
    page.unroute_all()
    again.click()
    expect(widget.entry("Order A1", "+100")).to_be_visible()


def test_somebody_who_asks_too_often_is_told_to_wait_and_how_long(
    page: Page, widget: Widget, boutique: Boutique
) -> None:
    address = f"{boutique.shop.lagniappe.base_url}/widget/v1/{boutique.shop.made['widget_key']}/session"
    who = {"identity": identity(boutique, "cus_hasty")}
    told = re.compile(r"One moment, please.*Trying again in (a second|\d+ seconds)\.", re.DOTALL)
    is_told, is_let_in = widget.dialog.filter(has_text=told), widget.dialog.filter(has_text="Hello, Hasty")
    for _ in range(10):  # as the minute slides on, one more is let in now and then: it may be the widget
        with requests.Session() as session:
            statuses = [session.post(address, json=who, timeout=60).status_code for _ in range(62)]
        assert statuses.count(429) >= 1, set(statuses)  # the limit: 60 writes a minute (contract section 5)
        page.goto(boutique.page("/busy", identity=identity(boutique, "cus_hasty")))
        widget.open()
        expect(is_told.or_(is_let_in)).to_be_visible()
        if is_told.is_visible():
            return
    raise AssertionError("the widget was let in ten times")


def test_what_is_owed_is_explained_without_alarm(page: Page, widget: Widget, boutique: Boutique) -> None:
    page.goto(boutique.page("/owed", identity=identity(boutique, OLU)))
    widget.open_at_balance()
    owed = widget.card("100 points to make up")
    expect(owed).to_contain_text("The next 100 points you earn settle this. You never owe money.")
