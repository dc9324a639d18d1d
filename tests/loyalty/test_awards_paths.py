"""Whatever happens to an order, and whenever it is told: its points end where they should.

Contract section 3, S3.22 to S3.28, design section 5. The figures by hand: 1000.00 in two lines of 500.00, one point for
every 10: 100 points, 50 of each line.
"""

from collections.abc import Callable
from itertools import permutations, product
from typing import Any

import pytest
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.jobs import points
from backend.ledger import posting
from backend.ledger.balance import Balance, balance
from backend.ledger.check import check
from tests.conftest import BusinessTime, TestShop

OPENED = "2026-02-01T12:00:00+01:00"
ORDERED = "2026-03-01T10:00:00+01:00"
COLLECTED = "2026-03-05T18:00:00+01:00"
WAITING = "2026-03-05T20:00:00+01:00"
DUE = "2026-03-08T00:00:00+01:00"
POSTED = "2026-03-09T12:00:00+01:00"
EXPIRED = "2028-01-01T00:00:00+01:00"

LAMPS = {"id": "l-1", "title": "Lamp", "quantity": 2, "total": "500.00"}
RUG = {"id": "l-2", "title": "Rug", "quantity": 1, "total": "500.00"}


def order(**given: Any) -> dict[str, Any]:
    return {
        "id": "o-1",
        "number": "#1001",
        "customer": {"id": "c-1"},  # without an address: nobody to remind, so nothing is delayed
        "currency": "EUR",
        "created_at": ORDERED,
        "subtotal": "1000.00",
        "line_items": [LAMPS, RUG],
    } | given


def collected(**given: Any) -> dict[str, Any]:
    return order(delivery_status="collected", collected_at=COLLECTED) | given


def with_rug_at(price: str, **given: Any) -> dict[str, Any]:
    """The order after an edit: its second line costs this."""
    subtotal = f"{500 + float(price):.2f}"
    return collected(subtotal=subtotal, line_items=[LAMPS, {**RUG, "total": price}], **given)


def refund(refund_id: str, line: str = "l-1", **part: Any) -> dict[str, Any]:
    return {"order_id": "o-1", "refund": {"id": refund_id, "line_items": [{"line_item_id": line} | part]}}


Open = Callable[..., TestShop]


@pytest.fixture
def opened(time: BusinessTime, new_shop: Callable[..., TestShop]) -> Open:
    """Open a shop before all that is told here; its program is the documents' unless said otherwise."""

    def make(**program: Any) -> TestShop:
        time.set(OPENED)
        made = new_shop(program=program or None)
        time.set(WAITING)
        return made

    return make


@pytest.fixture
def shop(opened: Open) -> TestShop:
    return opened()


@pytest.fixture
def later(shop: TestShop, time: BusinessTime) -> Callable[[str], None]:
    """Let the time come and the workers work, reminders and expiry included."""

    def wait(until: str) -> None:
        time.set(until)
        shop.work()
        points.remind()
        points.expire()

    return wait


def of(shop: TestShop, customer: str = "c-1") -> Balance:
    member_id = member(shop, customer)
    with transaction() as session:
        return balance(session, shop.id, member_id, clock.now())


def available(points: int, *, pending: int = 0, owed: int = 0) -> Balance:
    return Balance(available=points, pending=pending, on_hold=0, owed=owed)


def waiting(points: int) -> Balance:
    return available(0, pending=points)


def member(shop: TestShop, customer: str) -> int:
    (row,) = rows(shop, "select id from member where shop_id = :shop and external_id = :id", id=customer)
    return int(row.id)


def expected(shop: TestShop) -> int:
    (row,) = rows(shop, "select expected_points from orders where shop_id = :shop")
    return int(row.expected_points)


def moves(shop: TestShop) -> list[tuple[str, int]]:
    return [
        (row.kind, row.points) for row in rows(shop, "select kind, points from entry where shop_id = :shop order by id")
    ]


def days(shop: TestShop) -> list[Any]:
    """The days on which what waits falls due."""
    return [row.due_at for row in rows(shop, "select due_at from award where shop_id = :shop and state = 'pending'")]


