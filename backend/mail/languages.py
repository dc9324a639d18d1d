"""The languages that members are written to in, and our words in each: one JSON file of `words/`."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from babel import Locale

from backend.loyalty.wording import pick_language

LANGUAGES = ("en", "de", "es", "fr", "it", "ja", "nl", "pl", "pt-BR", "zh-Hant", "ar")


def language_for(locale: str | None, shop_locale: str) -> str:
    """The language that a reader of `locale` is written to in: theirs, else the shop's, else English."""
    return pick_language(LANGUAGES, locale, shop_locale) or "en"


def is_rtl(language: str) -> bool:
    return Locale.parse(language, sep="-").text_direction == "rtl"


def isolated(name: str, language: str) -> str:
    """The name for a sentence of that language; from right to left it keeps its own direction (Unicode's FSI and PDI)."""
    return f"\u2068{name}\u2069" if is_rtl(language) else name


@cache
def words(language: str) -> Mapping[str, Any]:
    """Everything that we say in that language."""
    found: Mapping[str, Any] = json.loads(
        files("backend.mail").joinpath("words", f"{language}.json").read_text("utf-8")
    )
    return found
