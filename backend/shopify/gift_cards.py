"""Gift cards that pay a reward at Shopify: made with a code of ours, and emptied when the reward is given back.

A code is there once, so making is safe to repeat: what is called taken is looked up, and is ours if its note says so. The
code itself is never shown again, only searched for. Taking back is one step at Shopify: exactly what was given is taken off
the card, which is refused if anybody has spent some of it. A deactivated card could not be used any more, either, but one
that was spent in part by then would have lost its owner the rest, and Shopify cannot activate it again: so deactivating comes
last, of an empty card.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from backend import clock
from backend.loyalty.coupons.coupons import SPENT, TAKEN
from backend.platforms.base import Never, TryAgain
from backend.platforms.shopify import discounts, payouts
from backend.platforms.shopify.discounts import Reference
from backend.shopify import asking
from backend.shopify import payouts as known
from backend.shopify.discounts import Line

GONE = "Shopify does not know this gift card any more."
NOT_SHOWN = "Shopify does not show the gift card that may be there."
_LATER = ("INTERNAL_ERROR",)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Card:
    """The gift card of one coupon. `name`: what the merchant calls the reward."""

    shop_id: int
    coupon_id: int
    code: str
    name: str
    worth: Mapping[str, Any]
    expires_at: datetime | None
    timezone: str

    @property
    def reference(self) -> Reference:
        return Reference(self.shop_id, coupon_id=self.coupon_id)

    @property
    def has_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= clock.now()

    @property
    def note(self) -> str:
        return discounts.title(self.name, self.reference)


@dataclass(frozen=True)
class _There:
    """A card as Shopify has it. `is_taken_back`: we have taken off what was given."""

    balance: Decimal
    is_enabled: bool
    is_taken_back: bool


def make(line: Line, card: Card) -> None:
    """Have Shopify make the card, once. Raises TryAgain, Never(TAKEN), Never."""
    if known.find(card.shop_id, card.coupon_id) is None:
        known.keep_card(card.shop_id, card.coupon_id, _made(line, card))


def _made(line: Line, card: Card) -> str:
    asked = payouts.gift_card(
        card.worth, code=card.code, note=card.note, last_day=payouts.last_day(card.expires_at, card.timezone)
    )
    payload = line.ask("gift_card_create", {"card": asked})["made"]
    error = asking.first_user_error(payload)
    if error is None:
        return str(payload["giftCard"]["id"])
    if error.get("code") != "TAKEN":
        raise _refusal(error, card.code)
    found = _look_up(line, card)
    if found is None:
        raise TryAgain("Shopify says that the code is taken, and does not show by what.")
    gid, is_ours = found
    if not is_ours:
        raise Never(TAKEN)
    return gid


def _look_up(line: Line, card: Card) -> tuple[str, bool] | None:
    """The card with this code, and whether it is ours, as far as Shopify's search shows it."""
    nodes = line.ask("gift_cards_by_code", {"search": card.code})["found"]["nodes"]
    ends = card.code[-payouts.SHOWN_OF_A_CODE :].upper()
    same = [each for each in nodes if each["lastCharacters"].upper() == ends]
    ours = [each for each in same if card.reference.names_the_same(discounts.reference_in(each["note"]))]
    return next(((str(each["id"]), bool(ours)) for each in ours or same), None)


def take_back(line: Line, card: Card, *, is_first: bool) -> None:
    """Have nobody pay with the card any more, if nobody has yet. `is_first`: nobody has tried before; a card that was made
    a moment ago may not be found yet.

    Raises TryAgain; Never(SPENT) if any of it was spent; Never.
    """
    paid = known.find(card.shop_id, card.coupon_id)
    gid = None if paid is None else paid.gid
    if gid is None:
        found = _look_up(line, card)
        if found is None and is_first:
            raise TryAgain(NOT_SHOWN)
        if found is None or not found[1]:
            return  # it was never made; if it is all the same, nobody knows its code
        gid = found[0]
    there, worth, has_expired = _read(line, gid, card), payouts.value(card.worth), card.has_expired
    if has_expired and not there.is_taken_back and there.balance >= worth:
        _deactivate(line, gid)  # by Shopify's clock a moment may be left
        there = _read(line, gid, card)
    if not there.is_taken_back:
        if there.balance < worth:
            raise Never(SPENT)
        if not there.is_enabled or has_expired:
            return
        _debit(line, gid, card)
    left = there.balance if there.is_taken_back else there.balance - worth
    if there.is_enabled and left <= 0:  # else the merchant has put something on it
        _deactivate(line, gid)


def was_taken_back(line: Line, gid: str, reference: Reference) -> bool:
    """Whether we have taken off the card what was given, as the card itself says. Raises TryAgain, Never."""
    node = line.ask("gift_card", {"card": gid})["found"]
    return node is not None and _has_our_debit(node, reference)


def _read(line: Line, gid: str, card: Card) -> _There:
    node = line.ask("gift_card", {"card": gid})["found"]
    if node is None:
        raise Never(GONE)
    return _There(
        balance=Decimal(node["balance"]["amount"]),
        is_enabled=node["enabled"],
        is_taken_back=_has_our_debit(node, card.reference),
    )


def _has_our_debit(node: Mapping[str, Any], reference: Reference) -> bool:
    return any(
        each["__typename"] == "GiftCardDebitTransaction"
        and reference.names_the_same(discounts.reference_in(each["note"]))
        for each in node["transactions"]["nodes"]
    )


def _debit(line: Line, gid: str, card: Card) -> None:
    asked = {"card": gid, "debit": payouts.gift_card_debit(card.worth, card.note)}
    error = asking.first_user_error(line.ask("gift_card_debit", asked)["debited"])
    if error is None:
        return
    if _read(line, gid, card).is_taken_back:  # by somebody who was quicker, and may have deactivated it as well
        return
    raise Never(SPENT) if error.get("code") == "INSUFFICIENT_FUNDS" else _refusal(error, card.code)


def _deactivate(line: Line, gid: str) -> None:
    """An empty card does no harm: whatever Shopify has against it does not count."""
    try:
        error = asking.first_user_error(line.ask("gift_card_deactivate", {"card": gid})["deactivated"])
    except Never as refusal:
        log.warning("gift card %s of shop %s was not deactivated: %s", gid, line.shop_id, refusal.for_log)
    else:
        if error is not None:
            log.warning("gift card %s of shop %s was not deactivated: %s", gid, line.shop_id, error.get("code"))


def _refusal(error: Mapping[str, Any], code: str) -> TryAgain | Never:
    said = discounts.said(error, code)
    return TryAgain(said) if error.get("code") in _LATER else Never(said, f"Shopify refused: {error.get('code')}")
