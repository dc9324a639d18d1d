"""A shop on Shopify that tells us of itself, with bodies as Shopify writes them (tests/payloads/shopify/SOURCES.md)."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import text
from werkzeug.test import TestResponse

from backend import clock
from backend.db import db
from backend.ledger.balance import Balance, balance
from backend.loyalty.members import members
from backend.models import Member
from backend.platforms.shopify.webhook_signature import sign
from tests.conftest import TestShop
from tests.shopify.pretend import SECRET

ANN = 7001
BEN = 7002
_ids = itertools.count(1)


@dataclass
class Store:
    """What a test does to a shop on Shopify: have it send webhooks, and look at what becomes of them."""

    shop: TestShop
    domain: str = field(init=False)

    def __post_init__(self) -> None:
        self.domain = self.shop.facts.domain

    def send(
        self, topic: str, body: Any, *, webhook_id: str | None = None, secret: str = SECRET, **headers: str
    ) -> TestResponse:
        """Deliver one webhook. `headers` replace those of the same name, `_` for `-`."""
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        given = {
            "X-Shopify-Topic": topic,
            "X-Shopify-Hmac-Sha256": sign(secret, raw),
            "X-Shopify-Shop-Domain": self.domain,
            "X-Shopify-Webhook-Id": webhook_id or f"b54557e4-bdd9-4b37-8a5f-{next(_ids):012}",
            "Content-Type": "application/json",
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.shop.client.post("/webhooks/shopify", data=raw, headers=given)

    def tell(self, topic: str, body: Any, **headers: str) -> None:
        """Deliver, and let the workers' doors work."""
        answer = self.send(topic, body, **headers)
        assert answer.status_code == 202, answer.text
        self.shop.work()

    def kept(self) -> list[tuple[str, str | None]]:
        """(state, error) of the shop's deliveries in the order of arrival."""
        return [
            (row.state, row.error)
            for row in self.look("select state, error from delivery where shop_id = :shop order by id")
        ]

    def look(self, question: str, **parameters: Any) -> list[Any]:
        rows = db.session.execute(text(question), {"shop": self.shop.id} | parameters).all()
        db.session.rollback()
        return list(rows)

    def member(self, customer_id: int = ANN) -> Member | None:
        """The account of whoever this customer is now."""
        found = members.by_external_id(db.session(), self.shop.id, str(customer_id))
        living = members.living(db.session(), found) if found is not None else None
        db.session.rollback()
        return living

    def balance(self, customer_id: int = ANN) -> Balance | None:
        member = self.member(customer_id)
        if member is None:
            return None
        found = balance(db.session(), self.shop.id, member.id, clock.now())
        db.session.rollback()
        return found

    def points(self, customer_id: int = ANN) -> int:
        """Promised and available, less what is owed."""
        found = self.balance(customer_id)
        return 0 if found is None else found.pending + found.available + found.owed

    def expected(self, order_id: int = 1001) -> int:
        """What the order will bring once it is received."""
        (row,) = self.look(
            "select expected_points from orders where shop_id = :shop and external_id = :id", id=str(order_id)
        )
        return int(row.expected_points)


def money(amount: str, currency: str = "EUR") -> dict[str, Any]:
    return {
        "shop_money": {"amount": amount, "currency_code": currency},
        "presentment_money": {"amount": "999.00", "currency_code": "USD"},
    }


def line(line_id: int = 1, price: str = "100.00", quantity: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "id": line_id,
        "product_id": 50,
        "title": "Moon jar",
        "sku": "JAR",
        "price": "999.00",
        "price_set": money(price),
        "quantity": quantity,
        "current_quantity": quantity,
        "gift_card": False,
        "requires_shipping": True,
        "discount_allocations": [],
    } | more


def customer(customer_id: int = ANN, email: str | None = "ann@shop.example", **more: Any) -> dict[str, Any]:
    return {
        "id": customer_id,
        "email": email,
        "verified_email": True,
        "state": "enabled",
        "first_name": "Ann",
        "last_name": "Vale",
        "phone": None,
        "tags": "",
        "created_at": "2026-01-05T09:00:00+01:00",
        "updated_at": "2026-11-20T10:00:00+01:00",
    } | more


def order(order_id: int = 1001, *, lines: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    """A paid order of 100.00 by Ann that nobody has sent yet."""
    return {
        "id": order_id,
        "name": f"#{order_id}",
        "currency": "EUR",
        "created_at": "2026-11-20T10:00:00+01:00",
        "updated_at": "2026-11-20T10:00:00+01:00",
        "cancelled_at": None,
        "test": False,
        "financial_status": "paid",
        "fulfillment_status": None,
        "source_name": "web",
        "email": "ann@shop.example",
        "contact_email": "ann@shop.example",
        "taxes_included": True,
        "customer": customer(),
        "line_items": [line()] if lines is None else lines,
        "shipping_lines": [],
        "discount_codes": [],
        "discount_applications": [],
        "fulfillments": [],
        "refunds": [],
    } | more


def fulfilment(
    quantities: Mapping[int, int] | None = None, at: str = "2026-11-21T10:00:00+01:00", **more: Any
) -> dict[str, Any]:
    """One that will never be told of again: without a tracking number."""
    return {
        "id": 31,
        "status": "success",
        "shipment_status": None,
        "tracking_company": None,
        "tracking_number": None,
        "tracking_numbers": [],
        "created_at": at,
        "updated_at": at,
        "line_items": [{"id": each, "quantity": pieces} for each, pieces in (quantities or {1: 1}).items()],
    } | more


def refund(
    refund_id: int = 61, quantities: Mapping[int, int] | None = None, at: str = "2026-11-25T10:00:00+01:00", **more: Any
) -> dict[str, Any]:
    return {
        "id": refund_id,
        "order_id": 1001,
        "created_at": at,
        "refund_line_items": [
            {"line_item_id": each, "quantity": pieces, "restock_type": "return", "subtotal": 90.5}
            for each, pieces in (quantities or {}).items()
        ],
        "transactions": [{"kind": "refund", "status": "success", "amount": "90.50"}],
    } | more


def of_the_shop(domain: str | None, /, **more: Any) -> dict[str, Any]:
    """The body of shop/update and app/uninstalled."""
    return {
        "id": 548380009,
        "name": "Kiln and Kettle",
        "email": "owner@shop.example",
        "domain": domain,
        "myshopify_domain": domain,
        "iana_timezone": "Europe/Paris",
        "primary_locale": "en",
        "currency": "EUR",
        "updated_at": "2026-11-20T10:00:00+01:00",
    } | more
