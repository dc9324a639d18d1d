"""kill -9 for those who ask Shopify: every order is here in the end, once."""

import random
import signal
import time
from datetime import timedelta

from sqlalchemy import text

from backend import clock
from backend.db import transaction
from tests.embedded.processes import eventually
from tests.jobs.conftest import Start, lagniappe, own_environ, valkey  # noqa: F401 - fixtures
from tests.shopify.orders_world import World, ago, collected
from tests.shopify.pretend_orders import AnOrder, customer

ORDERS = 25
KILLS = 5


def test_workers_may_be_killed_again_and_again(world: World, lagniappe: Start) -> None:  # noqa: F811
    made = []
    for number in range(ORDERS):
        order = AnOrder(at=ago(days=3), updated_at=ago(hours=2), customer=customer(300 + number))
        made.append(collected(order, ago(minutes=50) + timedelta(seconds=number)))
    world.orders.page = 7
    world.happens(*made)
    chance = random.Random(7)
    _let_leases_end(world)
    for _ in range(KILLS):
        workers = [lagniappe("worker", "--queues", name) for name in ("outbox", "upkeep", "inbox")]
        clock_process = lagniappe("clock")
        time.sleep(chance.uniform(1.0, 3.5))
        for each in (*workers, clock_process):
            each.send_signal(signal.SIGKILL)
            each.wait()
        _let_leases_end(world)
        if len(world.known()) == ORDERS:
            break
    lagniappe("worker", "--queues", "outbox")
    lagniappe("clock")
    eventually(lambda: len(world.known()) == ORDERS and not world.looks(), within=60)
    eventually(lambda: world.row().orders_until > ago(minutes=5), within=30)
    assert world.points()["pending"] == 10 * ORDERS
    assert {each.state for each in world.deliveries()} == {"handled"}


def _let_leases_end(world: World) -> None:
    """What somebody died with is free again after some minutes; a test need not wait for them."""
    with transaction() as session:
        session.execute(text("update shopify_shop set orders_next_at = :wall where shop_id = :shop"), _of(world))
        session.execute(text("update order_look set next_try_at = :wall where shop_id = :shop"), _of(world))


def _of(world: World) -> dict[str, object]:
    return {"shop": world.shop.id, "wall": clock.wall()}
