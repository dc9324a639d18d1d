"""Dry runs: the orders of the last twelve months by settings that are not in force, beside what they brought.

A run goes through the members in the order of their ids, a batch in one short transaction that reads orders and writes only
what it counted and how far it has come: killed at any point, whoever comes next goes on there. Orders are read through a
cursor, so that memory stays the same however many a member has.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import text

from backend.errors import Conflict, NotFound
from backend.ledger.posting import AnySession
from backend.loyalty import calendar_rules
from backend.loyalty.calendar_rules import local_day
from backend.loyalty.eligibility import eligibility, member_facts
from backend.loyalty.orders import awards
from backend.loyalty.points import foresight
from backend.loyalty.points.foresight import Day
from backend.loyalty.program import drafts, programs
from backend.loyalty.program import settings as program_settings
from backend.loyalty.program.dry_run_sums import PastOrder, Totals, Trial
from backend.loyalty.program.settings import OF_ORDERS, ProgramSettings
from backend.loyalty.shops import shops
from backend.loyalty.shops.shops import ShopFacts
from backend.loyalty.tiers import tier_orders, tier_rules
from backend.loyalty.tiers.tier_rules import Standing
from backend.platforms.events import refund_from_document
from backend.platforms.known_orders import known_from_document
from backend.queue import enqueue_after_commit

JOB = "upkeep.dry_run"
MONTHS = 12
MEMBERS_AT_ONCE = 100
ORDERS_AT_ONCE = 500
"""That are in memory."""
KEPT = 5
"""Runs of a shop. Older ones go when a new one begins."""


@dataclass(frozen=True)
class DryRun:
    """One run as it stands."""

    id: int
    author: str
    settings: Mapping[str, Any]
    mark: str
    program_version: int
    is_draft: bool
    since: datetime
    until: datetime
    started_at: datetime
    next_at: datetime | None
    finished_at: datetime | None
    members_done: int
    members_total: int
    totals: Mapping[str, Any]

    @property
    def is_under_way(self) -> bool:
        return self.next_at is not None

    @property
    def counted(self) -> Totals:
        return Totals.read(self.totals)


_COLUMNS = (
    "id, author, settings, mark, program_version, is_draft, since, until, started_at, next_at, finished_at, members_done,"
    " members_total, totals"
)


def start(session: AnySession, shop_id: int, *, author: str, now: datetime, wall: datetime) -> int:
    """Begin to try the draft, or what is in force if there is none; the run's id. Raises Conflict while one goes on."""
    standing = drafts.standing(session, shop_id, now)
    going = session.execute(
        text("select 1 from dry_run where shop_id = :shop and next_at is not null limit 1"), {"shop": shop_id}
    ).first()
    if going is not None:
        raise Conflict("A dry run is under way already.", code="under_way")
    shop = shops.facts(shop_id)
    tz = ZoneInfo(shop.timezone)
    today = local_day(now, tz)
    members = session.execute(text("select count(*) from member where shop_id = :shop"), {"shop": shop_id}).scalar_one()
    session.execute(
        text(
            "delete from dry_run where shop_id = :shop and id not in"
            " (select id from dry_run where shop_id = :shop order by id desc limit :kept)"
        ),
        {"shop": shop_id, "kept": KEPT - 1},
    )
    run_id: int = session.execute(
        text(
            "insert into dry_run (shop_id, author, settings, mark, program_version, is_draft, since, until, started_at,"
            " next_at, members_total) values (:shop, :author, :settings, :mark, :version, :is_draft, :since, :now, :wall,"
            " :wall, :members) returning id"
        ),
        {
            "shop": shop_id,
            "author": author,
            "settings": orjson.dumps(standing.edited).decode(),
            "mark": drafts.mark(standing.edited),
            "version": standing.version.version,
            "is_draft": standing.draft is not None,
            "since": calendar_rules.first_instant(
                calendar_rules.day_in_year(today.year - 1, today.month, today.day) + timedelta(days=1), tz
            ),
            "now": now,
            "wall": wall,
            "members": members,
        },
    ).scalar_one()
    enqueue_after_commit(JOB)
    return run_id


def stop(session: AnySession, shop_id: int, run_id: int) -> None:
    """Stop it where it is, and forget it. Raises NotFound."""
    find(session, shop_id, run_id)
    session.execute(text("delete from dry_run where shop_id = :shop and id = :id"), {"shop": shop_id, "id": run_id})


