"""Why an order brings what it brings, also if that is nothing (contract section 3)."""

from typing import Any

import pytest

from tests.merchant_api.conftest import Api

ORDER = {
    "id": "o-1",
    "number": "#1001",
    "customer": {"id": "c1"},
    "currency": "EUR",
    "created_at": "2026-11-20T10:00:00Z",
    "subtotal": "100.00",
}


def told(api: Api, type_: str = "order.created", **given: Any) -> dict[str, Any]:
    api.shop.tell(type_, ORDER | given)
    (item,) = api.get("/orders", external_id="o-1").json["items"]
    found: dict[str, Any] = api.get(f"/orders/{item['id']}").json
    assert found == item
    return found


def test_an_order_on_its_way_says_what_it_will_bring(api: Api) -> None:
    order = told(api)
    assert (order["state"], order["points"], order["due_at"]) == ("expected", 10, None)


def test_an_order_in_another_currency_earns_nothing_and_its_why_says_so(api: Api) -> None:
    order = told(api, "order.collected", currency="USD")
    assert (order["points"], order["why"]["note"]) == (0, "other_currency")


def test_a_guests_order_waits_for_its_account(api: Api) -> None:
    order = told(api, "order.collected", customer={"email": "ada@mail.example"})
    assert (order["state"], order["member_id"], order["points"]) == ("guest", None, 10)


@pytest.mark.parametrize("path", ["/orders/999999999", "/orders/9223372036854775807"])
def test_an_order_that_is_not_there_is_not_found(api: Api, path: str) -> None:
    assert api.get(path).status_code == 404
