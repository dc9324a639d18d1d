"""Whether the widget is on the store's pages: noted once, when a page of the store first loads it."""

from datetime import datetime
from urllib.parse import urlsplit

from backend import db
from backend.ledger.posting import AnySession
from backend.loyalty.shops.shops import ShopFacts
from backend.models import WidgetSighting

_MAX_KNOWN = 100_000
_known: set[int] = set()
"""Shops whose widget was seen, as far as this process knows: it asks the database once for each."""


def note(shop: ShopFacts, referrer: str | None, now: datetime) -> None:
    """A page loaded the widget. Counts if it is one of the store's own; a preview of ours is none."""
    if shop.id in _known or not referrer or not _is_of(shop, referrer):
        return
    db.one_statement(
        "insert into widget_sighting (shop_id, first_at) values (%(shop)s, %(now)s) on conflict do nothing",
        {"shop": shop.id, "now": now},
    )
    if len(_known) >= _MAX_KNOWN:
        _known.clear()
    _known.add(shop.id)


def first(session: AnySession, shop_id: int) -> datetime | None:
    """When a page of the store first loaded the widget."""
    found = session.get(WidgetSighting, shop_id)
    return None if found is None else found.first_at


def forget() -> None:
    """Drop what this process knows."""
    _known.clear()


def _is_of(shop: ShopFacts, referrer: str) -> bool:
    try:
        page, own = urlsplit(referrer), urlsplit(shop.address)
        hosts = {(own.hostname, own.port), (shop.shopify_domain, None)}
        return page.hostname is not None and (page.hostname, page.port) in hosts
    except ValueError:
        return False
