"""Who may have a reward (S2.22 to S2.27, S0.36, S0.37, A3): rules as merchants write them, and members around them."""

import doctest
import itertools
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.errors import BadInput, Contradiction
from backend.loyalty.calendar_rules import first_instant
from backend.loyalty.eligibility import eligibility, eligibility_wording
from backend.loyalty.eligibility.eligibility import (
    Facts,
    Target,
    Verdict,
    is_in_target,
    judge,
    needs_orders,
    read_rules,
    read_target,
    rules_to_document,
    target_missing,
    target_to_document,
)
from backend.loyalty.eligibility.eligibility_reading import MAX_CONDITIONS, MAX_RULES
from backend.loyalty.eligibility.eligibility_terms import ATTRIBUTES, MONTHS, OPERATORS, OPPOSITES, shape
from backend.loyalty.eligibility.eligibility_values import MAX_TEXT_CHARACTERS, MAX_VALUES

PARIS = ZoneInfo("Europe/Paris")

IN_THE_WINDOW = {"operator": "Between", "attribute": "Enrolment Date", "value": "11/1/2021-2/28/2023"}
COHORT_A = {"operator": "Contain all of", "attribute": "User Tags", "value": ["cohortA"]}
COHORTS_C_D = {"operator": "Contain all of", "attribute": "User Tags", "value": ["cohortC", "cohortD"]}
SAMPLE: list[dict[str, Any]] = [
    {
        "show_on_member_dashboard": "True",
        "include_in_api_response": "True",
        "conditions": [IN_THE_WINDOW, "AND", COHORT_A],
    },
    {"show_on_member_dashboard": "True", "include_in_api_response": "False", "conditions": [COHORTS_C_D]},
]
"""The rules of document 002."""


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def member(**facts: Any) -> Facts:
    return Facts(timezone=PARIS, **facts)


def condition(attribute: str, operator: str, value: Any = None) -> dict[str, Any]:
    return {"operator": operator, "attribute": attribute, "value": value}


def one(attribute: str, operator: str, value: Any = None) -> list[dict[str, Any]]:
    """Rules of a single condition."""
    return [{"conditions": [condition(attribute, operator, value)]}]


def is_eligible(rules: list[dict[str, Any]], **facts: Any) -> bool:
    return judge(read_rules(rules), member(**facts)).is_eligible


# The document's sample


@pytest.mark.parametrize(
    ("enrolled_at", "tags", "verdict"),
    [
        ("2022-05-01T12:00:00Z", ["cohortA"], Verdict(True, True, True)),
        ("2022-05-01T12:00:00Z", ["cohortA", "vip", "cohortC"], Verdict(True, True, True)),
        ("2020-01-01T12:00:00Z", ["cohortC", "cohortD"], Verdict(True, True, False)),  # S2.27
        ("2022-05-01T12:00:00Z", ["cohortA", "cohortC", "cohortD"], Verdict(True, True, True)),
        (
            "2020-01-01T12:00:00Z",
            ["cohortA"],
            Verdict(False, False, False, "For members who joined between 1 November 2021 and 28 February 2023."),
        ),
        (
            "2022-05-01T12:00:00Z",
            ["cohortC"],
            Verdict(False, False, False, "For members with the tag cohortA."),  # it is not necessary to lack more
        ),
        (
            "2020-01-01T12:00:00Z",
            [],
            Verdict(False, False, False, "For members with the tags cohortC and cohortD."),
        ),
    ],
)
def test_s2_24_to_s2_27_the_sample_of_the_document(enrolled_at: str, tags: list[str], verdict: Verdict) -> None:
    assert judge(read_rules(SAMPLE), member(enrolled_at=at(enrolled_at), tags=tags)) == verdict


def test_the_sample_is_given_back_word_by_word() -> None:
    assert rules_to_document(read_rules(SAMPLE), strings=True) == SAMPLE
    typed = rules_to_document(read_rules(SAMPLE))
    assert [(rule["show_on_member_dashboard"], rule["include_in_api_response"]) for rule in typed] == [
        (True, True),
        (True, False),
    ]
    assert read_rules(typed) == read_rules(SAMPLE)


def test_without_rules_it_is_for_everybody_and_shown_everywhere() -> None:
    assert judge(read_rules([]), member()) == Verdict(True, True, True)


def test_a_rule_without_conditions_holds_for_everybody_and_says_where_it_is_shown() -> None:
    rules = read_rules([{"include_in_api_response": False, "conditions": []}])
    assert judge(rules, member()) == Verdict(True, True, False)


def test_only_rules_that_hold_say_where_it_is_shown() -> None:
    rules = read_rules(
        [
            {"show_on_member_dashboard": False, "conditions": [COHORT_A]},
            {"include_in_api_response": False, "conditions": [COHORTS_C_D]},
        ]
    )
    assert judge(rules, member(tags=["cohortA"])) == Verdict(True, False, True)
    assert judge(rules, member(tags=["cohortC", "cohortD"])) == Verdict(True, True, False)
    assert judge(rules, member(tags=["cohortA", "cohortC", "cohortD"])) == Verdict(True, True, True)


