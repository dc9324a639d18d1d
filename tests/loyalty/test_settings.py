"""The program's settings: what is accepted, what a key left out means, and how a mistake is told."""

import json
from decimal import Decimal
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from backend.errors import BadInput
from backend.loyalty.program.settings import AfterDays, FixedDay, Never, ProgramSettings, parse, stored, to_document

CONTRACT_SECTION_8 = json.loads(
    """
{"enabled": true,
 "points_name": {"en": {"one": "point", "other": "points"}},
 "earn": {"spend_step": "10", "points_per_step": 1, "base": "items", "round": "floor", "pos": false},
 "assign": {"delay_days": 3, "on": "collected", "arrived_carriers": ["tcat"]},
 "expiry": {"kind": "fixed_day", "month": 12, "day": 31},
 "rules_text": {"en": "<p>One point for every 10 dollars.</p>", "zh-Hant": "<p>…</p>"},
 "rules": [{"id": "signup", "kind": "signup", "points": 50, "title": {"en": "Create an account"}, "limit": {"times": 1}}],
 "referral": {"enabled": true, "reward_when": "registered", "advocate": {"points": 100}, "friend": {"points": 50},
              "hold_days": 0},
 "tiers": {"basis": "points_earned", "window": "rolling_12_months",
           "levels": [{"id": "gold", "from": 1000, "name": {"en": "Gold"}}]},
 "appearance": {"position": "right", "accent": "#7a3cff"}}
"""
)
SIGNUP = CONTRACT_SECTION_8["rules"][0]


def read(document: Any, shop_locale: str = "en", rehearsal: bool = False) -> ProgramSettings:
    return parse(document, shop_locale=shop_locale, rehearsal=rehearsal)


def refusal(document: Any) -> BadInput:
    with pytest.raises(BadInput) as caught:
        read(document)
    orjson.dumps(caught.value.as_problem())  # it can be told
    return caught.value


def within(larger: Any, smaller: Any) -> bool:
    """Everything that `smaller` says, `larger` says too."""
    if isinstance(smaller, dict):
        return all(key in larger and within(larger[key], value) for key, value in smaller.items())
    if isinstance(smaller, list):
        return len(larger) == len(smaller) and all(map(within, larger, smaller))
    return bool(larger == smaller)


def test_the_contract_s_example_is_accepted_and_given_back() -> None:
    settings = read(CONTRACT_SECTION_8)
    assert settings.earn.spend_step == Decimal(10)
    assert settings.earn.pos is False
    assert settings.expiry == FixedDay(kind="fixed_day", month=12, day=31, grace_days=7)
    assert settings.rules[0].delay_days == 0
    assert settings.tiers is not None and settings.tiers.levels[0].starts_at == 1000
    assert within(to_document(settings), CONTRACT_SECTION_8)


def test_keys_left_out_take_the_defaults_of_a_new_shop() -> None:
    assert to_document(read({})) == {
        "enabled": True,
        "points_name": {"en": {"one": "point", "other": "points"}},
        "earn": {"spend_step": "10", "points_per_step": 1, "base": "items", "round": "floor", "pos": True},
        "assign": {"delay_days": 3, "on": "collected", "arrived_carriers": ["tcat"]},
        "expiry": {"kind": "never", "grace_days": 7},
        "rules_text": {},
        "rules": [],
        "referral": {
            "enabled": False,
            "reward_when": "registered",
            "advocate": {"points": 100, "reward": None},
            "friend": {"points": 50, "reward": None},
            "hold_days": 0,
            "caps": {"per_day": 10, "per_month": None, "total": None},
            "households": False,
            "text": None,
        },
        "tiers": None,
        "notifications": {
            "points_earned": True,
            "reward_issued": True,
            "reward_available": True,
            "tier_changed": True,
            "referral_rewarded": True,
        },
        "appearance": {"position": "right", "accent": "#7a3cff", "launcher_label": None},
    }


def test_points_have_a_name_in_the_shop_s_own_language_from_the_start() -> None:
    assert read({}, shop_locale="de-AT").points_name["de"] == {"one": "Punkt", "other": "Punkte"}
    assert list(read({"points_name": {"fr": {"other": "étoiles"}}}, shop_locale="de").points_name) == ["fr"]


