"""Announcing rewards: members hear of a reward with a push text when it becomes available for them, once (S0.21).

It becomes available for all who may have it when it is made, activated, or its time begins: they are gone through in
batches, by a cursor. For a member whose level or segments change it may do so later. Whether they could pay for it does
not matter; who joined after the announcement had begun finds it in the widget.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from backend.ledger.posting import AnySession
from backend.loyalty.eligibility import eligibility, member_facts
from backend.loyalty.eligibility.eligibility import Facts
from backend.loyalty.notifications import notices
from backend.loyalty.notifications.notices import Notice
from backend.loyalty.program import programs
from backend.loyalty.rewards import campaigns, rewards
from backend.loyalty.rewards.announcement_plan import CLOCKS_DIFFER, has_push_text
from backend.loyalty.rewards.rewards import Reward
from backend.loyalty.shops import shops
from backend.loyalty.shops.shops import ShopFacts

PURPOSE = "reward_available"
LOOKED_AT_ONCE = 100
LOOK_AGAIN_WHILE_OFF = timedelta(hours=1)
"""When to ask anew whether a program that is switched off is on."""
WAITS = (
    "(select shop_id, reward_id, last_member_id from reward_announcement where due_at <= %(now)s order by due_at limit 1)"
    " union all (select shop_id, member_id, null from reward_look order by at limit 1) limit 1"
)
"""The question whether there is anything to announce, for the schedule."""

# Whoever changes a reward holds it and then its announcement: nobody may wait for them in the other order.
_DUE = text(
    "select a.shop_id, a.reward_id, coalesce(a.started_at, :now) as started_at, a.last_member_id"
    " from reward_announcement a join reward r on r.shop_id = a.shop_id and r.id = a.reward_id"
    " where a.due_at <= :now order by a.due_at limit 1 for update of a skip locked for key share of r skip locked"
)
_NEXT = text(
    "select id from member where shop_id = :shop and id > :after and status = 'active' and enrolled_at <= :started"
    " order by id limit :limit"
)
_REACHED = text(
    "update reward_announcement set started_at = :started, last_member_id = :reached,"
    " due_at = case when :is_done then null else due_at end, done_at = case when :is_done then :now end"
    " where shop_id = :shop and reward_id = :reward"
)
_WAIT = text("update reward_announcement set due_at = :until where shop_id = :shop and reward_id = :reward")
_ONCE = text(
    "insert into reward_notice (shop_id, reward_id, member_id, at)"
    " select :shop, :reward, id, :now from unnest(cast(:members as bigint[])) as t (id)"
    " on conflict do nothing returning member_id"
)
_LOOKS = text(
    "delete from reward_look where (shop_id, member_id) in ("
    " select shop_id, member_id from reward_look order by at limit :limit for update skip locked)"
    " returning shop_id, member_id, tier, segments"
)


def announce_next(session: AnySession, now: datetime, limit: int = 1000) -> int:
    """The next batch of the oldest announcement, else the next members who have changed; how much was done."""
    due = session.execute(_DUE, {"now": now}).one_or_none()
    return _look_at_changed(session, now) if due is None else _announce(session, due, now, limit)


def _announce(session: AnySession, due: Any, now: datetime, limit: int) -> int:
    shop = shops.facts(due.shop_id)
    reward = rewards.find(session, shop.id, due.reward_id)
    _, settings = programs.current(shop.id)
    if not settings.enabled or not _is_on_offer(reward, now):
        until = _next_campaign(reward, now) if settings.enabled else now + LOOK_AGAIN_WHILE_OFF
        session.execute(_WAIT, {"shop": shop.id, "reward": reward.id, "until": until})
        return 1
    ids: list[int] = []
    if notices.is_on(PURPOSE, settings):  # else nobody is told, now or when it is on again
        ids = list(
            session.execute(
                _NEXT,
                {
                    "shop": shop.id,
                    "after": due.last_member_id,
                    "started": due.started_at + CLOCKS_DIFFER,
                    "limit": limit,
                },
            ).scalars()
        )
        facts = _facts(session, shop, [reward], ids, now)
        _tell(session, shop.id, reward.id, (each for each in ids if _may_have(reward, facts.get(each))), now)
    session.execute(
        _REACHED,
        {
            "shop": shop.id,
            "reward": reward.id,
            "started": due.started_at,
            "reached": ids[-1] if ids else due.last_member_id,
            "is_done": len(ids) < limit,
            "now": now,
        },
    )
    return max(len(ids), 1)


def _look_at_changed(session: AnySession, now: datetime) -> int:
    """Tell members whose level or segments have changed of the rewards that they may have by that, and could not before."""
    changed = session.execute(_LOOKS, {"limit": LOOKED_AT_ONCE}).all()
    by_shop: dict[int, list[Any]] = {}
    for row in changed:
        by_shop.setdefault(row.shop_id, []).append(row)
    for shop_id, rows in sorted(by_shop.items()):
        shop = shops.facts(shop_id)
        _, settings = programs.current(shop_id)
        offered = [
            reward
            for reward in (rewards.current(shop_id) if settings.enabled else ())
            if has_push_text(reward.definition) and _is_restricted(reward) and _is_on_offer(reward, now)
        ]
        facts = _facts(session, shop, offered, [row.member_id for row in rows], now)
        for reward in offered:
            new = (row.member_id for row in rows if _is_new_for(reward, row, facts.get(row.member_id)))
            _tell(session, shop_id, reward.id, new, now)
    return len(changed)


def _tell(session: AnySession, shop_id: int, reward_id: int, member_ids: Iterable[int], now: datetime) -> None:
    """A mail to each of them who has not heard of the reward before."""
    ids = sorted(member_ids)
    if not ids:
        return
    told = {"shop": shop_id, "reward": reward_id, "members": ids, "now": now}
    new = session.execute(_ONCE, told).scalars()
    notices.tell_all(
        session,
        PURPOSE,
        [
            Notice(shop_id, member_id, f"mail:{PURPOSE}:{reward_id}:{member_id}", {"reward_id": reward_id})
            for member_id in new
        ],
    )


def _is_on_offer(reward: Reward, now: datetime) -> bool:
    if not (has_push_text(reward.definition) and rewards.is_available(reward, now)):
        return False
    if reward.type != "gift" or not campaigns.is_gift_of_any(reward.shop_id, reward.id):
        return True
    on = campaigns.current(reward.shop_id, now)
    return on is not None and reward.id in on.gifts


def _next_campaign(reward: Reward, now: datetime) -> datetime | None:
    """When a gift that is otherwise to be had comes into a campaign; None: nobody knows yet."""
    if not rewards.is_available(reward, now):
        return None
    return campaigns.next_start(reward.shop_id, reward.id, now)


def _is_restricted(reward: Reward) -> bool:
    return bool(reward.rules) or reward.target is not None


def _facts(
    session: AnySession, shop: ShopFacts, about: Collection[Reward], member_ids: Collection[int], now: datetime
) -> dict[int, Facts | None]:
    """What is known of the members, if any of the rewards asks for it."""
    if not any(_is_restricted(reward) for reward in about):
        return dict.fromkeys(member_ids)
    with_orders = any(eligibility.needs_orders(reward.rules) for reward in about)
    return dict(member_facts.of_many(session, shop, member_ids, with_orders, now))


def _may_have(reward: Reward, facts: Facts | None) -> bool:
    """Whether the member may have it and is shown it."""
    if not _is_restricted(reward):
        return True
    if facts is None or not eligibility.is_in_target(reward.target, facts):
        return False
    verdict = eligibility.judge(reward.rules, facts)
    return verdict.is_eligible and verdict.show_on_member_dashboard


def _is_new_for(reward: Reward, before: Any, facts: Facts | None) -> bool:
    if facts is None or not _may_have(reward, facts):
        return False
    return not _may_have(reward, replace(facts, tier=before.tier, segments=tuple(before.segments)))
