"""Orders from Shopify itself: comparing those that changed, and asking for each that is news (backend/shopify/)."""

import logging
import random
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import requests
from flask import current_app

from backend import clock
from backend.config import Config
from backend.db import retrying, transaction
from backend.jobs.draining import has_time_left, in_batches
from backend.jobs.shopify_lines import opened
from backend.platforms.base import Never, TryAgain
from backend.shopify import asking, looks, orders, storefront, topics, whole_orders
from backend.shopify.looks import Look
from backend.shopify.orders import Reading

PAGES_AT_A_STRETCH = 20
"""Of one shop, then the next one has its turn."""
NOTHING_HELPS = timedelta(hours=1)
"""How long an order is left alone of which Shopify says that asking again is of no use."""
ORDER_SECONDS = 25.0
"""How long an order may be read. One with 500 lines needs 20, at the pace of Shopify's smallest plan."""
SLOW_SECONDS = 2.0
REST = timedelta(minutes=1)
"""How long a shop is left alone that failed only after so many seconds: orders of others are waiting."""

_resting: dict[int, float] = {}
"""Shops that this process leaves alone, and until when (`time.monotonic()`)."""

log = logging.getLogger(__name__)


def reconcile() -> int:
    """Read the orders that changed, shop after shop."""
    return in_batches(orders.JOB, _reconcile_one)


def look_at_orders() -> int:
    """Ask for the orders that are to be asked for."""
    return in_batches(looks.JOB, _look)


def watch_topics() -> int:
    """See what the shops let the app do."""
    return in_batches(topics.JOB, _watch_one)


# Changed orders.


def _reconcile_one() -> int:
    reading = _begin()
    if reading is None:
        return 0
    with opened() as session:
        try:
            _read(reading, session)
        except TryAgain as failure:
            log.info("the orders of shop %s will be read later: %s", reading.shop_id, failure.reason)
            _fail(reading, failure.reason, failure.retry_after_seconds, for_good=False)
        except Never as refusal:
            log.warning("the orders of shop %s cannot be read: %s", reading.shop_id, refusal.for_log)
            _fail(reading, refusal.reason, None, for_good=True)
        except Exception as error:
            log.exception("the orders of shop %s could not be read", reading.shop_id)
            _fail(reading, f"{type(error).__name__} on our side", None, for_good=False)
    return 1


def _read(reading: Reading, session: requests.Session) -> None:
    began, after = time.monotonic(), None
    pause = timedelta()
    for _ in range(PAGES_AT_A_STRETCH):
        asked_at = clock.wall()
        variables = {"changed": orders.wanted(reading.since), "after": after}
        try:
            page = asking.ask(reading.shop_id, "orders_changed", variables, session=session, bulk=True)["orders"]
        except asking.Throttled as busy:
            if after is None:
                raise
            # It has come on, as fast as the shop's bucket allows: that is no failure.
            pause = timedelta(seconds=busy.retry_after_seconds or 1.0)
            break
        _take_page(reading, page["nodes"])
        if not page["pageInfo"]["hasNextPage"]:
            _finish(reading, asked_at)
            return
        after = page["pageInfo"]["endCursor"]
        if not has_time_left(time.monotonic() - began):
            break
    _pause(reading, pause)


@retrying
def _begin() -> Reading | None:
    with transaction() as session:
        return orders.begin(session, clock.wall())


@retrying
def _take_page(reading: Reading, nodes: Sequence[Mapping[str, Any]]) -> None:
    with transaction() as session:
        orders.take_page(session, reading, nodes, clock.wall())


@retrying
def _finish(reading: Reading, asked_at: datetime) -> None:
    with transaction() as session:
        orders.finish(session, reading, asked_at, clock.wall())


@retrying
def _pause(reading: Reading, pause: timedelta) -> None:
    with transaction() as session:
        orders.pause(session, reading, clock.wall() + pause)


@retrying
def _fail(reading: Reading, reason: str, pause_seconds: float | None, *, for_good: bool) -> None:
    with transaction() as session:
        orders.fail(session, reading, reason, clock.wall(), pause_seconds=pause_seconds, for_good=for_good)


# Single orders.


def _look() -> int:
    claimed = _claim()
    began = time.monotonic()
    of_shops = [(shop_id, list(of_shop)) for shop_id, of_shop in groupby(claimed, key=lambda look: look.shop_id)]
    random.shuffle(of_shops)  # a slow one must not always come before the same others
    with opened() as session:
        for shop_id, of_shop in of_shops:
            rest = _resting.get(shop_id, 0.0) - time.monotonic()
            if rest > 0:
                _put_back(of_shop, timedelta(seconds=rest))
            else:
                _look_at(shop_id, of_shop, session, began)
    return len(claimed)


