"""The pretend store as a shopper, a courier and a shopkeeper click through it."""

import re

from playwright.sync_api import Locator, Page, expect


class Store:
    """`url` is the store's; `page` is the shopper's browser."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    def visit(self, path: str = "/") -> None:
        self.page.goto(self.url + path)

    def sign_up(self, first_name: str, email: str) -> None:
        self.visit("/sign-up")
        self.page.get_by_label("E-mail").fill(email)
        self.page.get_by_label("First name").fill(first_name)
        self._press("Create the account")
        expect(self.page.get_by_text(f"Welcome, {first_name}.")).to_be_visible()

    def log_in(self, first_name: str) -> None:
        """As one of the people that the store knows from the start."""
        self.visit("/log-in")
        self.page.get_by_role("button", name=first_name).click()
        expect(self.page.get_by_text("You are logged in.")).to_be_visible()

    def log_in_as(self, email: str) -> None:
        self.visit("/log-in")
        self.page.get_by_label("E-mail").fill(email)
        self._press("Log in")
        expect(self.page.get_by_text("You are logged in.")).to_be_visible()

    def buy(self, product: str, guest: tuple[str, str] | None = None) -> str:
        """Put one in the cart and check out; as a guest, `guest` is the first name and the e-mail. The order's number."""
        self.visit()
        self.page.locator("#shelf").get_by_role("link", name=product).click()
        self._press("Add to cart")
        self.visit("/checkout")
        if guest:
            first_name, email = guest
            self.page.get_by_label("First name").fill(first_name)
            self.page.get_by_label("E-mail").fill(email)
        return self.place_the_order()

    def place_the_order(self) -> str:
        """At the checkout; the order's number."""
        self._press("Place the order")
        heading = self.page.get_by_role("heading", level=1)
        expect(heading).to_have_text(re.compile(r"^Order \d+$"))
        return heading.inner_text().removeprefix("Order ")

    def collect(self, order: str) -> None:
        """The courier hands the parcel over."""
        self._open_order(order)
        self._press("Collected")
        expect(self.page.get_by_text(f"Order {order} is collected.")).to_be_visible()

    def refund(self, order: str) -> None:
        """One piece of the order's first line."""
        self._open_order(order)
        self.page.get_by_role("button", name="Refund").first.click()
        expect(self.page.get_by_text(f"Order {order} is refunded.")).to_be_visible()

    def wait_three_days(self) -> None:
        """In one click. Everything that this makes due comes within seconds."""
        self.wait("+3 days")

    def wait(self, button: str) -> None:
        """A button of the time bar."""
        # the store answers when Lagniappe's clock has moved, by a command that starts a Python of its own
        self.page.get_by_role("button", name=button, exact=True).click(timeout=60_000)
        expect(self.page.get_by_text("What is due arrives within seconds.")).to_be_visible()

    def confirm_address(self, email: str) -> None:
        """By the link in the letter that the store sent."""
        self.open_letter("Please confirm your e-mail address", email)
        link = self.page.get_by_role("link", name="/confirm/").get_attribute("href")
        assert link is not None
        self.page.goto(link)
        expect(self.page.get_by_text("Your address is confirmed.")).to_be_visible()

    def open_letter(self, subject: str, to: str) -> None:
        """The newest such letter; the mailbox shows new ones by itself."""
        self.letters(subject, to).first.click(timeout=60_000)
        expect(self.page.get_by_role("heading", level=1)).to_contain_text(subject)

    def letters(self, subject: str, to: str) -> Locator:
        """In the mailbox: the letters with these words in their subject."""
        self.visit("/mailbox")
        return self.page.get_by_role("link").filter(has_text=f"to {to}").filter(has_text=subject)

    def letter(self) -> Locator:
        """What the open letter says."""
        return self.page.frame_locator("iframe").locator("body")

    def _open_order(self, order: str) -> None:
        self.visit("/desk")
        self.page.get_by_role("link", name=order, exact=True).click()

    def _press(self, button: str) -> None:
        self.page.locator("#content").get_by_role("button", name=button, exact=True).click()
