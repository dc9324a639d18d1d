"""Points and levels go to customers at Shopify, where a shop has that switched on (backend/shopify/metafields.py)."""

import logging
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import requests
from sqlalchemy import text

from backend import clock
from backend.db import retrying, transaction
from backend.jobs.calls import Call, Send
from backend.jobs.draining import has_time_left, in_batches
from backend.jobs.shopify_lines import opened
from backend.platforms.base import Never, NotNow, TryAgain
from backend.shopify import metafield_calls, metafields
from backend.shopify.metafields import Shown, Task

SECONDS = 60.0
"""No call begins later than this after its members were looked up: all must have ended within the lease."""

FORGET_AFTER = timedelta(minutes=2)
"""Whoever was writing to Shopify when a member was erased has ended by then."""

log = logging.getLogger(__name__)


def write() -> int:
    """Write members who have changed, shop after shop."""
    return in_batches(metafields.JOB, _write_one)


def _write_one() -> int:
    task = _begin()
    if task is None:
        return 0
    with opened() as session:
        try:
            _end(task, session) if task.is_ending else _write(task, session)
        except TryAgain as failure:
            log.info("customers of shop %s will see their points later: %s", task.shop_id, failure.reason)
            _fail(task, failure.reason, failure.retry_after_seconds, for_good=False)
        except Never as refusal:
            log.warning("customers of shop %s cannot see their points: %s", task.shop_id, refusal.for_log)
            if task.is_ending:
                _ended(task)
            else:
                _fail(task, refusal.reason, None, for_good=True)
        except Exception as error:
            log.exception("customers of shop %s could not be told their points", task.shop_id)
            _fail(task, f"{type(error).__name__} on our side", None, for_good=False)
    return 1


def _write(task: Task, session: requests.Session) -> None:
    """What was written is noted call by call: whoever dies in between leaves at most one call that is made again."""
    began = time.monotonic()
    if not task.is_defined:
        metafield_calls.define(task.shop_id, session=session)
        _note_defined(task)
    for members in metafield_calls.together(task.members):
        used = time.monotonic() - began
        if used > SECONDS or not has_time_left(used):
            _pause(task)
            return
        _note(task, members, metafield_calls.write(task.shop_id, members, session=session))
    _finish(task)


def _end(task: Task, session: requests.Session) -> None:
    metafield_calls.undefine(task.shop_id, session=session)
    _ended(task)


@contextmanager
def forgetting() -> Iterator[Send]:
    """A line to Shopify for taking away what customers see of members who were erased."""
    with opened() as session:

        def send(call: Call) -> None:
            too_early = FORGET_AFTER - (clock.wall() - call.created_at)
            if too_early > timedelta():
                raise NotNow("It may still be being written.", too_early.total_seconds())
            metafield_calls.forget(call.shop_id, call.payload["customer_id"], session=session)

        yield send


def forgotten(session: Any, call: Call) -> None:
    """The outbox was the last that knew the customer's id."""
    session.execute(
        text("update outbox set payload = '{}' where shop_id = :shop and id = :id"),
        {"shop": call.shop_id, "id": call.id},
    )


def cannot_be_forgotten(session: Any, call: Call, reason: str) -> None:
    """The merchant is told, as of all that the outbox gives up, and finds nobody's id there."""
    forgotten(session, call)


@retrying
def _begin() -> Task | None:
    with transaction() as session:
        return metafields.begin(session, clock.wall(), clock.now())


@retrying
def _note_defined(task: Task) -> None:
    with transaction() as session:
        metafields.note_defined(session, task)


@retrying
def _note(task: Task, members: Sequence[Shown], gone: Collection[int]) -> None:
    with transaction() as session:
        metafields.note(session, task, members, gone)


@retrying
def _finish(task: Task) -> None:
    with transaction() as session:
        metafields.finish(session, task, clock.wall())


@retrying
def _pause(task: Task) -> None:
    with transaction() as session:
        metafields.pause(session, task, clock.wall())


@retrying
def _fail(task: Task, reason: str, pause_seconds: float | None, *, for_good: bool) -> None:
    with transaction() as session:
        metafields.fail(session, task, reason, clock.wall(), pause_seconds=pause_seconds, for_good=for_good)


@retrying
def _ended(task: Task) -> None:
    with transaction() as session:
        metafields.end(session, task)
