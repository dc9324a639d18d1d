"""Rewards that are paid as gift cards at Shopify: one card for each, whatever gets lost, and none beside its points.

Platforms.md 5.2 and 5.3; pitfall 6.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from graphql import GraphQLError

from backend import clock
from backend.db import transaction
from backend.jobs import points
from backend.loyalty.members import members
from backend.models import Member
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.rewards_world import give_back, has, member_with, redemption, reward, violations
from tests.shopify.codes_world import let_lease_end
from tests.shopify.killed_worker import kill_a_worker_at
from tests.shopify.money_world import (
    CUSTOMER,
    GIFT_CARD,
    calls,
    coupon_of,
    let_pass,
    park_others,
    payouts,
    redeem,
    send,
    send_all,
)
from tests.shopify.pretend import Pretend
from tests.shopify.pretend_gift_cards import GiftCard, GiftCards


@pytest.fixture(autouse=True)
def alone(app: Flask) -> None:
    park_others()


@pytest.fixture
def cards(shopify: Pretend) -> GiftCards:
    return GiftCards().register(shopify)


@pytest.fixture
def shop(installed_shop: TestShop, cards: GiftCards) -> TestShop:
    return installed_shop


@pytest.fixture
def had(shop: TestShop) -> Any:
    """A gift card of 10.00 that somebody waits for, who had 500 points."""
    return redeem(shop, member_with(shop, 500, CUSTOMER), reward(shop, GIFT_CARD))


def only(cards: GiftCards, shop: TestShop) -> GiftCard:
    (card,) = cards.of(shop.facts.domain)
    return card


def test_whoever_redeems_waits_for_a_card_of_their_own_and_has_its_code_once_shopify_has_it(
    shop: TestShop, cards: GiftCards, had: Any
) -> None:
    assert (had.status, had.code) == ("requested", None)
    send()
    card, now = only(cards, shop), redemption(shop, had.id)
    assert (now.status, now.code) == ("issued", card.code)
    assert card.given["initialAmount"] == {"amount": "10.00", "currencyCode": "EUR"}
    assert card.given["note"] == f"10 for you (lagniappe-{shop.id}-{now.coupon_id})"
    assert card.given["expiresOn"] is None
    assert has(shop, had.member_id).available == 0
    assert violations(shop) == []


def test_a_card_ends_on_the_last_day_on_which_the_reward_is_good(shop: TestShop, cards: GiftCards) -> None:
    made = reward(shop, GIFT_CARD | {"coupon_valid_days": 30})
    had = redeem(shop, member_with(shop, 500, CUSTOMER), made)
    send()
    now = redemption(shop, had.id)
    last = (now.expires_at - timedelta(seconds=1)).astimezone(ZoneInfo(shop.facts.timezone)).date()
    assert only(cards, shop).given["expiresOn"] == last.isoformat()


@pytest.mark.parametrize("moods", [["lose after"], ["lose"], ["503"], ["throttled"], ["internal"], ["garbage"]])
def test_whatever_happens_to_an_answer_there_is_one_card(
    shop: TestShop, cards: GiftCards, shopify: Pretend, had: Any, moods: list[str]
) -> None:
    shopify.will(*moods * 3)
    send_all(shop)
    assert redemption(shop, had.id).code == only(cards, shop).code
    assert violations(shop) == []


def test_a_card_that_the_search_does_not_show_yet_is_waited_for(
    shop: TestShop, cards: GiftCards, shopify: Pretend, had: Any
) -> None:
    shopify.will("lose after")
    cards.finds = False
    send()
    let_pass(shop, minutes=1)
    send()
    assert redemption(shop, had.id).status == "requested"
    cards.finds = True
    send_all(shop)
    assert redemption(shop, had.id).code == only(cards, shop).code


def test_a_code_that_somebody_else_has_is_replaced(shop: TestShop, cards: GiftCards, had: Any) -> None:
    theirs = cards.merchants_own(shop.facts.domain, coupon_of(shop, had).code)
    send_all(shop)
    (ours,) = [each for each in cards.of(shop.facts.domain) if each is not theirs]
    now = redemption(shop, had.id)
    assert (now.status, now.code) == ("issued", ours.code)
    assert ours.code != theirs.code
    assert theirs.balance == 50


def test_what_shopify_refuses_for_good_frees_the_points_and_tells_no_code(
    shop: TestShop, cards: GiftCards, had: Any
) -> None:
    cards.refuses = "GIFT_CARD_LIMIT_EXCEEDED"
    send()
    now = redemption(shop, had.id)
    assert (now.status, now.problem) == ("failed", "Shopify refused: … is not good")
    assert has(shop, had.member_id).available == 500
    assert violations(shop) == []


def test_without_the_permission_the_points_are_free_again_and_a_sentence_says_why(
    shop: TestShop, cards: GiftCards, shopify: Pretend, had: Any
) -> None:
    def denied(*_: Any, **__: Any) -> Any:
        extensions = {"code": "ACCESS_DENIED", "requiredAccess": "`write_gift_cards` access scope."}
        raise GraphQLError("Access denied for giftCardCreate field.", extensions=extensions)

    shopify.resolvers["Mutation.giftCardCreate"] = denied
    send()
    now = redemption(shop, had.id)
    assert now.status == "failed"
    assert now.problem.startswith("The app lacks a permission (write_gift_cards) in this shop")
    assert has(shop, had.member_id).available == 500


def test_a_shop_without_the_app_pays_nobody(shopify_shop: TestShop, cards: GiftCards) -> None:
    had = redeem(shopify_shop, member_with(shopify_shop, 500, CUSTOMER), reward(shopify_shop, GIFT_CARD))
    send()
    now = redemption(shopify_shop, had.id)
    assert (now.status, now.problem) == ("failed", "The app is not installed in this shop.")
    assert has(shopify_shop, had.member_id).available == 500


# Taking back


def test_a_card_that_is_given_back_is_emptied_and_switched_off_before_the_points_return(
    shop: TestShop, cards: GiftCards, had: Any
) -> None:
    send()
    give_back(shop, had.member_id, had.id)
    assert has(shop, had.member_id).available == 0
    send()
    card = only(cards, shop)
    assert (card.balance, card.is_enabled) == (0, False)
    assert (redemption(shop, had.id).status, has(shop, had.member_id).available) == ("returned", 500)
    assert violations(shop) == []


@pytest.mark.parametrize("lost_call", [1, 2, 3])
@pytest.mark.parametrize("mood", ["lose", "lose after", "503"])
def test_when_an_answer_to_taking_back_is_lost_it_is_taken_back_once(
    shop: TestShop, cards: GiftCards, shopify: Pretend, had: Any, lost_call: int, mood: str
) -> None:
    send()
    give_back(shop, had.member_id, had.id)
    shopify.will(*[""] * (lost_call - 1), mood)
    send()
    assert has(shop, had.member_id).available == 0
    send_all(shop)
    card = only(cards, shop)
    assert [each["__typename"] for each in card.moves] == ["GiftCardDebitTransaction"]
    assert (card.balance, card.is_enabled) == (0, False)
    assert has(shop, had.member_id).available == 500
    assert violations(shop) == []


@pytest.mark.parametrize("spent", ["10.00", "0.01"])
def test_a_card_of_which_anything_was_spent_stays_its_owners_and_has_been_used(
    shop: TestShop, cards: GiftCards, had: Any, spent: str
) -> None:
    send()
    card = only(cards, shop)
    cards.spend(card, spent)
    give_back(shop, had.member_id, had.id)
    send()
    now = redemption(shop, had.id)
    assert (now.status, now.use_state, now.ending) == ("issued", "used", None)
    assert (card.balance, card.is_enabled) == (10 - Decimal(spent), True)
    assert has(shop, had.member_id).available == 0
    assert violations(shop) == []


def test_a_card_that_is_spent_in_the_very_moment_stays_its_owners(
    shop: TestShop, cards: GiftCards, shopify: Pretend, had: Any
) -> None:
    send()
    card, debit = only(cards, shop), shopify.resolvers["Mutation.giftCardDebit"]

    def at_the_till(*args: Any, **given: Any) -> Any:
        cards.spend(card, "3.00")
        return debit(*args, **given)

    shopify.resolvers["Mutation.giftCardDebit"] = at_the_till
    give_back(shop, had.member_id, had.id)
    send()
    assert (redemption(shop, had.id).use_state, card.balance, card.is_enabled) == ("used", 7, True)
    assert has(shop, had.member_id).available == 0


@pytest.mark.parametrize("is_switched_off", [False, True])
def test_of_two_workers_that_take_a_card_back_the_slower_one_finds_it_done(
    shop: TestShop, cards: GiftCards, shopify: Pretend, had: Any, is_switched_off: bool
) -> None:
    """One has slept through its lease. Of a card that is off Shopify says so, and not that nothing is on it."""
    send()
    card, debit = only(cards, shop), shopify.resolvers["Mutation.giftCardDebit"]

    def after_another(*args: Any, **given: Any) -> Any:
        debit(*args, **given)
        card.is_enabled = not is_switched_off
        return debit(*args, **given)

    shopify.resolvers["Mutation.giftCardDebit"] = after_another
    give_back(shop, had.member_id, had.id)
    send()
    assert (redemption(shop, had.id).status, has(shop, had.member_id).available) == ("returned", 500)
    assert (card.balance, len(card.moves)) == (0, 1)
    assert violations(shop) == []


def test_what_the_merchant_has_put_on_the_card_stays_on_it(shop: TestShop, cards: GiftCards, had: Any) -> None:
    send()
    card = only(cards, shop)
    cards.top_up(card, "4.00")
    give_back(shop, had.member_id, had.id)
    send()
    assert (card.balance, card.is_enabled) == (4, True)
    assert has(shop, had.member_id).available == 500


def test_a_card_that_the_merchant_has_switched_off_need_not_be_emptied(
    shop: TestShop, cards: GiftCards, had: Any
) -> None:
    send()
    only(cards, shop).is_enabled = False
    give_back(shop, had.member_id, had.id)
    send()
    assert has(shop, had.member_id).available == 500


def test_a_card_that_shopify_does_not_know_any_more_is_not_taken_back(
    shop: TestShop, cards: GiftCards, had: Any
) -> None:
    """Who knows whether it was spent."""
    send()
    cards.cards.clear()
    give_back(shop, had.member_id, had.id)
    send()
    now = redemption(shop, had.id)
    assert (now.status, now.ending, now.problem) == ("issued", None, "Shopify does not know this gift card any more.")
    assert has(shop, had.member_id).available == 0


def test_a_card_that_runs_out_unspent_gives_its_points_back_if_the_reward_says_so(
    shop: TestShop, cards: GiftCards, time: BusinessTime
) -> None:
    made = reward(shop, GIFT_CARD | {"coupon_valid_days": 30, "points_back_when_expired": True})
    had = redeem(shop, member_with(shop, 500, CUSTOMER), made)
    send()
    time.set(redemption(shop, had.id).expires_at)
    points.expire_rewards()
    send()
    assert redemption(shop, had.id).status == "expired"
    assert (only(cards, shop).balance, only(cards, shop).is_enabled) == (10, False)
    assert has(shop, had.member_id).available == 500
    assert violations(shop) == []


def test_a_card_that_was_spent_in_part_before_it_ran_out_has_been_used(
    shop: TestShop, cards: GiftCards, time: BusinessTime
) -> None:
    made = reward(shop, GIFT_CARD | {"coupon_valid_days": 30, "points_back_when_expired": True})
    had = redeem(shop, member_with(shop, 500, CUSTOMER), made)
    send()
    cards.spend(only(cards, shop), "1.00")
    time.set(redemption(shop, had.id).expires_at)
    points.expire_rewards()
    send()
    assert redemption(shop, had.id).use_state == "used"
    assert only(cards, shop).is_enabled  # the merchant may have given its owner more time for the rest
    assert has(shop, had.member_id).available == 0
    assert violations(shop) == []


def test_whoever_gives_back_before_the_card_is_there_has_no_card_and_all_points(
    shop: TestShop, cards: GiftCards, had: Any
) -> None:
    give_back(shop, had.member_id, had.id)
    send_all(shop)
    assert cards.of(shop.facts.domain) == []
    assert has(shop, had.member_id).available == 500


def test_a_card_that_was_made_unnoticed_is_emptied_when_its_redemption_has_ended(
    shop: TestShop, cards: GiftCards, shopify: Pretend, had: Any
) -> None:
    shopify.will("lose after")
    send()
    give_back(shop, had.member_id, had.id)
    send_all(shop)
    assert (only(cards, shop).balance, only(cards, shop).is_enabled) == (0, False)
    assert has(shop, had.member_id).available == 500
    assert violations(shop) == []


def test_a_card_that_comes_after_its_redemption_was_let_go_is_emptied(
    shop: TestShop, cards: GiftCards, shopify: Pretend, had: Any, time: BusinessTime
) -> None:
    shopify.will("lose after")
    send()
    time.set(had.hold_until)
    points.release_holds()
    send_all(shop)
    assert (only(cards, shop).balance, only(cards, shop).is_enabled) == (0, False)
    assert (redemption(shop, had.id).status, has(shop, had.member_id).available) == ("failed", 500)
    assert violations(shop) == []


def test_no_card_is_made_for_somebody_who_was_forgotten_meanwhile(shop: TestShop, cards: GiftCards, had: Any) -> None:
    with transaction() as session:
        members.erase(session, shop.id, CUSTOMER, clock.now())
    send_all(shop)
    assert cards.of(shop.facts.domain) == []
    assert violations(shop) == []


def test_who_is_no_customer_at_shopify_has_their_points_again_and_a_sentence_that_says_why(
    shop: TestShop, cards: GiftCards
) -> None:
    """Brought in from a file, by their address alone."""
    member = member_with(shop, 500, CUSTOMER)
    with transaction() as session:
        session.get_one(Member, (shop.id, member)).external_id = None
    had = redeem(shop, member, reward(shop, GIFT_CARD))
    send_all(shop)
    now = redemption(shop, had.id)
    assert (now.status, has(shop, member).available) == ("failed", 500)
    assert "never were a customer there" in now.problem


# Killed, and all of it together


@pytest.mark.parametrize(("is_back", "call"), [(False, 1), (True, 1), (True, 2), (True, 3)])
def test_a_worker_that_is_killed_in_the_midst_of_it_pays_once_and_takes_back_once(
    shop: TestShop, cards: GiftCards, shopify: Pretend, had: Any, environ: dict[str, str], call: int, is_back: bool
) -> None:
    """kill -9 while Shopify is busy with the card."""
    if is_back:
        send()
        give_back(shop, had.member_id, had.id)
    shopify.asked.clear()
    kill_a_worker_at(shopify, environ, call, busy_seconds=0.5)
    let_lease_end(shop)
    send_all(shop)
    card = only(cards, shop)
    assert (card.balance, len(card.moves)) == ((0, 1) if is_back else (10, 0))
    assert redemption(shop, had.id).status == ("returned" if is_back else "issued")
    assert has(shop, had.member_id).available == (500 if is_back else 0)
    assert violations(shop) == []


def test_shopify_ends_with_the_cards_that_members_have_whatever_it_forgets_to_answer(
    shop: TestShop, cards: GiftCards, shopify: Pretend
) -> None:
    made = reward(shop, GIFT_CARD | {"points_to_be_redeemed": 10})
    member = member_with(shop, 1000, CUSTOMER)
    shopify.will(*["lose after", "", "503", "lose", "", "", "throttled", "lose after", "lose after", ""] * 4)
    for number in range(20):
        had = redeem(shop, member, made)
        send()
        let_pass(shop, minutes=1)
        if number % 3 == 0:
            give_back(shop, member, had.id)
    send_all(shop)
    live = [each for each in cards.of(shop.facts.domain) if each.balance]
    assert len(live) == 13
    assert all(each.balance == 10 and each.is_enabled for each in live)
    assert has(shop, member).available == 1000 - 130
    assert {each.state for each in payouts(shop)} == {"done"}
    assert {each.state for each in calls(shop)} == {"done"}
    assert violations(shop) == []
