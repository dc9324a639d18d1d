"""Everything that is known of one customer, as a person at the desk reads it. Nothing here changes anything.

Each part is one statement on an index and is cut to what a page shows: a member with 100,000 entries opens as quickly as
one with ten.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import RowMapping as Row

from backend.errors import NotFound
from backend.ledger import balance as ledger_balance
from backend.ledger.posting import AnySession
from backend.loyalty import calendar_rules
from backend.loyalty.program import programs
from backend.loyalty.program.settings import ProgramSettings
from backend.loyalty.redemptions import endings, issuing
from backend.loyalty.shops.shops import ShopFacts
from backend.loyalty.tiers import tier_rules
from backend.loyalty.wording import pick
from backend.models import Member, Redemption

MOST_LOTS = 100
MOST_AWARDS = 100
MOST_REFERRALS = 20
MOST_MAILS = 20

KINDS: Mapping[str, str] = {
    "promise": "Promised",
    "post": "Became available",
    "void": "Cancelled",
    "grant": "Added",
    "deduct": "Taken",
    "hold": "On hold",
    "release": "Let go",
    "capture": "Spent",
    "spend": "Spent",
    "return": "Came back",
    "expire": "Expired",
    "claw_back": "Taken back",
    "settle": "Settled what was owed",
    "merge": "Moved with a merged account",
}
"""What each kind of entry is called in the log."""
GROUPS: Mapping[str, tuple[str, ...]] = {
    "earned": ("promise", "post"),
    "spent": ("spend", "hold", "capture"),
    "returned": ("return", "release"),
    "taken_back": ("claw_back", "void", "settle"),
    "expired": ("expire",),
    "by_hand": ("grant", "deduct"),
    "merged": ("merge",),
}
"""What the log may be narrowed down to."""


def find(session: AnySession, shop_id: int, member_id: int) -> Member:
    """The member. Raises NotFound, the same for none and for another shop's."""
    found = session.get(Member, (shop_id, member_id))
    if found is None:
        raise NotFound()
    return found


def name_of(member: Member) -> str:
    """What to call them: the name, else the address, else the store's id."""
    name = " ".join(each for each in (member.first_name, member.last_name) if each)
    return name or member.email or (f"Customer {member.external_id}" if member.external_id else f"Member {member.id}")


# Points ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Points:
    """What a member has. Lots in the order in which they are spent; awards by the day they come."""

    balance: ledger_balance.Balance
    expected: int
    lots: Sequence[Row]
    awards: Sequence[Row]


def points(session: AnySession, shop_id: int, member_id: int, now: datetime) -> Points:
    """The balance with every date (S3.20). Points past their end are not counted, whether or not they were swept."""
    who = {"shop": shop_id, "member": member_id, "now": now}
    lots = session.execute(
        text(
            "select id, points, remaining, earned_at, expires_at from lot where shop_id = :shop and member_id = :member"
            " and open and (expires_at is null or expires_at > :now) order by expires_at, earned_at, id limit :most"
        ),
        {**who, "most": MOST_LOTS + 1},
    )
    awards = session.execute(
        text(
            "select w.pending as points, w.due_at, w.expires_at, w.reason, o.external_id as order_id,"
            " coalesce(o.number, o.external_id) as order_number"
            " from award w left join orders o on o.shop_id = w.shop_id and o.id = w.order_id"
            " where w.shop_id = :shop and w.member_id = :member and w.state = 'pending'"
            " order by w.due_at, w.id limit :most"
        ),
        {**who, "most": MOST_AWARDS},
    )
    expected = session.execute(
        text(
            "select coalesce(sum(expected_points), 0) from orders"
            " where shop_id = :shop and member_id = :member and expected_points > 0"
        ),
        who,
    ).scalar_one()
    return Points(
        ledger_balance.balance(session, shop_id, member_id, now),
        int(expected),
        lots.mappings().all(),
        awards.mappings().all(),
    )


def entries(
    session: AnySession, shop_id: int, member_id: int, before: int | None, limit: int, group: str | None = None
) -> Sequence[Row]:
    """The log (S3.21), newest first: what moved, why, and who did it. `points` are signed as the member sees them."""
    statement, parameters = entries_statement(shop_id, member_id, before, limit, group)
    return session.execute(text(statement), parameters).mappings().all()


