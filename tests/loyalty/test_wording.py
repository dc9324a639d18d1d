"""Which of a merchant's texts a shopper reads."""

import pytest

from backend.loyalty.wording import (
    PLURAL_FORMS,
    POINTS_NAMES,
    default_points_name,
    is_language_tag,
    pick,
    pick_language,
    points_name,
    points_text,
)
from backend.widget_api.words import SENTENCES


def chosen(available: str, wanted: str | None, shop_locale: str = "fr") -> str | None:
    """Pick among texts that are their own language."""
    return pick({tag: tag for tag in available.split()}, wanted, shop_locale)


@pytest.mark.parametrize(
    ("available", "wanted", "text"),
    [
        ("en fr de", "de", "de"),
        ("en fr pt-BR", "pt-BR", "pt-BR"),
        ("en fr pt-BR", "pt-br", "pt-BR"),  # case does not matter
        ("en fr pt-BR", "pt_BR", "pt-BR"),
        ("en fr pt pt-PT", "pt-BR", "pt"),  # the tag shortened
        ("en fr pt-BR", "pt", "pt-BR"),  # its like elsewhere
        ("fr en-US", "en-GB", "en-US"),
        ("en fr de", "de-AT", "de"),
        ("en fr es-419 es", "es-MX", "es"),
        ("en fr zh-Hant zh-Hans", "zh-TW", "zh-Hant"),
        ("en fr zh-Hant zh-Hans", "zh-HK", "zh-Hant"),
        ("en fr zh-Hans zh-Hant", "zh-Hant-HK", "zh-Hant"),
        ("en fr zh-Hant zh-Hans", "zh-CN", "zh-Hans"),
        ("en fr zh-Hant zh-Hans", "zh-SG", "zh-Hans"),
        ("en fr zh-Hant zh-Hans", "zh", "zh-Hans"),
        ("en fr zh-TW", "zh-Hant", "zh-TW"),
        ("en fr zh zh-Hant", "zh-Hant-TW", "zh-Hant"),
        ("en fr nb", "no", "nb"),
        ("en fr sr-Latn", "sr-Latn-RS", "sr-Latn"),
    ],
)
def test_the_wanted_language_or_its_closest_like(available: str, wanted: str, text: str) -> None:
    assert chosen(available, wanted) == text


@pytest.mark.parametrize(
    ("available", "wanted"),
    [
        ("fr zh-Hans en", "zh-TW"),  # another script is another text
        ("fr zh-Hant en", "zh-CN"),
        ("fr zh en", "zh-Hant"),
        ("fr sr-Latn en", "sr"),
        ("fr en", "ja"),
        ("en fr", None),
        ("en fr", ""),
        ("en fr", "../../etc/passwd"),
        ("en fr", "e" * 5000),
        ("en fr", "en-" * 2000),
    ],
)
def test_else_the_shop_s_own_language(available: str, wanted: str | None) -> None:
    assert chosen(available, wanted, shop_locale="fr-CH") == "fr"


def test_else_english_else_any_else_nothing() -> None:
    assert chosen("ja en-GB de", "it", shop_locale="fr") == "en-GB"
    assert chosen("ja de", "it", shop_locale="fr") == "ja"
    assert chosen("", "it", shop_locale="fr") is None


@pytest.mark.parametrize("tag", ["en", "fil", "pt-BR", "zh-Hant", "zh-Hant-HK", "es-419", "ca-ES-valencia", "de-1996"])
def test_language_tags(tag: str) -> None:
    assert is_language_tag(tag)


@pytest.mark.parametrize(
    "tag", ["", "e", "english", "pt_BR", "en-", "-en", "en US", "en\n", "éé", "en" + "-abcdefgh" * 4]
)
def test_what_is_no_language_tag(tag: str) -> None:
    assert not is_language_tag(tag)


# What points are called

