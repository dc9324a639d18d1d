"""Two accounts of one person become one: points keep their dates, entries stay, what was given twice is given once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.errors import Conflict
from backend.jobs import points
from backend.ledger import posting
from backend.ledger.posting import Author
from backend.loyalty.members import blocking, care_log, members, merging
from backend.loyalty.points import expiry
from tests.conftest import NEXT_YEAR, PROGRAM, BusinessTime, TestShop
from tests.loyalty.rewards_world import (
    CASHBACK,
    FIVE_OFF,
    GIFT,
    buy,
    give_back,
    grant,
    has,
    hold,
    lots,
    member_with,
    order,
    redeem,
    redemption,
    reward,
    rows,
    send_all,
    tell_again,
    violations,
)
from tests.widget_api.conftest import Widget

BY = Author("staff", "Ada Admin")
SOON, LATER = datetime(NEXT_YEAR, 3, 1, tzinfo=UTC), datetime(NEXT_YEAR, 9, 1, tzinfo=UTC)


def merge(shop: TestShop, kept: int, gone: int) -> None:
    with transaction() as session:
        merging.merge(session, shop.facts, kept, gone, "She told us", BY, clock.now())


def outstanding(shop: TestShop) -> int:
    (row,) = rows(
        shop, "select coalesce(sum(pending + available + on_hold + owed), 0) as all from account where shop_id = :shop"
    )
    return int(row.all)


def collected(shop: TestShop, customer: str, order_id: str, subtotal: str = "100.00", **more: Any) -> dict[str, Any]:
    told = order(order_id, customer={"id": customer}, subtotal=subtotal, total=subtotal) | {
        "delivery_status": "collected",
        "collected_at": clock.now().isoformat(),
        **more,
    }
    shop.tell("order.collected", told)
    return told


def test_points_go_along_with_their_dates_and_the_sum_stays(shop: TestShop) -> None:
    kept = member_with(shop, 100, "c-1", expires_at=LATER)
    gone = member_with(shop, 30, "c-2", expires_at=SOON)
    with transaction() as session:
        grant(session, shop, gone, 20, LATER)
    before = outstanding(shop)
    merge(shop, kept, gone)
    assert has(shop, kept).available == 150
    assert has(shop, gone).available == 0
    assert lots(shop, kept) == [(30, SOON), (100, LATER), (20, LATER)]
    assert outstanding(shop) == before
    assert violations(shop) == []


def test_entries_are_never_rewritten_and_say_what_moved_and_who_did_it(shop: TestShop) -> None:
    kept, gone = member_with(shop, 100, "c-1"), member_with(shop, 30, "c-2")
    first = rows(shop, "select * from entry where shop_id = :shop order by id")
    merge(shop, kept, gone)
    now = rows(shop, "select * from entry where shop_id = :shop order by id")
    assert now[: len(first)] == first
    assert [
        (each.member_id, each.kind, each.from_bucket, each.to_bucket, each.points) for each in now[len(first) :]
    ] == [
        (gone, "merge", "available", "merged", 30),
        (kept, "merge", "merged", "available", 30),
    ]
    assert {(each.actor, each.actor_name) for each in now[len(first) :]} == {("staff", "Ada Admin")}


def test_a_bonus_of_accounts_that_are_merged_one_after_the_other_takes_nobody_elses_name(
    new_shop: Callable[..., TestShop], time: BusinessTime
) -> None:
    """A bonus is known by the member's number, and those of 31 and 32 begin like those of 315 and 325."""
    shop = new_shop({**PROGRAM, "rules": [{"id": "hello", "kind": "signup", "points": 50, "title": {"en": "Hello"}}]})

    def numbered(number: int, customer: str) -> int:
        with transaction() as session:
            session.execute(text("select setval(pg_get_serial_sequence('member', 'id'), :n, false)"), {"n": number})
        return member_with(shop, customer=customer)

    def signs_up(*customers: str) -> None:
        for customer in customers:
            time.advance(minutes=1)
            shop.tell("customer.created", {"id": customer, "created_at": clock.now().isoformat()})

    (newest,) = rows(shop, "select coalesce(max(id), 0) as id from member where :shop > 0")
    begin = 3 * 10 ** len(str(newest.id))
    kept, between = numbered(begin + 1, "kept"), numbered(begin + 2, "between")
    other, gone = numbered(10 * begin + 15, "other"), numbered(10 * begin + 25, "gone")
    signs_up("kept", "between", "gone")
    merge(shop, between, gone)
    merge(shop, kept, between)
    signs_up("other")
    assert (has(shop, kept).available, has(shop, other).available) == (50, 50)
    bonuses = rows(
        shop, "select key, member_id from bonus where shop_id = :shop and state = 'given' order by member_id"
    )
    assert [(each.key, each.member_id) for each in bonuses] == [
        (f"rule:hello:member:{each}", each) for each in (kept, other)
    ]
    assert violations(shop) == []


