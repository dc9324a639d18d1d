"""Shopify's bodies: every official sample, and what is made of fields that are not as documented (platforms.md 2.6)."""

import copy
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend import strict_json
from backend.platforms.base import MalformedDelivery, NotForUs
from backend.platforms.events import (
    AddressErased,
    AppUninstalled,
    CustomerErased,
    CustomerSeen,
    DataRequested,
    OrderChanged,
    OrderRefunded,
    OrderSeen,
    ScopesChanged,
    ShopChanged,
    ShopErased,
)
from backend.platforms.shopify import adapter, payloads
from tests.shopify.pretend import PAYLOADS
from tests.shopify.store import customer, of_the_shop, order, refund

AT = datetime(2026, 11, 26, 12, tzinfo=UTC)
SAMPLES = {each.stem: each for each in sorted((PAYLOADS / "webhooks").glob("*.json"))}
TOPICS = {
    name: next((topic for topic in payloads.BODIES if topic.replace("/", "_") == name), name.replace("_", "/", 1))
    for name in SAMPLES
}

MEANT: dict[str, Any] = {
    "app_scopes_update": [ScopesChanged],
    "app_subscriptions_update": NotForUs,
    "app_uninstalled": [AppUninstalled],
    "customers_create": [CustomerSeen],
    "customers_data_request": [DataRequested],
    "customers_delete": [CustomerErased],
    "customers_disable": [CustomerSeen],
    "customers_enable": [CustomerSeen],
    "customers_merge": NotForUs,  # it failed
    "customers_purchasing_summary": NotForUs,
    "customers_redact": [CustomerErased, AddressErased],
    "customers_update": [CustomerSeen],
    "discounts_create": NotForUs,
    "discounts_delete": NotForUs,
    "discounts_redeemcode_added": NotForUs,
    "discounts_redeemcode_removed": NotForUs,
    "discounts_update": NotForUs,
    "fulfillment_events_create": [OrderChanged],
    "fulfillment_events_delete": NotForUs,
    "fulfillments_create": [OrderChanged],
    "fulfillments_update": [OrderChanged],
    "order_transactions_create": [OrderChanged],
    "orders_cancelled": NotForUs,  # the official order is a test order, whatever the topic
    "orders_create": NotForUs,
    "orders_delete": NotForUs,
    "orders_edited": [OrderChanged],
    "orders_fulfilled": NotForUs,
    "orders_paid": NotForUs,
    "orders_partially_fulfilled": NotForUs,
    "orders_updated": NotForUs,
    "refunds_create": [OrderRefunded],
    "returns_approve": [OrderChanged],
    "returns_close": [OrderChanged],
    "returns_process": NotForUs,  # it names no order
    "shop_redact": [ShopErased],
    "shop_update": [ShopChanged],
}


def sample(name: str) -> Any:
    return strict_json.parse(SAMPLES[name].read_bytes())


def meaning(topic: str, document: Any) -> list[Any]:
    adapter.check(topic, document)
    return adapter.interpret(topic, document, AT)


def refusal(topic: str, document: Any) -> MalformedDelivery:
    with pytest.raises(MalformedDelivery) as raised:
        adapter.check(topic, document)
    with pytest.raises(MalformedDelivery) as again:
        adapter.interpret(topic, document, AT)
    assert raised.value.detail == again.value.detail
    return raised.value


def test_the_table_is_of_every_official_sample():
    assert MEANT.keys() == SAMPLES.keys()


@pytest.mark.parametrize("name", SAMPLES)
def test_every_official_sample_is_understood_or_none_of_our_business(name):
    meant = MEANT[name]
    if meant is NotForUs:
        with pytest.raises(NotForUs):
            adapter.check(TOPICS[name], sample(name))
        with pytest.raises(NotForUs):
            adapter.interpret(TOPICS[name], sample(name), AT)
    else:
        assert [type(each) for each in meaning(TOPICS[name], sample(name))] == meant


@pytest.mark.parametrize(
    "name", [each for each in SAMPLES if each.startswith("orders_") and each not in ("orders_delete", "orders_edited")]
)
def test_the_official_order_loses_nothing(name):
    [seen] = meaning(TOPICS[name], sample(name) | {"test": False})
    assert isinstance(seen, OrderSeen)
    found = seen.order
    assert (found.external_id, found.number, found.currency) == ("820982911946154500", "#9999", "USD")
    assert (found.subtotal, found.shipping_total, found.payment_status) == (
        Decimal("414.95"),
        Decimal("10.00"),
        "voided",
    )
    assert [(line.quantity, line.total) for line in found.lines or ()] == [
        (1, Decimal(price)) for price in ("89.99", "19.99", "24.99", "159.99", "119.99")
    ]
    assert found.customer is not None and found.customer.external_id == "115310627314723950"
    assert found.cancelled_at == datetime(2022, 1, 1, tzinfo=UTC)


def test_the_official_refund_is_of_pieces():
    [refunded] = meaning("refunds/create", sample("refunds_create"))
    assert (refunded.order_id, refunded.refund.external_id) == ("820982911946154500", "890088186047892400")
    assert {(line.quantity, line.amount) for line in refunded.refund.lines} == {(1, None)}


def test_a_request_to_forget_names_customer_address_and_orders():
    assert meaning("customers/redact", sample("customers_redact")) == [
        CustomerErased("191167", AT, redacted=True),
        AddressErased("john@example.com", ("299938", "280263", "220458"), AT),
    ]


# What is not as documented.


