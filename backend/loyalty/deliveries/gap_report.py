"""What is missing or stuck between a store and its shop here, each with since when and what mends it.

A platform that can be asked for its orders adds a `Source` of its own to `OF_PLATFORM`. The `custom` platform has nothing
that could be asked: gaps in the orders' numbers are all that can be seen of orders that never came.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, islice, pairwise
from typing import Any, Literal

from sqlalchemy import select, text

from backend.ledger.posting import AnySession
from backend.loyalty.orders import awards
from backend.loyalty.shops.shops import ShopFacts
from backend.models import Order
from backend.platforms.known_orders import known_from_document

Kind = Literal[
    "app_access",
    "not_compared",
    "untold",
    "order_not_read",
    "order_missing",
    "delivery_failed",
    "delivery_rejected",
    "delivery_waiting",
    "not_credited",
    "refund_without_order",
    "given_up",
    "code_lost",
    "customer_data",
    "endpoint_paused",
]
TITLES: Mapping[Kind, tuple[str, str]] = {
    "app_access": ("What Shopify does not let the app do", "Without it orders and codes wait."),
    "not_compared": (
        "Orders that are not compared",
        "Every 15 minutes the orders that changed at Shopify are compared with those here. If this lasts, lost webhooks stay"
        " lost.",
    ),
    "untold": (
        "Webhooks that did not come",
        "Comparing has found these orders and they count as all others do, later. If it goes on, webhooks are off: deploy the"
        " app's configuration again (docs/shopify.md), and see in the Dev Dashboard what became of its webhooks.",
    ),
    "order_not_read": (
        "Orders that Shopify has and could not be read",
        "They are asked for again by themselves for 3 days, and at once if you ask Shopify now.",
    ),
    "delivery_failed": (
        "Deliveries that failed",
        "They are tried again by themselves for 3 days, and at once if you say so.",
    ),
    "delivery_rejected": (
        "Deliveries that were refused",
        "What they said was not as agreed. The store has to send it right.",
    ),
    "delivery_waiting": ("Deliveries that wait for long", "If these grow, no worker is running."),
    "not_credited": (
        "Collected orders without points",
        "They should have brought points, and nothing stands in the account.",
    ),
    "order_missing": (
        "Order numbers that never came",
        "Numbers between those of orders that arrived. Drafts and deleted orders leave such gaps, too.",
    ),
    "refund_without_order": ("Refunds without their order", "They take effect once the order arrives."),
    "given_up": ("Messages that were given up", "Mails, codes and webhooks that could not be sent."),
    "code_lost": (
        "Codes that do not work at Shopify",
        "What is missing there is made again by itself; these need somebody to look.",
    ),
    "customer_data": (
        "What customers at Shopify do not see",
        "Their points and level are not written there. Orders, points and codes do not depend on it.",
    ),
    "endpoint_paused": ("Endpoints that are paused", "What happens is held for them."),
}
"""In the order in which people should look, with what to think of it."""
LOOKS_BACK = timedelta(days=60)
LATE = timedelta(minutes=10)
MOST = 100
"""Findings of one kind that are shown."""
LOOKED_AT = 2000
"""Of the newest orders."""
LONGEST_GAP = 50
"""A longer run of missing numbers is a new range of numbers and not a gap."""

_NUMBER = re.compile(r"(.*?)([0-9]{1,15})")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be. The ids say what can be opened, or replayed."""

    kind: Kind
    subject: str
    said: str
    since: datetime | None
    delivery_id: int | None = None
    order: str | None = None
    """As the page "Missing points?" takes it."""
    endpoint_id: int | None = None
    message_id: int | None = None


@dataclass(frozen=True, slots=True)
class Looking:
    """Where and when is looked. `now` is the business clock, `wall` the machine's."""

    session: AnySession
    shop: ShopFacts
    now: datetime
    wall: datetime


Source = Callable[[Looking], Iterable[Finding]]
"""Yields findings of one kind or more, those that matter most first; it may yield more than are shown."""
OF_PLATFORM: dict[str, tuple[Source, ...]] = {}
"""Further sources, by the shop's platform."""


@dataclass(frozen=True, slots=True)
class Section:
    """All findings of one kind. `is_cut`: there are more."""

    kind: Kind
    title: str
    note: str
    findings: Sequence[Finding]
    is_cut: bool


def report(looking: Looking) -> list[Section]:
    """Every finding, kind by kind; kinds without any are left out."""
    found: dict[Kind, list[Finding]] = {}
    for source in (*SOURCES, *OF_PLATFORM.get(looking.shop.platform, ())):
        for finding in islice(source(looking), MOST + 1):
            found.setdefault(finding.kind, []).append(finding)
    return [
        Section(kind, title, note, found[kind][:MOST], len(found[kind]) > MOST)
        for kind, (title, note) in TITLES.items()
        if kind in found
    ]


