"""Whose level has to be looked at again. Shops whose program never had tiers pay one look into an empty table for it."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import text

from backend.ledger.posting import AnySession
from backend.loyalty.program.settings import Tiers
from backend.queue import enqueue_after_commit

SETTLE = "points.tiers"
MARKED_AT_ONCE = 5000
AT_ONCE = timedelta(seconds=1)
"""Before now: the clocks of two machines differ a little, and what changed is due at once on each of them."""

_MARK = text(
    """
    insert into tier_standing (shop_id, member_id, check_at)
    select distinct t.shop_id, t.member_id, cast(:now as timestamptz)
    from unnest(cast(:shops as bigint[]), cast(:members as bigint[])) as t (shop_id, member_id)
    join tier_walk w on w.shop_id = t.shop_id
    order by t.shop_id, t.member_id
    on conflict (shop_id, member_id) do update set check_at = excluded.check_at
    where tier_standing.check_at is null or tier_standing.check_at > excluded.check_at
    """
)


def mark(session: AnySession, members: Collection[tuple[int, int]], now: datetime) -> None:
    """Something changed for these members, each (shop, member). The caller holds their accounts."""
    if members:
        parameters = {
            "now": now - AT_ONCE,
            "shops": [shop for shop, _ in members],
            "members": [member for _, member in members],
        }
        session.execute(_MARK, parameters)


def program_changed(
    session: AnySession, shop_id: int, before: Tiers | None, after: Tiers | None, now: datetime
) -> None:
    """The program has other tiers than before: every member of the shop is looked at again."""
    if before == after:
        return
    session.execute(
        text(
            "insert into tier_walk (shop_id, walk_at, next_member_id) values (:shop, :now, 0)"
            " on conflict (shop_id) do update set walk_at = excluded.walk_at, next_member_id = 0"
        ),
        {"shop": shop_id, "now": now - AT_ONCE},
    )
    enqueue_after_commit(SETTLE)


def walk(session: AnySession, now: datetime) -> int:
    """Mark the next members of a shop whose tiers changed; how many were found, at least 1 while there is such a shop."""
    shop = session.execute(
        text(
            "select shop_id, next_member_id from tier_walk where walk_at <= :now order by walk_at limit 1"
            " for update skip locked"
        ),
        {"now": now},
    ).one_or_none()
    if shop is None:
        return 0
    ids = session.execute(
        text(
            "select id from member where shop_id = :shop and id > :after and status = 'active' order by id limit :most"
        ),
        {"shop": shop.shop_id, "after": shop.next_member_id, "most": MARKED_AT_ONCE},
    ).scalars()
    found = list(ids)
    mark(session, [(shop.shop_id, each) for each in found], now)
    session.execute(
        text(
            "update tier_walk set next_member_id = :reached, walk_at = case when :is_done then null else walk_at end"
            " where shop_id = :shop"
        ),
        {
            "shop": shop.shop_id,
            "reached": found[-1] if found else shop.next_member_id,
            "is_done": len(found) < MARKED_AT_ONCE,
        },
    )
    return max(len(found), 1)


def forget(session: AnySession, shop_id: int, member_id: int) -> None:
    """An erased member is at no level, and what people wrote about them goes."""
    who = {"shop": shop_id, "member": member_id}
    session.execute(
        text(
            "update tier_standing set reached = null, leaves_at = null, manual_level = null, manual_until = null,"
            " check_at = null where shop_id = :shop and member_id = :member"
        ),
        who,
    )
    session.execute(
        text(
            "update tier_change set reason = null where shop_id = :shop and member_id = :member and reason is not null"
        ),
        who,
    )
