"""What JSON Schema can say of a gift campaign (`loyalty/rewards/campaign_definition.py`), by hand as in `settings_schema.py`.

What no schema can say (which rewards are gifts, an end before the beginning, bytes that are no picture) is a 409.
"""

from typing import Any

from backend.loyalty import merchant_html
from backend.loyalty.rewards.campaign_definition import MAX_GIFTS
from backend.merchant_api.settings_schema import CONTENT_BASE64, LANGUAGES, label, or_null

Schema = dict[str, Any]

EXAMPLE: Schema = {
    "names": {"en": "Winter gifts", "zh-Hant": "冬季贈品"},
    "terms": {"en": "<p>While stocks last.</p>"},
    "starts_at": "2026-12-01",
    "ends_at": "2026-12-31",
    "gifts": ["000000000000000000000012", "000000000000000000000011"],
}

_WALL_TIME = (
    r"^[1-9][0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
    r"T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"
)
_NAMES: Schema = {
    "type": "object",
    "additionalProperties": label(200),
    "minProperties": 1,
    "description": "a map from language to name",
    **LANGUAGES,
}
_TERMS: Schema = {
    "type": "object",
    "additionalProperties": {"type": "string", "maxLength": merchant_html.MAX_CHARACTERS, "pattern": r"^[^\x00]*$"},
    "description": "a map from language to HTML, of which only plain formatting and links are kept",
    **LANGUAGES,
}
_MOMENT: Schema = {
    "anyOf": [
        {"type": "string", "format": "date", "examples": ["2026-12-31"]},
        {"type": "string", "format": "date-time", "examples": ["2026-12-31T17:00:00Z"]},
        {"type": "string", "pattern": _WALL_TIME, "examples": ["2026-12-31T18:00"]},
    ]
}
_STARTS_AT = {**_MOMENT, "description": "a day or a time in the shop's zone, or a moment with an offset"}
_ENDS_AT = {**_MOMENT, "description": "a day is the last one; a time is the first moment at which it is over"}
_GIFTS: Schema = {
    "type": "array",
    "items": {"type": "string", "pattern": "^[0-9a-f]{24}$"},
    "maxItems": MAX_GIFTS,
    "description": "the `id` of rewards that are gifts",
}
_BANNER: Schema = {
    "type": "object",
    "properties": {
        "content_base64": {
            **CONTENT_BASE64,
            "description": "the bytes of a JPG or PNG of at most 1920 x 400 pixels",
        }
    },
    "required": ["content_base64"],
    "additionalProperties": False,
}
_FIELDS: Schema = {
    "names": _NAMES,
    "terms": or_null(_TERMS),
    "starts_at": _STARTS_AT,
    "ends_at": {**or_null(_ENDS_AT), "description": "null: it never ends"},
    "gifts": or_null(_GIFTS),
    "banner": or_null(_BANNER),
}

NEW: Schema = {
    "type": "object",
    "properties": _FIELDS,
    "required": ["names", "starts_at"],
    "additionalProperties": False,
    "examples": [EXAMPLE],
}
CHANGES: Schema = {
    "type": "object",
    "properties": _FIELDS,
    "additionalProperties": False,
    "examples": [{"ends_at": "2027-01-06"}],
}
