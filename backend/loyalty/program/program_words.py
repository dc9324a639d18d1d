"""The program's settings in a merchant's words: the sections they fall into, what each is called, what its value means.

One table for the admin's forms, for what they refuse, and for what changed from one version to the next. Pure.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from babel.dates import format_datetime
from babel.numbers import format_decimal

from backend.loyalty import merchant_html
from backend.loyalty.eligibility.eligibility_terms import MONTHS

LANGUAGE = "en"
"""The language of the merchant's pages."""
NOTHING = "–"


@dataclass(frozen=True)
class Section:
    """Settings that are edited together: `keys` of the document (contract section 8)."""

    name: str
    label: str
    keys: tuple[str, ...]


SECTIONS = (
    Section("earning", "Earning", ("enabled", "earn")),
    Section("days", "Assign day and expiry", ("assign", "expiry")),
    Section("texts", "Name and rules", ("points_name", "rules_text")),
    Section("ways", "Other ways to earn", ("rules",)),
    Section("levels", "Levels", ("tiers",)),
    Section("referral", "Referral", ("referral",)),
    Section("mails", "Mails", ("notifications",)),
    Section("look", "Look", ("appearance",)),
)
SECTION_OF: Mapping[str, Section] = {key: section for section in SECTIONS for key in section.keys}

LABELS: Mapping[str, str] = {
    "enabled": "Member points",
    "points_name": "What points are called",
    "earn.spend_step": "Every",
    "earn.points_per_step": "Points earned",
    "earn.base": "What counts of an order",
    "earn.round": "Rounding",
    "earn.pos": "Orders of the point of sale earn",
    "assign.delay_days": "Points assign day",
    "assign.on": "Counted from",
    "assign.arrived_carriers": "Carriers whose “arrived” is enough",
    "expiry": "Points expiry date",
    "expiry.kind": "Points expiry date",
    "expiry.month": "Month",
    "expiry.day": "Day",
    "expiry.days": "Days",
    "expiry.grace_days": "Days for points that come back after their end",
    "rules_text": "Points rule",
    "rules": "Ways to earn",
    "rules.id": "ID",
    "rules.kind": "Kind",
    "rules.title": "Title",
    "rules.text": "Text",
    "rules.points": "Points",
    "rules.factor": "Times",
    "rules.items": "Products",
    "rules.items.product_ids": "Product IDs",
    "rules.items.skus": "SKUs",
    "rules.items.categories": "Categories",
    "rules.event": "Event",
    "rules.network": "Network",
    "rules.delay_days": "Days until the points arrive",
    "rules.limit": "At most",
    "rules.limit.times": "At most",
    "rules.limit.per": "In each",
    "rules.eligibility": "Who may earn by it",
    "rules.active_from": "Active from",
    "rules.active_to": "Active to",
    "rules.button.label": "Button",
    "rules.button.url": "Address of the button",
    "referral.enabled": "Referral program",
    "referral.reward_when": "Reward when",
    "referral.advocate.points": "Points for who refers",
    "referral.advocate.reward": "Reward for who refers",
    "referral.friend.points": "Points for the friend",
    "referral.friend.reward": "Reward for the friend",
    "referral.hold_days": "Days until it is paid",
    "referral.caps.per_day": "Friends a day, at most",
    "referral.caps.per_month": "Friends a month, at most",
    "referral.caps.total": "Friends in all, at most",
    "referral.households": "People of one household may refer each other",
    "referral.text": "Text that is shared",
    "tiers": "Levels",
    "tiers.basis": "What counts",
    "tiers.window": "In which time",
    "tiers.levels": "Levels",
    "tiers.levels.id": "ID",
    "tiers.levels.from": "From",
    "tiers.levels.name": "Name",
    "tiers.levels.multiplier": "Points of orders, times",
    "tiers.levels.gift": "Gift on entering",
    "tiers.levels.perks": "Perk",
    "tiers.downgrade.policy": "When it is no longer reached",
    "tiers.downgrade.grace_days": "Days that the level stays",
    "notifications.points_earned": "Points have arrived",
    "notifications.reward_issued": "A reward was redeemed",
    "notifications.reward_available": "A new reward can be had",
    "notifications.tier_changed": "The level has changed",
    "notifications.referral_rewarded": "A friend has brought a reward",
    "appearance.position": "Corner",
    "appearance.accent": "Accent colour",
    "appearance.launcher_label": "Launcher’s name",
}

