"""Holding all that belongs to one person before it is merged or erased."""

from collections.abc import Callable

from sqlalchemy import text

from backend import clock
from backend.db import db, transaction
from backend.ledger.posting import Author
from backend.loyalty.members import merging, person_locks
from backend.loyalty.referrals import referrals
from tests.conftest import TestShop
from tests.loyalty.rewards_world import member_with


def test_accounts_that_were_merged_into_the_person_before_are_held_too(new_shop: Callable[..., TestShop]) -> None:
    """Merging judges them again: to lock one only then would be out of the one order of accounts."""
    shop = new_shop()
    before, kept, gone = (member_with(shop, 0, f"c-{number}") for number in range(3))
    with transaction() as session:
        merging.merge(session, shop.facts, kept, before, "She told us", Author("staff", "Ada Admin"), clock.now())
    with transaction() as session:
        person_locks.hold(session, shop.id, [kept, gone], referrals.LINKS)
        with db.engine.begin() as another:
            free = another.execute(
                text("select member_id from account where shop_id = :shop for no key update skip locked"),
                {"shop": shop.id},
            ).scalars()
            assert free.all() == []
