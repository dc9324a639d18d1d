"""Standard Webhooks 1.0: who sent these bytes, and when (contract section 3).

`webhook-signature` holds `v1,<base64>`, several separated by spaces; signed is `<id>.<timestamp>.<raw body>` with
HMAC-SHA256. Whatever the headers hold, the outcome is an id or Unauthorized (reliability F-17).
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets as randomness
from collections.abc import Sequence
from datetime import datetime

from backend.errors import BadInput, Unauthorized
from backend.platforms.base import Headers

TOLERANCE_SECONDS = 300

_PREFIX = "whsec_"
_VERSION = "v1,"
# The standard wants ids without a dot, because the dot separates what is signed. Dots do no harm here, since no id can
# hold the "{" that every body starts with: there is one way alone to read the signed bytes.
_ID = re.compile(r"[A-Za-z0-9_\-.:=+/@|~!#$%&*]{1,255}")
_SECONDS = re.compile(r"[0-9]{1,12}")
_MOST_SIGNATURES = 20


def verify(headers: Headers, raw: bytes, secrets: Sequence[str], wall: datetime) -> str:
    """The `webhook-id` of a delivery signed with any of `secrets` at most 5 minutes from `wall`, before or after.

    Raises Unauthorized otherwise. Signatures of other versions are passed over. Compares in constant time.
    """
    delivery_id = headers.get("webhook-id") or ""
    sent_at = headers.get("webhook-timestamp") or ""
    given = (headers.get("webhook-signature") or "").split()
    if not _ID.fullmatch(delivery_id):
        raise Unauthorized("The header webhook-id must hold 1 to 255 printable characters without spaces.")
    if not _SECONDS.fullmatch(sent_at):
        raise Unauthorized("The header webhook-timestamp must hold whole seconds since 1970.")
    if not any(each.startswith(_VERSION) for each in given):
        raise Unauthorized('The header webhook-signature must hold "v1," and the signature in base64.')
    if abs(int(wall.timestamp()) - int(sent_at)) > TOLERANCE_SECONDS:
        raise Unauthorized("The signature is more than 5 minutes old, or from the future.")
    signatures = [each.encode("utf-8", "replace") for each in given[:_MOST_SIGNATURES]]
    for secret in secrets:
        try:
            expected = sign(secret, delivery_id, sent_at, raw).encode()
        except BadInput:
            continue  # we make them ourselves; a broken one opens nothing
        # Bytes, because compare_digest raises for text that is not ASCII.
        if any(hmac.compare_digest(expected, signature) for signature in signatures):
            return delivery_id
    raise Unauthorized("The signature does not match.")


def sign(secret: str, message_id: str, timestamp: int | str, body: bytes) -> str:
    """`v1,<base64>` for the header `webhook-signature`. Raises BadInput if the secret is none."""
    signed = b"%b.%b.%b" % (message_id.encode(), str(timestamp).encode(), body)
    digest = hmac.digest(_key(secret), signed, hashlib.sha256)
    return _VERSION + base64.b64encode(digest).decode()


def new_secret() -> str:
    """A fresh secret of 32 random bytes, written `whsec_<base64>`."""
    return _PREFIX + base64.b64encode(randomness.token_bytes(32)).decode()


def _key(secret: str) -> bytes:
    """The bytes of a secret, with or without the prefix and the padding."""
    encoded = secret.removeprefix(_PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise BadInput("A webhook secret is base64.") from None
    if not key:
        raise BadInput("A webhook secret is not empty.")
    return key
