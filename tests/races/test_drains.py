"""Several workers at one inbox, killed in the middle, with repeats and in any order: as if each thing had been told once.

Reliability F-09, F-37, F-39, F-40, F-42, G1 in small, I-12 to I-14. The truth is a shop that was told the same, each
once and in order, by one worker.
"""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.jobs import inbox as inbox_job
from backend.jobs import points
from backend.ledger import posting
from backend.ledger.check import check
from backend.loyalty.members import members
from backend.loyalty.shops.shops import NewShop
from backend.webhooks import inbox
from tests.races.crew import Crew, eventually

CUSTOMERS = 8
ORDERS = 30
WORKERS = 3

Told = tuple[str, str, dict[str, Any]]
"""Type, moment and data of a webhook."""


def history(now: datetime, chance: random.Random) -> list[Told]:
    """What happened to some orders of a few customers and guests, in the order in which it happened."""

    def at(days: float) -> str:
        return (now - timedelta(days=days)).isoformat()

    told: list[tuple[float, Told]] = []

    def tell(days: float, type_: str, data: dict[str, Any]) -> None:
        told.append((-days, (type_, at(days), data)))

    for customer in range(CUSTOMERS):
        seen = {"id": f"c-{customer}", "email": f"c{customer}@example.com", "email_verified": True}
        tell(5 - customer / 100, "customer.updated", seen)
    for number in range(ORDERS):
        placed = 20 - number / 10
        who = chance.randrange(CUSTOMERS)
        is_guest = chance.random() < 0.3
        order: dict[str, Any] = {
            "id": f"o-{number}",
            "currency": "EUR",
            "created_at": at(placed),
            "customer": {"email": f"c{who}@example.com"} if is_guest else {"id": f"c-{who}"},
            "subtotal": "200.00",
            "line_items": [{"id": "l-1", "quantity": 4, "total": "200.00"}],
        }
        tell(placed, "order.created", order)
        order = {**order, "delivery_status": "collected", "collected_at": at(placed - 1)}
        tell(placed - 1, "order.collected", order)
        if chance.random() < 0.3:
            order = {**order, "subtotal": "150.00", "line_items": [{"id": "l-1", "quantity": 4, "total": "150.00"}]}
            tell(placed - 1.2, "order.updated", order)
        if chance.random() < 0.2:
            order = {**order, "customer": {"id": f"c-{chance.randrange(CUSTOMERS)}"}}
            tell(placed - 1.4, "order.updated", order)
        for piece in range(chance.choice([0, 0, 1, 2])):
            line = {"line_item_id": "l-1", "quantity": 1}
            refund = {"id": f"r-{piece}", "line_items": [line]}
            tell(placed - 2 - piece / 10, "order.refunded", {"order_id": order["id"], "refund": refund})
        if chance.random() < 0.1:
            tell(placed - 3, "order.cancelled", {**order, "cancelled_at": at(placed - 3)})
    tell(17, "app.uninstalled", {"at": at(17)})
    tell(16, "app.installed", {"at": at(16)})
    return [each for _, each in sorted(told, key=lambda pair: pair[0])]


def receive(shop: int, number: int, told: Told, *, repeated: bool = False) -> None:
    type_, at, data = told
    body = orjson.dumps({"type": type_, "timestamp": at, "data": data})
    delivery_id = f"msg-{number}-again" if repeated else f"msg-{number}"
    inbox.store(
        shop,
        delivery_id,
        body,
        topic=type_,
        state="received",
        now=clock.now(),
        wall=clock.wall() - timedelta(seconds=1),
    )


def give_each_points_that_soon_end(shop: int, ends_at: datetime) -> None:
    with transaction() as session:
        for customer in range(CUSTOMERS):
            member = members.enrol(session, shop, f"c-{customer}", clock.now())
            assert member is not None
            posting.grant(
                session,
                shop,
                member.id,
                1000,
                at=clock.now(),
                key=f"gift:{member.id}",
                author=posting.SYSTEM,
                reason="a race",
                why={},
                expires_at=ends_at,
            )


def end_of(shop: int) -> dict[str, Any]:
    """What each customer has, and what became of each order, by the names of the store."""
    with transaction() as session:
        balances = session.execute(
            text(
                "select m.external_id, a.pending, a.available, a.on_hold, a.owed from account a"
                " join member m on m.shop_id = a.shop_id and m.id = a.member_id where a.shop_id = :shop"
            ),
            {"shop": shop},
        ).all()
        orders = session.execute(
            text(
                "select o.external_id, m.external_id, o.expected_points, coalesce((select sum(case kind"
                "     when 'promise' then points when 'void' then -points when 'claw_back' then -points else 0 end)"
                "   from entry e where e.shop_id = o.shop_id and e.order_id = o.id), 0)"
                " from orders o left join member m on m.shop_id = o.shop_id and m.id = o.member_id"
                " where o.shop_id = :shop"
            ),
            {"shop": shop},
        ).all()
    return {row[0]: tuple(row[1:]) for row in [*balances, *orders]}


