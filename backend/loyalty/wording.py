"""Which of a merchant's texts a shopper reads. Texts are maps from language to text (contract section 8)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.numbers import format_decimal

LANGUAGE_TAG = re.compile(
    r"[A-Za-z]{2,3}"  # language
    r"(-[A-Za-z]{4})?"  # script
    r"(-([A-Za-z]{2}|[0-9]{3}))?"  # territory
    r"(-([A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*"  # variants
)
"""A language tag of BCP 47 as stores use them: fr, pt-BR, zh-Hant, zh-Hant-HK, ca-ES-valencia."""

MAX_TAG_CHARACTERS = 35
"""What RFC 5646 section 4.4.1 asks everyone to accept."""

_SAME_LANGUAGE = {"no": "nb", "iw": "he", "in": "id", "tl": "fil"}
"""Older or wider tags that browsers and stores still send."""

_REMEMBERED = 4096
"""So many answers are kept of each question that has the same answer for ever: dozens are asked for each page of the
widget, and a language is found among others by a table of Unicode. Tags come from anybody, so the oldest go."""

PLURAL_FORMS = ("zero", "one", "two", "few", "many", "other")
"""The plural categories of Unicode CLDR; each language uses some of them, all use `other`."""

POINTS_NAMES: Mapping[str, Mapping[str, str]] = {
    "en": {"one": "point", "other": "points"},
    "de": {"one": "Punkt", "other": "Punkte"},
    "es": {"one": "punto", "other": "puntos"},
    "fr": {"one": "point", "other": "points"},
    "it": {"one": "punto", "other": "punti"},
    "ja": {"other": "ポイント"},
    "nl": {"one": "punt", "other": "punten"},
    "pl": {"one": "punkt", "few": "punkty", "many": "punktów", "other": "punktu"},
    "pt": {"one": "ponto", "other": "pontos"},
    "zh-Hans": {"other": "积分"},
    "zh-Hant": {"other": "點"},
    "ar": {"zero": "نقطة", "one": "نقطة", "two": "نقطتان", "few": "نقاط", "many": "نقطة", "other": "نقطة"},
}
"""What points are called until the merchant names them."""


def is_language_tag(tag: str) -> bool:
    return len(tag) <= MAX_TAG_CHARACTERS and LANGUAGE_TAG.fullmatch(tag) is not None


def default_points_name(shop_locale: str) -> dict[str, dict[str, str]]:
    """English, and the shop's own language where we know it."""
    own = _closest(POINTS_NAMES, shop_locale)
    return {language: dict(POINTS_NAMES[language]) for language in ("en", own) if language is not None}


def in_every_language(names: Mapping[str, Mapping[str, str]]) -> Mapping[str, Mapping[str, str]]:
    """A program's names for points; if those are ours, with ours in the other languages: who left them as they were
    speaks to every shopper in their own language, who chose a name of their own does not find ours beside it."""
    is_ours = all(POINTS_NAMES.get(language) == forms for language, forms in names.items())
    return {**names, **POINTS_NAMES} if is_ours else names


def pick(texts: Mapping[str, str], wanted: str | None, shop_locale: str) -> str | None:
    """The text in the wanted language, else in the shop's own, else in English, else any; None if there is none."""
    language = pick_language(texts, wanted, shop_locale)
    return None if language is None else texts[language]


def pick_language(available: Iterable[str], wanted: str | None, shop_locale: str) -> str | None:
    """Which of the languages `pick` takes.

    A language is close if it is the same one in the same script: pt-BR may read pt or pt-PT, and zh-TW reads zh-Hant,
    but never zh-Hans.
    """
    return _picked(tuple(available), wanted, shop_locale)


@lru_cache(_REMEMBERED)
def _picked(languages: tuple[str, ...], wanted: str | None, shop_locale: str) -> str | None:
    for tag in (wanted, shop_locale, "en"):
        if tag is not None and (close := _closest(languages, tag)) is not None:
            return close
    return languages[0] if languages else None