def entries_statement(
    shop_id: int, member_id: int, before: int | None, limit: int, group: str | None = None
) -> tuple[str, dict[str, Any]]:
    """The SQL of a page of the log, and what goes into it."""
    columns = """e.id, e.at, e.kind, case when e.to_bucket in ('pending', 'available')
        or (e.kind = 'merge' and e.to_bucket = 'owed') then e.points else -e.points end
        as points, e.available_after, e.actor, e.actor_name, e.reason, e.expires_at, e.program_version,
        o.external_id as order_id, coalesce(o.number, o.external_id) as order_number"""
    parameters: dict[str, Any] = {
        "shop": shop_id,
        "member": member_id,
        "before": before or 2**63 - 1,
        "limit": limit,
    }
    if group is None:
        source = """select * from entry one where one.shop_id = :shop and one.member_id = :member and one.id < :before
            order by one.id desc limit :limit"""
    else:
        parameters["kinds"] = list(GROUPS[group])
        source = """select one.* from unnest(cast(:kinds as text[])) as wanted (kind) cross join lateral (
            select * from entry x where x.shop_id = :shop and x.member_id = :member and x.kind = wanted.kind
                and x.id < :before order by x.id desc limit :limit) one
            order by one.id desc limit :limit"""
    statement = f"""select {columns} from ({source}) e
        left join orders o on o.shop_id = e.shop_id and o.id = e.order_id order by e.id desc"""  # noqa: S608 - our own words
    return statement, parameters


# Level -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Level:
    """Where a member stands. `missing` of `basis` is what the next level wants yet, `share` (0 to 1) the way."""

    name: str | None
    basis: str
    value: Decimal
    next_name: str | None
    missing: Decimal | None
    share: float
    leaves_at: datetime | None
    given_until: datetime | None
    is_given: bool
    kept_until: datetime | None


def level(session: AnySession, shop: ShopFacts, member: Member, now: datetime) -> Level | None:
    """The member's level, and how far the next one is; None if the program has no levels."""
    _, settings = programs.current(shop.id)
    tiers = settings.tiers
    if tiers is None:
        return None
    row = session.execute(
        text(
            "select reached, leaves_at, manual_level, manual_until, value, value_before, basis from tier_standing"
            " where shop_id = :shop and member_id = :member"
        ),
        {"shop": shop.id, "member": member.id},
    ).one_or_none()
    value = row.value if row is not None and row.basis == tiers.basis else Decimal(0)
    standing = tier_rules.Standing(level=member.tier)
    if row is not None:
        standing = tier_rules.Standing(row.reached, row.leaves_at, row.manual_level, row.manual_until, member.tier)
    counted = tier_rules.Counted(value, row.value_before if row is not None else Decimal(0))
    following = next((each for each in tier_rules.ladder(tiers) if each.starts_at > value), None)
    return Level(
        name=level_name(settings, shop, member.tier),
        basis=tiers.basis,
        value=value,
        next_name=level_name(settings, shop, following.id) if following else None,
        missing=following.starts_at - value if following else None,
        share=float(min(Decimal(1), max(Decimal(0), value / following.starts_at))) if following else 1.0,
        leaves_at=standing.leaves_at,
        given_until=standing.manual_until,
        is_given=tier_rules.is_manual(standing),
        kept_until=tier_rules.kept_until(tiers, standing, counted, now, calendar_rules.timezone(shop.timezone)),
    )


def level_name(settings: ProgramSettings, shop: ShopFacts, level_id: str | None) -> str | None:
    """What the merchant calls a level; its id if the program has it no more."""
    if level_id is None:
        return None
    levels = settings.tiers.levels if settings.tiers else ()
    found = next((each for each in levels if each.id == level_id), None)
    return (pick(found.name, "en", shop.locale) if found else None) or level_id


# What they did -----------------------------------------------------------------------------------------------------


def orders(session: AnySession, shop_id: int, member_id: int, before: int | None, limit: int) -> Sequence[Row]:
    """Orders with what they brought, newest first, before the order of that id."""
    return (
        session.execute(
            text(
                """
                with page as materialized (
                    select * from orders o where o.shop_id = :shop and o.member_id = :member
                        and (cast(:before as bigint) is null or (o.placed_at, o.id) < (
                            select b.placed_at, b.id from orders b where b.shop_id = :shop and b.id = :before))
                    order by o.placed_at desc, o.id desc limit :limit
                )
                select p.id, p.external_id, coalesce(p.number, p.external_id) as number, p.placed_at, p.received_at,
                    p.due_at, p.expected_points, p.known -> 'first_shown' ? 'cancelled' as is_cancelled,
                    p.known #>> '{states,0,order,currency}' as currency,
                    coalesce(p.known #>> '{states,0,order,total}', p.known #>> '{states,0,order,subtotal}') as total,
                    cast(coalesce((select sum(case e.kind when 'promise' then e.points else -e.points end) from entry e
                        where e.shop_id = p.shop_id and e.order_id = p.id and e.member_id = p.member_id
                        and e.kind in ('promise', 'void', 'claw_back')), 0) as bigint) as points
                from page p order by p.placed_at desc, p.id desc
                """
            ),
            {"shop": shop_id, "member": member_id, "before": before, "limit": limit},
        )
        .mappings()
        .all()
    )


