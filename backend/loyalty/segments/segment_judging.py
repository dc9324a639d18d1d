"""Judging members by the segments of their shop: who changed, within seconds; everybody when a segment changes, and each
night, so that nothing that was missed stays so.

One transaction judges members of one shop, with its row of `segment_walk` held, so that counts stay exact.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from backend.ledger.posting import AnySession
from backend.loyalty.calendar_rules import first_instant, local_day
from backend.loyalty.eligibility import eligibility, member_facts
from backend.loyalty.eligibility.eligibility import Rule
from backend.loyalty.rewards import announcement_plan
from backend.loyalty.segments import segment_scan, segments
from backend.loyalty.shops import shops
from backend.loyalty.shops.shops import ShopFacts

JUDGED_AT_ONCE = 1000
NOTED_AT_ONCE = 5000

_AS_JUDGED = """unnest(cast(:members as bigint[]), cast(:segments as text[])) as t (member_id, segments)
    where m.shop_id = :shop and m.id = t.member_id and m.segments <> string_to_array(t.segments, ' ')"""
_MOVED = text(f"select m.id from member m, {_AS_JUDGED}")  # noqa: S608 - our own words
_MOVE = text(f"update member m set segments = string_to_array(t.segments, ' ') from {_AS_JUDGED}")  # noqa: S608


@dataclass(frozen=True, slots=True)
class _Segment:
    number: int
    id: str
    rules: tuple[Rule, ...]


def judge_next(session: AnySession, now: datetime) -> int:
    """The next piece of what waits, of the shop whose turn was longest ago; how much was done, 0 if nothing waits."""
    shop_id = session.execute(
        text(
            "select w.shop_id from segment_walk w where w.walk_at <= :now or w.scan_at <= :now"
            " or exists (select from segment_due d where d.shop_id = w.shop_id)"
            " order by w.judged_at nulls first, w.shop_id limit 1 for update of w skip locked"
        ),
        {"now": now},
    ).scalar()
    if shop_id is None:
        return 0
    session.execute(
        text("update segment_walk set judged_at = :now where shop_id = :shop"), {"shop": shop_id, "now": now}
    )
    shop = shops.facts(shop_id)
    known = [_Segment(each.number, each.id, segments.rules_of(each)) for each in segments.all_of(session, shop_id)]
    scanned = segment_scan.scan(session, shop_id, [rule for each in known for rule in each.rules], now)
    done = _judge_due(session, shop, known, now) or _walk(session, shop, now)
    return scanned + done


def _judge_due(session: AnySession, shop: ShopFacts, known: Sequence[_Segment], now: datetime) -> int:
    """Judge members who changed. Those whose account somebody holds stay due."""
    due = session.execute(
        text(
            """
            select d.ids, a.member_id from (
                select member_id, array_agg(id) as ids from (
                    select id, member_id from segment_due where shop_id = :shop order by id limit :most) oldest
                group by member_id) d
            join account a on a.shop_id = :shop and a.member_id = d.member_id
            order by a.member_id for no key update of a skip locked
            """
        ),
        {"shop": shop.id, "most": JUDGED_AT_ONCE},
    ).all()
    if not due:
        return 0
    member_ids = [each.member_id for each in due]
    session.execute(
        text("delete from segment_due where shop_id = :shop and id = any(cast(:ids as bigint[]))"),
        {"shop": shop.id, "ids": [each for row in due for each in row.ids]},
    )
    rules = [rule for each in known for rule in each.rules]
    facts = member_facts.of_many(session, shop, member_ids, eligibility.needs_orders(rules), now)
    _keep(session, shop.id, known, member_ids, _judged(known, facts), now)
    return len(due)


def _judged(known: Sequence[_Segment], facts: dict[int, eligibility.Facts]) -> Iterable[tuple[int, _Segment]]:
    for member_id, fact in facts.items():
        for segment in known:
            if eligibility.judge(segment.rules, fact).is_eligible:
                yield member_id, segment


def _keep(
    session: AnySession,
    shop_id: int,
    known: Sequence[_Segment],
    member_ids: Sequence[int],
    judged: Iterable[tuple[int, _Segment]],
    now: datetime,
) -> None:
    """Write who is in which segment, in the rows that are listed and counted and on the members themselves."""
    inside: dict[int, list[_Segment]] = {member_id: [] for member_id in member_ids}
    for member_id, segment in judged:
        inside[member_id].append(segment)
    pairs = [(member_id, each.number) for member_id, found in inside.items() for each in found]
    parameters: dict[str, Any] = {
        "shop": shop_id,
        "now": now,
        "members": member_ids,
        "in_members": [member_id for member_id, _ in pairs],
        "in_numbers": [number for _, number in pairs],
    }
    session.execute(
        text(
            """
            with now_in as (
                select * from unnest(cast(:in_numbers as bigint[]), cast(:in_members as bigint[])) as t (number, member_id)
            ),
            left_it as (
                delete from segment_member s where s.shop_id = :shop and s.member_id = any(cast(:members as bigint[]))
                    and not exists (
                        select from now_in n where n.number = s.segment_number and n.member_id = s.member_id)
                returning s.segment_number
            ),
            entered as (
                insert into segment_member (shop_id, segment_number, member_id)
                select :shop, number, member_id from now_in on conflict do nothing returning segment_number
            ),
            moved as (
                select segment_number, sum(change) as change from (
                    select segment_number, 1 as change from entered union all select segment_number, -1 from left_it) c
                group by segment_number
            )
            update segment s set members_count = s.members_count + m.change,
                counted_at = case when s.counted_at is null then null else cast(:now as timestamptz) end
            from moved m where s.shop_id = :shop and s.number = m.segment_number
            """
        ),
        parameters,
    )
    kept = {
        "shop": shop_id,
        "members": member_ids,
        "segments": [" ".join(sorted(each.id for each in inside[member_id])) for member_id in member_ids],
    }
    moved = session.execute(_MOVED, kept).scalars().all()
    announcement_plan.look_again(session, shop_id, moved, now)
    if moved:
        session.execute(_MOVE, kept)


def _walk(session: AnySession, shop: ShopFacts, now: datetime) -> int:
    """Have the next members judged of a shop whose everybody is; after the last of them the segments are counted."""
    position = session.execute(
        text("select next_member_id from segment_walk where shop_id = :shop and walk_at <= :now"),
        {"shop": shop.id, "now": now},
    ).scalar()
    if position is None:
        return 0
    noted = session.execute(
        text(
            "insert into segment_due (shop_id, member_id) select shop_id, id from member"
            " where shop_id = :shop and id > :after and status = 'active' order by id limit :most returning member_id"
        ),
        {"shop": shop.id, "after": position, "most": NOTED_AT_ONCE},
    ).scalars()
    if members := list(noted):
        session.execute(
            text("update segment_walk set next_member_id = :reached where shop_id = :shop"),
            {"shop": shop.id, "reached": max(members)},
        )
        return len(members)
    _end_walk(session, shop, now)
    return 1


def _end_walk(session: AnySession, shop: ShopFacts, now: datetime) -> None:
    """Everybody has been judged; the next time is the shop's midnight. Without segments there is none."""
    counted = session.execute(
        text("update segment set counted_at = :now where shop_id = :shop returning number"),
        {"shop": shop.id, "now": now},
    ).first()
    tz = ZoneInfo(shop.timezone)
    session.execute(
        text(
            "update segment_walk set walk_at = :next, next_member_id = 0 where shop_id = :shop"
            if counted is not None
            else "delete from segment_walk where shop_id = :shop"
        ),
        {"shop": shop.id, "next": first_instant(local_day(now, tz) + timedelta(days=1), tz)},
    )
