"""Shops: making one, and what every request needs to know of one."""

import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal
from urllib.parse import urlsplit

from sqlalchemy import select

from backend import clock, db
from backend.errors import BadInput, NotFound
from backend.ledger.posting import AnySession
from backend.loyalty.calendar_rules import timezone
from backend.loyalty.wording import is_language_tag
from backend.models import ApiKey, BirthdayRound, Installation, Shop, ShopifyShop
from backend.money import is_currency
from backend.platforms.custom.signature import new_secret
from backend.platforms.registry import platform as known_platform
from backend.platforms.shopify import domain as shopify_domain
from backend.vault import vault

SHOPIFY = "shopify"
FACTS_TTL_SECONDS = 5.0
"""How long a process may go on with what it knew of a shop."""
Scope = Literal["read", "write", "points:assign"]
SCOPES: Mapping[Scope, str] = {
    "read": "Read members, rewards and the program",
    "write": "Change members, rewards and the program, and redeem",
    "points:assign": "Add and take points",
}
"""What a key of the merchant API may do (contract section 4)."""
ALL_SCOPES = tuple(SCOPES)
MAX_NAME_CHARACTERS = 255
_MAX_CACHED_SHOPS = 10_000
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


@dataclass(frozen=True, slots=True)
class ShopFacts:
    """What the doors need to know of a shop, with its secrets opened. Shared for a few seconds by all requests."""

    id: int
    platform: str
    name: str
    domain: str
    currency: str
    timezone: str
    locale: str
    widget_key: str
    webhook_secrets: tuple[str, ...] = field(repr=False)
    identity_secret: str = field(repr=False)
    discounts_url: str | None = None
    """Where the store takes discount codes; None: it looks them up at the merchant API."""
    shopify_domain: str | None = None
    """On Shopify: the name that Shopify gave the shop, such as kiln.myshopify.com. It answers beside `domain`."""

    @property
    def address(self) -> str:
        """The shop's own address, such as https://shop.example."""
        return self.domain if "://" in self.domain else f"https://{self.domain}"

    def is_at(self, origin: str) -> bool:
        """Whether pages of that origin are the shop's own."""
        return origin == self.address or (
            self.shopify_domain is not None and origin == f"https://{self.shopify_domain}"
        )


@dataclass(frozen=True)
class NewShop:
    """A shop just made, with the secrets that are shown once."""

    shop: Shop
    shop_id: int
    webhook_secret: str = field(repr=False)
    identity_secret: str = field(repr=False)
    api_key: str = field(repr=False)


_FACTS = """
    select shop.*, shopify_shop.domain as shopify_domain from shop
    left join shopify_shop on shopify_shop.shop_id = shop.id"""
_cache: dict[str, tuple[float, ShopFacts]] = {}


def facts(shop_id: int) -> ShopFacts:
    """The shop's facts. Raises NotFound. One read per shop, process and few seconds."""
    return _cached(f"id:{shop_id}", "id", shop_id)


def facts_by_widget_key(widget_key: str) -> ShopFacts:
    """The shop whose widget carries this key. Raises NotFound."""
    return _cached(f"key:{widget_key}", "widget_key", widget_key)


def forget_facts() -> None:
    """Drop what this process knows of all shops (after a change, and between tests)."""
    _cache.clear()


def create(
    session: AnySession,
    now: datetime,
    *,
    platform: str,
    name: str,
    domain: str,
    currency: str,
    timezone_name: str,
    locale: str,
    discounts_url: str | None = None,
    rehearsal: bool = False,
) -> NewShop:
    """Make a shop with new secrets and an API key of all scopes. Raises BadInput that names the wrong field.

    The program's first version is the caller's to set (`programs.start`).
    """
    known_platform(platform)
    if not is_currency(currency):
        raise BadInput(
            f"{currency!r} is not an ISO 4217 currency.", [{"field": "currency", "message": "unknown currency"}]
        )
    if not name.strip() or len(name) > MAX_NAME_CHARACTERS:
        raise _wrong("name", f"The name should have 1 to {MAX_NAME_CHARACTERS} characters.")
    locale = locale.replace("_", "-")
    if not is_language_tag(locale):
        raise _wrong("locale", f"{locale[:64]!r} is not a language tag such as en, pt-BR or zh-Hant.")
    timezone(timezone_name)
    checked_domain = check_domain(domain, rehearsal)
    if platform == SHOPIFY and shopify_domain.read(checked_domain) is None:
        raise _wrong("domain", f"{domain[:200]!r} is not the name of a shop on Shopify, such as kiln.myshopify.com.")
    if discounts_url is not None:
        _check_discounts_url(discounts_url, rehearsal)
    keys = vault()
    webhook_secret, identity_secret = new_secret(), secrets.token_urlsafe(32)
    shop = Shop(
        platform=platform,
        name=name,
        domain=checked_domain,
        currency=currency,
        timezone=timezone_name,
        locale=locale,
        widget_key=f"wk_{secrets.token_urlsafe(12)}",
        webhook_secret="",
        identity_secret="",
        discounts_url=discounts_url,
        created_at=now,
    )
    session.add(shop)
    session.flush()  # the secrets are sealed with the shop's id inside
    shop.webhook_secret = keys.seal(webhook_secret, shop_id=shop.id, purpose="webhook")
    shop.identity_secret = keys.seal(identity_secret, shop_id=shop.id, purpose="identity")
    session.add(BirthdayRound(shop_id=shop.id, after_member=0, due_at=now))
    if platform == SHOPIFY:
        session.add(ShopifyShop(shop_id=shop.id, domain=checked_domain, state="waiting", created_at=clock.wall()))
    api_key = new_api_key(session, shop.id, now, label="first key", scopes=ALL_SCOPES)
    return NewShop(shop, shop.id, webhook_secret, identity_secret, api_key)


