"""Keeping house: what is no longer needed goes, and the ledger is proved every day."""

import logging
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import text

from backend import clock
from backend.config import Config
from backend.db import retrying, transaction
from backend.jobs import shopify_metafields, shopify_orders
from backend.jobs.draining import in_batches
from backend.ledger import check
from backend.loyalty.coupons import stock_health
from backend.loyalty.notifications import outgoing_events
from backend.loyalty.program import dry_runs
from backend.loyalty.shops import shop_redaction
from backend.reports import activity, kept
from backend.shopify import code_audit
from backend.staff import letters, throttle
from backend.staff.rights import Right
from backend.transfer import exports, imports

CHUNK = 2000
BODIES_KEPT = timedelta(days=30)
"""A delivery's raw body holds personal data. What could not be handled keeps its body until it is."""
LONG_IMPORT = timedelta(minutes=1)
"""Who began an import that takes longer is told when it is over."""
FORMER_ADDRESSES_KEPT = timedelta(days=730)
"""How long it is known by a hash that somebody with that address was erased: who comes back is no new customer."""
SENT_KEPT = timedelta(days=90)
ANSWERS_KEPT = timedelta(days=30)
"""How long an Idempotency-Key is remembered."""
VISITORS_KEPT = timedelta(days=30)
"""How long salted hashes of visitors are kept: who opened a friend's link, and where members come from. So long, too,
it is known where somebody of the team was signed in."""
ENDPOINTS_KEPT = outgoing_events.KEPT + timedelta(days=1)
"""How long a removed endpoint is kept: its log has gone by then."""

log = logging.getLogger(__name__)


def _ago(kept: timedelta) -> str:
    return f"%(wall)s - interval '{int(kept.total_seconds())} seconds'"


OLDEST = f"""
    (select shop_id, id::text from delivery
     where body is not null and state in ('handled', 'ignored', 'rejected')
        and received_at < {_ago(BODIES_KEPT)}
     order by received_at limit 1)
    union all
    (select shop_id, id::text from outbox where state = 'done' and done_at < {_ago(SENT_KEPT)}
     order by done_at limit 1)
    union all
    (select shop_id, key from remembered_answer where created_at < {_ago(ANSWERS_KEPT)}
     order by created_at limit 1)
    union all
    (select shop_id, day::text from referral_visit where at < {_ago(VISITORS_KEPT)} order by at limit 1)
    union all
    (select shop_id, member_id::text from member_connection where at < {_ago(VISITORS_KEPT)}
     order by at limit 1)
    union all
    (select shop_id, id::text from outgoing_event where published_at < {_ago(outgoing_events.KEPT)}
     order by published_at limit 1)
    union all
    (select shop_id, id::text from endpoint where removed_at < {_ago(ENDPOINTS_KEPT)} order by removed_at limit 1)
    union all
    (select 0, t.since::text as id from sign_in_try t where t.since < {_ago(throttle.KEPT)} order by t.since limit 1)
    union all
    (select shop_id, id::text from staff_session where expires_at < {_ago(VISITORS_KEPT)}
     order by expires_at limit 1)
    union all
    (select shop_id, f.erased_at::text as id from former_address f where f.erased_at < {_ago(FORMER_ADDRESSES_KEPT)}
     order by f.erased_at limit 1)
    union all
    (select shop_id, id::text from transfer where expires_at <= %(wall)s order by expires_at limit 1)
    limit 1
    """  # noqa: S608 - our own words
"""The question whether there is anything to purge, for the schedule."""

_PURGES = (
    (
        """
        delete from former_address f
        using (select shop_id, email_hash from former_address where erased_at < :before
               order by erased_at limit :chunk for update skip locked) old
        where f.shop_id = old.shop_id and f.email_hash = old.email_hash
        """,
        FORMER_ADDRESSES_KEPT,
    ),
    (
        """
        update delivery d set body = null
        from (select shop_id, id from delivery
              where body is not null and state in ('handled', 'ignored', 'rejected') and received_at < :before
              order by received_at limit :chunk for update skip locked) old
        where d.shop_id = old.shop_id and d.id = old.id
        """,
        BODIES_KEPT,
    ),
    (
        """
        delete from outbox o
        using (select shop_id, id from outbox where state = 'done' and done_at < :before
               order by done_at limit :chunk for update skip locked) old
        where o.shop_id = old.shop_id and o.id = old.id
        """,
        SENT_KEPT,
    ),
    (
        """
        delete from remembered_answer a
        using (select shop_id, scope, key from remembered_answer where created_at < :before
               order by created_at limit :chunk for update skip locked) old
        where a.shop_id = old.shop_id and a.scope = old.scope and a.key = old.key
        """,
        ANSWERS_KEPT,
    ),
    (
        """
        delete from referral_visit v
        using (select ctid from referral_visit where at < :before order by at limit :chunk for update skip locked) old
        where v.ctid = old.ctid
        """,
        VISITORS_KEPT,
    ),
    (
        """
        delete from member_connection c
        using (select ctid from member_connection where at < :before order by at limit :chunk for update skip locked) old
        where c.ctid = old.ctid
        """,
        VISITORS_KEPT,
    ),
    (
        """
        delete from outgoing_event n
        using (select shop_id, id from outgoing_event where published_at < :before
               order by published_at limit :chunk for update skip locked) old
        where n.shop_id = old.shop_id and n.id = old.id
        """,
        outgoing_events.KEPT,
    ),
    (
        """
        delete from sign_in_try t
        using (select key from sign_in_try where since < :before order by since limit :chunk for update skip locked) old
        where t.key = old.key
        """,
        throttle.KEPT,
    ),
    (
        """
        delete from staff_session s
        using (select shop_id, id from staff_session where expires_at < :before
               order by expires_at limit :chunk for update skip locked) old
        where s.shop_id = old.shop_id and s.id = old.id
        """,
        VISITORS_KEPT,
    ),
    (
        """
        delete from endpoint p
        using (select shop_id, id from endpoint where removed_at < :before
               order by removed_at limit :chunk for update skip locked) old
        where p.shop_id = old.shop_id and p.id = old.id
        """,
        ENDPOINTS_KEPT,
    ),
)


