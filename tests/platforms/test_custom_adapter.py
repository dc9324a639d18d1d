"""What a `custom` store's deliveries mean to us (contract section 3)."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from backend import strict_json
from backend.errors import MalformedJson, NotFound, Unauthorized
from backend.platforms import registry
from backend.platforms.custom import adapter
from backend.platforms.custom.signature import new_secret, sign
from backend.platforms.events import (
    AppInstalled,
    AppUninstalled,
    Customer,
    CustomerErased,
    CustomerSeen,
    Line,
    OrderRefunded,
    OrderSeen,
    RefundLine,
    RefundState,
)
from tests import payloads


def meaning(name, **changes):
    """The one event of a sample, with fields of its data replaced."""
    document = payloads.document("custom", name)
    document["data"] |= changes
    [event] = adapter.interpret(document["type"], document)
    return event


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_created_customer_is_seen_with_all_that_the_store_says():
    assert meaning("customer.created") == CustomerSeen(
        Customer(
            external_id="cus_42",
            email="ada@example.com",
            email_verified=True,
            phone="+33123456789",
            first_name="Ada",
            last_name="Lovelace",
            locale="fr",
            birthday=date(1990, 12, 10),
            tags=("vip", "newsletter"),
            address={"line1": "1 rue de la Paix", "city": "Paris", "postal_code": "75002", "country": "FR"},
            created_at=utc("2026-11-01T09:00:00"),
            referral_code="GRACE-7",
        ),
        at=utc("2026-11-01T09:00:00"),
        signed_up_at=utc("2026-11-01T09:00:00"),
    )


def test_an_updated_customer_has_not_just_signed_up():
    assert meaning("customer.updated").signed_up_at is None


def test_an_address_counts_as_verified_only_if_the_store_says_so():
    assert meaning("customer.created", email_verified=None).customer.email_verified is False
    document = payloads.document("custom", "customer.created")
    del document["data"]["email_verified"]
    assert adapter.interpret("customer.created", document)[0].customer.email_verified is False


def test_empty_texts_say_nothing():
    customer = meaning("customer.created", email=" ", phone="", tags=["", "vip"], referral_code="").customer
    assert (customer.email, customer.phone, customer.tags, customer.referral_code) == (None, None, ("vip",), None)


def test_a_deleted_customer_is_erased_and_a_redacted_one_with_its_data():
    assert meaning("customer.deleted") == CustomerErased("cus_42", utc("2027-01-10T09:00:00"), redacted=False)
    assert meaning("customer.redacted") == CustomerErased("cus_42", utc("2027-01-11T09:00:00"), redacted=True)


def test_an_order_is_seen_with_money_as_decimal_and_times_in_utc():
    seen = meaning("order.created")
    assert isinstance(seen, OrderSeen)
    assert seen.at == utc("2026-11-29T09:00:00")
    order = seen.order
    assert (order.external_id, order.number, order.currency, order.source) == ("ord_1001", "1001", "EUR", "online")
    assert order.created_at == utc("2026-11-29T09:00:00")
    assert order.created_at.tzinfo is UTC
    assert (order.subtotal, order.total, order.shipping_total) == (
        Decimal("1000.00"),
        Decimal("955.00"),
        Decimal("5.00"),
    )
    assert str(order.subtotal) == "1000.00"
    assert order.customer is not None
    assert order.customer.external_id == "cus_42"
    assert order.guest_email is None
    assert order.discount_codes == ("WELCOME",)
    assert order.lines is not None
    assert order.lines[2] == Line(
        external_id="line_3",
        product_id="prod_9",
        sku="GIFT-100",
        title="Gift card",
        quantity=1,
        unit_price=Decimal("100.00"),
        discount=Decimal("0.00"),
        total=Decimal("100.00"),
        gift_card=True,
    )


def test_the_least_that_an_order_can_say_is_enough():
    order = meaning("order.created.least").order
    assert order.subtotal == 12
    assert (order.customer, order.guest_email, order.lines, order.payment_status) == (None, None, None, None)


def test_a_line_may_say_its_categories_and_a_customer_that_mail_is_welcome():
    lines = meaning("order.created", line_items=[{"id": "a", "categories": ["Tea", " ", ""]}, {"id": "b"}]).order.lines
    assert [line.categories for line in lines] == [("Tea",), ()]
    for said in (None, True, False):
        assert meaning("customer.created", accepts_marketing=said).customer.accepts_marketing is said


def test_a_line_without_a_total_is_worth_its_pieces_at_their_price():
    lines = meaning(
        "order.created",
        line_items=[
            {"id": "a", "quantity": 3, "unit_price": "2.50"},
            {"id": "b", "unit_price": "2.50"},
            {"id": "c", "quantity": 0, "unit_price": "2.50"},
            {"id": "d", "quantity": 3, "unit_price": "2.50", "total": "7.00"},
            {"id": "e", "quantity": 3},
        ],
    ).order.lines
    assert [line.total for line in lines] == [Decimal("7.50"), Decimal("2.50"), 0, Decimal("7.00"), None]
    assert [line.quantity for line in lines] == [3, 1, 0, 3, 3]


def test_an_order_number_that_is_a_number_is_read_as_its_text():
    assert meaning("order.created", number=1001).order.number == "1001"


# Guests.


@pytest.mark.parametrize(
    ("changes", "address"),
    [
        ({"customer": {"email": "guest@example.com"}}, "guest@example.com"),
        ({"customer": {"id": None, "email": "guest@example.com"}}, "guest@example.com"),
        ({"customer": None, "email": "guest@example.com"}, "guest@example.com"),
        ({"customer": {"first_name": "Grace"}, "email": "guest@example.com"}, "guest@example.com"),
        ({"customer": {"email": "one@example.com"}, "email": "other@example.com"}, "one@example.com"),
        ({"customer": {"email": ""}, "email": "guest@example.com"}, "guest@example.com"),
        ({"customer": None}, None),
        ({"customer": {}}, None),
    ],
)
def test_an_order_without_a_customer_id_is_a_guests(changes, address):
    order = meaning("order.created", **changes).order
    assert order.customer is None
    assert order.guest_email == address


def test_an_order_with_a_customer_id_is_nobodys_guest():
    order = meaning("order.created", email="other@example.com").order
    assert order.customer is not None
    assert order.guest_email is None


# The type implies a floor.


@pytest.mark.parametrize(
    ("found", "field", "said", "meant"),
    [
        ("order.collected", "delivery_status", None, "collected"),
        ("order.collected", "delivery_status", "pending", "collected"),
        ("order.collected", "delivery_status", "returned", "returned"),
        ("order.arrived", "delivery_status", None, "arrived"),
        ("order.arrived", "delivery_status", "shipped", "arrived"),
        ("order.arrived", "delivery_status", "collected", "collected"),
        ("order.shipped", "delivery_status", None, "shipped"),
        ("order.shipped", "delivery_status", "pending", "shipped"),
        ("order.returned", "delivery_status", None, "returned"),
        ("order.returned", "delivery_status", "collected", "returned"),
        ("order.paid", "payment_status", None, "paid"),
        ("order.paid", "payment_status", "pending", "paid"),
        ("order.paid", "payment_status", "partially_refunded", "partially_refunded"),
        ("order.paid", "payment_status", "voided", "voided"),
        ("order.paid", "delivery_status", None, None),
        ("order.collected", "payment_status", None, None),
        ("order.created", "delivery_status", None, None),
        ("order.updated", "delivery_status", "collected", "collected"),
        ("order.cancelled", "delivery_status", "shipped", "shipped"),
    ],
)
def test_a_type_says_at_least_how_far_the_order_is(found, field, said, meant):
    document = payloads.document("custom", "order.created") | {"type": found}
    document["data"][field] = said
    assert getattr(adapter.interpret(found, document)[0].order, field) == meant


def test_a_cancelled_order_was_cancelled_when_the_store_says_or_else_when_it_told():
    assert meaning("order.cancelled").order.cancelled_at == utc("2026-11-29T14:59:30")
    assert meaning("order.cancelled", cancelled_at=None).order.cancelled_at == utc("2026-11-29T15:00:00")
    assert meaning("order.updated").order.cancelled_at is None


def test_a_refund_names_its_order_and_what_of_each_line_went_back():
    assert meaning("order.refunded") == OrderRefunded(
        "ord_1001",
        RefundState(
            external_id="ref_1",
            created_at=utc("2026-12-05T09:00:00"),
            amount=Decimal("375.00"),
            lines=(
                RefundLine(line_id="line_1", quantity=1, amount=Decimal("300.00")),
                RefundLine(line_id="line_2", quantity=1, amount=Decimal("75.00")),
            ),
        ),
        utc("2026-12-05T09:00:00"),
    )
    assert meaning("order.refunded", refund={"id": "ref_2"}).refund == RefundState(external_id="ref_2")


def test_the_app_comes_and_goes_when_the_store_says():
    assert meaning("app.installed") == AppInstalled(utc("2026-10-01T00:00:00"))
    assert meaning("app.uninstalled") == AppUninstalled(utc("2027-02-01T00:00:00"))


# The seam.


def test_a_delivery_goes_from_bytes_to_events_through_the_seam_alone():
    platform = registry.platform("custom")
    secret, raw, wall = new_secret(), payloads.raw("custom", "order.paid"), datetime(2026, 11, 29, 9, 5, 2, tzinfo=UTC)
    sent_at = int(wall.timestamp())
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(sent_at),
        "webhook-signature": sign(secret, "msg_1", sent_at, raw),
    }
    assert platform.verify(headers, raw, [secret], wall) == "msg_1"
    document = strict_json.parse(raw)
    topic = platform.topic(headers, document)
    platform.check(topic, document)
    [seen] = platform.interpret(topic, document)
    assert (topic, seen.order.payment_status) == ("order.paid", "paid")
    assert platform.rejection_status == 400
    with pytest.raises(Unauthorized):
        platform.verify(headers, raw + b" ", [secret], wall)
    with pytest.raises(MalformedJson):
        strict_json.parse(raw[:-3])


@pytest.mark.parametrize("name", ["", "Custom", "shopify ", "__init__", "../custom"])
def test_there_is_no_platform_of_another_name(name):
    with pytest.raises(NotFound):
        registry.platform(name)
