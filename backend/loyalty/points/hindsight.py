"""What a member had at an earlier moment, as far as it is kept: for a preview, which may not write.

The ledger is never changed, so points are told exactly: balances and lots by the entries that were there by then, promises by
what had been promised, posted and taken back. Of rewards and friends the times of their states are kept, of levels each
change. The widget's own statements then read `TABLES` in place of the tables of these names (`hot_statement.reading_from`).

Not kept, so not told: when an award's day or a lot's date was moved (they have those of today), what orders that were not
delivered were to bring, who opened a link, how far a delivery was, and when a mark was taken off.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from backend import hot_statement
from backend.ledger.posting import AnySession
from backend.loyalty.calendar_rules import local_day
from backend.loyalty.points import foresight
from backend.loyalty.points.foresight import Day, Place
from backend.loyalty.program.settings import Tiers
from backend.loyalty.redemptions import cashback
from backend.loyalty.shops.shops import ShopFacts
from backend.loyalty.tiers import tier_rules

TABLES = """
whose as (
    select cast(%(past_member)s as bigint) as member_id
    union
    select c.other_id from care_action c
    where c.shop_id = %(past_shop)s and c.member_id = %(past_member)s and c.what = 'merge' and c.at <= %(past_at)s
),
known as (
    select e.* from whose w join entry e on e.shop_id = %(past_shop)s and e.member_id = w.member_id
    where e.at <= %(past_at)s
),
entry as (select * from known where member_id = %(past_member)s),
award as (
    select then_.* from (
        select k.award_id, sum(case k.kind when 'promise' then k.points else -k.points end)::bigint as pending
        from known k where k.award_id is not null and k.kind in ('promise', 'void', 'post')
        group by k.award_id
    ) p
    join award a on a.shop_id = %(past_shop)s and a.id = p.award_id
    cross join lateral jsonb_populate_record(a, jsonb_build_object('pending', p.pending, 'state', 'pending',
        'member_id', cast(%(past_member)s as bigint))) then_
    where p.pending > 0
),
account as (
    select cast(%(past_shop)s as bigint) as shop_id, cast(%(past_member)s as bigint) as member_id,
        coalesce(sum(case 'pending' when e.to_bucket then e.points when e.from_bucket then -e.points end), 0)::bigint
            as pending,
        coalesce(sum(case 'available' when e.to_bucket then e.points when e.from_bucket then -e.points end), 0)::bigint
            as available,
        coalesce(sum(case 'on_hold' when e.to_bucket then e.points when e.from_bucket then -e.points end), 0)::bigint
            as on_hold,
        coalesce(sum(case 'owed' when e.to_bucket then e.points when e.from_bucket then -e.points end), 0)::bigint as owed
    from entry e
),
lot as (
    select then_.* from lot l
    join entry e on e.id = l.entry_id
    cross join lateral (
        select l.points + coalesce(sum(case t.to_bucket when 'available' then p.points else -p.points end), 0) as remaining
        from entry_lot p join entry t on t.id = p.entry_id
        where p.shop_id = l.shop_id and p.lot_id = l.id
    ) left_
    cross join lateral jsonb_populate_record(l, jsonb_build_object('remaining', left_.remaining, 'open', left_.remaining > 0))
        then_
    where l.shop_id = %(past_shop)s and l.member_id = %(past_member)s
),
orders as (
    select then_.* from orders o
    cross join lateral jsonb_populate_record(o, jsonb_build_object('expected_points', 0)) then_
    where o.shop_id = %(past_shop)s and o.member_id = %(past_member)s and o.placed_at <= %(past_at)s
),
redemption as (
    select then_.* from redemption r
    cross join lateral (
        select coalesce(r.issued_at <= %(past_at)s, false) as is_issued,
            coalesce(r.ended_at <= %(past_at)s, false) as is_over,
            coalesce(r.used_at <= %(past_at)s, false) as is_used
    ) was
    cross join lateral jsonb_populate_record(r, jsonb_build_object(
        'status', case when was.is_over then r.status when was.is_issued then 'issued' else 'requested' end,
        'code', case when was.is_issued or was.is_over or r.frozen ->> 'type' = 'cashback' then r.code end,
        'issued_at', case when was.is_issued then r.issued_at end,
        'ended_at', case when was.is_over then r.ended_at end,
        'expires_at', case when was.is_issued or was.is_over then r.expires_at end,
        'hold_until', case when not was.is_over and not was.is_issued
            then coalesce(r.hold_until, r.requested_at + cast(%(past_hold)s as interval)) end,
        'use_state', case when was.is_used then 'used' else 'delivered' end,
        'used_at', case when was.is_used then r.used_at end,
        'delivery_status', case when was.is_used then r.delivery_status end,
        'ending', null)) then_
    where r.shop_id = %(past_shop)s and r.member_id = %(past_member)s and r.requested_at <= %(past_at)s
        and (r.entry_id is null or r.steps > 1 or exists (select from known k where k.id = r.entry_id))
),
coupon_use as (
    select * from coupon_use where shop_id = %(past_shop)s and redemption_id in (select id from redemption)
        and placed_at <= %(past_at)s
),
bonus as (
    select * from bonus where shop_id = %(past_shop)s and member_id = %(past_member)s and at <= %(past_at)s
),
referral as (
    select then_.* from referral r
    cross join lateral jsonb_populate_record(r, case when r.changed_at <= %(past_at)s then '{}' else jsonb_build_object(
        'state', case when r.rewarded_at <= %(past_at)s then 'rewarded' when r.qualified_at <= %(past_at)s then 'qualified'
            else 'registered' end,
        'reason', null,
        'review', case when r.reviewed_at > %(past_at)s then 'waiting' when r.review = 'waiting' then 'none' else r.review end
        ) end) then_
    where r.shop_id = %(past_shop)s and r.advocate_id = %(past_member)s and r.at <= %(past_at)s
),
referral_payout as (
    select then_.* from referral r join referral_payout p on p.shop_id = r.shop_id and p.referral_id = r.id
    cross join lateral jsonb_populate_record(p, jsonb_build_object(
        'state', case when p.state = 'paid' and p.due_at > %(past_at)s then 'promised' else p.state end)) then_
    where p.at <= %(past_at)s
),
referral_visit as (select * from referral_visit where false),
member as (
    select then_.* from member m
    cross join lateral jsonb_populate_record(m, jsonb_build_object('tier', (
        select c.to_level from tier_change c
        where c.shop_id = m.shop_id and c.member_id = m.id and c.at <= %(past_at)s order by c.id desc limit 1))) then_
    where m.shop_id = %(past_shop)s and (m.id = %(past_member)s or m.id in (select friend_id from referral))
        and m.enrolled_at <= %(past_at)s
)
"""
"""Each as it was: rows of one member, whom the parameters name. One that refers to its own name means the real table."""


@dataclass(frozen=True, slots=True)
class Past:
    """A member at a moment that is over."""

    shop: ShopFacts
    member_id: int
    at: datetime

    def tables(self) -> tuple[str, hot_statement.Parameters]:
        """For `hot_statement.reading_from`."""
        return TABLES, {
            "past_shop": self.shop.id,
            "past_member": self.member_id,
            "past_at": self.at,
            "past_hold": f"{cashback.HOLD.total_seconds():.0f} seconds",  # whose end is not kept
        }

    def place(self, session: AnySession, tiers: Tiers) -> Place:
        """Where the member stood among the levels. When a grace would have ended is not kept."""
        who = {"shop": self.shop.id, "member": self.member_id, "at": self.at}
        changes = session.execute(
            text(
                "select to_level, cause, manual_level, manual_until from tier_change"
                " where shop_id = :shop and member_id = :member and at <= :at order by id"
            ),
            who,
        ).all()
        level = changes[-1].to_level if changes else None
        manual = next((each for each in reversed(changes) if each.cause in ("manual", "manual_ended")), None)
        given, until = (manual.manual_level, manual.manual_until) if manual is not None else (None, None)
        tz = ZoneInfo(self.shop.timezone)
        counted = foresight.counted_on(tiers, self._days(session, tiers, who), local_day(self.at, tz))
        standing = tier_rules.Standing(None if level == given else level, None, given, until, level)
        return Place(level, standing, counted, tiers.basis)

    def _days(self, session: AnySession, tiers: Tiers, who: Mapping[str, Any]) -> list[Day]:
        """What counted. Points by the entries there were; of orders as they count today, for a refund leaves no trace."""
        if tiers.basis != "points_earned":
            kept = session.execute(
                text(
                    "select day, spend, orders from member_day where shop_id = :shop and member_id = :member order by day"
                ),
                who,
            )
            return [Day(each.day, Decimal(0), Decimal(each.spend), Decimal(each.orders)) for each in kept]
        earned = session.execute(
            text(
                "select (least(cast(why ->> 'due_at' as timestamptz), at) at time zone :timezone)::date as day,"
                " sum(case kind when 'post' then points else -points end) as points from entry"
                " where shop_id = :shop and member_id = :member and at <= :at and kind in ('post', 'claw_back')"
                " group by 1 order by 1"
            ),
            {**who, "timezone": self.shop.timezone},
        )
        return [Day(each.day, Decimal(each.points), Decimal(0), Decimal(0)) for each in earned]