def rows(shop: TestShop, statement: str, **given: Any) -> list[Any]:
    with transaction() as session:
        return list(session.execute(text(statement), {"shop": shop.id, **given}))


def spend(shop: TestShop, points: int, customer: str = "c-1") -> None:
    member_id = member(shop, customer)
    with transaction() as session:
        posting.spend(
            session,
            shop.id,
            member_id,
            points,
            at=clock.now(),
            key=f"spend:{points}",
            author=posting.SYSTEM,
            reason="a test",
            why={},
        )


def assert_proved(shop: TestShop) -> None:
    with transaction() as session:
        assert check(session, clock.now(), clock.wall(), shop.id).violations == []


# Edits (S3.27)


@pytest.mark.parametrize(("price", "now_worth"), [("900.00", 140), ("500.00", 100), ("104.99", 60), ("0.00", 50)])
def test_an_edit_before_the_day_changes_what_waits(
    shop: TestShop, later: Callable[[str], None], price: str, now_worth: int
) -> None:
    shop.tell("order.collected", collected(), at=COLLECTED)
    shop.tell("order.updated", with_rug_at(price), at=WAITING)
    assert of(shop) == waiting(now_worth)
    later(POSTED)
    assert of(shop) == available(now_worth)


@pytest.mark.parametrize(("price", "now_worth"), [("900.00", 140), ("500.00", 100), ("104.99", 60), ("0.00", 50)])
def test_an_edit_after_the_day_changes_what_is_available_at_once(
    shop: TestShop, later: Callable[[str], None], price: str, now_worth: int
) -> None:
    shop.tell("order.collected", collected(), at=COLLECTED)
    later(POSTED)
    shop.tell("order.updated", with_rug_at(price), at=POSTED)
    assert of(shop) == available(now_worth)


def test_an_edit_that_changes_no_points_moves_nothing(shop: TestShop) -> None:
    shop.tell("order.collected", collected(), at=COLLECTED)
    shop.tell("order.updated", with_rug_at("509.99"), at=WAITING)
    assert moves(shop) == [("promise", 100)]


def test_an_edit_down_after_the_points_were_spent_is_owed_and_an_edit_up_settles_it(
    shop: TestShop, later: Callable[[str], None]
) -> None:
    shop.tell("order.collected", collected(), at=COLLECTED)
    later(POSTED)
    spend(shop, 80)
    shop.tell("order.updated", with_rug_at("0.00"), at="2026-03-09T13:00:00+01:00")
    assert of(shop) == available(0, owed=-30)
    shop.tell("order.updated", with_rug_at("500.00"), at="2026-03-09T14:00:00+01:00")
    assert of(shop) == available(20)
    assert_proved(shop)


def test_edits_up_and_down_leave_the_last_one_standing(shop: TestShop, later: Callable[[str], None]) -> None:
    prices = ["900.00", "0.00", "700.00", "100.00", "300.00"]
    for hour, price in enumerate(prices, start=10):
        shop.tell("order.updated", with_rug_at(price), at=f"2026-03-05T{hour}:00:00+01:00")
    assert of(shop) == waiting(80)
    later(POSTED)
    assert of(shop) == available(80)
    assert_proved(shop)


# Refunds (S3.22 to S3.24)

REFUNDS = {
    "one of two pieces": ([refund("r", quantity=1)], 75),
    "a part of the money": ([refund("r", amount="100.00")], 90),
    "an amount below a point": ([refund("r", amount="9.99")], 100),
    "three thirds that round together and not alone": (
        [refund("r", amount="33.33"), refund("s", amount="33.33"), refund("t", amount="33.34")],
        90,
    ),
    "a line whole": ([refund("r", "l-2", quantity=1)], 50),
    "a line whole by money": ([refund("r", "l-2", amount="500.00")], 50),
    "both lines in parts": ([refund("r", quantity=1), refund("s", "l-2", amount="250.00")], 50),
    "everything in parts": ([refund("r", quantity=1), refund("s", "l-2", quantity=1), refund("t", quantity=1)], 0),
    "more than everything": (
        [refund("r", quantity=2), refund("s", amount="900.00"), refund("t", "l-2", quantity=9)],
        0,
    ),
    "a line that the order does not have": ([refund("r", "l-9", quantity=1)], 100),
    "without lines": ([{"order_id": "o-1", "refund": {"id": "r", "amount": "500.00"}}], 100),
}