def find(session: AnySession, shop_id: int, run_id: int) -> DryRun:
    """Raises NotFound, the same for none and for another shop's."""
    found = _one(session, f"select {_COLUMNS} from dry_run where shop_id = :shop and id = :id", shop=shop_id, id=run_id)  # noqa: S608
    if found is None:
        raise NotFound("There is no such dry run.")
    return found


def newest(session: AnySession, shop_id: int) -> list[DryRun]:
    """The shop's runs that are kept, the newest first."""
    rows = session.execute(
        text(f"select {_COLUMNS} from dry_run where shop_id = :shop order by id desc limit :kept"),  # noqa: S608 - our own words
        {"shop": shop_id, "kept": KEPT},
    ).mappings()
    return [DryRun(**row) for row in rows]


@dataclass(frozen=True)
class Move:
    """A member who would be at another level."""

    member_id: int
    name: str
    from_level: str | None
    to_level: str | None


def moves(
    session: AnySession, shop_id: int, run_id: int, *, after: int = 0, before: int | None = None, limit: int = 50
) -> list[Move]:
    """Who would change level, by their ids: a page after that id, or the one before `before`."""
    place = "v.member_id < :place order by v.member_id desc" if before else "v.member_id > :place order by v.member_id"
    rows = session.execute(
        text(
            f"""
            select v.member_id, v.from_level, v.to_level,
                coalesce(nullif(concat_ws(' ', m.first_name, m.last_name), ''), m.email, m.external_id, '') as name
            from dry_run_move v join member m on m.shop_id = v.shop_id and m.id = v.member_id
            where v.shop_id = :shop and v.dry_run_id = :run and {place} limit :limit
            """  # noqa: S608 - our own words
        ),
        {"shop": shop_id, "run": run_id, "place": before or after, "limit": limit},
    )
    found = [Move(row.member_id, row.name, row.from_level, row.to_level) for row in rows]
    return found[::-1] if before else found


# The work ------------------------------------------------------------------------------------------------------------


def step(session: AnySession, wall: datetime) -> int:
    """Go on with the run that waits longest, by one batch of members; how many there were, at least 1 while there is one."""
    row = (
        session.execute(
            text(
                f"select shop_id, after_member, {_COLUMNS} from dry_run where next_at <= :wall order by next_at limit 1"  # noqa: S608
                " for update skip locked"
            ),
            {"wall": wall},
        )
        .mappings()
        .first()
    )
    if row is None:
        return 0
    known = dict(row)
    shop_id, after = known.pop("shop_id"), known.pop("after_member")
    run = DryRun(**known)
    members = list(
        session.execute(
            text("select id from member where shop_id = :shop and id > :after order by id limit :most"),
            {"shop": shop_id, "after": after, "most": MEMBERS_AT_ONCE},
        ).scalars()
    )
    batch = _Batch(session, shops.facts(shop_id), run, members)
    totals = run.counted
    if members:
        batch.count(totals)
    is_done = len(members) < MEMBERS_AT_ONCE
    if is_done:
        batch.count_guests(totals)
    session.execute(
        text(
            "update dry_run set after_member = :after, members_done = members_done + :done, totals = :totals,"
            " next_at = :next, finished_at = :finished where shop_id = :shop and id = :id"
        ),
        {
            "shop": shop_id,
            "id": run.id,
            "after": members[-1] if members else after,
            "done": len(members),
            "totals": orjson.dumps(totals.document()).decode(),
            "next": None if is_done else wall,
            "finished": wall if is_done else None,
        },
    )
    return max(len(members), 1)


_ORDERS = """
    select o.id, o.member_id, o.known, o.placed_at, o.due_at, o.program_version, o.rules_open, o.tier,
        (select coalesce(sum(case e.kind when 'promise' then e.points when 'void' then -e.points
                when 'claw_back' then -e.points else 0 end), 0)
            from entry e where e.shop_id = o.shop_id and e.order_id = o.id) - o.expired_taken_back as promised,
        (select coalesce(sum(e.points), 0) from entry e
            where e.shop_id = o.shop_id and e.order_id = o.id and e.kind = 'expire') - o.expired_taken_back
            + (select coalesce(sum(l.remaining), 0) from lot l where l.shop_id = o.shop_id and l.order_id = o.id
                and l.expires_at <= :until) as expired, -- also what no sweep has found yet
        (select coalesce(sum(a.pending), 0) from award a where a.shop_id = o.shop_id and a.order_id = o.id
            and a.state = 'pending') as pending,
        (select coalesce(sum(l.remaining), 0) from lot l where l.shop_id = o.shop_id and l.order_id = o.id
            and (l.expires_at is null or l.expires_at > :until)) as remaining,
        (select coalesce(json_agg(r.document), '[]') from refund r
            where r.shop_id = o.shop_id and r.order_external_id = o.external_id) as refunds,
        (select coalesce(sum(r.discount), 0) from coupon_use u
            join redemption r on r.shop_id = u.shop_id and r.id = u.redemption_id
            where u.shop_id = o.shop_id and u.order_id = o.id and u.is_carried) as paid_with_points,
        coalesce((select i.event from installation i where i.shop_id = o.shop_id and i.at <= o.placed_at
            order by i.at desc, i.event limit 1) = 'uninstalled', false) as is_uninstalled,
        exists (select from member_block b where b.shop_id = o.shop_id and b.member_id = o.member_id
            and b.since <= o.placed_at and (b.until is null or b.until > o.placed_at)) as is_blocked
    from unnest(cast(:members as bigint[])) m (id)
    join orders o on o.shop_id = :shop and o.member_id = m.id
    where o.placed_at >= :since and o.placed_at <= :until
    order by o.member_id, o.placed_at, o.id
"""


