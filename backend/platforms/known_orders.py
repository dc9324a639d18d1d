"""What is known of an order, from its states in whatever order they came (contract section 3).

`learn` is commutative, associative and idempotent: the same states in any order, any number of times, end in an equal
`KnownOrder`. So no delivery has to be waited for and none does harm twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from backend.platforms.events import (
    OrderSeen,
    OrderState,
    delivery_rank,
    newness,
    order_from_document,
    time_text,
    to_document,
)

# A fact and what shows it. Further statuses show the earlier ones, except: a parcel that came back need not have
# arrived anywhere, and a voided payment was never made.
_ARRIVED = ("arrived", "collected")
_PAID = ("paid", "partially_refunded", "refunded")
_OPTIONAL = tuple(field.name for field in fields(OrderState) if field.default is None)


@dataclass(frozen=True)
class KnownOrder:
    """The states that still say something, newest first, and when each fact was first shown.

    `first_shown` maps `paid`, `shipped`, `arrived`, `collected`, `cancelled` to the earliest envelope time that shows
    it: what stands in for a missing `collected_at`.
    """

    states: tuple[OrderSeen, ...]
    first_shown: Mapping[str, datetime]

    @property
    def newest(self) -> OrderSeen:
        return self.states[0]

    @cached_property
    def order(self) -> OrderState:
        """The order as it is now: the newest state; what that one does not say, as the newest one that says it.

        Once collected or cancelled stays so, and both have their time. Lines of an older state count only with the
        subtotal that they were said with: after an edit without lines the order is one line.
        """
        order = self.newest.order
        for name in _OPTIONAL:
            if getattr(order, name) is None and (said := self._said(name)) is not None:
                order = replace(order, **{name: said})
        if "collected" in self.first_shown:
            order = replace(order, collected_at=order.collected_at or self.first_shown["collected"])
            if delivery_rank(order.delivery_status) < delivery_rank("collected"):
                order = replace(order, delivery_status="collected")
        if "arrived" in self.first_shown:
            shown = self.first_shown["arrived"]
            order = replace(order, arrived_at=order.arrived_at or min(shown, order.collected_at or shown))
        if "cancelled" in self.first_shown:
            order = replace(order, cancelled_at=order.cancelled_at or self.first_shown["cancelled"])
        return order

    def _said(self, name: str) -> Any:
        for seen in self.states:
            if (value := getattr(seen.order, name)) is not None:
                is_outdated = name == "lines" and seen.order.subtotal != self.newest.order.subtotal
                return None if is_outdated else value
        return None


def learn(known: KnownOrder | None, seen: OrderSeen) -> KnownOrder:
    """What is known after one more state. A state known already, or older and with nothing to add, changes nothing."""
    states = {newness(each.order, each.at): each for each in ((*known.states, seen) if known else (seen,))}
    kept: list[OrderSeen] = []
    said: set[str] = set()
    for place in sorted(states, reverse=True):
        says = {name for name in _OPTIONAL if getattr(states[place].order, name) is not None}
        if not kept or says - said:
            kept.append(states[place])
            said |= says
    shown = dict(known.first_shown) if known else {}
    for fact in facts(seen.order):
        shown[fact] = min(seen.at, shown.get(fact, seen.at))
    return KnownOrder(tuple(kept), shown)


def facts(order: OrderState) -> list[str]:
    """What a single state shows to have happened."""
    status = order.delivery_status
    claims = {
        "paid": order.payment_status in _PAID,
        "shipped": delivery_rank(status) >= delivery_rank("shipped"),
        "arrived": status in _ARRIVED or order.arrived_at is not None,
        "collected": status == "collected" or order.collected_at is not None,
        "cancelled": order.cancelled_at is not None,
    }
    return [fact for fact, is_shown in claims.items() if is_shown]


def known_to_document(known: KnownOrder) -> dict[str, Any]:
    """What is known as plain JSON values, for the order's column. Holds no personal data but a guest's e-mail."""
    return {
        "states": [{"at": time_text(seen.at), "order": to_document(seen.order)} for seen in known.states],
        "first_shown": {fact: time_text(at) for fact, at in sorted(known.first_shown.items())},
    }


def known_from_document(document: Mapping[str, Any]) -> KnownOrder:
    return KnownOrder(
        states=tuple(
            OrderSeen(order_from_document(state["order"]), datetime.fromisoformat(state["at"]))
            for state in document["states"]
        ),
        first_shown={fact: datetime.fromisoformat(at) for fact, at in document["first_shown"].items()},
    )
