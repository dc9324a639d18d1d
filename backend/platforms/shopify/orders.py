"""An order on Shopify, and its refunds, as we know orders: before discounts, and never reduced by refunds.

Shopify leaves `quantity`, `subtotal_price` and `total_price` of an order that was edited as they were, and takes edits and
refunds together off its `current_…` fields. So the lines are made of what is in the order now and of what refunds took of
them, and the sums of the order are those of its lines (docs/points-rules.md). A tip is a line there, and a fee to us.
"""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

from backend.money import is_currency, quantize
from backend.platforms.events import Line, OrderState, RefundLine, RefundState
from backend.platforms.shopify import fulfilment
from backend.platforms.shopify.customers import customer
from backend.platforms.shopify.fulfilment import Fulfilment, LineToDeliver
from backend.platforms.shopify.payloads import (
    FulfilmentBody,
    LineBody,
    MoneySet,
    OrderBody,
    RefundBody,
    TransactionBody,
)

_PAYMENT_STATUSES = {
    "paid": "paid",
    "partially_refunded": "partially_refunded",
    "refunded": "refunded",
    "voided": "voided",
}
"""By `financial_status`. The others (authorized, partially_paid, expired …) are not paid, and may be yet."""
_ZERO = Decimal(0)
_PAID_BACK = ("success", "pending")
"""What became of a transaction. One that is pending is on its way, and the Admin API counts it in at once."""


def order(body: OrderBody) -> OrderState:
    """The whole order as the body shows it."""
    refunded = _refunded(body)
    everything = [(each.is_tip, _line(each, refunded[each.id], body.currency)) for each in body.line_items]
    lines = tuple(line for is_tip, line in everything if line.quantity and not is_tip)
    tips = _sum(line.total for is_tip, line in everything if is_tip)
    subtotal = _sum(line.total for line in lines)
    discount = _sum(line.discount for line in lines)
    shipping = _sum(_shipping(body))
    fees = _sum(map(_shop_money, (body.original_total_duties_set, body.original_total_additional_fees_set))) + tips
    tax = _shop_money(body.total_tax_set, body.total_tax) or _ZERO
    way = fulfilment.progress(_to_deliver(body), map(_fulfilment, body.fulfillments or ()))
    return OrderState(
        external_id=body.id,
        currency=body.currency,
        created_at=body.created_at,
        subtotal=subtotal,
        number=body.name,
        customer=None if body.customer is None else customer(body.customer, body.customer_locale),
        guest_email=(body.email or body.contact_email) if body.customer is None else None,
        updated_at=body.updated_at,
        source="pos" if (body.source_name or "").lower() == "pos" else "online",
        payment_status=payment_status(body.financial_status),
        delivery_status=way.status,
        delivery_carrier=next(
            (each.tracking_company for each in body.fulfillments or () if each.tracking_company), None
        ),
        collected_at=way.collected_at,
        arrived_at=way.arrived_at,
        cancelled_at=body.cancelled_at,
        discount_total=discount,
        shipping_total=shipping,
        fee_total=fees,
        tax_total=tax,
        # where prices hold the tax, the total adds up without it
        total=subtotal - discount + shipping + fees + (_ZERO if body.taxes_included else tax),
        discount_codes=_codes(body),
        lines=lines,
    )


def payment_status(financial_status: str | None) -> str:
    """Ours, by Shopify's word in whatever letters."""
    return _PAYMENT_STATUSES.get((financial_status or "").lower(), "pending")


def refund(body: RefundBody) -> RefundState:
    """The refund by its lines' pieces. Shopify says what they were worth after discounts, and our lines are before them:
    so the pieces count, and of a refund without any nothing is taken back by it alone."""
    paid = [
        _paid_back(each, body)
        for each in body.transactions or ()
        if each.amount is not None and each.kind == "refund" and each.status in _PAID_BACK
    ]
    return RefundState(
        external_id=body.id,
        created_at=body.created_at,
        amount=_sum(paid) if paid and None not in paid else None,
        lines=tuple(RefundLine(line_id=each.line_item_id, quantity=each.quantity) for each in body.refund_line_items),
    )


