"""What an order earns, and what its refunds take back. Pure: plain values in, plain values out.

The rules are contract section 3 (its last paragraphs), S3.3, S3.24 and A4; docs/points-rules.md explains them with
examples. Money is exact (`Decimal`, `Fraction`), never a float.

    outcome(order, refunds, earn, shop_currency="EUR").target  # the points that the order should have brought by now
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, localcontext
from fractions import Fraction
from math import lcm
from typing import Any

from backend.loyalty.orders import order_rules
from backend.loyalty.orders.order_refunds import after_refunds, stands, undone
from backend.loyalty.orders.order_rules import Effects, Terms
from backend.loyalty.orders.order_sums import (
    EXACT,
    MAX_POINTS,
    ZERO,
    Excluded,
    LineSum,
    Note,
    OrderLine,
    OrderSum,
    Refund,
    RefundLine,
    Sum,
)
from backend.loyalty.program.settings import Earn
from backend.money import quantum
from backend.platforms.events import time_text

__all__ = [
    "MAX_POINTS",
    "LineSum",
    "OrderLine",
    "OrderSum",
    "Refund",
    "RefundLine",
    "Sum",
    "Terms",
    "after_refunds",
    "earned",
    "outcome",
    "points_for",
    "share",
    "stands",
    "undone",
    "why",
]


def outcome(
    order: OrderSum,
    refunds: Iterable[Refund],
    earn: Earn,
    *,
    shop_currency: str,
    enabled: bool = True,
    uninstalled: bool = False,
    blocked: bool = False,
    paid_with_points: Decimal = ZERO,
    terms: Terms | None = None,
) -> Sum:
    """The whole rule: what the order earned less what its refunds, cancelling, return or voiding took back."""
    made = earned(
        order,
        earn,
        shop_currency=shop_currency,
        enabled=enabled,
        uninstalled=uninstalled,
        blocked=blocked,
        paid_with_points=paid_with_points,
        terms=terms,
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
    blocked: bool = False,
    paid_with_points: Decimal = ZERO,
    terms: Terms | None = None,
) -> Sum:
    """What the order earns before any refund, by the settings in force when it was made.

    1000 at "every 10 earn 1 point" is 100 points (S3.3). `enabled` is the program's switch; `uninstalled` says that the
    order was made while the shop had taken the app away, `blocked` while its customer was blocked. `paid_with_points`
    is what cashback paid of it: with `items` it does not count (A4), with `items_net` it is one of the discounts already,
    with `total` the store has taken it off.
    `terms` are the program's rules for orders with what is frozen on this one; None: there are none.
    """
    with localcontext(EXACT):
        lines = _merged(order.lines) or [OrderLine(id=None, total=order.subtotal)]
        note = _why_nothing(order, earn, shop_currency, enabled, uninstalled, blocked)
        gift_cards = frozenset(place for place, line in enumerate(lines) if line.gift_card and earn.base != "total")
        came = order_rules.effects(terms, lines, gift_cards, earns=note is None)
        money = _Money(order, lines, earn, gift_cards, came.excluded, paid_with_points)
        counted = money.counted()
        parts = _shared_to_lines(money, counted, 0 if note is not None else points_for(counted, earn), came)
        return Sum(
            earn=earn,
            currency=order.currency,
            counted=counted,
            points=sum(part.points for part in parts),
            lines=parts,
            excluded=money.excluded_amounts(),
            note=note,
            rules=came.said,
        )


def points_for(counted: Decimal, earn: Earn) -> int:
    """The points of an amount: the number of steps, rounded as the settings say, times the points of a step.

    "Every 10 earn 5 points" is 5 points for 19.99 with `floor`, 10 with `nearest` and `ceil`.
    """
    steps = _rounded(Fraction(counted) / Fraction(earn.spend_step), earn)
    return min(steps * earn.points_per_step, MAX_POINTS)


def _rounded(number: Fraction, earn: Earn) -> int:
    match earn.round:
        case "floor":
            return number.numerator // number.denominator
        case "nearest":  # a half goes up
            return (2 * number.numerator + number.denominator) // (2 * number.denominator)
        case "ceil":
            return -(-number.numerator // number.denominator)


def why(
    made: Sum, *, program_version: int, order: str | None, due_at: datetime | None, expires_at: datetime | None
) -> dict[str, Any]:
    """The sum as the widget and the merchant read it. `order` is what people call it ("#1001")."""

    def amount(value: Decimal) -> str:
        return _amount_text(value, made.currency)

    with localcontext(EXACT):
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
                    **({"factor": _factor_text(line.factor), "bonus": line.bonus} if made.rules else {}),
                }
                for line in made.lines
            ],
            "excluded": [{"what": what, "amount": amount(value)} for what, value in made.excluded],
            "note": made.note,
            "due_at": time_text(due_at) if due_at else None,
            "expires_at": time_text(expires_at) if expires_at else None,
            **({"rules": list(made.rules)} if made.rules else {}),
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
        discount=(one.discount or ZERO) + (other.discount or ZERO),
        total=one.before_discount() + other.before_discount(),
        gift_card=one.gift_card and other.gift_card,
        categories=(*one.categories, *other.categories),
    )


@dataclass(frozen=True, slots=True)
class _Money:
    """Which of an order's money earns. `gift_cards` and `excluded` are the places of lines that do not count."""

    order: OrderSum
    lines: Sequence[OrderLine]
    earn: Earn
    gift_cards: frozenset[int]
    excluded: frozenset[int]
    paid_with_points: Decimal

    def counted(self) -> Decimal:
        """The part that earns (A4), never below 0."""
        return max(self._before_points() - self._with_points(), ZERO)

    def bearers(self) -> list[OrderLine]:
        return [self.lines[place] for place in self.bearing()]

    def bearing(self) -> list[int]:
        """The places of the lines that count."""
        return [place for place in range(len(self.lines)) if place not in self.gift_cards | self.excluded]

    def excluded_amounts(self) -> tuple[tuple[Excluded, Decimal], ...]:
        """The parts that earned nothing, those that are not 0."""
        amounts: list[tuple[Excluded, Decimal]] = [("excluded_items", self._of(self.excluded))]
        if self.earn.base != "total":
            amounts = [
                ("gift_cards", self._of(self.gift_cards)),
                *amounts,
                ("discounts", self._discounts() if self.earn.base == "items_net" else ZERO),
                ("paid_with_points", self._with_points()),
                ("shipping", self.order.shipping_total or ZERO),
                ("fees", self.order.fee_total or ZERO),
                ("tax", ZERO if _is_tax_in_prices(self.order, self.lines) else self.order.tax_total or ZERO),
            ]
        return tuple((what, amount) for what, amount in amounts if amount > 0)

    def _before_points(self) -> Decimal:
        uncounted = self._of(self.gift_cards | self.excluded)
        match self.earn.base:
            case "items":
                return self.order.subtotal - uncounted
            case "items_net":
                return self.order.subtotal - uncounted - self._discounts()
            case "total":
                total = self.order.total
                return (total if total is not None else _total_of_parts(self.order, self.lines)) - uncounted

    def _of(self, places: frozenset[int]) -> Decimal:
        """What these lines come to; where the order's total counts, less their discounts."""
        lines = [self.lines[place] for place in places]
        off = self._off(lines) if self.earn.base == "total" else ZERO
        return sum((line.before_discount() for line in lines), ZERO) - off

    def _off(self, lines: Iterable[OrderLine]) -> Decimal:
        return sum((line.discount or ZERO for line in lines), ZERO)

    def _discounts(self) -> Decimal:
        """The discounts less those of lines that do not count: they went with the lines' totals already."""
        gone = [self.lines[place] for place in self.gift_cards | self.excluded]
        return max(_discounts(self.order, self.lines) - self._off(gone), ZERO)

    def _with_points(self) -> Decimal:
        return self.paid_with_points if self.earn.base == "items" else ZERO


