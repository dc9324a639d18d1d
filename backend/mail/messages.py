"""What the product writes to members, in the member's language, as text and as HTML.

`compose` is pure: it reads the templates and words of this package and nothing else. A reader of a language that we do
not have reads the shop's, else English. Names and reasons come from merchants and shoppers: they are escaped in the
HTML and lose their line breaks in the subject.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.lists import format_list
from babel.numbers import format_decimal
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from backend.loyalty.wording import points_text
from backend.mail.languages import is_rtl, isolated, language_for
from backend.mail.languages import words as words_of

Kind = Literal[
    "points_earned",
    "points_expiring",
    "points_expired",
    "points_clawed_back",
    "points_adjusted",
    "reward_issued",
    "reward_available",
    "reward_expired",
    "reward_failed",
    "reward_withdrawn",
    "tier_changed",
    "tier_ending",
    "referral_rewarded",
]
DEFAULT_ACCENT = "#4a3aff"
LONGEST_SUBJECT = 150
_ONE_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Context:
    """What a message tells.

    `points` are positive, except in `points_adjusted`, where a deduction is negative. `expires_at` is an exclusive
    instant (valid while now < expires_at); the reader is told the last day, in the shop's zone. `balance` can be spent
    now; `owed` is zero or negative. `reason` is one of the words' `reasons` or a text of the merchant. Of a `reward`,
    `points` is the price, and `points_came_back` says whether its owner has it again.
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
    accent: str = DEFAULT_ACCENT
    unsubscribe_url: str | None = None
    takes_away: bool = False
    """It comes to those who have unsubscribed, too, and says so."""

    reward: str | None = None
    points_came_back: bool = False
    is_earned: bool = False
    """Of a reward that came from a level or a referral, not from points."""
    code: str | None = None
    how: Literal["code", "other", "gift", "gift_card", "store_credit"] | None = None
    """What there is to do with it: a code for the checkout, a code to show, nothing, or money to spend."""
    is_credit: bool = False
    """Whether it was to be store credit, of which there is no code."""
    note: str | None = None
    """What the merchant says to who has it."""
    announcement: str | None = None
    """The merchant's push text."""

    level: str | None = None
    level_before: str | None = None
    went_up: bool = True
    perks: tuple[str, ...] = ()
    multiplier: Decimal = Decimal(1)
    missing: str | None = None
    """What the level needs, in the reader's language."""
    counts_orders: bool = False

    is_advocate: bool = False
    friend: str | None = None
    """The first name of who was brought along."""


@dataclass(frozen=True)
class Message:
    """One mail, without its addresses."""

    subject: str
    text: str
    html: str


def compose(kind: Kind, locale: str | None, context: Context) -> Message:
    """The message `kind` for a reader of `locale` (else the shop's language, else English)."""
    language = language_for(locale, context.shop_locale)
    words = words_of(language)
    own = words[_wording(kind, context)]
    blanks = _blanks(locale or context.shop_locale, language, context)
    shown = {
        "language": language,
        "is_rtl": is_rtl(language),
        "subject": one_line(own["subject"].format_map(blanks))[:LONGEST_SUBJECT],
        "shop_name": one_line(context.shop_name),
        "shop_url": context.shop_url,
        "headline": own["headline"].format_map(blanks),
        "greeting": words["greeting_by_name" if context.first_name else "greeting"].format_map(blanks),
        "paragraphs": _paragraphs(words, own["body"], blanks, context),
        "code": (words["code"], context.code) if context.code else None,
        "list": _perks(words, blanks, context),
        "list_name": words["perks"],
        "facts": _facts(kind, words, blanks, context),
        "button": words["button"].format_map(blanks),
        "footer": words["footer"].format_map(blanks),
        "service": words["footer_service"] if context.takes_away else None,
        "unsubscribe": words["mail_settings" if context.takes_away else "unsubscribe"],
        "unsubscribe_url": context.unsubscribe_url,
        "accent": context.accent,
        "on_accent": readable_on(context.accent),
    }
    text = templates().get_template("message.txt").render(shown)
    return Message(shown["subject"], text, templates().get_template("message.html").render(shown))


