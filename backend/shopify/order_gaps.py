"""What is missing or stuck between Shopify and a shop here, for the gap report."""

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import text

from backend.loyalty.deliveries.gap_report import LATE, MOST, Finding, Looking, Source
from backend.models import ShopifyShop
from backend.platforms.shopify import scopes
from backend.shopify.orders import UNTOLD_KEPT

COMPARED_WITHIN = timedelta(hours=1)


def _app(looking: Looking) -> Iterable[Finding]:
    """Whether the shop lets the app in, and lets it do what it needs."""
    shop = looking.session.get_one(ShopifyShop, looking.shop.id)
    if shop.state == "waiting":
        yield Finding("app_access", "The app", "Nobody has opened it in this shop yet: open it in Shopify once.", None)
    elif shop.state == "uninstalled":
        yield Finding("app_access", "The app", "It was taken out of the shop.", shop.uninstalled_at)
    elif shop.needs_opening:
        said = "Shopify does not let it in any more: open it in Shopify once, and all goes on from where it was."
        yield Finding("app_access", "The app", said, None)
    if shop.state == "installed":
        for each in scopes.missing(shop.scopes):
            said = (
                f"The shop has not granted it: {scopes.REASONS[each]}. Open the app in Shopify and accept what it asks."
            )
            yield Finding("app_access", f"Permission {each}", said, None)


def _comparing(looking: Looking) -> Iterable[Finding]:
    shop = looking.session.get_one(ShopifyShop, looking.shop.id)
    since = shop.orders_until or shop.installed_at
    if shop.state == "installed" and since is not None and since < looking.wall - COMPARED_WITHIN:
        yield Finding("not_compared", "Comparing", shop.orders_error or "It has not been done.", since)


def _untold(looking: Looking) -> Iterable[Finding]:
    shop = looking.session.get_one(ShopifyShop, looking.shop.id)
    if shop.untold_last is not None and shop.untold_last > looking.wall - UNTOLD_KEPT:
        changes = "1 order" if shop.untold_orders == 1 else f"{shop.untold_orders:,} orders"
        yield Finding("untold", "Webhooks", f"Shopify did not tell us of {changes}.", shop.untold_since)


def _not_read(looking: Looking) -> Iterable[Finding]:
    """Orders that have changed at Shopify and that we could not get."""
    rows = looking.session.execute(
        text(
            "select external_id, error, asked_at, next_try_at from order_look where shop_id = :shop"
            " and (next_try_at is null or asked_at <= :late) order by asked_at desc limit :most"
        ),
        {"shop": looking.shop.id, "late": looking.wall - LATE, "most": MOST + 1},
    )
    for row in rows:
        said = row.error or "It has not been asked for yet."
        given_up = "Given up after 3 days: " if row.next_try_at is None else ""
        yield Finding(
            "order_not_read", f"Order {row.external_id}", given_up + said, row.asked_at, order=row.external_id
        )


SOURCES: tuple[Source, ...] = (_app, _comparing, _untold, _not_read)
