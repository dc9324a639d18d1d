"""The right to speak for a shop: its access token, opened, and renewed before it ends."""

from flask import current_app

from backend import db
from backend.config import Config, ShopifyApp
from backend.errors import ConfigError
from backend.platforms.base import Never
from backend.platforms.shopify import admin_api
from backend.platforms.shopify.admin_api import Access
from backend.vault import vault

ACCESS = "shopify access"
REFRESH = "shopify refresh"
"""What the sealed tokens are for (backend/vault.py)."""

NOT_INSTALLED = "The app is not installed in this shop."
OPEN_ONCE = "Shopify does not let us in any more: open the app in Shopify once, and all goes on."


def fresh(shop_id: int) -> Access:
    """The right to speak for this shop now. Raises Never with a sentence for the merchant where there is none."""
    row = db.one_statement(
        "select domain, state, needs_opening, access_token from shopify_shop where shop_id = %(shop)s",
        {"shop": shop_id},
    )
    if row is None or row["state"] != "installed":
        raise Never(NOT_INSTALLED)
    if row["needs_opening"]:
        raise Never(OPEN_ONCE)
    config: Config = current_app.config["LAGNIAPPE"]
    return Access(
        domain=row["domain"],
        token=vault().open(row["access_token"], shop_id=shop_id, purpose=ACCESS),
        base_url=admin_api.base_url(row["domain"], the_app().test_url),
        is_rehearsal=config.is_rehearsal,
    )


def the_app() -> ShopifyApp:
    """The app's own keys. Raises ConfigError where shops on Shopify cannot be served."""
    config: Config = current_app.config["LAGNIAPPE"]
    if config.shopify is None:
        raise ConfigError("SHOPIFY_API_KEY and SHOPIFY_API_SECRET are not set.")
    return config.shopify