def readable_on(colour: str) -> str:
    """White or black, whichever stands out more on a colour such as #7a3cff: at least 4.5 to 1 (WCAG 2.2)."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#ffffff" if 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 else "#000000"


@cache
def templates() -> Environment:
    return Environment(
        loader=PackageLoader("backend.mail"),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _wording(kind: Kind, context: Context) -> str:
    match kind:
        case "points_adjusted":
            return "points_given" if context.points > 0 else "points_deducted"
        case "points_earned" if context.order_number:
            return "points_earned_by_order"
        case "points_clawed_back" if not context.order_number:
            return "points_clawed_back_other"
        case "reward_issued" if context.is_earned:
            return "reward_earned"
        case "reward_issued" | "reward_expired" | "reward_failed" if context.points == 0:
            return f"{kind}_free"
        case "reward_failed" if context.is_credit:
            return "reward_failed_credit"
        case "reward_expired" if context.points_came_back:
            return "reward_expired_points_back"
        case "tier_changed":
            return "tier_up" if context.went_up else "tier_down" if context.level else "tier_lost"
        case "referral_rewarded":
            return "referral_advocate" if context.is_advocate else "referral_friend"
    return kind


def _blanks(locale: str, language: str, context: Context) -> dict[str, str]:
    def counted(points: int) -> str:
        return points_text(context.points_names, points, language, context.shop_locale)

    def own(text: str | None) -> str:
        return isolated(text, language) if text else ""

    spoken = Locale.parse(language, sep="-")
    gifts = [counted(context.points)] if context.points > 0 else []
    gifts += [own(context.reward)] if context.reward else []
    return {
        "shop": own(context.shop_name),
        "name": own(context.first_name),
        "points": counted(abs(context.points)),
        "balance": "" if context.balance is None else counted(context.balance),
        "owed": counted(-context.owed),
        "order": own(context.order_number),
        "reward": own(context.reward),
        "gift": format_list(gifts, locale=spoken),
        "date": "" if context.expires_at is None else _last_day(context.expires_at, context.timezone, locale, language),
        "level": own(context.level),
        "level_before": own(context.level_before),
        "multiplier": format_decimal(context.multiplier, locale=spoken),
        "announcement": own(context.announcement),
    }


def _paragraphs(words: Mapping[str, Any], body: str, blanks: Mapping[str, str], context: Context) -> list[str]:
    said = [body.format_map(blanks)]
    if context.how is not None:
        said.append(words[f"how_{context.how}"].format_map(blanks))
    if context.note:
        said += [line.strip() for line in context.note.splitlines() if line.strip()]
    if context.owed < 0:
        said.append(words["owed"].format_map(blanks))
    return said


def _perks(words: Mapping[str, Any], blanks: Mapping[str, str], context: Context) -> list[str]:
    more = [words["multiplier"].format_map(blanks)] if context.multiplier > 1 else []
    return [*more, *context.perks]


def _facts(kind: Kind, words: Mapping[str, Any], blanks: Mapping[str, str], context: Context) -> list[tuple[str, str]]:
    facts = []
    if context.order_number:
        facts.append((words["order"], context.order_number))
    if context.reason:
        facts.append((words["reason"], words["reasons"].get(context.reason, context.reason)))
    if context.friend:
        facts.append((words["friend"], context.friend))
    if context.missing:
        facts.append((words["missing_orders" if context.counts_orders else "missing"], context.missing))
    if kind == "reward_available":
        facts.append((words["price"], blanks["points"]))
    has_end = kind in ("points_earned", "points_adjusted", "reward_issued") and context.never_expires
    if kind in ("points_earned", "points_adjusted", "reward_issued", "reward_available") and (
        blanks["date"] or has_end
    ):
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


def one_line(text: str) -> str:
    """The text without line breaks, as a subject needs it."""
    return " ".join(text.split())
