"""Codes at Shopify: many in one discount, made and taken away together, whatever gets lost on the way.

Design sections 6 and 7; platforms.md 5.2 to 5.4, pitfall 6; reliability F-41, F-66 to F-70.
"""

import itertools
import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from flask import Flask
from graphql import GraphQLError
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.jobs import outbox as sending
from backend.jobs import points
from backend.loyalty.coupons import coupons
from backend.loyalty.members import members
from backend.loyalty.rewards import rewards
from backend.models import ShopifyShop
from backend.platforms.shopify import discounts as words
from tests.conftest import BusinessTime, TestShop
from tests.embedded.processes import eventually
from tests.loyalty.rewards_world import (
    CASHBACK,
    FIVE_OFF,
    change,
    coupon_states,
    free_codes,
    give_back,
    has,
    hold,
    let_pass,
    member_with,
    redeem,
    redemption,
    reward,
    rows,
    violations,
)
from tests.shopify.codes_world import calls, let_lease_end, make_stock, send, send_all, waiting, working
from tests.shopify.killed_worker import kill_a_worker_at
from tests.shopify.pretend import Pretend
from tests.shopify.pretend_discounts import Discounts
from tests.shopify.store import ANN, Store, order
from tests.shopify.test_installing import SHOP, open_app

_numbers = itertools.count(1)
CUSTOMER = "115310627314723954"


@pytest.fixture(autouse=True)
def alone(app: Flask) -> None:
    """Codes of other tests are none of ours."""
    with transaction() as session:
        session.execute(
            text(
                "update outbox set state = 'parked' where kind in ('shopify_code', 'shopify_discount') and state = 'waiting'"
            )
        )


@pytest.fixture
def discounts(shopify: Pretend) -> Discounts:
    return Discounts().register(shopify)


@pytest.fixture
def shop(installed_shop: TestShop, discounts: Discounts) -> TestShop:
    return installed_shop


@pytest.fixture
def held(shop: TestShop) -> Any:
    """One code on its way that is made for one customer: that of a checkout."""
    reward(shop, CASHBACK)
    return hold(shop, member_with(shop, 50, CUSTOMER), "100.00", 20)


def set_row(shop: TestShop, **columns: Any) -> None:
    """Change what is kept of the shop at Shopify."""
    with transaction() as session:
        row = session.get_one(ShopifyShop, shop.id)
        for name, value in columns.items():
            setattr(row, name, value)


def times(shopify: Pretend, operation: str) -> int:
    return shopify.operations().count(operation)


# Many codes in one discount


def test_the_stock_of_a_reward_is_one_discount_with_a_code_for_each(
    shop: TestShop, discounts: Discounts, shopify: Pretend
) -> None:
    made = reward(shop)
    send()
    (discount,) = discounts.of(shop.facts.domain)
    assert set(discount.codes) == set(free_codes(shop, made)) == working(shop)
    assert len(discount.codes) == coupons.STOCK
    assert discount.title == f"5 off (lagniappe-{shop.id}-r{made.id}-{words.digest(made.worth)})"
    assert discount.given["customerGets"]["value"]["discountAmount"]["amount"] == "5.00"
    assert times(shopify, "DiscountAddCodes") == 1
    assert {call.state for call in calls(shop)} == {"done"}


def test_six_hundred_codes_are_three_calls(shop: TestShop, discounts: Discounts, shopify: Pretend) -> None:
    made = reward(shop)
    make_stock(shop, made, 550)
    while waiting(shop):
        send()
    assert (times(shopify, "DiscountCreateBasic"), times(shopify, "DiscountAddCodes")) == (1, 3)
    assert [len(each.variables["codes"]) for each in shopify.asked if each.operation == "DiscountAddCodes"] == [
        249,
        250,
        100,
    ]
    (discount,) = discounts.of(shop.facts.domain)
    assert set(discount.codes) == working(shop)
    assert len(discount.codes) == 600


