"""Who may have a reward. Pure: rules and facts in, a verdict out; no clock, no database.

Rules are alternatives; the conditions of one are joined by AND and OR, and AND binds tighter (A3). The same verdict
serves dashboards, the API and the redemption itself.

>>> rules = read_rules([{"conditions": [
...     {"operator": "Between", "attribute": "Enrolment Date", "value": "11/1/2021-2/28/2023"}]}])
>>> judge(rules, Facts(ZoneInfo("Europe/Paris"), enrolled_at=datetime(2023, 2, 28, 22, 59, tzinfo=UTC))).is_eligible
True
>>> judge(rules, Facts(ZoneInfo("Europe/Paris"), enrolled_at=datetime(2023, 2, 28, 23, 0, tzinfo=UTC))).refusal
'For members who joined between 1 November 2021 and 28 February 2023.'

What is not known of a member satisfies no positive condition. A negative one (Not equals, Not in, Contain none of, Is
not set) holds exactly when its positive does not: a member without a tier is not at the tier gold. A merchant who means
"known, and another" adds Is set. Texts are compared whatever their case. A country is the same by its code and by its
English name (FR, France). A language without a territory (fr) stands for all of it (fr-CA), not the other way round.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime  # noqa: F401 - UTC stands in the example above
from decimal import Decimal
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from backend.loyalty.calendar_rules import local_day
from backend.loyalty.eligibility.eligibility_reading import (
    read_rules,
    read_target,
    rules_to_document,
    target_to_document,
)
from backend.loyalty.eligibility.eligibility_terms import (
    COUNTRIES,
    OF_ORDERS,
    OPPOSITES,
    Condition,
    Rule,
    Target,
    country_code,
    folded,
)
from backend.loyalty.eligibility.eligibility_wording import missing, target_missing

__all__ = [
    "Condition",
    "Facts",
    "Rule",
    "Target",
    "Verdict",
    "is_in_target",
    "judge",
    "needs_orders",
    "read_rules",
    "read_target",
    "rules_to_document",
    "target_missing",
    "target_to_document",
]


@dataclass(frozen=True)
class Facts:
    """What is known of a member at one moment; None is unknown.

    `timezone` is the shop's: its wall tells the day of an instant. `currency` is only for the sentence of a refusal.
    `orders_count` and `total_spend` matter only to rules that `needs_orders` names.
    """

    timezone: ZoneInfo
    enrolled_at: datetime | None = None
    tags: Collection[str] = ()
    tier: str | None = None
    segments: Collection[str] = ()
    orders_count: int | None = None
    total_spend: Decimal | None = None
    available_points: int | None = None
    country: str | None = None
    language: str | None = None
    birthday: date | None = None
    email_verified: bool | None = None
    currency: str | None = None

    @cached_property
    def _by_attribute(self) -> dict[str, Any]:
        """What conditions are compared with. Texts are sets, and an empty one is unknown."""
        return {
            "Enrolment Date": self.enrolled_at and local_day(self.enrolled_at, self.timezone),
            "User Tags": _texts(self.tags),
            "Tier": _texts((self.tier or "",)),
            "Segments": _texts(self.segments),
            "Orders Count": self.orders_count,
            "Total Spend": self.total_spend,
            "Available Points": self.available_points,
            "Country": _texts(_both_names(self.country or "")),
            "Language": _texts(_wider(self.language or "")),
            "Birthday": self.birthday,
            "Birthday Month": self.birthday and self.birthday.month,
            "Email Verified": self.email_verified,
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the member may have it, where it may be shown to them, and otherwise what they lack."""

    is_eligible: bool
    show_on_member_dashboard: bool
    include_in_api_response: bool
    refusal: str | None = None
    """One sentence for the member; None if eligible."""


_EVERYBODY = Verdict(is_eligible=True, show_on_member_dashboard=True, include_in_api_response=True)


def judge(rules: Sequence[Rule], facts: Facts, language: str = "en") -> Verdict:
    """The verdict of the rules that hold: any of them makes eligible, any of them may show it (S2.26, S2.27).

    No rules: everybody, shown everywhere. The refusal names what is missing of the alternative that the member is
    nearest to: the one with the fewest conditions that fail, and of several such the first. It is in `language`, or in
    English where we have no words in it.
    """
    if not rules:
        return _EVERYBODY
    holding = [rule for rule in rules if _rule_holds(rule, facts)]
    return Verdict(
        is_eligible=bool(holding),
        show_on_member_dashboard=any(rule.show_on_member_dashboard for rule in holding),
        include_in_api_response=any(rule.include_in_api_response for rule in holding),
        refusal=None if holding else missing(_nearest(rules, facts), facts.currency, language),
    )


def needs_orders(rules: Iterable[Rule]) -> bool:
    """True if any condition asks for what only the member's orders tell."""
    return any(condition.attribute in OF_ORDERS for rule in rules for condition in rule.conditions())


def is_in_target(target: Target | None, facts: Facts) -> bool:
    """True if the member is at one of the levels, or in one of the segments. No target is everybody."""
    if target is None:
        return True
    known = _texts((facts.tier or "",) if target.kind == "level" else facts.segments)
    return known is not None and not known.isdisjoint(map(folded, target.values))


def _rule_holds(rule: Rule, facts: Facts) -> bool:
    return not rule.groups or any(all(_holds(condition, facts) for condition in group) for group in rule.groups)


def _holds(condition: Condition, facts: Facts) -> bool:
    known = facts._by_attribute[condition.attribute]
    opposite = OPPOSITES.get(condition.operator)
    if opposite is not None:
        return not _is_so(opposite, condition, known)
    return _is_so(condition.operator, condition, known)


def _is_so(operator: str, condition: Condition, known: Any) -> bool:
    """The answer to a positive condition."""
    if known is None:
        return False
    values: Sequence[Any] = condition.values
    match operator:
        case "Is set":
            return True
        case "Contain all of":
            return bool(condition.texts <= known)
        case "Contain any of":
            return not condition.texts.isdisjoint(known)
        case "Equals" | "In" | "On":
            return not condition.texts.isdisjoint(known) if isinstance(known, frozenset) else known in values
        case "Between":
            return bool(values[0] <= known <= values[1])
        case "Before" | "Less than":
            return bool(known < values[0])
        case "After" | "Greater than":
            return bool(known > values[0])
        case "At least":
            return bool(known >= values[0])
        case "At most":
            return bool(known <= values[0])
    raise AssertionError(f"unreachable: {operator}")


def _nearest(rules: Sequence[Rule], facts: Facts) -> list[Condition]:
    """The failing conditions of the group that has the fewest."""
    return min(
        ([condition for condition in group if not _holds(condition, facts)] for rule in rules for group in rule.groups),
        key=len,
    )


def _texts(texts: Iterable[str]) -> frozenset[str] | None:
    return frozenset(filter(None, map(folded, texts))) or None


def _both_names(country: str) -> Iterable[str]:
    """The country as it is known, with its code and its English name if they are known."""
    code = country_code(country)
    return country, code, COUNTRIES.get(code, "")


def _wider(tag: str) -> Iterable[str]:
    """A language tag and what it is a part of: zh-Hant-HK, zh-Hant, zh."""
    tag = tag.strip().replace("_", "-")
    while tag:
        yield tag
        tag = tag.rpartition("-")[0]
