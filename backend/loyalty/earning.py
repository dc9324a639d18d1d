"""What an order earns, and what its refunds take back. Pure: plain values in, plain values out.

The rules are contract section 3 (its last paragraphs), S3.3, S3.24 and A4; docs/points-rules.md explains them with
examples. Money is exact (`Decimal`, `Fraction`), never a float.

    outcome(order, refunds, earn, shop_currency="EUR").target  # the points that the order should have brought by now
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from typing import Any, Literal

from backend.loyalty.settings import Earn
from backend.money import quantum

MAX_POINTS = 1_000_000_000
"""No order brings more, whatever its amounts say (reliability I-05)."""

Note = Literal["other_currency", "pos", "uninstalled", "disabled", "cancelled", "returned", "voided", "refunded"]
"""Why an order brings nothing, for the sum that the shopper reads."""

Excluded = Literal["gift_cards", "discounts", "paid_with_points", "shipping", "fees", "tax"]

_EXACT = Context(prec=100)
"""Enough digits for any amounts and quantities that JSON carries; Decimal's own 28 would round the absurd ones."""
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One line of the order, before discounts. Money left out: `total` is unit price × quantity, `discount` is 0."""

    id: str | None
    title: str | None = None
    quantity: int = 1
    unit_price: Decimal | None = None
    discount: Decimal | None = None
    total: Decimal | None = None
    gift_card: bool = False

    def before_discount(self) -> Decimal:
        if self.total is not None:
            return self.total
        return (self.unit_price or _ZERO) * self.quantity


@dataclass(frozen=True, slots=True)
class OrderSum:
    """The money of an order as it now is, refunds not subtracted. `subtotal` is that of the lines, before discounts.

    Left out: `discount_total` is the sum of the lines' discounts, `total` is made from its parts, the others are 0.
    """

    currency: str
    subtotal: Decimal
    discount_total: Decimal | None = None
    shipping_total: Decimal | None = None
    fee_total: Decimal | None = None
    tax_total: Decimal | None = None
    total: Decimal | None = None
    lines: tuple[OrderLine, ...] = ()
    source: str | None = None
    payment_status: str | None = None
    cancelled: bool = False
    returned: bool = False


@dataclass(frozen=True, slots=True)
class RefundLine:
    """What went back of one line. Without `amount` it is quantity × the line's total / the line's quantity."""

    line_item_id: str | None
    quantity: int | None = None
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Refund:
    id: str
    lines: tuple[RefundLine, ...] = ()


@dataclass(frozen=True, slots=True)
class LineSum:
    """A line's part in the sum. `counted` of all lines add up to the order's, and so do `points`."""

    id: str | None
    title: str | None
    quantity: int
    total: Decimal
    counted: Decimal
    points: int
    taken_back: int = 0
    excluded: Literal["gift_card"] | None = None


@dataclass(frozen=True, slots=True)
class Sum:
    """How an order's points came about: `points` earned, of which `taken_back` went again."""

    earn: Earn
    currency: str
    counted: Decimal
    points: int
    lines: tuple[LineSum, ...]
    excluded: tuple[tuple[Excluded, Decimal], ...] = field(default=())
    note: Note | None = None

    @property
    def taken_back(self) -> int:
        return sum(line.taken_back for line in self.lines)

    @property
    def target(self) -> int:
        """The points that should stand in the ledger for this order."""
        return self.points - self.taken_back


def outcome(
    order: OrderSum,
    refunds: Iterable[Refund],
    earn: Earn,
    *,
    shop_currency: str,
    enabled: bool = True,
    uninstalled: bool = False,
    paid_with_points: Decimal = _ZERO,
) -> Sum:
    """The whole rule: what the order earned less what its refunds, cancelling, return or voiding took back."""
    made = earned(
        order,
        earn,
        shop_currency=shop_currency,
        enabled=enabled,
        uninstalled=uninstalled,
        paid_with_points=paid_with_points,
    )
    if made.note is not None:
        return made
    if order.cancelled:
        return undone(made, "cancelled")
    if order.payment_status == "voided":
        return undone(made, "voided")
    if order.returned:
        return undone(made, "returned")
    return after_refunds(made, refunds, fully_refunded=order.payment_status == "refunded")