class _Batch:
    """Some members of one run."""

    def __init__(self, session: AnySession, shop: ShopFacts, run: DryRun, members: Sequence[int]) -> None:
        self._session = session
        self._shop = shop
        self._run = run
        self._members = members
        self._settings = program_settings.stored(dict(run.settings))
        self._trial = Trial(shop, self._settings, run.until)
        self._asking = {
            rule.id: (rule.eligibility, eligibility.read_rules(list(rule.eligibility)))
            for rule in self._settings.rules
            if rule.kind in OF_ORDERS and rule.eligibility
        }
        self._facts: dict[int, eligibility.Facts] | None = None
        self._own: dict[int, ProgramSettings] = {}

    def count(self, totals: Totals) -> None:
        """Count the members' orders, and where the members would stand."""
        days: dict[int, list[Day]] = defaultdict(list)
        for member_id, rows in groupby(self._rows(), key=lambda row: row.member_id):
            for row in rows:
                order = self._order(row)
                tried = self._trial.of(order, self._open_to(row))
                totals.add(self._trial, order, tried)
                days[member_id] += self._days(order, tried.points if tried.is_due else 0, tried.due_at)
        totals.members += len(self._members)
        self._move(totals, days)

    def count_guests(self, totals: Totals) -> None:
        """Orders of nobody bring nothing by any settings; but they are orders."""
        rows = self._session.execute(
            text(
                "select date_trunc('month', placed_at at time zone :timezone)::date as month, count(*) as many from orders"
                " where shop_id = :shop and placed_at >= :since and placed_at <= :until and member_id is null group by 1"
            ),
            {
                "shop": self._shop.id,
                "since": self._run.since,
                "until": self._run.until,
                "timezone": self._shop.timezone,
            },
        )
        for row in rows:
            counts = totals.month(row.month)
            counts["orders"] += row.many
            counts["guests"] += row.many

    def _rows(self) -> Iterator[Any]:
        return iter(
            self._session.execute(
                text(_ORDERS),
                {
                    "shop": self._shop.id,
                    "members": self._members,
                    "since": self._run.since,
                    "until": self._run.until,
                },
                execution_options={"yield_per": ORDERS_AT_ONCE},
            )
        )

    def _order(self, row: Any) -> PastOrder:
        return PastOrder(
            known=known_from_document(row.known),
            refunds=tuple(refund_from_document(each) for each in row.refunds),
            placed_at=row.placed_at,
            due_at=row.due_at,
            promised=int(row.promised),
            pending=int(row.pending),
            remaining=int(row.remaining),
            expired=int(row.expired),
            is_uninstalled=row.is_uninstalled,
            is_blocked=row.is_blocked,
            paid_with_points=Decimal(row.paid_with_points),
            level=row.tier,
        )

    def _open_to(self, row: Any) -> frozenset[str]:
        """By what was frozen on the order where its own program asked the same, else by what is known of the member."""
        if not self._asking:
            return frozenset()
        open_to = set()
        own = {rule.id: rule.eligibility for rule in self._own_settings(row.program_version).rules}
        for rule_id, (asked, rules) in self._asking.items():
            if row.rules_open is not None and own.get(rule_id) == asked:
                is_open = rule_id in row.rules_open
            else:
                facts = self._known(row.member_id)
                is_open = facts is not None and eligibility.judge(rules, facts).is_eligible
            if is_open:
                open_to.add(rule_id)
        return frozenset(open_to)

    def _own_settings(self, version: int) -> ProgramSettings:
        if version not in self._own:
            found = programs.by_number(self._session, self._shop.id, version)
            self._own[version] = programs.settings_of(found)
        return self._own[version]

    def _known(self, member_id: int) -> eligibility.Facts | None:
        if self._facts is None:
            with_orders = any(eligibility.needs_orders(rules) for _, rules in self._asking.values())
            self._facts = member_facts.of_many(self._session, self._shop, self._members, with_orders, self._run.until)
        return self._facts.get(member_id)

    # Levels

    def _days(self, order: PastOrder, points: int, due_at: datetime | None) -> Iterator[Day]:
        """What the order would count towards levels. Where the shop counts already, only what differs from that."""
        tiers = self._settings.tiers
        if tiers is None:
            return
        zero, tz = Decimal(0), self._trial.tz
        if tiers.basis == "points_earned":
            if due_at is not None and points:
                yield Day(local_day(due_at, tz), Decimal(points), zero, zero)
            posted = order.promised - order.pending
            if self._counts_already and order.due_at is not None and posted:
                yield Day(local_day(order.due_at, tz), Decimal(-posted), zero, zero)
        elif not self._counts_already and (received := awards.received(order.known, self._settings.assign)):
            left = tier_orders.money_left(order.known.order, order.refunds)
            is_ours = order.known.order.currency == self._shop.currency
            if left is not None:
                yield Day(local_day(received, tz), zero, left if is_ours else zero, Decimal(1))

    @cached_property
    def _counts_already(self) -> bool:
        """Whether days are counted for levels in this shop: it has or had levels."""
        walk = self._session.execute(text("select 1 from tier_walk where shop_id = :shop"), {"shop": self._shop.id})
        return walk.first() is not None

    def _move(self, totals: Totals, days: Mapping[int, Sequence[Day]]) -> None:
        """Where the members would stand if the settings came into force at the run's moment."""
        tiers, tz, until = self._settings.tiers, self._trial.tz, self._run.until
        who = {"shop": self._shop.id, "members": self._members}
        counted: dict[int, list[Day]] = defaultdict(list)
        if tiers is not None:
            for row in self._session.execute(
                text(
                    "select member_id, day, points_earned, spend, orders from member_day"
                    " where shop_id = :shop and member_id = any(cast(:members as bigint[])) and day >= :since"
                ),
                {**who, "since": tier_rules.window(tiers, local_day(until, tz)).before_from},
            ):
                day = Day(row.day, Decimal(row.points_earned), Decimal(row.spend), Decimal(row.orders))
                counted[row.member_id].append(day)
        members = self._session.execute(
            text(
                "select m.id, m.tier, s.reached, s.leaves_at, s.manual_level, s.manual_until from member m"
                " left join tier_standing s on s.shop_id = m.shop_id and s.member_id = m.id"
                " where m.shop_id = :shop and m.id = any(cast(:members as bigint[])) and m.status in ('active', 'blocked')"
            ),
            who,
        )
        moved = []
        for row in members.all():
            held = Standing(row.reached, row.leaves_at, row.manual_level, row.manual_until, row.tier)
            level = None
            if tiers is not None:
                known = [*counted[row.id], *days.get(row.id, ())]
                level = _level(tiers, held, known, until, tz)
            totals.moves[f"{row.tier or ''}>{level or ''}"] += 1
            if level != row.tier:
                moved.append((row.id, row.tier, level))
        if moved:
            self._session.execute(
                text(
                    "insert into dry_run_move (shop_id, dry_run_id, member_id, from_level, to_level)"
                    " select :shop, :run, * from unnest(cast(:ids as bigint[]), cast(:before as text[]),"
                    " cast(:after as text[]))"
                ),
                {
                    "shop": self._shop.id,
                    "run": self._run.id,
                    "ids": [each[0] for each in moved],
                    "before": [each[1] for each in moved],
                    "after": [each[2] for each in moved],
                },
            )


def _level(
    tiers: program_settings.Tiers, held: Standing, days: Sequence[Day], now: datetime, tz: ZoneInfo
) -> str | None:
    """The level at once; after the days of grace, if these settings would begin them."""
    counted = foresight.counted_on(tiers, days, local_day(now, tz))
    verdict = tier_rules.judge(tiers, held, counted, now, tz)
    leaves_at = verdict.standing.leaves_at
    if leaves_at is None or held.leaves_at is not None:
        return verdict.standing.level
    return tier_rules.judge(tiers, verdict.standing, counted, leaves_at, tz).standing.level


def _one(session: AnySession, statement: str, **given: Any) -> DryRun | None:
    row = session.execute(text(statement), given).mappings().first()
    return DryRun(**row) if row is not None else None