def _discounts(order: OrderSum, lines: Sequence[OrderLine]) -> Decimal:
    if order.discount_total is not None:
        return order.discount_total
    return sum((line.discount or ZERO for line in lines), ZERO)


def _total_of_parts(order: OrderSum, lines: Sequence[OrderLine]) -> Decimal:
    extras = (order.shipping_total or ZERO) + (order.fee_total or ZERO) + (order.tax_total or ZERO)
    return order.subtotal - _discounts(order, lines) + extras


def _why_nothing(
    order: OrderSum, earn: Earn, shop_currency: str, enabled: bool, uninstalled: bool, blocked: bool
) -> Note | None:
    if not enabled:
        return "disabled"
    if uninstalled:
        return "uninstalled"
    if blocked:
        return "blocked"
    if order.currency != shop_currency:
        return "other_currency"
    if order.source == "pos" and not earn.pos:
        return "pos"
    return None


def _is_tax_in_prices(order: OrderSum, lines: Sequence[OrderLine]) -> bool:
    """True if the order's total adds up without the tax: then the tax is in the items, and they are counted."""
    return order.total is not None and order.total == _total_of_parts(order, lines) - (order.tax_total or ZERO)


def _shared_to_lines(money: _Money, counted: Decimal, points: int, came: Effects) -> tuple[LineSum, ...]:
    """Counted amount and points, shared to the lines that earn by their own amounts, each times its factor.

    The multiplied points are rounded once, for the whole order; what pieces bring on top is added to their lines.
    """
    places, bearers = money.bearing(), money.bearers()
    earn, sums = money.earn, {}
    room = MAX_POINTS
    if bearers:
        weights, digits = _weights(bearers, counted, earn, money.order.currency)
        amounts = share(int(counted.scaleb(digits)), weights)
        exact = [points * weight * came.factors[place] for weight, place in zip(weights, places, strict=True)]
        multiplied = min(_rounded(sum(exact, Fraction(0)) / sum(weights), earn), MAX_POINTS)
        room -= multiplied
        for place, amount, part in zip(places, amounts, share(multiplied, _whole(exact)), strict=True):
            bonus = min(came.bonuses[place], room)
            room -= bonus
            sums[place] = replace(
                _line_sum(money.lines[place], Decimal(amount).scaleb(-digits), part + bonus),
                factor=came.factors[place],
                bonus=bonus,
            )
    for place, line in enumerate(money.lines):
        if place not in sums:
            is_gift_card = place in money.gift_cards
            sums[place] = replace(_line_sum(line, ZERO, 0), excluded="gift_card" if is_gift_card else "rule")
    in_order = [sums[place] for place in range(len(money.lines))]
    if not bearers and counted > 0:  # the subtotal says more than the lines that do not count, the only ones named
        rest = min(_rounded(points * came.level_factor, earn), MAX_POINTS)
        in_order.append(LineSum(None, None, 1, total=counted, counted=counted, points=rest, factor=came.level_factor))
    return tuple(in_order)


