"""Whether Shopify tells us what it should.

Which webhooks it sends stands in shopify.app.toml and is kept by Shopify itself: it lists subscriptions that were made by
the API, and never those. So what can be looked at is what the shop lets the app do, without which no webhook is sent, and
what really arrives: orders that only comparing has found (orders.py) were not told of.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import select, text

from backend.ledger.posting import AnySession
from backend.loyalty.coupons import coupons
from backend.loyalty.shops import shopify_shops
from backend.models import ShopifyShop

JOB = "upkeep.watch_topics"
EVERY = timedelta(days=1)
AFTER_FAILING = timedelta(hours=1)


def begin(session: AnySession, wall: datetime) -> int | None:
    """The shop to look at, if there is one; tried again in an hour unless `note` says that it went well."""
    due = (
        select(ShopifyShop)
        .where(ShopifyShop.topics_next_at <= wall)
        .order_by(ShopifyShop.topics_next_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    shop = session.execute(due).scalar_one_or_none()
    if shop is None:
        return None
    shop.topics_next_at = wall + AFTER_FAILING if shop.state == "installed" else None
    return shop.shop_id if shop.state == "installed" else begin(session, wall)


def note(session: AnySession, shop_id: int, scopes: Iterable[str], wall: datetime) -> None:
    """What the shop lets the app do, as Shopify says now. To be seen again tomorrow."""
    if shopify_shops.take_over_scopes(session, shop_id, tuple(scopes)):
        coupons.look_after_all(session, shop_id)
    session.execute(
        text("update shopify_shop set topics_next_at = :at where shop_id = :shop and state = 'installed'"),
        {"shop": shop_id, "at": wall + EVERY},
    )
