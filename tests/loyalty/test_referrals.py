"""Referrals: who brought whom, and what both get for it (design section 8, docs/decisions/0012)."""

import itertools
import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from importlib.resources import files
from typing import Any

import pytest
from sqlalchemy import text

from backend import clock
from backend.db import db, transaction
from backend.jobs import inbox, points
from backend.ledger import posting
from backend.loyalty.members import members
from backend.loyalty.referrals import referral_codes, referral_visits
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.referral_world import (
    advocate,
    available,
    code_of,
    collected,
    join,
    of_referral,
    open_widget,
    opened,
    order,
    program,
    referral,
    refund_all,
    settle,
    state,
)
from tests.loyalty.rewards_world import change, entries, mails, redemption, reward, rows, violations


@pytest.fixture
def make(new_shop: Callable[..., TestShop], time: BusinessTime) -> Callable[..., TestShop]:
    return partial(opened, new_shop, time)


# The link


def test_every_member_has_a_code_that_nobody_guesses(make: Callable[..., TestShop]) -> None:
    shop = make()
    codes = [code_of(shop, join(shop, f"c-{number}")) for number in range(20)]
    assert len(set(codes)) == 20
    assert all(re.fullmatch("[0-9A-HJKMNP-TV-Z]{10}", code) for code in codes)


def test_members_of_before_are_given_codes_by_the_migration(make: Callable[..., TestShop]) -> None:
    shop = make()
    for number in range(50):
        join(shop, f"c-{number}")
    document = files("migrations").joinpath("sql", "0005_referrals.sql").read_text()
    backfill = document[document.index("update member m") :].partition("where status = 'active';")[0]
    with db.engine.connect() as connection:
        connection.execute(text("update member set referral_code = null where shop_id = :shop"), {"shop": shop.id})
        connection.exec_driver_sql(f"{backfill} where shop_id = {shop.id} and status = 'active'")
        codes = connection.execute(text("select referral_code from member where shop_id = :shop"), {"shop": shop.id})
        given = list(codes.scalars())
    assert len(set(given)) == 50 and all(referral_codes.read(code) == code for code in given)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("7g4mq2xd9p", "7G4MQ2XD9P"),
        (" 7G4MQ2XD9P ", "7G4MQ2XD9P"),
        ("oOiIlL0000", "0011110000"),
        ("7G4MQ2XD9", ""),
        ("7G4MQ2XD9PP", ""),
        ("7G4MQ2XD9U", ""),
        ("", ""),
        ("x" * 10_000, ""),
    ],
)
def test_a_code_is_read_whatever_its_case_and_what_looks_alike_is_alike(said: str, meant: str) -> None:
    assert referral_codes.read(said) == meant


def test_the_code_goes_with_the_person(make: Callable[..., TestShop]) -> None:
    shop = make(reward_when="registered")
    ada, code = advocate(shop)
    shop.tell("customer.redacted", {"id": "ada"})
    assert rows(shop, "select 1 from member where shop_id = :shop and referral_code is not null") == []
    bea = join(shop, "bea", code)
    assert (referral(shop, bea), of_referral(shop, ada)) == (None, 0)


# Who brought whom


def test_a_friend_who_signs_up_by_a_link_is_the_advocates(make: Callable[..., TestShop]) -> None:
    shop = make()
    ada, code = advocate(shop)
    bea = join(shop, "bea", code.lower())
    row = referral(shop, bea)
    assert (row.advocate_id, row.friend_id, row.state, row.review) == (ada, bea, "registered", "none")


def test_a_friend_who_opens_the_widget_by_a_link_is_the_advocates(make: Callable[..., TestShop]) -> None:
    shop = make()
    ada, code = advocate(shop)
    bea = join(shop, "bea")
    open_widget(shop, bea, code)
    assert referral(shop, bea).advocate_id == ada


@pytest.mark.parametrize("code", ["7G4MQ2XD9P", "GRACE-7", "x" * 64])
def test_a_code_that_nobody_has_changes_nothing(make: Callable[..., TestShop], code: str) -> None:
    shop = make()
    bea = join(shop, "bea", code)
    open_widget(shop, bea, code)
    assert rows(shop, "select 1 from referral_claim where shop_id = :shop") == []


