"""Birthdays: once a calendar year of the shop's zone, on the day, to who told it before the day."""

from calendar import isleap
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from backend.db import transaction
from backend.errors import Conflict
from backend.jobs import points
from backend.loyalty.bonuses import birthdays
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.earn_world import assert_proved, given, had, member, rows, rule
from tests.loyalty.test_calendar import TABLE

Opened = Callable[..., TestShop]


@pytest.fixture
def opened(time: BusinessTime, new_shop: Callable[..., TestShop]) -> Opened:
    """A shop with a birthday rule since some day. No other shop of this database has birthdays left."""

    def make(*rules: dict[str, Any], zone: str = "Europe/Paris", since: str = "2026-01-01T00:00:00Z") -> TestShop:
        with transaction() as session:
            session.execute(text("update birthday_round set due_at = 'infinity'"))
        time.set(since)
        return new_shop(program={"rules": list(rules) or [rule("birthday")]}, timezone_name=zone)

    return make


def live_until(time: BusinessTime, last: datetime | str, step: timedelta = timedelta(days=20)) -> None:
    """Let the job work every so often until then."""
    end = datetime.fromisoformat(last) if isinstance(last, str) else last
    while time.now < end:
        time.set(min(time.now + step, end))
        points.birthdays()


def days(shop: TestShop) -> list[str]:
    """The local days on which it was given."""
    tz = ZoneInfo(shop.facts.timezone)
    return [each.at.astimezone(tz).date().isoformat() for each in given(shop, "birthday")]


def test_it_is_given_on_the_day_once_a_year(time: BusinessTime, opened: Opened) -> None:
    shop = opened()
    member(shop, birthday="1990-05-17")
    live_until(time, "2026-05-16T21:59:00Z")
    assert days(shop) == []
    live_until(time, "2026-05-16T22:00:01Z")
    assert days(shop) == ["2026-05-17"]
    live_until(time, "2028-01-01T12:00:00Z")
    assert days(shop) == ["2026-05-17", "2027-05-17"]
    assert [each.key.rpartition(":")[2] for each in given(shop, "birthday")] == ["2026", "2027"]
    assert_proved(shop)


def test_running_it_twice_changes_nothing(time: BusinessTime, opened: Opened) -> None:
    shop = opened()
    member(shop, birthday="1990-05-17")
    time.set("2026-05-17T12:00:00+02:00")
    assert points.birthdays() == 1
    assert points.birthdays() == 0
    with transaction() as session:  # as if the place had been lost
        session.execute(text("update birthday_round set day = '2026-05-01', due_at = now()"))
    points.birthdays()
    assert days(shop) == ["2026-05-17"]


@pytest.mark.parametrize(
    ("told_at", "first"),
    [
        ("2026-05-16T23:59:59+02:00", "2026-05-17"),
        ("2026-05-17T00:00:00+02:00", "2027-05-17"),  # on the day: from the next year on
        ("2026-05-17T12:00:00+02:00", "2027-05-17"),
        ("2026-05-18T12:00:00+02:00", "2027-05-17"),
    ],
)
def test_it_must_be_known_before_the_day(time: BusinessTime, opened: Opened, told_at: str, first: str) -> None:
    shop = opened()
    live_until(time, told_at)
    shop.tell("customer.created", {"id": "c-1", "birthday": "1990-05-17"}, at=told_at)
    live_until(time, "2027-05-18T12:00:00Z")
    assert days(shop)[0] == first


def test_a_birthday_that_changes_is_not_given_twice_in_a_year(time: BusinessTime, opened: Opened) -> None:
    shop = opened()
    member(shop, birthday="1990-02-01")
    for day in (1, 10, 20):
        live_until(time, f"2026-0{2 + day // 20}-{day:02}T12:00:00Z")
        member(shop, birthday=f"1990-0{3 + day // 20}-01")
    live_until(time, "2026-12-31T12:00:00Z")
    assert days(shop) == ["2026-02-01"]


