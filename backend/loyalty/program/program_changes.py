"""What differs between two states of the program, in a merchant's words. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from backend.loyalty.program.program_words import SECTION_OF, Fact, Section, Speaker, facts
from backend.loyalty.wording import pick


@dataclass(frozen=True)
class Change:
    """One setting, before and after. None: it said nothing."""

    label: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Changed:
    """What changed of one thing: of a section's own settings (`row` is None), or of one way to earn or level by its name.

    `kind` says whether the row was added or removed as a whole.
    """

    section: Section
    row: str | None
    kind: Literal["changed", "added", "removed"]
    changes: tuple[Change, ...]


def changes(before: Mapping[str, Any], after: Mapping[str, Any], speaker: Speaker, locale: str) -> list[Changed]:
    """What differs, in the order of the document. `locale` is the shop's, for the names of rows."""
    old, new = facts(before, speaker), facts(after, speaker)
    old_rows, new_rows = _rows(before), _rows(after)
    grouped: dict[tuple[str, str | None], list[Change]] = {}
    for place in dict.fromkeys([*new, *old]):
        one, other = old.get(place), new.get(place)
        if _words(one) != _words(other):
            known = other or one
            assert known is not None
            grouped.setdefault((known.key, known.row), []).append(Change(known.label, _words(one), _words(other)))
    if moved := _moved_rules(old_rows, new_rows, locale):
        grouped.setdefault(("rules", None), []).append(moved)
    found = []
    for (key, row), differ in grouped.items():
        name = None if row is None else _name(new_rows.get((key, row)) or old_rows[key, row], locale)
        is_new = row is not None and (key, row) not in old_rows
        is_gone = row is not None and (key, row) not in new_rows
        kind: Literal["changed", "added", "removed"] = "added" if is_new else "removed" if is_gone else "changed"
        found.append(Changed(SECTION_OF[key], name, kind, tuple(differ)))
    order = list(dict.fromkeys(SECTION_OF.values()))
    return sorted(found, key=lambda each: (order.index(each.section), each.row is not None))


def count(changed: list[Changed]) -> int:
    """How many changes a person would count: a row that comes or goes is one."""
    return sum(len(each.changes) if each.kind == "changed" else 1 for each in changed)


def _words(fact: Fact | None) -> str | None:
    return None if fact is None else fact.words


def _rows(document: Mapping[str, Any]) -> dict[tuple[str, str], Mapping[str, Any]]:
    levels = (document.get("tiers") or {}).get("levels", [])
    return {("rules", each["id"]): each for each in document.get("rules", [])} | {
        ("tiers", each["id"]): each for each in levels
    }


def _moved_rules(old: Mapping[Any, Any], new: Mapping[Any, Any], locale: str) -> Change | None:
    """That rules stand in another order, if those that are in both do. Levels have none: they go by what they ask for."""
    before = [each for each in old if each[0] == "rules" and each in new]
    after = [each for each in new if each[0] == "rules" and each in old]
    if before == after:
        return None
    said = [", ".join(_name(new[each], locale) for each in order) for order in (before, after)]
    return Change("Order", *said)


def _name(row: Mapping[str, Any], locale: str) -> str:
    return pick(row.get("title") or row.get("name") or {}, None, locale) or str(row["id"])
