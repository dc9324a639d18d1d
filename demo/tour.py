"""The guided tour of the home page: buy, collect, wait, look, read, redeem, use. Pure: orders and cart say what is next."""

from dataclasses import dataclass
from datetime import datetime

from demo import times
from demo.orders import Order

WAITING_DAYS = 3
"""What the demo's program promises: points three days after collection."""

BUYER_EMAIL = "camille@example.com"
PURCHASE = {"moon-jar": 1}
"""1,000 euros at "every 10 euros 1 point": 100 points (S3.3)."""


@dataclass(frozen=True)
class Progress:
    """How far this visitor's latest order is."""

    order: Order | None
    is_bought: bool
    is_collected: bool
    is_waited: bool
    letter_id: int | None
    """The letter that tells of this order's points."""
    has_code: bool
    """There is a code in the cart: the shop's first sight of what was redeemed."""
    spent: Order | None
    """The order that used a code."""

    @property
    def current(self) -> int:
        """The step to take now, 1 to 7, or 8 after the last.

        4 stays current until there is a code, since nobody can see whether the widget was opened or the letter read.
        """
        if not self.is_bought:
            return 1
        if not self.is_collected:
            return 2
        if not self.is_waited:
            return 3
        if self.spent:
            return 8
        return 7 if self.has_code else 4


def progress(
    order: Order | None, now: datetime, letter_id: int | None, *, has_code: bool = False, spent: Order | None = None
) -> Progress:
    """Days count in the shop's calendar: collected on 1 December at any hour, due when 4 December begins (S3.5)."""
    bought = order is not None and order.cancelled_at is None
    collected_at = order.collected_at if order is not None and bought else None
    waited = False
    if collected_at:
        days = (now.astimezone(times.ZONE).date() - collected_at.astimezone(times.ZONE).date()).days
        waited = days >= WAITING_DAYS
    return Progress(
        order=order if bought else None,
        is_bought=bought,
        is_collected=collected_at is not None,
        is_waited=waited,
        letter_id=letter_id if waited else None,
        has_code=has_code,
        spent=spent if spent is not None and spent.cancelled_at is None else None,
    )
