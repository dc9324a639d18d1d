"""The doors for platforms: verify the raw bytes, store, commit, ring, acknowledge (contract section 3)."""

from flask import Blueprint, Response, request

from backend import clock
from backend.errors import NotFound
from backend.loyalty.shops import shops
from backend.platforms.registry import platform as known_platform
from backend.webhooks import receiving, shopify

blueprint = Blueprint("webhooks", __name__, url_prefix="/webhooks")
blueprint.add_url_rule("/shopify", "receive_from_shopify", shopify.receive, methods=["POST"])


@blueprint.post("/<platform>/<int:shop_id>")
def receive(platform: str, shop_id: int) -> Response:
    """Accept one delivery of a shop whose address has the shop's id and whose signature the shop's own secret."""
    raw = receiving.raw_body()
    shop = shops.facts(shop_id)
    if shop.platform != platform or platform == shops.SHOPIFY:  # which signs with the app's secret, at its own door
        raise NotFound()
    adapter = known_platform(platform)
    delivery_id = adapter.verify(request.headers, raw, shop.webhook_secrets, clock.wall())
    return receiving.take(adapter, shop.id, delivery_id, raw)
