"""Making and changing rewards, and which there are (S0.14, S0.38 to S0.42, contract section 6)."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from backend import clock
from backend.db import db, transaction
from backend.errors import BadInput, Conflict, NotFound
from backend.loyalty.coupons import coupons
from backend.loyalty.rewards import rewards
from backend.loyalty.rewards.rewards import Reward
from backend.loyalty.shops import shops
from tests.conftest import BusinessTime, TestShop

FIVE_OFF = {
    "reward_name": "$5 OFF",
    "reward_type": "coupon_based_reward",
    "reward_sub_type": "fixed_amount_discount",
    "points_to_be_redeemed": 500,
    "reward_value": "5",
}
GIFT = {"reward_name": "Water bottle", "reward_type": "gift", "points_to_be_redeemed": 300}


def make(shop: TestShop, document: dict[str, Any], **more: Any) -> Reward:
    with transaction() as session:
        return rewards.create(session, shop.facts, {**document, **more}, clock.now())


def change(shop: TestShop, reward: Reward, **changes: Any) -> Reward:
    with transaction() as session:
        return rewards.update(session, shop.facts, reward.id, changes, clock.now())


def found(shop: TestShop, reward: Reward) -> Reward:
    with transaction() as session:
        return rewards.find(session, shop.id, reward.id)


def redemptions(shop: TestShop, reward: Reward, *statuses: str) -> None:
    """Put redemptions of these states there, as if members had made them."""
    shop.tell("customer.created", {"id": "c1"})
    with transaction() as session:
        for status in statuses:
            session.execute(
                text(
                    "insert into redemption (shop_id, member_id, reward_id, origin, status, points, points_after, frozen,"
                    " requested_at, hold_until) select :shop, id, :reward, 'points', :status, 0, 0, '{}', :now,"
                    " case when :status = 'requested' then cast(:now as timestamptz) end"
                    " from member where shop_id = :shop and external_id = 'c1'"
                ),
                {"shop": shop.id, "reward": reward.id, "status": status, "now": clock.now()},
            )


def test_a_reward_is_made_with_what_follows_from_its_definition(shop: TestShop) -> None:
    reward = make(shop, FIVE_OFF, minimum_subtotal="20", active_to="2030-12-31")
    assert (reward.redemption_id, reward.name, reward.points) == ("$5_OFF", "$5 OFF", 500)
    assert reward.worth == {
        "kind": "fixed_amount", "value": "5.00", "currency": "EUR", "product_id": None, "minimum_subtotal": "20",
    }  # fmt: skip
    assert reward.coupon_source == "made"
    assert reward.active_to == datetime(2030, 12, 31, 23, tzinfo=UTC)
    assert reward.definition.active_to == "2030-12-31"
    assert reward.version == 1
    assert found(shop, reward) == reward


def test_the_public_id_is_24_hex_digits() -> None:
    assert rewards.public_id(17) == "000000000000000000000011"
    assert rewards.parse_public_id("000000000000000000000011") == 17
    for wrong in ("17", "g" * 24, "f" * 24, "0" * 25, "", "00000000000000000000001A", "٠" * 24):
        with pytest.raises(NotFound):
            rewards.parse_public_id(wrong)


def test_a_name_is_taken_whatever_its_case(shop: TestShop, new_shop: Callable[..., TestShop]) -> None:
    make(shop, FIVE_OFF)
    with pytest.raises(Conflict) as caught:
        make(shop, FIVE_OFF, reward_name="$5 off", reward_id="other")
    assert (caught.value.code, caught.value.extra["errors"][0]["field"]) == ("name_taken", "reward_name")
    make(new_shop(), FIVE_OFF)


def test_a_reward_id_is_taken_once(shop: TestShop) -> None:
    make(shop, FIVE_OFF)
    with pytest.raises(Conflict) as caught:
        make(shop, FIVE_OFF, reward_name="Another", reward_id="$5_OFF")
    assert (caught.value.code, caught.value.extra["errors"][0]["field"]) == ("reward_id_taken", "reward_id")


def test_ids_made_of_alike_names_get_a_number(shop: TestShop) -> None:
    names = ("$5 OFF", "$5_OFF", "$5  OFF", "$5 OF")
    assert [make(shop, FIVE_OFF, reward_name=name).redemption_id for name in names] == [
        "$5_OFF", "$5_OFF_2", "$5_OFF_3", "$5_OF",
    ]  # fmt: skip


def test_of_two_who_take_a_name_at_once_one_gets_it(app: Flask, shop: TestShop) -> None:
    together, outcomes = threading.Barrier(2), []

    def one() -> None:
        with app.app_context():
            together.wait()
            try:
                make(shop, FIVE_OFF)
                outcomes.append("made")
            except Conflict as refusal:
                outcomes.append(refusal.code)

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made", "name_taken"] or sorted(outcomes) == ["made", "reward_id_taken"]


def test_codes_that_come_along_are_the_stock(shop: TestShop) -> None:
    reward = make(shop, FIVE_OFF, coupons=["AAA", "bbb", "aaa", "no space"])
    assert (reward.coupon_source, reward.has_stock) == ("uploaded", True)
    assert len(reward.warnings) == 1
    assert "2 of 4 codes were refused, the first in line 3" in reward.warnings[0]
    assert make(shop, GIFT).has_stock
    assert not make(shop, FIVE_OFF, reward_name="Empty", coupons=[]).has_stock


def test_a_refused_reward_leaves_nothing_behind(shop: TestShop) -> None:
    make(shop, FIVE_OFF)
    with pytest.raises(Conflict):
        make(shop, FIVE_OFF, coupons=["AAA"])
    assert db.session.execute(text("select count(*) from coupon where shop_id = :s"), {"s": shop.id}).scalar() == 0
    db.session.rollback()


# Changing


def test_a_change_raises_the_version_and_keeps_the_rest(shop: TestShop) -> None:
    reward = make(shop, FIVE_OFF, labels=[{"key": "Event", "value": "Birthday"}], brand={"name": "Cafe"})
    changed = change(shop, reward, points_to_be_redeemed=600, brand=None)
    assert (changed.version, changed.points, changed.definition.brand) == (2, 600, None)
    assert changed.definition.labels == reward.definition.labels
    assert changed.created_at == reward.created_at
    assert changed.modified_at > reward.modified_at
    assert found(shop, reward) == changed


def test_a_change_that_changes_nothing_is_none(shop: TestShop) -> None:
    reward = make(shop, FIVE_OFF)
    assert change(shop, reward) == reward
    assert change(shop, reward, points_to_be_redeemed="500", limit_total=None).version == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"speed": 1}, "speed"),
        ({"points_to_be_redeemed": -1}, "points_to_be_redeemed"),
        ({"points_to_be_redeemed": None}, "points_to_be_redeemed"),
        ({"reward_value": "nothing"}, "reward_value"),
        ({"point_value": "2"}, "point_value"),
        ({"reward_type": "gift"}, "reward_type"),
        ({"reward_id": None}, "reward_id"),
        ({"reward_name": None}, "reward_name"),
        ({"coupons": ["A"]}, "coupons"),
    ],
)
def test_a_wrong_change_is_refused_and_nothing_changes(shop: TestShop, changes: dict[str, Any], field: str) -> None:
    reward = make(shop, FIVE_OFF)
    with pytest.raises(BadInput) as caught:
        change(shop, reward, **changes)
    assert [each["field"] for each in caught.value.errors] == [field]
    assert field in caught.value.detail
    assert found(shop, reward) == reward


def test_a_change_to_a_taken_name_or_id_is_refused(shop: TestShop) -> None:
    make(shop, FIVE_OFF)
    gift = make(shop, GIFT)
    with pytest.raises(Conflict) as caught:
        change(shop, gift, reward_name="$5 Off")
    assert caught.value.code == "name_taken"
    with pytest.raises(Conflict) as caught:
        change(shop, gift, reward_id="$5_OFF")
    assert caught.value.code == "reward_id_taken"


def test_another_shop_s_reward_is_not_found(shop: TestShop, new_shop: Callable[..., TestShop]) -> None:
    foreign = make(new_shop(), FIVE_OFF)
    with pytest.raises(NotFound):
        found(shop, foreign)
    with pytest.raises(NotFound):
        change(shop, foreign, rank=1)


def free(shop: TestShop, reward: Reward) -> set[str]:
    codes = db.session.execute(
        text("select code from coupon_free where shop_id = :shop and reward_id = :reward"),
        {"shop": shop.id, "reward": reward.id},
    ).scalars()
    return set(codes)


def refill() -> None:
    with transaction() as session:
        while coupons.refill_next(session, shops.facts, clock.now()):
            pass


def test_another_worth_withdraws_the_free_codes_and_asks_for_new_ones(shop: TestShop) -> None:
    reward = make(shop, FIVE_OFF)
    refill()
    old = free(shop, reward)
    assert len(old) == coupons.STOCK
    assert change(shop, reward, enduser_reward_short_description="For you").has_stock
    assert free(shop, reward) == old
    db.session.rollback()
    assert not change(shop, reward, reward_value="6").has_stock
    refill()
    assert len(free(shop, reward)) == coupons.STOCK
    assert not old & free(shop, reward)
    db.session.rollback()


def test_uploaded_codes_stay_whatever_they_are_worth(shop: TestShop) -> None:
    reward = make(shop, FIVE_OFF, coupons=["AAA"])
    assert change(shop, reward, reward_value="6").has_stock


def test_a_limit_that_comes_later_counts_what_was_had(shop: TestShop) -> None:
    reward = make(shop, GIFT)
    redemptions(shop, reward, "issued", "issued", "requested", "expired", "returned", "failed")
    assert reward.taken == 0
    limited = change(shop, reward, limit_total=10)
    assert limited.taken == 4
    redemptions(shop, reward, "issued")
    assert change(shop, reward, limit_total=20).taken == 4  # whoever redeems counts from now on


# What is available


def test_inactive_wins_over_the_dates(shop: TestShop, time: BusinessTime) -> None:
    time.set("2026-12-15T12:00:00Z")
    reward = make(shop, FIVE_OFF, active_from="2026-12-01", active_to="2026-12-31")
    assert rewards.is_available(reward, time.now)
    assert not rewards.is_available(change(shop, reward, is_active=False), time.now)


@pytest.mark.parametrize(
    ("at", "available"),
    [
        ("2026-11-30T22:59:59Z", False),
        ("2026-11-30T23:00:00Z", True),
        ("2026-12-31T22:59:59Z", True),
        ("2026-12-31T23:00:00Z", False),
    ],
)
def test_the_days_are_the_shop_s_and_the_last_one_counts(shop: TestShop, at: str, available: bool) -> None:
    reward = make(shop, FIVE_OFF, active_from="2026-12-01", active_to="2026-12-31")
    assert rewards.is_available(reward, datetime.fromisoformat(at)) is available


def test_a_reward_without_dates_is_available_all_the_time(shop: TestShop) -> None:
    reward = make(shop, FIVE_OFF)
    for days in (-36500, 0, 36500):
        assert rewards.is_available(reward, clock.now() + timedelta(days=days))


# What a process knows


def test_the_active_rewards_stand_by_rank_points_and_age(shop: TestShop, new_shop: Callable[..., TestShop]) -> None:
    make(new_shop(), FIVE_OFF, reward_name="Foreign")
    make(shop, GIFT, reward_name="dear", points_to_be_redeemed=900)
    make(shop, GIFT, reward_name="cheap, first", points_to_be_redeemed=100)
    make(shop, GIFT, reward_name="cheap, second", points_to_be_redeemed=100)
    make(shop, GIFT, reward_name="top", points_to_be_redeemed=5000, rank=-1)
    make(shop, GIFT, reward_name="off", is_active=False)
    assert [each.name for each in rewards.current(shop.id)] == ["top", "cheap, first", "cheap, second", "dear"]


def test_what_the_cache_shows_is_what_the_database_holds(shop: TestShop) -> None:
    made = [
        make(shop, FIVE_OFF, coupons=["A1"], active_from="2020-01-01", target={"type": "level", "levels": ["gold"]}),
        make(shop, {"reward_name": "Cash", "reward_type": "cashback", "point_value": "0.1"}),
    ]
    known = {each.id: each for each in rewards.current(shop.id)}
    for reward in made:
        assert known[reward.id] == found(shop, reward)


def test_a_change_is_seen_at_once_where_it_was_made(shop: TestShop) -> None:
    reward = make(shop, GIFT)
    assert [each.name for each in rewards.current(shop.id)] == ["Water bottle"]
    change(shop, reward, reward_name="Steel bottle")
    assert [each.name for each in rewards.current(shop.id)] == ["Steel bottle"]


def test_a_process_may_show_what_it_knew_for_a_few_seconds(shop: TestShop) -> None:
    reward = make(shop, GIFT)
    rewards.current(shop.id)
    with transaction() as session:
        session.execute(text("update reward set is_active = false where id = :id"), {"id": reward.id})
    assert len(rewards.current(shop.id)) == 1
    rewards.forget_current()
    assert rewards.current(shop.id) == ()


def test_a_shop_without_rewards_has_none(shop: TestShop) -> None:
    assert rewards.current(shop.id) == ()


def test_texts_are_in_the_reader_s_language(shop: TestShop) -> None:
    reward = make(shop, GIFT, translations={"pl": {"reward_name": "Bidon"}})
    assert rewards.texts_in(reward, "pl", "en").name == "Bidon"
    assert rewards.texts_in(reward, "de", "en").name == "Water bottle"