def test_what_is_owed_is_settled_with_what_the_other_account_has(shop: TestShop) -> None:
    for kept_owes in (True, False):
        a, b = f"a{kept_owes}", f"b{kept_owes}"
        owing, having = member_with(shop, 0, a), member_with(shop, 50, b)
        with transaction() as session:
            posting.claw_back(
                session, shop.id, owing, 30, at=clock.now(), key=f"t:{a}", reason="a test", why={}, order_id=None,
                program_version=None,
            )  # fmt: skip
        kept, gone = (owing, having) if kept_owes else (having, owing)
        merge(shop, kept, gone)
        assert (has(shop, kept).available, has(shop, kept).owed) == (20, 0)
        assert (has(shop, gone).available, has(shop, gone).owed) == (0, 0)
    assert violations(shop) == []


def test_what_is_pending_comes_to_the_member_who_was_kept(shop: TestShop, time: BusinessTime) -> None:
    collected(shop, "c-2", "o-1")
    kept, gone = member_with(shop, 0, "c-1"), member_with(shop, 0, "c-2")
    merge(shop, kept, gone)
    assert has(shop, kept).pending == 10
    time.advance(days=5)
    shop.work()
    assert (has(shop, kept).pending, has(shop, kept).available) == (0, 10)
    assert violations(shop) == []


def test_an_order_from_before_is_told_again_and_stands_where_it_stood(shop: TestShop, time: BusinessTime) -> None:
    told = collected(shop, "c-2", "o-1")
    time.advance(days=5)
    shop.work()
    kept, gone = member_with(shop, 0, "c-1"), member_with(shop, 0, "c-2")
    merge(shop, kept, gone)
    tell_again(shop, told, number="#1")
    assert has(shop, kept).available == 10
    tell_again(shop, told, subtotal="50.00", total="50.00")
    assert has(shop, kept).available == 5
    tell_again(shop, told, cancelled_at=clock.now().isoformat())
    assert has(shop, kept) == has(shop, gone)
    assert violations(shop) == []


def test_orders_of_the_merged_customer_are_the_kept_members_from_then_on(shop: TestShop, time: BusinessTime) -> None:
    kept, gone = member_with(shop, 0, "c-1"), member_with(shop, 0, "c-2")
    merge(shop, kept, gone)
    collected(shop, "c-2", "o-9")
    shop.tell("customer.updated", {"id": "c-2", "first_name": "Somebody"})
    assert has(shop, kept).pending == 10
    (row,) = rows(shop, "select first_name from member where shop_id = :shop and id = :id", id=kept)
    assert row.first_name is None, "of the two the kept one says who it is"
    (row,) = rows(shop, "select count(*) as many from member where shop_id = :shop")
    assert row.many == 2


def test_the_store_drops_the_merged_customer_and_the_person_stays(shop: TestShop) -> None:
    kept, gone = member_with(shop, 10, "c-1"), member_with(shop, 5, "c-2")
    merge(shop, kept, gone)
    shop.tell("customer.deleted", {"id": "c-2"})
    assert has(shop, kept).available == 15
    (row,) = rows(shop, "select status from member where shop_id = :shop and id = :id", id=kept)
    assert row.status == "active"
    assert violations(shop) == []


