"""A customer on Shopify as we know customers."""

from collections.abc import Mapping
from typing import Any

from backend.platforms.events import Customer
from backend.platforms.shopify.payloads import CustomerBody

_OF_AN_ADDRESS = ("name", "company", "address1", "address2", "zip", "city", "province", "country")
"""What a parcel needs; the rest names rows of Shopify's, or says the same again."""


def customer(body: CustomerBody, locale: str | None = None) -> Customer:
    """`locale` is the language of the order that the customer is told of with."""
    consent = body.email_marketing_consent
    return Customer(
        external_id=body.id,
        email=body.email,
        email_verified=bool(body.verified_email),
        phone=body.phone,
        first_name=body.first_name,
        last_name=body.last_name,
        locale=locale,
        tags=None if body.tags is None else tuple(filter(None, (tag.strip() for tag in body.tags.split(",")))),
        address=None if body.default_address is None else _address(body.default_address),
        created_at=body.created_at,
        accepts_marketing=None if consent is None else (consent.state or "").lower() == "subscribed",
    )


def _address(given: Mapping[str, Any]) -> dict[str, str]:
    return {name: value for name in _OF_AN_ADDRESS if isinstance(value := given.get(name), str) and value.strip()}
