"""Shopify's webhooks: what they are signed with, and what they mean to us (platforms.md section 2).

Only the body is signed, so a topic decides how a body is read and claims nothing that the body does not show
(docs/decisions/0025). Orders come whole and are read in `orders.py`.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from backend.platforms.base import Headers, MalformedDelivery, NotForUs
from backend.platforms.events import (
    AddressErased,
    AppUninstalled,
    CustomerErased,
    CustomerSeen,
    CustomersMerged,
    DataRequested,
    Event,
    OrderChanged,
    OrderRefunded,
    OrderSeen,
    ScopesChanged,
    ShopChanged,
    ShopErased,
)
from backend.platforms.shopify import domain, orders, payloads, webhook_signature
from backend.platforms.shopify.customers import customer

name = "shopify"
rejection_status = 200

COMPLIANCE = frozenset({"customers/data_request", "customers/redact", "shop/redact"})
"""The topics that Shopify wants answered whatever we know of the shop."""
UNINSTALLED = "app/uninstalled"

_TEST_ORDER = "A test order: it earns nothing and is not kept."
_NO_ORDER = "It names no order."
_NOT_MERGED = "The two customers were not merged (yet)."
_TOPIC = re.compile(r"[a-z0-9_]{1,100}/[a-z0-9_]{1,100}")
_ORDER_PAGE = re.compile(r"https://[^/?#]+/([0-9]{1,20})/orders/", re.ASCII)
"""The page of an order has the shop's id in its path, whatever domain it is at. Another form says nothing."""
_LONGEST_ADDRESS = 500
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,200}")


def verify(headers: Headers, raw: bytes, secrets: Sequence[str], wall: datetime) -> str:
    """The delivery's id, once the bytes are proved to be signed with one of the app's `secrets`. Raises Unauthorized.

    The id is that of the delivery (`X-Shopify-Webhook-Id`, the same when it is sent again), not that of the merchant's
    action, which several deliveries share. One without an id has that of what it says.
    """
    webhook_signature.verify(headers.get(webhook_signature.HEADER), raw, secrets)
    given = headers.get("X-Shopify-Webhook-Id") or ""
    if _ID.fullmatch(given):
        return given
    said = (headers.get("X-Shopify-Topic") or "").encode("utf-8", "replace") + b"\n" + raw
    return "sha256:" + hashlib.sha256(said).hexdigest()


def topic(headers: Headers, document: Any) -> str:
    """The header `X-Shopify-Topic`. Raises MalformedDelivery if there is none."""
    found = headers.get("X-Shopify-Topic") or ""
    if not _TOPIC.fullmatch(found):
        raise MalformedDelivery("The header X-Shopify-Topic must hold a topic such as orders/paid.")
    return found


def check(topic: str, document: Any) -> None:
    """Raises as `interpret` does, without making the events."""
    _read(topic, document)


def check_shop(document: Any, shop_domain: str, external_id: str | None) -> None:
    """Refuse a body that says that it is of another shop than the header, which is not signed. Raises MalformedDelivery.

    `external_id` is Shopify's id of the shop, as far as it is known.
    """
    if not isinstance(document, dict):
        return
    said = document.get("myshopify_domain") or document.get("shop_domain")
    primary = document.get("domain")
    if said is None and isinstance(primary, str) and domain.read(primary) is not None:
        said = primary
    if said is not None and (not isinstance(said, str) or domain.read(said) != shop_domain):
        raise MalformedDelivery("The body is of another shop than the header X-Shopify-Shop-Domain.")
    said_id = document.get("id") if "myshopify_domain" in document else document.get("shop_id")
    if said_id is None and isinstance(address := document.get("order_status_url"), str):
        found = _ORDER_PAGE.match(address[:_LONGEST_ADDRESS])
        said_id = found and found[1]
    if said_id is not None and external_id is not None and str(said_id).rpartition("/")[2] != external_id:
        raise MalformedDelivery("The body is of a shop with another id.")


def interpret(topic: str, document: Any, received_at: datetime) -> list[Event]:
    """What the delivery means. Raises NotForUs for what changes nothing here, MalformedDelivery for a wrong field."""
    body = _read(topic, document)
    match body:
        case payloads.OrderBody():
            at = body.updated_at or received_at
            refunds = (
                OrderRefunded(body.id, orders.refund(each), each.created_at or at) for each in body.refunds or ()
            )
            return [OrderSeen(orders.order(body), at), *refunds]
        case payloads.OrderRefundBody():
            return [OrderRefunded(body.order_id, orders.refund(body), body.created_at or received_at)]
        case payloads.OrderChangedBody():
            assert body.order_id is not None, "_read has seen to it"
            return [OrderChanged(body.order_id, received_at)]
        case payloads.CustomerBody():
            return [_customer_seen(topic, body, body.updated_at or received_at)]
        case payloads.CustomerGoneBody():
            return [CustomerErased(body.id, received_at, may_be_merged=True)]
        case payloads.CustomersMergedBody():
            return [CustomersMerged(body.kept_id, body.gone_id, received_at)]
        case payloads.CustomerRedactBody():
            return _redaction(body, received_at)
        case payloads.DataRequestBody():
            person, asked = body.customer, body.data_request
            number = asked.id if asked is not None and asked.id is not None else f"{person.id}:{received_at:%Y%m%d}"
            return [DataRequested(number, person.id, person.email, tuple(body.orders_requested), received_at)]
        case payloads.ShopRedactBody():
            return [ShopErased(received_at)]
        case payloads.ScopesBody():
            return [ScopesChanged(tuple(body.current), body.updated_at or received_at)]
        case payloads.ShopBody() if topic == UNINSTALLED:
            return [AppUninstalled(received_at)]
        case payloads.ShopBody():
            return [_shop(body, received_at)]


def _read(topic: str, document: Any) -> payloads.Body:
    model = payloads.BODIES.get(topic)
    if model is None:
        raise NotForUs(topic)
    body = payloads.read(model, document)
    match body:
        case payloads.OrderBody(test=True):
            raise NotForUs(topic, _TEST_ORDER)
        case payloads.OrderChangedBody(order_id=None):
            raise NotForUs(topic, _NO_ORDER)
        case payloads.CustomersMergedBody() if (body.status or "").lower() != "completed":
            raise NotForUs(topic, _NOT_MERGED)
    return body


def _customer_seen(topic: str, body: payloads.CustomerBody, at: datetime) -> CustomerSeen:
    """A customer without an account is a guest who has bought, or whom the merchant has entered (decision 32)."""
    has_account = (body.state or "").lower() == "enabled"
    signed_up_at = None
    if has_account and topic == "customers/create":
        signed_up_at = body.created_at or at
    elif has_account and topic == "customers/enable":
        signed_up_at = at
    return CustomerSeen(customer(body), at, signed_up_at, has_account)


def _redaction(body: payloads.CustomerRedactBody, at: datetime) -> list[Event]:
    """The customer by id, and whatever was kept of them as a guest: by address and by order."""
    person = body.customer
    events: list[Event] = []
    if person.id is not None:
        events.append(CustomerErased(person.id, at, redacted=True))
    events.append(AddressErased(person.email, tuple(body.orders_to_redact), at, person.id is None))
    return events


def _shop(body: payloads.ShopBody, received_at: datetime) -> ShopChanged:
    return ShopChanged(
        at=body.updated_at or received_at,
        external_id=body.id,
        name=body.name,
        domain=body.domain,
        timezone=body.iana_timezone,
        locale=body.primary_locale,
        currency=body.currency,
    )