def test_who_is_erased_is_erased_with_every_account(shop: TestShop) -> None:
    kept, gone = member_with(shop, 10, "c-1"), member_with(shop, 5, "c-2")
    merge(shop, kept, gone)
    shop.tell("customer.redacted", {"id": "c-1"})
    found = rows(shop, "select status, external_id, referral_code from member where shop_id = :shop")
    assert {tuple(each) for each in found} == {("erased", None, None)}
    for customer in ("c-1", "c-2"):
        with transaction() as session:
            assert members.enrol(session, shop.id, customer, clock.now()) is None
    assert violations(shop) == []


def test_the_widget_of_either_customer_shows_the_one_account(shop: TestShop) -> None:
    kept, gone = member_with(shop, 100, "c-1"), member_with(shop, 30, "c-2")
    other = Widget(shop, customer="c-2")
    other.me()
    merge(shop, kept, gone)
    assert other.call("me").status_code == 401, "the session of the account that is gone has ended"
    other.token = None
    assert other.me()["balance"]["available"] == 130
    activity = other.call("me/activity").json["items"]
    assert (activity[0]["title"], activity[0]["points"]) == ("Points of your other account", 30)


def test_rewards_go_along_and_can_still_be_given_back(shop: TestShop) -> None:
    made = reward(shop)
    kept, gone = member_with(shop, 10, "c-1"), member_with(shop, 600, "c-2", expires_at=SOON)
    had = redeem(shop, gone, made)
    merge(shop, kept, gone)
    assert redemption(shop, had.id).member_id == kept
    give_back(shop, kept, had.id)
    send_all(shop)
    assert has(shop, kept).available == 610
    assert (500, SOON) in lots(shop, kept), "with their old end"
    assert violations(shop) == []


def test_the_ledger_proves_what_was_given_back_between_two_merges(shop: TestShop) -> None:
    made = reward(shop)
    last, between, first = (member_with(shop, points, f"c-{points}") for points in (10, 20, 600))
    had = redeem(shop, first, made)
    merge(shop, between, first)
    give_back(shop, between, had.id)
    send_all(shop)
    merge(shop, last, between)
    assert has(shop, last).available == 630
    assert violations(shop) == []


def test_a_code_that_an_order_carries_is_used_by_the_kept_member(shop: TestShop) -> None:
    made = reward(shop, FIVE_OFF, coupons=["A-1"])
    kept, gone = member_with(shop, 0, "c-1"), member_with(shop, 600, "c-2")
    had = redeem(shop, gone, made)
    merge(shop, kept, gone)
    buy(shop, "A-1", order_id="o-7", customer={"id": "c-2"})
    assert redemption(shop, had.id).use_state == "used"
    assert violations(shop) == []


def test_points_on_hold_at_a_checkout_go_along_and_are_spent_by_its_order(shop: TestShop) -> None:
    reward(shop, CASHBACK)
    kept, gone = member_with(shop, 5, "c-1"), member_with(shop, 50, "c-2")
    held = hold(shop, gone, "100.00", 20)
    merge(shop, kept, gone)
    assert (has(shop, kept).on_hold, has(shop, kept).available) == (20, 35)
    assert violations(shop) == []
    buy(shop, held.code, order_id="o-7", customer={"id": "c-2"}, discount_total="40.00", total="60.00")
    assert (has(shop, kept).on_hold, has(shop, kept).available) == (0, 35)
    assert violations(shop) == []


def test_points_on_hold_at_a_checkout_go_along_and_are_let_go_by_the_clock(shop: TestShop, time: BusinessTime) -> None:
    reward(shop, CASHBACK)
    kept, gone = member_with(shop, 5, "c-1"), member_with(shop, 50, "c-2")
    hold(shop, gone, "100.00", 20)
    merge(shop, kept, gone)
    time.advance(hours=1)
    points.release_holds()
    send_all(shop)
    assert (has(shop, kept).on_hold, has(shop, kept).available) == (0, 55)
    assert violations(shop) == []