def test_the_code_of_another_shop_is_nobodys(make: Callable[..., TestShop]) -> None:
    shop, other = make(), make()
    _, code = advocate(other)
    bea = join(shop, "bea", code)
    open_widget(shop, bea, code)
    assert referral(shop, bea) is None


def test_the_first_link_wins_whichever_is_told_first(make: Callable[..., TestShop], time: BusinessTime) -> None:
    for is_late in (False, True):
        shop = make(reward_when="registered", hold_days=5)
        (ada, first), (cleo, second) = advocate(shop), advocate(shop, "cleo")
        signed_up = time.now
        time.advance(minutes=5)
        told = {"id": "bea", "created_at": signed_up.isoformat(), "referral_code": first}
        if not is_late:
            shop.tell("customer.created", told)
        with transaction() as session:
            bea = members.enrol(session, shop.id, "bea", clock.now())
            assert bea is not None
            bea_id = bea.id
        open_widget(shop, bea_id, second)
        if is_late:
            assert referral(shop, bea_id).advocate_id == cleo
            shop.tell("customer.created", told)
        assert referral(shop, bea_id).advocate_id == ada
        assert (of_referral(shop, ada), of_referral(shop, cleo), of_referral(shop, bea_id)) == (100, 0, 50)
        assert violations(shop) == []


def test_a_link_that_does_not_count_leaves_room_for_one_that_does(make: Callable[..., TestShop]) -> None:
    shop = make(reward_when="registered")
    bea = join(shop, "bea")
    open_widget(shop, bea, code_of(shop, bea))
    assert state(shop, bea) == "self"
    ada, code = advocate(shop)
    open_widget(shop, bea, code)
    assert (referral(shop, bea).advocate_id, state(shop, bea)) == (ada, "qualified")


# When it pays: registered


def test_registered_pays_both_at_once(make: Callable[..., TestShop]) -> None:
    shop = make(reward_when="registered", hold_days=0)
    (ada, code) = advocate(shop)
    bea = join(shop, "bea", code)
    settle()
    assert state(shop, bea) == "rewarded"
    assert (available(shop, ada), available(shop, bea)) == (100, 50)
    assert entries(shop, ada) == [("promise", 100), ("post", 100)]
    assert violations(shop) == []


def test_registered_pays_when_the_hold_is_over_and_not_before(
    make: Callable[..., TestShop], time: BusinessTime
) -> None:
    time.set("2026-03-26T12:00:00+01:00")
    shop = make(reward_when="registered", hold_days=3)
    ada, code = advocate(shop)
    bea = join(shop, "bea", code)
    assert referral(shop, bea).due_at.isoformat() == "2026-03-29T22:00:00+00:00"  # the clocks went forward meanwhile
    time.set("2026-03-29T23:59:58+02:00")
    settle()
    assert (state(shop, bea), available(shop, ada)) == ("qualified", 0)
    time.set("2026-03-30T00:00:00+02:00")
    settle()
    assert (state(shop, bea), available(shop, ada)) == ("rewarded", 100)


def test_registered_does_not_look_at_refunds(make: Callable[..., TestShop]) -> None:
    shop = make(reward_when="registered", hold_days=0)
    ada, code = advocate(shop)
    bea = join(shop, "bea", code)
    settle()
    collected(shop, "bea")
    refund_all(shop)
    assert (state(shop, bea), of_referral(shop, ada), of_referral(shop, bea)) == ("rewarded", 100, 50)


# When it pays: first_order


def test_the_first_order_pays_once_it_was_received(make: Callable[..., TestShop], time: BusinessTime) -> None:
    shop = make()
    ada, code = advocate(shop)
    bea = join(shop, "bea", code)
    order(shop, "bea")
    assert (state(shop, bea), of_referral(shop, ada)) == ("registered", 0)
    time.advance(days=2)
    collected(shop, "bea")
    row = referral(shop, bea)
    assert row.state == "qualified" and abs(row.qualified_at - time.now) < timedelta(seconds=1)
    assert (of_referral(shop, ada), of_referral(shop, bea), available(shop, ada)) == (100, 50, 0)
    time.advance(days=4)
    settle()
    assert (state(shop, bea), available(shop, ada)) == ("rewarded", 100)
    collected(shop, "bea", "o-2")
    time.advance(days=4)
    settle()
    assert (of_referral(shop, ada), of_referral(shop, bea)) == (100, 50)
    assert violations(shop) == []