# Operators


JOINED = {"enrolled_at": at("2023-02-28T22:59:59.999999Z")}  # 28 February 2023, the last moment of it in Paris


@pytest.mark.parametrize(
    ("attribute", "operator", "value", "facts", "holds"),
    [
        ("Enrolment Date", "Between", "11/1/2021-2/28/2023", JOINED, True),
        ("Enrolment Date", "Between", "2/28/2023-2/28/2023", JOINED, True),
        ("Enrolment Date", "Between", "3/1/2023-3/1/2024", JOINED, False),
        ("Enrolment Date", "Between", ["2023-02-28", "3/1/2023"], JOINED, True),
        ("Enrolment Date", "Before", "2/28/2023", JOINED, False),
        ("Enrolment Date", "Before", "3/1/2023", JOINED, True),
        ("Enrolment Date", "After", "2/28/2023", JOINED, False),
        ("Enrolment Date", "After", "2/27/2023", JOINED, True),
        ("Enrolment Date", "On", "02/28/2023", JOINED, True),
        ("Enrolment Date", "On", "2023-03-01", JOINED, False),
        ("User Tags", "Contain all of", ["A", "B"], {"tags": ["b", "a", "c"]}, True),
        ("User Tags", "Contain all of", ["A", "B"], {"tags": ["a"]}, False),
        ("User Tags", "Contain all of", "a", {"tags": ["A"]}, True),
        ("User Tags", "Contain any of", ["A", "B"], {"tags": ["b"]}, True),
        ("User Tags", "Contain any of", ["A", "B"], {"tags": ["c"]}, False),
        ("User Tags", "Contain none of", ["A", "B"], {"tags": ["c"]}, True),
        ("User Tags", "Contain none of", ["A", "B"], {"tags": ["c", "B"]}, False),
        ("User Tags", "Is set", None, {"tags": ["x"]}, True),
        ("User Tags", "Is set", None, {"tags": [" "]}, False),
        ("User Tags", "Contain all of", ["STRASSE"], {"tags": ["Straße"]}, True),
        ("User Tags", "Contain all of", ["vip"], {"tags": [" VIP "]}, True),
        ("Segments", "Contain any of", ["Lapsed"], {"segments": ["lapsed"]}, True),
        ("Segments", "Contain any of", ["Lapsed"], {"tags": ["lapsed"]}, False),
        ("Tier", "Equals", "Gold", {"tier": "gold"}, True),
        ("Tier", "Equals", "gold", {"tier": "silver"}, False),
        ("Tier", "In", ["gold", "silver"], {"tier": "Silver"}, True),
        ("Tier", "Not in", ["gold", "silver"], {"tier": "Silver"}, False),
        ("Tier", "Not equals", "gold", {"tier": "silver"}, True),
        ("Orders Count", "Equals", 3, {"orders_count": 3}, True),
        ("Orders Count", "Equals", "3", {"orders_count": 4}, False),
        ("Orders Count", "Not equals", 3, {"orders_count": 4}, True),
        ("Orders Count", "Greater than", 3, {"orders_count": 3}, False),
        ("Orders Count", "Greater than", 3, {"orders_count": 4}, True),
        ("Orders Count", "Less than", 3, {"orders_count": 3}, False),
        ("Orders Count", "Less than", 3, {"orders_count": 2}, True),
        ("Orders Count", "At least", 3, {"orders_count": 3}, True),
        ("Orders Count", "At least", 3, {"orders_count": 2}, False),
        ("Orders Count", "At most", 3, {"orders_count": 3}, True),
        ("Orders Count", "At most", 3, {"orders_count": 4}, False),
        ("Orders Count", "Equals", 0, {"orders_count": 0}, True),
        ("Orders Count", "Is set", None, {"orders_count": 0}, True),
        ("Available Points", "Between", "100-500", {"available_points": 100}, True),
        ("Available Points", "Between", "100-500", {"available_points": 500}, True),
        ("Available Points", "Between", "100-500", {"available_points": 501}, False),
        ("Available Points", "Between", [100, "500"], {"available_points": 99}, False),
        ("Total Spend", "At least", "49.90", {"total_spend": Decimal("49.9")}, True),
        ("Total Spend", "At least", Decimal("49.9"), {"total_spend": Decimal("49.89")}, False),
        ("Total Spend", "Equals", 50, {"total_spend": Decimal("50.00")}, True),
        ("Total Spend", "Between", "10.50-20", {"total_spend": Decimal("10.50")}, True),
        ("Country", "Equals", "fr", {"country": "FR"}, True),
        ("Country", "Not in", ["FR", "DE"], {"country": "IT"}, True),
        ("Country", "Equals", "France", {"country": "fr"}, True),
        ("Country", "In", ["DE", "FR"], {"country": "france"}, True),
        ("Country", "Not equals", "FR", {"country": "France"}, False),
        ("Country", "Equals", "Elbonia", {"country": "elbonia"}, True),
        ("Country", "Is set", None, {"country": ""}, False),
        ("Language", "Equals", "fr", {"language": "fr-CA"}, True),
        ("Language", "Equals", "fr-CA", {"language": "fr_CA"}, True),
        ("Language", "Equals", "fr_CA", {"language": "fr-ca"}, True),
        ("Language", "Equals", "fr-CA", {"language": "fr"}, False),
        ("Language", "In", ["zh-Hant"], {"language": "zh-Hant-HK"}, True),
        ("Language", "Not equals", "fr", {"language": "fr-CA"}, False),
        ("Birthday", "Between", "1/1/2000-12/31/2005", {"birthday": date(2005, 12, 31)}, True),
        ("Birthday", "Before", "1/1/2000", {"birthday": date(2000, 1, 1)}, False),
        ("Birthday Month", "Equals", "May", {"birthday": date(2001, 5, 31)}, True),
        ("Birthday Month", "In", [4, "05"], {"birthday": date(2001, 5, 31)}, True),
        ("Birthday Month", "Equals", 5, {"birthday": date(2001, 6, 1)}, False),
        ("Birthday Month", "Is set", None, {"birthday": date(2001, 6, 1)}, True),
        ("Email Verified", "Equals", True, {"email_verified": True}, True),
        ("Email Verified", "Equals", "True", {"email_verified": False}, False),
        ("Email Verified", "Equals", "False", {"email_verified": False}, True),
        ("Email Verified", "Not equals", "true", {"email_verified": False}, True),
    ],
)
def test_what_each_operator_means(
    attribute: str, operator: str, value: Any, facts: dict[str, Any], holds: bool
) -> None:
    assert is_eligible(one(attribute, operator, value), **facts) is holds


