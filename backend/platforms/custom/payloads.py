"""The bodies that a `custom` store sends, field by field as contract section 3 names them.

Required is only what the contract calls required; null is the same as absent; unknown fields are ignored, so that a
store may send more than we know. Types are strict: an id that is a number, a time without an offset, money that is a
JSON number are refused, each with its place (`data.line_items[2].total`) and one sentence.

Money stays text here, checked by a pattern in compiled code, and becomes `Decimal` in `adapter.py`: the door only needs
to know that the body is good. An order of 8 KB takes about 45 µs.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetPydanticSchema
from pydantic_core import CoreSchema, ErrorDetails, PydanticCustomError, ValidationError, core_schema

from backend.money import is_currency
from backend.platforms.base import MalformedDelivery
from backend.platforms.events import DELIVERY_STATUSES, PAYMENT_STATUSES

# What lies outside cannot be meant, and arithmetic near the ends of the calendar overflows.
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_MOST_ERRORS = 20


# The kinds of values, each with the one sentence for all that can be wrong with it.


def _refused_as(sentence: str, schema: CoreSchema) -> GetPydanticSchema:
    worded = core_schema.custom_error_schema(schema, custom_error_type="refused", custom_error_message=sentence)
    return GetPydanticSchema(lambda _source, _handler: worded)


def _text(longest: int | None = None, *, shortest: int = 0, pattern: str | None = None) -> CoreSchema:
    return core_schema.str_schema(strict=True, min_length=shortest, max_length=longest, pattern=pattern)


def _words(longest: int) -> GetPydanticSchema:
    """What people read. Too long is cut, not refused: no order is lost because its product has a long title."""
    cut = core_schema.no_info_after_validator_function(lambda said: said[:longest], _text())
    return _refused_as("must be text", cut)


def _one_of(*allowed: str) -> GetPydanticSchema:
    return _refused_as(f"must be one of {', '.join(allowed)}", core_schema.literal_schema(list(allowed)))


def _known_currency(code: str) -> str:
    if not is_currency(code):
        raise ValueError(code)
    return code


Id = Annotated[str, _refused_as("must be text of 1 to 255 characters", _text(255, shortest=1))]
ShortText = Annotated[str, _words(255)]
LongText = Annotated[str, _words(2000)]
Email = Annotated[
    str,
    _refused_as(
        "must be text of at most 320 characters without control characters",
        _text(320, pattern=r"^[^\x00-\x1f\x7f]*$"),
    ),
]
# Stores count their orders, so a number that is a number is taken as its text.
Number = Annotated[
    str | int,
    _refused_as(
        "must be text of at most 255 characters",
        core_schema.union_schema([_text(255), core_schema.int_schema(strict=True)]),
    ),
]
Money = Annotated[
    str,
    _refused_as(
        'must be money as decimal text such as "12.00": at most 15 digits, then at most 4 after a point',
        _text(20, pattern=r"^[0-9]{1,15}(\.[0-9]{1,4})?$"),
    ),
]
Currency = Annotated[
    str,
    _refused_as(
        'must be an ISO 4217 currency code such as "EUR"',
        core_schema.no_info_after_validator_function(_known_currency, _text(3)),
    ),
]
Time = Annotated[
    datetime,
    _refused_as(
        'must be a time in ISO 8601 with an offset, such as "2026-11-23T06:50:00Z", of the years 1900 to 2199',
        core_schema.chain_schema(
            [
                _text(40, pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}.*(Z|[+-][0-9]{2}:?[0-9]{2})$"),
                core_schema.datetime_schema(strict=False, tz_constraint="aware", ge=_EARLIEST, lt=_LATEST),
            ]
        ),
    ),
]
Date = Annotated[
    date,
    _refused_as(
        'must be a real date such as "1990-02-28"',
        core_schema.chain_schema(
            [_text(10, pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), core_schema.date_schema(strict=False)]
        ),
    ),
]
Quantity = Annotated[
    int,
    _refused_as("must be a whole number from 0 to 1000000000", core_schema.int_schema(strict=True, ge=0, le=10**9)),
]


# The bodies.


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)


class _PersonBody(_Body):
    email: Email | None = None
    phone: ShortText | None = None
    first_name: ShortText | None = None
    last_name: ShortText | None = None
    locale: ShortText | None = None
    birthday: Date | None = None
    tags: list[ShortText] | None = Field(default=None, max_length=250)
    address: dict[str, Any] | None = Field(default=None, max_length=100)
    email_verified: bool | None = None
    created_at: Time | None = None
    referral_code: ShortText | None = None
    accepts_marketing: bool | None = None


class CustomerBody(_PersonBody):
    id: Id


class OrderCustomerBody(_PersonBody):
    """The customer of an order; without an id, a guest."""

    id: Id | None = None


class CustomerGoneBody(_Body):
    id: Id


class LineBody(_Body):
    id: Id
    product_id: Id | None = None
    sku: ShortText | None = None
    title: LongText | None = None
    quantity: Quantity | None = None
    unit_price: Money | None = None
    discount: Money | None = None
    total: Money | None = None
    gift_card: bool | None = None
    categories: list[ShortText] | None = Field(default=None, max_length=100)


def _each_once(lines: Sequence[LineBody]) -> Sequence[LineBody]:
    # A refund names a line by its id, so two lines of one id could not be told apart.
    if len({line.id for line in lines}) < len(lines):
        raise PydanticCustomError("refused", "must not hold two lines with the same id")
    return lines


class OrderBody(_Body):
    id: Id
    currency: Currency
    created_at: Time
    subtotal: Money
    number: Number | None = None
    customer: OrderCustomerBody | None = None
    email: Email | None = None
    updated_at: Time | None = None
    source: Annotated[str, _one_of("online", "pos")] | None = None
    payment_status: Annotated[str, _one_of(*PAYMENT_STATUSES)] | None = None
    delivery_status: Annotated[str, _one_of(*DELIVERY_STATUSES)] | None = None
    delivery_carrier: ShortText | None = None
    collected_at: Time | None = None
    arrived_at: Time | None = None
    cancelled_at: Time | None = None
    discount_total: Money | None = None
    shipping_total: Money | None = None
    fee_total: Money | None = None
    tax_total: Money | None = None
    total: Money | None = None
    discount_codes: list[ShortText] | None = Field(default=None, max_length=100)
    line_items: Annotated[list[LineBody], Field(max_length=1000), AfterValidator(_each_once)] | None = None


class RefundLineBody(_Body):
    line_item_id: Id
    quantity: Quantity | None = None
    amount: Money | None = None


class RefundBody(_Body):
    id: Id
    created_at: Time | None = None
    amount: Money | None = None
    line_items: list[RefundLineBody] | None = Field(default=None, max_length=1000)


class OrderRefundBody(_Body):
    order_id: Id
    refund: RefundBody


class AppBody(_Body):
    at: Time


# The deliveries: a body in its envelope. `timestamp` is when it happened.


class _Delivery(_Body):
    timestamp: Time


class CustomerDelivery(_Delivery):
    data: CustomerBody


class CustomerGoneDelivery(_Delivery):
    data: CustomerGoneBody


class OrderDelivery(_Delivery):
    data: OrderBody


class RefundDelivery(_Delivery):
    data: OrderRefundBody


class AppDelivery(_Delivery):
    data: AppBody


Delivery = CustomerDelivery | CustomerGoneDelivery | OrderDelivery | RefundDelivery | AppDelivery

DELIVERIES: dict[str, type[Delivery]] = {
    "customer.created": CustomerDelivery,
    "customer.updated": CustomerDelivery,
    "customer.deleted": CustomerGoneDelivery,
    "customer.redacted": CustomerGoneDelivery,
    "order.created": OrderDelivery,
    "order.updated": OrderDelivery,
    "order.paid": OrderDelivery,
    "order.shipped": OrderDelivery,
    "order.arrived": OrderDelivery,
    "order.collected": OrderDelivery,
    "order.returned": OrderDelivery,
    "order.cancelled": OrderDelivery,
    "order.refunded": RefundDelivery,
    "app.installed": AppDelivery,
    "app.uninstalled": AppDelivery,
}


def read(model: type[Delivery], document: Any) -> Delivery:
    """The document as a delivery of that model. Raises MalformedDelivery naming each wrong field (at most 20)."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise _malformed(error.errors(include_url=False, include_context=True, include_input=False)) from None


def _malformed(details: list[ErrorDetails]) -> MalformedDelivery:
    errors = [{"field": _field(each["loc"]), "message": _sentence(each)} for each in details]
    first = f"{errors[0]['field']} {errors[0]['message']}."
    more = len(errors) - 1
    if more:
        first += f" {more} more {'field is' if more == 1 else 'fields are'} wrong."
    return MalformedDelivery(first, errors[:_MOST_ERRORS])


def _field(place: tuple[int | str, ...]) -> str:
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return path.removeprefix(".") or "the body"


def _sentence(error: ErrorDetails) -> str:
    match error["type"]:
        case "refused":
            return error["msg"]
        case "missing":
            return "is required"
        case "bool_type":
            return "must be true or false"
        case "list_type":
            return "must be a list"
        case "too_long":
            return f"must have at most {error['ctx']['max_length']} entries"
        case "model_type" | "dict_type":
            return "must be an object"
        case _:
            return "is not valid"
