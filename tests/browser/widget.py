"""The widget as a shopper sees and uses it, on whatever page it is."""

from playwright.sync_api import Locator, Page, expect


class Widget:
    def __init__(self, page: Page, name: str = "Rewards") -> None:
        self.page = page
        self.host = page.locator("lagniappe-widget")
        self.launcher = self.host.get_by_role("button", name=name, exact=True)  # a block on the page may have one, too
        self.dialog = page.get_by_role("dialog", name=name)
        self.status = self.dialog.get_by_role("status")

    def open(self) -> None:
        """Click the launcher. What the panel shows may still be on its way."""
        self.launcher.click()
        expect(self.dialog).to_be_visible()

    def open_at_balance(self) -> None:
        """As a member, with everything there."""
        self.open()
        self.choose("My balance")
        expect(self.panel("My balance").locator(".ring")).to_be_visible()
        expect(self.dialog.locator(".skeleton:visible")).to_have_count(0)  # a tab that was left early may keep its own

    def reward(self, name: str) -> Locator:
        """The first card of that name: of a reward, or of one that the member has."""
        named = self.page.get_by_role("heading", name=name, exact=True)
        return self.dialog.locator("li.card").filter(has=named).first

    def step(self) -> Locator:
        """The step that is open over the tab."""
        return self.dialog.locator(".sheet")

    def close(self) -> None:
        self.dialog.get_by_role("button", name="Close").click()
        expect(self.dialog).to_be_hidden()

    def tab(self, name: str) -> Locator:
        return self.dialog.get_by_role("tab", name=name)

    def panel(self, name: str) -> Locator:
        return self.dialog.get_by_role("tabpanel", name=name)

    def choose(self, tab: str) -> None:
        self.tab(tab).click()
        expect(self.panel(tab)).to_be_visible()

    def card(self, heading: str) -> Locator:
        """The part of My balance under that heading."""
        headed = self.page.get_by_role("heading", name=heading, exact=True)
        return self.panel("My balance").locator("section").filter(has=headed)

    def available(self) -> Locator:
        """The number in the middle of the ring."""
        return self.panel("My balance").locator(".ring .figure")

    def entry(self, title: str, points: str) -> Locator:
        """The row of the activity with that title and that many points ("+100")."""
        rows = self.panel("My balance").locator("details")
        with_points = rows.filter(has=self.page.get_by_text(points, exact=True))
        return with_points.filter(has=self.page.get_by_text(title, exact=True)).first

    def why(self, title: str, points: str) -> Locator:
        """The sum that made that row, opened."""
        row = self.entry(title, points)
        row.locator("summary").click()
        return row.locator(".why")
