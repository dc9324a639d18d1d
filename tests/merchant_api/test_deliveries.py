"""What the store sent, and what became of it (contract section 10)."""

import orjson
import pytest
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from tests.merchant_api.conftest import Api


def states(api: Api, **query: str) -> list[tuple[str, str | None, str]]:
    items = api.get("/deliveries", **query).json["items"]
    return [(each["delivery_id"], each["type"], each["state"]) for each in items]


def test_every_delivery_is_listed_with_its_state(api: Api) -> None:
    api.shop.deliver("customer.created", {"id": "c1"}, delivery_id="m1")
    api.shop.work()
    api.shop.deliver("nothing.known", {}, delivery_id="m2")
    api.shop.post(b"{", delivery_id="m3")
    api.shop.deliver("customer.created", {"id": "c2"}, delivery_id="m4")
    assert states(api) == [
        ("m4", "customer.created", "received"),
        ("m3", None, "rejected"),
        ("m2", "nothing.known", "ignored"),
        ("m1", "customer.created", "handled"),
    ]
    assert states(api, state="handled") == [("m1", "customer.created", "handled")]
    assert states(api, type="nothing.known") == [("m2", "nothing.known", "ignored")]
    assert states(api, type="customer.created", state="received") == [("m4", "customer.created", "received")]
    (rejected,) = api.get("/deliveries", state="rejected").json["items"]
    assert "JSON" in rejected["error"]
    assert {"id", "delivery_id", "type", "state", "error", "received_at"} <= set(rejected)
    assert "body" not in rejected


def test_one_delivery_shows_its_body_as_it_arrived(api: Api) -> None:
    body = orjson.dumps({"type": "customer.created", "timestamp": "2026-06-01T00:00:00Z", "data": {"id": "é"}})
    api.shop.post(b" " + body)
    (listed,) = api.get("/deliveries").json["items"]
    shown = api.get(f"/deliveries/{listed['id']}").json
    assert shown.pop("body").encode() == b" " + body
    assert shown == listed


def failed(api: Api) -> str:
    """A delivery that failed and waits for its next try, an hour from now."""
    api.shop.deliver("customer.created", {"id": "c1"})
    (listed,) = api.get("/deliveries").json["items"]
    with transaction() as session:
        session.execute(
            text(
                "update delivery set state = 'failed', error = 'A fault on our side', tries = 3,"
                " next_try_at = cast(:wall as timestamptz) + interval '1 hour' where shop_id = :shop"
            ),
            {"shop": api.shop.id, "wall": clock.wall()},
        )
    delivery_id: str = listed["id"]
    return delivery_id


def test_a_failed_delivery_is_handled_again_on_request(api: Api) -> None:
    delivery = failed(api)
    api.shop.work()
    assert api.get(f"/deliveries/{delivery}").json["state"] == "failed"
    answer = api.post(f"/deliveries/{delivery}/replay")
    assert (answer.status_code, answer.json["state"], answer.json["error"]) == (200, "failed", "A fault on our side")
    api.shop.work()
    shown = api.get(f"/deliveries/{delivery}").json
    assert (shown["state"], shown["error"]) == ("handled", None)
    assert shown["handled_at"].endswith("Z")


def test_what_did_not_fail_is_not_handled_again(api: Api) -> None:
    api.shop.tell("customer.created", {"id": "c1"})
    (handled,) = api.get("/deliveries").json["items"]
    answer = api.post(f"/deliveries/{handled['id']}/replay")
    assert (answer.status_code, answer.json["code"]) == (409, "not_failed")


def test_replaying_under_one_key_answers_the_same_whatever_came_of_it(api: Api) -> None:
    delivery = failed(api)
    first = api.post(f"/deliveries/{delivery}/replay", key="k")
    api.shop.work()
    again = api.post(f"/deliveries/{delivery}/replay", key="k")
    assert (again.status_code, again.data) == (first.status_code, first.data)
    assert api.post(f"/deliveries/{delivery}/replay", key="other").status_code == 409


@pytest.mark.parametrize("path", ["/deliveries/{}", "/deliveries/{}/replay"])
@pytest.mark.parametrize("delivery", ["0", "9223372036854775808", "9" * 40, "abc", "-1", "%00", "1.0", "１"])
def test_a_delivery_that_does_not_exist_is_404(api: Api, path: str, delivery: str) -> None:
    method = "POST" if path.endswith("replay") else "GET"
    answer = api.call(method, path.format(delivery))
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")


@pytest.mark.parametrize("query", ["state=lost", "state=", "type=%00", "state=failed&state=handled"])
def test_a_wrong_filter_is_refused(api: Api, query: str) -> None:
    assert api.call("GET", f"/deliveries?{query}").status_code == 400
