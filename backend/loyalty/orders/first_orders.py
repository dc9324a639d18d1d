"""What a member's first order brings besides its own points.

The first order is the one that was made first of those that are received and stand. It follows from the orders alone, so
whatever order they are told in, the end is the same. The caller holds the account of the member.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, text

from backend.ledger import posting
from backend.ledger.posting import AnySession
from backend.loyalty.bonuses import bonuses, rule_payments
from backend.loyalty.bonuses.bonuses import Occasion, rule_key
from backend.loyalty.bonuses.rule_payments import Program
from backend.loyalty.members import blocking
from backend.loyalty.orders import awards
from backend.loyalty.program import programs
from backend.loyalty.shops import shops
from backend.loyalty.shops.shops import ShopFacts
from backend.models import Award, Bonus
from backend.platforms.events import OrderState, time_text

_FIRST = text(
    """
    select o.*, exists (
        select from bonus b where b.shop_id = :shop and b.member_id = :member and b.why ->> 'rule' = 'first_order') as paid
    from (values (1)) one (n) left join lateral (
        select id, placed_at, program_version, rules_open, due_at,
            coalesce(jsonb_path_query_first(known, '$.states[*].order.number') #>> '{}', external_id) as called
        from orders where shop_id = :shop and member_id = :member and stands
        order by placed_at, external_id limit 1
    ) o on true
    """
)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What should stand."""

    what: Occasion
    program: Program


def settle(session: AnySession, shop: ShopFacts, member_id: int, cause: OrderState, now: datetime) -> None:
    """Bring the bonuses of the first order to where they should be. `cause` is the order that may have changed it."""
    session.flush()
    first = session.execute(_FIRST, {"shop": shop.id, "member": member_id}).one()
    if first.id is None and not first.paid:
        return
    wanted = _wanted(session, shop, member_id, first) if first.id is not None else {}
    standing = _standing(session, shop.id, member_id) if first.paid else {}
    if not wanted and not standing:
        return
    posting.lock_accounts(session, shop.id, [member_id])
    for key, bonus in standing.items():
        if bonus.state == "given" and (key not in wanted or not _is_as_wanted(session, shop, bonus, wanted[key].what)):
            loss = awards.loss_of(cause)
            bonuses.take_back(session, bonus, loss, "The first order does not stand, or is another", now)
    for each in wanted.values():
        bonuses.give(session, shop, member_id, each.what, each.program.settings, now)


def _wanted(session: AnySession, shop: ShopFacts, member_id: int, first: Any) -> dict[str, _Wanted]:
    """What the rules of the program that the first order was made under give for it, by their keys."""
    version = programs.by_number(session, shop.id, first.program_version)
    settings = programs.settings_of(version)
    rules = [
        rule
        for rule in settings.rules
        if rule.kind == "first_order"
        and rule.is_active(first.placed_at)
        and (not rule.eligibility or rule.id in (first.rules_open or ()))
    ]
    if (
        not rules
        or not settings.enabled
        or programs.began_after(version, first.placed_at)
        or not shops.was_installed_at(session, shop.id, first.placed_at)
        or blocking.was_blocked_at(session, shop.id, member_id, first.placed_at)
    ):
        return {}
    program = Program(version.version, settings)
    return {
        key: _Wanted(
            rule_payments.occasion(
                rule,
                program,
                key=key,
                at=first.placed_at,
                why={"of_order": first.called},
                not_before=first.due_at,
            ),
            program,
        )
        for rule in rules
        for key in [rule_key(rule.id, member_id)]
    }


def _standing(session: AnySession, shop_id: int, member_id: int) -> dict[str, Bonus]:
    found = session.execute(
        select(Bonus).where(
            Bonus.shop_id == shop_id, Bonus.member_id == member_id, Bonus.why["rule"].astext == "first_order"
        )
    ).scalars()
    return {bonus.key: bonus for bonus in found}


def _is_as_wanted(session: AnySession, shop: ShopFacts, bonus: Bonus, wanted: Occasion) -> bool:
    """Whether it may stay. Points that have arrived stay, as an order's do, unless there should be more or fewer."""
    if bonus.points != wanted.points:
        return False
    if bonus.why["due_at"] == time_text(bonuses.due_at(shop, wanted)):
        return True
    award = session.get(Award, (bonus.shop_id, bonus.award_id)) if bonus.award_id is not None else None
    return award is None or award.state != "pending"
