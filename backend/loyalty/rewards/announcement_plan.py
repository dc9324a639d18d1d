"""When rewards are to be announced, and who has to be looked at again. `announcements` does the announcing.

A reward has one announcement in its life (S0.21). It is due when the reward becomes available, waits while it is not,
and is over for good once it has gone through all members: an edit does not repeat it.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import text

from backend.ledger.posting import AnySession
from backend.loyalty.rewards.reward_definition import RewardDefinition
from backend.queue import enqueue_after_commit

ANNOUNCE = "points.announce_rewards"
CLOCKS_DIFFER = timedelta(seconds=1)
"""What is due at once is due on another machine, too."""

_BEGIN = text(
    "insert into reward_announcement (shop_id, reward_id, due_at) values (:shop, :reward, :due)"
    " on conflict (shop_id, reward_id) do update set due_at = excluded.due_at where reward_announcement.done_at is null"
)
_MOVE = text(
    "update reward_announcement set due_at = :due where shop_id = :shop and reward_id = :reward and done_at is null"
)
_CAMPAIGN = text(
    "update reward_announcement set due_at = :due"
    " where shop_id = :shop and reward_id = any(cast(:gifts as bigint[])) and done_at is null and due_at is null"
)
_LOOK = text(
    """
    insert into reward_look (shop_id, member_id, tier, segments, at)
    select m.shop_id, m.id, m.tier, m.segments, :now from member m
    where m.shop_id = :shop and m.id = any(cast(:members as bigint[])) and m.status = 'active' and exists (
        select from reward r where r.shop_id = :shop and r.is_active
            and jsonb_path_exists(r.details, '$.**.push_notification_text ? (@ != null)'))
    on conflict do nothing
    returning 1
    """
)


def has_push_text(definition: RewardDefinition) -> bool:
    """Without one nothing is ever sent (S0.22)."""
    translated = (each.push_notification_text for each in definition.translations.values())
    return any(said is not None for said in (definition.push_notification_text, *translated))


def plan(
    session: AnySession,
    shop_id: int,
    reward_id: int,
    definition: RewardDefinition,
    begins: datetime | None,
    *,
    was_available: bool,
    now: datetime,
) -> None:
    """A reward was made or changed. What was to be had before and was not announced then is not news now."""
    is_wanted = definition.is_active and has_push_text(definition)
    due = max(now - CLOCKS_DIFFER, begins or now - CLOCKS_DIFFER) if is_wanted else None
    statement = _BEGIN if is_wanted and not was_available else _MOVE
    session.execute(statement, {"shop": shop_id, "reward": reward_id, "due": due})
    if due is not None and due <= now:
        enqueue_after_commit(ANNOUNCE)


def campaign_changed(session: AnySession, shop_id: int, gifts: Collection[int], starts_at: datetime) -> None:
    """Gifts that waited for a campaign have one."""
    session.execute(_CAMPAIGN, {"shop": shop_id, "gifts": sorted(gifts), "due": starts_at})


def look_again(session: AnySession, shop_id: int, member_ids: Collection[int], now: datetime) -> None:
    """The level or the segments of these members are about to change. Called before, so that what is new can be told."""
    if not member_ids:
        return
    members = {"shop": shop_id, "members": sorted(member_ids), "now": now}
    if session.execute(_LOOK, members).first() is not None:
        enqueue_after_commit(ANNOUNCE)
