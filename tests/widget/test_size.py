"""What the widget weighs, as the server sends it (design section 8)."""

import re

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
