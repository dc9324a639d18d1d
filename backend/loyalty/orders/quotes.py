"""What a cart would earn if it were bought now, for pages that say so before there is an order.

The sum is made by the rule for orders and by nothing else, so that no page promises what the order does not bring. Pure.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from backend.loyalty.orders import earning
from backend.loyalty.orders.order_rules import Terms
from backend.loyalty.orders.order_sums import OrderLine, OrderSum, Sum
from backend.loyalty.program.settings import Earn, ProgramSettings
from backend.money import quantum

MOST_DOUBLINGS = 6
"""How far the next point is looked for: 64 steps of the program. What is farther away is no reason to spend more."""
_MORE = "what is spent more"


@dataclass(frozen=True, slots=True)
class Cart:
    """What is to be bought. `total` is what is paid in all, if the page knows it; a cart may be known by it alone."""

    currency: str
    lines: tuple[OrderLine, ...] = ()
    total: Decimal | None = None
    discount: Decimal | None = None

    @property
    def subtotal(self) -> Decimal:
        if not self.lines:
            return self.total or Decimal(0)
        return sum((line.before_discount() for line in self.lines), Decimal(0))


@dataclass(frozen=True, slots=True)
class NextPoints:
    """`amount` more in the cart brings `points` in all."""

    amount: Decimal
    points: int


@dataclass(frozen=True, slots=True)
class Quote:
    points: int
    next: NextPoints | None
    """None: nothing more that could be spent is near enough to earn more."""


def quote(cart: Cart, settings: ProgramSettings, *, shop_currency: str, tier: str | None = None, at: datetime) -> Quote:
    """What an order of this cart earns, made at `at` by somebody of that level, and the least more that earns more.

    Rules that are open to some members alone are left out: who asks is nobody in particular.
    """
    levels = settings.tiers.levels if settings.tiers is not None else ()
    factor = next((each.multiplier for each in levels if each.id == tier), None)
    terms = Terms.of(settings, at, level=tier, factor=factor)
    unit = quantum(cart.currency)

    def with_more(units: int) -> Sum:
        return _earned(_and(cart, units * unit), settings, terms, shop_currency)

    now = with_more(0)
    found = _least(lambda units: with_more(units).points > now.points, _steps_end(now, unit), settings.earn, unit)
    if found is None:
        return Quote(now.points, None)
    return Quote(now.points, NextPoints(found * unit, with_more(found).points))


def _earned(cart: Cart, settings: ProgramSettings, terms: Terms, shop_currency: str) -> Sum:
    order = OrderSum(
        currency=cart.currency,
        subtotal=cart.subtotal,
        discount_total=cart.discount,
        total=cart.total,
        lines=cart.lines,
    )
    return earning.earned(order, settings.earn, shop_currency=shop_currency, enabled=settings.enabled, terms=terms)


def _least(is_enough: Callable[[int], bool], guess: int, earn: Earn, unit: Decimal) -> int | None:
    """The fewest units that are enough. Mostly the guess is right, and that is known after looking twice."""
    too_few, enough = 0, None
    for units in (guess, guess - 1):
        if units > too_few and is_enough(units):
            enough = units
        else:
            too_few = max(too_few, units)
            break
    units = max(guess, int(earn.spend_step / unit), 1)
    for _ in range(0 if enough else MOST_DOUBLINGS):
        units *= 2
        if is_enough(units):
            enough = units
            break
        too_few = units
    while enough is not None and enough - too_few > 1:
        between = (too_few + enough) // 2
        if is_enough(between):
            enough = between
        else:
            too_few = between
    return enough


def _steps_end(made: Sum, unit: Decimal) -> int:
    """How many units the step that the sum is in has left, if nothing multiplies it."""
    step = made.earn.spend_step
    over = made.counted % step
    match made.earn.round:
        case "floor":
            left = step - over
        case "nearest":
            left = step / 2 - over if over < step / 2 else step * 3 / 2 - over
        case "ceil":
            left = (step - over if over else Decimal(0)) + unit
    return max(1, int(-(-left // unit)))


def _and(cart: Cart, amount: Decimal) -> Cart:
    """The cart with something more in it that no rule names."""
    more = OrderLine(id=_MORE, total=amount)
    known = cart.lines or (OrderLine(id=None, total=cart.subtotal),)
    return replace(cart, lines=(*known, more), total=None if cart.total is None else cart.total + amount)
