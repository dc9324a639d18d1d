"""How the program does: who takes part, what friends bring, which rules and rewards matter. From kept sums."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import text

from backend.ledger.posting import AnySession
from backend.loyalty.coupons import stock_health
from backend.reports import kept
from backend.reports.movements import COLUMNS

COUNTED_CODES = 1000
"""Free codes of one reward are counted up to so many."""
SLOW_SECONDS = 0.05
GOOD_FOR_SECONDS = 60.0
_MOST_LATELY = 1000


@dataclass(frozen=True)
class Flow:
    """What became of points in a period. Shares of what was issued; None while nothing was."""

    issued: int
    spent: int
    expired: int

    @property
    def redemption_rate(self) -> float | None:
        """Spent, less what came back, of what was issued."""
        return self.spent / self.issued if self.issued > 0 else None

    @property
    def breakage(self) -> float | None:
        """Expired unspent, of what was issued."""
        return self.expired / self.issued if self.issued > 0 else None


@dataclass(frozen=True)
class Funnel:
    """Friends of a period: links opened, friends who signed up by one, and what has become of these since."""

    visits: int
    claims: int
    waiting: int
    """Registered or qualified: nothing was paid yet."""
    rewarded: int
    rejected: int


@dataclass(frozen=True)
class Paid:
    """A rule, `order` or `referral`, with what it promised less what was voided."""

    rule: str
    times: int
    points: int


@dataclass(frozen=True)
class Had:
    """A reward with how often it was had, less what came back, and for how many points."""

    id: int
    name: str
    times: int
    points: int


@dataclass(frozen=True)
class Stock:
    """The codes of a reward that members can have. `free` is counted up to `COUNTED_CODES`."""

    id: int
    name: str
    free: int
    had: int
    """In the last `stock_health.PACE_DAYS` days."""
    health: stock_health.Health


_lately: dict[tuple[int, date, date, int], tuple[float, Sequence[Had]]] = {}
"""Answers that took long, and until when (this process's clock) they are good."""


def flow(session: AnySession, shop_id: int, first: date, last: date) -> Flow:
    sums = kept.between(session, shop_id, "entry", first, last)

    def total(*columns: str) -> int:
        return sum(sums[kind].points for name in columns for kind in COLUMNS[name] if kind in sums)

    return Flow(total("promised", "granted") - total("voided"), total("spent") - total("returned"), total("expired"))


def members(session: AnySession, shop_id: int, first: date = date.min, last: date = date.max) -> dict[str, int]:
    """Those who enrolled in the period and were not erased, by the id of the level they have now; "" for none."""
    return {level: found.number for level, found in kept.between(session, shop_id, "member", first, last).items()}


def funnel(session: AnySession, shop_id: int, first: date, last: date) -> Funnel:
    states = {state: found.number for state, found in kept.between(session, shop_id, "referral", first, last).items()}
    visits = kept.between(session, shop_id, "visit", first, last)
    return Funnel(
        visits=sum(found.number for found in visits.values()),
        claims=sum(states.values()),
        waiting=states.get("registered", 0) + states.get("qualified", 0),
        rewarded=states.get("rewarded", 0),
        rejected=states.get("rejected", 0),
    )


def rules(session: AnySession, shop_id: int, first: date, last: date) -> Sequence[Paid]:
    """All that paid in the period, most points first."""
    found = kept.between(session, shop_id, "rule", first, last)
    paid = [Paid(rule, each.number, each.points) for rule, each in found.items()]
    return sorted(paid, key=lambda each: (-each.points, each.rule))


def rewards(session: AnySession, shop_id: int, first: date, last: date, limit: int) -> Sequence[Had]:
    """Those that were had most in the period. What took long, in a shop of thousands of rewards, is good for a minute."""
    asked = (shop_id, first, last, limit)
    known = _lately.get(asked)
    if known is not None and known[0] > time.monotonic():
        return known[1]
    begun = time.monotonic()
    found = _rewards(session, shop_id, first, last, limit)
    _lately.pop(asked, None)
    if time.monotonic() - begun >= SLOW_SECONDS:
        if len(_lately) >= _MOST_LATELY:
            _lately.clear()
        _lately[asked] = (time.monotonic() + GOOD_FOR_SECONDS, found)
    return found


def _rewards(session: AnySession, shop_id: int, first: date, last: date, limit: int) -> Sequence[Had]:
    most = kept.most(session, shop_id, "redemption", first, last, limit)
    rows = session.execute(
        text("select id, name from reward where shop_id = :shop and id = any(:ids)"),
        {"shop": shop_id, "ids": [int(key) for key in most]},
    )
    names: dict[int, str] = {row.id: row.name for row in rows}
    return [Had(int(key), names[int(key)], each.number, each.points) for key, each in most.items() if int(key) in names]


def stock(session: AnySession, shop_id: int, now: datetime, today: date, limit: int) -> Sequence[Stock]:
    """Rewards with codes that members can have, in the merchant's order."""
    rows = session.execute(
        text(
            """
            select r.id, r.name, r.coupon_source as source, f.free
            from reward r cross join lateral (
                select count(*) as free from (select from coupon_free c
                    where (c.shop_id, c.reward_id, c.coupon_id) > (r.shop_id, r.id, 0)
                        and (c.shop_id, c.reward_id, c.coupon_id) < (r.shop_id, r.id + 1, 0)
                    order by c.shop_id, c.reward_id, c.coupon_id limit :counted) counted) f
            where r.shop_id = :shop and r.is_active and r.coupon_source in ('uploaded', 'made')
                and (r.active_from is null or r.active_from <= :now) and (r.active_to is null or r.active_to > :now)
            order by r.rank, r.id limit :limit
            """
        ),
        {"shop": shop_id, "now": now, "counted": COUNTED_CODES, "limit": limit},
    ).all()
    days = [today - timedelta(days=back) for back in range(stock_health.PACE_DAYS)]
    lately = kept.of_days(session, shop_id, "redemption", days, [str(row.id) for row in rows])
    found = []
    for row in rows:
        had = lately.get(str(row.id), 0)
        found.append(Stock(row.id, row.name, row.free, had, stock_health.health(row.free, had, row.source)))
    return found
