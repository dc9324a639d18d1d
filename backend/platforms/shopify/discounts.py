"""What Shopify is told of our codes, and how our discounts are known again (platforms.md 5.2, 5.3). Pure.

One discount carries all codes of a reward that are worth the same. Its `usageLimit` of 1 counts for each of its codes and
not for all of them together, and so does what is said of customers: Shopify's own answer in
https://community.shopify.dev/t/scope-of-usagelimit-for-discounts-with-multiple-codes-via-discountredeemcodebulkadd/12269.
A code that was made for one member is a discount of its own, for this customer alone.

A discount's title ends with our reference, by which we know it again when an answer was lost.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

from backend import strict_json
from backend.platforms.base import Never

MOST_CODES = 250
"""Of one call: `discountRedeemCodeBulkAdd` takes no more, and Shopify no longer list in any input."""
TAG = "lagniappe"
"""On every discount of ours, so that all of them can be listed."""
CUSTOMER = "gid://shopify/Customer/"
_LONGEST_NAME = 150
_REFERENCE = re.compile(r"lagniappe-([0-9]+)-(?:r([0-9]+)-([0-9a-f]{12})|([0-9]+))\)")
_NODE = re.compile(r"gid://shopify/[A-Za-z]+/([0-9]+)")
_PRODUCT = re.compile(r"(?:gid://shopify/(Product|ProductVariant)/)?([0-9]{1,20})")
_AHEAD = timedelta(minutes=1)


@dataclass(frozen=True)
class Reference:
    """What a title says: the discount of a reward's codes of one worth, or that of one coupon."""

    shop_id: int
    reward_id: int | None = None
    worth: str | None = None
    coupon_id: int | None = None

    def names_the_same(self, other: "Reference | None") -> bool:
        """Whether both mean the same codes. A shop that has moved here from elsewhere has kept all ids but its own."""
        return other is not None and replace(other, shop_id=self.shop_id) == self

    def __str__(self) -> str:
        if self.coupon_id is not None:
            return f"lagniappe-{self.shop_id}-{self.coupon_id}"
        return f"lagniappe-{self.shop_id}-r{self.reward_id}-{self.worth}"


def digest(worth: Mapping[str, Any]) -> str:
    """A short name for what codes are worth, the same for the same worth."""
    return sha256(strict_json.dumps(dict(sorted(worth.items())))).hexdigest()[:12]


def title(name: str, reference: Reference) -> str:
    """What merchants see in Shopify's list, and customers beside their code."""
    return f"{name[:_LONGEST_NAME]} ({reference})"


def reference_in(said: str | None) -> Reference | None:
    """Whose discount a title says that it is; None: not ours."""
    found = _REFERENCE.search(said or "")
    if found is None or found.end() != len(said or ""):
        return None
    shop_id, reward_id, worth, coupon_id = found.groups()
    if coupon_id is not None:
        return Reference(int(shop_id), coupon_id=int(coupon_id))
    return Reference(int(shop_id), reward_id=int(reward_id), worth=worth)


def creation(
    worth: Mapping[str, Any],
    *,
    title: str,
    code: str,
    made_at: datetime,
    customer_id: str | None = None,
    ends_at: datetime | None = None,
) -> tuple[str, dict[str, Any]]:
    """The document and its variables that make a discount with this code; with `customer_id` for that customer alone.

    `worth` is what a reward's codes are worth (`reward_definition.worth`), in the shop's own currency: it takes no other.
    What one code takes off goods goes together with what another takes off delivery, and with nothing else.
    Raises Never for what Shopify has no discount for.
    """
    discount: dict[str, Any] = {
        "title": title,
        "code": code,
        # A machine whose clock is a little ahead must not make codes that begin later.
        "startsAt": instant(made_at - _AHEAD),
        "endsAt": None if ends_at is None else instant(ends_at),
        "usageLimit": 1,
        "appliesOncePerCustomer": customer_id is not None,
        "context": {"all": "ALL"} if customer_id is None else {"customers": {"add": [CUSTOMER + customer_id]}},
        "tags": [TAG],
    }
    if worth["minimum_subtotal"] is not None:
        discount["minimumRequirement"] = {"subtotal": {"greaterThanOrEqualToSubtotal": worth["minimum_subtotal"]}}
    if worth["kind"] == "free_shipping":
        discount["destination"] = {"all": True}
        discount["combinesWith"] = {"orderDiscounts": True, "productDiscounts": True, "shippingDiscounts": False}
        return "discount_create_free_shipping", {"discount": discount}
    discount["customerGets"] = _gets(worth)
    discount["combinesWith"] = {"orderDiscounts": False, "productDiscounts": False, "shippingDiscounts": True}
    return "discount_create_basic", {"discount": discount}


def _gets(worth: Mapping[str, Any]) -> dict[str, Any]:
    if worth["kind"] == "gift":
        # One of it for nothing; the customer puts it into the cart.
        once = {"discountOnQuantity": {"quantity": "1", "effect": {"percentage": 1.0}}}
        return {"items": {"products": _product(worth["product_id"])}, "value": once}
    if worth["value"] is None:
        raise Never("The reward does not say what its codes are worth in figures.")
    if worth["kind"] == "percentage":
        value: dict[str, Any] = {"percentage": float(Decimal(worth["value"]) / 100)}
    else:
        value = {"discountAmount": {"amount": worth["value"], "appliesOnEachItem": False}}
    return {"items": {"all": True}, "value": value}


def _product(product_id: str | None) -> dict[str, list[str]]:
    """A product by its number, or what Shopify calls a product or one of its variants."""
    found = _PRODUCT.fullmatch((product_id or "").strip())
    if found is None:
        raise Never(
            f"{product_id} is no product at Shopify: it takes a number, or gid://shopify/ProductVariant/ with one."
        )
    kind = found[1] or "Product"
    return {
        "productVariantsToAdd" if kind == "ProductVariant" else "productsToAdd": [f"gid://shopify/{kind}/{found[2]}"]
    }


def code_node(gid: str) -> str:
    """A discount as what is done with codes calls it: listed among all discounts it has the same number, and another name."""
    found = _NODE.fullmatch(gid)
    return gid if found is None else f"gid://shopify/DiscountCodeNode/{found[1]}"


def search_for(code: str) -> str:
    """The search that finds a code within its discount."""
    return '"' + code.replace("\\", "\\\\").replace('"', '\\"') + '"'


def said(error: Mapping[str, Any], *hidden: str) -> str:
    """What Shopify says in words, for the merchant, but never with a code in it."""
    words = str(error.get("message") or error.get("code") or "no reason")
    for each in hidden:
        words = re.sub(re.escape(each), "…", words, flags=re.IGNORECASE)
    return f"Shopify refused: {words[:200]}"


def instant(at: datetime) -> str:
    """As Shopify writes moments: whole seconds of UTC."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
