"""What JSON Schema can say of the checks in `loyalty/settings.py` that pydantic's own schema leaves out.

Those checks are Python functions (a language tag, an amount above zero, an address), so the schema made from the types
alone would promise more than the program takes. That both agree is tested by sending what this schema allows.
"""

from collections.abc import Mapping
from typing import Any

from backend.loyalty import merchant_html, uploads
from backend.loyalty.settings import MAX_LANGUAGES
from backend.loyalty.wording import LANGUAGE_TAG, MAX_TAG_CHARACTERS, PLURAL_FORMS

_NOT_BLANK = r"^[^\x00-\x08\x0b-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x08\x0b-\x1f\x7f]*$"
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
    "Rule": {"id": _ID, "title": _texts(200)},
    "Limit": {"times": {"type": "integer", "const": 1, "default": 1}},
    "Level": {"id": _ID, "name": _texts(200)},
    "Appearance": {
        "accent": {"type": "string", "pattern": "^#[0-9a-fA-F]{6}$", "default": "#7a3cff"},
        "launcher_label": or_null(_texts(60)),
    },
}
_OPTIONAL = {"ProgramSettings": ("points_name",)}
"""What `settings.parse` fills in."""


EXAMPLE: dict[str, Any] = {
    "points_name": {"en": {"one": "point", "other": "points"}},
    "earn": {"spend_step": "10", "points_per_step": 1, "base": "items", "round": "floor"},
    "assign": {"delay_days": 3, "on": "collected"},
    "expiry": {"kind": "fixed_day", "month": 12, "day": 31},
    "rules": [{"id": "signup", "kind": "signup", "points": 50, "title": {"en": "Create an account"}}],
}


def complete(name: str, schema: dict[str, Any]) -> None:
    """Write into a component of the document what its types do not say, for input alone."""
    if name == "ProgramSettings":
        schema["examples"] = [EXAMPLE]
    if name == "FixedDay":
        schema["anyOf"] = _DAYS_OF_MONTHS
    for field, said in _FIELDS.get(name, {}).items():
        schema["properties"][field] = dict(said)
    for field in _OPTIONAL.get(name, ()):
        schema["required"] = [each for each in schema.get("required", ()) if each != field]