def test_a_limit_for_each_member_counts_both(shop: TestShop) -> None:
    made = reward(shop, GIFT, limit_per_member=1)
    kept, gone = member_with(shop, 600, "c-1"), member_with(shop, 600, "c-2")
    redeem(shop, gone, made)
    merge(shop, kept, gone)
    with pytest.raises(Conflict, match="as often as it can be"):
        redeem(shop, kept, made)


WELCOME = {"rules": [{"id": "hello", "kind": "signup", "points": 50, "title": {"en": "Hello"}}]}


def test_the_welcome_is_had_once(new_shop: Callable[..., TestShop]) -> None:
    shop = new_shop({**PROGRAM, **WELCOME})
    for customer in ("c-1", "c-2"):
        shop.tell("customer.created", {"id": customer, "created_at": clock.now().isoformat()})
    kept, gone = member_with(shop, 0, "c-1"), member_with(shop, 0, "c-2")
    assert has(shop, gone).available == 50
    merge(shop, kept, gone)
    assert has(shop, kept).available == 50
    shop.tell("customer.created", {"id": "c-2", "created_at": clock.now().isoformat()})
    assert has(shop, kept).available == 50
    assert violations(shop) == []


def test_a_welcome_that_only_the_account_that_goes_had_is_not_given_again(new_shop: Callable[..., TestShop]) -> None:
    shop = new_shop({**PROGRAM, **WELCOME})
    shop.tell("customer.created", {"id": "c-2", "created_at": clock.now().isoformat()})
    kept, gone = member_with(shop, 0, "c-1"), member_with(shop, 0, "c-2")
    merge(shop, kept, gone)
    shop.tell("customer.created", {"id": "c-1", "created_at": clock.now().isoformat()})
    assert has(shop, kept).available == 50
    assert violations(shop) == []


REFERRAL = {
    "referral": {"enabled": True, "reward_when": "registered", "advocate": {"points": 100}, "friend": {"points": 50}}
}


def code_of(shop: TestShop, member: int) -> str:
    (row,) = rows(shop, "select referral_code from member where shop_id = :shop and id = :id", id=member)
    return str(row.referral_code)


def signs_up(shop: TestShop, customer: str, code: str) -> int:
    at = clock.now().isoformat()
    shop.tell("customer.created", {"id": customer, "created_at": at, "referral_code": code})
    return member_with(shop, 0, customer)


@pytest.mark.parametrize("is_friend_kept", [True, False])
def test_who_brought_themselves_brought_nobody(new_shop: Callable[..., TestShop], is_friend_kept: bool) -> None:
    shop = new_shop({**PROGRAM, **REFERRAL})
    advocate = member_with(shop, 0, "c-1")
    friend = signs_up(shop, "c-2", code_of(shop, advocate))
    points.reward_referrals()
    assert (has(shop, advocate).available, has(shop, friend).available) == (100, 50)
    kept, gone = (friend, advocate) if is_friend_kept else (advocate, friend)
    merge(shop, kept, gone)
    assert outstanding(shop) == 0
    (row,) = rows(shop, "select state, reason from referral where shop_id = :shop")
    assert tuple(row) == ("rejected", "self")
    assert violations(shop) == []


def test_of_many_accounts_that_friends_brought_the_oldest_alone_counts_however_they_were_merged(
    new_shop: Callable[..., TestShop], time: BusinessTime
) -> None:
    shop = new_shop({**PROGRAM, **REFERRAL})
    advocates = [member_with(shop, 0, f"a-{number}") for number in range(3)]
    friends = []
    for each in advocates:
        time.advance(minutes=1)
        friends.append(signs_up(shop, f"f-{each}", code_of(shop, each)))
    oldest, older, newest = friends
    points.reward_referrals()
    assert [has(shop, each).available for each in (*advocates, oldest, older, newest)] == [100] * 3 + [50] * 3
    merge(shop, newest, older)
    merge(shop, oldest, newest)
    points.reward_referrals()
    assert [has(shop, each).available for each in (*advocates, oldest)] == [100, 0, 0, 50]
    assert violations(shop) == []