def test_both_hear_of_it_once_when_it_is_theirs(make: Callable[..., TestShop], time: BusinessTime) -> None:
    shop = make()
    ada, code = advocate(shop)
    bea = join(shop, "bea", code, email="bea@example.com")
    collected(shop, "bea")
    settle()
    assert mails(shop, "referral_rewarded") == []
    time.advance(days=4)
    settle()
    settle()
    told = mails(shop, "referral_rewarded")
    assert [each["member_id"] for each in told] == [ada, bea]
    assert {each["referral_id"] for each in told} == {referral(shop, bea).id}


def test_a_friend_of_whom_the_store_tells_by_the_machines_clock_counts_where_the_business_clock_was_moved_ahead(
    time: BusinessTime, new_shop: Callable[..., TestShop]
) -> None:
    clock.use_offset(lambda: timedelta(days=40))  # as `lagniappe time advance 40d`: both clocks go on
    shop = new_shop(program=program(reward_when="registered", hold_days=0))
    _, code = advocate(shop)
    bea = join(shop, "bea", code, created_at=clock.wall().isoformat())
    assert state(shop, bea) == "qualified"


def test_an_order_that_was_called_off_before_it_came_leaves_it_to_the_next(make: Callable[..., TestShop]) -> None:
    shop = make()
    ada, code = advocate(shop)
    bea = join(shop, "bea", code)
    order(shop, "bea", "o-1", "cancelled", cancelled_at=clock.now().isoformat())
    assert state(shop, bea) == "registered"
    collected(shop, "bea", "o-2")
    assert (state(shop, bea), of_referral(shop, ada)) == ("qualified", 100)


UNDOINGS: dict[str, Callable[[TestShop, dict[str, Any]], None]] = {
    "refunded line by line": lambda shop, told: refund_all(shop),
    "refunded": lambda shop, told: shop.tell("order.updated", later(told, payment_status="refunded")),
    "cancelled": lambda shop, told: shop.tell("order.cancelled", later(told, cancelled_at=clock.now().isoformat())),
    "voided": lambda shop, told: shop.tell("order.updated", later(told, payment_status="voided")),
    "returned": lambda shop, told: shop.tell("order.returned", later(told, delivery_status="returned")),
}


def later(told: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**told, "updated_at": (clock.now() + timedelta(minutes=1)).isoformat(), **changes}


@pytest.mark.parametrize("is_rewarded", [False, True], ids=["before the reward", "after the reward"])
@pytest.mark.parametrize("undoing", UNDOINGS)
def test_an_order_that_comes_back_takes_both_sides_back(
    make: Callable[..., TestShop], time: BusinessTime, undoing: str, is_rewarded: bool
) -> None:
    shop = make()
    ada, code = advocate(shop)
    bea = join(shop, "bea", code)
    told = collected(shop, "bea")
    if is_rewarded:
        time.advance(days=4)
        settle()
        assert state(shop, bea) == "rewarded"
    UNDOINGS[undoing](shop, told)
    settle()
    row = referral(shop, bea)
    assert (row.state, row.reason, row.rewarded_at) == ("rejected", "refunded", None)
    assert (of_referral(shop, ada), of_referral(shop, bea)) == (0, 0)
    assert (available(shop, ada), available(shop, bea)) == (0, 0)
    time.advance(minutes=1)
    collected(shop, "bea", "o-2")
    assert state(shop, bea) == "refunded"
    assert violations(shop) == []


