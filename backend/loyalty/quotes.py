"""What a cart would earn if it were bought now, for pages that say so before there is an order.

The sum is made by the rule for orders and by nothing else, so that no page promises what the order does not bring. Pure.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from backend.loyalty import earning
from backend.loyalty.order_rules import Terms
from backend.loyalty.order_sums import OrderLine, OrderSum
from backend.loyalty.settings import ProgramSettings
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


def points(cart: Cart, settings: ProgramSettings, *, shop_currency: str, tier: str | None = None, at: datetime) -> int:
    """The points of an order of this cart, made at `at` by somebody of that level.

    Rules that are open to some members alone are left out: who asks is nobody in particular.
    """
    levels = settings.tiers.levels if settings.tiers is not None else ()
    factor = next((each.multiplier for each in levels if each.id == tier), None)
    return earning.earned(
        OrderSum(
            currency=cart.currency,
            subtotal=cart.subtotal,
            discount_total=cart.discount,
            total=cart.total,
            lines=cart.lines,
        ),
        settings.earn,
        shop_currency=shop_currency,
        enabled=settings.enabled,
        terms=Terms.of(settings, at, level=tier, factor=factor),
    ).points


def next_points(
    cart: Cart, settings: ProgramSettings, *, shop_currency: str, tier: str | None = None, at: datetime
) -> NextPoints | None:
    """The least that can be spent more, on anything, to earn more; None if that is nowhere near."""

    def with_more(units: int) -> int:
        return points(_and(cart, units * unit), settings, shop_currency=shop_currency, tier=tier, at=at)

    unit = quantum(cart.currency)
    now = with_more(0)
    most = max(1, int(settings.earn.spend_step / unit))
    for _ in range(MOST_DOUBLINGS):
        if with_more(most) > now:
            break
        most *= 2
    else:
        return None
    too_little = 0
    while most - too_little > 1:
        between = (too_little + most) // 2
        if with_more(between) > now:
            most = between
        else:
            too_little = between
    return NextPoints(most * unit, with_more(most))


def _and(cart: Cart, amount: Decimal) -> Cart:
    """The cart with something more in it that no rule names."""
    more = OrderLine(id=_MORE, total=amount)
    known = cart.lines or (OrderLine(id=None, total=cart.subtotal),)
    return replace(cart, lines=(*known, more), total=None if cart.total is None else cart.total + amount)
