"""Paying a member by a rule of the program: whether the rule pays for what happened, and then the bonus.

The caller holds the account of the member: limits count what stands in the table of bonuses.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import text

from backend.ledger.posting import AnySession
from backend.loyalty.bonuses import bonuses, rule_limits
from backend.loyalty.bonuses.bonuses import Occasion, rule_key
from backend.loyalty.eligibility import eligibility, member_facts
from backend.loyalty.members import blocking
from backend.loyalty.program import programs
from backend.loyalty.program.settings import Limit, ProgramSettings, Rule
from backend.loyalty.shops import shops
from backend.loyalty.shops.shops import ShopFacts
from backend.models import Bonus

Because = Literal["already_given", "not_active", "not_eligible", "limit_reached"]

_REASONS = {
    "signup": "Sign-up",
    "first_order": "First order",
    "birthday": "Birthday",
    "newsletter": "Newsletter",
    "visit": "Visit",
    "follow": "Follow",
    "share": "Share",
    "review": "Review",
    "event": "Event",
}
"""The ledger's own words, in English."""


@dataclass(frozen=True, slots=True)
class Program:
    """The program that was in force at some moment."""

    version: int
    settings: ProgramSettings


@dataclass(frozen=True, slots=True)
class Came:
    """What came of it: the bonus, or why there is none. `used` counts those of the limit's period, this one included."""

    rule: Rule
    bonus: Bonus | None = None
    because: Because | None = None
    message: str | None = None
    """For the member: what they lack, if they are not eligible."""
    used: int = 0


def program_at(session: AnySession, shop: ShopFacts, at: datetime) -> Program | None:
    """The program in force at `at`. None if there was none yet, it was switched off, or the app was uninstalled."""
    version = programs.version_for(session, shop.id, at)
    if programs.began_after(version, at) or not shops.was_installed_at(session, shop.id, at):
        return None
    settings = programs.settings_of(version)
    return Program(version.version, settings) if settings.enabled else None


def pay(
    session: AnySession,
    shop: ShopFacts,
    member_id: int,
    rule: Rule,
    program: Program,
    *,
    at: datetime,
    now: datetime,
    name: str | None = None,
    why: Mapping[str, Any] | None = None,
    language: str = "en",
) -> Came:
    """Give what the rule gives for what happened at `at`, unless it does not pay for that.

    `name` tells this occasion from others of the same rule and member; None: there is only one.
    """
    key = rule_key(rule.id, member_id, name)
    known = bonuses.find(session, shop.id, key)
    if known is not None and known.state == "given":
        return Came(rule, known, "already_given")
    if not rule.is_active(at):
        return Came(rule, because="not_active")
    if _was_blocked(session, shop, member_id, at, now):
        return Came(rule, because="not_eligible", message="The member was blocked at that time.")
    refusal = refusal_of(session, shop, member_id, rule, now, language)
    if refusal is not None:
        return Came(rule, because="not_eligible", message=refusal)
    used = times_used(session, shop, member_id, rule, at)
    if rule.most is not None and used >= rule.most.times:
        return Came(rule, because="limit_reached", used=used)
    what = occasion(rule, program, key=key, at=at, why=why)
    return Came(rule, bonuses.give(session, shop, member_id, what, program.settings, now), used=used + 1)


def _was_blocked(session: AnySession, shop: ShopFacts, member_id: int, at: datetime, now: datetime) -> bool:
    """Whether the member was blocked when it happened: then it is worth nothing for good, whenever it is told."""
    if at < now:
        return blocking.was_blocked_at(session, shop.id, member_id, at)
    return blocking.is_blocked(session, shop.id, member_id)


def occasion(
    rule: Rule,
    program: Program,
    *,
    key: str,
    at: datetime,
    why: Mapping[str, Any] | None = None,
    not_before: datetime | None = None,
) -> Occasion:
    """What the rule gives for what happened at `at`."""
    return Occasion(
        key=key,
        rule=rule.id,
        at=at,
        points=rule.points or 0,
        reason=_REASONS[rule.kind],
        why={"rule": rule.kind, "title": dict(rule.title), **(why or {})},
        program_version=program.version,
        delay_days=rule.delay_days,
        not_before=not_before,
    )


def refusal_of(
    session: AnySession, shop: ShopFacts, member_id: int, rule: Rule, now: datetime, language: str = "en"
) -> str | None:
    """What the member lacks for the rule, as a sentence; None if it is for them."""
    if not rule.eligibility:
        return None
    session.flush()
    asked = eligibility.read_rules(list(rule.eligibility))
    facts = member_facts.facts(session, shop, member_id, eligibility.needs_orders(asked), now)
    return eligibility.judge(asked, facts, language).refusal


def times_used(session: AnySession, shop: ShopFacts, member_id: int, rule: Rule, at: datetime) -> int:
    """How often the rule has paid the member in the period of its limit around `at`; 0 without a limit. Never counts
    beyond the limit."""
    limit: Limit | None = rule.most
    if limit is None:
        return 0
    span = rule_limits.period(limit, at, ZoneInfo(shop.timezone))
    begin, end = span if span is not None else (None, None)
    return int(
        session.execute(
            text(
                "select count(*) from (select from bonus where shop_id = :shop and member_id = :member and rule = :rule"
                " and state = 'given' and at >= coalesce(cast(:begin as timestamptz), '-infinity')"
                " and at < coalesce(cast(:end as timestamptz), 'infinity') limit :most) counted"
            ),
            {
                "shop": shop.id,
                "member": member_id,
                "rule": rule.id,
                "begin": begin,
                "end": end,
                "most": limit.times,
            },
        ).scalar_one()
    )
