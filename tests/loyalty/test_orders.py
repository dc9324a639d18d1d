"""An order becomes points: collected, waiting, posted; edited, refunded, cancelled, returned (contract section 3)."""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import text

from backend.db import db
from backend.ledger.balance import Balance, balance
from tests.conftest import BusinessTime, TestShop


def order(**given: Any) -> dict[str, Any]:
    """An order of 1000 with one line, by a customer with an account."""
    return {
        "id": "o-1",
        "number": "#1001",
        "customer": {"id": "c-1", "email": "ada@example.com"},
        "currency": "EUR",
        "created_at": "2019-11-29T10:00:00+01:00",
        "subtotal": "1000.00",
        "line_items": [{"id": "l-1", "title": "Lamp", "quantity": 2, "unit_price": "500.00", "total": "1000.00"}],
    } | given


def collected(**given: Any) -> dict[str, Any]:
    return order(delivery_status="collected", collected_at="2019-12-01T18:00:00+01:00") | given


@pytest.fixture
def shop(time: BusinessTime, new_shop: Callable[..., TestShop]) -> TestShop:
    time.set("2019-11-01T12:00:00+01:00")
    made = new_shop()
    time.set("2019-12-01T20:00:00+01:00")
    return made


def of(shop: TestShop, time: BusinessTime, customer: str = "c-1") -> Balance:
    member = db.session.execute(
        text("select id from member where shop_id = :shop and external_id = :id"), {"shop": shop.id, "id": customer}
    ).scalar_one()
    db.session.rollback()
    found = balance(db.session, shop.id, member, time.now)
    db.session.rollback()
    return found


def entries(shop: TestShop) -> list[tuple[str, int]]:
    rows = db.session.execute(
        text("select kind, points from entry where shop_id = :shop order by id"), {"shop": shop.id}
    ).all()
    db.session.rollback()
    return [(row.kind, row.points) for row in rows]


def test_every_10_earn_1_point_so_1000_earn_100(shop: TestShop, time: BusinessTime) -> None:  # S3.3
    shop.tell("order.collected", collected())
    assert of(shop, time) == Balance(available=0, pending=100, on_hold=0, owed=0)


def test_ordered_11_29_collected_12_1_three_days_later_is_12_4(shop: TestShop, time: BusinessTime) -> None:  # S3.5
    shop.tell("order.collected", collected())
    time.set("2019-12-03T23:59:59+01:00")
    shop.work()
    assert of(shop, time).available == 0
    time.set("2019-12-04T00:00:00+01:00")
    shop.work()
    assert of(shop, time) == Balance(available=100, pending=0, on_hold=0, owed=0)


def test_earned_2019_12_04_with_12_31_lives_to_the_end_of_2020_12_31(
    shop: TestShop, time: BusinessTime
) -> None:  # S3.4
    shop.tell("order.collected", collected())
    time.set("2019-12-04T09:00:00+01:00")
    shop.work()
    time.set("2020-12-31T23:59:59+01:00")
    assert of(shop, time).available == 100
    time.set("2021-01-01T00:00:00+01:00")
    assert of(shop, time).available == 0


def test_an_arrival_is_enough_for_a_carrier_of_the_list(shop: TestShop, time: BusinessTime) -> None:
    shop.tell("order.arrived", order(delivery_carrier="tcat", arrived_at="2019-12-01T10:00:00+01:00"))
    assert of(shop, time).pending == 100


def test_an_arrival_with_another_carrier_promises_nothing(shop: TestShop, time: BusinessTime) -> None:
    shop.tell("order.arrived", order(delivery_carrier="dhl", arrived_at="2019-12-01T10:00:00+01:00"))
    assert of(shop, time).pending == 0


def test_a_partial_refund_before_the_day_voids_its_part(shop: TestShop, time: BusinessTime) -> None:
    shop.tell("order.collected", collected())
    shop.tell("order.refunded", refund("r-1", quantity=1, amount="500.00"))
    assert of(shop, time).pending == 50
    assert entries(shop) == [("promise", 100), ("void", 50)]


def test_a_partial_refund_after_the_day_claws_back_its_part(shop: TestShop, time: BusinessTime) -> None:
    shop.tell("order.collected", collected())
    time.set("2019-12-05T00:00:00+01:00")
    shop.work()
    shop.tell("order.refunded", refund("r-1", quantity=1, amount="500.00"))
    assert of(shop, time) == Balance(available=50, pending=0, on_hold=0, owed=0)


