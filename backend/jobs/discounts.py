"""Telling a store of its codes: the outbox's calls of the kind `discount`.

What a row says is decided anew when it goes out, by what has become of the code since: one that was withdrawn meanwhile is
not made any more, and one is disabled only after nobody is making it.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from flask import current_app
from sqlalchemy import text

from backend import clock
from backend.config import Config
from backend.db import db
from backend.jobs.calls import Call, Send
from backend.loyalty.coupons import coupons
from backend.loyalty.redemptions import endings
from backend.loyalty.shops import shops
from backend.platforms import outgoing
from backend.platforms.base import Never, TryAgain
from backend.platforms.custom import discounts
from backend.platforms.custom.discounts import CodeTaken, DiscountAddress

AT_ONCE = 8
"""Calls that are under way at the same time: a store's answer takes longer than all else."""
SLOW_SECONDS = 2.0
"""A store that failed only after this long is not asked again in the same batch: others are waiting."""
WITHDRAWN = "Not told: the code was withdrawn before."

_COUPON = text(
    "select c.code, c.source, c.state, c.worth, c.expires_at, m.external_id as customer_id from coupon c"
    " left join redemption r on r.shop_id = c.shop_id and r.id = c.redemption_id"
    " left join member m on m.shop_id = r.shop_id and m.id = r.member_id"
    " where c.shop_id = :shop and c.id = :id"
)
_IS_BEING_MADE = text("select 1 from outbox where shop_id = :shop and key = :key and state = 'waiting'")


@contextmanager
def line() -> Iterator[Send]:
    """A line to the stores for a batch of calls. Threads may share it."""
    config: Config = current_app.config["LAGNIAPPE"]
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    slow: set[int] = set()
    own = threading.local()
    with ExitStack() as opened:

        def send(call: Call) -> str | None:
            if not hasattr(own, "session"):
                own.session = opened.enter_context(outgoing.open_session(is_rehearsal=config.is_rehearsal))
            if call.shop_id in slow:
                raise TryAgain("The store took too long just now.")
            began = time.monotonic()
            try:
                with app.app_context():
                    return _send(call, own.session, is_rehearsal=config.is_rehearsal)
            except TryAgain:
                if time.monotonic() - began > SLOW_SECONDS:
                    slow.add(call.shop_id)
                raise

        yield send


def _send(call: Call, session: Any, *, is_rehearsal: bool) -> str | None:
    shop = shops.facts(call.shop_id)
    coupon_id = call.payload["coupon_id"]
    try:
        coupon = db.session.execute(_COUPON, {"shop": shop.id, "id": coupon_id}).one()
        is_being_made = db.session.execute(
            _IS_BEING_MADE, {"shop": shop.id, "key": coupons.create_key(coupon_id)}
        ).scalar()
    finally:
        db.session.rollback()  # the call below may take its time: not inside a transaction
    if shop.discounts_url is None:
        return None  # the store looks its codes up
    store = DiscountAddress(shop.discounts_url, shop.webhook_secrets[0], is_rehearsal)
    known_as = coupons.reference(shop.id, coupon_id)
    if call.payload.get("disable"):
        if is_being_made:
            raise TryAgain("The code is still being made.")
        is_ours = coupon.source == "made"
        discounts.disable(
            store, reference=known_as, code=coupon.code, is_ours=is_ours, wall=clock.wall(), session=session
        )
        return None
    if coupon.state != "making":
        return WITHDRAWN
    try:
        discounts.create(
            store,
            reference=known_as,
            code=coupon.code,
            **coupon.worth,
            customer_id=coupon.customer_id,
            expires_at=coupon.expires_at,
            wall=clock.wall(),
            session=session,
        )
    except CodeTaken:
        raise Never(coupons.TAKEN) from None
    return None


def done(session: Any, call: Call) -> None:
    """Called in the transaction that notes the store's answer."""
    shop, coupon_id, now = shops.facts(call.shop_id), call.payload["coupon_id"], clock.now()
    if call.payload.get("disable"):
        endings.code_disabled(session, shop, coupon_id, call.payload.get("redemption_id"), now)
    else:
        coupons.became_ready(session, shop, coupon_id, now)


def never(session: Any, call: Call, reason: str) -> None:
    """Called in the transaction that notes that the store will never do it, or need not."""
    shop, coupon_id, now = shops.facts(call.shop_id), call.payload["coupon_id"], clock.now()
    if call.payload.get("disable"):
        endings.code_not_disabled(session, shop, coupon_id, call.payload.get("redemption_id"), reason, now)
    elif reason == coupons.TAKEN:
        coupons.is_taken_elsewhere(session, shop, coupon_id, now)
    else:
        coupons.was_refused(session, shop, coupon_id, reason, now)
