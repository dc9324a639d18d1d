"""What we ask Shopify is right by Shopify's own schema, and nothing of it is on its way out."""

import re
from importlib.resources import files
from pathlib import Path

import pytest
from graphql import parse, validate

import backend
from backend.platforms.shopify import admin_api
from tests.shopify.deprecation import deprecated, operation
from tests.shopify.pretend import VERSION, schema

FOLDER = Path(str(files("backend.platforms.shopify").joinpath("documents")))
NAMES = sorted(each.stem for each in FOLDER.glob("*.graphql"))


def test_there_are_documents() -> None:
    assert "shop_facts" in NAMES


def test_the_version_that_we_ask_by_is_that_of_the_schema() -> None:
    assert admin_api.VERSION == VERSION


@pytest.mark.parametrize("name", NAMES)
def test_a_document_is_valid_and_uses_nothing_deprecated(name: str) -> None:
    document = parse(admin_api.document(name))
    assert validate(schema(), document) == []
    assert deprecated(schema(), document, {}) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_document_has_one_operation_named_as_its_file(name: str) -> None:
    named = operation(parse(admin_api.document(name))).name
    assert named is not None
    assert re.sub(r"(?<!^)(?=[A-Z])", "_", named.value).lower() == name


def test_every_document_is_asked_for_somewhere() -> None:
    code = "".join(each.read_text() for each in Path(backend.__file__).parent.rglob("*.py"))
    assert [name for name in NAMES if f'"{name}"' not in code] == []


def test_a_mutation_asks_for_the_errors_of_its_user() -> None:
    for name in NAMES:
        text = admin_api.document(name)
        if text.lstrip().startswith("mutation"):
            assert "userErrors" in text, name


def test_what_is_deprecated_is_found_in_variables_too() -> None:
    """Of what platforms.md 5.2 says that has changed."""
    document = parse(admin_api.document("discount_create_basic"))
    codes = {"title": "10%", "code": "LOY-1", "startsAt": "2026-11-22T00:00:00Z", "usageLimit": 1}
    assert deprecated(schema(), document, {"discount": codes | {"context": {"all": "ALL"}}}) == []
    [said] = deprecated(schema(), document, {"discount": codes | {"customerSelection": {"all": True}}})
    assert said.startswith("$discount.customerSelection is deprecated")


def test_what_is_deprecated_is_found_below_lists_and_in_names_of_things() -> None:
    document = parse(
        "mutation Old($lines: [DraftOrderLineItemInput!]!, $topic: WebhookSubscriptionTopic!) {"
        " draftOrderCreate(input: {lineItems: $lines}) { userErrors { message } }"
        " webhookSubscriptionCreate(topic: $topic, webhookSubscription: {}) { userErrors { message } } }"
    )
    line = {"quantity": 1, "appliedDiscount": {"value": 1.0, "valueType": "PERCENTAGE", "amount": "1.00"}}
    said = deprecated(schema(), document, {"lines": [line], "topic": "ORDERS_PAID"})
    assert [each.partition(" is deprecated")[0] for each in said] == ["$lines[0].appliedDiscount.amount"]
