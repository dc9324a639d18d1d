"""The form of a reward campaign, as documents 000 and 002 describe it (S0.11 to S0.43)."""

from io import BytesIO
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag
from PIL import Image
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.loyalty.rewards import reward_definition, rewards
from backend.loyalty.rewards.rewards import Reward
from backend.loyalty.segments import segments
from tests.admin.conftest import Desk, said
from tests.conftest import PROGRAM, BusinessTime, TestShop
from tests.loyalty.rewards_world import CASHBACK, FIVE_OFF, GIFT, change, reward

NEW = "/reward-campaigns/new"
DISCOUNT = {
    "campaign_type": "fixed_amount_discount",
    "reward_name": "5 off",
    "points_to_be_redeemed": "500",
    "reward_value": "5",
    "is_active": "1",
    "all_time_active": "1",
}
POINTS_FOR_MONEY = {
    "campaign_type": "cashback",
    "reward_name": "Pay with points",
    "point_value": "2",
    "is_active": "1",
    "all_time_active": "1",
}
TYPES = [
    "Discount code",
    "Percentage discount code",
    "Value code",
    "Free delivery",
    "Gift",
    "Invitation for the event",
    "Cashback",
    "Custom campaign",
]


def only_reward(shop: TestShop) -> Reward:
    """The one that the shop has."""
    with transaction() as session:
        (found,) = rewards.newest(session, shop.id, before=2**62, limit=10)
    return found


def document(shop: TestShop) -> dict[str, Any]:
    return reward_definition.to_document(only_reward(shop).definition)


def added(desk: Desk, **fields: Any) -> dict[str, Any]:
    """Add a campaign by the form; the document of what became of it."""
    desk.done(NEW, **fields)
    return document(desk.shop)


def sent(page: BeautifulSoup) -> dict[str, Any]:
    """What a browser would send of the form that is shown."""
    form = page.select_one("form[data-parts]")
    assert form is not None
    fields: dict[str, Any] = {}
    for each in form.select("input, select, textarea"):
        name, kind = str(each.get("name", "")), each.get("type")
        if not name or kind in ("file", "submit") or name == "csrf_token":
            continue
        if kind in ("checkbox", "radio"):
            if each.has_attr("checked"):
                fields.setdefault(name, []).append(str(each["value"]))
        elif each.name == "select":
            options = each.select("option[selected]") or each.select("option")[:1]
            fields[name] = [str(option.get("value", option.get_text())) for option in options]
        elif each.name == "textarea":
            fields[name] = [each.get_text()]
        else:
            fields[name] = [str(each.get("value", ""))]
    return fields


def field(page: BeautifulSoup, name: str) -> Tag:
    found = page.select_one(f'[name="{name}"]')
    assert found is not None, name
    return found


def value(page: BeautifulSoup, name: str) -> str:
    found = field(page, name)
    if found.name == "textarea":
        return found.get_text()
    if found.name == "select":
        chosen = found.select_one("option[selected]") or found.select_one("option")
        assert chosen is not None
        return str(chosen["value"])
    return str(found.get("value", ""))


def is_shown(page: BeautifulSoup, name: str) -> bool:
    return all(not each.has_attr("hidden") for each in field(page, name).parents if isinstance(each, Tag))


def picture(width: int = 40, height: int = 30, kind: str = "PNG") -> tuple[BytesIO, str]:
    written = BytesIO()
    Image.new("RGB", (width, height), "red").save(written, kind)
    written.seek(0)
    return written, f"brand.{kind.lower()}"


def test_s0_11_the_type_is_a_dropdown_of_all_eight_with_discount_code_preselected(desk: Desk) -> None:
    choice = field(desk.page(NEW), "campaign_type")
    assert [each.get_text() for each in choice.select("option")] == TYPES
    assert value(desk.page(NEW), "campaign_type") == "fixed_amount_discount"
    label = desk.page(NEW).select_one('label[for="field-campaign_type"]')
    assert label is not None
    assert label.get_text(strip=True) == "Campaign type"


def test_the_form_has_the_sections_of_the_document(desk: Desk) -> None:
    legends = [each.get_text(strip=True) for each in desk.page(NEW).select("fieldset.card > legend")]
    wanted = ["Basic information", "Campaign details", "Labels and categories", "Brand info", "Target", "Activity"]
    assert [each for each in legends if each in wanted] == wanted


