"""What a member will have at a later moment if nothing new happens: for a preview, which may not write.

Foreseen is what time alone brings: promised points come on their day and settle what is owed first, lots end on theirs,
held points come back when nobody has taken them by then, so do those of a reward that runs out unused if it gives them
back, and levels follow as the rules of tiers say. Nobody foresees orders, refunds, birthdays or what people do. Nothing
here writes, and the rules are those that will be used then.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from backend.ledger.posting import AnySession
from backend.loyalty.calendar_rules import first_instant, local_day
from backend.loyalty.program import programs
from backend.loyalty.program.settings import Tiers
from backend.loyalty.shops.shops import ShopFacts
from backend.loyalty.tiers import tier_rules
from backend.loyalty.tiers.tier_rules import Counted
from backend.platforms.events import time_text

MOST_STEPS = 100
"""Of a level's moments until then: a member who would need more is shown as far as that."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Points that end together."""

    points: int
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Coming:
    """Points that become available at `due_at`."""

    points: int
    due_at: datetime
    expires_at: datetime | None
    was_held: bool = False
    """Held points that come back."""


@dataclass(frozen=True, slots=True)
class Balance:
    """Points of one member at that moment, in points. `owed` is zero or negative."""

    available: int
    on_hold: int
    owed: int
    expiring: tuple[Batch, ...]
    """What has a date, the soonest first."""


def ahead(owed: int, on_hold: int, lots: Iterable[Batch], coming: Iterable[Coming], at: datetime) -> Balance:
    """The balance at `at`. Pure."""
    standing = list(lots)
    for each in sorted(coming, key=lambda one: one.due_at):
        if each.due_at > at:
            continue
        settled = min(each.points, -owed)
        owed += settled
        if each.was_held:
            on_hold -= each.points
        standing.append(Batch(each.points - settled, each.expires_at))
    left = [each for each in standing if each.expires_at is None or each.expires_at > at]
    dated: Counter[datetime] = Counter()
    for batch in left:
        if batch.expires_at is not None and batch.points:
            dated[batch.expires_at] += batch.points
    return Balance(
        available=sum(each.points for each in left),
        on_hold=on_hold,
        owed=owed,
        expiring=tuple(Batch(points, expires_at) for expires_at, points in sorted(dated.items())),
    )


def balance(session: AnySession, shop_id: int, member_id: int, at: datetime) -> Balance:
    """The member's balance at `at`, if nothing new happens until then."""
    who = {"shop": shop_id, "member": member_id, "at": at}
    account = session.execute(
        text("select owed, on_hold from account where shop_id = :shop and member_id = :member"), who
    ).one()
    lots = session.execute(
        text(
            "select remaining, expires_at from lot where shop_id = :shop and member_id = :member and open"
            " and remaining > 0"
        ),
        who,
    )
    return ahead(
        account.owed,
        account.on_hold,
        [Batch(*each) for each in lots],
        [*promised(session, shop_id, member_id, at), *_coming_back(session, shop_id, member_id, at)],
        at,
    )


def promised(session: AnySession, shop_id: int, member_id: int, at: datetime) -> list[Coming]:
    """The points that wait, and are due by then."""
    rows = session.execute(
        text(
            "select pending, due_at, expires_at from award where shop_id = :shop and member_id = :member"
            " and state = 'pending' and pending > 0 and due_at <= :at order by due_at, id"
        ),
        {"shop": shop_id, "member": member_id, "at": at},
    )
    return [Coming(*each) for each in rows]


def _coming_back(session: AnySession, shop_id: int, member_id: int, at: datetime) -> list[Coming]:
    """Points held for a checkout that will have been given up by then, and those of rewards that will have run out unused
    and give them back. With the dates of the lots they came from; of one that is over by then they live the days of grace."""
    rows = session.execute(
        text(
            "select t.points, c.at as due_at, l.expires_at, r.status = 'requested' as was_held from redemption r"
            " cross join lateral (select case r.status when 'requested' then r.hold_until else r.expires_at end as at) c"
            " join entry_lot t on t.shop_id = r.shop_id and t.entry_id = r.entry_id"
            " join lot l on l.shop_id = t.shop_id and l.id = t.lot_id"
            " where r.shop_id = :shop and r.member_id = :member and c.at <= :at"
            " and (r.status = 'requested' and r.frozen ->> 'type' = 'cashback' or r.status = 'issued'"
            " and r.use_state = 'delivered' and coalesce(r.ending, 'expired') = 'expired'"
            " and r.frozen ->> 'points_back' = 'true' and not exists (select from coupon_use u"  # else it counts as used then
            " where u.shop_id = r.shop_id and u.redemption_id = r.id and u.is_valid))"
        ),
        {"shop": shop_id, "member": member_id, "at": at},
    )
    _, settings = programs.current(shop_id)
    grace = timedelta(days=settings.expiry.grace_days)

    def end(due_at: datetime, expires_at: datetime | None) -> datetime | None:
        return due_at + grace if expires_at is not None and expires_at <= due_at else expires_at

    return [Coming(each.points, each.due_at, end(each.due_at, each.expires_at), each.was_held) for each in rows]