@pytest.mark.parametrize(
    ("document", "path", "value"),
    [
        ({"earn": {"points_per_step": 2}}, "earn.spend_step", "10"),
        ({"assign": {"delay_days": 14}}, "assign.on", "collected"),
        ({"expiry": {"kind": "days", "days": 365}}, "expiry.grace_days", 7),
        ({"expiry": {"grace_days": 30}}, "expiry.kind", "never"),
        ({"referral": {"enabled": True}}, "referral.reward_when", "registered"),
        ({"appearance": {"position": "left"}}, "appearance.accent", "#7a3cff"),
        ({"tiers": {"levels": [{"id": "g", "from": 0, "name": {"en": "G"}}]}}, "tiers.basis", "points_earned"),
    ],
)
def test_a_part_may_be_written_in_part(document: dict[str, Any], path: str, value: object) -> None:
    found: Any = to_document(read(document))
    for key in path.split("."):
        found = found[key]
    assert found == value


@pytest.mark.parametrize(
    "document", [{}, CONTRACT_SECTION_8, {"rules": [{**SIGNUP, "button": {"label": {"en": "Go"}, "url": "/x"}}]}]
)
def test_a_stored_version_is_read_as_it_was_written(document: dict[str, Any]) -> None:
    settings = read(document)
    kept = json.loads(json.dumps(to_document(settings)))
    assert stored(kept) == settings
    assert read(kept) == settings
    assert to_document(stored(kept)) == kept


def test_settings_do_not_change_once_made() -> None:
    settings = read({})
    with pytest.raises(ValidationError):
        settings.enabled = False  # type: ignore[misc]


# Accepted values


@pytest.mark.parametrize(
    "document",
    [
        {"earn": {"spend_step": 10}},
        {"earn": {"spend_step": "0.0001"}},
        {"earn": {"spend_step": "999999999999999.9999"}},
        {"earn": {"round": "nearest", "base": "items_net"}},
        {"earn": {"round": "ceil", "base": "total"}},
        {"assign": {"delay_days": 0, "on": "paid", "arrived_carriers": []}},
        {"assign": {"delay_days": 3650, "on": "shipped"}},
        {"expiry": {"kind": "fixed_day", "month": 2, "day": 29}},
        {"expiry": {"kind": "days", "days": 1}},
        {"expiry": {"kind": "days", "days": 36500, "grace_days": 0}},
        {"expiry": {"kind": "never"}},
        {"tiers": None},
        {"rules": [{**SIGNUP, "delay_days": 7, "limit": None, "button": None}]},
        {"rules_text": {"en": ""}},
        {"points_name": {"ar": dict.fromkeys(("zero", "one", "two", "few", "many", "other"), "نقطة")}},
        {"referral": {"reward_when": "every_order", "advocate": {"points": 0}, "hold_days": 30}},
        {"tiers": {"basis": "spend", "window": "lifetime", "levels": [{"id": "a", "from": 0, "name": {"en": "A"}}]}},
        {"appearance": {"accent": "#ABCDEF", "launcher_label": {"fr": "Avantages"}}},
    ],
)
def test_what_a_merchant_may_write(document: dict[str, Any]) -> None:
    read(document)


@pytest.mark.parametrize(
    ("url", "live", "rehearsing"),
    [
        ("https://shop.example/account?x=1#y", True, True),
        ("/account/register", True, True),
        ("/", True, True),
        ("http://127.0.0.1:8001/register", False, True),
        ("http://shop.example/", False, True),
        ("javascript:alert(1)", False, False),
        ("data:text/html,x", False, False),
        ("//evil.example/", False, False),
        ("/\\evil.example", False, False),
        ("https:///evil.example", False, False),
        ("https://evil.example\\@shop.example/", False, False),
        ("https://shop.example@evil.example/", False, False),
        ("https://[::1/", False, False),
        ("https://shop.example:port/", False, False),
        ("/a\tb", False, False),
        ("/a\nb", False, False),
        (" /a", False, False),
        ("account", False, False),
        ("", False, False),
        ("/" + "x" * 2000, False, False),
    ],
)
def test_a_button_leads_to_an_https_address_or_a_path_of_the_store(url: str, live: bool, rehearsing: bool) -> None:
    document = {"rules": [{**SIGNUP, "button": {"label": {"en": "Go"}, "url": url}}]}
    for rehearsal, allowed in ((False, live), (True, rehearsing)):
        if allowed:
            assert read(document, rehearsal=rehearsal).rules[0].button is not None
        else:
            with pytest.raises(BadInput, match=r"rules\.0\.button\.url"):
                read(document, rehearsal=rehearsal)


