"""Events of a member that the merchant's own systems tell: a review, a subscription, whatever the program pays for."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from backend.errors import Conflict, MemberBlocked, NotFound
from backend.ledger import posting
from backend.ledger.posting import AnySession
from backend.loyalty.bonuses import rule_payments
from backend.loyalty.bonuses.rule_payments import Came
from backend.loyalty.shops.shops import ShopFacts
from backend.models import Member, MemberEvent
from backend.platforms.events import time_text

CLOCKS_DIFFER = timedelta(minutes=5)
"""How far ahead of ours the clock of the merchant's system may be."""
_MESSAGES = {
    "already_given": "This was given before.",
    "not_active": "The rule is not in force at that time.",
    "limit_reached": "The rule has paid this member as often as it does.",
}


def tell(
    session: AnySession,
    shop: ShopFacts,
    member_id: int,
    event: str,
    *,
    external_id: str | None,
    at: datetime,
    reason: str | None,
    now: datetime,
) -> dict[str, Any]:
    """Give what the rules of that event give, by the program in force at `at`, and say what was given and what not.

    An `external_id` makes it once for the member: the same one again is answered the same, and gives nothing more.

    Raises NotFound; MemberBlocked; Conflict `member_erased`, `member_merged`, `in_the_future`, `no_such_event`.
    """
    posting.lock_accounts(session, shop.id, [member_id])
    status = session.execute(select(Member.status).where(Member.shop_id == shop.id, Member.id == member_id)).scalar()
    if status is None:
        raise NotFound()
    if external_id is not None:
        known = session.get(MemberEvent, (shop.id, member_id, event, external_id))
        if known is not None:
            return known.answer
    if status == "erased":
        raise Conflict("This member has been erased: the account is closed.", code="member_erased")
    if status == "merged":
        raise Conflict("This account was merged into another one.", code="member_merged")
    if status == "blocked":
        raise MemberBlocked()
    if at > now + CLOCKS_DIFFER:
        raise Conflict("The event has not happened yet.", code="in_the_future")
    at = min(at, now)
    program = rule_payments.program_at(session, shop, at)
    rules = [rule for rule in program.settings.rules if rule.event_name == event] if program is not None else []
    if program is None or not rules:
        raise Conflict("No rule of the program is about such an event.", code="no_such_event")
    name = f"event:{event}:{external_id if external_id is not None else secrets.token_urlsafe(12)}"
    why = {"event": event, **({"reason": reason} if reason else {})}
    came = [
        rule_payments.pay(session, shop, member_id, rule, program, at=at, now=now, name=name, why=why) for rule in rules
    ]
    answer = {
        "event": event,
        "id": external_id,
        "at": time_text(at),
        "given": [_given(each) for each in came if each.because is None],
        "refused": [_refused(each) for each in came if each.because is not None],
    }
    if external_id is not None:
        session.add(
            MemberEvent(
                shop_id=shop.id, member_id=member_id, event=event, external_id=external_id, at=at, answer=answer
            )
        )
        session.flush()
    return answer


def _given(came: Came) -> dict[str, Any]:
    assert came.bonus is not None
    return {"rule": came.rule.id, "points": came.bonus.points, "due_at": came.bonus.why["due_at"]}


def _refused(came: Came) -> dict[str, Any]:
    message = came.message or _MESSAGES[str(came.because)]
    return {"rule": came.rule.id, "because": came.because, "message": message}
