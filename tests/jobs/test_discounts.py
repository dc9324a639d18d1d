"""Telling a store of its codes: calls may get lost, be late or be refused, and the store ends with the right ones.

Reliability F-66, F-67, F-69, F-70, F-72; contract section 3.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.jobs import outbox as sending
from backend.jobs import points
from backend.loyalty.coupons import coupons
from backend.loyalty.shops import shops
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.rewards_world import (
    CASHBACK,
    FIVE_OFF,
    buy,
    change,
    coupon_states,
    free_codes,
    give_back,
    has,
    hold,
    let_pass,
    member_with,
    redeem,
    redemption,
    reward,
    rows,
    send,
    send_all,
    violations,
)
from tests.platforms.discount_store import Store, open_store


@pytest.fixture(autouse=True)
def alone(app: Flask) -> None:
    """Codes of other tests are none of ours: their stores have closed."""
    with transaction() as session:
        session.execute(text("update outbox set state = 'parked' where kind = 'discount' and state = 'waiting'"))


@pytest.fixture
def store() -> Iterator[Store]:
    with open_store() as opened:
        yield opened


@pytest.fixture
def shop(new_shop: Callable[..., TestShop], store: Store) -> TestShop:
    return new_shop(discounts_url=store.url)


@pytest.fixture
def held(shop: TestShop) -> Any:
    """One code on its way: that of a checkout."""
    reward(shop, CASHBACK)
    return hold(shop, member_with(shop, 50), "100.00", 20)


def calls(shop: TestShop) -> list[Any]:
    return rows(shop, "select * from outbox where shop_id = :shop and kind = 'discount' order by id")


# Making


def test_a_code_is_made_with_one_call(shop: TestShop, store: Store, held: Any) -> None:
    send()
    assert (store.heard("create"), redemption(shop, held.id).is_ready) == ([held.code], True)
    (call,) = calls(shop)
    assert (call.state, call.attempts, call.last_error) == ("done", 1, None)


def test_when_the_answer_is_lost_the_same_code_is_asked_for_again_and_is_ours(
    shop: TestShop, store: Store, held: Any
) -> None:
    store.will("lose", "lose")
    for _ in range(3):
        send()
        let_pass(shop, minutes=1)
    assert store.heard("create") == [held.code] * 3
    assert len(set(store.ids)) == 1  # one message, told three times
    assert (len(store.codes), redemption(shop, held.id).is_ready) == (1, True)
    assert calls(shop)[0].state == "done"


def test_a_busy_store_is_asked_again_when_it_says(shop: TestShop, store: Store, held: Any) -> None:
    store.will("busy 90")
    before = clock.wall()
    send()
    (call,) = calls(shop)
    assert (call.state, call.attempts, call.last_error) == ("waiting", 1, "The store answered 503.")
    assert timedelta(seconds=89) < call.next_try_at - before < timedelta(seconds=130)
    send()
    assert len(store.said) == 1
    let_pass(shop, seconds=130)
    send()
    assert redemption(shop, held.id).is_ready


def test_without_a_time_it_is_asked_again_after_one_two_and_four_seconds(
    shop: TestShop, store: Store, held: Any
) -> None:
    for seconds in (1, 2, 4):
        store.will("busy")
        before = clock.wall()
        send()
        again = calls(shop)[0].next_try_at
        assert again - before >= timedelta(seconds=seconds)
        assert again - clock.wall() <= timedelta(seconds=1.2 * seconds)  # they do not all come at the same moment
        let_pass(shop, minutes=1)


def test_a_code_of_somebody_elses_is_replaced_and_the_checkout_goes_on(shop: TestShop, store: Store, held: Any) -> None:
    store.will("foreign")
    send()
    now = redemption(shop, held.id)
    assert (now.code != held.code, now.status, now.is_ready) == (True, "requested", False)
    assert (now.hold_until, now.discount) == (held.hold_until, held.discount)
    assert calls(shop)[0].state == "parked"
    send()
    assert (redemption(shop, held.id).is_ready, store.codes[now.code]["value"]) == (True, "40.00")
    assert store.codes[held.code] == {"reference": "somebody else's"}
    buy(shop, now.code)
    assert redemption(shop, held.id).status == "issued"
    assert violations(shop) == []


def test_what_the_store_will_never_take_is_parked_with_its_words(shop: TestShop, store: Store, held: Any) -> None:
    store.will("refuse")
    send()
    (call,) = calls(shop)
    assert (call.state, call.last_error) == ("parked", "The store answered 422: No such product.")
    assert held.code not in call.last_error
    assert has(shop, held.member_id).available == 50


def test_a_code_that_is_used_before_we_hear_that_it_is_there_is_used(shop: TestShop, store: Store, held: Any) -> None:
    store.will("lose")
    send()
    buy(shop, held.code)
    assert redemption(shop, held.id).use_state == "used"
    let_pass(shop, minutes=1)
    send()
    now = redemption(shop, held.id)
    assert (now.status, now.use_state, now.is_ready) == ("issued", "used", True)
    assert violations(shop) == []


def test_what_is_given_up_after_three_days_is_refused(shop: TestShop, store: Store) -> None:
    made = reward(shop)
    with transaction() as session:
        session.execute(
            text("update outbox set created_at = created_at - interval '4 days' where shop_id = :shop"),
            {"shop": shop.id},
        )
    store.will(*["busy"] * coupons.STOCK)
    while len(store.said) < coupons.STOCK:
        send()
    assert coupon_states(shop, made) == {"refused": coupons.STOCK}
    assert calls(shop)[0].last_error.startswith("Given up after 1 attempts")


def test_one_shops_silent_store_holds_up_no_other(
    shop: TestShop, store: Store, held: Any, new_shop: Callable[..., TestShop]
) -> None:
    silent = new_shop(discounts_url="http://127.0.0.1:1/nobody")
    reward(silent, CASHBACK)
    lonely = hold(silent, member_with(silent, 50), "100.00", 20)
    send()
    assert redemption(shop, held.id).is_ready
    assert not redemption(silent, lonely.id).is_ready
    assert calls(silent)[0].state == "waiting"


def test_a_shop_whose_address_was_taken_away_has_its_codes_at_once(shop: TestShop, store: Store, held: Any) -> None:
    with transaction() as session:
        session.execute(text("update shop set discounts_url = null where id = :shop"), {"shop": shop.id})
    shops.forget_facts()
    send()
    assert (redemption(shop, held.id).is_ready, store.said) == (True, [])


def test_a_late_worker_whose_lease_is_over_changes_nothing(shop: TestShop, store: Store, held: Any) -> None:
    sender = sending.SENDERS[coupons.OUTBOX_KIND]
    (late,) = sending.claim(coupons.OUTBOX_KIND, 10)
    let_pass(shop, minutes=5)
    store.will("refuse")
    send()  # another one takes it, and the store refuses
    with sender.line() as make:
        sending._make(late, make, sender)
    assert redemption(shop, held.id).status == "failed"
    assert calls(shop)[0].state == "parked"
    assert violations(shop) == []


# Disabling


def test_a_code_is_disabled_only_when_nobody_is_making_it(
    shop: TestShop, store: Store, held: Any, time: BusinessTime
) -> None:
    store.will("lose")
    send()  # it is there, and we do not know
    time.set(held.hold_until)
    points.release_holds()
    create, disable = calls(shop)
    with transaction() as session:  # the disabling comes first
        session.execute(
            text("update outbox set next_try_at = next_try_at - interval '1 day' where shop_id = :shop and id = :id"),
            {"shop": shop.id, "id": disable.id},
        )
    send()
    assert (store.heard("disable"), calls(shop)[1].last_error) == ([], "The code is still being made.")
    assert has(shop, held.member_id).on_hold == 20
    send_all(shop)
    assert (store.codes, redemption(shop, held.id).status, has(shop, held.member_id).available) == ({}, "expired", 50)
    assert (calls(shop)[0].id, calls(shop)[0].state) == (create.id, "done")
    assert violations(shop) == []


def test_a_code_that_was_withdrawn_before_anybody_was_told_is_never_told(shop: TestShop, store: Store) -> None:
    made = reward(shop)
    with transaction() as session:
        coupons.withdraw_stock(session, shop.facts, made.id)
    with transaction() as session:
        session.execute(text("delete from coupon_refill where shop_id = :shop"), {"shop": shop.id})
    send()
    assert (store.said, coupon_states(shop, made)) == ([], {"disabled": coupons.STOCK})
    assert {call.last_error for call in calls(shop)} == {"called off before it was sent"}


def test_a_stock_code_that_the_store_keeps_working_is_never_given_to_anybody(shop: TestShop, store: Store) -> None:
    made = reward(shop)
    send_all(shop)
    store.will("refuse")
    change(shop, made, reward_value="7")
    send_all(shop)
    assert coupon_states(shop, made) == {"disabling": 1, "disabled": coupons.STOCK - 1, "ready": coupons.STOCK}
    assert {store.codes[code]["value"] for code in free_codes(shop, made)} == {"7.00"}
    assert violations(shop) == []


def test_a_lost_answer_to_a_disabling_is_asked_again(shop: TestShop, store: Store) -> None:
    member, made = member_with(shop, 500), reward(shop)
    send_all(shop)
    had = redeem(shop, member, made)
    give_back(shop, member, had.id)
    store.will("lose")
    send()
    assert (has(shop, member).available, had.code in store.codes) == (0, False)
    let_pass(shop, minutes=1)
    send()  # 404: it is not there any more
    assert has(shop, member).available == 500
    assert violations(shop) == []


def test_a_used_code_whose_disabling_is_on_its_way_stays_used(shop: TestShop, store: Store) -> None:
    member, made = member_with(shop, 500), reward(shop)
    send_all(shop)
    had = redeem(shop, member, made)
    give_back(shop, member, had.id)
    buy(shop, had.code)
    store.will("refuse")
    send()
    now = redemption(shop, had.id)
    assert (now.status, now.use_state, now.ending, has(shop, member).available) == ("issued", "used", None, 0)
    assert violations(shop) == []


def test_the_store_ends_with_the_codes_that_work_and_no_other_whatever_it_forgets_to_answer(
    shop: TestShop, store: Store
) -> None:
    member, made = member_with(shop, 5000), reward(shop, FIVE_OFF | {"points_to_be_redeemed": 10})
    store.will(*["lose", "fine", "busy", "fine", "foreign"] * 20)
    for number in range(60):
        had = redeem(shop, member, made)
        if number % 3 == 0:
            give_back(shop, member, had.id)
        if number % 10 == 0:
            points.refill_coupons()
            let_pass(shop, minutes=1)
            send()
    store.will(*["lose", "fine"] * 10)
    send_all(shop)
    ours = {code for code, each in store.codes.items() if each["reference"] != "somebody else's"}
    working = rows(shop, "select upper(code) as code from coupon where shop_id = :shop and state = 'ready'")
    had_codes = rows(shop, "select upper(code) as code from redemption where shop_id = :shop and status = 'issued'")
    assert ours == {row.code for row in working} == {row.code for row in had_codes} | set(free_codes(shop, made))
    assert len(had_codes) == 40
    assert has(shop, member).available == 5000 - 400
    assert violations(shop) == []
