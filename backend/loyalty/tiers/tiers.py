"""Tiers: the level that a member has reached, and what follows from it (docs/tiers.md).

What counts is kept as days by `tier_orders` and `tier_settling`, which bring members to their levels by the pure
`tier_rules`; `tier_changes` lets follow what a new level brings.
"""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import select, text

from backend.errors import Conflict
from backend.ledger import posting
from backend.ledger.posting import AnySession
from backend.loyalty.program import programs
from backend.loyalty.program.settings import ProgramSettings
from backend.loyalty.shops.shops import ShopFacts
from backend.loyalty.tiers import tier_due, tier_orders, tier_settling
from backend.loyalty.tiers.tier_changes import ByHand
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
    tier_orders.count(session, shop, row, known, now)


def give_by_hand(session: AnySession, shop: ShopFacts, member_id: int, given: ByHand, now: datetime) -> None:
    """A merchant gives a level, until a moment or for ever, or (a level of None) takes back that one was given.

    It holds even if less counts; a higher level that is reached goes above it. Takes the member's account lock. Raises
    Conflict `no_such_level`, `is_past`, `erased`, `member_merged`.
    """
    settings = programs.settings_of(programs.version_for(session, shop.id, now + tier_due.AT_ONCE))
    if given.level is not None:
        if settings.tiers is None or all(level.id != given.level for level in settings.tiers.levels):
            raise Conflict("The program has no level of this id.", code="no_such_level")
        if given.until is not None and given.until <= now:
            raise Conflict("A level cannot be given until a time that is past.", code="is_past")
    posting.lock_accounts(session, shop.id, [member_id])
    status = session.get_one(Member, (shop.id, member_id), populate_existing=True).status
    if status == "erased":
        raise Conflict("This member has been erased.", code="erased")
    if status == "merged":
        raise Conflict("This account was merged into another one: give the level there.", code="member_merged")
    tier_due.mark(session, [(shop.id, member_id)], now)
    # What was reached so far first, so that only what the merchant decides is written down as theirs.
    tier_settling.settle(session, shop, [member_id], now)
    session.execute(
        text(
            "update tier_standing set manual_level = :level, manual_until = :until"
            " where shop_id = :shop and member_id = :member"
        ),
        {"shop": shop.id, "member": member_id, "level": given.level, "until": given.until},
    )
    tier_settling.settle(session, shop, [member_id], now, given)