@pytest.mark.parametrize(
    ("campaign_type", "shown", "hidden"),
    [
        ("fixed_amount_discount", ["points_to_be_redeemed", "coupon_valid_days"], ["point_value", "product_id"]),
        ("cashback", ["point_value", "code_prefix"], ["points_to_be_redeemed", "coupon_valid_days", "product_id"]),
        ("gift", ["points_to_be_redeemed", "product_id"], ["point_value", "coupons_from"]),
        ("custom", ["points_to_be_redeemed", "coupons_from"], ["point_value", "minimum_subtotal"]),
    ],
)
def test_s0_12_s0_13_the_fields_change_with_the_type(
    desk: Desk, campaign_type: str, shown: list[str], hidden: list[str]
) -> None:
    answer = desk.post(NEW, campaign_type=campaign_type, reward_name="Kept", do="fields")
    page = BeautifulSoup(answer.text, "html.parser")
    assert answer.status_code == 200
    assert value(page, "reward_name") == "Kept"
    assert all(is_shown(page, name) for name in shown)
    assert not any(is_shown(page, name) for name in hidden)


def test_s0_12_what_stands_in_a_field_that_the_type_lacks_is_left_out(desk: Desk) -> None:
    made = added(desk, **POINTS_FOR_MONEY, points_to_be_redeemed="500", coupon_valid_days="9")
    assert made["points_to_be_redeemed"] is None
    assert made["point_value"] == "2"


@pytest.mark.parametrize(
    ("campaign_type", "more", "reward_type", "sub_type"),
    [
        ("fixed_amount_discount", {"reward_value": "5"}, "coupon_based_reward", "fixed_amount_discount"),
        ("percentage_discount", {"reward_value": "10%"}, "coupon_based_reward", "percentage_discount"),
        ("value_code", {"reward_value": "5"}, "coupon_based_reward", "value_code"),
        ("free_shipping", {}, "coupon_based_reward", "free_shipping"),
        ("gift", {}, "gift", None),
        ("event_invitation", {}, "event_invitation", None),
        ("cashback", {"point_value": "0.5"}, "cashback", None),
        ("custom", {}, "custom", None),
    ],
)
def test_s1_31_every_type_can_be_added(
    desk: Desk, campaign_type: str, more: dict[str, str], reward_type: str, sub_type: str | None
) -> None:
    made = added(desk, campaign_type=campaign_type, reward_name="One", points_to_be_redeemed="100", **more)
    assert (made["reward_type"], made["reward_sub_type"]) == (reward_type, sub_type)


def test_s0_14_the_name_is_required_and_unique_and_what_was_typed_stays(desk: Desk, shop: TestShop) -> None:
    nameless = desk.post(NEW, **DISCOUNT | {"reward_name": " "}, more_information_url="https://shop.example/5")
    assert nameless.status_code == 422
    page = BeautifulSoup(nameless.text, "html.parser")
    assert field(page, "reward_name")["aria-invalid"] == "true"
    assert value(page, "more_information_url") == "https://shop.example/5"
    reward(shop, FIVE_OFF)
    taken = desk.post(NEW, **DISCOUNT | {"reward_name": "5 OFF"})
    assert taken.status_code == 409
    assert "There is a reward named 5 OFF already." in said(taken)
    assert field(BeautifulSoup(taken.text, "html.parser"), "reward_name")["aria-invalid"] == "true"


def test_s0_15_to_s0_17_descriptions_hold_html_and_the_brand_a_name(desk: Desk) -> None:
    made = added(
        desk,
        **DISCOUNT,
        **{
            "enduser_reward_short_description": "<p>Five <b>off</b><script>x</script></p>",
            "brand.name": "Kiln",
            "brand.description": "<em>Clay</em>",
        },
    )
    assert made["enduser_reward_short_description"] == "<p>Five <b>off</b></p>"
    assert made["brand"] == {"name": "Kiln", "description": "<em>Clay</em>", "image_url": None}


