"""The `custom` platform: any store that signs Standard Webhooks and speaks contract section 3."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from backend.platforms.base import Headers, MalformedDelivery, NotForUs
from backend.platforms.custom import payloads
from backend.platforms.custom.signature import verify as verify
from backend.platforms.events import (
    AppInstalled,
    AppUninstalled,
    Customer,
    CustomerErased,
    CustomerSeen,
    Event,
    Line,
    OrderRefunded,
    OrderSeen,
    OrderState,
    RefundLine,
    RefundState,
    delivery_rank,
    payment_rank,
)

name = "custom"
rejection_status = 400

# The least that a type says about its order, whatever the fields say: they may be absent or lag behind.
_LEAST_DELIVERY = {
    "order.shipped": "shipped",
    "order.arrived": "arrived",
    "order.collected": "collected",
    "order.returned": "returned",
}
_LEAST_PAYMENT = {"order.paid": "paid"}


def topic(headers: Headers, document: Any) -> str:
    """The `type` in the envelope. Raises MalformedDelivery if there is none."""
    if not isinstance(document, dict):
        raise MalformedDelivery("The body must be an object.", [{"field": "the body", "message": "must be an object"}])
    found = document.get("type")
    if not isinstance(found, str) or not 1 <= len(found) <= 255:
        message = "is required" if found is None else "must be text of 1 to 255 characters"
        raise MalformedDelivery(f"type {message}.", [{"field": "type", "message": message}])
    return found


def check(topic: str, document: Any) -> None:
    """Raises as `interpret` does, at less than half of its cost."""
    _read(topic, document)


def interpret(topic: str, document: Any, received_at: datetime | None = None) -> list[Event]:
    """What the delivery means. Raises NotForUs for an unknown type and MalformedDelivery for a wrong field.

    The envelope says when it happened: `received_at` is not needed.
    """
    delivery = _read(topic, document)
    at = _utc(delivery.timestamp)
    match delivery:
        case payloads.OrderDelivery():
            return [OrderSeen(_order(topic, delivery.data, at), at)]
        case payloads.RefundDelivery():
            return [OrderRefunded(delivery.data.order_id, _refund(delivery.data.refund), at)]
        case payloads.CustomerDelivery():
            customer = _customer(delivery.data)
            signed_up_at = (customer.created_at or at) if topic == "customer.created" else None
            return [CustomerSeen(customer, at, signed_up_at)]
        case payloads.CustomerGoneDelivery():
            return [CustomerErased(delivery.data.id, at, redacted=topic == "customer.redacted")]
        case payloads.AppDelivery() if topic == "app.installed":
            return [AppInstalled(_utc(delivery.data.at))]
        case payloads.AppDelivery():
            return [AppUninstalled(_utc(delivery.data.at))]


def _read(topic: str, document: Any) -> payloads.Delivery:
    model = payloads.DELIVERIES.get(topic)
    if model is None:
        raise NotForUs(topic)
    return payloads.read(model, document)


def _order(topic: str, body: payloads.OrderBody, at: datetime) -> OrderState:
    customer = body.customer
    is_member = customer is not None and customer.id is not None
    guest_email = None if is_member else ((customer and _said(customer.email)) or _said(body.email))
    return OrderState(
        external_id=body.id,
        currency=body.currency,
        created_at=_utc(body.created_at),
        subtotal=Decimal(body.subtotal),
        number=None if body.number is None else str(body.number),
        customer=_customer(customer) if customer is not None and is_member else None,
        guest_email=guest_email,
        updated_at=_time(body.updated_at),
        source=body.source,
        payment_status=max(body.payment_status, _LEAST_PAYMENT.get(topic), key=payment_rank),
        delivery_status=max(body.delivery_status, _LEAST_DELIVERY.get(topic), key=delivery_rank),
        delivery_carrier=_said(body.delivery_carrier),
        collected_at=_time(body.collected_at),
        arrived_at=_time(body.arrived_at),
        cancelled_at=_time(body.cancelled_at) or (at if topic == "order.cancelled" else None),
        discount_total=_money(body.discount_total),
        shipping_total=_money(body.shipping_total),
        fee_total=_money(body.fee_total),
        tax_total=_money(body.tax_total),
        total=_money(body.total),
        discount_codes=None if body.discount_codes is None else tuple(filter(None, map(_said, body.discount_codes))),
        lines=None if body.line_items is None else tuple(map(_line, body.line_items)),
    )


def _line(body: payloads.LineBody) -> Line:
    """A line without a `total` is worth its pieces at their price."""
    quantity = 1 if body.quantity is None else body.quantity
    unit_price = _money(body.unit_price)
    total = _money(body.total)
    return Line(
        external_id=body.id,
        product_id=body.product_id,
        sku=_said(body.sku),
        title=_said(body.title),
        quantity=quantity,
        unit_price=unit_price,
        discount=_money(body.discount),
        total=unit_price * quantity if total is None and unit_price is not None else total,
        gift_card=bool(body.gift_card),
        categories=tuple(filter(None, map(_said, body.categories or ()))),
    )


def _refund(body: payloads.RefundBody) -> RefundState:
    return RefundState(
        external_id=body.id,
        created_at=_time(body.created_at),
        amount=_money(body.amount),
        lines=tuple(
            RefundLine(line_id=line.line_item_id, quantity=line.quantity, amount=_money(line.amount))
            for line in body.line_items or ()
        ),
    )


def _customer(body: payloads.CustomerBody | payloads.OrderCustomerBody) -> Customer:
    return Customer(
        external_id=body.id,
        email=_said(body.email),
        email_verified=bool(body.email_verified),
        phone=_said(body.phone),
        first_name=_said(body.first_name),
        last_name=_said(body.last_name),
        locale=_said(body.locale),
        birthday=body.birthday,
        tags=None if body.tags is None else tuple(filter(None, map(_said, body.tags))),
        address=body.address,
        created_at=_time(body.created_at),
        referral_code=_said(body.referral_code),
        accepts_marketing=body.accepts_marketing,
    )


def _said(text: str | None) -> str | None:
    """Stores send "" for what they do not know."""
    return (text.strip() or None) if text else None


def _money(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _time(time: datetime | None) -> datetime | None:
    return None if time is None else _utc(time)


def _utc(time: datetime) -> datetime:
    return time.astimezone(UTC)
