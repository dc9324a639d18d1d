"""Webhooks get lost, and no points do: orders that changed are compared with Shopify's."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from backend import clock
from backend.cli import main
from backend.db import transaction
from backend.jobs import outbox, shopify_orders, upkeep
from backend.models import Installation
from backend.shopify import asking, orders
from tests.conftest import BusinessTime
from tests.shopify.orders_world import World, ago, collected
from tests.shopify.pretend_orders import AnOrder, ARefund, customer


@pytest.fixture
def meanwhile(world: World, environ: dict[str, str]) -> Callable[[str], None]:
    """Have the shop's row changed by somebody else while Shopify is asked for orders, once."""

    def arrange(change: str) -> None:
        listed = world.shopify.resolvers["Query.orders"]

        def listed_and_changed(shop: str, **arguments: Any) -> Any:
            world.shopify.resolvers["Query.orders"] = listed
            with psycopg.connect(environ["DATABASE_URL"], autocommit=True) as line:
                line.execute(f"update shopify_shop set {change} where shop_id = {world.shop.id}")
            return listed(shop, **arguments)

        world.shopify.resolvers["Query.orders"] = listed_and_changed

    return arrange


ADA = customer(207119551, "ada@example.com")


def an_order(**what: Any) -> AnOrder:
    """Ada's, of 100.00, made three days ago and changed half an hour ago."""
    return AnOrder(**{"at": ago(days=3), "updated_at": ago(minutes=30), "customer": ADA, **what})


def test_an_order_whose_webhooks_were_lost_brings_its_points(world: World, time: BusinessTime) -> None:
    world.happens(collected(an_order(), ago(minutes=30)))
    world.catch_up()
    assert world.points() == {"pending": 10, "available": 0, "owed": 0}
    time.advance(days=4)
    world.shop.work()
    assert world.points() == {"pending": 0, "available": 10, "owed": 0}


def test_what_webhooks_told_is_not_asked_for(world: World) -> None:
    made = [an_order(), collected(an_order(), ago(minutes=20))]
    world.happens(*made)
    for each in made:
        world.told(each)
    world.catch_up()
    assert world.shopify.operations() == ["OrdersChanged"]
    assert world.looks() == world.deliveries() == []


def test_an_order_is_asked_for_once_however_often_the_orders_are_compared(world: World) -> None:
    world.happens(an_order())
    for _ in range(3):
        world.catch_up()
    assert world.shopify.operations().count("Order") == 1
    assert [each.state for each in world.deliveries()] == ["handled"]


def test_the_webhook_may_come_after_all_and_nothing_doubles(world: World) -> None:
    order = collected(an_order(), ago(minutes=30))
    world.happens(order)
    world.catch_up()
    before = world.state_of(order)
    world.told(order)
    assert world.state_of(order) == before
    assert world.points()["pending"] == 10


PLACED = an_order()
RECEIVED = collected(PLACED, ago(minutes=25))
REFUNDED = RECEIVED.changed(
    updated_at=ago(minutes=20),
    paid="REFUNDED",
    refunds=(ARefund(ago(minutes=20), {0: 1}, "100.00"),),
    lines=(replace(PLACED.lines[0], current=0),),
)


@pytest.mark.parametrize("way", list(permutations(("told", "asked", "told late"))))
def test_both_ways_in_any_order_end_in_the_same(world: World, way: tuple[str, ...]) -> None:
    """The first two states by webhook, the last by comparing, and each webhook once more: however they interleave."""
    for each in way:
        match each:
            case "told":
                world.told(PLACED)
                world.told(RECEIVED)
            case "asked":
                world.happens(REFUNDED)
                world.catch_up()
            case "told late":
                world.told(REFUNDED)
    assert world.points() == {"pending": 0, "available": 0, "owed": 0}
    row = world.state_of(REFUNDED)
    assert (row["known"]["states"][0]["order"]["payment_status"], row["stands"]) == ("refunded", False)


def test_of_two_changes_within_a_second_the_one_that_counts_is_found(world: World) -> None:
    order = an_order()
    world.told(order)
    world.happens(order.changed(updated_at=order.updated_at, cancelled_at=order.updated_at, paid="VOIDED"))
    world.catch_up()
    assert "cancelled" in world.state_of(order)["known"]["first_shown"]


def test_test_orders_are_not_asked_for(world: World) -> None:
    world.happens(an_order(test=True))
    world.catch_up()
    assert world.shopify.operations() == ["OrdersChanged"]


# Pages, and dying between them.


def test_all_pages_are_read(world: World) -> None:
    made = [an_order(updated_at=ago(minutes=40) + timedelta(seconds=number)) for number in range(7)]
    world.orders.page = 3
    world.happens(*made)
    world.catch_up()
    assert world.shopify.operations().count("OrdersChanged") == 3
    assert world.known() == {str(each.id) for each in made}
    assert world.row().orders_from is None


