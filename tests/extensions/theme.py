"""The theme app extension as a theme of Shopify's would show it: its own Liquid, with what Shopify knows at hand.

Shopify's Liquid has tags and filters of its own; of those the extension uses, each is one line here.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from liquid import Environment
from markupsafe import Markup

EXTENSION = Path(__file__).parents[2] / "extensions" / "shopify"
CDN = "https://cdn.shopify.example/extensions/lagniappe"
_SCHEMA = re.compile(r"\{%-?\s*schema\s*-?%\}(.*?)\{%-?\s*endschema\s*-?%\}", re.DOTALL)
_CONNECTED = {"base_url": {"value": "https://points.example"}, "widget_key": {"value": "wk_test"}}


def blocks() -> dict[str, str]:
    """The Liquid of each block, by its handle."""
    return {path.stem: path.read_text("utf-8") for path in sorted((EXTENSION / "blocks").glob("*.liquid"))}


def schema(source: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_SCHEMA.search(source)[1])  # type: ignore[index]
    return found


def locale(name: str) -> dict[str, str]:
    """The texts of a file of locales/, by their dotted keys."""

    def flat(texts: dict[str, Any], prefix: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for key, value in texts.items():
            found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
        return found

    return flat(json.loads((EXTENSION / "locales" / name).read_text("utf-8")), "")


@dataclass
class Theme:
    """What Shopify knows when it makes a page."""

    customer: dict[str, Any] | None = None
    product: dict[str, Any] | None = None
    cart: dict[str, Any] = field(default_factory=dict)
    metafields: dict[str, Any] = field(default_factory=lambda: {"lagniappe": _CONNECTED})
    language: str = "en"
    design_mode: bool = False

    def show(self, block: str, **settings: Any) -> str:
        """The HTML of a block, with the settings of its schema where none are given."""
        source = blocks()[block]
        chosen = {each["id"]: each.get("default") for each in schema(source)["settings"] if "id" in each}
        if "product" in chosen:
            chosen["product"] = self.product
        environment = Environment()
        texts = locale("en.default.json")
        environment.add_filter("asset_url", lambda name: f"{CDN}/{name}")
        environment.add_filter("t", lambda key: texts[key])
        environment.add_filter("json", lambda value: Markup(json.dumps(value)))
        return environment.from_string(_SCHEMA.sub("", source)).render(
            app={"metafields": self.metafields},
            block={"settings": chosen | settings, "shopify_attributes": 'data-shopify-editor-block="{}"'},
            customer=self.customer,
            cart={"total_price": 0, "total_discount": 0, "item_count": 0, "currency": {"iso_code": "EUR"}} | self.cart,
            request={"design_mode": self.design_mode, "locale": {"iso_code": self.language}},
            routes={
                "account_login_url": "/account/login",
                "account_register_url": "/account/register",
                "cart_url": "/cart",
            },
        )


MUG = {
    "id": 9001,
    "selected_or_first_available_variant": {"id": 1, "price": 6080, "sku": 'MUG "S"'},
    "variants": [
        {"id": 1, "price": 6080, "sku": 'MUG "S"'},
        {"id": 2, "price": 10000, "sku": "<img src=x onerror=alert(1)>"},
        {"id": 3, "price": 1999, "sku": None},
    ],
}
CART = {
    "item_count": 3,
    "total_price": 11160,
    "total_discount": 1000,
    "items": [
        {"product_id": 9001, "sku": 'MUG "S"', "quantity": 2, "original_price": 6080, "gift_card": False},
        {"product_id": 9002, "sku": None, "quantity": 1, "original_price": 0, "gift_card": True},
    ],
}