@pytest.mark.parametrize("case", REFUNDS)
def test_refunds_before_the_day_after_it_and_before_the_order_itself_end_alike(
    shop: TestShop, opened: Open, time: BusinessTime, case: str
) -> None:
    refunds, left = REFUNDS[case]
    ends = set()
    moments = ("before the order", "before the day", "after the day")
    ways = list(product(permutations(refunds), moments))
    for arrival, when in ways if len(ways) < 9 else ways[::2]:
        shop = opened()
        if when != "before the order":
            shop.tell("order.collected", collected())
        if when == "after the day":
            time.set(POSTED)
            shop.work()
        for each in arrival:
            shop.tell("order.refunded", each)
            shop.tell("order.refunded", each)  # under another delivery's id: no new effect
        if when == "before the order":
            shop.tell("order.collected", collected())
        time.set(POSTED)
        shop.work()
        ends.add(of(shop))
    assert ends == {available(left)}


def test_a_refund_without_lines_takes_everything_once_the_order_counts_as_refunded(shop: TestShop) -> None:
    shop.tell("order.collected", collected(), at=COLLECTED)
    shop.tell("order.refunded", {"order_id": "o-1", "refund": {"id": "r-1", "amount": "1000.00"}})
    assert of(shop) == waiting(100)
    shop.tell("order.updated", collected(payment_status="refunded"), at=WAITING)
    assert of(shop) == waiting(0)


def test_a_refund_after_spending_is_owed_for_what_is_missing_alone(
    shop: TestShop, later: Callable[[str], None]
) -> None:
    shop.tell("order.collected", collected())
    later(POSTED)
    spend(shop, 80)
    shop.tell("order.refunded", refund("r", quantity=1))
    assert of(shop) == available(0, owed=-5)
    shop.tell("order.refunded", refund("s", "l-2", quantity=1))
    assert of(shop) == available(0, owed=-55)
    assert_proved(shop)


def test_a_refund_takes_from_its_own_order_first(shop: TestShop, later: Callable[[str], None]) -> None:
    shop.tell("order.collected", collected())
    shop.tell("order.collected", collected(id="o-2", number="#1002"))
    later(POSTED)
    shop.tell("order.refunded", {**refund("r", quantity=2), "order_id": "o-2"})
    left = rows(
        shop,
        "select o.external_id, l.remaining from lot l join orders o on o.shop_id = l.shop_id and o.id = l.order_id"
        " where l.shop_id = :shop order by o.external_id",
    )
    assert [tuple(row) for row in left] == [("o-1", 100), ("o-2", 50)]


def test_of_two_tellings_of_one_refund_the_later_counts_whichever_comes_first(opened: Open) -> None:
    told = [("100.00", "2026-03-05T19:00:00Z"), ("250.00", "2026-03-05T19:00:00.500Z")]
    for arrival in permutations(told):
        shop = opened()
        shop.tell("order.collected", collected(), at=COLLECTED)
        for amount, at in arrival:
            shop.tell("order.refunded", refund("r", amount=amount), at=at)
        assert of(shop) == waiting(75)


# Cancelled, returned, voided (S3.25, S3.28)

UNDONE = {
    "order.cancelled": collected(cancelled_at="2026-03-05T19:00:00+01:00"),
    "order.returned": collected(delivery_status="returned"),
    "order.updated": collected(payment_status="voided"),
}


