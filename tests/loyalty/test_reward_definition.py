"""What a merchant may say of a reward (S0.14 to S0.43, S2.5 to S2.30), and how a mistake is told."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from backend.errors import BadInput, Contradiction
from backend.loyalty.rewards import reward_definition
from backend.loyalty.rewards.reward_definition import RewardDefinition, stored, to_document, to_strings

PARIS = ZoneInfo("Europe/Paris")
FIVE_OFF = {
    "reward_name": "$5 OFF",
    "reward_type": "coupon_based_reward",
    "reward_sub_type": "fixed_amount_discount",
    "points_to_be_redeemed": 500,
    "reward_value": "5",
}
GIFT = {"reward_name": "Water bottle", "reward_type": "gift", "points_to_be_redeemed": 500}
CASHBACK = {"reward_name": "Pay with points", "reward_type": "cashback", "point_value": "2"}

DOCUMENT_002 = json.loads(
    """
{"reward_id": "$5_OFF", "reward_name": "$5 OFF", "is_active": "True", "reward_type": "coupon_based_reward",
 "reward_sub_type": "fixed_amount_discount", "show_on_guest_dashboard": "True",
 "reward_card_background_image_url": "https://cdn.shop.example/card.png",
 "enduser_reward_short_description": "$5 OFF for 500 points",
 "enduser_reward_confirmation_html": "<p>500 points for {{reward_name}}. Do you wish to confirm?</p>",
 "enduser_reward_post_confirmation_html": "<p>Your code: <b>{{coupon_code}}</b></p>",
 "points_to_be_redeemed": "500", "reward_value": "$5",
 "member_eligibility_rules": [
   {"show_on_member_dashboard": "True", "include_in_api_response": "False", "conditions": [
     {"operator": "Between", "attribute": "Enrolment Date", "value": "11/1/2021-2/28/2023"}, "AND",
     {"operator": "Contain all of", "attribute": "User Tags", "value": ["cohortA"]}]},
   {"show_on_member_dashboard": "True", "include_in_api_response": "True", "conditions": [
     {"operator": "Contain all of", "attribute": "User Tags", "value": ["cohortC", "cohortD"]}]}],
 "custom_transaction_attributes": [
   {"attribute_name": "Source Of Redemption", "attribute_type": "Text", "attribute_id": "source_of_redemption",
    "is_attribute_mandatory": "False"}]}
