"""By what an order is judged besides the program: who its owner was when it first had one, frozen on the order.

So later changes of the member, and events that arrive late, change nothing of what the order brings.
"""

from datetime import datetime

from backend.ledger.posting import AnySession
from backend.loyalty.eligibility import eligibility, member_facts
from backend.loyalty.program import programs
from backend.loyalty.program.settings import OF_ORDERS
from backend.loyalty.shops.shops import ShopFacts
from backend.loyalty.tiers import tiers
from backend.models import Member, Order

_FROZEN_KINDS = OF_ORDERS | {"first_order"}


def freeze(session: AnySession, shop: ShopFacts, row: Order, now: datetime) -> None:
    """Keep on the order its owner's level and which rules are open to them, once. Nothing for one that nobody owns yet.

    The order itself counts among the member's orders.
    """
    if row.member_id is None or row.rules_open is not None:
        return
    settings = programs.settings_of(programs.by_number(session, row.shop_id, row.program_version))
    if settings.tiers is None and not any(rule.kind in _FROZEN_KINDS for rule in settings.rules):
        return
    session.flush()
    asking = {
        rule.id: eligibility.read_rules(list(rule.eligibility))
        for rule in settings.rules
        if rule.kind in _FROZEN_KINDS and rule.eligibility
    }
    row.rules_open = []
    if asking:
        with_orders = any(eligibility.needs_orders(each) for each in asking.values())
        facts = member_facts.facts(session, shop, row.member_id, with_orders, now)
        row.rules_open = [rule for rule, asked in asking.items() if eligibility.judge(asked, facts).is_eligible]
    if settings.tiers is not None:
        row.tier = session.get_one(Member, (row.shop_id, row.member_id)).tier
        row.tier_factor = tiers.multiplier_at(session, row.shop_id, row.member_id, settings)
