"""Bringing members to the level that is theirs: many at once, each at the same cost however long their history is.

What counts is kept as days (`member_day`). Ledger entries are folded into them here, each once; orders by `tier_orders`.
A standing keeps the sums of its window, and they follow the window by what enters and what leaves it.
"""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import text

from backend.ledger.posting import AnySession
from backend.loyalty.calendar_rules import local_day
from backend.loyalty.program import programs
from backend.loyalty.program.settings import Tiers
from backend.loyalty.shops import shops
from backend.loyalty.shops.shops import ShopFacts
from backend.loyalty.tiers import tier_changes, tier_due, tier_orders
from backend.loyalty.tiers.tier_changes import ByHand, Settled
from backend.loyalty.tiers.tier_rules import Counted, Standing, Window, judge, window

LOOKED_AT_ONCE = 1000
COUNTED_AT_ONCE = 100
"""Members whose orders from before the tiers are counted in one transaction."""


def settle_due(session: AnySession, now: datetime, limit: int = LOOKED_AT_ONCE) -> int:
    """Mark members of a shop whose tiers changed, or look at those of one shop whose time has come; how many.

    Accounts that somebody holds are left for the next round, so two workers never wait for each other.
    """
    walked = tier_due.walk(session, now)
    if walked:
        return walked
    held = session.execute(
        text(
            """
            with due as (
                select shop_id, member_id, check_at from tier_standing where check_at <= :now
                order by check_at, shop_id, member_id limit :limit)
            select a.shop_id, a.member_id from due join account a using (shop_id, member_id)
            where a.shop_id = (select shop_id from due order by check_at, shop_id limit 1)
            order by a.member_id for no key update of a skip locked
            """
        ),
        {"now": now, "limit": limit},
    ).all()
    if not held:
        return 0
    return settle(session, shops.facts(held[0].shop_id), [each.member_id for each in held], now)


def settle(
    session: AnySession,
    shop: ShopFacts,
    member_ids: Sequence[int],
    now: datetime,
    by_hand: ByHand | None = None,
) -> int:
    """Bring these members to where they should be at `now`; how many were looked at.

    `by_hand`: what a merchant decided just now, for the record of the change. The caller holds the accounts.
    """
    member_ids = _with_orders(session, shop, member_ids, now)
    settings = programs.settings_of(programs.version_for(session, shop.id, now + tier_due.AT_ONCE))
    counts = window(settings.tiers, local_day(now, ZoneInfo(shop.timezone)))
    _fold_entries(session, shop, member_ids)
    settled = _look(session, shop, settings.tiers, counts, member_ids, now)
    _keep(session, shop.id, counts, settled)
    tier_changes.record(session, shop, settled, now, by_hand)
    return len(member_ids)


def _with_orders(session: AnySession, shop: ShopFacts, member_ids: Sequence[int], now: datetime) -> list[int]:
    """The members, held, with what they ordered before the shop had tiers counted; fewer if that is much to count."""
    held = session.execute(
        text(
            "select member_id, orders_counted from tier_standing"
            " where shop_id = :shop and member_id = any(cast(:members as bigint[])) order by member_id for update"
        ),
        {"shop": shop.id, "members": member_ids},
    ).all()
    uncounted = [each.member_id for each in held if not each.orders_counted]
    now_counted, later = uncounted[:COUNTED_AT_ONCE], set(uncounted[COUNTED_AT_ONCE:])
    if now_counted:
        tier_orders.count_all(session, shop, now_counted, now)
        session.execute(
            text(
                "update tier_standing set orders_counted = true"
                " where shop_id = :shop and member_id = any(cast(:members as bigint[]))"
            ),
            {"shop": shop.id, "members": now_counted},
        )
    return [each.member_id for each in held if each.member_id not in later]


# An entry counts on the day on which its points were due, as it says itself: what takes points back counts on the day
# that had brought them, and a late job moves nothing.
_FOLD = text(
    """
    with due as (
        select member_id, counted_entry_id, counts_from, before_from from tier_standing
        where shop_id = :shop and member_id = any(cast(:members as bigint[]))
    ),
    fresh as (
        select d.member_id, e.id, case e.kind when 'post' then e.points when 'claw_back' then -e.points end as points,
            (least(cast(e.why ->> 'due_at' as timestamptz), e.at) at time zone :timezone)::date as day
        from due d join entry e on e.shop_id = :shop and e.member_id = d.member_id and e.id > d.counted_entry_id
    ),
    kept as (
        insert into member_day (shop_id, member_id, day, points_earned)
        select :shop, member_id, day, sum(points) from fresh where points is not null group by member_id, day
        order by member_id, day
        on conflict (shop_id, member_id, day) do update set
            points_earned = member_day.points_earned + excluded.points_earned
    ),
    moved as (
        select f.member_id, max(f.id) as last,
            coalesce(sum(f.points) filter (where f.day >= d.counts_from), 0) as recent,
            coalesce(sum(f.points) filter (where f.day >= d.before_from and f.day < d.counts_from), 0) as before
        from fresh f join due d using (member_id) group by f.member_id
    )
    update tier_standing s set counted_entry_id = m.last,
        value = s.value + case s.basis when 'points_earned' then m.recent else 0 end,
        value_before = s.value_before + case s.basis when 'points_earned' then m.before else 0 end
    from moved m where s.shop_id = :shop and s.member_id = m.member_id
    """
)


