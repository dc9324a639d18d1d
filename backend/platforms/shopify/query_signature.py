"""The authorization grant, where the app is installed without Shopify's own page for it, and what signs its way back
(platforms.md 1.2, 1.3).

Shopify signs the query of the addresses that it sends people to: `hmac` is the hex HMAC-SHA256, keyed with the app's secret,
of all other parameters, sorted. Its libraries disagree on how they are escaped (`host` ends in `=`), so either way is taken:
whoever can make one can make the other. All is done on bytes, so whatever somebody puts into an address ends as an answer or
as Unauthorized.
"""

import hashlib
import hmac
import re
import secrets as random_bytes
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote_from_bytes, unquote_to_bytes, urlencode

from backend.config import ShopifyApp
from backend.errors import Unauthorized
from backend.platforms.shopify import admin_api
from backend.platforms.shopify import domain as shopify_domain

TOLERANCE_SECONDS = 90
STATE_COOKIE = "shopify_state"
STATE_SECONDS = 60
_LONGEST_QUERY = 8192
_ONCE = (b"shop", b"timestamp", b"hmac", b"state", b"code", b"host", b"id_token", b"embedded", b"session")
_SECONDS = re.compile(rb"[0-9]{1,12}")
_STATE = re.compile(r"[0-9a-f]{64}")
_CODE = re.compile(rb"[\x21-\x7e]{1,255}")
_UNESCAPED = "!~*'()"
"""What JavaScript's encodeURIComponent leaves alone beside letters, digits and `-_.`."""

Pairs = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Granted:
    """The way back from Shopify: the shop's name, and the code that brings its token."""

    shop: str
    code: str = field(repr=False)


def new_state() -> str:
    """What ties the way back to the browser that began: 32 random bytes."""
    return random_bytes.token_hex(32)


def state_cookie(state: str, callback_path: str) -> dict[str, Any]:
    """How the state waits in the browser: the arguments of `Response.set_cookie`. It is deleted when the callback is called.

    Lax and not Strict: the way back begins at Shopify's pages.
    """
    return {
        "key": STATE_COOKIE,
        "value": state,
        "max_age": STATE_SECONDS,
        "path": callback_path,
        "secure": True,
        "httponly": True,
        "samesite": "Lax",
    }


def begin_url(app: ShopifyApp, shop: str, *, state: str, redirect_uri: str, scopes: Iterable[str]) -> str:
    """Where the owner of a shop (its checked name) says yes to the app.

    Without `grant_options[]`: an offline token is wanted.
    """
    if shopify_domain.read(shop) != shop:
        raise ValueError("owners are sent to shops on Shopify alone")
    query = {
        "client_id": app.client_id,
        "scope": ",".join(scopes),
        "redirect_uri": redirect_uri,
        "state": state,
    }
    return f"{admin_api.base_url(shop, app.test_url)}/admin/oauth/authorize?{urlencode(query)}"


def check_callback(query: bytes, state: str | None, secrets: Sequence[str], wall: datetime) -> Granted:
    """What the raw query string of the callback grants; `state` is the cookie's. Raises Unauthorized for everything else.

    In this order: the shop's name, the state, the time (90 s), the signature. Compares in constant time.
    """
    pairs = _pairs(query)
    values = dict(pairs)
    shop = _shop(values)
    if (
        state is None
        or _STATE.fullmatch(state) is None
        or not hmac.compare_digest(state.encode(), values.get(b"state", b""))
    ):
        raise Unauthorized("This was not begun in this browser, or more than a minute ago. Begin again.")
    _check_time(values, wall)
    _check_signature(pairs, secrets)
    code = values.get(b"code", b"")
    if _CODE.fullmatch(code) is None:
        raise Unauthorized("The address brings no code.")
    return Granted(shop, code.decode())


def verify(query: bytes, secrets: Sequence[str], wall: datetime) -> str:
    """The shop's name in a query that Shopify signed at most 90 s from `wall` with any of `secrets`.

    Raises Unauthorized for everything else. It says where somebody came from and never who they are.
    """
    pairs = _pairs(query)
    values = dict(pairs)
    shop = _shop(values)
    _check_time(values, wall)
    _check_signature(pairs, secrets)
    return shop


def sign(secret: str, query: bytes) -> str:
    """The signature of a query string that has none yet, as Shopify makes it (tests and rehearsals)."""
    return _digest(secret, _plain(_pairs(query))).decode()


def _pairs(query: bytes) -> Pairs:
    """The decoded parameters in their order. Raises Unauthorized if one that we read is there twice."""
    if len(query) > _LONGEST_QUERY:
        raise Unauthorized("The address is too long.")
    pairs = []
    for pair in filter(None, query.split(b"&")):
        name, _, value = (unquote_to_bytes(part) for part in pair.replace(b"+", b" ").partition(b"="))
        pairs.append((name, value))
    names = [name for name, _ in pairs]
    if any(names.count(name) > 1 for name in _ONCE):
        raise Unauthorized("A parameter of Shopify's stands in the address twice.")
    return pairs


def _shop(values: Mapping[bytes, bytes]) -> str:
    shop = shopify_domain.read(values.get(b"shop", b"").decode("ascii", "replace"))
    if shop is None:
        raise Unauthorized("The address names no shop.")
    return shop


def _check_time(values: Mapping[bytes, bytes], wall: datetime) -> None:
    sent_at = values.get(b"timestamp", b"")
    if _SECONDS.fullmatch(sent_at) is None or abs(int(wall.timestamp()) - int(sent_at)) > TOLERANCE_SECONDS:
        raise Unauthorized("The signature is more than 90 seconds old, or from the future.")


def _check_signature(pairs: Pairs, secrets: Sequence[str]) -> None:
    given = dict(pairs).get(b"hmac", b"")
    signed = [pair for pair in pairs if pair[0] not in (b"hmac", b"signature")]
    forms = (_plain(signed), _escaped(signed))  # as Shopify's libraries for Python and for JavaScript write them
    if not any(hmac.compare_digest(_digest(each, form), given) for each in secrets if each for form in forms):
        raise Unauthorized("The signature does not match.")


def _plain(pairs: Pairs) -> bytes:
    """Of a list `ids[]=2&ids[]=1` is signed `ids=["2", "1"]`; only what could be taken for a mark is escaped."""
    lists: dict[bytes, list[bytes]] = {}
    for name, value in pairs:
        lists.setdefault(name, []).append(value)
    written = []
    for name, values in lists.items():
        if name.endswith(b"[]"):
            name, value = name[:-2], b'["' + b'", "'.join(values) + b'"]'
        else:
            value = values[-1]
        name = name.replace(b"%", b"%25").replace(b"=", b"%3D")
        written.append((name + b"=" + value.replace(b"%", b"%25")).replace(b"&", b"%26"))
    return b"&".join(sorted(written))


def _escaped(pairs: Pairs) -> bytes:
    quoted = (
        f"{quote_from_bytes(name, safe=_UNESCAPED)}={quote_from_bytes(value, safe=_UNESCAPED)}" for name, value in pairs
    )
    return "&".join(sorted(quoted)).encode()


def _digest(secret: str, signed: bytes) -> bytes:
    return hmac.digest(secret.encode(), signed, hashlib.sha256).hex().encode()
