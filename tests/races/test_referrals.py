"""Friends who come at the same moment: no ring closes, no cap gives way, nobody is paid twice."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from backend import clock
from backend.db import db, transaction
from backend.ledger import posting
from backend.ledger.posting import Author
from backend.loyalty import name_locks
from backend.loyalty.members import members, merging
from backend.loyalty.program import programs
from backend.loyalty.referrals import referrals
from backend.loyalty.shops import shops
from tests.races.crew import Crew
from tests.races.test_drains import receive
from tests.races.test_interleavings import Meanwhile, paid_order
from tests.races.test_one_balance import assert_proved, one
from tests.races.test_redeeming import rows

TERMS = {"enabled": True, "reward_when": "registered", "households": True, "caps": {"per_day": 10}}


@pytest.fixture
def shop(open_shop: Callable[..., Any]) -> int:
    """A shop in which friends bring something at once."""
    shop_id: int = open_shop().shop_id
    with transaction() as session:
        programs.set_program(session, shop_id, {"referral": TERMS}, author="a race", now=clock.now())
    return shop_id


def people(shop: int, names: list[str]) -> list[tuple[int, str]]:
    """Members with the codes of their links."""
    made = []
    with transaction() as session:
        for name in names:
            member = members.enrol(session, shop, name, clock.now())
            assert member is not None and member.referral_code is not None
            made.append((member.id, member.referral_code))
    return made


def states(shop: int) -> dict[str, int]:
    found = rows("select coalesce(reason, state) as state, count(*) as many from referral where shop_id = :shop"
                 " group by 1", shop=shop)  # fmt: skip
    return {row.state: row.many for row in found}


def test_two_who_bring_each_other_at_once_are_one_friend_and_one_ring(crew: Crew, shop: int) -> None:
    pairs = [people(shop, [f"a-{number}", f"b-{number}"]) for number in range(10)]
    crew.together([("come_by_links", shop, [(pair[side][0], pair[1 - side][1]) for pair in pairs]) for side in (0, 1)])
    crew.together([("reward_referrals", 5)] * 2)
    assert states(shop) == {"rewarded": 10, "cycle": 10}
    assert_proved(shop)


def test_a_ring_of_four_that_closes_at_once_stays_open_somewhere(crew: Crew, shop: int) -> None:
    for number in range(5):
        ring = people(shop, [f"{number}-{place}" for place in range(4)])
        links = [(ring[place][0], ring[place - 1][1]) for place in range(4)]
        crew.together([("come_by_links", shop, [link]) for link in links])
    crew.together([("reward_referrals", 5)] * 2)
    assert states(shop) == {"rewarded": 15, "cycle": 5}
    assert_proved(shop)


def test_twenty_friends_at_once_are_ten_over_a_cap_of_ten(crew: Crew, shop: int) -> None:
    (_, code), *friends = people(shop, ["ada", *(f"friend-{number}" for number in range(20))])
    crew.together(
        [("come_by_links", shop, [(each[0], code) for each in friends[at : at + 4]]) for at in range(0, 20, 4)]
    )
    crew.together([("reward_referrals", 10)] * 2)
    assert states(shop) == {"rewarded": 10, "cap": 10}
    assert one("select sum(points) from bonus where shop_id = :shop and state = 'given'", shop=shop) == 10 * 150
    assert_proved(shop)


def free_accounts(shop: int) -> list[int]:
    """The members whose accounts nobody holds."""
    with db.engine.begin() as another:
        found = another.execute(
            text("select member_id from account where shop_id = :shop order by 1 for no key update skip locked"),
            {"shop": shop},
        )
        return list(found.scalars())


def test_an_order_of_who_came_by_another_name_takes_all_accounts_in_their_order(shop: int) -> None:
    """The friend was merged into the customer since: that referral, too, is judged by what the customer orders."""
    (advocate, code), (kept, _), (gone, _) = people(shop, ["ada", "bob", "bob-before"])
    facts = shops.facts(shop)
    with transaction() as session:
        referrals.claim(session, facts, gone, code, clock.now())
    with transaction() as session:
        merging.merge(session, facts, kept, gone, "One person", Author("staff", "Ada Admin"), clock.now())
    receive(shop, 1, paid_order(1, customer={"id": "bob"}))
    with transaction() as session:
        posting.lock_accounts(session, shop, [advocate])
        order = Meanwhile()
        assert free_accounts(shop) == [kept, gone]
    order.ends()
    assert one("select count(*) from delivery where shop_id = :shop and state = 'handled'", shop=shop) == 1
    assert_proved(shop)


def test_one_friend_told_by_store_and_widget_at_once_is_one_referral(crew: Crew, shop: int) -> None:
    (_, code), *friends = people(shop, ["ada", *(f"friend-{number}" for number in range(10))])
    for number, _ in enumerate(friends):
        at = clock.now().isoformat()
        told = {"id": f"friend-{number}", "created_at": at, "referral_code": code}
        receive(shop, number, ("customer.created", at, told))
    crew.together(
        [
            ("work_until_all_is_done", 5),
            ("come_by_links", shop, [(each[0], code) for each in friends]),
            ("come_by_links", shop, [(each[0], code) for each in reversed(friends)]),
            ("reward_referrals", 20),
        ]
    )
    crew.together([("reward_referrals", 5)] * 2)
    assert states(shop) == {"rewarded": 10}
    assert one("select count(*) from bonus where shop_id = :shop", shop=shop) == 20
    assert shops.facts(shop).id == shop
    assert_proved(shop)


def order_by(number: int, customer: str, code: str | None) -> tuple[str, str, dict[str, Any]]:
    """An order made now by that customer, who came by that link."""
    told = paid_order(number, customer={"id": customer, "referral_code": code}, created_at=clock.now().isoformat())
    return (told[0], clock.now().isoformat(), told[2])


def handled(shop: int) -> int:
    return int(one("select count(*) from delivery where shop_id = :shop and state = 'handled'", shop=shop))


def test_two_whose_orders_bring_each_other_at_once_are_one_friend_and_one_ring(crew: Crew, shop: int) -> None:
    for number in range(10):
        (_, first), (_, second) = people(shop, [f"a-{number}", f"b-{number}"])
        receive(shop, 2 * number, order_by(2 * number, f"a-{number}", second))
        receive(shop, 2 * number + 1, order_by(2 * number + 1, f"b-{number}", first))
    crew.together([("work_until_all_is_done", 3)] * 3)
    crew.together([("reward_referrals", 5)] * 2)
    assert states(shop) == {"rewarded": 10, "cycle": 10}
    assert one("select count(*) from delivery where shop_id = :shop and tries > 0", shop=shop) == 0
    assert_proved(shop)


def test_an_order_with_a_code_waits_for_who_makes_friends_and_one_without_does_not(shop: int) -> None:
    (_, code), _ = people(shop, ["ada", "bob"])
    receive(shop, 1, order_by(1, "bob", None))
    receive(shop, 2, order_by(2, "bob", code))
    with db.engine.begin() as another:
        another.execute(text("select pg_advisory_xact_lock(:key)"), {"key": name_locks.key(shop, *referrals.LINKS)})
        Meanwhile().ends()
        assert handled(shop) == 1
        with_code = Meanwhile()
        assert handled(shop) == 1
    with_code.ends()
    assert (handled(shop), states(shop)) == (2, {"qualified": 1})
    assert_proved(shop)


def test_an_order_with_a_code_takes_the_accounts_of_both_in_their_order(shop: int) -> None:
    """The advocate is not known as one yet: the code alone says whose account it will need."""
    (bob, _), (ada, code) = people(shop, ["bob", "ada"])
    receive(shop, 1, order_by(1, "bob", code))
    with transaction() as session:
        posting.lock_accounts(session, shop, [bob])
        order = Meanwhile()
        assert free_accounts(shop) == [ada]
        posting.lock_accounts(session, shop, [ada])
    order.ends()
    assert (handled(shop), states(shop)) == (1, {"qualified": 1})
    assert_proved(shop)
