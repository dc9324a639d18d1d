"""Rewards over the API: the names of the documents, filters, changes, codes, and what a member may have (S2.31 to S2.33)."""

import re
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from sqlalchemy import text

from backend.db import db, transaction
from tests.conftest import BusinessTime, TestShop
from tests.merchant_api.conftest import Api

FIVE_OFF = {
    "reward_name": "$5 OFF",
    "reward_type": "coupon_based_reward",
    "reward_sub_type": "fixed_amount_discount",
    "points_to_be_redeemed": 500,
    "reward_value": "5",
}
VALUE_CODE = FIVE_OFF | {"reward_name": "A tenner", "reward_sub_type": "value_code", "reward_value": "10"}
GIFT = {"reward_name": "Water bottle", "reward_type": "gift", "points_to_be_redeemed": 300}
CASHBACK = {"reward_name": "Pay with points", "reward_type": "cashback", "point_value": "2"}


_numbers = count(1)


def make(api: Api, document: dict[str, Any] = GIFT, **more: Any) -> dict[str, Any]:
    answer = api.post("/rewards", {**document, **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json
    return made


def patch(api: Api, reward: dict[str, Any], **changes: Any) -> Any:
    return api.call("PATCH", f"/rewards/{reward['id']}", json=changes)


def names(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each["reward_name"] for each in answer.json["items"]]


def rule(*conditions: Any, dashboard: bool = True, api: bool = True) -> dict[str, Any]:
    return {
        "show_on_member_dashboard": dashboard,
        "include_in_api_response": api,
        "conditions": list(conditions),
    }


def tagged(*tags: str) -> dict[str, Any]:
    return {"operator": "Contain all of", "attribute": "User Tags", "value": list(tags)}


# Making and reading


def test_a_reward_is_made_and_read_with_the_names_of_the_documents(api: Api, time: BusinessTime) -> None:
    time.set("2026-11-23T06:50:00Z")
    made = make(api, FIVE_OFF, active_to="2026-12-31", labels=[{"key": "Event", "value": "Birthday"}])
    assert re.fullmatch("[0-9a-f]{24}", made["id"])
    assert (made["reward_id"], made["is_active"], made["points_to_be_redeemed"]) == ("$5_OFF", True, 500)
    assert (made["reward_value"], made["active_from"], made["active_to"]) == ("5", None, "2026-12-31")
    assert made["created_date"] == made["last_modified_date"] == "11/23/2026 06:50:00"
    assert made["coupons_info"] == {
        "total_coupons": 0, "issued_coupons": 0, "redeemed_coupons": 0, "available_coupons": 0, "stock": "empty",
        "coupons": [],
    }  # fmt: skip
    assert made["coupon_source"] == "made"
    assert api.get(f"/rewards/{made['id']}").json == made


@pytest.mark.parametrize("document", [FIVE_OFF, GIFT, CASHBACK])
def test_the_strings_form_says_the_same_in_strings(api: Api, document: dict[str, Any]) -> None:
    made = make(api, document)
    answer = api.get(f"/rewards/{made['id']}", format="strings")
    assert answer.status_code == 200
    assert answer.json["is_active"] == "True"
    assert answer.json["rank"] == "0"
    assert answer.json["coupons_info"]["issued_coupons"] == "0"
    assert (answer.json["points_to_be_redeemed"] or "") == str(document.get("points_to_be_redeemed", ""))
    assert api.get("/rewards", format="strings").json["items"][0]["is_active"] == "True"
    assert api.get("/rewards", format="words").status_code == 400


@pytest.fixture
def shopify_api(new_shop: Callable[..., TestShop]) -> Api:
    shop = new_shop(platform="shopify", domain=f"kiln-money-{next(_numbers)}.myshopify.com")
    return Api(shop, shop.made.api_key)


@pytest.mark.parametrize("given_as", ["gift_card", "store_credit"])
def test_a_shop_on_shopify_may_pay_a_value_code_in_money(shopify_api: Api, given_as: str) -> None:
    made = make(shopify_api, VALUE_CODE, given_as=given_as)
    assert (made["given_as"], made["coupon_source"], made["coupons_info"]["stock"]) == (given_as, "each", None)
    for form in ("typed", "strings"):
        assert shopify_api.get(f"/rewards/{made['id']}", format=form).json["given_as"] == given_as
    [listed] = shopify_api.get("/rewards").json["items"]
    assert listed["given_as"] == given_as
    changed = patch(shopify_api, made, given_as=None)
    assert (changed.status_code, "given_as" in changed.json, changed.json["coupon_source"]) == (200, False, "made")


def test_a_reward_that_pays_no_money_says_nothing_of_it(shopify_api: Api) -> None:
    for document in (GIFT, FIVE_OFF, VALUE_CODE | {"given_as": "code"}):
        assert "given_as" not in make(shopify_api, document)


def test_what_money_does_not_go_together_with_is_a_conflict(api: Api, shopify_api: Api) -> None:
    for refused, field in (
        (api.post("/rewards", VALUE_CODE | {"given_as": "gift_card"}), "given_as"),
        (
            shopify_api.post("/rewards", VALUE_CODE | {"given_as": "gift_card", "minimum_subtotal": "9"}),
            "minimum_subtotal",
        ),
        (patch(shopify_api, make(shopify_api, FIVE_OFF), given_as="gift_card"), "given_as"),
        (patch(shopify_api, make(shopify_api, VALUE_CODE, coupons=["A1"]), given_as="gift_card"), "coupons"),
    ):
        assert (refused.status_code, refused.json["code"]) == (409, "contradiction")
        assert [error["field"] for error in refused.json["errors"]] == [field]


def test_what_is_shown_in_strings_can_be_sent_again(api: Api) -> None:
    shown = api.get(f"/rewards/{make(api, FIVE_OFF)['id']}", format="strings").json
    ours = {"id", "coupons_info", "coupon_source", "created_date", "last_modified_date", "warnings"}
    again = {name: value for name, value in shown.items() if name not in ours}
    made = make(api, again | {"reward_name": "Another", "reward_id": "other"})
    assert made["points_to_be_redeemed"] == 500


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({**GIFT, "speed": 1}, "speed"),
        ({**GIFT, "points_to_be_redeemed": -5}, "points_to_be_redeemed"),
        ({**GIFT, "point_value": "2"}, "point_value"),
        ({**CASHBACK, "point_value": None}, "point_value"),
        ({**FIVE_OFF, "reward_value": "free"}, "reward_value"),
        ({**GIFT, "reward_name": ""}, "reward_name"),
        ({**GIFT, "member_eligibility_rules": [{"conditions": ["x"]}]}, "member_eligibility_rules.0.conditions.0"),
    ],
)
def test_a_wrong_reward_is_refused_by_the_field_and_none_is_made(
    api: Api, document: dict[str, Any], field: str
) -> None:
    answer = api.post("/rewards", document)
    assert (answer.status_code, answer.json["code"]) == (422, "bad_input")
    assert [each["field"] for each in answer.json["errors"]] == [field]
    assert api.get("/rewards").json["items"] == []


