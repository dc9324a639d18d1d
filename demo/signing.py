"""What a shop proves: its webhooks by Standard Webhooks 1.0, its shopper by a short JWT (contract sections 3 and 4)."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import jwt

IDENTITY_LIFETIME = timedelta(minutes=10)
"""The contract allows 15 minutes; the rest is room for clocks that disagree."""

WEBHOOK_TOLERANCE = timedelta(minutes=5)
"""How old, or how far ahead, what others sign may be."""


def webhook_headers(secret: str, webhook_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers that prove `body`. `at` is the machine's time of this attempt; the id stays over retries."""
    seconds = int(at.timestamp())
    signed = f"{webhook_id}.{seconds}.".encode() + body
    digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def is_genuine(secret: str, headers: Mapping[str, str], at: datetime, body: bytes) -> bool:
    """Whether `body` was signed with the secret, and lately. `at` is the machine's time; `headers` know no case."""
    webhook_id, seconds = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not webhook_id or not (seconds.isascii() and seconds.isdigit() and len(seconds) <= 12):
        return False
    if abs(at.timestamp() - int(seconds)) > WEBHOOK_TOLERANCE.total_seconds():
        return False
    digest = hmac.new(_key(secret), f"{webhook_id}.{seconds}.".encode() + body, hashlib.sha256).digest()
    expected = f"v1,{base64.b64encode(digest).decode()}".encode()
    given = headers.get("webhook-signature", "").split()
    return any(hmac.compare_digest(each.encode(), expected) for each in given)


def identity_token(secret: str, customer: dict[str, Any], at: datetime) -> str:
    """Who is signed in, for the widget's `data-identity`. `at` is the machine's time."""
    claims = {
        "sub": customer["id"],
        "iat": int(at.timestamp()),
        "exp": int((at + IDENTITY_LIFETIME).timestamp()),
        **{name: customer[name] for name in ("email", "first_name", "last_name", "locale") if customer.get(name)},
    }
    return jwt.encode(claims, secret, algorithm="HS256")


def _key(secret: str) -> bytes:
    text = secret.removeprefix("whsec_")
    return base64.b64decode(text + "=" * (-len(text) % 4))