def test_rules_texts_are_cleaned_when_they_are_written() -> None:
    settings = read({"rules_text": {"en": '<p onclick="x">Hello<script>alert(1)</script></p>'}})
    assert settings.rules_text == {"en": "<p>Hello</p>"}


def test_an_arrival_is_enough_for_the_carriers_on_the_list_in_any_case() -> None:
    assign = read({"assign": {"arrived_carriers": ["TCAT", "Black Cat"]}}).assign
    assert assign.is_arrival_enough("tcat")
    assert assign.is_arrival_enough("BLACK CAT")
    assert not assign.is_arrival_enough("dhl")
    assert not assign.is_arrival_enough(None)


def test_the_kinds_of_expiry_are_told_apart() -> None:
    assert isinstance(read({"expiry": {"kind": "never"}}).expiry, Never)
    assert isinstance(read({"expiry": {"kind": "days", "days": 5}}).expiry, AfterDays)
    assert isinstance(read({"expiry": {"kind": "fixed_day", "month": 1, "day": 1}}).expiry, FixedDay)


# Refusals


@pytest.mark.parametrize(
    ("document", "field", "says"),
    [
        ({"speed": 1}, "speed", "no such key"),
        ({"earn": {"speed_step": "10"}}, "earn.speed_step", "no such key"),
        ({"rules": [{**SIGNUP, "bonus": 1}]}, "rules.0.bonus", "no such key"),
        ({"expiry": {"kind": "never", "days": 5}}, "expiry.days", "no such key"),
        ({"expiry": {"kind": "fixed_day", "month": 1, "day": 1, "year": 2}}, "expiry.year", "no such key"),
        ({"referral": {"advocate": {"cash": 5}}}, "referral.advocate.cash", "no such key"),
        ({"enabled": "yes"}, "enabled", "true or false"),
        ({"enabled": 1}, "enabled", "true or false"),
        ({"enabled": None}, "enabled", "true or false"),
        ({"earn": None}, "earn", "JSON object"),
        ({"earn": {"spend_step": "0"}}, "earn.spend_step", "above zero"),
        ({"earn": {"spend_step": 0}}, "earn.spend_step", "above zero"),
        ({"earn": {"spend_step": "-1"}}, "earn.spend_step", "above zero"),
        ({"earn": {"spend_step": "ten"}}, "earn.spend_step", "above zero"),
        ({"earn": {"spend_step": 1.5}}, "earn.spend_step", "written as text"),
        ({"earn": {"spend_step": Decimal("1.5")}}, "earn.spend_step", "written as text"),
        ({"earn": {"spend_step": True}}, "earn.spend_step", "written as text"),
        ({"earn": {"spend_step": "1e3"}}, "earn.spend_step", "written as text"),
        ({"earn": {"spend_step": "1.00001"}}, "earn.spend_step", "written as text"),
        ({"earn": {"spend_step": "１０"}}, "earn.spend_step", "written as text"),
        ({"earn": {"spend_step": "10\n"}}, "earn.spend_step", "written as text"),
        ({"earn": {"spend_step": "NaN"}}, "earn.spend_step", "written as text"),
        ({"earn": {"points_per_step": 0}}, "earn.points_per_step", "greater than or equal to 1"),
        ({"earn": {"points_per_step": 1_000_001}}, "earn.points_per_step", "less than or equal to 1000000"),
        ({"earn": {"points_per_step": True}}, "earn.points_per_step", "whole number"),
        ({"earn": {"points_per_step": "1"}}, "earn.points_per_step", "whole number"),
        ({"earn": {"points_per_step": 1.0}}, "earn.points_per_step", "whole number"),
        ({"earn": {"round": "half_up"}}, "earn.round", "'floor', 'nearest' or 'ceil'"),
        ({"earn": {"base": "net"}}, "earn.base", "'items', 'items_net' or 'total'"),
        ({"assign": {"delay_days": -1}}, "assign.delay_days", "greater than or equal to 0"),
        ({"assign": {"delay_days": 3651}}, "assign.delay_days", "less than or equal to 3650"),
        ({"assign": {"on": "arrived"}}, "assign.on", "'collected', 'paid' or 'shipped'"),
        ({"assign": {"arrived_carriers": "tcat"}}, "assign.arrived_carriers", "a list"),
        ({"assign": {"arrived_carriers": [""]}}, "assign.arrived_carriers.0", "empty"),
        ({"expiry": "never"}, "expiry", "JSON object"),
        ({"expiry": {"kind": "weekly"}}, "expiry", "fixed_day, days or never"),
        ({"expiry": {"days": 5}}, "expiry", "needs a kind"),
        ({"expiry": {"kind": "days"}}, "expiry.days", "missing"),
        ({"expiry": {"kind": "days", "days": 0}}, "expiry.days", "greater than or equal to 1"),
        ({"expiry": {"kind": "days", "days": 36501}}, "expiry.days", "less than or equal to 36500"),
        ({"expiry": {"kind": "fixed_day", "month": 2, "day": 30}}, "expiry", "month 2 has no day 30"),
        ({"expiry": {"kind": "fixed_day", "month": 4, "day": 31}}, "expiry", "month 4 has no day 31"),
        ({"expiry": {"kind": "fixed_day", "month": 13, "day": 1}}, "expiry.month", "less than or equal to 12"),
        ({"expiry": {"kind": "fixed_day", "month": 12}}, "expiry.day", "missing"),
        ({"rules": {}}, "rules", "a list"),
        ({"rules": [SIGNUP, SIGNUP]}, "rules", "'signup' twice"),
        ({"rules": [{**SIGNUP, "id": "Sign up"}]}, "rules.0.id", "a-z, 0-9"),
        ({"rules": [{**SIGNUP, "id": ""}]}, "rules.0.id", "a-z, 0-9"),
        ({"rules": [{**SIGNUP, "id": "x" * 65}]}, "rules.0.id", "a-z, 0-9"),
        ({"rules": [{**SIGNUP, "id": "signup\n"}]}, "rules.0.id", "a-z, 0-9"),
        ({"rules": [{**SIGNUP, "kind": "wedding"}]}, "rules.0.kind", "'signup'"),
        ({"rules": [{**SIGNUP, "points": 0}]}, "rules.0.points", "greater than or equal to 1"),
        ({"rules": [{**SIGNUP, "points": -5}]}, "rules.0.points", "greater than or equal to 1"),
        ({"rules": [{**SIGNUP, "title": {}}]}, "rules.0.title", "at least one language"),
        ({"rules": [{**SIGNUP, "title": "Sign up"}]}, "rules.0.title", "JSON object"),
        ({"rules": [{**SIGNUP, "title": {"en": " "}}]}, "rules.0.title.en", "empty"),
        ({"rules": [{**SIGNUP, "title": {"en": "x" * 201}}]}, "rules.0.title.en", "at most 200"),
        ({"rules": [{**SIGNUP, "title": {"en": "a\x00b"}}]}, "rules.0.title.en", "control character"),
        ({"rules": [{**SIGNUP, "title": {"en": "\ud800"}}]}, "rules.0.title.en", "half a character"),
        ({"rules": [{**SIGNUP, "title": {"english": "x"}}]}, "rules.0.title", "language tag"),
        ({"rules": [{**SIGNUP, "title": {"en": "x", "EN": "y"}}]}, "rules.0.title", "a language twice"),
        ({"rules": [{**SIGNUP, "limit": {"times": 2}}]}, "rules.0", "signs up once"),
        ({"rules": [{**SIGNUP, "limit": {"times": 0}}]}, "rules.0.limit.times", "greater than or equal to 1"),
        ({"rules": [{**SIGNUP, "delay_days": -1}]}, "rules.0.delay_days", "greater than or equal to 0"),
        ({"rules": [{**SIGNUP, "button": {"url": "/x"}}]}, "rules.0.button.label", "missing"),
        ({"rules": [{"id": "x"}]}, "rules.0.kind", "missing"),
        ({"points_name": {}}, "points_name", "at least one language"),
        ({"points_name": {"en": "points"}}, "points_name.en", "JSON object"),
        ({"points_name": {"en": {"one": "point"}}}, "points_name.en", "form other"),
        ({"points_name": {"en": {"other": "points", "some": "x"}}}, "points_name.en", "'some' is not a plural form"),
        ({"points_name": {"en": {"other": "x" * 61}}}, "points_name.en.other", "at most 60"),
        ({"rules_text": {"pt_BR": "x"}}, "rules_text", "'pt_BR' is not a language tag"),
        ({"rules_text": {"en": 5}}, "rules_text.en", "a text"),
        ({"rules_text": {"en": "x" * 20_001}}, "rules_text.en", "20,001 characters long"),
        ({"rules_text": {f"{a}{b}": "" for a in "abcdefgh" for b in "abcdefgh"}}, "rules_text", "over 60 languages"),
        ({"referral": {"reward_when": "never"}}, "referral.reward_when", "'first_order'"),
        ({"referral": {"friend": {"points": -1}}}, "referral.friend.points", "greater than or equal to 0"),
        ({"tiers": {}}, "tiers.levels", "missing"),
        ({"tiers": {"levels": []}}, "tiers.levels", "empty"),
        ({"tiers": {"levels": [{"id": "a", "starts_at": 1, "name": {"en": "A"}}]}}, "tiers.levels.0.from", "missing"),
        (
            {"tiers": {"levels": [{"id": i, "from": 5, "name": {"en": "A"}} for i in ("a", "b")]}},
            "tiers.levels",
            "start at the same value",
        ),
        ({"appearance": {"position": "top"}}, "appearance.position", "'left' or 'right'"),
        ({"appearance": {"accent": "purple"}}, "appearance.accent", "a colour such as"),
        ({"appearance": {"accent": "#7a3cff\n"}}, "appearance.accent", "a colour such as"),
        ({"appearance": {"accent": "#fff"}}, "appearance.accent", "a colour such as"),
    ],
)
def test_a_mistake_is_refused_with_what_and_where(document: dict[str, Any], field: str, says: str) -> None:
    refused = refusal(document)
    wrong = [error for error in refused.errors if error["field"] == field]
    assert wrong, refused.errors
    assert says in wrong[0]["message"]
    if refused.errors[0] == wrong[0]:
        assert field in refused.detail and says in refused.detail


