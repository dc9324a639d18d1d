"""Birthdays: given once in each calendar year of the shop's zone, on the day, to who had told it before the day.

A birthday that is told on its day or later is given from the next year on, and one that changes is never given twice in a
year. Somebody of 29 February has it on the 28th in other years (docs/decisions/0011).
"""

from calendar import isleap
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select, text

from backend.errors import Conflict
from backend.ledger import posting
from backend.ledger.posting import AnySession
from backend.loyalty.bonuses import rule_payments
from backend.loyalty.bonuses.rule_payments import Program
from backend.loyalty.calendar_rules import first_instant, local_day
from backend.loyalty.program import programs
from backend.loyalty.program.settings import Rule
from backend.loyalty.shops.shops import ShopFacts
from backend.models import BirthdayRound, Member

BATCH = 200
LONGEST_CATCHING_UP = timedelta(days=366)
"""How far back days are given that nobody gave, after the clock was down."""
_OLDEST = date(1900, 1, 1)

WHOSE = """
    select id from member
    where shop_id = :shop and birthday is not null and status = 'active'
        and (extract(month from birthday) * 100 + extract(day from birthday))::integer = :day and id > :after
    order by id limit :limit
"""
"""The members of one birthday, by its month and day as one number."""


def learn(session: AnySession, shop: ShopFacts, member_id: int, birthday: date, now: datetime) -> None:
    """The member tells their birthday. The caller holds the account.

    Raises Conflict `already_known` if there is one, ValueError for a day that cannot be one.
    """
    today = local_day(now, ZoneInfo(shop.timezone))
    if not _OLDEST <= birthday <= today:
        raise ValueError("should be a day in the past")
    member = session.execute(
        select(Member).where(Member.shop_id == shop.id, Member.id == member_id).with_for_update(key_share=True)
    ).scalar_one()
    if member.birthday is not None:
        raise Conflict("Your birthday is known already. Ask the shop if it is wrong.", code="already_known")
    member.birthday, member.birthday_since = birthday, now
    moment = now.astimezone(UTC).isoformat(timespec="microseconds")
    member.profile_times = member.profile_times | {"birthday": moment}
    session.flush()


def give_next(session: AnySession, facts_of: Callable[[int], ShopFacts], now: datetime, limit: int = BATCH) -> int:
    """Give birthdays of one shop whose day has begun: of at most about `limit` members. Returns 0 when no shop is left.

    Safe to run in any number of workers, and twice: each takes a shop that nobody has, the place is kept in the same
    transaction, and a bonus has a key of its year.
    """
    at = session.execute(
        select(BirthdayRound)
        .where(BirthdayRound.due_at <= now)
        .order_by(BirthdayRound.due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).scalar_one_or_none()
    if at is None:
        return 0
    shop = facts_of(at.shop_id)
    tz = ZoneInfo(shop.timezone)
    today = local_day(now, tz)
    at.day = max(at.day or local_day(at.due_at, tz), today - LONGEST_CATCHING_UP)
    looked_at = 0
    while at.day <= today and looked_at < limit:
        begins = first_instant(at.day, tz)
        program, rules = _in_force(session, shop, begins)
        ids = _whose(session, at, limit) if rules else []
        if program is not None and ids:
            _give(session, shop, program, rules, begins, ids, now)
        looked_at += len(ids)
        if len(ids) == limit:
            at.after_member = ids[-1]
        else:
            is_over = not rules and _has_none_since(session, shop, begins, now)
            at.day, at.after_member = (today if is_over else at.day) + timedelta(days=1), 0
    at.due_at = first_instant(at.day, tz)
    return 1


def days_of(day: date) -> tuple[int, ...]:
    """The birthdays that are celebrated on that day, as month × 100 + day."""
    is_end_of_february = (day.month, day.day) == (2, 28) and not isleap(day.year)
    return (228, 229) if is_end_of_february else (day.month * 100 + day.day,)


def _whose(session: AnySession, at: BirthdayRound, limit: int) -> list[int]:
    """The next members whose birthday is celebrated on the day of the round, by their ids."""
    assert at.day is not None
    ids: list[int] = []
    for day in days_of(at.day):
        found = session.execute(
            text(WHOSE), {"shop": at.shop_id, "day": day, "after": at.after_member, "limit": limit}
        ).scalars()
        ids += found
    return sorted(ids)[:limit]


def _in_force(session: AnySession, shop: ShopFacts, begins: datetime) -> tuple[Program | None, list[Rule]]:
    """The program that is in force as the day begins, and its birthday rules."""
    program = rule_payments.program_at(session, shop, begins)
    rules = [rule for rule in program.settings.rules if rule.kind == "birthday"] if program is not None else []
    return program, rules


def _has_none_since(session: AnySession, shop: ShopFacts, begins: datetime, now: datetime) -> bool:
    """True if the program has not changed since and has no birthday rule: then no day until now has one."""
    version = programs.version_for(session, shop.id, begins)
    settings = programs.settings_of(version)
    has_rule = settings.enabled and any(rule.kind == "birthday" for rule in settings.rules)
    return not has_rule and version is programs.version_for(session, shop.id, now)


def _give(
    session: AnySession,
    shop: ShopFacts,
    program: Program,
    rules: list[Rule],
    begins: datetime,
    ids: list[int],
    now: datetime,
) -> None:
    posting.lock_accounts(session, shop.id, ids)
    known_before = session.execute(
        select(Member.id).where(
            Member.shop_id == shop.id,
            Member.id.in_(ids),
            Member.status == "active",  # and not erased while we waited for the account
            Member.birthday.is_not(None),
            Member.birthday_since < begins,
        )
    ).scalars()
    year = local_day(begins, ZoneInfo(shop.timezone)).year
    for member_id in sorted(known_before):
        for rule in rules:
            rule_payments.pay(session, shop, member_id, rule, program, at=begins, now=now, name=str(year))