def test_an_account_that_turns_out_to_be_the_older_one_takes_the_others_place_as_a_friend(
    new_shop: Callable[..., TestShop], time: BusinessTime
) -> None:
    shop = new_shop({**PROGRAM, **REFERRAL})
    first, second = member_with(shop, 0, "a-1"), member_with(shop, 0, "a-2")
    time.advance(minutes=1)
    long_before = clock.now()
    time.advance(minutes=1)
    gone = signs_up(shop, "c-1", code_of(shop, first))
    time.advance(minutes=1)
    kept = member_with(shop, 0, "c-2")
    Widget(shop, "c-2").begin(ref=code_of(shop, second))
    merge(shop, kept, gone)
    points.reward_referrals()
    assert [has(shop, each).available for each in (first, second, kept)] == [100, 0, 50]
    shop.tell("customer.created", {"id": "c-2", "created_at": long_before.isoformat()})
    points.reward_referrals()
    assert [has(shop, each).available for each in (first, second, kept)] == [0, 100, 50]
    assert violations(shop) == []


def test_what_a_friend_gets_who_was_merged_and_blocked_comes_when_the_block_is_lifted(
    new_shop: Callable[..., TestShop], time: BusinessTime
) -> None:
    shop = new_shop({**PROGRAM, "referral": {**REFERRAL["referral"], "reward_when": "first_order"}})
    advocate = member_with(shop, 0, "a-1")
    time.advance(minutes=1)
    gone = signs_up(shop, "c-2", code_of(shop, advocate))
    time.advance(minutes=1)
    kept = member_with(shop, 0, "c-1")
    told = order("o-1", customer={"id": "c-2"})
    shop.tell("order.created", told)
    merge(shop, kept, gone)
    time.advance(minutes=1)
    with transaction() as session:
        blocking.block(session, shop.id, kept, "A chargeback", BY, clock.now())
    time.advance(minutes=1)
    shop.tell("order.collected", {**told, "delivery_status": "collected", "collected_at": clock.now().isoformat()})
    points.reward_referrals()
    points.post_due()
    assert (has(shop, advocate).available, has(shop, kept).available) == (100, 0)
    time.advance(minutes=1)
    with transaction() as session:
        blocking.unblock(session, shop.id, kept, "It was a mistake", BY, clock.now())
    points.reward_referrals()
    points.post_due()
    points.reward_referrals()
    assert has(shop, kept).available == 50
    assert violations(shop) == []


def test_who_brought_themselves_brought_nobody_also_if_both_go_into_a_third_account(
    new_shop: Callable[..., TestShop], time: BusinessTime
) -> None:
    shop = new_shop({**PROGRAM, **REFERRAL})
    advocate = member_with(shop, 0, "c-1")
    time.advance(minutes=1)
    friend = signs_up(shop, "c-2", code_of(shop, advocate))
    time.advance(minutes=1)
    kept = member_with(shop, 0, "c-3")
    points.reward_referrals()
    merge(shop, kept, friend)
    assert has(shop, kept).available == 50
    merge(shop, kept, advocate)
    assert outstanding(shop) == 0
    assert violations(shop) == []


@pytest.mark.parametrize("is_friend_merged", [True, False])
def test_no_referral_ends_with_a_name_that_was_merged_away_and_that_the_store_deletes(
    new_shop: Callable[..., TestShop], time: BusinessTime, is_friend_merged: bool
) -> None:
    shop = new_shop({**PROGRAM, "referral": {**REFERRAL["referral"], "reward_when": "first_order"}})
    advocate = member_with(shop, 0, "a-1")
    time.advance(minutes=1)
    friend = signs_up(shop, "f-1", code_of(shop, advocate))
    time.advance(minutes=1)
    kept = member_with(shop, 0, "k-1")
    merge(shop, kept, friend if is_friend_merged else advocate)
    shop.tell("customer.deleted", {"id": "f-1" if is_friend_merged else "a-1"})
    time.advance(minutes=10)
    collected(shop, "k-1" if is_friend_merged else "f-1", "o-1")
    points.reward_referrals()
    both = (advocate, kept) if is_friend_merged else (kept, friend)
    assert [has(shop, each).available for each in both] == [100, 50]
    assert violations(shop) == []


