"""Asking Shopify for a shop: with a token that is fresh, no faster than the shop's bucket allows."""

import random
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import requests

from backend import clock
from backend.db import db, one_statement
from backend.platforms.base import Never, TryAgain
from backend.platforms.shopify import admin_api
from backend.platforms.shopify.admin_api import Access, Denied, NotBegun, Reply, Throttled, TokenRefused
from backend.shopify import tokens
from backend.shopify.throttle import FIRST_COST, Full, throttle

PATIENCE_SECONDS = 2.0
"""How long a call waits for the shop's bucket before it is left for later."""
LEAST_PAUSE_SECONDS = 0.5
"""After a refusal, even if what Shopify says of the bucket would allow another call at once."""
TOO_LATE = "Shopify was not asked: it took too long to come to that."

_LOOK_AT_SCOPES = (
    "update shopify_shop set topics_next_at = %(wall)s where shop_id = %(shop)s and topics_next_at > %(wall)s"
)
_costs: dict[str, float] = {}
"""What each document was last reckoned at, as far as this process knows."""


def ask(
    shop_id: int,
    name: str,
    variables: Mapping[str, Any],
    *,
    session: requests.Session | None = None,
    bulk: bool = False,
    until: datetime | None = None,
) -> Mapping[str, Any]:
    """The `data` that Shopify answers to `platforms/shopify/documents/<name>.graphql`. Never inside a transaction.

    `session` is one of `outgoing.open_session()`; `bulk` is work that leaves the half of the shop's bucket to others. By the
    machine's clock nothing is asked once it is `until`, whatever held us up: then TryAgain.
    May take about half a minute where Shopify is slow. Raises TryAgain (later; it may have been done already unless it is
    `NotBegun`), Never (no repetition helps, or the shop has no token), as the outbox understands them.
    """
    if db.session.info.get("in_transaction"):
        raise RuntimeError(
            "asking Shopify inside transaction(): its answer may take longer than any lock should be held"
        )
    access = _allowed(lambda: tokens.fresh(shop_id))
    try:
        try:
            return _in_turn(shop_id, access, name, variables, session, bulk, until).data
        except TokenRefused:
            refused = access
        access = _allowed(lambda: tokens.renewed(shop_id, refused))
        return _in_turn(shop_id, access, name, variables, session, bulk, until).data
    except TokenRefused:
        tokens.give_up(shop_id, access)
        raise Never(tokens.OPEN_ONCE) from None
    except Denied:
        # What the shop grants is not what we know: it is asked anew, so that nothing goes on being tried in vain.
        one_statement(_LOOK_AT_SCOPES, {"shop": shop_id, "wall": clock.wall()})
        raise


def _allowed(get: Callable[[], Access]) -> Access:
    """The right to ask. Where it cannot be had at the moment nothing is asked."""
    try:
        return get()
    except TryAgain as later:
        raise NotBegun(later.reason, later.retry_after_seconds) from None


def first_user_error(payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The first of a mutation's `userErrors`: `{field, message, code?}`. None if there is none."""
    errors = payload.get("userErrors") or ()
    return errors[0] if errors else None


def _in_turn(
    shop_id: int,
    access: Access,
    name: str,
    variables: Mapping[str, Any],
    session: requests.Session | None,
    bulk: bool,
    until: datetime | None,
) -> Reply:
    """Wait for the bucket, by what we know of it and by what Shopify says, as long as patience lasts."""
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with throttle().taking(shop_id, _costs.get(name, FIRST_COST), bulk=bulk) as place:
                if until is not None and clock.wall() >= until:
                    raise TryAgain(TOO_LATE)
                try:
                    reply = admin_api.ask(access, name, variables, session=session)
                except Throttled as refusal:
                    place.budget = refusal.budget
                    _remember_cost(name, refusal.requested)
                    raise
                place.budget = reply.budget
                _remember_cost(name, reply.requested)
                return reply
        except Throttled as refusal:
            if refusal.retry_after_seconds is None:
                raise
            wait = max(refusal.retry_after_seconds, LEAST_PAUSE_SECONDS)
        except Full as full:
            wait = full.seconds
        wait += random.uniform(0.01, 0.1)  # noqa: S311 - so that those who wait do not all come back at once
        if time.monotonic() + wait > ends_at:
            raise Throttled(wait)
        time.sleep(wait)


def _remember_cost(name: str, requested: float | None) -> None:
    if requested is not None:
        _costs[name] = requested


__all__ = ["Throttled", "admin_api", "ask", "first_user_error"]
