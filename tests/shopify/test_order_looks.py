"""Orders of which a webhook says only that they changed are asked for."""

from datetime import timedelta
from typing import Any

import pytest
from graphql import GraphQLError
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.jobs import outbox, shopify_orders
from backend.loyalty.orders import order_looks
from backend.shopify import looks, orders
from tests.conftest import BusinessTime
from tests.shopify.orders_world import World, ago, collected
from tests.shopify.pretend_orders import ALine, AnOrder, AParcel, customer

ADA = customer(207119551, "ada@example.com")


def sent_order() -> AnOrder:
    """Ada's, on its way."""
    return AnOrder(
        at=ago(days=3), updated_at=ago(days=2), customer=ADA, parcels=(AParcel(ago(days=2), {0: 1}, said="IN_TRANSIT"),)
    )


def delivered(order: AnOrder, **more: Any) -> AnOrder:
    """Its carrier says so; the order itself is as old as before, as Shopify may have it."""
    (parcel,) = order.parcels
    at = ago(minutes=5)
    now_there = AParcel(parcel.at, parcel.pieces, said="DELIVERED", changed_at=at)
    return order.changed(**{"parcels": (now_there,), "updated_at": order.updated_at, **more})


def event_of(order: AnOrder, status: str = "delivered") -> dict[str, Any]:
    """The body of `fulfillment_events/create`, which says nothing of the rest of the order."""
    return {
        "id": 944956391,
        "fulfillment_id": 255858046,
        "status": status,
        "happened_at": ago(minutes=5).isoformat(),
        "shop_id": 548380009,
        "created_at": ago(minutes=5).isoformat(),
        "updated_at": ago(minutes=5).isoformat(),
        "order_id": order.id,
        "admin_graphql_api_id": "gid://shopify/FulfillmentEvent/944956391",
    }


def test_a_parcel_that_is_delivered_brings_the_points(world: World, time: BusinessTime) -> None:
    order = sent_order()
    world.told(order)
    assert world.points()["pending"] == 0
    world.happens(delivered(order))
    world.tell("fulfillment_events/create", event_of(order))
    world.shop.work()
    assert [each.external_id for each in world.looks()] == [str(order.id)]
    outbox.look_at_orders()
    world.shop.work()
    assert world.looks() == []
    assert world.points()["pending"] == 10
    time.advance(days=4)
    world.shop.work()
    assert world.points()["available"] == 10


def test_an_order_is_read_although_shopify_does_not_show_whose_it_is(world: World) -> None:
    """Without the approval for protected customer data: points are earned all the same (docs/shopify.md)."""
    order = sent_order()
    world.told(order)
    world.happens(delivered(order))
    whole = world.shopify.resolvers["Query.order"]

    def hidden() -> None:
        raise GraphQLError("This app is not approved to use the email field. See https://partners.shopify.com/1/apps/2")

    def without_names(shop: str, **which: Any) -> Any:
        node = whole(shop, **which)
        person = {"firstName": hidden, "lastName": hidden, "defaultEmailAddress": {"emailAddress": hidden}}
        return {**node, "email": hidden, "customer": {**node["customer"], **person}}

    world.shopify.resolvers["Query.order"] = without_names
    ask_for(world, order)
    world.look()
    world.shop.work()
    assert world.looks() == []
    assert world.points()["pending"] == 10


def test_a_second_look_at_an_order_that_is_as_it_was_adds_nothing(world: World) -> None:
    order = sent_order()
    world.happens(order)
    for _ in range(3):
        ask_for(world, order)
        world.look()
    assert len(world.deliveries()) == 1


def test_a_parcel_that_moved_is_news_even_if_the_order_is_as_old_as_before(world: World) -> None:
    order = sent_order()
    for state in (order, delivered(order)):
        world.happens(state)
        ask_for(world, order)
        world.look()
        world.shop.work()
    assert len(world.deliveries()) == 2
    assert world.points()["pending"] == 10


def test_a_parcel_that_arrives_after_a_delivery_s_text_was_cleared_away_is_news_too(world: World) -> None:
    order = sent_order()
    world.happens(order)
    ask_for(world, order)
    world.look()
    world.shop.work()
    with transaction() as session:
        session.execute(text("update delivery set body = null where shop_id = :shop"), {"shop": world.shop.id})
    world.happens(delivered(order))
    for _ in range(2):
        ask_for(world, order)
        world.look()
        world.shop.work()
    assert len(world.deliveries()) == 2
    assert world.points()["pending"] == 10


def test_whoever_asks_while_it_is_looked_at_has_it_looked_at_again(world: World) -> None:
    """The answer that is under way may be older than what the new webhook tells of."""
    order = sent_order()
    world.happens(order)
    ask_for(world, order)
    with transaction() as session:
        (claimed,) = looks.claim(session, clock.wall())
    ask_for(world, order)
    with transaction() as session:
        looks.drop(session, claimed)
    assert len(world.looks()) == 1


def test_an_order_that_shopify_does_not_have_is_asked_for_no_more(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    ask_for(world, AnOrder())
    world.look()
    assert world.looks() == world.deliveries() == []
    assert "has no order" in caplog.text


def test_failures_wait_longer_each_time_and_are_given_up_after_three_days(world: World) -> None:
    order = sent_order()
    world.happens(order)
    ask_for(world, order)
    for seconds in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600):
        world.shopify.will("503")
        before = clock.wall()
        world.look()
        (row,) = world.looks()
        assert before <= row.next_try_at - timedelta(seconds=seconds) <= clock.wall()
    with transaction() as session:
        session.execute(
            text("update order_look set asked_at = :at where shop_id = :shop"),
            {"at": ago(days=3, minutes=1), "shop": world.shop.id},
        )
    world.shopify.will("503")
    world.look()
    (row,) = world.looks()
    assert row.next_try_at is None
    assert "503" in row.error
    with transaction() as session:
        assert orders.ask_now(session, world.shop.id, clock.wall()), "somebody presses the button"
    world.look()
    assert world.looks() == []


