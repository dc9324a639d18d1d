"""An order whose customer came by a friend's link: they came by it when the order was made (docs/decisions/0012)."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import event

from backend import clock
from backend.db import db, transaction
from backend.jobs import inbox, points
from backend.loyalty.deliveries import deliveries
from tests.conftest import BusinessTime, TestShop, empty_caches
from tests.loyalty.referral_world import (
    advocate,
    available,
    code_of,
    collected,
    join,
    member,
    of_referral,
    open_widget,
    opened,
    order,
    program,
    referral,
    settle,
    state,
)
from tests.loyalty.rewards_world import rows, violations


@pytest.fixture
def make(new_shop: Callable[..., TestShop], time: BusinessTime) -> Callable[..., TestShop]:
    return partial(opened, new_shop, time)


def by(customer: str, code: str | None) -> dict[str, Any]:
    """The customer of an order, with the code that the store saw."""
    return {"id": customer, "referral_code": code}


# Who brought whom, and when


def test_a_friend_whose_order_carries_the_code_came_by_the_link_when_the_order_was_made(
    make: Callable[..., TestShop], time: BusinessTime
) -> None:
    shop = make()
    ada, code = advocate(shop)
    time.advance(hours=1)
    made_at = time.now
    time.advance(days=2)
    order(shop, "bea", code=f" {code.lower()} ", created_at=made_at.isoformat())
    row = referral(shop, member(shop, "bea"))
    assert (row.advocate_id, row.state, row.at) == (ada, "registered", made_at)


def test_the_order_that_carries_the_code_is_the_first_order_and_pays_both(
    make: Callable[..., TestShop], time: BusinessTime
) -> None:
    shop = make()
    ada, code = advocate(shop)
    time.advance(hours=3)
    collected(shop, "bea", code=code)
    bea = member(shop, "bea")
    assert (state(shop, bea), of_referral(shop, ada), of_referral(shop, bea)) == ("qualified", 100, 50)
    time.advance(days=4)
    settle()
    assert (state(shop, bea), available(shop, ada)) == ("rewarded", 100)
    assert violations(shop) == []


def test_every_order_with_the_code_pays_the_advocate_and_the_friend_once(make: Callable[..., TestShop]) -> None:
    shop = make(reward_when="every_order")
    ada, code = advocate(shop)
    for number in range(3):
        collected(shop, "bea", f"o-{number}", code=code)
    assert (of_referral(shop, ada), of_referral(shop, member(shop, "bea"))) == (300, 50)
    assert violations(shop) == []


def test_where_signing_up_pays_the_friend_counts_at_once_and_what_an_account_brings_still_waits_for_one(
    make: Callable[..., TestShop], time: BusinessTime
) -> None:
    """Who has an id at the store is no guest: they count as by any other event. The bonus for an account waits for one."""
    shop = make()
    signup = {"id": "signup", "kind": "signup", "points": 7, "title": {"en": "Create an account"}}
    shop.set_program(**program(reward_when="registered", hold_days=0), rules=[signup])
    time.advance(minutes=1)
    ada, code = advocate(shop)
    had = available(shop, ada)
    order(shop, "bea", code=code)
    settle()
    bea = member(shop, "bea")
    assert (state(shop, bea), available(shop, ada) - had, available(shop, bea)) == ("rewarded", 100, 50)
    join(shop, "bea")
    assert available(shop, bea) == 57
    assert violations(shop) == []


@pytest.mark.parametrize(("before", "end"), [({"minutes": 59}, "registered"), ({"minutes": 61}, "existing")])
def test_who_has_ordered_without_it_more_than_an_hour_before_is_not_new(
    make: Callable[..., TestShop], time: BusinessTime, before: dict[str, int], end: str
) -> None:
    shop = make()
    _, code = advocate(shop)
    order(shop, "bea", "o-1")
    time.advance(**before)
    order(shop, "bea", "o-2", code=code)
    assert state(shop, member(shop, "bea")) == end


def test_the_earliest_order_that_carries_it_counts_whichever_is_told_first(
    make: Callable[..., TestShop], time: BusinessTime
) -> None:
    shop = make()
    _, code = advocate(shop)
    first = time.now
    time.advance(days=3)
    order(shop, "bea", "o-2", code=code)
    order(shop, "bea", "o-1", code=code, created_at=first.isoformat())
    row = referral(shop, member(shop, "bea"))
    assert (row.state, row.at) == ("registered", first)


def test_the_first_link_wins_over_that_of_a_later_order(make: Callable[..., TestShop], time: BusinessTime) -> None:
    shop = make()
    (ada, first), (_, second) = advocate(shop), advocate(shop, "cleo")
    bea = join(shop, "bea", first)
    time.advance(minutes=5)
    collected(shop, "bea", code=second)
    assert (referral(shop, bea).advocate_id, of_referral(shop, ada)) == (ada, 100)


def test_an_earlier_order_takes_the_friend_over_from_a_later_link(
    make: Callable[..., TestShop], time: BusinessTime
) -> None:
    shop = make(reward_when="registered", hold_days=0)
    (ada, first), (cleo, second) = advocate(shop), advocate(shop, "cleo")
    made_at = time.now
    time.advance(minutes=5)
    bea = join(shop, "bea", second)
    settle()
    assert available(shop, cleo) == 100
    order(shop, "bea", code=first, created_at=made_at.isoformat())
    settle()
    assert (available(shop, ada), available(shop, cleo), available(shop, bea)) == (100, 0, 50)
    assert violations(shop) == []


# Who is no friend


def test_nobody_is_their_own_friend_by_an_order(make: Callable[..., TestShop]) -> None:
    shop = make()
    ada, code = advocate(shop)
    collected(shop, "ada", code=code)
    assert (state(shop, ada), of_referral(shop, ada)) == ("self", 0)


def test_a_ring_is_refused_where_an_order_would_close_it(make: Callable[..., TestShop]) -> None:
    shop = make(reward_when="registered")
    ada, code = advocate(shop)
    bea = join(shop, "bea", code)
    order(shop, "ada", code=code_of(shop, bea))
    assert (state(shop, bea), state(shop, ada)) == ("qualified", "cycle")


def test_an_erased_customer_is_nobodys_friend(make: Callable[..., TestShop]) -> None:
    shop = make()
    _, code = advocate(shop)
    shop.tell("customer.redacted", {"id": "bea"})
    collected(shop, "bea", code=code)
    assert rows(shop, "select 1 from referral_claim where shop_id = :shop") == []


def test_a_guest_is_nobodys_friend(make: Callable[..., TestShop]) -> None:
    shop = make()
    _, code = advocate(shop)
    guest = {"email": "bea@example.com", "referral_code": code}
    told = {
        "id": "o-1",
        "customer": guest,
        "currency": "EUR",
        "created_at": clock.now().isoformat(),
        "subtotal": "9.00",
    }
    shop.tell("order.paid", told)
    assert len(rows(shop, "select 1 from orders where shop_id = :shop")) == 1
    assert rows(shop, "select 1 from referral_claim where shop_id = :shop") == []


@pytest.mark.parametrize("code", ["", "   ", "7G4MQ2XD9P", "GRACE-7", "x" * 5000, "7G4MQ2XD9\U0001f381", "';--"])
def test_a_code_that_is_nobodys_loses_no_order(make: Callable[..., TestShop], code: str) -> None:
    shop = make()
    advocate(shop)
    collected(shop, "bea", code=code)
    (seen,) = rows(shop, "select * from orders where shop_id = :shop")
    assert (seen.member_id, seen.stands) == (member(shop, "bea"), True)
    assert {each.state for each in rows(shop, "select state from delivery where shop_id = :shop")} == {"handled"}
    assert rows(shop, "select 1 from referral_claim where shop_id = :shop") == []


# The order of arrival


@pytest.mark.parametrize("reward_when", ["registered", "first_order", "every_order"])
def test_the_end_is_the_same_whatever_arrives_first(
    make: Callable[..., TestShop], time: BusinessTime, reward_when: str
) -> None:
    """An order with the code, the same order collected, an earlier one with the code, a later one with somebody else's,
    the account told without any, and the widget opened by the other's link: a fixed choice of 25 orders of arrival."""
    shop = make(reward_when=reward_when, caps={"per_day": None}, households=True)
    (ada, code), (cleo, other) = advocate(shop), advocate(shop, "cleo")
    time.advance(days=1)
    at = time.now
    time.advance(days=1)
    ends: set[Any] = set()
    friends = 0
    for number, arrival in enumerate(list(itertools.permutations(range(6)))[::29]):
        friends += 1
        name = f"bea-{number}"
        for which in arrival:
            _tell_one(shop, which, name, code, other, at)
        row = referral(shop, member(shop, name))
        given = rows(
            shop,
            "select replace(part, ':' || coalesce(order_id, 0), ':') as part, state, at, due_at, points"
            " from referral_payout where shop_id = :shop and referral_id = :id and state <> 'taken_back' order by 1, 3",
            id=row.id,
        )
        ends.add((row.advocate_id, row.state, row.reason, row.at, row.qualified_at, row.due_at,
                  tuple(map(tuple, given)), of_referral(shop, row.friend_id)))  # fmt: skip
    assert len(ends) == 1, ends
    assert next(iter(ends))[:4] == (ada, "qualified", None, at)
    assert of_referral(shop, ada) == friends * 100 * (3 if reward_when == "every_order" else 1)
    assert of_referral(shop, cleo) == 0
    points.post_due()
    assert violations(shop) == []