def test_a_partial_refund_changes_nothing(make: Callable[..., TestShop]) -> None:
    shop = make()
    ada, code = advocate(shop)
    bea = join(shop, "bea", code)
    collected(shop, "bea")
    part = {"line_item_id": "l-1", "amount": "40.00"}
    shop.tell("order.refunded", {"order_id": "o-1", "refund": {"id": "r-1", "line_items": [part]}})
    assert (state(shop, bea), of_referral(shop, ada)) == ("qualified", 100)


def test_what_was_spent_meanwhile_is_owed(make: Callable[..., TestShop], time: BusinessTime) -> None:
    shop = make(hold_days=0)
    ada, code = advocate(shop)
    join(shop, "bea", code)
    collected(shop, "bea")
    settle()
    with transaction() as session:
        posting.spend(
            session, shop.id, ada, 100, at=clock.now(), key="t", author=posting.SYSTEM, reason="a test", why={}
        )
    refund_all(shop)
    (account,) = rows(shop, "select * from account where shop_id = :shop and member_id = :member", member=ada)
    assert (account.available, account.owed) == (0, -100)
    assert violations(shop) == []


# When it pays: every_order


def test_every_order_pays_the_advocate_each_time_and_the_friend_once(
    make: Callable[..., TestShop], time: BusinessTime
) -> None:
    shop = make(reward_when="every_order")
    ada, code = advocate(shop)
    bea = join(shop, "bea", code)
    for number in range(3):
        collected(shop, "bea", f"o-{number}")
        time.advance(days=4)
        settle()
    assert (of_referral(shop, ada), of_referral(shop, bea), state(shop, bea)) == (300, 50, "rewarded")
    refund_all(shop, "o-1")
    assert (of_referral(shop, ada), of_referral(shop, bea), state(shop, bea)) == (200, 50, "rewarded")
    refund_all(shop, "o-0")
    refund_all(shop, "o-2")
    assert (of_referral(shop, ada), of_referral(shop, bea), state(shop, bea)) == (0, 0, "refunded")
    collected(shop, "bea", "o-9")
    time.advance(days=4)
    settle()
    assert (of_referral(shop, ada), of_referral(shop, bea), state(shop, bea)) == (100, 50, "rewarded")
    assert violations(shop) == []


def test_an_order_that_turns_out_to_be_another_members_is_not_the_friends(make: Callable[..., TestShop]) -> None:
    shop = make(reward_when="every_order")
    ada, code = advocate(shop)
    bea = join(shop, "bea", code)
    told = collected(shop, "bea")
    assert of_referral(shop, ada) == 100
    join(shop, "cleo")
    shop.tell("order.updated", later(told, customer={"id": "cleo"}))
    assert (of_referral(shop, ada), of_referral(shop, bea), state(shop, bea)) == (0, 0, "registered")
    assert violations(shop) == []


# Rewards instead of points, or beside them


def test_a_side_may_get_a_reward_when_the_hold_is_over(make: Callable[..., TestShop], time: BusinessTime) -> None:
    shop = make()
    five = reward(shop)
    sides = {"advocate": {"points": 100, "reward": five.public_id}, "friend": {"reward": five.public_id}}
    shop.set_program(**program(**sides))
    time.advance(minutes=1)
    ada, code = advocate(shop)
    bea = join(shop, "bea", code)
    collected(shop, "bea")
    settle()
    assert rows(shop, "select 1 from redemption where shop_id = :shop") == []
    time.advance(days=4)
    settle()
    had = rows(shop, "select * from redemption where shop_id = :shop order by member_id")
    assert [(each.member_id, each.origin, each.points, each.status) for each in had] == [
        (ada, "earned", 0, "issued"),
        (bea, "earned", 0, "issued"),
    ]
    assert (of_referral(shop, ada), of_referral(shop, bea), state(shop, bea)) == (100, 0, "rewarded")
    refund_all(shop)
    assert {redemption(shop, each.id).status for each in had} == {"returned"}
    states = rows(shop, "select distinct state from coupon where shop_id = :shop and id = any(:ids)",
                  ids=[each.coupon_id for each in had])  # fmt: skip
    assert [each.state for each in states] == ["disabled"]
    assert (state(shop, bea), violations(shop)) == ("refunded", [])


