"""What the widget weighs, as the server sends it (design section 8)."""

import re
from collections.abc import Callable

import brotli
import pytest

from tests.widget.conftest import LOOK, STATIC, loader, source

KB = 1024
DOCUMENTS = 3 * KB
"""Kept free for what one opening reads of the API: the program and the member's dashboard."""

_STATIC_IMPORT = re.compile(r"""^import\b[^(]*?["'](\.[^"']+)["'];?$|\bfrom\s+["'](\.[^"']+)["']""", re.MULTILINE)


def weight(text: str) -> int:
    """As it goes to every browser of our time over https."""
    return len(brotli.compress(text.encode()))


def with_imports(path: str, seen: set[str] | None = None) -> set[str]:
    """A module and all that it imports before it runs."""
    seen = set() if seen is None else seen
    if path in seen:
        return seen
    seen.add(path)
    folder = (STATIC / path).parent
    for found in _STATIC_IMPORT.finditer(source(path)):
        target = (folder / (found[1] or found[2])).resolve().relative_to(STATIC.resolve())
        with_imports(str(target), seen)
    return seen


def opening(language: str) -> set[str]:
    modules = with_imports("lagniappe.js") | with_imports("elements/panel.js")
    on_phones = with_imports("elements/pull.js")
    return modules | on_phones | {"styles/panel.css", f"locales/{language}.json"}


LANGUAGES = sorted(file.stem for file in (STATIC / "locales").glob("*.json"))


def test_before_anyone_clicks_a_page_loads_two_kilobytes() -> None:
    filled = loader(
        key="wk_0123456789abcdefghij", base="https://loyalty.a-rather-long-name.example", sorry=LOOK["sorry"] * 3
    )
    assert weight(filled) <= 2 * KB


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_opening_stays_under_twenty_kilobytes(language: str) -> None:
    loaded = opening(language)
    assert {"lagniappe.js", "api.js", "html.js", "elements/earn.js"} <= loaded  # the list is not empty by mistake
    total = weight(loader()) + sum(weight(source(path)) for path in loaded)
    assert total <= 20 * KB - DOCUMENTS


def test_a_tab_that_is_not_looked_at_costs_nothing() -> None:
    modules = {path for path in opening("en") if path.startswith("elements/")}
    assert modules == {f"elements/{name}.js" for name in ("earn", "head", "panel", "parts", "pull", "tabs")}
    assert "redemptions.js" not in opening("en")


def test_celebrating_costs_a_kilobyte_and_a_half_once_there_is_something_to_celebrate() -> None:
    assert "elements/news.js" not in opening("en")
    assert weight(source("elements/news.js")) <= 1.5 * KB


TABS = {
    "redeem": ("elements/redeem.js", "styles/rewards.css", "locales/rewards", 14 * KB),
    "rewards": ("elements/rewards.js", "styles/rewards.css", "locales/rewards", 10 * KB),
    "referral": ("elements/referral.js", "styles/referral.css", "locales/referral", 6 * KB),
    "balance": ("elements/balance.js", "styles/balance.css", "locales/balance", 9 * KB),
}
"""What each brings, and the most that it may: chosen first of all, since two of them share."""
A_BLOCK = 3 * KB
SHARED_WITH_THE_PANEL = {"lagniappe.js", "api.js", "state.js"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("tab", TABS)
def test_what_a_further_tab_costs(tab: str, language: str, record_property: Callable[[str, object], None]) -> None:
    """Its code, its style sheet and its words of one language."""
    module, sheet, words, most = TABS[tab]
    further = (with_imports(module) | {sheet, f"{words}/{language}.json"}) - opening(language)
    costs = {path: weight(source(path)) for path in sorted(further)}
    record_property(f"{tab} in {language}", sum(costs.values()))
    assert sum(costs.values()) <= most, costs


@pytest.mark.parametrize("block", ["points", "balance"])
def test_what_a_block_costs(block: str, record_property: Callable[[str, object], None]) -> None:
    """Without what the panel would load as well; it loads it once."""
    own = with_imports(f"blocks/{block}.js") - SHARED_WITH_THE_PANEL
    costs = {path: weight(source(path)) for path in sorted(own)}
    record_property(block, sum(costs.values()))
    assert sum(costs.values()) <= A_BLOCK, costs
