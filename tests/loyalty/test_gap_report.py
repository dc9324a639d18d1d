"""What is missing or stuck: each finding comes and goes with what it is about."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.jobs import inbox
from backend.loyalty.deliveries import gap_report
from backend.loyalty.deliveries.gap_report import Finding, Looking, missing_numbers
from backend.loyalty.notifications import endpoints
from backend.loyalty.orders import orders
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.test_missing_points import collected, order

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)


def findings(shop: TestShop, kind: str | None = None) -> list[Finding]:
    with transaction() as session:
        sections = gap_report.report(Looking(session, shop.facts, clock.now(), clock.wall()))
    return [each for section in sections for each in section.findings if kind in (None, each.kind)]


@pytest.mark.parametrize(
    ("numbers", "missing"),
    [
        (["1001", "1002", "1004"], ["1003"]),
        (["1004", "1001"], ["1003", "1002"]),
        (["1001"], []),
        (["0099", "0101"], ["0100"]),
        (["EN1", "EN3", "FR7"], ["EN2"]),
        (["1001", "9001"], []),
        (["R-7x", "abc"], []),
        ([], []),
    ],
)
def test_numbers_between_those_that_arrived_are_missing(numbers: list[str], missing: list[str]) -> None:
    assert [number for number, _ in missing_numbers(dict.fromkeys(numbers, AT), AT)] == missing


def test_what_may_still_be_on_its_way_is_not_missing() -> None:
    numbers = {"1001": AT - timedelta(hours=1), "1003": AT}
    assert missing_numbers(numbers, AT - timedelta(minutes=10)) == []


def test_nothing_is_missing_in_a_shop_where_all_is_well(shop: TestShop, time: BusinessTime) -> None:
    shop.tell("order.collected", collected(time))
    time.advance(days=5)
    shop.work()
    assert findings(shop) == []


def test_an_order_number_that_never_came(shop: TestShop, time: BusinessTime) -> None:
    for number in (1001, 1002, 1004):
        shop.tell("order.created", order(time, id=f"o-{number}", number=f"#{number}"))
    time.advance(hours=1)
    (finding,) = findings(shop)
    assert (finding.kind, finding.order) == ("order_missing", "1003")
    shop.tell("order.created", order(time, id="o-1003", number="#1003"))
    assert findings(shop) == []


def test_an_old_order_of_that_number_is_not_missing(shop: TestShop, time: BusinessTime) -> None:
    shop.tell("order.created", order(time, id="o-1", number="1003"))
    time.advance(days=70)
    for number in (1002, 1004):
        shop.tell("order.created", order(time, id=f"o-{number}", number=f"{number}"))
    time.advance(hours=1)
    assert findings(shop) == []


def test_deliveries_that_failed_were_refused_or_wait(
    shop: TestShop, time: BusinessTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(orders, "see", broken)
        shop.deliver("order.created", order(time))
        inbox.drain()
    shop.deliver("order.created", order(time, subtotal="a lot"))
    shop.deliver("order.created", order(time, id="o-2"))
    assert {each.kind for each in findings(shop)} == {"delivery_failed", "delivery_rejected"}
    with transaction() as session:
        session.execute(
            text("update delivery set next_try_at = next_try_at - interval '11 minutes' where shop_id = :shop"),
            {"shop": shop.id},
        )
    assert [each.kind for each in findings(shop)] == ["delivery_failed", "delivery_rejected", "delivery_waiting"]
    assert all(each.delivery_id for each in findings(shop))


def test_a_collected_order_without_points(shop: TestShop, time: BusinessTime) -> None:
    shop.tell("order.created", order(time))
    shop.tell("order.collected", collected(time, id="o-2", subtotal="1.00", line_items=[]))  # earns nothing: fine
    with transaction() as session:
        session.execute(
            text("update orders set received_at = :at, stands = true where shop_id = :shop and external_id = 'o-1'"),
            {"shop": shop.id, "at": time.now},
        )
    (finding,) = findings(shop)
    assert (finding.kind, finding.order) == ("not_credited", "o-1")
    assert "10 points" in finding.said


def test_a_refund_waits_for_its_order(shop: TestShop, time: BusinessTime) -> None:
    shop.tell("order.refunded", {"order_id": "o-1", "refund": {"id": "r-1", "amount": "10.00"}})
    (finding,) = findings(shop)
    assert (finding.kind, finding.order) == ("refund_without_order", "o-1")
    shop.tell("order.created", order(time))
    assert findings(shop) == []


def test_what_was_given_up_and_endpoints_that_are_paused(shop: TestShop, time: BusinessTime) -> None:
    with transaction() as session:
        made = endpoints.add(
            session, shop.id, clock.now(), url="https://shop.example/", types=["points.earned"], is_rehearsal=False
        )
        endpoints.pause(session, shop.id, made.id, "It has failed for 3 days without a break.")
        session.execute(
            text(
                "insert into outbox (shop_id, kind, key, payload, state, next_try_at, created_at, last_error)"
                " values (:shop, 'mail', 'x', '{}', 'parked', :at, :at, 'No such mailbox.')"
            ),
            {"shop": shop.id, "at": clock.wall()},
        )
    given_up, paused = findings(shop)
    assert (given_up.subject, given_up.said) == ("A mail", "No such mailbox.")
    assert paused.endpoint_id == made.id


def test_another_shop_sees_none_of_it(shop: TestShop, new_shop: Callable[..., TestShop], time: BusinessTime) -> None:
    shop.deliver("order.created", order(time, subtotal="a lot"))
    assert findings(new_shop()) == []


def test_a_platform_that_can_be_asked_adds_what_it_finds(
    shop: TestShop, time: BusinessTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(looking: Looking) -> Any:
        yield Finding("order_missing", "Order 7", "The store has it, and it never arrived.", looking.now, order="7")

    monkeypatch.setitem(gap_report.OF_PLATFORM, "custom", (asked,))
    assert [each.order for each in findings(shop)] == ["7"]