def test_names_and_ids_are_unique(api: Api) -> None:
    make(api)
    answer = api.post("/rewards", {**GIFT, "reward_name": "WATER bottle"})
    assert (answer.status_code, answer.json["code"]) == (409, "name_taken")
    answer = api.post("/rewards", {**GIFT, "reward_name": "Other", "reward_id": "Water_bottle"})
    assert (answer.status_code, answer.json["code"]) == (409, "reward_id_taken")


def test_a_contradiction_is_told_with_its_field(api: Api) -> None:
    answer = api.post("/rewards", {**GIFT, "active_from": "2026-12-02", "active_to": "2026-12-01"})
    assert (answer.status_code, answer.json["code"]) == (409, "contradiction")
    assert answer.json["errors"] == [{"field": "active_to", "message": "should not be before active_from"}]


def test_the_same_key_makes_one_reward(api: Api) -> None:
    first, second = (api.post("/rewards", GIFT, key="k") for _ in range(2))
    assert first.status_code == second.status_code == 201
    assert first.data == second.data
    assert len(api.get("/rewards").json["items"]) == 1
    taken = [api.post("/rewards", GIFT, key="other") for _ in range(2)]
    assert [(each.status_code, each.json["code"]) for each in taken] == [(409, "name_taken")] * 2


