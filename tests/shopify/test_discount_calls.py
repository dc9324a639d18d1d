"""What Shopify is told of our codes: every kind of worth, as Shopify's own schema allows it (platforms.md 5.2)."""

from datetime import UTC, datetime
from typing import Any

import pytest
from graphql import get_named_type, get_nullable_type, parse
from graphql.execution import get_variable_values
from graphql.type import GraphQLInputObjectType

from backend.platforms.base import Never
from backend.platforms.shopify import admin_api, discounts
from backend.platforms.shopify.discounts import Reference
from tests.shopify.pretend import schema

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
REWARD = Reference(7, reward_id=5, worth="0123456789ab")


def worth(kind: str = "fixed_amount", **given: Any) -> dict[str, Any]:
    """As `reward_definition.worth` writes it."""
    return {"kind": kind, "value": "5.00", "currency": "EUR", "product_id": None, "minimum_subtotal": None} | given


def told(of: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What Shopify gets, after its own schema took the variables and nothing in them was deprecated."""
    document, variables = discounts.creation(of, title="Five off", code="LGN-1", made_at=NOW, **more)
    (operation,) = parse(admin_api.document(document)).definitions
    taken = get_variable_values(schema(), operation.variable_definitions, variables)  # type: ignore[attr-defined]
    assert not isinstance(taken, list), taken
    given = variables["discount"]
    (declared,) = operation.variable_definitions  # type: ignore[attr-defined]
    assert deprecated(schema().get_type(declared.type.type.name.value), given) == []
    return given


def deprecated(kind: Any, value: Any) -> list[str]:
    """The names of deprecated fields in an input."""
    kind = get_nullable_type(kind)
    if isinstance(value, list):
        return [name for each in value for name in deprecated(get_named_type(kind), each)]
    if not isinstance(kind, GraphQLInputObjectType) or not isinstance(value, dict):
        return []
    found = [name for name in value if kind.fields[name].deprecation_reason]
    return found + [name for key, each in value.items() for name in deprecated(kind.fields[key].type, each)]


def test_an_amount_is_taken_off_the_whole_order_once_for_each_code() -> None:
    given = told(worth())
    assert given["customerGets"] == {
        "items": {"all": True},
        "value": {"discountAmount": {"amount": "5.00", "appliesOnEachItem": False}},
    }
    assert (given["context"], given["usageLimit"]) == ({"all": "ALL"}, 1)
    assert given["appliesOncePerCustomer"] is False
    assert (given["startsAt"], given["endsAt"]) == ("2026-11-26T11:59:00Z", None)


@pytest.mark.parametrize(("value", "share"), [("10", 0.1), ("12.5", 0.125), ("100", 1.0), ("33.33", 0.3333)])
def test_a_percentage_is_a_share_of_one(value: str, share: float) -> None:
    assert told(worth("percentage", value=value))["customerGets"]["value"] == {"percentage": share}


def test_free_delivery_is_a_discount_of_its_own_kind_for_all_countries() -> None:
    given = told(worth("free_shipping", value=None))
    assert given["destination"] == {"all": True}
    assert "customerGets" not in given
    assert given["combinesWith"] == {"orderDiscounts": True, "productDiscounts": True, "shippingDiscounts": False}


@pytest.mark.parametrize(
    ("product_id", "products"),
    [
        ("632910392", {"productsToAdd": ["gid://shopify/Product/632910392"]}),
        ("gid://shopify/Product/7", {"productsToAdd": ["gid://shopify/Product/7"]}),
        ("gid://shopify/ProductVariant/8", {"productVariantsToAdd": ["gid://shopify/ProductVariant/8"]}),
    ],
)
def test_a_gift_is_one_of_that_product_for_nothing(product_id: str, products: dict[str, list[str]]) -> None:
    assert told(worth("gift", value=None, product_id=product_id))["customerGets"] == {
        "items": {"products": products},
        "value": {"discountOnQuantity": {"quantity": "1", "effect": {"percentage": 1.0}}},
    }


@pytest.mark.parametrize("product_id", [None, "", "mug", "gid://shopify/Collection/1", "1; 2"])
def test_what_is_no_product_at_shopify_is_never_asked_for(product_id: str | None) -> None:
    with pytest.raises(Never, match="no product at Shopify"):
        told(worth("gift", value=None, product_id=product_id))


def test_a_worth_without_a_figure_is_never_asked_for() -> None:
    with pytest.raises(Never, match="in figures"):
        told(worth(value=None))


def test_a_minimum_is_a_subtotal_in_the_shops_currency() -> None:
    given = told(worth(minimum_subtotal="20"))
    assert given["minimumRequirement"] == {"subtotal": {"greaterThanOrEqualToSubtotal": "20"}}


def test_what_is_made_for_a_member_is_for_that_customer_alone_once_and_ends() -> None:
    given = told(worth(value="40.00"), customer_id="115310627314723954", ends_at=NOW)
    assert given["context"] == {"customers": {"add": ["gid://shopify/Customer/115310627314723954"]}}
    assert (given["usageLimit"], given["appliesOncePerCustomer"]) == (1, True)
    assert given["endsAt"] == "2026-11-26T12:00:00Z"


@pytest.mark.parametrize("reference", [REWARD, Reference(7, coupon_id=12)])
def test_a_discount_is_known_again_by_its_title(reference: Reference) -> None:
    assert discounts.reference_in(discounts.title("5 off (all)", reference)) == reference


def test_a_title_is_never_too_long_for_shopify() -> None:
    said = discounts.title("x" * 255, REWARD)
    assert len(said) <= 255
    assert discounts.reference_in(said) == REWARD


@pytest.mark.parametrize(
    "title",
    [None, "", "Summer", "lagniappe-7-12", "5 off (lagniappe-7-12) copy", "5 off (lagniappe-7-r5)", "(lagniappe-7-)"],
)
def test_what_does_not_end_with_our_reference_is_not_ours(title: str | None) -> None:
    assert discounts.reference_in(title) is None


def test_the_same_worth_has_the_same_digest_however_it_is_written_down() -> None:
    one = worth()
    assert discounts.digest(one) == discounts.digest(dict(reversed(one.items())))
    assert discounts.digest(one) != discounts.digest(worth(value="6.00"))


def test_what_shopify_says_is_shown_without_the_code() -> None:
    assert discounts.said({"message": "Code lgn-1 is bad"}, "LGN-1") == "Shopify refused: Code … is bad"
