"""Codes: uploaded pools, and codes made ahead of need and kept in stock."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.jobs import points
from backend.jobs.outbox import BATCH
from backend.loyalty.coupons import coupons
from backend.loyalty.coupons.coupons import RefusedCode, new_code, read_csv
from backend.loyalty.rewards import rewards
from backend.loyalty.rewards.rewards import Reward
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.rewards_world import (
    FIVE_OFF,
    change,
    coupon_states,
    free_codes,
    give_back,
    has,
    let_pass,
    mails,
    member_with,
    redeem,
    redemption,
    reward,
    rows,
    send,
    send_all,
    violations,
)
from tests.platforms.discount_store import Store, open_store

STOCK = coupons.STOCK
CHEAP = FIVE_OFF | {"points_to_be_redeemed": 1}


def upload(shop: TestShop, which: Reward, *codes: str) -> tuple[int, list[RefusedCode]]:
    with transaction() as session:
        report = coupons.add_uploaded(session, shop.id, which.id, codes, clock.now())
    return report.added, list(report.refused)


def values(store: Store, codes: list[str]) -> set[str]:
    """What the store would take off for these codes."""
    return {store.codes[code]["value"] for code in codes}


@pytest.fixture
def store() -> Iterator[Store]:
    with open_store() as opened:
        yield opened


@pytest.fixture
def told(new_shop: Callable[..., TestShop], store: Store) -> TestShop:
    return new_shop(discounts_url=store.url)


# Codes of our own


def test_a_hundred_thousand_codes_are_all_different_and_none_reads_like_another() -> None:
    made = {new_code("SUN") for _ in range(100_000)}
    assert len(made) == 100_000
    assert all(re.fullmatch("SUN(-[0-9A-HJKMNP-TV-Z]{4}){3}", code) for code in made)
    for place in (4, 9, 17):  # every letter of the 32 at every place, about as often: 60 random bits
        letters = [code[place] for code in made]
        counted = [letters.count(letter) for letter in set(letters)]
        assert len(counted) == 32 and min(counted) > 2500 and max(counted) < 3800


def test_without_a_prefix_it_is_ours() -> None:
    assert new_code().startswith("LGN-")


# Uploaded pools


def test_an_upload_says_what_was_refused_and_why(shop: TestShop) -> None:
    pool = reward(shop, coupons=["FIRST-1"])
    reward(shop, reward_name="Another", coupons=["OTHER-1"])
    added, refused = upload(
        shop, pool, "NEW-1", "", "  NEW-2 ", "new-1", "first-1", "Other-1", "two words", "x" * 256, "tab\there", "NEW-3"
    )
    assert (added, free_codes(shop, pool)) == (3, ["FIRST-1", "NEW-1", "NEW-2", "NEW-3"])
    assert [(each.line, each.reason) for each in refused] == [
        (4, "stands in line 1 already"),
        (5, "is known in this shop already"),
        (6, "is known in this shop already"),
        (7, "holds a space or a control character"),
        (8, "is longer than 255 characters"),
        (9, "holds a space or a control character"),
    ]


def test_a_code_that_was_had_is_never_taken_again(shop: TestShop) -> None:
    member, pool = member_with(shop, 1000), reward(shop, coupons=["ONE"])
    had = redeem(shop, member, pool)
    assert upload(shop, pool, "one") == (0, [RefusedCode(1, "one", "is known in this shop already")])
    give_back(shop, member, had.id)
    assert upload(shop, pool, "One")[0] == 0
    assert free_codes(shop, pool) == []


def test_shops_know_nothing_of_each_others_codes(shop: TestShop, new_shop: Callable[..., TestShop]) -> None:
    for each in (shop, new_shop()):
        assert free_codes(each, reward(each, coupons=["SAME"])) == ["SAME"]


@pytest.mark.parametrize(
    ("document", "codes"),
    [
        ("A-1\nB-2\n", ["A-1", "B-2"]),
        ("\ufeffCode\r\nA-1\r\nB-2\r\n", ["", "A-1", "B-2"]),
        ("code,worth\nA-1,5\n\nB-2,5", ["", "A-1", "", "B-2"]),
        ('"A,1","note, with ""quotes"""\nB-2', ["A,1", "B-2"]),
        ("A-1\rB-2\r", ["A-1", "B-2"]),  # as old spreadsheets write lines
        ("CODES", [""]),
        ("", []),
        ("code;note\nA1;first\nA2;second", ["", "A1", "A2"]),
        ("A1\tfirst\nA2\tsecond", ["A1", "A2"]),
    ],
)
def test_a_csv_file_is_its_first_column(document: str, codes: list[str]) -> None:
    assert read_csv(document) == codes


def test_a_pool_is_never_filled_up_by_us(shop: TestShop) -> None:
    member, pool = member_with(shop, 1000), reward(shop, coupons=["ONE", "TWO"])
    redeem(shop, member, pool)
    points.refill_coupons()
    assert coupon_states(shop, pool) == {"ready": 2}


# Stock


