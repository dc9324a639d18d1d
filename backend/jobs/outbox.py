"""Sending what stands in the outbox: mails, calls to platforms, and outgoing webhooks, which are published here.

A row is claimed with a lease in one transaction, done outside any transaction, and finished in another one, only if the
lease is still ours: a process that slept through its lease must not write over what another one did meanwhile.
"""

import logging
import random
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from backend import clock
from backend.db import retrying, transaction
from backend.jobs import (
    discounts,
    mail,
    shopify_codes,
    shopify_metafields,
    shopify_orders,
    shopify_payouts,
    staff_mail,
    webhooks,
)
from backend.jobs.calls import Call, Line, Send, Together
from backend.jobs.draining import has_time_left, in_batches
from backend.jobs.shopify_lines import AT_ONCE
from backend.loyalty.coupons import coupons
from backend.loyalty.members import account_metafields
from backend.loyalty.notifications import outgoing_events
from backend.platforms.base import Never, NotNow, TryAgain
from backend.staff import letters

BATCH = 20
LEASE = timedelta(seconds=60)
SAFE_SECONDS = 30.0
"""A batch begins no call later than this after its claim: the slowest one must end within the lease."""
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 3600.0
LONGEST_RETRY_AFTER_SECONDS = 24 * 3600.0
GIVE_UP_AFTER = timedelta(days=3)
_LONGEST_ERROR = 500

log = logging.getLogger(__name__)

Hook = Callable[[Any, Call], None]
NeverHook = Callable[[Any, Call, str], None]


@dataclass(frozen=True)
class Sender:
    """How one kind of call is made, one by one over a `line` or many `together`, and what is to be noted in the same
    transaction as the end of each."""

    done: Hook
    never: NeverHook
    """Told why."""
    line: Line | None = None
    at_once: int = 1
    """How many calls are under way at the same time; more than one only where threads may share the line."""
    together: Together | None = None
    batch: int = BATCH
    """How many rows are claimed; of each shop, if `shops` says of how many."""
    shops: int | None = None


_PAYOUT = Sender(
    line=shopify_payouts.line,
    done=shopify_payouts.done,
    never=shopify_payouts.never,
    at_once=AT_ONCE,
)
SENDERS = {
    "mail": Sender(line=mail.line, done=mail.went_out, never=mail.cannot_go_out),
    letters.KIND: Sender(line=staff_mail.line, done=staff_mail.went_out, never=staff_mail.cannot_go_out),
    coupons.OUTBOX_KIND: Sender(
        line=discounts.line, done=discounts.done, never=discounts.never, at_once=discounts.AT_ONCE
    ),
    coupons.SHOPIFY_DISCOUNT: Sender(
        line=shopify_codes.line, done=shopify_codes.done, never=shopify_codes.never, at_once=AT_ONCE
    ),
    coupons.SHOPIFY_CODE: Sender(
        together=shopify_codes.together,
        done=shopify_codes.done,
        never=shopify_codes.never,
        batch=shopify_codes.BATCH,
        shops=AT_ONCE,
    ),
    coupons.SHOPIFY_GIFT_CARD: _PAYOUT,
    coupons.SHOPIFY_STORE_CREDIT: _PAYOUT,
    account_metafields.OUTBOX_KIND: Sender(
        line=shopify_metafields.forgetting,
        done=shopify_metafields.forgotten,
        never=shopify_metafields.cannot_be_forgotten,
    ),
    outgoing_events.OUTBOX_KIND: Sender(
        line=webhooks.line, done=webhooks.done, never=webhooks.never, at_once=webhooks.AT_ONCE
    ),
}

_LEASE = """
    update outbox o
    set attempts = attempts + 1, next_try_at = :until, lease_until = :until, lease_token = :token
    from due where o.shop_id = due.shop_id and o.id = due.id
    returning o.shop_id, o.id, o.kind, o.key, o.payload, o.attempts, o.created_at, o.lease_token
"""
_CLAIM = text(
    f"""
    with due as (
        select shop_id, id from outbox
        where state = 'waiting' and kind = :kind and next_try_at <= :wall
        order by next_try_at, id limit :batch for update skip locked
    ) {_LEASE}
    """  # noqa: S608 - our own words
)
_CLAIM_BY_SHOP = text(
    # A shop with thousands of rows takes no more than its share of a batch.
    f"""
    with due as (
        select o.shop_id, o.id from (
            select shop_id from outbox where state = 'waiting' and kind = :kind and next_try_at <= :wall
            group by shop_id order by min(next_try_at) limit :shops) s
        cross join lateral (
            select shop_id, id from outbox
            where shop_id = s.shop_id and state = 'waiting' and kind = :kind and next_try_at <= :wall
            order by next_try_at, id limit :batch for update skip locked) o
    ) {_LEASE}
    """  # noqa: S608 - our own words
)
_FINISH = text(
    """
    update outbox
    set state = :state, attempts = attempts - :untried, next_try_at = :next_try_at, done_at = :done_at,
        last_error = :error, lease_until = null, lease_token = null
    where shop_id = :shop and id = :id and lease_token = :token and state = 'waiting'
    returning id
    """
)


def send() -> int:
    return in_batches("outbox.send", _batch)


def publish() -> int:
    """Turn what happened into messages for the endpoints that want to hear of it."""
    return in_batches(outgoing_events.PUBLISH, _publish)


def look_at_orders() -> int:
    """Ask for the orders of which we know only that they changed."""
    return shopify_orders.look_at_orders()


def _publish() -> int:
    with transaction() as session:
        return outgoing_events.publish(session, clock.wall())


