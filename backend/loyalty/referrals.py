"""Referrals: who brought whom, whether it counts, and what both get for it.

The caller holds the accounts that `members_touched` names.
"""

from datetime import datetime

from backend.ledger.posting import AnySession
from backend.loyalty.shops import ShopFacts
from backend.models import Member, Order
from backend.platforms.events import CustomerSeen
from backend.platforms.known_orders import KnownOrder


def customer_seen(session: AnySession, shop: ShopFacts, member: Member, seen: CustomerSeen, now: datetime) -> None:
    """The store told of a customer, who may be somebody's friend."""


def order_seen(session: AnySession, shop: ShopFacts, row: Order, known: KnownOrder, now: datetime) -> None:
    """An order was reckoned anew: it may qualify a friend, or take back that it did."""
