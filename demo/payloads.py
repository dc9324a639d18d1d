"""The bodies of the webhooks, field by field as contract section 3 names them. Pure."""

from datetime import datetime
from typing import Any

from demo import money, times
from demo.orders import Order, Refund

CUSTOMER_FIELDS = (
    "id",
    "email",
    "phone",
    "first_name",
    "last_name",
    "locale",
    "birthday",
    "tags",
    "email_verified",
    "created_at",
    "referral_code",
    "accepts_marketing",
)


def envelope(type_: str, at: datetime, data: dict[str, Any]) -> dict[str, Any]:
    """`at` is the shop's business time of what happened."""
    return {"type": type_, "timestamp": times.iso(at), "data": data}


def customer(record: dict[str, Any]) -> dict[str, Any]:
    """What the shop knows of the person; what it does not know is left out."""
    return {name: record[name] for name in CUSTOMER_FIELDS if record.get(name) not in (None, "", [])}


def guest(order: Order) -> dict[str, Any]:
    """A guest has an e-mail and no account, so no id either."""
    return {"email": order.email, "first_name": order.first_name, "last_name": order.last_name}


def order(order: Order, customer_record: dict[str, Any] | None) -> dict[str, Any]:
    """The whole order as it now is."""
    return {
        "id": order.id,
        "number": order.number,
        "customer": customer(customer_record) if customer_record else guest(order),
        "currency": order.currency,
        "created_at": times.iso(order.created_at),
        "updated_at": times.iso(order.updated_at),
        "source": order.source,
        "payment_status": order.payment_status,
        "delivery_status": order.delivery_status,
        "delivery_carrier": order.carrier,
        "arrived_at": times.iso(order.arrived_at) if order.arrived_at else None,
        "collected_at": times.iso(order.collected_at) if order.collected_at else None,
        "cancelled_at": times.iso(order.cancelled_at) if order.cancelled_at else None,
        "subtotal": money.text(order.subtotal),
        "discount_total": money.text(order.discount_total),
        "shipping_total": money.text(order.shipping_total),
        "fee_total": money.text(order.fee_total),
        "tax_total": money.text(order.tax_total),
        "total": money.text(order.total),
        "discount_codes": list(order.discount_codes),
        "line_items": [
            {
                "id": line.id,
                "product_id": line.product_id,
                "sku": line.sku,
                "title": line.title,
                "quantity": line.quantity,
                "unit_price": money.text(line.unit_price),
                "discount": money.text(line.discount),
                "total": money.text(line.total),
                "gift_card": line.gift_card,
                "categories": line.categories,
            }
            for line in order.lines
        ],
    }


def member_event(event: str, id_: str, at: datetime, reason: str) -> dict[str, Any]:
    """What a member did, for the merchant API: with the same id it counts once."""
    return {"event": event, "id": id_, "at": times.iso(at), "reason": reason}


def refund(order: Order, refund: Refund) -> dict[str, Any]:
    """One refund; without `line_items` it is an amount that belongs to no line."""
    return {
        "order_id": order.id,
        "refund": {
            "id": refund.id,
            "created_at": times.iso(refund.created_at),
            "amount": money.text(refund.amount),
            "line_items": [
                {"line_item_id": part.line_item_id, "quantity": part.quantity, "amount": money.text(part.amount)}
                for part in refund.line_items
            ],
        },
    }
