"""Telling Shopify of codes: the outbox's calls of the kinds `shopify_code` and `shopify_discount` (`coupons.told_as`).

As in `discounts.py`, what a row says is decided anew when it goes out. Codes that share a discount go together, at most 250
of a shop at a time, several shops side by side; each row ends as what became of its own code. A row that says `again` is of
a code that has been with Shopify and is missing there.
"""

import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Flask, current_app
from sqlalchemy import text

from backend import clock
from backend.db import db
from backend.jobs import discounts as telling
from backend.jobs import shopify_lines
from backend.jobs.calls import Call, Send
from backend.jobs.shopify_lines import AT_ONCE, SECONDS, TOO_LONG, opened
from backend.loyalty.coupons import coupons
from backend.loyalty.shops import shops
from backend.platforms.base import Never, TryAgain
from backend.platforms.shopify.discounts import MOST_CODES, digest
from backend.shopify import code_discounts, tokens
from backend.shopify.code_discounts import Alone, Code, Shared
from backend.shopify.discounts import Line

BATCH = MOST_CODES
NOBODYS = "The code was made for a customer who has been forgotten meanwhile."
NOT_THERE_AGAIN_AFTER = timedelta(days=1)
"""A shop that has no app any more is not to be asked for stock every ten minutes."""

_COUPONS = text(
    """
    select c.id, c.code, c.source, c.state, c.worth, c.reward_id, c.redemption_id, c.expires_at, c.created_at, w.name,
        m.external_id as customer_id
    from coupon c
    join reward w on w.shop_id = c.shop_id and w.id = c.reward_id
    left join redemption r on r.shop_id = c.shop_id and r.id = c.redemption_id
    left join member m on m.shop_id = r.shop_id and m.id = r.member_id
    where c.shop_id = :shop and c.id = any(:ids)
    """
)
_BEING_MADE = text(
    "select cast(payload ->> 'coupon_id' as bigint) from outbox"
    " where shop_id = :shop and key = any(:keys) and state = 'waiting'"
)


@dataclass(frozen=True)
class Known:
    """The coupons of a batch, by their ids, and those that are being made at this moment."""

    coupons: dict[int, Any]
    being_made: set[int]


def line() -> AbstractContextManager[Send]:
    """For codes that have a discount each."""
    return shopify_lines.each(_tell)


def _tell(line: Line, call: Call) -> str | None:
    known = _read(call.shop_id, [call])
    if (note := _needless(call, known)) is None:
        _send_alone(line, call, known.coupons[call.payload["coupon_id"]])
    return note


