"""Members who were active lately: whose orders or deeds brought points, or who spent some. Counted once an hour.

Nothing could be kept as it happens: whoever moves today may have been counted yesterday. So each count has its time.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text

from backend.ledger.posting import AnySession

DAYS = 30

WAITS = (
    "select s.id, a.counted_at from shop s left join active_members a on a.shop_id = s.id"
    " where a.counted_at is null or a.counted_at < date_trunc('hour', cast(%(now)s as timestamptz)) limit 1"
)
"""The question whether a shop waits to be counted, for the schedule. At full hours all do: one look serves them all."""


@dataclass(frozen=True)
class Active:
    """How many members were active in the `DAYS` days before `counted_at`."""

    members: int
    counted_at: datetime


def of(session: AnySession, shop_id: int) -> Active | None:
    """The last count; None if there was none yet."""
    found = session.execute(
        text("select members, counted_at from active_members where shop_id = :shop"), {"shop": shop_id}
    ).first()
    return None if found is None else Active(found.members, found.counted_at)


def count(session: AnySession, now: datetime) -> int:
    """Count anew for every shop whose count is from another hour; returns how many shops. Reads 30 days of entries."""
    session.execute(text("set local statement_timeout = 0"))
    counted: int = session.execute(
        text(
            """
            with due as materialized (
                select s.id from shop s left join active_members a on a.shop_id = s.id
                where a.counted_at is null or a.counted_at < date_trunc('hour', cast(:now as timestamptz))
                    or a.counted_at > :now
            ), done as (
                insert into active_members (shop_id, members, counted_at)
                select d.id, coalesce(f.members, 0), :now
                from due d left join (
                    select shop_id, count(distinct member_id) as members from entry
                    where at > :since and at <= :now and kind = any ('{promise,hold,spend}'::text[])
                        and shop_id = any (array(select id from due))
                    group by shop_id
                ) f on f.shop_id = d.id
                on conflict (shop_id) do update set members = excluded.members, counted_at = excluded.counted_at
                returning 1
            )
            select count(*) from done
            """
        ),
        {"now": now, "since": now - timedelta(days=DAYS)},
    ).scalar_one()
    return counted
