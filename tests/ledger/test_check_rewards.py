"""`ledger check` finds what is wrong with redemptions and codes (design section 4, invariants 6 and 7)."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.jobs import points
from backend.ledger.check import Violation, check
from backend.ledger.reward_questions import REWARD_QUESTIONS
from tests.conftest import BusinessTime, TestShop
from tests.ledger.test_check import sentence
from tests.loyalty.rewards_world import (
    CASHBACK,
    FIVE_OFF,
    buy,
    give_back,
    hold,
    mails,
    member_with,
    redeem,
    redemption,
    reward,
    rows,
    send_all,
)
from tests.platforms.discount_store import open_store


@dataclass
class Shelf:
    """A shop in which every end that a redemption can have has been reached; ids of redemptions by what became of them."""

    shop: TestShop
    ids: dict[str, int]


@pytest.fixture
def shelf(new_shop: Callable[..., TestShop], time: BusinessTime) -> Iterator[Shelf]:
    with open_store() as store:
        shop = new_shop(discounts_url=store.url)
        member, other = member_with(shop, 5000), member_with(shop, 5000, "c-2")
        made = reward(shop, limit_total=50, points_back_when_expired=True, coupon_valid_days=1)
        lost = reward(shop, FIVE_OFF, reward_name="No points back", coupon_valid_days=1)
        pool = reward(shop, FIVE_OFF, reward_name="Pool", coupons=["POOL-1", "POOL-2"])
        free = reward(shop, FIVE_OFF, reward_name="For nothing", points_to_be_redeemed=0)
        reward(shop, CASHBACK)
        ids = {"failed": redeem(shop, member, made).id}
        time.advance(hours=25)
        points.release_holds()
        send_all(shop)
        for which in ("expired, points back", "used", "returned", "used after all"):
            ids[which] = redeem(shop, member, made).id
        ids["expired"] = redeem(shop, member, lost).id
        for which in ("released", "captured", "order undone"):
            ids[which] = hold(shop, other, "10.00", 3).id
        send_all(shop)
        buy(shop, redemption(shop, ids["used"]).code, order_id="o-1")
        buy(shop, redemption(shop, ids["captured"]).code, order_id="o-2")
        undone = buy(shop, redemption(shop, ids["order undone"]).code, order_id="o-3")
        shop.tell("order.updated", {**undone, "cancelled_at": clock.now().isoformat()})
        for which in ("returned", "used after all"):
            give_back(shop, member, ids[which])
        send_all(shop)
        buy(shop, redemption(shop, ids["used after all"]).code, order_id="o-4")
        time.advance(days=3)
        points.release_holds()
        points.expire_rewards()
        send_all(shop)
        ids["issued"] = redeem(shop, member, made).id
        ids["uploaded"] = redeem(shop, other, pool).id
        ids["for nothing"] = redeem(shop, other, free).id
        ids["on hold"] = hold(shop, other, "10.00", 3).id
        ids["on its way back"] = redeem(shop, member, made).id
        give_back(shop, member, ids["on its way back"])
        yield Shelf(shop, ids)


def found_after(shelf: Shelf, statements: Sequence[str]) -> list[Violation]:
    """What the check says with this planted: committed by nobody, seen by the check alone."""
    with transaction() as session:
        session.execute(text("set transaction isolation level repeatable read"))
        session.execute(text("set local session_replication_role = replica"))
        for statement in statements:
            names = {name.replace(" ", "_").replace(",", ""): value for name, value in shelf.ids.items()}
            changed = session.execute(text(statement), {"shop": shelf.shop.id, "now": clock.now(), **names})
            assert changed.rowcount != 0, f"planted nothing: {statement}"
        found = check(session, clock.now(), clock.wall(), shelf.shop.id).violations
        session.rollback()
    return found


OF = "where shop_id = :shop and id ="
COUPON_OF = "where shop_id = :shop and id = (select coupon_id from redemption where shop_id = :shop and id ="
ENTRY_OF = "(select entry_id from redemption where shop_id = :shop and id ="

CORRUPTIONS = {
    "a hold that nobody lets go": (
        6,
        "should have been let go at",
        [f"update redemption set hold_until = cast(:now as timestamptz) - interval '11 minutes' {OF} :on_hold"],
    ),
    "an ending that nobody follows up": (
        6,
        "is to be returned, and nobody disables its code",
        ["delete from outbox where shop_id = :shop and kind = 'discount' and state = 'waiting'"],
    ),
    "an ending whose call was parked": (
        6,
        "is to be returned, and nobody disables its code",
        ["update outbox set state = 'parked' where shop_id = :shop and kind = 'discount' and state = 'waiting'"],
    ),
    "a reward given away": (
        6,
        r"is issued, its 500 points were spent, returned",
        [f"update redemption set status = 'issued' {OF} :returned"],
    ),
    "a reward paid for and taken away": (
        6,
        r"is returned, its 500 points were spent$",
        [f"update redemption set status = 'returned' {OF} :used"],
    ),
    "points that came back though the reward said that they would not": (
        6,
        r"is expired, its 500 points were spent, returned",
        [f"update redemption set frozen = frozen || '{{\"points_back\"\\: false}}' {OF} :expired_points_back"],
    ),
    "a checkout that was let go and is on hold still": (
        6,
        r"is expired, its 3 points were held$",
        [f"update redemption set status = 'expired', hold_until = null {OF} :on_hold"],
    ),
    "a reward that nobody paid for": (
        6,
        r"is issued, its 500 points were never taken",
        [f"update redemption set entry_id = null {OF} :issued"],
    ),
    "a reward that was cheaper than it says": (
        6,
        r"costs 501 points, entry \d+ took 500",
        [f"update redemption set points = 501 {OF} :issued"],
    ),
    "a reward that another member paid for": (
        6,
        r"costs 500 points, entry \d+ took 500 of member",
        [f"update redemption set member_id = (select member_id from redemption {OF} :on_hold) {OF} :issued"],
    ),
    "a reward paid for twice": (
        6,
        "which stands in another entry",
        [f"delete from redemption {OF} :issued"],
    ),
    "a code that two people have": (
        7,
        "a code belongs to 2 redemptions",
        [
            "drop index redemption_code",
            f"update redemption set code = (select lower(code) from redemption {OF} :issued) {OF} :used",
        ],
    ),
    "a reward that was earned and paid for": (
        6,
        r"was earned and costs 500 points",
        [f"update redemption set origin = 'earned' {OF} :issued"],
    ),
    "another reward's code": (
        7,
        "which is another code or reward",
        [f"update redemption set coupon_id = (select coupon_id from redemption {OF} :uploaded) {OF} :issued"],
    ),
    "a second live code": (
        7,
        "has live codes besides its own",
        [f"update coupon set redemption_id = :on_hold {COUPON_OF} :issued)"],
    ),
    "a code that works though its points are back": (
        7,
        "its points are back, its code is ready",
        [f"update coupon set state = 'ready' {COUPON_OF} :returned)"],
    ),
    "a code that is being disabled though its points are back": (
        7,
        "its points are back, its code is disabling",
        [f"update coupon set state = 'disabling' {COUPON_OF} :expired_points_back)"],
    ),
    "a code worth more than was promised": (
        7,
        "was promised",
        [f"update coupon set worth = worth || '{{\"value\"\\: \"50.00\"}}' {COUPON_OF} :issued)"],
    ),
    "a checkout's code worth more than its points": (
        7,
        r"was promised 6.00",
        [f"update coupon set worth = worth || '{{\"value\"\\: \"50.00\"}}' {COUPON_OF} :on_hold)"],
    ),
    "a code that somebody has and that is free": (
        7,
        "is free and belongs to a redemption",
        [
            "insert into coupon_free select shop_id, reward_id, id, code from coupon"
            f" {COUPON_OF} :issued)"
        ],
    ),
    "a code that is free and works no more": (
        7,
        "is free and disabled",
        ["update coupon c set state = 'disabled' from coupon_free f"
         " where c.shop_id = :shop and f.shop_id = c.shop_id and f.coupon_id = c.id"],
    ),
    "a free code of an old worth": (
        7,
        "is free and another code, reward or worth",
        ["update reward set worth = worth || '{\"value\"\\: \"50.00\"}' where shop_id = :shop and limit_total is not null"],
    ),
    "a code that is lost": (
        7,
        "is ready, and is neither free nor with anybody",
        ["delete from coupon_free where shop_id = :shop and coupon_id ="
         " (select min(coupon_id) from coupon_free where shop_id = :shop)"],
    ),
    "one had too many": (
        7,
        r"says that \d+ of 50 were had",
        ["update reward set taken = taken - 1 where shop_id = :shop and limit_total is not null"],
    ),
}  # fmt: skip


def test_nothing_is_found_where_nothing_is_wrong(shelf: Shelf) -> None:
    assert found_after(shelf, []) == []
    found = {(row.status, row.use_state) for row in rows(shelf.shop, "select * from redemption where shop_id = :shop")}
    assert found == {
        ("requested", "delivered"), ("issued", "delivered"), ("issued", "used"), ("returned", "delivered"),
        ("expired", "delivered"), ("failed", "delivered"),
    }  # fmt: skip
    assert mails(shelf.shop, "reward_failed") == []  # nobody has an address


def test_every_planted_corruption_is_found(shelf: Shelf) -> None:
    said = []
    for name, (invariant, says, statements) in CORRUPTIONS.items():
        found = found_after(shelf, statements)
        assert [each for each in found if each.invariant == invariant and re.search(says, each.what)], (name, found)
        said += [each.what for each in found]
    silent = [question.rows for question in REWARD_QUESTIONS if not any(map(sentence(question.rows).fullmatch, said))]
    assert silent == []


def test_a_hold_may_be_late_by_ten_minutes(shelf: Shelf, time: BusinessTime) -> None:
    time.set(redemption(shelf.shop, shelf.ids["on hold"]).hold_until + timedelta(minutes=9))
    assert found_after(shelf, []) == []
