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
from tests.shopify.orders_world import World, ago, leave_others_alone
from tests.shopify.pretend import Pretend
from tests.shopify.pretend_orders import Orders
from tests.shopify.pretend_tokens import SCOPES, Tokens
from tests.shopify.store import Store

_numbers = count(1)


@pytest.fixture
def shopify(pretend_shopify: Pretend) -> Iterator[Pretend]:
    """The pretend Shopify, as new."""
    pretend_shopify.forget()
    pretend_shopify.grant = Tokens().grant
    yield pretend_shopify
    pretend_shopify.forget()


@pytest.fixture
def token_door(shopify: Pretend) -> Tokens:
    """What the pretend Shopify remembers of tokens, and how it answers when it is asked for some."""
    door = Tokens()
    shopify.grant = door.grant
    return door


@pytest.fixture
def shopify_shop(new_shop: Callable[..., TestShop]) -> TestShop:
    """A shop on Shopify that nobody has opened the app in yet, with the program of the documents' examples."""
    return new_shop(platform="shopify", domain=f"kiln-{next(_numbers)}.myshopify.com")


@pytest.fixture
def install(shopify: Pretend, token_door: Tokens) -> Callable[[TestShop], TestShop]:
    """Give a shop on Shopify the app, with a token that is good for an hour."""

    def give(shop: TestShop) -> TestShop:
        keys = vault()
        access, refresh = token_door.first(shopify, shop.facts.domain)
        with transaction() as session:
            row = session.get_one(ShopifyShop, shop.id)
            row.state, row.installed_at = "installed", clock.wall()
            row.scopes = SCOPES.split(",")
            row.access_token = keys.seal(access, shop_id=row.shop_id, purpose="shopify access")
            row.access_until = clock.wall() + timedelta(hours=1)
            row.refresh_token = keys.seal(refresh, shop_id=row.shop_id, purpose="shopify refresh")
            row.refresh_until = clock.wall() + timedelta(days=90)
        return shop

    return give


@pytest.fixture
def installed_shop(install: Callable[[TestShop], TestShop], shopify_shop: TestShop) -> TestShop:
    """A shop on Shopify with the app installed and a token that is good for an hour."""
    return install(shopify_shop)


@pytest.fixture
def store(shopify_shop: TestShop) -> Store:
    """The shop that sends webhooks as Shopify does."""
    return Store(shopify_shop)


@pytest.fixture
def world(installed_shop: TestShop, shopify: Pretend) -> World:
    """A shop with the app since ten days, whose orders were compared an hour ago."""
    leave_others_alone()
    made = World(installed_shop, shopify, Orders())
    made.orders.register(shopify)
    made.change(installed_at=ago(days=10), orders_until=ago(hours=1))
    return made