@pytest.mark.parametrize("document", [None, [], "x", 5, True, [{}]])
def test_settings_that_are_no_object_are_refused(document: object) -> None:
    assert "JSON object" in refusal(document).detail


def test_every_mistake_is_listed_and_the_first_is_the_sentence() -> None:
    refused = refusal({"enabled": 5, "earn": {"round": "x"}, "hello": 1})
    assert {error["field"] for error in refused.errors} == {"enabled", "earn.round", "hello"}
    assert refused.detail.endswith("(2 more).")
    assert refused.detail.count("\n") == 0


def test_a_flood_of_mistakes_is_cut_short() -> None:
    refused = refusal({f"key{number}": 1 for number in range(5000)})
    assert len(refused.errors) == 20
    assert "4999 more" in refused.detail


def test_hostile_keys_are_named_without_harm() -> None:
    assert len(refusal({"k" * 100_000: 1}).detail) < 300
    refusal({"\ud800": 1})
    refusal({"earn": {"\ud800": 1}})
    refusal({"points_name": {"\ud800": {"other": "x"}}})
    refusal({"points_name": {"en": {"\ud800": "x", "other": "y"}}})
    refusal({5: 1})


def test_the_refused_value_itself_is_not_told() -> None:
    assert "hunter2" not in json.dumps(refusal({"earn": {"round": "hunter2"}}).as_problem())
