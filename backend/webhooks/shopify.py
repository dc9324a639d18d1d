"""Shopify's door: one address for all shops, signed with the app's secret; the shop stands in a header.

That header, the topic and the id are not signed, so what a body says of its shop must agree (docs/decisions/0025).
"""

from datetime import datetime
from typing import Any

from flask import Response, current_app, request

from backend import clock
from backend.config import Config
from backend.errors import NotFound
from backend.loyalty.shops import shopify_shops
from backend.loyalty.shops.shopify_shops import Known
from backend.platforms.base import NotForUs
from backend.platforms.shopify import adapter
from backend.platforms.shopify import domain as shop_domain
from backend.webhooks import receiving

_CAME_BACK = "The app was installed again since: this tells of the time before."


def receive() -> Response:
    """Accept one delivery. A signature that is wrong is a 401, whether we know the shop or not.

    Of an unknown shop it is a 404: Shopify sends it again for four hours, and the shop is known once somebody opens the
    app. Nothing is kept of such a shop, so requests to forget or to tell are fulfilled.
    """
    config: Config = current_app.config["LAGNIAPPE"]
    if config.shopify is None:
        raise NotFound()
    raw = receiving.raw_body()
    delivery_id = adapter.verify(request.headers, raw, config.shopify.secrets, clock.wall())
    domain = shop_domain.read(request.headers.get("X-Shopify-Shop-Domain"))
    shop = shopify_shops.by_domain(domain) if domain is not None else None
    if shop is None or domain is None:
        if request.headers.get("X-Shopify-Topic") in adapter.COMPLIANCE:
            return receiving.answer(200, "ignored")
        raise NotFound()

    def also(topic: str, document: Any) -> None:
        adapter.check_shop(document, domain, shop.external_id)
        if topic == adapter.UNINSTALLED and _is_of_before(shop):
            raise NotForUs(topic, _CAME_BACK)

    return receiving.take(adapter, shop.shop_id, delivery_id, raw, also)


def _is_of_before(shop: Known) -> bool:
    """Whether it happened before the app came (back) into the shop: what comes late must not take the new tokens away.

    Anybody can write that header, but only to have less done.
    """
    try:
        triggered_at = datetime.fromisoformat(request.headers.get("X-Shopify-Triggered-At") or "")
    except ValueError:
        return False
    if triggered_at.tzinfo is None or shop.there_since is None:
        return False
    return triggered_at < shop.there_since