def earned(
    order: OrderSum,
    earn: Earn,
    *,
    shop_currency: str,
    enabled: bool = True,
    uninstalled: bool = False,
    paid_with_points: Decimal = _ZERO,
) -> Sum:
    """What the order earns before any refund, by the settings in force when it was made.

    1000 at "every 10 earn 1 point" is 100 points (S3.3). `enabled` is the program's switch; `uninstalled` says that the
    order was made while the shop had taken the app away. `paid_with_points` is what cashback paid of it: with `items` it
    does not count (A4), with `items_net` it is one of the discounts already, with `total` the store has taken it off.
    """
    with localcontext(_EXACT):
        lines = _merged(order.lines) or [OrderLine(id=None, total=order.subtotal)]
        with_points = paid_with_points if earn.base == "items" else _ZERO
        counted = max(_counted(order, lines, earn) - with_points, _ZERO)
        note = _why_nothing(order, earn, shop_currency, enabled, uninstalled)
        points = 0 if note is not None else points_for(counted, earn)
        return Sum(
            earn=earn,
            currency=order.currency,
            counted=counted,
            points=points,
            lines=_shared_to_lines(lines, counted, points, earn, order.currency),
            excluded=_excluded(order, lines, earn, with_points),
            note=note,
        )


def points_for(counted: Decimal, earn: Earn) -> int:
    """The points of an amount: the number of steps, rounded as the settings say, times the points of a step.

    "Every 10 earn 5 points" is 5 points for 19.99 with `floor`, 10 with `nearest` and `ceil`.
    """
    steps = Fraction(counted) / Fraction(earn.spend_step)
    match earn.round:
        case "floor":
            whole = steps.numerator // steps.denominator
        case "nearest":  # a half goes up
            whole = (2 * steps.numerator + steps.denominator) // (2 * steps.denominator)
        case "ceil":
            whole = -(-steps.numerator // steps.denominator)
    return min(whole * earn.points_per_step, MAX_POINTS)


def after_refunds(made: Sum, refunds: Iterable[Refund], *, fully_refunded: bool = False) -> Sum:
    """The sum with what the refunds took back, line by line and never recomputed with another rule.

    A line gives back its points × refunded amount / its total, rounded down over all refunds together, and all of them
    at the full amount or quantity. So the order of refunds and repeats of one do not matter, and refunds that add up to
    everything take exactly everything. A refund without lines takes nothing unless the order is `fully_refunded`.
    """
    if fully_refunded:
        return undone(made, "refunded")
    known = {line.id: line for line in made.lines}
    gone: dict[str | None, _Gone] = defaultdict(_Gone)
    for refund in {refund.id: refund for refund in sorted(refunds, key=repr)}.values():
        for part in refund.lines:
            line = known.get(part.line_item_id) or known.get(None)  # an order without lines is one line
            if line is not None:
                gone[line.id].add(part, line)
    lines = tuple(replace(line, taken_back=gone[line.id].points_of(line)) for line in made.lines)
    result = replace(made, lines=lines)
    return replace(result, note="refunded") if made.points > 0 and result.target == 0 else result


def undone(made: Sum, note: Note) -> Sum:
    """The sum of an order that came to nothing: every line gives all of its points back."""
    lines = tuple(replace(line, taken_back=line.points) for line in made.lines)
    return replace(made, lines=lines, note=made.note or note)


def why(
    made: Sum, *, program_version: int, order: str | None, due_at: datetime | None, expires_at: datetime | None
) -> dict[str, Any]:
    """The sum as the widget and the merchant read it. `order` is what people call it ("#1001")."""

    def amount(value: Decimal) -> str:
        return _amount_text(value, made.currency)

    with localcontext(_EXACT):
        return {
            "rule": "order",
            "program_version": program_version,
            "order": order,
            "base": made.earn.base,
            "spend_step": f"{made.earn.spend_step:f}",
            "points_per_step": made.earn.points_per_step,
            "round": made.earn.round,
            "counted": amount(made.counted),
            "currency": made.currency,
            "points": made.points,
            "lines": [
                {
                    "id": line.id,
                    "title": line.title,
                    "quantity": line.quantity,
                    "counted": amount(line.counted),
                    "points": line.points,
                    "taken_back": line.taken_back,
                    "excluded": line.excluded,
                }
                for line in made.lines
            ],
            "excluded": [{"what": what, "amount": amount(value)} for what, value in made.excluded],
            "note": made.note,
            "due_at": _time_text(due_at),
            "expires_at": _time_text(expires_at),
        }


def share(whole: int, weights: Sequence[int]) -> list[int]:
    """`whole` in parts proportional to the weights, by largest remainder; between equals the earlier part wins.

    The parts add up to `whole` exactly. Weights are not negative and not all 0 (unless there is nothing to share).

    >>> share(100, [1, 1, 1])
    [34, 33, 33]
    """
    total = sum(weights)
    if total == 0:
        if whole:
            raise ValueError("nothing to share by")
        return [0] * len(weights)
    parts = [whole * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda place: -(whole * weights[place] % total))  # sorted is stable
    for place in by_remainder[: whole - sum(parts)]:
        parts[place] += 1
    return parts


def _merged(lines: Iterable[OrderLine]) -> list[OrderLine]:
    """The lines, those that share an id made one: a refund names a line by its id alone."""
    merged: dict[str | None, OrderLine] = {}
    for line in lines:
        known = merged.get(line.id)
        merged[line.id] = line if known is None else _together(known, line)
    return list(merged.values())


def _together(one: OrderLine, other: OrderLine) -> OrderLine:
    return replace(
        one,
        quantity=one.quantity + other.quantity,
        discount=(one.discount or _ZERO) + (other.discount or _ZERO),
        total=one.before_discount() + other.before_discount(),
        gift_card=one.gift_card and other.gift_card,
    )


def _counted(order: OrderSum, lines: Sequence[OrderLine], earn: Earn) -> Decimal:
    """The part of the order's money that earns (A4)."""
    match earn.base:
        case "items":
            return order.subtotal - _gift_cards(lines)
        case "items_net":
            return order.subtotal - _gift_cards(lines) - _discounts_of_items(order, lines)
        case "total":
            return order.total if order.total is not None else _total_of_parts(order, lines)


def _gift_cards(lines: Sequence[OrderLine]) -> Decimal:
    return sum((line.before_discount() for line in lines if line.gift_card), _ZERO)


def _discounts(order: OrderSum, lines: Sequence[OrderLine]) -> Decimal:
    if order.discount_total is not None:
        return order.discount_total
    return sum((line.discount or _ZERO for line in lines), _ZERO)


def _discounts_of_items(order: OrderSum, lines: Sequence[OrderLine]) -> Decimal:
    """The discounts less those of gift cards, which went with the gift cards' totals already."""
    on_gift_cards = sum((line.discount or _ZERO for line in lines if line.gift_card), _ZERO)
    return max(_discounts(order, lines) - on_gift_cards, _ZERO)


def _total_of_parts(order: OrderSum, lines: Sequence[OrderLine]) -> Decimal:
    extras = (order.shipping_total or _ZERO) + (order.fee_total or _ZERO) + (order.tax_total or _ZERO)
    return order.subtotal - _discounts(order, lines) + extras


def _why_nothing(order: OrderSum, earn: Earn, shop_currency: str, enabled: bool, uninstalled: bool) -> Note | None:
    if not enabled:
        return "disabled"
    if uninstalled:
        return "uninstalled"
    if order.currency != shop_currency:
        return "other_currency"
    if order.source == "pos" and not earn.pos:
        return "pos"
    return None


def _excluded(
    order: OrderSum, lines: Sequence[OrderLine], earn: Earn, with_points: Decimal
) -> tuple[tuple[Excluded, Decimal], ...]:
    """The parts of the order that earned nothing, those that are not 0."""
    if earn.base == "total":
        return ()
    amounts: list[tuple[Excluded, Decimal]] = [
        ("gift_cards", _gift_cards(lines)),
        ("discounts", _discounts_of_items(order, lines) if earn.base == "items_net" else _ZERO),
        ("paid_with_points", with_points),
        ("shipping", order.shipping_total or _ZERO),
        ("fees", order.fee_total or _ZERO),
        ("tax", _ZERO if _is_tax_in_prices(order, lines) else order.tax_total or _ZERO),
    ]
    return tuple((what, amount) for what, amount in amounts if amount > 0)


def _is_tax_in_prices(order: OrderSum, lines: Sequence[OrderLine]) -> bool:
    """True if the order's total adds up without the tax: then the tax is in the items, and they are counted."""
    return order.total is not None and order.total == _total_of_parts(order, lines) - (order.tax_total or _ZERO)


def _shared_to_lines(
    lines: Sequence[OrderLine], counted: Decimal, points: int, earn: Earn, currency: str
) -> tuple[LineSum, ...]:
    """Counted amount and points, shared to the lines that earn by their own amounts."""
    bearers = [line for line in lines if earn.base == "total" or not line.gift_card]
    sums = {}
    if bearers:
        weights, digits = _weights(bearers, counted, earn, currency)
        amounts = share(int(counted.scaleb(digits)), weights)
        for line, amount, part in zip(bearers, amounts, share(points, weights), strict=True):
            sums[line.id] = _line_sum(line, Decimal(amount).scaleb(-digits), part)
    for line in lines:
        if line.id not in sums:
            sums[line.id] = replace(_line_sum(line, _ZERO, 0), excluded="gift_card")
    in_order = [sums[line.id] for line in lines]
    if not bearers and counted > 0:  # the subtotal says more than the gift cards, the only lines named
        in_order.append(LineSum(None, None, 1, total=counted, counted=counted, points=points))
    return tuple(in_order)


def _line_sum(line: OrderLine, counted: Decimal, points: int) -> LineSum:
    return LineSum(line.id, line.title, line.quantity, line.before_discount(), counted, points)


def _weights(lines: Sequence[OrderLine], counted: Decimal, earn: Earn, currency: str) -> tuple[list[int], int]:
    """Each line's own amount as a whole number of units of 10^-digits; pieces where no line has an amount.

    The units are fine enough for every amount here, so lines that add up to `counted` keep their own amounts.
    """
    own = [max(_own_amount(line, earn), _ZERO) for line in lines]
    if not any(own):
        own = [Decimal(max(line.quantity, 1)) for line in lines]
    digits = max(_digits(amount) for amount in [quantum(currency), counted, *own])
    return [int(amount.scaleb(digits)) for amount in own], digits


def _own_amount(line: OrderLine, earn: Earn) -> Decimal:
    discount = line.discount if earn.base == "items_net" else None
    return line.before_discount() - (discount or _ZERO)


def _digits(amount: Decimal) -> int:
    return max(-int(amount.as_tuple().exponent), 0)


@dataclass(slots=True)
class _Gone:
    """What all refunds together took of one line."""

    amount: Fraction = Fraction(0)
    quantity: int = 0

    def add(self, part: RefundLine, line: LineSum) -> None:
        quantity = max(part.quantity or 0, 0) if line.id is not None else 0  # nobody knows the pieces of a whole order
        self.quantity += quantity
        if part.amount is not None:
            self.amount += max(Fraction(part.amount), Fraction(0))
        elif line.quantity > 0:
            self.amount += Fraction(line.total) * quantity / line.quantity

    def points_of(self, line: LineSum) -> int:
        if self.quantity >= max(line.quantity, 1):
            return line.points
        if line.total > 0:
            return min(int(line.points * self.amount / Fraction(line.total)), line.points)
        return line.points * self.quantity // max(line.quantity, 1)


def _amount_text(amount: Decimal, currency: str) -> str:
    """With the currency's own digits, or as many more as the amount has: "5.00", "0.3333", yen "500"."""
    short = amount.quantize(quantum(currency))
    return f"{short:f}" if short == amount else f"{amount.normalize():f}"


def _time_text(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")
