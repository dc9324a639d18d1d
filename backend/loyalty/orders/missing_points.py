""" "Where are my points?": what is known of an order becomes one reason, the way there, and what mends it. Pure.

    verdict(facts).sentence  # "The points of order #1001 become available on Nov 29, 2026."

`missing_points_reading.py` gathers the facts. Sentences are for the merchant's team, in English like all of the admin.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from babel.dates import format_date
from babel.numbers import format_decimal

Because = Literal[
    "never_arrived",
    "delivery_waiting",
    "delivery_failed",
    "delivery_rejected",
    "only_refund",
    "guest",
    "erased",
    "blocked",
    "disabled",
    "uninstalled",
    "other_currency",
    "pos",
    "cancelled",
    "returned",
    "voided",
    "refunded",
    "nothing_counts",
    "below_step",
    "not_paid",
    "not_shipped",
    "not_collected",
    "not_yet_due",
    "being_posted",
    "missing",
    "expired",
    "credited_less",
    "credited",
]
"""Stable: tests, and the page's colours, go by these."""
Outcome = Literal["yes", "no", "waits", "unknown"]
DeliveryState = Literal["waiting", "failed", "rejected"]

GOOD: frozenset[Because] = frozenset({"credited", "credited_less"})
WAITS: frozenset[Because] = frozenset(
    {"delivery_waiting", "not_paid", "not_shipped", "not_collected", "not_yet_due", "being_posted"}
)


