"""Rewards that are paid as store credit at Shopify: once for each, though a transaction has no name there.

Platforms.md 5.3, point 4; pitfall 6.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import product
from time import monotonic, sleep
from typing import Any

import pytest
from flask import Flask
from graphql import GraphQLError
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.jobs import outbox as sending
from backend.jobs import points
from backend.loyalty.coupons import coupons
from backend.loyalty.deliveries import gap_report
from backend.loyalty.deliveries.gap_report import Finding, Looking
from backend.loyalty.members import members
from backend.models import ShopifyShop
from backend.platforms import outgoing
from backend.platforms.base import TryAgain
from backend.shopify import payouts as asked
from backend.shopify import store_credit
from backend.shopify.discounts import Line
from backend.shopify.store_credit import Credit
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.rewards_world import give_back, has, member_with, redemption, reward, violations
from tests.shopify.codes_world import let_lease_end
from tests.shopify.killed_worker import kill_a_worker_at
from tests.shopify.money_world import (
    CUSTOMER,
    STORE_CREDIT,
    calls,
    coupon_of,
    let_pass,
    park_others,
    payouts,
    redeem,
    send,
    send_all,
    waiting,
)
from tests.shopify.pretend import Pretend
from tests.shopify.pretend_store_credit import Account, StoreCredit

TWO_REDEMPTIONS = {"points_to_be_redeemed": 250}


@pytest.fixture(autouse=True)
def alone(app: Flask) -> None:
    park_others()


@pytest.fixture
def credit(shopify: Pretend) -> StoreCredit:
    return StoreCredit().register(shopify)


@pytest.fixture
def shop(installed_shop: TestShop, credit: StoreCredit) -> TestShop:
    return installed_shop


@pytest.fixture
def account(shop: TestShop, credit: StoreCredit) -> Account:
    """The customer's, empty."""
    return credit.of(shop.facts.domain, CUSTOMER)


@pytest.fixture
def had(shop: TestShop) -> Any:
    """Store credit of 10.00 that somebody waits for, who had 500 points."""
    return redeem(shop, member_with(shop, 500, CUSTOMER), reward(shop, STORE_CREDIT))


def times(shopify: Pretend, operation: str) -> int:
    return shopify.operations().count(operation)


def wait_no_longer(shop: TestShop) -> None:
    """As if it had been tried for three days."""
    let_pass(shop, days=4)
    with transaction() as session:
        session.execute(
            text("update outbox set created_at = created_at - interval '4 days' where shop_id = :shop"),
            {"shop": shop.id},
        )


def report(shop: TestShop) -> list[Finding]:
    with transaction() as session:
        sections = gap_report.report(Looking(session, shop.facts, clock.now(), clock.wall()))
        return [finding for section in sections for finding in section.findings]


# Paying


def test_it_is_in_the_customers_account_and_the_redemption_has_no_code(
    shop: TestShop, account: Account, shopify: Pretend, had: Any
) -> None:
    assert had.status == "requested"
    send()
    now = redemption(shop, had.id)
    assert (now.status, now.code, account.balance) == ("issued", None, 10)
    assert shopify.operations() == ["StoreCreditCredit"]
    variables = shopify.asked[0].variables
    assert variables["customer"] == f"gid://shopify/Customer/{CUSTOMER}"
    assert variables["credit"] == {
        "creditAmount": {"amount": "10.00", "currencyCode": "EUR"},
        "expiresAt": None,
        "notify": False,
    }
    assert has(shop, had.member_id).available == 0
    assert violations(shop) == []


def test_it_ends_at_shopify_when_the_reward_is_good_no_more(shop: TestShop, account: Account) -> None:
    made = reward(shop, STORE_CREDIT | {"coupon_valid_days": 30})
    had = redeem(shop, member_with(shop, 500, CUSTOMER), made)
    send()
    (paid,) = account.credits()
    assert paid.expires_at == redemption(shop, had.id).expires_at