def own_language(available: Iterable[str], shop_locale: str) -> str:
    """Under which tag a merchant's texts in the shop's own language stand, or should."""
    return _closest(list(available), shop_locale) or shop_locale


def forms_of(language: str) -> tuple[str, ...]:
    """Which plural forms the language tells everyday numbers apart by, `other` included."""
    locale = _babel_locale(language)
    used = {locale.plural_form(number) for number in range(201)} if locale is not None else set()
    return tuple(form for form in PLURAL_FORMS if form in used or form == "other")


def points_name(names: Mapping[str, Mapping[str, str]], points: int, wanted: str | None, shop_locale: str) -> str:
    """What this many points are called ("point", "points"), by the plural rules of the language that is picked.

    `names` is the program's `points_name`.
    """
    language = pick_language(names, wanted, shop_locale)
    if language is None:
        names, language = POINTS_NAMES, "en"
    forms = names[language]
    locale = _babel_locale(language)
    form = locale.plural_form(points) if locale is not None else "other"
    return forms.get(form, forms["other"])


def points_text(names: Mapping[str, Mapping[str, str]], points: int, wanted: str | None, shop_locale: str) -> str:
    """The number with its name, both in one language: "1,200 points", "1.200 Punkte"."""
    names = in_every_language(names)
    language = pick_language(names, wanted, shop_locale) or "en"
    return f"{_number(points, language)} {points_name(names, points, language, shop_locale)}"


def factor_text(names: Mapping[str, Mapping[str, str]], factor: Decimal, wanted: str | None, shop_locale: str) -> str:
    """What multiplies points, with their name: "2× points", "1,5× Punkte"."""
    names = in_every_language(names)
    language = pick_language(names, wanted, shop_locale) or "en"
    return f"{_number(factor.normalize(), language)}× {names[language]['other']}"


def locale_of(language: str) -> Locale:
    """How that language writes numbers, money and days; as English does where Unicode CLDR does not know it."""
    return _babel_locale(language) or Locale("en")


@lru_cache(_REMEMBERED)
def _number(number: int | Decimal, language: str) -> str:
    return str(format_decimal(number, locale=locale_of(language)))


def _closest(available: Iterable[str], tag: str) -> str | None:
    """The available language nearest to `tag`: the tag itself, the tag shortened, then its like elsewhere."""
    if not is_language_tag(tag.replace("_", "-")):
        return None
    spoken = _language_and_script(tag)
    alike = {_lowered(language): language for language in available if _language_and_script(language) == spoken}
    for shorter in _shortened(_lowered(tag)):
        if shorter in alike:
            return alike[shorter]
    return min(alike.values(), key=len, default=None)


def _lowered(tag: str) -> str:
    return tag.replace("_", "-").lower()


def _shortened(tag: str) -> Iterator[str]:
    while tag:
        yield tag
        tag = tag.rpartition("-")[0]


def _language_and_script(tag: str) -> tuple[str, str | None]:
    """("zh", "Hant") for zh-Hant, zh-TW and zh-HK; the script is the likely one of Unicode CLDR where none is named."""
    language, *rest = tag.replace("_", "-").split("-")
    language = _SAME_LANGUAGE.get(language.lower(), language.lower())
    for part in rest:
        if len(part) == 4 and part.isalpha():
            return language, part.title()
    likely: Mapping[str, str] = get_global("likely_subtags")
    territory = next((part.upper() for part in rest if len(part) in (2, 3)), None)
    full = likely.get(f"{language}_{territory}") or likely.get(language)
    return language, full.split("_")[1] if full is not None else None


@lru_cache(_REMEMBERED)
def _babel_locale(tag: str) -> Locale | None:
    try:
        return Locale.parse(tag, sep="-")
    except (ValueError, UnknownLocaleError):
        return None
