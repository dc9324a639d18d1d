"""Every state of the gallery: without a violation by axe (WCAG 2.2 AA and its best practices), in light and dark, on a
phone and on a desk; with nothing cut off, nothing over something else and no scrolling sideways, down to 320 pixels."""

import itertools
from typing import Any

import pytest

from tests.browser.axe import flaws, stand_still
from tests.gallery.state import State
from tests.gallery.states import STATES
from tests.gallery.test_gallery import IS_WANTED
from tests.widget.conftest import Store

WIDTHS = {320: 640, 360: 740, 768: 1024, 1280: 800}
"""Each with its height; 320 is also a window of 1280 at 400 % (WCAG 1.4.10)."""
ZOOMED = (640, 400)
"""What a window of 1280 by 800 has room for at 200 % (WCAG 1.4.4)."""

LOOKS = list(itertools.product((360, 1280), ("light", "dark")))
"""What axe looks at: all of them for `make gallery`; among all tests the phone in the dark and the desk in the light, which
are half a minute instead of two."""

_MEASURE = """() => {
    const root = document.querySelector("lagniappe-widget").shadowRoot;
    const dialog = root.querySelector("dialog:modal");
    if (!dialog) return document.documentElement.scrollWidth > innerWidth ? ["the page scrolls sideways"] : [];
    const found = [];
    const named = (one) => `${one.localName}#${one.id}.${one.getAttribute("class")} "${one.textContent.trim().slice(0, 30)}"`;
    const box = dialog.getBoundingClientRect();
    const isInside = box.left >= 0 && box.right <= innerWidth + .5 && box.top >= 0 && box.bottom <= innerHeight + .5;
    if (!isInside) found.push("the panel is cut off");
    const visible = [...dialog.querySelectorAll("*")]
        .filter((one) => one.checkVisibility() && !one.closest("svg > *, #said, [aria-hidden=true]"));
    for (const one of visible) {
        const { left, right, width } = one.getBoundingClientRect();
        if (width && (left < box.left - .5 || right > box.right + .5)) found.push(`${named(one)} stands out`);
        const hides = one.localName !== "input" && getComputedStyle(one).overflowX !== "visible";
        if (hides && one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 1) found.push(`${named(one)} is cut off`);
    }
    for (const area of dialog.querySelectorAll("#bar, #head, #tabs, #notice, [role=tabpanel]:not([hidden]), .sheet")) {
        const stops = [...area.querySelectorAll("a[href], button, summary, input, select")]
            .filter((one) => one.checkVisibility());
        const boxes = stops.map((one) => one.getBoundingClientRect());
        boxes.forEach((a, i) => boxes.slice(i + 1).forEach((b, j) => {
            const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
            const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
            if (wide > 1 && high > 1) found.push(`${named(stops[i])} is over ${named(stops[i + j + 1])}`);
        }));
        boxes.forEach(({ width, height }, i) => {
            const isInText = stops[i].localName === "a" && getComputedStyle(stops[i]).display === "inline";
            if (!isInText && (width < 24 || height < 24)) found.push(`${named(stops[i])} is too small`);
        });
    }
    return found;
}"""


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.id)
def test_every_state_can_be_read_and_used_by_everybody(store: Store, state: State) -> None:
    state.arrange(store)
    page = store.page
    page.emulate_media(reduced_motion="reduce")
    stand_still(page)
    found: dict[Any, list[str]] = {}
    for width, height in [*WIDTHS.items(), ZOOMED]:
        page.set_viewport_size({"width": width, "height": height})
        found[width, height] = page.evaluate(_MEASURE)
    for width, scheme in LOOKS if IS_WANTED else LOOKS[1:3]:
        page.set_viewport_size({"width": width, "height": WIDTHS[width]})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found[width, scheme] = flaws(page)
    assert {where: what for where, what in found.items() if what} == {}
