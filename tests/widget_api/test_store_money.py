"""Gift cards and store credit as the widget API tells of them: money has no address in the store's cart."""

from collections.abc import Callable
from typing import Any

import pytest

from backend import clock
from backend.db import transaction
from backend.jobs import points
from backend.loyalty.coupons import coupons
from backend.loyalty.rewards import rewards
from tests.conftest import TestShop
from tests.loyalty.money_world import CARD, CREDIT, answer, shop_on_shopify
from tests.loyalty.rewards_world import member_with
from tests.widget_api.conftest import Widget


@pytest.fixture
def shop(new_shop: Callable[..., TestShop]) -> TestShop:
    return shop_on_shopify(new_shop)


@pytest.fixture
def rich(shop: TestShop) -> Widget:
    """A member with 1,000 points."""
    member_with(shop, 1000, "4711")
    return Widget(shop, "4711")


def offered(shop: TestShop, document: dict[str, Any], **more: Any) -> str:
    with transaction() as session:
        made = rewards.create(session, shop.facts, document | more, clock.now())
    rewards.forget_current()
    return made.public_id


def call(rich: Widget, path: str, method: str = "GET", **options: Any) -> Any:
    """From a page of the shop itself."""
    return rich.call(path, method, headers={"Origin": rich.shop.facts.address}, **options)


def have(rich: Widget, reward_id: str) -> Any:
    had = call(rich, "me/redemptions", "POST", json={"reward_id": reward_id})
    assert had.status_code == 201, had.text
    return had.json


def latest(rich: Widget, language: str = "en") -> Any:
    return call(rich, "me/redemptions", query_string={"locale": language}).json["items"][0]


@pytest.mark.parametrize("document", [CARD, CREDIT])
def test_while_it_is_being_made_there_is_nothing_to_use(rich: Widget, document: dict[str, Any]) -> None:
    had = have(rich, offered(rich.shop, document))
    points.refill_coupons()
    for shown in (had, latest(rich)):
        assert (shown["status"], shown["code"], shown["use"], shown["use_text"]) == ("requested", None, None, None)
        assert (shown["given_as"], shown["value_text"]) == (document["given_as"], "€10")


def test_a_gift_card_is_its_code_and_a_sentence_and_no_address(rich: Widget) -> None:
    have(rich, offered(rich.shop, CARD))
    points.refill_coupons()
    answer(rich.shop)
    shown = latest(rich)
    assert (shown["status"], len(shown["code"]), shown["use"]) == ("issued", 15, None)
    assert shown["use_text"] == "Use it as a gift card at the checkout, at once or bit by bit."
    assert latest(rich, "de")["use_text"].startswith("Löse ihn an der Kasse")


def test_store_credit_is_a_sentence_alone(rich: Widget) -> None:
    have(rich, offered(rich.shop, CREDIT))
    points.refill_coupons()
    answer(rich.shop)
    shown = latest(rich)
    assert (shown["status"], shown["code"], shown["use"]) == ("issued", None, None)
    assert shown["use_text"] == (
        "€10 of store credit is in your account at the store. Sign in there, and the checkout uses it by itself."
    )


def test_what_is_used_or_on_its_way_back_is_used_no_more(rich: Widget) -> None:
    had = have(rich, offered(rich.shop, CREDIT))
    points.refill_coupons()
    answer(rich.shop)
    returned = call(rich, f"me/redemptions/{had['id']}/return", "POST").json
    assert (returned["ending"], returned["use_text"]) == ("returned", None)
    answer(rich.shop, coupons.SPENT)
    used = latest(rich)
    assert (used["use_state"], used["can_return"], used["use_text"]) == ("used", False, None)


def test_other_rewards_are_given_as_codes(rich: Widget) -> None:
    have(rich, offered(rich.shop, CARD, given_as="code", coupons=["TEN-1"]))
    shown = latest(rich)
    assert (shown["given_as"], shown["use_text"], shown["code"]) == ("code", None, "TEN-1")
    assert shown["use"]["url"].endswith("/discount/TEN-1?redirect=/cart")


def test_the_merchants_words_have_no_code_where_there_is_none(rich: Widget) -> None:
    have(rich, offered(rich.shop, CREDIT, enduser_reward_post_confirmation_html="<p>Code: {{coupon_code}}</p>"))
    points.refill_coupons()
    answer(rich.shop)
    assert latest(rich)["post_confirmation_html"] == "<p>Code: </p>"
