"""The program's settings in forms (S3.1 to S3.8): every setting is there, and nothing is in force before the Update."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import text
from werkzeug.test import TestResponse

from backend import clock
from backend.db import transaction
from backend.loyalty.program import drafts, programs
from backend.loyalty.program import settings as program_settings
from backend.loyalty.program.program_words import CHOICES, SECTIONS
from backend.loyalty.rewards import rewards
from backend.models import Shop
from backend.staff.rights import Right
from tests.admin.conftest import Desk, said
from tests.admin.test_reward_form import field, is_shown, sent, value
from tests.conftest import TestShop
from tests.loyalty.rewards_world import reward

DEMO = json.loads((Path(__file__).parents[2] / "demo" / "program.json").read_text())


def in_force(shop: TestShop) -> dict[str, Any]:
    with transaction() as session:
        return drafts.standing(session, shop.id, clock.now()).in_force


def draft(shop: TestShop) -> dict[str, Any] | None:
    with transaction() as session:
        found = drafts.read(session, shop.id)
        return None if found is None else found.settings


def edited(shop: TestShop) -> dict[str, Any]:
    with transaction() as session:
        return drafts.standing(session, shop.id, clock.now()).edited


def versions(shop: TestShop) -> list[tuple[int, str]]:
    with transaction() as session:
        found = programs.newest(session, shop.id, before=None, limit=100)
        return [(each.version, each.author) for each in found]


def fields(desk: Desk, path: str) -> dict[str, Any]:
    """What a browser would send of the page's form, without any button."""
    return sent(desk.page(path))


def shown(answer: TestResponse) -> BeautifulSoup:
    assert answer.status_code in (200, 409, 422), answer.status_code
    return BeautifulSoup(answer.text, "html.parser")


