"""Sums that are kept as things happen: the same as counting, whatever the period, before and after they are tidied up."""

from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from backend.db import transaction
from backend.jobs import upkeep
from backend.ledger.check import check
from backend.reports import activity, kept
from backend.reports.kept import Sum, What
from tests.ledger.books import START, Book, days

DAYS = st.integers(-70, 70)


def between(book: Book, what: What, first: date = kept.ALWAYS[0], last: date = kept.ALWAYS[1]) -> dict[str, Sum]:
    with transaction() as session:
        return kept.between(session, book.shop_id, what, first, last)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(born=st.lists(DAYS, max_size=12), first=DAYS, length=st.integers(0, 140), summed=st.integers(0, 12))
def test_a_period_holds_what_its_days_hold(
    in_ledger: None, born: list[int], first: int, length: int, summed: int
) -> None:
    book, others = Book(), Book()
    for number, day in enumerate(born):
        book.now = others.now = START + days(day)
        book.member()
        others.member()
        if number == summed:
            upkeep.sum_up()
    begins = START.date() + timedelta(first)
    ends = begins + timedelta(length)
    expected = sum(begins <= START.date() + timedelta(day) <= ends for day in born)
    assert between(book, "member", begins, ends) == ({"": Sum(expected, 0)} if expected else {})


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date.min, date.max),
        (date.min, date(2026, 1, 5)),
        (date(2026, 1, 5), date.max),
        (date(2026, 1, 1), date(2026, 1, 31)),
        (date(2026, 1, 5), date(2026, 1, 5)),
        (date(2025, 12, 31), date(2026, 2, 1)),
    ],
)
def test_a_day_is_counted_once_however_the_period_falls_into_months(book: Book, first: date, last: date) -> None:
    book.member()
    assert between(book, "member", first, last) == {"": Sum(1, 0)}
    upkeep.sum_up()
    assert between(book, "member", first, last) == {"": Sum(1, 0)}


def test_members_are_counted_by_level_until_they_are_erased(book: Book) -> None:
    first, second = book.member(), book.member()
    book.execute("update member set tier = 'gold' where id = :id", id=first)
    assert between(book, "member") == {"": Sum(1, 0), "gold": Sum(1, 0)}
    upkeep.sum_up()
    book.execute("update member set tier = null where id = :id", id=first)
    book.execute("update member set status = 'erased', external_id = null, email = null where id = :id", id=second)
    assert between(book, "member") == {"": Sum(1, 0)}
    assert problems(book) == []


def test_points_by_rule_are_what_was_promised_less_what_was_voided(book: Book) -> None:
    award = book.promise(book.member(), 30)
    assert award is not None
    book.promise(book.member(), 5)
    book.void(award, 10)
    assert between(book, "rule") == {"order": Sum(2, 25)}
    assert problems(book) == []


def test_a_reward_was_had_unless_it_came_back(book: Book) -> None:
    book.execute(
        "insert into reward (shop_id, id, redemption_id, name, type, is_active, points, coupon_source, details, created_at,"
        " modified_at) values (:shop, 7, 'MUG', 'A mug', 'gift', true, 40, 'none', '{}', :now, :now)",
        now=book.now,
    )
    for status in ("issued", "issued", "failed"):
        book.execute(
            "insert into redemption (shop_id, member_id, reward_id, origin, status, points, points_after, frozen,"
            " requested_at) values (:shop, :member, 7, 'points', :status, 40, 0, '{}', :now)",
            member=book.member(),
            status=status,
            now=book.now,
        )
    assert between(book, "redemption") == {"7": Sum(2, 80)}
    book.execute("update redemption set status = 'returned' where id = (select min(id) from redemption)")
    assert between(book, "redemption") == {"7": Sum(1, 40)}
    book.execute("update redemption set status = 'issued' where status = 'returned'")
    assert between(book, "redemption") == {"7": Sum(2, 80)}
    assert problems(book) == []


def test_referrals_are_counted_by_what_became_of_them_and_visits_stay_counted(book: Book) -> None:
    advocate, friend = book.member(), book.member()
    book.execute(
        "insert into referral (shop_id, advocate_id, friend_id, at, program_version, state, changed_at)"
        " values (:shop, :advocate, :friend, :now, 1, 'registered', :now)",
        advocate=advocate,
        friend=friend,
        now=book.now,
    )
    assert between(book, "referral") == {"registered": Sum(1, 0)}
    book.execute("update referral set state = 'rejected', reason = 'cap' where shop_id = :shop")
    assert between(book, "referral") == {"rejected": Sum(1, 0)}
    book.execute(
        "insert into referral_visit select :shop, :advocate, cast(:now as date), cast(n as text)::bytea, :now"
        " from generate_series(1, 3) n",
        advocate=advocate,
        now=book.now,
    )
    upkeep.sum_up()
    book.execute("delete from referral_visit where shop_id = :shop")
    assert between(book, "visit") == {"": Sum(3, 0)}
    assert problems(book) == []


def test_active_is_who_got_points_for_something_or_spent_some_in_thirty_days(book: Book) -> None:
    idle, buyer, spender, given = (book.member() for _ in range(4))
    book.promise(idle, 5)
    book.advance(days=31)
    book.promise(buyer, 5)
    book.grant(spender, 20)
    book.hold(spender, 10)
    book.hold(spender, 10)
    book.grant(given, 20)
    with transaction() as session:
        assert activity.of(session, book.shop_id) is None
        assert activity.count(session, book.now) == 1
        found = activity.of(session, book.shop_id)
        assert found == activity.Active(2, book.now)
        assert activity.count(session, book.now + timedelta(minutes=20)) == 0
        assert activity.count(session, book.now + days(40)) == 1
        assert activity.of(session, book.shop_id) == activity.Active(0, book.now + days(40))


def test_a_page_of_figures_reads_sums_and_nothing_else(book: Book) -> None:
    """With 50,000 days in the table: an index leads to those that are asked for."""
    book.execute(
        "insert into day_sum select :shop, 'entry', cast(:now as date) + n, 'grant', 1, 1"
        " from generate_series(-25000, 25000) n",
        now=book.now,
    )
    book.execute("analyze day_sum")
    parameters = {"shop": book.shop_id, "what": "entry", **kept._parts(date(2025, 12, 30), date(2026, 3, 2))}
    with transaction() as session:
        plan = "\n".join(session.execute(text("explain " + kept._BETWEEN), parameters).scalars())
    assert "Seq Scan on day_sum" not in plan
    assert "Seq Scan on entry" not in plan
    assert "day_sum_pkey" in plan


def problems(book: Book) -> list[str]:
    upkeep.sum_up()
    with transaction() as session:
        found = check(session, book.now, START, book.shop_id).violations
    return [each.what for each in found if "sum" in each.what]
