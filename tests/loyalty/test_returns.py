"""A shopper gives an unused reward back: its code is disabled first, then the points come back to their lots."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from backend.db import transaction
from backend.errors import Conflict, NotFound
from backend.jobs import points
from backend.loyalty.redemptions import endings
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.rewards_world import (
    GIFT,
    buy,
    entries,
    give_back,
    has,
    hold,
    let_pass,
    lots,
    mark,
    member_with,
    redeem,
    redemption,
    reward,
    rows,
    send,
    send_all,
    taken,
    violations,
)
from tests.platforms.discount_store import Store, open_store


@pytest.fixture
def store() -> Iterator[Store]:
    with open_store() as opened:
        yield opened


@pytest.fixture
def told(new_shop: Callable[..., TestShop], store: Store) -> TestShop:
    """A shop whose store is told of codes."""
    return new_shop(discounts_url=store.url)


def refused(shop: TestShop, member: int, redemption_id: int) -> str:
    with pytest.raises(Conflict) as caught:
        give_back(shop, member, redemption_id)
    assert caught.value.code == "not_returnable"
    return str(caught.value.detail)


def test_where_the_store_looks_codes_up_the_points_are_back_at_once(shop: TestShop) -> None:
    member, made = member_with(shop, 500), reward(shop)
    had = redeem(shop, member, made)
    returned = give_back(shop, member, had.id)
    assert (returned.status, returned.use_state, returned.ending, returned.ended_at is not None) == (
        "returned", "delivered", None, True,
    )  # fmt: skip
    assert (has(shop, member).available, entries(shop, member)) == (500, [("spend", 500), ("return", 500)])
    (coupon,) = rows(shop, "select state from coupon where shop_id = :shop and id = :id", id=had.coupon_id)
    assert coupon.state == "disabled"
    assert violations(shop) == []


def test_the_code_is_disabled_at_the_store_before_the_points_are_back(told: TestShop, store: Store) -> None:
    member, made = member_with(told, 500), reward(told)
    send_all(told)
    had = redeem(told, member, made)
    assert had.code in store.codes
    store.will("busy", "lose")
    on_its_way = give_back(told, member, had.id)
    assert (on_its_way.status, on_its_way.ending) == ("issued", "returned")
    for _ in ("busy", "lose"):
        send()
        let_pass(told, minutes=1)
        assert (has(told, member).available, redemption(told, had.id).status) == (0, "issued")
    assert had.code not in store.codes  # it was done, and nobody heard of it
    send()
    assert (has(told, member).available, redemption(told, had.id).status) == (500, "returned")
    assert violations(told) == []


def test_a_store_that_keeps_the_code_working_keeps_the_reward_with_its_owner(told: TestShop, store: Store) -> None:
    member, made = member_with(told, 500), reward(told)
    send_all(told)
    had = redeem(told, member, made)
    give_back(told, member, had.id)
    store.will("refuse")
    send()
    kept = redemption(told, had.id)
    assert (kept.status, kept.ending, "No such product" in kept.problem) == ("issued", None, True)
    assert (has(told, member).available, had.code in store.codes) == (0, True)
    give_back(told, member, had.id)  # and may be tried again
    send_all(told)
    assert (has(told, member).available, redemption(told, had.id).status) == (500, "returned")
    assert violations(told) == []


def test_the_points_are_back_in_the_same_lots_with_their_old_dates(shop: TestShop, time: BusinessTime) -> None:
    soon, later = time.now + timedelta(days=10), time.now + timedelta(days=20)
    member_with(shop, 300, expires_at=soon)
    member_with(shop, 300, expires_at=later)
    member = member_with(shop, 100)
    before = lots(shop, member)
    had = redeem(shop, member, reward(shop))
    assert lots(shop, member) == [(100, later), (100, None)]
    give_back(shop, member, had.id)
    assert lots(shop, member) == before


def test_into_a_lot_that_ended_meanwhile_they_come_back_for_a_week(shop: TestShop, time: BusinessTime) -> None:
    soon, later = time.now + timedelta(days=10), time.now + timedelta(days=20)
    member_with(shop, 300, expires_at=soon)
    member = member_with(shop, 300, expires_at=later)
    had = redeem(shop, member, reward(shop))
    time.set(soon + timedelta(hours=1))
    points.expire()
    give_back(shop, member, had.id)
    ((first, until), second) = lots(shop, member)
    assert (first, second) == (300, (300, later))
    assert until is not None and timedelta(0) <= until - (time.now + timedelta(days=7)) < timedelta(seconds=1)
    assert violations(shop) == []


def test_what_waits_for_its_code_goes_back_as_well(told: TestShop, store: Store) -> None:
    member = member_with(told, 500)
    waiting = redeem(told, member, reward(told))
    assert (waiting.status, waiting.code, has(told, member).on_hold) == ("requested", None, 500)
    assert give_back(told, member, waiting.id).status == "returned"
    send_all(told)
    assert (has(told, member).available, has(told, member).on_hold) == (500, 0)
    assert redemption(told, waiting.id).code is None
    assert violations(told) == []


def test_a_hold_at_the_checkout_goes_back_once_its_code_is_disabled(told: TestShop, store: Store) -> None:
    member = member_with(told, 50)
    reward(told, {"reward_name": "Pay with points", "reward_type": "cashback", "point_value": "2"})
    held = hold(told, member, "100.00", 20)
    send_all(told)
    assert give_back(told, member, held.id).status == "requested"
    assert has(told, member).on_hold == 20
    send_all(told)
    assert (redemption(told, held.id).status, has(told, member).available) == ("returned", 50)
    assert held.code not in store.codes


def test_giving_back_again_changes_nothing(told: TestShop, store: Store) -> None:
    member, made = member_with(told, 500), reward(told)
    send_all(told)
    had = redeem(told, member, made)
    give_back(told, member, had.id)
    assert give_back(told, member, had.id).ending == "returned"
    send_all(told)
    assert give_back(told, member, had.id).status == "returned"
    assert entries(told, member) == [("spend", 500), ("return", 500)]
    assert store.heard("disable") == [had.code]


def test_a_gift_that_is_on_its_way_stays(shop: TestShop) -> None:
    member = member_with(shop, 600)
    gift = redeem(shop, member, reward(shop, GIFT))
    mark(shop, gift.id, use_state="used", delivery_status="shipped")
    assert refused(shop, member, gift.id) == "This gift is on its way: it cannot be given back."
    mark(shop, gift.id, use_state="delivered")
    assert give_back(shop, member, gift.id).status == "returned"


def test_what_was_used_stays(shop: TestShop) -> None:
    member = member_with(shop, 500)
    had = redeem(shop, member, reward(shop))
    buy(shop, had.code)
    assert refused(shop, member, had.id) == "This reward has been used: it cannot be given back."


def test_what_has_run_out_stays_whether_or_not_the_sweep_has_run(shop: TestShop, time: BusinessTime) -> None:
    member = member_with(shop, 500)
    had = redeem(shop, member, reward(shop, coupon_valid_days=1))
    time.set(had.expires_at)
    said = "This reward has expired: it cannot be given back."
    assert refused(shop, member, had.id) == said
    points.expire_rewards()
    assert refused(shop, member, had.id) == said


def test_what_failed_is_over(told: TestShop, time: BusinessTime) -> None:
    member = member_with(told, 500)
    waiting = redeem(told, member, reward(told))
    time.advance(hours=25)
    points.release_holds()
    assert refused(told, member, waiting.id) == "There is nothing left of this reward to give back."


def test_somebody_elses_is_not_there(shop: TestShop, new_shop: Callable[..., TestShop]) -> None:
    member, other = member_with(shop, 500), member_with(shop, 500, "c-2")
    had = redeem(shop, member, reward(shop))
    for which in (had.id, 10**15):
        with pytest.raises(NotFound):
            give_back(shop, other, which)
    elsewhere = new_shop()
    with pytest.raises(NotFound), transaction() as session:
        endings.give_back(session, elsewhere.facts, member, had.id, had.issued_at)


def test_a_limited_reward_has_room_again(shop: TestShop) -> None:
    member = member_with(shop, 1000)
    made = reward(shop, limit_total=5)
    first: Any = redeem(shop, member, made)
    redeem(shop, member, made)
    assert taken(shop, made) == 2
    give_back(shop, member, first.id)
    give_back(shop, member, first.id)
    assert taken(shop, made) == 1
    assert violations(shop) == []