@pytest.mark.parametrize("mood", ["lose after", "lose", "503", "internal", "garbage"])
def test_nothing_is_asked_for_again_before_it_is_certain_that_it_was_not_done(
    shop: TestShop, account: Account, shopify: Pretend, had: Any, mood: str
) -> None:
    shopify.will(mood)
    send()
    let_pass(shop, minutes=1)
    send()
    assert times(shopify, "StoreCreditCredit") == (1 if mood == "lose after" else 0)
    send_all(shop)
    assert times(shopify, "StoreCreditCredit") == 1
    assert (len(account.credits()), redemption(shop, had.id).status) == (1, "issued")
    assert violations(shop) == []


def test_a_call_that_shopify_did_not_even_begin_is_simply_made_again(
    shop: TestShop, account: Account, shopify: Pretend, had: Any
) -> None:
    shopify.will(*["throttled"] * 10)
    send()
    assert payouts(shop) == []
    shopify.moods.clear()
    let_pass(shop, seconds=5)
    send()
    assert (account.balance, redemption(shop, had.id).status) == (10, "issued")


@pytest.mark.parametrize("mood", ["402", "423", "429"])
def test_a_shop_that_shopify_keeps_closed_for_longer_than_is_waited_has_paid_nobody(
    shop: TestShop, account: Account, shopify: Pretend, had: Any, mood: str
) -> None:
    """Frozen until its owner has paid, say: nothing was begun, so nothing may have been paid."""
    shopify.will(*[mood] * 4)
    send()
    assert payouts(shop) == []
    wait_no_longer(shop)
    send()
    now = redemption(shop, had.id)
    assert (now.status, has(shop, had.member_id).available, account.credits()) == ("failed", 500, [])
    assert violations(shop) == []


def test_where_no_token_can_be_had_nothing_was_asked_for(
    shop: TestShop, account: Account, shopify: Pretend, had: Any
) -> None:
    with transaction() as session:
        session.get_one(ShopifyShop, shop.id).access_until = clock.wall()
    granted = shopify.grant
    shopify.grant = lambda *_: (503, {})
    send()
    assert payouts(shop) == []
    shopify.grant = granted
    let_pass(shop, seconds=5)
    send()
    assert (account.balance, redemption(shop, had.id).status) == (10, "issued")


def test_what_was_done_while_the_answer_failed_in_part_counts_as_done(
    shop: TestShop, account: Account, shopify: Pretend, had: Any
) -> None:
    answer = shopify.resolvers["Mutation.storeCreditAccountCredit"]

    def in_part(*args: Any, **given: Any) -> Any:
        def denied() -> Any:
            raise GraphQLError("Access denied for id field.", extensions={"code": "ACCESS_DENIED"})

        answer(*args, **given)
        return {"storeCreditAccountTransaction": {"id": denied}, "userErrors": []}

    shopify.resolvers["Mutation.storeCreditAccountCredit"] = in_part
    send()
    assert redemption(shop, had.id).status == "requested"
    send_all(shop)
    assert (len(account.credits()), redemption(shop, had.id).status) == (1, "issued")


@pytest.mark.parametrize("said", ["Internal error. Looks like something went wrong.", "undefined method for nil"])
def test_what_was_done_before_an_error_without_a_code_counts_as_done(
    shop: TestShop, account: Account, shopify: Pretend, had: Any, said: str
) -> None:
    answer = shopify.resolvers["Mutation.storeCreditAccountCredit"]

    def done_and_failed(*args: Any, **given: Any) -> Any:
        answer(*args, **given)
        raise GraphQLError(said)

    shopify.resolvers["Mutation.storeCreditAccountCredit"] = done_and_failed
    send()
    assert redemption(shop, had.id).status == "requested"
    send_all(shop)
    assert (len(account.credits()), redemption(shop, had.id).status) == (1, "issued")