def test_friends_of_the_account_that_goes_count_for_who_was_kept_and_its_link_goes_on(
    new_shop: Callable[..., TestShop],
) -> None:
    shop = new_shop({**PROGRAM, **REFERRAL})
    kept, gone = member_with(shop, 0, "c-1"), member_with(shop, 0, "c-2")
    code = code_of(shop, gone)
    signs_up(shop, "f-1", code)
    points.reward_referrals()
    merge(shop, kept, gone)
    assert has(shop, kept).available == 100
    signs_up(shop, "f-2", code)
    points.reward_referrals()
    assert has(shop, kept).available == 200
    assert violations(shop) == []


TIERS = {
    "tiers": {
        "basis": "points_earned",
        "window": "rolling_12_months",
        "levels": [{"id": "gold", "from": 15, "name": {"en": "Gold"}}],
    }
}


def test_the_account_that_goes_is_at_no_level_though_it_has_reached_one_just_now(
    new_shop: Callable[..., TestShop], time: BusinessTime
) -> None:
    shop = new_shop({**PROGRAM, **TIERS})
    collected(shop, "c-2", "o-c-2", subtotal="500.00")
    time.advance(days=5)
    shop.work()
    kept, gone = member_with(shop, 0, "c-1"), member_with(shop, 0, "c-2")  # nobody has looked at their levels yet
    merge(shop, kept, gone)
    (row,) = rows(shop, "select tier from member where shop_id = :shop and id = :id", id=gone)
    assert row.tier is None
    assert violations(shop) == []


def test_what_both_earned_counts_towards_the_level(new_shop: Callable[..., TestShop], time: BusinessTime) -> None:
    shop = new_shop({**PROGRAM, **TIERS})
    for customer in ("c-1", "c-2"):
        collected(shop, customer, f"o-{customer}")
    time.advance(days=5)
    shop.work()
    points.tiers()
    kept, gone = member_with(shop, 0, "c-1"), member_with(shop, 0, "c-2")
    merge(shop, kept, gone)
    points.tiers()
    (row,) = rows(shop, "select tier from member where shop_id = :shop and id = :id", id=kept)
    assert row.tier == "gold"
    assert violations(shop) == []
    told = collected(shop, "c-2", "o-c-2", cancelled_at=clock.now().isoformat())
    assert told
    points.tiers()
    assert violations(shop) == []


def test_who_is_blocked_stays_so(shop: TestShop) -> None:
    kept, gone = member_with(shop, 0, "c-1"), member_with(shop, 30, "c-2")
    with transaction() as session:
        blocking.block(session, shop.id, gone, "A chargeback", BY, clock.now())
    merge(shop, kept, gone)
    (row,) = rows(shop, "select status from member where shop_id = :shop and id = :id", id=kept)
    assert row.status == "blocked"
    with transaction() as session:
        blocking.unblock(session, shop.id, kept, "Fine now", BY, clock.now())
    assert violations(shop) == []


def test_it_is_refused_a_second_time_and_with_who_was_erased(shop: TestShop) -> None:
    kept, gone, erased = (member_with(shop, 5, each) for each in ("c-1", "c-2", "c-3"))
    merge(shop, kept, gone)
    for pair in ((kept, gone), (gone, kept)):
        with pytest.raises(Conflict, match="done already") as refused:
            merge(shop, *pair)
        assert refused.value.code == "already_merged"
    shop.tell("customer.redacted", {"id": "c-3"})
    with pytest.raises(Conflict, match="has been erased"):
        merge(shop, kept, erased)
    with pytest.raises(Conflict, match="one and the same"):
        merge(shop, kept, kept)


