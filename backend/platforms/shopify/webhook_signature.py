"""Who sent these bytes: what Shopify signs its webhooks with (platforms.md section 2.2).

`X-Shopify-Hmac-Sha256` is the base64 HMAC-SHA256 of the raw body with the app's secret. It covers the body alone: the id,
the topic and the shop in the other headers are anybody's. Whatever the headers hold, the outcome is silence or Unauthorized.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence

from backend.errors import Unauthorized

HEADER = "X-Shopify-Hmac-Sha256"


def verify(given: str | None, raw: bytes, secrets: Sequence[str]) -> None:
    """Raises Unauthorized unless the header `given` signs these bytes with one of the secrets.

    After a secret was renewed Shopify signs with the former one for up to an hour: hence several.
    """
    if not given:
        raise Unauthorized(f"The header {HEADER} is missing.")
    if not raw:
        raise Unauthorized("A webhook has a body.")
    # Bytes, because compare_digest raises for text that is not ASCII.
    signature = given.encode("utf-8", "replace")
    for secret in secrets:
        if secret and hmac.compare_digest(sign(secret, raw).encode(), signature):
            return
    raise Unauthorized("The signature does not match.")


def sign(secret: str, raw: bytes) -> str:
    """What Shopify puts into the header."""
    return base64.b64encode(hmac.digest(secret.encode(), raw, hashlib.sha256)).decode()
