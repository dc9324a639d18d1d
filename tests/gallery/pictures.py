"""Taking the pictures of a state, and the page on which a person looks at all of them."""

import html
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

SIZES = {360: 740, 768: 1024, 1280: 860}
"""The widths, each with its height."""
SCHEMES = ("light", "dark")
WHOLE = "whole"
"""The name of the picture that shows a tab down to its end, on a phone."""

_MOMENT = 450
"""Milliseconds into what moves, when the picture is taken."""
_STILL = """(moment) => {
    const root = document.querySelector("lagniappe-widget").shadowRoot;
    for (const animation of root.getAnimations()) {
        animation.pause();
        animation.currentTime = animation.effect.target.id === "said" ? 1500 : moment;
    }
}"""
_LEFT_BELOW = """() => {
    const part = document.querySelector("lagniappe-widget").shadowRoot.querySelector("dialog:modal .scroll");
    return part ? part.scrollHeight - part.clientHeight : 0;
}"""


@dataclass(frozen=True)
class Picture:
    group: str
    caption: str
    path: str
    """Within the gallery's folder."""
    width: int | str
    scheme: str


def take(page: Page, folder: Path, *, group: str, name: str, caption: str, moves: bool = False) -> Iterator[Picture]:
    """Every width and scheme of what is on the page; and where a phone shows a part only, all of it in one."""

    def picture(width: int | str, scheme: str) -> Picture:
        path = f"{name}-{width}-{scheme}.png"
        if moves:
            page.evaluate(_STILL, _MOMENT)
        page.screenshot(path=folder / path, animations="allow" if moves else "disabled")
        return Picture(group, caption, path, width, scheme)

    for scheme, (width, height) in itertools.product(SCHEMES, SIZES.items()):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": height})
        yield picture(width, scheme)
        if width != min(SIZES):
            continue
        below = page.evaluate(_LEFT_BELOW)
        if below > 0:
            page.evaluate(
                "document.querySelector('lagniappe-widget').style.setProperty('--lagniappe-height', '9999px')"
            )
            page.set_viewport_size({"width": width, "height": height + below})
            yield picture(WHOLE, scheme)
            page.evaluate("document.querySelector('lagniappe-widget').style.removeProperty('--lagniappe-height')")


def take_page(page: Page, folder: Path, *, group: str, name: str) -> Iterator[Picture]:
    """The page that is there, such as a mail, down to its end: on a phone and on a desk."""
    for scheme, width in itertools.product(SCHEMES, (min(SIZES), 768)):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": SIZES[width]})
        path = re.sub(r"\W+", "-", f"{group} {name}".lower()) + f"-{width}-{scheme}.png"
        page.screenshot(path=folder / path, full_page=True, animations="disabled")
        yield Picture(group, name, path, width, scheme)


_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Gallery</title>
<meta name="viewport" content="width=device-width"><style>
:root {{ color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }}
body {{ margin: 0 auto; padding: 2rem; max-width: 1500px }}
nav {{ display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin-bottom: 2rem }}
h2 {{ margin: 3rem 0 1rem; border-bottom: 1px solid #8885 }} h3 {{ margin: 1.5rem 0 .5rem; font-weight: 600 }}
div {{ display: flex; flex-wrap: wrap; align-items: end; gap: 1rem }}
figure {{ margin: 0 }} img {{ display: block; height: 260px; border: 1px solid #8884; border-radius: 6px }}
figcaption {{ font-size: .8rem; opacity: .75 }}
</style><h1>Gallery</h1><p>{count} pictures of {states} states. A picture opens in its own size.</p>
<nav>{links}</nav>{groups}</html>
"""


def write_index(folder: Path, pictures: Iterable[Picture]) -> Path:
    """The page, grouped as the states are, in their order."""
    all_of_them = list(pictures)
    groups = ""
    names = list(dict.fromkeys(one.group for one in all_of_them))
    states = 0
    for group in names:
        groups += f'<section id="{html.escape(group)}"><h2>{html.escape(group)}</h2>'
        of_group = [one for one in all_of_them if one.group == group]
        for caption, same in itertools.groupby(of_group, key=lambda one: one.caption):
            states += 1
            figures = "".join(
                f'<figure><a href="{one.path}"><img loading="lazy" src="{one.path}" alt="{html.escape(caption)}"></a>'
                f"<figcaption>{one.width} {one.scheme}</figcaption></figure>"
                for one in same
            )
            groups += f"<h3>{html.escape(caption)}</h3><div>{figures}</div>"
        groups += "</section>"
    links = "".join(f'<a href="#{html.escape(name)}">{html.escape(name)}</a>' for name in names)
    index = folder / "index.html"
    page = _PAGE.format(count=len(all_of_them), states=states, links=links, groups=groups)
    index.write_text(page, encoding="utf-8")
    return index