def test_a_store_that_looks_codes_up_has_a_stock_at_once(shop: TestShop) -> None:
    made = reward(shop)
    assert (len(free_codes(shop, made)), coupon_states(shop, made)) == (STOCK, {"ready": STOCK})


def test_the_store_is_told_of_a_stock_and_only_then_it_is_one(told: TestShop, store: Store) -> None:
    made = reward(told, code_prefix="SUN", minimum_subtotal="20")
    assert (free_codes(told, made), coupon_states(told, made)) == ([], {"making": STOCK})
    send_all(told)
    codes = free_codes(told, made)
    assert sorted(codes) == sorted(store.codes) and len(codes) == STOCK
    said = store.codes[codes[0]]
    assert said["reference"] == f"lagniappe-{told.id}-" + said["reference"].rpartition("-")[2]
    assert {name: said[name] for name in ("kind", "value", "currency", "minimum_subtotal", "customer_id")} == {
        "kind": "fixed_amount", "value": "5.00", "currency": "EUR", "minimum_subtotal": "20", "customer_id": None,
    }  # fmt: skip
    assert violations(told) == []


def test_one_in_ten_that_is_taken_fills_the_stock_up_again(shop: TestShop) -> None:
    member, made = member_with(shop, 1000), reward(shop, CHEAP)
    for _ in range(30):
        redeem(shop, member, made)
    points.refill_coupons()
    assert STOCK - 10 < len(free_codes(shop, made)) <= STOCK
    assert 60 < sum(coupon_states(shop, made).values()) <= 80


def test_asking_twice_makes_one_stock(told: TestShop) -> None:
    made = reward(told)
    for _ in range(3):
        with transaction() as session:
            coupons.ask_refill(session, told.id, made.id)
    points.refill_coupons()
    assert coupon_states(told, made) == {"making": STOCK}
    assert rows(told, "select 1 from coupon_refill where shop_id = :shop") == []


def test_an_inactive_reward_needs_no_stock(told: TestShop, time: BusinessTime) -> None:
    assert coupon_states(told, reward(told, is_active=False)) == {}
    over = reward(told, reward_name="over", active_to=(time.now - timedelta(days=3)).date().isoformat())
    assert coupon_states(told, over) == {}


def test_without_stock_points_are_held_and_who_waits_longest_is_served_first(told: TestShop, store: Store) -> None:
    made = reward(told, coupon_valid_days=5)
    waiting = [redeem(told, member_with(told, 500, f"c-{number}"), made) for number in range(3)]
    assert {(each.status, each.code, each.expires_at) for each in waiting} == {("requested", None, None)}
    assert waiting[0].hold_until - waiting[0].requested_at == timedelta(hours=24)
    store.will(*["busy"] * BATCH)
    send()
    assert redemption(told, waiting[0].id).status == "requested"
    send_all(told)
    for each in waiting:
        now = redemption(told, each.id)
        assert (now.status, now.code in store.codes, now.hold_until) == ("issued", True, None)
        assert now.expires_at > now.issued_at
        assert (has(told, each.member_id).on_hold, has(told, each.member_id).available) == (0, 0)
    ids = [redemption(told, each.id).coupon_id for each in waiting]
    assert len(set(ids)) == 3
    assert len(free_codes(told, made)) == STOCK
    assert violations(told) == []


def test_who_waits_is_served_from_what_is_free(shop: TestShop) -> None:
    made = reward(shop, CHEAP)
    member = member_with(shop, 100)
    had = [redeem(shop, member, made) for _ in range(STOCK + 5)]
    assert [each.status for each in had] == ["issued"] * STOCK + ["requested"] * 5
    points.refill_coupons()
    assert {redemption(shop, each.id).status for each in had} == {"issued"}
    assert len(free_codes(shop, made)) == STOCK
    assert violations(shop) == []


def test_a_code_that_cannot_be_made_in_a_day_lets_the_points_go_and_its_owner_know(
    told: TestShop, store: Store, time: BusinessTime
) -> None:
    member, made = member_with(told, 500, email="ada@example.com"), reward(told)
    waiting = redeem(told, member, made)
    time.set(waiting.hold_until - timedelta(seconds=1))
    points.release_holds()
    assert redemption(told, waiting.id).status == "requested"
    time.set(waiting.hold_until)
    points.release_holds()
    assert (redemption(told, waiting.id).status, has(told, member).available) == ("failed", 500)
    assert len(mails(told, "reward_failed")) == 1
    send_all(told)
    assert (redemption(told, waiting.id).code, len(free_codes(told, made))) == (None, STOCK)
    assert violations(told) == []


# A reward that is worth something else


def test_codes_of_the_old_worth_are_withdrawn_and_what_was_had_stays(told: TestShop, store: Store) -> None:
    member, made = member_with(told, 1000), reward(told)
    send_all(told)
    had = redeem(told, member, made)
    change(told, made, reward_value="7")
    assert free_codes(told, made) == []
    send_all(told)
    assert values(store, free_codes(told, made)) == {"7.00"}
    assert (store.codes[had.code]["value"], len(store.codes)) == ("5.00", STOCK + 1)
    assert violations(told) == []


