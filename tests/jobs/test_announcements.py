"""Members hear of a reward with a push text when it becomes available for them, once (S0.21 to S0.23)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.jobs import points, upkeep
from backend.loyalty.notifications import notices
from backend.loyalty.rewards import announcement_plan, announcements, campaigns, rewards
from backend.loyalty.rewards.rewards import Reward
from tests.conftest import PROGRAM, BusinessTime, TestShop
from tests.loyalty.rewards_world import FIVE_OFF, GIFT, change, mails, member_with, reward, rows

PUSH = {"push_notification_text": "Five euros off your next order."}
GOLD_ONLY = {"member_eligibility_rules": [
    {"conditions": [{"operator": "Equals", "attribute": "Tier", "value": "gold"}]}]}  # fmt: skip


@pytest.fixture
def shop(time: BusinessTime, new_shop: Callable[..., TestShop]) -> TestShop:
    time.set("2026-05-04T12:00:00Z")
    return new_shop()


@pytest.fixture
def ada(shop: TestShop) -> int:
    return member_with(shop, email="ada@example.com")


def told(shop: TestShop, which: Reward | None = None) -> list[int]:
    """Who has got the mail, once all has been announced."""
    points.announce_rewards()
    return [
        each["member_id"] for each in mails(shop, "reward_available") if which is None or each["reward_id"] == which.id
    ]


def set_tier(shop: TestShop, member: int, tier: str | None) -> None:
    """As the tiers' job does it."""
    with transaction() as session:
        announcement_plan.look_again(session, shop.id, [member], clock.now())
        session.execute(
            text("update member set tier = :tier where shop_id = :shop and id = :member"),
            {"tier": tier, "shop": shop.id, "member": member},
        )


def test_a_new_reward_is_announced_to_every_member_with_an_address_whatever_their_points(
    shop: TestShop, ada: int
) -> None:
    bob = member_with(shop, customer="c-2", email="bob@example.com")
    member_with(shop, customer="c-3")
    assert told(shop, reward(shop, FIVE_OFF, **PUSH)) == [ada, bob]


def test_without_a_push_text_nothing_is_sent_and_the_reward_is_there_all_the_same(  # S0.22, S0.23
    shop: TestShop, ada: int
) -> None:
    made = reward(shop)
    assert told(shop) == []
    assert [each.id for each in rewards.current(shop.id)] == [made.id]


def test_however_often_the_job_runs_a_member_is_told_once(shop: TestShop, ada: int) -> None:
    made = reward(shop, FIVE_OFF, **PUSH)
    assert told(shop, made) == told(shop, made) == [ada]


def test_members_are_gone_through_in_batches_and_an_interruption_repeats_nothing(shop: TestShop) -> None:
    everybody = [member_with(shop, customer=f"c-{n}", email=f"m{n}@example.com") for n in range(7)]
    reward(shop, FIVE_OFF, **PUSH)
    for reached in (3, 6, 7):
        with transaction() as session:
            announcements.announce_next(session, clock.now(), limit=3)
        assert [each["member_id"] for each in mails(shop, "reward_available")] == everybody[:reached]
    assert told(shop) == everybody


def test_what_is_edited_later_is_not_announced_again(shop: TestShop, ada: int) -> None:
    made = reward(shop, FIVE_OFF, **PUSH)
    told(shop)
    change(shop, made, push_notification_text="Even better than before!", points_to_be_redeemed=100)
    change(shop, made, is_active=False)
    change(shop, made, is_active=True)
    bob = member_with(shop, customer="c-2", email="bob@example.com")
    assert told(shop, made) == [ada]
    assert bob != ada


def test_a_program_that_is_off_announces_when_it_is_on_again(shop: TestShop, ada: int, time: BusinessTime) -> None:
    shop.set_program(enabled=False)
    made = reward(shop, FIVE_OFF, **PUSH)
    for _ in range(3):
        assert told(shop, made) == []
        time.advance(hours=1, minutes=1)
    shop.set_program(enabled=True)
    assert told(shop, made) == [ada]


def test_who_comes_to_a_level_while_the_program_is_off_is_told_of_no_reward(shop: TestShop, ada: int) -> None:
    reward(shop, FIVE_OFF, **PUSH, **GOLD_ONLY)
    assert told(shop) == []
    shop.set_program(enabled=False)
    set_tier(shop, ada, "gold")
    assert told(shop) == []


def test_once_means_once_though_the_outbox_forgets(shop: TestShop, ada: int, time: BusinessTime) -> None:
    made = reward(shop, FIVE_OFF, **PUSH, **GOLD_ONLY)
    set_tier(shop, ada, "gold")
    assert told(shop, made) == [ada]
    with transaction() as session:
        session.execute(
            text("update outbox set state = 'done', done_at = :old where shop_id = :shop"),
            {"old": clock.wall() - timedelta(days=91), "shop": shop.id},
        )
    upkeep.purge()
    assert mails(shop, "reward_available") == []
    set_tier(shop, ada, None)
    set_tier(shop, ada, "gold")
    assert told(shop, made) == []


def test_a_text_that_comes_later_is_no_news_of_a_reward_that_was_there(shop: TestShop, ada: int) -> None:
    made = reward(shop)
    change(shop, made, **PUSH)
    assert told(shop) == []


def test_an_inactive_reward_is_announced_when_it_is_activated(shop: TestShop, ada: int) -> None:
    made = reward(shop, FIVE_OFF, **PUSH, is_active=False)
    assert told(shop) == []
    change(shop, made, is_active=True)
    assert told(shop, made) == [ada]