def _paid_back(transaction: TransactionBody, body: RefundBody) -> Decimal | None:
    """What was paid back, in the shop's own currency; None: the refund says nothing of how that stood to the customer's."""
    own = None if transaction.total_unsettled_set is None else transaction.total_unsettled_set.shop_money.currency
    amount = transaction.amount
    if amount is None or own is None or transaction.currency in (None, own) or not is_currency(own):
        return amount
    sets = [each.subtotal_set for each in body.refund_line_items]
    sets += [each.amount_set for each in body.order_adjustments or ()]
    sets += [each.subtotal_amount_set for each in body.refund_shipping_lines or ()]
    said = [(abs(each.shop_money.amount), abs(each.presentment_money.amount)) for each in sets if each is not None]
    theirs = _sum(each for _, each in said)
    return quantize(amount * _sum(each for each, _ in said) / theirs, own) if theirs else None


def _line(body: LineBody, refunded: int, currency: str) -> Line:
    quantity = _quantity(body, refunded)
    price = _shop_money(body.price_set, body.price)
    assert price is not None, "a line without a price is refused"
    discount = _sum(_shop_money(each.amount_set, each.amount) for each in body.discount_allocations or ())
    if body.quantity and quantity != body.quantity:
        discount = quantize(discount * quantity / body.quantity, currency)
    return Line(
        external_id=body.id,
        product_id=body.product_id,
        sku=body.sku,
        title=body.title,
        quantity=quantity,
        unit_price=price,
        discount=discount,
        total=price * quantity,
        gift_card=bool(body.gift_card),
    )


def _quantity(body: LineBody, taken: int) -> int:
    """The pieces that are in the order now and those that were taken out of it. With all that refunds took: those bought."""
    if body.current_quantity is None:
        return body.quantity
    return min(body.current_quantity + taken, max(body.quantity, body.current_quantity))


def _refunded(body: OrderBody, restock_type: str | None = None) -> Counter[str]:
    """Pieces by line, of all refunds or of those restocked so."""
    pieces: Counter[str] = Counter()
    for each in body.refunds or ():
        for line in each.refund_line_items:
            if restock_type is None or line.restock_type == restock_type:
                pieces[line.line_item_id] += line.quantity
    return pieces


def _to_deliver(body: OrderBody) -> list[LineToDeliver]:
    came_back = _refunded(body, "return")
    return [
        LineToDeliver(each.id, _quantity(each, came_back[each.id]), each.requires_shipping is not False)
        for each in body.line_items
        if not each.is_tip  # nobody fulfils it
    ]


def _fulfilment(body: FulfilmentBody) -> Fulfilment:
    has_tracking = bool(body.tracking_number or any(body.tracking_numbers or ()))
    pieces: Counter[str] = Counter()
    for line in body.line_items:
        pieces[line.id] += line.quantity
    return Fulfilment(
        status=(body.status or "").lower(),
        shipment_status=None if body.shipment_status is None else body.shipment_status.lower(),
        has_tracking=has_tracking,
        quantities=pieces,
        at=(body.updated_at or body.created_at) if has_tracking or body.shipment_status else body.created_at,
    )


def _shipping(body: OrderBody) -> Iterable[Decimal]:
    """What each line of shipping costs, after its discounts."""
    for each in body.shipping_lines or ():
        if each.is_removed:  # by an edit; the Admin API does not tell these at all
            continue
        off = _sum(_shop_money(one.amount_set, one.amount) for one in each.discount_allocations or ())
        yield max((_shop_money(each.price_set, each.price) or _ZERO) - off, _ZERO)


def _codes(body: OrderBody) -> tuple[str, ...] | None:
    """Both fields name codes; each is told once, as it was typed first. None: the body says of neither."""
    if body.discount_codes is None and body.discount_applications is None:
        return None
    typed = [each.code for each in body.discount_codes or ()]
    typed += [each.code for each in body.discount_applications or () if each.type == "discount_code"]
    first: dict[str, str] = {}
    for code in typed:
        if code is not None:
            first.setdefault(code.upper(), code)
    return tuple(first.values())


def _shop_money(given: MoneySet | None, plain: Decimal | None = None) -> Decimal | None:
    """The amount in the shop's own currency: plain fields may be in another one."""
    return plain if given is None else given.shop_money.amount


def _sum(amounts: Iterable[Decimal | None]) -> Decimal:
    return sum((each for each in amounts if each is not None), _ZERO)