CHOICES: Mapping[str, Mapping[str, str]] = {
    "earn.base": {
        "items": "Items, before discounts",
        "items_net": "Items, after discounts",
        "total": "The total, with delivery, fees and tax",
    },
    "earn.round": {"floor": "Down: whole steps only", "nearest": "To the nearest step", "ceil": "Up"},
    "assign.on": {"collected": "Collected", "paid": "Paid", "shipped": "Shipped"},
    "expiry.kind": {
        "fixed_day": "On a fixed day of the next year",
        "days": "Some days after they arrive",
        "never": "Never",
    },
    "rules.kind": {
        "signup": "Creating an account",
        "first_order": "First order",
        "birthday": "Birthday",
        "newsletter": "Newsletter",
        "visit": "Visiting a page",
        "follow": "Following on a network",
        "share": "Sharing",
        "review": "Review",
        "event": "Event that your system reports",
        "product": "Points for a product",
        "exclusion": "Products that earn nothing",
        "multiplier": "More points on orders",
    },
    "rules.network": {
        "facebook": "Facebook",
        "instagram": "Instagram",
        "tiktok": "TikTok",
        "youtube": "YouTube",
        "x": "X",
        "pinterest": "Pinterest",
        "line": "LINE",
        "threads": "Threads",
    },
    "rules.limit.per": {
        "ever": "Ever",
        "day": "Day",
        "week": "Week",
        "month": "Month",
        "year": "Year",
        "order": "Order",
    },
    "referral.reward_when": {
        "registered": "The friend has signed up",
        "first_order": "The friend’s first order is received",
        "every_order": "Each order of the friend is received",
    },
    "tiers.basis": {"points_earned": "Points earned", "spend": "Money spent", "orders": "Orders"},
    "tiers.window": {
        "rolling_12_months": "The last 12 months",
        "calendar_year": "The calendar year",
        "lifetime": "A lifetime",
    },
    "tiers.downgrade.policy": {"grace": "It ends after a time that the member is told", "never": "It stays"},
    "appearance.position": {"right": "Right", "left": "Left"},
}
"""What the values of a choice mean. The first is a new shop's."""

_ROWS = {"rules", "tiers.levels"}
"""Lists whose rows have an id."""
_TEXTS = {"rules_text", "rules.title", "rules.text", "rules.button.label", "referral.text", "tiers.levels.name"}
_TEXTS |= {"tiers.levels.perks", "appearance.launcher_label"}
"""Maps from language to text."""


@dataclass(frozen=True)
class Speaker:
    """What the words need to know of the shop."""

    currency: str
    tz: tzinfo
    reward_name: Callable[[str], str]
    """The name of a reward by its public id."""


@dataclass(frozen=True)
class Fact:
    """One setting in words. `row` is the id of the way to earn or level that it belongs to."""

    key: str
    row: str | None
    label: str
    words: str


def facts(document: Mapping[str, Any], speaker: Speaker) -> dict[str, Fact]:
    """Every setting that says something, by its place; rows of lists by their id, so that moving one changes none."""
    return {place: fact for key, value in document.items() for place, fact in _facts(key, key, value, None, speaker)}


