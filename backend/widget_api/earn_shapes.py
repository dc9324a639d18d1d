"""Ways to earn as the widget shows them: in one language for everybody, and with how far one member is."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from backend.loyalty.bonuses import rule_limits
from backend.loyalty.eligibility import eligibility
from backend.loyalty.eligibility.eligibility import Facts
from backend.loyalty.program.settings import CLAIMED, OF_ORDERS, ORDER_RULE, Limit, ProgramSettings, Rule
from backend.loyalty.shops.shops import ShopFacts
from backend.loyalty.wording import factor_text, pick, points_text
from backend.platforms.events import time_text
from backend.widget_api.amounts import rate
from backend.widget_api.reward_shapes import Tongue

_LONG_AGO = datetime(1, 1, 2, tzinfo=UTC)
_PERIODS = {"day": "a_day", "week": "a_week", "month": "a_month", "year": "a_year", "order": "an_order"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A rule that is shown today, as everybody sees it."""

    rule: Rule | None
    """None: what every order earns."""
    shape: Mapping[str, Any]
    asked: tuple[eligibility.Rule, ...] = ()
    """Who may earn by it."""


def active(settings: ProgramSettings, now: datetime) -> tuple[str, ...]:
    """Which of the rules that are bound to dates are in force now: what is shown changes when this does."""
    return tuple(
        rule.id
        for rule in settings.rules
        if (rule.active_from is not None or rule.active_to is not None) and rule.is_active(now)
    )


def shown(tongue: Tongue, now: datetime) -> Iterator[Shown]:
    """All ways to earn (S4.4), orders first; each with its button (S4.5) to the page where it is done (S4.6)."""
    yield Shown(None, _order(tongue))
    for rule in tongue.settings.rules:
        if rule.kind != "exclusion" and rule.is_active(now):
            yield Shown(rule, _shape(rule, tongue), eligibility.read_rules(list(rule.eligibility)))


def _order(tongue: Tongue) -> dict[str, Any]:
    """ "1 point for every €10"."""
    shop, settings, words = tongue.shop, tongue.settings, tongue.words
    return {
        "id": ORDER_RULE,
        "kind": "order",
        "title": words["complete_an_order"],
        "text": None,
        "points_text": words["points_per_amount"].format(
            points=points_text(settings.points_name, settings.earn.points_per_step, tongue.language, shop.locale),
            amount=rate(settings.earn.spend_step, shop.currency, tongue.language),
        ),
        "button": {"label": words["purchase"], "url": shop.address},
        "network": None,
        "is_claim": False,
        "limit_text": None,
        "active_to": None,
    }


def _shape(rule: Rule, tongue: Tongue) -> dict[str, Any]:
    locale = tongue.shop.locale
    return {
        "id": rule.id,
        "kind": rule.kind,
        "title": pick(rule.title, tongue.language, locale),
        "text": pick(rule.text, tongue.language, locale) if rule.text is not None else None,
        "points_text": _points(rule, tongue),
        "button": _button(rule, tongue),
        "network": rule.network,
        "is_claim": rule.kind in CLAIMED,
        "limit_text": _limit_text(rule, tongue.words),
        "active_to": time_text(rule.active_to) if rule.active_to is not None else None,
    }


def _points(rule: Rule, tongue: Tongue) -> str:
    """ "50 points", "20 points per item", "2× points"."""
    names, locale = tongue.settings.points_name, tongue.shop.locale
    if rule.factor is not None:
        return factor_text(names, rule.factor, tongue.language, locale)
    points = points_text(names, rule.points or 0, tongue.language, locale)
    return tongue.words["per_item"].format(points=points) if rule.kind == "product" else points


def _limit_text(rule: Rule, words: Mapping[str, str]) -> str | None:
    """ "Once", "Up to 3× a day". Nothing of what happens once by nature."""
    if rule.most is None or rule.kind in ("signup", "first_order", "birthday"):
        return None
    return _in_words(rule.most, words)


def _in_words(limit: Limit, words: Mapping[str, str]) -> str:
    times = words["once"] if limit.times == 1 else words["up_to"].format(times=limit.times)
    return words[_PERIODS[limit.per]].format(limit=times) if limit.per != "ever" else times


def _button(rule: Rule, tongue: Tongue) -> dict[str, str | None] | None:
    """The merchant's own. Of what orders bring else one into the shop (S4.5, S4.6); of a sign-up one whose page the widget
    knows from its script (`data-signup-url`); of what members claim one that claims it there and then."""
    if rule.button is None:
        if rule.kind == "first_order" or rule.kind in OF_ORDERS:
            return {"label": tongue.words["purchase"], "url": tongue.shop.address}
        label = "sign_up" if rule.kind == "signup" else "claim" if rule.kind in CLAIMED else None
        return {"label": tongue.words[label], "url": None} if label is not None else None
    url = rule.button.url
    label = pick(rule.button.label, tongue.language, tongue.shop.locale)
    return {"label": label, "url": f"{tongue.shop.address}{url}" if url.startswith("/") else url}


# One member ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Counting:
    """Which of the member's bonuses are counted: of these rules, since then, at most so many. As PostgreSQL's arrays."""

    rules: str
    since: str
    most: str


def counting(ways: Iterable[Shown], shop: ShopFacts, now: datetime) -> Counting:
    """What the limits of these rules need to know."""
    limited = [(way.rule.id, way.rule.most) for way in ways if way.rule is not None and _counts(way.rule)]
    return Counting(
        rules="{" + ",".join(rule for rule, _ in limited) + "}",
        since="{" + ",".join(_since(limit, shop.timezone, now) for _, limit in limited if limit is not None) + "}",
        most="{" + ",".join(str(limit.times) for _, limit in limited if limit is not None) + "}",
    )


def of_member(
    ways: Iterable[Shown], used: Mapping[str, int], facts: Facts | None, is_birthday_known: bool
) -> Iterator[dict[str, Any]]:
    """The ways to earn with how far the member is: `done` when nothing more comes of it for now. What is not for this
    member is left out."""
    for way in ways:
        if way.rule is None:
            yield {**way.shape, "done": False, "limit": None, "is_claimable": False}
        elif not way.asked or (facts is not None and eligibility.judge(way.asked, facts).is_eligible):
            yield {**way.shape, **state(way.rule, used.get(way.rule.id, 0), is_birthday_known)}


def state(rule: Rule, used: int, is_birthday_known: bool) -> dict[str, Any]:
    """How far a member is with a rule that has paid them so often in the period of its limit."""
    limit = rule.most if _counts(rule) else None
    done = limit is not None and used >= limit.times
    said: dict[str, Any] = {
        "done": done,
        "limit": {"times": limit.times, "per": limit.per, "used": used} if limit is not None else None,
        "is_claimable": not done and rule.kind in CLAIMED,
    }
    if rule.kind == "birthday":
        said |= {"birthday_known": is_birthday_known, "is_claimable": not is_birthday_known}
    if rule.kind == "signup":
        said["button"] = None  # somebody who is signed in has signed up: there is no page left to send them to
    return said


def _counts(rule: Rule) -> bool:
    return rule.most is not None and rule.most.per != "order"


def _since(limit: Limit, timezone: str, now: datetime) -> str:
    span = rule_limits.period(limit, now, ZoneInfo(timezone))
    return (span[0] if span is not None else _LONG_AGO).isoformat()
