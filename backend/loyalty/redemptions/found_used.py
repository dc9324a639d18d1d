"""Money that a store has paid for a reward, and that its owner has begun to spend: no order carries a code that would say so.

The store is asked once a day (`shopify/payout_audit.py`), and whenever the money is to be taken back (`endings.py`).
"""

from datetime import datetime

from backend.ledger.posting import AnySession
from backend.loyalty.redemptions import issuing
from backend.models import Coupon


def note(session: AnySession, shop_id: int, coupon_id: int, now: datetime) -> bool:
    """The coupon's redemption has been used, if it is issued and nothing is to end it: whoever takes the money back sees by
    themselves whether it was spent. True if that is news."""
    coupon = session.get_one(Coupon, (shop_id, coupon_id))
    if coupon.redemption_id is None:
        return False
    redemption = issuing.locked(session, shop_id, coupon.redemption_id)
    is_there = redemption.coupon_id == coupon_id and redemption.status == "issued" and redemption.ending is None
    if not is_there or redemption.use_state == "used":
        return False
    redemption.use_state, redemption.used_at = "used", now
    redemption.delivery_status = redemption.delivery_status or "ordered"  # S1.14
    session.flush()
    return True
