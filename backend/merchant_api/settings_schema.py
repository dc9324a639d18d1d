"""What JSON Schema can say of the checks in `loyalty/program/settings.py` that pydantic's own schema leaves out.

Those checks are Python functions (a language tag, an amount above zero, an address), so the schema made from the types
alone would promise more than the program takes. That both agree is tested by sending what this schema allows.
"""

from collections.abc import Mapping
from typing import Any

from backend.loyalty import merchant_html, uploads
from backend.loyalty.program.settings import MAX_ITEMS, MAX_LANGUAGES
from backend.loyalty.wording import LANGUAGE_TAG, MAX_TAG_CHARACTERS, PLURAL_FORMS
from backend.merchant_api import eligibility_schema

_NOT_BLANK = r"^[^\x00-\x08\x0b-\x1f\x7f]*[^\s\x00-\x1f\x7f\x85][^\x00-\x08\x0b-\x1f\x7f]*$"
AMOUNT = {
    "type": "string",
    "pattern": r"^[0-9]{1,15}(\.[0-9]{1,4})?$",
    "not": {"pattern": r"^[0.]*$"},
    "examples": ["10", "0.50"],
}
WHOLE_AMOUNT = {"type": "integer", "minimum": 1, "maximum": 999_999_999_999_999}
PAGE = {
    "type": "string",
    "maxLength": 2000,
    "pattern": r"^(/([!-.0-\[\]-~][!-\[\]-~]*)?|https://[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)+(/[!-\[\]-~]*)?)$",
    "examples": ["https://shop.example/account", "/account"],
}
CONTENT_BASE64 = {
    "type": "string",
    "pattern": "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
    "maxLength": uploads.MAX_CHARACTERS,
}
_ID = {"type": "string", "pattern": "^[a-z0-9_-]{1,64}$"}
_FACTOR = {
    "anyOf": [
        {
            "type": "string",
            "pattern": r"^(100(\.0{1,2})?|[0-9]{1,2}(\.[0-9]{1,2})?)$",
            "not": {"pattern": "^[0.]*$"},
            "examples": ["2", "1.5"],
        },
        {"type": "integer", "minimum": 1, "maximum": 100},
    ]
}
_MOMENT = {
    "type": "string",
    "pattern": r"^2[01][0-9]{2}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    r"|02-(0[1-9]|1[0-9]|2[0-8]))T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](Z|[+-](0[0-9]|1[0-3]):[0-5][0-9])$",
    "description": "a time with an offset",
    "examples": ["2026-12-24T00:00:00+01:00"],
}
LANGUAGES = {
    "propertyNames": {"pattern": f"^{LANGUAGE_TAG.pattern}$", "maxLength": MAX_TAG_CHARACTERS},
    "maxProperties": MAX_LANGUAGES,
}
_DAYS_OF_MONTHS = [
    {"properties": {"day": {"maximum": 29}}},
    {"properties": {"month": {"enum": [4, 6, 9, 11]}, "day": {"maximum": 30}}},
    {"properties": {"month": {"enum": [1, 3, 5, 7, 8, 10, 12]}}},
]


def label(longest: int) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "maxLength": longest, "pattern": _NOT_BLANK}


def _texts(longest: int) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": label(longest),
        "minProperties": 1,
        "description": "a map from language to text",
        "examples": [{"en": "Welcome"}],
        **LANGUAGES,
    }


def or_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}], "default": None}


def _names(description: str) -> dict[str, Any]:
    return {
        "type": "array",
        "items": label(200),
        "maxItems": MAX_ITEMS,
        "default": [],
        "description": description,
    }


_PLURALS = {
    "type": "object",
    "additionalProperties": label(60),
    "propertyNames": {"enum": list(PLURAL_FORMS)},
    "required": ["other"],
}
_RULES_TEXT = {
    "type": "object",
    "default": {},
    "additionalProperties": {"type": "string", "maxLength": merchant_html.MAX_CHARACTERS, "pattern": r"^[^\x00]*$"},
    "description": "a map from language to HTML, of which only plain formatting and links are kept",
    **LANGUAGES,
}
_FIELDS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "ProgramSettings": {
        "points_name": {
            "type": "object",
            "additionalProperties": _PLURALS,
            "minProperties": 1,
            "description": "a map from language to the forms of the name; `other` is needed",
            "examples": [{"en": {"one": "point", "other": "points"}}],
            **LANGUAGES,
        },
        "rules_text": _RULES_TEXT,
    },
    "Earn": {"spend_step": {"anyOf": [AMOUNT, WHOLE_AMOUNT], "default": "10"}},
    "Assign": {"arrived_carriers": {"type": "array", "items": label(60), "maxItems": 50, "default": ["tcat"]}},
    "Button": {"label": _texts(60), "url": PAGE},
    "Rule": {
        "id": _ID,
        "title": _texts(200),
        "text": or_null(_texts(200)),
        "factor": or_null({**_FACTOR, "description": "of `multiplier`: times which the points of the lines come"}),
        "event": or_null({**_ID, "description": "of `event`: its name in `POST /members/{ref}/events`"}),
        "eligibility": {
            **eligibility_schema.RULES,
            "default": [],
            "description": "who may earn by it: a member who fits any of them; empty: everybody",
        },
        "active_from": or_null(_MOMENT),
        "active_to": or_null(_MOMENT),
    },
    "Items": {
        "product_ids": _names("of any of these products"),
        "skus": _names("or with any of these SKUs"),
        "categories": _names("or in any of these categories, whatever their case"),
    },
    "Referral": {"text": or_null(_texts(200))},
    "Level": {
        "id": _ID,
        "name": _texts(200),
        "multiplier": {**_FACTOR, "default": "1", "description": "times which an order's points come"},
        "perks": {"type": "array", "items": _texts(200), "maxItems": 20, "default": []},
    },
    "Appearance": {
        "accent": {"type": "string", "pattern": "^#[0-9a-fA-F]{6}$", "default": "#7a3cff"},
        "launcher_label": or_null(_texts(60)),
    },
}
_NULL = {"type": "null"}