@pytest.mark.parametrize("type_", UNDONE)
def test_an_order_that_came_to_nothing_brings_nothing(shop: TestShop, later: Callable[[str], None], type_: str) -> None:
    shop.tell("order.collected", collected(), at=COLLECTED)
    shop.tell(type_, UNDONE[type_], at="2026-03-05T19:00:00+01:00")
    assert of(shop) == waiting(0)
    later(POSTED)
    assert of(shop) == available(0)
    assert moves(shop) == [("promise", 100), ("void", 100)]


@pytest.mark.parametrize("type_", UNDONE)
def test_an_order_that_came_to_nothing_after_its_day_gives_back_what_it_brought(
    shop: TestShop, later: Callable[[str], None], type_: str
) -> None:
    shop.tell("order.collected", collected(), at=COLLECTED)
    later(POSTED)
    spend(shop, 60)
    shop.tell(type_, UNDONE[type_], at=POSTED)
    assert of(shop) == available(0, owed=-60)
    assert moves(shop)[-2:] == [("claw_back", 40), ("claw_back", 60)]


def test_an_order_that_was_cancelled_first_brings_nothing_when_it_is_collected(shop: TestShop) -> None:
    shop.tell("order.cancelled", order(cancelled_at="2026-03-04T10:00:00+01:00"), at="2026-03-04T10:00:00+01:00")
    shop.tell("order.collected", collected(), at=COLLECTED)
    assert of(shop) == waiting(0)
    assert moves(shop) == []


def test_refunds_and_then_a_cancelling_take_back_all_and_no_more(shop: TestShop, later: Callable[[str], None]) -> None:
    shop.tell("order.collected", collected(), at=COLLECTED)
    later(POSTED)
    shop.tell("order.refunded", refund("r", quantity=1), at=POSTED)
    shop.tell("order.cancelled", UNDONE["order.cancelled"], at=POSTED)
    shop.tell("order.refunded", refund("s", "l-2", quantity=1), at=POSTED)
    assert of(shop) == available(0)
    assert_proved(shop)


# Expiry


@pytest.mark.parametrize("spent", [0, 30, 60, 100])
@pytest.mark.parametrize("share", ["a part", "all"])
def test_a_refund_then_the_expiry_ends_as_the_expiry_and_then_a_refund(
    opened: Open, time: BusinessTime, spent: int, share: str
) -> None:
    given_back = (
        [refund("r", quantity=1)] if share == "a part" else [refund("r", quantity=2), refund("s", "l-2", quantity=1)]
    )
    ends = []
    for refunds_first in (True, False):
        shop = opened()
        shop.tell("order.collected", collected())
        time.set(POSTED)
        shop.work()
        if spent:
            spend(shop, spent)
        steps: list[Callable[[], None]] = [lambda shop=shop: give_back(shop, given_back), lambda: expire(time)]
        for step in steps if refunds_first else reversed(steps):
            step()
        ends.append(of(shop))
        assert_proved(shop)
    taken_back = 25 if share == "a part" else 100
    assert ends == [available(0, owed=-max(0, taken_back - (100 - spent)))] * 2


def give_back(shop: TestShop, refunds: list[dict[str, Any]]) -> None:
    for each in refunds:
        shop.tell("order.refunded", each)


def expire(time: BusinessTime) -> None:
    time.set(EXPIRED)
    points.remind()
    points.expire()


def test_an_edit_up_after_expired_points_counted_as_taken_back_uncounts_them_first(
    shop: TestShop, time: BusinessTime
) -> None:
    shop.tell("order.collected", collected(), at=COLLECTED)
    time.set(POSTED)
    shop.work()
    expire(time)
    shop.tell("order.cancelled", UNDONE["order.cancelled"], at=EXPIRED)
    assert moves(shop) == [("promise", 100), ("post", 100), ("expire", 100)]
    assert of(shop) == available(0)
    assert_proved(shop)


def test_expired_points_whose_refund_is_taken_back_do_not_live_again(shop: TestShop, time: BusinessTime) -> None:
    shop.tell("order.collected", collected(), at=COLLECTED)
    time.set(POSTED)
    shop.work()
    expire(time)
    shop.tell("order.updated", with_rug_at("0.00"), at="2028-01-02T00:00:00+01:00")
    shop.tell("order.updated", with_rug_at("500.00"), at="2028-01-03T00:00:00+01:00")
    assert of(shop) == available(0)
    shop.tell("order.updated", with_rug_at("600.00"), at="2028-01-04T00:00:00+01:00")
    assert of(shop) == available(10)
    assert_proved(shop)