EXAMPLES: dict[str, Any] = {
    "date": "5/1/2022",
    "number": 3,
    "money": "49.90",
    "text": "gold",
    "texts": "vip",
    "month": "May",
    "yes_no": True,
}


def example(kind: str, operator: str) -> Any:
    single = EXAMPLES[kind]
    return {"nothing": None, "one": single, "many": [single], "range": [single, single]}[shape(operator)]


ALL = [
    (attribute, operator, example(kind, operator))
    for attribute, kind in ATTRIBUTES.items()
    for operator in OPERATORS[kind]
]


@pytest.mark.parametrize(("attribute", "operator", "value"), ALL)
def test_what_is_not_known_satisfies_the_negative_operators_alone(attribute: str, operator: str, value: Any) -> None:
    assert is_eligible(one(attribute, operator, value)) is (operator in OPPOSITES)


KNOWN = {
    "enrolled_at": at("2022-05-01T12:00:00Z"),
    "tags": ["vip"],
    "tier": "gold",
    "segments": ["lapsed"],
    "orders_count": 3,
    "total_spend": Decimal("10"),
    "available_points": 500,
    "country": "FR",
    "language": "gold",
    "birthday": date(1990, 5, 1),
    "email_verified": True,
}


@pytest.mark.parametrize("facts", [{}, KNOWN])
@pytest.mark.parametrize(("attribute", "operator", "value"), [case for case in ALL if case[1] in OPPOSITES])
def test_a_negative_holds_exactly_when_its_positive_does_not(
    attribute: str, operator: str, value: Any, facts: dict[str, Any]
) -> None:
    negative, positive = one(attribute, operator, value), one(attribute, OPPOSITES[operator], value)
    assert is_eligible(negative, **facts) is not is_eligible(positive, **facts)


def test_rules_on_orders_are_known_so_that_others_need_not_read_them() -> None:
    asks = [case[0] for case in ALL if needs_orders(read_rules(one(*case)))]
    assert set(asks) == {"Orders Count", "Total Spend"}
    assert not needs_orders(read_rules(SAMPLE))
    assert needs_orders(read_rules([*SAMPLE, {"conditions": [COHORT_A, "OR", condition("Total Spend", "Is set")]}]))


# AND and OR


TAGS = ("t0", "t1", "t2", "t3")


def has(tag: str) -> dict[str, Any]:
    return condition("User Tags", "Contain any of", [tag])


def every_subset() -> list[tuple[str, ...]]:
    return [tags for size in range(5) for tags in itertools.combinations(TAGS, size)]


def test_and_binds_tighter_than_or() -> None:
    rules = [{"conditions": [has("t0"), "or", has("t1"), "And", has("t2")]}]
    assert is_eligible(rules, tags=["t0"])
    assert is_eligible(rules, tags=["t1", "t2"])
    assert not is_eligible(rules, tags=["t2"])
    assert not is_eligible(rules, tags=["t1"])


def test_conditions_without_a_word_between_them_count_as_and() -> None:
    assert read_rules([{"conditions": [has("t0"), has("t1"), "OR", has("t2")]}]) == read_rules(
        [{"conditions": [has("t0"), "AND", has("t1"), "OR", has("t2")]}]
    )