def test_codes_that_are_being_made_are_called_off_or_disabled(told: TestShop, store: Store) -> None:
    made = reward(told)
    store.will("lose")  # this one is at the store, and nobody knows
    send()
    change(told, made, reward_value="7")
    send_all(told)
    assert {each["value"] for each in store.codes.values()} == {"7.00"}
    assert len(store.codes) == STOCK == len(free_codes(told, made))
    assert violations(told) == []


def test_who_waits_gets_a_code_of_the_worth_that_was_promised(told: TestShop, store: Store) -> None:
    member, made = member_with(told, 2000), reward(told)
    early = redeem(told, member, made)
    change(told, made, reward_value="7")
    late = redeem(told, member, made)
    send_all(told)
    assert [store.codes[redemption(told, each.id).code]["value"] for each in (early, late)] == ["5.00", "7.00"]
    assert values(store, free_codes(told, made)) == {"7.00"}
    assert violations(told) == []


def test_a_code_for_somebody_who_waits_no_more_does_not_stay_at_the_store(told: TestShop, store: Store) -> None:
    member, made = member_with(told, 2000), reward(told)
    early = redeem(told, member, made)
    change(told, made, reward_value="7")
    points.refill_coupons()
    give_back(told, member, early.id)
    send_all(told)
    assert {each["value"] for each in store.codes.values()} == {"7.00"}
    assert violations(told) == []


def test_another_name_withdraws_nothing(told: TestShop, store: Store) -> None:
    made = reward(told)
    send_all(told)
    before = free_codes(told, made)
    change(told, made, reward_name="Five off", points_to_be_redeemed=400)
    send_all(told)
    assert (free_codes(told, made), store.heard("disable")) == (before, [])


# What the store says


def test_a_code_that_another_discount_has_is_replaced(told: TestShop, store: Store) -> None:
    member, made = member_with(told, 500), reward(told)
    store.will("foreign")
    send_all(told)
    assert (coupon_states(told, made), len(free_codes(told, made))) == ({"ready": STOCK, "refused": 1}, STOCK)
    assert redeem(told, member, made).status == "issued"
    assert violations(told) == []


def test_a_store_that_refuses_is_asked_again_ten_minutes_later(told: TestShop, store: Store) -> None:
    made = reward(told)
    store.will(*["refuse"] * STOCK)
    while len(store.said) < STOCK:
        send()
    points.refill_coupons()
    assert coupon_states(told, made) == {"refused": STOCK}
    let_pass(told, minutes=11)
    send_all(told)
    assert len(free_codes(told, made)) == STOCK
    assert violations(told) == []


def test_an_outage_stops_nobody_while_the_stock_lasts(told: TestShop, store: Store) -> None:
    member, made = member_with(told, 1000), reward(told, CHEAP)
    send_all(told)
    store.will(*["busy"] * 500)
    had = [redeem(told, member, made) for _ in range(STOCK)]
    assert {each.status for each in had} == {"issued"}
    assert redeem(told, member, made).status == "requested"


def test_how_much_is_left_is_known(shop: TestShop) -> None:
    pool = reward(shop, coupons=["ONLY"])
    with transaction() as session:
        assert rewards.find(session, shop.id, pool.id).has_stock
    redeem(shop, member_with(shop, 500), pool)
    with transaction() as session:
        assert not rewards.find(session, shop.id, pool.id).has_stock


def test_one_reward_that_fails_keeps_no_other_from_its_stock(shop: TestShop, new_shop: Callable[..., TestShop]) -> None:
    broken, whole = reward(shop, coupons=["ONE"]), reward(shop, reward_name="Whole", is_active=False)
    with transaction() as session:
        session.execute(
            text("update reward set coupon_source = 'made', details = '[]' where shop_id = :shop and id = :id"),
            {"shop": shop.id, "id": broken.id},
        )
        coupons.ask_refill(session, shop.id, broken.id)
    change(shop, whole, is_active=True)
    points.refill_coupons()
    assert len(free_codes(shop, whole)) == STOCK
    (wish,) = rows(shop, "select reward_id, due_at from coupon_refill where shop_id = :shop")
    assert (wish.reward_id, wish.due_at > clock.wall()) == (broken.id, True)


def test_a_code_that_the_merchant_brought_along_and_the_store_does_not_know_stays_with_its_owner(
    told: TestShop, store: Store
) -> None:
    member, pool = member_with(told, 1000), reward(told, coupons=["PARTNER-1", "KNOWN-1"])
    store.codes["KNOWN-1"] = {"reference": "the merchant's own"}
    had = {each.code: each for each in (redeem(told, member, pool), redeem(told, member, pool))}
    for each in had.values():
        give_back(told, member, each.id)
    send_all(told)
    kept, gone = redemption(told, had["PARTNER-1"].id), redemption(told, had["KNOWN-1"].id)
    assert (kept.status, kept.problem, gone.status) == ("issued", "The store answered 404: {}", "returned")
    assert has(told, member).available == 500
    assert violations(told) == []
