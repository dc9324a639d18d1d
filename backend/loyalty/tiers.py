"""Tiers: the level that a member has reached, and what follows from it."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import select

from backend.ledger.posting import AnySession
from backend.loyalty.settings import ProgramSettings
from backend.loyalty.shops import ShopFacts
from backend.models import Member, Order
from backend.platforms.known_orders import KnownOrder


def multiplier_at(session: AnySession, shop_id: int, member_id: int, settings: ProgramSettings) -> Decimal:
    """Times which an order's points come to the member, by the level that they hold now; 1 without one."""
    if settings.tiers is None:
        return Decimal(1)
    held = session.execute(select(Member.tier).where(Member.shop_id == shop_id, Member.id == member_id)).scalar()
    return next((level.multiplier for level in settings.tiers.levels if level.id == held), Decimal(1))


def order_seen(session: AnySession, shop: ShopFacts, row: Order, known: KnownOrder, now: datetime) -> None:
    """An order was reckoned anew: what it counts towards a level may have changed."""
