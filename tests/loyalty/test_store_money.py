"""Value codes that a shop on Shopify pays as a gift card or as store credit (docs/decisions/0031).

Shopify itself has no part here: its answers are noted as the senders of `jobs/outbox.py` note them.
"""

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.errors import Conflict
from backend.jobs import discounts, points
from backend.ledger.check import check
from backend.ledger.posting import Author
from backend.loyalty.coupons import coupons, stock_health
from backend.loyalty.coupons.coupons import new_gift_card_code
from backend.loyalty.members import blocking, merging
from backend.loyalty.redemptions import earned_rewards, endings
from backend.loyalty.redemptions.issuing import lock_all
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.money_world import CARD, CREDIT, KINDS, answer, calls, paid, shop_on_shopify
from tests.loyalty.rewards_world import (
    change,
    coupon_states,
    free_codes,
    give_back,
    has,
    mails,
    mark,
    member_with,
    redeem,
    redemption,
    reward,
    rows,
    taken,
    violations,
)

BOTH = pytest.mark.parametrize("document", [CARD, CREDIT], ids=["gift card", "store credit"])


@pytest.fixture
def shop(new_shop: Callable[..., TestShop]) -> TestShop:
    return shop_on_shopify(new_shop)


def try_in_vain(shop: TestShop) -> None:
    """Somebody has asked Shopify and got no answer."""
    with transaction() as session:
        session.execute(
            text("update outbox set attempts = attempts + 1 where shop_id = :shop and kind = any(:kinds)"),
            {"shop": shop.id, "kinds": KINDS},
        )


# Codes


def test_a_gift_cards_code_is_letters_and_digits_and_as_hard_to_guess_as_any_code() -> None:
    made = {new_gift_card_code() for _ in range(10_000)}
    assert len(made) == 10_000
    assert all(re.fullmatch("LGN[0-9A-HJKMNP-TV-Z]{12}", code) for code in made)


@pytest.mark.parametrize(
    ("prefix", "begins"), [("sun", "SUN"), ("Su_n-24", "SUN24"), ("a2345678", "A2345678"), ("--", "")]
)
def test_its_prefix_is_written_as_shopify_writes_codes(prefix: str, begins: str) -> None:
    code = new_gift_card_code(prefix)
    assert code.startswith(begins) and len(code) == len(begins) + 12
    assert re.fullmatch("[A-Z0-9]{8,20}", code)


# One for each


@BOTH
def test_nothing_is_made_ahead_of_need(shop: TestShop, document: dict[str, Any]) -> None:
    made = reward(shop, document)
    points.refill_coupons()
    assert (made.coupon_source, free_codes(shop, made), coupon_states(shop, made)) == ("each", [], {})
    assert made.worth == {
        "kind": document["given_as"],
        "value": "10.00",
        "currency": "EUR",
        "product_id": None,
        "minimum_subtotal": None,
    }


@BOTH
def test_whoever_redeems_waits_until_the_store_has_paid(shop: TestShop, document: dict[str, Any]) -> None:
    member, made = member_with(shop, 500, email="ann@shop.example"), reward(shop, document)
    had = redeem(shop, member, made)
    assert (had.status, had.code, has(shop, member).on_hold) == ("requested", None, 500)
    points.refill_coupons()
    waits = redemption(shop, had.id)
    assert (waits.status, waits.code) == ("requested", None)  # a code that is not there yet is told to nobody
    [coupon] = rows(shop, "select * from coupon where shop_id = :shop and reward_id = :reward", reward=made.id)
    assert (coupon.redemption_id, coupon.state, coupon.source) == (had.id, "making", "made")
    assert coupon.worth["kind"] == document["given_as"]
    [call] = calls(shop)
    assert (call.kind, call.payload) == (f"shopify_{document['given_as']}", {"coupon_id": coupon.id})
    assert violations(shop) == []
    answer(shop)
    ready = redemption(shop, had.id)
    assert (ready.status, ready.coupon_id, ready.use_state) == ("issued", coupon.id, "delivered")
    assert has(shop, member).on_hold == 0
    assert len(mails(shop, "reward_issued")) == 1
    assert violations(shop) == []