def together(calls: list[Call]) -> Iterator[tuple[Call, Send]]:
    """For codes that share discounts: each shop's one after the other, as many shops at once as there are threads."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    ends_at = time.monotonic() + SECONDS
    of_shops: dict[int, list[Call]] = defaultdict(list)
    for call in calls:
        of_shops[call.shop_id].append(call)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        under_way = [threads.submit(_of_shop, app, shop_id, each, ends_at) for shop_id, each in of_shops.items()]
        for ended in as_completed(under_way):
            yield from ended.result()


def _of_shop(app: Flask, shop_id: int, calls: list[Call], ends_at: float) -> list[tuple[Call, Send]]:
    """All calls of one shop, with what became of each; whatever fails on our side as well."""
    said: dict[int, Exception | str | None] = {}
    try:
        with app.app_context(), opened() as session:
            _send_together(Line(shop_id, session, ends_at, bulk=True), sorted(calls, key=lambda each: each.id), said)
    except Exception as error:
        said.update({call.id: error for call in calls if call.id not in said})
    return [(call, _saying(said[call.id])) for call in calls]


def _send_together(line: Line, calls: list[Call], said: dict[int, Exception | str | None]) -> None:
    known = _read(line.shop_id, calls)
    groups: dict[tuple[int, str, bool], list[Call]] = defaultdict(list)
    for call in calls:
        coupon = known.coupons[call.payload["coupon_id"]]
        is_disabling = bool(call.payload.get("disable"))
        try:
            note = _needless(call, known)
        except (TryAgain, Never) as failure:
            said[call.id] = failure
        else:
            if note is not None:
                said[call.id] = note
            else:
                groups[coupon.reward_id, digest(coupon.worth), is_disabling].append(call)
    is_slow = False
    for (_, _, is_disabling), some in groups.items():
        if is_slow:
            said.update({call.id: TryAgain(TOO_LONG) for call in some})
            continue
        began = time.monotonic()
        of_each = [known.coupons[call.payload["coupon_id"]] for call in some]
        shared = Shared(line.shop_id, of_each[0].reward_id, of_each[0].name, of_each[0].worth)
        codes = [
            Code(coupon.id, coupon.code, holder=call.payload.get("redemption_id"))
            for call, coupon in zip(some, of_each, strict=True)
        ]
        try:
            if is_disabling:
                outcomes = code_discounts.disable(line, shared, codes)
            else:
                is_repeated = any(call.attempts > 1 or call.payload.get("again") for call in some)
                outcomes = code_discounts.add(line, shared, codes, is_repeated=is_repeated)
        except Exception as error:  # on our side: the shop's other rewards have no part in it
            said.update({call.id: error for call in some})
            continue
        said.update({call.id: outcomes[call.payload["coupon_id"]] for call in some})
        took_long = time.monotonic() - began > telling.SLOW_SECONDS
        is_slow = took_long and any(isinstance(each, TryAgain) for each in outcomes.values())


def _send_alone(line: Line, call: Call, coupon: Any) -> None:
    which = Alone(
        line.shop_id,
        coupon.id,
        coupon.code,
        holder=call.payload.get("redemption_id"),
        is_ours=coupon.source == "made",
    )
    if call.payload.get("disable"):
        code_discounts.disable_alone(line, which)
    else:
        code_discounts.make_alone(
            line,
            which,
            name=coupon.name,
            worth=coupon.worth,
            made_at=coupon.created_at,
            customer_id=coupon.customer_id,
            ends_at=coupon.expires_at,
        )


def _needless(call: Call, known: Known) -> str | None:
    """Why Shopify need not be told any more, by what has become of the code since. Raises TryAgain and Never."""
    coupon = known.coupons[call.payload["coupon_id"]]
    if call.payload.get("disable"):
        if coupon.id in known.being_made:
            raise TryAgain("The code is still being made.")
        return None
    if coupon.state != ("ready" if call.payload.get("again") else "making"):
        return telling.WITHDRAWN
    if coupon.worth["currency"] != (currency := shops.facts(call.shop_id).currency):
        raise Never(f"The code is worth {coupon.worth['currency']}, and the shop counts in {currency}.")
    if coupon.redemption_id is not None and coupon.customer_id is None:
        raise Never(NOBODYS)  # Shopify would take it from anybody
    return None


def _read(shop_id: int, calls: list[Call]) -> Known:
    ids = [call.payload["coupon_id"] for call in calls]
    disabled = [call.payload["coupon_id"] for call in calls if call.payload.get("disable")]
    keys = [name(each) for each in disabled for name in (coupons.create_key, coupons.again_key)]
    try:
        found = {row.id: row for row in db.session.execute(_COUPONS, {"shop": shop_id, "ids": ids})}
        being_made = set(db.session.execute(_BEING_MADE, {"shop": shop_id, "keys": keys}).scalars())
        return Known(found, being_made)
    finally:
        db.session.rollback()  # the calls may take their time: not inside a transaction


def _saying(what: Exception | str | None) -> Send:
    def say(_: Call) -> str | None:
        if isinstance(what, Exception):
            raise what
        return what

    return say


def done(session: Any, call: Call) -> None:
    """Called in the transaction that notes Shopify's answer."""
    if not call.payload.get("again"):
        telling.done(session, call)


def never(session: Any, call: Call, reason: str) -> None:
    """Called in the transaction that notes that Shopify will never do it, or need not. A code that is missing and that
    somebody has stays theirs: the row, parked, is what the merchant is shown (`code_audit.py`)."""
    shop_id, coupon_id = call.shop_id, call.payload["coupon_id"]
    if call.payload.get("again"):
        if reason != telling.WITHDRAWN:
            coupons.does_not_work(session, shop_id, coupon_id)
    elif reason in (tokens.NOT_INSTALLED, tokens.OPEN_ONCE) and not call.payload.get("disable"):
        now = clock.now()
        coupons.was_refused(session, shops.facts(shop_id), coupon_id, reason, now, NOT_THERE_AGAIN_AFTER)
    else:
        telling.never(session, call, reason)
