"""How much is left of the codes of rewards: counters of one pool, and which run low, with what shoppers see then."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import floor
from typing import Literal

from sqlalchemy import text

from backend.ledger.posting import AnySession
from backend.loyalty.calendar_rules import timezone
from backend.loyalty.coupons.coupons import LOW_STOCK, OUTBOX_KINDS, STOCK, create_key
from backend.loyalty.rewards.reward_definition import CouponSource
from backend.loyalty.shops import shops

PACE_DAYS = 30
"""The pace is that of so many last days."""
SOON_DAYS = 14
"""A pool that lasts no longer than this at the pace runs low, however many codes it has."""
MOST_COUNTED = 2_000
"""Of one reward's codes that are free, issued or used: to count a million would make the page wait for a second."""
MOST_JUDGED = 200
"""Pools that are judged when the list is asked for; of more, those that the last look found low."""
_MOST_LISTED = 200

Health = Literal["ok", "low", "empty"]


@dataclass(frozen=True)
class Stock:
    """The codes of one reward now. A code is free, in a member's hands, or used by them."""

    source: CouponSource
    free: int
    issued: int
    used: int
    waiting: int
    """Redemptions that wait for a code, their points on hold."""
    making: int
    """Codes that the store has not confirmed yet."""
    in_outbox: int
    """Calls to the store that wait to be sent."""
    parked: int
    """Calls to the store that were given up."""
    last_error: str | None
    refill_due_at: datetime | None
    """When somebody looks after the stock next (machine's clock); None: nothing asks for it."""
    redeemed_lately: int
    """In the last `PACE_DAYS` days."""

    @property
    def target(self) -> int | None:
        """How many free codes are kept ready; None for a pool of the merchant's own."""
        return STOCK if self.source == "made" else None

    @property
    def health(self) -> Health:
        return health(self.free, self.redeemed_lately, self.source)

    @property
    def days_left(self) -> int | None:
        """None, too, where there are more codes than are counted."""
        return None if self.free >= MOST_COUNTED else days_left(self.free, self.redeemed_lately)


@dataclass(frozen=True)
class RunningLow:
    """A reward that members can have and whose codes run out or have run out."""

    id: int
    name: str
    source: CouponSource
    free: int
    waiting: int
    redeemed_lately: int
    health: Health
    days_left: int | None
    """At the pace of the last days; None if nobody has had it."""


def health(free: int, redeemed_lately: int, source: CouponSource) -> Health:
    """Empty, low (under `LOW_STOCK`, or gone within `SOON_DAYS` at the pace), or ok. Codes of ours are made anew, so
    they are ok while one is free; where each is made when somebody redeems, nothing can run out."""
    if source == "each":
        return "ok"
    if free == 0:
        return "empty"
    if source == "made":
        return "ok"
    left = days_left(free, redeemed_lately)
    return "low" if free < LOW_STOCK or (left is not None and left <= SOON_DAYS) else "ok"


def days_left(free: int, redeemed_lately: int) -> int | None:
    """For how many days `free` codes last if so many are taken in `PACE_DAYS` days; None if none are.

    >>> days_left(45, 90)
    15
    """
    return None if redeemed_lately == 0 else floor(free * PACE_DAYS / redeemed_lately)


def of(session: AnySession, shop_id: int, reward_id: int, source: CouponSource, now: datetime) -> Stock:
    """The counters of one reward's codes; `free`, `issued` and `used` are counted up to `MOST_COUNTED`."""
    head, tail = create_key(0).split("0")
    row = session.execute(
        text(
            """
            select
                (select count(*) from (select from coupon_free
                    where (shop_id, reward_id, coupon_id) > (:shop, :reward, 0)
                        and (shop_id, reward_id, coupon_id) < (:shop, :reward + 1, 0)
                    order by shop_id, reward_id, coupon_id limit :most) free) as free,
                had.issued, had.redeemed_lately,
                (select count(*) from (select from redemption where shop_id = :shop and reward_id = :reward
                    and use_state = 'used' limit :most) used) as used,
                (select count(*) from redemption where shop_id = :shop and reward_id = :reward and status = 'requested')
                    as waiting,
                making.making, making.in_outbox, making.parked, making.last_error,
                (select min(due_at) from coupon_refill where shop_id = :shop and reward_id = :reward) as refill_due_at
            from (
                select count(*) filter (where is_out) as issued,
                    count(*) filter (where requested_at > :since) as redeemed_lately
                from (select code is not null or coupon_id is not null and issued_at is not null as is_out, requested_at
                    from redemption
                    where (shop_id, reward_id, id) > (:shop, :reward, 0)
                        and (shop_id, reward_id, id) < (:shop, :reward + 1, 0)
                    order by shop_id desc, reward_id desc, id desc limit :most) newest
            ) had, (
                select count(*) filter (where c.state = 'making') as making,
                    count(*) filter (where o.state = 'waiting') as in_outbox,
                    count(*) filter (where o.state = 'parked') as parked,
                    (array_agg(o.last_error order by o.id desc)
                        filter (where o.last_error is not null and o.state <> 'done'))[1] as last_error
                from (
                    select id, state from coupon where shop_id = :shop and reward_id = :reward and state = 'making'
                    union all
                    select id, state from coupon where shop_id = :shop and reward_id = :reward and state = 'refused'
                ) c
                left join outbox o on o.shop_id = :shop and o.kind = any(:kinds) and o.key = :head || c.id || :tail
            ) making
            """
        ),
        {
            "shop": shop_id,
            "reward": reward_id,
            "kinds": list(OUTBOX_KINDS),
            "most": MOST_COUNTED,
            "head": head,
            "tail": tail,
            "since": now - timedelta(days=PACE_DAYS),
        },
    ).one()
    return Stock(source=source, **row._mapping)