@pytest.mark.parametrize("moods", list(product(["lose after", "lose"], repeat=2)))
def test_two_of_the_same_amount_at_the_same_time_are_never_taken_for_each_other(
    shop: TestShop, account: Account, shopify: Pretend, moods: tuple[str, str]
) -> None:
    member, made = member_with(shop, 500, CUSTOMER), reward(shop, STORE_CREDIT | TWO_REDEMPTIONS)
    two = [redeem(shop, member, made) for _ in range(2)]
    for mood in moods:
        shopify.will(mood)
        send()
    send_all(shop)
    assert [redemption(shop, had.id).status for had in two] == ["issued", "issued"]
    paid = {each.gid for each in payouts(shop)}
    assert paid == {each.gid for each in account.credits()}
    assert len(paid) == 2
    assert violations(shop) == []


@pytest.mark.parametrize(
    ("amount", "event"), [("9.99", "ADJUSTMENT"), ("10.00", "ORDER_REFUND"), ("10.00", "PAYMENT_FAILURE")]
)
def test_what_cannot_be_ours_is_not_taken_for_it(
    shop: TestShop, credit: StoreCredit, account: Account, shopify: Pretend, had: Any, amount: str, event: str
) -> None:
    shopify.will("lose")
    send()
    theirs = credit.by_hand(account, amount, event)
    send_all(shop)
    (ours,) = [each for each in account.credits() if each is not theirs]
    assert [each.gid for each in payouts(shop)] == [ours.gid]


def test_a_credit_with_another_end_is_not_taken_for_ours(
    shop: TestShop, credit: StoreCredit, account: Account, shopify: Pretend
) -> None:
    redeem(shop, member_with(shop, 500, CUSTOMER), reward(shop, STORE_CREDIT | {"coupon_valid_days": 30}))
    shopify.will("lose")
    send()
    credit.by_hand(account, "10.00")
    send_all(shop)
    assert len(account.credits()) == 2


def test_an_older_credit_of_the_same_amount_is_not_taken_for_ours(
    shop: TestShop, credit: StoreCredit, account: Account, shopify: Pretend, had: Any
) -> None:
    credit.by_hand(account, "10.00").at -= timedelta(minutes=20)
    shopify.will("lose")
    send()
    send_all(shop)
    assert len(account.credits()) == 2
    assert redemption(shop, had.id).status == "issued"


def test_ours_is_found_behind_many_others(
    shop: TestShop, credit: StoreCredit, account: Account, shopify: Pretend, had: Any
) -> None:
    credit.page = 3
    shopify.will("lose after")
    send()
    for _ in range(10):
        credit.by_hand(account, "1.00")
    send_all(shop)
    assert [each.gid for each in payouts(shop)] == [account.credits()[0].gid]
    assert times(shopify, "StoreCreditCredit") == 1


def test_of_two_alike_a_person_decides_and_nothing_is_paid_twice(
    shop: TestShop, credit: StoreCredit, account: Account, shopify: Pretend, had: Any
) -> None:
    shopify.will("lose after")
    send()
    credit.by_hand(account, "10.00")
    send_all(shop)
    now, (call,) = redemption(shop, had.id), calls(shop)
    assert len(account.credits()) == 2
    assert (now.status, has(shop, had.member_id).available) == ("issued", 0)
    assert call.state == "parked"
    assert now.problem == call.last_error
    assert "for 10.00 EUR of store credit, and it is not certain that the customer has it." in now.problem
    assert "Open the customer in Shopify and look at their store credit" in now.problem
    (finding,) = report(shop)
    assert (finding.kind, finding.subject, finding.said) == ("given_up", "Store credit at Shopify", now.problem)
    assert violations(shop) == []


def test_what_a_person_has_to_look_at_is_not_taken_back_by_itself(
    shop: TestShop, credit: StoreCredit, account: Account, shopify: Pretend, had: Any
) -> None:
    shopify.will("lose after")
    send()
    credit.by_hand(account, "10.00")
    send_all(shop)
    give_back(shop, had.member_id, had.id)
    send_all(shop)
    assert (account.balance, redemption(shop, had.id).status) == (20, "issued")
    assert has(shop, had.member_id).available == 0
    assert violations(shop) == []


