"""Points that pay at the checkout, as a store's cart does it (contract section 5, design section 7; S0.1 to S0.8)."""

from collections.abc import Callable
from typing import Any

import pytest

from backend import clock
from backend.db import transaction
from backend.jobs import points
from backend.loyalty.rewards import rewards
from tests.conftest import BusinessTime, TestShop
from tests.widget_api.conftest import Widget
from tests.widget_api.test_redeeming import give, mine, violations


@pytest.fixture(autouse=True)
def start(time: BusinessTime) -> None:
    time.set("2026-11-23T09:00:00+00:00")


@pytest.fixture
def campaign(shop: TestShop) -> Callable[..., str]:
    def make(point_value: str = "2", **document: Any) -> str:
        with transaction() as session:
            made = rewards.create(
                session,
                shop.facts,
                {"reward_name": f"Pay {point_value}", "reward_type": "cashback", "point_value": point_value} | document,
                clock.now(),
                rehearsal=True,
            )
        rewards.forget_current()
        return made.public_id

    return make


@pytest.fixture
def member(widget: Widget) -> Widget:
    """Who has the 50 points of the documents' examples."""
    give(widget, 50)
    return widget


def quote(widget: Widget, order_total: str = "100.00", **body: Any) -> Any:
    return widget.call("me/cashback/quote", "POST", json={"order_total": order_total, **body})


def hold(widget: Widget, key: str = "cart-1", order_total: str = "100.00", **body: Any) -> Any:
    return widget.call(
        "me/cashback/hold",
        "POST",
        json={"order_total": order_total, **body},
        headers={"Idempotency-Key": key},
    )


def order(code: str, **given: Any) -> dict[str, Any]:
    return {
        "id": "o-1",
        "customer": {"id": "c-1"},
        "currency": "EUR",
        "created_at": "2026-11-23T09:10:00Z",
        "subtotal": "100.00",
        "discount_codes": [code],
    } | given


def balance(widget: Widget) -> tuple[int, int, int]:
    has = widget.me()["balance"]
    return has["available"], has["on_hold"], has["owed"]


def test_all_fifty_points_make_the_order_free(member: Widget, campaign: Callable[..., str]) -> None:
    """S0.3."""
    best = campaign()
    answer = quote(member)
    assert answer.status_code == 200
    assert answer.json == {
        "campaign": {"id": best, "name": "Pay 2", "point_value": "2"},
        "points": 50,
        "discount": "100.00",
        "to_pay": "0.00",
        "max_points": 50,
    }


def test_twenty_points_take_forty_off(member: Widget, campaign: Callable[..., str]) -> None:
    """S0.4, the contract's own example."""
    campaign()
    shown = quote(member, points=20).json
    assert (shown["points"], shown["discount"], shown["to_pay"], shown["max_points"]) == (20, "40.00", "60.00", 50)


def test_of_several_campaigns_the_best_point_value_is_used(member: Widget, campaign: Callable[..., str]) -> None:
    """S0.7, S0.8: of those that are active, in their dates, and for this member."""
    campaign("1")
    campaign("3", is_active=False)
    campaign("4", active_to="2026-11-01")
    campaign("5", target={"type": "level", "levels": ["gold"]})
    best = campaign("2.5")
    assert quote(member, points=10).json["campaign"] == {"id": best, "name": "Pay 2.5", "point_value": "2.5"}


def test_neither_more_than_the_balance_nor_more_than_the_order(member: Widget, campaign: Callable[..., str]) -> None:
    """S0.6."""
    campaign()
    poor = quote(member, "1000.00", points=51)
    assert (poor.status_code, poor.json["code"], poor.json["missing_points"]) == (409, "not_enough_points", 1)
    beyond = quote(member, "40.00", points=21)
    assert (beyond.status_code, beyond.json["code"]) == (422, "beyond_order")
    assert quote(member, "39.00").json | {"campaign": None} == {
        "campaign": None,
        "points": 20,
        "discount": "39.00",
        "to_pay": "0.00",
        "max_points": 20,
    }


