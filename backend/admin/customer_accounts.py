"""Whether customers of a shop on Shopify find their points and level in their customer accounts."""

from flask import Response

from backend.admin import embedding
from backend.admin.door import Visit, form, page
from backend.errors import NotFound
from backend.loyalty.shops import shops
from backend.models import MetafieldRun, ShopifyShop
from backend.platforms.shopify import scopes
from backend.shopify import metafield_calls, metafields
from backend.staff.rights import Right


@page("/customer-accounts", right=Right.SETTINGS)
def customer_accounts(visit: Visit) -> str:
    _require_shopify(visit)
    run = visit.session.get(MetafieldRun, visit.shop_id)
    granted = visit.session.get_one(ShopifyShop, visit.shop_id).scopes
    return visit.render(
        "customer_accounts.html",
        run=run if run is not None and not run.is_ending else None,
        is_ending=run is not None and run.is_ending,
        scope=scopes.FOR_CUSTOMER_ACCOUNTS,
        is_granted=scopes.FOR_CUSTOMER_ACCOUNTS in granted,
        is_framed=embedding.current() is not None,
        namespace=metafield_calls.NAMESPACE,
    )


@form("/customer-accounts", right=Right.SETTINGS, again=customer_accounts)
def switch_customer_accounts(visit: Visit) -> Response:
    """On, with everybody written from now on; or off, with what was written taken away."""
    _require_shopify(visit)
    if visit.form.get("on") == "1":
        metafields.turn_on(visit.session, visit.shop_id, visit.wall)
        said = "Points and levels are written to your customers at Shopify from now on."
    else:
        metafields.turn_off(visit.session, visit.shop_id, visit.wall)
        said = "It is off. What was written is taken away at Shopify."
    return visit.done(said, "customer_accounts")


def _require_shopify(visit: Visit) -> None:
    if visit.shop.platform != shops.SHOPIFY:
        raise NotFound()