# Levels --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Day:
    """What counts towards levels on one local day."""

    day: date
    points_earned: Decimal
    spend: Decimal
    orders: Decimal


@dataclass(frozen=True, slots=True)
class Place:
    """Where a member stands among the levels: the level, and what counts."""

    level: str | None
    standing: tier_rules.Standing
    counted: Counted
    basis: str

    def document(self) -> dict[str, Any]:
        """As the widget's read gives it."""
        held = self.standing
        return {
            "basis": self.basis,
            "value": self.counted.value,
            "value_before": self.counted.value_before,
            "reached": held.reached,
            "leaves_at": time_text(held.leaves_at) if held.leaves_at is not None else None,
            "manual_level": held.manual_level,
            "manual_until": time_text(held.manual_until) if held.manual_until is not None else None,
        }


def place(session: AnySession, shop: ShopFacts, member_id: int, tiers: Tiers, now: datetime, at: datetime) -> Place:
    """Where the member stands at `at` by these levels, from where they are `now`."""
    who = {"shop": shop.id, "member": member_id}
    row = session.execute(
        text(
            "select m.tier, s.reached, s.leaves_at, s.manual_level, s.manual_until from member m"
            " left join tier_standing s on s.shop_id = m.shop_id and s.member_id = m.id"
            " where m.shop_id = :shop and m.id = :member"
        ),
        who,
    ).one()
    days = session.execute(
        text(
            "select day, points_earned, spend, orders from member_day where shop_id = :shop and member_id = :member"
            " order by day"
        ),
        who,
    )
    tz = ZoneInfo(shop.timezone)
    coming = [
        Day(local_day(each.due_at, tz), Decimal(each.points), Decimal(0), Decimal(0))
        for each in promised(session, shop.id, member_id, at)
    ]
    counted = [Day(each[0], Decimal(each[1]), Decimal(each[2]), Decimal(each[3])) for each in days]
    held = tier_rules.Standing(row.reached, row.leaves_at, row.manual_level, row.manual_until, row.tier)
    return stepped(tiers, held, [*counted, *coming], now, at, tz)


def stepped(
    tiers: Tiers, held: tier_rules.Standing, days: Sequence[Day], now: datetime, at: datetime, tz: ZoneInfo
) -> Place:
    """From one moment at which time may change something to the next, as the sweep would. Pure."""
    moment = now
    for _ in range(MOST_STEPS):
        counted = counted_on(tiers, days, local_day(moment, tz))
        verdict = tier_rules.judge(tiers, held, counted, moment, tz)
        held = verdict.standing
        later = [verdict.check_at] if verdict.check_at is not None else []
        later += [first_instant(each.day, tz) for each in days if each.day > local_day(moment, tz)]
        following = min((each for each in later if moment < each < at), default=at)
        if moment >= at:
            break
        moment = following
    return Place(held.level, held, counted, tiers.basis)


def counted_on(tiers: Tiers, days: Iterable[Day], today: date) -> Counted:
    """What counts on that local day, of these days."""
    counts = tier_rules.window(tiers, today)
    value = before = Decimal(0)
    first: date | None = None
    for each in days:
        if each.day > today:
            continue
        amount: Decimal = getattr(each, tiers.basis)
        if each.day >= counts.counts_from:
            value += amount
            first = each.day if first is None else min(first, each.day)
        elif each.day >= counts.before_from:
            before += amount
    return Counted(value, before, first)


def shown(known: Mapping[str, Any], foreseen: Balance, at: datetime) -> dict[str, Any]:
    """The balance as the widget reads it, `known` being that of now."""
    return {
        **known,
        "available": foreseen.available,
        "on_hold": foreseen.on_hold,
        "owed": foreseen.owed,
        "pending": [each for each in known["pending"] if datetime.fromisoformat(each["due_at"]) > at],
        "expiring": [
            {"points": each.points, "expires_at": time_text(each.expires_at.replace(microsecond=0))}
            for each in foreseen.expiring
            if each.expires_at is not None
        ],
    }
