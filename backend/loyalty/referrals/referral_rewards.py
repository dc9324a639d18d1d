"""The end of a referral's hold: points are posted, rewards given, both sides told. Run by `jobs/points.py`."""

import logging
from datetime import datetime
from typing import Any

from sqlalchemy import text

from backend.db import RETRIED_SQLSTATES, sqlstate
from backend.ledger.posting import AnySession
from backend.loyalty import name_locks
from backend.loyalty.members import members
from backend.loyalty.notifications import notices
from backend.loyalty.referrals import referral_judging, referral_payouts, referrals
from backend.loyalty.shops import shops
from backend.loyalty.shops.shops import ShopFacts
from backend.models import Referral

WAITS = """
    (select shop_id, id, 'again' as what from referral where recheck order by shop_id, id limit 1)
    union all (select shop_id, friend_id, 'new' from referral_claim where waits order by shop_id, friend_id limit 1)
    union all (select shop_id, referral_id, part from referral_payout where state = 'promised' and due_at <= %(now)s
        order by due_at, shop_id, referral_id, part limit 1)
    union all (select shop_id, id, 'due' from referral where state = 'qualified'
        and review = any ('{none,approved}'::text[]) and due_at <= %(now)s order by due_at, shop_id, id limit 1)
    limit 1
"""
"""The question whether anything waits, for the schedule."""

_DUE = f"""
    select shop_id, friend_id from (
        (select shop_id, friend_id from referral where recheck order by shop_id, id limit :limit)
        union (select shop_id, friend_id from referral_claim where waits order by shop_id, friend_id limit :limit)
        union (select r.shop_id, r.friend_id from referral_payout p
            join referral r on r.shop_id = p.shop_id and r.id = p.referral_id
            where {referral_payouts.DUE} order by p.due_at limit :limit)
        union (select r.shop_id, r.friend_id from referral r where r.state = 'qualified'
            and r.review = any ('{{none,approved}}'::text[]) and r.due_at <= :now and not exists (
                select from referral_payout p where p.shop_id = r.shop_id and p.referral_id = r.id
                and p.state = 'promised' and p.due_at <= r.due_at)
            order by r.due_at limit :limit)
    ) waiting order by shop_id, friend_id limit :limit
"""  # noqa: S608 - our own words

log = logging.getLogger(__name__)


def reward_due(session: AnySession, now: datetime, limit: int = 20) -> int:
    """Judge again what is due or was marked, and pay what has been held long enough. How many were dealt with.

    Safe in two workers: whoever makes friends in a shop does so alone, and nobody waits here: the clock asks again. One
    that fails stays alone.
    """
    due: dict[int, list[int]] = {}
    for row in session.execute(text(_DUE), {"now": now, "limit": limit}).all():
        due.setdefault(row.shop_id, []).append(row.friend_id)
    done = 0
    for shop_id in sorted(due):
        if not name_locks.try_hold(session, shop_id, *referrals.LINKS):
            continue
        referrals.hold_link(session, shop_id, due[shop_id])
        for friend_id in due[shop_id]:
            done += _one(session, shops.facts(shop_id), friend_id, now)
    return done


def _one(session: AnySession, shop: ShopFacts, friend_id: int, now: datetime) -> int:
    try:
        with session.begin_nested():
            row = referral_judging.judge(session, shop, friend_id, now)
            if row is not None:
                reward(session, shop, row, now)
    except Exception as error:
        if sqlstate(error) in RETRIED_SQLSTATES:
            raise  # the whole batch runs again
        log.exception("the referral of member %s of shop %s cannot be rewarded", friend_id, shop.id)
        return 0
    return 1


def reward(session: AnySession, shop: ShopFacts, row: Referral, now: datetime) -> None:
    """Pay what is due of a referral; with the last of it both are told. The caller holds both accounts."""
    referral_payouts.pay(session, shop, row, now)
    is_due = row.state == "qualified" and row.review != "waiting" and row.due_at is not None and row.due_at <= now
    if not is_due or not referral_payouts.is_all_paid(session, row):
        return
    row.state, row.rewarded_at, row.changed_at = "rewarded", now, now
    session.flush()
    for side, name in (("advocate", row.advocate_id), ("friend", row.friend_id)):
        member_id = members.living_id(session, shop.id, name)
        if _got_anything(session, row, member_id):
            about: dict[str, Any] = {"referral_id": row.id}
            notices.tell(session, shop.id, member_id, "referral_rewarded", f"mail:referral:{row.id}:{side}", **about)


def _got_anything(session: AnySession, row: Referral, member_id: int) -> bool:
    found = session.execute(
        text(
            "select 1 from referral_payout where shop_id = :shop and referral_id = :referral and member_id = :member"
            " and state = 'paid' limit 1"
        ),
        {"shop": row.shop_id, "referral": row.id, "member": member_id},
    )
    return found.first() is not None
