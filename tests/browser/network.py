"""The network between a page and Lagniappe, when it is not what it should be."""

from playwright.sync_api import Page

from tests.browser.boutique import Boutique


def away(page: Page, boutique: Boutique, part: str = "") -> None:
    """From now on nobody answers at Lagniappe's address, or at that part of it."""
    page.route(f"{boutique.shop.lagniappe.base_url}/**{part}", lambda route: route.abort("connectionrefused"))


def unanswered(page: Page, boutique: Boutique, part: str) -> None:
    """From now on whoever asks for that part of Lagniappe's address waits for ever."""
    page.route(f"{boutique.shop.lagniappe.base_url}/**{part}", lambda _: None)