def _tell_one(shop: TestShop, which: int, name: str, code: str, other: str, at: datetime) -> None:
    def bought(hours: int, said: str | None, **more: Any) -> dict[str, Any]:
        return {
            "id": f"{name}-o{hours}", "customer": by(name, said), "currency": "EUR", "subtotal": "100.00",
            "created_at": (at + timedelta(hours=hours)).isoformat(), "payment_status": "paid", **more,
        }  # fmt: skip

    def had(hours: int, said: str | None) -> dict[str, Any]:
        when = (at + timedelta(hours=hours + 1)).isoformat()
        return bought(hours, said, delivery_status="collected", collected_at=when)

    match which:
        case 0:
            shop.deliver("order.created", bought(2, code), at=at + timedelta(hours=2))
        case 1:
            shop.deliver("order.collected", had(2, None), at=at + timedelta(hours=3))
        case 2:
            shop.deliver("order.collected", had(0, code), at=at + timedelta(hours=1))
        case 3:
            shop.deliver("order.collected", had(5, other), at=at + timedelta(hours=6))
        case 4:
            told = {"id": name, "created_at": (at - timedelta(minutes=1)).isoformat()}
            shop.deliver("customer.created", told, at=at - timedelta(minutes=1))
        case _:
            with db.engine.connect() as connection:
                known = connection.exec_driver_sql(
                    "select id from member where shop_id = %s and external_id = %s", (shop.id, name)
                ).scalar()
            if known is None:  # the widget makes the member on first sight
                shop.deliver("customer.updated", {"id": name}, at=at)
                inbox.drain()
            open_widget(shop, member(shop, name), other, at + timedelta(minutes=30))
    inbox.drain()


# What it costs


@contextmanager
def statements() -> Iterator[list[str]]:
    """What PostgreSQL is asked meanwhile."""
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        asked.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def test_only_what_can_be_a_code_makes_an_order_ask_for_more(make: Callable[..., TestShop]) -> None:
    shop = make()
    _, code = advocate(shop)
    join(shop, "bea")
    told: dict[str, list[str]] = {}
    at = clock.now()  # told in one second: news of a later one makes the customer's profile newer
    for number, (name, said) in enumerate([("first", None), ("without", None), ("no code", "GRACE-7"), ("code", code)]):
        data = {"id": f"o-{number}", "customer": by("bea", said), "currency": "EUR", "subtotal": "9.00",
                "created_at": at.isoformat()}  # fmt: skip
        shop.deliver("order.created", data, at=at)
        empty_caches()  # or one ends here and not there
        with statements() as told[name], transaction() as session:
            deliveries.drain(session, clock.now())
    assert told["no code"] == told["without"]
    assert not any("referral_claim as c" in each for each in told["without"])
    assert any("referral_claim as c" in each for each in told["code"])