def test_a_gift_card_has_its_code_and_store_credit_has_none(shop: TestShop) -> None:
    member = member_with(shop, 1000)
    assert re.fullmatch("SUN[0-9A-Z]{12}", paid(shop, member, CARD, code_prefix="SUN").code)
    credit = paid(shop, member, CREDIT)
    assert credit.code is None
    [coupon] = rows(shop, "select code from coupon where shop_id = :shop and redemption_id = :id", id=credit.id)
    assert coupon.code.startswith("LGN-")  # the receipt
    assert violations(shop) == []


@BOTH
def test_each_of_many_is_paid_once_however_often_the_stock_is_looked_after(
    shop: TestShop, document: dict[str, Any]
) -> None:
    made = reward(shop, document)
    for number in range(3):
        redeem(shop, member_with(shop, 500, f"c-{number}"), made)
    for _ in range(3):
        with transaction() as session:
            coupons.ask_refill(session, shop.id, made.id)
        points.refill_coupons()
    assert coupon_states(shop, made) == {"making": 3}
    assert len(calls(shop)) == 3


def test_more_wait_than_are_served_at_once(shop: TestShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coupons, "MOST_SERVED", 2)
    made = reward(shop, CARD)
    for number in range(5):
        redeem(shop, member_with(shop, 500, f"c-{number}"), made)
    points.refill_coupons()
    assert len(calls(shop)) == 5


def test_whoever_waits_for_a_code_holds_up_nobody_who_waits_for_money(
    shop: TestShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coupons, "MOST_SERVED", 2)
    made = reward(shop, CARD, given_as="code")
    redeem(shop, member_with(shop, 500, "c-0"), made)  # its code is not at the store yet
    change(shop, made, given_as="gift_card")
    for number in range(1, 6):
        redeem(shop, member_with(shop, 500, f"c-{number}"), made)
    points.refill_coupons()
    assert len(calls(shop)) == 5


def test_its_days_begin_when_it_is_paid_for_and_the_store_knows_them(shop: TestShop, time: BusinessTime) -> None:
    had = redeem(shop, member_with(shop, 500), reward(shop, CARD, coupon_valid_days=30))
    points.refill_coupons()
    [coupon] = rows(shop, "select expires_at from coupon where shop_id = :shop and redemption_id = :id", id=had.id)
    time.advance(days=1)  # the store's answer came late
    answer(shop)
    assert redemption(shop, had.id).expires_at == coupon.expires_at


@BOTH
def test_what_the_store_refuses_costs_nothing(shop: TestShop, document: dict[str, Any]) -> None:
    member, made = member_with(shop, 500, email="ann@shop.example"), reward(shop, document, limit_total=1)
    had = redeem(shop, member, made)
    points.refill_coupons()
    answer(shop, "The shop has not granted this.")
    failed = redemption(shop, had.id)
    assert (failed.status, failed.problem, failed.code) == ("failed", "The shop has not granted this.", None)
    assert (has(shop, member).available, taken(shop, made)) == (500, 0)
    assert len(mails(shop, "reward_failed")) == 1
    points.refill_coupons()
    assert calls(shop) == []  # nothing is asked for again by itself
    assert violations(shop) == []


def test_a_card_whose_code_the_store_has_already_gets_another_of_the_same_prefix(shop: TestShop) -> None:
    had = redeem(shop, member_with(shop, 500), reward(shop, CARD, code_prefix="SUN-24"))
    points.refill_coupons()
    answer(shop, coupons.TAKEN)
    assert redemption(shop, had.id).code is None
    answer(shop)
    assert re.fullmatch("SUN24[0-9A-Z]{12}", redemption(shop, had.id).code)
    assert violations(shop) == []


@BOTH
def test_who_earned_one_has_it_paid_as_well(shop: TestShop, document: dict[str, Any]) -> None:
    member, made = member_with(shop), reward(shop, document)
    with transaction() as session:
        given = earned_rewards.give(session, shop.facts, member, made.id, key="level:1", occasion={}, now=clock.now())
        assert given is not None
        given_id = given.id
    points.refill_coupons()
    answer(shop)
    assert redemption(shop, given_id).status == "issued"
    assert violations(shop) == []


