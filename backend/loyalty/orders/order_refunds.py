"""What refunds take back of an order's sum, line by line. Pure."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

from backend.loyalty.orders.order_sums import LineSum, Note, OrderSum, Refund, RefundLine, Sum


def after_refunds(made: Sum, refunds: Iterable[Refund], *, fully_refunded: bool = False) -> Sum:
    """The sum with what the refunds took back, line by line and never recomputed with another rule.

    A line gives back its points × refunded amount / its total, rounded down over all refunds together, and all of them
    at the full amount or quantity. So the order of refunds and repeats of one do not matter, and refunds that add up to
    everything take exactly everything. A refund without lines takes nothing unless the order is `fully_refunded`.
    """
    if fully_refunded:
        return undone(made, "refunded")
    gone = _gone(made, refunds)
    lines = tuple(replace(line, taken_back=gone[line.id].points_of(line)) for line in made.lines)
    result = replace(made, lines=lines)
    return replace(result, note="refunded") if made.points > 0 and result.target == 0 else result


def undone(made: Sum, note: Note) -> Sum:
    """The sum of an order that came to nothing: every line gives all of its points back."""
    lines = tuple(replace(line, taken_back=line.points) for line in made.lines)
    return replace(made, lines=lines, note=made.note or note)


def stands(made: Sum, order: OrderSum, refunds: Iterable[Refund]) -> bool:
    """Whether anything is left of the order, whatever it earned: not cancelled, voided, returned or wholly refunded."""
    if order.cancelled or order.returned or order.payment_status in ("voided", "refunded"):
        return False
    gone = _gone(made, refunds)
    return not all(line.id in gone and gone[line.id].is_all_of(line) for line in made.lines)


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

    def is_all_of(self, line: LineSum) -> bool:
        return self.quantity >= max(line.quantity, 1) or (line.total > 0 and self.amount >= Fraction(line.total))


def _gone(made: Sum, refunds: Iterable[Refund]) -> dict[str | None, _Gone]:
    known = {line.id: line for line in made.lines}
    gone: dict[str | None, _Gone] = defaultdict(_Gone)
    for refund in {refund.id: refund for refund in sorted(refunds, key=repr)}.values():
        for part in refund.lines:
            line = known.get(part.line_item_id) or known.get(None)  # an order without lines is one line
            if line is not None:
                gone[line.id].add(part, line)
    return gone
