""" "Where are my points?": every reason there is, from what the store told to one sentence."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from sqlalchemy import text

from backend.db import transaction
from backend.jobs import inbox, points
from backend.ledger.posting import Author
from backend.loyalty.members import merging
from backend.loyalty.orders import missing_points, missing_points_reading, orders
from backend.loyalty.orders.missing_points import Because, Verdict
from tests.conftest import PROGRAM, BusinessTime, TestShop
from tests.loyalty.rewards_world import member_with, rows


def ask(shop: TestShop, asked: str, time: BusinessTime) -> Verdict:
    with transaction() as session:
        found = missing_points_reading.find(session, shop.id, asked)
        order_id = found[0].id if found else None
        facts = missing_points_reading.facts(session, shop.facts, asked, order_id, time.now)
    said = missing_points.verdict(facts)
    assert said.sentence.endswith(".")
    assert said.steps
    return said


def order(time: BusinessTime, **given: Any) -> dict[str, Any]:
    now = time.now.isoformat()
    return {
        "id": "o-1",
        "number": "#1001",
        "customer": {"id": "c-1"},
        "currency": "EUR",
        "created_at": now,
        "subtotal": "100.00",
        "payment_status": "paid",
        "line_items": [{"id": "l-1", "quantity": 1, "total": "100.00"}],
    } | given


def collected(time: BusinessTime, **given: Any) -> dict[str, Any]:
    return order(time, delivery_status="collected", collected_at=time.now.isoformat(), **given)


# Nothing is known of it


def test_never_arrived(shop: TestShop, time: BusinessTime) -> None:
    said = ask(shop, "#1001", time)
    assert (said.because, said.mend) == ("never_arrived", None)


def test_only_its_refund_arrived(shop: TestShop, time: BusinessTime) -> None:
    shop.tell("order.refunded", {"order_id": "o-1", "refund": {"id": "r-1", "amount": "10.00"}})
    assert ask(shop, "o-1", time).because == "only_refund"


def test_it_has_arrived_and_waits(shop: TestShop, time: BusinessTime) -> None:
    shop.deliver("order.created", order(time))
    assert ask(shop, "1001", time).because == "delivery_waiting"
    inbox.drain()
    assert ask(shop, "1001", time).because == "not_collected"


def test_it_arrived_and_could_not_be_handled(
    shop: TestShop, time: BusinessTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(orders, "see", broken)
        shop.deliver("order.created", order(time))
        inbox.drain()
    said = ask(shop, "#1001", time)
    assert said.because == "delivery_failed"
    assert said.mend is not None
    assert said.mend.kind == "replay"


def test_it_was_refused(shop: TestShop, time: BusinessTime) -> None:
    shop.deliver("order.created", order(time, subtotal="a lot"))
    said = ask(shop, "1001", time)
    assert said.because == "delivery_rejected"
    assert "subtotal" in said.sentence


def test_what_another_order_says_is_not_about_it(shop: TestShop, time: BusinessTime) -> None:
    shop.deliver("order.created", order(time, subtotal="a lot", number="#7", line_items=[{"id": "1001"}]))
    assert ask(shop, "1001", time).because == "never_arrived"


def test_its_newest_word_is_stuck(shop: TestShop, time: BusinessTime) -> None:
    bought = order(time)
    shop.tell("order.created", bought)
    shop.deliver("order.collected", {**bought, "delivery_status": "collected", "collected_at": "yesterday"})
    assert ask(shop, "1001", time).because == "delivery_rejected"


# It cannot earn


def test_a_guest_without_an_account(shop: TestShop, time: BusinessTime) -> None:
    shop.tell("order.collected", collected(time, customer={"email": "eve@example.com"}))
    assert ask(shop, "1001", time).because == "guest"


def test_an_erased_customer(shop: TestShop, time: BusinessTime) -> None:
    shop.tell("customer.deleted", {"id": "c-1"})
    shop.tell("order.collected", collected(time))
    assert ask(shop, "1001", time).because == "erased"


def test_a_customer_erased_after_it(shop: TestShop, time: BusinessTime) -> None:
    shop.tell("order.collected", collected(time))
    shop.tell("customer.deleted", {"id": "c-1"})
    assert ask(shop, "1001", time).because == "erased"


def test_a_blocked_customer(shop: TestShop, time: BusinessTime) -> None:
    shop.tell("order.created", order(time))
    with transaction() as session:
        found = missing_points_reading.find(session, shop.id, "1001")
        facts = missing_points_reading.facts(session, shop.facts, "1001", found[0].id, time.now)
    assert facts.owner is not None
    blocked = missing_points.Facts(
        facts.asked, facts.now, facts.tz, facts.order, missing_points.Owner(facts.owner.id, "blocked")
    )
    said = missing_points.verdict(blocked)
    assert said.because == "blocked"


def test_the_program_was_off(shop: TestShop, time: BusinessTime) -> None:
    shop.set_program(**PROGRAM, enabled=False)
    time.advance(minutes=1)
    shop.tell("order.collected", collected(time))
    assert ask(shop, "1001", time).because == "disabled"


def test_while_the_app_was_not_installed(shop: TestShop, time: BusinessTime) -> None:
    shop.tell("app.uninstalled", {"at": time.now.isoformat()})
    time.advance(days=1)
    shop.tell("order.collected", collected(time))
    assert ask(shop, "1001", time).because == "uninstalled"


@pytest.mark.parametrize(
    ("given", "because"),
    [
        ({"currency": "USD"}, "other_currency"),
        ({"payment_status": "voided"}, "voided"),
        ({"payment_status": "refunded"}, "refunded"),
        ({"line_items": [{"id": "l-1", "quantity": 1, "total": "100.00", "gift_card": True}]}, "nothing_counts"),
        ({"subtotal": "9.99", "line_items": []}, "below_step"),
    ],
)
def test_what_the_order_is(shop: TestShop, time: BusinessTime, given: dict[str, Any], because: str) -> None:
    shop.tell("order.collected", collected(time, **given))
    said = ask(shop, "1001", time)
    assert (said.because, said.mend) == (because, None)


def test_made_at_a_till(new_shop: Callable[..., TestShop], time: BusinessTime) -> None:
    shop = new_shop({**PROGRAM, "earn": {**PROGRAM["earn"], "pos": False}})
    shop.tell("order.collected", collected(time, source="pos"))
    assert ask(shop, "1001", time).because == "pos"


@pytest.mark.parametrize(
    ("changed", "because"),
    [({"cancelled_at": None}, "cancelled"), ({"delivery_status": "returned"}, "returned")],
)
def test_it_was_undone(shop: TestShop, time: BusinessTime, changed: dict[str, Any], because: str) -> None:
    bought = collected(time)
    shop.tell("order.collected", bought)
    time.advance(days=5)
    shop.work()
    now = time.now.isoformat()
    undone = {key: value or now for key, value in changed.items()}
    shop.tell("order.updated", {**bought, "updated_at": now, **undone})
    said = ask(shop, "1001", time)
    assert said.because == because
    assert "10 points" in said.sentence


# It waits


@pytest.mark.parametrize(
    ("on", "because"), [("paid", "not_paid"), ("shipped", "not_shipped"), ("collected", "not_collected")]
)
def test_it_does_not_count_yet(new_shop: Callable[..., TestShop], time: BusinessTime, on: str, because: str) -> None:
    shop = new_shop({**PROGRAM, "assign": {"delay_days": 3, "on": on}})
    shop.tell("order.created", order(time, payment_status="pending"))
    said = ask(shop, "1001", time)
    assert said.because == because
    assert "10 points" in said.sentence


def test_its_day_has_not_come(shop: TestShop, time: BusinessTime) -> None:
    time.set("2026-11-23T10:00:00+01:00")
    shop.tell("order.collected", collected(time))
    said = ask(shop, "1001", time)
    assert said.because == "not_yet_due"
    assert "Nov 26, 2026" in said.sentence


def test_it_is_due_this_moment(shop: TestShop, time: BusinessTime) -> None:
    shop.tell("order.collected", collected(time))
    time.advance(days=5)
    assert ask(shop, "1001", time).because == "being_posted"


# It was credited


def test_it_was_credited(shop: TestShop, time: BusinessTime) -> None:
    shop.tell("order.collected", collected(time))
    time.advance(days=5)
    shop.work()
    for asked in ("o-1", "#1001", "1001"):
        said = ask(shop, asked, time)
        assert (said.because, said.mend) == ("credited", None)
    assert "10 points" in said.sentence
    assert "Points became available" in [each.label for each in said.steps]


def test_a_part_was_taken_back(shop: TestShop, time: BusinessTime) -> None:
    shop.tell("order.collected", collected(time))
    time.advance(days=5)
    shop.work()
    line = {"line_item_id": "l-1", "amount": "40.00"}
    shop.tell("order.refunded", {"order_id": "o-1", "refund": {"id": "r-1", "line_items": [line]}})
    said = ask(shop, "1001", time)
    assert said.because == "credited_less"
    assert "4 points were taken back" in said.sentence
    assert "6 points stand" in said.sentence


def test_its_points_ended_unspent(new_shop: Callable[..., TestShop], time: BusinessTime) -> None:
    shop = new_shop({**PROGRAM, "expiry": {"kind": "days", "days": 5}})
    shop.tell("order.collected", collected(time))
    time.advance(days=5)
    shop.work()
    time.advance(days=30)
    points.expire()
    said = ask(shop, "1001", time)
    assert said.because == "expired"
    assert "ended unspent" in said.sentence


def test_points_that_are_really_missing_can_be_assigned(shop: TestShop, time: BusinessTime) -> None:
    """Nothing makes this happen; if it did, it would be said, and how many."""
    shop.tell("order.created", order(time))
    with transaction() as session:
        session.execute(
            text("update orders set received_at = :at, due_at = :at where shop_id = :shop"),
            {"shop": shop.id, "at": time.now - timedelta(days=1)},
        )
    said = ask(shop, "1001", time)
    assert said.because == "missing"
    assert said.mend is not None
    assert (said.mend.kind, said.mend.points) == ("assign", 10)
    assert "#1001" in said.mend.reason


# Finding it


def test_by_an_address_all_of_a_persons_orders_are_found(shop: TestShop, time: BusinessTime) -> None:
    shop.tell("customer.created", {"id": "c-1", "email": "Ada@Example.com"})
    shop.tell("order.created", order(time))
    shop.tell("order.created", order(time, id="o-2", number="#1002", customer={"email": "ada@example.com"}))
    with transaction() as session:
        found = missing_points_reading.find(session, shop.id, "ADA@example.com")
    assert sorted(each.number or "" for each in found) == ["1001", "1002"]


def test_another_shops_orders_are_not_found(
    shop: TestShop, new_shop: Callable[..., TestShop], time: BusinessTime
) -> None:
    new_shop().tell("order.created", order(time))
    assert ask(shop, "1001", time).because == "never_arrived"


def test_no_reason_is_without_a_test() -> None:
    here = Path(__file__).read_text()
    assert [reason for reason in get_args(Because) if f'"{reason}"' not in here] == []


def test_an_order_of_an_account_that_was_merged_is_its_owners(shop: TestShop, time: BusinessTime) -> None:
    shop.tell("order.collected", collected(time))
    time.advance(days=5)
    shop.work()
    (gone,) = rows(shop, "select id from member where shop_id = :shop")
    kept = member_with(shop, customer="kept")
    with transaction() as session:
        merging.merge(session, shop.facts, kept, gone.id, "She told us", Author("staff", "Ada"), time.now)
    said = ask(shop, "#1001", time)
    assert said.because == "credited"
