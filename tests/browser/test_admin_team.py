"""Somebody joins the team: invited, by mail, with a password and a second factor; then they are let go."""

import re
from uuid import uuid4

import pyotp
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.admin import Admin
from tests.browser.chromium import browsing
from tests.browser.running_demo import Demo
from tests.browser.store import Store

PASSWORD = "seven kettles on a hill"


def test_somebody_is_invited_protects_their_account_and_is_let_go(
    admin: Admin, demo: Demo, chromium: Browser, request: pytest.FixtureRequest
) -> None:
    email = f"nia-{uuid4().hex[:8]}@kilnandkettle.example"
    admin.open("/people/invite")
    page = admin.page
    page.get_by_label("Name").fill("Nia New")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_role("radio", name="Marketing").check()
    page.get_by_role("button", name="Invite").click()
    expect(admin.said).to_contain_text(f"An invitation is on its way to {email}.")

    with browsing(chromium, request) as own:
        store = Store(own, demo.store_url)
        store.open_letter("Join", email)
        link = store.letter().get_by_role("link", name="Choose a password").get_attribute("href")
        assert link is not None
        own.goto(link)
        own.get_by_label("Password", exact=True).fill(PASSWORD)
        own.get_by_label("The same once more").fill(PASSWORD)
        own.get_by_role("button", name="Come in").click()
        own.wait_for_url(admin.base)
        expect(own.get_by_role("link", name="All reward campaigns")).to_be_visible()
        expect(own.get_by_role("link", name="People")).to_have_count(0)

        own.get_by_role("link", name="Your account").click()
        own.get_by_role("link", name="Set up").click()
        expect(own.locator("svg.qr")).to_be_visible()
        secret = own.locator("code").inner_text().replace(" ", "")
        phone = pyotp.TOTP(secret)
        own.get_by_label("Code").fill(phone.now())  # half a minute may end meanwhile: it is good for one more
        own.get_by_label("Your password").fill(PASSWORD)
        own.get_by_role("button", name="Turn on").click()
        expect(own.locator(".codes li")).to_have_count(10)
        recovery = own.locator(".codes li").first.inner_text()

        own.get_by_role("button", name="Log out").click()
        own.get_by_label("E-mail address").fill(email)
        own.get_by_label("Password").fill(PASSWORD)
        own.get_by_role("button", name="Log in").click()
        expect(own.get_by_role("heading", name="Type your code")).to_be_visible()
        own.get_by_label("Code").fill(recovery)
        own.get_by_role("button", name="Log in").click()
        own.wait_for_url(re.compile(r"/admin$"))

        admin.open("/people")
        page.get_by_role("link", name="Nia New").first.click()
        page.get_by_role("button", name="Remove from the team").click()
        page.get_by_role("dialog").get_by_role("button", name="Remove from the team").click()
        expect(admin.said).to_contain_text("Nia New is not on the team any more.")
        own.reload()
        expect(own.get_by_role("heading", name="Log in")).to_be_visible()