@dataclass(frozen=True, slots=True)
class StuckDelivery:
    """A delivery about the order that was not handled."""

    id: int
    type: str | None
    state: DeliveryState
    error: str | None
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose the order is."""

    id: int
    status: str


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an order. `why` is its sum as `earning.why` writes it; points as the ledger has them."""

    called: str
    external_id: str
    placed_at: datetime
    counts_when: Literal["collected", "paid", "shipped"]
    received_at: datetime | None
    due_at: datetime | None
    expires_at: datetime | None
    first_shown: Mapping[str, datetime]
    payment_status: str | None
    delivery_status: str | None
    names_customer: bool
    should_have: int
    """The points that it should have brought by now, had it been received."""
    why: Mapping[str, Any]
    promised: int = 0
    pending: int = 0
    posted: int = 0
    taken_back: int = 0
    expired: int = 0
    posted_at: datetime | None = None
    available_after: int | None = None
    entry_id: int | None = None

    @property
    def stands(self) -> int:
        """What was given less what was taken back."""
        return self.promised - self.taken_back


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the verdict is made of."""

    asked: str
    now: datetime
    tz: ZoneInfo
    order: Known | None = None
    owner: Owner | None = None
    stuck: tuple[StuckDelivery, ...] = ()
    """Newest first."""
    has_refund: bool = False
    """A refund of an order of that id has arrived."""
    is_erased_customer: bool = False
    """The order names a customer who was erased."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way from the order to its points."""

    label: str
    outcome: Outcome
    detail: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Mend:
    """What can be done: have a delivery handled again, or give points by hand."""

    kind: Literal["replay", "assign"]
    delivery_id: int | None = None
    points: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The exact reason, in a sentence, with the way there."""

    because: Because
    sentence: str
    steps: tuple[Step, ...] = field(default=())
    mend: Mend | None = None


def verdict(facts: Facts) -> Verdict:
    """Why an order brought what it brought."""
    because, sentence, mend = _unknown(facts) if facts.order is None else _of(facts, facts.order)
    return Verdict(because, sentence, tuple(_steps(facts)), mend)


_Reason = tuple[Because, str, Mend | None]


def _unknown(facts: Facts) -> _Reason:
    if facts.stuck:
        return _stuck(facts.asked, facts.stuck[0])
    if facts.has_refund:
        return (
            "only_refund",
            f"A refund of order {facts.asked} arrived, but the order itself never did. The store has to send it again.",
            None,
        )
    return (
        "never_arrived",
        f"No order {facts.asked} has arrived. Look at the number, or have the store send the order again.",
        None,
    )


def _stuck(called: str, delivery: StuckDelivery) -> _Reason:
    what = f"What the store told of order {called}"
    said = f" {_sentence(delivery.error)}" if delivery.error else ""
    mend = Mend("replay", delivery_id=delivery.id)
    match delivery.state:
        case "failed":
            return "delivery_failed", f"{what} arrived but could not be handled.{said}", mend
        case "rejected":
            return "delivery_rejected", f"{what} was refused, because it is not as agreed.{said}", mend
        case "waiting":
            return "delivery_waiting", f"{what} has arrived and is about to be handled.", None


def _of(facts: Facts, order: Known) -> _Reason:
    """The first of these that holds. What can never change comes before what only waits."""
    return (
        _of_owner(facts, order)
        or _of_note(facts, order)
        or _of_sum(order)
        or _of_receipt(facts, order)
        or _of_ledger(facts, order)
    )


def _of_owner(facts: Facts, order: Known) -> _Reason | None:
    if facts.owner is None:
        if facts.is_erased_customer:
            return (
                "erased",
                f"The customer of order {order.called} has been erased, so nobody can have its points.",
                None,
            )
        if order.names_customer:
            return None
        return (
            "guest",
            f"Order {order.called} was made without an account. Its points wait until the store says that an account has"
            " the e-mail address it was made with, and that the address is verified.",
            None,
        )
    if facts.owner.status == "erased":
        return "erased", f"The customer of order {order.called} has been erased, so nobody can have its points.", None
    if facts.owner.status == "blocked" and order.stands == 0:
        return "blocked", f"The customer of order {order.called} is blocked and gets no points.", None
    return None


def _of_note(facts: Facts, order: Known) -> _Reason | None:
    back = _taken_back(order)
    match order.why.get("note"):
        case "disabled":
            return "disabled", f"The program was switched off when order {order.called} was made.", None
        case "uninstalled":
            placed = _day(order.placed_at, facts.tz)
            return (
                "uninstalled",
                f"Order {order.called} was made on {placed}, while the app was not installed in the store.",
                None,
            )
        case "other_currency":
            currency = order.why.get("currency")
            return (
                "other_currency",
                f"Order {order.called} is in {currency}. Only orders in the shop's own currency earn points.",
                None,
            )
        case "pos":
            return "pos", f"Order {order.called} was made at a till, and the program gives points online only.", None
        case "cancelled":
            return "cancelled", f"Order {order.called} was cancelled.{back}", None
        case "returned":
            return "returned", f"The parcel of order {order.called} came back to the store.{back}", None
        case "voided":
            return "voided", f"The payment of order {order.called} was voided.{back}", None
        case "refunded":
            return "refunded", f"Order {order.called} was refunded.{back}", None
    return None


def _of_sum(order: Known) -> _Reason | None:
    if order.should_have > 0 or order.why.get("points", 0) > 0:
        return None
    counted, currency = str(order.why.get("counted", "0")), order.why.get("currency", "")
    if not counted.strip("0."):
        left_out = ", ".join(_left_out(each["what"]) for each in order.why.get("excluded", ()))
        said = f": what it has does not count ({left_out})" if left_out else ""
        return "nothing_counts", f"Nothing of order {order.called} earns points{said}.", None
    return (
        "below_step",
        f"Of order {order.called} {counted} {currency} count, and the program gives"
        f" {_points(order.why.get('points_per_step', 0))} for every {order.why.get('spend_step')}: that is too little"
        " for one.",
        None,
    )


def _of_receipt(facts: Facts, order: Known) -> _Reason | None:
    if order.received_at is not None:
        return None
    if facts.stuck:
        return _stuck(order.called, facts.stuck[0])
    will = f"Then it brings {_points(order.should_have)}."
    match order.counts_when:
        case "paid":
            return "not_paid", f"The store has not said that order {order.called} is paid. {will}", None
        case "shipped":
            return "not_shipped", f"The store has not said that order {order.called} is shipped. {will}", None
        case "collected":
            said = f" It said {order.delivery_status}." if order.delivery_status not in (None, "pending") else ""
            return (
                "not_collected",
                f"The store has not said that order {order.called} was collected.{said} {will}",
                None,
            )


def _of_ledger(facts: Facts, order: Known) -> _Reason:
    missing = order.should_have - order.stands
    if order.expired == 0 and missing > 0:
        if facts.stuck:
            return _stuck(order.called, facts.stuck[0])
        return (
            "missing",
            f"Order {order.called} should have brought {_points(order.should_have)}, and"
            f" {format_decimal(order.stands, locale='en')} stand in the account. {_points(missing)} are missing.",
            Mend("assign", points=missing, reason=f"Missing points of order {order.called}"),
        )
    if order.pending > 0 and order.due_at is not None:
        if order.due_at > facts.now:
            return (
                "not_yet_due",
                f"The {_points(order.pending)} of order {order.called} become available on"
                f" {_day(order.due_at, facts.tz)}.",
                None,
            )
        return (
            "being_posted",
            f"The {_points(order.pending)} of order {order.called} are due and become available in a moment.",
            None,
        )
    given = _day(order.posted_at, facts.tz) if order.posted_at is not None else ""
    if order.expired > 0:
        when = f" on {_day(order.expires_at, facts.tz)}" if order.expires_at is not None else ""
        return (
            "expired",
            f"Order {order.called} brought {_points(order.posted)} on {given}. {_points(order.expired)} ended"
            f" unspent{when}.",
            None,
        )
    if order.taken_back > 0:
        return (
            "credited_less",
            f"Order {order.called} brought {_points(order.promised)}, and {_points(order.taken_back)} were taken back:"
            f" it was refunded in part, or changed. {_points(order.stands)} stand.",
            None,
        )
    return "credited", f"Order {order.called} brought {_points(order.posted)} on {given}.", None


def _steps(facts: Facts) -> list[Step]:
    order = facts.order
    stuck = facts.stuck[0] if facts.stuck else None
    if order is None:
        if stuck is None:
            return [Step("The store told of it", "no", "Nothing has arrived.")]
        outcome: Outcome = "waits" if stuck.state == "waiting" else "no"
        return [
            Step("The store told of it", "yes", stuck.type or "", stuck.received_at),
            Step("It was understood", outcome, stuck.error or "", None),
        ]
    steps = [
        Step(
            "The order was made",
            "yes",
            f"By the program's version {order.why.get('program_version')}.",
            order.placed_at,
        )
    ]
    if stuck is not None:
        steps.append(
            Step(
                "The newest word of it was understood",
                "waits" if stuck.state == "waiting" else "no",
                stuck.error or stuck.type or "",
                stuck.received_at,
            )
        )
    steps.append(_owner_step(facts, order))
    points = order.why.get("points", 0)
    note = order.why.get("note")
    steps.append(
        Step(
            "It earns points",
            "yes" if points > 0 and note is None else "no",
            f"{order.why.get('counted')} {order.why.get('currency')} count and come to {_points(points)}.",
        )
    )
    steps += _milestones(order)
    if order.due_at is not None:
        steps.append(Step("Its points' day", "yes" if order.due_at <= facts.now else "waits", "", order.due_at))
    if order.posted:
        after = f" {_points(order.available_after)} were available then." if order.available_after is not None else ""
        steps.append(Step("Points became available", "yes", f"{_points(order.posted)}.{after}", order.posted_at))
    elif order.pending:
        steps.append(Step("Points became available", "waits", f"{_points(order.pending)} wait for their day."))
    if order.taken_back:
        steps.append(Step("Points were taken back", "no", f"{_points(order.taken_back)}."))
    if order.expired:
        steps.append(Step("Points ended unspent", "no", f"{_points(order.expired)}.", order.expires_at))
    return steps


def _owner_step(facts: Facts, order: Known) -> Step:
    if facts.owner is None:
        if facts.is_erased_customer:
            return Step("It has a customer", "no", "The customer was erased.")
        return Step("It has a customer", "no", "It was made as a guest.")
    words = {"active": "", "erased": "The customer was erased.", "blocked": "The customer is blocked."}
    return Step(
        "It has a customer", "yes" if facts.owner.status == "active" else "no", words.get(facts.owner.status, "")
    )


def _milestones(order: Known) -> list[Step]:
    names = {
        "paid": "It was paid",
        "shipped": "It was shipped",
        "arrived": "It arrived",
        "collected": "It was collected",
    }
    steps = []
    for fact, label in names.items():
        decides = fact == order.counts_when
        if fact in order.first_shown:
            at = order.received_at if decides and order.received_at is not None else order.first_shown[fact]
            steps.append(Step(label, "yes", "From here its points' days are counted." if decides else "", at))
        elif decides:
            counts_by_arrival = order.received_at is not None
            detail = "The arrival counted." if counts_by_arrival else "The store has not said so."
            steps.append(Step(label, "unknown" if counts_by_arrival else "waits", detail))
    if "cancelled" in order.first_shown:
        steps.append(Step("It was cancelled", "no", "", order.first_shown["cancelled"]))
    return steps


def _taken_back(order: Known) -> str:
    if order.taken_back:
        return f" {_points(order.taken_back)} that it had brought were taken back."
    return " It brought no points before that." if not order.promised else ""


_LEFT_OUT = {
    "gift_cards": "gift cards",
    "excluded_items": "items that the program leaves out",
    "discounts": "discounts",
    "paid_with_points": "the part paid with points",
    "shipping": "delivery",
    "fees": "fees",
    "tax": "tax",
}


def _left_out(what: str) -> str:
    return _LEFT_OUT.get(what, what)


def _points(count: int) -> str:
    return "1 point" if count == 1 else f"{format_decimal(count, locale='en')} points"


def _day(at: datetime, tz: ZoneInfo) -> str:
    return format_date(at.astimezone(tz).date(), "medium", locale="en")


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