def test_s0_18_the_texts_can_be_given_in_other_languages(desk: Desk, shop: TestShop) -> None:
    asked = desk.post(NEW, **DISCOUNT, add_language="pl", do="add_language")
    page = BeautifulSoup(asked.text, "html.parser")
    assert field(page, "translations.pl.reward_name")["lang"] == "pl"
    assert value(page, "reward_name") == "5 off"
    made = added(
        desk, **DISCOUNT, **{"translations.pl.reward_name": "5 zł taniej", "translations.pl.brand.name": "Piec"}
    )
    assert made["translations"]["pl"]["reward_name"] == "5 zł taniej"
    assert made["translations"]["pl"]["brand"]["name"] == "Piec"
    again = desk.page(f"/reward-campaigns/{only_reward(shop).public_id}")
    assert value(again, "translations.pl.reward_name") == "5 zł taniej"


def test_a_language_that_is_none_is_said_at_its_field(desk: Desk) -> None:
    refused = desk.post(NEW, **DISCOUNT, **{"translations.pl.reward_name": "x" * 201})
    assert refused.status_code == 422
    assert "Name (pl)" in said(refused)
    assert field(BeautifulSoup(refused.text, "html.parser"), "translations.pl.reward_name")["aria-invalid"] == "true"


def test_s0_19_active_is_a_dropdown(desk: Desk) -> None:
    choice = field(desk.page(NEW), "is_active")
    assert [each.get_text() for each in choice.select("option")] == ["Active", "Inactive"]
    assert added(desk, **DISCOUNT | {"is_active": "0"})["is_active"] is False


def test_s0_20_the_link_is_an_address(desk: Desk) -> None:
    refused = desk.post(NEW, **DISCOUNT, more_information_url="javascript:alert(1)")
    assert refused.status_code == 422
    assert "More information link" in said(refused)
    assert added(desk, **DISCOUNT, more_information_url="https://shop.example/5")["more_information_url"]


def test_s0_21_to_s0_23_the_push_text_is_explained_and_kept(desk: Desk) -> None:
    hint = desk.page(NEW).select_one("#hint-push_notification_text")
    assert hint is not None
    assert "Without it no notification is sent" in hint.get_text()
    assert "available and shown all the same" in hint.get_text()
    assert added(desk, **DISCOUNT, push_notification_text="It is yours")["push_notification_text"] == "It is yours"


def test_s0_24_cashback_needs_a_point_value(desk: Desk) -> None:
    refused = desk.post(NEW, **POINTS_FOR_MONEY | {"point_value": ""})
    assert refused.status_code == 422
    assert "Point value: is missing." in said(refused)
    assert field(BeautifulSoup(refused.text, "html.parser"), "point_value")["aria-invalid"] == "true"


def test_s0_25_to_s0_27_a_tax_value_that_the_rate_does_not_give_is_kept_and_warned_of(
    desk: Desk, shop: TestShop
) -> None:
    told = desk.done(NEW, **DISCOUNT, tax_rate="23", tax_value="2")
    assert told.count("Tax value is 2, and 23 % of 5 is 1.15.") == 1
    assert document(shop)["tax_value"] == "2"
    assert "Tax value is 2" in desk.page(f"/reward-campaigns/{only_reward(shop).public_id}").get_text()


def test_s0_28_s0_29_featured_and_public_are_boxes(desk: Desk) -> None:
    made = added(desk, **DISCOUNT, featured="1", public="1", show_on_guest_dashboard="1")
    assert made["featured"] is made["public"] is made["show_on_guest_dashboard"] is True


def test_s0_30_a_label_is_a_key_and_a_value_and_add_label_gives_another_row(desk: Desk) -> None:
    assert "Add Label" in [each.get_text(strip=True) for each in desk.page(NEW).select("button")]
    one = desk.post(NEW, **DISCOUNT, **{"labels.0.key": "Event", "labels.0.value": "Birthday"}, do="add_label")
    page = BeautifulSoup(one.text, "html.parser")
    assert value(page, "labels.0.value") == "Birthday"
    assert value(page, "labels.1.key") == ""
    made = added(
        desk,
        **DISCOUNT,
        **{"labels.0.key": "", "labels.1.key": "Event", "labels.1.value": "Birthday", "labels.4.key": "Season"},
        **{"labels.4.value": "Spring"},
    )
    assert made["labels"] == [{"key": "Event", "value": "Birthday"}, {"key": "Season", "value": "Spring"}]


def test_s0_30_half_a_label_is_said_where_it_stands(desk: Desk) -> None:
    refused = desk.post(NEW, **DISCOUNT, **{"labels.0.key": "", "labels.3.key": "Event", "labels.3.value": ""})
    assert refused.status_code == 422
    page = BeautifulSoup(refused.text, "html.parser")
    assert value(page, "labels.0.key") == "Event"
    assert field(page, "labels.0.value")["aria-invalid"] == "true"


