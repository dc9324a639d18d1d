"""What rules pay for beside orders: signing up, subscribing, the first order."""

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from backend import clock
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.earn_world import assert_proved, given, had, member, received, rows, rule

OPENED = "2026-03-01T09:00:00+01:00"
NOW = "2026-03-10T12:00:00+01:00"
VIPS = [{"conditions": [{"attribute": "User Tags", "operator": "Contain any of", "value": ["vip"]}]}]


@pytest.fixture
def opened(time: BusinessTime, new_shop: Callable[..., TestShop]) -> Callable[..., TestShop]:
    """A shop with these rules since the first of March; it is the tenth. Points of orders come at once."""

    def make(*rules: dict[str, Any], **more: Any) -> TestShop:
        time.set(OPENED)
        shop = new_shop(program={"assign": {"delay_days": 0}, "rules": list(rules), **more})
        time.set(NOW)
        return shop

    return make


# Signing up


def test_a_sign_up_rule_pays_those_who_are_eligible(opened: Callable[..., TestShop]) -> None:
    shop = opened(rule("signup", eligibility=VIPS))
    shop.tell("customer.created", {"id": "c-1", "created_at": NOW, "tags": ["vip"]})
    shop.tell("customer.created", {"id": "c-2", "created_at": NOW})
    assert (had(shop, "c-1"), had(shop, "c-2")) == (50, 0)


@pytest.mark.parametrize(
    ("created_at", "points"),
    [("2026-03-04T23:59:59+01:00", 0), ("2026-03-05T00:00:00+01:00", 50), ("2026-03-06T00:00:00+01:00", 0)],
)
def test_a_sign_up_rule_pays_in_its_window(opened: Callable[..., TestShop], created_at: str, points: int) -> None:
    window = {"active_from": "2026-03-05T00:00:00+01:00", "active_to": "2026-03-06T00:00:00+01:00"}
    shop = opened(rule("signup", **window))
    shop.tell("customer.created", {"id": "c-1", "created_at": created_at})
    assert had(shop) == points


def test_stores_tell_by_the_machines_clock_where_the_business_clock_was_moved_ahead(
    time: BusinessTime, new_shop: Callable[..., TestShop]
) -> None:
    clock.use_offset(lambda: timedelta(days=40))  # as `lagniappe time advance 40d`: both clocks go on
    rules = [rule("signup"), rule("first_order", points=20)]
    shop = new_shop(program={"assign": {"delay_days": 0}, "rules": rules})
    now, long_ago = clock.wall(), clock.wall() - timedelta(days=30)
    shop.tell("customer.created", {"id": "c-1", "created_at": now.isoformat()})
    shop.tell("order.collected", received("o-1", now))
    shop.tell("customer.created", {"id": "c-2", "created_at": long_ago.isoformat()})
    assert (had(shop, "c-1"), had(shop, "c-2")) == (50 + 20 + 10, 0)


# The newsletter


def test_a_subscriber_is_paid_once(opened: Callable[..., TestShop]) -> None:
    shop = opened(rule("newsletter"))
    for accepts in (None, False, True, True, False, True):
        shop.tell("customer.updated", {"id": "c-1", "accepts_marketing": accepts})
    assert had(shop) == 50
    (bonus,) = given(shop, "newsletter")
    assert bonus.why["rule"] == "newsletter"


# The first order


def test_the_first_order_that_is_received_brings_a_bonus_and_no_second_one(opened: Callable[..., TestShop]) -> None:
    shop = opened(rule("first_order"))
    waiting = received("o-1", NOW) | {"delivery_status": "shipped", "collected_at": None}
    shop.tell("order.created", waiting)
    assert given(shop, "first_order") == []
    for order_id in ("o-1", "o-2"):
        shop.tell("order.collected", received(order_id, NOW, number=f"#{order_id}"))
    assert had(shop) == 50 + 2 * 10
    (bonus,) = given(shop, "first_order")
    assert bonus.why["of_order"] == "#o-1"


@pytest.mark.parametrize(
    "undone",
    [
        {"cancelled_at": "2026-03-10T13:00:00+01:00"},
        {"delivery_status": "returned"},
        {"payment_status": "voided"},
        {"payment_status": "refunded"},
    ],
)
def test_it_is_taken_back_when_no_order_stands_and_given_again_when_another_does(
    opened: Callable[..., TestShop], undone: dict[str, Any]
) -> None:
    shop = opened(rule("first_order"))
    shop.tell("order.collected", received("o-1", NOW))
    assert had(shop) == 60
    shop.tell("order.updated", received("o-1", NOW) | undone | {"updated_at": "2026-03-10T13:00:00+01:00"})
    assert (had(shop), given(shop, "first_order")) == (0, [])
    shop.tell("order.collected", received("o-2", NOW))
    assert had(shop) == 60
    assert_proved(shop)


def test_an_order_that_is_refunded_piece_by_piece_stands_until_the_last(opened: Callable[..., TestShop]) -> None:
    shop = opened(rule("first_order"))
    small = [{"id": "l-1", "quantity": 2, "total": "5.00"}]  # too little to earn a point
    shop.tell("order.collected", received("o-1", NOW, subtotal="5.00", line_items=small))
    for number, points in ((1, 50), (2, 0)):
        line = {"line_item_id": "l-1", "quantity": 1}
        shop.tell("order.refunded", {"order_id": "o-1", "refund": {"id": f"r-{number}", "line_items": [line]}})
        assert had(shop) == points