NAMES = {
    "en": {"one": "star", "other": "stars"},
    "pl": {"one": "punkt", "few": "punkty", "many": "punktów", "other": "punktu"},
    "ar": {"zero": "صفر", "one": "نقطة", "two": "نقطتان", "few": "نقاط", "many": "نقطةً", "other": "نقطة"},
    "ja": {"other": "ポイント"},
    "fr": {"one": "étoile", "other": "étoiles"},
}


@pytest.mark.parametrize(
    ("points", "language", "name"),
    [
        (1, "en", "star"),
        (0, "en", "stars"),
        (2, "en", "stars"),
        (-1, "en", "star"),
        (0, "fr", "étoile"),  # French counts nothing as one
        (1, "fr-CA", "étoile"),
        (2, "fr", "étoiles"),
        (1, "pl", "punkt"),
        (3, "pl", "punkty"),
        (5, "pl", "punktów"),
        (12, "pl", "punktów"),
        (22, "pl", "punkty"),
        (1, "ja", "ポイント"),
        (2, "ar", "نقطتان"),
        (3, "ar", "نقاط"),
        (1, "de", "star"),  # not written: the shop's language, by the rules of that language
        (5, "de", "stars"),
    ],
)
def test_points_are_named_by_the_plural_rules_of_the_language_that_is_picked(
    points: int, language: str, name: str
) -> None:
    assert points_name(NAMES, points, language, shop_locale="en") == name


def test_a_plural_form_that_is_not_written_is_the_other() -> None:
    assert points_name({"pl": {"other": "pkt"}}, 3, "pl", shop_locale="pl") == "pkt"


def test_a_language_without_known_plural_rules_uses_the_other_form() -> None:
    assert points_name({"tlh": {"one": "wa'", "other": "mI'"}}, 1, "tlh", shop_locale="en") == "mI'"


def test_the_number_is_written_in_the_language_of_its_name() -> None:
    assert points_text(NAMES, 1200, "en", shop_locale="en") == "1,200 stars"
    assert points_text(NAMES, 1200, "de", shop_locale="en") == "1,200 stars"
    assert points_text({"de": {"one": "Punkt", "other": "Punkte"}}, 1200, "de", shop_locale="de") == "1.200 Punkte"
    assert points_text(NAMES, 1, "en", shop_locale="en") == "1 star"
    assert points_text(NAMES, -50, "en", shop_locale="en") == "-50 stars"


def test_a_new_shop_s_points_have_a_name_in_english_and_its_own_language() -> None:
    assert default_points_name("en-US") == {"en": {"one": "point", "other": "points"}}
    assert default_points_name("pt-BR")["pt"] == {"one": "ponto", "other": "pontos"}
    assert list(default_points_name("zh-TW")) == ["en", "zh-Hant"]
    assert list(default_points_name("is")) == ["en"]
    assert list(default_points_name("nonsense!")) == ["en"]


def test_every_name_of_ours_has_the_other_form() -> None:
    assert all(forms["other"] for forms in POINTS_NAMES.values())


def test_points_have_a_name_of_ours_in_every_language_of_the_product() -> None:
    languages = {pick_language(POINTS_NAMES, language, "") for language in SENTENCES}
    assert languages == {"en", "de", "es", "fr", "it", "ja", "nl", "pl", "pt", "zh-Hant", "ar"}
    assert POINTS_NAMES["ar"].keys() == set(PLURAL_FORMS)


@pytest.mark.parametrize(
    ("points", "language", "said"),
    [(1200, "de", "1.200 Punkte"), (3, "ar", "3 نقاط"), (5, "pl", "5 punktów"), (1200, "ko", "1,200 points")],
)
def test_who_never_named_the_points_speaks_to_each_shopper_in_their_language(
    points: int, language: str, said: str
) -> None:
    assert points_text(default_points_name("fr"), points, language, shop_locale="en") == said


def test_who_named_the_points_finds_no_name_of_ours_beside_it() -> None:
    named = {"en": {"one": "point", "other": "points"}, "fr": {"one": "étoile", "other": "étoiles"}}
    assert points_text(named, 5, "de", shop_locale="fr") == "5 étoiles"
