"""What a cart would earn, as a page says it: `GET /widget/v1/<widget_key>/points`, for everybody and cacheable.

The page says what is in the cart, in the address; nothing is kept and the database is not asked (decision 0015).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

from babel.dates import format_timedelta
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backend import strict_json
from backend.errors import BadInput, MalformedJson
from backend.loyalty.orders import quotes
from backend.loyalty.orders.order_sums import OrderLine
from backend.loyalty.orders.quotes import Cart
from backend.loyalty.program.settings import Assign
from backend.loyalty.wording import locale_of, points_text
from backend.money import is_currency
from backend.widget_api.amounts import money
from backend.widget_api.block_words import words_in
from backend.widget_api.program_document import ProgramDocument

MOST_LINES = 100
MOST_LINES_BYTES = 4096
"""Of the parameter `lines`: beyond that, addresses get lost on their way."""
_NEVER_WEEKS = 100_000
"""The program says days; so do we, however many."""

Text = Annotated[str, Field(max_length=255)]
Money = Annotated[str, Field(pattern=r"^[0-9]{1,15}(\.[0-9]{1,4})?$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class QuotedLine(_Strict):
    """One line of the cart, named as the store's orders name it."""

    product_id: Text | None = None
    sku: Text | None = None
    categories: Annotated[list[Text], Field(max_length=50)] = []
    quantity: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    unit_price: Money
    gift_card: bool = False


class QuotedCart(_Strict):
    """The parameters."""

    lines: Annotated[list[QuotedLine], Field(max_length=MOST_LINES)] = []
    total: Money | None = None
    discount: Money | None = None
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    tier: Annotated[str, Field(max_length=64)] | None = None


def read(parameters: Mapping[str, str]) -> QuotedCart:
    """What the address asks. Raises BadInput that names the wrong parameter and place."""
    asked: dict[str, Any] = {
        name: parameters[name] for name in ("total", "discount", "currency", "tier") if parameters.get(name)
    }
    if parameters.get("lines"):
        asked["lines"] = _json(parameters["lines"])
    elif "total" not in asked:
        raise _wrong("lines", "give lines or total")
    try:
        cart = QuotedCart.model_validate(asked)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise _wrong(".".join(map(str, first["loc"]))[:64], first["msg"]) from None
    if cart.currency is not None and not is_currency(cart.currency):
        raise _wrong("currency", "unknown currency")
    return cart


def body(document: ProgramDocument, asked: QuotedCart, at: datetime) -> bytes:
    """The answer, in the document's language."""
    settings, shop, language = document.settings, document.shop, document.language
    words = words_in(language)
    cart = _cart(asked, shop.currency)
    made = quotes.quote(cart, settings, shop_currency=shop.currency, tier=asked.tier, at=at)
    more = made.next

    def named(points: int) -> str:
        return points_text(settings.points_name, points, language, shop.locale)

    when = when_text(settings.assign, language, words)
    said = {"points": named(made.points), "when": when}
    return strict_json.dumps(
        {
            "locale": language,
            "points": made.points,
            "points_text": said["points"],
            "next": None
            if more is None
            else {
                "amount": more.amount,
                "amount_text": (amount := money(more.amount, shop.currency, language)),
                "points": more.points,
                "points_text": named(more.points),
                "text": words["more"].format(amount=amount, points=named(more.points)),
            },
            "when": {"days": settings.assign.delay_days, "on": settings.assign.on},
            "when_text": when,
            "texts": {name: words[name].format(**said) for name in ("earn", "order", "guest", "sign_up")},
        }
    )


def when_text(assign: Assign, language: str, words: Mapping[str, str]) -> str:
    """ "about 3 days after you receive it"."""
    if not assign.delay_days:
        return words[f"at_once_{assign.on}"]
    days = format_timedelta(
        timedelta(days=assign.delay_days), granularity="day", threshold=_NEVER_WEEKS, locale=locale_of(language)
    )
    return words[f"later_{assign.on}"].format(days=days)


def _cart(asked: QuotedCart, shop_currency: str) -> Cart:
    return Cart(
        currency=asked.currency or shop_currency,
        lines=tuple(
            OrderLine(
                id=str(number),
                product_id=line.product_id,
                sku=line.sku or None,
                categories=tuple(line.categories),
                quantity=line.quantity,
                unit_price=Decimal(line.unit_price),
                gift_card=line.gift_card,
            )
            for number, line in enumerate(asked.lines)
        ),
        total=Decimal(asked.total) if asked.total else None,
        discount=Decimal(asked.discount) if asked.discount else None,
    )


def _json(text: str) -> Any:
    raw = text.encode(errors="replace")
    if len(raw) > MOST_LINES_BYTES:
        raise _wrong("lines", f"may have {MOST_LINES_BYTES} bytes")
    try:
        return strict_json.parse(raw)
    except MalformedJson as error:
        raise _wrong("lines", error.detail.removeprefix("The body is ").removesuffix(".")) from None


def _wrong(field: str, message: str) -> BadInput:
    return BadInput(f"{field}: {message}.", [{"field": field, "message": message}])