# A reward that becomes something else


def test_a_reward_that_was_a_code_gives_its_stock_up(
    shop: TestShop,
) -> None:
    made = reward(shop, CARD, given_as="code")
    assert coupon_states(shop, made) == {"making": coupons.STOCK}
    changed = change(shop, made, given_as="gift_card")
    points.refill_coupons()
    assert changed.coupon_source == "each"
    assert coupon_states(shop, made) == {"disabled": coupons.STOCK}


def test_who_was_promised_a_gift_card_gets_one_though_the_reward_is_a_code_by_now(shop: TestShop) -> None:
    made = reward(shop, CARD)
    had = redeem(shop, member_with(shop, 500), made)
    change(shop, made, given_as=None)
    points.refill_coupons()
    [call] = calls(shop)
    assert call.kind == coupons.SHOPIFY_GIFT_CARD
    answer(shop)
    assert redemption(shop, had.id).status == "issued"
    assert violations(shop) == []


def test_a_prefix_that_is_too_long_for_a_card_is_cut_for_who_waits_for_one(shop: TestShop) -> None:
    """Of a code it may be longer, and the reward is a code by now."""
    made = reward(shop, CARD)
    had = redeem(shop, member_with(shop, 500), made)
    change(shop, made, given_as=None, code_prefix="SUMMER-SALE-2026")
    points.refill_coupons()
    answer(shop)
    assert re.fullmatch("SUMMERSA[0-9A-Z]{12}", redemption(shop, had.id).code)


def test_another_amount_changes_nothing_for_who_waits(shop: TestShop) -> None:
    made = reward(shop, CREDIT)
    had = redeem(shop, member_with(shop, 500), made)
    points.refill_coupons()
    change(shop, made, reward_value="20")
    answer(shop)
    [coupon] = rows(shop, "select worth from coupon where shop_id = :shop and redemption_id = :id", id=had.id)
    assert coupon.worth["value"] == "10.00"
    assert violations(shop) == []


# The way back


@BOTH
def test_points_come_back_once_the_store_has_taken_the_money_back(shop: TestShop, document: dict[str, Any]) -> None:
    member = member_with(shop, 500)
    had = paid(shop, member, document)
    given = give_back(shop, member, had.id)
    assert (given.status, given.ending, has(shop, member).available) == ("issued", "returned", 0)
    [call] = calls(shop)
    assert call.payload == {"coupon_id": had.coupon_id, "redemption_id": had.id, "disable": True}
    answer(shop)
    assert redemption(shop, had.id).status == "returned"
    assert has(shop, member).available == 500
    assert violations(shop) == []


@BOTH
def test_what_was_spent_cannot_be_given_back(shop: TestShop, document: dict[str, Any]) -> None:
    member = member_with(shop, 500)
    had = paid(shop, member, document)
    give_back(shop, member, had.id)
    answer(shop, coupons.SPENT)
    kept = redemption(shop, had.id)
    assert (kept.status, kept.ending, kept.use_state, kept.problem) == ("issued", None, "used", coupons.SPENT)
    assert has(shop, member).available == 0
    with pytest.raises(Conflict, match="has been used"):
        give_back(shop, member, had.id)
    assert violations(shop) == []


@BOTH
def test_what_cannot_be_taken_back_for_another_reason_stays_as_it_is(shop: TestShop, document: dict[str, Any]) -> None:
    member = member_with(shop, 500)
    had = paid(shop, member, document)
    give_back(shop, member, had.id)
    answer(shop, "The app is not installed.")
    kept = redemption(shop, had.id)
    assert (kept.status, kept.ending, kept.use_state) == ("issued", None, "delivered")
    assert violations(shop) == []


@BOTH
def test_given_back_before_anybody_asked_the_store(shop: TestShop, document: dict[str, Any]) -> None:
    member = member_with(shop, 500)
    had = redeem(shop, member, reward(shop, document))
    points.refill_coupons()
    assert give_back(shop, member, had.id).status == "returned"
    assert (calls(shop), has(shop, member).available) == ([], 500)
    assert violations(shop) == []


