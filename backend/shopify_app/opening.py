"""Opening the app in a shop: tokens for it, the shop itself if it is new, and a place on its team for who opens it.

Never inside a transaction: Shopify is asked in between.
"""

import logging

from flask import current_app

from backend import clock
from backend.config import Config
from backend.db import retrying, transaction
from backend.platforms.base import Never, TryAgain
from backend.platforms.shopify import oauth, scopes
from backend.platforms.shopify.oauth import AssociatedUser, SessionTokenRefused, Tokens
from backend.platforms.shopify.session_token import SessionToken
from backend.shopify import installing, team, tokens
from backend.shopify.installing import InstalledShop

log = logging.getLogger(__name__)


def with_session_token(token: SessionToken, text: str) -> None:
    """Somebody of the shop's staff opens the app. `text` is their session token as it came.

    Tokens are asked for where there are none that work, or where the app needs more scopes than the shop had granted.
    Raises SessionTokenRefused, TryAgain, Never, BadInput, and Forbidden for who was let go.
    """
    known = team.look_up(token)
    shop_id = known.shop_id if known is not None else None
    if known is None or not known.is_installed or known.needs_opening or scopes.missing(known.scopes):
        config = _config()
        got = oauth.exchange(tokens.the_app(), token.shop, text, is_rehearsal=config.is_rehearsal)
        shop_id = _install(installing.ask_facts(token.shop, got), got)
    assert shop_id is not None
    about = _who(token, text) if known is None or known.needs_introduction else None
    _welcome(shop_id, token.user_id, about)


def with_code(shop: str, code: str) -> None:
    """The shop's owner said yes on Shopify's page. Raises CodeRefused, TryAgain, Never, BadInput."""
    got = oauth.exchange_code(tokens.the_app(), shop, code, is_rehearsal=_config().is_rehearsal)
    _install(installing.ask_facts(shop, got), got)


@retrying
def _install(facts: InstalledShop, got: Tokens) -> int:
    with transaction() as session:
        return installing.install(session, facts, got, now=clock.now())


@retrying
def _welcome(shop_id: int, user_id: str, about: AssociatedUser | None) -> None:
    with transaction() as session:
        team.welcome(session, shop_id, user_id, about, clock.now())


def _who(token: SessionToken, text: str) -> AssociatedUser | None:
    """Who opens the app, as Shopify says. Whatever keeps Shopify from saying it keeps nobody out."""
    try:
        return oauth.who_opened(tokens.the_app(), token.shop, text, is_rehearsal=_config().is_rehearsal)
    except (SessionTokenRefused, TryAgain, Never) as reason:
        log.warning("Shopify does not say who opens the app in %s: %s", token.shop, type(reason).__name__)
        return None


def _config() -> Config:
    config: Config = current_app.config["LAGNIAPPE"]
    return config