def _limit(times: int | None, *periods: str) -> dict[str, Any]:
    """A rule's limit, or none. `ever` may be left out."""
    said = {
        "properties": {"per": {"enum": list(periods)}, **({"times": {"const": times}} if times is not None else {})}
    }
    return {"anyOf": [said if "ever" in periods else {**said, "required": ["per"]}, _NULL]}


def _kinds(*kinds: str, needs: tuple[str, ...], without: tuple[str, ...], **said: Any) -> dict[str, Any]:
    """What a rule of these kinds has besides what all have."""
    present = {name: {"not": _NULL} for name in needs}
    absent = dict.fromkeys(without, _NULL)
    return {"properties": {"kind": {"enum": list(kinds)}, **present, **absent, **said}, "required": list(needs)}


_SOME_LINES = {
    "type": "object",  # null has no properties, so it would meet the rest
    "anyOf": [
        {"properties": {name: {"minItems": 1}}, "required": [name]} for name in ("product_ids", "skus", "categories")
    ],
}
_NO_DELAY = {"const": 0}
_PERIODS = ("ever", "day", "week", "month", "year")
_RULE_BY_KIND = [
    _kinds("signup", "first_order", needs=("points",), without=("factor", "items", "event"), limit=_limit(1, "ever")),
    _kinds("birthday", needs=("points",), without=("factor", "items", "event"), limit=_limit(1, "year")),
    _kinds(
        *("newsletter", "visit", "follow", "share", "review"),
        needs=("points",),
        without=("factor", "items", "event"),
        limit=_limit(None, *_PERIODS),
    ),
    _kinds("event", needs=("points", "event"), without=("factor", "items"), limit=_limit(None, *_PERIODS)),
    _kinds(
        "product",
        needs=("points", "items"),
        without=("factor", "event"),
        items=_SOME_LINES,
        limit=_limit(None, "order"),
        delay_days=_NO_DELAY,
    ),
    _kinds(
        "exclusion",
        needs=("items",),
        without=("points", "factor", "event", "limit"),
        items=_SOME_LINES,
        delay_days=_NO_DELAY,
    ),
    _kinds("multiplier", needs=("factor",), without=("points", "event", "limit"), delay_days=_NO_DELAY),
]
_OPTIONAL = {"ProgramSettings": ("points_name",)}
"""What `settings.parse` fills in."""


EXAMPLE: dict[str, Any] = {
    "points_name": {"en": {"one": "point", "other": "points"}},
    "earn": {"spend_step": "10", "points_per_step": 1, "base": "items", "round": "floor"},
    "assign": {"delay_days": 3, "on": "collected"},
    "expiry": {"kind": "fixed_day", "month": 12, "day": 31},
    "rules": [
        {"id": "signup", "kind": "signup", "points": 50, "title": {"en": "Create an account"}},
        {
            "id": "follow",
            "kind": "follow",
            "points": 10,
            "title": {"en": "Follow us"},
            "network": "instagram",
            "button": {"label": {"en": "Follow"}, "url": "https://www.instagram.com/shop.example"},
        },
        {
            "id": "double-december",
            "kind": "multiplier",
            "factor": "2",
            "title": {"en": "Double points in December"},
            "active_from": "2026-12-01T00:00:00+01:00",
            "active_to": "2027-01-01T00:00:00+01:00",
        },
    ],
    "referral": {"enabled": True, "reward_when": "first_order", "advocate": {"points": 100}, "friend": {"points": 50}},
    "tiers": {
        "basis": "points_earned",
        "window": "rolling_12_months",
        "levels": [{"id": "gold", "from": 1000, "name": {"en": "Gold"}, "multiplier": "1.5"}],
    },
}


def complete(name: str, schema: dict[str, Any]) -> None:
    """Write into a component of the document what its types do not say, for input alone."""
    if name == "ProgramSettings":
        schema["examples"] = [EXAMPLE]
    if name == "Rule":
        schema["anyOf"] = _RULE_BY_KIND
    if name == "FixedDay":
        schema["anyOf"] = _DAYS_OF_MONTHS
    for field, said in _FIELDS.get(name, {}).items():
        schema["properties"][field] = dict(said)
    for field in _OPTIONAL.get(name, ()):
        schema["required"] = [each for each in schema.get("required", ()) if each != field]