def test_a_payment_that_waits_for_a_person_holds_up_no_other_of_the_customer(
    shop: TestShop, credit: StoreCredit, account: Account, shopify: Pretend
) -> None:
    member, made = member_with(shop, 500, CUSTOMER), reward(shop, STORE_CREDIT | TWO_REDEMPTIONS)
    redeem(shop, member, made)
    shopify.will("lose after")
    send()
    credit.by_hand(account, "10.00")
    send_all(shop)
    another = redeem(shop, member, made)
    send_all(shop)
    assert len(account.credits()) == 3
    assert redemption(shop, another.id).status == "issued"


def test_what_shopify_refuses_for_good_frees_the_points(
    shop: TestShop, credit: StoreCredit, account: Account, had: Any
) -> None:
    credit.gone.add(CUSTOMER)
    send()
    now = redemption(shop, had.id)
    assert (now.status, now.problem) == ("failed", "Shopify refused: Owner does not exist")
    assert has(shop, had.member_id).available == 500
    assert payouts(shop) == []
    assert violations(shop) == []


def test_without_the_permission_the_points_are_free_again(
    shop: TestShop, account: Account, shopify: Pretend, had: Any
) -> None:
    def denied(*_: Any, **__: Any) -> Any:
        needs = "`write_store_credit_account_transactions` access scope."
        raise GraphQLError("Access denied.", extensions={"code": "ACCESS_DENIED", "requiredAccess": needs})

    shopify.resolvers["Mutation.storeCreditAccountCredit"] = denied
    send()
    now = redemption(shop, had.id)
    assert now.status == "failed"
    assert now.problem.startswith("The app lacks a permission (write_store_credit_account_transactions)")
    assert has(shop, had.member_id).available == 500
    assert payouts(shop) == []


def test_what_may_have_been_paid_and_cannot_be_looked_up_any_more_counts_as_given(
    shop: TestShop, account: Account, shopify: Pretend, had: Any
) -> None:
    """The merchant takes the app away between our question and its answer."""
    shopify.will("lose after")
    send()
    shopify.tokens.clear()
    shopify.grant = lambda *_: (400, {"error": "invalid_grant"})
    send_all(shop)
    now = redemption(shop, had.id)
    assert (now.status, has(shop, had.member_id).available) == ("issued", 0)
    assert now.problem is not None
    assert {each.state for each in payouts(shop)} == {"unclear"}
    assert violations(shop) == []


def test_what_may_have_been_paid_to_a_customer_who_is_another_one_now_counts_as_given(
    shop: TestShop, credit: StoreCredit, account: Account, shopify: Pretend, had: Any
) -> None:
    """Merged at Shopify in that very minute: what they had has gone to the other one."""
    shopify.will("lose after")
    send()
    credit.gone.add(CUSTOMER)
    send_all(shop)
    now = redemption(shop, had.id)
    assert (now.status, has(shop, had.member_id).available, len(account.credits())) == ("issued", 0, 1)
    assert "it is not certain that the customer has it" in now.problem
    assert violations(shop) == []


def test_nothing_is_paid_to_somebody_who_was_forgotten_meanwhile(shop: TestShop, account: Account, had: Any) -> None:
    with transaction() as session:
        members.erase(session, shop.id, CUSTOMER, clock.now())
    send_all(shop)
    assert account.credits() == []
    assert violations(shop) == []


# Taking back


def test_what_is_given_back_leaves_the_account_before_the_points_return(
    shop: TestShop, account: Account, had: Any
) -> None:
    send()
    give_back(shop, had.member_id, had.id)
    assert has(shop, had.member_id).available == 0
    send()
    assert (account.balance, len(account.debits())) == (0, 1)
    assert (redemption(shop, had.id).status, has(shop, had.member_id).available) == ("returned", 500)
    assert violations(shop) == []