def _whole(parts: Sequence[Fraction]) -> list[int]:
    """The parts in proportion, as whole numbers."""
    unit = lcm(*(part.denominator for part in parts))
    return [int(part * unit) for part in parts]


def _line_sum(line: OrderLine, counted: Decimal, points: int) -> LineSum:
    return LineSum(line.id, line.title, line.quantity, line.before_discount(), counted, points)


def _weights(lines: Sequence[OrderLine], counted: Decimal, earn: Earn, currency: str) -> tuple[list[int], int]:
    """Each line's own amount as a whole number of units of 10^-digits; pieces where no line has an amount.

    The units are fine enough for every amount here, so lines that add up to `counted` keep their own amounts.
    """
    own = [max(_own_amount(line, earn), ZERO) for line in lines]
    if not any(own):
        own = [Decimal(max(line.quantity, 1)) for line in lines]
    digits = max(_digits(amount) for amount in [quantum(currency), counted, *own])
    return [int(amount.scaleb(digits)) for amount in own], digits


def _own_amount(line: OrderLine, earn: Earn) -> Decimal:
    discount = line.discount if earn.base == "items_net" else None
    return line.before_discount() - (discount or ZERO)


def _digits(amount: Decimal) -> int:
    return max(-int(amount.as_tuple().exponent), 0)


def _amount_text(amount: Decimal, currency: str) -> str:
    """With the currency's own digits, or as many more as the amount has: "5.00", "0.3333", yen "500"."""
    short = amount.quantize(quantum(currency))
    return f"{short:f}" if short == amount else f"{amount.normalize():f}"


def _factor_text(factor: Fraction) -> str:
    """ "1.5", to four places."""
    return f"{(Decimal(factor.numerator) / factor.denominator).quantize(Decimal('0.0001')).normalize():f}"
