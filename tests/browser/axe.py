"""What axe objects to (WCAG 2.2 AA and its best practices), on a page that stands still."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Frame, Page

_STAND_STILL = """() => {
    const roots = [document];
    for (const root of roots) for (const { shadowRoot } of root.querySelectorAll("*")) if (shadowRoot) roots.push(shadowRoot);
    for (const root of roots) {
        const said = root.getElementById("said");
        if (said) Object.assign(said.style, { animation: "none", opacity: 1 });
        for (const animation of root.getAnimations())
            if (animation.effect.getComputedTiming().endTime < Infinity) animation.finish();
    }
}"""
"""Each root of a shadow tree by itself: the document's `getAnimations()` does not see into them."""


def stand_still(page: Page | Frame) -> None:
    """Brings all that moves to its end; what the widget says for a while stays said, whenever it begins.

    A colour halfway through a fade has a contrast that nobody is to read at, and a page that is still being read has no
    heading yet.
    """
    page.wait_for_load_state()
    page.evaluate(_STAND_STILL)


def flaws(page: Page | Frame, *, frames: bool = True) -> list[str]:
    """A line for each element that breaks a rule: the rule, the element and how it could be mended."""
    stand_still(page)
    options = {"resultTypes": ["violations"], "iframes": frames}
    found: list[dict[str, Any]] = Axe().run(page, options=options).response["violations"]
    return [f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in found for node in rule["nodes"]]
