"""The app proxy: what a storefront asks of us at its own address (platforms.md section 3).

A shop's `/apps/lagniappe/identity` comes here. The widget exchanges the answer for a session, and then speaks with the
widget API as it does in every store. Answers are JSON, never Liquid: that would be rendered within the shop.
"""

import jwt
from flask import Blueprint, Response, current_app, request

from backend import clock, db, strict_json
from backend.config import Config
from backend.errors import NotFound, Unauthorized
from backend.loyalty.shops import shops
from backend.loyalty.shops.shops import ShopFacts
from backend.platforms.shopify import proxy_signature

blueprint = Blueprint("shopify_proxy", __name__, url_prefix="/shopify/proxy")

IDENTITY_SECONDS = 300
"""How long an identity lives: it is exchanged as soon as the widget has it."""

_HEADERS = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)


@blueprint.get("/identity")
def identity() -> Response:
    """Who is signed in at the storefront, as the widget API believes it; `{"identity": null}` for a visitor.

    Shopify alone says who: nothing that the page knows or sends counts.
    """
    config: Config = current_app.config["LAGNIAPPE"]
    if config.shopify is None:
        raise NotFound()
    asked = proxy_signature.verify(request.query_string, config.shopify.secrets, clock.wall())
    if asked.added:
        raise Unauthorized("This address takes no parameters.")
    shop = _shop(asked.shop)
    if asked.customer_id is None:
        return _json({"identity": None})
    return _json({"identity": _token(shop, asked.customer_id), "expires_in": IDENTITY_SECONDS})


@blueprint.after_request
def _keep_private(answer: Response) -> Response:
    """Refusals too: another shopper's answer must come from no cache between us and the reader."""
    for name, value in _HEADERS:
        answer.headers[name] = value
    return answer


def _shop(domain: str) -> ShopFacts:
    """Raises NotFound for a shop that is none of ours, or no longer."""
    found = db.one_statement(
        "select shop_id from shopify_shop where domain = %(domain)s and state <> 'uninstalled'", {"domain": domain}
    )
    if found is None:
        raise NotFound()
    return shops.facts(found["shop_id"])


def _token(shop: ShopFacts, customer_id: str) -> str:
    """The same token that the server of any other store makes (contract section 4)."""
    now = int(clock.wall().timestamp())
    claims = {"sub": customer_id, "iat": now, "exp": now + IDENTITY_SECONDS}
    return jwt.encode(claims, shop.identity_secret, algorithm="HS256")


def _json(said: dict[str, object]) -> Response:
    return Response(strict_json.dumps(said), content_type="application/json")
