"""Occasions: what members do that a rule of the program pays for, and what that gives them (docs/points-rules.md).

The caller holds the account of the member.
"""

from datetime import datetime

from backend.ledger.posting import AnySession
from backend.loyalty import bonuses, programs, shops
from backend.loyalty.bonuses import Occasion, rule_key
from backend.loyalty.shops import ShopFacts
from backend.models import Member, Order
from backend.platforms.events import CustomerSeen
from backend.platforms.known_orders import KnownOrder


def customer_seen(session: AnySession, shop: ShopFacts, member: Member, seen: CustomerSeen, now: datetime) -> None:
    """The store told of a customer: give what a new account brings."""
    if seen.is_creation:
        _sign_up(session, shop, member, seen, now)


def order_seen(session: AnySession, shop: ShopFacts, row: Order, known: KnownOrder, now: datetime) -> None:
    """An order was reckoned anew: give or take back what depends on it."""


def _sign_up(session: AnySession, shop: ShopFacts, member: Member, seen: CustomerSeen, now: datetime) -> None:
    """Promise what the sign-up rules of the program give, once per member.

    Only for an account that was made while the rule was in force, decided from its `created_at` alone.
    """
    created_at = seen.customer.created_at or seen.at
    version = programs.version_for(session, shop.id, created_at)
    began_later = programs.latest_moment(created_at) < version.in_force_from
    if began_later or not shops.was_installed_at(session, shop.id, created_at):
        return
    settings = programs.settings_of(version)
    if not settings.enabled:
        return
    for rule in settings.rules:
        if rule.kind != "signup":
            continue
        bonuses.give(
            session,
            shop,
            member.id,
            Occasion(
                key=rule_key(rule.id, member.id),
                rule=rule.id,
                at=created_at,
                points=rule.points or 0,
                reason="Sign-up",
                why={"rule": rule.kind, "title": dict(rule.title)},
                program_version=version.version,
                delay_days=rule.delay_days,
            ),
            settings,
            now,
        )