"""
)
"""The sample of document 002, with the errors of its JSON mended (S2.30)."""

VALUE_CODE = FIVE_OFF | {"reward_sub_type": "value_code"}
CARD = VALUE_CODE | {"given_as": "gift_card"}
CREDIT = VALUE_CODE | {"given_as": "store_credit"}

LATER_TO_EARLIER = {"operator": "Between", "attribute": "Enrolment Date", "value": "2/28/2023-11/1/2021"}


def read(document: Any, currency: str = "EUR", **given: Any) -> RewardDefinition:
    return reward_definition.parse(document, currency=currency, tz=PARIS, **given)


def refusal(document: Any, kind: type[Exception] = BadInput, currency: str = "EUR", **given: Any) -> Any:
    with pytest.raises(kind) as caught:
        reward_definition.parse_new(document, currency=currency, tz=PARIS, **given)
    orjson.dumps(caught.value.as_problem())  # type: ignore[attr-defined]  # it can be told
    return caught.value


def test_the_sample_of_document_002_is_accepted_with_its_strings() -> None:
    definition = read(DOCUMENT_002, currency="USD")
    assert (definition.is_active, definition.points_to_be_redeemed) == (True, 500)
    assert definition.custom_transaction_attributes[0].is_attribute_mandatory is False
    typed = to_document(definition)
    assert typed["member_eligibility_rules"][0]["include_in_api_response"] is False
    strings = to_strings(typed)
    for name in DOCUMENT_002:
        assert strings[name] == DOCUMENT_002[name], name


@pytest.mark.parametrize("document", [FIVE_OFF, GIFT, CASHBACK, DOCUMENT_002])
def test_what_is_given_back_is_read_to_the_same(document: dict[str, Any]) -> None:
    definition = read(document)
    assert read(to_document(definition)) == definition
    assert read(to_strings(to_document(definition))) == definition
    assert stored(orjson.loads(orjson.dumps(to_document(definition)))) == definition


def test_null_is_the_same_as_left_out() -> None:
    assert read({**FIVE_OFF, "limit_total": None, "translations": None, "product_id": None}) == read(FIVE_OFF)


@pytest.mark.parametrize(
    ("value", "worth"),
    [("5", "5.00"), (5, "5.00"), ("5.00", "5.00"), ("$5", "5.00"), ("€5", "5.00"), ("5 €", "5.00"), ("0.5", "0.50")],
)
@pytest.mark.parametrize("sub_type", ["fixed_amount_discount", "value_code"])
def test_a_fixed_amount_is_worth_what_it_says(value: object, worth: str, sub_type: str) -> None:
    definition = read({**FIVE_OFF, "reward_sub_type": sub_type, "reward_value": value, "minimum_subtotal": "20"})
    assert definition.reward_value == str(value)
    assert reward_definition.worth(definition, "EUR") == {
        "kind": "fixed_amount", "value": worth, "currency": "EUR", "product_id": None, "minimum_subtotal": "20",
    }  # fmt: skip


@pytest.mark.parametrize(("value", "worth"), [("10", "10"), ("10%", "10"), ("12.50 %", "12.5"), ("100", "100")])
def test_a_percentage_is_worth_its_number(value: str, worth: str) -> None:
    told = reward_definition.worth(
        read({**FIVE_OFF, "reward_sub_type": "percentage_discount", "reward_value": value}), "EUR"
    )
    assert told is not None and (told["kind"], told["value"]) == ("percentage", worth)


def test_free_shipping_and_a_gift_by_code_have_no_amount() -> None:
    free = read({**FIVE_OFF, "reward_sub_type": "free_shipping", "reward_value": None})
    told = reward_definition.worth(free, "EUR")
    assert told is not None and (told["kind"], told["value"]) == ("free_shipping", None)
    told = reward_definition.worth(read({**GIFT, "product_id": "sku-7"}), "EUR")
    assert told is not None and (told["kind"], told["value"], told["product_id"]) == ("gift", None, "sku-7")
    assert reward_definition.worth(read(GIFT), "EUR") is None
    assert reward_definition.worth(read(CASHBACK), "EUR") is None


@pytest.mark.parametrize(
    ("document", "source"),
    [
        (FIVE_OFF, "made"),
        ({**FIVE_OFF, "coupons": ["A1"]}, "uploaded"),
        ({**FIVE_OFF, "coupons": []}, "uploaded"),
        (GIFT, "none"),
        ({**GIFT, "product_id": "sku-7"}, "made"),
        (CASHBACK, "none"),
        ({**GIFT, "reward_type": "custom"}, "none"),
        ({**GIFT, "reward_type": "event_invitation", "coupons": ["A1"]}, "uploaded"),
    ],
)
def test_whose_codes_a_reward_has(document: dict[str, Any], source: str) -> None:
    definition, codes = reward_definition.parse_new(document, currency="EUR", tz=PARIS)
    assert reward_definition.coupon_source(definition, is_uploaded=codes is not None) == source


def test_active_to_names_the_last_day_in_the_shop_s_zone() -> None:
    definition = read({**FIVE_OFF, "active_from": "2026-03-28", "active_to": "2026-03-29"})
    assert reward_definition.active_from(definition, PARIS) == datetime(2026, 3, 27, 23, tzinfo=UTC)
    assert reward_definition.active_to(definition, PARIS) == datetime(2026, 3, 29, 22, tzinfo=UTC)
    assert (definition.active_from, definition.active_to) == ("2026-03-28", "2026-03-29")


def test_active_from_and_to_may_be_moments() -> None:
    definition = read({**FIVE_OFF, "active_from": "2026-03-28T12:00:00+02:00", "active_to": "2026-03-28T10:00:01Z"})
    assert reward_definition.active_from(definition, PARIS) == datetime(2026, 3, 28, 10, tzinfo=UTC)
    assert reward_definition.active_to(definition, PARIS) == datetime(2026, 3, 28, 10, 0, 1, tzinfo=UTC)


def test_days_at_the_ends_of_the_calendar_have_an_instant() -> None:
    definition = read({**FIVE_OFF, "active_from": "0001-01-01", "active_to": "9999-12-31"})
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        assert reward_definition.active_from(definition, ZoneInfo(zone)) is not None
        assert reward_definition.active_to(definition, ZoneInfo(zone)) is not None


def test_the_reward_id_is_made_of_the_name() -> None:
    assert reward_definition.id_from_name("$5  OFF") == "$5_OFF"
    assert reward_definition.id_from_name("免運 券") == "免運_券"
    for odd in ("a\x82b", "a\tb\n", "\x80", "x" * 200, "a\u2028b"):
        assert read({**GIFT, "reward_id": reward_definition.id_from_name(odd)}).reward_id


def test_an_attribute_s_id_is_made_of_its_name() -> None:
    definition = read({**GIFT, "custom_transaction_attributes": [{"attribute_name": "Source Of Redemption"}]})
    assert definition.custom_transaction_attributes[0].attribute_id == "source_of_redemption"
    assert definition.custom_transaction_attributes[0].attribute_type == "Text"


def test_html_is_cleaned_and_placeholders_stay() -> None:
    definition = read(
        {
            **FIVE_OFF,
            "enduser_reward_post_confirmation_html": '<p onclick="x">{{coupon_code}}</p><script>alert(1)</script>',
            "brand": {"name": "Café", "description": "<b>x</b><img src=x onerror=y>"},
            "translations": {"pl": {"enduser_reward_short_description": "<i>5 zł</i><style>*{}</style>"}},
        }
    )
    assert definition.enduser_reward_post_confirmation_html == "<p>{{coupon_code}}</p>"
    assert definition.brand is not None and definition.brand.description == "<b>x</b>"
    assert definition.translations["pl"].enduser_reward_short_description == "<i>5 zł</i>"


def test_texts_are_read_each_in_the_nearest_language() -> None:
    definition = read(
        {
            **FIVE_OFF,
            "enduser_reward_short_description": "For you",
            "brand": {"name": "Cafe"},
            "translations": {"pl": {"reward_name": "5 € mniej", "brand": {"name": "Kawiarnia", "description": "x"}}},
        }
    )
    polish = reward_definition.texts_in(definition, "pl-PL", "en")
    assert (polish.name, polish.short_description) == ("5 € mniej", "For you")
    assert (polish.brand_name, polish.brand_description) == ("Kawiarnia", "x")
    assert reward_definition.texts_in(definition, "fr", "en").name == "$5 OFF"
    assert reward_definition.texts_in(definition, None, "en").brand_name == "Cafe"


def test_a_tax_value_that_differs_from_its_rate_is_kept_with_a_warning() -> None:
    right = {**FIVE_OFF, "tax_rate": "20", "tax_value": "1.00"}
    assert reward_definition.warnings(read(right), "EUR") == []
    definition = read({**right, "tax_value": "1.50"})
    assert definition.tax_value == Decimal("1.50")
    assert reward_definition.warnings(definition, "EUR") == ["tax_value is 1.50, and 20 % of 5 is 1.00."]


@pytest.mark.parametrize(
    ("currency", "value", "rate", "tax", "is_warned_of"),
    [
        ("EUR", "0.50", "25", "0.12", False),  # 0.125: half a coin is rounded either way
        ("EUR", "0.50", "25", "0.13", False),
        ("EUR", "0.50", "25", "0.14", True),
        ("EUR", "5", "8.875", "0.44", False),
        ("EUR", "5", "8.875", "0.45", True),
        ("JPY", "105", "10", "10", False),
        ("JPY", "105", "10", "11", False),
        ("JPY", "105", "10", "12", True),
        ("KWD", "5", "8.875", "0.444", False),
        ("KWD", "5", "8.875", "0.445", True),
    ],
)
def test_a_tax_value_may_be_rounded_up_or_down_to_the_smallest_coin(
    currency: str, value: str, rate: str, tax: str, is_warned_of: bool
) -> None:
    definition = read({**FIVE_OFF, "reward_value": value, "tax_rate": rate, "tax_value": tax}, currency=currency)
    assert bool(reward_definition.warnings(definition, currency)) == is_warned_of


def test_a_value_in_the_sign_of_another_currency_is_kept_with_a_warning() -> None:
    definition = read({**FIVE_OFF, "reward_value": "$5"})
    assert reward_definition.warnings(definition, "EUR") == ["reward_value is shown as $5 and is worth 5.00 EUR."]
    for currency in ("USD", "CAD", "TWD"):
        assert reward_definition.warnings(definition, currency) == []
    assert reward_definition.warnings(read({**FIVE_OFF, "reward_value": "5 €"}), "EUR") == []


# Refusals


@pytest.mark.parametrize(
    ("document", "field", "says"),
    [
        ({**FIVE_OFF, "speed": 1}, "speed", "no such field"),
        ({**FIVE_OFF, "speed": None}, "speed", "no such field"),
        ({**FIVE_OFF, "id": "0" * 24}, "id", "no such field"),
        ({name: FIVE_OFF[name] for name in FIVE_OFF if name != "reward_name"}, "reward_name", "missing"),
        ({**FIVE_OFF, "reward_name": " "}, "reward_name", "empty"),
        ({**FIVE_OFF, "reward_name": "x" * 201}, "reward_name", "at most 200"),
        ({**FIVE_OFF, "reward_name": 5}, "reward_name", "a text"),
        ({**FIVE_OFF, "reward_id": "5 OFF"}, "reward_id", "without spaces"),
        ({**FIVE_OFF, "reward_id": ""}, "reward_id", "without spaces"),
        ({**FIVE_OFF, "is_active": "yes"}, "is_active", "true or false"),
        ({**FIVE_OFF, "is_active": 1}, "is_active", "true or false"),
        ({**FIVE_OFF, "reward_type": "discount"}, "reward_type", "'coupon_based_reward'"),
        ({**FIVE_OFF, "reward_sub_type": None}, "reward_sub_type", "needs it"),
        ({**FIVE_OFF, "reward_sub_type": "x"}, "reward_sub_type", "'free_shipping'"),
        ({**FIVE_OFF, "points_to_be_redeemed": None}, "points_to_be_redeemed", "needs it"),
        ({**FIVE_OFF, "points_to_be_redeemed": -1}, "points_to_be_redeemed", "greater than or equal to 0"),
        ({**FIVE_OFF, "points_to_be_redeemed": "-500"}, "points_to_be_redeemed", "greater than or equal to 0"),
        ({**FIVE_OFF, "points_to_be_redeemed": 10**10}, "points_to_be_redeemed", "less than or equal to 1000000000"),
        ({**FIVE_OFF, "points_to_be_redeemed": "many"}, "points_to_be_redeemed", "whole number"),
        ({**FIVE_OFF, "points_to_be_redeemed": True}, "points_to_be_redeemed", "whole number"),
        ({**FIVE_OFF, "reward_value": None}, "reward_value", "amount above zero"),
        ({**FIVE_OFF, "reward_value": "0"}, "reward_value", "amount above zero"),
        ({**FIVE_OFF, "reward_value": "-5"}, "reward_value", "amount above zero"),
        ({**FIVE_OFF, "reward_value": "10%"}, "reward_value", "amount above zero"),
        ({**FIVE_OFF, "reward_value": "five"}, "reward_value", "amount above zero"),
        ({**FIVE_OFF, "reward_value": "1e3"}, "reward_value", "amount above zero"),
        ({**FIVE_OFF, "reward_value": "5,00"}, "reward_value", "amount above zero"),
        ({**FIVE_OFF, "reward_value": 5.5}, "reward_value", "a text"),
        *(
            ({**FIVE_OFF, "reward_sub_type": "percentage_discount", "reward_value": wrong}, "reward_value", "percentage")
            for wrong in ("0", "0%", "100.01", "101%", "$10", "-1", "ten")
        ),
        ({**FIVE_OFF, "minimum_subtotal": "0"}, "minimum_subtotal", "above zero"),
        ({**FIVE_OFF, "minimum_subtotal": 1.5}, "minimum_subtotal", "written as text"),
        ({**FIVE_OFF, "point_value": "2"}, "point_value", "does not fit a reward of the type coupon_based_reward"),
        ({**FIVE_OFF, "product_id": "7"}, "product_id", "does not fit"),
        ({**GIFT, "reward_sub_type": "free_shipping"}, "reward_sub_type", "does not fit a reward of the type gift"),
        ({**GIFT, "coupons": ["A"]}, "coupons", "does not fit"),
        ({**GIFT, "coupons": []}, "coupons", "does not fit"),
        ({**CASHBACK, "coupons": ["A"]}, "coupons", "does not fit"),
        ({**CASHBACK, "points_to_be_redeemed": 500}, "points_to_be_redeemed", "does not fit"),
        ({**CASHBACK, "coupon_valid_days": 5}, "coupon_valid_days", "does not fit"),
        ({**CASHBACK, "point_value": None}, "point_value", "needs it"),
        ({**CASHBACK, "point_value": "0"}, "point_value", "above zero"),
        ({**CASHBACK, "point_value": "-2"}, "point_value", "above zero"),
        ({**FIVE_OFF, "coupons": "A,B"}, "coupons", "a list"),
        ({**FIVE_OFF, "coupons": [5]}, "coupons.0", "a text"),
        ({**FIVE_OFF, "active_to": "12/31/2026"}, "active_to", "a day such as 2026-12-31"),
        ({**FIVE_OFF, "active_to": "2026-02-30"}, "active_to", "a day such as"),
        ({**FIVE_OFF, "active_to": "2026-12-31T23:00:00"}, "active_to", "with an offset"),
        ({**FIVE_OFF, "limit_total": 0}, "limit_total", "greater than or equal to 1"),
        ({**FIVE_OFF, "limit_per_member": 0}, "limit_per_member", "greater than or equal to 1"),
        ({**FIVE_OFF, "coupon_valid_days": 0}, "coupon_valid_days", "greater than or equal to 1"),
        ({**FIVE_OFF, "code_prefix": "a b"}, "code_prefix", "A-Z"),
        ({**FIVE_OFF, "reward_card_background_image_url": "http://x.example/a.png"},
         "reward_card_background_image_url", "https address"),
        ({**FIVE_OFF, "reward_card_background_image_url": "javascript:alert(1)"},
         "reward_card_background_image_url", "https address"),
        ({**FIVE_OFF, "reward_card_background_image_url": "/a.png"}, "reward_card_background_image_url", "https address"),
        ({**FIVE_OFF, "more_information_url": "//evil.example"}, "more_information_url", "https address or a path"),
        ({**FIVE_OFF, "enduser_reward_short_description": "x" * 20_001},
         "enduser_reward_short_description", "20,001 characters long"),
        ({**FIVE_OFF, "translations": {"polish": {}}}, "translations", "language tag"),
        ({**FIVE_OFF, "translations": {"pl": {"price": "5"}}}, "translations.pl.price", "no such field"),
        ({**FIVE_OFF, "brand": {"logo": "x"}}, "brand.logo", "no such field"),
        ({**FIVE_OFF, "labels": [{"key": "Event"}]}, "labels.0.value", "missing"),
        ({**FIVE_OFF, "categories": "gifts"}, "categories", "a list"),
        ({**FIVE_OFF, "tax_rate": "101"}, "tax_rate", "0 to 100"),
        ({**FIVE_OFF, "tax_value": "-1"}, "tax_value", "written as text"),
        ({**FIVE_OFF, "target": {"type": "everyone"}}, "target.type", "level or segment"),
        ({**FIVE_OFF, "member_eligibility_rules": [{"conditions": [{"operator": "Between", "attribute": "Shoe size"}]}]},
         "member_eligibility_rules.0.conditions.0.attribute", "Enrolment Date"),
        ({**FIVE_OFF, "custom_transaction_attributes": [{"attribute_name": "A", "attribute_type": "Colour"}]},
         "custom_transaction_attributes.0.attribute_type", "'Text'"),
        ({**FIVE_OFF, "rank": "first"}, "rank", "whole number"),
        ({**FIVE_OFF, "given_as": "gift_card"}, "given_as", "is for value codes"),
        ({**GIFT, "given_as": "gift_card"}, "given_as", "does not fit a reward of the type gift"),
        ({**VALUE_CODE, "given_as": "cash"}, "given_as", "'store_credit'"),
        ({**CARD, "reward_value": "0"}, "reward_value", "above zero"),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_with_what_and_where(document: dict[str, Any], field: str, says: str) -> None:
    refused = refusal(document)
    wrong = [error for error in refused.errors if error["field"] == field]
    assert wrong, refused.errors
    assert says in wrong[0]["message"]
    assert field in refused.detail and says in refused.detail


@pytest.mark.parametrize(
    ("document", "currency", "field"),
    [
        ({**FIVE_OFF, "active_from": "2026-12-02", "active_to": "2026-12-01"}, "EUR", "active_to"),
        ({**FIVE_OFF, "active_from": "2026-12-01T10:00:00Z", "active_to": "2026-12-01T10:00:00Z"}, "EUR", "active_to"),
        ({**FIVE_OFF, "reward_value": "5.005"}, "EUR", "reward_value"),
        ({**FIVE_OFF, "reward_value": "5.5"}, "JPY", "reward_value"),
        ({**FIVE_OFF, "minimum_subtotal": "5.005"}, "EUR", "minimum_subtotal"),
        ({**FIVE_OFF, "coupons": ["A"], "code_prefix": "X"}, "EUR", "code_prefix"),
        ({**GIFT, "code_prefix": "X"}, "EUR", "code_prefix"),
        ({**GIFT, "minimum_subtotal": "5"}, "EUR", "minimum_subtotal"),
        ({**GIFT, "member_eligibility_rules": [{"conditions": [LATER_TO_EARLIER]}]},
         "EUR", "member_eligibility_rules.0.conditions.0.value"),
        ({**GIFT, "member_eligibility_rules": [{"conditions": ["AND"]}]},
         "EUR", "member_eligibility_rules.0.conditions.0"),
        ({**GIFT, "custom_transaction_attributes": [{"attribute_name": "A"}, {"attribute_name": "a"}]},
         "EUR", "custom_transaction_attributes"),
    ],
)  # fmt: skip
def test_parts_that_do_not_go_together_are_a_contradiction(document: dict[str, Any], currency: str, field: str) -> None:
    refused = refusal(document, Contradiction, currency)
    assert (refused.status, refused.code) == (409, "contradiction")
    assert [error["field"] for error in refused.errors] == [field]
    assert field in refused.detail


@pytest.mark.parametrize("document", [CARD, CREDIT])
def test_a_shop_on_shopify_may_pay_a_value_code_in_money(document: dict[str, Any]) -> None:
    definition = read(document, is_shopify=True)
    assert reward_definition.worth(definition, "EUR") == {
        "kind": document["given_as"],
        "value": "5.00",
        "currency": "EUR",
        "product_id": None,
        "minimum_subtotal": None,
    }
    assert reward_definition.coupon_source(definition, is_uploaded=False) == "each"
    written = reward_definition.to_document(definition)
    assert written["given_as"] == document["given_as"]
    assert read(written, is_shopify=True) == reward_definition.stored(written) == definition


@pytest.mark.parametrize("given", [{}, {"given_as": None}, {"given_as": "code"}])
def test_a_value_code_is_an_amount_off_unless_it_says_otherwise_and_documents_stay_as_they_were(given: Any) -> None:
    definition = read(VALUE_CODE | given)
    assert (definition.given_as, reward_definition.coupon_source(definition, is_uploaded=False)) == ("code", "made")
    assert "given_as" not in reward_definition.to_document(definition)


def test_money_in_the_sign_of_another_currency_is_kept_with_a_warning() -> None:
    definition = read(CARD | {"reward_value": "$5"}, is_shopify=True)
    assert reward_definition.warnings(definition, "EUR") == ["reward_value is shown as $5 and is worth 5.00 EUR."]


@pytest.mark.parametrize(
    ("document", "field", "says"),
    [
        ({**CARD, "minimum_subtotal": "20"}, "minimum_subtotal", "money is good for every order"),
        ({**CARD, "coupons": ["A1"]}, "coupons", "made by the store"),
        ({**CARD, "reward_value": "5.005"}, "reward_value", "more decimals"),
        ({**CARD, "code_prefix": "SUMMER-2026"}, "code_prefix", "at most 8 letters and digits"),
        ({**CREDIT, "code_prefix": "SUN"}, "code_prefix", "store credit has none"),
    ],
)
def test_what_money_does_not_go_together_with(document: dict[str, Any], field: str, says: str) -> None:
    refused = refusal(document, Contradiction, is_shopify=True)
    assert [(error["field"], says in error["message"]) for error in refused.errors] == [(field, True)]


def test_a_gift_card_s_prefix_is_counted_without_its_hyphens() -> None:
    assert read({**CARD, "code_prefix": "SUN_-2026"}, is_shopify=True).code_prefix == "SUN_-2026"


@pytest.mark.parametrize("document", [CARD, CREDIT])
def test_other_shops_pay_no_money(document: dict[str, Any]) -> None:
    [error] = refusal(document, Contradiction).errors
    assert error == {"field": "given_as", "message": "only a shop on Shopify pays in gift cards and store credit"}


def test_a_reward_of_one_day_is_none() -> None:
    definition = read({**FIVE_OFF, "active_from": "2026-12-01", "active_to": "2026-12-01"})
    assert reward_definition.active_to(definition, PARIS) == datetime(2026, 12, 1, 23, tzinfo=UTC)


def test_every_mistake_is_listed_and_the_first_is_the_sentence() -> None:
    refused = refusal({**FIVE_OFF, "is_active": 5, "hello": 1, "target": {"type": "x"}})
    assert {error["field"] for error in refused.errors} == {"is_active", "hello", "target.type"}
    assert refused.detail.endswith("(2 more).")


def test_a_flood_of_tags_is_refused_before_any_is_cleaned() -> None:
    texts = {f"{a}{b}": {"enduser_reward_short_description": "<b>" * 900} for a in "abc" for b in "abc"}
    assert "tags in all" in refusal({**FIVE_OFF, "translations": texts}).detail


@pytest.mark.parametrize("document", [None, [], "x", 5, True, [{}]])
def test_a_reward_that_is_no_object_is_refused(document: object) -> None:
    assert "JSON object" in refusal(document).detail


def test_the_refused_value_itself_is_not_told() -> None:
    assert "hunter2" not in json.dumps(refusal({**FIVE_OFF, "reward_type": "hunter2"}).as_problem())
