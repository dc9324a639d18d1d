"""Levels are reached by what counts, held with grace, given by hand, and bring what they promise (docs/tiers.md)."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from backend import clock
from backend.db import transaction
from backend.errors import Conflict
from backend.jobs import points
from backend.loyalty.program import programs
from backend.loyalty.rewards import rewards
from backend.loyalty.tiers import tiers
from backend.loyalty.tiers.tier_changes import ByHand
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.rewards_world import FIVE_OFF, change, member_with, redeem, reward, rows, tell_again
from tests.loyalty.tiers_world import (
    GOLD,
    SILVER,
    buy,
    changes,
    earn,
    enrol,
    program,
    settle,
    standing,
    take_back,
    tier,
    told,
)

NewShop = Callable[..., TestShop]


def test_a_level_is_reached_at_its_first_point_and_not_before(new_shop: NewShop, time: BusinessTime) -> None:
    shop = new_shop(program())
    member = enrol(shop)
    earn(shop, member, 99)
    assert tier(shop, member) is None
    earn(shop, member, 1)
    assert tier(shop, member) == "silver"
    earn(shop, member, 200)
    assert tier(shop, member) == "gold"
    assert changes(shop, member) == [(None, "silver", "reached"), ("silver", "gold", "reached")]


def test_a_level_that_starts_at_nothing_is_everybodys(new_shop: NewShop, time: BusinessTime) -> None:
    shop = new_shop(program({**SILVER, "from": 0}, GOLD))
    member = enrol(shop, email="ada@mail.example")
    assert tier(shop, member) == "silver"
    assert told(shop, "tier_changed") == []  # nobody did anything for it
    earn(shop, member, 300)
    assert len(told(shop, "tier_changed")) == 1


def test_points_that_wait_do_not_count_yet(new_shop: NewShop, time: BusinessTime) -> None:
    shop = new_shop({**program(), "assign": {"delay_days": 3, "on": "paid"}})
    member = enrol(shop)
    buy(shop, "150.00")
    assert tier(shop, member) is None
    time.advance(days=4)
    settle()
    assert tier(shop, member) == "silver"


def test_spending_and_expiring_never_lower_a_level(new_shop: NewShop, time: BusinessTime) -> None:
    shop = new_shop({**program(), "expiry": {"kind": "days", "days": 10}})
    member = enrol(shop)
    earn(shop, member, 600)
    redeem(shop, member, reward(shop))
    time.advance(days=30)
    points.expire()
    settle()
    assert tier(shop, member) == "gold"
    assert standing(shop, member).value == 600


def test_points_by_hand_count_for_nothing(new_shop: NewShop, time: BusinessTime) -> None:
    shop = new_shop(program())
    member = enrol(shop)
    member_with(shop, 500)
    settle()
    assert tier(shop, member) is None


def test_what_is_taken_back_counts_no_more_on_the_day_that_had_brought_it(
    new_shop: NewShop, time: BusinessTime
) -> None:
    shop = new_shop(program(downgrade={"policy": "grace", "grace_days": 0}))
    member = enrol(shop)
    bought = buy(shop, "120.00")
    time.advance(days=5)
    assert tier(shop, member) == "silver"
    tell_again(shop, bought, cancelled_at=clock.now().isoformat())
    settle()
    assert tier(shop, member) is None
    days = rows(shop, "select points_earned, spend, orders from member_day where shop_id = :shop")
    assert [tuple(day) for day in days] == [(0, 0, 0)]


def test_a_bonus_that_is_taken_back_counts_no_more(new_shop: NewShop, time: BusinessTime) -> None:
    shop = new_shop(program(downgrade={"grace_days": 0}))
    member = enrol(shop)
    earn(shop, member, 100, "test:bonus")
    take_back(shop, "test:bonus")
    assert tier(shop, member) is None


def test_points_that_expired_before_their_order_was_cancelled_count_no_more(
    new_shop: NewShop, time: BusinessTime
) -> None:
    shop = new_shop({**program(downgrade={"grace_days": 0}), "expiry": {"kind": "days", "days": 5}})
    member = enrol(shop)
    bought = buy(shop, "120.00")
    time.advance(days=10)
    points.expire()
    tell_again(shop, bought, cancelled_at=clock.now().isoformat())
    settle()
    assert standing(shop, member).value == 0
    assert tier(shop, member) is None


@pytest.mark.parametrize(("basis", "expected"), [("spend", 250), ("orders", 2)])
def test_money_and_orders_count_once_received(new_shop: NewShop, time: BusinessTime, basis: str, expected: int) -> None:
    shop = new_shop(program({**SILVER, "from": expected}, basis=basis))
    member = enrol(shop)
    buy(shop, "150.00", "o-1")
    waiting = buy(shop, "100.00", "o-2", payment_status="pending")
    assert tier(shop, member) is None
    tell_again(shop, waiting, payment_status="paid")
    points.tiers()
    assert standing(shop, member).value == expected
    assert tier(shop, member) == "silver"


def test_refunded_money_counts_no_more_and_an_order_refunded_whole_is_none(
    new_shop: NewShop, time: BusinessTime
) -> None:
    shop = new_shop(program(basis="spend"))
    member = enrol(shop)
    buy(shop, "150.00", "o-1", line_items=[{"id": "l", "quantity": 3, "unit_price": "50.00", "total": "150.00"}])
    for refund in (
        {"id": "r-1", "line_items": [{"line_item_id": "l", "quantity": 1}]},
        {"id": "r-2", "amount": "20.00"},
    ):
        shop.tell("order.refunded", {"order_id": "o-1", "refund": refund})
    points.tiers()
    assert standing(shop, member).value == 80
    shop.tell("order.refunded", {"order_id": "o-1", "refund": {"id": "r-3", "amount": "80.00"}})
    points.tiers()
    assert standing(shop, member).value == 0
    assert [row.orders for row in rows(shop, "select orders from member_day where shop_id = :shop")] == [0]


def test_other_money_is_no_spend_but_an_order(new_shop: NewShop, time: BusinessTime) -> None:
    shop = new_shop(program(basis="spend"))
    enrol(shop)
    buy(shop, "500.00", currency="USD")
    counted = rows(shop, "select spend, orders from counted_order where shop_id = :shop")
    assert [tuple(row) for row in counted] == [(0, 1)]


def test_an_order_that_turns_out_to_be_anothers_counts_for_them(new_shop: NewShop, time: BusinessTime) -> None:
    shop = new_shop(program(basis="orders", downgrade={"grace_days": 0}) | {})
    shop.set_program(**program({**SILVER, "from": 1}, basis="orders", downgrade={"grace_days": 0}))
    one, other = enrol(shop, "c-1"), enrol(shop, "c-2")
    bought = buy(shop, "10.00")
    assert (tier(shop, one), tier(shop, other)) == ("silver", None)
    tell_again(shop, bought, customer={"id": "c-2"})
    settle()
    assert (tier(shop, one), tier(shop, other)) == (None, "silver")


def test_what_was_before_the_tiers_counts(new_shop: NewShop, time: BusinessTime) -> None:
    without = {key: value for key, value in program().items() if key != "tiers"}
    shop = new_shop(without)
    member = enrol(shop)
    buy(shop, "120.00")
    buy(shop, "90.00", "o-2")
    assert rows(shop, "select 1 from member_day where shop_id = :shop") == []
    shop.set_program(**program(basis="spend"))
    settle()
    assert (tier(shop, member), standing(shop, member).value) == ("silver", 210)
    shop.set_program(**program({**SILVER, "from": 2}, basis="orders"))
    settle()
    assert (tier(shop, member), standing(shop, member).value) == ("silver", 2)
    shop.set_program(**program(basis="points_earned"))
    settle()
    assert (tier(shop, member), standing(shop, member).value) == ("silver", 210)


def test_without_tiers_there_are_no_levels_and_what_happens_meanwhile_counts_later(
    new_shop: NewShop, time: BusinessTime
) -> None:
    shop = new_shop(program())
    member = enrol(shop)
    earn(shop, member, 100)
    shop.set_program(**{key: value for key, value in program().items() if key != "tiers"})
    settle()
    assert tier(shop, member) is None
    earn(shop, member, 200)
    shop.set_program(**program())
    settle()
    assert tier(shop, member) == "gold"
    assert [cause for *_, cause in changes(shop, member)] == ["reached", "program", "reached"]


def test_a_level_that_the_program_drops_is_left_at_once(new_shop: NewShop, time: BusinessTime) -> None:
    shop = new_shop(program())
    member = enrol(shop)
    earn(shop, member, 300)
    shop.set_program(**program(SILVER))
    settle()
    assert changes(shop, member)[-1] == ("gold", "silver", "program")


# Falling below ------------------------------------------------------------------------------------------------------


def test_who_falls_below_hears_it_at_once_and_keeps_the_level_for_the_grace(
    new_shop: NewShop, time: BusinessTime
) -> None:
    time.set("2026-06-10T10:00:00+02:00")
    shop = new_shop(program(downgrade={"policy": "grace", "grace_days": 30}))
    member = enrol(shop, email="ada@mail.example")
    bought = buy(shop, "320.00")
    tell_again(shop, bought, cancelled_at=clock.now().isoformat())
    settle()
    assert tier(shop, member) == "gold"
    assert told(shop, "tier_ending") == [
        {"purpose": "tier_ending", "member_id": member, "level": "gold", "leaves_at": "2026-07-09T22:00:00Z"}
    ]
    time.set("2026-07-09T23:59:59+02:00")
    settle()
    assert tier(shop, member) == "gold"
    earn(shop, member, 150)
    time.set("2026-07-10T00:00:00+02:00")
    settle()
    assert tier(shop, member) == "silver"
    assert changes(shop, member)[-1] == ("gold", "silver", "fell")
    assert len(told(shop, "tier_ending")) == 1
    assert len(told(shop, "tier_changed")) == 2
    assert standing(shop, member).leaves_at is None


def test_reaching_it_again_ends_the_grace(new_shop: NewShop, time: BusinessTime) -> None:
    shop = new_shop(program())
    member = enrol(shop, email="ada@mail.example")
    earn(shop, member, 100, "test:gone")
    take_back(shop, "test:gone")
    assert standing(shop, member).leaves_at is not None
    earn(shop, member, 100)
    assert standing(shop, member).leaves_at is None
    time.advance(days=60)
    settle()
    assert (tier(shop, member), changes(shop, member)) == ("silver", [(None, "silver", "reached")])


def test_where_the_policy_is_never_nobody_falls(new_shop: NewShop, time: BusinessTime) -> None:
    shop = new_shop(program(downgrade={"policy": "never"}, window="rolling_12_months"))
    member = enrol(shop, email="ada@mail.example")
    earn(shop, member, 100)
    time.advance(days=800)
    settle()
    assert (tier(shop, member), standing(shop, member).value) == ("silver", 0)
    assert told(shop, "tier_ending") == []


# What a level brings ------------------------------------------------------------------------------------------------


def test_the_gift_of_each_level_that_is_passed_comes_once_for_life(new_shop: NewShop, time: BusinessTime) -> None:
    shop = new_shop(program())
    small, large = reward(shop), reward(shop, FIVE_OFF, reward_name="More", reward_value="10")
    shop.set_program(
        **program(
            {**SILVER, "gift": rewards.public_id(small.id)},
            {**GOLD, "gift": rewards.public_id(large.id)},
            downgrade={"grace_days": 0},
        )
    )
    member = enrol(shop)
    earn(shop, member, 300, "test:first")
    take_back(shop, "test:first")
    assert tier(shop, member) is None
    earn(shop, member, 300)
    had = rows(shop, "select reward_id, points, origin from redemption where shop_id = :shop order by id")
    assert [tuple(row) for row in had] == [(small.id, 0, "earned"), (large.id, 0, "earned")]


def test_a_levels_orders_earn_more(new_shop: NewShop, time: BusinessTime) -> None:
    shop = new_shop(program())
    member = enrol(shop)
    with transaction() as session:
        settings = programs.settings_of(programs.version_for(session, shop.id, clock.now()))
        assert tiers.multiplier_at(session, shop.id, member, settings) == 1
    earn(shop, member, 300)
    with transaction() as session:
        assert tiers.multiplier_at(session, shop.id, member, settings) == Decimal("1.5")


def test_a_reward_for_a_level_opens_with_it_and_closes_with_it(new_shop: NewShop, time: BusinessTime) -> None:
    shop = new_shop(program(downgrade={"grace_days": 0}))
    exclusive = reward(shop, points_to_be_redeemed=10, target={"type": "level", "levels": ["silver", "gold"]})
    by_rule = reward(shop, FIVE_OFF, reward_name="By rule", points_to_be_redeemed=10)
    change(
        shop,
        by_rule,
        member_eligibility_rules=[{"conditions": [{"operator": "Equals", "attribute": "Tier", "value": "silver"}]}],
    )
    member = enrol(shop)
    earn(shop, member, 99)
    for which in (exclusive, by_rule):
        with pytest.raises(Conflict, match="silver"):
            redeem(shop, member, which)
    earn(shop, member, 1, "test:last")
    for which in (exclusive, by_rule):
        assert redeem(shop, member, which).status in ("issued", "requested")
    take_back(shop, "test:last")
    for which in (exclusive, by_rule):
        with pytest.raises(Conflict, match="silver"):
            redeem(shop, member, which)


# By hand ------------------------------------------------------------------------------------------------------------


def by_hand(shop: TestShop, member: int, level: str | None, until: object = None) -> None:
    with transaction() as session:
        given = ByHand(level, until, "API key “desk”", "a good customer")  # type: ignore[arg-type]
        tiers.give_by_hand(session, shop.facts, member, given, clock.now())


def test_a_level_given_by_hand_holds_until_its_end_and_who_and_why_are_kept(
    new_shop: NewShop, time: BusinessTime
) -> None:
    shop = new_shop(program())
    member = enrol(shop, email="ada@mail.example")
    until = clock.now() + timedelta(days=90)
    by_hand(shop, member, "silver", until)
    assert tier(shop, member) == "silver"
    (noted,) = rows(shop, "select * from tier_change where shop_id = :shop")
    assert (noted.cause, noted.manual_level, noted.manual_until) == ("manual", "silver", until)
    assert (noted.actor_name, noted.reason) == ("API key “desk”", "a good customer")
    time.set(until)
    settle()
    assert changes(shop, member) == [(None, "silver", "manual"), ("silver", None, "manual_ended")]
    assert len(told(shop, "tier_changed")) == 2


def test_earning_goes_above_a_level_given_by_hand_and_stays_when_it_ends(new_shop: NewShop, time: BusinessTime) -> None:
    shop = new_shop(program())
    member = enrol(shop)
    by_hand(shop, member, "silver", clock.now() + timedelta(days=10))
    earn(shop, member, 300)
    assert tier(shop, member) == "gold"
    time.advance(days=11)
    settle()
    assert tier(shop, member) == "gold"


def test_a_level_by_hand_keeps_somebody_whose_own_is_ending_from_being_told_so(
    new_shop: NewShop, time: BusinessTime
) -> None:
    shop = new_shop(program())
    member = enrol(shop, email="ada@mail.example")
    earn(shop, member, 100, "test:gone")
    by_hand(shop, member, "gold")
    take_back(shop, "test:gone")
    time.advance(days=60)
    settle()
    assert (tier(shop, member), told(shop, "tier_ending")) == ("gold", [])
    by_hand(shop, member, None)
    assert (tier(shop, member), changes(shop, member)[-1]) == (None, ("gold", None, "manual"))


@pytest.mark.parametrize(
    ("level", "days", "code"), [("platinum", None, "no_such_level"), ("gold", 0, "is_past"), ("gold", -1, "is_past")]
)
def test_what_cannot_be_given_by_hand(
    new_shop: NewShop, time: BusinessTime, level: str, days: int | None, code: str
) -> None:
    shop = new_shop(program())
    member = enrol(shop)
    with pytest.raises(Conflict) as refused:
        by_hand(shop, member, level, None if days is None else clock.now() + timedelta(days=days))
    assert refused.value.code == code


# Erasure, and many ---------------------------------------------------------------------------------------------------


def test_an_erased_member_has_no_level_and_nothing_written_about_them(new_shop: NewShop, time: BusinessTime) -> None:
    shop = new_shop(program())
    member = enrol(shop)
    earn(shop, member, 100)
    by_hand(shop, member, "gold")
    shop.tell("customer.redacted", {"id": "c-1"})
    settle()
    assert tier(shop, member) is None
    assert standing(shop, member).manual_level is None
    assert [row.reason for row in rows(shop, "select reason from tier_change where shop_id = :shop")] == [None, None]
    shop.set_program(**program({**SILVER, "from": 50}))
    settle()
    assert tier(shop, member) is None


def test_a_change_of_the_tiers_reaches_every_member(
    new_shop: NewShop, time: BusinessTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.loyalty.tiers.tier_due.MARKED_AT_ONCE", 3)
    monkeypatch.setattr("backend.loyalty.tiers.tier_settling.COUNTED_AT_ONCE", 2)
    shop = new_shop({key: value for key, value in program().items() if key != "tiers"})
    everybody = [enrol(shop, f"c-{number}") for number in range(10)]
    for number, _ in enumerate(everybody):
        buy(shop, "100.00", f"o-{number}", customer={"id": f"c-{number}"})
    shop.set_program(**program(basis="spend"))
    settle()
    assert {tier(shop, each) for each in everybody} == {"silver"}
    assert rows(shop, "select 1 from tier_walk where shop_id = :shop and walk_at is not null") == []
