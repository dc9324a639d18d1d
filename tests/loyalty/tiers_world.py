"""What the tests of tiers and segments have in common: a program with levels, members who earn, and how they stand."""

from collections.abc import Mapping
from itertools import count
from typing import Any

from backend import clock
from backend.db import transaction
from backend.jobs import points
from backend.loyalty.bonuses import bonuses
from backend.loyalty.bonuses.bonuses import Occasion
from backend.loyalty.members import members
from backend.loyalty.program import programs
from tests.conftest import PROGRAM, TestShop
from tests.loyalty.rewards_world import order, rows

SILVER = {"id": "silver", "from": 100, "name": {"en": "Silver", "de": "Silber"}}
GOLD = {"id": "gold", "from": 300, "name": {"en": "Gold"}, "multiplier": "1.5"}
AT_ONCE: dict[str, Any] = {
    **PROGRAM,
    "earn": {"spend_step": "1", "points_per_step": 1},
    "assign": {"delay_days": 0, "on": "paid"},
    "expiry": {"kind": "never"},
}
"""A point for each 1.00, available when it is paid."""

_numbers = count(1)


def program(*levels: Mapping[str, Any], **tiers: Any) -> dict[str, Any]:
    return {**AT_ONCE, "tiers": {"window": "lifetime", **tiers, "levels": list(levels) or [SILVER, GOLD]}}


def enrol(shop: TestShop, customer: str = "c-1", email: str | None = None) -> int:
    with transaction() as session:
        member = members.enrol(session, shop.id, customer, clock.now())
        assert member is not None
        if email is not None:
            member.email = email
        member_id = member.id
    points.tiers()
    return member_id


def earn(shop: TestShop, member_id: int, points_: int, key: str | None = None) -> None:
    """Points beside orders, available at once."""
    with transaction() as session:
        version = programs.version_for(session, shop.id, clock.now())
        what = Occasion(
            key=key or f"test:{next(_numbers)}",
            rule="test",
            at=clock.now(),
            points=points_,
            reason="a test",
            why={},
            program_version=version.version,
        )
        bonuses.give(session, shop.facts, member_id, what, programs.settings_of(version), clock.now())
    settle()


def take_back(shop: TestShop, key: str) -> None:
    with transaction() as session:
        bonus = bonuses.find(session, shop.id, key)
        assert bonus is not None
        bonuses.take_back(session, bonus, "changed", "a test", clock.now())
    settle()


def buy(shop: TestShop, amount: str, order_id: str = "o-1", **given: Any) -> dict[str, Any]:
    """An order of that amount, paid now unless said otherwise; returns it, to be told again with more."""
    bought = order(order_id, subtotal=amount, total=amount, **given)
    shop.tell("order.created", bought)
    points.tiers()
    return bought


def settle() -> None:
    """Let the jobs of points and tiers work."""
    points.post_due()
    points.tiers()


def standing(shop: TestShop, member_id: int) -> Any:
    (row,) = rows(
        shop,
        "select s.*, m.tier from tier_standing s join member m on m.shop_id = s.shop_id and m.id = s.member_id"
        " where s.shop_id = :shop and s.member_id = :member",
        member=member_id,
    )
    return row


def tier(shop: TestShop, member_id: int) -> str | None:
    (row,) = rows(shop, "select tier from member where shop_id = :shop and id = :member", member=member_id)
    return None if row.tier is None else str(row.tier)


def changes(shop: TestShop, member_id: int) -> list[tuple[str | None, str | None, str]]:
    found = rows(
        shop,
        "select from_level, to_level, cause from tier_change where shop_id = :shop and member_id = :member order by id",
        member=member_id,
    )
    return [(row.from_level, row.to_level, row.cause) for row in found]


def told(shop: TestShop, purpose: str) -> list[Any]:
    """The payloads of the mails of that purpose, in the order of writing."""
    found = rows(
        shop,
        "select payload from outbox where shop_id = :shop and kind = 'mail' and payload ->> 'purpose' = :purpose order by id",
        purpose=purpose,
    )
    return [row.payload for row in found]
