"""The end of points: reminders before it, the sweep after it.

Only `expires_at` decides what can be spent, whether or not a sweep has run. The reminder is the only one that moves it:
a lot of more than 7 days whose reminder goes out late lives until 7 days after it went out (design section 6). So
nobody loses points without having been told.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import text

from backend.ledger import posting
from backend.ledger.posting import AnySession
from backend.loyalty.calendar_rules import REMINDER_DAYS
from backend.loyalty.notifications import notices
from backend.loyalty.notifications.notices import Notice
from backend.loyalty.orders.awards import tell

EARLY_DAYS, LAST_DAYS = REMINDER_DAYS
LEAD = timedelta(hours=1)
"""The last reminder is written this much before 7 days remain, so that it has gone out by then and moves nothing."""


def expire_due(session: AnySession, now: datetime, limit: int = 2000) -> int:
    """Write the entries of what has expired, at most about `limit` lots, and tell the owners. Returns how many.

    2,000 lots cost no more each than 5,000 do, and hold their accounts for less than half as long: just after a
    checkpoint, when every page touched goes to the log whole, 5,000 took up to three seconds on a busy machine.
    """
    expired = posting.expire_due(session, now, limit)
    tell(session, expired, "points_expired")
    return len(expired)


def expire_of(session: AnySession, shop_id: int, member_id: int, now: datetime) -> None:
    """Write the entries of what one member's points have expired, and tell the owner: before they spend others."""
    posting.lock_accounts(session, shop_id, [member_id])
    tell(session, posting.expire_member(session, shop_id, member_id, now), "points_expired")


def remind(session: AnySession, now: datetime, limit: int = 500) -> int:
    """Put the reminders that are due into the outbox; returns how many lots were dealt with.

    About 7 days before its end each lot is reminded of once. A friendly first reminder goes out 30 days before, if the
    points live longer than that, and never together with the last. A member without an address is reminded by the
    widget: nothing is sent and nothing is delayed.
    """
    return _remind_last(session, now, limit) + _remind_early(session, now, limit)


def reminder_went_out(session: AnySession, shop_id: int, payload: dict[str, Any], at: datetime) -> None:
    """A reminder has gone out at `at` (business time). After the last one the lots live 7 days more at least.

    A lot that was empty by then was not in the mail: it waits for a reminder of its own, should its points come back.
    """
    if payload["days"] != LAST_DAYS:
        return
    session.execute(
        text(
            """
            update lot set reminder = case when open then 'sent' else 'waiting' end,
                expires_at = case when open then greatest(expires_at, :no_sooner) else expires_at end
            where shop_id = :shop and member_id = :member and id = any(cast(:lots as bigint[])) and reminder = 'queued'
            """
        ),
        {
            "shop": shop_id,
            "member": payload["member_id"],
            "lots": payload["lot_ids"],
            "no_sooner": at + timedelta(days=LAST_DAYS),
        },
    )


def reminder_impossible(session: AnySession, shop_id: int, payload: dict[str, Any]) -> None:
    """The reminder will never go out, the address being refused for good: as if the member had none.

    If it did not because nothing was left of the points, they wait for another one, should they come back.
    """
    if payload["days"] != LAST_DAYS:
        return
    session.execute(
        text(
            "update lot set reminder = case when open then 'impossible' else 'waiting' end where shop_id = :shop"
            " and member_id = :member and id = any(cast(:lots as bigint[])) and reminder = 'queued'"
        ),
        {"shop": shop_id, "member": payload["member_id"], "lots": payload["lot_ids"]},
    )


def _remind_last(session: AnySession, now: datetime, limit: int) -> int:
    rows = session.execute(
        text(
            """
            with due as (
                select l.shop_id, l.id from lot l
                where l.open and l.reminder = 'waiting' and l.expires_at <= :until
                order by l.expires_at limit :limit for update skip locked
            )
            update lot l set reminder = case when m.email is null then 'impossible' else 'queued' end
            from due d, member m
            where l.shop_id = d.shop_id and l.id = d.id and m.shop_id = l.shop_id and m.id = l.member_id
            returning l.shop_id, l.member_id, l.id, l.remaining, l.expires_at, l.reminder
            """
        ),
        {"until": now + timedelta(days=LAST_DAYS) + LEAD, "limit": limit},
    ).all()
    _write(session, [row for row in rows if row.reminder == "queued"], LAST_DAYS)
    return len(rows)


def _remind_early(session: AnySession, now: datetime, limit: int) -> int:
    rows = session.execute(
        text(
            """
            with due as (
                select l.shop_id, l.id from lot l
                where l.open and l.reminder = 'waiting' and not l.reminded_early and l.expires_at <= :until
                    and l.expires_at > :too_late
                order by l.expires_at limit :limit for update skip locked
            )
            update lot l set reminded_early = true
            from due d, member m
            where l.shop_id = d.shop_id and l.id = d.id and m.shop_id = l.shop_id and m.id = l.member_id
            returning l.shop_id, l.member_id, l.id, l.remaining, l.expires_at,
                m.email is not null and l.expires_at > l.earned_at + make_interval(days => :early) as is_told
            """
        ),
        {
            "early": EARLY_DAYS,
            "until": now + timedelta(days=EARLY_DAYS) + LEAD,
            "too_late": now + timedelta(days=LAST_DAYS) + LEAD,
            "limit": limit,
        },
    ).all()
    _write(session, [row for row in rows if row.is_told], EARLY_DAYS)
    return len(rows)


def _write(session: AnySession, rows: list[Any], days: int) -> None:
    """One mail for each member and date, whatever the number of lots behind it.

    The state of the lots, changed in this transaction, is what keeps a reminder from being written twice; a second one
    about points that went and came back is another mail, so the keys are all different.
    """
    mails: dict[tuple[int, int, datetime], list[Any]] = {}
    for row in rows:
        mails.setdefault((row.shop_id, row.member_id, row.expires_at), []).append(row)
    notices.write(
        session,
        "points_expiring",
        (
            Notice(
                shop_id,
                member_id,
                f"mail:points_expiring:{days}:{min(row.id for row in lots)}:{uuid4().hex[:8]}",
                {"days": days, "lot_ids": [row.id for row in lots], "points": sum(row.remaining for row in lots)},
            )
            for (shop_id, member_id, _), lots in mails.items()
        ),
    )
