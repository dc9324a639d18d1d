"""The frame in Shopify's admin that our pages are shown in: who may frame them, and where their addresses may lead."""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, urlencode

ADMIN = "https://admin.shopify.com"
CDN = "https://cdn.shopify.com"
APP_BRIDGE = f"{CDN}/shopifycloud/app-bridge.js"
"""Shopify wants it loaded from there, first of all scripts: it keeps itself up to date."""

HOME = "/shopify"
"""The app's address, which Shopify opens. A page of the admin stands below it as well as at its own address."""
TOKEN_PAGE = "/shopify/token"  # noqa: S105 - where a new one is fetched
PAGES = "/admin"

ID_TOKEN = "id_token"  # noqa: S105 - its name in the address
TO = "return_to"
AGAIN = "token_again"
"""Says that a new token was fetched already: whoever comes with another that is none is not sent round in a circle."""
PROOFS = frozenset({ID_TOKEN, "hmac", "session", "timestamp"})
OF_SHOPIFY = PROOFS | {"embedded", "host", "locale", "shop", AGAIN, TO}
"""What Shopify, and the way in, put into the address of a page. It means nothing to the page."""

_PATH = re.compile(r"/admin(?:/[A-Za-z0-9._~%:@!$&'()*+,;=-]+)*/?", re.ASCII)
_LONGEST = 2000


def ancestors(domain: str) -> str:
    """Who may frame a page of this shop, for `frame-ancestors`. `domain` is proved, or at least read by `domain.read`."""
    return f"https://{domain} {ADMIN}"


def own_page(wanted: str | None) -> str:
    """The address of the admin that is wanted, without what Shopify had put there; the admin's first page for any other.

    Nothing leads away from here: no other host, and no other door of ours.
    """
    path, _, query = (wanted or "")[:_LONGEST].partition("?")
    if _PATH.fullmatch(path) is None or ".." in path or "%2e" in path.lower():
        return PAGES
    kept = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name not in OF_SHOPIFY]
    return with_query(path, kept)


def with_query(path: str, more: Iterable[tuple[str, str]]) -> str:
    """The address with these behind its `?`."""
    said = urlencode(list(more))
    if not said:
        return path
    return f"{path}{'&' if '?' in path else '?'}{said}"


def said_by_shopify(asked: Mapping[str, str]) -> list[tuple[str, str]]:
    """What Shopify said in the address of a document, to be said again in the next."""
    return [(name, asked[name]) for name in ("embedded", "shop", "host", "locale", AGAIN, ID_TOKEN) if name in asked]


def at_shopify(domain: str, client_id: str) -> str:
    """Where the app is opened in the shop's admin."""
    return f"https://{domain}/admin/apps/{client_id}"