def _facts(
    place: str, path: str, value: Any, row: str | None, speaker: Speaker, suffix: str = ""
) -> Iterator[tuple[str, Fact]]:
    """`place` is where it stands in this document, `path` what it is called there in any."""
    key = path.split(".")[0]
    if path == "expiry":
        yield place, Fact(key, row, LABELS[path], expiry_words(value))
    said = _whole(path, value, speaker)
    if said is not None:
        if said != "":
            yield place, Fact(key, row, LABELS[path] + suffix, said)
        return
    if isinstance(value, list) and path in _ROWS:
        for each in value:
            for name, part in each.items():
                if name != "id":
                    yield from _facts(f"{place}.{each['id']}.{name}", f"{path}.{name}", part, each["id"], speaker)
    elif isinstance(value, list):  # perks: texts by language, told apart by their place alone
        for number, each in enumerate(value):
            yield from _facts(f"{place}.{number}", path, each, row, speaker, f" {number + 1}")
    elif isinstance(value, Mapping) and (path in _TEXTS or path == "points_name"):
        for language, text in value.items():
            shown = ", ".join(dict.fromkeys(text.values())) if isinstance(text, Mapping) else _plain(path, text)
            yield f"{place}.{language}", Fact(key, row, f"{LABELS[path]}{suffix} ({language})", shown)
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield from _facts(f"{place}.{name}", f"{path}.{name}", part, row, speaker)


def _plain(path: str, text: str) -> str:
    return text if path != "rules_text" else merchant_html.as_text(text) or text


def _whole(path: str, value: Any, speaker: Speaker) -> str | None:
    """What is said as one thing; empty for what says nothing, None for what has parts to be said one by one."""
    match path, value:
        case ("expiry.kind" | "expiry.month" | "expiry.day" | "expiry.days", _):
            return ""  # said by the whole
        case _ if value is None or value == [] or value == {}:
            return ""
        case ("rules.limit", _):
            return limit_words(value)
        case ("rules.eligibility", _):
            return eligibility_words(value)
        case ("rules.items", _):
            named = [f"{LABELS[f'rules.items.{name}']}: {', '.join(each)}" for name, each in value.items() if each]
            return "; ".join(named)
        case ("rules.active_from" | "rules.active_to", _):
            return moment_words(value, speaker.tz)
        case ("earn.spend_step", _):
            return f"{value} {speaker.currency}"
        case ("referral.advocate.reward" | "referral.friend.reward" | "tiers.levels.gift", _):
            return speaker.reward_name(value)
        case ("rules.delay_days", 0):
            return ""
        case (_, bool()):
            return "On" if value else "Off"
        case (_, int()):
            return _number(value)
        case (_, str()):
            return CHOICES.get(path, {}).get(value, value)
        case (_, list()) if all(isinstance(each, str) for each in value):
            return ", ".join(value)
    return None


def expiry_words(expiry: Mapping[str, Any]) -> str:
    """The expiry rule: "December 31 of the next year"."""
    match expiry["kind"]:
        case "fixed_day":
            return f"{MONTHS[expiry['month'] - 1]} {expiry['day']} of the next year"
        case "days":
            return f"{_counted(expiry['days'], 'day')} after they arrive"
    return "Never"


def limit_words(limit: Mapping[str, Any]) -> str:
    """ "3 times a month", "once"."""
    times = "once" if limit["times"] == 1 else f"{_number(limit['times'])} times"
    return times if limit["per"] == "ever" else f"{times} {'an' if limit['per'] == 'order' else 'a'} {limit['per']}"


def eligibility_words(rules: Sequence[Mapping[str, Any]]) -> str:
    """Who meets them, as they were chosen: "Tier In gold, silver AND Orders Count At least 3; or Tier Is set"."""
    return "; or ".join(
        " ".join(_condition_words(each) for each in rule["conditions"]) or "everybody" for rule in rules
    )


def _condition_words(item: Any) -> str:
    if isinstance(item, str):
        return item
    value = item.get("value")
    said = ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
    return " ".join(filter(None, (item["attribute"], item["operator"], said)))


def moment_words(said: str, tz: tzinfo) -> str:
    at = datetime.fromisoformat(said.upper()).astimezone(tz)
    return format_datetime(at, "medium", tzinfo=tz, locale=LANGUAGE).replace("\u202f", " ")


def _counted(number: int, what: str) -> str:
    return f"{_number(number)} {what}{'' if number == 1 else 's'}"


def _number(value: int) -> str:
    return format_decimal(value, locale=LANGUAGE)
