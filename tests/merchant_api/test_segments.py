"""Segments over the merchant API: made, counted, listed, changed and dropped."""

from typing import Any

import pytest

from backend.jobs import points
from tests.conftest import BusinessTime, TestShop
from tests.loyalty import rewards_world as world
from tests.merchant_api.conftest import Api

RICH = [{"conditions": [{"attribute": "Available Points", "operator": "At least", "value": 100}]}]
WRITTEN_OUT = [{"show_on_member_dashboard": True, "include_in_api_response": True, **RICH[0]}]


def make(api: Api, segment_id: str = "rich", rules: Any = RICH) -> Any:
    answer = api.post("/segments", {"id": segment_id, "name": "Rich", "rules": rules})
    assert answer.status_code == 201, answer.text
    return answer.json


def test_a_segment_is_made_counted_and_shown(api: Api, time: BusinessTime) -> None:
    api.adjust(api.member("c1"), 100)
    api.member("c2")
    made = make(api)
    assert (made["members_count"], made["counted_at"], made["rules"]) == (0, None, WRITTEN_OUT)
    points.segments()
    shown = api.get("/segments/rich").json
    assert (shown["id"], shown["name"], shown["members_count"]) == ("rich", "Rich", 1)
    assert shown["counted_at"] is not None
    assert api.get("/segments").json["items"] == [shown]


def test_its_members_are_listed_a_page_at_a_time(api: Api, time: BusinessTime) -> None:
    ids = [api.member(f"c{number}", email=f"c{number}@mail.example") for number in range(5)]
    for each in ids[:3]:
        api.adjust(each, 100)
    make(api)
    points.segments()
    first = api.get("/members", segment="rich", limit=2).json
    assert [each["id"] for each in first["items"]] == [ids[2], ids[1]]
    assert first["items"][0]["segments"] == ["rich"]
    rest = api.get("/members", segment="rich", limit=2, after=first["next"]).json
    assert ([each["id"] for each in rest["items"]], rest["next"]) == ([ids[0]], None)
    named = api.get("/members", segment="rich", email="c1@mail.example").json["items"]
    assert [each["id"] for each in named] == [ids[1]]
    assert api.get("/members", segment="nobody").json["items"] == []


def test_segments_are_listed_a_page_at_a_time(api: Api) -> None:
    for segment_id in ("a", "b", "c"):
        make(api, segment_id)
    first = api.get("/segments", limit=2).json
    assert [each["id"] for each in first["items"]] == ["c", "b"]
    rest = api.get("/segments", limit=2, after=first["next"]).json
    assert ([each["id"] for each in rest["items"]], rest["next"]) == (["a"], None)


def test_it_is_changed_and_dropped(api: Api, time: BusinessTime) -> None:
    api.adjust(api.member("c1"), 100)
    make(api)
    points.segments()
    renamed = api.call("PATCH", "/segments/rich", json={"name": "Very rich"})
    assert (renamed.status_code, renamed.json["name"], renamed.json["members_count"]) == (200, "Very rich", 1)
    changed = api.call("PATCH", "/segments/rich", json={"rules": []})
    assert (changed.json["name"], changed.json["rules"], changed.json["counted_at"]) == ("Very rich", [], None)
    gone = api.call("DELETE", "/segments/rich")
    assert (gone.status_code, gone.json["id"]) == (200, "rich")
    assert api.get("/segments/rich").status_code == 404
    points.segments()
    assert api.get("/members").json["items"][0]["segments"] == []


def test_one_that_a_reward_is_for_stays_and_the_reward_is_named(api: Api, shop: TestShop, time: BusinessTime) -> None:
    make(api)
    world.reward(shop, target={"type": "segment", "segments": ["rich"]})
    refused = api.call("DELETE", "/segments/rich")
    assert (refused.status_code, refused.json["code"]) == (409, "in_use")
    assert refused.json["errors"] == [{"field": "id", "message": "is asked for by 5 off"}]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x", "rules": []}, "id"),
        ({"id": "With Space", "name": "x", "rules": []}, "id"),
        ({"id": "x", "name": " ", "rules": []}, "name"),
        ({"id": "x", "name": "x"}, "rules"),
        ({"id": "x", "name": "x", "rules": {}}, "rules"),
        ({"id": "x", "name": "x", "rules": [], "members_count": 5}, "members_count"),
        (
            {"id": "x", "name": "x", "rules": [{"conditions": [{"attribute": "Shoe size"}]}]},
            "rules.0.conditions.0.attribute",
        ),
    ],
)
def test_what_is_wrong_is_named(api: Api, body: dict[str, Any], field: str) -> None:
    refused = api.post("/segments", body)
    assert refused.status_code == 422
    assert field in [each["field"] for each in refused.json["errors"]]


@pytest.mark.parametrize("conditions", [["AND"], [{"attribute": "Segments", "operator": "Is set"}]])
def test_conditions_that_do_not_go_together_are_a_contradiction(api: Api, conditions: list[Any]) -> None:
    refused = api.post("/segments", {"id": "x", "name": "x", "rules": [{"conditions": conditions}]})
    assert (refused.status_code, refused.json["code"]) == (409, "contradiction")
    assert refused.json["errors"][0]["field"].startswith("rules.0")


def test_an_id_is_given_once(api: Api) -> None:
    make(api)
    assert api.post("/segments", {"id": "rich", "name": "x", "rules": []}).json["code"] == "id_taken"
