"""Pictures of figures as SVG, drawn by pygal and dressed by reports.css: no script, no style, nothing but shapes.

The figures stand in a table beside each picture; the picture's own words (`<title>`, `<desc>`) say what it shows and the
sum, or the last, of each series.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import ceil, floor, log10
from typing import Any, Literal
from xml.etree import ElementTree

import pygal
from markupsafe import Markup

from backend.admin.shown import number

MOST_LABELS = 6
MOST_DRAWN = 62
"""Columns in one picture: more cannot be told apart, and drawing takes half a millisecond for each."""
_SVG = "http://www.w3.org/2000/svg"

Series = tuple[tuple[str, tuple[int, ...]], ...]


def bars(title: str, labels: Sequence[str], series: Mapping[str, Sequence[int]]) -> Markup:
    """Columns side by side. `labels` name the columns of each series."""
    return _kept("bars", title, tuple(labels), _frozen(series))


def line(title: str, labels: Sequence[str], series: Mapping[str, Sequence[int]]) -> Markup:
    """A curve for each series, from zero if nothing is below it."""
    return _kept("line", title, tuple(labels), _frozen(series))


def _frozen(series: Mapping[str, Sequence[int]]) -> Series:
    return tuple((name, tuple(values)) for name, values in series.items())


@lru_cache(maxsize=128)
def _kept(kind: Literal["bars", "line"], title: str, labels: tuple[str, ...], series: Series) -> Markup:
    """The same figures make the same picture: a page that is looked at again need not draw it again."""
    marks = ticks([value for _, values in series for value in values])
    named = [{"value": each, "label": number(each)} for each in marks]
    few = len(labels) <= 1
    chart = (pygal.Bar if kind == "bars" else pygal.Line)(
        js=[], css=[], width=720, height=260, show_legend=False, show_dots=few, margin=8, spacing=4,
        formatter=lambda value: number(round(value)), show_x_guides=False, disable_xml_declaration=True,
        no_prefix=True, range=(marks[0], marks[-1]), y_labels=named, truncate_label=-1,
    )  # fmt: skip
    every = max(1, ceil(len(labels) / MOST_LABELS))
    chart.x_labels = [label if at % every == 0 else "" for at, label in enumerate(labels)]
    for name, values in series:
        chart.add(name, list(values))
    return _bare(chart.render(is_unicode=True), title, described(kind, labels, series))


def ticks(values: Sequence[int]) -> list[int]:
    """Round whole numbers from below the least value (never above zero) to above the greatest, at most six of them.

    >>> ticks([3, 47])
    [0, 10, 20, 30, 40, 50]
    >>> ticks([])
    [0, 1]
    """
    low, high = min([0, *values]), max([0, *values])
    if low == high:
        return [0, 1]
    power = max(0, floor(log10((high - low) / 5)))
    for step in (factor * 10**at for at in (power, power + 1) for factor in (1, 2, 5)):
        first, last = floor(low / step), ceil(high / step)
        if last - first <= 5:
            return [at * step for at in range(first, last + 1)]
    return [low, high]


def described(kind: Literal["bars", "line"], labels: Sequence[str], series: Series) -> str:
    """What somebody hears who does not see the picture.

    >>> described("bars", ["Jan 1", "Jan 2"], (("Issued", (3, 9)),))
    'From Jan 1 to Jan 2. Issued: 12 in all, most on Jan 2 (9).'
    """
    said = [f"From {labels[0]} to {labels[-1]}."] if labels else ["Nothing yet."]
    for name, values in series:
        if not values:
            continue
        most = max(range(len(values)), key=lambda at: values[at])
        if kind == "line":
            said.append(f"{name}: from {number(values[0])} to {number(values[-1])}.")
        elif values[most] > 0:
            said.append(f"{name}: {number(sum(values))} in all, most on {labels[most]} ({number(values[most])}).")
        else:
            said.append(f"{name}: none.")
    return " ".join(said)


def _bare(drawn: str, title: str, description: str) -> Markup:
    """The shapes alone, named for screen readers."""
    ElementTree.register_namespace("", _SVG)
    root = ElementTree.fromstring(drawn)  # noqa: S314 - pygal's own
    for parent in list(root.iter()):
        parent.attrib.pop("style", None)
        for child in list(parent):
            tag = str(child.tag).rpartition("}")[2]
            hidden = {"overlay", "text-overlay", "tooltip-overlay", "titles"} & set(child.get("class", "").split())
            if tag in {"defs", "desc", "title", "style", "script"} or hidden:
                parent.remove(child)
    name = "chart-" + re.sub(r"[^a-z0-9]+", "-", title.lower())
    root.attrib.pop("id", None)
    root.set("class", "chart")
    root.set("role", "img")
    root.set("aria-labelledby", f"{name} {name}-said")
    words: list[tuple[str, str, str]] = [("title", name, title), ("desc", f"{name}-said", description)]
    for at, (tag, known_as, text) in enumerate(words):
        attributes: dict[str, Any] = {"id": known_as}
        word = ElementTree.Element(f"{{{_SVG}}}{tag}", attributes)
        word.text = text
        root.insert(at, word)
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704 - texts are escaped by the serializer
