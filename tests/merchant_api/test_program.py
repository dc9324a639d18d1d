"""The program over the API: versions, refusals by name, who did it (contract section 8)."""

from collections.abc import Callable
from typing import Any

import pytest

from backend.merchant_api import settings_schema
from backend.merchant_api.program import Program
from tests.conftest import BusinessTime
from tests.merchant_api.conftest import Api

DOCUMENT = {
    "points_name": {"en": {"one": "star", "other": "stars"}},
    "earn": {"spend_step": "2.50", "points_per_step": 3},
    "expiry": {"kind": "days", "days": 90},
    "rules": [{"id": "signup", "kind": "signup", "points": 50, "title": {"en": "Create an account"}}],
    "tiers": {"levels": [{"id": "gold", "from": 1000, "name": {"en": "Gold"}}]},
}


def test_new_settings_are_a_new_version_with_the_defaults_written_out(
    api: Api, key_with: Callable[..., Api], time: BusinessTime
) -> None:
    time.set("2026-11-23T06:50:00Z")
    made = key_with("read", "write", label="planner").put("/program", DOCUMENT)
    assert made.status_code == 200
    assert (made.json["version"], made.json["author"]) == (2, "API key “planner”")
    assert made.json["in_force_from"] == "2026-11-23T06:50:00Z"
    settings = made.json["settings"]
    assert settings["earn"] == {
        "spend_step": "2.50", "points_per_step": 3, "base": "items", "round": "floor", "pos": True,
    }  # fmt: skip
    assert settings["expiry"] == {"kind": "days", "days": 90, "grace_days": 7}
    (gold,) = settings["tiers"]["levels"]
    assert gold | {"id": "gold", "from": 1000, "name": {"en": "Gold"}} == gold
    assert (gold["multiplier"], gold["gift"], gold["perks"]) == ("1", None, [])
    time.advance(seconds=1)
    assert api.get("/program").json == made.json
    assert [each["version"] for each in api.get("/program/versions").json["items"]] == [2, 1]
    assert api.get("/program/versions").json["items"][0] == made.json


def test_what_is_shown_can_be_put_back(api: Api, time: BusinessTime) -> None:
    api.put("/program", DOCUMENT)
    time.advance(seconds=1)
    shown = api.get("/program").json
    time.advance(seconds=1)
    again = api.put("/program", shown["settings"])
    assert (again.json["version"], again.json["settings"]) == (3, shown["settings"])


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"earning": {}}, "earning"),
        ({"earn": {"spend_step": "0"}}, "earn.spend_step"),
        ({"earn": {"spend_step": "10", "shop_id": 1}}, "earn.shop_id"),
        ({"version": 9}, "version"),
        ({"rules": [{"id": "a", "kind": "signup", "points": 0, "title": {"en": "x"}}]}, "rules.0.points"),
        ({"expiry": {"kind": "fixed_day", "month": 2, "day": 30}}, "expiry"),
        ([], ""),
        ("text", ""),
    ],
)
def test_a_mistake_is_named_and_nothing_changes(api: Api, document: Any, field: str) -> None:
    answer = api.put("/program", document)
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    assert [each["field"] for each in answer.json["errors"]] == [field]
    assert api.get("/program").json["version"] == 1


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"rules": [{"id": "a", "kind": "signup", "points": 1, "title": {"en": "x"}}] * 2}, "rules"),
        ({"tiers": {"levels": [{"id": "a", "from": n, "name": {"en": "x"}} for n in (1, 2)]}}, "tiers.levels"),
        ({"tiers": {"levels": [{"id": n, "from": 1, "name": {"en": "x"}} for n in "ab"]}}, "tiers.levels"),
    ],
)
def test_two_items_with_one_name_contradict_each_other(api: Api, document: Any, place: str) -> None:
    answer = api.put("/program", document)
    assert (answer.status_code, answer.json["code"]) == (409, "repeated")
    assert answer.json["errors"][0]["field"] == place


@pytest.mark.parametrize(
    "document",
    [{"rules": [1, None, {"id": []}]}, {"rules": {}}, {"tiers": []}, {"tiers": {"levels": 5}}, {"rules": [[], []]}],
)
def test_nonsense_where_a_list_belongs_is_a_422(api: Api, document: Any) -> None:
    assert api.put("/program", document).status_code == 422


def test_two_who_update_at_once_make_two_versions(api: Api) -> None:
    first = api.put("/program", {})
    second = api.put("/program", {})
    assert (first.json["version"], second.json["version"]) == (2, 3)


def test_the_example_of_the_document_is_accepted(api: Api) -> None:
    answer = api.put("/program", settings_schema.EXAMPLE)
    assert answer.status_code == 200
    shown = Program.model_config["json_schema_extra"]["examples"][0]["settings"]  # type: ignore[index,call-overload]
    assert answer.json["settings"] == shown
