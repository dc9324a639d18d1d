"""Claims: what members say in the widget that they did (a visit, a follow, a share). Nobody can see it, and `why` says so.

Telling the birthday is one more thing that members do there themselves.
"""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from backend.errors import BadInput, Conflict, MemberBlocked, NotFound
from backend.ledger import posting
from backend.ledger.posting import AnySession
from backend.loyalty.bonuses import birthdays, rule_limits, rule_payments
from backend.loyalty.bonuses.rule_payments import Came, Program
from backend.loyalty.members import blocking
from backend.loyalty.program.settings import CLAIMED, ORDER_RULE, Rule
from backend.loyalty.shops.shops import ShopFacts


def claim(
    session: AnySession,
    shop: ShopFacts,
    member_id: int,
    rule_id: str,
    birthday: date | None,
    language: str,
    now: datetime,
) -> Came:
    """Record the claim and give what the rule gives. Takes the account, so that many at once keep to the limit.

    Of a birthday rule it is the birthday that is given; its points come with the day.

    Raises MemberBlocked; NotFound for a rule that is not in force; Conflict `not_claimable`, `not_eligible` with the
    sentence in `language`, `already_claimed`, `limit_reached`, `already_known`; BadInput for a birthday that is missing
    or not meant.
    """
    if rule_id == ORDER_RULE:
        raise _not_claimable()
    posting.lock_accounts(session, shop.id, [member_id])
    if blocking.is_blocked(session, shop.id, member_id):
        raise MemberBlocked()
    program = rule_payments.program_at(session, shop, now)
    rule = _rule(program, rule_id, now)
    assert program is not None
    if rule.kind == "birthday":
        return _birthday(session, shop, member_id, rule, birthday, language, now)
    if birthday is not None:
        raise _wrong("belongs to a rule of the kind birthday")
    if rule.kind not in CLAIMED:
        raise _not_claimable()
    used = rule_payments.times_used(session, shop, member_id, rule, now)
    why: dict[str, Any] = {"claimed": True}
    if rule.network is not None:
        why["network"] = rule.network
    came = rule_payments.pay(
        session,
        shop,
        member_id,
        rule,
        program,
        at=now,
        now=now,
        name=_name(shop, rule, used, now),
        why=why,
        language=language,
    )
    match came.because:
        case None:
            return came
        case "not_eligible":
            raise Conflict(came.message or "This is not for you.", code="not_eligible")
    assert rule.most is not None
    if rule.most.per == "ever" and rule.most.times == 1:
        raise Conflict("You have claimed this already.", code="already_claimed")
    raise Conflict("You have claimed this as often as it can be claimed.", code="limit_reached")


def _rule(program: Program | None, rule_id: str, now: datetime) -> Rule:
    rules = program.settings.rules if program is not None else ()
    for rule in rules:
        if rule.id == rule_id and rule.is_active(now):
            return rule
    raise NotFound("The program has no such rule.")


def _name(shop: ShopFacts, rule: Rule, used: int, now: datetime) -> str | None:
    """Which of the member's claims of this rule it is: the number in the limit's period. None: there is only one."""
    assert rule.most is not None
    if rule.most.per == "ever" and rule.most.times == 1:
        return None
    days = rule_limits.period_days(rule.most, now, ZoneInfo(shop.timezone))
    return f"{days[0].isoformat() if days is not None else 'ever'}:{used + 1}"


def _birthday(
    session: AnySession,
    shop: ShopFacts,
    member_id: int,
    rule: Rule,
    birthday: date | None,
    language: str,
    now: datetime,
) -> Came:
    if birthday is None:
        raise _wrong('is missing: a date such as "1990-02-28"')
    refusal = rule_payments.refusal_of(session, shop, member_id, rule, now, language)
    if refusal is not None:
        raise Conflict(refusal, code="not_eligible")
    try:
        birthdays.learn(session, shop, member_id, birthday, now)
    except ValueError as error:
        raise _wrong(str(error)) from None
    used = rule_payments.times_used(session, shop, member_id, rule, now)
    return Came(rule, used=used)


def _not_claimable() -> Conflict:
    return Conflict("The store tells us when this is done; there is nothing to claim.", code="not_claimable")


def _wrong(message: str) -> BadInput:
    return BadInput(f"birthday {message}.", [{"field": "birthday", "message": message}])
