"""What both sides of a referral get: promised when the friend qualifies, paid when the hold is over, and taken back.

Points wait in the ledger as a bonus of the payout's key; a reward is given when the hold is over. Whatever is done twice
is done once. The caller holds both accounts.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select, text

from backend.errors import NotFound
from backend.ledger.posting import AnySession
from backend.loyalty import calendar_rules
from backend.loyalty.bonuses import bonuses
from backend.loyalty.bonuses.bonuses import Occasion
from backend.loyalty.program.settings import ProgramSettings
from backend.loyalty.redemptions import earned_rewards
from backend.loyalty.referrals.referral_rules import Part
from backend.loyalty.rewards import rewards
from backend.loyalty.shops.shops import ShopFacts
from backend.models import Member, Referral, ReferralPayout

RULE = "referral"


def bring_to(
    session: AnySession,
    shop: ShopFacts,
    referral: Referral,
    wanted: Mapping[str, Part],
    settings: ProgramSettings,
    loss: str,
    now: datetime,
) -> None:
    """Promise what is wanted and stands not yet, and take back what stands and is wanted no more; `loss` says why."""
    known = {payout.part: payout for payout in _all_of(session, referral)}
    for payout in known.values():
        if payout.state != "taken_back" and payout.part not in wanted:
            _take_back(session, shop, referral, payout, loss, now)
    for part in wanted.values():
        _promise(session, shop, referral, known.get(part.name), part, settings, loss, now)


def _all_of(session: AnySession, referral: Referral) -> list[ReferralPayout]:
    found = session.execute(
        select(ReferralPayout)
        .where(ReferralPayout.shop_id == referral.shop_id, ReferralPayout.referral_id == referral.id)
        .order_by(ReferralPayout.part)
    ).scalars()
    return list(found)


def _promise(
    session: AnySession,
    shop: ShopFacts,
    referral: Referral,
    known: ReferralPayout | None,
    part: Part,
    settings: ProgramSettings,
    loss: str,
    now: datetime,
) -> None:
    if known is not None and known.state != "taken_back":
        if known.state == "paid" or (known.at, known.order_id) == (part.at, part.order_id):
            return
        _take_back(session, shop, referral, known, loss, now)  # it waits still, for another day
    if session.get_one(Member, (shop.id, part.member_id)).status != "active":
        return
    terms = settings.referral
    payout = known or ReferralPayout(shop_id=shop.id, referral_id=referral.id, part=part.name, steps=0)
    payout.member_id, payout.order_id, payout.at = part.member_id, part.order_id, part.at
    payout.due_at = calendar_rules.due_at(part.at, terms.hold_days, ZoneInfo(shop.timezone))
    payout.points, payout.reward_id, payout.state = part.points, _reward_id(part.reward), "promised"
    payout.steps += 1
    session.add(payout)
    if part.points:
        side = "friend" if part.name == "friend" else "advocate"
        bonuses.give(
            session,
            shop,
            part.member_id,
            Occasion(
                key=bonus_key(payout),
                rule=RULE,
                at=part.at,
                points=part.points,
                reason="Referral",
                why={"rule": RULE, "referral": str(referral.id), "side": side},
                program_version=referral.program_version,
                delay_days=terms.hold_days,
            ),
            settings,
            now,
        )
    session.flush()


def _reward_id(public_id: str | None) -> int | None:
    if public_id is not None:
        with suppress(NotFound):
            return rewards.parse_public_id(public_id)
    return None


def _take_back(
    session: AnySession, shop: ShopFacts, referral: Referral, payout: ReferralPayout, loss: str, now: datetime
) -> None:
    """The reward first: redemptions are locked before points. One that was used stays, and the referral says so."""
    given = earned_rewards.find(session, shop.id, _reward_key(payout))
    if given is not None and not earned_rewards.withdraw(session, shop, given, now) and given.use_state == "used":
        referral.evidence = {**referral.evidence, "reward_was_used": True}
    bonus = bonuses.find(session, shop.id, bonus_key(payout))
    if bonus is not None:
        bonuses.take_back(session, bonus, loss, "The referral does not count", now)
    payout.state = "taken_back"
    session.flush()


def pay(session: AnySession, shop: ShopFacts, referral: Referral, now: datetime) -> int:
    """Give what is due, once its points are posted. How many payouts were paid."""
    due = session.execute(
        text(
            f"select part from referral_payout p where shop_id = :shop and referral_id = :referral and {DUE}"  # noqa: S608
            " order by part"
        ),
        {"shop": shop.id, "referral": referral.id, "now": now},
    ).scalars()
    paid = 0
    for part in due.all():
        payout = session.get_one(ReferralPayout, (shop.id, referral.id, part))
        if payout.reward_id is not None:
            occasion: dict[str, Any] = {"rule": RULE, "referral": str(referral.id), "part": part}
            given = earned_rewards.give(
                session, shop, payout.member_id, payout.reward_id, key=_reward_key(payout), occasion=occasion, now=now
            )
            if given is None:
                referral.evidence = {**referral.evidence, "reward_not_given": True}
        payout.state = "paid"
        paid += 1
    session.flush()
    return paid


def is_all_paid(session: AnySession, referral: Referral) -> bool:
    """Whether nothing waits any more of what was due with the referral itself."""
    return not any(
        payout.state == "promised" and referral.due_at is not None and payout.due_at <= referral.due_at
        for payout in _all_of(session, referral)
    )


DUE = """p.state = 'promised' and p.due_at <= :now and not exists (
    select from bonus b join award w on w.shop_id = b.shop_id and w.id = b.award_id
    where b.shop_id = p.shop_id and b.key = 'referral:' || p.referral_id || ':' || p.part and w.state = 'pending')
    and not exists (select from member m where m.shop_id = p.shop_id and m.id = p.member_id and m.status = 'blocked')"""
"""Of a row `p` of referral_payout: the hold is over and its points are posted."""


def bonus_key(payout: ReferralPayout) -> str:
    return f"referral:{payout.referral_id}:{payout.part}"


def _reward_key(payout: ReferralPayout) -> str:
    """What was withdrawn stays withdrawn: given again it is another one."""
    return bonus_key(payout) + (f":{payout.steps}" if payout.steps > 1 else "")
