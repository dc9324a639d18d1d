"""The server's own sentences stand in every language of the widget."""

import re

import pytest

from backend.widget_api.words import SENTENCES, sentences

MARKS = re.compile(r"\{(\w*)\}")


@pytest.mark.parametrize("language", SENTENCES)
def test_every_sentence_stands_in_every_language_with_the_same_marks(language: str) -> None:
    assert SENTENCES[language].keys() == SENTENCES["en"].keys()
    for name, text in SENTENCES[language].items():
        assert text.strip(), name
        assert sorted(MARKS.findall(text)) == sorted(MARKS.findall(SENTENCES["en"][name])), (language, name)


def test_the_languages_of_the_design_are_there() -> None:
    assert set(SENTENCES) == {"en", "de", "es", "fr", "it", "ja", "nl", "pl", "pt-BR", "zh-Hant", "ar"}


def test_the_nearest_language_is_chosen() -> None:
    assert sentences("pt-PT", "en")["purchase"] == "Comprar"
    assert sentences("zh-TW", "en")["purchase"] == "前往購買"
    assert sentences("ar-EG", "en")["purchase"] == "تسوّق"
    assert sentences("zh-CN", "fr")["purchase"] == "Acheter"
    assert sentences(None, "ko")["purchase"] == "Purchase"
