"""The first opening of the app in a shop, or the first one after it was gone: the shop is made here, or goes on.

Shopify installs the app without calling us. So whoever opens it first brings a session token; for that the door gets tokens
(`platforms/shopify/oauth.py`), asks what the shop is (`ask_facts`), and has it noted here, in one transaction.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import requests
from sqlalchemy import select

from backend import clock, db
from backend.errors import BadInput
from backend.loyalty import calendar_rules, name_locks
from backend.loyalty.coupons import coupons
from backend.loyalty.deliveries import deliveries
from backend.loyalty.program import programs
from backend.loyalty.shops import shopify_shops, shops
from backend.loyalty.shops.shops import MAX_NAME_CHARACTERS, SHOPIFY
from backend.loyalty.wording import is_language_tag
from backend.models import Shop, ShopifyShop
from backend.platforms.base import Never, TryAgain
from backend.platforms.events import AppInstalled
from backend.platforms.shopify import admin_api
from backend.platforms.shopify.oauth import Tokens
from backend.shopify import metafields
from backend.shopify import tokens as kept_tokens

_SHOP_GID = "gid://shopify/Shop/"
_ANY_SHOP = 0
"""In the place of a shop's id in the name of the lock: there may be no shop yet."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class InstalledShop:
    """What Shopify says of the shop that opens the app."""

    external_id: str
    domain: str
    name: str
    currency: str
    timezone: str
    locale: str


def ask_facts(domain: str, tokens: Tokens, *, session: requests.Session | None = None) -> InstalledShop:
    """Ask Shopify what this shop is, with tokens that are not kept yet. Never inside a transaction.

    Raises TryAgain, and Never: also where the tokens are another shop's.
    """
    try:
        said = admin_api.ask(kept_tokens.access_of(domain, tokens.access), "shop_facts", {}, session=session).data
    except admin_api.TokenRefused:
        raise TryAgain("Shopify does not take the token that it has just given.") from None
    found = _facts(said["shop"])
    if found.domain != domain:
        raise Never("The token is of another shop.")
    return found


def install(session: Any, shop: InstalledShop, tokens: Tokens, *, now: datetime) -> int:
    """Note that the app is installed in the shop and may speak for it; returns our id of the shop.

    Called whenever somebody opens the app and brings new tokens, by any number at once: there is one shop for a domain, with
    what it had before. Jobs for it begin at once. Raises BadInput where the shop's money is none that we know.
    """
    wall = clock.wall()
    name_locks.hold(session, _ANY_SHOP, "shopify domain", shop.domain)
    known = session.execute(select(ShopifyShop.shop_id).where(ShopifyShop.domain == shop.domain)).scalar()
    shop_id = _make(session, shop, now) if known is None else int(known)
    if known is not None:
        name_locks.hold(session, shop_id, *name_locks.WHOLE_SHOP)
    row = session.execute(
        select(ShopifyShop)
        .where(ShopifyShop.shop_id == shop_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one()
    was, is_news = row.state, row.state != "installed" or row.needs_opening
    if is_news or _is_newer(tokens, row):
        for column, value in kept_tokens.columns(shop_id, tokens).items():
            setattr(row, column, value)
    row.state, row.external_id, row.needs_opening = "installed", shop.external_id, False
    if is_news:
        row.installed_at, row.uninstalled_at, row.redact_at = wall, None, None
        row.orders_next_at = row.topics_next_at = row.codes_next_at = wall
        metafields.go_on(session, shop_id, wall)
        coupons.look_after_all(session, shop_id)
    session.flush()
    if is_news and known is not None:
        # Also where the tokens were dead: the app may have been gone meanwhile, and what tells of it comes later.
        deliveries.apply(session, shops.facts(shop_id), AppInstalled(now), now)
    db.after_commit(shopify_shops.forget_known)
    log.info("shop %s: the app was opened (%s before)", shop_id, was)
    return shop_id


def _is_newer(tokens: Tokens, row: ShopifyShop) -> bool:
    """Of two who open the app at once each brings tokens: those that were given last are kept."""
    return row.access_until is None or tokens.access_until >= row.access_until


def _make(session: Any, shop: InstalledShop, now: datetime) -> int:
    made = shops.create(
        session,
        now,
        platform=SHOPIFY,
        name=shop.name,
        domain=shop.domain,
        currency=shop.currency,
        timezone_name=shop.timezone,
        locale=shop.locale,
    )
    shops.revoke_api_keys(session, made.shop_id, "first key", now)  # nobody was shown it
    programs.start(session, session.get_one(Shop, made.shop_id), now)
    db.after_commit(shops.forget_facts)
    return made.shop_id


def _facts(shop: Any) -> InstalledShop:
    """What of the answer we go by. A name, zone or language that we do not know must not keep a merchant out."""
    domain = shop["myshopifyDomain"]
    localization = (shop["primaryDomain"] or {}).get("localization")
    locale = (localization or {}).get("defaultLocale") or "en"
    zone = shop["ianaTimezone"]
    try:
        calendar_rules.timezone(zone)
    except BadInput:
        log.warning("a shop's time zone %.64r is not known here: UTC until the merchant chooses", zone)
        zone = "UTC"
    return InstalledShop(
        external_id=shop["id"].removeprefix(_SHOP_GID),
        domain=domain,
        name=shop["name"].strip()[:MAX_NAME_CHARACTERS] or domain,
        currency=shop["currencyCode"],
        timezone=zone,
        locale=locale if is_language_tag(locale) else "en",
    )