def test_a_tax_that_does_not_fit_its_rate_is_kept_with_a_warning(api: Api) -> None:
    made = make(api, FIVE_OFF, tax_rate="20", tax_value="2.00")
    assert (made["tax_rate"], made["tax_value"]) == ("20", "2.00")
    assert made["warnings"] == ["tax_value is 2.00, and 20 % of 5 is 1.00."]
    assert api.get(f"/rewards/{made['id']}").json["warnings"] == made["warnings"]


@pytest.mark.parametrize("shown", ["17", "f" * 24, "0" * 23 + "G", f"{2**40:024x}"])
def test_an_id_that_is_none_is_not_found(api: Api, shown: str) -> None:
    answer = api.get(f"/rewards/{shown}")
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")


# The list


def test_the_list_is_newest_first_in_pages(api: Api) -> None:
    for number in range(5):
        make(api, reward_name=f"Gift {number}")
    first = api.get("/rewards", limit=2)
    assert names(first) == ["Gift 4", "Gift 3"]
    make(api, reward_name="Gift 5")
    second = api.get("/rewards", limit=2, after=first.json["next"])
    assert names(second) == ["Gift 2", "Gift 1"]
    last = api.get("/rewards", limit=2, after=second.json["next"])
    assert (names(last), last.json["next"]) == (["Gift 0"], None)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"label": "Event"}, ["wedding", "birthday"]),
        ({"label": "event:birthday"}, ["birthday"]),
        ({"label": "Event:Christmas"}, []),
        ({"label": "Birthday"}, []),
        ({"label": "a:b"}, ["colon"]),
        ({"label": "a:b:c"}, ["colon"]),
        ({"category": "Food"}, ["wedding"]),
        ({"featured": "true"}, ["birthday"]),
        ({"featured": "false", "label": "Event"}, ["wedding"]),
        ({"public": "true"}, ["wedding"]),
        ({"public": "True"}, ["wedding"]),
        ({"featured": "False", "label": "Event"}, ["wedding"]),
        ({"active": "false"}, ["colon"]),
        ({"active": "true", "label": "a:b"}, []),
    ],
)
def test_the_filters_of_the_list(api: Api, query: dict[str, str], expected: list[str]) -> None:
    make(api, reward_name="birthday", labels=[{"key": "Event", "value": "Birthday"}], featured=True)
    make(api, reward_name="wedding", labels=[{"key": "Event", "value": "Wedding"}], categories=["food"], public=True)
    make(api, reward_name="colon", labels=[{"key": "a:b", "value": "c"}], is_active=False)
    assert names(api.get("/rewards", **query)) == expected


@pytest.mark.parametrize("query", [{"featured": "yes"}, {"active": "1"}, {"public": ""}, {"limit": "0"}])
def test_a_wrong_filter_is_named(api: Api, query: dict[str, str]) -> None:
    answer = api.get("/rewards", **query)
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (400, next(iter(query)))


# Changing


