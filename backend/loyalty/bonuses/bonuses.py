"""Bonuses: points beside those of orders, given once per occasion and taken back if it turns out not to be one.

An occasion has a key, such as `rule:signup:member:7`. The same key again is the same bonus. The caller holds the
member's account.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select, text

from backend.ledger import posting
from backend.ledger.posting import AnySession
from backend.loyalty import calendar_rules
from backend.loyalty.orders import awards
from backend.loyalty.program.settings import ProgramSettings
from backend.loyalty.shops.shops import ShopFacts
from backend.loyalty.tiers import tier_due
from backend.models import Bonus
from backend.platforms.events import time_text
from backend.queue import enqueue_after_commit


@dataclass(frozen=True, slots=True)
class Occasion:
    """What happened at `at`, and what it is worth by the program version in force then.

    `rule` is the id of the program's rule, or "referral". `why` is shown to the member; what every bonus says (points,
    version, days) is added to it. `reason` is the ledger's, in English. The points wait `delay_days` local days,
    and for `not_before`.
    """

    key: str
    rule: str
    at: datetime
    points: int
    reason: str
    why: Mapping[str, Any]
    program_version: int
    delay_days: int = 0
    not_before: datetime | None = None


def rule_key(rule_id: str, member_id: int, occasion: str | None = None) -> str:
    """The key of what a rule gives a member: once, or once for each `occasion`."""
    return f"rule:{rule_id}:member:{member_id}" + (f":{occasion}" if occasion is not None else "")


def find(session: AnySession, shop_id: int, key: str) -> Bonus | None:
    """The bonus of that key, or None."""
    return session.execute(select(Bonus).where(Bonus.shop_id == shop_id, Bonus.key == key)).scalar_one_or_none()


def give(
    session: AnySession, shop: ShopFacts, member_id: int, what: Occasion, settings: ProgramSettings, now: datetime
) -> Bonus | None:
    """Promise the bonus. None if it stands already. One that was taken back is given again, by what is said now.

    A bonus of 0 points is kept as a fact and moves nothing. That of a member who is blocked waits until that is lifted:
    whether one earns by what happened meanwhile is for the caller to say.
    """
    known = find(session, shop.id, what.key)
    if known is not None and known.state == "given":
        return None
    bonus = known or Bonus(
        shop_id=shop.id, member_id=member_id, rule=what.rule, key=what.key, state="given", steps=0, why={}
    )
    due = due_at(shop, what)
    expires_at = calendar_rules.expires_at(due, settings.expiry, ZoneInfo(shop.timezone))
    bonus.state, bonus.at, bonus.points = "given", what.at, what.points
    bonus.steps += 1
    bonus.why = {
        **what.why,
        "rule_id": what.rule,
        "program_version": what.program_version,
        "points": what.points,
        "due_at": time_text(due),
        "expires_at": time_text(expires_at) if expires_at else None,
    }
    if what.points > 0:
        bonus.award_id = posting.promise(
            session,
            shop.id,
            member_id,
            what.points,
            at=now,
            key=_key(bonus),
            rule=what.rule,
            reason=what.reason,
            why=bonus.why,
            program_version=what.program_version,
            due_at=due,
            expires_at=expires_at,
        )
        if due <= now:
            enqueue_after_commit(posting.POST_DUE)
    session.add(bonus)
    session.flush()
    return bonus


def due_at(shop: ShopFacts, what: Occasion) -> datetime:
    """When its points arrive."""
    due = calendar_rules.due_at(what.at, what.delay_days, ZoneInfo(shop.timezone))
    return due if what.not_before is None else max(due, what.not_before)


def take_back(session: AnySession, bonus: Bonus, loss: str, reason: str, now: datetime) -> None:
    """Take the bonus back and tell the member: what still waits is voided, the rest clawed back.

    `loss` is one of the mails' reasons, `reason` the ledger's. What has expired unspent counts as taken back.
    """
    if bonus.state == "taken_back":
        return
    bonus.state = "taken_back"
    bonus.steps += 1
    if bonus.award_id is not None:
        _take_points(session, bonus, {**bonus.why, "loss": loss}, reason, now)
    session.flush()


def _take_points(session: AnySession, bonus: Bonus, why: dict[str, Any], reason: str, now: datetime) -> None:
    assert bonus.award_id is not None
    award = session.execute(
        text(
            """
            select w.state, w.pending, w.program_version, coalesce((
                select sum(el.points) from entry p
                join lot o on o.shop_id = p.shop_id and o.entry_id = p.id
                join lot l on l.shop_id = o.shop_id and (l.id = o.id or l.moved_from = o.id)
                join entry_lot el on el.shop_id = l.shop_id and el.lot_id = l.id
                join entry e on e.shop_id = el.shop_id and e.id = el.entry_id and e.kind = 'expire'
                where p.shop_id = w.shop_id and p.member_id = w.member_id and p.source_key = 'award:' || w.id || '\\:post'
            ), 0) as expired
            from award w where w.shop_id = :shop and w.id = :award
            """
        ),
        {"shop": bonus.shop_id, "award": bonus.award_id},
    ).one()
    if award.state == "pending":
        posting.void(
            session, bonus.shop_id, bonus.award_id, award.pending, at=now, key=_key(bonus), reason=reason, why=why
        )
        return
    points = bonus.points - int(award.expired)
    if points <= 0:
        return
    entry_id = posting.claw_back(
        session,
        bonus.shop_id,
        bonus.member_id,
        points,
        at=now,
        key=_key(bonus),
        reason=reason,
        why=why,
        order_id=None,
        program_version=award.program_version,
    )
    if entry_id is not None:
        tier_due.mark(session, [(bonus.shop_id, bonus.member_id)], now)
        awards.tell_of_swept(session, bonus.shop_id, bonus.member_id, entry_id)
        awards.tell(session, [posting.Posted(bonus.shop_id, bonus.member_id, entry_id, points)], "points_clawed_back")


def _key(bonus: Bonus) -> str:
    """The ledger's key of this step; the first is the occasion's own."""
    return bonus.key if bonus.steps == 1 else f"{bonus.key}:{bonus.steps}"
