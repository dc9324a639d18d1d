"""From Shopify's webhooks to points: orders, refunds, edits, guests (S3.5, docs/points-rules.md, docs/decisions/0025)."""

import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.ledger import check
from backend.loyalty.deliveries import deliveries
from backend.platforms.shopify import adapter
from tests.conftest import PROGRAM, BusinessTime, TestShop
from tests.shopify.store import ANN, Store, customer, fulfilment, line, order, refund

COLLECTED = "2026-11-21T10:00:00+01:00"


@pytest.fixture(autouse=True)
def today(time: BusinessTime) -> BusinessTime:
    time.set("2026-11-20T12:00:00+01:00")
    return time


def collected(**changes: Any) -> dict[str, Any]:
    """The order once it was handed over, without a tracking number."""
    pieces = {each["id"]: each["quantity"] for each in changes.get("lines") or [line()]}
    return order(**{"updated_at": COLLECTED, "fulfillments": [fulfilment(pieces)]} | changes)


def test_a_paid_order_that_is_handed_over_becomes_points_after_the_delay(store: Store, today: BusinessTime) -> None:
    store.tell("orders/create", order(financial_status="pending"))
    store.tell("orders/paid", order(updated_at="2026-11-20T10:00:05+01:00"))
    assert (store.points(), store.expected()) == (0, 10)
    today.set("2026-11-21T12:00:00+01:00")
    store.tell("orders/fulfilled", collected())
    found = store.balance()
    assert found is not None and (found.pending, found.available) == (10, 0)
    today.set("2026-11-24T12:00:00+01:00")
    store.shop.work()
    found = store.balance()
    assert found is not None and (found.pending, found.available) == (0, 10)


def test_a_parcel_with_a_tracking_number_brings_points_once_it_is_delivered(store: Store) -> None:
    parcel = fulfilment(tracking_number="1Z", tracking_company="UPS")
    store.tell("orders/fulfilled", collected(fulfillments=[parcel]))
    assert (store.points(), store.expected()) == (0, 10)
    delivered = parcel | {"shipment_status": "delivered", "updated_at": "2026-11-23T10:00:00+01:00"}
    store.tell("orders/updated", collected(fulfillments=[delivered], updated_at="2026-11-23T10:00:01+01:00"))
    assert store.points() == 10


def test_an_order_that_is_not_wholly_out_brings_nothing_yet(store: Store) -> None:
    store.tell("orders/partially_fulfilled", collected(lines=[line(1), line(2)], fulfillments=[fulfilment({1: 1})]))
    assert (store.points(), store.expected()) == (0, 20)


# Refunds.

THREE = [line(1, "100.00", 3), line(2, "50.00", 1)]
"""350.00: 35 points, of which 30 are the first line's."""
BACK = refund(61, {1: 1})
LEFT_TWO = [line(1, "100.00", 3, current_quantity=2), line(2, "50.00", 1)]
AFTER = {
    "lines": LEFT_TWO,
    "refunds": [BACK],
    "financial_status": "partially_refunded",
    "updated_at": "2026-11-25T10:00:00+01:00",
}


def test_a_refund_takes_back_what_its_pieces_brought_whatever_discounts_say(store: Store) -> None:
    store.tell("orders/fulfilled", collected(lines=THREE))
    assert store.points() == 35
    store.tell("refunds/create", BACK)
    assert store.points() == 25
    store.tell("orders/updated", collected(**AFTER))  # which tells of the same refund
    assert store.points() == 25
    store.tell("refunds/create", BACK)
    assert store.points() == 25
    store.tell("refunds/create", refund(62, {2: 1}))
    assert store.points() == 20


def test_a_refund_that_comes_before_its_order_waits_for_it(store: Store) -> None:
    store.tell("refunds/create", BACK)
    store.tell("orders/updated", collected(**AFTER))
    assert store.points() == 25
    store.tell("orders/fulfilled", collected(lines=THREE))  # sent earlier, come late
    assert store.points() == 25


def test_an_order_alone_tells_of_its_refunds(store: Store) -> None:
    store.tell("orders/updated", collected(**AFTER))
    assert store.points() == 25