def test_whose_reward_is_taken_back_hears_of_it(make: Callable[..., TestShop], time: BusinessTime) -> None:
    """The code was mailed to them: it must not fail at the checkout without a word."""
    shop = make(hold_days=0)
    five = reward(shop)
    shop.set_program(**program(hold_days=0, friend={"reward": five.public_id}))
    time.advance(minutes=1)
    _, code = advocate(shop)
    join(shop, "bea", code, email="bea@example.com")
    collected(shop, "bea")
    settle()
    (had,) = rows(shop, "select * from redemption where shop_id = :shop")
    assert mails(shop, "reward_withdrawn") == []
    refund_all(shop)
    assert [mail["redemption_id"] for mail in mails(shop, "reward_withdrawn")] == [had.id]


def test_a_reward_that_was_used_stays_and_the_referral_says_so(
    make: Callable[..., TestShop], time: BusinessTime
) -> None:
    shop = make(hold_days=0)
    five = reward(shop)
    shop.set_program(**program(hold_days=0, friend={"reward": five.public_id}))
    time.advance(minutes=1)
    _, code = advocate(shop)
    bea = join(shop, "bea", code)
    collected(shop, "bea")
    settle()
    (had,) = rows(shop, "select * from redemption where shop_id = :shop")
    order(shop, "bea", "o-2", discount_codes=[had.code])
    refund_all(shop)
    assert redemption(shop, had.id).use_state == "used"
    assert (state(shop, bea), referral(shop, bea).evidence["reward_was_used"]) == ("refunded", True)
    assert violations(shop) == []


def test_a_reward_that_is_sold_out_is_noted_and_the_rest_is_given(
    make: Callable[..., TestShop], time: BusinessTime
) -> None:
    shop = make()
    five = reward(shop, limit_total=1)
    shop.set_program(**program(hold_days=0, friend={"points": 50, "reward": five.public_id}))
    time.advance(minutes=1)
    change(shop, five, is_active=False)
    _, code = advocate(shop)
    friends = [join(shop, name, code) for name in ("bea", "cleo")]
    for number, name in enumerate(("bea", "cleo")):
        collected(shop, name, f"o-{number}")
    settle()
    assert [state(shop, friend) for friend in friends] == ["rewarded", "rewarded"]
    assert [of_referral(shop, friend) for friend in friends] == [50, 50]
    assert [referral(shop, friend).evidence for friend in friends] == [{}, {"reward_not_given": True}]
    assert violations(shop) == []


def test_nothing_for_either_side_is_rewarded_with_nothing(make: Callable[..., TestShop]) -> None:
    shop = make(hold_days=0, advocate={"points": 0}, friend={"points": 0})
    _, code = advocate(shop)
    bea = join(shop, "bea", code, email="bea@example.com")
    collected(shop, "bea")
    settle()
    assert (state(shop, bea), mails(shop, "referral_rewarded")) == ("rewarded", [])


# Erasure


def test_what_was_earned_stays_when_one_of_them_is_erased(make: Callable[..., TestShop], time: BusinessTime) -> None:
    shop = make()
    ada, code = advocate(shop)
    bea = join(shop, "bea", code, first_name="Bea")
    collected(shop, "bea")
    shop.tell("customer.redacted", {"id": "bea"})
    time.advance(days=4)
    settle()
    assert (available(shop, ada), state(shop, bea)) == (100, "rewarded")
    assert violations(shop) == []


def test_who_was_erased_before_the_friend_qualified_gets_nothing_any_more(make: Callable[..., TestShop]) -> None:
    shop = make()
    ada, code = advocate(shop)
    bea = join(shop, "bea", code)
    shop.tell("customer.redacted", {"id": "ada"})
    collected(shop, "bea")
    assert (state(shop, bea), of_referral(shop, ada)) == ("erased", 0)


def test_nothing_stays_of_where_an_erased_member_came_from(make: Callable[..., TestShop]) -> None:
    shop = make()
    ada, _ = advocate(shop)
    with transaction() as session:
        referral_visits.note_connection(session, shop.id, ada, b"a connection", clock.now())
    shop.tell("customer.redacted", {"id": "ada"})
    assert rows(shop, "select 1 from member_connection where shop_id = :shop") == []


