"""One order, told in any order and any number of times, ends in the same points (contract section 3, design 4.5).

Hypothesis makes up what happens to an order; it is told once as it happened and once shuffled, with repeats, with time
passing and points being posted and spent in between.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.jobs import points
from backend.ledger import posting
from backend.ledger.check import check
from backend.loyalty.deliveries import deliveries
from backend.loyalty.orders import awards
from backend.platforms.registry import platform
from tests.conftest import BusinessTime, TestShop

BEGIN = datetime.fromisoformat("2026-03-01T10:00:00+01:00")
OPENED = BEGIN - timedelta(days=60)
WAITING, POSTED = BEGIN + timedelta(days=7), BEGIN + timedelta(days=30)
"""All that happens has happened by the first; whatever is due is due by the second."""

Told = tuple[str, dict[str, Any], datetime]
CUSTOMERS = ("c-1", "c-2")


@dataclass(frozen=True)
class Story:
    """What happens to an order, as it happens, in a shop with this program."""

    program: dict[str, Any]
    events: tuple[Told, ...]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    hours = count(0, 3)

    def at() -> datetime:
        return BEGIN + timedelta(hours=next(hours))

    buyer = draw(st.sampled_from([{"id": "c-1"}, {"email": "guest@example.com"}]))
    known: dict[str, Any] = {
        "id": "o-1",
        "currency": "EUR",
        "created_at": BEGIN.isoformat(),
        "customer": buyer,
        "subtotal": "1000.00",
        "line_items": [
            {"id": "l-1", "quantity": 4, "total": "333.33"},
            {"id": "l-2", "quantity": 1, "total": "666.67"},
        ],
    }
    changes: dict[str, dict[str, Any]] = {
        "paid": {"payment_status": "paid"},
        "shipped": {"delivery_status": "shipped", "delivery_carrier": draw(st.sampled_from(["tcat", "dhl"]))},
        "arrived": {"delivery_status": "arrived", "arrived_at": (BEGIN + timedelta(days=2)).isoformat()},
        "collected": {"delivery_status": "collected"},
        "collected at": {"delivery_status": "collected", "collected_at": (BEGIN + timedelta(days=3)).isoformat()},
        "another carrier": {"delivery_carrier": "dhl"},
        "edited up": {"subtotal": "1500.00", "line_items": [*known["line_items"], {"id": "l-3", "total": "500.00"}]},
        "edited down": {"subtotal": "333.33", "line_items": known["line_items"][:1]},
        "lines unsaid": {"line_items": None},
        "another customer": {"customer": {"id": "c-2"}},
        "another address": {"customer": {"email": "other@example.com"}},
        "cancelled": {"cancelled_at": (BEGIN + timedelta(days=4)).isoformat()},
        "returned": {"delivery_status": "returned"},
        "voided": {"payment_status": "voided"},
        "refunded": {"payment_status": "refunded"},
    }
    happens = draw(st.lists(st.sampled_from(sorted(changes)), min_size=1, max_size=5, unique=True))
    if draw(st.booleans()) and not {"collected", "collected at"} & set(happens):
        happens.insert(0, "collected")
    events: list[Told] = [("order.created", known, at())]
    for name in happens:
        known = {**known, **changes[name]}
        moment = at()
        said = draw(st.booleans())
        events.append(("order.updated", {**known, "updated_at": moment.isoformat()} if said else known, moment))
    parts = st.sampled_from([{"quantity": 1}, {"quantity": 4}, {"amount": "33.33"}, {"amount": "100.00"}])
    for number in range(draw(st.integers(0, 3))):
        line = {"line_item_id": draw(st.sampled_from(["l-1", "l-2"])), **draw(parts)}
        refund = {"order_id": "o-1", "refund": {"id": f"r-{number}", "line_items": [line]}}
        events.append(("order.refunded", refund, at()))
        if draw(st.integers(0, 4)) == 0:  # corrected: the later telling counts
            corrected = {"id": f"r-{number}", "line_items": [{**line, **draw(parts)}]}
            events.append(("order.refunded", {**refund, "refund": corrected}, at()))
    for customer, address in (("c-1", "guest@example.com"), ("c-2", "other@example.com")):
        seen = {"id": customer, "email": address, "email_verified": True, "created_at": BEGIN.isoformat()}
        events.append(("customer.created", seen, at()))
    if draw(st.integers(0, 3)) == 0:
        uninstalled = BEGIN + timedelta(days=draw(st.sampled_from([-1, 1])))
        events.append(("app.uninstalled", {"at": uninstalled.isoformat()}, at()))
        if draw(st.booleans()):
            installed = uninstalled + timedelta(hours=draw(st.sampled_from([2, 36])))
            events.append(("app.installed", {"at": installed.isoformat()}, at()))
    program = {
        "assign": {"delay_days": 3, "on": draw(st.sampled_from(["collected", "collected", "paid", "shipped"]))},
        "earn": {"round": draw(st.sampled_from(["floor", "nearest", "ceil"]))},
    }
    return Story(program, tuple(events))


@st.composite
def tellings(draw: st.DrawFn) -> tuple[Story, list[Told | int]]:
    """A story and another way to tell it: shuffled, some of it twice. A number is time passing: so much is then spent."""
    story = draw(stories())
    repeated = draw(st.lists(st.sampled_from(story.events), max_size=3))
    told: list[Told | int] = list(draw(st.permutations([*story.events, *repeated])))
    if draw(st.booleans()):
        told.insert(draw(st.integers(0, len(told))), draw(st.sampled_from([1, 20, 1000])))
    return story, told


@pytest.fixture
def make(time: BusinessTime, new_shop: Callable[..., TestShop]) -> Iterator[Callable[[Story], TestShop]]:
    def made(story: Story) -> TestShop:
        time.set(OPENED)
        shop = new_shop(program=story.program)
        time.set(WAITING)
        return shop

    yield made


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(tellings())
def test_one_order_ends_alike_in_whatever_order_it_is_told(
    make: Callable[[Story], TestShop], time: BusinessTime, telling: tuple[Story, list[Told | int]]
) -> None:
    story, told = telling
    ends = []
    for way in (story.events, told):
        shop = make(story)
        tell(shop, way, time)
        ends.append(end_of(shop))
        with transaction() as session:
            assert check(session, clock.now(), clock.wall(), shop.id).violations == []
    assert ends[1] == ends[0]


EXPIRED = BEGIN + timedelta(days=100)
WORTHS = st.sampled_from(["0.00", "100.00", "400.00", "700.00", "1000.00", "1300.00"])


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(first=WORTHS, spent=st.sampled_from([0, 30, 60, 1000]), then=st.lists(WORTHS, min_size=2, max_size=5))
def test_after_its_points_were_spent_and_expired_only_what_the_order_is_worth_in_the_end_counts(
    make: Callable[[Story], TestShop], time: BusinessTime, first: str, spent: int, then: list[str]
) -> None:
    ends = []
    for worths in (then, then[-1:]):
        shop = make(Story({"expiry": {"kind": "days", "days": 30}}, ()))
        tell(shop, [("order.updated", worth("1000.00", 3), BEGIN), ("order.updated", worth(first, 3), later(4))], time)
        spend_up_to(shop, spent)
        time.set(EXPIRED)
        points.remind()
        points.expire()
        told = [("order.updated", worth(price, 3), later(101 + day)) for day, price in enumerate(worths)]
        for each in told:
            tell_one(shop, each)
        ends.append(end_of(shop))
        with transaction() as session:
            assert check(session, clock.now(), clock.wall(), shop.id).violations == []
    assert ends[0] == ends[1]


def worth(price: str, collected_after: int) -> dict[str, Any]:
    return {
        "id": "o-1",
        "currency": "EUR",
        "created_at": BEGIN.isoformat(),
        "customer": {"id": "c-1"},
        "subtotal": price,
        "delivery_status": "collected",
        "collected_at": later(collected_after).isoformat(),
    }


def later(days: int) -> datetime:
    return BEGIN + timedelta(days=days)


def tell(shop: TestShop, way: Any, time: BusinessTime) -> None:
    for each in way:
        if isinstance(each, int):
            time.set(POSTED)
            post()
            spend_up_to(shop, each)
        else:
            tell_one(shop, each)
    time.set(POSTED)
    post()


def tell_one(shop: TestShop, told: Told) -> None:
    type_, data, at = told
    document = {"type": type_, "timestamp": at.isoformat(), "data": data}
    with transaction() as session:
        for event in platform("custom").interpret(type_, document):
            deliveries.apply(session, shop.facts, event, clock.now())
    post()


def post() -> None:
    with transaction() as session:
        awards.post_due(session, clock.now())


def spend_up_to(shop: TestShop, most: int) -> None:
    for member in rows(shop, "select member_id, available from account where shop_id = :shop and available > 0"):
        with transaction() as session:
            posting.spend(
                session,
                shop.id,
                member.member_id,
                min(most, member.available),
                at=clock.now(),
                key=f"spend:{member.member_id}",
                author=posting.SYSTEM,
                reason="a test",
                why={},
            )


def end_of(shop: TestShop) -> Any:
    """What each customer has or owes with what they spent, and what is expected of the order."""
    has = rows(
        shop,
        "select m.external_id, a.pending, a.on_hold, a.available + a.owed + coalesce((select sum(e.points) from entry e"
        " where e.shop_id = a.shop_id and e.member_id = a.member_id and e.kind = 'spend'), 0) as had"
        " from account a join member m on m.shop_id = a.shop_id and m.id = a.member_id"
        " where a.shop_id = :shop order by m.external_id",
    )
    expected = rows(shop, "select expected_points, member_id is null as unowned from orders where shop_id = :shop")
    return [tuple(row) for row in has], [tuple(row) for row in expected]


def rows(shop: TestShop, statement: str) -> list[Any]:
    with transaction() as session:
        return list(session.execute(text(statement), {"shop": shop.id}))
