"""What JSON Schema can say of eligibility rules (`eligibility_reading.py`), for rewards and for ways to earn."""

from collections.abc import Mapping
from typing import Any

from backend.loyalty.eligibility.eligibility_reading import MAX_CONDITIONS, MAX_RULES
from backend.loyalty.eligibility.eligibility_terms import ATTRIBUTES, OPERATORS, Kind, shape
from backend.loyalty.eligibility.eligibility_values import MAX_NUMBER, MAX_TEXT_CHARACTERS, MAX_VALUES
from backend.merchant_api.shapes import A_LINE

Schema = dict[str, Any]

EXAMPLE = [
    {
        "show_on_member_dashboard": True,
        "include_in_api_response": True,
        "conditions": [{"operator": "Contain all of", "attribute": "User Tags", "value": ["cohortA"]}],
    }
]


def whole(least: int, most: int) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most}


def object_of(properties: Mapping[str, Schema], required: tuple[str, ...] = ()) -> Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def list_of(items: Schema, most: int, least: int = 0) -> Schema:
    return {"type": "array", "items": items, "minItems": least, "maxItems": most}


def either(*schemas: Schema) -> Schema:
    return {"anyOf": list(schemas)}


FLAG: Schema = {"type": "boolean"}
LINE: Schema = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT_CHARACTERS, "pattern": A_LINE}
DAY: Schema = {"type": "string", "format": "date", "examples": ["2026-12-31"]}
_KINDS: Mapping[Kind, Schema] = {
    "date": DAY,
    "number": whole(0, MAX_NUMBER),
    "money": either({"type": "string", "pattern": r"^[0-9]{1,15}(\.[0-9]{1,4})?$"}, whole(0, 10**15 - 1)),
    "text": LINE,
    "texts": LINE,
    "month": whole(1, 12),
    "yes_no": FLAG,
}
_RANGES: Mapping[Kind, Schema] = {
    "date": {
        "type": "string",
        "pattern": r"^(1[0-2]|[1-9])/(1[0-9]|2[0-8]|[1-9])/[1-9][0-9]{3}-(1[0-2]|[1-9])/(1[0-9]|2[0-8]|[1-9])/[1-9][0-9]{3}$",
        "examples": ["11/1/2021-2/28/2023"],
    },
    "number": {"type": "string", "pattern": "^[0-9]{1,12}-[0-9]{1,12}$", "examples": ["100-500"]},
    "money": {"type": "string", "pattern": r"^[0-9]{1,12}(\.[0-9]{1,4})?-[0-9]{1,12}(\.[0-9]{1,4})?$"},
}


def _values(kind: Kind, operator: str) -> Schema | None:
    match shape(operator):
        case "one":
            return _KINDS[kind]
        case "range":
            return either(_RANGES[kind], list_of(_KINDS[kind], 2, least=2))
        case "many":
            return list_of(_KINDS[kind], MAX_VALUES, least=1)
    return None


def _conditions() -> list[Schema]:
    """One shape for the attributes of a kind with the operators that take the same values."""
    shapes = []
    for kind in dict.fromkeys(ATTRIBUTES.values()):
        names = [name for name, its_kind in ATTRIBUTES.items() if its_kind == kind]
        by_shape: dict[str, list[str]] = {}
        for operator in OPERATORS[kind]:
            by_shape.setdefault(shape(operator), []).append(operator)
        for operators in by_shape.values():
            value = _values(kind, operators[0])
            said: dict[str, Schema] = {"operator": {"enum": operators}, "attribute": {"enum": names}}
            if value is not None:
                said["value"] = value
            shapes.append(object_of(said, tuple(said)))
    return shapes


RULES = list_of(
    {
        **object_of(
            {
                "show_on_member_dashboard": {**FLAG, "default": True},
                "include_in_api_response": {**FLAG, "default": True},
                "conditions": {
                    **list_of(either(*_conditions(), {"enum": ["AND", "OR"]}), MAX_CONDITIONS),
                    "description": "conditions with `AND` or `OR` between them; `AND` binds tighter",
                },
            },
            ("conditions",),
        ),
        "examples": EXAMPLE,
    },
    MAX_RULES,
)