def test_points_that_expired_after_a_part_was_taken_back_do_not_live_again_either(
    shop: TestShop, time: BusinessTime
) -> None:
    shop.tell("order.collected", collected(), at=COLLECTED)
    time.set(POSTED)
    shop.work()
    shop.tell("order.updated", with_rug_at("0.00"), at=POSTED)
    assert of(shop) == available(50)
    expire(time)
    shop.tell("order.updated", collected(subtotal="0.00", line_items=[]), at="2028-01-02T00:00:00+01:00")
    shop.tell("order.updated", with_rug_at("0.00"), at="2028-01-03T00:00:00+01:00")
    assert of(shop) == available(0)
    shop.tell("order.updated", with_rug_at("500.00"), at="2028-01-04T00:00:00+01:00")
    assert of(shop) == available(50)
    assert_proved(shop)


@pytest.mark.parametrize("times", [1, 2])
def test_what_was_spent_is_not_owed_once_the_order_is_worth_as_much_again(
    shop: TestShop, time: BusinessTime, times: int
) -> None:
    """60 were spent and 40 expired; an order that is worth 60 or more in the end owes nothing, however it got there."""
    shop.tell("order.collected", collected(), at=COLLECTED)
    time.set(POSTED)
    shop.work()
    spend(shop, 60)
    expire(time)
    for day in range(2, 2 + 3 * times, 3):
        shop.tell("order.updated", collected(subtotal="0.00", line_items=[]), at=f"2028-01-0{day}T00:00:00+01:00")
        assert of(shop) == available(0, owed=-60)
        shop.tell("order.updated", with_rug_at("100.00"), at=f"2028-01-0{day + 1}T00:00:00+01:00")
        assert of(shop) == available(0)
        shop.tell("order.updated", with_rug_at("500.00"), at=f"2028-01-0{day + 2}T00:00:00+01:00")
        assert of(shop) == available(0)
    assert_proved(shop)


def test_an_edit_down_takes_back_what_an_edit_up_gave_after_the_expiry(shop: TestShop, time: BusinessTime) -> None:
    shop.tell("order.collected", collected(), at=COLLECTED)
    time.set(POSTED)
    shop.work()
    expire(time)
    worth = [("1000.00", 50), ("700.00", 20), ("500.00", 0), ("0.00", 0), ("700.00", 20)]
    for day, (price, left) in enumerate(worth, start=2):
        shop.tell("order.updated", with_rug_at(price), at=f"2028-01-0{day}T00:00:00+01:00")
        assert of(shop) == available(left)
    assert_proved(shop)


# Whose order it is


@pytest.mark.parametrize("spent", [0, 70])
def test_an_order_that_turns_out_to_be_anothers_takes_its_points_along(
    shop: TestShop, later: Callable[[str], None], spent: int
) -> None:
    shop.tell("order.collected", collected(), at=COLLECTED)
    later(POSTED)
    if spent:
        spend(shop, spent)
    shop.tell("order.updated", collected(customer={"id": "c-2"}), at=POSTED)
    assert of(shop, "c-1") == available(0, owed=-spent)
    assert of(shop, "c-2") == available(100)
    shop.tell("order.refunded", refund("r", quantity=2))
    assert of(shop, "c-2") == available(50)
    assert_proved(shop)


def test_an_order_that_waits_moves_with_its_day(shop: TestShop, later: Callable[[str], None]) -> None:
    shop.tell("order.collected", collected(), at=COLLECTED)
    shop.tell("order.updated", collected(customer={"id": "c-2"}), at=WAITING)
    assert (of(shop, "c-1"), of(shop, "c-2")) == (waiting(0), waiting(100))
    later(POSTED)
    assert of(shop, "c-2") == available(100)


