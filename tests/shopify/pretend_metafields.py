"""The pretend Shopify's metafields of customers, by what its schema says of the four mutations about them."""

from dataclasses import dataclass, field
from typing import Any

from tests.shopify.pretend import Pretend

_MOST = 25
_MUTATIONS = ("metafieldDefinitionCreate", "metafieldDefinitionDelete", "metafieldsSet", "metafieldsDelete")


@dataclass
class Metafields:
    """Of one shop."""

    definitions: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    """Of each customer (the number of the id), by key."""
    gone: set[str] = field(default_factory=set)
    """Customers that there are no more."""

    def register(self, shopify: Pretend) -> None:
        shopify.resolvers["Mutation.metafieldDefinitionCreate"] = self._define
        shopify.resolvers["Mutation.metafieldDefinitionDelete"] = self._undefine
        shopify.resolvers["Mutation.metafieldsSet"] = self._set
        shopify.resolvers["Mutation.metafieldsDelete"] = self._delete

    @staticmethod
    def take_away(shopify: Pretend) -> None:
        for each in _MUTATIONS:
            shopify.resolvers.pop(f"Mutation.{each}", None)

    def _define(self, shop: str, definition: dict[str, Any]) -> dict[str, Any]:
        key = (definition["namespace"], definition["key"])
        if key in self.definitions:
            return {"userErrors": [{"field": ["definition", "key"], "code": "TAKEN", "message": "Key is in use."}]}
        self.definitions[key] = definition
        return {"userErrors": []}

    def _undefine(self, shop: str, identifier: dict[str, Any], **_: Any) -> dict[str, Any]:
        if self.definitions.pop((identifier["namespace"], identifier["key"]), None) is None:
            return {"userErrors": [{"field": ["identifier"], "code": "NOT_FOUND", "message": "Definition not found."}]}
        for each in self.values.values():
            each.pop(identifier["key"], None)
        return {"userErrors": []}

    def _set(self, shop: str, metafields: list[dict[str, Any]]) -> dict[str, Any]:
        assert len(metafields) <= _MOST
        for place, each in enumerate(metafields):
            assert self.definitions[each["namespace"], each["key"]]["type"] == each["type"]
            assert each["value"] != ""
            if _customer(each) in self.gone:
                error = {"field": ["metafields", str(place), "ownerId"], "message": "Owner does not exist."}
                return {"userErrors": [error | {"elementIndex": None}]}
        for each in metafields:
            self.values.setdefault(_customer(each), {})[each["key"]] = each["value"]
        return {"userErrors": []}

    def _delete(self, shop: str, metafields: list[dict[str, Any]]) -> dict[str, Any]:
        assert len(metafields) <= _MOST
        for each in metafields:
            self.values.get(_customer(each), {}).pop(each["key"], None)
        return {"userErrors": []}


def _customer(metafield: dict[str, Any]) -> str:
    owner: str = metafield["ownerId"]
    assert owner.startswith("gid://shopify/Customer/")
    return owner.rpartition("/")[2]
