"""Marking a redemption, by whichever door: a gift that is marked as used has to be sent, so the team is told (S1.42)."""

from datetime import datetime

from backend.ledger.posting import AnySession
from backend.loyalty.redemptions import marks
from backend.loyalty.redemptions.marks import DeliveryStatus, UseState
from backend.loyalty.shops.shops import ShopFacts
from backend.models import Redemption
from backend.staff import letters
from backend.staff.rights import Right


def mark(
    session: AnySession,
    shop: ShopFacts,
    redemption_id: int,
    now: datetime,
    use_state: UseState | None = None,
    delivery_status: DeliveryStatus | None = None,
) -> Redemption:
    """Mark it, and let everybody who looks after redeemed rewards know of a gift to send. Raises what `marks.mark` does."""
    redemption = marks.mark(session, shop, redemption_id, now, use_state, delivery_status)
    if use_state == "used" and redemption.used_at == now and redemption.frozen["type"] == "gift":
        key = f"{redemption_id}:{now.isoformat()}"  # marked, unmarked and marked again is to be sent again
        letters.tell(session, shop.id, Right.REDEMPTIONS, "reward_redeemed", key, redemption_id=redemption_id)
    return redemption
