"""The headers of an answer of the widget API."""

import hashlib

from backend import clock
from backend.loyalty.shops.shops import ShopFacts
from backend.widget_api import cors, signing

Headers = list[tuple[str, str]]

PRIVATE = (("Cache-Control", "no-store"), ("Vary", "Origin"))
GZIP = ("Content-Encoding", "gzip")
"""What is signed is the body as it was before."""
PROGRAM_CACHE = "public, max-age=60, stale-while-revalidate=600"
_JSON = (("Content-Type", "application/json"), ("X-Content-Type-Options", "nosniff"))

_TABLE = (
    ("Content-Type", "text/csv; charset=utf-8"),
    ("Content-Disposition", 'attachment; filename="points.csv"'),
    ("X-Content-Type-Options", "nosniff"),
)


def signature(shop: ShopFacts, body: bytes) -> tuple[str, str]:
    """The header that says that the body is ours."""
    return signing.HEADER, signing.signature(body, shop.identity_secret, clock.wall())


def own(shop: ShopFacts, body: bytes, origin: str | None) -> Headers:
    """Of a member's own answer: for pages of the shop alone, and kept by nobody."""
    return [*_JSON, *PRIVATE, *cors.for_own_shop(origin, shop), signature(shop, body)]


def own_table(shop: ShopFacts, origin: str | None) -> Headers:
    """Of a member's own table, which is made while it is sent: what is not whole cannot be signed."""
    return [*_TABLE, *PRIVATE, *cors.for_own_shop(origin, shop)]


def public(shop: ShopFacts, body: bytes, etag: str) -> Headers:
    """Of the program: for everybody, and kept by everybody for a while."""
    return [*_JSON, *unchanged(etag), signature(shop, body)]


def etag_of(body: bytes) -> str:
    """The name of exactly this body."""
    return f'"{hashlib.sha256(body).hexdigest()[:20]}"'


def unchanged(etag: str) -> Headers:
    """Of a 304: what whoever kept the answer needs to know again."""
    return [("ETag", etag), ("Cache-Control", PROGRAM_CACHE), ("Vary", "Accept-Encoding"), *cors.FOR_EVERYONE]