@settings(deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from(["AND", "OR", None]), st.sampled_from(TAGS)), max_size=6),
        min_size=1,
        max_size=3,
    )
)
def test_rules_mean_what_a_brute_force_evaluation_of_their_words_says(rules: list[list[tuple[str, str]]]) -> None:
    documents = []
    for conditions in rules:
        items = [item for word, tag in conditions for item in (word, has(tag)) if item is not None]
        documents.append({"conditions": items[1:] if items and isinstance(items[0], str) else items})
    read = read_rules(documents)
    for tags in every_subset():
        expected = False
        for conditions in rules:
            words = " ".join(f"{(word or 'AND').lower()} {tag in tags}" for word, tag in conditions)
            expected |= not words or eval(words.split(" ", 1)[1])
        assert judge(read, member(tags=tags)).is_eligible is expected


# Days of the shop


ZONES = [
    "UTC",
    "Europe/Paris",
    "America/New_York",
    "America/Havana",
    "Africa/Cairo",
    "Asia/Kathmandu",
    "Asia/Taipei",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
]


@settings(deadline=None)
@given(
    st.sampled_from(ZONES),
    st.one_of(
        st.dates(date(2021, 1, 1), date(2026, 1, 1)),
        st.sampled_from([date(2025, 4, 25), date(2024, 3, 10), date(2024, 11, 3), date(2024, 2, 29)]),
    ),
)
def test_a_day_is_the_shop_s_own_from_its_first_moment_to_its_last(zone: str, day: date) -> None:
    tz = ZoneInfo(zone)
    text = f"{day.month}/{day.day}/{day.year}"
    first, end = first_instant(day, tz), first_instant(day + timedelta(days=1), tz)
    moments = [first - timedelta(microseconds=1), first, end - timedelta(microseconds=1), end]

    def holding(operator: str, value: str) -> list[bool]:
        rules = read_rules(one("Enrolment Date", operator, value))
        return [judge(rules, Facts(timezone=tz, enrolled_at=moment)).is_eligible for moment in moments]

    assert holding("On", text) == [False, True, True, False]
    assert holding("Between", f"{text}-{text}") == [False, True, True, False]
    assert holding("Before", text) == [True, False, False, False]
    assert holding("After", text) == [False, False, False, True]


# Reading and giving back


def test_names_are_read_in_any_spelling_and_given_back_in_the_document_s() -> None:
    given = [
        {"conditions": [condition("enrolment_date", "BETWEEN", "2021-11-01 - 02/28/2023")]},
        {
            "conditions": [
                condition("  user  tags", "contains all of", " cohortA "),
                "and",
                condition("LEVEL", "in", "Au"),
            ]
        },
        {"conditions": [condition("Enrollment Date", "is_set")]},
        {"conditions": [condition("birthday month", "Equals", "may")]},
    ]
    conditions = [rule["conditions"] for rule in rules_to_document(read_rules(given))]
    assert conditions == [
        [IN_THE_WINDOW],
        [COHORT_A, "AND", {"operator": "In", "attribute": "Tier", "value": ["Au"]}],
        [{"operator": "Is set", "attribute": "Enrolment Date"}],
        [{"operator": "Equals", "attribute": "Birthday Month", "value": 5}],
    ]


@pytest.mark.parametrize(
    ("attribute", "operator", "value", "typed", "strings"),
    [
        ("Orders Count", "Equals", "03", 3, "3"),
        ("Orders Count", "Between", [1, 3], "1-3", "1-3"),
        ("Total Spend", "At least", Decimal("49.90"), "49.90", "49.90"),
        ("Total Spend", "At least", 50, "50", "50"),
        ("Email Verified", "Equals", "TRUE", True, "True"),
        ("Birthday Month", "In", ["1", "December"], [1, 12], ["1", "12"]),
        ("Birthday", "On", "2000-02-29", "2/29/2000", "2/29/2000"),
        ("User Tags", "Contain any of", ["Vip", "b", "VIP"], ["Vip", "b"], ["Vip", "b"]),
    ],
)
def test_values_are_given_back_typed_or_as_the_document_s_strings(
    attribute: str, operator: str, value: Any, typed: Any, strings: Any
) -> None:
    rules = read_rules(one(attribute, operator, value))
    assert rules_to_document(rules)[0]["conditions"][0]["value"] == typed
    assert rules_to_document(rules, strings=True)[0]["conditions"][0]["value"] == strings


TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20).filter(str.strip)
DAYS = st.dates().map(lambda day: f"{day.month:02d}/{day.day}/{day.year:04d}")
OF_KIND: dict[str, st.SearchStrategy[Any]] = {
    "date": DAYS,
    "number": st.integers(0, 10**12) | st.integers(0, 10**12).map(str),
    "money": st.decimals(0, 10**12, places=2) | st.integers(0, 10**12) | st.integers(0, 10**12).map(str),
    "text": TEXTS,
    "texts": TEXTS,
    "month": st.integers(1, 12) | st.sampled_from(MONTHS),
    "yes_no": st.booleans() | st.sampled_from(["True", "False"]),
}