def missing_numbers(numbers: Mapping[str, datetime], settled: datetime) -> list[tuple[str, datetime]]:
    """The numbers between those that are there, with when the next one that is there was made; newest first. Pure.

    Numbers are compared within what stands before their digits. What comes right before an order made after `settled` may
    still be on its way.
    """
    runs: dict[str, list[tuple[int, int, datetime]]] = {}
    for number, at in numbers.items():
        if (parts := _NUMBER.fullmatch(number)) is not None:
            runs.setdefault(parts[1], []).append((int(parts[2]), len(parts[2]), at))
    missing = []
    for prefix, run in runs.items():
        for (low, _, _), (high, width, at) in pairwise(sorted(run)):
            if 1 < high - low <= LONGEST_GAP + 1 and at <= settled:
                missing += [(f"{prefix}{each:0{width}d}", at) for each in range(low + 1, high)]
    return sorted(missing, key=_by_age, reverse=True)


def _by_age(missing: tuple[str, datetime]) -> tuple[datetime, str]:
    number, at = missing
    return at, number


def _failed(looking: Looking) -> Iterable[Finding]:
    for row in _deliveries(looking, "state = 'failed'"):
        yield Finding(
            "delivery_failed",
            _called(row),
            row.error or "It could not be handled.",
            row.received_at,
            delivery_id=row.id,
        )


def _rejected(looking: Looking) -> Iterable[Finding]:
    for row in _deliveries(looking, "state = 'rejected'"):
        if row.received_at >= looking.now - LOOKS_BACK:
            yield Finding(
                "delivery_rejected",
                _called(row),
                row.error or "It was not as agreed.",
                row.received_at,
                delivery_id=row.id,
            )


def _waiting(looking: Looking) -> Iterable[Finding]:
    late = f"state = 'received' and next_try_at <= :wall - interval '{int(LATE.total_seconds())} seconds'"
    for row in _deliveries(looking, late):
        yield Finding(
            "delivery_waiting", _called(row), "It has not been handled yet.", row.received_at, delivery_id=row.id
        )


def _deliveries(looking: Looking, condition: str) -> Sequence[Any]:
    return looking.session.execute(
        text(
            "select id, delivery_id, type, error, received_at from delivery"  # noqa: S608 - our own words
            f" where shop_id = :shop and {condition} order by id desc limit :most"
        ),
        {"shop": looking.shop.id, "wall": looking.wall, "most": MOST + 1},
    ).all()


def _called(row: Any) -> str:
    return f"{row.type or 'unreadable'}, {row.delivery_id}"


def _not_credited(looking: Looking) -> Iterable[Finding]:
    ids = looking.session.execute(
        text(
            """
            select o.id from (
                select id, received_at, stands, member_id from orders
                where shop_id = :shop and placed_at >= :since order by placed_at desc limit :looked_at) o
            where o.received_at is not null and o.stands and o.member_id is not null
                and not exists (select 1 from entry e where e.shop_id = :shop and e.order_id = o.id)
            limit :checked
            """
        ),
        {
            "shop": looking.shop.id,
            "since": looking.now - LOOKS_BACK,
            "looked_at": LOOKED_AT,
            "checked": 5 * MOST,
        },
    ).scalars()
    rows = looking.session.execute(
        select(Order).where(Order.shop_id == looking.shop.id, Order.id.in_(list(ids))).order_by(Order.id.desc())
    ).scalars()
    for row in rows:
        known = known_from_document(row.known)
        should_have, _ = awards.explain(looking.session, looking.shop, row, known)
        if should_have > 0:
            called = known.order.number or row.external_id
            yield Finding(
                "not_credited",
                f"Order {called}",
                f"It should have brought {should_have:,} points.",
                row.received_at,
                order=row.external_id,
            )


