"""Who the storefront's proxy says is asking (platforms.md section 3).

Shopify passes requests below a shop's own address on to us and signs their parameters: `signature` is the hex HMAC-SHA256,
keyed with the app's secret, of all others, decoded, as `name=value`, repeated values joined by commas, sorted, one after
the other with nothing between. Path, method and body are not signed.

All is done on bytes, so whatever somebody puts into an address ends as an answer or as Unauthorized.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote_to_bytes

from backend.errors import Unauthorized
from backend.platforms.shopify import domain

TOLERANCE_SECONDS = 90
_LONGEST_QUERY = 8192
_ONCE = (b"shop", b"timestamp", b"hmac", b"logged_in_customer_id", b"path_prefix")
_SECONDS = re.compile(rb"[0-9]{1,12}")
_CUSTOMER_ID = re.compile(rb"[0-9]{1,20}")


@dataclass(frozen=True)
class Proxied:
    """A request that the shop's own address passed on."""

    shop: str
    """The shop's name, such as `kiln.myshopify.com`."""
    customer_id: str | None
    """Who is signed in at the storefront; None: nobody."""
    added: frozenset[str]
    """The names of the parameters that the page put in itself.

    What is signed has no marks between parameters, so a page's own may be read in two ways: a door that believes
    `customer_id` takes none.
    """


def verify(query: bytes, secrets: Sequence[str], wall: datetime) -> Proxied:
    """What the raw query string says, once it is proved to be signed with any of `secrets` at most 90 s from `wall`.

    Raises Unauthorized for everything else. Compares in constant time.
    """
    values = _values(query)
    signatures = values.pop(b"signature", [])
    if len(signatures) != 1:
        raise Unauthorized("The address must carry one signature.")
    if any(len(values.get(name, ())) > 1 for name in _ONCE):
        raise Unauthorized("A parameter of Shopify's stands in the address twice.")
    if not any(hmac.compare_digest(_sign(secret, values), signatures[0]) for secret in secrets if secret):
        raise Unauthorized("The signature does not match.")
    sent_at = _only(values, b"timestamp")
    if _SECONDS.fullmatch(sent_at) is None or abs(int(wall.timestamp()) - int(sent_at)) > TOLERANCE_SECONDS:
        raise Unauthorized("The signature is more than 90 seconds old, or from the future.")
    shop = domain.read(_only(values, b"shop").decode("ascii", "replace"))
    if shop is None:
        raise Unauthorized("The address names no shop.")
    customer_id = _only(values, b"logged_in_customer_id")  # there and empty while nobody is signed in
    if customer_id and _CUSTOMER_ID.fullmatch(customer_id) is None:
        raise Unauthorized("The customer's id is none.")
    added = frozenset(name.decode("utf-8", "replace") for name in values.keys() - set(_ONCE))
    return Proxied(shop, customer_id.decode() or None, added)


def sign(secret: str, query: bytes) -> str:
    """The signature of a query string that has none yet, as Shopify makes it (tests and rehearsals)."""
    return _sign(secret, _values(query)).decode()


def _values(query: bytes) -> dict[bytes, list[bytes]]:
    """The decoded values of each name, in their order. A name without a value has an empty one."""
    if len(query) > _LONGEST_QUERY:
        raise Unauthorized("The address is too long.")
    values: dict[bytes, list[bytes]] = {}
    for pair in filter(None, query.split(b"&")):
        name, _, value = (unquote_to_bytes(part) for part in pair.replace(b"+", b" ").partition(b"="))
        values.setdefault(name, []).append(value)
    return values


def _only(values: Mapping[bytes, list[bytes]], name: bytes) -> bytes:
    return values.get(name, [b""])[0]


def _sign(secret: str, values: Mapping[bytes, list[bytes]]) -> bytes:
    # The joined pairs are sorted, not the names: of `a` and `a1`, whichever pair comes first.
    signed = b"".join(sorted(name + b"=" + b",".join(each) for name, each in values.items()))
    return hmac.digest(secret.encode(), signed, hashlib.sha256).hex().encode()
