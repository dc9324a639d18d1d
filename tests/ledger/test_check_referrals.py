"""`ledger check` finds what is wrong with referrals (reliability I-29)."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.ledger.check import Violation, check
from backend.ledger.referral_questions import REFERRAL_QUESTIONS
from tests.conftest import BusinessTime, TestShop
from tests.ledger.test_check import sentence
from tests.loyalty.referral_world import advocate, code_of, collected, join, open_widget, program, settle, state
from tests.loyalty.rewards_world import rows


@dataclass
class Circle:
    """A shop in which referrals stand in every state."""

    shop: TestShop
    ids: dict[str, int]


@pytest.fixture
def circle(new_shop: Callable[..., TestShop], time: BusinessTime) -> Circle:
    shop = new_shop(program(hold_days=3, caps={"per_day": 3, "per_month": 4, "total": 5}, households=True))
    time.advance(days=1)
    ada, code = advocate(shop)
    bea, cleo, dora = (join(shop, name, code) for name in ("bea", "cleo", "dora"))
    eve = join(shop, "eve", code_of(shop, bea))
    open_widget(shop, ada, code)
    for number, name in enumerate(("bea", "cleo")):
        collected(shop, name, f"o-{number}")
    time.advance(days=4)
    settle()
    collected(shop, "dora", "o-3")
    ids = {"ada": ada, "bea": bea, "cleo": cleo, "dora": dora, "eve": eve}
    assert [state(shop, ids[name]) for name in ids] == ["self", "rewarded", "rewarded", "qualified", "registered"]
    return Circle(shop, ids)


def found_after(circle: Circle, statements: Sequence[str]) -> list[Violation]:
    """What the check says with this planted: committed by nobody, seen by the check alone."""
    with transaction() as session:
        session.execute(text("set transaction isolation level repeatable read"))
        for statement in statements:
            if statement.startswith("alter"):
                session.execute(text(statement))
                continue
            session.execute(text("set local session_replication_role = replica"))
            changed = session.execute(text(statement), {"shop": circle.shop.id, **circle.ids})
            assert changed.rowcount != 0, f"planted nothing: {statement}"
        found = check(session, clock.now(), clock.wall(), circle.shop.id).violations
        session.rollback()
    return found


OF = "where shop_id = :shop and friend_id ="
BONUS = "where shop_id = :shop and rule = 'referral' and member_id ="
CORRUPTIONS = {
    "somebody who brought themselves": (
        "is of a member by themselves",
        [
            "alter table referral drop constraint nobody_refers_themselves",
            f"update referral set state = 'registered', reason = null {OF} :ada",
        ],
    ),
    "a friend of two": (
        "was brought by 2 referrals",
        [
            "alter table referral drop constraint referred_once_for_life",
            f"update referral set friend_id = :bea {OF} :cleo",
        ],
    ),
    "a friend who was rewarded twice": (
        "has 2 bonuses for being brought",
        [f"update bonus set member_id = :bea {BONUS} :cleo and why ->> 'side' = 'friend'"],
    ),
    "a ring": (
        "a ring of 2 referrals",
        [f"update referral set advocate_id = :bea, state = 'registered', reason = null {OF} :ada"],
    ),
    "a friend too many": (
        r"3 friends count in all, 2 may",
        [
            "update program_version set settings = jsonb_set(settings, '{referral,caps,total}', '2') where shop_id = :shop"
        ],
    ),
    "a friend too many on one day": (
        r"2 friends count on one day, 1 may",
        [
            "update program_version set settings = jsonb_set(settings, '{referral,caps,per_day}', '1') where shop_id = :shop"
        ],
    ),
    "a bonus that outlived its referral": (
        "is given for a referral that is rejected, none",
        [f"update referral set state = 'rejected', reason = 'refunded' {OF} :bea"],
    ),
    "a bonus of a referral that is gone": (
        "is given for a referral that is gone",
        [f"delete from referral {OF} :bea"],
    ),
    "a bonus of a referral that nobody has approved": (
        "is given for a referral that is qualified, waiting",
        [f"update referral set review = 'waiting' {OF} :dora"],
    ),
    "a payout without its points": (
        "says that 50 points are paid, its bonus says nothing",
        [f"delete from bonus {BONUS} :bea and why ->> 'side' = 'friend'"],
    ),
    "a payout of more points": (
        "says that 51 points are paid, its bonus says 50 given",
        ["update referral_payout set points = 51 where shop_id = :shop and member_id = :bea and part = 'friend'"],
    ),
    "a reward before its time": (
        "is rewarded, its payout",
        [f"update referral set state = 'rewarded' {OF} :dora"],
    ),
}


def test_nothing_is_found_where_nothing_is_wrong(circle: Circle) -> None:
    assert found_after(circle, []) == []
    assert len(rows(circle.shop, "select 1 from referral where shop_id = :shop")) == 5


def test_every_planted_corruption_is_found(circle: Circle) -> None:
    said = []
    for name, (says, statements) in CORRUPTIONS.items():
        found = found_after(circle, statements)
        assert [each for each in found if each.invariant == 12 and re.search(says, each.what)], (name, found)
        said += [each.what for each in found]
    silent = [each.rows for each in REFERRAL_QUESTIONS if not any(map(sentence(each.rows).fullmatch, said))]
    assert silent == []