@st.composite
def conditions_as_written(draw: st.DrawFn) -> dict[str, Any]:
    attribute = draw(st.sampled_from(list(ATTRIBUTES)))
    kind = ATTRIBUTES[attribute]
    operator = draw(st.sampled_from(OPERATORS[kind]))
    of_kind = OF_KIND[kind]
    match shape(operator):
        case "nothing":
            value = draw(st.sampled_from([None, ""]))
        case "one":
            value = draw(of_kind)
        case "many":
            value = draw(st.lists(of_kind, min_size=1, max_size=4))
        case "range":
            key = (lambda day: day[-4:] + day[:2] + day[3:-5].zfill(2)) if kind == "date" else Decimal
            value = sorted(draw(st.tuples(of_kind, of_kind)), key=key)
    return condition(attribute, operator, value)


@st.composite
def rules_as_written(draw: st.DrawFn) -> list[dict[str, Any]]:
    rules = []
    for _ in range(draw(st.integers(0, 3))):
        items: list[Any] = []
        for written in draw(st.lists(conditions_as_written(), max_size=4)):
            if items and (word := draw(st.sampled_from(["AND", "OR", "or", None]))):
                items.append(word)
            items.append(written)
        flags = {
            key: draw(st.sampled_from([True, False, "True", "False"]))
            for key in ("show_on_member_dashboard", "include_in_api_response")
        }
        rules.append(flags | {"conditions": items})
    return rules


def through_json(document: Any) -> Any:
    return json.loads(json.dumps(document))


@settings(deadline=None)
@given(rules_as_written(), st.booleans())
def test_rules_given_back_read_the_same(written: list[dict[str, Any]], strings: bool) -> None:
    rules = read_rules(written)
    document = rules_to_document(rules, strings=strings)
    again = read_rules(through_json(document))
    assert again == rules
    assert rules_to_document(again, strings=strings) == document


PEOPLE = st.builds(
    Facts,
    timezone=st.just(PARIS),
    enrolled_at=st.none() | st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    tags=st.lists(TEXTS, max_size=3),
    tier=st.none() | TEXTS,
    segments=st.lists(TEXTS, max_size=3),
    orders_count=st.none() | st.integers(0, 100),
    total_spend=st.none() | st.decimals(0, 1000, places=2),
    available_points=st.none() | st.integers(0, 1000),
    country=st.none() | st.sampled_from(["FR", "de"]),
    language=st.none() | st.sampled_from(["fr", "zh-Hant-HK"]),
    birthday=st.none() | st.dates(),
    email_verified=st.none() | st.booleans(),
    currency=st.sampled_from([None, "EUR", "JPY"]),
)


@settings(deadline=None)
@given(rules_as_written(), rules_as_written(), PEOPLE)
def test_another_alternative_never_takes_a_reward_from_anybody(
    written: list[dict[str, Any]], more: list[dict[str, Any]], facts: Facts
) -> None:
    before = judge(read_rules(written), facts)
    after = judge(read_rules(written + more), facts)
    if written and before.is_eligible:
        assert after.is_eligible
        assert after.show_on_member_dashboard >= before.show_on_member_dashboard
        assert after.include_in_api_response >= before.include_in_api_response


@settings(deadline=None)
@given(rules_as_written(), PEOPLE)
def test_who_is_refused_reads_one_sentence_and_is_shown_it_nowhere(written: list[dict[str, Any]], facts: Facts) -> None:
    verdict = judge(read_rules(written), facts)
    assert verdict.is_eligible is (verdict.refusal is None)
    if verdict.refusal is not None:
        assert verdict.refusal.startswith("For members ")
        assert verdict.refusal.endswith(".")
        assert not (verdict.show_on_member_dashboard or verdict.include_in_api_response)


# The sentence