@dataclass(frozen=True, slots=True)
class Had:
    """A redeemed reward, and what may be done about it (S1.12 to S1.15, S1.36)."""

    redemption: Redemption
    status: str
    """What is past its date and unused has expired, whether or not the sweep has run."""
    can_be_marked: bool
    next_step: str | None
    """Of a gift's delivery."""
    can_be_canceled: bool
    why_not_returnable: str | None

    @property
    def name(self) -> str:
        name: str = self.redemption.frozen["name"]
        return name


_NEXT_STEP = {"ordered": "shipped", "shipped": "delivered"}


def had(session: AnySession, shop_id: int, member_id: int, before: int | None, limit: int, now: datetime) -> list[Had]:
    """Redeemed rewards, newest first, before that id."""
    rows = (
        session.query(Redemption)
        .filter(
            Redemption.shop_id == shop_id,
            Redemption.member_id == member_id,
            Redemption.id < (before or 2**63 - 1),
        )
        .order_by(Redemption.id.desc())
        .limit(limit)
    )
    found = rows.all()
    carried = issuing.with_orders(session, shop_id, [each.id for each in found])
    return [_judged(each, now, has_order=each.id in carried) for each in found]


def one_had(session: AnySession, shop_id: int, member_id: int, redemption_id: int, now: datetime) -> Had:
    """One redeemed reward of that member. Raises NotFound."""
    found = session.get(Redemption, (shop_id, redemption_id))
    if found is None or found.member_id != member_id:
        raise NotFound()
    carried = issuing.with_orders(session, shop_id, [redemption_id])
    return _judged(found, now, has_order=redemption_id in carried)


def _judged(redemption: Redemption, now: datetime, *, has_order: bool) -> Had:
    """The redemption, and what may be done about it now."""
    has_run_out = redemption.status == "issued" and endings.has_run_out(redemption, now)
    is_active = redemption.status == "issued" and not has_run_out and redemption.ending is None
    is_gift = redemption.frozen["type"] == "gift"
    step = redemption.delivery_status
    return Had(
        redemption=redemption,
        status="expired" if has_run_out else redemption.status,
        can_be_marked=is_active
        and not endings.are_days_over(redemption, now)
        and redemption.frozen["type"] != endings.CASHBACK,
        next_step=_NEXT_STEP.get(step or "") if is_active and is_gift else None,
        can_be_canceled=is_active and is_gift and step is not None and step != "canceled",
        why_not_returnable=endings.why_not_returnable(redemption, now, has_order=has_order),
    )


@dataclass(frozen=True, slots=True)
class Brought:
    """Who brought this member, and whom they brought."""

    by: Row | None
    friends: Sequence[Row]


def referrals(session: AnySession, shop_id: int, member_id: int) -> Brought:
    """Both sides; the newest friends only, `MOST_REFERRALS` and one more if there are."""
    side = """select r.id, r.state, r.reason, r.review, r.at, m.id as member_id, m.email, m.external_id,
        btrim(coalesce(m.first_name, '') || ' ' || coalesce(m.last_name, '')) as name
        from referral r join member m on m.shop_id = r.shop_id and m.id = r.{other}_id
        where r.shop_id = :shop and r.{side}_id = :member order by r.id desc limit :most"""
    who = {"shop": shop_id, "member": member_id, "most": MOST_REFERRALS + 1}
    by = session.execute(text(side.format(other="advocate", side="friend")), who).mappings().first()
    friends = session.execute(text(side.format(other="friend", side="advocate")), who).mappings().all()
    return Brought(by, friends)


def segments(session: AnySession, shop_id: int, member_id: int) -> Sequence[Row]:
    """The segments that the member is in, by name."""
    return (
        session.execute(
            text(
                "select g.id, g.name from segment_member s join segment g on g.shop_id = s.shop_id"
                " and g.number = s.segment_number where s.shop_id = :shop and s.member_id = :member order by g.name, g.id"
            ),
            {"shop": shop_id, "member": member_id},
        )
        .mappings()
        .all()
    )


def mails(session: AnySession, shop_id: int, member_id: int) -> Sequence[Row]:
    """The newest mails: which kind, when, and whether they went out. What they said is not kept."""
    return (
        session.execute(
            text(
                "select id, payload ->> 'purpose' as purpose, state, created_at, done_at, last_error from outbox"
                " where shop_id = :shop and kind = 'mail' and payload ->> 'member_id' = :member"
                " order by id desc limit :most"
            ),
            {"shop": shop_id, "member": str(member_id), "most": MOST_MAILS},
        )
        .mappings()
        .all()
    )