def test_s0_31_s0_32_labels_are_for_the_api_at_both_depths(desk: Desk, shop: TestShop) -> None:
    desk.done(NEW, **DISCOUNT, **{"labels.0.key": "Event", "labels.0.value": "Birthday"})
    headers = {"Authorization": f"Bearer {shop.made.api_key}"}
    for asked, count in {"Event": 1, "Event:Birthday": 1, "Event:Christmas": 0}.items():
        answer = shop.client.get("/api/v1/rewards", query_string={"label": asked}, headers=headers)
        assert len(answer.get_json()["items"]) == count


def test_s0_33_labels_can_be_changed_at_any_time(desk: Desk, shop: TestShop) -> None:
    made = reward(shop, labels=[{"key": "Event", "value": "Birthday"}])
    address = f"/reward-campaigns/{made.public_id}"
    desk.done(
        address,
        **sent(desk.page(address)) | {"labels.0.value": "Wedding", "labels.1.key": "A"} | {"labels.1.value": "B"},
    )
    assert document(shop)["labels"] == [{"key": "Event", "value": "Wedding"}, {"key": "A", "value": "B"}]


def test_s0_34_one_or_more_categories(desk: Desk, shop: TestShop) -> None:
    made = added(desk, **DISCOUNT, categories='Home, "Cups, bowls"')
    assert made["categories"] == ["Home", "Cups, bowls"]
    page = desk.page(f"/reward-campaigns/{only_reward(shop).public_id}")
    desk.done(f"/reward-campaigns/{only_reward(shop).public_id}", **sent(page))
    assert document(shop)["categories"] == ["Home", "Cups, bowls"]


def test_s0_35_the_brands_image_is_uploaded_and_shown_to_everybody(desk: Desk, shop: TestShop) -> None:
    made = added(desk, **DISCOUNT, **{"brand.name": "Kiln", "brand_image": picture()})
    assert made["brand"]["name"] == "Kiln"
    path = made["brand"]["image_url"].removeprefix("http://127.0.0.1:8000")
    assert shop.client.get(path).mimetype == "image/png"


def test_s0_35_a_file_that_is_no_picture_is_refused_at_its_field(desk: Desk) -> None:
    refused = desk.post(NEW, **DISCOUNT, brand_image=(BytesIO(b"<svg/>"), "brand.png"))
    assert refused.status_code == 422
    page = BeautifulSoup(refused.text, "html.parser")
    wrong = page.select_one("#wrong-brand_image")
    assert wrong is not None
    assert "JPEG or PNG" in wrong.get_text()
    assert value(page, "reward_name") == "5 off"


def test_an_uploaded_image_survives_a_refusal(desk: Desk, shop: TestShop) -> None:
    refused = desk.post(NEW, **DISCOUNT | {"points_to_be_redeemed": "many"}, brand_image=picture())
    assert refused.status_code == 422
    page = BeautifulSoup(refused.text, "html.parser")
    assert value(page, "points_to_be_redeemed") == "many"
    made = added(desk, **sent(page) | {"points_to_be_redeemed": "500"})
    path = made["brand"]["image_url"].removeprefix("http://127.0.0.1:8000")
    assert shop.client.get(path).mimetype == "image/png"


def test_s0_36_s0_37_the_target_is_a_level_or_a_segment(desk: Desk, shop: TestShop) -> None:
    levels = [
        {"id": each, "from": number * 100, "name": {"en": each.title()}}
        for number, each in enumerate(("silver", "gold"))
    ]
    shop.set_program(**PROGRAM, tiers={"levels": levels})
    with transaction() as session:
        segments.create(session, shop.id, "vip", "Very important", [{"conditions": []}], clock.now())
    page = desk.page(NEW)
    choice = field(page, "target.type")
    assert [each.get_text() for each in choice.select("option")][1:] == ["Level", "Segment"]
    assert not is_shown(page, "target.levels")
    asked = BeautifulSoup(desk.post(NEW, **DISCOUNT, **{"target.type": "level"}, do="fields").text, "html.parser")
    assert is_shown(asked, "target.levels")
    assert not is_shown(asked, "target.segments")
    assert [str(each["value"]) for each in asked.select('[name="target.levels"]')] == ["silver", "gold"]
    made = added(desk, **DISCOUNT, **{"target.type": "level", "target.levels": ["silver", "gold"]})
    assert made["target"] == {"type": "level", "levels": ["silver", "gold"]}
    address = f"/reward-campaigns/{only_reward(shop).public_id}"
    desk.done(address, **sent(desk.page(address)) | {"target.type": "segment", "target.segments": ["vip"]})
    assert document(shop)["target"] == {"type": "segment", "segments": ["vip"]}


