"""What waits for somebody of the shop: how many of each, up to a limit, each by an index."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Literal

from sqlalchemy import text

from backend.ledger.posting import AnySession
from backend.loyalty.coupons import stock_health

MOST_COUNTED = 100
"""More need not be counted to say that there are many."""

Kind = Literal[
    "approvals", "referrals", "gifts", "pools", "deliveries", "messages", "unanswered", "endpoints", "imports"
]

_ROWS: Mapping[Kind, str] = {
    # nobody decides about what they asked for themselves
    "approvals": "manual_change where shop_id = :shop and state = 'waiting' and waits_until > :now and staff_id <> :who",
    "referrals": "referral where shop_id = :shop and review = 'waiting'",
    "gifts": "(select reward_id from redemption where shop_id = :shop and coupon_id is null and status = 'issued'"
    " and (use_state = 'delivered' or delivery_status = 'ordered') order by id desc limit 2000) newest"
    " join reward r on r.shop_id = :shop and r.id = newest.reward_id and r.type = 'gift'",
    "deliveries": "delivery where shop_id = :shop and state = 'failed'",
    "messages": "outbox where shop_id = :shop and state = 'parked' and kind <> 'webhook'",
    "unanswered": "endpoint p join endpoint_message m on m.shop_id = p.shop_id and m.endpoint_id = p.id"
    " where p.shop_id = :shop and p.state <> 'removed' and m.state <> 'delivered' and m.state = 'failed'",
    "endpoints": "endpoint where shop_id = :shop and (state = 'paused' and paused_because is not null"
    " or state = 'active' and failing_since is not null)",
    "imports": "transfer where shop_id = :shop and kind = any ('{members,balances,codes}'::text[])"
    " and state = any ('{ready,checked,failed}'::text[])",
}


def counts(session: AnySession, shop_id: int, kinds: Collection[Kind], who: int, now: datetime) -> dict[Kind, int]:
    """How many of each of these kinds wait for the person `who` of the team; at most `MOST_COUNTED`, and none left out."""
    asked = [kind for kind in kinds if kind in _ROWS]
    found: dict[Kind, int] = {}
    if asked:
        statement = ", ".join(
            f"(select count(*) from (select from {_ROWS[kind]} limit {MOST_COUNTED}) waiting) as {kind}"  # noqa: S608
            for kind in asked
        )
        row = session.execute(text(f"select {statement}"), {"shop": shop_id, "now": now, "who": who}).one()
        found.update(zip(asked, row, strict=True))
    if "pools" in kinds:
        found["pools"] = min(len(stock_health.to_look_at(session, shop_id, now)), MOST_COUNTED)
    return found