def test_a_change_is_seen_and_the_rest_stays(api: Api, time: BusinessTime) -> None:
    time.set("2026-11-23T06:50:00Z")
    made = make(api, FIVE_OFF, categories=["food"])
    time.advance(hours=1)
    changed = patch(api, made, points_to_be_redeemed=600, labels=[{"key": "Event", "value": "Birthday"}])
    assert changed.status_code == 200
    assert changed.json == made | {
        "points_to_be_redeemed": 600,
        "labels": [{"key": "Event", "value": "Birthday"}],
        "last_modified_date": "11/23/2026 07:50:00",
    }
    assert api.get(f"/rewards/{made['id']}").json == changed.json
    assert patch(api, made, categories=None).json["categories"] == []


@pytest.mark.parametrize(
    ("changes", "status", "code", "field"),
    [
        ({"speed": 1}, 422, "bad_input", "speed"),
        ({"points_to_be_redeemed": -1}, 422, "bad_input", "points_to_be_redeemed"),
        ({"reward_type": "custom"}, 422, "bad_input", "reward_type"),
        ({"coupons": ["A"]}, 422, "bad_input", "coupons"),
        ({"point_value": "2"}, 409, "contradiction", "point_value"),
        ({"reward_sub_type": "free_shipping"}, 409, "contradiction", "reward_sub_type"),
        ({"active_from": "2027-01-01", "active_to": "2026-01-01"}, 409, "contradiction", "active_to"),
        ({"reward_name": "taken"}, 409, "name_taken", "reward_name"),
    ],
)
def test_a_wrong_change_is_refused_and_changes_nothing(
    api: Api, changes: dict[str, Any], status: int, code: str, field: str
) -> None:
    make(api, reward_name="Taken")
    made = make(api)
    answer = patch(api, made, **changes)
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert answer.json["errors"][0]["field"] == field
    assert api.get(f"/rewards/{made['id']}").json == made


# Codes


def test_codes_that_come_along_are_the_pool(api: Api) -> None:
    made = make(api, FIVE_OFF, coupons=["A1", "a1", "B2"])
    assert made["coupon_source"] == "uploaded"
    assert made["coupons_info"]["coupons"] == ["A1", "B2"]
    assert (made["coupons_info"]["total_coupons"], made["coupons_info"]["stock"]) == (2, "low")
    assert "1 of 3 codes were refused" in made["warnings"][0]
    assert api.get("/rewards").json["items"][0]["coupons_info"]["coupons"] is None


def test_codes_can_be_added_with_a_report(api: Api) -> None:
    made = make(api, FIVE_OFF, coupons=["A1"])
    answer = api.post(f"/rewards/{made['id']}/coupons", {"coupons": ["B2", "a1", "C 3", "b2"]})
    assert answer.status_code == 201
    assert answer.json["added"] == 1
    assert [(each["line"], each["code"]) for each in answer.json["refused"]] == [(2, "a1"), (3, "C 3"), (4, "b2")]
    assert all(each["reason"] for each in answer.json["refused"])
    assert api.get(f"/rewards/{made['id']}").json["coupons_info"]["coupons"] == ["A1", "B2"]


def test_codes_can_be_added_as_csv(api: Api) -> None:
    made = make(api, FIVE_OFF, coupons=[])
    assert made["coupons_info"]["stock"] == "empty"
    answer = api.post(f"/rewards/{made['id']}/coupons", {"csv": "\ufeffcode,note\r\nA1,x\r\n\r\nB2\r\nA1\r\n"})
    assert (answer.json["added"], [each["line"] for each in answer.json["refused"]]) == (2, [5])


@pytest.mark.parametrize("body", [{}, {"coupons": "A1"}, {"coupons": [1]}, {"csv": 5}, {"coupons": [], "csv": ""}, []])
def test_codes_in_another_shape_are_refused(api: Api, body: Any) -> None:
    made = make(api, FIVE_OFF, coupons=[])
    assert api.post(f"/rewards/{made['id']}/coupons", body).status_code == 422


def test_a_reward_whose_codes_are_ours_takes_none(api: Api) -> None:
    for document in (FIVE_OFF, GIFT):
        answer = api.post(f"/rewards/{make(api, document)['id']}/coupons", {"coupons": ["A1"]})
        assert (answer.status_code, answer.json["code"]) == (409, "codes_not_uploaded")