def test_a_target_without_levels_is_refused(desk: Desk) -> None:
    refused = desk.post(NEW, **DISCOUNT, **{"target.type": "level"})
    assert refused.status_code == 422
    assert "Levels" in said(refused)


def test_s0_38_s0_39_days_are_typed_or_taken_from_a_calendar_and_the_last_one_counts(
    desk: Desk, shop: TestShop
) -> None:
    assert field(desk.page(NEW), "active_from")["type"] == "date"
    fields = {name: each for name, each in DISCOUNT.items() if name != "all_time_active"}
    desk.done(NEW, **fields, active_from="2026-06-01", active_to="2026-06-30")
    made = only_reward(shop)
    assert made.active_from is not None and made.active_to is not None
    assert made.active_from.isoformat() == "2026-05-31T22:00:00+00:00"  # midnight in Paris
    assert made.active_to.isoformat() == "2026-06-30T22:00:00+00:00"


def test_a_time_of_day_is_one_of_the_shops_zone_and_comes_back(desk: Desk, shop: TestShop) -> None:
    fields = {name: each for name, each in DISCOUNT.items() if name != "all_time_active"}
    desk.done(NEW, **fields, active_from="2026-06-01", active_from_time="08:30")
    assert document(shop)["active_from"] == "2026-06-01T06:30:00Z"
    page = desk.page(f"/reward-campaigns/{only_reward(shop).public_id}")
    assert (value(page, "active_from"), value(page, "active_from_time")) == ("2026-06-01", "08:30")


def test_a_time_without_a_day_is_refused_at_its_field(desk: Desk) -> None:
    fields = {name: each for name, each in DISCOUNT.items() if name != "all_time_active"}
    refused = desk.post(NEW, **fields, active_to_time="10:00")
    assert refused.status_code == 422
    page = BeautifulSoup(refused.text, "html.parser")
    assert field(page, "active_to")["aria-invalid"] == "true"
    assert value(page, "active_to_time") == "10:00"


def test_s0_40_s0_41_all_time_active_makes_the_dates_unavailable(desk: Desk) -> None:
    page = desk.page(NEW)
    assert field(page, "all_time_active").has_attr("checked")
    assert not is_shown(page, "active_from")
    made = added(desk, **DISCOUNT, active_from="2026-06-01", active_to="2026-06-30")
    assert made["active_from"] is made["active_to"] is None


def test_an_end_before_the_beginning_is_refused_at_its_field(desk: Desk) -> None:
    fields = {name: each for name, each in DISCOUNT.items() if name != "all_time_active"}
    refused = desk.post(NEW, **fields, active_from="2026-06-30", active_to="2026-06-01")
    assert refused.status_code == 409
    assert "Active to: should not be before Active from." in said(refused)
    page = BeautifulSoup(refused.text, "html.parser")
    assert field(page, "active_to")["aria-invalid"] == "true"
    assert is_shown(page, "active_to")


def test_s0_42_inactive_wins_over_the_dates_and_the_form_says_so(desk: Desk) -> None:
    hint = desk.page(NEW).select_one("#hint-is_active")
    assert hint is not None
    assert hint.get_text() == "Inactive means not to be had, whatever the dates say."


def test_s0_43_save_stores_it(desk: Desk, shop: TestShop) -> None:
    assert "SAVE" in [each.get_text(strip=True) for each in desk.page(NEW).select(".saving button")]
    assert "“5 off” was added." in desk.done(NEW, **DISCOUNT)
    assert only_reward(shop).points == 500