RICH: dict[str, Any] = {
    "enabled": False,
    "points_name": {
        "en": {"one": "star", "other": "stars"},
        "pl": {"one": "gwiazdka", "few": "gwiazdki", "many": "gwiazdek", "other": "gwiazdki"},
        "ar": {"zero": "a", "one": "b", "two": "c", "few": "d", "many": "e", "other": "f"},
    },
    "earn": {"spend_step": "0.50", "points_per_step": 7, "base": "items_net", "round": "nearest", "pos": False},
    "assign": {"delay_days": 14, "on": "shipped", "arrived_carriers": ["tcat", "Post, Haus", "dhl"]},
    "expiry": {"kind": "days", "days": 400, "grace_days": 0},
    "rules_text": {"en": "<p>One <b>star</b>.</p>\n<p>Two.</p>", "zh-Hant": "<p>…</p>"},
    "rules": [
        {"id": "signup", "kind": "signup", "points": 50, "title": {"en": "Sign up"}, "limit": {"times": 1}},
        {
            "id": "first",
            "kind": "first_order",
            "points": 5,
            "title": {"en": "First", "de": "Erste"},
            "text": {"en": "The first order."},
            "delay_days": 3,
            "eligibility": [
                {
                    "show_on_member_dashboard": True,
                    "include_in_api_response": False,
                    "conditions": [
                        {"operator": "Contain all of", "attribute": "User Tags", "value": ["a", "b, c"]},
                        "AND",
                        {"operator": "Between", "attribute": "Enrolment Date", "value": "11/1/2021-2/28/2023"},
                        "OR",
                        {"operator": "Equals", "attribute": "Email Verified", "value": True},
                    ],
                },
                {"show_on_member_dashboard": False, "include_in_api_response": True, "conditions": []},
            ],
        },
        {"id": "birthday", "kind": "birthday", "points": 9, "title": {"en": "B"}, "limit": {"times": 1, "per": "year"}},
        {"id": "news", "kind": "newsletter", "points": 2, "title": {"en": "N"}, "limit": {"times": 2, "per": "year"}},
        {
            "id": "visit_us",
            "kind": "visit",
            "points": 1,
            "title": {"en": "V"},
            "button": {"label": {"en": "Go", "fr": "Aller"}, "url": "/here?a=1&b=2"},
        },
        {"id": "insta", "kind": "follow", "network": "instagram", "points": 3, "title": {"en": "F"}},
        {"id": "share", "kind": "share", "points": 3, "title": {"en": "S"}, "limit": {"times": 1, "per": "week"}},
        {"id": "review", "kind": "review", "points": 4, "title": {"en": "R"}, "network": "x"},
        {
            "id": "event",
            "kind": "event",
            "event": "workshop",
            "points": 4,
            "title": {"en": "E"},
            "active_from": "2026-10-25T00:30:00Z",
            "active_to": "2026-10-25T01:30:15.250000Z",
        },
        {
            "id": "mug",
            "kind": "product",
            "points": 10,
            "title": {"en": "P"},
            "items": {"product_ids": ["1", "2"], "skus": ["A,B"], "categories": ["Tea"]},
            "limit": {"times": 4, "per": "order"},
        },
        {"id": "no", "kind": "exclusion", "title": {"en": "X"}, "items": {"skus": ["s"]}},
        {"id": "double", "kind": "multiplier", "factor": "2.5", "title": {"en": "M"}},
    ],
    "referral": {
        "enabled": True,
        "reward_when": "every_order",
        "advocate": {"points": 0, "reward": "0" * 23 + "1"},
        "friend": {"points": 7},
        "hold_days": 5,
        "caps": {"per_day": None, "per_month": 4, "total": 40},
        "households": True,
        "text": {"en": "Come", "de": "Komm"},
    },
    "tiers": {
        "basis": "spend",
        "window": "calendar_year",
        "levels": [
            {
                "id": "silver",
                "from": 0,
                "name": {"en": "Silver", "de": "Silber"},
                "perks": [{"en": "Tea", "de": "Tee"}, {"en": "Cake"}],
            },
            {"id": "gold", "from": 500, "name": {"en": "Gold"}, "multiplier": "1.5", "gift": "0" * 23 + "2"},
        ],
        "downgrade": {"policy": "never", "grace_days": 9},
    },
    "notifications": {
        "points_earned": False,
        "reward_issued": True,
        "reward_available": False,
        "tier_changed": True,
        "referral_rewarded": False,
    },
    "appearance": {"position": "left", "accent": "#0a7B3c", "launcher_label": {"en": "Stars", "de": "Sterne"}},
}
SECTION_PATHS = [f"/program/{section.name}" for section in SECTIONS if section.name != "ways"]


# Every setting is in the forms


@pytest.mark.parametrize("settings", [RICH, DEMO, {}], ids=["rich", "demo", "defaults"])
@pytest.mark.parametrize("path", [*SECTION_PATHS, "/member-points", "/program/referral-guide"])
def test_a_form_that_is_sent_as_it_is_changes_nothing(
    desk: Desk, shop: TestShop, path: str, settings: dict[str, Any]
) -> None:
    shop.set_program(**settings)
    before = in_force(shop)
    assert desk.done(path, **fields(desk, path)) == "Nothing differs from what is in force."
    assert draft(shop) is None
    assert in_force(shop) == before


@pytest.mark.parametrize("settings", [RICH, DEMO], ids=["rich", "demo"])
def test_a_way_to_earn_that_is_sent_as_it_is_changes_nothing(
    desk: Desk, shop: TestShop, settings: dict[str, Any]
) -> None:
    shop.set_program(**settings)
    for each in settings["rules"]:
        path = f"/program/ways/{each['id']}"
        assert desk.done(path, **fields(desk, path)) == "Nothing differs from what is in force.", each["id"]
    assert draft(shop) is None


def test_what_is_set_in_the_forms_is_the_document_that_was_meant(desk: Desk, shop: TestShop) -> None:
    """The forms of a shop with everything, sent to one that has nothing, make the same program of it."""
    shop.set_program(**RICH)
    wanted = in_force(shop)
    typed = {path: fields(desk, path) for path in SECTION_PATHS}
    ways = {each["id"]: fields(desk, f"/program/ways/{each['id']}") for each in wanted["rules"]}
    shop.set_program()
    for path, said_there in typed.items():
        desk.done(path, **said_there | {"seen": ""})
    for each in wanted["rules"]:
        more = {f"limit.{name}": str(part) for name, part in (each["limit"] or {}).items()}
        desk.done(f"/program/ways/add/{each['kind']}", **ways[each["id"]] | {"id": each["id"]} | more)
    assert draft(shop) == wanted


