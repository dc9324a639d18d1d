"""Dry runs count past orders by the rules of orders: with what is in force they find the ledger, to the point."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.errors import Conflict, NotFound
from backend.jobs import points, upkeep
from backend.loyalty.program import drafts, dry_runs
from backend.loyalty.program.dry_runs import DryRun
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.rewards_world import CASHBACK, member_with, order, redeem, reward, rows, tell_again
from tests.loyalty.tiers_world import GOLD, SILVER, buy, enrol, program, settle, tier

NewShop = Callable[..., TestShop]
BY_CATEGORY = {
    "id": "tea",
    "kind": "multiplier",
    "factor": "2",
    "title": {"en": "Double tea"},
    "items": {"categories": ["Tea"]},
}
FOR_FRIENDS = {
    "id": "friends",
    "kind": "multiplier",
    "factor": "3",
    "title": {"en": "Friends"},
    "eligibility": [
        {"conditions": [{"attribute": "User Tags", "operator": "Contain all of", "value": ["friend"]}]},
    ],
}


@pytest.fixture(autouse=True)
def alone(app: Flask) -> None:
    """No run of another test waits."""
    with transaction() as session:
        session.execute(text("delete from dry_run"))


def draft(shop: TestShop, **settings: Any) -> None:
    with transaction() as session:
        drafts.save(session, shop.id, settings, author="Ada", now=clock.now(), rehearsal=True)


def run(shop: TestShop) -> DryRun:
    """Try the draft, to the end."""
    with transaction() as session:
        run_id = dry_runs.start(session, shop.id, author="Ada", now=a_moment_later(), wall=clock.wall())
    upkeep.dry_run()
    return found(shop, run_id)


def a_moment_later() -> datetime:
    """After what a test has just done: its clock stands still."""
    return clock.now() + timedelta(seconds=1)


def found(shop: TestShop, run_id: int) -> DryRun:
    with transaction() as session:
        return dry_runs.find(session, shop.id, run_id)


def ledger(shop: TestShop) -> int:
    """What all orders brought, less what was taken back."""
    (row,) = rows(
        shop,
        "select coalesce(sum(case kind when 'promise' then points when 'void' then -points when 'claw_back' then -points"
        " else 0 end), 0) as points from entry where shop_id = :shop and order_id is not null",
    )
    return int(row.points)


def outstanding(shop: TestShop) -> int:
    (row,) = rows(
        shop,
        "select coalesce((select sum(remaining) from lot where shop_id = :shop and order_id is not null"
        " and expires_at > :now), 0)"
        " + coalesce((select sum(pending) from award where shop_id = :shop and order_id is not null), 0) as points",
        now=a_moment_later(),
    )
    return int(row.points)


def busy_shop(new_shop: NewShop, time: BusinessTime) -> TestShop:
    """A year in the life of a shop: levels, rules, discounts, refunds, cancellations, moves, cashback, redeeming, expiry."""
    time.set("2026-01-10T10:00:00+01:00")
    shop = new_shop(
        {
            **program(SILVER, GOLD, basis="points_earned", window="rolling_12_months"),
            "earn": {"spend_step": "3", "points_per_step": 2, "base": "items_net", "round": "nearest"},
            "assign": {"delay_days": 5, "on": "paid"},
            "expiry": {"kind": "days", "days": 90},
            "rules": [BY_CATEGORY],
        }
    )
    time.advance(hours=1)
    reward(shop, CASHBACK)
    for at, customer in enumerate(("c-1", "c-2", "c-3")):
        member = member_with(shop, 10 * at, customer)
        settle()
        for number in range(6):
            time.advance(days=11)
            lines = [
                {"id": "a", "quantity": 2, "unit_price": "31.50", "total": "63.00", "categories": ["tea"]},
                {"id": "b", "quantity": 1, "unit_price": "17.20", "total": "17.20"},
            ]
            bought = buy(
                shop,
                "80.20",
                f"{customer}-{number}",
                customer={"id": customer},
                line_items=lines,
                discount_total="4.10",
            )
            if number == 1:
                tell_again(shop, bought, cancelled_at=clock.now().isoformat())
            if number in (2, 4):
                time.advance(days=7)
                settle()
                refund = {"id": f"r-{customer}-{number}", "created_at": clock.now().isoformat(), "amount": "31.50"}
                shop.tell(
                    "order.refunded",
                    {
                        "order_id": bought["id"],
                        "refund": {**refund, "line_items": [{"line_item_id": "a", "quantity": 1, "amount": "31.50"}]},
                    },
                )
        settle()
        points.expire()
        if at == 1:
            redeem(shop, member, reward(shop, points_to_be_redeemed=40))
    late = order("c-1-late", customer={"id": "c-1"}, subtotal="50.00", total="50.00", payment_status="pending")
    shop.tell("order.created", late)
    shop.tell("order.created", order("guest", customer=None, subtotal="50.00"))
    settle()
    points.expire()
    return shop


def test_with_what_is_in_force_it_finds_the_ledger(new_shop: NewShop, time: BusinessTime) -> None:
    shop = busy_shop(new_shop, time)
    counted = run(shop).counted
    assert counted.sum("points_then") == counted.sum("points_now")
    expired_taken_back = rows(shop, "select sum(expired_taken_back) as s from orders where shop_id = :shop")[0].s
    assert counted.sum("points_now") == ledger(shop) - expired_taken_back
    assert counted.sum("points_now") > 500
    assert counted.still_now == counted.still_then == outstanding(shop)
    assert counted.outstanding == 0
    assert counted.sum("orders") == 20
    assert counted.sum("guests") == 1
    assert counted.sum("earning_then") == counted.sum("earning_now") == 15
    assert counted.waiting == 1
    with transaction() as session:
        assert dry_runs.moves(session, shop.id, 1) == []
    assert {move.partition(">")[0] == move.partition(">")[2] for move in counted.moves} == {True}


def test_each_order_is_found_as_it_stands(new_shop: NewShop, time: BusinessTime) -> None:
    """Month by month, so that nothing is made up for elsewhere."""
    counted = run(busy_shop(new_shop, time)).counted
    for month, counts in counted.rows():
        assert counts["points_then"] == counts["points_now"], month
        assert counts["earning_then"] == counts["earning_now"], month


def test_a_draft_is_counted_by_its_own_rules(new_shop: NewShop, time: BusinessTime) -> None:
    shop = new_shop({**program(SILVER, GOLD), "rules": []})
    time.advance(hours=1)
    one, two = enrol(shop, "c-1"), enrol(shop, "c-2")
    buy(shop, "90.00")
    buy(shop, "30.00", "o-2", customer={"id": "c-2"})
    draft(
        shop,
        **{**program({**SILVER, "from": 50}, {**GOLD, "from": 150}), "earn": {"spend_step": "1", "points_per_step": 2}},
    )
    counted = run(shop).counted
    assert (counted.sum("points_now"), counted.sum("points_then")) == (120, 240)
    assert counted.outstanding == 120
    assert dict(counted.moves) == {">gold": 1, ">silver": 1}
    with transaction() as session:
        (newest, *_) = dry_runs.newest(session, shop.id)
        moved = dry_runs.moves(session, shop.id, newest.id)
        assert [(each.member_id, each.to_level) for each in moved] == [(one, "gold"), (two, "silver")]
        assert dry_runs.moves(session, shop.id, newest.id, after=one) == moved[1:]
        assert dry_runs.moves(session, shop.id, newest.id, before=two) == moved[:1]


def test_levels_fall_as_the_dry_run_said(new_shop: NewShop, time: BusinessTime) -> None:
    """The same settings put in force move the same members."""
    shop = new_shop(program(SILVER, GOLD, downgrade={"policy": "grace", "grace_days": 5}))
    time.advance(hours=1)
    members = [enrol(shop, f"c-{each}") for each in range(3)]
    for each, amount in enumerate(("120.00", "310.00", "20.00")):
        buy(shop, amount, f"o-{each}", customer={"id": f"c-{each}"})
    settings = program({**SILVER, "from": 10}, {**GOLD, "from": 1000}, downgrade={"policy": "grace", "grace_days": 5})
    draft(shop, **settings)
    tried = run(shop)
    assert dict(tried.counted.moves) == {"silver>silver": 1, "gold>silver": 1, ">silver": 1}
    shop.set_program(**settings)
    settle()
    time.advance(days=6)
    settle()
    assert [tier(shop, each) for each in members] == ["silver"] * 3


def test_a_shop_without_levels_is_counted_from_its_orders(new_shop: NewShop, time: BusinessTime) -> None:
    shop = new_shop({**program(), "tiers": None})
    time.advance(hours=1)
    enrol(shop)
    buy(shop, "120.00")
    for basis in ("points_earned", "spend"):
        draft(shop, **program(SILVER, GOLD, basis=basis))
        assert dict(run(shop).counted.moves) == {">silver": 1}, basis
    draft(shop, **program({**SILVER, "from": 1}, basis="orders"))
    assert dict(run(shop).counted.moves) == {">silver": 1}


def test_rules_for_some_are_judged_by_what_is_known_of_the_member(new_shop: NewShop, time: BusinessTime) -> None:
    shop = new_shop({**program(), "tiers": None})
    time.advance(hours=1)
    shop.tell("customer.updated", {"id": "c-1", "tags": ["friend"]})
    enrol(shop, "c-2")
    buy(shop, "10.00")
    buy(shop, "10.00", "o-2", customer={"id": "c-2"})
    draft(shop, **{**program(), "tiers": None, "rules": [FOR_FRIENDS]})
    assert run(shop).counted.sum("points_then") == 40


def test_only_the_last_twelve_months_are_counted(new_shop: NewShop, time: BusinessTime) -> None:
    shop = new_shop(program())
    time.advance(hours=1)
    buy(shop, "10.00")
    time.advance(days=364)
    buy(shop, "20.00", "o-2")
    assert run(shop).counted.sum("orders") == 2
    time.advance(days=2)
    assert run(shop).counted.sum("points_now") == 20


def test_a_run_that_is_killed_goes_on_where_it_was(
    new_shop: NewShop, time: BusinessTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dry_runs, "MEMBERS_AT_ONCE", 2)
    shop = new_shop(program())
    time.advance(hours=1)
    for each in range(5):
        enrol(shop, f"c-{each}")
        buy(shop, "10.00", f"o-{each}", customer={"id": f"c-{each}"})
    with transaction() as session:
        run_id = dry_runs.start(session, shop.id, author="Ada", now=a_moment_later(), wall=clock.wall())
    with transaction() as session:
        assert dry_runs.step(session, clock.wall()) == 2
    assert (found(shop, run_id).members_done, found(shop, run_id).counted.sum("points_then")) == (2, 20)
    with pytest.raises(KeyboardInterrupt), transaction() as session:
        dry_runs.step(session, clock.wall())
        raise KeyboardInterrupt  # the worker dies before its batch is kept
    assert found(shop, run_id).members_done == 2
    upkeep.dry_run()
    ended = found(shop, run_id)
    assert (ended.members_done, ended.members_total, ended.is_under_way) == (5, 5, False)
    assert ended.counted.sum("points_then") == 50
    assert ended.counted.sum("orders") == 5


def test_one_at_a_time_and_the_last_five_are_kept(shop: TestShop, new_shop: NewShop) -> None:
    for _ in range(7):
        last = run(shop)
    with transaction() as session:
        assert len(dry_runs.newest(session, shop.id)) == 5
    with transaction() as session:
        begun = dry_runs.start(session, shop.id, author="Ada", now=clock.now(), wall=clock.wall())
    with pytest.raises(Conflict, match="under way"), transaction() as session:
        dry_runs.start(session, shop.id, author="Ada", now=clock.now(), wall=clock.wall())
    with transaction() as session:
        dry_runs.stop(session, shop.id, begun)
    other = new_shop()
    with pytest.raises(NotFound), transaction() as session:
        dry_runs.find(session, other.id, last.id)


def test_it_changes_nothing_that_counts(new_shop: NewShop, time: BusinessTime) -> None:
    shop = busy_shop(new_shop, time)
    tables = ("entry", "lot", "award", "account", "orders", "member", "member_day", "tier_standing", "outbox")
    before = {each: rows(shop, f"select * from {each} t where shop_id = :shop order by t::text") for each in tables}
    draft(shop, **program({**SILVER, "from": 1}))
    run(shop)
    assert {
        each: rows(shop, f"select * from {each} t where shop_id = :shop order by t::text") for each in tables
    } == before