def free_codes(session: AnySession, shop_id: int, reward_id: int, most: int) -> int:
    """How many codes of the reward nobody has yet, counted up to `most`."""
    return int(
        session.execute(
            text(
                "select count(*) from (select from coupon_free"
                " where (shop_id, reward_id, coupon_id) > (:shop, :reward, 0)"
                " and (shop_id, reward_id, coupon_id) < (:shop, :reward + 1, 0)"
                " order by shop_id, reward_id, coupon_id limit :most) free"
            ),
            {"shop": shop_id, "reward": reward_id, "most": most},
        ).scalar_one()
    )


def shops_with_codes(session: AnySession) -> list[int]:
    """The shops whose codes can run low."""
    found = session.execute(
        text("select distinct shop_id from reward where is_active and coupon_source in ('uploaded', 'made')")
    )
    return sorted(found.scalars())


def fallen(session: AnySession, shop_id: int, now: datetime) -> list[RunningLow]:
    """The rewards whose codes have begun to run low since this was asked last; each fall is answered once."""
    low = {each.id: each for each in running_low(session, shop_id, now)}
    asked = {"shop": shop_id, "low": sorted(low), "now": now}
    session.execute(
        text(
            "update reward set codes_low_since = null where shop_id = :shop and codes_low_since is not null"
            " and not id = any(cast(:low as bigint[]))"
        ),
        asked,
    )
    new = session.execute(
        text(
            "update reward set codes_low_since = :now where shop_id = :shop and codes_low_since is null"
            " and id = any(cast(:low as bigint[])) returning id"
        ),
        asked,
    ).scalars()
    return [low[each] for each in sorted(new)]


def to_look_at(session: AnySession, shop_id: int, now: datetime) -> Sequence[RunningLow]:
    """What `running_low` says, at once whatever the number of rewards: of more than `MOST_JUDGED` pools only those are
    judged that were low when `fallen` looked last."""
    pools = session.execute(
        text(
            "select count(*) from (select from reward where shop_id = :shop and is_active"
            " and coupon_source in ('uploaded', 'made') limit :most + 1) pools"
        ),
        {"shop": shop_id, "most": MOST_JUDGED},
    ).scalar_one()
    return running_low(session, shop_id, now, only_fallen=pools > MOST_JUDGED)


def running_low(session: AnySession, shop_id: int, now: datetime, *, only_fallen: bool = False) -> Sequence[RunningLow]:
    """Rewards to be had at `now` whose codes are out or run low, those that are empty first; at most 200. The pace is that
    of the shop's last `PACE_DAYS` days, today's included, without what came back."""
    today = now.astimezone(timezone(shops.facts(shop_id).timezone)).date()
    days = [today - timedelta(days=back) for back in reversed(range(PACE_DAYS))]
    rows = session.execute(
        text(
            f"""
            with pool as materialized (
                select * from reward r where r.shop_id = :shop and r.is_active and r.coupon_source in ('uploaded', 'made')
                    and (r.active_from is null or r.active_from <= :now) and (r.active_to is null or r.active_to > :now)
                    {"and r.codes_low_since is not null" if only_fallen else ""}
            ), unsettled as materialized (
                select key, sum(number) as many from sum_change
                where shop_id = :shop and what = 'redemption' and day > :since group by key
            ), lately as materialized (
                select p.id as reward_id, coalesce(kept.many, 0) + coalesce(u.many, 0) as many
                from pool p
                cross join lateral (select cast(sum(s.number) as bigint) as many from day_sum s
                    where s.shop_id = :shop and s.what = 'redemption' and s.day = any(:days)
                        and s.key = cast(p.id as text)) kept
                left join unsettled u on u.key = cast(p.id as text)
            )
            select r.id, r.name, r.coupon_source as source, f.free, w.waiting, cast(l.many as bigint) as redeemed_lately
            from pool r
            join lately l on l.reward_id = r.id
            cross join lateral (select count(*) as free from (select from coupon_free c
                where (c.shop_id, c.reward_id, c.coupon_id) > (r.shop_id, r.id, 0)
                    and (c.shop_id, c.reward_id, c.coupon_id) < (r.shop_id, r.id + 1, 0)
                order by c.shop_id, c.reward_id, c.coupon_id
                limit greatest(:low, cast(l.many as bigint) * :soon / :pace + 1)) c) f
            cross join lateral (select count(*) as waiting from (select from redemption d
                where d.shop_id = r.shop_id and d.reward_id = r.id and d.status = 'requested' limit 1000) d) w
            where f.free < :low or f.free * :pace <= l.many * :soon
            order by f.free, r.rank, r.id limit 1000
            """  # noqa: S608 - our own words
        ),
        {
            "shop": shop_id,
            "now": now,
            "since": days[0] - timedelta(days=1),
            "days": days,
            "low": LOW_STOCK,
            "pace": PACE_DAYS,
            "soon": SOON_DAYS,
        },
    )
    found = [
        RunningLow(
            **row._mapping,
            health=health(row.free, row.redeemed_lately, row.source),
            days_left=days_left(row.free, row.redeemed_lately),
        )
        for row in rows
    ]
    return [each for each in found if each.health != "ok"][:_MOST_LISTED]
