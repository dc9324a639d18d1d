"""What members read: in their language, with their shop's words, dates and zone."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from importlib.resources import files
from string import Formatter
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.mail.languages import LANGUAGES
from backend.mail.messages import Context, Kind, Message, compose, readable_on

KINDS: tuple[Kind, ...] = get_args(Kind)
NEW_YEAR_IN_PARIS = datetime(2020, 12, 31, 23, tzinfo=UTC)
POINTS = {
    "en": {"one": "point", "other": "points"},
    "de": {"one": "Punkt", "other": "Punkte"},
    "fr": {"one": "étoile", "other": "étoiles"},
}

CONTEXT = Context(
    shop_name="Maison Test",
    shop_url="https://shop.example",
    shop_locale="en",
    timezone="Europe/Paris",
    points=100,
    points_names=POINTS,
    first_name="Ada",
    balance=1320,
    expires_at=NEW_YEAR_IN_PARIS,
    order_number="#1001",
    reward="€5 off",
    level="Gold",
    level_before="Silver",
    announcement="A new lamp is waiting for you.",
)


def words(language: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(files("backend.mail").joinpath("words", f"{language}.json").read_text("utf-8"))
    return found


def shown(message: Message) -> str:
    """What a reader of the HTML sees."""
    seen: list[str] = []

    class Reader(HTMLParser):
        is_style = False

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.is_style = tag in ("style", "title")

        def handle_data(self, data: str) -> None:
            if not self.is_style:
                seen.append(data)

    Reader().feed(message.html)
    return " ".join(" ".join(seen).split())


def test_earned_points_come_with_why_how_many_until_when_and_the_new_balance() -> None:  # S3.30
    message = compose("points_earned", "en-US", CONTEXT)
    assert message.subject == "You earned 100 points at Maison Test"
    for text in (message.text, shown(message)):
        assert "Hello Ada," in text
        assert "order #1001 brought you 100 points" in text
        assert "1,320 points" in text
        assert "December 31, 2020" in text
        assert "https://shop.example" in message.text


def test_the_last_day_is_told_in_the_shops_zone_and_the_readers_language() -> None:
    """The ledger keeps the first instant at which the points are gone."""
    assert "31 December 2020" in compose("points_expiring", "en-GB", CONTEXT).subject
    assert "31. Dezember 2020" in compose("points_expiring", "de-AT", CONTEXT).subject
    assert "31 décembre 2020" in compose("points_expiring", "fr", CONTEXT).subject
    assert "2020年12月31日" in compose("points_expiring", "zh-TW", CONTEXT).subject
    assert "31 de dezembro de 2020" in compose("points_expiring", "pt-BR", CONTEXT).subject
    assert "31 ديسمبر 2020" in compose("points_expiring", "ar-EG", CONTEXT).subject
    in_tokyo = replace(CONTEXT, timezone="Asia/Tokyo")
    assert "1 January 2021" in compose("points_expiring", "en-GB", in_tokyo).subject


def test_points_have_the_shops_name_in_the_readers_plural() -> None:
    assert "100 étoiles" in compose("points_earned", "fr", CONTEXT).subject
    assert "1 étoile " in compose("points_earned", "fr", replace(CONTEXT, points=1)).subject
    assert "1 Punkt für" in compose("points_earned", "de", replace(CONTEXT, points=1)).subject


def test_a_language_that_we_do_not_have_reads_the_shops() -> None:
    assert compose("points_earned", "ko", replace(CONTEXT, shop_locale="fr")).text.startswith("Vous avez gagné")
    assert compose("points_earned", "fi", replace(CONTEXT, shop_locale="ko")).text.startswith("You earned")
    assert compose("points_earned", None, replace(CONTEXT, shop_locale="de")).text.startswith("100 Punkte gesammelt")


def test_points_that_never_expire_say_so() -> None:
    message = compose("points_earned", "en", replace(CONTEXT, expires_at=None, never_expires=True))
    assert "Valid through: No end date" in message.text


def test_whoever_loses_points_reads_the_reason() -> None:
    message = compose("points_clawed_back", "de", replace(CONTEXT, reason="cancelled", expires_at=None))
    assert "Grund: Die Bestellung wurde storniert" in message.text
    assert "#1001" in shown(message)


def test_what_is_owed_is_said() -> None:
    message = compose("points_clawed_back", "en", replace(CONTEXT, balance=0, owed=-40))
    assert "You now owe 40 points" in message.text


def test_an_adjustment_says_who_did_what_and_the_merchants_reason() -> None:
    given_points = compose("points_adjusted", "en", replace(CONTEXT, points=5, reason="Sorry for the wait"))
    taken = compose("points_adjusted", "en", replace(CONTEXT, points=-5, reason="A mistake"))
    assert given_points.subject == "Maison Test gave you 5 points"
    assert "Reason: Sorry for the wait" in given_points.text
    assert taken.subject == "Maison Test deducted 5 points"


@pytest.mark.parametrize(("came_back", "sentence"), [(True, "is back in your balance"), (False, "stays spent")])
def test_whose_reward_has_expired_reads_which_until_when_and_what_became_of_its_price(
    came_back: bool, sentence: str
) -> None:
    message = compose("reward_expired", "en", replace(CONTEXT, points_came_back=came_back))
    assert message.subject == "Expired: €5 off at Maison Test"
    for text in (message.text, shown(message)):
        assert "through December 31, 2020" in text
        assert f"its price of 100 points {sentence}" in text


def test_who_can_get_no_code_reads_that_the_points_are_free_again() -> None:
    message = compose("reward_failed", "en", replace(CONTEXT, expires_at=None))
    assert "could not get a code for €5 off" in message.text
    assert "its price of 100 points is free again" in message.text
    credit = compose("reward_failed", "en", replace(CONTEXT, is_credit=True, expires_at=None))
    assert "code" not in credit.text and "could not put" in credit.text and "free again" in credit.text
    for_nothing = compose("reward_failed", "en", replace(CONTEXT, points=0, expires_at=None))
    assert "It cost you nothing" in for_nothing.text


def test_whose_earned_reward_is_taken_back_reads_that_its_code_works_no_more() -> None:
    message = compose("reward_withdrawn", "en", replace(CONTEXT, points=0, expires_at=None))
    assert message.subject == "Taken back: €5 off at Maison Test"
    assert "Its code works no more." in message.text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_names_and_reasons_are_text_and_never_markup(kind: Kind, language: str) -> None:
    nasty = "<img src=x onerror=alert(1)>{name}{{ 7*7 }}%s\r\nBcc: x@evil.example"
    message = compose(
        kind,
        language,
        replace(CONTEXT, shop_name=nasty, first_name=nasty, reason=nasty, order_number=nasty, reward=nasty),
    )
    assert "<img" not in message.html
    assert "{{ 7*7 }}" in message.text
    assert "\n" not in message.subject
    assert "\r" not in message.subject


def sentences(language: str) -> dict[str, str]:
    """The words of a language by their path, such as "points_earned.subject"."""
    found: dict[str, str] = {}
    for name, said in words(language).items():
        found |= {f"{name}.{part}": text for part, text in said.items()} if isinstance(said, dict) else {name: said}
    return found


def blanks(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_the_languages_are_those_of_the_product() -> None:
    assert set(LANGUAGES) == {"en", "de", "es", "fr", "it", "ja", "nl", "pl", "pt-BR", "zh-Hant", "ar"}


def test_german_letters_say_du_as_the_widget_does() -> None:
    words = files("backend.mail").joinpath("words", "de.json").read_text(encoding="utf-8")
    assert not re.findall(r"\b(?:Ihnen|Ihr|Ihre[mnrs]?)\b", words)
    assert re.search(r"\bdeine\b", words)


def test_no_language_lacks_a_sentence() -> None:
    """The one list of what is still to be translated."""
    english = sentences("en").keys()
    missing = {language: sorted(english - sentences(language).keys()) for language in LANGUAGES}
    assert {language: names for language, names in missing.items() if names} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_fills_in_what_english_does(language: str) -> None:
    """A mail of one shop may leave its name unsaid in a sentence: it stands above and below."""
    english, own = sentences("en"), sentences(language)
    assert set(own) - set(english) == set()
    different = {name for name, text in own.items() if blanks(text) - {"shop"} != blanks(english[name]) - {"shop"}}
    assert different == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_leaves_no_blank(language: str) -> None:
    for kind in KINDS:
        message = compose(kind, language, CONTEXT)
        assert f'lang="{language}"' in message.html
        assert "{" not in message.text


def test_arabic_is_read_from_right_to_left() -> None:
    """The direction stands on the outer table too: some mail programs keep no <html>."""
    arabic = compose("points_earned", "ar", CONTEXT).html
    assert '<html lang="ar" dir="rtl">' in arabic
    assert arabic.count('dir="rtl"') == 2
    assert arabic.index('align="right"') < arabic.index('align="left"')  # a fact's name, then what it is
    english = compose("points_earned", "en", CONTEXT).html
    assert '<html lang="en" dir="ltr">' in english
    assert "rtl" not in english


@pytest.mark.parametrize("kind", KINDS)
def test_text_and_html_tell_the_same(kind: Kind) -> None:
    message = compose(kind, "en", CONTEXT)
    seen = shown(message)
    for line in message.text.splitlines():
        label, _, value = line.partition(": ")
        if line not in ("", "--") and "https://" not in line:
            assert line in seen or f"{label} {value}" in seen


@given(st.integers(0, 0xFFFFFF))
def test_the_button_can_be_read_on_any_colour_of_the_merchant(colour: int) -> None:
    """WCAG 2.2: at least 4.5 to 1."""
    accent = f"#{colour:06x}"
    lighter, darker = sorted((luminance(accent), luminance(readable_on(accent))), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def luminance(colour: str) -> float:
    linear: Callable[[float], float] = lambda c: c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4  # noqa: E731
    red, green, blue = (linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
