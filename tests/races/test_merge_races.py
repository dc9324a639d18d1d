"""While two accounts become one, orders arrive, rewards are redeemed and points move: nothing is lost, nothing twice."""

from collections.abc import Callable
from typing import Any

import pytest

from backend import clock
from backend.db import transaction
from backend.loyalty.rewards import rewards
from backend.loyalty.shops import shops
from tests.races.crew import Crew
from tests.races.test_drains import receive
from tests.races.test_one_balance import assert_proved, one

PAIRS = 12


def couples(member: Callable[..., int], points: int) -> list[tuple[int, int]]:
    return [(member(points, f"kept-{number}"), member(points, f"gone-{number}")) for number in range(PAIRS)]


def order_of(customer: str, order_id: str) -> tuple[str, str, dict[str, Any]]:
    at = clock.now().isoformat()
    return (
        "order.collected",
        at,
        {
            "id": order_id,
            "customer": {"id": customer},
            "currency": "EUR",
            "created_at": at,
            "updated_at": at,
            "subtotal": "100.00",
            "delivery_status": "collected",
            "collected_at": at,
        },
    )


def test_orders_of_both_that_arrive_meanwhile_are_the_persons(
    crew: Crew, shop: int, member: Callable[..., int]
) -> None:
    pairs = couples(member, 10)
    for number in range(PAIRS):
        for place, side in enumerate(("kept", "gone")):
            receive(shop, number * 2 + place, order_of(f"{side}-{number}", f"o-{side}-{number}"))
    crew.together([("work_until_all_is_done", 3), ("work_until_all_is_done", 3), ("merge", shop, pairs)])
    holding = "select count(*) from account where shop_id = :shop and (pending, available) = (20, 20)"
    assert one(holding, shop=shop) == PAIRS
    assert one("select sum(pending + available) from account where shop_id = :shop", shop=shop) == PAIRS * 40
    assert_proved(shop)


def test_points_that_are_held_spent_and_taken_back_meanwhile(crew: Crew, shop: int, member: Callable[..., int]) -> None:
    pairs = couples(member, 200)
    gone = [second for _, second in pairs]
    document = {"reward_name": "Mug", "reward_type": "gift", "points_to_be_redeemed": 150}
    with transaction() as session:
        mug = rewards.create(session, shops.facts(shop), document, clock.now(), rehearsal=True)
    came, merged = crew.together([("redeem", shop, gone, mug.id, "mug"), ("merge", shop, pairs)])
    assert merged == ["merged"] * PAIRS
    had = [each for each in came if each == "issued"]
    assert set(came) <= {"issued", "unauthorized", "not_enough_points"}
    assert one("select count(*) from redemption where shop_id = :shop", shop=shop) == len(had)
    left = one("select sum(available) from account where shop_id = :shop", shop=shop)
    assert left == PAIRS * 400 - 150 * len(had)
    assert_proved(shop)


@pytest.mark.parametrize("crossed", [False, True])
def test_two_people_who_merge_the_same_two_at_once_merge_them_once(
    crew: Crew, shop: int, member: Callable[..., int], crossed: bool
) -> None:
    pairs = couples(member, 30)
    others = [(gone, kept) if crossed else (kept, gone) for kept, gone in pairs]
    one_person, another = crew.together([("merge", shop, pairs), ("merge", shop, others)])
    for first, second in zip(one_person, another, strict=True):
        assert sorted((first, second)) == ["already_merged", "merged"]
    assert one("select count(*) from account where shop_id = :shop and available = 60", shop=shop) == PAIRS
    assert_proved(shop)


def test_who_is_erased_while_they_are_merged_is_erased_or_the_merge_is_refused(
    crew: Crew, shop: int, member: Callable[..., int]
) -> None:
    pairs = couples(member, 30)
    customers = [f"kept-{number}" for number in range(PAIRS)]
    _, merged = crew.together([("erase", shop, customers), ("merge", shop, pairs)])
    assert set(merged) <= {"merged", "member_erased"}
    named = "select count(*) from member where shop_id = :shop and external_id is not null"
    assert one(named, shop=shop) == merged.count("member_erased"), "who went into an erased account is erased with it"
    assert one("select sum(available) from account where shop_id = :shop", shop=shop) == PAIRS * 60
    assert_proved(shop)
