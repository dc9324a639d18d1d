"""Pictures of figures as SVG, drawn by pygal and dressed by reports.css: no script, no style, nothing but shapes.

The figures stand in a table beside each picture, so a screen reader gets the picture's name and no more of it.
"""

from collections.abc import Mapping, Sequence
from xml.etree import ElementTree

import pygal
from markupsafe import Markup

from backend.admin.shown import number

MOST_LABELS = 6


def bars(title: str, labels: Sequence[str], series: Mapping[str, Sequence[int]]) -> Markup:
    """Columns side by side. `labels` name the columns of each series."""
    return _drawn(pygal.Bar, title, labels, series)


def line(title: str, labels: Sequence[str], series: Mapping[str, Sequence[int]]) -> Markup:
    """A curve for each series, from zero if nothing is below it."""
    return _drawn(pygal.Line, title, labels, series)


def _drawn(kind: type, title: str, labels: Sequence[str], series: Mapping[str, Sequence[int]]) -> Markup:
    chart = kind(
        js=[], css=[], width=720, height=260, show_legend=False, show_dots=False, include_x_axis=True, margin=8,
        spacing=4, max_scale=5, min_scale=2, formatter=lambda value: number(round(value)), show_x_guides=False,
        disable_xml_declaration=True, no_prefix=True,
    )  # fmt: skip
    every = max(1, -(-len(labels) // MOST_LABELS))
    chart.x_labels = [label if at % every == 0 else "" for at, label in enumerate(labels)]
    for name, values in series.items():
        chart.add(name, list(values))
    return _bare(chart.render(is_unicode=True), title)


def _bare(drawn: str, title: str) -> Markup:
    """The shapes alone, named for screen readers."""
    ElementTree.register_namespace("", "http://www.w3.org/2000/svg")
    root = ElementTree.fromstring(drawn)  # noqa: S314 - pygal's own
    for parent in list(root.iter()):
        parent.attrib.pop("style", None)
        for child in list(parent):
            tag = str(child.tag).rpartition("}")[2]
            hidden = {"overlay", "text-overlay", "tooltip-overlay", "titles"} & set(child.get("class", "").split())
            if tag in {"defs", "desc", "title", "style", "script"} or hidden:
                parent.remove(child)
    root.attrib.pop("id", None)
    root.set("class", "chart")
    root.set("role", "img")
    root.set("aria-label", title)
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704 - labels are escaped by the serializer
