"""kill -9 for those who ask Shopify: every order is here in the end, once."""

import signal
from datetime import timedelta

from sqlalchemy import text

from backend import clock
from backend.db import transaction
from tests.embedded.processes import eventually
from tests.jobs.conftest import Start, lagniappe, own_environ, valkey  # noqa: F401 - fixtures
from tests.shopify.orders_world import World, ago, collected
from tests.shopify.pretend_orders import AnOrder, customer

ORDERS = 30
KILLS = 3
PROCESSES = (
    ("worker", "--queues", "upkeep"),
    ("worker", "--queues", "outbox"),
    ("worker", "--queues", "inbox"),
    ("clock",),
)


def test_workers_may_be_killed_in_the_midst_of_it(world: World, lagniappe: Start) -> None:  # noqa: F811
    world.orders.page = 4
    for number in range(ORDERS):
        order = AnOrder(at=ago(days=3), updated_at=ago(hours=2), customer=customer(300 + number))
        world.happens(collected(order, ago(minutes=50) + timedelta(seconds=number)))
    interrupted = 0
    _let_leases_end(world)
    for _ in range(KILLS):
        before = _progress(world)
        started = [lagniappe(*each) for each in PROCESSES]
        eventually(lambda before=before: _progress(world) != before)  # type: ignore[misc]
        for each in started:
            each.send_signal(signal.SIGKILL)
        for each in started:
            each.wait()
        interrupted += len(world.known()) < ORDERS
        _let_leases_end(world)
    assert interrupted > 1, "it must be in the midst of it"
    for each in PROCESSES:
        lagniappe(*each)
    eventually(lambda: len(world.known()) == ORDERS and not world.looks(), within=240)
    eventually(lambda: world.row().orders_until > ago(minutes=5))
    assert world.points()["pending"] == 10 * ORDERS
    assert {each.state for each in world.deliveries()} == {"handled"}


def _progress(world: World) -> tuple[object, ...]:
    return world.row().orders_from, len(world.looks()), len(world.deliveries()), len(world.known())


def _let_leases_end(world: World) -> None:
    """What somebody died with is free again after some minutes; a test need not wait for them."""
    with transaction() as session:
        for statement in (
            "update shopify_shop set orders_next_at = :wall where shop_id = :shop",
            "update order_look set next_try_at = :wall where shop_id = :shop",
        ):
            session.execute(text(statement), {"shop": world.shop.id, "wall": clock.wall()})