@pytest.mark.parametrize(
    ("conditions", "sentence"),
    [
        ([IN_THE_WINDOW], "For members who joined between 1 November 2021 and 28 February 2023."),
        ([condition("Enrolment Date", "Before", "5/1/2022")], "For members who joined before 1 May 2022."),
        ([condition("Enrolment Date", "After", "5/1/2022")], "For members who joined after 1 May 2022."),
        ([condition("Enrolment Date", "On", "5/1/2022")], "For members who joined on 1 May 2022."),
        ([COHORT_A], "For members with the tag cohortA."),
        ([COHORTS_C_D], "For members with the tags cohortC and cohortD."),
        (
            [condition("User Tags", "Contain all of", ["a", "b", "c"])],
            "For members with the tags a, b and c.",
        ),
        ([condition("User Tags", "Contain any of", ["a", "b"])], "For members with the tag a or b."),
        (
            [condition("User Tags", "Contain any of", list("abcdefgh"))],
            "For members with the tag a, b, c, d or 4 others.",
        ),
        ([condition("User Tags", "Is set")], "For members with a tag."),
        ([condition("Segments", "Contain all of", ["a", "b"])], "For members who are in the segments a and b."),
        ([condition("Segments", "Contain any of", ["a", "b"])], "For members who are in the segment a or b."),
        ([condition("Segments", "Is set")], "For members who are in a segment."),
        ([condition("Tier", "Equals", "gold")], "For members with the tier gold."),
        ([condition("Tier", "In", ["gold", "silver"])], "For members with the tier gold or silver."),
        ([condition("Tier", "Is set")], "For members with a tier."),
        ([condition("Orders Count", "At least", 1)], "For members with at least 1 order."),
        ([condition("Orders Count", "Greater than", 1000)], "For members with more than 1,000 orders."),
        ([condition("Orders Count", "Less than", 3)], "For members with fewer than 3 orders."),
        ([condition("Orders Count", "At most", 3)], "For members with at most 3 orders."),
        ([condition("Orders Count", "Equals", 3)], "For members with exactly 3 orders."),
        ([condition("Available Points", "Between", "100-500")], "For members with 100 to 500 points."),
        ([condition("Total Spend", "At least", "50")], "For members who have spent at least €50.00."),
        ([condition("Total Spend", "Less than", "50")], "For members who have spent less than €50.00."),
        ([condition("Country", "In", ["fr", "DE"])], "For members who live in France or Germany."),
        ([condition("Country", "Equals", "Elbonia")], "For members who live in Elbonia."),
        ([condition("Language", "Equals", "fr")], "For members who speak French."),
        ([condition("Birthday", "After", "1/1/2000")], "For members who were born after 1 January 2000."),
        ([condition("Birthday", "Is set")], "For members who have told their birthday."),
        ([condition("Birthday Month", "In", [5, 6])], "For members who were born in May or June."),
        ([condition("Email Verified", "Equals", True)], "For members with a verified e-mail address."),
        (
            [COHORT_A, condition("Orders Count", "At least", 3)],
            "For members with the tag cohortA and at least 3 orders.",
        ),
        (
            [condition("Country", "Equals", "FR"), COHORT_A, condition("Enrolment Date", "Before", "5/1/2022")],
            "For members with the tag cohortA who live in France and joined before 1 May 2022.",
        ),
    ],
)
def test_the_refusal_says_what_is_missing(conditions: list[Any], sentence: str) -> None:
    assert judge(read_rules([{"conditions": conditions}]), member(currency="EUR")).refusal == sentence


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (condition("Enrolment Date", "Is not set"), "For members who have not joined."),
        (condition("User Tags", "Contain none of", ["vip", "b"]), "For members who do not have the tag vip or b."),
        (condition("User Tags", "Is not set"), "For members who have no tags."),
        (condition("Segments", "Contain none of", ["lapsed"]), "For members who are not in the segment lapsed."),
        (condition("Segments", "Is not set"), "For members who are in no segment."),
        (condition("Tier", "Not equals", "gold"), "For members who do not have the tier gold."),
        (condition("Tier", "Is not set"), "For members who have no tier."),
        (condition("Orders Count", "Not equals", 3), "For members with any number but 3 orders."),
        (condition("Country", "Not equals", "FR"), "For members who do not live in France."),
        (condition("Country", "Is not set"), "For members who have no known country."),
        (condition("Language", "Not in", ["gold"]), "For members who do not speak gold."),
        (condition("Birthday", "Is not set"), "For members who have not told their birthday."),
        (condition("Birthday Month", "Not equals", 5), "For members who were not born in May."),
        (condition("Email Verified", "Equals", False), "For members who have no verified e-mail address."),
        (condition("Email Verified", "Not equals", True), "For members who have no verified e-mail address."),
    ],
)
def test_the_refusal_of_a_negative_says_what_is_too_much(rule: dict[str, Any], sentence: str) -> None:
    assert judge(read_rules([{"conditions": [rule]}]), member(**KNOWN)).refusal == sentence


def test_only_what_is_missing_of_the_nearest_alternative_is_named() -> None:
    rules = read_rules(
        [
            {"conditions": [has("t0"), "AND", has("t1"), "AND", has("t2")]},
            {"conditions": [condition("Tier", "Equals", "gold"), "AND", condition("Country", "Equals", "FR")]},
        ]
    )
    assert judge(rules, member(tags=["t0", "t2"])).refusal == "For members with the tag t1."
    assert judge(rules, member(country="FR")).refusal == "For members with the tier gold."
    assert judge(rules, member(tags=["t0"], country="FR")).refusal == "For members with the tier gold."


# What is refused


def refused(value: object) -> BadInput | Contradiction:
    with pytest.raises((BadInput, Contradiction)) as caught:
        read_rules(value)
    return caught.value


RULE = "member_eligibility_rules.0"