def states(shop: int) -> set[tuple[str, int]]:
    with transaction() as session:
        rows = session.execute(text("select distinct state, tries from delivery where shop_id = :shop"), {"shop": shop})
        return {(row.state, row.tries) for row in rows}


def handled(shop: int) -> int:
    with transaction() as session:
        counted = session.execute(
            text("select count(*) from delivery where shop_id = :shop and state = 'handled'"), {"shop": shop}
        )
        return int(counted.scalar_one())


def test_killed_workers_lose_nothing_and_double_nothing(crew: Crew, open_shop: Callable[..., NewShop]) -> None:
    chance = random.Random(7)
    told = history(clock.now(), chance)
    truth, raced = open_shop().shop_id, open_shop().shop_id

    give_each_points_that_soon_end(truth, clock.now() + timedelta(milliseconds=1))
    for number, each in enumerate(told):
        receive(truth, number, each)
    inbox_job.drain()
    points.post_due()
    points.expire()

    hands = [crew.ready("work_until_all_is_done", 20) for _ in range(WORKERS + 2)]
    for hand in hands:
        crew.wait_until_ready(hand)
    give_each_points_that_soon_end(raced, clock.now() + timedelta(seconds=0.7))
    shuffled = [(number, each, False) for number, each in enumerate(told)]
    shuffled += [(number, each, True) for number, each, _ in chance.sample(shuffled, len(shuffled) * 3 // 10)]
    chance.shuffle(shuffled)
    for number, each, repeated in shuffled:
        receive(raced, number, each, repeated=repeated)

    at_work, in_reserve = hands[:WORKERS], hands[WORKERS:]
    for hand in at_work:
        hand.go()
    for part in (0.15, 0.5):
        eventually(lambda part=part: handled(raced) >= part * len(shuffled), "some deliveries are handled")
        at_work.pop(0).kill()
        at_work.append(in_reserve.pop())
        at_work[-1].go()
    taken = [hand.result() for hand in at_work]

    assert len([each for each in taken if each]) > 1, "one worker did it all: that was no race"
    assert states(raced) == {("handled", 0)}
    assert end_of(raced) == end_of(truth)
    assert any(row[1] for row in end_of(truth).values())
    for shop in (truth, raced):
        with transaction() as session:
            assert check(session, clock.now(), clock.wall(), shop).violations == []


def test_claims_refunds_and_uninstalls_of_the_same_orders_never_wait_in_a_ring(crew: Crew, shop: int) -> None:
    """A claim takes a guest's orders, an uninstall all orders since, a batch of refunds its own, each in its own order."""
    chance, now = random.Random(3), clock.now()
    placed = now - timedelta(days=20)
    first: list[Told] = []
    then: list[Told] = []
    for guest in range(12):
        address = f"guest{guest}@example.com"
        for number in range(4):
            order = {
                "id": f"o-{guest}-{number}",
                "currency": "EUR",
                "created_at": placed.isoformat(),
                "customer": {"email": address},
                "subtotal": "200.00",
                "line_items": [{"id": "l-1", "quantity": 4, "total": "200.00"}],
                "delivery_status": "collected",
                "collected_at": placed.isoformat(),
            }
            first.append(("order.collected", placed.isoformat(), order))
            refund = {"id": "r-1", "line_items": [{"line_item_id": "l-1", "quantity": 1}]}
            then.append(("order.refunded", now.isoformat(), {"order_id": order["id"], "refund": refund}))
        seen = {"id": f"c-{guest}", "email": address, "email_verified": True}
        then.append(("customer.updated", now.isoformat(), seen))
    for day in range(4):
        at = (placed - timedelta(days=day)).isoformat()
        then.append(("app.uninstalled" if day % 2 else "app.installed", at, {"at": at}))
    for number, each in enumerate(first):
        receive(shop, number, each)
    inbox_job.drain()
    chance.shuffle(then)
    for number, each in enumerate(then, start=len(first)):
        receive(shop, number, each)

    crew.together([("work_until_all_is_done", 10)] * WORKERS)

    assert states(shop) == {("handled", 0)}
    assert {row for name, row in end_of(shop).items() if name.startswith("c-")} == {(0, 4 * 15, 0, 0)}
    with transaction() as session:
        assert check(session, clock.now(), clock.wall(), shop).violations == []