def test_a_refund_of_points_that_were_spent_is_owed_and_settled_from_the_next(
    shop: TestShop, time: BusinessTime
) -> None:
    shop.tell("order.collected", collected())
    time.set("2019-12-05T00:00:00+01:00")
    shop.work()
    spend(shop, 80, time)
    shop.tell("order.cancelled", collected(cancelled_at="2019-12-05T01:00:00+01:00"))
    assert of(shop, time) == Balance(available=0, pending=0, on_hold=0, owed=-80)
    second = collected(id="o-2", number="#1002", collected_at="2019-12-01T18:00:00+01:00")
    shop.tell("order.collected", second)
    assert of(shop, time) == Balance(available=20, pending=0, on_hold=0, owed=0)
    assert entries(shop)[-2:] == [("post", 100), ("settle", 80)]


def test_points_that_expired_unspent_count_as_taken_back(shop: TestShop, time: BusinessTime) -> None:
    shop.tell("order.collected", collected(customer={"id": "c-1"}))  # no address: nobody to remind, nothing is delayed
    time.set("2019-12-05T00:00:00+01:00")
    shop.work()
    time.set("2021-01-02T00:00:00+01:00")
    from backend.jobs import points

    points.remind()
    points.expire()
    shop.tell("order.refunded", refund("r-1", quantity=2, amount="1000.00"))
    assert of(shop, time) == Balance(available=0, pending=0, on_hold=0, owed=0)


def test_an_edit_changes_the_points_and_never_the_dates(shop: TestShop, time: BusinessTime) -> None:  # S3.27
    shop.tell("order.collected", collected(updated_at="2019-12-01T18:00:00+01:00"))
    time.set("2019-12-02T12:00:00+01:00")
    lines = [{"id": "l-1", "quantity": 3, "total": "1500.00"}]
    shop.tell("order.updated", collected(subtotal="1500.00", line_items=lines, updated_at="2019-12-02T12:00:00+01:00"))
    assert of(shop, time).pending == 150
    days = db.session.execute(text("select distinct due_at, expires_at from award where shop_id = :s"), {"s": shop.id})
    assert len(days.all()) == 1
    db.session.rollback()


def test_the_version_in_force_when_the_order_was_made_counts_not_todays(shop: TestShop, time: BusinessTime) -> None:
    shop.set_program(earn={"spend_step": "1", "points_per_step": 1})
    shop.tell("order.collected", collected())
    assert of(shop, time).pending == 100


def test_the_end_is_the_same_whatever_the_order_of_arrival(
    time: BusinessTime, new_shop: Callable[..., TestShop]
) -> None:
    time.set("2019-11-01T12:00:00+01:00")
    events = [
        ("order.created", order(updated_at="2019-11-29T10:00:00+01:00"), "2019-11-29T10:00:00+01:00"),
        ("order.collected", collected(updated_at="2019-12-01T18:00:00+01:00"), "2019-12-01T18:00:00+01:00"),
        ("order.refunded", refund("r-1", quantity=1, amount="500.00"), "2019-12-02T10:00:00+01:00"),
        ("customer.created", {"id": "c-1", "first_name": "Ada"}, "2019-11-29T09:00:00+01:00"),
    ]
    ends = set()
    for arrival in permutations(events):
        shop = new_shop()
        time.set("2019-12-02T12:00:00+01:00")
        for type_, data, at in arrival:
            shop.tell(type_, data, at=at)
        time.set("2019-12-04T00:00:00+01:00")
        shop.work()
        ends.add(of(shop, time))
        time.set("2019-11-01T12:00:00+01:00")
    assert ends == {Balance(available=50, pending=0, on_hold=0, owed=0)}


def test_a_guests_order_waits_for_an_account_with_the_same_verified_address(shop: TestShop, time: BusinessTime) -> None:
    shop.tell("order.collected", collected(customer={"email": "Guest@example.com"}))
    shop.tell("customer.created", {"id": "c-9", "email": "guest@example.com"})
    assert of(shop, time, "c-9").pending == 0
    shop.tell("customer.updated", {"id": "c-9", "email": "guest@example.com", "email_verified": True})
    assert of(shop, time, "c-9").pending == 100