class Killed(BaseException):
    """kill -9, as far as the process notices."""


def test_whoever_dies_between_pages_goes_on_from_there(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [an_order(updated_at=ago(minutes=40) + timedelta(seconds=number)) for number in range(7)]
    world.orders.page = 3
    world.happens(*made)
    before = world.row().orders_until
    ask = asking.ask

    def dies(shop_id: int, name: str, variables: Mapping[str, Any], **more: Any) -> Any:
        if variables.get("after") is not None:
            raise Killed
        return ask(shop_id, name, variables, **more)

    with monkeypatch.context() as patched:
        patched.setattr(shopify_orders.asking, "ask", dies)
        with pytest.raises(Killed):
            world.compare()
    row = world.row()
    assert row.orders_until == before
    assert row.orders_from == made[2].updated_at
    assert row.orders_next_at > clock.wall(), "nobody else reads it now"
    assert len(world.looks()) == 3
    world.catch_up()
    assert world.known() == {str(each.id) for each in made}
    assert world.row().orders_until > before


def test_whoever_dies_with_an_order_in_hand_loses_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.happens(an_order())
    world.compare()

    def dies(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(shopify_orders.looks, "drop", dies)
        with pytest.raises(Killed):
            world.look()
    assert world.deliveries() == [], "it is kept and looked for no more in one transaction"
    world.look()
    world.shop.work()
    assert len(world.known()) == 1
    assert world.looks() == []


def test_a_shop_with_much_to_read_lets_others_come_between(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shopify_orders, "PAGES_AT_A_STRETCH", 1)
    world.orders.page = 2
    world.happens(*(an_order(updated_at=ago(minutes=40) + timedelta(seconds=number)) for number in range(5)))
    world.compare()
    assert world.shopify.operations().count("OrdersChanged") >= 3
    assert len(world.looks()) == 5
    assert world.row().orders_from is None


def test_a_reading_that_empties_the_shops_bucket_goes_on_as_soon_as_it_has_filled(world: World) -> None:
    world.orders.page = 1
    world.happens(*(an_order(updated_at=ago(minutes=40) + timedelta(seconds=number)) for number in range(3)))
    before = world.row().orders_until
    world.shopify.will("", *["throttled"] * 5)
    world.compare()
    row = world.row()
    assert (row.orders_until, row.orders_tries, row.orders_error) == (before, 0, None)
    assert row.orders_from > before
    assert row.orders_next_at < clock.wall() + timedelta(seconds=10)


# From when on, and when again.

INSTALLED = datetime(2026, 11, 1, 12, tzinfo=UTC)
WALL = datetime(2026, 11, 20, 12, tzinfo=UTC)


def since(until: datetime | None, wall: datetime = WALL, installed_at: datetime = INSTALLED) -> datetime:
    return orders.begins_at(1, installed_at, until, wall)


def test_a_new_shop_is_read_from_its_installation_on() -> None:
    assert since(None) == INSTALLED
    assert since(INSTALLED + timedelta(minutes=15), INSTALLED + timedelta(minutes=30)) == INSTALLED


def test_readings_overlap_by_two_hours_and_once_a_day_by_three_days() -> None:
    until = WALL
    overlaps = []
    for quarter in range(1, 97):
        wall = WALL + timedelta(minutes=15) * quarter
        overlaps.append(until - since(until, wall))
        until = wall
    assert sorted(overlaps) == [timedelta(hours=2)] * 95 + [timedelta(days=3)]


def test_after_downtime_it_goes_on_from_where_it_was() -> None:
    assert since(WALL - timedelta(days=7)) <= WALL - timedelta(days=7, hours=2)


def test_a_shop_that_came_back_is_read_from_where_it_was_left_as_far_as_shopify_shows() -> None:
    left = datetime(2026, 10, 20, tzinfo=UTC)
    assert since(left) == left - timedelta(days=3)
    assert since(datetime(2026, 3, 1, tzinfo=UTC)) == WALL - timedelta(days=60)


def test_what_changed_before_the_first_installation_is_left_alone(world: World) -> None:
    world.change(installed_at=ago(hours=1), orders_until=None)
    early, late = an_order(updated_at=ago(hours=2)), an_order(updated_at=ago(minutes=30))
    world.happens(early, late)
    world.catch_up()
    assert world.known() == {str(late.id)}


def test_once_the_app_is_back_orders_of_before_earn_by_what_happened_meanwhile(world: World) -> None:
    """Orders that were made while it was away do not (S3.25)."""
    before = an_order(at=ago(days=3), updated_at=ago(days=3))
    world.told(before)
    with transaction() as session:
        for at, event in ((ago(days=2), "uninstalled"), (ago(minutes=5), "installed")):
            session.add(Installation(shop_id=world.shop.id, at=at, event=event))
    world.change(installed_at=ago(minutes=5), orders_until=ago(days=2))
    meanwhile = an_order(at=ago(days=1))
    world.happens(collected(before, ago(hours=20)), collected(meanwhile, ago(hours=20)))
    world.catch_up()
    assert world.known() == {str(before.id), str(meanwhile.id)}
    assert world.points()["pending"] == 10


def test_each_shop_has_its_own_quarters() -> None:
    for shop_id in (1, 2, 77):
        moments = {orders.next_at(shop_id, WALL + timedelta(minutes=minute)) for minute in range(60)}
        assert {later - earlier for earlier, later in zip(sorted(moments), sorted(moments)[1:], strict=False)} == {
            timedelta(minutes=15)
        }
        assert timedelta() < orders.next_at(shop_id, WALL) - WALL <= timedelta(minutes=15)
    assert len({orders.next_at(shop_id, WALL) for shop_id in range(1, 11)}) == 10


def test_the_mark_moves_to_when_the_last_page_was_asked_for(world: World) -> None:
    began = clock.wall()
    world.compare()
    row = world.row()
    assert began <= row.orders_until <= clock.wall()
    assert row.orders_until < row.orders_next_at <= clock.wall() + timedelta(minutes=15)


def test_who_asks_while_it_is_being_read_has_it_read_again(world: World, meanwhile: Callable[[str], None]) -> None:
    meanwhile("orders_next_at = orders_until")
    world.compare()
    assert world.shopify.operations() == ["OrdersChanged"] * 2


def test_somebody_at_a_shell_has_a_shop_compared(
    world: World, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    command = ["webhooks", "reconcile", "--shop", str(world.shop.id)]
    assert json.loads(CliRunner().invoke(main, command).stdout) == {"asked": True}
    upkeep.reconcile()
    assert world.shopify.operations() == ["OrdersChanged"]
    world.change(state="uninstalled", access_token=None)
    assert "not installed" in CliRunner().invoke(main, command).stderr


# Shopify has its moods.


@pytest.mark.parametrize("mood", ["503", "429 2", "throttled", "lose", "lose after", "internal", "garbage", "423"])
def test_where_shopify_does_not_answer_it_is_asked_again_later(world: World, mood: str) -> None:
    world.happens(an_order())
    before = world.row().orders_until
    world.shopify.will(*[mood] * 5)
    world.compare()
    row = world.row()
    assert (row.orders_until, row.orders_tries) == (before, 1)
    assert row.orders_error
    assert timedelta(seconds=30) < row.orders_next_at - clock.wall() <= timedelta(minutes=61)
    world.shopify.moods.clear()
    world.catch_up()
    row = world.row()
    assert (row.orders_tries, row.orders_error) == (0, None)
    assert len(world.known()) == 1


def test_each_failure_doubles_the_pause_up_to_an_hour(world: World) -> None:
    pauses = []
    for _ in range(9):
        world.shopify.will("503")
        world.compare()
        pauses.append(round((world.row().orders_next_at - clock.wall()).total_seconds() / 60))
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_shop_that_shopify_does_not_let_us_into_is_tried_again_in_an_hour(world: World) -> None:
    world.change(needs_opening=True)
    world.compare()
    row = world.row()
    assert "open the app" in row.orders_error
    assert timedelta(minutes=55) < row.orders_next_at - clock.wall() <= timedelta(hours=1)


def test_a_lost_answer_to_a_single_order_costs_nothing(world: World) -> None:
    world.happens(an_order())
    world.compare()
    world.shopify.will("lose after")
    world.look()
    assert [each.tries for each in world.looks()] == [1]
    world.look()
    world.shop.work()
    assert len(world.known()) == 1


def test_a_shop_without_the_app_is_left_alone(world: World) -> None:
    world.happens(an_order())
    world.compare()
    world.change(state="uninstalled", access_token=None, orders_next_at=clock.wall())
    asked = len(world.shopify.asked)
    upkeep.reconcile()
    outbox.look_at_orders()
    assert len(world.shopify.asked) == asked
    assert world.row().orders_next_at is None
    assert world.looks() == [], "once the app is back, comparing finds them"


def test_a_shop_that_is_uninstalled_while_it_is_read_is_asked_no_more(
    world: World, meanwhile: Callable[[str], None]
) -> None:
    before = world.row().orders_until
    meanwhile("state = 'uninstalled', access_token = null, orders_next_at = null")
    world.compare()
    assert (world.row().orders_next_at, world.row().orders_until) == (None, before)
