"""Our codes and those at Shopify are the same set, or become it: once a day, and when somebody asks.

Reliability I-23, F-73.
"""

import threading
from collections.abc import Callable
from datetime import timedelta
from time import sleep
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.jobs import points, upkeep
from backend.jobs.clock_process import Watch
from backend.jobs.schedule import SCHEDULE
from backend.loyalty.coupons import coupons
from backend.loyalty.deliveries import gap_report
from backend.loyalty.deliveries.gap_report import Finding, Looking
from backend.models import ShopifyShop
from backend.queue import Bell
from backend.shopify import code_audit
from backend.shopify import discounts as from_shopify
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.rewards_world import (
    CASHBACK,
    change,
    coupon_states,
    free_codes,
    give_back,
    hold,
    member_with,
    redeem,
    redemption,
    reward,
    rows,
    violations,
)
from tests.shopify.codes_world import calls, send, send_all, waiting, working
from tests.shopify.pretend import Pretend
from tests.shopify.pretend_discounts import Discount, Discounts

CUSTOMER = "115310627314723954"


@pytest.fixture(autouse=True)
def alone(app: Flask) -> None:
    """Codes of other tests are none of ours."""
    with transaction() as session:
        session.execute(
            text("update outbox set state = 'parked' where state = 'waiting' and kind = any(:kinds)"),
            {"kinds": list(coupons.OUTBOX_KINDS)},
        )
        session.execute(text("update shopify_shop set codes_next_at = null"))


@pytest.fixture
def discounts(shopify: Pretend) -> Discounts:
    return Discounts().register(shopify)


@pytest.fixture
def shop(installed_shop: TestShop, discounts: Discounts) -> TestShop:
    return installed_shop


@pytest.fixture
def made(shop: TestShop) -> Any:
    """A reward with its stock at Shopify."""
    made = reward(shop)
    send_all(shop)
    return made


def compare(shop: TestShop) -> None:
    with transaction() as session:
        code_audit.ask(session, shop.id)
    upkeep.audit_codes()


def only(discounts: Discounts, shop: TestShop) -> Discount:
    (discount,) = discounts.of(shop.facts.domain)
    return discount


def report(shop: TestShop) -> list[Finding]:
    with transaction() as session:
        sections = gap_report.report(Looking(session, shop.facts, clock.now(), clock.wall()))
        return [finding for section in sections for finding in section.findings]


def test_where_all_is_well_nothing_is_told_and_the_next_look_is_in_a_day(
    shop: TestShop, made: Any, discounts: Discounts, shopify: Pretend
) -> None:
    shopify.asked.clear()
    compare(shop)
    assert shopify.operations() == ["DiscountsOfOurs", "DiscountCodes"]
    assert waiting(shop) == []
    (row,) = rows(shop, "select codes_next_at from shopify_shop where shop_id = :shop")
    assert timedelta(hours=23) < row.codes_next_at - clock.wall() < timedelta(hours=25)


def test_codes_that_shopify_lost_are_made_again_with_the_same_letters(
    shop: TestShop, made: Any, discounts: Discounts
) -> None:
    member = member_with(shop, 500, CUSTOMER)
    had = redeem(shop, member, made)
    codes = only(discounts, shop).codes
    lost = [had.code, *free_codes(shop, made)[:3]]
    for code in lost:
        del codes[code]
    compare(shop)
    assert len(waiting(shop)) == 4
    send()
    assert set(lost) <= set(codes)
    assert set(codes) == working(shop)
    assert redemption(shop, had.id).code == had.code
    assert report(shop) == []
    assert violations(shop) == []


def test_when_the_merchant_deletes_the_discount_the_stock_is_made_anew(
    shop: TestShop, made: Any, discounts: Discounts
) -> None:
    had = redeem(shop, member_with(shop, 500, CUSTOMER), made)
    discounts.lose(only(discounts, shop))
    compare(shop)
    send_all(shop)
    assert had.code in only(discounts, shop).codes
    assert set(only(discounts, shop).codes) == working(shop)
    assert coupon_states(shop, made) == {"ready": coupons.STOCK + 1}


def test_a_code_in_our_discount_that_nobody_knows_is_taken_away(
    shop: TestShop, made: Any, discounts: Discounts
) -> None:
    discount = only(discounts, shop)
    discounts._put(discount, "FOR-A-FRIEND")
    own = discounts.merchants_own(shop.facts.domain, "SUMMER")
    compare(shop)
    assert set(discount.codes) == working(shop)
    assert set(own.codes) == {"SUMMER"}


def test_a_discount_that_looks_like_ours_with_codes_that_we_never_made_is_left_alone(
    shop: TestShop, made: Any, discounts: Discounts
) -> None:
    theirs = discounts.merchants_own(shop.facts.domain, "STAGING-1", title=only(discounts, shop).title)
    theirs.given["tags"] = ["lagniappe"]
    compare(shop)
    assert set(theirs.codes) == {"STAGING-1"}


