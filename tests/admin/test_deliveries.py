"""The pages about what arrived, what is missing, and where an order's points are."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.jobs import inbox
from backend.loyalty.deliveries.gap_report import TITLES
from backend.loyalty.orders import orders
from backend.staff.rights import Right
from tests.admin.conftest import Desk, said
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.rewards_world import rows
from tests.loyalty.test_missing_points import collected, order


def fail(shop: TestShop, data: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> int:
    """A delivery that could not be handled: a mistake of ours."""

    def broken(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(orders, "see", broken)
        shop.deliver("order.created", data)
        inbox.drain()
    return newest(shop)


def newest(shop: TestShop) -> int:
    (row,) = rows(shop, "select max(id) as id from delivery where shop_id = :shop")
    return int(row.id)


def listed(desk: Desk, **query: Any) -> list[str]:
    return [each.text.strip() for each in desk.page("/deliveries", **query).select("#deliveries tbody th a")]


def test_deliveries_are_filtered_by_state_type_id_and_day(desk: Desk, shop: TestShop, time: BusinessTime) -> None:
    time.set("2026-11-23T10:00:00+01:00")
    shop.deliver("order.created", order(time), delivery_id="msg_first")
    inbox.drain()
    time.set("2026-11-25T10:00:00+01:00")
    shop.deliver("customer.created", {"id": "c-9"})
    shop.deliver("weather.changed", {"id": "w-1"})
    shop.deliver("order.paid", order(time, subtotal="a lot"))
    assert listed(desk) == ["order.paid", "weather.changed", "customer.created", "order.created"]
    assert listed(desk, state="received") == ["customer.created"]
    assert listed(desk, state="ignored") == ["weather.changed"]
    assert listed(desk, state="rejected") == ["order.paid"]
    assert listed(desk, type="order.created") == ["order.created"]
    assert listed(desk, delivery="msg_first") == ["order.created"]
    assert listed(desk, last="2026-11-23") == ["order.created"]
    assert len(listed(desk, first="2026-11-24")) == 3
    assert listed(desk, first="2026-11-24", last="2026-11-24") == []
    figures = [each.text for each in desk.page("/deliveries").select(".figure dd")]
    assert (figures[0], figures[2], figures[3]) == ("1", "0", "1")


def test_pages_leave_nothing_out(desk: Desk, shop: TestShop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter that finds little looks at so many at a time, and says where it goes on."""
    monkeypatch.setattr("backend.admin.deliveries.PAGE_SIZE", 2)
    monkeypatch.setattr("backend.loyalty.deliveries.delivery_log.LOOKED_AT", 3)
    for number in range(5):
        shop.deliver("customer.created", {"id": f"c-{number}"})
        shop.deliver("weather.changed", {"id": f"w-{number}"})
    for query, expected in (({}, 10), ({"type": "weather.changed"}, 5), ({"state": "ignored"}, 5)):
        seen: list[str] = []
        following: dict[str, Any] = {}
        for _ in range(10):
            page = desk.page("/deliveries", **query, **following)
            seen += [str(each["href"]) for each in page.select("#deliveries tbody th a")]
            older = page.select_one("#deliveries [rel=next]")
            if older is None:
                break
            following = {"before": str(older["href"]).partition("before=")[2].partition("&")[0]}
        assert len(set(seen)) == len(seen) == expected


def test_one_delivery_shows_what_became_of_it(desk: Desk, shop: TestShop, time: BusinessTime) -> None:
    shop.tell("order.collected", collected(time))
    page = desk.page(f"/deliveries/{newest(shop)}").text
    assert "Order #1001" in page or "Order 1001" in page
    assert "Member c-1" in page
    assert "10 points from issued to pending" in " ".join(page.split())
    assert '"subtotal": "100.00"' in page


