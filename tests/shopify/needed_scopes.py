"""What the app must be allowed, read from Shopify's own words about its schema and its webhooks.

A need is a set of scopes of which one is enough.
"""

import re
from functools import cache
from typing import Any

from graphql import DocumentNode, GraphQLEnumType, TypeInfo, TypeInfoVisitor, Visitor, get_named_type, visit

from tests.shopify.pretend import schema, schema_document

Need = frozenset[str]
_SCOPE = re.compile(r"\b(?:read|write)_[a-z_]+\b")


def of_document(document: DocumentNode) -> set[Need]:
    """Of every field that it asks for and every type that it comes to."""
    found: set[Need] = set()
    info = TypeInfo(schema())

    class Fields(Visitor):
        def enter_field(self, node: Any, *_: Any) -> None:
            parent, type_ = info.get_parent_type(), info.get_type()
            assert parent is not None
            assert type_ is not None
            for place in ((parent.name, node.name.value), (parent.name, None), (get_named_type(type_).name, None)):
                found.update(_needs(_words().get(place, "")))

    visit(document, TypeInfoVisitor(info, Fields()))
    return found


def of_topic(topic: str) -> set[Need]:
    """Of a webhook topic such as orders/paid. Raises KeyError for one that Shopify does not know."""
    topics = schema().type_map["WebhookSubscriptionTopic"]
    assert isinstance(topics, GraphQLEnumType)
    _, _, required = (topics.values[topic.replace("/", "_").upper()].description or "").partition("Requires ")
    return _needs(required)


def held(scopes: list[str]) -> set[str]:
    """What somebody with these may do: who may write may read."""
    return {*scopes, *(each.replace("write_", "read_", 1) for each in scopes)}


def _needs(words: str) -> set[Need]:
    needs: set[Need] = set()
    for part in words.split("Also:"):
        if part.strip().startswith("The user"):  # what a person must be allowed, not the app
            continue
        scopes = frozenset(_SCOPE.findall(part))
        is_choice = " or " in part or "at least one" in part or "Any of" in part
        needs |= {scopes} if is_choice else {frozenset({each}) for each in scopes}
    return needs - {frozenset()}


@cache
def _words() -> dict[tuple[str, str | None], str]:
    """What Shopify says that a type or a field of it requires. The fields of the roots stand under either name."""
    items = schema_document()["offline_scopes"]["items"]
    return {
        (each["typeName"], each.get("fieldName")): each["requiredAccess"] for each in items if each["offlineScopes"]
    }
