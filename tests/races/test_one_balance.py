"""Many processes at one member, one shop, one key (reliability F-40, F-81, F-82, G5)."""

from collections.abc import Callable

from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.ledger.balance import balance
from backend.ledger.check import check
from tests.races.crew import Crew


def one(statement: str, **given: object) -> int:
    with transaction() as session:
        return int(session.execute(text(statement), given).scalar_one())


def assert_proved(shop: int) -> None:
    with transaction() as session:
        assert check(session, clock.now(), clock.wall(), shop).violations == []


def test_eight_processes_take_from_one_balance_exactly_as_often_as_it_lasts(
    crew: Crew, shop: int, member: Callable[..., int]
) -> None:
    member_id = member(1000)
    went = crew.together([("deduct", shop, member_id, 7, 40)] * 8)
    assert sum(went) == 1000 // 7
    assert len([each for each in went if each]) > 1, "one process took it all: that was no race"
    with transaction() as session:
        assert balance(session, shop, member_id, clock.now()).available == 1000 % 7
    assert_proved(shop)


def test_redeeming_undoing_taking_back_and_expiring_at_once_leave_a_ledger_that_is_right(
    crew: Crew, shop: int, member: Callable[..., int]
) -> None:
    ids = [member(500, customer) for customer in ("c-1", "c-2", "c-3")]
    went = crew.together(
        [
            ("redeem_and_undo", shop, ids, 50, 1),
            ("redeem_and_undo", shop, ids, 50, 2),
            ("claw_back", shop, ids, 50, 3),
            ("grant_what_soon_ends", shop, ids, 50, 4),
        ]
    )
    assert went[0] and went[1]
    assert_proved(shop)


def test_fifty_times_the_same_adjustment_is_one(crew: Crew, shop: int, member: Callable[..., int]) -> None:
    member_id = member(100)
    given = crew.together([("adjust", shop, member_id, 30, "a key", 10)] * 5)
    taken = crew.together([("adjust", shop, member_id, -130, "another key", 10)] * 5)
    assert [len({entry for each in made for entry in each}) for made in (given, taken)] == [1, 1]
    assert one("select count(*) from entry where shop_id = :shop", shop=shop) == 3
    assert_proved(shop)


def test_a_customer_who_is_first_seen_by_many_at_once_is_one_member(crew: Crew, shop: int) -> None:
    customers = [f"new-{number}" for number in range(15)]
    seen = crew.together(
        [
            ("see_in_widget", shop, customers),
            ("see_in_widget", shop, customers),
            ("see_in_widget", shop, customers[::-1]),
        ]
    )
    assert seen[0] == seen[1] == seen[2][::-1]
    assert len(set(seen[0])) == len(customers)
    assert one("select count(*) from account where shop_id = :shop", shop=shop) == len(customers)


def test_two_who_change_the_program_at_once_make_two_versions(crew: Crew, shop: int) -> None:
    made = crew.together([("set_program", shop, 10)] * 3)
    assert sorted(version for each in made for version in each) == list(range(2, 32))
