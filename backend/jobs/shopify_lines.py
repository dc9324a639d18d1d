"""A line to Shopify for calls that go one by one: several shops side by side, and none of them holding up the others."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import requests
from flask import current_app

from backend.config import Config
from backend.jobs.calls import Call, Send
from backend.jobs.discounts import SLOW_SECONDS
from backend.platforms import outgoing
from backend.platforms.base import NotNow, TryAgain
from backend.shopify.discounts import Line

AT_ONCE = 8
"""Shops that are spoken with at the same time."""
SECONDS = 15.0
"""No call to Shopify begins later than this after its row was claimed: the slowest one must end within the lease, and those
who wait behind it are not to wait for long."""
AFTER_OTHERS_SECONDS = 1.0
TOO_LONG = "Shopify took too long just now."

Tell = Callable[[Line, Call], str | None]
"""Does one call, as `Send` does."""


@contextmanager
def each(tell: Tell) -> Iterator[Send]:
    """Threads may share it; a shop that was slow to fail is not asked again in the same batch."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    ends_at = time.monotonic() + SECONDS
    slow: set[int] = set()

    def send(call: Call) -> str | None:
        began = time.monotonic()
        if began >= ends_at:
            raise NotNow("Others took too long just now.", AFTER_OTHERS_SECONDS)
        if call.shop_id in slow:
            raise TryAgain(TOO_LONG)
        try:
            with app.app_context(), opened() as session:
                return tell(Line(call.shop_id, session, ends_at), call)
        except TryAgain:
            if time.monotonic() - began > SLOW_SECONDS:
                slow.add(call.shop_id)
            raise

    yield send


def opened() -> requests.Session:
    """A session for calls to Shopify, to be closed. Inside an app's context."""
    config: Config = current_app.config["LAGNIAPPE"]
    return outgoing.open_session(is_rehearsal=config.is_rehearsal)