def test_issued_and_redeemed_codes_are_counted_separately(api: Api) -> None:
    made = make(api, FIVE_OFF, coupons=[f"C{number}" for number in range(12)])
    member = api.member()
    with transaction() as session:
        for number, use_state in enumerate(("delivered", "used", "used")):
            session.execute(
                text(
                    "insert into redemption (shop_id, member_id, reward_id, origin, status, use_state, used_at, points,"
                    " points_after, frozen, requested_at, code) values (:shop, :member, :reward, 'points', 'issued', :state,"
                    " case when :state = 'used' then timestamptz '2026-01-01' end, 0, 0, '{}', '2026-01-01', :code)"
                ),
                {
                    "shop": api.shop.id,
                    "member": int(member),
                    "reward": int(made["id"], 16),
                    "state": use_state,
                    "code": f"C{number}",
                },
            )
            session.execute(text("delete from coupon_free where code = :code"), {"code": f"C{number}"})
    info = api.get(f"/rewards/{made['id']}").json["coupons_info"]
    assert [info[f"{name}_coupons"] for name in ("total", "issued", "redeemed", "available")] == [12, 3, 2, 9]


# What a member may have


def test_a_member_sees_what_fits_and_may_be_shown_in_the_api(api: Api) -> None:
    api.member("c1", tags=["cohortA"])
    make(api, reward_name="for all")
    make(api, reward_name="for A", member_eligibility_rules=[rule(tagged("cohortA"))])
    make(api, reward_name="for B", member_eligibility_rules=[rule(tagged("cohortB"))])
    make(api, reward_name="dashboard only", member_eligibility_rules=[rule(tagged("cohortA"), api=False)])
    make(api, reward_name="for B or A", member_eligibility_rules=[rule(tagged("cohortB")), rule(tagged("cohortA"))])
    make(api, reward_name="for gold", target={"type": "level", "levels": ["gold"]})
    make(api, reward_name="off", is_active=False)
    make(api, reward_name="over", active_to="2020-01-01")
    answer = api.get("/members/external:c1/rewards")
    assert names(answer) == ["for all", "for A", "for B or A"]
    assert answer.json["next"] is None
    assert all(each["is_eligible"] and each["refusal"] is None for each in answer.json["items"])

    everything = api.get("/members/external:c1/rewards", include_ineligible="true")
    refused = {each["reward_name"]: each["refusal"] for each in everything.json["items"] if not each["is_eligible"]}
    assert set(refused) == {"for B", "for gold"}
    assert all(sentence.endswith(".") for sentence in refused.values())
    german = api.get("/members/external:c1/rewards", include_ineligible="true", language="de").json["items"]
    assert "Für Mitglieder mit dem Schlagwort cohortB." in {each["refusal"] for each in german}


def test_what_is_kept_out_of_the_api_is_not_in_it_for_who_is_not_eligible_either(api: Api) -> None:
    member = api.member()
    make(api, reward_name="dashboard", member_eligibility_rules=[rule(tagged("A"), api=False)])
    either = [rule(tagged("A"), api=False), rule(tagged("B"))]
    make(api, reward_name="either", member_eligibility_rules=either)
    assert names(api.get(f"/members/{member}/rewards", include_ineligible="true")) == ["either"]


def test_while_the_program_is_switched_off_a_member_may_have_nothing(api: Api) -> None:
    member = api.member()
    make(api, reward_name="Always")
    assert names(api.get(f"/members/{member}/rewards")) == ["Always"]
    api.shop.set_program(enabled=False)
    assert names(api.get(f"/members/{member}/rewards", include_ineligible="true")) == []


