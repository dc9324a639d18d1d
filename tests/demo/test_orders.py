"""An order's life in the pretend store."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from demo import orders
from demo.discounts import Applied
from demo.orders import Line, Order, Refusal

DAY = datetime(2026, 11, 29, 10, tzinfo=UTC)


def an_order(*codes: Applied, paid: bool = True, source: str = "online", discount: str = "0.00") -> Order:
    order = Order(
        id="ord_1",
        number="1001",
        email="ana@example.com",
        first_name="Ana",
        last_name="Silva",
        customer_id=None,
        created_at=DAY,
        updated_at=DAY,
        carrier="courier",
        source=source,
        shipping_price=Decimal("6.90"),
        discounts=list(codes),
        lines=[
            Line("ord_1_1", "plate", "KK-PL-06", "Breakfast plate", 6, Decimal("30.00"), Decimal(discount)),
            Line("ord_1_2", "sencha", "KK-SE-08", "Sencha", 1, Decimal("18.50")),
        ],
    )
    orders.place(order, DAY, paid=paid)
    return order


def test_a_card_order_is_told_as_created_and_paid() -> None:
    order = an_order(paid=False)
    assert [told.type for told in orders.pay(order, DAY)] == ["order.paid"]
    assert [told.type for told in orders.place(an_order(), DAY, paid=False)] == ["order.created"]


def test_totals_are_before_discounts_where_the_contract_says_so() -> None:
    order = an_order(discount="20.00")
    assert order.subtotal == Decimal("198.50")
    assert order.discount_total == Decimal("20.00")
    assert order.total == Decimal("185.40")


def test_collection_day_is_the_day_of_the_click_and_stays() -> None:
    order = an_order()
    orders.ship(order, DAY + timedelta(days=1))
    orders.collect(order, DAY + timedelta(days=2))
    orders.take_back(order, DAY + timedelta(days=5))
    assert order.collected_at == DAY + timedelta(days=2)
    assert order.delivery_status == "returned"


def test_every_change_is_newer_than_the_one_before_even_at_the_same_moment() -> None:
    order = an_order()
    before = order.updated_at
    orders.ship(order, DAY)
    shipped = order.updated_at
    orders.arrive(order, DAY)
    assert before < shipped < order.updated_at


def test_a_counter_order_is_paid_and_collected_on_the_spot() -> None:
    order = an_order(source="pos")
    assert (order.payment_status, order.delivery_status, order.collected_at) == ("paid", "collected", DAY)


def test_a_refund_of_pieces_gives_back_what_was_paid_for_them_and_leaves_the_subtotal() -> None:
    order = an_order(discount="20.00")
    told = orders.refund_line(order, "ord_1_1", 2, "ref_1", DAY)
    assert order.refunds[0].amount == Decimal("53.33")  # 2/6 of 180.00 less 20.00
    assert order.subtotal == Decimal("198.50")
    assert order.payment_status == "partially_refunded"
    assert [(each.type, each.refund_id) for each in told] == [("order.refunded", "ref_1"), ("order.updated", None)]


def test_the_whole_amount_makes_the_order_refunded() -> None:
    order = an_order()
    orders.refund_amount(order, order.total, "ref_1", DAY)
    assert order.payment_status == "refunded"
    assert order.refundable == 0


def test_more_than_was_bought_cannot_be_refunded() -> None:
    order = an_order()
    orders.refund_line(order, "ord_1_1", 5, "ref_1", DAY)
    with pytest.raises(Refusal, match="between 1 and 1"):
        orders.refund_line(order, "ord_1_1", 2, "ref_2", DAY)
    with pytest.raises(Refusal, match="At most"):
        orders.refund_amount(order, order.refundable + Decimal("0.01"), "ref_3", DAY)


def test_nothing_is_refunded_before_it_is_paid() -> None:
    with pytest.raises(Refusal, match="Nothing was paid"):
        orders.refund_amount(an_order(paid=False), Decimal("1.00"), "ref_1", DAY)


def test_a_quantity_changes_the_sums_but_not_below_what_was_refunded() -> None:
    order = an_order()
    orders.change_quantity(order, "ord_1_1", 2, DAY)
    assert order.subtotal == Decimal("78.50")
    orders.refund_line(order, "ord_1_1", 2, "ref_1", DAY)
    with pytest.raises(Refusal, match="between 2 and 99"):
        orders.change_quantity(order, "ord_1_1", 1, DAY)


@pytest.mark.parametrize(("paid", "status"), [(True, "refunded"), (False, "voided")])
def test_cancelling_gives_the_money_back_or_voids_the_order(paid: bool, status: str) -> None:
    order = an_order(paid=paid)
    orders.cancel(order, DAY)
    assert (order.payment_status, order.cancelled_at) == (status, order.updated_at)


@pytest.mark.parametrize(
    "verb", [orders.pay, orders.ship, orders.arrive, orders.collect, orders.take_back, orders.cancel]
)
def test_a_cancelled_order_stays_as_it_is(verb: object) -> None:
    order = an_order()
    orders.cancel(order, DAY)
    with pytest.raises(Refusal):
        verb(order, DAY)  # type: ignore[operator]


def test_a_parcel_does_not_go_backwards() -> None:
    order = an_order()
    orders.collect(order, DAY)
    with pytest.raises(Refusal, match="cannot become shipped"):
        orders.ship(order, DAY)


def test_a_codes_amount_is_shared_by_the_lines_and_follows_a_changed_quantity() -> None:
    order = an_order(Applied("twenty", "percentage", Decimal(20), None))
    assert [line.discount for line in order.lines] == [Decimal("36.00"), Decimal("3.70")]
    assert (order.discount_total, order.total) == (Decimal("39.70"), Decimal("165.70"))
    orders.change_quantity(order, "ord_1_1", 1, DAY)
    assert (order.subtotal, order.discount_total) == (Decimal("48.50"), Decimal("9.70"))


def test_an_amount_larger_than_what_is_left_of_the_order_leaves_nothing_to_pay_for_the_items() -> None:
    order = an_order(Applied("big", "fixed_amount", Decimal(150), None))
    orders.change_quantity(order, "ord_1_1", 1, DAY)
    assert (order.discount_total, order.total) == (order.subtotal, Decimal("6.90"))


def test_free_delivery_lowers_what_is_paid_for_delivery_and_is_no_discount_of_the_items() -> None:
    order = an_order(Applied("ship", "free_shipping", None, None))
    assert (order.shipping_total, order.discount_total, order.total) == (0, 0, order.subtotal)


def test_pieces_paid_with_points_alone_come_back_for_nothing_and_all_of_them_make_the_order_refunded() -> None:
    order = an_order(Applied("all", "fixed_amount", Decimal(500), None), Applied("s", "free_shipping", None, None))
    assert order.total == 0
    orders.refund_line(order, "ord_1_1", 6, "ref_1", DAY)
    assert (order.refunds[0].amount, order.payment_status) == (0, "partially_refunded")
    orders.refund_line(order, "ord_1_2", 1, "ref_2", DAY)
    assert order.payment_status == "refunded"


def test_a_gift_is_neither_refunded_nor_doubled() -> None:
    order = an_order()
    order.lines.append(Line("ord_1_3", "whisk", "KK-WH-07", "Matcha whisk", 1, Decimal("0.00")))
    with pytest.raises(Refusal, match="is a gift"):
        orders.refund_line(order, "ord_1_3", 1, "ref_1", DAY)
    with pytest.raises(Refusal, match="as promised"):
        orders.change_quantity(order, "ord_1_3", 2, DAY)


def test_an_order_of_a_book_from_before_the_shop_took_codes_is_read() -> None:
    record = orders.to_record(an_order())
    for name in ("discounts", "shipping_price", "shipping_discount"):
        del record[name]
    read = orders.from_record({**record, "shipping_total": "6.90", "discount_codes": []})
    assert (read.total, read.discount_codes) == (Decimal("205.40"), [])


def test_an_order_survives_the_book() -> None:
    order = an_order(Applied("twenty", "percentage", Decimal("20.00"), None), Applied("s", "free_shipping", None, None))
    orders.ship(order, DAY)
    orders.refund_line(order, "ord_1_1", 1, "ref_1", DAY)
    assert orders.from_record(orders.to_record(order)) == order