# The order of arrival


@pytest.mark.parametrize("reward_when", ["registered", "first_order", "every_order"])
def test_the_end_is_the_same_whatever_arrives_first(
    make: Callable[..., TestShop], time: BusinessTime, reward_when: str
) -> None:
    """Sign-up with the code, the widget opened by the same link, two orders, and a refund of the first: in every order
    that a fixed choice of a quarter of all has."""
    shop = make(reward_when=reward_when, caps={"per_day": None}, households=True)
    _ada, code = advocate(shop)
    time.advance(days=1)
    at = time.now
    ends: set[Any] = set()
    line = {"line_item_id": "l-1", "quantity": 1, "amount": "100.00"}
    for number, arrival in enumerate(list(itertools.permutations(range(5)))[::5]):
        name = f"bea-{number}"
        with transaction() as session:
            made = members.enrol(session, shop.id, name, at)
            assert made is not None
            bea = made.id

        def bought(which: int, of: str = name) -> dict[str, Any]:
            return {
                "id": f"{of}-o{which}", "customer": {"id": of}, "currency": "EUR", "subtotal": "100.00",
                "created_at": (at + timedelta(hours=which)).isoformat(), "payment_status": "paid",
                "delivery_status": "collected", "collected_at": (at + timedelta(hours=which + 1)).isoformat(),
                "line_items": [{"id": "l-1", "quantity": 1, "total": "100.00"}],
            }  # fmt: skip

        tell: list[Callable[[], Any]] = [
            lambda n=name: shop.deliver("customer.created", {"id": n, "created_at": at.isoformat(), "referral_code": code}),
            lambda b=bea: open_widget(shop, b, code, at + timedelta(minutes=1)),
            lambda: shop.deliver("order.collected", bought(1)),
            lambda: shop.deliver("order.collected", bought(2)),
            lambda n=name: shop.deliver("order.refunded", {"order_id": f"{n}-o1", "refund": {"id": n, "line_items": [line]}}),
        ]  # fmt: skip
        for which in arrival:
            tell[which]()
            inbox.drain()
        row = referral(shop, bea)
        given = rows(
            shop,
            "select replace(part, ':' || coalesce(order_id, 0), ':') as part, state, at, due_at, points"
            " from referral_payout where shop_id = :shop and referral_id = :id and state <> 'taken_back' order by 1",
            id=row.id,
        )
        ends.add((row.state, row.reason, row.at, row.qualified_at, row.due_at, tuple(map(tuple, given)),
                  of_referral(shop, bea)))  # fmt: skip
    assert len(ends) == 1, ends
    expected = {
        "registered": ("qualified", None),
        "first_order": ("rejected", "refunded"),
        "every_order": ("qualified", None),
    }
    assert next(iter(ends))[:2] == expected[reward_when]
    points.post_due()
    assert violations(shop) == []


# What it costs


def test_the_jobs_and_the_lists_stand_on_indexes(make: Callable[..., TestShop]) -> None:
    shop = make()
    _ada, code = advocate(shop)
    join(shop, "bea", code)
    plans = []
    with db.engine.connect() as connection:
        connection.execute(text("set enable_seqscan = off"))
        for statement in (
            "select 1 from referral where recheck order by shop_id, id limit 1",
            "select 1 from referral_payout where state = 'promised' and due_at <= '2026-01-01' order by due_at limit 1",
            "select 1 from referral where state = 'qualified' and review = any ('{none,approved}'::text[])"
            " and due_at <= '2026-01-01' order by due_at limit 1",
            "select 1 from member where referral_code = 'X'",
            f"select 1 from referral_claim where shop_id = {shop.id} and advocate_id = 1 and at > '2026-01-01'",
            f"select 1 from referral where shop_id = {shop.id} and advocate_id = 1 and id < 9 order by id desc limit 1",
        ):
            plans.append("\n".join(row[0] for row in connection.execute(text(f"explain {statement}"))))
    assert all("Index" in plan and "Seq Scan" not in plan for plan in plans), plans
