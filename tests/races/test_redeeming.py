"""Many at one balance, one last item, one pool, one redemption (reliability F-81 to F-84, I-22 to I-25)."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.errors import Unauthorized
from backend.jobs import points
from backend.ledger import posting
from backend.ledger.balance import balance
from backend.ledger.posting import Author
from backend.loyalty.coupons.coupons import STOCK
from backend.loyalty.members import members
from backend.loyalty.redemptions import redemptions
from backend.loyalty.redemptions.redemptions import Redeemer
from backend.loyalty.rewards import rewards
from backend.loyalty.shops import shops
from backend.loyalty.shops.shops import NewShop
from tests.platforms.discount_store import Store, open_store
from tests.races import work
from tests.races.crew import Crew, eventually
from tests.races.test_drains import receive
from tests.races.test_one_balance import assert_proved, one

FIVE_OFF = {
    "reward_name": "5 off",
    "reward_type": "coupon_based_reward",
    "reward_sub_type": "fixed_amount_discount",
    "points_to_be_redeemed": 5,
    "reward_value": "5",
}
GIFT = {"reward_name": "Bottle", "reward_type": "gift", "points_to_be_redeemed": 5}


def reward(shop: int, document: dict[str, Any] = FIVE_OFF, /, **more: Any) -> int:
    with transaction() as session:
        made = rewards.create(session, shops.facts(shop), {**document, **more}, clock.now())
    points.refill_coupons()
    return made.id


def rows(statement: str, **given: Any) -> list[Any]:
    with transaction() as session:
        return list(session.execute(text(statement), given).all())


def settle_all(shop: int, store: Store | None = None) -> None:
    """Let the workers do what is left, as fast as they can."""

    def waits() -> bool:
        return bool(
            one(
                "select count(*) from outbox where shop_id = :shop and kind = 'discount' and state = 'waiting'",
                shop=shop,
            )
            + one("select count(*) from coupon_refill where shop_id = :shop", shop=shop)
            + one("select count(*) from delivery where shop_id = :shop and next_try_at is not null", shop=shop)
        )

    for _ in range(100):
        work.sweep_and_drain(1)
        with transaction() as session:
            for statement in (
                "update outbox set next_try_at = '2000-01-01' where shop_id = :shop and state = 'waiting'",
                "update coupon_refill set due_at = '2000-01-01' where shop_id = :shop",
            ):
                session.execute(text(statement), {"shop": shop})
        work.tell_the_store(until_done=False)
        if not waits():
            return
    raise AssertionError("the workers are never done")


@pytest.fixture
def store() -> Iterator[Store]:
    with open_store() as opened:
        yield opened


@pytest.fixture
def told(open_shop: Callable[..., NewShop], store: Store) -> int:
    """A shop whose store is told of codes."""
    return open_shop(discounts_url=store.url).shop_id


@pytest.fixture
def many(in_races: None) -> Callable[..., list[int]]:
    """Make members who have points each."""

    def make(shop: int, count: int, each: int, **profile: Any) -> list[int]:
        made = []
        with transaction() as session:
            for number in range(count):
                member = members.enrol(session, shop, f"c-{number}", clock.now())
                assert member is not None
                for name, value in profile.items():
                    setattr(member, name, value)
                made.append(member.id)
                posting.grant(
                    session, shop, member.id, each, at=clock.now(), key=f"first:{member.id}", author=posting.SYSTEM,
                    reason="a race", why={}, expires_at=None,
                )  # fmt: skip
        return made

    return make


def test_fifty_redeem_one_balance_exactly_as_often_as_it_lasts(
    crew: Crew, shop: int, many: Callable[..., list[int]]
) -> None:
    (member,) = many(shop, 1, 5 * 12 + 3)
    which = reward(shop)
    came = crew.together([("redeem", shop, [member] * 5, which, f"hand-{hand}") for hand in range(10)])
    outcomes = [each for hand in came for each in hand]
    codes = [each for each in outcomes if each != "not_enough_points"]
    assert (len(outcomes), len(codes), len(set(codes))) == (50, 12, 12)
    assert len([hand for hand in came if set(hand) != {"not_enough_points"}]) > 1, "that was no race"
    with transaction() as session:
        assert balance(session, shop, member, clock.now()).available == 3
    assert_proved(shop)


def test_a_request_that_is_sent_fifty_times_at_once_is_one_redemption(
    crew: Crew, shop: int, many: Callable[..., list[int]]
) -> None:
    (member,) = many(shop, 1, 500)
    came = crew.together([("redeem_again_and_again", shop, member, reward(shop), "a key", 10)] * 5)
    assert len({each for hand in came for each in hand}) == 1
    assert one("select count(*) from entry where shop_id = :shop and kind = 'spend'", shop=shop) == 1


@pytest.mark.parametrize(
    ("limited", "refusal"),
    [({"limit_total": 1}, "limit_reached"), ({"coupons": ["THE-LAST"]}, "out_of_stock")],
    ids=["limit", "pool"],
)
def test_of_a_hundred_clients_one_gets_the_last_item(
    crew: Crew, shop: int, many: Callable[..., list[int]], limited: dict[str, Any], refusal: str
) -> None:
    clients = many(shop, 100, 5)
    which = reward(shop, **limited)
    came = crew.together([("redeem", shop, clients[hand::10], which, f"hand-{hand}") for hand in range(10)])
    outcomes = Counter(each for hand in came for each in hand)
    assert outcomes.pop(refusal) == 99
    assert list(outcomes.values()) == [1]
    assert one("select sum(available) from account where shop_id = :shop", shop=shop) == 99 * 5
    assert_proved(shop)


def test_a_pool_of_a_hundred_goes_to_a_hundred_people_one_code_each(
    crew: Crew, shop: int, many: Callable[..., list[int]]
) -> None:
    clients = many(shop, 100, 5)
    pool = [f"POOL-{number}" for number in range(100)]
    which = reward(shop, coupons=pool)
    came = crew.together([("redeem", shop, clients[hand::10], which, f"hand-{hand}") for hand in range(10)])
    assert sorted(each for hand in came for each in hand) == sorted(pool)
    assert one("select count(*) from coupon_free where shop_id = :shop", shop=shop) == 0
    assert_proved(shop)


def test_however_many_look_after_a_stock_there_is_one_and_nobody_is_left_waiting(
    crew: Crew, shop: int, many: Callable[..., list[int]]
) -> None:
    members_ = many(shop, 4, 1000)
    which = reward(shop)
    before = work.redeem(shop, [members_[0]] * (STOCK + 1), which, "before")
    assert before[-1] == "requested", "when the race begins, the stock is empty and somebody waits"
    crew.together(
        [("redeem", shop, [each] * 60, which, f"hand-{each}") for each in members_] + [("sweep_and_drain", 30)] * 3
    )
    settle_all(shop)
    assert {row.status for row in rows("select status from redemption where shop_id = :s", s=shop)} == {"issued"}
    free = one("select count(*) from coupon_free where shop_id = :s", s=shop)
    assert 40 < free <= STOCK
    assert one("select count(*) from coupon where shop_id = :s", s=shop) == STOCK + 1 + 240 + free
    assert_proved(shop)


@pytest.mark.parametrize(
    "moods", [("fine", "lose", "fine", "busy"), ("fine", "lose", "refuse", "foreign")], ids=["weak", "contrary"]
)
def test_a_reward_that_is_changed_while_it_is_had_is_worth_what_it_cost(
    crew: Crew, told: int, store: Store, many: Callable[..., list[int]], moods: tuple[str, ...]
) -> None:
    one_member, other = many(told, 2, 1000)
    which = reward(told)
    store.will(*moods * 60)
    came = crew.together(
        [
            ("redeem_worths", told, one_member, which, 40, 5),
            ("redeem_worths", told, other, which, 40, 7),
            ("sweep_and_drain", 20),
            ("tell_the_store", False),
        ]
    )
    settle_all(told)
    had = rows(
        "select r.status, r.points, r.code, (r.frozen #>> '{worth,value}')::numeric as promised,"
        " (c.worth ->> 'value')::numeric as worth from redemption r"
        " join coupon c on c.shop_id = r.shop_id and c.id = r.coupon_id where r.shop_id = :shop",
        shop=told,
    )
    assert len(had) == len({each for hand in came[:2] for each in hand}) == 80
    assert {each.status for each in had} == {"issued"}
    assert len({each.points for each in had}) > 1, "the reward was not changed meanwhile: that was no race"
    for each in had:
        assert each.points == each.promised == each.worth
    if "refuse" not in moods:  # a store that takes a code and then denies it has whatever it has
        # no code is missing at the store and none an orphan: each is somebody's or in stock
        working = rows("select code from coupon where shop_id = :s and state = 'ready'", s=told)
        assert set(store.codes) == {row.code for row in working}
        assert {float(store.codes[each.code]["value"]) - each.points for each in had} == {0}
    assert_proved(told)


def test_returns_orders_and_expiry_of_the_same_redemptions_at_once_end_as_if_one_after_the_other(
    crew: Crew, told: int, store: Store, many: Callable[..., list[int]]
) -> None:
    (member,) = many(told, 1, 5 * 30)
    which = reward(told, coupon_valid_days=1)
    settle_all(told)
    (ids,) = crew.together([("redeem_worths", told, member, which, 30, None)])
    assert {row.status for row in rows("select status from redemption where shop_id = :s", s=told)} == {"issued"}
    with transaction() as session:
        session.execute(
            text("update redemption set expires_at = :at where shop_id = :shop and id % 3 <> 0"),
            {"shop": told, "at": clock.now() + timedelta(seconds=1)},
        )
    carried = rows("select id, code from redemption where shop_id = :s and id % 2 = 0", s=told)
    for row in carried:
        order = {
            "id": f"o-{row.id}",
            "currency": "EUR",
            "created_at": clock.now().isoformat(),
            "subtotal": "20.00",
            "discount_codes": [row.code.lower()],
        }
        receive(told, row.id, ("order.created", clock.now().isoformat(), order))
    crew.together(
        [
            ("give_back", told, member, ids),
            ("give_back", told, member, ids[::-1]),
            ("sweep_and_drain", 20),
            ("sweep_and_drain", 20),
            ("tell_the_store", False),
        ]
    )
    eventually(
        lambda: (
            clock.now()
            > rows("select max(expires_at) as at from redemption where shop_id = :s and id % 3 <> 0", s=told)[0].at
        ),
        "all have run out",
    )
    settle_all(told)
    ends = rows("select id, status, use_state from redemption where shop_id = :s", s=told)
    used = {each.id for each in ends if each.use_state == "used"}
    assert used == {each.id for each in carried}
    assert {each.status for each in ends if each.id in used} == {"issued"}
    assert {each.status for each in ends if each.id not in used} <= {"returned", "expired"}
    came_back = len([each for each in ends if each.status == "returned"])
    assert came_back > 0
    with transaction() as session:
        has = balance(session, told, member, clock.now())
    assert has.available + has.owed == 5 * came_back
    assert_proved(told)


def test_a_member_who_is_erased_while_they_redeem_has_nothing_and_leaves_no_address(
    races_app: Flask, shop: int, many: Callable[..., list[int]]
) -> None:
    (member,) = many(shop, 1, 5, address={"street": "1 Rue Test"})
    which = reward(shop, GIFT)
    outcome: list[str] = []

    def have() -> None:
        with races_app.app_context():
            try:
                redemptions.redeem(shops.facts(shop), Redeemer(member, Author("customer")), which, {}, "k", clock.now())
                outcome.append("had it")
            except Unauthorized:
                outcome.append("gone")

    redeeming = threading.Thread(target=have)
    with transaction() as session:
        posting.lock_accounts(session, shop, [member])
        members.erase(session, shop, "c-0", clock.now())
        redeeming.start()
        eventually(lambda: somebody_waits(races_app), "the redeemer waits for the account")
    redeeming.join()
    assert outcome == ["gone"]
    assert one("select count(*) from redemption where shop_id = :shop", shop=shop) == 0


def somebody_waits(app: Flask) -> bool:
    with psycopg.connect(app.config["LAGNIAPPE_DATABASE_URL"]) as onlooker:
        found = onlooker.execute(
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        ).fetchone()
    return bool(found and found[0])