def test_every_section_of_the_document_has_a_form() -> None:
    assert {key for section in SECTIONS for key in section.keys} == set(program_settings.ProgramSettings.model_fields)


# S3.1 to S3.8


def test_s3_2_member_points_stands_under_customer_management(desk: Desk) -> None:
    group = next(
        each for each in desk.page("/member-points").select("nav .group") if "Customer management" in each.get_text()
    )
    link = group.find("a", string="Member points")
    assert link is not None
    assert link["aria-current"] == "page"  # type: ignore[index]


def test_s3_1_member_points_is_a_switch(desk: Desk, shop: TestShop) -> None:
    typed = fields(desk, "/member-points")
    assert typed["enabled"] == ["1"]
    del typed["enabled"]
    assert "in force from now on" in desk.done("/member-points", **typed, do="update")
    assert in_force(shop)["enabled"] is False
    desk.done("/member-points", **fields(desk, "/member-points"), enabled="1", do="update")
    assert in_force(shop)["enabled"] is True


def test_s3_3_to_s3_5_rate_expiry_and_assign_day_in_one_form(desk: Desk, shop: TestShop) -> None:
    shop.set_program()
    typed = fields(desk, "/member-points") | {
        "earn.spend_step": "20",
        "earn.points_per_step": "3",
        "expiry.kind": "fixed_day",
        "expiry.month": "12",
        "expiry.day": "31",
        "assign.delay_days": "5",
    }
    desk.done("/member-points", **typed, do="update")
    said_now = in_force(shop)
    assert (said_now["earn"]["spend_step"], said_now["earn"]["points_per_step"]) == ("20", 3)
    assert said_now["expiry"] == {"kind": "fixed_day", "month": 12, "day": 31, "grace_days": 7}
    assert said_now["assign"]["delay_days"] == 5


def test_s3_6_the_rule_has_a_text_in_each_language(desk: Desk, shop: TestShop) -> None:
    typed = fields(desk, "/member-points") | {"add_language": "zh-Hant", "do": "add_language.rules_text"}
    asked = desk.post("/member-points", **typed)
    page = shown(asked)
    assert field(page, "rules_text.zh-Hant")["lang"] == "zh-Hant"
    typed = sent(page) | {"rules_text.en": "<p>Ten<script>x</script></p>", "rules_text.zh-Hant": "<p>十</p>"}
    desk.done("/member-points", **typed, do="update")
    assert in_force(shop)["rules_text"] == {"en": "<p>Ten</p>", "zh-Hant": "<p>十</p>"}


def test_s3_7_the_page_advises_to_write_detailed_rules(desk: Desk) -> None:
    advice = desk.page("/member-points").select_one(".advice")
    assert advice is not None
    assert "when points arrive and when they end" in advice.get_text()


def test_s3_8_a_change_applies_after_the_update_alone(desk: Desk, shop: TestShop) -> None:
    before = versions(shop)
    typed = fields(desk, "/program/earning") | {"earn.points_per_step": "9"}
    assert "Nothing is in force until you update" in desk.done("/program/earning", **typed, do="save")
    assert versions(shop) == before
    assert in_force(shop)["earn"]["points_per_step"] == 1
    bar = desk.page("/program").select_one(".draft")
    assert bar is not None
    assert "Draft with 1 change, saved by Ada Admin" in " ".join(bar.get_text().split())
    desk.done("/program/changes", **sent_of(desk, "/program/changes"))
    assert in_force(shop)["earn"]["points_per_step"] == 9
    assert versions(shop)[0] == (before[0][0] + 1, "Ada Admin")
    assert draft(shop) is None