def test_telling_the_same_birthday_again_does_not_count_as_a_change(time: BusinessTime, opened: Opened) -> None:
    shop = opened()
    member(shop, birthday="1990-05-17")
    live_until(time, "2026-05-17T00:00:00+02:00")
    member(shop, birthday="1990-05-17", first_name="Ada")
    live_until(time, "2026-05-18T12:00:00Z")
    assert days(shop) == ["2026-05-17"]


@pytest.mark.parametrize("late_first", [False, True])
def test_since_when_it_is_known_does_not_depend_on_the_order_of_arrival(
    time: BusinessTime, opened: Opened, late_first: bool
) -> None:
    shop = opened()
    time.set("2026-05-17T12:00:00+02:00")
    told = ["2026-05-01T12:00:00+02:00", "2026-05-17T11:00:00+02:00"]
    for at in reversed(told) if late_first else told:
        shop.tell("customer.updated", {"id": "c-1", "birthday": "1990-05-17"}, at=at)
    points.birthdays()
    assert days(shop) == ["2026-05-17"]


def test_29_february_is_the_28th_in_other_years(time: BusinessTime, opened: Opened) -> None:
    shop = opened()
    member(shop, birthday="2000-02-29")
    member(shop, "c-2", birthday="1999-02-28")
    live_until(time, "2029-01-01T12:00:00Z")
    of_each = {customer: days_of_member(shop, customer) for customer in ("c-1", "c-2")}
    assert of_each["c-1"] == ["2026-02-28", "2027-02-28", "2028-02-29"]
    assert of_each["c-2"] == ["2026-02-28", "2027-02-28", "2028-02-28"]


def days_of_member(shop: TestShop, customer: str) -> list[str]:
    found = rows(
        "select b.at from bonus b join member m on m.shop_id = b.shop_id and m.id = b.member_id"
        " where b.shop_id = :shop and m.external_id = :customer order by b.at",
        shop=shop.id,
        customer=customer,
    )
    return [each.at.astimezone(ZoneInfo(shop.facts.timezone)).date().isoformat() for each in found]


@pytest.mark.parametrize("year", [1900, 2000, 2026, 2028, 2100])
def test_every_birthday_is_celebrated_once_in_every_year(year: int) -> None:
    celebrated = [day for n in range(366) for day in birthdays.days_of(date(year, 1, 1) + timedelta(days=n))]
    if not isleap(year):
        celebrated = celebrated[: -len(birthdays.days_of(date(year + 1, 1, 1)))]
    every = {(date(2000, 1, 1) + timedelta(days=n)) for n in range(366)}
    assert sorted(celebrated) == sorted(day.month * 100 + day.day for day in every)


@pytest.mark.parametrize("zone", [row[0] for row in TABLE])
def test_the_day_begins_and_ends_on_the_shops_wall(time: BusinessTime, opened: Opened, zone: str) -> None:
    shop = opened(zone=zone, since="2026-06-13T00:00:00Z")
    tz = ZoneInfo(zone)
    member(shop, birthday="1990-06-15")
    midnight = datetime(2026, 6, 15, tzinfo=tz).astimezone(UTC)
    time.set(midnight - timedelta(seconds=1))
    points.birthdays()
    assert days(shop) == []
    time.set(midnight)
    points.birthdays()
    assert days(shop) == ["2026-06-15"]
    assert given(shop, "birthday")[0].at == midnight


def test_days_that_passed_while_the_clock_was_down_are_made_up_for(time: BusinessTime, opened: Opened) -> None:
    shop = opened()
    points.birthdays()
    for number, birthday in enumerate(["1990-03-01", "1991-04-15", "1992-05-17", "1993-05-19"]):
        member(shop, f"c-{number}", birthday=birthday)
    time.set("2026-05-18T12:00:00Z")
    points.birthdays()
    assert days(shop) == ["2026-03-01", "2026-04-15", "2026-05-17"]


def test_many_birthdays_of_a_day_are_given_in_batches_and_nobody_is_left_out(
    time: BusinessTime, opened: Opened
) -> None:
    shop = opened()
    for number in range(7):
        member(shop, f"c-{number}", birthday="1990-02-28" if number % 2 else "2000-02-29")
    time.set("2026-02-28T12:00:00Z")
    rounds = 0
    while in_one_transaction(shop, time.now, limit=2):
        rounds += 1
    assert rounds >= 4
    assert len(given(shop, "birthday")) == 7
    assert {each.at for each in given(shop, "birthday")} == {datetime(2026, 2, 27, 23, tzinfo=UTC)}


