"""What became of a cashback, in the words of the grid of redeemed rewards (S1.37, S1.38)."""

from collections.abc import Mapping
from typing import Any, Protocol

from backend.loyalty.redemptions.endings import CASHBACK

NONE = "-"
"""Of everything that is not cashback (S1.37)."""
_ENDING = {"released": "Being released: no order came in time", "order_undone": "Being given back with its order"}
_STATUS = {
    "requested": "On hold for a checkout",
    "issued": "Paid to an order",
    "expired": "Released: no order came in time",
    "returned": "Given back with its order",
    "failed": "Failed",
}


class Cashback(Protocol):
    """What is read of a redemption."""

    @property
    def frozen(self) -> Mapping[str, Any]: ...

    @property
    def status(self) -> str: ...

    @property
    def ending(self) -> str | None: ...


def cashback_status(redemption: Cashback) -> str:
    """One line of text.

    Cashback that a provider pays out keeps what the provider said last in `frozen["payout"]`: `provider`, `code` and
    `message`, of which PayTM's has two parts. They are shown as they came, `code: part: part`, whatever the code: one that
    no document lists is never taken for success (A8). Our own cashback has no provider; its state is told in plain words.
    """
    if redemption.frozen["type"] != CASHBACK:
        return NONE
    payout = redemption.frozen.get("payout")
    if payout is not None:
        return ": ".join(part for part in (payout["code"], payout["message"]) if part)
    if redemption.ending is not None:
        return _ENDING.get(redemption.ending, redemption.ending)
    return _STATUS.get(redemption.status, redemption.status)
