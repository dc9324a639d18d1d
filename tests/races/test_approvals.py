"""Two who agree at the same moment, one who sends forms at the same moment, and processes that are killed meanwhile."""

from collections import Counter
from collections.abc import Callable

import pytest

from backend import clock
from backend.db import transaction
from backend.loyalty.points import approvals
from backend.loyalty.shops import shops
from backend.staff import accounts
from backend.staff.rights import Right
from tests.races.crew import Crew, eventually
from tests.races.test_one_balance import assert_proved, one

LIMIT = 100


@pytest.fixture
def team(shop: int) -> list[int]:
    """Three people who may assign points."""
    with transaction() as session:
        approvals.set_limit(session, shop, LIMIT, "a race", clock.now())
        return [
            accounts.create(
                session,
                shop,
                clock.now(),
                email=f"{name}.of{shop}@shop.example",
                name=name,
                password="correct horse battery staple",
                rights=(Right.ASSIGN_POINTS,),
            ).id
            for name in ("ada", "ben", "cleo")
        ]


def ask(shop: int, person: int, member: int, points: int, key: str) -> int:
    with transaction() as session:
        asked = approvals.adjust(
            session, shops.facts(shop), approvals.Person(person, "ada"), member, points, "a race", key, clock.now()
        )
        assert asked.state == "waiting"
        return asked.id


def available(shop: int, member: int) -> int:
    return int(one("select available from account where shop_id = :shop and member_id = :m", shop=shop, m=member))


def test_two_who_approve_at_the_same_moment_give_it_once(
    crew: Crew, shop: int, member: Callable[..., int], team: list[int]
) -> None:
    ada, ben, cleo = team
    who = member()
    asked = [ask(shop, ada, who, 1_000, f"form-{number}".zfill(16)) for number in range(20)]
    told = crew.together(
        [("approve", shop, ben, asked), ("approve", shop, cleo, asked), ("approve", shop, cleo, asked)]
    )
    for outcomes in zip(*told, strict=True):
        assert "approved" in outcomes
        assert set(outcomes) <= {"approved", "decided"}
    assert available(shop, who) == 20 * 1_000
    assert one("select count(*) from entry where shop_id = :shop and kind = 'grant'", shop=shop) == 20
    assert_proved(shop)


def test_one_who_sends_many_forms_at_once_stays_within_the_limit(
    crew: Crew, shop: int, member: Callable[..., int], team: list[int]
) -> None:
    who = member()
    keys = [[f"form-{hand}-{number}".zfill(16) for number in range(10)] for hand in range(3)]
    states = crew.together([("assign_by_hand", shop, team[0], who, 7, each) for each in keys])
    counted = Counter(state for each in states for state in each)
    assert counted == {"done": LIMIT // 7, "waiting": 30 - LIMIT // 7}
    assert available(shop, who) == LIMIT // 7 * 7
    assert_proved(shop)


def test_the_same_form_sent_by_many_at_once_counts_once(
    crew: Crew, shop: int, member: Callable[..., int], team: list[int]
) -> None:
    who = member()
    keys = [f"form-{number}".zfill(16) for number in range(9)]
    states = crew.together([("assign_by_hand", shop, team[0], who, 10, keys)] * 3)
    assert states == [["done"] * 9] * 3
    assert available(shop, who) == 90
    assert_proved(shop)


def test_killed_in_the_middle_each_change_is_wholly_done_or_not_at_all(
    crew: Crew, shop: int, member: Callable[..., int], team: list[int]
) -> None:
    ada, ben, cleo = team
    who = member()
    asked = [ask(shop, ada, who, 500, f"form-{number}".zfill(16)) for number in range(60)]
    hand = crew.ready("approve", shop, ben, asked)
    crew.wait_until_ready(hand)
    hand.go()
    eventually(lambda: available(shop, who) > 0, "the first approval")
    hand.kill()
    assert available(shop, who) == 500 * int(
        one("select count(*) from manual_change where shop_id = :shop and state = 'approved'", shop=shop)
    )
    assert set(crew.together([("approve", shop, cleo, asked)])[0]) <= {"approved", "decided"}
    assert available(shop, who) == 60 * 500
    assert_proved(shop)