def purge() -> int:
    """Empty old deliveries, drop old rows of the outbox, old remembered answers, hashes of visitors and the log of
    webhooks out. By the machine's clock."""
    return in_batches("upkeep.purge", _purge)


def _purge() -> int:
    gone = 0
    for statement, lifetime in _PURGES:
        with transaction() as session:
            done = session.execute(text(statement), {"before": clock.wall() - lifetime, "chunk": CHUNK})
            gone += done.rowcount
    with transaction() as session:
        gone += exports.purge(session, clock.wall(), 10)
    return gone


def check_ledger() -> int:
    """Prove the ledger's invariants; each violation is an alarm in the log. Returns how many there are."""
    with transaction() as session:
        report = check.check(session, clock.now(), clock.wall())
    for violation in report.violations:
        log.critical("the ledger is wrong: %s", violation)
    log.info("the ledger of %d members and %d entries is proved", report.members, report.entries)
    return len(report.violations)


def import_rows() -> int:
    """Go on with the imports that are under way, a batch of each in turn."""
    return in_batches(imports.JOB, _import_rows)


def _import_rows() -> int:
    with transaction() as session:
        return imports.step(session, clock.now(), clock.wall(), _tell_of_import)


def _tell_of_import(session: Any, shop_id: int, transfer: imports.Transfer) -> None:
    """Whoever began an import that took its time has gone on to something else."""
    begun, ended = transfer.begun_at, transfer.finished_at
    if transfer.staff_id is not None and begun is not None and ended is not None and ended - begun > LONG_IMPORT:
        key = str(transfer.id)
        letters.write_to(session, shop_id, transfer.staff_id, "import_done", key, transfer_id=transfer.id)


def watch_codes() -> int:
    """Tell teams whose codes have begun to run low; how many rewards that were."""
    with transaction() as session:
        shop_ids = stock_health.shops_with_codes(session)
    return sum(_watch_codes_of(each, clock.now()) for each in shop_ids)


@retrying
def _watch_codes_of(shop_id: int, now: datetime) -> int:
    with transaction() as session:
        fallen = stock_health.fallen(session, shop_id, now)
        for each in fallen:
            key = f"{each.id}:{now.isoformat()}"
            letters.tell(session, shop_id, Right.REWARDS, "codes_low", key, reward_id=each.id)
    return len(fallen)


def make_exports() -> int:
    """Make the exports that were asked for, and bring in the shops that were uploaded."""
    return in_batches(exports.JOB, exports.work)


def dry_run() -> int:
    """Go on with the dry runs that were asked for, a batch of members in each transaction."""
    return in_batches(dry_runs.JOB, _dry_run)


def _dry_run() -> int:
    with transaction() as session:
        return dry_runs.step(session, clock.wall())


def reconcile() -> int:
    """Compare the orders that changed in the store with those that we know, where a platform can be asked."""
    return shopify_orders.reconcile()


def watch_topics() -> int:
    """See whether the shops still let us do what the program needs."""
    return shopify_orders.watch_topics()


def write_metafields() -> int:
    """Let customers at Shopify see their points, where a shop has that switched on."""
    return shopify_metafields.write()


def audit_codes() -> int:
    """Compare our codes with those at Shopify, shop by shop. Each may take two minutes."""
    return in_batches(code_audit.JOB, _audit_codes)


def _audit_codes() -> int:
    config: Config = current_app.config["LAGNIAPPE"]
    return int(code_audit.compare_next(is_rehearsal=config.is_rehearsal))


def sum_up() -> int:
    """Move what was noted for reports into their sums by day and month."""
    return in_batches("upkeep.sum_up", _sum_up)


def _sum_up() -> int:
    with transaction() as session:
        return kept.sum_up(session, CHUNK)


def count_active() -> int:
    """Count the members who were active lately, of shops where that is an hour old."""
    return in_batches("upkeep.count_active", _count_active)


def _count_active() -> int:
    with transaction() as session:
        return activity.count(session, clock.now())


def redact_shops() -> int:
    """Forget the shops that have left and whose platform asks for it, a step in each transaction."""
    return in_batches("upkeep.redact_shops", _redact_shops)


def _redact_shops() -> int:
    with transaction() as session:
        return shop_redaction.step(session, clock.now(), clock.wall())
