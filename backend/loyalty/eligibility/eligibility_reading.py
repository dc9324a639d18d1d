"""Eligibility rules as merchants write them (S2.22 to S2.27), read, and given back.

    [{"show_on_member_dashboard": true, "include_in_api_response": true, "conditions": [
        {"operator": "Contain all of", "attribute": "User Tags", "value": ["cohortA"]},
        "AND",
        {"operator": "Between", "attribute": "Enrolment Date", "value": "11/1/2021-2/28/2023"}]}]

Booleans and numbers may also come as the document's strings. Names are read whatever their case and given back as the
documents spell them; days come as MM/DD/YYYY or YYYY-MM-DD and go as the document's 2/28/2023.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, TypeVar, cast

from backend.errors import BadInput, Contradiction
from backend.loyalty.eligibility.eligibility_terms import (
    ATTRIBUTES,
    OPERATORS,
    Condition,
    Rule,
    Target,
    canonical,
    folded,
    shape,
)
from backend.loyalty.eligibility.eligibility_values import many_texts, read_values, shown, yes_no

MAX_RULES = 20
MAX_CONDITIONS = 50
OUT_OF_ORDER = ("should not end before it begins", "should stand between two conditions")
"""What is refused though no part of it is wrong."""
_SHOWN_ERRORS = 20

_RULE_KEYS = ("show_on_member_dashboard", "include_in_api_response", "conditions")
_CONDITION_KEYS = ("operator", "attribute", "value")
_TARGETS: Mapping[str, Literal["level", "segment"]] = {"level": "level", "segment": "segment"}

Read = TypeVar("Read")


def read_rules(value: object, *, field: str = "member_eligibility_rules") -> tuple[Rule, ...]:
    """The rules in what a merchant wrote; an empty list is for everybody.

    Raises BadInput with one sentence, and `errors` with every mistake by its place, such as
    `member_eligibility_rules.0.conditions.2.value`; Contradiction if only the order of the parts is wrong.
    """
    notes = _Notes("The eligibility rules are not valid")
    rules = tuple(
        _rule(item, f"{field}.{index}", notes)
        for index, item in enumerate(notes.some(value, field, at_most=MAX_RULES, of="rules"))
    )
    notes.refuse_mistakes()
    return rules


def rules_to_document(rules: Sequence[Rule], *, strings: bool = False) -> list[dict[str, Any]]:
    """The rules as JSON that `read_rules` reads to the same rules; `strings` for the document's "True" and "500"."""
    return [
        {
            "show_on_member_dashboard": shown(rule.show_on_member_dashboard, strings=strings),
            "include_in_api_response": shown(rule.include_in_api_response, strings=strings),
            "conditions": _conditions_to_document(rule, strings),
        }
        for rule in rules
    ]


def read_target(value: object, *, field: str = "target") -> Target | None:
    """`{"type": "level", "levels": ["gold"]}` or `{"type": "segment", "segments": ["vip"]}`; null is everybody.

    Raises BadInput like `read_rules`.
    """
    if value is None:
        return None
    notes = _Notes("The target is not valid")
    given = notes.fields(value, field, ("type", "levels", "segments"))
    said = given.get("type")
    kind = _TARGETS.get(folded(said)) if isinstance(said, str) else None
    if kind is None:
        notes.add(f"{field}.type", "should be level or segment")
        notes.refuse_mistakes()
    kind = cast(Literal["level", "segment"], kind)
    other = "segments" if kind == "level" else "levels"
    if given.get(other):
        notes.add(f"{field}.{other}", f"does not go with a target of type {kind}")
    values = notes.read(f"{field}.{kind}s", many_texts, given.get(f"{kind}s"))
    notes.refuse_mistakes()
    return Target(kind, values or ())


def target_to_document(target: Target | None) -> dict[str, Any] | None:
    """The target as JSON that `read_target` reads to the same."""
    return None if target is None else {"type": target.kind, f"{target.kind}s": list(target.values)}


