"""The first page: figures for who may see them, and what waits for exactly this person."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.jobs import upkeep
from backend.ledger.posting import Author
from backend.loyalty.calendar_rules import timezone
from backend.loyalty.redemptions import redemptions
from backend.loyalty.redemptions.redemptions import Redeemer
from backend.loyalty.rewards import rewards
from backend.loyalty.shops import shops
from backend.reports import activity, waiting
from backend.staff.rights import ROLES, Right
from tests.admin.conftest import Desk
from tests.admin.test_reports import figure, granted, spent
from tests.conftest import BusinessTime, TestShop


def needs(desk: Desk) -> list[str]:
    return [" ".join(each.get_text(" ").split()) for each in desk.page("").select(".needs li")]


def execute(shop: TestShop, statement: str, **parameters: object) -> None:
    with transaction() as session:
        session.execute(text(statement), {"shop": shop.id, "now": clock.now(), **parameters})


def failed_delivery(shop: TestShop, number: int = 1) -> None:
    execute(
        shop,
        "insert into delivery (shop_id, delivery_id, type, state, error, received_at)"
        " select :shop, 'd' || n, 'order.paid', 'failed', 'x', :now from generate_series(1, :number) n",
        number=number,
    )


def held_referral(shop: TestShop) -> None:
    advocate, friend = (granted(shop, 1, clock.now()) for _ in range(2))
    execute(
        shop,
        "insert into referral (shop_id, advocate_id, friend_id, at, program_version, state, review, changed_at)"
        " values (:shop, :advocate, :friend, :now, 1, 'registered', 'waiting', :now)",
        advocate=advocate,
        friend=friend,
    )


def gift_redeemed(shop: TestShop) -> None:
    member = granted(shop, 50, clock.now())
    with transaction() as session:
        reward = rewards.create(
            session,
            shops.facts(shop.id),
            {"reward_name": "A mug", "reward_type": "gift", "points_to_be_redeemed": 10},
            clock.now(),
        )
        who = Redeemer(member, Author("customer"))
        redemptions.redeem_within(session, shops.facts(shop.id), who, reward.id, {}, "a key", clock.now())


def pool_without_codes(shop: TestShop) -> None:
    with transaction() as session:
        rewards.create(
            session,
            shops.facts(shop.id),
            {
                "reward_name": "Codes",
                "reward_type": "coupon_based_reward",
                "reward_sub_type": "fixed_amount_discount",
                "reward_value": "5.00",
                "points_to_be_redeemed": 50,
                "coupons": ["ONE", "TWO"],
            },
            clock.now(),
        )


def message_given_up(shop: TestShop) -> None:
    execute(
        shop,
        "insert into outbox (shop_id, kind, key, payload, state, next_try_at, created_at)"
        " values (:shop, 'mail', 'k', '{}', 'parked', :now, :now)",
    )


def paused_endpoint(shop: TestShop) -> None:
    execute(
        shop,
        "insert into endpoint (shop_id, url, types, state, paused_because, secret, created_at)"
        " values (:shop, 'https://x.example', '{}', 'paused', 'It failed for a day.', '', :now)",
    )


def checked_import(shop: TestShop) -> None:
    execute(
        shop,
        "insert into transfer (shop_id, kind, state, file_name, author, created_at)"
        " values (:shop, 'members', 'checked', 'm.csv', 'Ada', :now)",
    )


@pytest.mark.parametrize(
    ("happens", "said", "right"),
    [
        (failed_delivery, "1 delivery that failed", Right.SETTINGS),
        (held_referral, "1 referral to look at", Right.VIEW_CUSTOMERS),
        (gift_redeemed, "1 gift to send", Right.REDEMPTIONS),
        (pool_without_codes, "1 reward whose codes run low", Right.REWARDS),
        (message_given_up, "1 message that was given up", Right.SETTINGS),
        (paused_endpoint, "1 endpoint that does not answer", Right.SETTINGS),
        (checked_import, "1 import that waits for you", Right.EXPORT),
    ],
)
def test_what_waits_is_shown_to_who_may_open_it(
    sign_in: Callable[..., Desk], shop: TestShop, happens: Callable[[TestShop], None], said: str, right: Right
) -> None:
    able, unable = sign_in(right), sign_in(*(frozenset(Right) - {right}))
    assert needs(able) == ["Nothing waits for you."]
    happens(shop)
    assert needs(able) == [said]
    assert said not in needs(unable)
    (link,) = able.page("").select(".needs a")
    assert able.client.get(str(link["href"])).status_code == 200


def test_nobody_is_asked_to_approve_what_they_asked_for(sign_in: Callable[..., Desk], shop: TestShop) -> None:
    asker, other = sign_in(Right.ASSIGN_POINTS), sign_in(Right.ASSIGN_POINTS)
    member = granted(shop, 1, clock.now())
    execute(
        shop,
        "insert into manual_change (shop_id, key, member_id, what, points, reason, details, staff_id, staff_name, asked_at,"
        " day, state, waits_until) values (:shop, 'k', :member, 'adjust', 500, 'x', '{}', :staff, 'Ada', :now,"
        " cast(:now as date), 'waiting', :until)",
        member=member,
        staff=asker.staff_id,
        until=clock.now() + timedelta(days=3),
    )
    assert needs(asker) == ["Nothing waits for you."]
    assert needs(other) == ["1 change of points to approve"]


def test_many_are_not_counted_to_the_end(desk: Desk) -> None:
    failed_delivery(desk.shop, waiting.MOST_COUNTED + 50)
    assert needs(desk) == [f"{waiting.MOST_COUNTED}+ deliveries that failed"]


def test_figures_are_this_months_beside_the_last(time: BusinessTime, desk: Desk) -> None:
    now = time.now
    month = now.astimezone(timezone(desk.shop.facts.timezone)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    member = granted(desk.shop, 300, now)
    granted(desk.shop, 100, month - timedelta(hours=1))
    spent(desk.shop, member, 60, now)
    found = desk.page("")
    assert figure(found, "Members") == "2"
    assert figure(found, "Points outstanding") == "340"
    assert figure(found, "Issued this month") == "300"
    assert figure(found, "Spent this month") == "60"
    assert figure(found, "Redemption rate") == "15%"
    assert "100 in all" in found.select_one("main").get_text()


def test_active_members_come_with_the_time_of_their_count(desk: Desk) -> None:
    assert figure(desk.page(""), f"Active in {activity.DAYS} days") == "–"
    spent(desk.shop, granted(desk.shop, 30, clock.now()), 10, clock.now())
    upkeep.count_active()
    found = desk.page("")
    assert figure(found, f"Active in {activity.DAYS} days") == "1"
    assert "counted" in found.get_text()


def test_every_role_has_a_first_page(sign_in: Callable[..., Desk]) -> None:
    for role, rights in ROLES.items():
        page = sign_in(*rights).page("")
        assert ("Points outstanding" in page.get_text()) == (Right.REPORTS in rights), role


def test_the_guide_is_offered_until_it_is_done_to_who_may_set_the_program_up(sign_in: Callable[..., Desk]) -> None:
    (card,) = sign_in(Right.SETTINGS).page("").select(".set-up")
    assert "steps are done" in card.get_text()
    assert sign_in(Right.REPORTS).page("").select(".set-up") == []