@pytest.mark.parametrize("lost_call", [1, 2])
@pytest.mark.parametrize("mood", ["lose", "lose after", "503"])
def test_when_an_answer_to_taking_back_is_lost_it_is_taken_out_once(
    shop: TestShop, credit: StoreCredit, account: Account, shopify: Pretend, had: Any, lost_call: int, mood: str
) -> None:
    send()
    credit.by_hand(account, "30.00")
    give_back(shop, had.member_id, had.id)
    shopify.will(*[""] * (lost_call - 1), mood)
    send()
    assert has(shop, had.member_id).available == 0
    send_all(shop)
    assert (account.balance, len(account.debits())) == (30, 1)
    assert has(shop, had.member_id).available == 500
    assert violations(shop) == []


@pytest.mark.parametrize("moods", list(product(["lose after", "lose"], repeat=2)))
def test_two_of_the_same_amount_given_back_at_the_same_time_leave_the_account_once_each(
    shop: TestShop, account: Account, shopify: Pretend, moods: tuple[str, str]
) -> None:
    member, made = member_with(shop, 500, CUSTOMER), reward(shop, STORE_CREDIT | TWO_REDEMPTIONS)
    two = [redeem(shop, member, made) for _ in range(2)]
    send_all(shop)
    for had in two:
        give_back(shop, member, had.id)
    for mood in moods:
        shopify.will("", mood)
        send()
    send_all(shop)
    assert (account.balance, len(account.debits())) == (0, 2)
    assert has(shop, member).available == 500
    assert violations(shop) == []


def test_whoever_has_as_much_in_the_account_can_give_it_back_whichever_credit_was_spent(
    shop: TestShop, credit: StoreCredit, account: Account, had: Any
) -> None:
    send()
    credit.by_hand(account, "10.00")
    credit.spend(account, "10.00")
    give_back(shop, had.member_id, had.id)
    send()
    assert (account.balance, has(shop, had.member_id).available) == (0, 500)
    assert violations(shop) == []


def test_a_credit_of_which_anything_was_spent_has_been_used(
    shop: TestShop, credit: StoreCredit, account: Account, had: Any
) -> None:
    send()
    credit.spend(account, "0.01")
    give_back(shop, had.member_id, had.id)
    send()
    now = redemption(shop, had.id)
    assert (now.status, now.use_state, now.ending) == ("issued", "used", None)
    assert (str(account.balance), has(shop, had.member_id).available) == ("9.99", 0)
    assert violations(shop) == []


def test_a_credit_that_is_spent_in_the_very_moment_has_been_used(
    shop: TestShop, credit: StoreCredit, account: Account, shopify: Pretend, had: Any
) -> None:
    send()
    debit = shopify.resolvers["Mutation.storeCreditAccountDebit"]

    def at_the_checkout(*args: Any, **given: Any) -> Any:
        credit.spend(account, "3.00")
        return debit(*args, **given)

    shopify.resolvers["Mutation.storeCreditAccountDebit"] = at_the_checkout
    give_back(shop, had.member_id, had.id)
    send()
    assert (redemption(shop, had.id).use_state, account.balance) == ("used", 7)
    assert has(shop, had.member_id).available == 0
    assert violations(shop) == []


def test_what_an_order_spends_is_not_taken_for_what_we_took_out(
    shop: TestShop, credit: StoreCredit, account: Account, shopify: Pretend, had: Any
) -> None:
    send()
    credit.by_hand(account, "30.00")
    give_back(shop, had.member_id, had.id)
    shopify.will("", "lose")
    send()
    credit.spend(account, "10.00")
    send_all(shop)
    assert [each.event for each in account.debits()] == ["ORDER_PAYMENT", "ADJUSTMENT"]
    assert (account.balance, has(shop, had.member_id).available) == (20, 500)


def test_of_two_debits_alike_a_person_decides_and_nothing_is_taken_twice(
    shop: TestShop, credit: StoreCredit, account: Account, shopify: Pretend, had: Any
) -> None:
    send()
    credit.by_hand(account, "30.00")
    give_back(shop, had.member_id, had.id)
    shopify.will("", "lose after")
    send()
    credit.spend(account, "10.00", event="ADJUSTMENT")
    send_all(shop)
    now = redemption(shop, had.id)
    assert (now.status, now.ending, len(account.debits())) == ("issued", None, 2)
    assert "if it was taken out, give the points back by hand" in now.problem
    assert has(shop, had.member_id).available == 0
    assert violations(shop) == []


