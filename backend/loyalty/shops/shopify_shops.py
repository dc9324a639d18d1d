"""Shops on Shopify: finding one by its name there, and what Shopify tells of it. Tokens are `backend/shopify/`'s."""

import re
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from backend import db
from backend.errors import BadInput
from backend.ledger.posting import AnySession
from backend.loyalty.calendar_rules import timezone
from backend.loyalty.shops import shops
from backend.loyalty.wording import is_language_tag
from backend.models import Shop, ShopifyShop
from backend.money import is_currency
from backend.platforms.events import ShopChanged
from backend.platforms.shopify import adapter
from backend.platforms.shopify.scopes import CODES

REDACTED_AFTER = timedelta(hours=48)
"""How long after an uninstall Shopify asks to forget the shop; so long it may come back with all that it had."""
TOKEN_LIFE = timedelta(hours=1)
"""Of an offline access token (platforms.md 1.5). Should it be longer one day, an uninstall may be passed over: then Shopify
refuses the token, and that is noticed."""
_HOST = re.compile(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+")
_MAX_CACHED = 10_000


@dataclass(frozen=True, slots=True)
class Known:
    """A shop as the door for webhooks knows it, for a few seconds."""

    shop_id: int
    external_id: str | None
    installed_at: datetime | None
    access_until: datetime | None

    @property
    def there_since(self) -> datetime | None:
        """Since when, at least, the app has been in the shop without a break: whoever uninstalls it ends its token, so one
        that Shopify gave later shows that it was back. The moment it was given is told by its end."""
        given_at = None if self.access_until is None else self.access_until - TOKEN_LIFE
        return max(filter(None, (self.installed_at, given_at)), default=None)


_cache: dict[str, tuple[float, Known]] = {}


def by_domain(domain: str) -> Known | None:
    """The shop of that name (`platforms/shopify/domain.py`). One read per shop, process and few seconds."""
    found = _cache.get(domain)
    if found is not None and found[0] > time.monotonic():
        return found[1]
    row = db.one_statement(
        "select shop_id, external_id, installed_at, access_until from shopify_shop where domain = %(domain)s",
        {"domain": domain},
    )
    if row is None:
        return None  # not remembered: the next delivery may come right after the app was opened first
    if len(_cache) >= _MAX_CACHED:
        _cache.clear()
    known = Known(**row)
    _cache[domain] = (time.monotonic() + shops.FACTS_TTL_SECONDS, known)
    return known


def forget_known() -> None:
    """Drop what this process knows of all shops (after a change, and between tests)."""
    _cache.clear()


def check_body(session: AnySession, shop_id: int, document: Any) -> None:
    """Refuse what says that it is of another shop, as the door does. Raises MalformedDelivery."""
    row = session.get_one(ShopifyShop, shop_id)
    adapter.check_shop(document, row.domain, row.external_id)


def uninstall(session: AnySession, shop_id: int, at: datetime, wall: datetime) -> None:
    """Drop the right to speak for the shop, unless it was installed again since `at`. Other platforms have none to drop.

    Points that were promised are posted all the same (S3.25).
    """
    session.execute(
        text(
            "update shopify_shop set state = 'uninstalled', uninstalled_at = :wall, access_token = null,"
            " refresh_token = null, access_until = null, refresh_until = null, needs_opening = false,"
            " orders_next_at = null, topics_next_at = null, codes_next_at = null"
            " where shop_id = :shop and state <> 'uninstalled' and not exists (select 1 from installation i"
            " where i.shop_id = :shop and i.event = 'installed' and i.at > :at)"
        ),
        {"shop": shop_id, "at": at, "wall": wall},
    )


def take_over_scopes(session: AnySession, shop_id: int, scopes: tuple[str, ...]) -> bool:
    """Note what the merchant has granted. True if that is more than before."""
    row = session.get(ShopifyShop, shop_id, with_for_update=True, populate_existing=True)
    if row is None:
        return False
    is_more = not set(scopes) <= set(row.scopes)
    row.scopes = sorted(scopes)
    session.flush()
    return is_more


def look_at_scopes(session: AnySession, shop_id: int, wall: datetime) -> None:
    """Have what the shop grants read anew: what was granted a moment ago may not have been told yet."""
    session.execute(
        text("update shopify_shop set topics_next_at = :wall where shop_id = :shop and state = 'installed'"),
        {"shop": shop_id, "wall": wall},
    )


def takes_codes(session: AnySession, shop_id: int) -> bool:
    """Whether codes may be made there: the app is installed, lets us in, and has the permission."""
    row = session.get_one(ShopifyShop, shop_id, populate_existing=True)
    return row.state == "installed" and not row.needs_opening and CODES in row.scopes


def take_over_facts(session: AnySession, shop_id: int, said: ShopChanged) -> None:
    """Take over what the shop says of itself, unless something newer was told. What makes no sense to us stays as it is.

    The currency changes only as long as no points have moved: all sums are in it.
    """
    row = session.get(ShopifyShop, shop_id, with_for_update=True)
    if row is None or (row.told_at is not None and row.told_at > said.at):
        return
    shop = session.get_one(Shop, shop_id, with_for_update=True)
    row.told_at = said.at
    row.external_id = row.external_id or said.external_id
    if said.name is not None:
        shop.name = said.name[: shops.MAX_NAME_CHARACTERS]
    if said.timezone is not None and _is_timezone(said.timezone):
        shop.timezone = said.timezone
    if said.locale is not None and is_language_tag(said.locale):
        shop.locale = said.locale
    if said.domain is not None and (domain := _domain(said.domain)) is not None:
        shop.domain = domain
    if said.currency is not None and is_currency(said.currency) and not _has_entries(session, shop_id):
        shop.currency = said.currency
    session.flush()
    db.after_commit(shops.forget_facts)


def ask_for_redaction(session: AnySession, shop_id: int, at: datetime, wall: datetime) -> None:
    """Shopify asks to forget the shop: two days after it took the app away, unless it has the app (again).

    Asked late, after another uninstall, the two days begin with that one. A shop whose tokens are dead was uninstalled and
    we have not heard of it: its two days begin now, and end when somebody opens the app.
    """
    row = session.get(ShopifyShop, shop_id, with_for_update=True, populate_existing=True)
    if row is None:
        return
    if row.state == "installed" and row.needs_opening:
        uninstall(session, shop_id, at, wall)
        session.refresh(row)
    if row.state == "installed" or row.redact_at is not None:
        return
    row.redacted_to = 0
    row.redact_at = max(wall, (row.uninstalled_at or row.created_at) + REDACTED_AFTER)


def _has_entries(session: AnySession, shop_id: int) -> bool:
    return (
        session.execute(text("select 1 from entry where shop_id = :shop limit 1"), {"shop": shop_id}).first()
        is not None
    )


def _is_timezone(name: str) -> bool:
    try:
        timezone(name)
    except BadInput:
        return False
    return True


def _domain(name: str) -> str | None:
    try:
        domain = shops.check_domain(name, rehearsal=False)
    except BadInput:
        return None
    return domain if _HOST.fullmatch(domain) else None