def test_each_worth_of_a_reward_and_each_reward_has_its_own_discount(shop: TestShop, discounts: Discounts) -> None:
    member, five = member_with(shop, 500, CUSTOMER), reward(shop)
    reward(shop, FIVE_OFF, reward_name="Free delivery", reward_sub_type="free_shipping", reward_value=None)
    send_all(shop)
    had = redeem(shop, member, five)
    change(shop, five, reward_value="7")
    send_all(shop)
    of_five, of_seven = sorted(
        (each for each in discounts.of(shop.facts.domain) if each.typename == "DiscountCodeBasic"),
        key=lambda each: each.given["customerGets"]["value"]["discountAmount"]["amount"],
    )
    assert set(of_five.codes) == {had.code}
    assert set(of_seven.codes) == set(free_codes(shop, five))
    assert {each.typename for each in discounts.of(shop.facts.domain)} == {
        "DiscountCodeBasic",
        "DiscountCodeFreeShipping",
    }
    assert violations(shop) == []


def test_whoever_waits_for_a_code_gets_it_once_shopify_has_it(shop: TestShop, discounts: Discounts) -> None:
    member, made = member_with(shop, 500, CUSTOMER), reward(shop)
    had = redeem(shop, member, made)
    assert (had.status, had.code) == ("requested", None)
    send()
    now = redemption(shop, had.id)
    assert (now.status, discounts.holder(shop.facts.domain, now.code) is not None) == ("issued", True)
    assert violations(shop) == []


@pytest.mark.parametrize("lost_call", [1, 2, 3])
def test_when_an_answer_is_lost_there_is_still_one_discount_with_every_code_once(
    shop: TestShop, discounts: Discounts, shopify: Pretend, lost_call: int
) -> None:
    made = reward(shop)
    shopify.will(*[""] * (lost_call - 1), "lose after")
    send()
    assert waiting(shop)
    discounts.finish()
    send_all(shop)
    (discount,) = discounts.of(shop.facts.domain)
    assert set(discount.codes) == set(free_codes(shop, made)) == working(shop)
    assert coupon_states(shop, made) == {"ready": coupons.STOCK}
    assert violations(shop) == []


