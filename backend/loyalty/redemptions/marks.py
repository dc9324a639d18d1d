"""What a merchant marks on a redemption: that it was used, how far the delivery of a gift is (S1.10 to S1.16, S1.42), and
what whoever pays a cashback out has said (S1.38)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from backend.errors import Conflict, NotFound
from backend.ledger.posting import AnySession
from backend.loyalty.redemptions import endings, issuing
from backend.loyalty.redemptions.endings import CASHBACK
from backend.loyalty.shops.shops import ShopFacts
from backend.models import Redemption

UseState = Literal["delivered", "used"]
DeliveryStatus = Literal["ordered", "shipped", "delivered", "canceled"]
_STEPS: tuple[DeliveryStatus, ...] = ("ordered", "shipped", "delivered", "canceled")
_FURTHER: Mapping[str | None, tuple[str, ...]] = {
    "ordered": ("ordered", "shipped", "delivered"),
    "shipped": ("shipped", "delivered"),
    "delivered": ("delivered",),
    "canceled": (),
}
"""A gift's delivery goes on, never back; canceled may be set at any time (S1.42)."""


def mark(
    session: AnySession,
    shop: ShopFacts,
    redemption_id: int,
    now: datetime,
    use_state: UseState | None = None,
    delivery_status: DeliveryStatus | None = None,
) -> Redemption:
    """A merchant says that a reward was used or was not, or how far a gift's delivery is.

    Raises NotFound; Conflict `not_active` (S1.12: only while it is issued; S1.13: never once expired),
    `delivery_status_not_allowed` (S1.15, S1.35, S1.36).
    """
    if session.get(Redemption, (shop.id, redemption_id)) is None:
        raise NotFound()
    redemption = issuing.locked(session, shop.id, redemption_id)
    if redemption.status != "issued" or redemption.ending is not None or endings.has_run_out(redemption, now):
        raise Conflict("Only an active reward can be marked, and this one is over or not there yet.", code="not_active")
    if use_state is not None and use_state != redemption.use_state:
        if redemption.frozen["type"] == CASHBACK:
            raise Conflict("Cashback is used by the order that carries its code.", code="not_active")
        if endings.are_days_over(redemption, now):  # without its mark it would end at once, for good
            raise Conflict("Its days are over: what was used in them stays used.", code="not_active")
        order = issuing.first_order(session, redemption) if use_state == "used" else None
        redemption.use_state = use_state
        redemption.used_at = (order.placed_at if order else now) if use_state == "used" else None
        redemption.order_id = order.order_id if order else None
        redemption.delivery_status = "ordered" if use_state == "used" else None  # S1.14
    if delivery_status is not None and delivery_status != redemption.delivery_status:
        _deliver(redemption, delivery_status)
    session.flush()
    return redemption


def note_payout(
    session: AnySession, shop: ShopFacts, redemption_id: int, provider: str, code: str, message: str
) -> Redemption:
    """A provider that pays the cashback out has said this of it, in place of what it said before. It is kept as it came
    and decides nothing (A8), so it may come at any time.

    Raises NotFound; Conflict `not_cashback`: everything else has a dash (S1.37).
    """
    if session.get(Redemption, (shop.id, redemption_id)) is None:
        raise NotFound()
    redemption = issuing.locked(session, shop.id, redemption_id)
    if redemption.frozen["type"] != CASHBACK:
        raise Conflict("Only cashback is paid out by a provider.", code="not_cashback")
    redemption.frozen = {**redemption.frozen, "payout": {"provider": provider, "code": code, "message": message}}
    session.flush()
    return redemption


def next_steps(reward_type: str, use_state: str, delivery_status: str | None) -> tuple[DeliveryStatus, ...]:
    """What a delivery can be set to now, besides what it is. Nothing but a used gift is delivered (S1.15, S1.35, S1.36)."""
    if reward_type != "gift" or use_state != "used":
        return ()
    onwards = (*_FURTHER[delivery_status], "canceled")
    return tuple(step for step in _STEPS if step in onwards and step != delivery_status)


def _deliver(redemption: Redemption, delivery_status: DeliveryStatus) -> None:
    is_gift = redemption.frozen["type"] == "gift"
    if redemption.use_state != "used":
        raise _not_deliverable("Mark the reward as used first: its delivery begins with that.")
    if not is_gift and delivery_status != "ordered":
        raise _not_deliverable("Only a gift is delivered: everything else stays ordered.")
    if delivery_status != "canceled" and delivery_status not in _FURTHER[redemption.delivery_status]:
        raise _not_deliverable(f"A delivery that is {redemption.delivery_status} cannot become {delivery_status}.")
    redemption.delivery_status = delivery_status


def _not_deliverable(sentence: str) -> Conflict:
    return Conflict(sentence, code="delivery_status_not_allowed")