@pytest.mark.parametrize("spent", ["0.00", "4.00"])
def test_what_runs_out_is_left_to_end_by_itself(
    shop: TestShop, credit: StoreCredit, account: Account, time: BusinessTime, spent: str
) -> None:
    made = reward(shop, STORE_CREDIT | {"coupon_valid_days": 30, "points_back_when_expired": True})
    had = redeem(shop, member_with(shop, 500, CUSTOMER), made)
    send()
    credit.spend(account, spent)
    time.set(redemption(shop, had.id).expires_at)
    points.expire_rewards()
    send()
    is_unspent = spent == "0.00"
    assert (redemption(shop, had.id).status, redemption(shop, had.id).use_state) == (
        ("expired", "delivered") if is_unspent else ("issued", "used")
    )
    assert [each.event for each in account.debits()] == ["ORDER_PAYMENT"]
    assert has(shop, had.member_id).available == (500 if is_unspent else 0)
    assert violations(shop) == []


@pytest.mark.parametrize("spent", ["0.00", "10.00"])
@pytest.mark.parametrize("lasts", [30, None])
def test_nobody_has_the_points_of_two_and_the_money_of_one(
    shop: TestShop, credit: StoreCredit, account: Account, time: BusinessTime, spent: str, lasts: int | None
) -> None:
    """Shopify takes what ends soonest first: of the first reward's credit, when the second is given back. Then the second's
    is in the account in its place, and can be spent long after the first one has run out."""
    terms = STORE_CREDIT | TWO_REDEMPTIONS | {"points_back_when_expired": True}
    member = member_with(shop, 500, CUSTOMER)
    first = redeem(shop, member, reward(shop, terms | {"coupon_valid_days": 30}))
    send()
    time.advance(days=1)
    second = redeem(shop, member, reward(shop, terms | {"reward_name": "Later", "coupon_valid_days": lasts}))
    send()
    give_back(shop, member, second.id)
    send()
    assert [str(each.remaining) for each in account.credits()] == ["0.00", "10.00"]
    credit.spend(account, spent)
    time.set(redemption(shop, first.id).expires_at)
    points.expire_rewards()
    send()
    assert has(shop, member).available == 250
    assert (redemption(shop, first.id).status, redemption(shop, first.id).use_state) == ("issued", "used")
    assert violations(shop) == []


def test_a_credit_that_shopify_does_not_know_any_more_is_not_taken_back(
    shop: TestShop, account: Account, had: Any
) -> None:
    send()
    account.moves.clear()
    give_back(shop, had.member_id, had.id)
    send()
    now = redemption(shop, had.id)
    assert (now.status, now.problem) == ("issued", "Shopify does not know this store credit any more.")
    assert has(shop, had.member_id).available == 0


@pytest.mark.parametrize("mood", ["", "lose after", "lose"])
@pytest.mark.parametrize("how", ["given back", "let go"])
def test_what_ends_while_it_is_being_paid_is_paid_and_taken_back_or_neither(
    shop: TestShop, account: Account, shopify: Pretend, had: Any, time: BusinessTime, mood: str, how: str
) -> None:
    shopify.will(mood)
    if mood:
        send()
    if how == "given back":
        give_back(shop, had.member_id, had.id)
    else:
        time.set(had.hold_until)
        points.release_holds()
    send_all(shop)
    assert (account.balance, len(account.credits()) == len(account.debits())) == (0, True)
    assert redemption(shop, had.id).status == ("returned" if how == "given back" else "failed")
    assert has(shop, had.member_id).available == 500
    assert violations(shop) == []