def test_an_order_that_moves_there_and_back_is_where_it_was(shop: TestShop, later: Callable[[str], None]) -> None:
    shop.tell("order.collected", collected(), at=COLLECTED)
    later(POSTED)
    for day, customer in ((10, "c-2"), (11, "c-1"), (12, "c-2"), (13, "c-1")):
        shop.tell("order.updated", collected(customer={"id": customer}), at=f"2026-03-{day}T10:00:00+01:00")
    assert (of(shop, "c-1"), of(shop, "c-2")) == (available(100), available(0))
    assert_proved(shop)


def test_what_expired_of_one_member_is_not_counted_against_the_next(shop: TestShop, time: BusinessTime) -> None:
    shop.tell("order.collected", collected(), at=COLLECTED)
    time.set(POSTED)
    shop.work()
    expire(time)
    shop.tell("order.updated", collected(customer={"id": "c-2"}), at=EXPIRED)
    assert (of(shop, "c-1"), of(shop, "c-2")) == (available(0), available(100))
    shop.tell("order.updated", collected(customer={"id": "c-1"}), at="2028-01-02T00:00:00+01:00")
    assert (of(shop, "c-1"), of(shop, "c-2")) == (available(0), available(0))
    assert_proved(shop)


GUEST = {"email": "Guest@example.com"}
CLAIM = {"id": "c-1", "email": "guest@example.com", "email_verified": True}


@pytest.mark.parametrize("claimed", [WAITING, POSTED])
def test_a_guests_points_wait_for_the_account_refunds_included(
    shop: TestShop, later: Callable[[str], None], claimed: str
) -> None:
    shop.tell("order.collected", collected(customer=GUEST), at=COLLECTED)
    shop.tell("order.refunded", refund("r", quantity=1))
    later(claimed)
    shop.tell("customer.created", CLAIM)
    assert of(shop) == (waiting(75) if claimed == WAITING else available(75))


def test_a_guests_order_whose_address_was_corrected_belongs_to_the_new_address(
    opened: Open, time: BusinessTime
) -> None:
    """In whatever order it is told, and whether or not the wrong one had been posted by then."""
    told = [
        ("order.collected", collected(customer={"email": "wrong@example.com"}), COLLECTED),
        ("order.updated", collected(customer={"email": "right@example.com"}), "2026-03-05T18:30:00+01:00"),
        ("customer.created", {"id": "c-1", "email": "wrong@example.com", "email_verified": True}, COLLECTED),
    ]
    ends = []
    for arrival in permutations(told):
        for meanwhile in (WAITING, POSTED):
            shop = opened()
            for type_, data, at in arrival:
                shop.tell(type_, data, at=at)
                time.set(meanwhile)
                shop.work()
            ends.append(of(shop))
            shop.tell("customer.created", {"id": "c-2", "email": "right@example.com", "email_verified": True})
            time.set(POSTED)
            shop.work()
            ends.append(of(shop, "c-2"))
            assert_proved(shop)
    assert ends == [available(0), available(100)] * 12


def test_a_guest_order_is_expected_only_once_it_is_claimed(shop: TestShop) -> None:
    shop.tell("order.created", order(customer=GUEST))
    assert expected(shop) == 0
    shop.tell("customer.created", CLAIM)
    assert expected(shop) == 100
    shop.tell("order.collected", collected(customer=GUEST))
    assert (expected(shop), of(shop)) == (0, waiting(100))


# When it counts as received (S3.5)


def test_an_earlier_day_that_is_told_late_moves_what_waits(shop: TestShop, time: BusinessTime) -> None:
    shop.tell("order.collected", collected(collected_at="2026-03-07T18:00:00+01:00"), at="2026-03-07T18:00:00+01:00")
    (late,) = days(shop)
    shop.tell("order.updated", collected(collected_at=COLLECTED), at="2026-03-07T19:00:00+01:00")
    (early,) = days(shop)
    assert (late - early).days == 2
    time.set(DUE)
    shop.work()
    assert of(shop) == available(100)


