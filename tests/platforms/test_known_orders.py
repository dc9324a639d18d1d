"""The end is the same whatever the order of arrival (contract section 3, reliability I-14)."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import reduce
from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.platforms.events import (
    DELIVERY_STATUSES,
    PAYMENT_STATUSES,
    Customer,
    Line,
    OrderSeen,
    OrderState,
    RefundLine,
    RefundState,
    newer,
    newness,
    order_from_document,
    refund_from_document,
    refund_to_document,
    time_text,
    to_document,
)
from backend.platforms.known_orders import known_from_document, known_to_document, learn

START = datetime(2026, 11, 29, 9, tzinfo=UTC)


def hour(number):
    return START + timedelta(hours=number)


def state(**said):
    return OrderState(
        **{"external_id": "1", "currency": "EUR", "created_at": START, "subtotal": Decimal("100.00")} | said
    )


def told(at, **said):
    return OrderSeen(state(**said), hour(at))


def known(*seen):
    return reduce(learn, seen, None)


def in_every_order(*seen):
    """What is known of the order, after checking that the order of arrival makes no difference."""
    [result] = {json.dumps(known_to_document(known(*order)), sort_keys=True) for order in permutations(seen)}
    return known_from_document(json.loads(result)).order


# Which of two states is the newer.


def test_the_later_updated_at_is_newer_whenever_it_was_told():
    early, late = told(9, updated_at=hour(1)), told(2, updated_at=hour(2))
    assert newer(early, late) == newer(late, early) == late


def test_else_the_later_envelope_time_is_newer():
    for updated_at in (None, hour(0)):
        early, late = told(1, updated_at=updated_at, number="a"), told(2, updated_at=updated_at, number="b")
        assert newer(early, late) == newer(late, early) == late


def steps(field, statuses):
    return [({field: nearer}, {field: further}) for nearer, further in pairwise((None, *statuses))]


@pytest.mark.parametrize(
    ("nearer", "further"),
    [
        *steps("delivery_status", DELIVERY_STATUSES),
        *steps("payment_status", PAYMENT_STATUSES),
        ({"cancelled_at": None}, {"cancelled_at": START}),
    ],
)
def test_on_a_tie_the_further_state_wins(nearer, further):
    other = told(1, **further)
    for number in "0123456789":  # whatever else they say
        one = told(1, number=number, **nearer)
        assert newer(one, other) == newer(other, one) == other


def test_statuses_run_in_the_order_of_the_contract():
    assert DELIVERY_STATUSES == ("pending", "shipped", "arrived", "collected", "returned")
    assert PAYMENT_STATUSES == ("pending", "paid", "partially_refunded", "refunded", "voided")


# What is known.


def test_the_newest_state_says_how_the_order_is():
    order = in_every_order(
        told(0, subtotal=Decimal("100.00"), discount_codes=("A",)),
        told(3, subtotal=Decimal("80.00"), discount_codes=()),
        told(1, subtotal=Decimal("90.00"), discount_codes=("B",)),
    )
    assert (order.subtotal, order.discount_codes) == (Decimal("80.00"), ())


def test_what_the_newest_state_does_not_say_is_as_it_was_said_last():
    order = in_every_order(
        told(0, number="7", customer=Customer(external_id="42"), payment_status="pending"),
        told(1, payment_status="paid"),
        told(2),
    )
    assert (order.number, order.payment_status) == ("7", "paid")
    assert order.customer is not None
    assert order.customer.external_id == "42"


def test_once_collected_stays_so():
    order = in_every_order(
        told(1, delivery_status="collected", updated_at=hour(1)), told(2, delivery_status="shipped", updated_at=hour(2))
    )
    assert (order.delivery_status, order.collected_at) == ("collected", hour(1))


def test_a_collected_order_can_come_back():
    order = in_every_order(told(1, delivery_status="collected"), told(5, delivery_status="returned"))
    assert (order.delivery_status, order.collected_at) == ("returned", hour(1))


def test_a_parcel_that_came_back_need_not_have_been_collected():
    order = in_every_order(told(1, delivery_status="shipped"), told(5, delivery_status="returned"))
    assert (order.collected_at, order.arrived_at) == (None, None)


def test_once_cancelled_stays_so():
    order = in_every_order(told(1, cancelled_at=hour(0)), told(2, updated_at=hour(9)))
    assert order.cancelled_at == hour(0)


def test_a_missing_collection_time_is_the_earliest_time_that_shows_it():
    order = in_every_order(
        told(5, delivery_status="collected"),
        told(3, delivery_status="collected"),
        told(4),
        told(1, delivery_status="arrived"),
    )
    assert order.collected_at == hour(3)
    assert order.arrived_at == hour(1)


def test_a_collection_time_that_is_said_counts_and_shows_the_collection():
    order = in_every_order(
        told(5, delivery_status="collected", collected_at=hour(2)), told(3, delivery_status="collected")
    )
    assert order.collected_at == hour(2)
    assert in_every_order(told(5, collected_at=hour(2))).delivery_status == "collected"


def test_what_was_collected_had_arrived_by_then():
    assert in_every_order(told(5, delivery_status="collected", collected_at=hour(2))).arrived_at == hour(2)


def test_the_first_time_of_each_fact_is_kept():
    seen = [told(4, payment_status="refunded"), told(2, payment_status="paid"), told(3, delivery_status="shipped")]
    for order in permutations(seen):
        assert known(*order).first_shown == {"paid": hour(2), "shipped": hour(3)}


def test_a_voided_payment_was_never_made():
    assert known(told(1, payment_status="voided")).first_shown == {}


LINES = (Line(external_id="a", total=Decimal("100.00")),)


def test_lines_of_an_older_state_count_only_with_the_same_subtotal():
    assert in_every_order(told(0, lines=LINES), told(1)).lines == LINES
    assert in_every_order(told(0, lines=LINES), told(1, subtotal=Decimal("90.00"))).lines is None
    assert in_every_order(told(0, lines=LINES), told(1, lines=())).lines == ()


def test_a_state_that_adds_nothing_is_not_kept():
    result = known(told(0, number="7"), told(1, number="7"), told(2, number="8"))
    assert [seen.at for seen in result.states] == [hour(2)]


TIMES = st.integers(0, 4).map(hour)
STATES = st.builds(
    state,
    subtotal=st.sampled_from([Decimal("100.00"), Decimal("90.00")]),
    updated_at=st.none() | TIMES,
    number=st.none() | st.sampled_from("ab"),
    customer=st.none() | st.builds(Customer, external_id=st.sampled_from("xy")),
    guest_email=st.none() | st.just("guest@example.com"),
    payment_status=st.none() | st.sampled_from(PAYMENT_STATUSES),
    delivery_status=st.none() | st.sampled_from(DELIVERY_STATUSES),
    collected_at=st.none() | TIMES,
    cancelled_at=st.none() | TIMES,
    total=st.none() | st.decimals("0", "999999999999999", places=4),
    discount_codes=st.none() | st.lists(st.sampled_from("cd"), max_size=2).map(tuple),
    lines=st.none()
    | st.lists(
        st.builds(
            Line,
            external_id=st.sampled_from("lm"),
            quantity=st.integers(0, 3),
            gift_card=st.booleans(),
            categories=st.sampled_from([(), ("Tea", "Sale")]),
        ),
        max_size=2,
    ).map(tuple),
)
SEEN = st.builds(OrderSeen, STATES, TIMES)


@given(st.lists(SEEN, min_size=1, max_size=6), st.data())
def test_neither_order_nor_repetition_nor_a_pause_changes_what_is_known(seen, data):
    once = known(*seen)
    again = data.draw(st.permutations([*seen, *data.draw(st.lists(st.sampled_from(seen), max_size=3))]))
    paused = None
    for each in again:
        paused = learn(paused, each)
        paused = known_from_document(json.loads(json.dumps(known_to_document(paused))))
    assert known_to_document(paused) == known_to_document(once)
    assert to_document(paused.order) == to_document(once.order)


@given(st.lists(SEEN, min_size=1, max_size=6))
def test_the_newest_state_is_the_newest_of_all(seen):
    newest = reduce(newer, seen)
    assert newness(known(*seen).newest.order, known(*seen).newest.at) == newness(newest.order, newest.at)


@given(st.lists(SEEN, min_size=1, max_size=6))
def test_what_is_known_says_what_any_state_said(seen):
    order = known(*seen).order
    for name in ("number", "customer", "payment_status", "delivery_status", "discount_codes", "cancelled_at"):
        said = [getattr(each.order, name) for each in seen if getattr(each.order, name) is not None]
        assert (getattr(order, name) is not None) >= bool(said)
    if any(each.order.delivery_status == "collected" for each in seen):
        assert order.delivery_status in ("collected", "returned")
        assert order.collected_at is not None


@given(SEEN, SEEN)
def test_two_states_share_a_place_only_if_they_say_the_same(one, other):
    is_same_place = newness(one.order, one.at) == newness(other.order, other.at)
    assert is_same_place == (one.at == other.at and to_document(one.order) == to_document(other.order))


# Documents.


@given(STATES)
def test_an_order_is_read_back_as_it_was_written(order):
    document = json.loads(json.dumps(to_document(order)))
    assert order_from_document(document) == order
    assert to_document(order_from_document(document)) == document


def test_money_and_times_are_written_as_text_and_the_customer_as_an_id():
    document = to_document(
        state(customer=Customer(external_id="42", email="ada@example.com", first_name="Ada"), total=Decimal("0.0000"))
    )
    assert document == {
        "external_id": "1",
        "currency": "EUR",
        "created_at": "2026-11-29T09:00:00Z",
        "subtotal": "100.00",
        "total": "0.0000",
        "customer_id": "42",
    }


def test_times_are_written_in_utc():
    assert time_text(datetime.fromisoformat("2026-11-29T10:00:00.5+01:00")) == "2026-11-29T09:00:00.500000Z"


@pytest.mark.parametrize(
    "refund",
    [
        RefundState(external_id="r"),
        RefundState(
            external_id="r",
            created_at=START,
            amount=Decimal("12.00"),
            lines=(RefundLine(line_id="a", quantity=0), RefundLine(line_id="b", amount=Decimal("0.00"))),
        ),
    ],
)
def test_a_refund_is_read_back_as_it_was_written(refund):
    assert refund_from_document(json.loads(json.dumps(refund_to_document(refund)))) == refund
