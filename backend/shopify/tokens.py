"""The right to speak for a shop: its access token, renewed before it ends, by one process at a time.

Of all who find a token old one renews it: whoever has the shop's advisory lock, on a connection of its own. The call to
Shopify holds no row meanwhile, and the new pair is written over the same connection and committed before anybody uses it.
So whoever lost the lock (killed, hung, cut off from PostgreSQL) cannot write any more, and the pair that it may have got
is lost. That does no harm: Shopify takes the refresh token that is still kept until the new one is first used
(docs/decisions/0026-one-renews-a-token.md).
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg
from flask import current_app
from psycopg.rows import dict_row

from backend import clock, db
from backend.config import Config, ShopifyApp
from backend.errors import ConfigError
from backend.loyalty import name_locks
from backend.platforms.base import Never, TryAgain
from backend.platforms.shopify import admin_api, oauth
from backend.platforms.shopify.admin_api import Access
from backend.platforms.shopify.oauth import Tokens
from backend.vault import vault

ACCESS = "shopify access"
REFRESH = "shopify refresh"
"""What the sealed tokens are for (backend/vault.py)."""
RENEW_BEFORE = timedelta(minutes=5)
STILL_GOOD = timedelta(seconds=30)
"""A token that lives longer than this is used on where no other can be had at the moment."""
PATIENCE_SECONDS = 6
"""How long to wait for another process that renews the token."""

NOT_INSTALLED = "The app is not installed in this shop."
OPEN_ONCE = "Shopify does not let us in any more: open the app in Shopify once, and all goes on."

_OPTIONS = (
    f"-c timezone=UTC -c statement_timeout={PATIENCE_SECONDS}s -c lock_timeout={PATIENCE_SECONDS - 1}s"
    " -c idle_session_timeout=20s"
)
"""The last one makes a process that hangs lose the lock; a call to Shopify ends before it."""
_SELECT = (
    "select domain, state, needs_opening, access_token, access_until, refresh_token from shopify_shop"
    " where shop_id = %(shop)s"
)
_KEEP = (
    "update shopify_shop set access_token = %(access_token)s, access_until = %(access_until)s,"
    " refresh_token = %(refresh_token)s, refresh_until = %(refresh_until)s, scopes = %(scopes)s"
    " where shop_id = %(shop)s and state = 'installed' and access_token = %(before)s"
)
_GIVE_UP = (
    "update shopify_shop set needs_opening = true"
    " where shop_id = %(shop)s and state = 'installed' and access_token = %(before)s"
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kept:
    """What is kept of an installed shop. `sealed` is the access token as it stands in the row."""

    access: Access
    sealed: str = field(repr=False)
    access_until: datetime | None
    """None: a token of the kind that never ends. It is to be changed for one that does."""
    refresh: str | None = field(repr=False)

    def lasts(self, longer_than: timedelta) -> bool:
        return self.access_until is not None and self.access_until - clock.wall() > longer_than


def fresh(shop_id: int) -> Access:
    """The right to speak for this shop now, good for some minutes. May call Shopify: never inside a transaction.

    Raises Never with a sentence for the merchant where there is none, TryAgain where it cannot be had at the moment.
    """
    kept = _opened(shop_id, db.one_statement(_SELECT, {"shop": shop_id}))
    if kept.lasts(RENEW_BEFORE):
        return kept.access
    try:
        return _renewed(shop_id, kept.access.token)
    except TryAgain:
        if kept.lasts(STILL_GOOD):
            return kept.access
        raise


def renewed(shop_id: int, refused: Access) -> Access:
    """Another right for one that Shopify did not take although it should be good. Raises as `fresh` does."""
    return _renewed(shop_id, refused.token)


def give_up(shop_id: int, refused: Access) -> None:
    """Note that Shopify takes nothing of what is kept: somebody must open the app, and is told so."""
    row = db.one_statement(_SELECT, {"shop": shop_id})
    if row is not None and row["access_token"] is not None and row["state"] == "installed":
        kept = _opened(shop_id, row)
        if kept.access.token == refused.token:
            db.one_statement(_GIVE_UP, {"shop": shop_id, "before": kept.sealed})


def columns(shop_id: int, tokens: Tokens) -> dict[str, Any]:
    """The tokens as the columns of `shopify_shop` keep them."""
    keys = vault()
    return {
        "access_token": keys.seal(tokens.access, shop_id=shop_id, purpose=ACCESS),
        "access_until": tokens.access_until,
        "refresh_token": keys.seal(tokens.refresh, shop_id=shop_id, purpose=REFRESH),
        "refresh_until": tokens.refresh_until,
        "scopes": list(tokens.scopes),
    }


def the_app() -> ShopifyApp:
    """The app's own keys. Raises ConfigError where shops on Shopify cannot be served."""
    app = _config().shopify
    if app is None:
        raise ConfigError("SHOPIFY_API_KEY and SHOPIFY_API_SECRET are not set.")
    return app


def access_of(domain: str, token: str) -> Access:
    """The right to speak that a token gives."""
    return Access(domain, token, admin_api.base_url(domain, the_app().test_url), _config().is_rehearsal)


def _renewed(shop_id: int, old_token: str) -> Access:
    with _alone(shop_id) as line:
        kept = _opened(shop_id, line.execute(_SELECT, {"shop": shop_id}).fetchone())
        if kept.access.token != old_token:
            return kept.access  # somebody else was first
        try:
            tokens = _another(kept)
        except oauth.RefreshRefused:
            line.execute(_GIVE_UP, {"shop": shop_id, "before": kept.sealed})
            log.warning("shop %s: Shopify renews the token no longer; the app must be opened there", shop_id)
            raise Never(OPEN_ONCE) from None
        line.execute(_KEEP, {"shop": shop_id, "before": kept.sealed, **columns(shop_id, tokens)})
        # Read again: an installation or the end of one meanwhile has the last word.
        return _opened(shop_id, line.execute(_SELECT, {"shop": shop_id}).fetchone()).access


def _another(kept: Kept) -> Tokens:
    app, rehearsal = the_app(), _config().is_rehearsal
    if kept.refresh is None:
        return oauth.migrate(app, kept.access.domain, kept.access.token, is_rehearsal=rehearsal)
    return oauth.refresh(app, kept.access.domain, kept.refresh, is_rehearsal=rehearsal)


@contextmanager
def _alone(shop_id: int) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    """Be the only one in any process who renews this shop's token, for as long as this connection lives."""
    with psycopg.connect(
        current_app.config["LAGNIAPPE_DATABASE_URL"],
        autocommit=True,
        row_factory=dict_row,
        options=_OPTIONS,
        connect_timeout=2,
        application_name="lagniappe tokens",
    ) as line:
        try:
            line.execute("select pg_advisory_lock(%s)", [name_locks.key(shop_id, "shopify", "token")])
        except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled):
            raise TryAgain("The token for this shop is being renewed.") from None
        yield line


def _opened(shop_id: int, row: dict[str, Any] | None) -> Kept:
    if row is None or row["state"] != "installed":
        raise Never(NOT_INSTALLED)
    if row["needs_opening"]:
        raise Never(OPEN_ONCE)
    keys = vault()
    refresh = row["refresh_token"]
    return Kept(
        access=access_of(row["domain"], keys.open(row["access_token"], shop_id=shop_id, purpose=ACCESS)),
        sealed=row["access_token"],
        access_until=row["access_until"],
        refresh=None if refresh is None else keys.open(refresh, shop_id=shop_id, purpose=REFRESH),
    )


def _config() -> Config:
    config: Config = current_app.config["LAGNIAPPE"]
    return config