def test_a_gift_of_campaigns_is_listed_while_one_is_on(api: Api, time: BusinessTime) -> None:
    time.set("2026-11-23T06:50:00Z")
    member = api.member()
    make(api, reward_name="Always")
    cup = make(api, reward_name="Cup")
    winter = {"names": {"en": "Winter"}, "starts_at": "2026-12-01", "ends_at": "2026-12-31", "gifts": [cup["id"]]}
    assert api.post("/campaigns", winter).status_code == 201

    def listed(**query: str) -> list[str]:
        return names(api.get(f"/members/{member}/rewards", **query))

    assert listed() == listed(include_ineligible="true") == ["Always"]
    time.set("2026-12-01T00:00:00+01:00")
    assert listed() == ["Always", "Cup"]
    time.set("2027-01-01T00:00:00+01:00")
    assert listed() == ["Always"]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        (None, ["A1", "A2", "B1", "B2"]),
        ("rank,points_to_be_redeemed", ["A1", "A2", "B1", "B2"]),
        ("rank", ["A2", "A1", "B2", "B1"]),
        ("-rank", ["B2", "B1", "A2", "A1"]),
        ("points_to_be_redeemed", ["B1", "A1", "B2", "A2"]),
        ("-points_to_be_redeemed", ["B2", "A2", "B1", "A1"]),
        ("-rank,points_to_be_redeemed", ["B1", "B2", "A1", "A2"]),
        ("-points_to_be_redeemed,rank", ["A2", "B2", "A1", "B1"]),
        ("points_to_be_redeemed,-rank", ["B1", "A1", "B2", "A2"]),
    ],
)
def test_the_orders_of_the_document(api: Api, sort: str | None, expected: list[str]) -> None:
    member = api.member()
    for name, rank, points in (("B2", 2, 200), ("A2", 1, 200), ("B1", 2, 100), ("A1", 1, 100)):
        make(api, reward_name=name, rank=rank, points_to_be_redeemed=points)
    asked = {} if sort is None else {"sort": sort}
    assert names(api.get(f"/members/{member}/rewards", **asked)) == expected


def test_start_index_and_count_cut_the_list(api: Api) -> None:
    member = api.member()
    for number in range(5):
        make(api, reward_name=f"Gift {number}", points_to_be_redeemed=number)
    first = api.get(f"/members/{member}/rewards", count=2)
    assert (names(first), first.json["next"]) == (["Gift 0", "Gift 1"], "2")
    last = api.get(f"/members/{member}/rewards", count=2, start_index=4)
    assert (names(last), last.json["next"]) == (["Gift 4"], None)
    assert names(api.get(f"/members/{member}/rewards", start_index=9)) == []


def test_the_list_is_paged_by_limit_and_after_like_every_other(api: Api) -> None:
    member = api.member()
    for number in range(5):
        make(api, reward_name=f"Gift {number}", points_to_be_redeemed=number)
    pages, after = [], ""
    while after is not None and len(pages) < 5:
        page = api.get(f"/members/{member}/rewards", limit=2, after=after)
        pages.append(names(page))
        after = page.json["next"]
    assert pages == [["Gift 0", "Gift 1"], ["Gift 2", "Gift 3"], ["Gift 4"]]