def test_a_checkout_of_another_installation_is_left_alone(
    shop: TestShop, discounts: Discounts, time: BusinessTime
) -> None:
    reward(shop, CASHBACK)
    held = hold(shop, member_with(shop, 50, CUSTOMER), "100.00", 20)
    send()
    title = only(discounts, shop).title
    time.set(held.hold_until)
    points.release_holds()
    send()
    theirs = discounts.merchants_own(shop.facts.domain, "STAGING-1", title=title)
    theirs.given["tags"] = ["lagniappe"]
    compare(shop)
    assert discounts.of(shop.facts.domain) == [theirs]


def test_a_shop_that_moved_here_keeps_its_discounts(shop: TestShop, made: Any, discounts: Discounts) -> None:
    discount = only(discounts, shop)
    discount.given["title"] = discount.title.replace(f"lagniappe-{shop.id}-", "lagniappe-999999-")
    with transaction() as session:
        session.execute(text("delete from shopify_discount where shop_id = :shop"), {"shop": shop.id})
    compare(shop)
    assert waiting(shop) == []
    (row,) = rows(shop, "select gid from shopify_discount where shop_id = :shop")
    assert row.gid == discount.gid
    member = member_with(shop, 500, CUSTOMER)
    had = redeem(shop, member, made)
    give_back(shop, member, had.id)
    send_all(shop)
    assert set(only(discounts, shop).codes) == working(shop)


def test_a_discount_whose_row_was_lost_is_taken_up_again(shop: TestShop, made: Any, discounts: Discounts) -> None:
    with transaction() as session:
        session.execute(text("delete from shopify_discount where shop_id = :shop"), {"shop": shop.id})
    compare(shop)
    (row,) = rows(shop, "select gid from shopify_discount where shop_id = :shop")
    assert row.gid == only(discounts, shop).gid


def test_what_is_left_of_a_discount_that_was_being_deleted_goes(
    shop: TestShop, made: Any, discounts: Discounts
) -> None:
    old = only(discounts, shop)
    change(shop, made, reward_value="7")
    send_all(shop)
    discounts.discounts[old.number] = old  # as if we had been killed before it was deleted
    compare(shop)
    assert discounts.of(shop.facts.domain) != []
    assert old not in discounts.of(shop.facts.domain)
    assert discounts.codes(shop.facts.domain) == working(shop)


def test_a_discount_without_our_tag_is_still_compared(shop: TestShop, made: Any, discounts: Discounts) -> None:
    discount = only(discounts, shop)
    discount.given["tags"] = []
    (lost,) = free_codes(shop, made)[:1]
    del discount.codes[lost]
    compare(shop)
    send()
    assert lost in discount.codes


def test_a_discount_that_was_switched_off_is_shown_until_it_is_on_again(
    shop: TestShop, made: Any, discounts: Discounts
) -> None:
    only(discounts, shop).is_active = False
    compare(shop)
    (finding,) = report(shop)
    assert (finding.kind, finding.subject) == ("code_lost", "5 off")
    assert finding.said == "The discount was switched off in Shopify: its codes do not work."
    only(discounts, shop).is_active = True
    compare(shop)
    assert report(shop) == []


def test_a_code_in_somebodys_hands_that_shopify_will_not_have_again_is_shown(
    shop: TestShop, made: Any, discounts: Discounts
) -> None:
    had = redeem(shop, member_with(shop, 500, CUSTOMER), made)
    (free,) = free_codes(shop, made)[:1]
    codes = only(discounts, shop).codes
    for code in (had.code, free):
        del codes[code]
        discounts.merchants_own(shop.facts.domain, code)
    compare(shop)
    send()
    (finding,) = report(shop)
    assert finding.subject == f"{had.code}, 5 off"
    assert finding.said.startswith("Shopify has lost it and will not have it again.")
    assert free not in free_codes(shop, made)  # nobody gets it
    assert (redemption(shop, had.id).status, redemption(shop, had.id).code) == ("issued", had.code)
    assert violations(shop) == []


def test_what_is_given_back_while_it_is_made_again_is_taken_away_afterwards(
    shop: TestShop, made: Any, discounts: Discounts
) -> None:
    member = member_with(shop, 500, CUSTOMER)
    had = redeem(shop, member, made)
    del only(discounts, shop).codes[had.code]
    compare(shop)
    give_back(shop, member, had.id)
    send_all(shop)
    assert discounts.holder(shop.facts.domain, had.code) is None
    assert redemption(shop, had.id).status == "returned"
    assert discounts.codes(shop.facts.domain) == working(shop)


def test_used_codes_are_not_missed(shop: TestShop, made: Any, discounts: Discounts) -> None:
    had = redeem(shop, member_with(shop, 500, CUSTOMER), made)
    with transaction() as session:
        session.execute(
            text("update redemption set use_state = 'used', used_at = requested_at where shop_id = :shop"),
            {"shop": shop.id},
        )
    del only(discounts, shop).codes[had.code]
    compare(shop)
    assert waiting(shop) == []


