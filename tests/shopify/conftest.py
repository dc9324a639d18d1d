"""A shop on Shopify, and a pretend Shopify to speak with."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count

import pytest

from backend import clock
from backend.db import transaction
from backend.models import ShopifyShop
from backend.vault import vault
from tests.conftest import TestShop
from tests.shopify.pretend import Pretend

_numbers = count(1)


@pytest.fixture
def shopify(pretend_shopify: Pretend) -> Iterator[Pretend]:
    """The pretend Shopify, as new."""
    pretend_shopify.forget()
    yield pretend_shopify
    pretend_shopify.forget()


@pytest.fixture
def shopify_shop(new_shop: Callable[..., TestShop]) -> TestShop:
    """A shop on Shopify that nobody has opened the app in yet, with the program of the documents' examples."""
    return new_shop(platform="shopify", domain=f"kiln-{next(_numbers)}.myshopify.com")


@pytest.fixture
def installed_shop(shopify: Pretend, shopify_shop: TestShop) -> TestShop:
    """A shop on Shopify with the app installed and a token that is good for an hour."""
    keys = vault()
    with transaction() as session:
        row = session.get_one(ShopifyShop, shopify_shop.id)
        row.state, row.installed_at = "installed", clock.wall()
        row.access_token = keys.seal(shopify.new_token(row.domain), shop_id=row.shop_id, purpose="shopify access")
        row.access_until = clock.wall() + timedelta(hours=1)
        row.refresh_token = keys.seal("shprt_first", shop_id=row.shop_id, purpose="shopify refresh")
        row.refresh_until = clock.wall() + timedelta(days=90)
    return shopify_shop
