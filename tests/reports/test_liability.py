"""What is owed, by when it ends and by its age: the sums of open lots, without reading them."""

from datetime import UTC, date, datetime

from backend.db import transaction
from backend.jobs import upkeep
from backend.reports import liability
from backend.reports.liability import Parts
from tests.ledger.books import START, Book, days


def parts(book: Book) -> Parts:
    with transaction() as session:
        return liability.parts(session, book.shop_id)


def test_points_stand_at_their_last_day_in_the_shops_zone(book: Book) -> None:
    member = book.member()
    book.grant(member, 10, expires_at=datetime(2026, 12, 31, 23, tzinfo=UTC))  # the year's end in Paris
    book.grant(member, 5, expires_at=datetime(2027, 1, 1, 23, tzinfo=UTC))
    book.grant(member, 2)
    for is_summed in (False, True):
        if is_summed:
            upkeep.sum_up()
        found = parts(book)
        assert list(found.by_last_day.items()) == [(date(2026, 12, 31), 10), (date(2027, 1, 1), 5), (None, 2)]
        assert list(found.by_month_of_end().items()) == [(date(2026, 12, 1), 10), (date(2027, 1, 1), 5), (None, 2)]
        assert found.by_month_earned == {date(2026, 1, 1): 17}
        assert found.available == 17
        assert found.until(date(2026, 12, 31)) == 10


def test_what_was_spent_or_came_back_is_not_owed_twice(book: Book) -> None:
    member = book.member()
    book.grant(member, 10, expires_at=START + days(30))
    book.advance(days=40)
    book.grant(member, 20, expires_at=START + days(400))
    taken = book.spend(member, 40, may_owe=True)
    upkeep.sum_up()
    assert parts(book).available == book.account(member)[1] == 0
    assert taken is not None
    book.give_back(member, taken)
    assert parts(book).available == book.account(member)[1]
    assert book.check().violations == []


def test_a_reminder_that_is_late_moves_the_day_and_loses_nothing(book: Book) -> None:
    member = book.member()
    book.grant(member, 10, expires_at=START + days(30))
    upkeep.sum_up()
    book.execute("update lot set expires_at = expires_at + interval '7 days' where shop_id = :shop")
    assert list(parts(book).by_last_day.items()) == [((START + days(37)).date(), 10)]
    upkeep.sum_up()
    assert list(parts(book).by_last_day.items()) == [((START + days(37)).date(), 10)]
    assert book.check().violations == []


def test_what_a_point_is_worth_is_what_the_best_active_cashback_pays(book: Book) -> None:
    def cashback(name: str, value: str, active: bool) -> None:
        book.execute(
            "insert into reward (shop_id, redemption_id, name, type, is_active, points, point_value, coupon_source,"
            " details, created_at, modified_at) values (:shop, :name, :name, 'cashback', :active, 0, :value, 'made',"
            " '{}', :now, :now)",
            name=name,
            value=value,
            active=active,
            now=book.now,
        )

    with transaction() as session:
        assert liability.point_value(session, book.shop_id) is None
    cashback("A", "0.01", True)
    cashback("B", "0.05", True)
    cashback("C", "1", False)
    with transaction() as session:
        assert str(liability.point_value(session, book.shop_id)) == "0.05"