def _batch() -> int:
    return sum(send_some(kind, sender) for kind, sender in SENDERS.items())


def send_some(kind: str, sender: Sender, batch: int | None = None) -> int:
    """Claim at most `batch` rows of one kind and do them; returns how many calls were made."""
    calls = claim(kind, batch or sender.batch, sender.shops)
    if not calls:
        return 0
    if sender.together is not None:
        for call, outcome in sender.together(calls):
            _make(call, outcome, sender)
        return len(calls)
    # In any order: a row that kills its process must not always take the same others with it.
    random.shuffle(calls)
    assert sender.line is not None
    with sender.line() as make:
        return _one_by_one(calls, make, sender) if sender.at_once == 1 else _side_by_side(calls, make, sender)


def _one_by_one(calls: list[Call], make: Send, sender: Sender) -> int:
    claimed_at = time.monotonic()
    made = 0
    for call in calls:
        used = time.monotonic() - claimed_at
        if used < SAFE_SECONDS and has_time_left(used):
            _make(call, make, sender)
            made += 1
        else:
            _finish(call, "waiting", error=None, untried=True)
    return made


def _side_by_side(calls: list[Call], make: Send, sender: Sender) -> int:
    """A batch is small enough for all of it to end within the lease, however slow the answers are."""
    with ThreadPoolExecutor(sender.at_once) as threads:
        under_way = {threads.submit(make, call): call for call in calls}
        for ended in as_completed(under_way):
            _make(under_way[ended], lambda _, ended=ended: ended.result(), sender)  # type: ignore[misc]
    return len(calls)


@retrying
def claim(kind: str, batch: int, shops: int | None = None) -> list[Call]:
    """Take rows whose time has come for as long as the lease lasts: `batch` in all, or of each of so many `shops`."""
    wall = clock.wall()
    asked = {"kind": kind, "wall": wall, "until": wall + LEASE, "batch": batch, "token": uuid.uuid4()}
    with transaction() as session:
        if shops is None:
            rows = session.execute(_CLAIM, asked).all()
        else:
            rows = session.execute(_CLAIM_BY_SHOP, {**asked, "shops": shops}).all()
    return [Call(**row._mapping) for row in rows]


def _make(call: Call, make: Send, sender: Sender) -> None:
    try:
        note = make(call)
    except Never as refusal:
        log.warning("outbox %s (%s) will never be sent: %s", call.key, call.kind, refusal.for_log)
        _finish(call, "parked", refusal.reason, hook=_told(sender.never, refusal.reason))
    except NotNow as wait:
        pause_ = wait.seconds * random.uniform(1.0, 1.2)  # noqa: S311 - jitter, not a secret
        _finish(call, "waiting", wait.reason, untried=True, pause=pause_)
    except TryAgain as failure:
        _again(call, failure.reason, failure.retry_after_seconds, sender)
    except Exception as error:
        log.exception("outbox %s (%s) failed on our side", call.key, call.kind)
        _again(call, f"{type(error).__name__} on our side", None, sender)
    else:
        _note_done(call, note, sender.done if note is None else _told(sender.never, note))


def _note_done(call: Call, note: str | None, hook: Hook) -> None:
    """It has happened: whatever fails now, it must not be done again and again."""
    try:
        _finish(call, "done", note, hook=hook)
    except Exception as error:
        log.exception("outbox %s (%s) was sent but could not be noted", call.key, call.kind)
        _finish(call, "parked", f"Sent, but what follows from it failed on our side: {type(error).__name__}")


def _again(call: Call, reason: str, retry_after: float | None, sender: Sender) -> None:
    if clock.wall() - call.created_at > GIVE_UP_AFTER:
        log.error("outbox %s (%s) is given up: %s", call.key, call.kind, reason)
        reason = f"Given up after {call.attempts} attempts: {reason}"
        _finish(call, "parked", reason, hook=_told(sender.never, reason))
    else:
        log.info("outbox %s (%s) will be tried again: %s", call.key, call.kind, reason)
        _finish(call, "waiting", reason, pause=pause(call.attempts, retry_after))


def _told(hook: NeverHook, reason: str) -> Hook:
    return lambda session, call: hook(session, call, reason)


def pause(attempts: int, retry_after: float | None = None) -> float:
    """Seconds until the next attempt: 1, 2, 4 … to an hour, a little more by chance, and no less than was asked for."""
    backed_off = min(FIRST_PAUSE_SECONDS * 2.0 ** min(attempts - 1, 20), LONGEST_PAUSE_SECONDS)
    asked = min(max(retry_after or 0.0, 0.0), LONGEST_RETRY_AFTER_SECONDS)
    return max(backed_off, asked) * random.uniform(1.0, 1.2)  # noqa: S311 - jitter, not a secret


@retrying
def _finish(
    call: Call, state: str, error: str | None, *, pause: float = 0.0, untried: bool = False, hook: Hook | None = None
) -> None:
    """Write what became of the call, with what belongs to it, if the lease is still ours."""
    wall = clock.wall()
    with transaction() as session:
        still_ours = session.execute(
            _FINISH,
            {
                "state": state,
                "untried": int(untried),
                "next_try_at": wall + timedelta(seconds=pause),
                "done_at": wall if state == "done" else None,
                "error": error[:_LONGEST_ERROR] if error else None,
                "shop": call.shop_id,
                "id": call.id,
                "token": call.lease_token,
            },
        ).one_or_none()
        if still_ours is None:
            log.warning("outbox %s (%s): the lease was over, somebody else has taken it", call.key, call.kind)
        elif hook is not None:
            hook(session, call)