@pytest.mark.parametrize(
    ("value", "field", "message"),
    [
        (None, "member_eligibility_rules", "should be a list of rules"),
        ({}, "member_eligibility_rules", "should be a list of rules"),
        ([1], RULE, "should be a JSON object"),
        ([{}], f"{RULE}.conditions", "is missing; an empty list is for everybody"),
        ([{"conditions": {}}], f"{RULE}.conditions", "should be a list of conditions"),
        (
            [{"conditions": [], "condition": []}],
            f"{RULE}.condition",
            "there is no such key; use show_on_member_dashboard, include_in_api_response, conditions",
        ),
        (
            [{"conditions": [], "show_on_member_dashboard": "yes"}],
            f"{RULE}.show_on_member_dashboard",
            "should be true or false",
        ),
        (
            [{"conditions": [], "include_in_api_response": 1}],
            f"{RULE}.include_in_api_response",
            "should be true or false",
        ),
        ([{"conditions": ["AND", COHORT_A]}], f"{RULE}.conditions.0", "AND should stand between two conditions"),
        ([{"conditions": [COHORT_A, "or"]}], f"{RULE}.conditions.1", "OR should stand between two conditions"),
        ([{"conditions": ["AND"]}], f"{RULE}.conditions.0", "AND should stand between two conditions"),
        (
            [{"conditions": [COHORT_A, "AND", "OR", COHORT_A]}],
            f"{RULE}.conditions.2",
            "OR should stand between two conditions",
        ),
        (
            [{"conditions": [COHORT_A, "XOR", COHORT_A]}],
            f"{RULE}.conditions.1",
            'should be a condition, "AND" or "OR"',
        ),
        ([{"conditions": [[COHORT_A]]}], f"{RULE}.conditions.0", "should be a JSON object"),
        (
            [{"conditions": [COHORT_A | {"values": []}]}],
            f"{RULE}.conditions.0.values",
            "there is no such key; use operator, attribute, value",
        ),
        (
            one("Shoe Size", "Equals", 3),
            f"{RULE}.conditions.0.attribute",
            "should be one of Enrolment Date, User Tags, Tier, Segments, Orders Count, Total Spend, Available Points, "
            "Country, Language, Birthday, Birthday Month, Email Verified",
        ),
        (
            one("User Tags", "Between", "1-3"),
            f"{RULE}.conditions.0.operator",
            "of User Tags should be one of Contain all of, Contain any of, Contain none of, Is set, Is not set",
        ),
        ([{"conditions": [{"attribute": "Tier"}]}], f"{RULE}.conditions.0.operator", None),
        ([{"conditions": [COHORT_A, "AND", condition("Tier", "Equals", "")]}], f"{RULE}.conditions.2.value", None),
        *[
            (one(*case), f"{RULE}.conditions.0.value", None)
            for case in [
                ("Enrolment Date", "Between", "11/1/2021"),
                ("Enrolment Date", "Between", "13/1/2021-13/2/2021"),
                ("Enrolment Date", "Between", "2/28/2023-11/1/2021"),
                ("Enrolment Date", "Between", ["11/1/2021"]),
                ("Enrolment Date", "Between", 5),
                ("Enrolment Date", "On", "2/29/2023"),
                ("Enrolment Date", "On", "0/0/0000"),
                ("Enrolment Date", "On", "1/1/21"),
                ("Enrolment Date", "On", "１/1/2021"),
                ("Enrolment Date", "On", "1/1/2021\n1"),
                ("Enrolment Date", "On", None),
                ("Enrolment Date", "Is set", "1/1/2021"),
                ("Orders Count", "Equals", -1),
                ("Orders Count", "Equals", "１２"),
                ("Orders Count", "Equals", "1_0"),
                ("Orders Count", "Equals", True),
                ("Orders Count", "Equals", Decimal("1.5")),
                ("Orders Count", "Equals", 10**13),
                ("Orders Count", "Equals", 10**5000),
                ("Orders Count", "Equals", "9" * 5000),
                ("Orders Count", "Equals", [3]),
                ("Orders Count", "Between", "500-100"),
                ("Orders Count", "Between", "1.5-3"),
                ("Orders Count", "Between", "1-2-3"),
                ("Total Spend", "At least", "1e9"),
                ("Total Spend", "At least", "1.23456"),
                ("Total Spend", "At least", Decimal("1E+999999")),
                ("Total Spend", "At least", Decimal("1E-999999")),
                ("Total Spend", "At least", Decimal("NaN")),
                ("Total Spend", "At least", 49.9),
                ("Total Spend", "At least", "-1"),
                ("Total Spend", "Between", "1..2-3"),
                ("User Tags", "Contain all of", []),
                ("User Tags", "Contain all of", None),
                ("User Tags", "Contain all of", ["a", ""]),
                ("User Tags", "Contain all of", [["a"]]),
                ("User Tags", "Contain all of", ["a\x00"]),
                ("User Tags", "Contain all of", ["\ud800"]),
                ("User Tags", "Contain all of", ["x" * (MAX_TEXT_CHARACTERS + 1)]),
                ("User Tags", "Contain all of", [str(number) for number in range(MAX_VALUES + 1)]),
                ("Tier", "Equals", ["gold"]),
                ("Tier", "Equals", 3),
                ("Birthday Month", "Equals", 13),
                ("Birthday Month", "Equals", "0"),
                ("Birthday Month", "Equals", "mai"),
                ("Birthday Month", "Equals", True),
                ("Email Verified", "Equals", "maybe"),
                ("Email Verified", "Equals", 1),
            ]
        ],
    ],
)
def test_a_mistake_is_refused_in_one_sentence_that_names_its_place(
    value: object, field: str, message: str | None
) -> None:
    refusal = refused(value)
    (error,) = refusal.errors
    assert error["field"] == field
    assert message is None or error["message"] == message
    assert refusal.detail == f"The eligibility rules are not valid: {field}: {error['message']}."
    assert len(refusal.detail) < 400


