"""The signature on every body of the widget API, so that a store's server can trust JSON that came through a browser.

How to check it is shown in docs/signed-json.md.
"""

import hmac
from datetime import datetime

HEADER = "Lagniappe-Signature"


def signature(body: bytes, identity_secret: str, at: datetime) -> str:
    """`t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">`, the key being the secret's UTF-8 text (contract 5)."""
    seconds = int(at.timestamp())
    digest = hmac.digest(identity_secret.encode(), b"%d.%b" % (seconds, body), "sha256")
    return f"t={seconds},v1={digest.hex()}"
