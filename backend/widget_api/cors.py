"""Which page may read which answer (contract section 5).

A member's answers may be read by a page of that member's own shop alone; what is public, by every page. No cookie is
involved, so credentials are never allowed.
"""

import re
import time

from flask import Response

from backend import db
from backend.errors import Forbidden
from backend.loyalty.shops.shops import ShopFacts
from backend.widget_api import signing

_EXPOSED = ("Access-Control-Expose-Headers", f"{signing.HEADER}, ETag, Retry-After")
FOR_EVERYONE = (("Access-Control-Allow-Origin", "*"), _EXPOSED)
"""The headers of a public answer: any page may read it."""

_ALLOWED_HEADERS = "Authorization, Content-Type, Idempotency-Key, If-None-Match"
_ALLOWED_METHODS = "GET, POST, OPTIONS"
_PREFLIGHT_SECONDS = "600"

KNOWN_FOR_SECONDS = 5.0
"""How long a process may go by what it knew of a domain."""
_MAX_KNOWN = 10_000

_SOME_SHOPS = """
    select 1 from shop where domain = %(domain)s union all select 1 from shopify_shop where domain = %(domain)s limit 1"""
_ORIGIN = re.compile(r"(https?)://([a-z0-9_.-]{1,253}|\[[0-9a-f:.]{2,45}\])(:[0-9]{1,5})?")
_known: dict[str, tuple[float, bool]] = {}


def preflight(origin: str | None, *, is_public: bool, is_rehearsal: bool) -> Response:
    """The answer to OPTIONS: may a page of that origin ask at all? Which shop it asks about is not known yet.

    Raises Forbidden for an origin that is no shop's.
    """
    answer = Response(status=204)
    if is_public:
        answer.headers["Access-Control-Allow-Origin"] = "*"
    elif origin is not None:
        if not _is_some_shops(origin, is_rehearsal):
            raise Forbidden("This page belongs to no shop that is known here.", code="origin_not_allowed")
        answer.headers["Access-Control-Allow-Origin"] = origin
    answer.headers["Access-Control-Allow-Methods"] = _ALLOWED_METHODS
    answer.headers["Access-Control-Allow-Headers"] = _ALLOWED_HEADERS
    answer.headers["Access-Control-Max-Age"] = _PREFLIGHT_SECONDS
    answer.headers["Vary"] = "Origin"
    return answer


def for_own_shop(origin: str | None, shop: ShopFacts | None) -> tuple[tuple[str, str], ...]:
    """The headers of a member's answer: only a page of the shop itself may read it."""
    if origin is None or shop is None or not shop.is_at(origin):
        return ()
    return (("Access-Control-Allow-Origin", origin), _EXPOSED)


def refuse_foreign_write(origin: str | None, shop: ShopFacts) -> None:
    """A page that may not read an answer may not cause anything either. Raises Forbidden.

    A caller without Origin is no page: it holds the member's token and is taken for the store's server.
    """
    if origin is not None and not shop.is_at(origin):
        raise Forbidden("This page does not belong to the shop.", code="origin_not_allowed")


def _is_some_shops(origin: str, is_rehearsal: bool) -> bool:
    domain = _domain_of(origin, is_rehearsal)
    if domain is None:
        return False
    known = _known.get(domain)
    if known is not None and known[0] > time.monotonic():
        return known[1]
    found = db.one_statement(_SOME_SHOPS, {"domain": domain}) is not None
    if len(_known) >= _MAX_KNOWN:
        _known.clear()
    _known[domain] = (time.monotonic() + KNOWN_FOR_SECONDS, found)
    return found


def _domain_of(origin: str, is_rehearsal: bool) -> str | None:
    """The origin as `shop.domain` keeps it: without a scheme for https, whole for http (demo and tests only)."""
    match = _ORIGIN.fullmatch(origin)
    if match is None:
        return None  # "null", a path, a name in capitals: no browser sends that for a shop's page
    if match[1] == "https":
        return origin.removeprefix("https://")
    return origin if is_rehearsal else None
