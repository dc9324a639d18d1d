"""Whom a reward is for, in one sentence of the member's language: what a refused member reads.

>>> missing([Condition("User Tags", "Contain all of", ("cohortC", "cohortD"))])
'For members with the tags cohortC and cohortD.'
>>> missing([Condition("User Tags", "Contain all of", ("cohortC", "cohortD"))], language="de")
'Für Mitglieder mit den Schlagwörtern cohortC und cohortD.'

The words of a language are one JSON file in words/eligibility/. Each phrase stands there after "with" or after "who",
wherever that language says it better; one that says everything after "who" needs no other sentence. What a merchant
named stays as it is; dates, lists, numbers, money, countries and languages are Unicode CLDR's. The names of the months
are ours: "in May" asks for a case in Polish.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Literal

from babel import Locale
from babel.dates import format_date
from babel.lists import format_list
from babel.numbers import format_currency, format_decimal

from backend.loyalty.eligibility.eligibility_terms import Condition, Target, Value, country_code
from backend.loyalty.wording import pick_language

LANGUAGES = ("en", "de", "es", "fr", "it", "ja", "nl", "pl", "pt-BR", "zh-Hant", "ar")
_NAMED = 5
"""So many values of a list are named; the rest is counted."""
_SEVERAL = 5
"""The number whose plural names a thing that is not counted ("a known number of orders")."""

_SUBJECTS: Mapping[str, str] = {
    "Enrolment Date": "joined",
    "User Tags": "tags",
    "Segments": "segments",
    "Tier": "tier",
    "Orders Count": "number",
    "Available Points": "number",
    "Total Spend": "spent",
    "Country": "country",
    "Language": "language",
    "Birthday": "birthday",
    "Birthday Month": "birthday",
    "Email Verified": "email",
}
_COUNTED: Mapping[str, str] = {"Orders Count": "orders", "Available Points": "points"}
_AMONG: Mapping[str, str] = {
    "Equals": "any",
    "In": "any",
    "Contain any of": "any",
    "Contain all of": "all",
    "Not equals": "none",
    "Not in": "none",
    "Contain none of": "none",
}
"""How the operators compare with names, of which there may be several."""


def missing(conditions: Iterable[Condition], currency: str | None = None, language: str = "en") -> str:
    """The sentence that names these conditions, in English where we do not have the language."""
    return _missing(tuple(conditions), currency, language)


@lru_cache(maxsize=4096)
def _missing(conditions: tuple[Condition, ...], currency: str | None, language: str) -> str:
    """Remembered: a dashboard asks for what every member lacks, of every reward that is not theirs."""
    speech = _speech(language)
    phrases = [speech.phrase(_key(condition), _blanks(condition, currency, speech)) for condition in conditions]
    parts = {opening: [text for found, text in phrases if found == opening] for opening in ("with", "who")}
    said = {opening: speech.clauses(texts) for opening, texts in parts.items() if texts}
    return speech.text("sentence", "both" if len(said) == 2 else next(iter(said))).format_map(said)


def target_missing(target: Target, language: str = "en") -> str:
    """The sentence for a member outside of the target.

    >>> target_missing(Target("level", ("gold", "silver")))
    'For members at the level gold or silver.'
    """
    speech = _speech(language)
    return speech.text(f"target.{target.kind}").format(names=speech.names(map(speech.quoted, target.values), "or"))


@dataclass(frozen=True)
class _Speech:
    """One language: its words and how it writes lists, numbers, days and money."""

    locale: Locale
    british: Locale
    """Of English, the one that writes "1 May 2022" and "a, b and c"; else the same."""
    words: Mapping[str, Any]

    def text(self, *path: str, n: int = _SEVERAL) -> str:
        """The words at the path; of several forms, the one that goes with the number."""
        found: Any = self.words
        for name in path:
            found = found[name]
        return found if isinstance(found, str) else found.get(self.locale.plural_form(n), found["other"])

    def phrase(self, key: str, blanks: Mapping[str, Any]) -> tuple[Literal["with", "who"], str]:
        """The phrase, with the word that it follows."""
        opening: Literal["with", "who"] = "with" if key in self.words["with"] else "who"
        return opening, self.text(opening, key, n=blanks["n"]).format_map(blanks)

    def clauses(self, texts: Sequence[str]) -> str:
        *others, last = texts
        return self.text("before_last").join([self.text("between").join(others), last] if others else [last])

    def names(self, names: Iterable[str], style: Literal["standard", "or"]) -> str:
        """ "a, b and c"; the fifth of many and those behind it are counted."""
        all_of_them = list(names)
        if (rest := len(all_of_them) - _NAMED) > 0:
            counted = self.text("others", n=rest + 1).format(n=format_decimal(rest + 1, locale=self.locale))
            all_of_them[_NAMED - 1 :] = [counted]
        return format_list(all_of_them, style=style, locale=self.british)

    def quoted(self, name: object) -> str:
        return self.text("name").format(name=name)

    def said(self, value: Value) -> str:
        if isinstance(value, date):
            return format_date(value, "long", locale=self.british)
        return format_decimal(value, locale=self.locale) if isinstance(value, int) else str(value)

    def amount(self, value: Value, currency: str | None) -> str:
        amount = value if isinstance(value, Decimal) else Decimal(str(value))
        if currency is None:
            return format_decimal(amount, locale=self.locale)
        return format_currency(amount, currency, locale=self.locale)


@lru_cache(maxsize=256)
def _speech(language: str) -> _Speech:
    return _speech_of(pick_language(LANGUAGES, language, "en") or "en")


@cache
def _speech_of(language: str) -> _Speech:
    words = files("backend.loyalty.eligibility").joinpath("words", "eligibility", f"{language}.json").read_text("utf-8")
    locale = Locale.parse(language, sep="-")
    return _Speech(locale, Locale("en", "GB") if language == "en" else locale, json.loads(words))


def _key(condition: Condition) -> str:
    """Which phrase says the condition: "joined.before", "tags.none", "number.at_least"."""
    if condition.kind == "yes_no":
        is_wanted = condition.values[0] is (condition.operator == "Equals")
        return f"{_SUBJECTS[condition.attribute]}.{'yes' if is_wanted else 'no'}"
    verb = condition.operator.lower().replace(" ", "_")
    if condition.kind in ("text", "texts", "month"):
        verb = _AMONG.get(condition.operator, verb)
    return f"{_SUBJECTS[condition.attribute]}.{verb}"


def _blanks(condition: Condition, currency: str | None, speech: _Speech) -> dict[str, Any]:
    """What is filled in: `names`, or the bounds `a` and `b` of `what` is counted. `n` chooses the plural."""
    values = condition.values
    match condition.kind:
        case "text" | "texts" | "month":
            style: Literal["standard", "or"] = "standard" if condition.operator == "Contain all of" else "or"
            names = [_name(condition.attribute, value, speech) for value in values]
            return {"names": speech.names(names, style) if names else "", "n": len(values)}
        case "yes_no":
            return {"n": _SEVERAL}
        case "money":
            bounds = [speech.amount(value, currency) for value in values]
        case _:
            bounds = [speech.said(value) for value in values]
    blanks: dict[str, Any] = {**dict(zip("ab", bounds, strict=False)), "n": _SEVERAL}
    if condition.kind == "number":
        n = values[-1] if values and isinstance(values[-1], int) else _SEVERAL
        blanks["what"] = speech.text(_COUNTED[condition.attribute], n=n)
    return blanks


def _name(attribute: str, value: Value, speech: _Speech) -> str:
    match attribute:
        case "Country":
            return str(speech.locale.territories.get(country_code(str(value)), value))
        case "Language":
            return str(speech.locale.languages.get(str(value).lower(), value))
        case "Birthday Month" if isinstance(value, int):
            return str(speech.words["months"][value - 1])
    return speech.quoted(value)