def test_the_discount_of_a_checkout_that_is_over_is_deleted(
    shop: TestShop, discounts: Discounts, time: BusinessTime
) -> None:
    reward(shop, CASHBACK)
    held = hold(shop, member_with(shop, 50, CUSTOMER), "100.00", 20)
    send()
    compare(shop)
    assert len(discounts.of(shop.facts.domain)) == 1
    time.set(held.hold_until)
    points.release_holds()
    send()
    compare(shop)
    assert discounts.of(shop.facts.domain) == []


def test_the_lost_discount_of_a_checkout_that_is_under_way_is_made_again(shop: TestShop, discounts: Discounts) -> None:
    reward(shop, CASHBACK)
    held = hold(shop, member_with(shop, 50, CUSTOMER), "100.00", 20)
    send()
    discounts.lose(only(discounts, shop))
    compare(shop)
    send()
    assert set(only(discounts, shop).codes) == {held.code}


def test_a_shop_that_the_app_has_left_is_not_compared(shop: TestShop, made: Any, shopify: Pretend) -> None:
    with transaction() as session:
        session.execute(
            text("update shopify_shop set state = 'uninstalled', codes_next_at = :wall where shop_id = :shop"),
            {"shop": shop.id, "wall": clock.wall()},
        )
    shopify.asked.clear()
    upkeep.audit_codes()
    assert shopify.asked == []
    (row,) = rows(shop, "select codes_next_at from shopify_shop where shop_id = :shop")
    assert row.codes_next_at is None


def test_a_shop_that_fails_on_our_side_holds_up_no_other(
    shop: TestShop,
    made: Any,
    shopify: Pretend,
    new_shop: Callable[..., TestShop],
    install: Callable[[TestShop], TestShop],
) -> None:
    other = install(new_shop(platform="shopify", domain="key-of-codes-lost.myshopify.com"))
    with transaction() as session:
        row = session.get_one(ShopifyShop, other.id)
        row.access_token, row.codes_next_at = "sealed with a key that is lost", clock.wall() - timedelta(days=2)
    shopify.asked.clear()
    compare(shop)
    assert shopify.operations() == ["DiscountsOfOurs", "DiscountCodes"]


def test_a_busy_shopify_is_asked_again_soon_and_nothing_is_changed(
    shop: TestShop, made: Any, discounts: Discounts, shopify: Pretend
) -> None:
    shopify.will("503")
    compare(shop)
    (row,) = rows(shop, "select codes_next_at from shopify_shop where shop_id = :shop")
    assert clock.wall() < row.codes_next_at < clock.wall() + timedelta(minutes=15)
    assert waiting(shop) == []


def test_what_could_not_be_read_is_not_missed(
    shop: TestShop, made: Any, discounts: Discounts, shopify: Pretend
) -> None:
    shopify.will("", "503")
    compare(shop)
    assert waiting(shop) == []
    assert {call.state for call in calls(shop)} == {"done"}


def test_a_discount_with_more_codes_than_can_be_read_keeps_no_other_work_and_is_tried_again_in_a_day(
    shop: TestShop,
    made: Any,
    discounts: Discounts,
    shopify: Pretend,
    time: BusinessTime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(from_shopify, "MOST_CODES", 20)
    monkeypatch.setattr(code_audit, "SECONDS", 4.5)
    reward(shop, CASHBACK)
    held = hold(shop, member_with(shop, 50, CUSTOMER), "100.00", 20)
    send()
    time.set(held.hold_until)
    points.release_holds()
    send()
    assert len(discounts.of(shop.facts.domain)) == 2
    page = shopify.resolvers["Query.node"]

    def slowly(*asked: Any, **named: Any) -> Any:
        sleep(1.6)
        return page(*asked, **named)

    shopify.resolvers["Query.node"] = slowly
    compare(shop)
    assert len(only(discounts, shop).codes) == coupons.STOCK
    assert waiting(shop) == []
    (row,) = rows(shop, "select codes_next_at from shopify_shop where shop_id = :shop")
    assert row.codes_next_at > clock.wall() + timedelta(hours=23)


def test_the_clock_never_compares_codes_itself(
    app: Flask, shop: TestShop, made: Any, shopify: Pretend, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may take minutes, and the clock is who sees to it that points are posted in time."""

    class Deaf(Bell):
        def ring(self, name: str) -> bool:
            return False

    (job,) = [each for each in SCHEDULE if each.name == code_audit.JOB]
    watch = Watch(app, job)
    monkeypatch.setattr(watch, "_is_due", lambda: True)
    with transaction() as session:
        code_audit.ask(session, shop.id)
    shopify.asked.clear()
    with psycopg.connect(environ["DATABASE_URL"], autocommit=True) as line:
        watch.attend(line, Deaf(environ["REDIS_URL"]), threading.Event())
    assert shopify.asked == []
