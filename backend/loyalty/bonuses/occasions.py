"""Occasions: what stores tell that a rule of the program pays for, and what that gives (docs/points-rules.md).

Birthdays, claims in the widget and events of the merchant API have modules of their own. The caller holds the account of
the member.
"""

from collections.abc import Collection
from datetime import datetime

from backend.ledger import posting
from backend.ledger.posting import AnySession
from backend.loyalty.bonuses import bonuses, rule_payments
from backend.loyalty.bonuses.bonuses import rule_key
from backend.loyalty.members import members
from backend.loyalty.orders import first_orders
from backend.loyalty.program.settings import Rule
from backend.loyalty.shops.shops import ShopFacts
from backend.models import Member, Order
from backend.platforms.events import CustomerSeen
from backend.platforms.known_orders import KnownOrder


def customer_seen(session: AnySession, shop: ShopFacts, member: Member, seen: CustomerSeen, now: datetime) -> None:
    """The store told of a customer: give what a new account brings, and a subscription to the newsletter."""
    if seen.signed_up_at is not None:
        if not members.was_here_before(session, shop.id, member.id):
            _pay(session, shop, member, "signup", seen.signed_up_at, now)
    elif seen.has_account:
        _has_account(session, shop, member, seen.at, now)
    if seen.customer.accepts_marketing:
        _pay(session, shop, member, "newsletter", seen.at, now)


def signed_in(session: AnySession, shop: ShopFacts, member_id: int, now: datetime) -> None:
    """A member is signed in at their store, so they have an account there. Takes the lock of theirs here, if it may bring
    something."""
    member = session.get_one(Member, (shop.id, member_id))
    keys = [rule_key(rule.id, member.id) for rule in _since_they_came(session, shop, member)]
    if any(bonuses.find(session, shop.id, key) is None for key in keys):
        posting.lock_accounts(session, shop.id, [member.id])
        _has_account(session, shop, member, now, now)


def order_seen(session: AnySession, shop: ShopFacts, row: Order, known: KnownOrder, now: datetime) -> None:
    """An order was reckoned anew: give or take back what the member's first order brings."""
    if row.member_id is not None:
        first_orders.settle(session, shop, row.member_id, known.order, now)


def order_left(session: AnySession, shop: ShopFacts, member_id: int, known: KnownOrder, now: datetime) -> None:
    """An order turned out to be another's than this member's."""
    first_orders.settle(session, shop, member_id, known.order, now)


def _has_account(session: AnySession, shop: ShopFacts, member: Member, at: datetime, now: datetime) -> None:
    """The member was found to have an account at `at`, and it may be older. So a rule pays only who would have had its points
    as well by making the account when the store first knew them: none of today pays for one of last year (decision 32)."""
    of_then = {rule.id for rule in _since_they_came(session, shop, member)}
    if of_then and not members.was_here_before(session, shop.id, member.id):
        _pay(session, shop, member, "signup", at, now, only=of_then)


def _since_they_came(session: AnySession, shop: ShopFacts, member: Member) -> list[Rule]:
    """What paid for signing up when the store made the customer; nothing, if it has not said when that was."""
    came_at = member.registered_at
    program = None if came_at is None else rule_payments.program_at(session, shop, came_at)
    if came_at is None or program is None:
        return []
    return [rule for rule in program.settings.rules if rule.kind == "signup" and rule.is_active(came_at)]


def _pay(
    session: AnySession,
    shop: ShopFacts,
    member: Member,
    kind: str,
    at: datetime,
    now: datetime,
    only: Collection[str] | None = None,
) -> None:
    """Once per member, by the program in force when it happened. `only` the rules of these ids, if any are named."""
    program = rule_payments.program_at(session, shop, at)
    if program is None:
        return
    for rule in program.settings.rules:
        if rule.kind == kind and (only is None or rule.id in only):
            rule_payments.pay(session, shop, member.id, rule, program, at=at, now=now)
