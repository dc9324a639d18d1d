"""Expiring lots the plain way: row by row with the ORM, a commit for each."""

import time
from datetime import datetime

from sqlalchemy import select

from backend.db import db
from backend.models import Account, Entry, EntryLot, Lot, Member
from benchmarks.reference.posting import mail


def expire_one_by_one(now: datetime, at_most: int, seconds: float) -> int:
    """Expire at most so many lots, for at most so long; returns how many. Takes those that expire last."""
    due = select(Lot.shop_id, Lot.id).where(
        Lot.open, Lot.expires_at <= now, Lot.reminder.in_(("none", "sent", "impossible"))
    )
    keys = db.session.execute(due.order_by(Lot.expires_at.desc()).limit(at_most)).all()
    ends_at = time.monotonic() + seconds
    done = 0
    for shop_id, lot_id in keys:
        _expire(shop_id, lot_id, now)
        done += 1
        if time.monotonic() >= ends_at:
            break
    return done


def _expire(shop_id: int, lot_id: int, now: datetime) -> None:
    lot = db.session.get_one(Lot, (shop_id, lot_id), with_for_update=True)
    account = db.session.get_one(Account, (shop_id, lot.member_id), with_for_update=True)
    member = db.session.get_one(Member, (shop_id, lot.member_id))
    account.available -= lot.remaining
    entry = Entry(
        shop_id=shop_id,
        member_id=lot.member_id,
        at=now,
        kind="expire",
        from_bucket="available",
        to_bucket="expired",
        points=lot.remaining,
        available_after=account.available,
        source_key=f"expire:{lot.id}",
        actor="system",
        reason="expired",
        order_id=lot.order_id,
        expires_at=lot.expires_at,
        why={},
    )
    db.session.add(entry)
    db.session.flush()
    db.session.add(EntryLot(shop_id=shop_id, entry_id=entry.id, lot_id=lot.id, points=lot.remaining))
    if member.email is not None:
        db.session.add(mail(entry, "points_expired"))
    lot.remaining = 0
    lot.open = False
    db.session.commit()