def test_amounts_that_are_none_are_refused_by_name(member: Widget, campaign: Callable[..., str]) -> None:
    campaign()
    for body in ({"order_total": "-5"}, {"order_total": 100}, {"order_total": "0"}, {"order_total": "1e3"}, {}):
        answer = member.call("me/cashback/quote", "POST", json=body)
        assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "order_total")
    for wrong in (-1, 0, "20", 1.5, True):
        assert quote(member, points=wrong).json["errors"][0]["field"] == "points"


def test_without_a_campaign_points_pay_nothing(member: Widget) -> None:
    for answer in (quote(member), hold(member)):
        assert (answer.status_code, answer.json["code"]) == (409, "cashback_unavailable")


def test_a_hold_has_its_code_at_once_and_is_captured_by_the_order(member: Widget, campaign: Callable[..., str]) -> None:
    campaign()
    held = hold(member, points=20)
    assert held.status_code == 201
    shown = held.json
    assert (shown["points"], shown["discount"], shown["to_pay"], shown["status"]) == (20, "40.00", "60.00", "ready")
    assert shown["expires_at"] == "2026-11-23T09:30:00Z"
    assert balance(member) == (30, 20, 0)
    member.shop.tell("order.paid", order(shown["code"].lower(), payment_status="paid"))
    assert balance(member) == (30, 0, 0)
    (had,) = mine(member)
    assert (had["status"], had["use_state"], had["discount"], had["can_return"]) == ("issued", "used", "40.00", False)
    assert member.me()["balance"]["expected"] == [{"points": 6, "order": "o-1"}]  # of the 60 that were paid (A4)
    assert violations(member) == []


def test_the_same_key_is_the_same_hold(member: Widget, campaign: Callable[..., str]) -> None:
    campaign()
    first = hold(member, points=20).json
    assert hold(member, points=20).json == first
    assert hold(member, points=30).json["code"] == "idempotency_key_reused"
    assert balance(member) == (30, 20, 0)


def test_the_rate_is_frozen_by_the_hold(member: Widget, campaign: Callable[..., str]) -> None:
    reward = campaign()
    held = hold(member, points=20).json
    with transaction() as session:
        rewards.update(session, member.shop.facts, rewards.parse_public_id(reward), {"point_value": "1"}, clock.now())
    rewards.forget_current()
    assert hold(member, points=20).json == held
    assert mine(member)[0]["discount"] == "40.00"


def test_a_checkout_that_does_not_come_lets_the_points_go(
    member: Widget, campaign: Callable[..., str], time: BusinessTime
) -> None:
    campaign()
    held = hold(member, points=20).json
    time.advance(minutes=29, seconds=59)
    points.release_holds()
    assert balance(member) == (30, 20, 0)
    time.advance(seconds=1)
    points.release_holds()
    assert balance(member) == (50, 0, 0)
    assert hold(member, points=20).json["status"] == "expired"
    # The order comes after all: the points are spent again, and what is missing is owed.
    hold(member, key="cart-2", points=50)
    member.shop.tell("order.paid", order(held["code"], payment_status="paid"))
    assert balance(member) == (0, 50, -20)
    assert violations(member) == []


def test_a_member_takes_the_points_out_of_the_cart_again(member: Widget, campaign: Callable[..., str]) -> None:
    campaign()
    held = hold(member, points=20).json
    assert member.call(f"me/redemptions/{held['id']}/return", "POST").json["status"] == "returned"
    assert balance(member) == (50, 0, 0)


def test_a_cancelled_order_gives_the_points_back_before_it_is_on_its_way(
    member: Widget, campaign: Callable[..., str]
) -> None:
    campaign()
    code = hold(member, points=20).json["code"]
    member.shop.tell("order.paid", order(code, payment_status="paid"))
    member.shop.tell("order.cancelled", order(code, cancelled_at="2026-11-23T10:00:00Z"))
    assert balance(member) == (50, 0, 0)
    assert mine(member)[0]["status"] == "returned"
    assert violations(member) == []


def test_and_does_not_once_it_was_shipped(member: Widget, campaign: Callable[..., str]) -> None:
    campaign()
    code = hold(member, points=20).json["code"]
    member.shop.tell("order.shipped", order(code, payment_status="paid", delivery_status="shipped"))
    member.shop.tell("order.cancelled", order(code, cancelled_at="2026-11-23T10:00:00Z"))
    assert balance(member) == (30, 0, 0)
    assert mine(member)[0]["use_state"] == "used"