def _order_missing(looking: Looking) -> Iterable[Finding]:
    """PostgreSQL finds the pairs between which something may be missing: of thousands of orders a page needs no more."""
    rows = looking.session.execute(
        text(
            """
            with newest as (
                select number, placed_at from orders where shop_id = :shop and placed_at >= :since
                order by placed_at desc limit :looked_at
            ), parted as (
                select number, placed_at, left(number, head_ends) as head,
                    cast(substr(number, head_ends + 1) as bigint) as digits
                from (
                    select number, placed_at, greatest(length(rtrim(number, '0123456789')), length(number) - 15) as head_ends
                    from newest offset 0 -- so that it is looked for once
                ) n
                where head_ends < length(number)
            ), beside as (
                select number, placed_at, digits, lag(digits) over run as digits_before, lag(number) over run as before,
                    lag(placed_at) over run as placed_before
                from parted window run as (partition by head order by digits)
            )
            select number, placed_at, before, placed_before from beside
            where digits - digits_before between 2 and :longest + 1 and placed_at <= :settled
            order by placed_at desc limit :most
            """
        ),
        {
            "shop": looking.shop.id,
            "since": looking.now - LOOKS_BACK,
            "looked_at": LOOKED_AT,
            "longest": LONGEST_GAP,
            "settled": (settled := looking.now - LATE),
            "most": 3 * MOST,
        },
    )
    gaps = [missing_numbers({row.before: row.placed_before, row.number: row.placed_at}, settled) for row in rows]
    missing = sorted(chain(*gaps), key=_by_age, reverse=True)[: 10 * MOST]
    arrived = set(
        looking.session.execute(
            text("select number from orders where shop_id = :shop and number = any(cast(:numbers as text[]))"),
            {"shop": looking.shop.id, "numbers": [number for number, _ in missing]},
        ).scalars()
    )
    for number, at in missing:
        if number not in arrived:
            yield Finding("order_missing", f"Order {number}", "It never arrived.", at, order=number)


def _refunds(looking: Looking) -> Iterable[Finding]:
    rows = looking.session.execute(
        text(
            "select r.order_external_id as order_id, min(r.document ->> 'at') as at from refund r where r.shop_id = :shop"
            " and not exists (select 1 from orders o where o.shop_id = r.shop_id and o.external_id = r.order_external_id)"
            " group by 1 order by 2 desc limit :most"
        ),
        {"shop": looking.shop.id, "most": MOST + 1},
    )
    for row in rows:
        since = datetime.fromisoformat(row.at) if row.at else None
        yield Finding(
            "refund_without_order",
            f"Order {row.order_id}",
            "A refund of it arrived, and the order did not.",
            since,
            order=row.order_id,
        )


_WHAT = {
    "mail": "A mail",
    "discount": "A discount code for the store",
    "shopify_code": "A discount code for Shopify",
    "shopify_discount": "A discount code for Shopify",
    "shopify_forget": "Points of an erased customer at Shopify",
    "shopify_gift_card": "A gift card at Shopify",
    "shopify_store_credit": "Store credit at Shopify",
}


def _given_up(looking: Looking) -> Iterable[Finding]:
    rows = looking.session.execute(
        text(
            "select kind, last_error, created_at from outbox where shop_id = :shop and state = 'parked'"
            " and kind <> 'webhook' and not payload @> '{\"again\": true}' order by id desc limit :most"
        ),
        {"shop": looking.shop.id, "most": MOST + 1},
    )
    for row in rows:
        yield Finding(
            "given_up",
            _WHAT.get(row.kind, row.kind.replace("_", " ").capitalize()),
            row.last_error or "It could not be sent.",
            row.created_at,
        )


def _not_taken(looking: Looking) -> Iterable[Finding]:
    rows = looking.session.execute(
        text(
            "select m.id, m.type, m.last_error, m.created_at, coalesce(nullif(p.description, ''), p.url) as name"
            " from endpoint p join endpoint_message m on m.shop_id = p.shop_id and m.endpoint_id = p.id"
            " where p.shop_id = :shop and p.state <> 'removed' and m.state <> 'delivered' and m.state = 'failed'"
            " order by m.id desc limit :most"
        ),
        {"shop": looking.shop.id, "most": MOST + 1},
    )
    for row in rows:
        yield Finding(
            "given_up",
            f"{row.type} for {row.name}",
            row.last_error or "It could not be sent.",
            row.created_at,
            message_id=row.id,
        )


def _paused(looking: Looking) -> Iterable[Finding]:
    rows = looking.session.execute(
        text(
            "select id, url, description, paused_because, failing_since from endpoint"
            " where shop_id = :shop and state = 'paused' order by id"
        ),
        {"shop": looking.shop.id},
    )
    for row in rows:
        yield Finding(
            "endpoint_paused",
            row.description or row.url,
            row.paused_because or "Somebody of your team paused it.",
            row.failing_since,
            endpoint_id=row.id,
        )


SOURCES: tuple[Source, ...] = (
    _failed,
    _rejected,
    _waiting,
    _not_credited,
    _order_missing,
    _refunds,
    _given_up,
    _not_taken,
    _paused,
)
