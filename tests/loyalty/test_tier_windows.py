"""What counts when: zones, year ends, clock changes and leap days; and, whatever happens, what a reckoning from scratch
says (reliability I-34: a level is a function of the entries and orders in the window)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend import clock
from backend.db import transaction
from backend.jobs import points
from backend.loyalty.calendar_rules import first_instant, local_day
from backend.loyalty.program import programs
from backend.loyalty.program.settings import Tiers
from backend.loyalty.tiers.tier_rules import Counted, Standing, judge, window
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.rewards_world import member_with, redeem, reward, rows, tell_again
from tests.loyalty.tiers_world import (
    GOLD,
    SILVER,
    buy,
    changes,
    earn,
    enrol,
    program,
    settle,
    standing,
    take_back,
    tier,
)

NewShop = Callable[..., TestShop]
PARIS = ZoneInfo("Europe/Paris")


def tiers(**given: Any) -> Tiers:
    return Tiers.model_validate({"levels": [SILVER, GOLD], **given})


@pytest.mark.parametrize(
    ("today", "first"),
    [
        ("2026-03-10", "2025-03-11"),
        ("2026-01-01", "2025-01-02"),
        ("2026-12-31", "2026-01-01"),
        ("2028-02-28", "2027-03-01"),
        ("2028-02-29", "2027-03-01"),
        ("2028-03-01", "2027-03-02"),
        ("2029-02-28", "2028-02-29"),
        ("2029-03-01", "2028-03-02"),
    ],
)
def test_twelve_months_go_back_to_the_day_after_the_same_day_a_year_ago(today: str, first: str) -> None:
    assert window(tiers(), date.fromisoformat(today)).counts_from == date.fromisoformat(first)


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)))
def test_a_day_is_looked_at_again_on_the_very_day_it_leaves_the_twelve_months(day: date) -> None:
    noon = datetime(2000, 1, 1, 12, tzinfo=PARIS)
    verdict = judge(tiers(), Standing(), Counted(Decimal(1), first_day=day), noon, PARIS)
    assert verdict.check_at is not None
    leaves = local_day(verdict.check_at, PARIS)
    assert verdict.check_at == first_instant(leaves, PARIS)
    assert window(tiers(), leaves).counts_from > day
    assert window(tiers(), leaves - timedelta(days=1)).counts_from <= day


@pytest.mark.parametrize("zone", ["Europe/Paris", "Asia/Taipei", "America/New_York", "Pacific/Apia", "Africa/Cairo"])
def test_points_leave_the_window_at_the_shops_midnight(new_shop: NewShop, time: BusinessTime, zone: str) -> None:
    tz = ZoneInfo(zone)
    time.set(datetime(2026, 4, 24, 20, 30, tzinfo=tz))
    shop = new_shop(program(window="rolling_12_months", downgrade={"grace_days": 0}), timezone_name=zone)
    member = enrol(shop)
    earn(shop, member, 100)
    assert [row.day for row in rows(shop, "select day from member_day where shop_id = :shop")] == [date(2026, 4, 24)]
    ends = first_instant(date(2027, 4, 24), tz)
    assert standing(shop, member).check_at == ends
    time.set(ends - timedelta(seconds=2))
    settle()
    assert tier(shop, member) == "silver"
    time.set(ends)
    settle()
    assert tier(shop, member) is None


def test_the_night_in_which_the_clock_goes_back_is_one_day(new_shop: NewShop, time: BusinessTime) -> None:
    """25 October 2026 in Paris has 25 hours."""
    time.set("2026-10-25T00:30:00+02:00")
    shop = new_shop(program(window="rolling_12_months"))
    member = enrol(shop)
    for moment in ("2026-10-25T00:31:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00",
                   "2026-10-25T23:59:00+01:00"):  # fmt: skip
        time.set(moment)
        earn(shop, member, 10)
    assert [tuple(row) for row in rows(shop, "select day, points_earned from member_day where shop_id = :shop")] == [
        (date(2026, 10, 25), 40)
    ]


def test_what_29_february_brought_leaves_on_1_march(new_shop: NewShop, time: BusinessTime) -> None:
    time.set("2028-02-29T10:00:00+01:00")
    shop = new_shop(program(window="rolling_12_months", downgrade={"grace_days": 0}))
    member = enrol(shop)
    earn(shop, member, 100)
    time.set("2029-02-28T23:59:00+01:00")
    settle()
    assert tier(shop, member) == "silver"
    time.set("2029-03-01T00:00:01+01:00")
    settle()
    assert tier(shop, member) is None


def test_years_count_by_the_shops_wall(new_shop: NewShop, time: BusinessTime) -> None:
    time.set("2026-12-31T23:59:00+01:00")
    shop = new_shop(program(window="calendar_year"))
    member = enrol(shop)
    earn(shop, member, 60)
    time.set("2027-01-01T00:01:00+01:00")
    earn(shop, member, 60)
    assert (tier(shop, member), standing(shop, member).value, standing(shop, member).value_before) == (None, 60, 60)


def test_the_level_of_a_year_holds_to_the_end_of_the_next_and_then_for_the_grace(
    new_shop: NewShop, time: BusinessTime
) -> None:
    time.set("2026-03-01T10:00:00+01:00")
    shop = new_shop(program(window="calendar_year", downgrade={"grace_days": 31}))
    member = enrol(shop, email="ada@mail.example")
    earn(shop, member, 300)
    for moment in ("2026-12-31T23:59:59+01:00", "2027-01-01T00:00:01+01:00", "2027-12-31T23:59:00+01:00"):
        time.set(moment)
        settle()
        assert (tier(shop, member), standing(shop, member).leaves_at) == ("gold", None), moment
    earn(shop, member, 120)
    time.set("2028-01-01T00:00:01+01:00")
    settle()
    assert tier(shop, member) == "gold"
    assert standing(shop, member).leaves_at == datetime.fromisoformat("2028-02-01T00:00:00+01:00")
    time.set("2028-02-01T00:00:01+01:00")
    settle()
    assert tier(shop, member) == "silver"  # by what 2027 had brought
    assert changes(shop, member) == [(None, "gold", "reached"), ("gold", "silver", "fell")]


def test_a_refund_next_year_lowers_the_year_that_had_the_order(new_shop: NewShop, time: BusinessTime) -> None:
    time.set("2026-12-20T10:00:00+01:00")
    shop = new_shop(program(window="calendar_year", basis="spend"))
    member = enrol(shop)
    bought = buy(shop, "150.00")
    time.set("2027-01-05T10:00:00+01:00")
    buy(shop, "40.00", "o-2")
    tell_again(shop, bought, cancelled_at=clock.now().isoformat())
    settle()
    assert (standing(shop, member).value, standing(shop, member).value_before) == (40, 0)


def test_an_order_that_was_received_last_year_counts_there_however_late_it_is_told(
    new_shop: NewShop, time: BusinessTime
) -> None:
    time.set("2026-12-20T10:00:00+01:00")
    shop = new_shop({**program(window="calendar_year", basis="spend"), "assign": {"delay_days": 0, "on": "collected"}})
    member = enrol(shop)
    bought = buy(shop, "150.00")
    time.set("2027-01-05T10:00:00+01:00")
    tell_again(shop, bought, delivery_status="collected", collected_at="2026-12-24T10:00:00+01:00")
    settle()
    assert (standing(shop, member).value, standing(shop, member).value_before) == (0, 150)
    assert tier(shop, member) == "silver"


# From scratch -------------------------------------------------------------------------------------------------------


def from_scratch(shop: TestShop, member_id: int) -> tuple[Decimal, Decimal]:
    """What counts in the window and in the part before it, added up from nothing but entries and orders."""
    with transaction() as session:
        program_now = programs.settings_of(programs.version_for(session, shop.id, clock.now() + timedelta(seconds=1)))
    if program_now.tiers is None:
        return Decimal(0), Decimal(0)
    tz = ZoneInfo(shop.facts.timezone)
    counts = window(program_now.tiers, local_day(clock.now(), tz))
    days: list[tuple[date, Decimal]] = []
    if counts.basis == "points_earned":
        for entry in rows(
            shop,
            "select kind, points, at, why from entry where shop_id = :shop and member_id = :m"
            " and kind in ('post', 'claw_back')",
            m=member_id,
        ):
            due = datetime.fromisoformat(entry.why["due_at"])
            days.append(
                (local_day(min(due, entry.at), tz), Decimal(entry.points) * (1 if entry.kind == "post" else -1))
            )
        expired = "select expired_taken_back as n, known from orders where shop_id = :shop and member_id = :m"
        for order in rows(shop, expired, m=member_id):
            days.append((_received(order, tz), Decimal(-order.n)))
    else:
        for order in rows(
            shop, "select external_id, known from orders where shop_id = :shop and member_id = :m", m=member_id
        ):
            state = order.known["states"][0]["order"]
            refunds = rows(
                shop,
                "select document from refund where shop_id = :shop and order_external_id = :o",
                o=order.external_id,
            )
            refunded = sum((Decimal(each.document["amount"]) for each in refunds), Decimal(0))
            total = Decimal(state["total"])
            gone = "cancelled" in order.known["first_shown"] or (refunded > 0 and refunded >= total)
            left = Decimal(0) if gone else total - refunded
            days.append((_received(order, tz), left if counts.basis == "spend" else Decimal(not gone)))
    return (
        sum((value for day, value in days if day >= counts.counts_from), Decimal(0)),
        sum((value for day, value in days if counts.before_from <= day < counts.counts_from), Decimal(0)),
    )


def _received(order: Any, tz: ZoneInfo) -> date:
    return local_day(datetime.fromisoformat(order.known["first_shown"]["paid"]), tz)


@dataclass
class Ladder:
    """The level by hand: as the rules say it in words, one look after the other, never by the product's own sums."""

    shop: TestShop
    member: int
    reached: str | None = None
    leaves_at: datetime | None = None

    def look(self) -> None:
        with transaction() as session:
            program_now = programs.settings_of(
                programs.version_for(session, self.shop.id, clock.now() + timedelta(seconds=1))
            )
        levels = sorted(program_now.tiers.levels, key=lambda level: level.starts_at) if program_now.tiers else []
        ids = [level.id for level in levels]
        best = max(from_scratch(self.shop, self.member))
        earned = max((rank for rank, level in enumerate(levels) if level.starts_at <= best), default=-1)
        held = ids.index(self.reached) if self.reached in ids else -1
        tz = ZoneInfo(self.shop.facts.timezone)
        if program_now.tiers is None or earned >= held:
            self.reached, self.leaves_at = (ids[earned] if earned >= 0 else None), None
        elif program_now.tiers.downgrade.policy == "grace":
            grace = timedelta(days=program_now.tiers.downgrade.grace_days)
            self.leaves_at = self.leaves_at or first_instant(local_day(clock.now(), tz) + grace, tz)
            if self.leaves_at <= clock.now():
                self.reached, self.leaves_at = (ids[earned] if earned >= 0 else None), None
        else:
            self.leaves_at = None