@BOTH
def test_given_back_while_it_is_being_made_waits_for_the_store(shop: TestShop, document: dict[str, Any]) -> None:
    member = member_with(shop, 500)
    had = redeem(shop, member, reward(shop, document))
    points.refill_coupons()
    try_in_vain(shop)
    assert give_back(shop, member, had.id).status == "requested"
    answer(shop)  # it was made after all
    assert (redemption(shop, had.id).status, has(shop, member).available) == ("requested", 0)
    answer(shop)  # and is taken back
    assert (redemption(shop, had.id).status, has(shop, member).available) == ("returned", 500)
    assert violations(shop) == []


def test_credit_that_was_spent_before_its_owner_knew_of_it_is_theirs(shop: TestShop) -> None:
    member = member_with(shop, 500)
    had = redeem(shop, member, reward(shop, CREDIT))
    points.refill_coupons()
    try_in_vain(shop)
    give_back(shop, member, had.id)
    answer(shop)
    answer(shop, coupons.SPENT)
    kept = redemption(shop, had.id)
    assert (kept.status, kept.use_state, kept.ending) == ("issued", "used", None)
    assert has(shop, member).on_hold == has(shop, member).available == 0
    assert violations(shop) == []


@BOTH
def test_a_hold_that_is_over_waits_for_the_store_as_well(
    shop: TestShop, document: dict[str, Any], time: BusinessTime
) -> None:
    member, made = member_with(shop, 500, email="ann@shop.example"), reward(shop, document, limit_total=1)
    had = redeem(shop, member, made)
    points.refill_coupons()
    try_in_vain(shop)
    time.advance(days=1, minutes=1)
    points.release_holds()
    assert (redemption(shop, had.id).status, has(shop, member).available) == ("requested", 0)
    answer(shop)
    answer(shop)
    failed = redemption(shop, had.id)
    assert (failed.status, failed.problem, failed.ending) == ("failed", endings.NOT_IN_TIME, None)
    assert (has(shop, member).available, taken(shop, made), len(mails(shop, "reward_failed"))) == (500, 0, 1)
    assert violations(shop) == []


def test_a_hold_that_is_over_in_a_shop_without_the_app_is_let_go(shop: TestShop, time: BusinessTime) -> None:
    member = member_with(shop, 500)
    had = redeem(shop, member, reward(shop, CARD))
    points.refill_coupons()
    try_in_vain(shop)
    time.advance(days=1, minutes=1)
    points.release_holds()
    answer(shop, discounts.WITHDRAWN)
    answer(shop, "The app is not installed.")
    failed = redemption(shop, had.id)
    assert (failed.status, failed.problem, has(shop, member).available) == ("failed", "The app is not installed.", 500)
    assert violations(shop) == []


@pytest.mark.parametrize("points_back", [True, False])
@BOTH
def test_what_was_not_used_in_its_days_is_taken_back(
    shop: TestShop, document: dict[str, Any], time: BusinessTime, points_back: bool
) -> None:
    member = member_with(shop, 500)
    had = paid(shop, member, document, coupon_valid_days=30, points_back_when_expired=points_back)
    time.advance(days=32)
    points.expire_rewards()
    answer(shop)
    assert redemption(shop, had.id).status == "expired"
    assert has(shop, member).available == (500 if points_back else 0)
    assert violations(shop) == []


@pytest.mark.parametrize(("refusal", "status"), [(coupons.SPENT, "issued"), ("The app is not installed.", "expired")])
@BOTH
def test_no_points_come_back_for_money_that_does_not(
    shop: TestShop, document: dict[str, Any], time: BusinessTime, refusal: str, status: str
) -> None:
    member = member_with(shop, 500)
    had = paid(shop, member, document, coupon_valid_days=30, points_back_when_expired=True)
    time.advance(days=32)
    points.expire_rewards()
    answer(shop, refusal)
    assert redemption(shop, had.id).status == status
    assert has(shop, member).available == 0
    assert violations(shop) == []