def test_a_refund_of_pieces_without_money_counts_by_its_pieces(store: Store) -> None:
    store.tell("orders/fulfilled", collected(lines=THREE))
    store.tell("refunds/create", refund(61, {1: 1}, transactions=[]))
    assert store.points() == 25


def test_a_refund_of_money_without_pieces_takes_nothing_by_itself(store: Store) -> None:
    store.tell("orders/fulfilled", collected(lines=THREE))
    store.tell("refunds/create", refund(61))
    assert store.points() == 35
    store.tell(
        "orders/updated",
        collected(
            lines=THREE, refunds=[refund(61)], financial_status="refunded", updated_at="2026-11-25T10:00:00+01:00"
        ),
    )
    assert store.points() == 0  # all of its money went back


def test_an_order_that_is_cancelled_and_refunded_whole_brings_nothing_in_whatever_order(store: Store) -> None:
    everything = refund(61, {1: 3, 2: 1})
    gone = collected(
        lines=[line(1, "100.00", 3, current_quantity=0), line(2, "50.00", 1, current_quantity=0)],
        refunds=[everything],
        financial_status="refunded",
        cancelled_at="2026-11-25T10:00:00+01:00",
        updated_at="2026-11-25T10:00:00+01:00",
    )  # fmt: skip
    store.tell("orders/cancelled", gone)
    store.tell("refunds/create", everything)
    store.tell("orders/fulfilled", collected(lines=THREE))
    assert store.points() == 0


# Edits, and what does not earn.


def test_an_edit_moves_the_points_to_what_is_in_the_order_now(store: Store) -> None:
    store.tell("orders/fulfilled", collected(lines=THREE))
    removed = [line(1, "100.00", 3, current_quantity=2), line(2, "50.00", 1)]
    store.tell("orders/updated", collected(lines=removed, updated_at="2026-11-22T10:00:00+01:00"))
    assert store.points() == 25
    added = [line(1, "100.00", 3, current_quantity=2), line(2, "50.00", 1), line(3, "20.00", 5)]
    store.tell("orders/updated", collected(lines=added, updated_at="2026-11-23T10:00:00+01:00"))
    assert store.points() == 35


def test_an_edit_that_does_not_say_the_whole_order_has_it_asked_for(store: Store) -> None:
    store.tell("orders/edited", {"order_edit": {"id": 5, "order_id": 1001}})
    store.tell("fulfillment_events/create", {"id": 6, "order_id": 1001, "status": "delivered"})
    [look] = store.look(
        "select external_id, tries, next_try_at <= :wall as due from order_look where shop_id = :shop",
        wall=clock.wall(),
    )
    assert (look.external_id, look.tries, look.due) == ("1001", 0, True)


def test_asking_once_more_begins_the_tries_anew(store: Store) -> None:
    store.tell("fulfillments/update", {"id": 6, "order_id": 1001})
    with transaction() as session:
        session.execute(
            text("update order_look set tries = 7, error = 'x', next_try_at = null where shop_id = :shop"),
            {"shop": store.shop.id},
        )
    [before] = store.look("select asked_at from order_look where shop_id = :shop")
    store.tell("fulfillments/update", {"id": 6, "order_id": 1001})
    [look] = store.look("select asked_at, tries, error, next_try_at from order_look where shop_id = :shop")
    assert (look.tries, look.error) == (0, None) and look.next_try_at is not None and look.asked_at > before.asked_at


def test_a_cancelled_order_brings_nothing_and_a_topic_alone_cancels_nothing(store: Store) -> None:
    store.tell("orders/fulfilled", collected())
    store.tell("orders/cancelled", collected(updated_at="2026-11-22T10:00:00+01:00"))
    assert store.points() == 10
    store.tell(
        "orders/cancelled", collected(cancelled_at="2026-11-23T10:00:00+01:00", updated_at="2026-11-23T10:00:00+01:00")
    )
    assert store.points() == 0


def test_a_test_order_leaves_nothing_behind(store: Store) -> None:
    assert store.send("orders/fulfilled", collected(test=True)).status_code == 202
    store.shop.work()
    assert store.member() is None
    assert store.look("select 1 from orders where shop_id = :shop") == []