PROGRAMS = [
    {"basis": basis, "window": window_, "downgrade": downgrade}
    for basis in ("points_earned", "spend", "orders")
    for window_ in ("rolling_12_months", "calendar_year", "lifetime")
    for downgrade in ({"policy": "grace", "grace_days": 20}, {"policy": "grace", "grace_days": 0}, {"policy": "never"})
]
STEPS = st.one_of(
    st.tuples(st.just("earn"), st.integers(1, 150)),
    st.tuples(st.just("take back"), st.integers(0, 5)),
    st.tuples(st.just("buy"), st.integers(1, 200)),
    st.tuples(st.just("refund"), st.integers(1, 100)),
    st.tuples(st.just("cancel"), st.integers(0, 5)),
    st.tuples(st.just("spend"), st.just(0)),
    st.tuples(st.just("pass"), st.sampled_from([1, 19, 20, 21, 90, 200, 366, 500])),
    st.tuples(st.just("program"), st.integers(0, len(PROGRAMS) - 1)),
)
THE_WINDOW_MOVES_OVER_ALL = (("earn", 130), ("pass", 200), ("take back", 0), ("earn", 7), ("pass", 200))
_walks = count(1)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(start=st.integers(0, len(PROGRAMS) - 1), steps=st.lists(STEPS, min_size=3, max_size=10))
def test_after_any_walk_the_standing_is_what_a_reckoning_from_scratch_says(
    new_shop: NewShop, time: BusinessTime, start: int, steps: list[tuple[str, int]]
) -> None:
    time.set("2026-11-20T10:00:00+01:00")
    small = ({**SILVER, "from": 2}, {**GOLD, "from": 120})
    shop = new_shop({**program(*small, **PROGRAMS[start]), "expiry": {"kind": "days", "days": 150}})
    member = enrol(shop)
    cheap = reward(shop, points_to_be_redeemed=5)
    ladder = Ladder(shop, member)
    bonuses: list[str] = []
    orders: list[dict[str, Any]] = []
    for step, number in (*steps, *THE_WINDOW_MOVES_OVER_ALL):
        match step:
            case "earn":
                bonuses.append(f"test:walk:{next(_walks)}")
                earn(shop, member, number, bonuses[-1])
            case "take back" if bonuses:
                take_back(shop, bonuses.pop(number % len(bonuses)))
            case "buy":
                orders.append(buy(shop, f"{number}.00", f"o-{next(_walks)}"))
            case "refund" if orders:
                bought = orders[number % len(orders)]
                refund = {"id": f"r-{next(_walks)}", "amount": f"{number}.00"}
                shop.tell("order.refunded", {"order_id": bought["id"], "refund": refund})
            case "cancel" if orders:
                tell_again(shop, orders.pop(number % len(orders)), cancelled_at=clock.now().isoformat())
            case "spend":
                member_with(shop, 5)
                redeem(shop, member, cheap)
            case "pass":
                _let_pass(time, ladder, number)
            case "program":
                shop.set_program(**{**program(*small, **PROGRAMS[number]), "expiry": {"kind": "days", "days": 150}})
        points.post_due()
        points.expire()
        settle()
        ladder.look()
        stands = standing(shop, member)
        assert (stands.value, stands.value_before) == from_scratch(shop, member)
        assert (stands.reached, stands.leaves_at, stands.tier) == (ladder.reached, ladder.leaves_at, ladder.reached)


def _let_pass(time: BusinessTime, ladder: Ladder, days: int) -> None:
    """A day after the other, as the clock goes: a grace begins on the day that the window loses what it needs."""
    until = time.now + timedelta(days=days)
    while (due := rows(ladder.shop, "select check_at from tier_standing where shop_id = :shop and check_at < :until",
                       until=until)):  # fmt: skip
        time.set(max(due[0].check_at, time.now))
        settle()
        ladder.look()
        assert standing(ladder.shop, ladder.member).tier == ladder.reached
    time.set(until)
