"""Points pay a part of a checkout (S0.1 to S0.8, design section 7, A4)."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from backend import clock
from backend.db import transaction
from backend.errors import BadInput, IdempotencyKeyReused, NotEnoughPoints, Unauthorized
from backend.jobs import points
from backend.loyalty.members import members
from backend.loyalty.redemptions import cashback
from backend.loyalty.redemptions.cashback import BeyondOrder, CashbackUnavailable, Quote, quote
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.rewards_world import (
    CASHBACK,
    buy,
    change,
    entries,
    has,
    hold,
    lots,
    member_with,
    redemption,
    reward,
    rows,
    send_all,
    taken,
    tell_again,
    violations,
)
from tests.platforms.discount_store import Store, open_store

ITEMS = {"earn": {"spend_step": "10", "points_per_step": 1, "base": "items"}, "assign": {"delay_days": 0, "on": "paid"}}


def asked(shop: TestShop, member: int, total: str, points_: int | None = None) -> Quote:
    with transaction() as session:
        return cashback.quote_for(session, shop.facts, member, Decimal(total), points_, clock.now())[1]


def chosen(shop: TestShop, member: int) -> str:
    with transaction() as session:
        return cashback.available_to(session, shop.facts, member, clock.now()).name


@pytest.fixture
def store() -> Iterator[Store]:
    with open_store() as opened:
        yield opened


@pytest.fixture
def told(new_shop: Callable[..., TestShop], store: Store) -> TestShop:
    return new_shop(discounts_url=store.url)


# What points take off


def test_fifty_points_of_two_euros_make_an_order_of_a_hundred_free(shop: TestShop) -> None:  # S0.3
    member = member_with(shop, 50)
    reward(shop, CASHBACK)
    assert asked(shop, member, "100.00", 50) == Quote(50, Decimal("100.00"), Decimal("0.00"), 50)


def test_twenty_of_them_take_forty_off_and_sixty_is_to_pay(shop: TestShop) -> None:  # S0.4
    member = member_with(shop, 50)
    reward(shop, CASHBACK)
    assert asked(shop, member, "100.00", 20) == Quote(20, Decimal("40.00"), Decimal("60.00"), 50)


@pytest.mark.parametrize(
    ("total", "value", "has_points", "currency", "wanted", "expected"),
    [
        ("100.00", "2", 80, "EUR", None, (50, "100.00", "0.00", 50)),  # no more than the order
        ("100.00", "2", 30, "EUR", None, (30, "60.00", "40.00", 30)),  # no more than the balance
        ("99.99", "2", 80, "EUR", None, (50, "99.99", "0.00", 50)),  # the last point pays what is left
        ("0.01", "2", 80, "EUR", None, (1, "0.01", "0.00", 1)),
        ("1000", "0.5", 3, "JPY", 3, (3, "1", "999", 2)),  # half a yen takes nothing off
        ("1000", "0.5", 3, "JPY", None, (2, "1", "999", 2)),  # so nobody is made to spend it
        ("1000", "3", 999, "JPY", None, (334, "1000", "0", 334)),
        ("12.345", "0.005", 100, "KWD", None, (100, "0.500", "11.845", 100)),
        ("12.345", "1", 100, "KWD", None, (13, "12.345", "0.000", 13)),
        ("10.00", "0.001", 19, "EUR", None, (10, "0.01", "9.99", 10)),
        ("10.00", "0.001", 9, "EUR", None, (0, "0.00", "10.00", 0)),
        ("10.00", "2", 0, "EUR", None, (0, "0.00", "10.00", 0)),
        ("123456789012345.67", "0.0001", 10**9, "EUR", None, (10**9, "100000.00", "123456788912345.67", 10**9)),
    ],
)
def test_the_sum_is_right_to_the_smallest_coin(
    total: str, value: str, has_points: int, currency: str, wanted: int | None, expected: tuple[Any, ...]
) -> None:
    got = quote(Decimal(total), Decimal(value), has_points, currency, wanted)
    assert (got.points, str(got.discount), str(got.to_pay), got.max_points) == expected


def test_more_than_pays_the_order_is_refused() -> None:
    with pytest.raises(BeyondOrder) as caught:
        quote(Decimal("100.00"), Decimal(2), 80, "EUR", 51)
    assert caught.value.errors == [{"field": "points", "message": "should be at most 50: that pays the whole order"}]


def test_more_than_there_is_is_refused() -> None:
    with pytest.raises(NotEnoughPoints) as caught:
        quote(Decimal("100.00"), Decimal(2), 30, "EUR", 31)
    assert (caught.value.available, caught.value.wanted) == (30, 31)


@pytest.mark.parametrize(("total", "wanted"), [("-100.00", None), ("-0.01", 1), ("100.00", -1)])
def test_what_is_below_zero_is_refused(total: str, wanted: int | None) -> None:
    with pytest.raises(BadInput):
        quote(Decimal(total), Decimal(2), 30, "EUR", wanted)


def test_points_past_their_date_are_not_offered(shop: TestShop, time: BusinessTime) -> None:
    ends = time.now + timedelta(days=1)
    member_with(shop, 30, expires_at=ends)
    member = member_with(shop, 20)
    reward(shop, CASHBACK)
    time.set(ends)
    assert asked(shop, member, "100.00").max_points == 20
    held = hold(shop, member, "100.00")
    assert (held.points, held.points_after) == (20, 0)
    assert violations(shop) == []


# Which campaign


def test_of_several_campaigns_the_best_rate_is_used(shop: TestShop) -> None:  # S0.7
    member = member_with(shop, 50)
    for name, value in (("one", "1"), ("two and a half", "2.5"), ("two", "2")):
        reward(shop, CASHBACK, reward_name=name, point_value=value)
    assert chosen(shop, member) == "two and a half"
    assert hold(shop, member, "100.00", 4).discount == Decimal("10.00")


def test_between_equals_the_older_one_is_used(shop: TestShop) -> None:
    reward(shop, CASHBACK, reward_name="older")
    reward(shop, CASHBACK, reward_name="newer")
    assert chosen(shop, member_with(shop, 1)) == "older"


def test_only_what_is_active_in_its_dates_and_for_this_member_is_used(
    shop: TestShop, time: BusinessTime
) -> None:  # S0.8
    yesterday, tomorrow = (time.now + timedelta(days=days) for days in (-1, 2))
    reward(shop, CASHBACK, reward_name="off", point_value="9", is_active=False)
    reward(shop, CASHBACK, reward_name="over", point_value="8", active_to=yesterday.isoformat())
    reward(shop, CASHBACK, reward_name="to come", point_value="7", active_from=tomorrow.isoformat())
    reward(shop, CASHBACK, reward_name="gold", point_value="6", target={"type": "level", "levels": ["gold"]})
    member = member_with(shop, 50)
    with pytest.raises(CashbackUnavailable):
        chosen(shop, member)
    reward(shop, CASHBACK, reward_name="all", point_value="1")
    assert chosen(shop, member) == "all"
    time.set(tomorrow)
    assert chosen(shop, member) == "to come"


def test_a_campaign_that_was_had_as_often_as_it_can_be_makes_way_for_the_next(shop: TestShop) -> None:
    one, other = member_with(shop, 50), member_with(shop, 50, "c-2")
    best = reward(shop, CASHBACK, reward_name="best", point_value="5", limit_total=2, limit_per_member=1)
    reward(shop, CASHBACK, reward_name="next", point_value="1")
    held = hold(shop, one, "100.00", 1)
    assert (chosen(shop, one), chosen(shop, other), taken(shop, best)) == ("next", "best", 1)
    hold(shop, other, "100.00", 1)
    third = hold(shop, member_with(shop, 1, "c-3"), "100.00", 1)
    assert (taken(shop, best), third.frozen["name"]) == (2, "next")
    buy(shop, held.code)
    assert violations(shop) == []


def test_room_is_made_by_a_hold_that_is_let_go(shop: TestShop, time: BusinessTime) -> None:
    member = member_with(shop, 50)
    limited = reward(shop, CASHBACK, limit_total=1, limit_per_member=1)
    held = hold(shop, member, "100.00", 1)
    with pytest.raises(CashbackUnavailable):
        hold(shop, member, "100.00", 1)
    time.set(held.hold_until)
    points.release_holds()
    assert taken(shop, limited) == 0
    again = hold(shop, member, "100.00", 1)
    time.set(again.hold_until)
    points.release_holds()
    change(shop, limited, limit_total=None)
    assert change(shop, limited, limit_total=1).taken == 0
    assert violations(shop) == []


def test_a_rate_that_was_changed_counts_from_the_next_hold_on(shop: TestShop) -> None:
    member = member_with(shop, 50)
    campaign = reward(shop, CASHBACK)
    before = hold(shop, member, "100.00", 10)
    change(shop, campaign, point_value="1")
    after = hold(shop, member, "100.00", 10)
    assert (before.discount, before.frozen["point_value"]) == (Decimal("20.00"), "2")
    assert (after.discount, after.frozen["point_value"]) == (Decimal("10.00"), "1")
    assert redemption(shop, before.id).discount == Decimal("20.00")


# Holding


def test_a_hold_has_a_code_at_once_that_the_store_has_a_moment_later(told: TestShop, store: Store) -> None:
    member = member_with(told, 50)
    reward(told, CASHBACK, code_prefix="PAY")
    held = hold(told, member, "100.00", 20)
    assert (held.status, held.is_ready, held.code[:4], held.discount) == ("requested", False, "PAY-", Decimal("40.00"))
    assert held.hold_until - held.requested_at == timedelta(minutes=30)
    assert (has(told, member).available, has(told, member).on_hold) == (30, 20)
    send_all(told)
    assert redemption(told, held.id).is_ready
    said = store.codes[held.code]
    assert {name: said[name] for name in ("kind", "value", "currency", "usage_limit", "customer_id")} == {
        "kind": "fixed_amount", "value": "40.00", "currency": "EUR", "usage_limit": 1, "customer_id": "c-1",
    }  # fmt: skip
    assert violations(told) == []


def test_the_same_key_is_the_same_hold_as_it_now_is(shop: TestShop) -> None:
    member = member_with(shop, 50)
    reward(shop, CASHBACK)
    held = hold(shop, member, "100.00", 20, "a key")
    assert hold(shop, member, "100.0", 20, "a key").id == held.id
    with pytest.raises(IdempotencyKeyReused):
        hold(shop, member, "100.00", 21, "a key")
    buy(shop, held.code)
    assert hold(shop, member, "100.00", 20, "a key").status == "issued"
    assert entries(shop, member)[:2] == [("hold", 20), ("capture", 20)]


def test_points_on_hold_cannot_be_held_again(shop: TestShop) -> None:
    member = member_with(shop, 50)
    reward(shop, CASHBACK)
    hold(shop, member, "100.00", 40)
    with pytest.raises(NotEnoughPoints):
        hold(shop, member, "100.00", 11)
    assert hold(shop, member, "100.00").points == 10
    with pytest.raises(NotEnoughPoints):
        hold(shop, member, "100.00")


def test_points_that_take_nothing_off_are_not_held(shop: TestShop) -> None:
    member = member_with(shop, 50)
    reward(shop, CASHBACK, point_value="0.001")
    with pytest.raises(BadInput) as caught:
        hold(shop, member, "100.00", 9)
    assert (caught.value.code, has(shop, member).on_hold) == ("nothing_off", 0)


@pytest.mark.parametrize(
    ("currency", "value", "has_points", "wanted"),
    [("EUR", "2", 0, 1), ("JPY", "0.4", 1, 3), ("KRW", "0.001", 900, 1000), ("KWD", "0.0005", 1, 2)],
)
def test_too_few_for_the_smallest_coin_are_told_how_many_it_takes(
    new_shop: Callable[..., TestShop], currency: str, value: str, has_points: int, wanted: int
) -> None:
    shop = new_shop(currency=currency)
    member = member_with(shop, has_points)
    reward(shop, CASHBACK, point_value=value)
    with pytest.raises(NotEnoughPoints) as caught:
        hold(shop, member, "100")
    assert (caught.value.available, caught.value.wanted) == (has_points, wanted)


def test_where_nothing_is_to_pay_no_points_are_missing(new_shop: Callable[..., TestShop]) -> None:
    shop = new_shop(currency="JPY")
    member = member_with(shop, 50)
    reward(shop, CASHBACK)
    with pytest.raises(BadInput) as caught:
        hold(shop, member, "0.5")
    assert (caught.value.code, caught.value.errors[0]["field"]) == ("nothing_off", "order_total")


@pytest.mark.parametrize(("currency", "total", "left"), [("JPY", "100.50", "90"), ("EUR", "100.999", "90.99")])
def test_what_is_left_to_pay_is_what_was_quoted(
    new_shop: Callable[..., TestShop], currency: str, total: str, left: str
) -> None:
    shop = new_shop(currency=currency)
    member = member_with(shop, 50)
    reward(shop, CASHBACK)
    held = hold(shop, member, total, 5)
    quoted = asked(shop, member, total, 5)
    assert str(quoted.to_pay) == left
    assert Decimal(held.frozen["order_total"]) - held.discount == quoted.to_pay


def test_an_erased_member_holds_nothing(shop: TestShop) -> None:
    member = member_with(shop, 50)
    reward(shop, CASHBACK)
    with transaction() as session:
        members.erase(session, shop.id, "c-1", clock.now())
    with pytest.raises(Unauthorized):
        hold(shop, member, "100.00", 10)


# Letting go


def test_after_half_an_hour_the_code_is_disabled_and_then_the_points_are_free(
    told: TestShop, store: Store, time: BusinessTime
) -> None:
    until = time.now + timedelta(days=90)
    member = member_with(told, 50, expires_at=until)
    reward(told, CASHBACK)
    held = hold(told, member, "100.00", 20)
    send_all(told)
    time.set(held.hold_until - timedelta(seconds=1))
    points.release_holds()
    assert redemption(told, held.id).ending is None
    time.set(held.hold_until)
    points.release_holds()
    assert (redemption(told, held.id).ending, has(told, member).on_hold) == ("released", 20)
    assert violations(told) == []
    send_all(told)
    assert (redemption(told, held.id).status, lots(told, member)) == ("expired", [(50, until)])
    assert held.code not in store.codes
    assert violations(told) == []


def test_a_store_that_does_not_disable_the_code_keeps_nobodys_points(
    told: TestShop, store: Store, time: BusinessTime
) -> None:
    member = member_with(told, 50)
    reward(told, CASHBACK)
    held = hold(told, member, "100.00", 20)
    send_all(told)
    time.set(held.hold_until)
    points.release_holds()
    store.will("refuse")
    send_all(told)
    assert (redemption(told, held.id).status, has(told, member).available) == ("expired", 50)
    buy(told, held.code)  # it works still: then it was used
    assert (redemption(told, held.id).status, has(told, member).available) == ("issued", 30)
    assert violations(told) == []


def test_a_code_that_the_store_refuses_lets_the_points_go_at_once(told: TestShop, store: Store) -> None:
    member = member_with(told, 50, email="ada@example.com")
    reward(told, CASHBACK)
    store.will("refuse")
    held = hold(told, member, "100.00", 20)
    send_all(told)
    failed = redemption(told, held.id)
    assert (failed.status, "No such product" in failed.problem, has(told, member).available) == ("failed", True, 50)
    assert violations(told) == []


def test_a_hold_that_ends_before_the_store_was_told_never_reaches_it(
    told: TestShop, store: Store, time: BusinessTime
) -> None:
    member = member_with(told, 50)
    reward(told, CASHBACK)
    held = hold(told, member, "100.00", 20)
    time.set(held.hold_until)
    points.release_holds()
    assert (redemption(told, held.id).status, has(told, member).available) == ("expired", 50)
    send_all(told)
    assert store.said == []
    assert violations(told) == []


# The order


def test_the_order_that_carries_the_code_captures_the_points(shop: TestShop, time: BusinessTime) -> None:
    member = member_with(shop, 50)
    reward(shop, CASHBACK)
    held = hold(shop, member, "100.00", 20)
    buy(shop, held.code.lower())
    used = redemption(shop, held.id)
    assert (used.status, used.use_state, used.hold_until) == ("issued", "used", None)
    time.set(held.hold_until)
    points.release_holds()
    assert (entries(shop, member), has(shop, member).available) == ([("hold", 20), ("capture", 20)], 30)
    assert violations(shop) == []


def test_an_order_in_the_moment_of_the_release_has_its_points(told: TestShop, time: BusinessTime) -> None:
    member = member_with(told, 50)
    reward(told, CASHBACK)
    held = hold(told, member, "100.00", 20)
    send_all(told)
    time.set(held.hold_until)
    points.release_holds()
    buy(told, held.code)
    assert redemption(told, held.id).ending is None
    send_all(told)
    assert (redemption(told, held.id).status, has(told, member).available) == ("issued", 30)
    assert entries(told, member) == [("hold", 20), ("capture", 20)]
    assert violations(told) == []


def test_an_order_with_a_code_that_was_let_go_spends_the_points_again(shop: TestShop, time: BusinessTime) -> None:
    member = member_with(shop, 50)
    reward(shop, CASHBACK)
    held = hold(shop, member, "100.00", 50)
    time.set(held.hold_until)
    points.release_holds()
    assert has(shop, member).available == 50
    hold(shop, member, "100.00", 40)
    bought = buy(shop, held.code)
    assert (has(shop, member).available, has(shop, member).owed) == (0, -40)
    assert violations(shop) == []
    tell_again(shop, bought, cancelled_at=time.now.isoformat())
    assert (has(shop, member).available, has(shop, member).owed) == (10, 0)
    assert redemption(shop, held.id).status == "returned"
    assert violations(shop) == []


@pytest.mark.parametrize(
    "undone", [{"cancelled_at": "now"}, {"payment_status": "voided"}, {"payment_status": "refunded"}]
)
def test_an_order_undone_before_it_was_on_its_way_gives_the_points_back_to_their_lots(
    told: TestShop, store: Store, time: BusinessTime, undone: dict[str, str]
) -> None:
    until = time.now + timedelta(days=90)
    member = member_with(told, 50, expires_at=until)
    reward(told, CASHBACK)
    held = hold(told, member, "100.00", 20)
    send_all(told)
    bought = buy(told, held.code)
    tell_again(told, bought, **{name: value.replace("now", time.now.isoformat()) for name, value in undone.items()})
    assert (redemption(told, held.id).ending, has(told, member).available) == ("order_undone", 30)
    assert held.code in store.codes
    send_all(told)
    assert (redemption(told, held.id).status, lots(told, member)) == ("returned", [(50, until)])
    assert held.code not in store.codes
    assert violations(told) == []


@pytest.mark.parametrize("undone", [{"cancelled_at": "now"}, {"payment_status": "refunded"}])
@pytest.mark.parametrize("is_told_first", [True, False])
def test_an_order_undone_when_it_was_on_its_way_keeps_them_whatever_is_told_first(
    shop: TestShop, time: BusinessTime, undone: dict[str, str], is_told_first: bool
) -> None:
    member = member_with(shop, 50)
    reward(shop, CASHBACK)
    held = hold(shop, member, "100.00", 20)
    bought = buy(shop, held.code)
    off = {name: value.replace("now", time.now.isoformat()) for name, value in undone.items()}
    if is_told_first:
        tell_again(shop, bought, delivery_status="shipped")
        tell_again(shop, bought, delivery_status="shipped", **off)
    else:
        tell_again(shop, bought, **off)
        assert has(shop, member).available == 50
        tell_again(shop, bought, delivery_status="shipped", **off)
    assert (redemption(shop, held.id).use_state, has(shop, member).available) == ("used", 30)
    assert violations(shop) == []


def test_a_payment_that_is_taken_up_again_captures_again(shop: TestShop) -> None:
    member = member_with(shop, 50)
    reward(shop, CASHBACK)
    held = hold(shop, member, "100.00", 20)
    bought = buy(shop, held.code, payment_status="pending")
    tell_again(shop, bought, payment_status="voided")
    assert has(shop, member).available == 50
    tell_again(shop, bought, payment_status="paid")
    assert (redemption(shop, held.id).status, has(shop, member).available) == ("issued", 30)
    assert violations(shop) == []


# What such an order earns


def test_an_order_earns_on_what_was_not_paid_with_points(new_shop: Callable[..., TestShop]) -> None:  # A4
    shop = new_shop(program=ITEMS)
    member = member_with(shop, 20)
    reward(shop, CASHBACK)
    held = hold(shop, member, "100.00", 20)
    buy(shop, held.code)
    assert has(shop, member).available == 6
    (award,) = rows(shop, "select why from award where shop_id = :shop")
    assert {"what": "paid_with_points", "amount": "40.00"} in award.why["excluded"]
    assert violations(shop) == []


def test_a_refund_of_an_order_paid_with_points_takes_back_what_the_rest_earned(
    new_shop: Callable[..., TestShop],
) -> None:
    shop = new_shop(program=ITEMS)
    member = member_with(shop, 20)
    reward(shop, CASHBACK)
    held = hold(shop, member, "100.00", 20)
    line = {"id": "l-1", "product_id": "p", "title": "Lamp", "quantity": 2, "unit_price": "50.00", "total": "100.00"}
    bought = buy(shop, held.code, line_items=[line], delivery_status="shipped")
    assert has(shop, member).available == 6
    part = {"id": "r-1", "created_at": bought["created_at"], "amount": "50.00"}
    half = {"line_item_id": "l-1", "quantity": 1, "amount": "50.00"}
    shop.tell("order.refunded", {"order_id": "o-1", "refund": part | {"line_items": [half]}})
    assert has(shop, member).available == 3
    tell_again(shop, bought, payment_status="refunded")
    assert has(shop, member).available == 0
    assert redemption(shop, held.id).use_state == "used"
    assert violations(shop) == []


def test_what_an_order_pays_with_points_is_counted_once_and_never_below_nothing(
    new_shop: Callable[..., TestShop],
) -> None:
    shop = new_shop(program=ITEMS)
    member = member_with(shop, 100)
    reward(shop, CASHBACK)
    one, other = (hold(shop, member, "100.00", 50) for _ in range(2))
    buy(shop, one.code, one.code.lower(), other.code)
    assert (has(shop, member).available, has(shop, member).on_hold) == (0, 0)
    assert rows(shop, "select 1 from award where shop_id = :shop") == []
    assert violations(shop) == []
