"""What the product writes to members, in the member's language, as text and as HTML.

`compose` is pure: it reads the templates and words of this package and nothing else. The words of a language are one
JSON file in `words/`; a reader of a language that we do not have reads the shop's, else English. Names and reasons come
from merchants and shoppers: they are escaped in the HTML and lose their line breaks in the subject.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, Literal
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from backend.loyalty.wording import pick_language, points_text

Kind = Literal[
    "points_earned",
    "points_expiring",
    "points_expired",
    "points_clawed_back",
    "points_adjusted",
    "reward_expired",
    "reward_failed",
]
LANGUAGES = ("en", "de", "es", "fr", "it", "ja", "nl", "pl", "pt-BR", "zh-Hant", "ar")
DEFAULT_ACCENT = "#4a3aff"
_LONGEST_SUBJECT = 150
_ONE_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Context:
    """What a message tells.

    `points` are positive, except in `points_adjusted`, where a deduction is negative. `expires_at` is the ledger's
    exclusive instant (valid while now < expires_at); the reader is told the last day, in the shop's zone. `balance` can
    be spent now; `owed` is zero or negative. `reason` is one of the words' `reasons` or a text of the merchant. Of a
    `reward`, `points` is the price, and `points_came_back` says whether its owner has it again.
    """

    shop_name: str
    shop_url: str
    shop_locale: str
    timezone: str
    points: int
    points_names: Mapping[str, Mapping[str, str]]
    first_name: str | None = None
    balance: int | None = None
    owed: int = 0
    expires_at: datetime | None = None
    never_expires: bool = False
    order_number: str | None = None
    reason: str | None = None
    reward: str | None = None
    points_came_back: bool = False
    accent: str = DEFAULT_ACCENT


@dataclass(frozen=True)
class Message:
    """One mail, without its addresses."""

    subject: str
    text: str
    html: str


def compose(kind: Kind, locale: str | None, context: Context) -> Message:
    """The message `kind` for a reader of `locale` (else the shop's language, else English)."""
    language = pick_language(LANGUAGES, locale, context.shop_locale) or "en"
    words = _words(language)
    own = words[_wording(kind, context)]
    blanks = _blanks(locale or context.shop_locale, language, context)
    paragraphs = [words["greeting_by_name" if context.first_name else "greeting"], own["body"]]
    if context.owed < 0:
        paragraphs.append(words["owed"])
    shown = {
        "language": language,
        "is_rtl": Locale.parse(language, sep="-").text_direction == "rtl",
        "subject": _one_line(own["subject"].format_map(blanks))[:_LONGEST_SUBJECT],
        "shop_name": _one_line(context.shop_name),
        "shop_url": context.shop_url,
        "headline": own["headline"].format_map(blanks),
        "paragraphs": [paragraph.format_map(blanks) for paragraph in paragraphs],
        "facts": _facts(kind, words, blanks, context),
        "button": words["button"].format_map(blanks),
        "footer": words["footer"].format_map(blanks),
        "accent": context.accent,
        "on_accent": readable_on(context.accent),
    }
    text = _templates().get_template("message.txt").render(shown)
    return Message(shown["subject"], text, _templates().get_template("message.html").render(shown))


def readable_on(colour: str) -> str:
    """White or black, whichever stands out more on a colour such as #7a3cff: at least 4.5 to 1 (WCAG 2.2)."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#ffffff" if 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 else "#000000"


def _wording(kind: Kind, context: Context) -> str:
    if kind == "points_adjusted":
        return "points_given" if context.points > 0 else "points_deducted"
    if kind == "points_earned" and context.order_number:
        return "points_earned_by_order"
    if kind == "reward_expired" and context.points_came_back:
        return "reward_expired_points_back"
    if kind == "reward_failed" and context.points == 0:
        return "reward_failed_free"
    return kind


def _blanks(locale: str, language: str, context: Context) -> dict[str, str]:
    def counted(points: int) -> str:
        return points_text(context.points_names, points, language, context.shop_locale)

    return {
        "shop": context.shop_name,
        "name": context.first_name or "",
        "points": counted(abs(context.points)),
        "balance": "" if context.balance is None else counted(context.balance),
        "owed": counted(-context.owed),
        "order": context.order_number or "",
        "reward": context.reward or "",
        "date": "" if context.expires_at is None else _last_day(context.expires_at, context.timezone, locale, language),
    }


def _facts(kind: Kind, words: Mapping[str, Any], blanks: Mapping[str, str], context: Context) -> list[tuple[str, str]]:
    facts = []
    if context.order_number:
        facts.append((words["order"], context.order_number))
    if context.reason:
        facts.append((words["reason"], words["reasons"].get(context.reason, context.reason)))
    if kind in ("points_earned", "points_adjusted") and (blanks["date"] or context.never_expires):
        facts.append((words["valid_through"], blanks["date"] or words["no_end"]))
    if blanks["balance"]:
        facts.append((words["balance"], blanks["balance"]))
    return facts


def _last_day(expires_at: datetime, timezone: str, locale: str, language: str) -> str:
    day = (expires_at.astimezone(ZoneInfo(timezone)) - _ONE_MOMENT).date()
    ours = Locale.parse(language, sep="-")
    try:
        spoken = Locale.parse(locale, sep="-")
    except (ValueError, UnknownLocaleError):
        spoken = ours
    is_same = spoken.language == ours.language and spoken.script in (ours.script, None)
    return format_date(day, format="long", locale=spoken if is_same else ours)


def _one_line(text: str) -> str:
    return " ".join(text.split())


@cache
def _words(language: str) -> Mapping[str, Any]:
    words: Mapping[str, Any] = json.loads(
        files("backend.mail").joinpath("words", f"{language}.json").read_text("utf-8")
    )
    return words


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("backend.mail"),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