def in_one_transaction(shop: TestShop, now: datetime, limit: int) -> int:
    with transaction() as session:
        return birthdays.give_next(session, lambda _: shop.facts, now, limit)


def test_by_the_rules_in_force_that_day_and_for_those_it_is_for(time: BusinessTime, opened: Opened) -> None:
    vips = [{"conditions": [{"attribute": "User Tags", "operator": "Contain any of", "value": ["vip"]}]}]
    shop = opened(
        rule("birthday", eligibility=vips),
        rule("birthday", 5, id="summer", active_from="2026-06-01T00:00:00+02:00"),
    )
    member(shop, "c-1", birthday="1990-05-17", tags=["vip"])
    member(shop, "c-2", birthday="1990-05-17")
    member(shop, "c-3", birthday="1990-07-01")
    live_until(time, "2026-08-01T12:00:00Z")
    assert [had(shop, f"c-{n}") for n in (1, 2, 3)] == [50, 0, 5]


@pytest.mark.parametrize("how", ["disabled", "uninstalled", "erased"])
def test_nobody_gets_it_when_there_is_no_program_or_no_member(time: BusinessTime, opened: Opened, how: str) -> None:
    shop = opened()
    member(shop, birthday="1990-05-17")
    live_until(time, "2026-05-01T12:00:00Z")
    match how:
        case "disabled":
            shop.set_program(enabled=False, rules=[rule("birthday")])
        case "uninstalled":
            shop.tell("app.uninstalled", {"at": time.now.isoformat()})
        case "erased":
            shop.tell("customer.redacted", {"id": "c-1"})
    live_until(time, "2026-06-01T12:00:00Z")
    assert days(shop) == []


def test_a_shop_without_a_birthday_rule_is_done_with_at_once(time: BusinessTime, opened: Opened) -> None:
    shop = opened(rule("signup"))
    time.set("2026-12-01T12:00:00Z")
    assert points.birthdays() == 1
    (at,) = rows("select day from birthday_round where shop_id = :shop", shop=shop.id)
    assert at.day == date(2026, 12, 2)


def test_the_members_of_a_day_are_found_by_an_index(opened: Opened) -> None:
    shop = opened()
    with transaction() as session:
        session.execute(
            text(
                "insert into member (shop_id, external_id, enrolled_at, birthday)"
                " select :shop, 'many ' || n, '2026-01-01', date '1950-01-01' + n from generate_series(1, 20000) n"
            ),
            {"shop": shop.id},
        )
        session.execute(text("analyze member"))
        parameters = {"shop": shop.id, "day": 517, "after": 0, "limit": 200}
        plan = "\n".join(session.execute(text(f"explain {birthdays.WHOSE}"), parameters).scalars())
        session.rollback()
    assert "member_birthday" in plan
    assert "Seq Scan" not in plan


def test_a_birthday_that_is_told_in_the_widget_counts_from_then_on(time: BusinessTime, opened: Opened) -> None:
    shop = opened()
    member_id = member(shop)
    with transaction() as session:
        birthdays.learn(session, shop.facts, member_id, date(1990, 5, 17), time.now)
    with pytest.raises(Conflict) as refused, transaction() as session:
        birthdays.learn(session, shop.facts, member_id, date(1990, 1, 2), time.now)
    assert refused.value.code == "already_known"
    live_until(time, "2026-06-01T12:00:00Z")
    assert days(shop) == ["2026-05-17"]


@pytest.mark.parametrize("day", [date(2026, 1, 2), date(1899, 12, 31)])
def test_a_day_that_cannot_be_a_birthday_is_refused(time: BusinessTime, opened: Opened, day: date) -> None:
    shop = opened()
    member_id = member(shop)
    with pytest.raises(ValueError, match="in the past"), transaction() as session:
        birthdays.learn(session, shop.facts, member_id, day, time.now)
