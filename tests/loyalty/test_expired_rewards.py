"""What is not used in its days expires; marking (S1.12 to S1.15, S1.36, S1.42) is for what is active."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from backend.db import transaction
from backend.errors import Conflict, NotFound
from backend.jobs import points
from backend.loyalty.redemptions import endings, issuing, marks
from backend.models import Redemption
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.rewards_world import (
    CASHBACK,
    FIVE_OFF,
    GIFT,
    buy,
    entries,
    give_back,
    has,
    hold,
    lots,
    mails,
    mark,
    member_with,
    redeem,
    redemption,
    reward,
    rows,
    send_all,
    taken,
    tell_again,
    violations,
)
from tests.platforms.discount_store import open_store

A_DAY = FIVE_OFF | {"coupon_valid_days": 1}
POINTS_BACK = A_DAY | {"points_back_when_expired": True}
A_DAY_S_GIFT = GIFT | {"coupon_valid_days": 1}


def refused(shop: TestShop, redemption_id: int, **what: Any) -> str:
    with pytest.raises(Conflict) as caught:
        mark(shop, redemption_id, **what)
    return caught.value.code


# Expiry


@pytest.mark.parametrize(("document", "back"), [(A_DAY, 0), (POINTS_BACK, 500)])
def test_the_points_come_back_or_not_as_the_reward_said_and_its_owner_is_told_either_way(
    shop: TestShop, time: BusinessTime, document: dict[str, Any], back: int
) -> None:
    member = member_with(shop, 500, email="ada@example.com")
    had = redeem(shop, member, reward(shop, document))
    time.set(had.expires_at - timedelta(seconds=1))
    points.expire_rewards()
    assert redemption(shop, had.id).status == "issued"
    time.set(had.expires_at)
    points.expire_rewards()
    points.expire_rewards()
    assert (redemption(shop, had.id).status, has(shop, member).available) == ("expired", back)
    assert mails(shop, "reward_expired") == [
        {"purpose": "reward_expired", "member_id": member, "redemption_id": had.id}
    ]
    assert violations(shop) == []


def test_points_that_come_back_have_their_old_dates(shop: TestShop, time: BusinessTime) -> None:
    until = time.now + timedelta(days=30)
    member = member_with(shop, 500, expires_at=until)
    had = redeem(shop, member, reward(shop, POINTS_BACK))
    time.set(had.expires_at)
    points.expire_rewards()
    assert lots(shop, member) == [(500, until)]
    assert rows(shop, "select actor from entry where shop_id = :shop and kind = 'return'")[0].actor == "system"


def test_without_an_address_nobody_is_told(shop: TestShop, time: BusinessTime) -> None:
    had = redeem(shop, member_with(shop, 500), reward(shop, A_DAY))
    time.set(had.expires_at)
    points.expire_rewards()
    assert (redemption(shop, had.id).status, mails(shop, "reward_expired")) == ("expired", [])


def test_at_the_store_the_code_is_disabled_first(new_shop: Callable[..., TestShop], time: BusinessTime) -> None:
    with open_store() as store:
        shop = new_shop(discounts_url=store.url)
        member, made = member_with(shop, 500), reward(shop, POINTS_BACK)
        send_all(shop)
        had = redeem(shop, member, made)
        time.set(had.expires_at)
        points.expire_rewards()
        assert (redemption(shop, had.id).ending, has(shop, member).available) == ("expired", 0)
        send_all(shop)
        assert (redemption(shop, had.id).status, has(shop, member).available) == ("expired", 500)
        assert had.code not in store.codes


def test_what_was_used_never_expires(shop: TestShop, time: BusinessTime) -> None:
    member = member_with(shop, 1000)
    made = reward(shop, A_DAY)
    by_order, by_hand = redeem(shop, member, made), redeem(shop, member, made)
    buy(shop, by_order.code)
    mark(shop, by_hand.id, use_state="used")
    time.advance(days=10)
    points.expire_rewards()
    assert {redemption(shop, each.id).status for each in (by_order, by_hand)} == {"issued"}


def test_an_expired_reward_still_counts_against_its_limit(shop: TestShop, time: BusinessTime) -> None:
    member = member_with(shop, 1000)
    made = reward(shop, POINTS_BACK, limit_total=2)
    had = redeem(shop, member, made)
    time.set(had.expires_at)
    points.expire_rewards()
    assert taken(shop, made) == 1
    buy(shop, had.code, created_at=had.issued_at.isoformat())  # told late: it was used before
    assert (taken(shop, made), redemption(shop, had.id).status, has(shop, member).available) == (1, "issued", 500)
    assert violations(shop) == []


def test_one_redemption_that_cannot_end_does_not_keep_others_from_it(shop: TestShop, time: BusinessTime) -> None:
    member, made = member_with(shop, 1000), reward(shop, POINTS_BACK)
    broken, whole = redeem(shop, member, made), redeem(shop, member, made)
    with transaction() as session:
        session.execute(
            text("update redemption set frozen = '[]' where shop_id = :shop and id = :id"),
            {"shop": shop.id, "id": broken.id},
        )
    time.set(whole.expires_at)
    points.expire_rewards()
    assert (redemption(shop, broken.id).status, redemption(shop, whole.id).status) == ("issued", "expired")


ZONES = (
    "Africa/Cairo", "Africa/Casablanca", "Africa/Lagos", "America/Asuncion", "America/Bogota", "America/Caracas",
    "America/Chicago", "America/Havana", "America/Los_Angeles", "America/Mexico_City", "America/New_York",
    "America/Noronha", "America/Nuuk", "America/Santiago", "America/Sao_Paulo", "America/Scoresbysund",
    "America/St_Johns", "Asia/Beirut", "Asia/Dhaka", "Asia/Gaza", "Asia/Hong_Kong", "Asia/Jerusalem", "Asia/Kabul",
    "Asia/Kathmandu", "Asia/Kolkata", "Asia/Seoul", "Asia/Singapore", "Asia/Taipei", "Asia/Tehran", "Asia/Tokyo",
    "Atlantic/Azores", "Australia/Adelaide", "Australia/Lord_Howe", "Australia/Sydney", "Europe/Lisbon",
    "Europe/London", "Europe/Paris", "Pacific/Apia", "Pacific/Chatham", "Pacific/Kiritimati", "Pacific/Marquesas",
    "UTC",
)  # fmt: skip


@pytest.mark.parametrize("zone", ZONES)
def test_a_code_is_good_until_the_last_second_of_its_last_local_day_wherever_that_is(shop: TestShop, zone: str) -> None:
    tz = ZoneInfo(zone)
    there = replace(shop.facts, timezone=zone)
    for day in (date(2026, 1, 1) + timedelta(days=days) for days in range(0, 366, 3)):
        begins = datetime.combine(day, time_of_day(15, 30), tz)
        until = issuing.valid_until(there, 2, begins)
        assert until is not None
        had = Redemption(use_state="delivered", status="issued", expires_at=until)
        last, after = until - timedelta(seconds=1), until
        assert (last.astimezone(tz).date(), after.astimezone(tz).date()) == (
            day + timedelta(days=2), day + timedelta(days=3),
        )  # fmt: skip
        assert (endings.has_run_out(had, last), endings.has_run_out(had, after)) == (False, True)


# Marking


def test_what_is_active_is_marked_and_unmarked(shop: TestShop, time: BusinessTime) -> None:
    had = redeem(shop, member_with(shop, 500), reward(shop))
    used = mark(shop, had.id, use_state="used")
    assert (used.use_state, used.delivery_status, used.used_at >= time.now) == ("used", "ordered", True)  # S1.14
    unused = mark(shop, had.id, use_state="delivered")
    assert (unused.use_state, unused.delivery_status, unused.used_at) == ("delivered", None, None)


@pytest.mark.parametrize("use_state", ["used", "delivered"])
def test_what_has_expired_is_neither_marked_nor_unmarked(shop: TestShop, time: BusinessTime, use_state: str) -> None:
    had = redeem(shop, member_with(shop, 500), reward(shop, A_DAY))
    time.set(had.expires_at)
    assert refused(shop, had.id, use_state=use_state) == "not_active"
    points.expire_rewards()
    assert refused(shop, had.id, use_state=use_state) == "not_active"
    assert redemption(shop, had.id).use_state == "delivered"


def test_what_was_used_in_its_days_keeps_its_mark_when_they_are_over(shop: TestShop, time: BusinessTime) -> None:
    """Without it the reward would end at once, and could not be marked again (S1.13)."""
    member = member_with(shop, 800)
    had, gift = redeem(shop, member, reward(shop, POINTS_BACK)), redeem(shop, member, reward(shop, A_DAY_S_GIFT))
    for each in (had, gift):
        mark(shop, each.id, use_state="used")
    time.set(had.expires_at - timedelta(seconds=1))
    mark(shop, had.id, use_state="delivered")
    mark(shop, had.id, use_state="used")
    time.set(had.expires_at)
    for each in (had, gift):
        assert refused(shop, each.id, use_state="delivered") == "not_active"
        assert mark(shop, each.id, use_state="used").use_state == "used"  # as it is
    assert mark(shop, gift.id, delivery_status="shipped").delivery_status == "shipped"
    points.expire_rewards()
    assert (redemption(shop, had.id).status, has(shop, member).available) == ("issued", 0)


def test_what_came_back_or_is_on_its_way_back_is_not_marked(
    shop: TestShop, new_shop: Callable[..., TestShop], time: BusinessTime
) -> None:
    member = member_with(shop, 500)
    had = redeem(shop, member, reward(shop))
    give_back(shop, member, had.id)
    assert refused(shop, had.id, use_state="used") == "not_active"
    with open_store() as store:
        told = new_shop(discounts_url=store.url)
        member, made = member_with(told, 1000), reward(told)
        waiting = redeem(told, member, made)
        assert refused(told, waiting.id, use_state="used") == "not_active"
        send_all(told)
        give_back(told, member, waiting.id)
        assert refused(told, waiting.id, use_state="used") == "not_active"


def test_cashback_is_used_by_its_order_alone(shop: TestShop) -> None:
    member = member_with(shop, 50)
    reward(shop, CASHBACK)
    held = hold(shop, member, "100.00")
    assert refused(shop, held.id, use_state="used") == "not_active"
    buy(shop, held.code)
    assert refused(shop, held.id, use_state="delivered") == "not_active"


def test_a_gift_goes_its_way_forward_and_may_be_canceled_at_any_time(shop: TestShop) -> None:
    member, made = member_with(shop, 900), reward(shop, GIFT)
    gift = redeem(shop, member, made)
    assert refused(shop, gift.id, delivery_status="shipped") == "delivery_status_not_allowed"
    assert mark(shop, gift.id, use_state="used").delivery_status == "ordered"
    assert mark(shop, gift.id, delivery_status="shipped").delivery_status == "shipped"
    assert refused(shop, gift.id, delivery_status="ordered") == "delivery_status_not_allowed"
    assert mark(shop, gift.id, delivery_status="delivered").delivery_status == "delivered"
    assert mark(shop, gift.id, delivery_status="canceled").delivery_status == "canceled"
    assert refused(shop, gift.id, delivery_status="shipped") == "delivery_status_not_allowed"
    assert entries(shop, member) == [("spend", 300)]


def test_only_a_gift_is_delivered(shop: TestShop) -> None:
    had = redeem(shop, member_with(shop, 500), reward(shop))
    assert mark(shop, had.id, use_state="used", delivery_status="ordered").delivery_status == "ordered"
    for status in ("shipped", "delivered"):
        assert refused(shop, had.id, delivery_status=status) == "delivery_status_not_allowed"


def test_a_redemption_of_another_shop_is_not_there(shop: TestShop, new_shop: Callable[..., TestShop]) -> None:
    had = redeem(shop, member_with(shop, 500), reward(shop))
    elsewhere = new_shop().facts
    with pytest.raises(NotFound), transaction() as session:
        marks.mark(session, elsewhere, had.id, had.issued_at, "used")


def test_a_mark_by_hand_stays_whatever_becomes_of_other_orders(shop: TestShop, time: BusinessTime) -> None:
    had = redeem(shop, member_with(shop, 500), reward(shop))
    mark(shop, had.id, use_state="used")
    bought = buy(shop, "SOMETHING-ELSE")
    tell_again(shop, bought, cancelled_at=time.now.isoformat())
    assert redemption(shop, had.id).use_state == "used"