@pytest.mark.parametrize(("currency", "amount"), [("JPY", "500"), ("KWD", "1.250"), ("EUR", "0.5")])
def test_an_amount_is_known_again_however_many_decimals_its_currency_has(
    new_shop: Callable[..., TestShop],
    install: Callable[[TestShop], TestShop],
    credit: StoreCredit,
    shopify: Pretend,
    currency: str,
    amount: str,
) -> None:
    domain = f"kiln-of-{currency.lower()}.myshopify.com"
    shop = install(new_shop(platform="shopify", domain=domain, currency=currency))
    had = redeem(shop, member_with(shop, 500, CUSTOMER), reward(shop, STORE_CREDIT | {"reward_value": amount}))
    account = credit.of(domain, CUSTOMER, currency)
    shopify.will("lose after")
    send_all(shop)
    assert [each.amount for each in account.credits()] == [Decimal(amount)]
    give_back(shop, had.member_id, had.id)
    shopify.will("", "lose after")
    send_all(shop)
    assert (account.balance, len(account.debits())) == (0, 1)
    assert has(shop, had.member_id).available == 500


# Killed, and all of it together


@pytest.mark.parametrize(("is_back", "call"), [(False, 1), (True, 1), (True, 2)])
def test_a_worker_that_is_killed_in_the_midst_of_it_pays_once_and_takes_back_once(
    shop: TestShop,
    account: Account,
    shopify: Pretend,
    had: Any,
    environ: dict[str, str],
    is_back: bool,
    call: int,
) -> None:
    """kill -9 while Shopify is busy with it, or before it has heard of it."""
    if is_back:
        send()
        give_back(shop, had.member_id, had.id)
    shopify.asked.clear()
    kill_a_worker_at(shopify, environ, call, busy_seconds=0.5)
    let_lease_end(shop)
    send_all(shop)
    assert (len(account.credits()), len(account.debits())) == (1, int(is_back))
    assert redemption(shop, had.id).status == ("returned" if is_back else "issued")
    assert has(shop, had.member_id).available == (500 if is_back else 0)
    assert violations(shop) == []


@pytest.mark.parametrize("is_back", [False, True])
def test_a_worker_that_died_before_shopify_heard_of_it_has_only_cost_time(
    shop: TestShop, credit: StoreCredit, had: Any, is_back: bool
) -> None:
    """Between writing down that it is asked for and asking; the customer has no account yet."""
    if is_back:
        send()
        give_back(shop, had.member_id, had.id)
    asked.begin(shop.id, had.coupon_id, had.member_id, is_back=is_back)
    send()
    assert waiting(shop)[0].last_error == "It is not known yet whether Shopify did what it was asked for."
    send_all(shop)
    account = credit.of(shop.facts.domain, CUSTOMER)
    assert (len(account.credits()), len(account.debits())) == (1, int(is_back))
    assert redemption(shop, had.id).status == ("returned" if is_back else "issued")
    assert violations(shop) == []


def test_the_account_ends_with_what_members_have_whatever_shopify_forgets_to_answer(
    shop: TestShop, account: Account, shopify: Pretend
) -> None:
    made = reward(shop, STORE_CREDIT | {"points_to_be_redeemed": 10})
    member = member_with(shop, 1000, CUSTOMER)
    shopify.will(*["lose after", "", "503", "lose", "", "", "throttled", "lose after", "lose after", ""] * 4)
    for number in range(20):
        had = redeem(shop, member, made)
        send()
        let_pass(shop, minutes=1)
        if number % 3 == 0:
            give_back(shop, member, had.id)
    send_all(shop)
    assert account.balance == 130
    assert len(account.credits()) - len(account.debits()) == 13
    assert has(shop, member).available == 1000 - 130
    assert {each.state for each in payouts(shop)} == {"done"}
    assert {each.state for each in calls(shop)} == {"done"}
    assert waiting(shop) == []
    assert violations(shop) == []


def credit_of(shop: TestShop, had: Any) -> Credit:
    """What a worker has read of the reward's store credit before it was held up."""
    coupon = coupon_of(shop, had)
    return Credit(shop.id, coupon.id, had.member_id, CUSTOMER, coupon.worth, coupon.expires_at)


