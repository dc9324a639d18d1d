"""A shop on Shopify, and a pretend Shopify to speak with."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest

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