def test_an_order_made_before_the_uninstall_still_earns_and_one_after_does_not(
    shop: TestShop, time: BusinessTime
) -> None:  # S3.25
    shop.tell("app.uninstalled", {"at": "2019-11-30T00:00:00+01:00"})
    shop.tell("order.collected", collected())
    shop.tell("order.collected", collected(id="o-2", created_at="2019-11-30T10:00:00+01:00"))
    assert of(shop, time).pending == 100


def test_an_uninstall_that_is_older_than_our_own_shop_counts_too(
    time: BusinessTime, new_shop: Callable[..., TestShop]
) -> None:
    time.set("2019-12-01T12:00:00+01:00")
    shop = new_shop()
    shop.tell("app.uninstalled", {"at": "2019-11-30T00:00:00+01:00"})
    time.set("2019-12-02T12:00:00+01:00")
    shop.tell("order.collected", collected(created_at="2019-12-02T10:00:00+01:00"))
    assert of(shop, time).pending == 0


def test_a_pos_order_earns_unless_the_merchant_says_no(time: BusinessTime, new_shop: Callable[..., TestShop]) -> None:
    time.set("2019-11-01T12:00:00+01:00")
    with_pos, without = new_shop(program={}), new_shop(program={"earn": {"pos": False}})
    time.set("2019-12-01T20:00:00+01:00")
    for shop, points in ((with_pos, 100), (without, 0)):
        shop.tell("order.collected", collected(source="pos"))
        assert of(shop, time).pending == points


def test_a_sign_up_earns_once(time: BusinessTime, new_shop: Callable[..., TestShop]) -> None:
    time.set("2019-11-01T12:00:00+01:00")
    rule = {"id": "signup", "kind": "signup", "points": 50, "title": {"en": "Create an account"}}
    shop = new_shop(program={"rules": [rule]})
    time.set("2019-12-01T12:00:00+01:00")
    for _ in range(2):
        shop.tell("customer.created", {"id": "c-1", "created_at": "2019-12-01T11:00:00+01:00"})
    shop.tell("customer.created", {"id": "c-2", "created_at": "2019-10-01T11:00:00+01:00"})
    assert of(shop, time).available == 50
    assert of(shop, time, "c-2").available == 0


def test_a_sign_up_told_in_whole_seconds_is_not_older_than_a_rule_of_that_second(
    time: BusinessTime, new_shop: Callable[..., TestShop]
) -> None:
    time.set("2019-12-01T11:00:00.700+01:00")
    shop = new_shop(program={"rules": [{"id": "s", "kind": "signup", "points": 50, "title": {"en": "Sign up"}}]})
    shop.tell("customer.created", {"id": "c-1", "created_at": "2019-12-01T11:00:00+01:00"})
    shop.tell("customer.created", {"id": "c-2", "created_at": "2019-12-01T10:59:59+01:00"})
    assert (of(shop, time).available, of(shop, time, "c-2").available) == (50, 0)


def refund(refund_id: str, **line: Any) -> dict[str, Any]:
    return {"order_id": "o-1", "refund": {"id": refund_id, "line_items": [{"line_item_id": "l-1"} | line]}}


def spend(shop: TestShop, points: int, time: BusinessTime) -> None:
    from backend.db import transaction
    from backend.ledger import posting

    with transaction() as session:
        member = session.execute(
            text("select id from member where shop_id = :shop and external_id = 'c-1'"), {"shop": shop.id}
        ).scalar_one()
        posting.spend(
            session, shop.id, member, points, at=time.now, key="spend:1", author=posting.SYSTEM, reason="test", why={}
        )


def test_a_corrupt_account_does_not_hold_up_the_others(
    shop: TestShop, time: BusinessTime, new_shop: Callable[..., TestShop]
) -> None:  # reliability F-65
    shop.tell("order.collected", collected())
    shop.tell("order.collected", collected(id="o-2", customer={"id": "c-2"}))
    corrupt = text(
        "update account set pending = :pending where shop_id = :shop and member_id ="
        " (select id from member where shop_id = :shop and external_id = 'c-1')"
    )
    db.session.execute(corrupt, {"pending": 99, "shop": shop.id})
    db.session.commit()
    time.set("2019-12-05T00:00:00+01:00")
    shop.work()
    assert of(shop, time, "c-2").available == 100
    assert of(shop, time).available == 0
    db.session.execute(corrupt, {"pending": 100, "shop": shop.id})
    db.session.commit()
    shop.work()
    assert of(shop, time).available == 100