@pytest.mark.parametrize(
    "query",
    [
        {"start_index": "-1"}, {"start_index": "x"}, {"count": "0"}, {"count": "1001"}, {"sort": "name"},
        {"sort": "rank,rank"}, {"include_ineligible": "maybe"}, {"limit": "0"}, {"limit": "1001"}, {"after": "x"},
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_named(api: Api, query: dict[str, str]) -> None:
    answer = api.get(f"/members/{api.member()}/rewards", **query)
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (400, next(iter(query)))


def test_texts_come_in_the_asked_language(api: Api) -> None:
    member = api.member()
    make(api, brand={"name": "Cafe"}, translations={"pl": {"reward_name": "Bidon", "brand": {"name": "Kawiarnia"}}})
    for language in ("pl", "pl-PL", "Polish"):
        (shown,) = api.get(f"/members/{member}/rewards", language=language).json["items"]
        assert (shown["reward_name"], shown["brand"]["name"]) == ("Bidon", "Kawiarnia")
    for query in ({}, {"language": "english"}, {"language": "klingon"}):
        assert names(api.get(f"/members/{member}/rewards", **query)) == ["Water bottle"]


def test_the_strings_form_of_a_member_s_rewards(api: Api) -> None:
    member = api.member()
    make(api)
    (shown,) = api.get(f"/members/{member}/rewards", format="strings").json["items"]
    assert (shown["is_eligible"], shown["points_to_be_redeemed"]) == ("True", "300")


def test_orders_count_for_rules_that_ask_for_them(api: Api) -> None:
    member = api.member("c1")
    conditions = [
        {"operator": "At least", "attribute": "Orders Count", "value": 2},
        "AND",
        {"operator": "At least", "attribute": "Total Spend", "value": "30"},
    ]
    make(api, member_eligibility_rules=[rule(*conditions)])

    def order(number: int, **more: Any) -> None:
        said = {"id": f"o{number}", "currency": "EUR", "created_at": "2026-11-01T10:00:00Z", "subtotal": "15.00"}
        api.shop.tell("order.created", {**said, "customer": {"id": "c1"}, **more})

    order(1)
    order(2, cancelled_at="2026-11-02T10:00:00Z")
    assert names(api.get(f"/members/{member}/rewards")) == []
    order(3, total="14.99")
    assert names(api.get(f"/members/{member}/rewards")) == []
    order(4, subtotal="0.01")
    assert names(api.get(f"/members/{member}/rewards")) == ["Water bottle"]


@pytest.mark.parametrize(
    ("said", "condition"),
    [
        ({"address": {"country": "FR"}}, {"operator": "Equals", "attribute": "Country", "value": "fr"}),
        ({"address": {"country_code": "FR", "country": "France"}},
         {"operator": "In", "attribute": "Country", "value": ["FR", "BE"]}),
        ({"locale": "fr-CA"}, {"operator": "Equals", "attribute": "Language", "value": "fr"}),
        ({"birthday": "1990-05-17"}, {"operator": "Equals", "attribute": "Birthday Month", "value": 5}),
        ({"email": "a@b.example", "email_verified": True},
         {"operator": "Equals", "attribute": "Email Verified", "value": True}),
    ],
)  # fmt: skip
def test_what_the_store_says_of_a_member_counts(api: Api, said: dict[str, Any], condition: dict[str, Any]) -> None:
    api.member("plain")
    api.member("c1", **said)
    make(api, member_eligibility_rules=[rule(condition)])
    assert names(api.get("/members/external:c1/rewards")) == ["Water bottle"]
    assert names(api.get("/members/external:plain/rewards")) == []


def test_segments_tiers_and_points_count(api: Api) -> None:
    member = api.member()
    make(api, reward_name="rich", member_eligibility_rules=[
        rule({"operator": "At least", "attribute": "Available Points", "value": 100})])  # fmt: skip
    make(api, reward_name="vip", target={"type": "segment", "segments": ["VIP"]})
    make(api, reward_name="gold", target={"type": "level", "levels": ["gold"]})
    assert names(api.get(f"/members/{member}/rewards")) == []
    api.adjust(member, 100)
    db.session.execute(text("update member set segments = '{vip}', tier = 'Gold' where id = :id"), {"id": int(member)})
    db.session.commit()
    assert names(api.get(f"/members/{member}/rewards")) == ["rich", "vip", "gold"]


@pytest.mark.parametrize(
    "path", ["/rewards/" + "f" * 24, "/redemptions/9999999999999999999", "/campaigns/9999999999999999999"]
)
def test_an_id_that_is_too_large_for_any_is_not_found_whatever_the_method(api: Api, path: str) -> None:
    assert api.get(path).status_code == 404
    answer = api.call("PATCH", path, json={})
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")