@pytest.mark.parametrize("what", [FIVE_OFF, GIFT, CASHBACK])
def test_opening_and_saving_changes_nothing(desk: Desk, shop: TestShop, what: dict[str, Any]) -> None:
    has_codes = what is FIVE_OFF
    made = reward(
        shop,
        what,
        labels=[{"key": "Event", "value": "Birthday"}],
        categories=["Home"],
        translations={"pl": {"reward_name": "Coś", "brand": {"name": "Piec"}}},
        brand={"name": "Kiln", "image_url": "https://shop.example/kiln.png"},
        active_from="2026-06-01T06:30:15Z",
        active_to="2026-12-31",
        tax_rate="23",
        rank=-3,
        featured=True,
        member_eligibility_rules=[
            {"conditions": [], "include_in_api_response": False},
            {
                "show_on_member_dashboard": False,
                "conditions": [
                    {"operator": "Contain all of", "attribute": "User Tags", "value": ["a, b", "c"]},
                    "AND",
                    {"operator": "Between", "attribute": "Enrolment Date", "value": "11/1/2021-2/28/2023"},
                    "OR",
                    {"operator": "Equals", "attribute": "Email Verified", "value": True},
                    "OR",
                    {"operator": "Is set", "attribute": "Birthday"},
                    "AND",
                    {"operator": "At least", "attribute": "Total Spend", "value": "49.90"},
                ],
            },
        ],
        **(
            {"custom_transaction_attributes": [{"attribute_name": "Source", "is_attribute_mandatory": True}]}
            if has_codes
            else {}
        ),
    )
    before = document(shop)
    address = f"/reward-campaigns/{made.public_id}"
    desk.done(address, **sent(desk.page(address)))
    assert document(shop) == before
    assert only_reward(shop).version == made.version


def test_s2_28_questions_are_asked_when_redeeming(desk: Desk) -> None:
    made = added(
        desk,
        **DISCOUNT,
        **{
            "custom_transaction_attributes.0.attribute_name": "Source Of Redemption",
            "custom_transaction_attributes.0.attribute_type": "Text",
        },
    )
    assert made["custom_transaction_attributes"] == [
        {
            "attribute_name": "Source Of Redemption",
            "attribute_type": "Text",
            "attribute_id": "source_of_redemption",
            "is_attribute_mandatory": False,
        }
    ]


def test_s2_22_to_s2_27_rules_are_added_condition_by_condition(desk: Desk) -> None:
    rule = "member_eligibility_rules.0"
    asked = BeautifulSoup(desk.post(NEW, **DISCOUNT, do="add_rule").text, "html.parser")
    assert field(asked, f"{rule}.show_on_member_dashboard").has_attr("checked")
    fields = {
        f"{rule}.show_on_member_dashboard": "1",
        f"{rule}.conditions.0.attribute": "User Tags",
        f"{rule}.conditions.0.operator": "Contain all of",
        f"{rule}.conditions.0.value": "cohortC, cohortD",
    }
    more = BeautifulSoup(desk.post(NEW, **DISCOUNT, **fields, do="add_condition.0").text, "html.parser")
    assert value(more, f"{rule}.conditions.0.value") == "cohortC, cohortD"
    wrong = {
        f"{rule}.conditions.1": "AND",
        f"{rule}.conditions.2.attribute": "Enrolment Date",
        f"{rule}.conditions.2.operator": "Between",
        f"{rule}.conditions.2.value": "soon",
    }
    refused = BeautifulSoup(desk.post(NEW, **DISCOUNT, **fields, **wrong).text, "html.parser")
    assert field(refused, f"{rule}.conditions.2.value")["aria-invalid"] == "true"
    wrong[f"{rule}.conditions.2.value"] = "11/1/2021-2/28/2023"
    made = added(desk, **DISCOUNT, **fields, **wrong)
    assert made["member_eligibility_rules"] == [
        {
            "show_on_member_dashboard": True,
            "include_in_api_response": False,
            "conditions": [
                {"operator": "Contain all of", "attribute": "User Tags", "value": ["cohortC", "cohortD"]},
                "AND",
                {"operator": "Between", "attribute": "Enrolment Date", "value": "11/1/2021-2/28/2023"},
            ],
        }
    ]


def test_a_rule_is_removed(desk: Desk, shop: TestShop) -> None:
    condition = {"operator": "Is set", "attribute": "Birthday"}
    made = reward(shop, member_eligibility_rules=[{"conditions": [condition]}])
    address = f"/reward-campaigns/{made.public_id}"
    desk.done(address, **sent(desk.page(address)) | {"member_eligibility_rules.0.remove": "1"})
    assert document(shop)["member_eligibility_rules"] == []


