"""Comparing gift cards that members have not used, as far as we know, with what Shopify says of them.

No order carries a code that would tell us, so what one has spent is noticed within a day, and at once when it is to be taken
back: a card that has been spent in part has been used. One that is gone or switched off is kept for the gap report
(`lost_codes.py`), for money is not made again by itself. Of store credit nothing is compared: what is in an account
is money, whichever reward it came with (`store_credit.py`).
"""

import logging
import time
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from backend import clock
from backend.db import retrying, transaction
from backend.loyalty.redemptions import found_used
from backend.platforms.base import Never, TryAgain
from backend.platforms.shopify.discounts import MOST_CODES, Reference
from backend.shopify import gift_cards
from backend.shopify.discounts import Line

SWITCHED_OFF = "The gift card was deactivated in Shopify: nobody can pay with it."
TAKEN_BACK = (
    "We have taken the money off it, and were not told so: give the reward back once more, then its points return."
)
SHARE = 0.25
"""Of the time that a comparison of all codes has, but time for one call there always is."""
FRESH = timedelta(hours=12)
"""Where there are more cards than can be read at once, one that was looked at within this time can wait for the next day."""

_OPEN = text(
    """
    select p.coupon_id, p.gid, p.problem, p.last_asked_at, r.problem is not null as had_trouble
    from shopify_payout p
    join coupon c on c.shop_id = p.shop_id and c.id = p.coupon_id and c.worth ->> 'kind' = 'gift_card'
    join redemption r on r.shop_id = c.shop_id and r.id = c.redemption_id and r.coupon_id = c.id
    where p.shop_id = :shop and p.state = 'done' and not p.is_back
        and r.status = 'issued' and r.use_state <> 'used' and r.ending is null
    order by p.last_asked_at, p.coupon_id
    """
)
_NOTE_PROBLEM = text(
    "update shopify_payout set problem = :problem where shop_id = :shop and coupon_id = :coupon and not is_back"
)
_NOTE_LOOK = text(
    "update shopify_payout set last_asked_at = :wall"
    " where shop_id = :shop and coupon_id = any(:coupons) and not is_back and state = 'done'"
)

log = logging.getLogger(__name__)


def compare(line: Line) -> bool:
    """Note what became of the cards that the shop's members have. True if all of them were read within `FRESH`, or may not
    be; else those are next that were not read for longest."""
    began, wall = time.monotonic(), clock.wall()
    until = began + (line.ends_at - began) * SHARE
    with transaction() as session:
        cards = list(session.execute(_OPEN, {"shop": line.shop_id}).all())
    for at in range(0, len(cards), MOST_CODES):
        if at and time.monotonic() >= until:
            log.info("%d of %d gift cards of shop %s were compared: no time", at, len(cards), line.shop_id)
            return bool(cards[at].last_asked_at > wall - FRESH)
        some = cards[at : at + MOST_CODES]
        # First, so that whatever fails is not always the next.
        _note_look(line.shop_id, [card.coupon_id for card in some])
        try:
            _compare_some(line, some)
        except TryAgain as later:
            log.info("%d of %d gift cards of shop %s were compared: %s", at, len(cards), line.shop_id, later.reason)
            return False
        except Never as refusal:
            log.warning("the gift cards of shop %s cannot be compared: %s", line.shop_id, refusal.for_log)
            return True
    return True


def _compare_some(line: Line, cards: list[Any]) -> None:
    nodes = line.ask("gift_cards_compared", {"cards": [card.gid for card in cards]})["cards"]
    there = {node["id"]: node for node in nodes if node}
    for card in cards:
        node = there.get(card.gid)
        problem = gift_cards.GONE if node is None else None if node["enabled"] else SWITCHED_OFF
        if node is not None and Decimal(node["balance"]["amount"]) < Decimal(node["initialValue"]["amount"]):
            reference = Reference(line.shop_id, coupon_id=card.coupon_id)
            if not (card.had_trouble and gift_cards.was_taken_back(line, card.gid, reference)):
                _note_used(line.shop_id, card.coupon_id)
                continue
            problem = TAKEN_BACK
        if problem != card.problem:
            _note_problem(line.shop_id, card.coupon_id, problem)


@retrying
def _note_look(shop_id: int, coupon_ids: list[int]) -> None:
    with transaction() as session:
        session.execute(_NOTE_LOOK, {"shop": shop_id, "coupons": coupon_ids, "wall": clock.wall()})


@retrying
def _note_used(shop_id: int, coupon_id: int) -> None:
    with transaction() as session:
        if found_used.note(session, shop_id, coupon_id, clock.now()):
            log.info("the gift card of coupon %s of shop %s has been used", coupon_id, shop_id)


@retrying
def _note_problem(shop_id: int, coupon_id: int, problem: str | None) -> None:
    with transaction() as session:
        session.execute(_NOTE_PROBLEM, {"shop": shop_id, "coupon": coupon_id, "problem": problem})
