"""Tiers: the level that a member has reached, and what follows from it."""

from datetime import datetime

from backend.ledger.posting import AnySession
from backend.loyalty.shops import ShopFacts
from backend.models import Order
from backend.platforms.known_orders import KnownOrder


def order_seen(session: AnySession, shop: ShopFacts, row: Order, known: KnownOrder, now: datetime) -> None:
    """An order was reckoned anew: what it counts towards a level may have changed."""
