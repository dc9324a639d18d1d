"""`ledger check` finds what is wrong with levels and segments: each is a function of entries, orders and members."""

import re
from collections.abc import Callable, Sequence

import pytest
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.jobs import points
from backend.ledger.check import Violation, check
from backend.ledger.tier_questions import TIER_QUESTIONS
from backend.loyalty.segments import segments
from tests.conftest import BusinessTime, TestShop
from tests.ledger.test_check import sentence
from tests.loyalty.rewards_world import tell_again
from tests.loyalty.tiers_world import GOLD, SILVER, buy, earn, enrol, program, take_back

NewShop = Callable[..., TestShop]


@pytest.fixture
def shop(new_shop: NewShop, time: BusinessTime) -> TestShop:
    """Two members who earned, lost some of it again, bought, and are in segments."""
    shop = new_shop(program(window="rolling_12_months"))
    one, other = enrol(shop, "c-1"), enrol(shop, "c-2")
    earn(shop, one, 120, "test:kept")
    earn(shop, one, 50, "test:gone")
    take_back(shop, "test:gone")
    time.advance(days=40)
    bought = buy(shop, "90.00")
    buy(shop, "70.00", "o-2", customer={"id": "c-2"})
    tell_again(shop, bought, payment_status="voided")
    with transaction() as session:
        segments.create(session, shop.id, "all", "All", [], clock.now())
    points.tiers()
    points.segments()
    assert other != one
    return shop


def found_after(shop: TestShop, statements: Sequence[str] = ()) -> list[Violation]:
    """What the check says with this planted: committed by nobody, seen by the check alone."""
    with transaction() as session:
        session.execute(text("set transaction isolation level repeatable read"))
        session.execute(text("set local session_replication_role = replica"))
        for statement in statements:
            changed = session.execute(text(statement), {"shop": shop.id})
            assert changed.rowcount != 0, f"planted nothing: {statement}"
        found = check(session, clock.now(), clock.wall(), shop.id).violations
        session.rollback()
    return found


ONE = "(select min(id) from member where shop_id = :shop)"
OTHER = "(select max(id) from member where shop_id = :shop)"
OF_ONE = f"where shop_id = :shop and member_id = {ONE}"

CORRUPTIONS = {
    "a day with a point too many": (
        10,
        "the points that count on .* are",
        [f"update member_day set points_earned = points_earned + 1 {OF_ONE} and points_earned > 100"],
    ),
    "an entry counted twice": (
        10,
        "are 240, the entries say 120",
        [f"update member_day set points_earned = 240 {OF_ONE} and points_earned = 120"],
    ),
    "an order that no day has": (
        10,
        "the orders say 0 and 0",
        ["delete from counted_order where shop_id = :shop and spend = 70"],
    ),
    "a day that no order made": (
        10,
        "5.* and 1 orders count on",
        [
            f"insert into member_day (shop_id, member_id, day, spend, orders) values (:shop, {OTHER}, '2020-01-01', 5, 1)"
        ],
    ),
    "an order that counts for somebody else": (
        10,
        "counts here and belongs to member",
        [f"update counted_order set member_id = {ONE} where shop_id = :shop and spend = 70"],
    ),
    "a standing that has lost its sum": (
        10,
        "count as points_earned, the days say 120",
        [f"update tier_standing set value = 7 {OF_ONE}"],
    ),
    "a standing by money that has lost its sum": (
        10,
        "count as spend, the days say 0",
        [f"update tier_standing set basis = 'spend' {OF_ONE}"],
    ),
    "a standing by orders that has lost its sum": (
        10,
        "count as orders, the days say 0",
        [f"update tier_standing set basis = 'orders' {OF_ONE}"],
    ),
    "points that were forgotten": (
        10,
        "is not counted towards a level",
        [f"update tier_standing set counted_entry_id = 0, check_at = null {OF_ONE}"],
    ),
    "a member who stands nowhere": (
        10,
        "stands nowhere",
        [f"delete from tier_standing where shop_id = :shop and member_id = {OTHER}"],
    ),
    "a level out of nothing": (
        10,
        "the member is at gold, reached silver and was given none",
        [f"update member set tier = 'gold' where shop_id = :shop and id = {ONE}"],
    ),
    "a change that nobody wrote down": (
        10,
        "the member is at silver, the last change led to none",
        [f"delete from tier_change {OF_ONE}"],
    ),
    "a segment that has lost count": (
        11,
        "segment all has 2 members and says 3",
        ["update segment set members_count = 3 where shop_id = :shop"],
    ),
    "a member who says another segment": (
        11,
        "the member says {vip}, the segments say {all}",
        [f"update member set segments = '{{vip}}' where shop_id = :shop and id = {ONE}"],
    ),
}


def test_nothing_is_wrong_with_what_the_product_does(shop: TestShop) -> None:
    assert found_after(shop) == []


def test_nothing_is_wrong_while_members_wait_to_be_looked_at(shop: TestShop, time: BusinessTime) -> None:
    buy(shop, "60.00", "o-3")
    time.advance(days=400)
    assert found_after(shop) == []
    shop.set_program(**program(SILVER, GOLD, basis="spend", window="calendar_year"))
    assert found_after(shop) == []


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_it_finds(shop: TestShop, name: str) -> None:
    invariant, said, statements = CORRUPTIONS[name]
    found = found_after(shop, statements)
    assert [each for each in found if each.invariant == invariant and re.search(said, each.what)], found


def test_every_question_has_a_corruption_that_only_it_finds(shop: TestShop) -> None:
    said = [violation.what for *_, statements in CORRUPTIONS.values() for violation in found_after(shop, statements)]
    silent = [question.rows for question in TIER_QUESTIONS if not any(map(sentence(question.rows).fullmatch, said))]
    assert silent == []
