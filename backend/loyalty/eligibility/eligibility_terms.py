"""What eligibility rules are made of: the attributes and operators that merchants may name, and rules once read.

An attribute has a kind; the kind says which operators fit it and how many values they take.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Literal

from babel import Locale

Kind = Literal["date", "number", "money", "text", "texts", "month", "yes_no"]
Value = date | int | Decimal | str | bool
Shape = Literal["nothing", "one", "range", "many"]

ATTRIBUTES: Mapping[str, Kind] = {
    "Enrolment Date": "date",
    "User Tags": "texts",
    "Tier": "text",
    "Segments": "texts",
    "Orders Count": "number",
    "Total Spend": "money",
    "Available Points": "number",
    "Country": "text",
    "Language": "text",
    "Birthday": "date",
    "Birthday Month": "month",
    "Email Verified": "yes_no",
}
OF_ORDERS = frozenset({"Orders Count", "Total Spend"})
"""What only the member's orders tell."""

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

_PRESENCE = ("Is set", "Is not set")
_ORDERED = ("Equals", "Not equals", "Greater than", "Less than", "At least", "At most", "Between", *_PRESENCE)
OPERATORS: Mapping[Kind, tuple[str, ...]] = {
    "date": ("Between", "Before", "After", "On", *_PRESENCE),
    "number": _ORDERED,
    "money": _ORDERED,
    "text": ("Equals", "Not equals", "In", "Not in", *_PRESENCE),
    "texts": ("Contain all of", "Contain any of", "Contain none of", *_PRESENCE),
    "month": ("Equals", "Not equals", "In", "Not in", *_PRESENCE),
    "yes_no": ("Equals", "Not equals"),
}
_SHAPES: Mapping[str, Shape] = {
    "Between": "range",
    "Contain all of": "many",
    "Contain any of": "many",
    "Contain none of": "many",
    "In": "many",
    "Not in": "many",
    "Is set": "nothing",
    "Is not set": "nothing",
}

OPPOSITES: Mapping[str, str] = {
    "Not equals": "Equals",
    "Not in": "In",
    "Contain none of": "Contain any of",
    "Is not set": "Is set",
}
"""The negative operators: each holds exactly when the other does not."""

_ALSO_CALLED: Mapping[str, str] = {
    "enrollment date": "Enrolment Date",
    "signup date": "Enrolment Date",
    "tags": "User Tags",
    "customer tags": "User Tags",
    "level": "Tier",
    "loyalty tier": "Tier",
    "vip tier": "Tier",
    "segment": "Segments",
    "number of orders": "Orders Count",
    "total spent": "Total Spend",
    "points balance": "Available Points",
    "contains all of": "Contain all of",
    "contains any of": "Contain any of",
    "contains none of": "Contain none of",
    "equal to": "Equals",
    "not equal to": "Not equals",
}
"""Spellings of other products for the same thing, so that rules can be brought along."""
_BY_LOWERED = {name.casefold(): name for name in (*ATTRIBUTES, *(o for known in OPERATORS.values() for o in known))}


def canonical(name: str) -> str:
    """The name as the documents spell it ("Enrolment Date" for `enrolment_date`); an unknown one as it came."""
    lowered = " ".join(name.replace("_", " ").split()).casefold()
    return _ALSO_CALLED.get(lowered) or _BY_LOWERED.get(lowered) or name


def shape(operator: str) -> Shape:
    """How many values the operator takes."""
    return _SHAPES.get(operator, "one")


def folded(text: str) -> str:
    """The text as it is compared: without regard to case or to spaces around it."""
    return text.strip().casefold()


COUNTRIES: Mapping[str, str] = {code: name for code, name in Locale("en").territories.items() if len(code) == 2}
"""The English names of countries, by their code."""
_CODES = {folded(name): code for code, name in COUNTRIES.items()}


def country_code(country: str) -> str:
    """The code of a country that is given by it or by its English name; another text in capitals."""
    return _CODES.get(folded(country), country.strip().upper())


@dataclass(frozen=True)
class Condition:
    """One question about a member. `values` holds none, one, two (a range, both included) or many of one kind."""

    attribute: str
    operator: str
    values: tuple[Value, ...] = ()

    @property
    def kind(self) -> Kind:
        return ATTRIBUTES[self.attribute]

    @cached_property
    def texts(self) -> frozenset[str]:
        """The values of a condition on texts, as they are compared."""
        texts = frozenset(folded(value) for value in self.values if isinstance(value, str))
        return frozenset(text.replace("_", "-") for text in texts) if self.attribute == "Language" else texts


@dataclass(frozen=True)
class Rule:
    """One alternative: it holds if all conditions of any of its groups hold. No groups: it holds for everybody."""

    groups: tuple[tuple[Condition, ...], ...] = ()
    show_on_member_dashboard: bool = True
    include_in_api_response: bool = True

    def conditions(self) -> Iterator[Condition]:
        for group in self.groups:
            yield from group


@dataclass(frozen=True)
class Target:
    """Whom a reward is for (S0.36, S0.37): members of one of these levels, or in one of these segments."""

    kind: Literal["level", "segment"]
    values: tuple[str, ...]
