"""What Lagniappe's blocks in the store's pages are told of a cart and of an order: what their webhooks will say."""

from collections.abc import Iterable
from typing import Any

from demo import money
from demo.catalogue import Product
from demo.orders import Line


def of_cart(lines: Iterable[tuple[Product, int]]) -> list[dict[str, Any]]:
    return [
        {
            "product_id": product.slug,
            "sku": product.sku,
            "quantity": quantity,
            "unit_price": money.text(product.price),
            "gift_card": product.gift_card,
            "categories": [product.kind],
        }
        for product, quantity in lines
    ]


def of_order(lines: Iterable[Line]) -> list[dict[str, Any]]:
    return [
        {
            "product_id": line.product_id,
            "sku": line.sku,
            "quantity": line.quantity,
            "unit_price": money.text(line.unit_price),
            "gift_card": line.gift_card,
            "categories": line.categories,
        }
        for line in lines
    ]
