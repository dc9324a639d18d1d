"""What follows when members come to another level: it is noted, they are told, and entering brings the level's gift."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from backend.errors import NotFound
from backend.ledger.posting import AnySession
from backend.loyalty.notifications import notices
from backend.loyalty.notifications.notices import Notice
from backend.loyalty.program.settings import Level
from backend.loyalty.redemptions import earned_rewards
from backend.loyalty.rewards import announcement_plan, rewards
from backend.loyalty.segments import segment_due
from backend.loyalty.shops.shops import ShopFacts
from backend.loyalty.tiers.tier_rules import Counted, Verdict
from backend.platforms.events import time_text


@dataclass(frozen=True, slots=True)
class ByHand:
    """What a merchant decided: the level until then, or (None) that none is given any more; who, and why."""

    level: str | None
    until: datetime | None
    actor_name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Settled:
    """A member who was looked at: the level before, what counts, and the verdict."""

    member_id: int
    before: str | None
    counted: Counted
    verdict: Verdict

    @property
    def has_moved(self) -> bool:
        return self.before != self.verdict.standing.level

    @property
    def is_news(self) -> bool:
        """Not where everybody begins: nobody did anything for a level from 0."""
        is_beginning = self.before is None and all(level.starts_at == 0 for level in self.verdict.entered)
        return self.has_moved and not is_beginning


def record(
    session: AnySession, shop: ShopFacts, settled: Sequence[Settled], now: datetime, by_hand: ByHand | None = None
) -> None:
    """Let everything follow that is new about these members. The caller holds their accounts."""
    moved = [each for each in settled if each.has_moved]
    for each in moved:
        for level in each.verdict.entered:
            _give_gift(session, shop, each.member_id, level, now)
    announcement_plan.look_again(session, shop.id, [each.member_id for each in moved], now)
    changes = _note(session, shop.id, moved if by_hand is None else settled, now, by_hand)
    notices.tell_all(
        session,
        "tier_changed",
        [
            Notice(
                shop.id,
                each.member_id,
                f"mail:tier_changed:{changes[each.member_id]}",
                {"change_id": changes[each.member_id]},
            )
            for each in moved
            if each.is_news
        ],
    )
    notices.tell_all(session, "tier_ending", [_of_ending(shop.id, each) for each in settled if each.verdict.is_ending])
    segment_due.note(session, shop.id, [each.member_id for each in moved])


def _give_gift(session: AnySession, shop: ShopFacts, member_id: int, level: Level, now: datetime) -> None:
    """The level's gift, once for life however often the level is entered."""
    if level.gift is None:
        return
    try:
        reward_id = rewards.parse_public_id(level.gift)
    except NotFound:  # such an id has never been given
        return
    occasion = {"rule": "tier", "level": level.id}
    earned_rewards.give(
        session, shop, member_id, reward_id, key=f"tier:{level.id}:member:{member_id}", occasion=occasion, now=now
    )


def _note(
    session: AnySession, shop_id: int, changed: Sequence[Settled], now: datetime, by_hand: ByHand | None
) -> dict[int, int]:
    """Write the changes and the members' levels; the changes' ids by member."""
    if not changed:
        return {}
    rows = session.execute(
        text(
            """
            with t as (
                select * from unnest(cast(:members as bigint[]), cast(:before as text[]), cast(:after as text[]),
                    cast(:causes as text[])) as t (member_id, before, after, cause)
            ),
            moved as (
                update member m set tier = t.after from t
                where m.shop_id = :shop and m.id = t.member_id and m.tier is distinct from t.after
            )
            insert into tier_change (shop_id, member_id, from_level, to_level, at, cause, manual_level, manual_until,
                actor_name, reason)
            select :shop, member_id, before, after, :now, cause, :level, :until, :actor, :reason from t order by member_id
            returning id, member_id
            """
        ),
        {
            "shop": shop_id,
            "now": now,
            "members": [each.member_id for each in changed],
            "before": [each.before for each in changed],
            "after": [each.verdict.standing.level for each in changed],
            "causes": [each.verdict.cause if by_hand is None else "manual" for each in changed],
            "level": by_hand and by_hand.level,
            "until": by_hand and by_hand.until,
            "actor": by_hand and by_hand.actor_name,
            "reason": by_hand and by_hand.reason,
        },
    )
    return {row.member_id: row.id for row in rows}


def _of_ending(shop_id: int, ending: Settled) -> Notice:
    standing = ending.verdict.standing
    assert standing.leaves_at is not None
    leaves_at = time_text(standing.leaves_at)
    return Notice(
        shop_id,
        ending.member_id,
        f"mail:tier_ending:{ending.member_id}:{leaves_at}",
        {"level": standing.reached, "leaves_at": leaves_at},
    )
