"""What the shop owes its members: unspent points by the month they end and by their age, and what a point is worth."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import text

from backend.ledger.posting import AnySession


@dataclass(frozen=True)
class Part:
    """Available points that end, or were earned, in one month. `month` is None for points that never end."""

    month: date | None
    points: int


def point_value(session: AnySession, shop_id: int) -> Decimal | None:
    """What a point is worth in the shop's currency: as the best active cashback pays; None without one."""
    found: Decimal | None = session.execute(
        text("select max(point_value) from reward where shop_id = :shop and type = 'cashback' and is_active"),
        {"shop": shop_id},
    ).scalar_one()
    return found


def by_expiry(session: AnySession, shop_id: int, zone: str, now: datetime) -> Sequence[Part]:
    """Points in open lots by the month of their last day, soonest first. Reads every open lot that has not ended.

    Midnight belongs to the day before.
    """
    return _parts(session, "expires_at - interval '1 second'", shop_id, zone, now)


def by_age(session: AnySession, shop_id: int, zone: str, now: datetime) -> Sequence[Part]:
    """The same points by the month in which they were earned, oldest first."""
    return _parts(session, "earned_at", shop_id, zone, now)


def _parts(session: AnySession, column: str, shop_id: int, zone: str, now: datetime) -> Sequence[Part]:
    rows = session.execute(
        text(
            f"select cast(date_trunc('month', ({column}) at time zone :zone) as date), sum(remaining) from lot"  # noqa: S608
            " where shop_id = :shop and open and (expires_at is null or expires_at > :now)"
            " group by 1 order by 1 nulls last"
        ),
        {"shop": shop_id, "zone": zone, "now": now},
    )
    return [Part(month, int(points)) for month, points in rows]