def test_it_waits_as_long_as_the_order_does(opened: Callable[..., TestShop]) -> None:
    rules = rule("first_order", delay_days=1), rule("first_order", id="later", delay_days=30)
    shop = opened(*rules, assign={"delay_days": 14})
    shop.tell("order.collected", received("o-1", NOW))
    awards = rows("select rule, due_at from award where shop_id = :shop", shop=shop.id)
    due = {each.rule: each.due_at.isoformat() for each in awards}
    assert due["first_order"] == due["order"] == "2026-03-23T23:00:00+00:00"
    assert due["later"] == "2026-04-08T22:00:00+00:00"


def test_an_order_that_turns_out_to_be_anothers_takes_its_bonus_along(opened: Callable[..., TestShop]) -> None:
    shop = opened(rule("first_order"))
    shop.tell("order.collected", received("o-1", NOW))
    shop.tell("order.updated", received("o-1", NOW, "c-2") | {"updated_at": "2026-03-10T13:00:00+01:00"})
    assert (had(shop, "c-1"), had(shop, "c-2")) == (0, 60)


def test_a_guests_order_brings_it_once_the_address_is_proved(opened: Callable[..., TestShop]) -> None:
    shop = opened(rule("first_order"))
    shop.tell("order.collected", received("o-1", NOW, None, email="ada@mail.example"))
    member(shop, email="ada@mail.example", email_verified=True)
    assert had(shop) == 60


def test_only_the_rules_that_the_first_order_was_made_under_count(
    opened: Callable[..., TestShop], time: BusinessTime
) -> None:
    shop = opened()
    shop.tell("order.collected", received("o-1", NOW))
    shop.set_program(assign={"delay_days": 0}, rules=[rule("first_order")])
    time.advance(days=1)
    shop.tell("order.collected", received("o-2", time.now))
    assert had(shop) == 20


@pytest.mark.parametrize(
    "program", [{"enabled": False}, {"rules": [rule("first_order", active_to="2026-03-02T00:00:00Z")]}]
)
def test_no_bonus_while_the_program_or_the_rule_is_off(
    opened: Callable[..., TestShop], time: BusinessTime, program: dict[str, Any]
) -> None:
    shop = opened()
    time.set(OPENED)
    shop.set_program(**{"assign": {"delay_days": 0}, "rules": [rule("first_order")], **program})
    time.set(NOW)
    shop.tell("order.collected", received("o-1", NOW))
    assert given(shop, "first_order") == []


def test_eligibility_is_judged_once_when_the_order_first_has_an_owner(
    opened: Callable[..., TestShop], time: BusinessTime
) -> None:
    double = {"id": "double", "kind": "multiplier", "factor": "2", "title": {"en": "Twice"}, "eligibility": VIPS}
    shop = opened(rule("first_order", eligibility=VIPS), double)
    member(shop, tags=["vip"])
    shop.tell("order.collected", received("o-1", NOW))
    assert had(shop) == 50 + 20
    time.advance(minutes=1)
    member(shop, tags=[])
    shop.tell("order.updated", received("o-1", NOW, subtotal="200.00") | {"updated_at": "2026-03-10T13:00:00+01:00"})
    assert had(shop) == 50 + 40
    shop.tell("order.collected", received("o-2", NOW))
    assert had(shop) == 50 + 40 + 10


LATER = "2026-03-12T12:00:00+01:00"
Told = tuple[str, dict[str, Any], str]
FIRST: Told = ("order.collected", received("o-1", NOW), NOW)
MADE_BEFORE: Told = ("order.collected", received("o-2", "2026-03-10T11:00:00+01:00", subtotal="200.00"), NOW)
MADE_AFTER: Told = ("order.collected", received("o-3", "2026-03-11T10:00:00+01:00"), LATER)
CANCELLED: Told = ("order.cancelled", received("o-2", MADE_BEFORE[1]["created_at"]) | {"cancelled_at": LATER}, LATER)
ANOTHERS: Told = ("order.updated", MADE_BEFORE[1] | {"customer": {"id": "c-2"}, "updated_at": LATER}, LATER)


@pytest.mark.parametrize("way", list(itertools.permutations(range(4))), ids=lambda way: "".join(map(str, way)))
@pytest.mark.parametrize(("change", "of_second"), [(CANCELLED, 0), (ANOTHERS, 50 + 20)], ids=["cancelled", "moved"])
def test_the_end_is_the_same_in_whatever_order_it_is_told(
    opened: Callable[..., TestShop], time: BusinessTime, way: tuple[int, ...], change: Told, of_second: int
) -> None:
    shop = opened(rule("first_order"))
    member(shop, "c-2")
    time.set("2026-03-20T12:00:00+01:00")
    story = [FIRST, MADE_BEFORE, change, MADE_AFTER]
    for place in way:
        type_, data, at = story[place]
        shop.tell(type_, data, at=at)
    assert (had(shop, "c-1"), had(shop, "c-2")) == (50 + 10 + 10, of_second)
    assert sorted(each.points for each in given(shop, "first_order")) == [50] * (1 + bool(of_second))
    assert_proved(shop)