def sent_of(desk: Desk, path: str) -> dict[str, str]:
    """The hidden fields of the page's Update button."""
    page = desk.page(path)
    found = page.select('form[action$="/program/changes"] input, form[action$="/guide/update"] input')
    return {str(each["name"]): str(each["value"]) for each in found if each["name"] != "csrf_token"}


# The example


def test_the_example_is_made_by_the_rules(desk: Desk, shop: TestShop) -> None:
    """S3.3 to S3.5 in words: 1000 earns 100 points."""
    typed = fields(desk, "/program/earning")
    page = shown(desk.post("/program/earning", **typed, do="preview"))
    words = " ".join(page.select("#preview")[0].get_text(" ").split())
    assert "An order of €1,000.00 earns 100 points" in words
    page = shown(desk.post("/program/earning", **typed | {"earn.points_per_step": "3"}, do="preview"))
    assert "earns 300 points" in " ".join(page.select("#preview")[0].get_text(" ").split())
    assert draft(shop) is None


def test_an_example_of_nonsense_is_no_error(desk: Desk) -> None:
    typed = fields(desk, "/program/days") | {"assign.delay_days": "soon"}
    page = shown(desk.post("/program/days", **typed, do="preview"))
    assert "as soon as the fields make sense" in page.select("#preview")[0].get_text()
    assert value(page, "assign.delay_days") == "soon"


# Mistakes


