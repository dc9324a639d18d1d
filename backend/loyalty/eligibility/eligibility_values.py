"""The values of eligibility conditions: what a merchant may write, read by kind, and shown again.

Every reading raises ValueError whose text goes on after the name of the field: "should be true or false".
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, cast

from backend.loyalty.eligibility.eligibility_terms import MONTHS, Kind, Shape, Value, folded, shape

MAX_VALUES = 250
"""Of one condition; all countries of the world fit."""
MAX_TEXT_CHARACTERS = 255
MAX_NUMBER = 1_000_000_000_000
MAX_MONEY = Decimal(10) ** 15
_MONEY_DIGITS = 4

_AMERICAN = r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}"
_ISO = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_DAY = re.compile(rf"{_AMERICAN}|{_ISO}")
_NUMBER = re.compile(r"[0-9]{1,13}")
_MONEY = re.compile(r"[0-9]{1,15}(\.[0-9]{1,4})?")
_RANGES: Mapping[Kind, re.Pattern[str]] = {
    "date": re.compile(rf"({_AMERICAN}|{_ISO})\s*-\s*({_AMERICAN}|{_ISO})"),
    "number": re.compile(r"([0-9.]{1,20})\s*-\s*([0-9.]{1,20})"),
    "money": re.compile(r"([0-9.]{1,20})\s*-\s*([0-9.]{1,20})"),
}
_RANGE_EXAMPLES: Mapping[Kind, str] = {"date": "11/1/2021-2/28/2023", "number": "100-500", "money": "100-499.90"}
_NOT_A_TEXT = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_MONTHS = {name.casefold(): number for number, name in enumerate(MONTHS, start=1)}


def read_values(operator: str, kind: Kind, value: object) -> tuple[Value, ...]:
    """The values of a condition: as many as the operator takes, each of the kind."""
    return _SHAPES[shape(operator)](value, kind)


def many_texts(value: object) -> tuple[str, ...]:
    """A list of texts, or one alone."""
    return cast(tuple[str, ...], _many(value, "text"))


def shown(value: Value, *, strings: bool = False) -> Any:
    """The value as JSON that is read to the same. Days and money are texts in either form."""
    if isinstance(value, date):
        return f"{value.month}/{value.day}/{value.year:04d}"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value) if strings else value


def _nothing(value: object, kind: Kind) -> tuple[Value, ...]:
    if value not in (None, "", []):
        raise ValueError("should be left out with this operator")
    return ()


def _one(value: object, kind: Kind) -> tuple[Value, ...]:
    return (_value(value, kind),)


def _range(value: object, kind: Kind) -> tuple[Value, ...]:
    """Two values in one text, or in a list of two."""
    ends: Sequence[object] = ()
    if isinstance(value, str) and (found := _RANGES[kind].fullmatch(value.strip())):
        ends = found.groups()
    elif isinstance(value, list):
        ends = value
    if len(ends) != 2:
        raise ValueError(f"should be two values such as {_RANGE_EXAMPLES[kind]}")
    first, last = _value(ends[0], kind), _value(ends[1], kind)
    if cast(Any, first) > last:
        raise ValueError("should not end before it begins")
    return first, last


def _many(value: object, kind: Kind) -> tuple[Value, ...]:
    """The values of a list, or one alone. What is named twice, whatever its case, is kept once."""
    given = value if isinstance(value, list) else [value]
    if not given or value is None:
        raise ValueError("should be a list with at least one value")
    if len(given) > MAX_VALUES:
        raise ValueError(f"has {len(given)} values; at most {MAX_VALUES} are allowed")
    distinct: dict[Value, Value] = {}
    for number, item in enumerate(given, start=1):
        try:
            known = _value(item, kind)
        except ValueError as error:
            raise ValueError(f"item {number} {error}") from None
        distinct.setdefault(folded(known) if isinstance(known, str) else known, known)
    return tuple(distinct.values())


_SHAPES: Mapping[Shape, Callable[[object, Kind], tuple[Value, ...]]] = {
    "nothing": _nothing,
    "one": _one,
    "range": _range,
    "many": _many,
}


def _value(value: object, kind: Kind) -> Value:
    return _KINDS[kind](value)


def _day(value: object) -> date:
    if isinstance(value, str) and _DAY.fullmatch(text := value.strip()):
        month, day, year = text.split("/") if "/" in text else (text[5:7], text[8:], text[:4])
        try:
            return date(int(year), int(month), int(day))
        except ValueError:
            raise ValueError(f"{text} is not a day of the calendar; write MM/DD/YYYY") from None
    raise ValueError("should be a day written MM/DD/YYYY, such as 11/1/2021")


def _number(value: object) -> int:
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = int(value)
    if type(value) is int and 0 <= value <= MAX_NUMBER:
        return value
    raise ValueError(f"should be a whole number from 0 to {MAX_NUMBER:,}")


def _money(value: object) -> Decimal:
    if isinstance(value, str) and _MONEY.fullmatch(value.strip()):
        return Decimal(value.strip())
    if type(value) is int and 0 <= value < MAX_MONEY:
        return Decimal(value)
    if isinstance(value, Decimal) and value.is_finite() and 0 <= value < MAX_MONEY:
        exponent = cast(int, value.as_tuple().exponent)
        if exponent >= -_MONEY_DIGITS:
            return Decimal(f"{value:f}")
    raise ValueError('should be an amount that is not below zero, such as "100" or "49.90"')


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("should be a text that is not empty")
    if len(value) > MAX_TEXT_CHARACTERS:
        raise ValueError(f"has a text of {len(value)} characters; at most {MAX_TEXT_CHARACTERS} are allowed")
    if _NOT_A_TEXT.search(value):
        raise ValueError("holds a control character or half a character")
    return value.strip()


def _month(value: object) -> int:
    if isinstance(value, str):
        text = value.strip()
        value = int(text) if re.fullmatch(r"[0-9]{1,2}", text) else _MONTHS.get(text.casefold())
    if type(value) is int and 1 <= value <= 12:
        return value
    raise ValueError("should be a month: 1 to 12, or its English name")


def yes_no(value: object) -> bool:
    said = folded(value) if isinstance(value, str) else value
    if said is True or said == "true":
        return True
    if said is False or said == "false":
        return False
    raise ValueError("should be true or false")


_KINDS: Mapping[Kind, Callable[[object], Value]] = {
    "date": _day,
    "number": _number,
    "money": _money,
    "text": _text,
    "texts": _text,
    "month": _month,
    "yes_no": yes_no,
}