@pytest.mark.parametrize(
    "field, value",
    [
        ("email", 5), ("email", "x" * 400), ("phone", True), ("customer_locale", []), ("name", None), ("source_name", {}),
        ("shipping_lines", "none"), ("discount_codes", {}), ("discount_applications", [1]), ("total_tax", "a lot"),
        ("updated_at", "yesterday"), ("taxes_included", "no"), ("fulfillments", None), ("refunds", None), ("test", None),
    ],
)  # fmt: skip
def test_a_field_that_points_do_not_depend_on_is_not_said_if_it_is_odd(field, value):
    [seen] = meaning("orders/updated", order(**{field: value}))
    assert seen.order.subtotal == Decimal("100.00")


@pytest.mark.parametrize(
    "change, field",
    [
        ({"id": None}, "id"),
        ({"id": 0}, "id"),
        ({"id": True}, "id"),
        ({"currency": "EURO"}, "currency"),
        ({"created_at": "2026-11-20T10:00:00"}, "created_at"),
        ({"created_at": "0001-01-01T00:00:00Z"}, "created_at"),
        ({"line_items": None}, "line_items"),
        ({"line_items": [{"id": 1, "quantity": 1}]}, "line_items[0]"),
        ({"line_items": [{"id": 1, "quantity": -1, "price": "1.00"}]}, "line_items[0].quantity"),
        ({"line_items": [{"id": 1, "quantity": 1, "price": "1.00"}] * 2}, "line_items"),
        ({"cancelled_at": "never"}, "cancelled_at"),
        ({"customer": {"email": "ann@shop.example"}}, "customer.id"),
    ],
)
def test_what_points_depend_on_is_refused_and_named_if_it_is_odd(change, field):
    assert [each["field"] for each in refusal("orders/updated", order() | change).errors] == [field]


@pytest.mark.parametrize("document", [None, [], "order", 1, {}])
def test_a_body_that_is_none_is_refused(document):
    refusal("orders/paid", document)


@pytest.mark.parametrize("price", ["12.50", 12.5, Decimal("12.50"), "12.500000"])
def test_money_is_text_or_a_number(price):
    price = Decimal(str(price)) if isinstance(price, float) else price
    [seen] = meaning("orders/paid", order(lines=[{"id": 1, "quantity": 2, "price": price}]))
    assert seen.order.subtotal == Decimal("25.00")


def test_money_of_a_currency_without_cents():
    [seen] = meaning("orders/paid", order(currency="VND", lines=[{"id": 1, "quantity": 3, "price": "20"}]))
    assert seen.order.subtotal == Decimal(60)


def test_ids_are_exact_whatever_they_are_written_as():
    [seen] = meaning("orders/paid", order(id=820982911946154508))
    assert seen.order.external_id == "820982911946154508"
    [seen] = meaning("orders/paid", order(id="gid://shopify/Order/820982911946154508"))
    assert seen.order.external_id == "820982911946154508"


def test_unknown_fields_change_nothing():
    assert meaning("orders/paid", order(note="hello", line_items_total={"x": 1})) == meaning("orders/paid", order())


# The topic is not signed.


CLAIMS = {
    "an order is no refund": ("refunds/create", order()),
    "an order is no customer": ("customers/update", order()),
    "an order deletes nobody": ("customers/delete", order()),
    "an order is no shop": ("app/uninstalled", order()),
    "a customer who is here is not gone": ("customers/delete", customer()),
    "a customer is no shop": ("app/uninstalled", customer()),
    "a customer is no order": ("orders/paid", customer()),
    "a refund is no order": ("orders/paid", refund()),
    "a refund is no customer": ("customers/create", refund()),
    "a shop is no customer": ("customers/update", of_the_shop("kiln.myshopify.com")),
    "a question about data forgets nobody": ("customers/redact", sample("customers_data_request")),
    "forgetting a customer is no question": ("customers/data_request", sample("customers_redact")),
    "forgetting a customer forgets no shop": ("shop/redact", sample("customers_redact")),
    "a question about data forgets no shop": ("shop/redact", sample("customers_data_request")),
    "forgetting a shop forgets no customer": ("customers/redact", sample("shop_redact")),
    "a shop that changes is not forgotten": ("shop/redact", of_the_shop("kiln.myshopify.com")),
    "a parcel is no refund": ("refunds/create", sample("fulfillments_create")),
    "a payment is no order": ("orders/paid", sample("order_transactions_create")),
}  # fmt: skip


@pytest.mark.parametrize("topic, document", CLAIMS.values(), ids=CLAIMS.keys())
def test_a_topic_claims_nothing_that_the_body_does_not_show(topic, document):
    refusal(topic, document)


def test_a_topic_that_says_cancelled_or_paid_is_not_believed():
    [seen] = meaning("orders/cancelled", order(financial_status="pending"))
    assert (seen.order.cancelled_at, seen.order.payment_status) == (None, "pending")
    [seen] = meaning("orders/paid", order(financial_status="authorized"))
    assert seen.order.payment_status == "pending"
    [seen] = meaning("orders/fulfilled", order())
    assert seen.order.delivery_status == "pending"


# Anything at all.

_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(payloads.BODIES)), st.data())
def test_any_value_in_any_field_raises_nothing_but_a_refusal(topic, data):
    name = next((each for each in SAMPLES if TOPICS[each] == topic), "orders_updated")
    document = copy.deepcopy(sample(name)) | {"test": False}
    field = data.draw(st.sampled_from(sorted(document)))
    document[field] = data.draw(_ANYTHING)
    try:
        adapter.check(topic, document)
    except (MalformedDelivery, NotForUs):
        return
    adapter.interpret(topic, document, AT)
