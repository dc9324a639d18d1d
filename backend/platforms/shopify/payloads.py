"""The bodies of Shopify's webhooks, as far as they mean something to us (platforms.md sections 2.4 to 2.6).

Shopify's samples contradict its deliveries, fields come and go with versions, and what is refused here is lost. So a body
is refused only where points depend on it: ids, the order's currency, its lines. Any other field that is not as documented
counts as not said. Ids are 64-bit whole numbers and become text; money is decimal text or a number.

The topic is not signed, so each model wants what only bodies of its topics have, and the mapping at the end is all that a
topic decides: an order sent as a refund, or a customer as a deletion, is refused.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WrapValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from backend.money import is_currency
from backend.platforms.base import MalformedDelivery

# What lies outside cannot be meant, and arithmetic near the ends of the calendar overflows.
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_GID = re.compile(r"gid://shopify/\w+/([0-9]{1,20})(\?.*)?", re.ASCII)
_MONEY = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,6})?", re.ASCII)
_MOST_ERRORS = 20

T = TypeVar("T")


# The kinds of values.


def _wrong(sentence: str) -> PydanticCustomError:
    return PydanticCustomError("refused", sentence)


def _id(value: Any) -> str:
    """Of `820982911946154508`, `"820982911946154508"` and `gid://shopify/Order/820982911946154508` the number as text."""
    if type(value) is int and 0 < value < 10**20:
        return str(value)
    if isinstance(value, str):
        if found := _GID.fullmatch(value):
            return found[1]
        if 1 <= len(value) <= 255:
            return value
    raise _wrong("must be an id: a whole number or text of 1 to 255 characters")


def _money(value: Any) -> Decimal:
    if isinstance(value, str) and _MONEY.fullmatch(value):
        return Decimal(value)
    if type(value) is int or isinstance(value, Decimal):
        amount = Decimal(value)
        if _MONEY.fullmatch(f"{amount:f}"):
            return amount
    raise _wrong('must be money such as "12.00": at most 15 digits, then at most 6 after a point')


def _time(value: Any) -> datetime:
    if isinstance(value, str) and len(value) <= 40:
        try:
            time = datetime.fromisoformat(value)
        except ValueError:
            time = None
        if time is not None and time.tzinfo is not None and _EARLIEST <= time < _LATEST:
            return time.astimezone(UTC)
    raise _wrong('must be a time in ISO 8601 with an offset, such as "2026-11-23T06:50:00-05:00"')


def _quantity(value: Any) -> int:
    if type(value) is int and 0 <= value <= 10**9:
        return int(value)
    raise _wrong("must be a whole number from 0 to 1000000000")


def _currency(value: Any) -> str:
    if isinstance(value, str) and is_currency(value):
        return value
    raise _wrong('must be an ISO 4217 currency code such as "EUR"')


def _text(longest: int) -> Callable[[Any], str | None]:
    def read(value: Any) -> str | None:
        """Shopify sends "" for what it does not know."""
        if not isinstance(value, str) or len(value) > longest:
            raise _wrong(f"must be text of at most {longest} characters")
        return value.strip() or None

    return read


def _else_unsaid(value: Any, read: Callable[[Any], Any]) -> Any:
    """A field that points do not depend on: what is not as documented is not said."""
    try:
        return read(value)
    except ValidationError:
        return None


Id = Annotated[str, BeforeValidator(_id)]
Money = Annotated[Decimal, BeforeValidator(_money)]
Time = Annotated[datetime, BeforeValidator(_time)]
Quantity = Annotated[int, BeforeValidator(_quantity)]
Currency = Annotated[str, BeforeValidator(_currency)]
Maybe = Annotated[T | None, WrapValidator(_else_unsaid)]
"""Read if it can be read."""
Text = Maybe[Annotated[str | None, BeforeValidator(_text(255))]]
Email = Maybe[Annotated[str | None, BeforeValidator(_text(320))]]


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, arbitrary_types_allowed=True)


class _ShopMoney(_Body):
    amount: Money


class MoneySet(_Body):
    """An amount in the shop's own currency, beside the customer's, which we do not read."""

    shop_money: _ShopMoney


class _Amount(_ShopMoney):
    currency: Text = Field(default=None, validation_alias=AliasChoices("currency_code", "currency"))


class BothMoneys(_Body):
    """One amount in the shop's own currency and in the customer's."""

    shop_money: _Amount
    presentment_money: _Amount


# Customers.


class _Consent(_Body):
    state: Text = None


class CustomerBody(_Body):
    """`state` is there in whatever tells of a customer, and in nothing else."""

    id: Id
    state: Text
    email: Email = None
    verified_email: Maybe[bool] = None
    first_name: Text = None
    last_name: Text = None
    phone: Text = None
    tags: Maybe[str] = None
    created_at: Maybe[Time] = None
    updated_at: Maybe[Time] = None
    default_address: Maybe[dict[str, Any]] = None
    email_marketing_consent: Maybe[_Consent] = None


class OrderCustomerBody(CustomerBody):
    state: Text = None


class CustomerGoneBody(_Body):
    id: Id

    @model_validator(mode="before")
    @classmethod
    def _says_no_more(cls, body: Any) -> Any:
        if isinstance(body, dict) and not {"state", "updated_at", "line_items"}.isdisjoint(body):
            raise _wrong("must be of somebody who is gone: this tells how they are")
        return body


class CustomersMergedBody(_Body):
    kept_id: Id = Field(alias="admin_graphql_api_customer_kept_id")
    gone_id: Id = Field(alias="admin_graphql_api_customer_deleted_id")
    status: Text


# Orders.


class _Allocation(_Body):
    amount: Maybe[Money] = None
    amount_set: Maybe[MoneySet] = None


class LineBody(_Body):
    id: Id
    quantity: Quantity
    price: Maybe[Money] = None
    price_set: Maybe[MoneySet] = None
    current_quantity: Maybe[Quantity] = None
    product_id: Maybe[Id] = None
    sku: Text = None
    title: Maybe[Annotated[str | None, BeforeValidator(_text(2000))]] = None
    gift_card: Maybe[bool] = None
    requires_shipping: Maybe[bool] = None
    tip_payment_gateway: Text = None
    discount_allocations: Maybe[list[_Allocation]] = None

    @property
    def is_tip(self) -> bool:
        """Only tips have that field, if only as null; and they are of no product, and nothing of them is sent."""
        has_field = "tip_payment_gateway" in self.model_fields_set
        return has_field and self.product_id is None and self.requires_shipping is not True

    @model_validator(mode="after")
    def _has_a_price(self) -> "LineBody":
        if self.price is None and self.price_set is None:
            raise _wrong("must have a price")
        return self


class FulfilledLineBody(_Body):
    id: Id
    quantity: Quantity


class FulfilmentBody(_Body):
    created_at: Time
    updated_at: Maybe[Time] = None
    status: Text = None
    shipment_status: Text = None
    tracking_company: Text = None
    tracking_number: Text = None
    tracking_numbers: Maybe[list[str]] = None
    line_items: list[FulfilledLineBody]


class RefundLineBody(_Body):
    line_item_id: Id
    quantity: Quantity
    restock_type: Text = None
    subtotal_set: Maybe[BothMoneys] = None


class TransactionBody(_Body):
    """`amount` is in `currency`, which is the customer's. What `total_unsettled_set` says of the shop's is its name."""

    amount: Maybe[Money] = None
    currency: Text = None
    kind: Text = None
    status: Text = None
    total_unsettled_set: Maybe[BothMoneys] = None


class _Adjustment(_Body):
    amount_set: Maybe[BothMoneys] = None


class _RefundedShipping(_Body):
    subtotal_amount_set: Maybe[BothMoneys] = None


class RefundBody(_Body):
    id: Id
    created_at: Maybe[Time] = None
    refund_line_items: list[RefundLineBody]
    transactions: Maybe[list[TransactionBody]] = None
    order_adjustments: Maybe[list[_Adjustment]] = None
    refund_shipping_lines: Maybe[list[_RefundedShipping]] = None


class OrderRefundBody(RefundBody):
    order_id: Id


class _ShippingLine(_Body):
    price: Maybe[Money] = None
    price_set: Maybe[MoneySet] = None
    is_removed: Maybe[bool] = None
    discount_allocations: Maybe[list[_Allocation]] = None


class _DiscountCode(_Body):
    code: Text = None
    type: Text = None


def _each_once(lines: list[LineBody]) -> list[LineBody]:
    # A refund names a line by its id, so two lines of one id could not be told apart.
    if len({line.id for line in lines}) < len(lines):
        raise _wrong("must not hold two lines with the same id")
    return lines


class OrderBody(_Body):
    id: Id
    currency: Currency
    created_at: Time
    line_items: Annotated[list[LineBody], Field(max_length=2000), AfterValidator(_each_once)]
    financial_status: Text
    updated_at: Maybe[Time] = None
    cancelled_at: Time | None = None
    test: Maybe[bool] = None
    name: Text = None
    customer: OrderCustomerBody | None = None
    email: Email = None
    contact_email: Email = None
    customer_locale: Text = None
    source_name: Text = None
    taxes_included: Maybe[bool] = None
    total_tax: Maybe[Money] = None
    total_tax_set: Maybe[MoneySet] = None
    original_total_duties_set: Maybe[MoneySet] = None
    original_total_additional_fees_set: Maybe[MoneySet] = None
    shipping_lines: Maybe[list[_ShippingLine]] = None
    discount_codes: Maybe[list[_DiscountCode]] = None
    discount_applications: Maybe[list[_DiscountCode]] = None
    fulfillments: list[FulfilmentBody] | None = None
    refunds: list[RefundBody] | None = None


_ORDER_ID = ("order_id", AliasPath("order", "id"), AliasPath("order_edit", "order_id"))


class OrderChangedBody(_Body):
    """Something about an order: which one is all that we take from it."""

    order_id: Maybe[Id] = Field(default=None, validation_alias=AliasChoices(*_ORDER_ID))


# The shop and the app.


class ShopBody(_Body):
    """The shop as it is. Nothing else has a `myshopify_domain`."""

    id: Id
    myshopify_domain: Text
    name: Text = None
    domain: Text = None
    iana_timezone: Text = None
    primary_locale: Text = None
    currency: Text = None
    updated_at: Maybe[Time] = None


class ScopesBody(_Body):
    current: Annotated[list[str], Field(max_length=200)]
    previous: list[str]
    shop_id: Maybe[Id] = None
    updated_at: Maybe[Time] = None


class _Person(_Body):
    id: Maybe[Id] = None
    email: Email = None


class _DataRequest(_Body):
    id: Maybe[Id] = None


class _Compliance(_Body):
    shop_id: Id
    shop_domain: Text


class DataRequestBody(_Compliance):
    customer: _Person
    orders_requested: list[Id]
    data_request: Maybe[_DataRequest] = None


class CustomerRedactBody(_Compliance):
    customer: _Person
    orders_to_redact: list[Id]


class ShopRedactBody(_Compliance):
    @model_validator(mode="before")
    @classmethod
    def _is_of_the_shop(cls, body: Any) -> Any:
        if isinstance(body, dict) and "customer" in body:
            raise _wrong("must be of the whole shop: this is of a customer")
        return body


Body = (
    OrderBody
    | OrderRefundBody
    | OrderChangedBody
    | CustomerBody
    | CustomerGoneBody
    | CustomersMergedBody
    | ShopBody
    | ScopesBody
    | DataRequestBody
    | CustomerRedactBody
    | ShopRedactBody
)

BODIES: dict[str, type[Body]] = {
    "orders/create": OrderBody,
    "orders/updated": OrderBody,
    "orders/paid": OrderBody,
    "orders/fulfilled": OrderBody,
    "orders/partially_fulfilled": OrderBody,
    "orders/cancelled": OrderBody,
    "reconcile/order": OrderBody,  # asked for by ourselves (api_orders.py)
    "refunds/create": OrderRefundBody,
    "orders/edited": OrderChangedBody,
    "fulfillments/create": OrderChangedBody,
    "fulfillments/update": OrderChangedBody,
    "fulfillment_events/create": OrderChangedBody,
    "order_transactions/create": OrderChangedBody,
    "returns/request": OrderChangedBody,
    "returns/approve": OrderChangedBody,
    "returns/decline": OrderChangedBody,
    "returns/cancel": OrderChangedBody,
    "returns/close": OrderChangedBody,
    "returns/reopen": OrderChangedBody,
    "returns/process": OrderChangedBody,
    "returns/update": OrderChangedBody,
    "customers/create": CustomerBody,
    "customers/update": CustomerBody,
    "customers/enable": CustomerBody,
    "customers/disable": CustomerBody,
    "customers/delete": CustomerGoneBody,
    "customers/merge": CustomersMergedBody,
    "customers/data_request": DataRequestBody,
    "customers/redact": CustomerRedactBody,
    "shop/redact": ShopRedactBody,
    "shop/update": ShopBody,
    "app/uninstalled": ShopBody,
    "app/scopes_update": ScopesBody,
}
"""The topics that we understand."""


def read(model: type[Body], document: Any) -> Body:
    """The document as a body of that model. Raises MalformedDelivery naming each wrong field (at most 20)."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=True, include_input=False)
        errors = [{"field": _field(each["loc"]), "message": _sentence(each)} for each in details]
        raise MalformedDelivery(f"{errors[0]['field']} {errors[0]['message']}.", errors[:_MOST_ERRORS]) from None


def _field(place: tuple[int | str, ...]) -> str:
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return path.removeprefix(".") or "the body"


def _sentence(error: Any) -> str:
    match error["type"]:
        case "refused":
            return str(error["msg"])
        case "missing":
            return "is required"
        case "list_type":
            return "must be a list"
        case "model_type" | "dict_type":
            return "must be an object"
        case "too_long":
            return f"must have at most {error['ctx']['max_length']} entries"
        case _:
            return "is not valid"
