"""What a member has, until when, and how it came about (S3.20, S3.21, contract section 10)."""

from typing import Any

from tests.conftest import BusinessTime
from tests.merchant_api.conftest import Api

FIELDS = {
    "id", "at", "kind", "from", "to", "points", "reason", "actor", "actor_name", "source_key", "available_after",
    "expires_at", "why", "order", "resolves",
}  # fmt: skip


def order(**said: Any) -> dict[str, Any]:
    return {
        "id": "o1",
        "number": "#1001",
        "customer": {"id": "c1"},
        "currency": "EUR",
        "created_at": "2019-11-29T12:00:00+01:00",
        "subtotal": "1000.00",
        "payment_status": "paid",
        "delivery_status": "pending",
        **said,
    }


def test_an_order_is_expected_then_pending_then_available_with_its_dates(api: Api, time: BusinessTime) -> None:
    time.set("2019-11-29T12:00:00+01:00")
    member = api.member("c1")

    def balance() -> dict[str, Any]:
        found: dict[str, Any] = api.get(f"/members/{member}/balance").json
        return found

    nothing = balance()
    assert nothing == {
        "available": 0, "pending": [], "pending_points": 0, "expected": [], "expected_points": 0, "on_hold": 0,
        "owed": 0, "expiring": [], "lots": [],
    }  # fmt: skip

    api.shop.tell("order.paid", order())
    assert balance() == {**nothing, "expected": [{"points": 100, "order": "#1001"}], "expected_points": 100}

    time.set("2019-12-01T15:00:00+01:00")
    api.shop.tell("order.collected", order(delivery_status="collected", collected_at="2019-12-01T15:00:00+01:00"))
    pending = balance()
    (award,) = pending["pending"]
    assert award.pop("reason")
    assert award == {
        "points": 100,
        "due_at": "2019-12-03T23:00:00Z",  # 12/4 begins in Paris (S3.5)
        "expires_at": "2020-12-31T23:00:00Z",
        "order": "#1001",
    }
    assert (pending["pending_points"], pending["available"], pending["expected"]) == (100, 0, [])

    time.set("2019-12-04T00:00:01+01:00")
    api.shop.work()
    posted = balance()
    (lot,) = posted["lots"]
    assert {**posted, "lots": []} == {
        **nothing,
        "available": 100,
        "expiring": [{"points": 100, "expires_at": "2020-12-31T23:00:00Z"}],
    }
    assert (lot["points"], lot["remaining"], lot["expires_at"]) == (100, 100, "2020-12-31T23:00:00Z")
    assert lot["earned_at"] == "2019-12-03T23:00:00Z"


def test_what_waits_of_an_edited_order_is_told_as_one_whatever_arrived_first(api: Api, time: BusinessTime) -> None:
    time.set("2019-12-01T15:00:00+01:00")
    collected = {"delivery_status": "collected", "collected_at": "2019-12-01T15:00:00+01:00"}
    before = {**collected, "updated_at": "2019-12-01T15:00:00+01:00"}
    edited = {**collected, "updated_at": "2019-12-01T16:00:00+01:00", "subtotal": "1500.00"}
    told = {}
    for customer, arrivals in (("in turn", [before, edited]), ("edited first", [edited, before])):
        for said in arrivals:
            api.shop.tell("order.updated", order(id=f"o {customer}", customer={"id": customer}, **said))
        told[customer] = api.get(f"/members/external:{customer}/balance").json
    (award,) = told["in turn"]["pending"]
    assert award["points"] == 150
    assert told["in turn"] == told["edited first"]


def test_lots_stand_in_the_order_in_which_they_are_spent(api: Api, time: BusinessTime) -> None:
    time.set("2026-06-01T00:00:00Z")
    member = api.member()
    api.shop.set_program(expiry={"kind": "never"})
    time.advance(seconds=1)
    api.adjust(member, 10)
    for points, expires_at in ((20, "2027-01-01T00:00:00Z"), (30, "2026-08-01T00:00:00Z"), (5, "2027-01-01T00:00:00Z")):
        time.advance(seconds=1)
        api.adjust(member, points, expires_at=expires_at)
    balance = api.adjust(member, -35).json["balance"]
    assert [(lot["points"], lot["remaining"], lot["expires_at"]) for lot in balance["lots"]] == [
        (20, 15, "2027-01-01T00:00:00Z"),
        (5, 5, "2027-01-01T00:00:00Z"),
        (10, 10, None),
    ]
    assert balance["expiring"] == [{"points": 20, "expires_at": "2027-01-01T00:00:00Z"}]
    assert balance["available"] == 30


def test_each_entry_carries_what_an_auditor_needs(api: Api, time: BusinessTime) -> None:
    time.set("2019-12-01T15:00:00+01:00")
    member = api.member("c1")
    api.shop.tell("order.collected", order(delivery_status="collected", collected_at="2019-12-01T15:00:00+01:00"))
    time.set("2019-12-04T09:00:00+01:00")
    api.shop.work()
    api.adjust(member, -30, "Mistake", actor_name="Bo")
    items = api.get(f"/members/{member}/transactions").json["items"]
    assert [each["kind"] for each in items] == ["deduct", "post", "promise"]
    assert all(set(each) == FIELDS for each in items)
    deduct, post, promise = items
    assert (promise["from"], promise["to"], promise["points"]) == ("issued", "pending", 100)
    assert (promise["actor"], promise["order"]) == ("platform", "#1001")
    assert promise["why"]["counted"] == "1000.00"
    assert (post["from"], post["to"], post["available_after"]) == ("pending", "available", 100)
    assert post["expires_at"] == "2020-12-31T23:00:00Z"
    assert (deduct["actor"], deduct["actor_name"], deduct["available_after"]) == ("staff", "Bo", 70)
    assert len({each["source_key"] for each in items}) == 3


def test_the_entries_add_up_to_the_balance(api: Api, time: BusinessTime) -> None:
    time.set("2026-06-01T00:00:00Z")
    member = api.member("c1")
    for points in (100, -30, 7, -77, 12):
        api.adjust(member, points)
    collected = order(
        created_at="2026-06-01T00:00:00Z", delivery_status="collected", collected_at="2026-06-01T00:00:00Z"
    )
    api.shop.tell("order.collected", collected)
    time.advance(days=5)
    api.shop.work()
    api.shop.tell(
        "order.refunded",
        {"order_id": "o1", "refund": {"id": "r1", "created_at": "2026-06-05T00:00:00Z", "amount": "500.00",
         "line_items": []}},
    )  # fmt: skip
    items = api.get(f"/members/{member}/transactions").json["items"]
    balance = api.get(f"/members/{member}/balance").json
    for bucket, shown in (("available", "available"), ("pending", "pending_points"), ("owed", "owed")):
        moved = sum(each["points"] * ((each["to"] == bucket) - (each["from"] == bucket)) for each in items)
        assert moved == balance[shown], bucket
    assert items[0]["available_after"] == balance["available"]


def test_times_are_utc_to_the_second(api: Api, time: BusinessTime) -> None:
    time.set("2026-06-01T12:34:56.789012+02:00")
    member = api.member()
    assert api.adjust(member, 5).json["at"] == "2026-06-01T10:34:56Z"
