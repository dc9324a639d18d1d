"""Occasions: what stores tell that a rule of the program pays for, and what that gives (docs/points-rules.md).

Birthdays, claims in the widget and events of the merchant API have modules of their own. The caller holds the account of
the member.
"""

from datetime import datetime

from backend.ledger.posting import AnySession
from backend.loyalty import first_orders, members, rule_payments
from backend.loyalty.shops import ShopFacts
from backend.models import Member, Order
from backend.platforms.events import CustomerSeen
from backend.platforms.known_orders import KnownOrder


def customer_seen(session: AnySession, shop: ShopFacts, member: Member, seen: CustomerSeen, now: datetime) -> None:
    """The store told of a customer: give what a new account brings, and a subscription to the newsletter."""
    if seen.is_creation and not members.was_here_before(session, shop.id, member.id):
        created_at = seen.customer.created_at or seen.at
        _pay(session, shop, member, "signup", created_at, now)
    if seen.customer.accepts_marketing:
        _pay(session, shop, member, "newsletter", seen.at, now)


def order_seen(session: AnySession, shop: ShopFacts, row: Order, known: KnownOrder, now: datetime) -> None:
    """An order was reckoned anew: give or take back what the member's first order brings."""
    if row.member_id is not None:
        first_orders.settle(session, shop, row.member_id, known.order, now)


def order_left(session: AnySession, shop: ShopFacts, member_id: int, known: KnownOrder, now: datetime) -> None:
    """An order turned out to be another's than this member's."""
    first_orders.settle(session, shop, member_id, known.order, now)


def _pay(session: AnySession, shop: ShopFacts, member: Member, kind: str, at: datetime, now: datetime) -> None:
    """Once per member, by the program in force when it happened."""
    program = rule_payments.program_at(session, shop, at)
    if program is None:
        return
    for rule in program.settings.rules:
        if rule.kind == kind:
            rule_payments.pay(session, shop, member.id, rule, program, at=at, now=now)
