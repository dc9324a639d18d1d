"""Opening + movements = closing, each day of the shop's zone, to the point (design section 4, invariant 9)."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from backend.db import db, transaction
from backend.jobs import upkeep
from backend.ledger.check import check
from backend.reports import movements
from backend.reports.movements import Movements
from tests.ledger.books import START, Book, days

PARIS = ZoneInfo("Europe/Paris")
A_MOVE = st.tuples(
    st.sampled_from(
        ["grant", "promise", "post", "spend", "back", "hold", "capture", "release", "take", "deduct", "end"]
    ),
    st.integers(1, 60),
    st.sampled_from([0, 1, 7, 23, 25, 40, 24 * 20]),
)


def whole(book: Book) -> list[Movements]:
    """Every day from the first that a test can reach."""
    with transaction() as session:
        return list(
            movements.by_day(session, book.shop_id, START.date() - timedelta(3), book.now.date() + timedelta(400))
        )


def violations(book: Book) -> list[str]:
    with transaction() as session:
        return [each.what for each in check(session, book.now, datetime.now(UTC), book.shop_id).violations]


def walk(book: Book, moves: list[tuple[str, int, int]]) -> None:
    """Whatever is asked for, as far as it is possible."""
    member = book.member()
    order = book.order(member)
    holds: list[int] = []
    spends: list[int] = []
    for what, points, hours in moves:
        available = book.account(member)[1]
        match what:
            case "grant":
                book.grant(member, points, expires_at=book.now + days(points))
            case "promise":
                book.promise(member, points, order_id=order, due_at=book.now + days(2))
            case "post":
                book.post_due()
            case "spend":
                spends += filter(None, [book.spend(member, points, may_owe=True)])
            case "back" if spends:
                book.give_back(member, spends.pop())
            case "hold" if available:
                holds += filter(None, [book.hold(member, min(points, available))])
            case "capture" if holds:
                book.capture(member, holds.pop())
            case "release" if holds:
                book.release(member, holds.pop())
            case "take":
                book.claw_back(member, points)
            case "deduct" if available:
                book.deduct(member, min(points, available))
            case "end":
                book.expire_due()
        book.advance(hours=hours)
        book.expire_due()


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(moves=st.lists(A_MOVE, max_size=25), is_summed=st.booleans())
def test_whatever_happens_each_day_opens_as_the_day_before_closed(
    book: Book, moves: list[tuple[str, int, int]], is_summed: bool
) -> None:
    walk(book, moves)
    if is_summed:
        upkeep.sum_up()
    found = whole(book)

    assert found[0].opening == 0
    assert all(later.opening == earlier.closing for earlier, later in pairwise(found))
    with transaction() as session:
        assert found[-1].closing == movements.accounts(session, book.shop_id)
        assert found[-1].closing == movements.outstanding(session, book.shop_id)
    assert violations(book) == []


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (datetime(2026, 1, 5, 22, 59, 59, tzinfo=UTC), date(2026, 1, 5)),
        (datetime(2026, 1, 5, 23, tzinfo=UTC), date(2026, 1, 6)),
        (datetime(2026, 3, 28, 22, 59, tzinfo=UTC), date(2026, 3, 28)),  # the day of 23 hours begins
        (datetime(2026, 3, 28, 23, tzinfo=UTC), date(2026, 3, 29)),
        (datetime(2026, 3, 29, 21, 59, tzinfo=UTC), date(2026, 3, 29)),
        (datetime(2026, 3, 29, 22, tzinfo=UTC), date(2026, 3, 30)),
        (datetime(2026, 10, 24, 22, tzinfo=UTC), date(2026, 10, 25)),  # the day of 25 hours
        (datetime(2026, 10, 25, 22, 59, tzinfo=UTC), date(2026, 10, 25)),
        (datetime(2026, 10, 25, 23, tzinfo=UTC), date(2026, 10, 26)),
    ],
)
def test_a_day_is_the_shops_and_not_londons(book: Book, at: datetime, day: date) -> None:
    book.now = at
    book.grant(book.member(), 10)
    (moved,) = [each for each in whole(book) if each.moved["granted"]]
    assert moved.first == day == at.astimezone(PARIS).date()


def test_what_is_committed_late_is_summed_all_the_same(book: Book) -> None:
    """Ids are given before the commit: a transaction that is open while others are summed loses nothing."""
    late, early = book.member(), book.member()
    with db.engine.connect() as open_transaction:
        open_transaction.execute(
            text(
                "insert into entry (shop_id, member_id, at, kind, from_bucket, to_bucket, points, available_after,"
                " source_key, actor, reason) values (:shop, :member, :now, 'grant', 'issued', 'available', 7, 7,"
                " 'late', 'system', 'x')"
            ),
            {"shop": book.shop_id, "member": late, "now": book.now - days(40)},
        )
        book.grant(early, 10)
        upkeep.sum_up()
        assert whole(book)[-1].closing == 10
        open_transaction.commit()

    assert _outstanding(book) == 17
    assert upkeep.sum_up() == 1
    assert _outstanding(book) == 17


def test_what_is_dated_back_changes_the_days_since(book: Book) -> None:
    member = book.member()
    book.now = START + days(10)
    book.grant(member, 10)
    upkeep.sum_up()
    book.now = START
    book.grant(member, 5)
    book.now = START + days(10)
    assert {each.first: each.opening for each in whole(book)}[(START + days(10)).date()] == 5


def test_in_another_zone_the_days_hold_other_entries(book: Book) -> None:
    book.now = datetime(2026, 1, 5, 23, tzinfo=UTC)
    book.grant(book.member(), 10)
    upkeep.sum_up()
    book.execute("update shop set timezone = 'America/New_York' where id = :shop")
    (moved,) = [each for each in whole(book) if each.moved["granted"]]
    assert moved.first == date(2026, 1, 5)
    assert violations(book) == []


def test_weeks_and_months_are_the_sums_of_their_days(book: Book) -> None:
    member = book.member()
    for number in (1, 2, 4, 8):
        book.grant(member, number)
        book.advance(days=20)
    first, last = START.date(), START.date() + timedelta(75)
    with transaction() as session:
        by_day = list(movements.by_step(session, book.shop_id, first, last, "day"))
        steps: tuple[movements.Step, ...] = ("week", "month")
        for step in steps:
            found = list(movements.by_step(session, book.shop_id, first, last, step))
            assert sum(each.issued for each in found) == sum(each.issued for each in by_day) == 15
            assert (found[0].opening, found[-1].closing) == (by_day[0].opening, by_day[-1].closing)
            assert (found[0].first, found[-1].last) == (first, last)


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        (
            "update day_sum set points = points + 1 where shop_id = :shop and what = 'entry'",
            "the sums of entry (grant)",
        ),
        ("delete from day_sum where shop_id = :shop", "the sums of lot (never)"),
        ("update day_sum set day = day + 1 where shop_id = :shop and what = 'member'", "the sums of member ()"),
        (
            "update day_sum set key = '2026-02-01' where shop_id = :shop and what = 'lot'",
            "the sums of lot (2026-02-01)",
        ),
        ("update month_sum set points = points - 1 where shop_id = :shop and what = 'lot'", "sums lot (never)"),
        (
            "insert into sum_change (shop_id, what, day, key, number, points)"
            " values (:shop, 'entry', '2026-01-05', 'grant', 1, 1)",
            "the sums of entry (grant)",
        ),
    ],
)
def test_the_check_finds_sums_that_are_not_what_they_sum(book: Book, planted: str, found: str) -> None:
    book.grant(book.member(), 10)
    upkeep.sum_up()
    assert violations(book) == []
    book.execute(planted)
    assert any(found in each for each in violations(book))


def _outstanding(book: Book) -> int:
    with transaction() as session:
        return movements.outstanding(session, book.shop_id)
