"""The merchant's admin in a real browser: somebody signed in at the demo's desk."""

from dataclasses import dataclass

from playwright.sync_api import Locator, Page

from tests.browser.running_demo import Demo


@dataclass
class Admin:
    """The demo's admin, signed in as its owner."""

    page: Page
    demo: Demo

    @property
    def base(self) -> str:
        return f"{self.demo.shop.made['base_url']}/admin"

    def sign_in(self) -> None:
        self.page.goto(f"{self.base}/log-in")
        self.page.get_by_label("E-mail address").fill(self.demo.shop.made["admin_email"])
        self.page.get_by_label("Password").fill(self.demo.shop.made["admin_password"])
        self.page.get_by_role("button", name="Log in").click()
        self.page.wait_for_url(self.base)

    def open(self, path: str) -> None:
        """A page, by its address below /admin."""
        answer = self.page.goto(f"{self.base}{path}")
        assert answer is not None
        assert answer.status == 200, answer.status

    @property
    def said(self) -> Locator:
        """The notices of the page."""
        return self.page.locator(".notice")
