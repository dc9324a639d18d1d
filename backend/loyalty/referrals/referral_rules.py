"""Which referral counts, and why not: pure, no clock, no database."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from backend.loyalty.program.settings import Referral, ReferralCaps
from backend.loyalty.referrals.referral_facts import Counted, Pair, Received

Reason = Literal["self", "cycle", "existing", "erased", "off", "cap", "refunded", "review"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a claim does not count, and which signal said so. No reason: it counts."""

    reason: Reason | None = None
    evidence: dict[str, Any] = field(default_factory=dict)


COUNTS = Verdict()


def judge(pair: Pair, *, is_on: bool, is_settled: bool) -> Verdict:
    """Whether the two of a claim may be advocate and friend. `is_on`: the program had referrals at that moment;
    `is_settled`: the friend has qualified already, so that an erasure changes nothing any more."""
    same = {
        "account": pair.is_same_account,
        "email": pair.has_same_email,
        "phone": pair.has_same_phone,
        "merged": pair.was_merged,
    }
    if any(same.values()):
        return Verdict("self", {"signals": [name for name, is_so in same.items() if is_so]})
    if pair.is_ring:
        return Verdict("cycle", {"signals": ["ring"]})
    if not is_on:
        return Verdict("off")
    known = {"order": pair.has_ordered, "account_age": pair.is_older_account, "older_account": pair.has_older_account}
    if any(known.values()):
        return Verdict("existing", {"signals": [name for name, is_so in known.items() if is_so]})
    if pair.is_erased and not is_settled:
        return Verdict("erased")
    return COUNTS


def over(caps: ReferralCaps, counted: Counted) -> Verdict:
    """Whether the advocate has brought as many friends as bring something."""
    for name, most, many in (
        ("per_day", caps.per_day, counted.day),
        ("per_month", caps.per_month, counted.month),
        ("total", caps.total, counted.total),
    ):
        if most is not None and many >= most:
            return Verdict("cap", {"cap": name, "most": most})
    return COUNTS


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the friend is. `at`: the moment at which they qualified; None: not yet, or not any more (`is_undone`)."""

    at: datetime | None = None
    order_id: int | None = None
    is_undone: bool = False


def progress(settings: Referral, claimed_at: datetime, orders: list[Received]) -> Progress:
    """`registered`: by signing up. `first_order`: the first order that was received decides, and if it comes back it
    decided against it. `every_order`: the first one of those that stand."""
    if settings.reward_when == "registered":
        return Progress(claimed_at)
    if settings.reward_when == "every_order":
        standing = [order for order in orders if order.stands]
        deciding = standing[0] if standing else None
    else:
        deciding = orders[0] if orders and orders[0].stands else None
    if deciding is None:
        return Progress(order_id=orders[0].order_id if orders else None, is_undone=bool(orders))
    return Progress(deciding.received_at, deciding.order_id)


@dataclass(frozen=True, slots=True)
class Part:
    """What one side is to get of a referral, from a moment on."""

    name: str
    member_id: int
    at: datetime
    points: int
    reward: str | None
    order_id: int | None = None


def parts(
    settings: Referral, advocate_id: int, friend_id: int, found: Progress, orders: list[Received]
) -> dict[str, Part]:
    """What both get once the friend has qualified, by name. A side that gets nothing is left out."""
    assert found.at is not None
    given = [Part("friend", friend_id, found.at, settings.friend.points, settings.friend.reward, found.order_id)]
    mine = settings.advocate
    if settings.reward_when == "every_order":
        given += [
            Part(f"order:{order.order_id}", advocate_id, order.received_at, mine.points, mine.reward, order.order_id)
            for order in orders
            if order.stands
        ]
    else:
        given.append(Part("advocate", advocate_id, found.at, mine.points, mine.reward, found.order_id))
    return {part.name: part for part in given if part.points or part.reward}