def test_a_failed_delivery_is_handled_again(
    desk: Desk, shop: TestShop, time: BusinessTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery_id = fail(shop, order(time), monkeypatch)
    assert "on our side" in desk.page(f"/deliveries/{delivery_id}").text
    assert "handled again" in desk.done(f"/deliveries/{delivery_id}/replay")
    inbox.drain()
    assert "Order 1001" in " ".join(desk.page(f"/deliveries/{delivery_id}").text.split())
    refused = desk.post(f"/deliveries/{delivery_id}/replay")
    assert refused.status_code == 409
    assert "Only what failed" in said(refused)


def test_all_that_failed_is_handled_again(
    desk: Desk, shop: TestShop, time: BusinessTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        fail(shop, order(time, id=f"o-{number}", number=str(number)), monkeypatch)
    assert "2 deliveries" in desk.done("/deliveries/replay")
    inbox.drain()
    assert listed(desk, state="handled") == ["order.created"] * 2


def test_what_was_refused_is_looked_at_anew(
    desk: Desk, shop: TestShop, time: BusinessTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.deliver("order.created", order(time, subtotal="a lot"))
    delivery_id = newest(shop)
    answer = desk.post(f"/deliveries/{delivery_id}/replay")
    assert answer.status_code == 409
    assert "still refused" in said(answer)
    with transaction() as session:  # as if we had learnt to read it
        session.execute(
            text("update delivery set body = replace(body, 'a lot', '7.00') where shop_id = :shop"), {"shop": shop.id}
        )
    assert "handled again" in desk.done(f"/deliveries/{delivery_id}/replay")
    inbox.drain()
    assert listed(desk, state="handled") == ["order.created"]


def test_what_a_delivery_says_needs_the_right_to_see_customers(
    sign_in: Callable[..., Desk], shop: TestShop, time: BusinessTime
) -> None:
    shop.tell("customer.created", {"id": "c-1", "email": "ada@example.com"})
    page = sign_in(Right.SETTINGS).page(f"/deliveries/{newest(shop)}").text
    assert "ada@example.com" not in page
    assert "c-1" not in page


def test_what_is_typed_by_a_store_is_never_markup(desk: Desk, shop: TestShop, time: BusinessTime) -> None:
    shop.deliver("order.created", order(time, number="<script>x</script>", subtotal="<b>"))
    for path in ("/deliveries", f"/deliveries/{newest(shop)}", "/deliveries/gaps"):
        assert "<script>x" not in desk.get(path).text
        assert "<b>" not in desk.get(path).text.replace("<b>Maison", "").replace("<b>order", "")


def test_another_shop_finds_nothing(
    sign_in: Callable[..., Desk], shop: TestShop, new_shop: Callable[..., TestShop], time: BusinessTime
) -> None:
    shop.deliver("order.created", order(time))
    stranger = sign_in(of=new_shop())
    assert stranger.get(f"/deliveries/{newest(shop)}").status_code == 404
    assert stranger.post(f"/deliveries/{newest(shop)}/replay").status_code == 404
    assert listed(stranger) == []


def test_what_is_missing_is_shown_with_what_mends_it(
    desk: Desk, shop: TestShop, time: BusinessTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Nothing is missing" in desk.page("/deliveries/gaps").text
    failed = fail(shop, order(time), monkeypatch)
    shop.tell("order.refunded", {"order_id": "o-7", "refund": {"id": "r-1", "amount": "10.00"}})
    page = desk.page("/deliveries/gaps")
    titles = [str(each.find(string=True)).strip() for each in page.select("main h2")]
    assert titles == [TITLES["delivery_failed"][0], TITLES["refund_without_order"][0]]
    assert page.find("form", action=f"/admin/deliveries/{failed}/replay") is not None


def test_shopify_is_asked_now_where_somebody_wants_to_know(
    desk: Desk, sign_in: Callable[..., Desk], new_shop: Callable[..., TestShop]
) -> None:
    assert desk.page("/deliveries/gaps").find("form", action="/admin/deliveries/gaps/ask") is None
    assert desk.post("/deliveries/gaps/ask").status_code == 404
    at_shopify = sign_in(of=new_shop(platform="shopify", domain="kiln-of-gaps.myshopify.com"))
    page = at_shopify.page("/deliveries/gaps")
    assert "Nobody has opened it in this shop yet" in page.text
    assert page.find("form", action="/admin/deliveries/gaps/ask") is not None
    refused = at_shopify.post("/deliveries/gaps/ask")
    assert (refused.status_code, "not installed" in said(refused)) == (409, True)
    with transaction() as session:
        session.execute(
            text(
                "update shopify_shop set state = 'installed', access_token = 'sealed', installed_at = :wall,"
                " orders_until = :wall, orders_next_at = :wall + interval '9 minutes' where shop_id = :shop"
            ),
            {"shop": at_shopify.shop.id, "wall": clock.wall()},
        )
    assert "asked now" in at_shopify.done("/deliveries/gaps/ask")
    (row,) = rows(at_shopify.shop, "select orders_next_at, codes_next_at from shopify_shop where shop_id = :shop")
    assert row.orders_next_at <= clock.wall()
    assert row.codes_next_at <= clock.wall()
    with transaction() as session:
        session.execute(
            text("update shopify_shop set orders_next_at = null, codes_next_at = null where shop_id = :s"),
            {"s": at_shopify.shop.id},
        )


# Missing points?


def test_an_order_in_and_the_reason_out(desk: Desk, shop: TestShop, time: BusinessTime) -> None:
    shop.tell("order.collected", collected(time))
    time.advance(days=5)
    shop.work()
    page = desk.page("/missing-points", order="#1001")
    assert "brought 10 points" in page.select_one(".verdict").text  # type: ignore[union-attr]
    assert len(page.select(".trail > li")) >= 5
    assert len(page.select("tbody tr")) == 2
    assert "No order 4711 has arrived." in desk.page("/missing-points", order="4711").text


def test_of_several_orders_one_is_chosen(desk: Desk, shop: TestShop, time: BusinessTime) -> None:
    shop.tell("customer.created", {"id": "c-1", "email": "ada@example.com"})
    for number in (1, 2):
        time.advance(minutes=1)
        shop.tell("order.created", order(time, id=f"o-{number}", number=f"#{number}"))
    page = desk.page("/missing-points", order="ada@example.com")
    links = page.select("main li a")
    assert [each.text for each in links] == ["Order 2", "Order 1"]
    chosen_id = str(links[1]["href"]).partition("id=")[2]
    chosen = desk.get("/missing-points", order="ada@example.com", id=chosen_id).text
    assert "The store has not said that order #1 was collected." in chosen
    assert "Nobody with this address" in desk.page("/missing-points", order="eve@example.com").text


def test_a_failed_delivery_is_mended_from_there(
    desk: Desk, shop: TestShop, time: BusinessTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery_id = fail(shop, order(time), monkeypatch)
    page = desk.page("/missing-points", order="1001")
    assert page.find("form", action=f"/admin/deliveries/{delivery_id}/replay") is not None


def test_looking_needs_only_the_right_to_see_customers(
    sign_in: Callable[..., Desk], shop: TestShop, time: BusinessTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(shop, order(time), monkeypatch)
    page = sign_in(Right.VIEW_CUSTOMERS).page("/missing-points", order="1001")
    assert page.select("main form[method=post]") == []
    assert sign_in(Right.SETTINGS).get("/missing-points", order="1001").status_code == 403


def test_points_that_are_missing_lead_to_assigning_them(desk: Desk, shop: TestShop, time: BusinessTime) -> None:
    shop.tell("order.created", order(time))
    with transaction() as session:
        session.execute(
            text("update orders set received_at = :at, due_at = :at where shop_id = :shop"),
            {"shop": shop.id, "at": time.now - timedelta(days=1)},
        )
    link = desk.page("/missing-points", order="1001").find("a", string="Assign 10 points")
    assert link is not None
    assert "reason=Missing+points+of+order+%231001" in str(link["href"])