@pytest.mark.parametrize(
    ("path", "wrong", "label"),
    [
        ("/program/earning", {"earn.spend_step": "0"}, "Every"),
        ("/program/earning", {"earn.spend_step": ""}, "Every"),
        ("/program/earning", {"earn.points_per_step": "1.5"}, "Points earned"),
        ("/program/days", {"assign.delay_days": "-1"}, "Points assign day"),
        ("/program/days", {"expiry.kind": "days", "expiry.days": "0"}, "Days"),
        ("/program/days", {"expiry.kind": "fixed_day", "expiry.month": "2", "expiry.day": "30"}, "Day"),
        ("/program/texts", {"points_name.en.other": ""}, "What points are called (en)"),
        ("/program/texts", {"rules_text.en": "x" * 20_001}, "Points rule (en)"),
        ("/program/referral", {"referral.advocate.points": "many"}, "Points for who refers"),
        ("/program/referral", {"referral.caps.total": "0"}, "Friends in all, at most"),
        ("/program/look", {"appearance.accent": "red"}, "Accent colour"),
        ("/program/look", {"appearance.launcher_label.en": "x" * 61}, "Launcher’s name (en)"),
        ("/program/levels", {"tiers.levels.1.from": "x"}, "Level 2: From"),
        ("/program/levels", {"tiers.levels.1.multiplier": "0"}, "Level 2: Points of orders, times"),
        ("/program/levels", {"tiers.levels.0.name.en": "", "tiers.levels.0.name.de": ""}, "Level 1: Name (en)"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_what_was_typed_stays(
    desk: Desk, shop: TestShop, path: str, wrong: dict[str, str], label: str
) -> None:
    shop.set_program(**RICH | {"expiry": {"kind": "fixed_day", "month": 12, "day": 31}})
    refused = desk.post(path, **fields(desk, path) | wrong)
    assert refused.status_code == 422
    assert f"Not saved. {label}: " in said(refused)
    page = shown(refused)
    name, typed = list(wrong.items())[-1 if "expiry" in str(wrong) else 0]
    assert field(page, name)["aria-invalid"] == "true"
    assert value(page, name) == typed
    assert "written as text" not in page.text, "words for who writes JSON"
    assert draft(shop) is None


def test_two_levels_of_one_start_are_refused_in_words(desk: Desk, shop: TestShop) -> None:
    shop.set_program(**RICH)
    refused = desk.post("/program/levels", **fields(desk, "/program/levels") | {"tiers.levels.1.from": "0"})
    assert "two levels that start at the same value" in said(refused)


# Rows


def test_levels_are_added_and_removed_without_javascript(desk: Desk, shop: TestShop) -> None:
    page = shown(desk.post("/program/levels", **fields(desk, "/program/levels"), do="add_level"))
    typed = sent(page) | {"tiers.levels.0.name.en": "Très Gold!", "tiers.levels.0.from": "100"}
    page = shown(desk.post("/program/levels", **typed, do="add_perk.0"))
    typed = sent(page) | {"tiers.levels.0.perks.0.en": "Tea"}
    page = shown(desk.post("/program/levels", **typed, do="add_level"))
    typed = sent(page) | {"tiers.levels.1.name.en": "Top", "tiers.levels.1.from": "900"}
    desk.done("/program/levels", **typed, do="update")
    levels = in_force(shop)["tiers"]["levels"]
    assert [(each["id"], each["from"]) for each in levels] == [("tres-gold", 100), ("top", 900)]
    assert levels[0]["perks"] == [{"en": "Tea"}]
    desk.done("/program/levels", **fields(desk, "/program/levels"), **{"tiers.levels.0.remove": "1"}, do="update")
    assert [each["id"] for each in in_force(shop)["tiers"]["levels"]] == ["top"]
    desk.done("/program/levels", **fields(desk, "/program/levels"), **{"tiers.levels.0.remove": "1"}, do="update")
    assert in_force(shop)["tiers"] is None


@pytest.mark.parametrize("kind", list(CHOICES["rules.kind"]))
def test_every_kind_of_way_to_earn_can_be_added(desk: Desk, shop: TestShop, kind: str) -> None:
    typed = {
        "title.en": "Thanks",
        "points": "5",
        "factor": "2",
        "event": "workshop",
        "items.skus": "A, B",
        "limit.times": "" if kind != "product" else "3",
    }
    desk.done(f"/program/ways/add/{kind}", **typed, do="update")
    (made,) = in_force(shop)["rules"]
    assert (made["id"], made["kind"], made["title"]) == ("thanks", kind, {"en": "Thanks"})


def test_a_way_to_earn_has_the_fields_of_its_kind_alone(desk: Desk) -> None:
    page = desk.page("/program/ways/add/multiplier")
    assert page.select_one('[name="points"]') is None
    assert is_shown(page, "factor")
    assert desk.get("/program/ways/add/nonsense").status_code == 404


@pytest.mark.parametrize(
    ("kind", "wrong", "at"),
    [
        ("signup", {"points": ""}, "points"),
        ("signup", {"points": "0"}, "points"),
        ("signup", {"title.en": ""}, "title.en"),
        ("multiplier", {"factor": ""}, "factor"),
        ("multiplier", {"factor": "101"}, "factor"),
        ("event", {"event": "No Name"}, "event"),
        ("exclusion", {"items.skus": ""}, "items.product_ids"),
        ("review", {"limit.times": "0"}, "limit.times"),
        ("visit", {"button.label.en": "Go", "button.url": "javascript:alert(1)"}, "button.url"),
        ("visit", {"button.label.en": "", "button.url": "/x"}, "button.label.en"),
        ("signup", {"active_from": "2026-02-01T00:00", "active_to": "2026-01-01T00:00"}, "active_to"),
        ("signup", {"active_from": "tomorrow"}, "active_from"),
        ("signup", {"id": "Not An Id"}, "id"),
        ("signup", {"id": "taken"}, "id"),
        ("signup", {"id": "order"}, "id"),
    ],
)
def test_what_is_wrong_with_a_way_to_earn_is_said_at_its_field(
    desk: Desk, shop: TestShop, kind: str, wrong: dict[str, str], at: str
) -> None:
    taken = {"id": "taken", "kind": "birthday", "points": 5, "title": {"en": "T"}}
    shop.set_program(rules=[taken])
    good = {"title.en": "Thanks", "points": "5", "factor": "2", "event": "workshop", "items.skus": "A"}
    refused = desk.post(f"/program/ways/add/{kind}", **good | wrong)
    assert refused.status_code == 422
    assert field(shown(refused), at)["aria-invalid"] == "true", said(refused)
    assert draft(shop) is None


def test_ways_to_earn_are_sorted_and_removed(desk: Desk, shop: TestShop) -> None:
    shop.set_program(**RICH)
    desk.post("/program/ways/first/move", to="up")
    assert [each["id"] for each in edited(shop)["rules"]][:2] == ["first", "signup"]
    desk.post("/program/ways/first/move", to="down")
    assert draft(shop) is None
    assert "goes on until you update" in desk.done("/program/ways/mug/remove")
    assert "mug" not in [each["id"] for each in edited(shop)["rules"]]
    assert "mug" in [each["id"] for each in in_force(shop)["rules"]]
    assert desk.get("/program/ways/mug").status_code == 404


def test_conditions_are_added_to_a_way_to_earn(desk: Desk, shop: TestShop) -> None:
    path = "/program/ways/add/review"
    page = shown(desk.post(path, **{"title.en": "R", "points": "5"}, do="add_rule"))
    own = "member_eligibility_rules.0.conditions.0"
    typed = sent(page) | {f"{own}.attribute": "Orders Count", f"{own}.operator": "At least", f"{own}.value": "3"}
    desk.done(path, **typed, do="update")
    (condition,) = in_force(shop)["rules"][0]["eligibility"][0]["conditions"]
    assert condition == {"operator": "At least", "attribute": "Orders Count", "value": 3}
    typed[f"{own}.value"] = "many"
    refused = desk.post(path, **typed | {"title.en": "Other"})
    assert refused.status_code == 422
    assert "Who may earn by it: should be a whole number" in said(refused)
    assert field(shown(refused), f"{own}.value")["aria-invalid"] == "true"


def test_rewards_are_chosen_by_their_names(desk: Desk, shop: TestShop) -> None:
    made = reward(shop)
    page = desk.page("/program/referral")
    options = {each["value"]: each.get_text() for each in field(page, "referral.friend.reward").select("option")}
    assert options == {"": "–", made.public_id: made.name}
    typed = sent(page) | {"referral.friend.reward": made.public_id}
    desk.done("/program/referral", **typed, do="update")
    assert in_force(shop)["referral"]["friend"]["reward"] == rewards.public_id(made.id)


# The team


def test_an_update_takes_what_else_is_in_the_draft_only_after_a_look(desk: Desk, shop: TestShop) -> None:
    desk.done("/program/look", **fields(desk, "/program/look") | {"appearance.position": "left"})
    typed = fields(desk, "/program/earning") | {"earn.points_per_step": "9"}
    assert "Look at what else" in desk.done("/program/earning", **typed, do="update")
    assert in_force(shop)["earn"]["points_per_step"] == 1
    changes = desk.page("/program/changes").select_one(".differs")
    assert changes is not None
    assert "Corner" in changes.get_text()
    assert "Points earned" in changes.get_text()


def test_two_people_at_the_same_settings_are_told(desk: Desk, sign_in: Callable[..., Desk], shop: TestShop) -> None:
    typed = fields(desk, "/program/earning") | {"earn.points_per_step": "2"}
    other = sign_in(Right.SETTINGS, name="Bob")
    other.done("/program/earning", **fields(other, "/program/earning") | {"earn.points_per_step": "3"})
    refused = desk.post("/program/earning", **typed)
    assert refused.status_code == 409
    assert "Somebody has changed these settings" in said(refused)
    page = shown(refused)
    assert value(page, "earn.points_per_step") == "2"
    desk.done("/program/earning", **sent(page))
    found = draft(shop)
    assert found is not None
    assert found["earn"]["points_per_step"] == 2


def test_who_says_what_stands_there_meanwhile_is_in_nobodys_way(desk: Desk, shop: TestShop) -> None:
    typed = fields(desk, "/program/earning") | {"earn.points_per_step": "2"}
    desk.done("/program/earning", **typed)
    desk.done("/program/earning", **typed)  # pressed twice, or shown beside the form just before
    found = draft(shop)
    assert found is not None
    assert found["earn"]["points_per_step"] == 2


def test_a_version_that_somebody_else_put_in_force_is_shown_before_the_update(desk: Desk, shop: TestShop) -> None:
    desk.done("/program/earning", **fields(desk, "/program/earning") | {"earn.points_per_step": "2"})
    seen = sent_of(desk, "/program/changes")
    shop.set_program(appearance={"position": "left"})
    assert desk.post("/program/changes", **seen).status_code == 409
    page = desk.page("/program/changes")
    assert "Changed by somebody else meanwhile" in page.get_text()
    assert "Corner" in page.get_text()
    desk.done("/program/draft/take-in")
    found = draft(shop)
    assert found is not None
    assert (found["appearance"]["position"], found["earn"]["points_per_step"]) == ("left", 2)
    desk.done("/program/changes", **sent_of(desk, "/program/changes"))
    assert in_force(shop)["appearance"]["position"] == "left"


def test_a_draft_is_thrown_away(desk: Desk, shop: TestShop) -> None:
    desk.done("/program/earning", **fields(desk, "/program/earning") | {"earn.points_per_step": "2"})
    assert "thrown away" in desk.done("/program/draft/discard")
    assert draft(shop) is None
    assert value(desk.page("/program/earning"), "earn.points_per_step") == "1"


def test_two_shops_have_drafts_of_their_own(
    desk: Desk, sign_in: Callable[..., Desk], new_shop: Callable[..., TestShop], shop: TestShop
) -> None:
    other = new_shop()
    theirs = sign_in(of=other)
    desk.done("/program/earning", **fields(desk, "/program/earning") | {"earn.points_per_step": "2"})
    assert draft(other) is None
    assert value(theirs.page("/program/earning"), "earn.points_per_step") == "1"
    theirs.done("/program/draft/discard")
    assert draft(shop) is not None
    assert theirs.page("/program/changes").select(".differs tbody tr") == []


def test_the_settings_need_their_right(sign_in: Callable[..., Desk]) -> None:
    other = sign_in(*(right for right in Right if right is not Right.SETTINGS))
    for path in ("/program", "/program/earning", "/member-points", "/program/changes", "/guide", "/program/versions"):
        assert other.get(path).status_code == 403, path


def test_a_new_shop_is_led_to_the_guide(desk: Desk, shop: TestShop) -> None:
    make_unchosen(shop)
    assert "set-up guide" in said(desk.get("/program"))


def make_unchosen(shop: TestShop) -> None:
    """As a shop is that nobody has set up."""
    with transaction() as session:
        session.execute(text("delete from program_version where shop_id = :shop"), {"shop": shop.id})
        programs.start(session, session.get_one(Shop, shop.id), clock.now())


# S4.19


def test_s4_19_the_guide_to_the_referral_program_explains_and_sets_it_up(desk: Desk, shop: TestShop) -> None:
    path = "/program/referral-guide"
    page = desk.page(path)
    assert page.h1 is not None
    assert page.h1.get_text() == "Set up referral program"
    legends = [each.get_text() for each in page.select(".numbered legend")]
    assert legends == ["What both get", "When they get it", "Against misuse", "What they say", "Turn it on"]
    typed = sent(page) | {"referral.enabled": "1", "referral.advocate.points": "70", "referral.hold_days": "3"}
    preview = shown(desk.post(path, **typed, do="preview")).select("#preview")[0].get_text(" ")
    assert "70 points" in preview
    assert "3 days later" in preview
    desk.done(path, **typed, do="update")
    referral = in_force(shop)["referral"]
    assert (referral["enabled"], referral["advocate"]["points"], referral["hold_days"]) == (True, 70, 3)


def test_names_of_fields_that_make_no_sense_harm_nothing(desk: Desk) -> None:
    odd = {"earn": "x", "earn.spend_step.deep": "x", "tiers.levels.x.name": "y", "tiers.levels": "z", "rules_text": "x"}
    odd |= {"points_name.en": "x", "expiry.kind": "nonsense", "tiers.levels.0.perks.0": "x", "referral.text": "x"}
    for path in [*SECTION_PATHS, "/member-points"]:
        for name, given in odd.items():
            answer = desk.post(path, **fields(desk, path) | {name: given})
            assert answer.status_code in (303, 422), (path, name)
        desk.done("/program/draft/discard")
