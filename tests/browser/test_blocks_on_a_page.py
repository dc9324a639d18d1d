"""What the widget and its blocks cost a page in each language: bytes, moves and time (design section 8)."""

import html
import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.boutique import Boutique
from tests.browser.members import SOL, identity
from tests.browser.test_manners import WATCH_SHIFTS
from tests.browser.test_weight import KB, ONE_OPENING, Scales, scales
from tests.browser.widget import Widget
from tests.widget.test_size import LANGUAGES

__all__ = ["scales"]

ONE_BLOCK = 3 * KB
SESSION = 3 * KB
"""What a balance has to bring besides: code that the panel then need not load, and the member's dashboard."""
LINES = html.escape(json.dumps([{"product_id": "p1", "quantity": 2, "unit_price": "60.80"}]))
BLOCKS = {
    "product-points": '<lagniappe-product-points price="60.80" quantity="2">&nbsp;</lagniappe-product-points>',
    "cart-points": f'<lagniappe-cart-points lines="{LINES}" total="121.60">&nbsp;</lagniappe-cart-points>',
    "purchase-points": f'<lagniappe-purchase-points lines="{LINES}" total="121.60">&nbsp;</lagniappe-purchase-points>',
    "balance": "<lagniappe-balance>&nbsp;</lagniappe-balance>",
}
SAYS = {
    "product-points": "Earn 12 points",
    "cart-points": "Spend €8.40 more to earn 13 points",
    "purchase-points": "This order will bring 12 points, about 3 days after you receive it.",
    "balance": "1,000 points",
}
AFTER = '<p id="after">What comes after.</p>'
ROOM = "lagniappe-cart-points, lagniappe-purchase-points, lagniappe-balance { display: block; min-height: 4.5em }"
WATCH_FRAMES = """
window.slow = [];
new PerformanceObserver((list) => {
    const scripts = list.getEntries().flatMap((frame) => frame.scripts);
    slow.push(...scripts.map(({ sourceURL, duration }) => [sourceURL, duration]));
}).observe({ type: "long-animation-frame", buffered: true });
"""
LONG_TASK = 50


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_opening_stays_light_in_every_language_and_loads_no_other(
    page: Page, widget: Widget, boutique: Boutique, scales: Scales, language: str
) -> None:
    page.goto(boutique.page("/spoken", identity=identity(boutique, SOL), locale=language))
    widget.launcher.click()
    expect(
        widget.host.locator("dialog[open]:not([aria-busy=true]) [role=tabpanel]:not([hidden]) a").first
    ).to_be_visible()
    weights = scales.weigh()
    words = [path.rpartition("/")[2] for path in weights if "/locales/" in path]
    assert words == [f"{language}.json"]
    assert sum(weights.values()) <= ONE_OPENING, weights


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_says_what_is_true_for_little(page: Page, boutique: Boutique, scales: Scales, name: str) -> None:
    page.goto(boutique.page("/block", identity=identity(boutique, SOL), main=BLOCKS[name]))
    expect(page.locator(f"lagniappe-{name}")).to_contain_text(SAYS[name])
    weights = scales.weigh()
    loader = sum(size for path, size in weights.items() if path.startswith("loader.js"))
    assert loader <= ONE_BLOCK
    assert sum(weights.values()) - loader <= ONE_BLOCK + (SESSION if name == "balance" else 0), weights
    assert not any(path.endswith(("panel.js", ".css", "/program")) or "/locales/" in path for path in weights)


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("blocks", [False, True])
def test_nothing_moves_with_blocks_or_without(page: Page, boutique: Boutique, width: int, blocks: bool) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.add_init_script(WATCH_SHIFTS)
    main = "".join(BLOCKS.values()) + AFTER if blocks else AFTER
    page.goto(boutique.page("/still-blocks", identity=identity(boutique, SOL), main=main, theme=ROOM))
    before = page.locator("#after").bounding_box()
    for name in SAYS if blocks else ():
        expect(page.locator(f"lagniappe-{name}")).to_contain_text(SAYS[name])
    page.wait_for_load_state("networkidle")
    page.evaluate("new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown)))")
    assert page.evaluate("shifts") == []
    assert page.locator("#after").bounding_box() == before


def test_the_loader_keeps_no_page_from_answering(page: Page, boutique: Boutique) -> None:
    """No task of its takes 50 ms: of some loads the best is looked at, for a machine that does other things as well."""
    page.add_init_script(WATCH_FRAMES)
    address = boutique.page("/quick-loader", main=BLOCKS["product-points"])
    base = boutique.shop.lagniappe.base_url
    longest: list[float] = []
    for _ in range(10):
        page.goto(address)
        expect(page.locator("lagniappe-product-points")).to_contain_text("Earn 12 points")
        page.wait_for_load_state("networkidle")
        frames: list[tuple[str, Any]] = page.evaluate("slow")
        longest.append(max([took for url, took in frames if url.startswith(base)], default=0))
        if longest[-1] < LONG_TASK:
            return
    raise AssertionError(longest)