def test_codes_of_ones_own_come_along(desk: Desk, shop: TestShop) -> None:
    told = desk.done(NEW, **DISCOUNT, coupons_from="uploaded", coupons="A-1\nA-2\nA-1")
    assert "Codes: 1 of 3 codes were refused" in told
    assert only_reward(shop).coupon_source == "uploaded"


def test_an_empty_pool_may_be_filled_later(desk: Desk, shop: TestShop) -> None:
    desk.done(NEW, **DISCOUNT, coupons_from="uploaded")
    assert only_reward(shop).coupon_source == "uploaded"
    assert not only_reward(shop).has_stock


def test_a_campaign_keeps_its_type_but_for_what_its_code_is_worth(desk: Desk, shop: TestShop) -> None:
    made = reward(shop)
    address = f"/reward-campaigns/{made.public_id}"
    assert len(field(desk.page(address), "campaign_type").select("option")) == 4
    desk.done(address, **sent(desk.page(address)) | {"campaign_type": "percentage_discount", "reward_value": "10"})
    assert document(shop)["reward_sub_type"] == "percentage_discount"
    gift = reward(shop, GIFT)
    assert field(desk.page(f"/reward-campaigns/{gift.public_id}"), "campaign_type")["type"] == "hidden"


def test_a_change_that_somebody_else_made_meanwhile_is_not_lost_silently(desk: Desk, shop: TestShop) -> None:
    made = reward(shop)
    address = f"/reward-campaigns/{made.public_id}"
    typed = sent(desk.page(address)) | {"rank": "9"}
    change(shop, made, limit_total=3)
    for wrong in ({"reward_value": "much"}, {}):
        refused = desk.post(address, **typed | wrong)
        assert refused.status_code == 409
        assert "Somebody has changed this campaign" in said(refused)
    again = BeautifulSoup(refused.text, "html.parser")
    assert value(again, "rank") == "9"
    desk.done(address, **sent(again))
    assert only_reward(shop).rank == 9


def test_saving_twice_by_a_double_click_is_saving_once(desk: Desk, shop: TestShop) -> None:
    made = reward(shop)
    address = f"/reward-campaigns/{made.public_id}"
    typed = sent(desk.page(address)) | {"rank": "9"}
    for _ in range(2):
        assert "Saved." in desk.done(address, **typed)
    assert (only_reward(shop).rank, only_reward(shop).version) == (9, made.version + 1)


def test_the_preview_shows_the_card_and_no_script(desk: Desk) -> None:
    fields = DISCOUNT | {"enduser_reward_short_description": "<b>Five</b><script>alert(1)</script>"}
    page = BeautifulSoup(desk.post(NEW, **fields, do="preview").text, "html.parser")
    card = page.select_one("#preview .reward-card")
    assert card is not None
    assert "5 off" in card.get_text()
    assert "500 points" in card.get_text()
    assert card.select_one("script") is None


def test_s0_44_cashback_is_previewed_without_a_button(desk: Desk) -> None:
    page = BeautifulSoup(desk.post(NEW, **POINTS_FOR_MONEY, do="preview").text, "html.parser")
    card = page.select_one("#preview .reward-card")
    assert card is not None
    assert "at checkout" in card.get_text()
    assert "Redeem reward" not in card.get_text()


def test_nothing_is_changed_by_adding_rows_or_looking(desk: Desk, shop: TestShop) -> None:
    for do in ("add_label", "add_rule", "add_attribute", "add_language", "preview", "fields"):
        assert desk.post(NEW, **DISCOUNT, do=do).status_code == 200
    with transaction() as session:
        assert session.execute(text("select count(*) from reward where shop_id = :id"), {"id": shop.id}).scalar() == 0


def test_names_of_fields_that_make_no_sense_harm_nothing(desk: Desk, time: BusinessTime) -> None:
    odd = {
        "labels": "x",
        "labels.a.key": "x",
        "labels.0": "x",
        "labels.0.key.deep": "x",
        "translations.pl": "x",
        "translations": "x",
        "brand": "x",
        "member_eligibility_rules.0": "x",
        "member_eligibility_rules.0.conditions": "x",
        "target": "x",
        "campaign_type": "nonsense",
        "active_from_time": "x",
        "active_from": "x",
    }
    for name, given in odd.items():
        assert desk.post(NEW, **DISCOUNT | {"reward_name": ""} | {name: given}).status_code == 422, name
