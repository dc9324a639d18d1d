"""The page behind the link that unsubscribes, in the reader's language and the look of our mails. Pure, as `messages` is."""

from dataclasses import dataclass
from typing import Literal

from backend.mail.languages import is_rtl, isolated, language_for, words
from backend.mail.messages import DEFAULT_ACCENT, readable_on, templates

State = Literal["ask", "done", "erased", "unknown", "busy"]
_QUESTIONS = {"ask": "unsubscribe", "done": "subscribe"}
"""States with a button, and the word on it."""


@dataclass(frozen=True)
class PageShop:
    """Whose mails they are."""

    name: str
    url: str
    locale: str
    accent: str


def unsubscribe_page(state: State, locale: str | None, shop: PageShop | None, nonce: str) -> str:
    """The page in that state. Without a shop (the link is none) it says no more than that. `nonce` lets its style in."""
    language = language_for(locale, shop.locale if shop is not None else "en")
    shop_name = isolated(shop.name, language) if shop is not None else ""
    said = {name: text.format(shop=shop_name) for name, text in words(language)["page"].items()}
    accent = shop.accent if shop is not None else DEFAULT_ACCENT
    return (
        templates()
        .get_template("unsubscribe.html")
        .render(
            language=language,
            is_rtl=is_rtl(language),
            title=said["title"] if shop is not None else said[state],
            shop_name=shop.name if shop is not None else None,
            shop_url=shop.url if shop is not None else None,
            headline=said[state],
            text=said[f"{state}_text"],
            still=said["still"] if state in ("ask", "done") else None,
            answer=_QUESTIONS.get(state),
            button=said[_QUESTIONS[state]] if state in _QUESTIONS else None,
            is_quiet_button=state == "done",
            back=said["back"],
            accent=accent,
            on_accent=readable_on(accent),
            nonce=nonce,
        )
    )
