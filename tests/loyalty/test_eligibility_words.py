"""Whom a reward is for, said in every language of the product."""

import json
from datetime import date
from importlib.resources import files
from string import Formatter
from typing import Any

import pytest
from babel import Locale

from backend.loyalty.eligibility.eligibility import judge, read_rules, target_missing
from backend.loyalty.eligibility.eligibility_terms import ATTRIBUTES, OPERATORS, Condition, Target, Value
from backend.loyalty.eligibility.eligibility_wording import LANGUAGES, missing
from backend.widget_api.words import SENTENCES
from tests.loyalty.test_eligibility import condition, member

VALUES: dict[str, tuple[Value, ...]] = {
    "date": (date(2022, 5, 1), date(2022, 6, 8)),
    "number": (3, 1000),
    "money": (50, 75),
    "text": ("one", "two", "three"),
    "texts": ("one", "two", "three"),
    "month": (1, 12),
    "yes_no": (True,),
}


def words(language: str) -> dict[str, Any]:
    found = files("backend.loyalty.eligibility").joinpath("words", "eligibility", f"{language}.json").read_text("utf-8")
    spoken: dict[str, Any] = json.loads(found)
    return spoken


def phrases(language: str) -> dict[str, Any]:
    """All that is said of a member: whether it follows "with" or "who" is each language's own affair."""
    spoken = words(language)
    named = {name: spoken[name] for name in ("target.level", "target.segment", "name", "others", "orders", "points")}
    return {**named, **spoken["with"], **spoken["who"]}


def blanks(text: Any) -> set[str]:
    forms = text.values() if isinstance(text, dict) else [text]
    return {name for form in forms for _, name, _, _ in Formatter().parse(form) if name is not None}


def every_condition() -> list[Condition]:
    """One of each attribute with each operator."""
    return [
        Condition(attribute, operator, () if "set" in operator else VALUES[kind])
        for attribute, kind in ATTRIBUTES.items()
        for operator in OPERATORS[kind]
    ]


def test_the_languages_are_those_of_the_widget() -> None:
    assert set(LANGUAGES) == set(SENTENCES)


def test_no_language_lacks_a_phrase() -> None:
    """The one list of what is still to be translated."""
    lacking = {language: sorted(phrases("en").keys() - phrases(language).keys()) for language in LANGUAGES}
    assert {language: names for language, names in lacking.items() if names} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_fills_in_what_english_does(language: str) -> None:
    english, own = phrases("en"), phrases(language)
    assert own.keys() - english.keys() == set()
    assert {name: blanks(text) for name, text in own.items()} == {name: blanks(text) for name, text in english.items()}
    assert set(words(language)["with"]) & set(words(language)["who"]) == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_the_sentences_that_its_phrases_need(language: str) -> None:
    spoken = words(language)
    assert set(spoken["sentence"]) == ({"with", "who", "both"} if spoken["with"] else {"who"})
    assert all(
        blanks(text) == ({"with", "who"} if name == "both" else {name}) for name, text in spoken["sentence"].items()
    )
    assert len(set(spoken["months"])) == 12


@pytest.mark.parametrize("language", LANGUAGES)
def test_plurals_use_no_form_that_the_language_has_not(language: str) -> None:
    known = {*Locale.parse(language, sep="-").plural_form.tags, "other"}
    plurals = {name: set(text) for name, text in phrases(language).items() if isinstance(text, dict)}
    assert {name: forms for name, forms in plurals.items() if not {"other"} <= forms <= known} == {}
    counted = [set(words(language)[what]) for what in ("orders", "points") if isinstance(words(language)[what], dict)]
    assert all(forms == known for forms in counted)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_condition_makes_one_whole_sentence(language: str) -> None:
    for each in every_condition():
        said = missing([each], "EUR", language)
        assert "{" not in said, each
        assert said[-1] in ".。", each
        if each.values and each.kind in ("text", "texts") and each.attribute not in ("Country", "Language"):
            assert all(str(value) in said for value in each.values), each
    everything = missing(every_condition(), "EUR", language)
    assert everything.count(".") + everything.count("。") >= 1


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        (
            "de",
            "Für Mitglieder mit dem Schlagwort cohortA, mindestens 3 Bestellungen und Wohnsitz Frankreich oder "
            "Vereinigte Staaten, die vor dem 1. Mai 2022 beigetreten sind und mindestens 50,00 € ausgegeben haben.",
        ),
        (
            "pl",
            "Dla uczestników, którzy mają tag „cohortA”, mają co najmniej 3 zamówienia, mieszkają w podanym kraju "
            "(Francja lub Stany Zjednoczone), dołączyli przed 1 maja 2022 i wydali co najmniej 50,00 €.",
        ),
        (
            "ja",
            "タグ「cohortA」が付いた、注文数が3以上の、フランスまたはアメリカ合衆国にお住まいの、"
            "2022年5月1日より前に入会した、購入総額が€50.00以上の会員が対象です。",
        ),
        (
            "ar",
            "للأعضاء الذين لديهم الوسم «cohortA» وعدد طلباتهم 3 على الأقل ويقيمون في فرنسا أو الولايات المتحدة "
            "وانضموا قبل 1 مايو 2022 وأنفقوا \N{RIGHT-TO-LEFT MARK}50.00 € على الأقل.",
        ),
    ],
)
def test_a_sentence_reads_as_its_language_is_written(language: str, sentence: str) -> None:
    rules = read_rules(
        [
            {
                "conditions": [
                    condition("User Tags", "Contain all of", ["cohortA"]),
                    "AND",
                    condition("Orders Count", "At least", 3),
                    "AND",
                    condition("Country", "In", ["fr", "United States"]),
                    "AND",
                    condition("Enrolment Date", "Before", "5/1/2022"),
                    "AND",
                    condition("Total Spend", "At least", "50"),
                ]
            }
        ]
    )
    assert (judge(rules, member(currency="EUR"), language).refusal or "").replace("\N{NO-BREAK SPACE}", " ") == sentence


@pytest.mark.parametrize(
    ("language", "n", "sentence"),
    [
        ("pl", 1, "Dla uczestników, którzy mają co najmniej 1 zamówienie."),
        ("pl", 3, "Dla uczestników, którzy mają co najmniej 3 zamówienia."),
        ("pl", 5, "Dla uczestników, którzy mają co najmniej 5 zamówień."),
        ("fr", 1, "Pour les membres avec au moins 1 commande."),
        ("es", 1000000, "Para miembros con al menos 1.000.000 de pedidos."),
    ],
)
def test_what_is_counted_stands_in_its_plural(language: str, n: int, sentence: str) -> None:
    assert missing([Condition("Orders Count", "At least", (n,))], language=language) == sentence


def test_months_stand_in_the_case_that_the_sentence_asks_for() -> None:
    assert missing([Condition("Birthday Month", "In", (5, 6))], language="pl") == (
        "Dla uczestników, którzy urodzili się w maju lub czerwcu."
    )


def test_levels_and_segments_are_named_in_the_language() -> None:
    gold = Target("level", ("gold", "silver"))
    assert target_missing(gold, "de") == "Für Mitglieder der Stufe gold oder silver."
    assert target_missing(gold, "zh-TW") == "僅限等級「gold」或「silver」的會員。"


@pytest.mark.parametrize("language", ["ko", "zh-CN", "", "nonsense!"])
def test_a_language_that_we_do_not_have_reads_english(language: str) -> None:
    assert missing([Condition("Tier", "Equals", ("gold",))], language=language) == "For members with the tier gold."