def test_a_gift_card_brings_nothing(store: Store) -> None:
    card = line(2, "500.00", gift_card=True, requires_shipping=False)
    store.tell("orders/fulfilled", collected(lines=[line(1), card]))
    assert store.points() == 10


def test_an_order_in_another_currency_than_the_shops_brings_nothing(store: Store) -> None:
    store.tell("orders/fulfilled", collected(currency="USD"))
    assert store.points() == 0


def test_discounts_count_where_the_program_says_so(new_shop: Any) -> None:
    program = PROGRAM | {"earn": PROGRAM["earn"] | {"base": "items_net"}}
    store = Store(new_shop(program, platform="shopify", domain="net.myshopify.com"))
    off = [{"amount": "30.00", "discount_application_index": 0}]
    free_delivery = [{"price": "8.00", "discount_allocations": [{"amount": "8.00"}]}]
    store.tell("orders/fulfilled", collected(lines=[line(discount_allocations=off)], shipping_lines=free_delivery))
    assert store.points() == 7


@pytest.mark.parametrize("earns", [True, False])
def test_a_sale_at_the_counter_earns_where_the_program_says_so(new_shop: Any, earns: bool) -> None:
    program = PROGRAM | {"earn": PROGRAM["earn"] | {"pos": earns}}
    store = Store(new_shop(program, platform="shopify", domain=f"pos-{earns}.myshopify.com".lower()))
    sale = collected(source_name="pos", fulfillments=[fulfilment(at="2026-11-20T10:00:00+01:00")])
    store.tell("orders/paid", sale)
    assert store.points() == (10 if earns else 0)


# Guests.


def test_a_guests_order_waits_for_an_account_with_the_same_verified_address(store: Store) -> None:
    store.tell("orders/fulfilled", collected(customer=None))
    assert store.member() is None
    store.tell("customers/create", customer(ANN, verified_email=False))
    assert store.points() == 0
    store.tell("customers/update", customer(ANN, updated_at="2026-11-22T10:00:00+01:00"))
    assert store.points() == 10


def test_a_guests_order_goes_to_whoever_the_store_says_it_is_of(store: Store) -> None:
    store.tell("orders/fulfilled", collected(customer=None))
    store.tell("orders/updated", collected(updated_at="2026-11-22T10:00:00+01:00"))
    assert store.points() == 10


# Whatever the order of arrival.

LIFE = [
    ("orders/create", order(lines=THREE, financial_status="pending")),
    ("orders/paid", order(lines=THREE, updated_at="2026-11-20T10:00:05+01:00")),
    ("orders/fulfilled", collected(lines=THREE)),
    ("refunds/create", BACK),
    ("orders/updated", collected(**AFTER)),
    ("refunds/create", refund(62, {2: 1}, at="2026-11-26T10:00:00+01:00")),
    (
        "orders/updated",
        collected(
            lines=[line(1, "100.00", 3, current_quantity=1), line(2, "50.00", 1, current_quantity=0)],
            refunds=[BACK, refund(62, {2: 1}, at="2026-11-26T10:00:00+01:00")],
            financial_status="partially_refunded",
            updated_at="2026-11-27T10:00:00+01:00",
        ),
    ),
]  # fmt: skip
"""Three jars and a bowl: one jar and the bowl came back, and one jar was taken out by an edit. 100.00 are left."""
_numbers = itertools.count(1)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    arrival=st.lists(st.sampled_from(range(len(LIFE))), min_size=7, max_size=12)
    .map(lambda some: [*some, *range(len(LIFE))])
    .flatmap(st.permutations)
)
def test_any_order_of_arrival_ends_the_same(arrival: list[int], new_shop: Any) -> None:
    shop: TestShop = new_shop(platform="shopify", domain=f"arrival-{next(_numbers)}.myshopify.com")
    with transaction() as session:
        for each in arrival:
            topic, body = LIFE[each]
            for event in adapter.interpret(topic, body, clock.now()):
                deliveries.apply(session, shop.facts, event, clock.now())
    store = Store(shop)
    [row] = store.look("select due_at, expires_at from orders where shop_id = :shop")
    assert (store.points(), f"{row.due_at:%F}") == (10, "2026-11-23")
    with transaction() as session:
        assert check.check(session, clock.now(), clock.wall(), shop.id).violations == []
