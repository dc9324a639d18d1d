"""What is wrong between Shopify and a shop is seen, and said in the gap report with what mends it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from graphql import GraphQLError

from backend import clock
from backend.db import transaction
from backend.jobs import outbox, upkeep
from backend.loyalty.deliveries import gap_report
from backend.loyalty.orders import order_looks
from backend.models import ShopifyShop
from backend.platforms.base import Never
from backend.platforms.shopify import scopes
from backend.shopify import asking
from tests.conftest import TestShop
from tests.shopify.orders_world import World, ago
from tests.shopify.pretend_orders import AnOrder, customer


@pytest.fixture(autouse=True)
def granted(world: World) -> list[str]:
    """What the shop lets the app do, as Shopify says; a test may change it."""
    handles = list(scopes.WANTED)
    world.change(scopes=list(handles), orders_until=ago(minutes=10))
    world.shopify.resolvers["Query.currentAppInstallation"] = lambda shop: {
        "accessScopes": [{"handle": each} for each in handles]
    }
    return handles


def found(world: World) -> dict[str, list[str]]:
    """What the gap report says, by kind."""
    with transaction() as session:
        looking = gap_report.Looking(session, world.shop.facts, clock.now(), clock.wall())
        return {
            section.kind: [f"{each.subject}: {each.said}" for each in section.findings]
            for section in gap_report.report(looking)
        }


def watch(world: World) -> None:
    world.change(topics_next_at=clock.wall())
    upkeep.watch_topics()


def an_order(**what: object) -> AnOrder:
    made = {"at": ago(hours=3), "updated_at": ago(minutes=30), "customer": customer(207119551)} | what
    return AnOrder(**made)  # type: ignore[arg-type]


def test_a_shop_where_all_is_well_has_no_gaps(world: World) -> None:
    world.happens(an_order())
    world.told(an_order())
    watch(world)
    assert found(world) == {}


# Webhooks.


def test_orders_that_no_webhook_told_of_are_counted(world: World) -> None:
    world.happens(*(an_order() for _ in range(3)))
    world.catch_up()
    world.catch_up()
    assert found(world) == {"untold": ["Webhooks: Shopify did not tell us of 3 orders."]}


def test_an_order_that_waits_to_be_asked_for_is_counted_once(world: World) -> None:
    world.happens(*(an_order() for _ in range(3)))
    for _ in range(4):
        world.compare()
    assert found(world)["untold"] == ["Webhooks: Shopify did not tell us of 3 orders."]


def test_an_order_whose_webhook_may_still_come_is_not_counted(world: World) -> None:
    world.happens(an_order(updated_at=ago(minutes=2)))
    world.catch_up()
    assert len(world.known()) == 1
    assert found(world) == {}


def test_an_order_whose_webhook_waits_to_be_handled_is_not_counted(world: World) -> None:
    order = an_order()
    world.happens(order)
    world.tell("orders/updated", order.webhook())
    world.compare()
    world.shop.work()
    assert found(world) == {}


def test_what_changed_while_the_app_was_away_is_not_counted(world: World) -> None:
    world.change(installed_at=ago(minutes=20), orders_until=ago(days=1))
    world.happens(an_order())
    world.catch_up()
    assert len(world.known()) == 1
    assert found(world) == {}


def test_three_days_after_the_last_one_it_is_forgotten(world: World) -> None:
    world.happens(an_order())
    world.catch_up()
    world.change(untold_last=ago(days=3, minutes=1), untold_since=ago(days=5))
    assert found(world) == {}
    world.happens(an_order())
    world.catch_up()
    assert found(world) == {"untold": ["Webhooks: Shopify did not tell us of 1 order."]}


# Permissions.


def test_a_permission_that_the_shop_took_back_is_seen_within_a_day(world: World, granted: list[str]) -> None:
    granted.remove("read_products")
    watch(world)
    (said,) = found(world)["app_access"]
    assert said.startswith("Permission read_products: The shop has not granted it")
    row = world.row()
    assert timedelta(hours=23) < row.topics_next_at - clock.wall() <= timedelta(days=1)
    granted.append("read_products")
    watch(world)
    assert found(world) == {}


def test_a_permission_that_the_shop_took_back_is_seen_at_once_where_it_was_needed(
    world: World, granted: list[str]
) -> None:
    def denied(_: str) -> None:
        raise GraphQLError("Access denied.", extensions={"code": "ACCESS_DENIED"})

    granted.remove("write_discounts")
    world.change(topics_next_at=clock.wall() + timedelta(hours=20))
    world.shopify.resolvers["Query.shop"] = denied
    with pytest.raises(Never, match="lacks a permission"):
        asking.ask(world.shop.id, "shop_facts", {})
    upkeep.watch_topics()
    assert "write_discounts" not in world.row().scopes


def test_where_shopify_does_not_answer_it_is_seen_again_in_an_hour(world: World) -> None:
    world.shopify.will("503")
    watch(world)
    row = world.row()
    assert timedelta(minutes=55) < row.topics_next_at - clock.wall() <= timedelta(hours=1)
    assert found(world) == {}


def test_a_shop_that_fails_on_our_side_holds_up_no_other(
    world: World, granted: list[str], new_shop: Callable[..., TestShop], install: Callable[[TestShop], TestShop]
) -> None:
    other = install(new_shop(platform="shopify", domain="lost-key.myshopify.com"))
    with transaction() as session:
        row = session.get_one(ShopifyShop, other.id)
        row.access_token, row.topics_next_at = "sealed with a key that is lost", ago(days=2)
    granted.remove("read_products")
    watch(world)
    assert list(found(world)) == ["app_access"]


def test_a_shop_without_the_app_is_not_watched(world: World) -> None:
    world.change(state="uninstalled", access_token=None, topics_next_at=clock.wall())
    upkeep.watch_topics()
    assert world.shopify.asked == []
    assert world.row().topics_next_at is None
    assert list(found(world)) == ["app_access"]


def test_who_must_open_the_app_is_told_so(world: World) -> None:
    world.change(needs_opening=True)
    (said,) = found(world)["app_access"]
    assert "open it in Shopify once" in said


# Comparing and asking.


def test_comparing_that_has_failed_for_an_hour_is_told_with_its_reason(world: World) -> None:
    world.change(orders_until=ago(minutes=70))
    world.shopify.will("503")
    world.compare()
    assert found(world) == {"not_compared": ["Comparing: Shopify answered 503."]}
    world.compare()
    assert found(world) == {}


def test_an_order_that_cannot_be_read_is_told_after_ten_minutes(world: World) -> None:
    order = an_order()
    world.happens(order)
    with transaction() as session:
        order_looks.ask_for(session, world.shop.id, str(order.id), ago(minutes=11))
    world.shopify.will("503")
    outbox.look_at_orders()
    assert found(world) == {"order_not_read": [f"Order {order.id}: Shopify answered 503."]}
    world.look()
    world.shop.work()
    assert found(world) == {}