def _look_at(shop_id: int, asked: list[Look], session: requests.Session, began: float) -> None:
    """One after the other. Where Shopify does not answer for one, the shop's others need not try."""
    for number, look in enumerate(asked):
        if not has_time_left(time.monotonic() - began):
            _put_back(asked[number:], timedelta())
            return
        one_began = time.monotonic()
        try:
            _take(look, _whole(look, session, one_began + ORDER_SECONDS))
        except TryAgain as failure:
            pause = timedelta(seconds=failure.retry_after_seconds or 1.0)
            if time.monotonic() - one_began > SLOW_SECONDS and not isinstance(failure, asking.Throttled):
                pause = max(pause, REST)
                _resting[shop_id] = time.monotonic() + REST.total_seconds()
            _again(look, failure.reason, pause)
            _put_back(asked[number + 1 :], pause)
            return
        except Never as refusal:
            _again(look, refusal.reason, NOTHING_HELPS)
        except Exception as error:
            log.exception("order %s of shop %s could not be read", look.external_id, shop_id)
            _again(look, f"{type(error).__name__} on our side", None)


def _whole(look: Look, session: requests.Session, ends_at: float) -> dict[str, Any] | None:
    """The order, for which Shopify is asked nothing more once it is `ends_at`.

    What was begun may empty the shop's bucket, and waits until it fills again: else a long order would begin anew each time.
    """

    def ask(name: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        is_first = name == "order"
        while time.monotonic() < ends_at:
            try:
                return asking.ask(look.shop_id, name, variables, session=session, bulk=is_first)
            except asking.Throttled as busy:
                pause = busy.retry_after_seconds or 1.0
                if is_first or time.monotonic() + pause >= ends_at:
                    raise
                time.sleep(pause)
        raise TryAgain("Shopify took too long to tell the whole order.")

    return whole_orders.read(ask, look.external_id)


@retrying
def _claim() -> list[Look]:
    with transaction() as session:
        return looks.claim(session, clock.wall())


@retrying
def _take(look: Look, node: Mapping[str, Any] | None) -> None:
    with transaction() as session:
        if node is None:
            log.warning("Shopify has no order %s in shop %s (any more)", look.external_id, look.shop_id)
            looks.drop(session, look)
        else:
            looks.take(session, look, node, clock.now(), clock.wall())


@retrying
def _put_back(put_back: Sequence[Look], pause: timedelta) -> None:
    with transaction() as session:
        looks.put_back(session, put_back, clock.wall() + pause)


@retrying
def _again(look: Look, reason: str, pause: timedelta | None) -> None:
    with transaction() as session:
        looks.again(session, look, reason, clock.wall(), pause)


# What the app may do.


def _watch_one() -> int:
    shop_id = _begin_to_watch()
    if shop_id is None:
        return 0
    try:
        said = asking.ask(shop_id, "app_installation", {})["currentAppInstallation"]
        _note_scopes(shop_id, [each["handle"] for each in said["accessScopes"]])
        _tell_themes(shop_id)
    except (TryAgain, Never) as failure:
        log.info("what the app may do in shop %s could not be asked: %s", shop_id, failure.reason)
    except Exception:  # on our side, such as a key that is missing: the other shops have no part in it
        log.exception("what the app may do in shop %s could not be asked", shop_id)
    return 1


def _tell_themes(shop_id: int) -> None:
    """As soon as the app is installed, and again where our address has changed."""
    config: Config = current_app.config["LAGNIAPPE"]
    try:
        storefront.tell(shop_id, config.base_url)
    except TryAgain as failure:
        log.info("the themes of shop %s will be told later where we are: %s", shop_id, failure.reason)
        _watch_again(shop_id)
    except Never as refusal:
        log.warning("the themes of shop %s cannot be told where we are: %s", shop_id, refusal.for_log)


@retrying
def _begin_to_watch() -> int | None:
    with transaction() as session:
        return topics.begin(session, clock.wall())


@retrying
def _note_scopes(shop_id: int, scopes: Sequence[str]) -> None:
    with transaction() as session:
        topics.note(session, shop_id, scopes, clock.wall())


@retrying
def _watch_again(shop_id: int) -> None:
    with transaction() as session:
        storefront.tell_later(session, shop_id, clock.wall())