def new_api_key(session: AnySession, shop_id: int, now: datetime, *, label: str, scopes: tuple[str, ...]) -> str:
    """Make a key of the merchant API and return it; only its hash is kept. The shop's id is readable in the key."""
    key = f"lgn_{shop_id}_{secrets.token_urlsafe(32)}"
    session.add(ApiKey(shop_id=shop_id, label=label, key_hash=api_key_hash(key), scopes=list(scopes), created_at=now))
    session.flush()
    return key


def api_keys(session: AnySession, shop_id: int) -> Sequence[ApiKey]:
    """The keys that work, newest first."""
    asked = select(ApiKey).where(ApiKey.shop_id == shop_id, ApiKey.revoked_at.is_(None)).order_by(ApiKey.id.desc())
    return session.execute(asked).scalars().all()


def revoke_api_key(session: AnySession, shop_id: int, key_id: int, now: datetime) -> str:
    """Let that key work no more; returns its label. Raises NotFound."""
    key = session.get(ApiKey, (shop_id, key_id))
    if key is None or key.revoked_at is not None:
        raise NotFound()
    key.revoked_at = now
    return key.label


def revoke_api_keys(session: AnySession, shop_id: int, label: str, now: datetime) -> int:
    """Revoke the shop's keys of that label; how many were in use."""
    keys = session.execute(
        select(ApiKey).where(ApiKey.shop_id == shop_id, ApiKey.label == label, ApiKey.revoked_at.is_(None))
    ).scalars()
    revoked = 0
    for each in keys:
        each.revoked_at = now
        revoked += 1
    return revoked


def api_key_hash(key: str) -> bytes:
    """SHA-256 is enough for 256 random bits; a slow hash is for passwords."""
    return sha256(key.encode()).digest()


def check_domain(domain: str, rehearsal: bool) -> str:
    """The shop's domain as it is kept: `shop.example`, or `http://host:port` in demo and test. Raises BadInput."""
    value = domain.strip().rstrip("/").lower()
    if rehearsal and "://" not in value and ":" in value and not value.endswith(":443"):
        value = f"http://{value}"  # a port says that it is a store on this machine
    parts = urlsplit(value if "://" in value else f"https://{value}")
    schemes = ("https", "http") if rehearsal else ("https",)
    if parts.scheme not in schemes or not parts.hostname or parts.path or parts.query or parts.fragment or "@" in value:
        raise _wrong("domain", f"{domain[:200]!r} is not a domain such as shop.example.")
    try:
        host, port = parts.hostname.encode("idna").decode(), parts.port
    except ValueError:  # UnicodeError is one
        raise _wrong("domain", f"{domain[:200]!r} is not a domain such as shop.example.") from None
    if ":" not in host and not _HOST.fullmatch(host):  # an IPv6 address has been looked at by urlsplit
        raise _wrong("domain", f"{domain[:200]!r} is not a domain such as shop.example.")
    # as browsers write it in Origin: the ASCII form, without the port that goes without saying
    usual = {"https": 443, "http": 80}[parts.scheme]
    address = f"[{host}]" if ":" in host else host
    address = address if port in (None, usual) else f"{address}:{port}"
    return address if parts.scheme == "https" else f"http://{address}"


def _check_discounts_url(url: str, rehearsal: bool) -> None:
    """Outgoing calls never go over plain http, except in demo and test (contract section 7). Raises BadInput."""
    parts = urlsplit(url)
    schemes = ("https", "http") if rehearsal else ("https",)
    if parts.scheme not in schemes or not parts.hostname:
        raise _wrong("discounts_url", f"{url[:200]!r} is not an address such as https://shop.example/discounts.")


def _wrong(field_name: str, message: str) -> BadInput:
    return BadInput(message, [{"field": field_name, "message": message}])


def _cached(cache_key: str, column: str, value: int | str) -> ShopFacts:
    found = _cache.get(cache_key)
    if found is not None and found[0] > time.monotonic():
        return found[1]
    row = db.one_statement(f"{_FACTS} where shop.{column} = %(value)s", {"value": value})
    if row is None:
        raise NotFound()
    known = _facts_of(row)
    if len(_cache) >= _MAX_CACHED_SHOPS:
        _cache.clear()
    _cache[cache_key] = (time.monotonic() + FACTS_TTL_SECONDS, known)
    return known


def _facts_of(row: Mapping[str, Any]) -> ShopFacts:
    keys = vault()
    return ShopFacts(
        id=row["id"],
        platform=row["platform"],
        name=row["name"],
        domain=row["domain"],
        currency=row["currency"],
        timezone=row["timezone"],
        locale=row["locale"],
        widget_key=row["widget_key"],
        webhook_secrets=(keys.open(row["webhook_secret"], shop_id=row["id"], purpose="webhook"),),
        identity_secret=keys.open(row["identity_secret"], shop_id=row["id"], purpose="identity"),
        discounts_url=row["discounts_url"],
        shopify_domain=row["shopify_domain"],
    )


def was_installed_at(session: AnySession, shop_id: int, at: datetime) -> bool:
    """Whether the app was installed in the shop at that moment: an order made then earns (S3.25).

    A shop of which no event says anything at or before that moment counts as installed: it was being set up.
    """
    event = session.execute(
        select(Installation.event)
        .where(Installation.shop_id == shop_id, Installation.at <= at)
        .order_by(Installation.at.desc(), Installation.event)
        .limit(1)
    ).scalar()
    return event != "uninstalled"