def test_three_accounts_become_one_in_any_order(shop: TestShop, time: BusinessTime) -> None:
    told = collected(shop, "c-3", "o-1")
    time.advance(days=5)
    shop.work()
    first, second, third = (member_with(shop, 10, each) for each in ("c-1", "c-2", "c-3"))
    merge(shop, second, third)
    merge(shop, first, second)
    assert has(shop, first).available == 40
    tell_again(shop, told, cancelled_at=clock.now().isoformat())
    assert has(shop, first).available == 30
    collected(shop, "c-3", "o-2")
    assert has(shop, first).pending == 10
    assert violations(shop) == []


def test_what_was_done_is_kept_with_who_and_why(shop: TestShop) -> None:
    kept, gone = member_with(shop, 0, "c-1"), member_with(shop, 30, "c-2")
    merge(shop, kept, gone)
    with transaction() as session:
        (done,) = care_log.of_member(session, shop.id, kept)
    assert (done["what"], done["other_id"], done["reason"], done["actor_name"]) == (
        "merge", gone, "She told us", "Ada Admin",
    )  # fmt: skip
    assert done["facts"]["available"] == 30


def test_the_preview_says_what_will_be(new_shop: Callable[..., TestShop]) -> None:
    shop = new_shop({**PROGRAM, **WELCOME})
    for customer in ("c-1", "c-2"):
        shop.tell("customer.created", {"id": customer, "created_at": clock.now().isoformat()})
    kept, gone = member_with(shop, 10, "c-1"), member_with(shop, 20, "c-2")
    with transaction() as session:
        seen = merging.preview(session, shop.facts, kept, gone, clock.now())
    assert [(each.title, each.points) for each in seen.doubles] == [({"en": "Hello"}, 50)]
    merge(shop, kept, gone)
    assert has(shop, kept) == seen.result


MOVES = st.lists(
    st.tuples(st.sampled_from(["grant", "soon", "collect", "spend", "claw", "gift", "expire"]), st.integers(0, 1)),
    max_size=12,
)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(moves=MOVES, kept_first=st.booleans())
def test_whatever_both_did_before_a_merge_moves_points_and_makes_none(
    new_shop: Callable[..., TestShop], time: BusinessTime, moves: list[tuple[str, int]], kept_first: bool
) -> None:
    shop = new_shop()
    time.set(f"{NEXT_YEAR}-01-10T10:00:00+01:00")
    made = reward(shop, GIFT)
    both = [member_with(shop, 0, "c-1"), member_with(shop, 0, "c-2")]
    for number, (move, who) in enumerate(moves):
        match move:
            case "grant" | "soon":
                with transaction() as session:
                    grant(session, shop, both[who], 400, clock.now() + timedelta(days=3 if move == "soon" else 300))
            case "collect":
                collected(shop, f"c-{who + 1}", f"o-{number}", "1000.00")
            case "gift" if has(shop, both[who]).available >= 300:
                redeem(shop, both[who], made)
            case "claw":
                with transaction() as session:
                    posting.claw_back(
                        session, shop.id, both[who], 250, at=clock.now(), key=f"m:{number}", reason="a test", why={},
                        order_id=None, program_version=None,
                    )  # fmt: skip
            case "expire":
                time.advance(days=4)
                shop.work()
    kept, gone = both if kept_first else reversed(both)
    with transaction() as session:
        for each in both:
            expiry.expire_of(session, shop.id, each, clock.now())
    before = outstanding(shop)
    merge(shop, kept, gone)
    assert outstanding(shop) == before
    assert violations(shop) == []
    time.advance(days=4)
    shop.work()
    assert violations(shop) == []
    with transaction() as session:
        closed = session.execute(
            text("select pending, available, on_hold, owed from account where shop_id = :shop and member_id = :gone"),
            {"shop": shop.id, "gone": gone},
        ).one()
    assert tuple(closed) == (0, 0, 0, 0)