def test_where_shopify_does_not_answer_for_one_order_the_shops_others_wait_untried(world: World) -> None:
    made = [sent_order() for _ in range(3)]
    world.happens(*made)
    for each in made:
        ask_for(world, each)
    world.shopify.will("429 30")
    outbox.look_at_orders()
    rows = world.looks()
    assert sorted(each.tries for each in rows) == [0, 0, 1]
    assert all(timedelta(seconds=25) < each.next_try_at - clock.wall() for each in rows)


def test_a_shop_whose_shopify_is_silent_is_left_alone_for_a_minute(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many of its orders wait, and whatever is told of meanwhile: orders of other shops come next."""
    monkeypatch.setattr(shopify_orders, "SLOW_SECONDS", 0.0)
    monkeypatch.setattr(shopify_orders, "_resting", {})
    first, second = sent_order(), sent_order()
    world.happens(first, second)
    ask_for(world, first)
    world.shopify.will("lose")
    outbox.look_at_orders()
    ask_for(world, second)
    outbox.look_at_orders()
    assert world.shopify.asked == []
    left = world.looks()
    assert sorted(each.tries for each in left) == [0, 1]
    assert all(timedelta(seconds=50) < each.next_try_at - clock.wall() <= shopify_orders.REST for each in left)


def test_a_long_order_that_empties_the_shops_bucket_is_read_to_its_end(world: World) -> None:
    order = sent_order().changed(lines=tuple(ALine("1.00") for _ in range(30)))
    world.happens(order)
    ask_for(world, order)
    world.shopify.will("", *["throttled"] * 5)
    outbox.look_at_orders()
    assert world.shopify.operations() == ["Order", "OrderLines"]
    assert world.looks() == []


def test_an_order_that_shopify_tells_too_slowly_is_left_for_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever works longer than a job may is ended, and would begin with the same order again."""
    monkeypatch.setattr(shopify_orders, "ORDER_SECONDS", 0.3)
    order = sent_order().changed(lines=tuple(ALine("1.00") for _ in range(30)))
    world.happens(order)
    ask_for(world, order)
    world.shopify.will("slow 0.4")
    outbox.look_at_orders()
    (left,) = world.looks()
    assert "too long" in left.error
    assert world.shopify.operations() == ["Order"]


def test_a_refused_order_is_asked_for_again_in_an_hour_and_holds_up_no_other(world: World) -> None:
    one, other = sent_order(), sent_order()
    world.happens(one, other)
    ask_for(world, one)
    ask_for(world, other)
    world.shopify.will("400")
    outbox.look_at_orders()
    (left,) = world.looks()
    assert left.next_try_at - clock.wall() > timedelta(minutes=55)


def test_once_shopify_lets_us_in_again_all_that_waits_is_asked_for(world: World) -> None:
    order = sent_order()
    world.happens(order)
    ask_for(world, order)
    world.change(needs_opening=True)
    outbox.look_at_orders()
    world.compare()
    (waiting,) = world.looks()
    assert waiting.next_try_at - clock.wall() > timedelta(minutes=55)
    world.change(needs_opening=False)
    world.compare()
    outbox.look_at_orders()
    assert world.looks() == []


def test_what_was_given_up_while_shopify_let_nobody_in_is_asked_for_once_it_does(world: World) -> None:
    """The order itself is as old as before: comparing alone would not find it."""
    order = sent_order()
    world.told(order)
    order = delivered(order)
    world.happens(order)
    ask_for(world, order)
    world.change(needs_opening=True)
    world.compare()
    give_up(world)
    world.change(needs_opening=False, orders_until=ago(hours=1))
    world.compare()
    (row,) = world.looks()
    assert row.tries == 0
    assert clock.wall() - row.asked_at < timedelta(minutes=1), "it has three days again"
    outbox.look_at_orders()
    assert world.looks() == []
    world.shop.work()
    assert world.points()["pending"] == 10


def test_an_order_that_was_given_up_is_asked_for_when_comparing_finds_that_it_changed(world: World) -> None:
    order = sent_order()
    world.happens(order)
    ask_for(world, order)
    give_up(world)
    world.happens(collected(order, ago(minutes=5)))
    world.compare()
    outbox.look_at_orders()
    assert world.looks() == []


def test_what_is_collected_by_order_and_by_parcel_counts_once(world: World) -> None:
    order = sent_order()
    world.told(order)
    done = collected(order, ago(minutes=5))
    world.happens(done)
    world.tell("fulfillment_events/create", event_of(order))
    world.told(done)
    world.look()
    world.shop.work()
    assert world.points()["pending"] == 10


def ask_for(world: World, order: AnOrder) -> None:
    with transaction() as session:
        order_looks.ask_for(session, world.shop.id, str(order.id), clock.wall())


def give_up(world: World) -> None:
    """Nobody could be asked for three days."""
    with transaction() as session:
        session.execute(
            text("update order_look set asked_at = :at where shop_id = :shop"),
            {"at": ago(days=3, minutes=1), "shop": world.shop.id},
        )
    world.shopify.will("503")
    world.look()
    (row,) = world.looks()
    assert row.next_try_at is None
    world.shopify.moods.clear()
