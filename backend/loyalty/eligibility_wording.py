"""Whom a reward is for, in one English sentence: what a refused member reads.

>>> missing([Condition("User Tags", "Contain all of", ("cohortC", "cohortD"))])
'For members with the tags cohortC and cohortD.'
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal

from babel import Locale
from babel.numbers import format_currency, format_decimal

from backend.loyalty.eligibility_terms import MONTHS, Condition, Target, Value

_ENGLISH = Locale("en")
_NAMED = 5
"""So many values of a list are named; the rest is counted."""

_COUNTED: Mapping[str, str] = {
    "Equals": "exactly {0}",
    "Not equals": "any number but {0}",
    "Greater than": "more than {0}",
    "Less than": "fewer than {0}",
    "At least": "at least {0}",
    "At most": "at most {0}",
    "Between": "{0} to {1}",
}
_JOINED: Mapping[str, str] = {
    "Between": "between {0} and {1}",
    "Before": "before {0}",
    "After": "after {0}",
    "On": "on {0}",
}


def missing(conditions: Iterable[Condition], currency: str | None = None) -> str:
    """The sentence that names these conditions."""
    phrases = [_phrase(condition, currency) for condition in conditions]
    having = _listed([text for opening, text in phrases if opening == "with"], " and ")
    being = _listed([text for opening, text in phrases if opening == "who"], " and ")
    return "For members" + (f" with {having}" if having else "") + (f" who {being}" if being else "") + "."


def target_missing(target: Target) -> str:
    """The sentence for a member outside of the target.

    >>> target_missing(Target("level", ("gold", "silver")))
    'For members at the level gold or silver.'
    """
    names = _listed(_shortened(target.values), " or ")
    return f"For members at the level {names}." if target.kind == "level" else f"For members in the segment {names}."


def _phrase(condition: Condition, currency: str | None) -> tuple[str, str]:
    """The condition as words that follow "members with" or "members who"."""
    match condition.attribute:
        case "Enrolment Date":
            return _enrolled(condition)
        case "User Tags":
            return _tagged(condition)
        case "Segments":
            return _in_segments(condition)
        case "Tier":
            return _at_tier(condition)
        case "Orders Count":
            return _counted(condition, "order", "orders")
        case "Available Points":
            return _counted(condition, "point", "points")
        case "Total Spend":
            return _spent(condition, currency)
        case "Country":
            return _living(condition)
        case "Language":
            return _speaking(condition)
        case "Email Verified":
            wanted = condition.values[0] is (condition.operator == "Equals")
            return ("with", "a verified e-mail address") if wanted else ("who", "have no verified e-mail address")
        case _:
            return _born(condition)


def _enrolled(condition: Condition) -> tuple[str, str]:
    match condition.operator:
        case "Is set":
            return "who", "have joined"
        case "Is not set":
            return "who", "have not joined"
    return "who", "joined " + _JOINED[condition.operator].format(*map(_said, condition.values))


def _tagged(condition: Condition) -> tuple[str, str]:
    one = len(condition.values) == 1
    match condition.operator:
        case "Contain all of":
            return "with", f"the {'tag' if one else 'tags'} {_all(condition)}"
        case "Contain any of":
            return "with", f"the tag {_any(condition)}"
        case "Contain none of":
            return "who", f"do not have the tag {_any(condition)}"
        case "Is set":
            return "with", "a tag"
    return "who", "have no tags"


def _in_segments(condition: Condition) -> tuple[str, str]:
    one = len(condition.values) == 1
    match condition.operator:
        case "Contain all of":
            return "who", f"are in the {'segment' if one else 'segments'} {_all(condition)}"
        case "Contain any of":
            return "who", f"are in the segment {_any(condition)}"
        case "Contain none of":
            return "who", f"are not in the segment {_any(condition)}"
        case "Is set":
            return "who", "are in a segment"
    return "who", "are in no segment"


def _at_tier(condition: Condition) -> tuple[str, str]:
    match condition.operator:
        case "Equals" | "In":
            return "with", f"the tier {_any(condition)}"
        case "Not equals" | "Not in":
            return "who", f"do not have the tier {_any(condition)}"
        case "Is set":
            return "with", "a tier"
    return "who", "have no tier"


def _counted(condition: Condition, one: str, several: str) -> tuple[str, str]:
    match condition.operator:
        case "Is set":
            return "with", f"a known number of {several}"
        case "Is not set":
            return "who", f"have no known number of {several}"
    noun = one if condition.values[-1] == 1 else several
    return "with", f"{_COUNTED[condition.operator].format(*map(_said, condition.values))} {noun}"


def _spent(condition: Condition, currency: str | None) -> tuple[str, str]:
    match condition.operator:
        case "Is set":
            return "who", "have spent something known"
        case "Is not set":
            return "who", "have spent nothing known"
    words = _COUNTED[condition.operator].replace("fewer", "less").replace("any number", "any amount")
    return "who", "have spent " + words.format(*(_amount(value, currency) for value in condition.values))


def _living(condition: Condition) -> tuple[str, str]:
    names = [_ENGLISH.territories.get(str(code).upper(), str(code)) for code in condition.values]
    match condition.operator:
        case "Equals" | "In":
            return "who", f"live in {_listed(_shortened(names), ' or ')}"
        case "Not equals" | "Not in":
            return "who", f"do not live in {_listed(_shortened(names), ' or ')}"
        case "Is set":
            return "with", "a known country"
    return "who", "have no known country"


def _speaking(condition: Condition) -> tuple[str, str]:
    names = [_ENGLISH.languages.get(str(tag).lower(), str(tag)) for tag in condition.values]
    match condition.operator:
        case "Equals" | "In":
            return "who", f"speak {_listed(_shortened(names), ' or ')}"
        case "Not equals" | "Not in":
            return "who", f"do not speak {_listed(_shortened(names), ' or ')}"
        case "Is set":
            return "with", "a known language"
    return "who", "have no known language"


def _born(condition: Condition) -> tuple[str, str]:
    match condition.operator:
        case "Is set":
            return "who", "have told their birthday"
        case "Is not set":
            return "who", "have not told their birthday"
        case "Equals" | "In":
            return "who", f"were born in {_months(condition)}"
        case "Not equals" | "Not in":
            return "who", f"were not born in {_months(condition)}"
    return "who", "were born " + _JOINED[condition.operator].format(*map(_said, condition.values))


def _months(condition: Condition) -> str:
    return _listed([MONTHS[value - 1] for value in condition.values if isinstance(value, int)], " or ")


def _said(value: Value) -> str:
    if isinstance(value, date):
        return f"{value.day} {MONTHS[value.month - 1]} {value.year}"
    return format_decimal(value, locale=_ENGLISH) if isinstance(value, int) else str(value)


def _amount(value: Value, currency: str | None) -> str:
    amount = value if isinstance(value, Decimal) else Decimal(str(value))
    if currency is None:
        return format_decimal(amount, locale=_ENGLISH)
    return format_currency(amount, currency, locale=_ENGLISH)


def _all(condition: Condition) -> str:
    return _listed(_shortened([str(value) for value in condition.values]), " and ")


def _any(condition: Condition) -> str:
    return _listed(_shortened([str(value) for value in condition.values]), " or ")


def _shortened(names: Sequence[str]) -> list[str]:
    if len(names) <= _NAMED:
        return list(names)
    return [*names[: _NAMED - 1], f"{len(names) - _NAMED + 1} others"]


def _listed(names: Sequence[str], last: str) -> str:
    """ "a, b and c"."""
    return last.join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