def test_a_reward_is_announced_when_its_time_begins(shop: TestShop, ada: int, time: BusinessTime) -> None:
    reward(shop, FIVE_OFF, **PUSH, active_from="2026-05-10")
    assert told(shop) == []
    time.set("2026-05-09T21:59:59Z")  # Paris is two hours ahead
    assert told(shop) == []
    time.set("2026-05-09T22:00:01Z")
    assert told(shop) == [ada]


def test_a_reward_whose_time_is_moved_is_announced_at_its_new_one(shop: TestShop, ada: int, time: BusinessTime) -> None:
    made = reward(shop, FIVE_OFF, **PUSH, active_from="2026-05-10")
    change(shop, made, active_from="2026-05-20")
    time.set("2026-05-15T12:00:00Z")
    assert told(shop) == []
    time.set("2026-05-20T12:00:00Z")
    assert told(shop) == [ada]


def test_a_reward_that_is_taken_off_the_list_halfway_stops_and_goes_on_where_it_was(shop: TestShop) -> None:
    everybody = [member_with(shop, customer=f"c-{n}", email=f"m{n}@example.com") for n in range(4)]
    made = reward(shop, FIVE_OFF, **PUSH)
    with transaction() as session:
        announcements.announce_next(session, clock.now(), limit=2)
    change(shop, made, is_active=False)
    assert told(shop) == everybody[:2]
    change(shop, made, is_active=True)
    assert told(shop) == everybody


def test_only_who_may_have_it_is_told(shop: TestShop, ada: int) -> None:
    set_tier(shop, ada, "gold")
    member_with(shop, customer="c-2", email="bob@example.com")
    assert told(shop, reward(shop, FIVE_OFF, **PUSH, **GOLD_ONLY)) == [ada]


def test_what_is_not_shown_to_a_member_is_not_announced_either(shop: TestShop, ada: int) -> None:  # S2.26
    hidden = {"member_eligibility_rules": [{"show_on_member_dashboard": False, "conditions": [
        {"operator": "Is set", "attribute": "Enrolment Date"}]}]}  # fmt: skip
    assert told(shop, reward(shop, FIVE_OFF, **PUSH, **hidden)) == []


def test_whoever_comes_to_a_level_hears_of_what_it_opens_and_of_nothing_else(shop: TestShop, ada: int) -> None:
    for_all = reward(shop, FIVE_OFF, **PUSH)
    for_gold = reward(shop, FIVE_OFF, **PUSH, **GOLD_ONLY, reward_name="Gold only")
    told(shop)
    bob = member_with(shop, customer="c-2", email="bob@example.com")
    set_tier(shop, bob, "gold")
    assert told(shop, for_gold) == [bob]
    assert told(shop, for_all) == [ada]


def test_a_new_member_is_not_flooded_with_what_there_is(shop: TestShop, ada: int) -> None:
    reward(shop, FIVE_OFF, **PUSH)
    told(shop)
    shop.tell("customer.created", {"id": "c-2", "email": "bob@example.com"})
    assert told(shop) == [ada]


def test_who_joins_while_it_is_announced_is_not_told(shop: TestShop, time: BusinessTime) -> None:
    everybody = [member_with(shop, customer=f"c-{n}", email=f"m{n}@example.com") for n in range(2)]
    reward(shop, FIVE_OFF, **PUSH)
    with transaction() as session:
        announcements.announce_next(session, clock.now(), limit=1)
    time.advance(seconds=10)
    member_with(shop, customer="c-9", email="late@example.com")
    assert told(shop) == everybody


def test_who_has_unsubscribed_is_left_in_peace(shop: TestShop, ada: int) -> None:
    with transaction() as session:
        notices.unsubscribe(session, shop.id, ada, clock.now())
    assert told(shop, reward(shop, FIVE_OFF, **PUSH)) == []


def test_a_program_that_announces_nothing_tells_nobody_later_either(shop: TestShop, ada: int) -> None:
    shop.set_program(**PROGRAM, notifications={"reward_available": False})
    reward(shop, FIVE_OFF, **PUSH)
    assert told(shop) == []
    shop.set_program(**PROGRAM)
    assert told(shop) == []


def campaign(shop: TestShop, gift: Reward, **dates: Any) -> None:
    with transaction() as session:
        document = {"names": {"en": "Spring"}, "gifts": [gift.public_id], **dates}
        campaigns.create(session, shop.facts, document, clock.now())


def test_a_gift_of_a_campaign_is_announced_when_that_begins(shop: TestShop, ada: int, time: BusinessTime) -> None:
    gift = reward(shop, GIFT, **PUSH, is_active=False)
    campaign(shop, gift, starts_at="2026-06-01T00:00:00+02:00")
    change(shop, gift, is_active=True)
    assert told(shop) == []
    time.set("2026-06-01T08:00:00+02:00")
    campaigns.forget_current()
    assert told(shop, gift) == [ada]


def test_the_schedule_sees_what_waits(shop: TestShop, ada: int) -> None:
    with transaction() as session:
        for table in ("reward_look", "reward_announcement"):
            session.execute(text(f"delete from {table}"))

    def waits() -> bool:
        question = announcements.WAITS.replace("%(now)s", ":now")
        with transaction() as session:
            return session.execute(text(question), {"now": clock.now()}).first() is not None

    assert not waits()
    reward(shop, FIVE_OFF, **PUSH)
    assert waits()
    told(shop)
    assert not waits()
    set_tier(shop, ada, "gold")
    assert waits()
    told(shop)
    assert not waits()


def test_shops_without_announcements_look_at_nobody_again(shop: TestShop, ada: int) -> None:
    reward(shop)
    set_tier(shop, ada, "gold")
    assert rows(shop, "select 1 from reward_look where shop_id = :shop") == []