def test_an_earned_one_that_cannot_be_withdrawn_stays(shop: TestShop) -> None:
    member, made = member_with(shop), reward(shop, CREDIT)
    with transaction() as session:
        given = earned_rewards.give(session, shop.facts, member, made.id, key="friend:1", occasion={}, now=clock.now())
        assert given is not None
        given_id = given.id
    points.refill_coupons()
    answer(shop)
    with transaction() as session:
        (held,) = lock_all(session, shop.id, [given_id])
        assert earned_rewards.withdraw(session, shop.facts, held, clock.now())
    answer(shop, coupons.SPENT)
    kept = redemption(shop, given_id)
    assert (kept.status, kept.use_state) == ("issued", "used")
    assert violations(shop) == []


def test_money_is_never_made_again(shop: TestShop) -> None:
    had = paid(shop, member_with(shop, 500), CARD)
    with transaction() as session:
        assert coupons.make_again(session, shop.facts, [had.coupon_id]) == 0
    assert calls(shop) == []


# People


def test_merging_moves_what_waits_and_what_was_paid(shop: TestShop) -> None:
    kept, gone = member_with(shop, 0, "c-1"), member_with(shop, 1000, "c-2")
    had = paid(shop, gone, CARD)
    waits = redeem(shop, gone, reward(shop, CREDIT))
    points.refill_coupons()
    with transaction() as session:
        merging.merge(session, shop.facts, kept, gone, "a test", Author("staff", "Ann"), clock.now())
    answer(shop)
    assert [redemption(shop, each).member_id for each in (had.id, waits.id)] == [kept, kept]
    assert redemption(shop, waits.id).status == "issued"
    assert violations(shop) == []


def test_whoever_is_blocked_meanwhile_has_what_they_paid_for(shop: TestShop) -> None:
    member = member_with(shop, 500)
    had = redeem(shop, member, reward(shop, CARD))
    with transaction() as session:
        blocking.block(session, shop.id, member, "a test", Author("staff", "Ann"), clock.now())
    points.refill_coupons()
    answer(shop)
    assert redemption(shop, had.id).status == "issued"


def test_a_merchant_may_say_that_it_was_used(shop: TestShop) -> None:
    had = paid(shop, member_with(shop, 500), CREDIT)
    assert mark(shop, had.id, use_state="used").use_state == "used"


# What is told of stock


@BOTH
def test_no_stock_runs_low_that_is_never_kept(shop: TestShop, document: dict[str, Any]) -> None:
    made = reward(shop, document)
    with transaction() as session:
        assert list(stock_health.running_low(session, shop.id, clock.now())) == []
        assert shop.id not in stock_health.shops_with_codes(session)
        stock = stock_health.of(session, shop.id, made.id, made.coupon_source, clock.now())
    assert (stock.health, stock.target, stock.free) == ("ok", None, 0)


def test_the_page_of_its_codes_says_what_waits_and_what_was_paid(shop: TestShop) -> None:
    member, made = member_with(shop, 1500), reward(shop, CREDIT)
    for _ in range(3):
        redeem(shop, member, made)
    points.refill_coupons()
    answer(shop)
    answer(shop, "The customer has no account.")
    with transaction() as session:
        stock = stock_health.of(session, shop.id, made.id, made.coupon_source, clock.now())
    assert (stock.waiting, stock.making, stock.in_outbox, stock.issued, stock.parked) == (1, 1, 1, 1, 1)
    assert stock.last_error == "The customer has no account."


# What `ledger check` knows of it


@pytest.mark.parametrize(
    ("document", "planted", "what"),
    [
        (CARD, "update redemption set code = null", "which is another code"),
        (CREDIT, "update redemption set coupon_id = null", "is neither free nor with anybody"),
        (CREDIT, "update redemption set code = 'LGN-0000-0000-0000'", "which is another code"),
    ],
)
def test_the_check_finds_money_that_is_with_nobody(
    shop: TestShop, document: dict[str, Any], planted: str, what: str
) -> None:
    had = paid(shop, member_with(shop, 500), document)
    with transaction() as session:
        session.execute(text("set transaction isolation level repeatable read"))  # as the check wants it
        session.execute(text(f"{planted} where shop_id = :shop and id = :id"), {"shop": shop.id, "id": had.id})
        found = check(session, clock.now(), clock.wall(), shop.id).violations
        session.rollback()
    assert any(what in each.what for each in found), found
