"""Every language says everything, with the same marks, and nothing that nobody says."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.widget.conftest import STATIC

ENGLISH: dict[str, Any] = json.loads((STATIC / "locales/en.json").read_text(encoding="utf-8"))
OTHERS = sorted(file for file in (STATIC / "locales").glob("*.json") if file.stem != "en")

MAY_FALL_BACK: dict[str, set[str]] = {}
"""Keys that a language leaves to English, by language. Its file then says `"partial": true`."""

COMPOSED = ("problem.", "why.", "balance.", "tab.", "paused.", "earn.empty.")
"""Keys that the code puts together from parts."""


def marks(text: Any) -> set[str]:
    forms = text.values() if isinstance(text, dict) else [text]
    return {mark for form in forms for mark in re.findall(r"\{(\w+)\}", form)}


@pytest.mark.parametrize("file", OTHERS, ids=lambda file: file.stem)
def test_a_language_has_the_keys_of_english(file: Path) -> None:
    words = json.loads(file.read_text(encoding="utf-8"))
    left_out = MAY_FALL_BACK.get(file.stem, set())
    assert set(words) - {"partial"} == set(ENGLISH) - left_out
    assert words.get("partial", False) == bool(left_out)


@pytest.mark.parametrize("file", OTHERS, ids=lambda file: file.stem)
def test_a_language_uses_the_marks_of_english(file: Path) -> None:
    words = json.loads(file.read_text(encoding="utf-8"))
    different = {
        key for key, text in words.items() if key != "partial" and marks(text) - {"n"} != marks(ENGLISH[key]) - {"n"}
    }
    assert different == set()


@pytest.mark.parametrize("file", [*OTHERS, STATIC / "locales/en.json"], ids=lambda file: file.stem)
def test_plurals_have_the_form_that_every_language_has(file: Path) -> None:
    words = json.loads(file.read_text(encoding="utf-8"))
    assert all("other" in text for text in words.values() if isinstance(text, dict))


def test_the_languages_of_the_entry_are_the_files() -> None:
    entry = (STATIC / "lagniappe.js").read_text(encoding="utf-8")
    listed = re.search(r"const LANGUAGES = (\[.*?\])", entry)
    assert listed is not None
    assert sorted(json.loads(listed[1])) == sorted(file.stem for file in (STATIC / "locales").glob("*.json"))


def test_every_word_is_said_and_every_word_said_is_there() -> None:
    code = "\n".join(file.read_text(encoding="utf-8") for file in STATIC.rglob("*.js"))
    said = set(re.findall(r"""say\(\s*"([\w.]+)\"""", code))
    assert said >= {"close", "guest.signup", "earn.done"}
    assert {key for key in said if key not in ENGLISH and f"why.{key}" not in ENGLISH} == set()
    unsaid = {key for key in ENGLISH if key not in said and not key.startswith(COMPOSED) and f'"{key}"' not in code}
    assert unsaid == set()


def test_the_tabs_are_named_as_the_contract_says() -> None:
    assert ENGLISH["tab.earn"] == "Earn points"
    assert ENGLISH["tab.balance"] == "My balance"
