"""The shop that an API key belongs to."""

from typing import Annotated

from pydantic import Field

from backend.loyalty.shops import shops
from backend.merchant_api.operations import Call, operation
from backend.merchant_api.shapes import Id, Shown


class Shop(Shown):
    """What we know of the shop. Its secrets are never shown."""

    id: Id
    platform: str
    name: str
    domain: str
    currency: Annotated[str, Field(description="ISO 4217")]
    timezone: Annotated[str, Field(description="whose days count for due and expiry dates")]
    locale: str
    widget_key: Annotated[str, Field(description="names the shop in the widget's address; not a secret")]


@operation("GET", "/shop", scope="read", tag="Shop", summary="The shop of this key")
def show_shop(call: Call) -> Shop:
    """The shop that the API key belongs to."""
    facts = shops.facts(call.shop_id)
    return Shop.model_validate({name: getattr(facts, name) for name in Shop.model_fields})