def test_a_worker_that_wakes_up_after_all_has_ended_pays_nothing(
    shop: TestShop, account: Account, shopify: Pretend, had: Any
) -> None:
    """It had read that the payment is wanted; then the reward was given back, and nobody had asked Shopify yet."""
    (slow,) = sending.claim(coupons.SHOPIFY_STORE_CREDIT, 20)
    seen = credit_of(shop, had)
    give_back(shop, had.member_id, had.id)
    let_lease_end(shop)
    send_all(shop)
    assert has(shop, had.member_id).available == 500
    assert slow.payload == {"coupon_id": seen.coupon_id}
    with outgoing.open_session(is_rehearsal=True) as http, pytest.raises(TryAgain, match="Somebody else"):
        store_credit.pay(Line(shop.id, http, monotonic() + 15), seen)
    assert (account.credits(), payouts(shop)) == ([], [])


def test_a_worker_that_wakes_up_after_all_was_taken_back_takes_nothing_more(
    shop: TestShop, credit: StoreCredit, account: Account, time: BusinessTime
) -> None:
    """What has run out is not taken out, so there is nothing that would say that it was settled."""
    had = redeem(shop, member_with(shop, 500, CUSTOMER), reward(shop, STORE_CREDIT | {"coupon_valid_days": 30}))
    send()
    credit.by_hand(account, "50.00")
    give_back(shop, had.member_id, had.id)
    seen = replace(credit_of(shop, had), expires_at=None)  # it had not run out when the worker looked
    time.set(redemption(shop, had.id).expires_at)
    send_all(shop)
    assert (redemption(shop, had.id).status, account.debits()) == ("returned", [])
    with outgoing.open_session(is_rehearsal=True) as http, pytest.raises(TryAgain, match="Somebody else"):
        store_credit.take_back(Line(shop.id, http, monotonic() + 15), seen)
    assert account.debits() == []


def test_what_was_written_down_too_long_ago_is_not_asked_for_any_more(
    shop: TestShop, account: Account, shopify: Pretend, had: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker is held up between writing it down and asking, here by a token that is renewed slowly: by then another one may
    have found that it was not done, and asked for it."""
    renew = shopify.grant
    assert renew is not None

    def slowly(*said: Any) -> Any:
        sleep(0.4)
        return renew(*said)

    shopify.grant = slowly
    with transaction() as session:
        session.get_one(ShopifyShop, shop.id).access_until = clock.wall()
    with monkeypatch.context() as patched:
        patched.setattr(store_credit, "ASKED_WITHIN", timedelta(seconds=0.3))
        send()
    assert (account.credits(), times(shopify, "StoreCreditCredit")) == ([], 0)
    assert [each.state for each in payouts(shop)] == ["asked"]
    send_all(shop)
    assert (len(account.credits()), redemption(shop, had.id).status) == (1, "issued")
    assert violations(shop) == []


def test_a_payment_that_is_asked_for_again_meanwhile_is_not_called_off(
    shop: TestShop, account: Account, shopify: Pretend, had: Any
) -> None:
    """One worker takes back what was not done, while another that was held up asks for it once more."""
    shopify.will("lose")
    send()
    give_back(shop, had.member_id, had.id)
    let_pass(shop, minutes=3)
    seen = asked.find(shop.id, had.coupon_id)
    assert seen is not None
    asked.again(seen)
    assert not asked.call_off(seen)
    assert asked.find(shop.id, had.coupon_id) is not None


def test_two_workers_at_once_pay_once(app: Flask, shop: TestShop, account: Account, shopify: Pretend, had: Any) -> None:
    """One has slept through its lease while another has taken the row."""
    sender = sending.SENDERS[coupons.SHOPIFY_STORE_CREDIT]
    first = sending.claim(coupons.SHOPIFY_STORE_CREDIT, 20)
    let_lease_end(shop)
    second = sending.claim(coupons.SHOPIFY_STORE_CREDIT, 20)
    assert sender.line is not None
    with sender.line() as make:
        sending._make(second[0], make, sender)
        sending._make(first[0], make, sender)
    assert (account.balance, times(shopify, "StoreCreditCredit")) == (10, 1)
    assert redemption(shop, had.id).status == "issued"
