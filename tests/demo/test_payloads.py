"""The bodies of the webhooks, against contract section 3 and against the product's own reading of it."""

import json
from decimal import Decimal

from backend import strict_json
from backend.platforms.custom import adapter
from backend.platforms.events import CustomerSeen, OrderRefunded, OrderSeen
from demo import orders, payloads
from tests.demo.test_orders import DAY, an_order

CAMILLE = {
    "id": "cus_1",
    "email": "camille@example.com",
    "first_name": "Camille",
    "last_name": "Laurent",
    "locale": "fr",
    "email_verified": True,
    "created_at": "2026-11-01T08:00:00.000Z",
}


def test_an_order_is_whole_and_its_amounts_are_text() -> None:
    order = an_order()
    orders.collect(order, DAY)
    body = payloads.order(order, CAMILLE)
    assert body["created_at"] == "2026-11-29T10:00:00.000Z"
    assert body["collected_at"] == "2026-11-29T10:00:00.002Z"
    assert (body["payment_status"], body["delivery_status"], body["delivery_carrier"]) == (
        "paid",
        "collected",
        "courier",
    )
    assert (body["subtotal"], body["shipping_total"], body["total"]) == ("198.50", "6.90", "205.40")
    assert body["customer"] == CAMILLE
    assert body["line_items"][0] == {
        "id": "ord_1_1",
        "product_id": "plate",
        "sku": "KK-PL-06",
        "title": "Breakfast plate",
        "quantity": 6,
        "unit_price": "30.00",
        "discount": "0.00",
        "total": "180.00",
        "gift_card": False,
        "categories": [],
    }


def test_a_guest_has_an_address_and_no_id() -> None:
    assert payloads.order(an_order(), None)["customer"] == {
        "email": "ana@example.com",
        "first_name": "Ana",
        "last_name": "Silva",
    }


def test_a_refund_names_its_order_and_lines() -> None:
    order = an_order()
    orders.refund_line(order, "ord_1_1", 2, "ref_1", DAY)
    assert payloads.refund(order, order.refunds[0]) == {
        "order_id": "ord_1",
        "refund": {
            "id": "ref_1",
            "created_at": "2026-11-29T10:00:00.002Z",
            "amount": "60.00",
            "line_items": [{"line_item_id": "ord_1_1", "quantity": 2, "amount": "60.00"}],
        },
    }


def test_a_refund_without_lines_says_so() -> None:
    order = an_order()
    orders.refund_amount(order, Decimal("5.00"), "ref_1", DAY)
    assert payloads.refund(order, order.refunds[0])["refund"]["line_items"] == []


def test_a_customer_says_only_what_the_shop_knows() -> None:
    assert payloads.customer({"id": "cus_2", "email": "b@example.com", "last_name": "", "birthday": ""}) == {
        "id": "cus_2",
        "email": "b@example.com",
    }


def test_lagniappe_reads_every_kind_of_body() -> None:
    order = an_order()
    orders.refund_line(order, "ord_1_1", 2, "ref_1", DAY)
    seen = {
        "order.updated": (payloads.order(order, CAMILLE), OrderSeen),
        "order.created": (payloads.order(order, None), OrderSeen),
        "order.refunded": (payloads.refund(order, order.refunds[0]), OrderRefunded),
        "customer.created": (payloads.customer(CAMILLE), CustomerSeen),
    }
    for type_, (data, kind) in seen.items():
        raw = json.dumps(payloads.envelope(type_, DAY, data)).encode()
        (event,) = adapter.interpret(type_, strict_json.parse(raw))
        assert isinstance(event, kind), type_


def test_a_guest_and_a_customer_are_told_apart_by_lagniappe() -> None:
    for record, member_id, guest_email in ((CAMILLE, "cus_1", None), (None, None, "ana@example.com")):
        raw = json.dumps(payloads.envelope("order.paid", DAY, payloads.order(an_order(), record))).encode()
        (event,) = adapter.interpret("order.paid", strict_json.parse(raw))
        assert isinstance(event, OrderSeen)
        assert (event.order.customer.external_id if event.order.customer else None) == member_id
        assert event.order.guest_email == guest_email
