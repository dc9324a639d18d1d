"""What a shop's themes must know of us to show the widget: where we are, and the shop's widget key.

Nobody types it: it stands in metafields of the app's own, which `extensions/shopify/` reads by Liquid.
"""

from datetime import datetime, timedelta

import requests
from sqlalchemy import text

from backend.ledger.posting import AnySession
from backend.loyalty.shops import shops
from backend.platforms.base import Never
from backend.shopify import asking

NAMESPACE = "lagniappe"
LATER = timedelta(hours=1)
_FIELDS = {"base_url": "baseUrl", "widget_key": "widgetKey"}
"""The metafields, and what the answer calls them."""


def tell(shop_id: int, base_url: str, *, session: requests.Session | None = None) -> bool:
    """Have the shop's themes know what is so now; False if they did already. Never inside a transaction.

    Raises TryAgain, Never.
    """
    wanted = {"base_url": base_url, "widget_key": shops.facts(shop_id).widget_key}
    app = asking.ask(shop_id, "app_in_themes", {}, session=session)["currentAppInstallation"]
    known = {key: (app[name] or {}).get("value") for key, name in _FIELDS.items()}
    if known == wanted:
        return False
    metafields = [
        {"ownerId": app["id"], "namespace": NAMESPACE, "key": key, "type": "single_line_text_field", "value": value}
        for key, value in wanted.items()
    ]
    done = asking.ask(shop_id, "app_in_themes_set", {"metafields": metafields}, session=session)["metafieldsSet"]
    error = asking.first_user_error(done)
    if error is not None:
        raise Never(f"Shopify does not keep what the theme needs: {error['message']}")
    return True


def tell_later(session: AnySession, shop_id: int, wall: datetime) -> None:
    """Have the shop looked after again in an hour, by the job that tells its themes."""
    session.execute(
        text("update shopify_shop set topics_next_at = :at where shop_id = :shop and state = 'installed'"),
        {"shop": shop_id, "at": wall + LATER},
    )