def test_codes_that_shopify_adds_later_than_anybody_waits_are_found_by_the_next_attempt(
    shop: TestShop, discounts: Discounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.shopify.discounts.LONGEST_WAIT_SECONDS", 0.2)
    made = reward(shop)
    discounts.looks_until_done = 1000
    send()
    assert {call.last_error for call in waiting(shop)} == {"Shopify was not done in time."}
    discounts.looks_until_done = 0
    discounts.finish()
    send_all(shop)
    (discount,) = discounts.of(shop.facts.domain)
    assert set(discount.codes) == set(free_codes(shop, made))
    assert len(discount.codes) == coupons.STOCK


def test_one_code_that_shopify_refuses_takes_no_other_with_it(shop: TestShop, discounts: Discounts) -> None:
    made = reward(shop)
    (bad,) = rows(shop, "select id, code from coupon where shop_id = :shop order by id offset 7 limit 1")
    discounts.bad = {bad.code: "INVALID"}
    send()
    assert coupon_states(shop, made) == {"ready": coupons.STOCK - 1, "refused": 1}
    (parked,) = [call for call in calls(shop) if call.state == "parked"]
    assert parked.payload == {"coupon_id": bad.id}
    assert parked.last_error == "Shopify refused: … is bad"


@pytest.mark.parametrize("place", [0, 7])
def test_a_code_of_somebody_elses_is_replaced(shop: TestShop, discounts: Discounts, place: int) -> None:
    made = reward(shop)
    (taken,) = rows(shop, f"select code from coupon where shop_id = :shop order by id offset {place} limit 1")
    foreign = discounts.merchants_own(shop.facts.domain, taken.code)
    send_all(shop)
    assert coupon_states(shop, made) == {"ready": coupons.STOCK, "refused": 1}
    assert taken.code not in free_codes(shop, made)
    assert set(foreign.codes) == {taken.code}
    (ours,) = [each for each in discounts.of(shop.facts.domain) if each is not foreign]
    assert set(ours.codes) == set(free_codes(shop, made))


def test_what_shopify_will_never_make_is_parked_with_its_words(shop: TestShop, discounts: Discounts) -> None:
    discounts.products = set()
    made = reward(
        shop, FIVE_OFF, reward_name="Mug", reward_type="gift", reward_sub_type=None, reward_value=None, product_id="7"
    )
    send()
    assert coupon_states(shop, made) == {"refused": coupons.STOCK}
    assert {call.last_error for call in calls(shop)} == {"Shopify refused: Product variants are not valid"}


def test_what_shopify_says_of_a_document_is_shown_to_the_merchant_and_not_logged(
    shop: TestShop, discounts: Discounts, shopify: Pretend, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise GraphQLError("ada@kilnandkettle.example may not", extensions={"code": "BAD_REQUEST"})

    shopify.resolvers["Mutation.discountCodeBasicCreate"] = broken
    reward(shop)
    send()
    assert {call.last_error for call in calls(shop)} == {"Shopify refused: ada@kilnandkettle.example may not"}
    assert "will never be sent: Shopify refused the document discount_create_basic: BAD_REQUEST" in caplog.text
    assert "ada@" not in caplog.text


@pytest.mark.parametrize("mood", ["throttled", "429 1", "503", "internal", "garbage", "lose"])
def test_a_busy_shopify_is_asked_again_and_nothing_is_doubled(
    shop: TestShop, discounts: Discounts, shopify: Pretend, mood: str
) -> None:
    made = reward(shop)
    shopify.will(*[mood] * 3, "", mood)
    send()
    send_all(shop)
    (discount,) = discounts.of(shop.facts.domain)
    assert set(discount.codes) == set(free_codes(shop, made))
    assert coupon_states(shop, made) == {"ready": coupons.STOCK}


def test_a_discount_whose_first_code_was_withdrawn_before_it_was_made_is_made_with_another(
    shop: TestShop, discounts: Discounts, shopify: Pretend
) -> None:
    made = reward(shop)
    shopify.will("lose")
    send()  # its row names the first code, and Shopify has not heard of it
    (first,) = rows(shop, "select first_code from shopify_discount where shop_id = :shop")
    with transaction() as session:
        coupon_id = session.execute(
            text("select id from coupon where shop_id = :shop and code = :code"),
            {"shop": shop.id, "code": first.first_code},
        ).scalar_one()
        assert not coupons.disable(session, shop.facts, coupon_id)
    send_all(shop)
    (discount,) = discounts.of(shop.facts.domain)
    assert first.first_code not in discount.codes
    assert set(discount.codes) == set(free_codes(shop, made)) == working(shop)


def test_two_workers_at_once_end_with_one_discount_and_every_code(
    app: Flask, shop: TestShop, discounts: Discounts
) -> None:
    made = reward(shop)
    make_stock(shop, made, 150)
    kind = coupons.SHOPIFY_CODE
    halves = [sending.claim(kind, 100, 8), sending.claim(kind, 100, 8)]
    assert [len(each) for each in halves] == [100, 100]
    sender = sending.SENDERS[kind]
    assert sender.together is not None
    together = threading.Barrier(2)

    def work(half: list[Any]) -> None:
        with app.app_context():
            together.wait()
            for call, outcome in sender.together(half):  # type: ignore[misc]
                sending._make(call, outcome, sender)

    threads = [threading.Thread(target=work, args=(half,)) for half in halves]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    send_all(shop)
    (discount,) = discounts.of(shop.facts.domain)
    assert set(discount.codes) == working(shop)
    assert coupon_states(shop, made) == {"ready": 200}


@pytest.mark.parametrize("call", [1, 2, 3, 4])
def test_a_worker_that_is_killed_in_the_middle_of_a_batch_loses_and_doubles_nothing(
    shop: TestShop, discounts: Discounts, shopify: Pretend, environ: dict[str, str], call: int
) -> None:
    """kill -9 while Shopify is busy with the discount, with its codes, or with the answer about them."""
    made = reward(shop)
    discounts.looks_until_done = 2
    kill_a_worker_at(shopify, environ, call, busy_seconds=1.5)
    assert {each.state for each in calls(shop)} == {"waiting"}
    let_lease_end(shop)
    discounts.finish()
    send_all(shop)
    (discount,) = discounts.of(shop.facts.domain)
    assert set(discount.codes) == set(free_codes(shop, made)) == working(shop)
    assert coupon_states(shop, made) == {"ready": coupons.STOCK}
    assert violations(shop) == []


def test_a_reward_that_fails_on_our_side_holds_up_no_other_of_the_shop(shop: TestShop, discounts: Discounts) -> None:
    bad, good = reward(shop), reward(shop, reward_name="Another")
    rows(
        shop,
        "update coupon set worth = worth - 'minimum_subtotal' where shop_id = :shop and reward_id = :reward returning id",
        reward=bad.id,
    )
    send()
    assert coupon_states(shop, bad) == {"making": coupons.STOCK}
    assert len(free_codes(shop, good)) == coupons.STOCK


def test_one_shops_silent_shopify_holds_up_no_other(
    shop: TestShop,
    discounts: Discounts,
    shopify: Pretend,
    install: Callable[[TestShop], TestShop],
    new_shop: Callable[..., TestShop],
    environ: dict[str, str],
) -> None:
    silent = install(new_shop(platform="shopify", domain=f"silent-{next(_numbers)}.myshopify.com"))
    theirs, ours = reward(silent), reward(shop)
    ready = f"select count(*) from coupon where reward_id = {ours.id} and state = 'ready'"
    create = shopify.resolvers["Mutation.discountCodeBasicCreate"]
    waited = []

    def says_nothing_until_we_have_ours(domain: str, **asked: Any) -> Any:
        if domain == silent.facts.domain:
            with psycopg.connect(environ["DATABASE_URL"], autocommit=True) as line:
                eventually(lambda: line.execute(ready).fetchone() == (coupons.STOCK,), within=12)
            waited.append(domain)
        return create(domain, **asked)

    shopify.resolvers["Mutation.discountCodeBasicCreate"] = says_nothing_until_we_have_ours
    send()
    assert waited == [silent.facts.domain]
    assert coupon_states(silent, theirs) == {"ready": coupons.STOCK}


def test_a_shop_without_the_app_holds_up_no_other(
    shop: TestShop, discounts: Discounts, new_shop: Callable[..., TestShop], install: Callable[[TestShop], TestShop]
) -> None:
    closed = install(new_shop(platform="shopify", domain=f"closed-{next(_numbers)}.myshopify.com"))
    theirs, ours = reward(closed), reward(shop)
    set_row(closed, state="uninstalled")
    send()
    assert len(free_codes(shop, ours)) == coupons.STOCK
    assert coupon_states(closed, theirs) == {"refused": coupons.STOCK}
    assert {call.last_error for call in calls(closed)} == {"The app is not installed in this shop."}


def test_a_shop_with_many_codes_waiting_takes_no_more_than_its_share_of_a_batch(
    shop: TestShop, discounts: Discounts, new_shop: Callable[..., TestShop], install: Callable[[TestShop], TestShop]
) -> None:
    made = reward(shop)
    make_stock(shop, made, 550)
    other = install(new_shop(platform="shopify", domain=f"other-{next(_numbers)}.myshopify.com"))
    reward(other)
    claimed = sending.claim(coupons.SHOPIFY_CODE, 250, 8)
    assert {shop_id: sum(each.shop_id == shop_id for each in claimed) for shop_id in (shop.id, other.id)} == {
        shop.id: 250,
        other.id: coupons.STOCK,
    }


# A shop that can take none


@pytest.mark.parametrize(
    "cannot", [{"state": "uninstalled"}, {"needs_opening": True}, {"scopes": ["read_orders"]}], ids=str
)
def test_no_codes_are_made_for_a_shop_that_cannot_take_any(
    shop: TestShop, discounts: Discounts, cannot: dict[str, Any]
) -> None:
    set_row(shop, **cannot)
    made = reward(shop)
    for _ in range(4):
        points.refill_coupons()
        let_pass(shop, hours=25)
    assert coupon_states(shop, made) == {}
    assert calls(shop) == []


def test_when_the_app_is_back_the_stock_fills_by_itself_and_whoever_waits_is_served(
    shop: TestShop, discounts: Discounts, shopify: Pretend
) -> None:
    made = reward(shop)
    set_row(shop, state="uninstalled")
    send()
    waits = redeem(shop, member_with(shop, 500, CUSTOMER), made)
    assert waits.status == "requested"
    let_pass(shop, hours=25)
    points.refill_coupons()
    shopify.resolvers["Query.shop"] = lambda domain: {"myshopifyDomain": domain, **SHOP}
    open_app(shop.facts.domain)
    send_all(shop)
    assert redemption(shop, waits.id).status == "issued"
    assert len(free_codes(shop, made)) == coupons.STOCK


def test_when_the_permission_is_back_the_stock_fills_by_itself(shop: TestShop, discounts: Discounts) -> None:
    set_row(shop, scopes=["read_orders"])
    made = reward(shop)
    points.refill_coupons()
    Store(shop).tell("app/scopes_update", {"id": 1, "previous": [], "current": ["write_discounts", "read_orders"]})
    send_all(shop)
    assert len(free_codes(shop, made)) == coupons.STOCK


def test_a_permission_that_is_back_without_a_word_is_found_within_the_hour(
    shop: TestShop, discounts: Discounts
) -> None:
    set_row(shop, scopes=["read_orders"])
    made = reward(shop)
    points.refill_coupons()
    set_row(shop, scopes=["write_discounts"])  # with a renewed token, say
    let_pass(shop, hours=1)
    send_all(shop)
    assert len(free_codes(shop, made)) == coupons.STOCK


def test_an_uploaded_pool_works_without_the_app(new_shop: Callable[..., TestShop]) -> None:
    closed = new_shop(platform="shopify", domain=f"closed-{next(_numbers)}.myshopify.com")
    made = reward(closed, FIVE_OFF, coupons=["SUMMER-1", "SUMMER-2"])
    assert redeem(closed, member_with(closed, 500, CUSTOMER), made).code == "SUMMER-1"
    assert calls(closed) == []


def test_a_discount_that_the_merchant_deleted_is_made_anew_for_the_next_codes(
    shop: TestShop, discounts: Discounts
) -> None:
    made = reward(shop)
    send()
    (first,) = discounts.of(shop.facts.domain)
    discounts.lose(first)
    make_stock(shop, made, 10)
    send()
    (second,) = discounts.of(shop.facts.domain)
    assert len(second.codes) == 10
    (row,) = rows(shop, "select gid from shopify_discount where shop_id = :shop")
    assert row.gid == second.gid
    (row,) = rows(shop, "select codes_next_at from shopify_shop where shop_id = :shop")
    assert row.codes_next_at is not None  # the others are found missing soon


# For one customer alone


def test_the_code_of_a_checkout_is_a_discount_for_that_customer_alone(
    shop: TestShop, discounts: Discounts, held: Any
) -> None:
    send()
    (discount,) = discounts.of(shop.facts.domain)
    assert set(discount.codes) == {held.code}
    assert discount.given["context"] == {"customers": {"add": [f"gid://shopify/Customer/{CUSTOMER}"]}}
    assert (discount.given["usageLimit"], discount.given["appliesOncePerCustomer"]) == (1, True)
    assert discount.given["endsAt"] == held.hold_until.isoformat(timespec="seconds").replace("+00:00", "Z")
    assert redemption(shop, held.id).is_ready


def test_the_code_of_somebody_who_was_forgotten_meanwhile_is_not_made_for_everybody(
    shop: TestShop, discounts: Discounts, held: Any
) -> None:
    with transaction() as session:
        members.erase(session, shop.id, CUSTOMER, clock.now())
    send()
    assert discounts.of(shop.facts.domain) == []
    assert redemption(shop, held.id).status == "failed"
    assert violations(shop) == []


def test_a_lost_answer_for_a_checkout_is_found_again_by_its_code(
    shop: TestShop, discounts: Discounts, shopify: Pretend, held: Any
) -> None:
    shopify.will("lose after")
    send()
    assert not redemption(shop, held.id).is_ready
    send_all(shop)
    assert redemption(shop, held.id).is_ready
    assert len(discounts.of(shop.facts.domain)) == 1


def test_a_code_of_somebody_elses_is_replaced_and_the_checkout_goes_on(
    shop: TestShop, discounts: Discounts, held: Any
) -> None:
    discounts.merchants_own(shop.facts.domain, held.code)
    send()
    assert redemption(shop, held.id).code != held.code
    send()
    now = redemption(shop, held.id)
    assert (now.is_ready, now.status) == (True, "requested")
    assert violations(shop) == []


def test_a_hold_that_is_let_go_deactivates_its_discount_before_the_points_come_back(
    shop: TestShop, discounts: Discounts, held: Any, time: BusinessTime
) -> None:
    send()
    time.set(held.hold_until)
    points.release_holds()
    assert has(shop, held.member_id).on_hold == 20
    send()
    (discount,) = discounts.of(shop.facts.domain)
    assert not discount.is_active
    assert (redemption(shop, held.id).status, has(shop, held.member_id).available) == ("expired", 50)
    assert violations(shop) == []


# Taking codes away


def test_a_reward_given_back_takes_its_code_out_of_the_discount_before_the_points_return(
    shop: TestShop, discounts: Discounts
) -> None:
    member, made = member_with(shop, 500, CUSTOMER), reward(shop)
    send_all(shop)
    had = redeem(shop, member, made)
    give_back(shop, member, had.id)
    assert has(shop, member).available == 0
    send()
    (discount,) = discounts.of(shop.facts.domain)
    assert had.code not in discount.codes
    assert set(discount.codes) == working(shop)
    assert has(shop, member).available == 500
    assert violations(shop) == []


def test_a_code_is_found_even_if_shopifys_search_shows_nothing(shop: TestShop, discounts: Discounts) -> None:
    discounts.finds_codes = False
    member, made = member_with(shop, 500, CUSTOMER), reward(shop)
    send_all(shop)
    had = redeem(shop, member, made)
    give_back(shop, member, had.id)
    send()
    assert discounts.holder(shop.facts.domain, had.code) is None
    assert has(shop, member).available == 500


def test_a_code_that_shopify_knows_and_does_not_show_is_not_taken_for_gone(
    shop: TestShop, discounts: Discounts, shopify: Pretend
) -> None:
    """It may still work: its points do not come back before it is taken away."""
    member, made = member_with(shop, 500, CUSTOMER), reward(shop)
    send_all(shop)
    had = redeem(shop, member, made)
    give_back(shop, member, had.id)
    shown = shopify.resolvers["Query.node"]
    discounts.finds_codes, shopify.resolvers["Query.node"] = False, lambda *_, **__: None
    send()
    assert discounts.holder(shop.facts.domain, had.code) is not None
    assert has(shop, member).available == 0
    shopify.resolvers["Query.node"] = shown
    let_pass(shop, minutes=1)
    send()
    assert discounts.holder(shop.facts.domain, had.code) is None
    assert has(shop, member).available == 500


def test_a_code_is_taken_away_whatever_the_merchant_calls_its_discount(shop: TestShop, discounts: Discounts) -> None:
    member, made = member_with(shop, 500, CUSTOMER), reward(shop)
    send_all(shop)
    had = redeem(shop, member, made)
    discounts.of(shop.facts.domain)[0].given["title"] = "Loyalty"
    give_back(shop, member, had.id)
    send()
    assert discounts.holder(shop.facts.domain, had.code) is None
    assert has(shop, member).available == 500


@pytest.mark.parametrize("lost_call", [2, 3])
def test_a_lost_answer_to_taking_away_is_asked_again(
    shop: TestShop, discounts: Discounts, shopify: Pretend, lost_call: int
) -> None:
    member, made = member_with(shop, 500, CUSTOMER), reward(shop)
    send_all(shop)
    had = redeem(shop, member, made)
    give_back(shop, member, had.id)
    shopify.will(*[""] * (lost_call - 1), "lose after")
    send()
    assert has(shop, member).available == 0
    discounts.finish()
    send_all(shop)
    assert has(shop, member).available == 500
    assert discounts.holder(shop.facts.domain, had.code) is None


def test_a_code_that_the_merchant_took_away_is_done(shop: TestShop, discounts: Discounts) -> None:
    member, made = member_with(shop, 500, CUSTOMER), reward(shop)
    send_all(shop)
    had = redeem(shop, member, made)
    del discounts.of(shop.facts.domain)[0].codes[had.code]
    give_back(shop, member, had.id)
    send()
    assert has(shop, member).available == 500


def test_a_used_code_stays_used_and_its_points_spent(shop: TestShop, discounts: Discounts) -> None:
    member, made = member_with(shop, 500, CUSTOMER), reward(shop)
    send_all(shop)
    had = redeem(shop, member, made)
    discounts.use(shop.facts.domain, had.code)
    give_back(shop, member, had.id)
    send()
    now = redemption(shop, had.id)
    assert (now.status, now.ending, now.problem) == ("issued", None, "The code has been used at Shopify.")
    assert has(shop, member).available == 0
    assert discounts.holder(shop.facts.domain, had.code) is not None
    assert violations(shop) == []


def test_a_stock_that_is_worth_something_else_now_goes_with_its_discount_in_one_call(
    shop: TestShop, discounts: Discounts, shopify: Pretend
) -> None:
    made = reward(shop)
    send_all(shop)
    (old,) = discounts.of(shop.facts.domain)
    change(shop, made, reward_value="7")
    shopify.asked.clear()
    send_all(shop)
    assert times(shopify, "DiscountDelete") == 1
    assert times(shopify, "DiscountRemoveCodes") == 0
    (new,) = discounts.of(shop.facts.domain)
    assert new is not old
    assert set(new.codes) == set(free_codes(shop, made)) == working(shop)


def test_a_withdrawn_stock_goes_in_bulk_and_what_members_have_stays(
    shop: TestShop, discounts: Discounts, shopify: Pretend
) -> None:
    member, made = member_with(shop, 500, CUSTOMER), reward(shop)
    send_all(shop)
    had = redeem(shop, member, made)
    change(shop, made, reward_value="7")
    shopify.asked.clear()
    send_all(shop)
    assert times(shopify, "DiscountRemoveCodes") == 1
    assert discounts.codes(shop.facts.domain) == {had.code} | set(free_codes(shop, made))
    give_back(shop, member, had.id)
    send_all(shop)
    (discount,) = discounts.of(shop.facts.domain)  # the empty one is gone
    assert set(discount.codes) == set(free_codes(shop, made))
    assert violations(shop) == []


def test_codes_of_a_discount_that_the_merchant_deleted_need_not_be_taken_away(
    shop: TestShop, discounts: Discounts
) -> None:
    member, made = member_with(shop, 5000, CUSTOMER), reward(shop)
    send_all(shop)
    had = [redeem(shop, member, made) for _ in range(8)]
    discounts.lose(discounts.of(shop.facts.domain)[0])
    for each in had:
        give_back(shop, member, each.id)
    send()
    assert has(shop, member).available == 5000
    assert violations(shop) == []


def test_when_the_deleting_of_a_discount_is_lost_it_is_deleted_all_the_same(
    shop: TestShop, discounts: Discounts, shopify: Pretend
) -> None:
    made = reward(shop)
    send_all(shop)
    with transaction() as session:
        rewards.update(session, shop.facts, made.id, {"is_active": False, "reward_value": "7"}, clock.now())
    shopify.will("lose")
    send()
    assert coupon_states(shop, made) == {"disabling": coupons.STOCK}
    send_all(shop)
    assert discounts.of(shop.facts.domain) == []
    assert rows(shop, "select 1 from shopify_discount where shop_id = :shop") == []
    assert coupon_states(shop, made) == {"disabled": coupons.STOCK}


def test_an_uploaded_code_is_taken_out_of_the_merchants_own_discount(shop: TestShop, discounts: Discounts) -> None:
    own = discounts.merchants_own(shop.facts.domain, "SUMMER-1", "SUMMER-2")
    member, made = member_with(shop, 500, CUSTOMER), reward(shop, FIVE_OFF, coupons=["SUMMER-1"])
    had = redeem(shop, member, made)
    give_back(shop, member, had.id)
    send()
    assert (set(own.codes), own.is_active) == ({"SUMMER-2"}, True)
    assert has(shop, member).available == 500


def test_an_uploaded_code_that_shopify_does_not_know_is_not_taken_back(shop: TestShop, discounts: Discounts) -> None:
    member, made = member_with(shop, 500, CUSTOMER), reward(shop, FIVE_OFF, coupons=["ELSEWHERE-1"])
    had = redeem(shop, member, made)
    give_back(shop, member, had.id)
    send()
    now = redemption(shop, had.id)
    assert (now.status, now.ending, has(shop, member).available) == ("issued", None, 0)
    assert violations(shop) == []


def test_shopify_ends_with_the_codes_that_work_and_no_other_whatever_it_forgets_to_answer(
    shop: TestShop, discounts: Discounts, shopify: Pretend
) -> None:
    member, made = member_with(shop, 5000, CUSTOMER), reward(shop, FIVE_OFF | {"points_to_be_redeemed": 10})
    shopify.will(*["lose after", *[""] * 4, "503", *[""] * 6, "lose", *[""] * 5] * 6)
    for number in range(60):
        had = redeem(shop, member, made)
        if number % 3 == 0:
            give_back(shop, member, had.id)
        if number % 10 == 0:
            points.refill_coupons()
            let_pass(shop, minutes=1)
            send()
    discounts.finish()
    send_all(shop)
    had_codes = rows(shop, "select upper(code) as code from redemption where shop_id = :shop and status = 'issued'")
    assert discounts.codes(shop.facts.domain) == working(shop)
    assert working(shop) == {row.code for row in had_codes} | set(free_codes(shop, made))
    assert len(had_codes) == 40
    assert has(shop, member).available == 5000 - 400
    assert violations(shop) == []


# Used at Shopify


def test_an_order_at_shopify_with_the_code_uses_the_reward(shop: TestShop, discounts: Discounts) -> None:
    made = reward(shop)
    send_all(shop)
    had = redeem(shop, member_with(shop, 500, str(ANN)), made)
    discounts.use(shop.facts.domain, had.code)
    used = {"code": had.code.lower(), "amount": "5.00", "type": "fixed_amount"}
    Store(shop).tell("orders/create", order(discount_codes=[used]))
    now = redemption(shop, had.id)
    assert (now.status, now.use_state) == ("issued", "used")
    assert violations(shop) == []


def test_a_checkout_at_shopify_with_the_code_pays_with_the_points(shop: TestShop, discounts: Discounts) -> None:
    reward(shop, CASHBACK)
    held = hold(shop, member_with(shop, 50, str(ANN)), "100.00", 20)
    send()
    discounts.use(shop.facts.domain, held.code)
    Store(shop).tell(
        "orders/create", order(discount_codes=[{"code": held.code, "amount": "40.00", "type": "fixed_amount"}])
    )
    now = redemption(shop, held.id)
    assert (now.status, now.use_state) == ("issued", "used")
    assert (has(shop, held.member_id).on_hold, has(shop, held.member_id).available) == (0, 30)
    assert violations(shop) == []