def _fold_entries(session: AnySession, shop: ShopFacts, member_ids: Sequence[int]) -> None:
    """Count the entries that are not counted yet. A member's entries are written one after the other, under the account
    that the caller holds, so the newest one says how far it has come."""
    session.execute(_FOLD, {"shop": shop.id, "members": member_ids, "timezone": shop.timezone})


# The sums follow the window: what entered or left it since the last look is added or taken off. Only another basis, or a
# year that ended, has days summed up.
_LOOK = """
    select s.member_id, s.reached, s.leaves_at, s.manual_level, s.manual_until, m.tier, m.status, w.value, w.value_before, (
            select d.day from member_day d
            where d.shop_id = s.shop_id and d.member_id = s.member_id and d.day >= :counts_from
            order by d.day limit 1) as first_day
    from tier_standing s
    join member m on m.shop_id = s.shop_id and m.id = s.member_id
    cross join lateral (
        select case when s.basis = :basis then s.value + case when :counts_from < s.counts_from then 1 else -1 end
                * coalesce((
                    select sum(d.{counts}) from member_day d where d.shop_id = s.shop_id and d.member_id = s.member_id
                        and d.day >= least(:counts_from, s.counts_from) and d.day < greatest(:counts_from, s.counts_from)), 0)
            else coalesce((
                select sum(d.{counts}) from member_day d where d.shop_id = s.shop_id and d.member_id = s.member_id
                    and d.day >= :counts_from), 0) end as value,
            case when (s.basis, s.before_from, s.counts_from) = (:basis, :before_from, :counts_from) then s.value_before
            else coalesce((
                select sum(d.{counts}) from member_day d where d.shop_id = s.shop_id and d.member_id = s.member_id
                    and d.day >= :before_from and d.day < :counts_from), 0) end as value_before
    ) w
    where s.shop_id = :shop and s.member_id = any(cast(:members as bigint[]))
    order by s.member_id
"""


def _look(
    session: AnySession,
    shop: ShopFacts,
    tiers: Tiers | None,
    counts: Window,
    member_ids: Sequence[int],
    now: datetime,
) -> list[Settled]:
    rows = session.execute(
        text(_LOOK.format(counts=counts.basis)),
        {
            "shop": shop.id,
            "members": member_ids,
            "basis": counts.basis,
            "counts_from": counts.counts_from,
            "before_from": counts.before_from,
        },
    )
    tz = ZoneInfo(shop.timezone)
    settled = []
    for row in rows:
        held = Standing(row.reached, row.leaves_at, row.manual_level, row.manual_until, row.tier)
        counted = Counted(row.value, row.value_before, row.first_day)
        verdict = judge(tiers if row.status in ("active", "blocked") else None, held, counted, now, tz)
        settled.append(Settled(row.member_id, row.tier, counted, verdict))
    return settled


def _keep(session: AnySession, shop_id: int, counts: Window, settled: Sequence[Settled]) -> None:
    """Write where everybody stands now."""
    standings = [each.verdict.standing for each in settled]
    session.execute(
        text(
            """
            update tier_standing s set basis = :basis, counts_from = :counts_from, before_from = :before_from,
                value = t.value, value_before = t.value_before, reached = t.reached, leaves_at = t.leaves_at,
                manual_level = t.manual_level, manual_until = t.manual_until, check_at = t.check_at
            from unnest(cast(:members as bigint[]), cast(:values as numeric[]), cast(:values_before as numeric[]),
                cast(:reached as text[]), cast(:leaves as timestamptz[]), cast(:manual as text[]),
                cast(:until as timestamptz[]), cast(:checks as timestamptz[]))
                as t (member_id, value, value_before, reached, leaves_at, manual_level, manual_until, check_at)
            where s.shop_id = :shop and s.member_id = t.member_id
            """
        ),
        {
            "shop": shop_id,
            "basis": counts.basis,
            "counts_from": counts.counts_from,
            "before_from": counts.before_from,
            "members": [each.member_id for each in settled],
            "values": [each.counted.value for each in settled],
            "values_before": [each.counted.value_before for each in settled],
            "reached": [each.reached for each in standings],
            "leaves": [each.leaves_at for each in standings],
            "manual": [each.manual_level for each in standings],
            "until": [each.manual_until for each in standings],
            "checks": [each.verdict.check_at for each in settled],
        },
    )
