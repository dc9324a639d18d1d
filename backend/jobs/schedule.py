"""Every periodic job, in one list.

A job `inbox.drain` is the function `drain` of `backend/jobs/inbox.py`, on the queue `inbox`. Most of them ask the
database what waits: the clock looks that often, rings the doorbell if something does, and drains by itself if ringing
brings no progress. A job without such a question is rung at round times of the machine's clock.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from backend import queue
from backend.jobs import upkeep
from backend.loyalty.notifications import outgoing_events
from backend.loyalty.points import expiry
from backend.loyalty.referrals import referral_rewards
from backend.loyalty.rewards import announcements
from backend.loyalty.shops import shop_redaction
from backend.reports import activity
from backend.shopify import code_audit, metafields


@dataclass(frozen=True)
class Periodic:
    """One job: its name, how often it is due in seconds, and the cheap question for the row that waits longest.

    The question is one indexed statement; it may use %(now)s (business clock) and %(wall)s (machine's clock), and its
    answer must differ once that row has been dealt with. `needs_sane_time`: not run while the machine's clock has made
    a leap.
    """

    name: str
    every: float
    waits: str | None = None
    needs_sane_time: bool = False

    def door(self) -> Callable[[], int]:
        """The function that drains."""
        module, _, verb = self.name.partition(".")
        door: Callable[[], int] = getattr(import_module(f"{queue.JOBS_PACKAGE}.{module}"), verb)
        return door


SCHEDULE = (
    Periodic(
        "inbox.drain",
        every=1,
        waits="select shop_id, id, tries from delivery where next_try_at <= %(wall)s order by next_try_at, id limit 1",
    ),
    Periodic(
        "points.post_due",
        every=2,
        waits="select shop_id, id from award where state = 'pending' and not held and due_at <= %(now)s"
        " order by due_at, shop_id, member_id limit 1",
    ),
    Periodic(
        "points.expire",
        every=2,
        waits="select shop_id, id from lot where open and expires_at <= %(now)s"
        " and reminder in ('none', 'sent', 'impossible') order by expires_at, shop_id, member_id limit 1",
        needs_sane_time=True,
    ),
    Periodic(
        "points.remind",
        every=5,
        waits="(select shop_id, id from lot where open and reminder = 'waiting'"  # noqa: S608 - our own words
        f" and expires_at <= %(now)s + interval '{expiry.LAST_DAYS} days' order by expires_at limit 1)"
        " union all (select shop_id, id from lot where open and reminder = 'waiting' and not reminded_early"
        f" and expires_at <= %(now)s + interval '{expiry.EARLY_DAYS} days' order by expires_at limit 1) limit 1",
        needs_sane_time=True,
    ),
    Periodic(
        "points.birthdays",
        every=5,
        waits="select shop_id, day, after_member from birthday_round where due_at <= %(now)s order by due_at limit 1",
        needs_sane_time=True,
    ),
    Periodic(
        "points.release_holds",
        every=2,
        waits="select shop_id, id from redemption where status = 'requested' and ending is null"
        " and hold_until <= %(now)s order by hold_until limit 1",
    ),
    Periodic(
        "points.expire_rewards",
        every=2,
        waits="select shop_id, id from redemption where status = 'issued' and use_state = 'delivered'"
        " and ending is null and expires_at <= %(now)s order by expires_at limit 1",
        needs_sane_time=True,
    ),
    Periodic(
        "points.tiers",
        every=2,
        waits="(select shop_id, member_id, check_at from tier_standing where check_at <= %(now)s order by check_at limit 1)"
        " union all (select shop_id, next_member_id, walk_at from tier_walk where walk_at <= %(now)s"
        " order by walk_at limit 1) limit 1",
        needs_sane_time=True,
    ),
    Periodic("points.reward_referrals", every=2, waits=referral_rewards.WAITS),
    Periodic(
        "points.segments",
        every=2,
        waits="(select shop_id, id, cast(null as timestamptz) from segment_due order by shop_id, id limit 1)"
        " union all (select shop_id, next_member_id, judged_at from segment_walk"
        " where walk_at <= %(now)s order by walk_at limit 1)"
        " union all (select shop_id, scanned_entry_id, scan_at from segment_walk"
        " where scan_at <= %(now)s order by scan_at limit 1) limit 1",
    ),
    Periodic("points.announce_rewards", every=5, waits=announcements.WAITS),
    Periodic(
        "points.refill_coupons",
        every=2,
        waits="select shop_id, id from coupon_refill where due_at <= %(wall)s order by due_at limit 1",
    ),
    Periodic(outgoing_events.PUBLISH, every=1, waits=outgoing_events.WAITS),
    Periodic(
        "outbox.send",
        every=0.25,  # or a repetition that is due after a second would wait for most of another
        waits="select shop_id, id, attempts from outbox where state = 'waiting' and next_try_at <= %(wall)s"
        " order by next_try_at, id limit 1",
    ),
    Periodic(
        "outbox.look_at_orders",
        every=1,
        waits="select shop_id, external_id, tries from order_look where next_try_at <= %(wall)s"
        " order by next_try_at limit 1",
    ),
    Periodic(
        "upkeep.reconcile",
        every=2,
        waits="select shop_id, orders_next_at from shopify_shop where orders_next_at <= %(wall)s"
        " order by orders_next_at limit 1",
    ),
    Periodic(
        "upkeep.watch_topics",
        every=60,
        waits="select shop_id, topics_next_at from shopify_shop where topics_next_at <= %(wall)s"
        " order by topics_next_at limit 1",
    ),
    Periodic(
        "upkeep.import_rows",
        every=2,
        waits="select shop_id, id, rows_done from transfer where next_at <= %(wall)s"
        " and kind in ('members', 'balances', 'codes') order by next_at limit 1",
    ),
    Periodic(
        "upkeep.make_exports",
        every=2,
        waits="select shop_id, id, run from transfer where next_at <= %(wall)s and kind in ('export', 'shop')"
        " order by next_at limit 1",
    ),
    Periodic("upkeep.watch_codes", every=300),
    Periodic(code_audit.JOB, every=60),  # no question: it may take minutes, and the clock would do nothing else
    Periodic(metafields.JOB, every=2, waits=metafields.WAITS),
    Periodic(
        "upkeep.dry_run",
        every=2,
        waits="select shop_id, id, after_member from dry_run where next_at <= %(wall)s order by next_at limit 1",
    ),
    Periodic("upkeep.sum_up", every=5, waits="select shop_id, id from sum_change order by shop_id, id limit 1"),
    Periodic("upkeep.count_active", every=60, waits=activity.WAITS),
    Periodic("upkeep.redact_shops", every=60, waits=shop_redaction.DUE),
    Periodic("upkeep.purge", every=3600, waits=upkeep.OLDEST),
    Periodic("upkeep.check_ledger", every=24 * 3600),
)
