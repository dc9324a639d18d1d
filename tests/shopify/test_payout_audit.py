"""What members do with gift cards at Shopify is known within a day, and what the merchant does to them is shown."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from graphql import GraphQLError

from backend import clock
from backend.db import transaction
from backend.jobs import upkeep
from backend.loyalty.deliveries import gap_report
from backend.loyalty.deliveries.gap_report import Finding, Looking
from backend.shopify import code_audit, gift_cards, payout_audit
from tests.conftest import TestShop
from tests.loyalty.rewards_world import give_back, has, member_with, redemption, reward, rows, violations
from tests.shopify.money_world import (
    CUSTOMER,
    GIFT_CARD,
    STORE_CREDIT,
    calls,
    let_pass,
    park_others,
    redeem,
    send,
    send_all,
)
from tests.shopify.pretend import Pretend
from tests.shopify.pretend_discounts import Discounts
from tests.shopify.pretend_gift_cards import GiftCard, GiftCards
from tests.shopify.pretend_store_credit import StoreCredit


@pytest.fixture(autouse=True)
def alone(app: Flask) -> None:
    park_others()


@pytest.fixture
def cards(shopify: Pretend) -> GiftCards:
    Discounts().register(shopify)
    return GiftCards().register(shopify)


@pytest.fixture
def shop(installed_shop: TestShop, cards: GiftCards) -> TestShop:
    return installed_shop


@pytest.fixture
def had(shop: TestShop) -> Any:
    """A gift card of 10.00 that a member has."""
    had = redeem(shop, member_with(shop, 500, CUSTOMER), reward(shop, GIFT_CARD))
    send()
    return redemption(shop, had.id)


def only(cards: GiftCards, shop: TestShop) -> GiftCard:
    (card,) = cards.of(shop.facts.domain)
    return card


def compare(shop: TestShop) -> None:
    with transaction() as session:
        code_audit.ask(session, shop.id)
    upkeep.audit_codes()


def report(shop: TestShop) -> list[Finding]:
    with transaction() as session:
        sections = gap_report.report(Looking(session, shop.facts, clock.now(), clock.wall()))
        return [finding for section in sections for finding in section.findings]


def next_look(shop: TestShop) -> timedelta:
    (row,) = rows(shop, "select codes_next_at from shopify_shop where shop_id = :shop")
    return row.codes_next_at - clock.wall()  # type: ignore[no-any-return]


def test_a_card_that_was_spent_in_part_has_been_used(shop: TestShop, cards: GiftCards, had: Any) -> None:
    cards.spend(only(cards, shop), "0.50")
    compare(shop)
    now = redemption(shop, had.id)
    assert (now.status, now.use_state, now.delivery_status) == ("issued", "used", "ordered")
    assert now.used_at is not None
    assert violations(shop) == []
    compare(shop)
    assert redemption(shop, had.id) == now


def test_a_card_that_nobody_has_touched_has_not(shop: TestShop, cards: GiftCards, shopify: Pretend, had: Any) -> None:
    shopify.asked.clear()
    compare(shop)
    assert shopify.operations() == ["GiftCardsCompared", "DiscountsOfOurs"]
    assert redemption(shop, had.id).use_state == "delivered"
    assert report(shop) == []
    assert timedelta(hours=23) < next_look(shop)


def test_a_gift_card_is_no_discount_that_is_missing(shop: TestShop, cards: GiftCards, had: Any) -> None:
    compare(shop)
    assert {each.key for each in calls(shop)} == {f"discount:{had.coupon_id}:create"}


@pytest.mark.parametrize("how", ["gone", "switched off"])
def test_a_card_that_does_not_work_is_shown_until_it_is_settled(
    shop: TestShop, cards: GiftCards, had: Any, how: str
) -> None:
    card = only(cards, shop)
    if how == "gone":
        del cards.cards[card.gid]
    else:
        card.is_enabled = False
    compare(shop)
    (finding,) = report(shop)
    said = gift_cards.GONE if how == "gone" else payout_audit.SWITCHED_OFF
    assert (finding.kind, finding.subject, finding.said) == ("code_lost", f"{had.code}, 10 for you", said)
    if how == "gone":
        cards.cards[card.gid] = card
        compare(shop)
    else:
        give_back(shop, had.member_id, had.id)
        send_all(shop)
    assert report(shop) == []


def test_a_card_that_is_being_taken_back_was_not_used(
    shop: TestShop, cards: GiftCards, shopify: Pretend, had: Any
) -> None:
    give_back(shop, had.member_id, had.id)
    shopify.will("", "lose after")
    send()
    assert only(cards, shop).balance == 0
    compare(shop)
    send_all(shop)
    assert redemption(shop, had.id).status == "returned"
    assert has(shop, had.member_id).available == 500


def test_a_card_that_we_have_emptied_ourselves_was_not_used_though_nobody_could_tell_us_so(
    shop: TestShop, cards: GiftCards, shopify: Pretend, had: Any
) -> None:
    """It was given back; the answer was lost, and then the permission was taken away for a while."""

    def denied(*_: Any, **__: Any) -> Any:
        raise GraphQLError("Access denied.", extensions={"code": "ACCESS_DENIED"})

    give_back(shop, had.member_id, had.id)
    shopify.will("", "lose after")
    send()
    asked_for_one = shopify.resolvers["Query.giftCard"]
    shopify.resolvers["Query.giftCard"] = denied
    send_all(shop)
    assert (redemption(shop, had.id).status, only(cards, shop).balance) == ("issued", 0)
    shopify.resolvers["Query.giftCard"] = asked_for_one
    compare(shop)
    assert redemption(shop, had.id).use_state == "delivered"
    assert payout_audit.TAKEN_BACK in [finding.said for finding in report(shop)]
    give_back(shop, had.member_id, had.id)
    send_all(shop)
    assert (redemption(shop, had.id).status, has(shop, had.member_id).available) == ("returned", 500)
    assert violations(shop) == []


def test_no_call_names_more_cards_than_shopify_takes(
    shop: TestShop, cards: GiftCards, shopify: Pretend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payout_audit, "MOST_CODES", 2)
    member, made = member_with(shop, 500, CUSTOMER), reward(shop, GIFT_CARD | {"points_to_be_redeemed": 100})
    had = [redeem(shop, member, made) for _ in range(5)]
    send()
    for each in cards.of(shop.facts.domain):
        cards.spend(each, "10.00")
    compare(shop)
    assert [len(each.variables["cards"]) for each in shopify.asked if each.operation == "GiftCardsCompared"].count(
        2
    ) == 2
    assert {redemption(shop, each.id).use_state for each in had} == {"used"}


def test_of_more_cards_than_there_is_time_for_those_are_next_that_were_not_looked_at_for_longest(
    shop: TestShop, cards: GiftCards, shopify: Pretend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payout_audit, "MOST_CODES", 2)
    monkeypatch.setattr(payout_audit, "SHARE", 0.0)  # time for one call
    member, made = member_with(shop, 500, CUSTOMER), reward(shop, GIFT_CARD | {"points_to_be_redeemed": 100})
    for _ in range(5):
        redeem(shop, member, made)
    send()
    let_pass(shop, days=1)
    shopify.asked.clear()
    is_looked_at_soon = []
    for _ in range(3):
        compare(shop)
        is_looked_at_soon.append(next_look(shop) < timedelta(minutes=15))
    looked_at = [each.variables["cards"] for each in shopify.asked if each.operation == "GiftCardsCompared"]
    assert [len(each) for each in looked_at] == [2, 2, 2]  # the last one, and one for the second time
    assert {gid for some in looked_at for gid in some} == {each.gid for each in cards.of(shop.facts.domain)}
    assert is_looked_at_soon == [True, True, False]


def test_a_busy_shopify_is_asked_again_soon(shop: TestShop, cards: GiftCards, shopify: Pretend, had: Any) -> None:
    cards.spend(only(cards, shop), "10.00")
    shopify.will("503")
    compare(shop)
    assert redemption(shop, had.id).use_state == "delivered"
    assert next_look(shop) < timedelta(minutes=15)
    compare(shop)
    assert redemption(shop, had.id).use_state == "used"


def test_without_the_permission_the_codes_of_the_shop_are_compared_all_the_same(
    shop: TestShop, shopify: Pretend, had: Any
) -> None:
    def denied(*_: Any, **__: Any) -> Any:
        raise GraphQLError("Access denied.", extensions={"code": "ACCESS_DENIED"})

    shopify.resolvers["nodes GiftCard"] = denied
    shopify.asked.clear()
    compare(shop)
    assert shopify.operations() == ["GiftCardsCompared", "DiscountsOfOurs"]
    assert timedelta(hours=23) < next_look(shop)


def test_of_store_credit_nothing_is_asked(shop: TestShop, shopify: Pretend) -> None:
    StoreCredit().register(shopify)
    redeem(shop, member_with(shop, 500, CUSTOMER), reward(shop, STORE_CREDIT))
    send()
    shopify.asked.clear()
    compare(shop)
    assert shopify.operations() == ["DiscountsOfOurs"]
