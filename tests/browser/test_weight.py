"""What the widget costs a page over the wire (design section 8), as the running server sends it to a real browser."""

import pytest
from playwright.sync_api import Page, Request, expect

from tests.browser.boutique import Boutique
from tests.browser.members import ADA, identity
from tests.browser.widget import Widget
from tests.journeys.running import wait_until

KB = 1024
BEFORE_INTEREST = 3 * KB
ONE_OPENING = 20 * KB
ONE_TAB = 8 * KB
TWO_TABS = 12 * KB


class Scales:
    """Weighs what a page loads from Lagniappe: bodies as they came, compressed where they were."""

    def __init__(self, page: Page, boutique: Boutique) -> None:
        self._page = page
        self._asked: list[Request] = []
        self._finished: list[Request] = []
        base = boutique.shop.lagniappe.base_url
        page.on("request", lambda one: self._asked.append(one) if one.url.startswith(base) else None)
        page.on("requestfinished", lambda one: self._finished.append(one) if one.url.startswith(base) else None)

    def weigh(self) -> dict[str, int]:
        """Bytes by the end of the address, once everything that was asked for has come."""

        def is_complete() -> bool:
            self._page.evaluate("new Promise(requestAnimationFrame)")
            return len(self._finished) == len(self._asked)

        wait_until(is_complete, 60)
        return {one.url.rpartition("/widget/v1/")[2]: one.sizes()["responseBodySize"] for one in self._finished}


@pytest.fixture
def scales(page: Page, boutique: Boutique) -> Scales:
    return Scales(page, boutique)


def test_before_anyone_is_interested_a_page_pays_less_than_three_kilobytes(
    page: Page, widget: Widget, boutique: Boutique, scales: Scales
) -> None:
    page.goto(boutique.page("/light", identity=identity(boutique, ADA)))
    expect(widget.launcher).to_be_visible()
    weights = scales.weigh()
    assert len(weights) == 1
    assert 500 < sum(weights.values()) <= BEFORE_INTEREST, weights


@pytest.mark.parametrize("who", ["visitor", "member", "member on a phone"])
def test_everything_that_one_opening_loads_is_less_than_twenty_kilobytes(
    page: Page, widget: Widget, boutique: Boutique, scales: Scales, who: str
) -> None:
    """Loader, modules, styles, the words of one language, the program and the dashboard."""
    if "phone" in who:
        page.set_viewport_size({"width": 360, "height": 740})
    proof = None if who == "visitor" else identity(boutique, ADA)
    page.goto(boutique.page("/opened", identity=proof))
    widget.open()
    expect(widget.dialog).to_contain_text("Join Boutique" if who == "visitor" else "Hello, Ada")
    expect(widget.panel("Earn points").get_by_role("link", name="Purchase")).to_be_visible()
    weights = scales.weigh()
    assert any(path.endswith("locales/en.json") for path in weights)
    assert any(path.endswith("/session") for path in weights) == (proof is not None)
    assert 5 * KB < sum(weights.values()) <= ONE_OPENING, weights


def test_looking_at_the_balance_costs_little_more(
    page: Page, widget: Widget, boutique: Boutique, scales: Scales
) -> None:
    """The code, the styles and the words of that tab; the activity itself is as long as it is."""
    page.goto(boutique.page("/balance", identity=identity(boutique, ADA)))
    widget.open()
    expect(widget.dialog).to_contain_text("Hello, Ada")
    opened = scales.weigh()
    widget.choose("My balance")
    expect(widget.entry("Order A1", "+100")).to_be_visible()
    more = {path: size for path, size in scales.weigh().items() if path not in opened}
    names = {path.rpartition("/")[2] for path in more}
    modules = {f"{name}.js" for name in ("balance", "activity", "levels", "pages", "rate", "signs", "why")}
    assert names == modules | {"balance.css", "en.json", "activity"}
    del more["me/activity"]
    assert sum(more.values()) <= ONE_TAB, more


def test_redeeming_costs_little_more(page: Page, widget: Widget, boutique: Boutique, scales: Scales) -> None:
    """Both tabs, with all that can be done in them."""
    page.goto(boutique.page("/redeem", identity=identity(boutique, ADA)))
    widget.open()
    expect(widget.dialog).to_contain_text("Hello, Ada")
    opened = scales.weigh()
    widget.choose("Redeem points")
    expect(widget.reward("€5 off").get_by_role("button", name="Redeem")).to_be_visible()
    widget.choose("My rewards")
    expect(widget.dialog).to_contain_text("Nothing here yet")
    more = {path: size for path, size in scales.weigh().items() if path not in opened}
    assert any(path.endswith("redemptions.js") for path in more)
    assert sum(more.values()) <= TWO_TABS, more


def test_the_next_page_loads_no_module_again(page: Page, widget: Widget, boutique: Boutique) -> None:
    address = boutique.page("/again", identity=identity(boutique, ADA))
    page.goto(address)
    widget.open_at_balance()

    addresses: dict[str, str] = {}
    from_the_wire: list[str] = []
    network = page.context.new_cdp_session(page)
    network.on("Network.requestWillBeSent", lambda it: addresses.update({it["requestId"]: it["request"]["url"]}))
    network.on(
        "Network.loadingFinished",
        lambda it: from_the_wire.append(addresses[it["requestId"]]) if it["encodedDataLength"] else None,
    )
    network.send("Network.enable")
    page.goto(address)
    widget.open_at_balance()
    assert any("/assets/" in url for url in addresses.values())
    assert [url for url in from_the_wire if "/assets/" in url] == []
    assert any(url.endswith("/session") for url in from_the_wire)