def test_an_earlier_day_does_not_move_what_was_posted(shop: TestShop, later: Callable[[str], None]) -> None:
    shop.tell("order.collected", collected(), at=COLLECTED)
    later(POSTED)
    ends = rows(shop, "select expires_at, earned_at from lot where shop_id = :shop")
    shop.tell("order.updated", collected(collected_at="2025-12-20T10:00:00+01:00"), at=POSTED)
    assert of(shop) == available(100)
    assert rows(shop, "select expires_at, earned_at from lot where shop_id = :shop") == ends


def test_without_a_collected_at_the_earliest_telling_counts_whichever_comes_first(
    opened: Open, time: BusinessTime
) -> None:
    told = [COLLECTED, "2026-03-06T10:00:00+01:00", "2026-03-07T10:00:00+01:00"]
    ends = set()
    for arrival in permutations(told):
        shop = opened()
        for at in arrival:
            shop.tell("order.collected", order(delivery_status="collected"), at=at)
        ends |= set(days(shop))
        assert of(shop) == waiting(100)
    assert len(ends) == 1


@pytest.mark.parametrize(
    ("assign_on", "before", "receiving"),
    [
        ("paid", "order.shipped", "order.paid"),
        ("shipped", "order.paid", "order.shipped"),
        ("collected", "order.arrived", "order.collected"),
    ],
)
def test_points_are_promised_by_what_the_program_waits_for(
    opened: Open, assign_on: str, before: str, receiving: str
) -> None:
    shop = opened(assign={"delay_days": 3, "on": assign_on})
    shop.tell("order.created", order(), at=ORDERED)
    shop.tell(before, order(), at="2026-03-02T10:00:00+01:00")
    assert (of(shop), expected(shop)) == (waiting(0), 100)
    shop.tell(receiving, order(), at="2026-03-03T10:00:00+01:00")
    assert (of(shop), expected(shop)) == (waiting(100), 0)
    shop.tell(receiving, order(), at="2026-03-04T10:00:00+01:00")
    assert of(shop) == waiting(100)


@pytest.mark.parametrize("meanwhile", [WAITING, POSTED])
def test_an_arrival_whose_carrier_was_wrong_was_no_arrival(opened: Open, time: BusinessTime, meanwhile: str) -> None:
    """An arrival is enough with a carrier of the list alone; what is told second must not depend on what came first."""
    arrived = {"delivery_status": "arrived", "arrived_at": "2026-03-05T10:00:00+01:00"}
    told = [
        ("order.arrived", order(**arrived, delivery_carrier="tcat"), "2026-03-05T10:00:00+01:00"),
        ("order.updated", order(**arrived, delivery_carrier="dhl"), "2026-03-05T11:00:00+01:00"),
    ]
    for arrival in permutations(told):
        shop = opened(assign={"delay_days": 3, "on": "collected", "arrived_carriers": ["tcat"]})
        for type_, data, at in arrival:
            shop.tell(type_, data, at=at)
            time.set(meanwhile)
            shop.work()
        assert (of(shop), expected(shop)) == (available(0), 100)
        shop.tell("order.collected", collected(collected_at=POSTED, delivery_carrier="dhl"), at=POSTED)
        assert (of(shop), expected(shop)) == (waiting(100), 0)
        assert_proved(shop)


# Installed and uninstalled (S3.25)


@pytest.mark.parametrize("meanwhile", [WAITING, POSTED])
def test_an_uninstall_that_is_told_late_takes_back_what_was_ordered_after_it(
    shop: TestShop, later: Callable[[str], None], meanwhile: str
) -> None:
    shop.tell("order.collected", collected())
    shop.tell("order.collected", collected(id="o-2", created_at="2026-02-27T10:00:00+01:00"))
    later(meanwhile)
    shop.tell("app.uninstalled", {"at": "2026-02-28T00:00:00+01:00"})
    later(POSTED)
    assert of(shop) == available(100)
    shop.tell("app.installed", {"at": "2026-03-01T09:00:00+01:00"})
    assert of(shop) == available(200)
    assert_proved(shop)
