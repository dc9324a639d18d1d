"""What Shopify's orders and customers mean to us (docs/points-rules.md, docs/decisions/0025)."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from backend.errors import Unauthorized
from backend.platforms.base import MalformedDelivery, NotForUs
from backend.platforms.events import (
    AddressErased,
    CustomerErased,
    CustomersMerged,
    DataRequested,
    OrderChanged,
    OrderRefunded,
    OrderState,
    RefundLine,
    ShopChanged,
)
from backend.platforms.registry import platform
from backend.platforms.shopify import adapter
from backend.platforms.shopify.webhook_signature import sign
from tests.shopify.store import customer, fulfilment, line, money, of_the_shop, order, refund

AT = datetime(2026, 11, 26, 12, tzinfo=UTC)


def seen(topic: str = "orders/updated", **changes: Any) -> OrderState:
    return adapter.interpret(topic, order(**changes), AT)[0].order


def test_shopify_is_a_platform():
    assert platform("shopify") is adapter
    assert adapter.rejection_status == 200  # errors cost the subscription


# Lines: before discounts, never reduced by refunds, as edited.


@pytest.mark.parametrize(
    "quantity, current, refunded, bought",
    [
        (3, 3, 0, 3),
        (3, 2, 0, 2),  # one was taken out by an edit
        (3, 2, 1, 3),  # one was refunded
        (3, 1, 1, 2),  # one was taken out, one refunded
        (3, 0, 3, 3),
        (3, 3, 1, 3),  # refunded, and Shopify has not counted it off
        (2, 5, 0, 5),  # three were added
        (3, None, 1, 3),
    ],
)
def test_the_pieces_that_were_bought_are_those_in_the_order_and_those_refunded(quantity, current, refunded, bought):
    refunds = [refund(quantities={1: refunded})] if refunded else []
    found = seen(lines=[line(price="10.00", quantity=quantity, current_quantity=current)], refunds=refunds)
    assert found.lines is not None
    assert [(each.quantity, each.total) for each in found.lines] == [(bought, Decimal("10.00") * bought)]
    assert found.subtotal == Decimal("10.00") * bought


def test_a_line_that_an_edit_took_out_is_gone():
    found = seen(lines=[line(1), line(2, current_quantity=0)])
    assert [each.external_id for each in found.lines or ()] == ["1"]


def test_money_is_in_the_shops_currency_not_in_the_customers():
    found = seen(lines=[line(price="80.00", price_set=money("80.00"))], presentment_currency="USD")
    assert (found.currency, found.subtotal) == ("EUR", Decimal("80.00"))


def test_a_discount_belongs_to_its_line_and_goes_with_the_pieces_that_are_left():
    allocated = [{"amount": "999", "amount_set": money("6.00")}, {"amount": "4.00"}]
    whole = seen(lines=[line(price="10.00", quantity=3, discount_allocations=allocated)])
    assert (whole.discount_total, [each.discount for each in whole.lines or ()]) == (
        Decimal("10.00"),
        [Decimal("10.00")],
    )
    edited = seen(lines=[line(price="10.00", quantity=3, current_quantity=2, discount_allocations=allocated)])
    assert edited.discount_total == Decimal("6.67")


@pytest.mark.parametrize("included, total", [(True, "95.00"), (False, "114.00")])
def test_the_total_is_made_of_its_parts(included, total):
    found = seen(
        lines=[line(price="100.00", discount_allocations=[{"amount": "10.00"}])],
        shipping_lines=[{"price": "8.00", "price_set": money("8.00"), "discount_allocations": [{"amount": "3.00"}]}],
        total_tax="19.00",
        taxes_included=included,
    )
    assert (found.shipping_total, found.tax_total, found.total) == (Decimal("5.00"), Decimal("19.00"), Decimal(total))


def test_delivery_that_was_taken_out_of_the_order_costs_nothing():
    way = {"price": "8.00", "price_set": money("8.00"), "discount_allocations": []}
    found = seen(shipping_lines=[way | {"is_removed": True}, way | {"price_set": money("3.00"), "is_removed": False}])
    assert (found.shipping_total, found.total) == (Decimal("3.00"), Decimal("103.00"))


def test_a_gift_card_is_marked():
    found = seen(lines=[line(1), line(2, gift_card=True)])
    assert [each.gift_card for each in found.lines or ()] == [False, True]


TIP = {"product_id": None, "requires_shipping": False, "title": "Tip", "tip_payment_gateway": None}


def test_a_tip_is_a_fee_and_none_of_the_items():
    found = seen(lines=[line(1, "100.00"), line(2, "15.00", **TIP)])
    assert [each.external_id for each in found.lines or ()] == ["1"]
    assert (found.subtotal, found.fee_total, found.total) == (Decimal("100.00"), Decimal("15.00"), Decimal("115.00"))


@pytest.mark.parametrize("otherwise", [{"product_id": 50}, {"requires_shipping": True}])
def test_what_cannot_be_a_tip_is_none_whatever_fields_it_has(otherwise):
    found = seen(lines=[line(1, "100.00", **TIP | otherwise)])
    assert (found.subtotal, found.fee_total) == (Decimal("100.00"), 0)


def test_pieces_that_an_edit_has_added_are_waited_for():
    five = line(quantity=2, current_quantity=5)
    assert seen(lines=[five], fulfillments=[fulfilment({1: 2})]).delivery_status == "pending"
    assert seen(lines=[five], fulfillments=[fulfilment({1: 5})]).delivery_status == "collected"


def test_nobody_waits_for_a_tip_to_be_sent():
    download = line(1, "100.00", requires_shipping=False)
    found = seen(lines=[download, line(2, "15.00", **TIP)], fulfillments=[fulfilment({1: 1})])
    assert found.delivery_status == "collected"


# How it was paid, how it travels, where it was sold.


@pytest.mark.parametrize(
    "word, meant",
    [
        ("paid", "paid"), ("partially_refunded", "partially_refunded"), ("refunded", "refunded"), ("voided", "voided"),
        ("pending", "pending"), ("authorized", "pending"), ("partially_paid", "pending"), ("expired", "pending"),
        (None, "pending"), ("bartered", "pending"), ("PAID", "paid"),
    ],
)  # fmt: skip
def test_the_payment_is_what_the_order_says(word, meant):
    assert seen(financial_status=word).payment_status == meant


def test_a_parcel_is_collected_when_it_is_delivered():
    parcel = fulfilment(tracking_number="1Z", tracking_company="UPS", updated_at="2026-11-22T10:00:00Z")
    found = seen(fulfillments=[parcel])
    assert (found.delivery_status, found.delivery_carrier, found.collected_at) == ("shipped", "UPS", None)
    found = seen(fulfillments=[parcel | {"shipment_status": "delivered"}])
    assert (found.delivery_status, found.collected_at) == ("collected", datetime(2026, 11, 22, 10, tzinfo=UTC))


def test_what_has_no_tracking_number_is_collected_when_it_was_fulfilled():
    found = seen(fulfillments=[fulfilment(at="2026-11-21T10:00:00Z", updated_at="2026-11-25T10:00:00Z")])
    assert (found.delivery_status, found.collected_at) == ("collected", datetime(2026, 11, 21, 10, tzinfo=UTC))


def test_a_tracking_number_in_the_list_is_one():
    assert seen(fulfillments=[fulfilment(tracking_numbers=["1Z"])]).delivery_status == "shipped"


def test_a_piece_refunded_before_it_was_sent_is_not_waited_for_but_one_that_came_back_was_there():
    two = line(quantity=2, current_quantity=1)
    cancelled = refund(quantities={1: 1})
    cancelled["refund_line_items"][0]["restock_type"] = "cancel"
    assert seen(lines=[two], refunds=[cancelled], fulfillments=[fulfilment({1: 1})]).delivery_status == "collected"
    came_back = refund(quantities={1: 1})
    assert seen(lines=[two], refunds=[came_back], fulfillments=[fulfilment({1: 1})]).delivery_status == "pending"
    assert seen(lines=[two], refunds=[came_back], fulfillments=[fulfilment({1: 2})]).delivery_status == "collected"


def test_a_sale_at_the_counter_is_handed_over_as_it_is_made():
    found = seen(source_name="pos", fulfillments=[fulfilment(at="2026-11-20T10:00:00+01:00")])
    assert (found.source, found.delivery_status) == ("pos", "collected")
    assert seen().source == "online"


# Whose it is.


def test_an_order_without_a_customer_is_a_guests():
    for without in ({"customer": None}, {"customer": None, "email": "", "contact_email": "ann@shop.example"}):
        found = seen(**without)
        assert (found.customer, found.guest_email) == (None, "ann@shop.example")
    body = order()
    del body["customer"]
    assert adapter.interpret("orders/paid", body, AT)[0].order.guest_email == "ann@shop.example"


def test_an_orders_customer_is_told_of_with_it():
    found = seen(customer_locale="de-DE")
    assert found.guest_email is None and found.customer is not None
    assert (found.customer.external_id, found.customer.email_verified, found.customer.locale) == ("7001", True, "de-DE")


def test_the_codes_of_both_fields_are_told_once():
    found = seen(
        discount_codes=[{"code": "LOY-1"}, {"code": "Tea"}],
        discount_applications=[
            {"type": "discount_code", "code": "loy-1"},
            {"type": "automatic", "title": "x"},
            {"type": "discount_code", "code": "EXTRA"},
        ],
    )
    assert found.discount_codes == ("LOY-1", "Tea", "EXTRA")


def test_a_test_order_is_none_of_our_business_and_the_merchant_reads_why():
    with pytest.raises(NotForUs) as raised:
        adapter.check("orders/paid", order(test=True))
    assert raised.value.reason == "A test order: it earns nothing and is not kept."


# Refunds.


def test_a_refund_is_of_pieces_and_its_money_that_of_what_was_paid_back():
    body = refund(quantities={1: 2, 2: 1})
    body["transactions"] += [
        {"kind": "refund", "status": "failure", "amount": "9.00"},
        {"kind": "sale", "amount": "1.00"},
    ]
    [event] = adapter.interpret("refunds/create", body, AT)
    assert event == OrderRefunded("1001", event.refund, datetime(2026, 11, 25, 9, tzinfo=UTC))
    assert event.refund.amount == Decimal("90.50")
    assert event.refund.lines == (RefundLine(line_id="1", quantity=2), RefundLine(line_id="2", quantity=1))


def test_a_restock_without_money_is_a_refund_of_its_pieces():
    [event] = adapter.interpret("refunds/create", refund(quantities={1: 1}, transactions=[]), AT)
    assert (event.refund.amount, event.refund.lines) == (None, (RefundLine(line_id="1", quantity=1),))


@pytest.mark.parametrize(
    ("status", "amount"), [("success", "90.50"), ("pending", "90.50"), ("failure", None), ("error", None)]
)
def test_money_that_is_on_its_way_back_is_counted_as_paid_back(status, amount):
    transaction = {"kind": "refund", "status": status, "amount": "90.50"}
    [event] = adapter.interpret("refunds/create", refund(quantities={1: 1}, transactions=[transaction]), AT)
    assert event.refund.amount == (None if amount is None else Decimal(amount))


def in_dollars(amount: str, **more: Any) -> dict[str, Any]:
    """What was paid back to a customer who pays in dollars, in a shop that counts in euros: transactions tell theirs."""
    settled = {
        "shop_money": {"amount": "0.0", "currency": "EUR"},
        "presentment_money": {"amount": "0.0", "currency": "USD"},
    }
    return {
        "kind": "refund",
        "status": "success",
        "amount": amount,
        "currency": "USD",
        "total_unsettled_set": settled,
    } | more


def both(euros: str, dollars: str) -> dict[str, Any]:
    return {
        "shop_money": {"amount": euros, "currency_code": "EUR"},
        "presentment_money": {"amount": dollars, "currency_code": "USD"},
    }


@pytest.mark.parametrize(
    ("line_is", "adjusted", "paid", "means"),
    [
        (both("80.00", "100.00"), None, ["100.00"], "80.00"),
        (both("80.00", "100.00"), None, ["60.00", "45.00"], "84.00"),  # with something for the delivery
        (None, both("-16.00", "-20.00"), ["20.00"], "16.00"),
        (None, None, ["20.00"], None),
        (both("0.00", "0.00"), None, ["20.00"], None),
    ],
)
def test_what_was_paid_back_in_the_customers_money_is_counted_in_the_shops(line_is, adjusted, paid, means):
    body = refund(quantities={1: 1}, transactions=[in_dollars(each) for each in paid])
    body["refund_line_items"][0]["subtotal_set"] = line_is
    body["order_adjustments"] = [{"amount": "-1.00", "amount_set": adjusted}] if adjusted else []
    [event] = adapter.interpret("refunds/create", body, AT)
    assert event.refund.amount == (None if means is None else Decimal(means))


def test_what_was_paid_back_of_the_delivery_in_the_customers_money_is_counted_in_the_shops():
    """Since version 2024-10 it is no adjustment of the order, but a line of its own."""
    body = refund(quantities={}, transactions=[in_dollars("20.00")])
    body["refund_shipping_lines"] = [{"id": 1, "subtotal_amount_set": both("16.00", "20.00")}]
    body["order_adjustments"] = []
    [event] = adapter.interpret("refunds/create", body, AT)
    assert (event.refund.amount, event.refund.lines) == (Decimal("16.00"), ())


@pytest.mark.parametrize("currency", ["EUR", None])
def test_what_was_paid_back_in_the_shops_own_money_is_taken_as_it_is(currency):
    body = refund(quantities={1: 1}, transactions=[in_dollars("90.50", currency=currency)])
    [event] = adapter.interpret("refunds/create", body, AT)
    assert event.refund.amount == Decimal("90.50")


def test_a_refund_within_an_order_is_the_same_as_by_itself():
    [alone] = adapter.interpret("refunds/create", refund(quantities={1: 1}), AT)
    _, within = adapter.interpret("orders/updated", order(refunds=[refund(quantities={1: 1})]), AT)
    assert within == alone


# Customers, and what is not told whole.


def test_a_customer_as_shopify_knows_them():
    [event] = adapter.interpret(
        "customers/update",
        customer(
            tags="vip, tea ,",
            email_marketing_consent={"state": "subscribed"},
            default_address={"id": 5, "address1": "1 rue Oberkampf", "city": "Paris", "country": "France", "zip": ""},
        ),
        AT,
    )
    found = event.customer
    assert (found.tags, found.accepts_marketing) == (("vip", "tea"), True)
    assert found.address == {"address1": "1 rue Oberkampf", "city": "Paris", "country": "France"}
    assert event.at == datetime(2026, 11, 20, 9, tzinfo=UTC) and event.signed_up_at is None


@pytest.mark.parametrize(
    "topic, signed_up_at",
    [
        ("customers/create", datetime(2026, 1, 5, 8, tzinfo=UTC)),
        ("customers/enable", datetime(2026, 11, 20, 9, tzinfo=UTC)),
        ("customers/update", None),
        ("customers/disable", None),
    ],
)
def test_who_has_an_account_made_it_when_the_topic_says_so(topic, signed_up_at):
    found = adapter.interpret(topic, customer(), AT)[0]
    assert (found.signed_up_at, found.has_account) == (signed_up_at, True)


@pytest.mark.parametrize("topic", ["customers/create", "customers/enable", "customers/update"])
def test_a_guest_has_no_account_whatever_the_topic(topic):
    for state in ("disabled", "invited", "declined", None):
        found = adapter.interpret(topic, customer(state=state), AT)[0]
        assert (found.signed_up_at, found.has_account) == (None, False)


@pytest.mark.parametrize("verified", [False, None])
def test_an_address_that_is_not_verified_proves_nothing(verified):
    assert (
        adapter.interpret("customers/update", customer(verified_email=verified), AT)[0].customer.email_verified is False
    )


MERGE = {
    "admin_graphql_api_customer_kept_id": "gid://shopify/Customer/1",
    "admin_graphql_api_customer_deleted_id": "gid://shopify/Customer/2",
    "status": "completed",
    "errors": [],
}


def test_a_merge_that_was_completed_is_one():
    assert adapter.interpret("customers/merge", MERGE, AT) == [CustomersMerged("1", "2", AT)]
    for status in ("failed", "in_progress", "requested", None):
        with pytest.raises(NotForUs):
            adapter.check("customers/merge", MERGE | {"status": status})


@pytest.mark.parametrize(
    "topic, body",
    [
        ("orders/edited", {"order_edit": {"id": 5, "order_id": 1001}}),
        ("fulfillments/create", {"id": 5, "order_id": 1001}),
        ("fulfillments/update", {"id": 5, "order_id": 1001}),
        ("fulfillment_events/create", {"id": 5, "order_id": 1001, "status": "delivered"}),
        ("order_transactions/create", {"id": 5, "order_id": 1001, "kind": "sale"}),
        ("returns/approve", {"id": 5, "order": {"id": 1001}}),
        ("returns/close", {"id": 5, "order_id": 1001}),
        ("returns/process", {"id": 5, "order": {"id": 1001}}),
    ],
)
def test_a_change_that_does_not_say_the_whole_order_has_it_asked_for(topic, body):
    assert adapter.interpret(topic, body, AT) == [OrderChanged("1001", AT)]


# Compliance, and the shop.


def test_a_guest_is_forgotten_by_the_address_that_is_all_that_is_known():
    body = {
        "shop_id": 1,
        "shop_domain": "kiln.myshopify.com",
        "customer": {"email": "ann@shop.example"},
        "orders_to_redact": [],
    }
    assert adapter.interpret("customers/redact", body, AT) == [AddressErased("ann@shop.example", (), AT, True)]
    assert adapter.interpret("customers/redact", body | {"customer": {"id": 7001}}, AT) == [
        CustomerErased("7001", AT, redacted=True),
        AddressErased(None, (), AT),
    ]


def test_a_request_for_data_has_a_number():
    body = {
        "shop_id": 1,
        "shop_domain": "kiln.myshopify.com",
        "customer": {"id": 7001, "email": "ann@shop.example"},
        "orders_requested": [1001],
        "data_request": {"id": 9999},
    }
    [event] = adapter.interpret("customers/data_request", body, AT)
    assert event == DataRequested("9999", "7001", "ann@shop.example", ("1001",), AT)


def test_the_shop_as_it_says_it_is():
    [event] = adapter.interpret("shop/update", of_the_shop("kiln.myshopify.com", domain="kiln.example"), AT)
    assert event == ShopChanged(
        at=datetime(2026, 11, 20, 9, tzinfo=UTC),
        external_id="548380009",
        name="Kiln and Kettle",
        domain="kiln.example",
        timezone="Europe/Paris",
        locale="en",
        currency="EUR",
    )


AGREE = [
    {"myshopify_domain": "kiln.myshopify.com", "domain": "kiln.example"},
    {"myshopify_domain": "KILN.myshopify.com", "id": 5},
    {"shop_domain": "kiln.myshopify.com", "shop_id": 5},
    {"shop_id": "gid://shopify/Shop/5"},
    {"myshopify_domain": None, "domain": None},
    {"myshopify_domain": "kiln.myshopify.com", "domain": "old.myshopify.com"},
    {"id": 99},
    [],
]
DISAGREE = [
    {"myshopify_domain": "other.myshopify.com"},
    {"shop_domain": "other.myshopify.com"},
    {"shop_domain": "kiln.example"},
    {"myshopify_domain": None, "domain": "other.myshopify.com"},
    {"myshopify_domain": ["kiln.myshopify.com"]},
    {"shop_id": 6},
    {"myshopify_domain": "kiln.myshopify.com", "id": 6},
    {"shop_id": "gid://shopify/Shop/6"},
]


@pytest.mark.parametrize("document", AGREE)
def test_a_body_of_the_shop_in_the_header_is_taken(document):
    adapter.check_shop(document, "kiln.myshopify.com", "5")


@pytest.mark.parametrize("document", DISAGREE)
def test_a_body_of_another_shop_is_refused(document):
    with pytest.raises(MalformedDelivery):
        adapter.check_shop(document, "kiln.myshopify.com", "5")


# Ids and topics, which are not signed.


def signed(raw: bytes, **headers: str) -> dict[str, str]:
    return {"X-Shopify-Hmac-Sha256": sign("secret", raw)} | {
        name.replace("_", "-"): each for name, each in headers.items()
    }


def verified(raw: bytes, **headers: str) -> str:
    return adapter.verify(signed(raw, **headers), raw, ["secret"], AT)


def test_the_id_is_that_of_the_delivery_and_not_that_of_the_merchants_action():
    assert verified(b"{}", X_Shopify_Webhook_Id="b5-4", X_Shopify_Event_Id="e-1") == "b5-4"


def test_a_delivery_without_an_id_has_that_of_topic_and_body():
    first = verified(b"{}", X_Shopify_Topic="orders/paid")
    assert first == verified(b"{}", X_Shopify_Topic="orders/paid", X_Shopify_Webhook_Id="no id at all\n")
    assert (
        len({first, verified(b"{}", X_Shopify_Topic="orders/updated"), verified(b"[]", X_Shopify_Topic="orders/paid")})
        == 3
    )


def test_nothing_is_verified_without_a_signature():
    with pytest.raises(Unauthorized):
        adapter.verify({"X-Shopify-Webhook-Id": "b5-4"}, b"{}", ["secret"], AT)


@pytest.mark.parametrize("given", [None, "", "orders", "orders/paid\n", "Orders/Paid", "a/" + "b" * 200, "é/é"])
def test_a_delivery_without_a_topic_is_refused(given):
    with pytest.raises(MalformedDelivery):
        adapter.topic({} if given is None else {"X-Shopify-Topic": given}, {})