class _Notes:
    """The mistakes found so far, each with its place."""

    def __init__(self, headline: str) -> None:
        self.headline = headline
        self.errors: list[dict[str, str]] = []

    def add(self, field: str, message: str) -> None:
        self.errors.append({"field": field, "message": message})

    def read(self, field: str, reading: Callable[[object], Read], value: object) -> Read | None:
        """What `reading` makes of it, or None and a note of why it could not."""
        try:
            return reading(value)
        except ValueError as error:
            self.add(field, str(error))
            return None

    def fields(self, value: object, field: str, keys: tuple[str, ...]) -> Mapping[str, object]:
        """The JSON object with no other keys than these, or an empty one and a note."""
        if not isinstance(value, Mapping):
            self.add(field, "should be a JSON object")
            return {}
        for key in value:
            if key not in keys:
                self.add(f"{field}.{str(key)[:64]}", f"there is no such key; use {', '.join(keys)}")
        return value

    def some(self, value: object, field: str, *, at_most: int, of: str) -> Sequence[object]:
        """The list, or an empty one and a note. Of a list that is too long nothing is read."""
        if not isinstance(value, list):
            self.add(field, f"should be a list of {of}")
        elif len(value) > at_most:
            self.add(field, f"has {len(value)} items; at most {at_most} are allowed")
        else:
            return value
        return ()

    def refuse_mistakes(self) -> None:
        if self.errors:
            first = ": ".join(self.errors[0].values())
            more = f" ({len(self.errors) - 1} more)" if len(self.errors) > 1 else ""
            is_out_of_order = all(each["message"].endswith(OUT_OF_ORDER) for each in self.errors)
            refusal = Contradiction if is_out_of_order else BadInput
            raise refusal(f"{self.headline}: {first}{more}.", self.errors[:_SHOWN_ERRORS])


def _rule(value: object, field: str, notes: _Notes) -> Rule:
    given = notes.fields(value, field, _RULE_KEYS)
    if isinstance(value, Mapping) and "conditions" not in given:
        notes.add(f"{field}.conditions", "is missing; an empty list is for everybody")
    says = {}
    for key in ("show_on_member_dashboard", "include_in_api_response"):
        says[key] = notes.read(f"{field}.{key}", yes_no, given.get(key, True)) is True
    return Rule(groups=_groups(given.get("conditions", []), f"{field}.conditions", notes), **says)


def _groups(value: object, field: str, notes: _Notes) -> tuple[tuple[Condition, ...], ...]:
    """The conditions between one OR and the next; AND binds tighter, and stands where no word does."""
    items = notes.some(value, field, at_most=2 * MAX_CONDITIONS - 1, of="conditions")
    if sum(not isinstance(item, str) for item in items) > MAX_CONDITIONS:
        notes.add(field, f"has more than {MAX_CONDITIONS} conditions")
        return ()
    groups: list[list[Condition]] = []
    word: str | None = "OR"  # as if one stood before the first condition: it begins a group
    for index, item in enumerate(items):
        place = f"{field}.{index}"
        if not isinstance(item, str):
            condition = _condition(item, place, notes)
            if word == "OR":
                groups.append([])
            groups[-1] += [condition] if condition is not None else []
            word = None
        elif (token := item.strip().upper()) not in ("AND", "OR"):
            notes.add(place, 'should be a condition, "AND" or "OR"')
        elif word is not None or index == len(items) - 1:
            notes.add(place, f"{token} should stand between two conditions")
        else:
            word = token
    return tuple(tuple(group) for group in groups)


def _condition(value: object, field: str, notes: _Notes) -> Condition | None:
    given = notes.fields(value, field, _CONDITION_KEYS)
    if not isinstance(value, Mapping):
        return None
    attribute = _name(given.get("attribute"))
    if attribute not in ATTRIBUTES:
        notes.add(f"{field}.attribute", f"should be one of {', '.join(ATTRIBUTES)}")
        return None
    kind = ATTRIBUTES[attribute]
    operator = _name(given.get("operator"))
    if operator not in OPERATORS[kind]:
        notes.add(f"{field}.operator", f"of {attribute} should be one of {', '.join(OPERATORS[kind])}")
        return None
    values = notes.read(f"{field}.value", partial(read_values, operator, kind), given.get("value"))
    return Condition(attribute, operator, values or ())


def _name(value: object) -> str:
    return canonical(value) if isinstance(value, str) else ""


def _conditions_to_document(rule: Rule, strings: bool) -> list[dict[str, Any] | str]:
    written: list[dict[str, Any] | str] = []
    for group in rule.groups:
        for number, condition in enumerate(group):
            if written:
                written.append("AND" if number else "OR")
            written.append(_condition_to_document(condition, strings))
    return written


def _condition_to_document(condition: Condition, strings: bool) -> dict[str, Any]:
    written: dict[str, Any] = {"operator": condition.operator, "attribute": condition.attribute}
    values = [shown(value, strings=strings) for value in condition.values]
    match shape(condition.operator):
        case "one":
            written["value"] = values[0]
        case "range":
            written["value"] = "-".join(map(str, values))
        case "many":
            written["value"] = values
    return written
