"""Every language says everything, with the same marks, and nothing that nobody says."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from babel import Locale

from tests.widget.conftest import STATIC

LOCALES = STATIC / "locales"
FILES = sorted(LOCALES.rglob("*.json"))
"""One per language; and in a folder for each tab that brings its own words, one per language again."""
OTHERS = [file for file in FILES if file.stem != "en"]

MAY_FALL_BACK: dict[str, set[str]] = {}
"""Keys that a file leaves to English, by its name ("de", "balance/de"). It then says `"partial": true`."""

LANGUAGES = {"en", "de", "es", "fr", "it", "ja", "nl", "pl", "pt-BR", "zh-Hant", "ar"}
FOLDERS = sorted({file.parent for file in FILES})

COMPOSED = (
    "problem.",
    "why.",
    "balance.",
    "tab.",
    "paused.",
    "earn.empty.",
    "earn.birthday",
    "earn.referral",
    "state.",
    "after.",
    "undo.text.",
    "activity.kind.",
    "referral.",
    "level.",
)
"""Keys that the code puts together from parts."""


def name(file: Path) -> str:
    return str(file.relative_to(LOCALES).with_suffix(""))


def words_of(file: Path) -> dict[str, Any]:
    words: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return words


def english_of(file: Path) -> dict[str, Any]:
    return words_of(file.with_name("en.json"))


ENGLISH = {key: text for file in FILES if file.stem == "en" for key, text in words_of(file).items()}


def marks(text: Any) -> set[str]:
    forms = text.values() if isinstance(text, dict) else [text]
    return {mark for form in forms for mark in re.findall(r"\{(\w+)\}", form)}


def categories(language: str) -> set[str]:
    """The plural categories that Unicode CLDR gives the language."""
    return {*Locale.parse(language, sep="-").plural_form.tags, "other"}


def test_no_language_lacks_anything() -> None:
    """The one list of what is still to be translated: by file, the keys, or all of them where there is no file."""
    missing = {}
    for folder in FOLDERS:
        english = set(words_of(folder / "en.json"))
        for language in sorted(LANGUAGES):
            file = folder / f"{language}.json"
            there = set(words_of(file)) if file.exists() else set()
            if lacking := english - there - MAY_FALL_BACK.get(name(file), set()):
                missing[name(file)] = sorted(lacking)
    assert missing == {}


@pytest.mark.parametrize("file", OTHERS, ids=name)
def test_a_language_says_nothing_that_english_does_not(file: Path) -> None:
    words = words_of(file)
    assert set(words) - {"partial"} - set(english_of(file)) == set()
    assert words.get("partial", False) == bool(MAY_FALL_BACK.get(name(file)))


@pytest.mark.parametrize("file", OTHERS, ids=name)
def test_a_language_uses_the_marks_of_english(file: Path) -> None:
    english = english_of(file)
    different = {
        key
        for key, text in words_of(file).items()
        if key != "partial" and marks(text) - {"n"} != marks(english[key]) - {"n"}
    }
    assert different == set()


@pytest.mark.parametrize("file", FILES, ids=name)
def test_plurals_have_exactly_the_forms_of_the_language(file: Path) -> None:
    forms = {key: set(text) for key, text in words_of(file).items() if isinstance(text, dict)}
    assert {key: found for key, found in forms.items() if found != categories(file.stem)} == {}


def test_no_word_stands_in_two_files() -> None:
    """A tab's words join those of the panel: they must not change what it says elsewhere."""
    keys = [key for file in FILES if file.stem == "en" for key in words_of(file)]
    assert len(keys) == len(set(keys))


def test_the_languages_of_the_entry_are_the_files() -> None:
    entry = (STATIC / "lagniappe.js").read_text(encoding="utf-8")
    listed = re.search(r"const LANGUAGES = (\[.*?\])", entry)
    assert listed is not None
    assert set(json.loads(listed[1])) == LANGUAGES
    for folder in FOLDERS:
        assert {file.stem for file in folder.glob("*.json")} == LANGUAGES


def test_every_word_is_said_and_every_word_said_is_there() -> None:
    code = "\n".join(file.read_text(encoding="utf-8") for file in STATIC.rglob("*.js"))
    said = set(re.findall(r"""say\(\s*"([\w.]+)\"""", code))
    assert said >= {"close", "guest.signup", "earn.done"}
    assert {key for key in said if key not in ENGLISH and f"why.{key}" not in ENGLISH} == set()
    unsaid = {key for key in ENGLISH if key not in said and not key.startswith(COMPOSED) and f'"{key}"' not in code}
    assert unsaid == set()


def test_the_tabs_are_named_as_the_contract_says() -> None:
    assert ENGLISH["tab.earn"] == "Earn points"
    assert ENGLISH["tab.redeem"] == "Redeem points"
    assert ENGLISH["tab.rewards"] == "My rewards"
    assert ENGLISH["tab.referral"] == "Referral program"
    assert ENGLISH["tab.balance"] == "My balance"