def test_all_mistakes_are_told_at_once() -> None:
    refusal = refused(
        [{"conditions": [condition("Tier", "On", 1), "AND"]}, *one("User Tags", "Contain all of", [1, 2])]
    )
    assert [error["field"] for error in refusal.errors] == [
        f"{RULE}.conditions.0.operator",
        f"{RULE}.conditions.1",
        "member_eligibility_rules.1.conditions.0.value",
    ]
    assert refusal.errors[2]["message"] == "item 1 should be a text that is not empty"
    assert refusal.detail.endswith("(2 more).")


def test_another_name_for_the_rules_is_used_in_the_places() -> None:
    with pytest.raises(BadInput) as caught:
        read_rules([1], field="campaign.rules")
    assert caught.value.errors[0]["field"] == "campaign.rules.0"


def test_the_number_of_rules_and_conditions_is_bounded() -> None:
    read_rules([{"conditions": []}] * MAX_RULES)
    assert refused([{"conditions": []}] * (MAX_RULES + 1)).errors[0]["field"] == "member_eligibility_rules"
    joined = [COHORT_A, *["AND", COHORT_A] * (MAX_CONDITIONS - 1)]
    read_rules([{"conditions": joined}])
    assert refused([{"conditions": [*joined, COHORT_A]}]).errors[0]["field"] == f"{RULE}.conditions"
    assert refused([{"conditions": [COHORT_A] * (MAX_CONDITIONS + 1)}]).errors[0]["field"] == f"{RULE}.conditions"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from([*ATTRIBUTES, "AND", "Between"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["conditions", "attribute", "operator", "value", "x"]), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(JSON_VALUES)
def test_whatever_is_written_is_read_or_refused(value: Any) -> None:
    for written in (value, [value], [{"conditions": value}], [{"conditions": [value]}]):
        try:
            rules = read_rules(written)
        except (BadInput, Contradiction) as error:
            assert error.errors
        else:
            assert read_rules(rules_to_document(rules)) == rules


# Targets (S0.36, S0.37)


@pytest.mark.parametrize(
    ("target", "facts", "is_in"),
    [
        (None, {}, True),
        (Target("level", ("Gold", "silver")), {"tier": "gold"}, True),
        (Target("level", ("gold",)), {"tier": "silver", "segments": ["gold"]}, False),
        (Target("level", ("gold",)), {}, False),
        (Target("segment", ("vip", "lapsed")), {"segments": ["new", "LAPSED"]}, True),
        (Target("segment", ("vip",)), {"tier": "vip", "tags": ["vip"]}, False),
        (Target("segment", ("vip",)), {}, False),
    ],
)
def test_a_target_is_a_level_or_a_segment(target: Target | None, facts: dict[str, Any], is_in: bool) -> None:
    assert is_in_target(target, member(**facts)) is is_in


@pytest.mark.parametrize(
    ("written", "target", "document"),
    [
        (None, None, None),
        (
            {"type": "Level", "levels": ["gold", "Gold", "silver"]},
            Target("level", ("gold", "silver")),
            {"type": "level", "levels": ["gold", "silver"]},
        ),
        (
            {"type": "segment", "segments": "vip", "levels": []},
            Target("segment", ("vip",)),
            {"type": "segment", "segments": ["vip"]},
        ),
    ],
)
def test_a_target_is_read_and_given_back(written: Any, target: Target | None, document: Any) -> None:
    assert read_target(written) == target
    assert target_to_document(target) == document
    assert read_target(document) == target


@pytest.mark.parametrize(
    ("written", "field"),
    [
        ([], "target"),
        ({}, "target.type"),
        ({"type": "country", "levels": ["gold"]}, "target.type"),
        ({"type": "level"}, "target.levels"),
        ({"type": "level", "levels": []}, "target.levels"),
        ({"type": "segment", "segments": [1]}, "target.segments"),
        ({"type": "level", "levels": ["gold"], "segments": ["vip"]}, "target.segments"),
        ({"type": "level", "levels": ["gold"], "tags": ["vip"]}, "target.tags"),
    ],
)
def test_a_mistaken_target_is_refused_by_its_place(written: Any, field: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_target(written)
    assert caught.value.errors[0]["field"] == field


def test_who_is_outside_of_the_target_reads_one_sentence() -> None:
    assert target_missing(Target("level", ("gold", "silver"))) == "For members at the level gold or silver."
    assert target_missing(Target("segment", ("vip",))) == "For members in the segment vip."


@pytest.mark.parametrize("module", [eligibility, eligibility_wording])
def test_the_examples_in_the_docstrings_are_true(module: Any) -> None:
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed
