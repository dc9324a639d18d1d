"""What JSON Schema can say of a reward (`reward_definition.py`): one shape for each type, and what a change holds.

Written by hand where the checks are Python functions, as in `settings_schema.py`. That both agree is tested by sending
what this schema allows. What no schema can say (an end before its beginning) is no 422 but a 409.
"""

from collections.abc import Mapping
from typing import Any, get_args

from backend.loyalty import merchant_html
from backend.loyalty.eligibility.eligibility_values import MAX_VALUES
from backend.loyalty.rewards.reward_definition import (
    FITS,
    LONGEST_GIFT_CARD_PREFIX,
    MAX_POINTS,
    MAX_UPLOADED,
    MAX_WHOLE_VALUE,
    NEEDS,
    OF_SOME_TYPES,
    GivenAs,
    RewardType,
)
from backend.merchant_api import eligibility_schema
from backend.merchant_api.eligibility_schema import DAY, FLAG, LINE, RULES, either, list_of, object_of, whole
from backend.merchant_api.settings_schema import AMOUNT, LANGUAGES, PAGE, WHOLE_AMOUNT, label, or_null

Schema = dict[str, Any]

EXAMPLE: Schema = {
    "reward_name": "$5 OFF",
    "reward_id": "$5_OFF",
    "reward_type": "coupon_based_reward",
    "reward_sub_type": "fixed_amount_discount",
    "points_to_be_redeemed": 500,
    "reward_value": "$5",
    "enduser_reward_short_description": "$5 OFF for 500 points",
    "member_eligibility_rules": eligibility_schema.EXAMPLE,
}


def _said(schema: Mapping[str, Any], description: str) -> Schema:
    return {**schema, "description": description}


_NAME = label(200)
_TEXT: Schema = {"type": "string", "maxLength": 500, "pattern": r"^[^\x00]*$"}
_HTML: Schema = {
    "type": "string",
    "maxLength": merchant_html.MAX_CHARACTERS,
    "pattern": r"^[^\x00]*$",
    "description": "HTML, of which only plain formatting and links are kept",
}
_HTML_WITH_PLACEHOLDERS = _said(
    _HTML,
    "HTML, of which plain formatting and links are kept; `{{points}}`, `{{coupon_code}}`, `{{reward_name}}` are filled in",
)
_PICTURE: Schema = {
    **PAGE,
    "pattern": str(PAGE["pattern"]).replace(r"/([!-.0-\[\]-~][!-\[\]-~]*)?|", ""),
    "examples": ["https://cdn.shop.example/card.png"],
}
_AMOUNT = either(AMOUNT, WHOLE_AMOUNT)
_DAY_OR_TIME = either(DAY, {"type": "string", "format": "date-time", "examples": ["2026-12-31T23:00:00Z"]})
_ID_OF_AN_ATTRIBUTE: Schema = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}

_FIXED = either(
    {
        "type": "string",
        "pattern": r"^[€£$¥]?[0-9]{1,12}(\.[0-9]{1,4})?$",
        "not": {"pattern": r"^[^1-9]*$"},
        "examples": ["$5", "5.00"],
    },
    whole(1, MAX_WHOLE_VALUE - 1),
)
_PERCENTAGE = either(
    {
        "type": "string",
        "pattern": r"^(100(\.0{1,2})?|[0-9]{1,2}(\.[0-9]{1,2})?)%?$",
        "not": {"pattern": r"^[^1-9]*$"},
        "examples": ["10%", "12.5"],
    },
    whole(1, 100),
)
_SHOWN_VALUE = either(label(60), whole(0, MAX_WHOLE_VALUE - 1))

_GIVEN_AS = _said(
    or_null({"enum": list(get_args(GivenAs))}),
    "of a value code: an amount off (`code`, what is meant if it is left out), or a gift card or store credit of a shop on"
    " Shopify, which have no `minimum_subtotal` and no codes of your own; store credit has no `code_prefix` either, and that"
    f" of a gift card has at most {LONGEST_GIFT_CARD_PREFIX} letters and digits",
)
_TARGET = either(
    object_of({"type": {"const": "level"}, "levels": list_of(LINE, MAX_VALUES, least=1)}, ("type", "levels")),
    object_of({"type": {"const": "segment"}, "segments": list_of(LINE, MAX_VALUES, least=1)}, ("type", "segments")),
)
_BRAND_TEXTS = {"name": or_null(_NAME), "description": or_null(_HTML)}
_TRANSLATION = object_of(
    {
        "reward_name": or_null(_NAME),
        "enduser_reward_short_description": or_null(_HTML),
        "enduser_reward_confirmation_html": or_null(_HTML),
        "enduser_reward_post_confirmation_html": or_null(_HTML),
        "push_notification_text": or_null(_TEXT),
        "brand": or_null(object_of(_BRAND_TEXTS)),
    }
)
_ATTRIBUTE = object_of(
    {
        "attribute_name": label(200),
        "attribute_type": {"enum": ["Text", "Number", "Date", "Boolean"], "default": "Text"},
        "attribute_id": or_null(_ID_OF_AN_ATTRIBUTE),
        "is_attribute_mandatory": {**FLAG, "default": False},
    },
    ("attribute_name",),
)

_FIELDS: Mapping[str, Schema] = {
    "reward_name": _said(_NAME, "unique in the shop, whatever its case"),
    "reward_id": _said(
        or_null({"type": "string", "pattern": r"^[^\x00-\x20\x7f-\xa0]{1,100}$", "examples": ["$5_OFF"]}),
        "unique in the shop; made of the name if it is left out",
    ),
    "is_active": _said(or_null(FLAG), "false: not to be had, whatever the dates say; left out: true"),
    "points_to_be_redeemed": _said(whole(0, MAX_POINTS), "its price"),
    "point_value": _said(_AMOUNT, "what one point is worth, in the shop's currency"),
    "product_id": _said(or_null(_NAME), "the store's product that a code of ours puts into the order for free"),
    "minimum_subtotal": _said(or_null(_AMOUNT), "the smallest order that its code is good for"),
    "show_on_guest_dashboard": _said(or_null(FLAG), "whether a visitor who is not signed in sees it"),
    "reward_card_background_image_url": or_null(_PICTURE),
    "enduser_reward_short_description": or_null(_HTML),
    "enduser_reward_confirmation_html": or_null(_HTML_WITH_PLACEHOLDERS),
    "enduser_reward_post_confirmation_html": or_null(_HTML_WITH_PLACEHOLDERS),
    "member_eligibility_rules": _said(or_null(RULES), "alternatives: a member who fits any of them may have it"),
    "target": _said(or_null(_TARGET), "for members of these tiers, or in these segments, alone"),
    "custom_transaction_attributes": _said(
        or_null(list_of(_ATTRIBUTE, 20)), "what a member is asked for; carried by the points transaction"
    ),
    "active_from": _said(or_null(_DAY_OR_TIME), "the first day in the shop's zone, or a moment"),
    "active_to": _said(or_null(_DAY_OR_TIME), "the last day in the shop's zone, or the moment when it is over"),
    "limit_total": _said(or_null(whole(1, MAX_POINTS)), "how many there are in all"),
    "limit_per_member": _said(or_null(whole(1, 1_000_000)), "how many one member may have"),
    "coupon_valid_days": _said(or_null(whole(1, 36_500)), "how long a code is good for once redeemed"),
    "points_back_when_expired": _said(or_null(FLAG), "whether an unused code that ends gives its points back"),
    "coupons": _said(
        or_null(list_of({"type": "string", "pattern": r"^[^\x00]*$"}, MAX_UPLOADED)),
        "your own codes; left out: we make codes and create them in the store",
    ),
    "code_prefix": _said(
        or_null({"type": "string", "pattern": "^[A-Za-z0-9_-]{1,16}$"}), "what the codes that we make begin with"
    ),
    "translations": _said(
        or_null({"type": "object", "additionalProperties": _TRANSLATION, **LANGUAGES}),
        "a map from language to texts; the others are in the shop's own",
    ),
    "brand": or_null(object_of({**_BRAND_TEXTS, "image_url": or_null(_PICTURE)})),
    "more_information_url": or_null(PAGE),
    "push_notification_text": _said(or_null(_TEXT), "sent when it becomes available; left out: nothing is sent"),
    "labels": _said(
        or_null(list_of(object_of({"key": label(200), "value": label(200)}, ("key", "value")), 100)), "for filters"
    ),
    "categories": _said(or_null(list_of(label(60), 50)), "for filters"),
    "tax_rate": _said(
        or_null(
            either(
                {"type": "string", "pattern": r"^(100(\.0{1,4})?|[0-9]{1,2}(\.[0-9]{1,4})?)$"}, whole(0, 100)
            )
        ),
        "in percent",
    ),
    "tax_value": or_null(
        either({"type": "string", "pattern": r"^[0-9]{1,15}(\.[0-9]{1,4})?$"}, whole(0, 10**15 - 1))
    ),
    "featured": or_null(FLAG),
    "public": or_null(FLAG),
    "rank": _said(or_null(whole(-1_000_000, 1_000_000)), "smaller ones stand first; left out: 0"),
}  # fmt: skip


def _alternative(
    kind: RewardType, description: str, more: Mapping[str, Schema], required: tuple[str, ...] = ()
) -> Schema:
    fitting = {name: said for name, said in _FIELDS.items() if name in FITS[kind] or name not in OF_SOME_TYPES}
    properties = {"reward_name": fitting["reward_name"], "reward_type": {"const": kind}, **more, **fitting}
    needed = ("reward_name", "reward_type", *NEEDS[kind], *required)
    return {**object_of(properties, needed), "description": description}


def _new() -> Schema:
    shown = {"reward_value": _said(or_null(_SHOWN_VALUE), "as members read it")}
    return {
        "oneOf": [
            _alternative(
                "coupon_based_reward",
                "A code with money off.",
                {
                    "reward_sub_type": {"const": "fixed_amount_discount"},
                    "reward_value": _said(_FIXED, "the amount in the shop's currency; shown as you write it"),
                },
                ("reward_value",),
            ),
            _alternative(
                "coupon_based_reward",
                "A code that is worth an amount: something off an order or, of a shop on Shopify, money.",
                {
                    "reward_sub_type": {"const": "value_code"},
                    "given_as": _GIVEN_AS,
                    "reward_value": _said(_FIXED, "the amount in the shop's currency; shown as you write it"),
                },
                ("reward_value",),
            ),
            _alternative(
                "coupon_based_reward",
                "A code with a percentage off.",
                {
                    "reward_sub_type": {"const": "percentage_discount"},
                    "reward_value": _said(_PERCENTAGE, "above 0 and at most 100; shown as you write it"),
                },
                ("reward_value",),
            ),
            _alternative(
                "coupon_based_reward",
                "A code for free delivery.",
                {"reward_sub_type": {"const": "free_shipping"}, **shown},
            ),
            _alternative("gift", "A gift.", shown),
            _alternative("event_invitation", "An invitation to an event.", shown),
            _alternative("cashback", "Points that pay at checkout.", shown),
            _alternative("custom", "Anything else.", shown),
        ],
        "examples": [EXAMPLE],
    }


NEW: Schema = _new()
CHANGES: Schema = {
    **object_of(
        {
            **{name: said for name, said in _FIELDS.items() if name != "coupons"},
            "reward_id": {"type": "string", "pattern": r"^[^\x00-\x20\x7f-\xa0]{1,100}$"},
            "points_to_be_redeemed": whole(0, MAX_POINTS),
            "reward_sub_type": {
                "enum": ["fixed_amount_discount", "percentage_discount", "value_code", "free_shipping"]
            },
            "given_as": _GIVEN_AS,
            "reward_value": either(label(60), whole(0, MAX_WHOLE_VALUE - 1)),
        }
    ),
    "examples": [{"points_to_be_redeemed": 600}],
}
