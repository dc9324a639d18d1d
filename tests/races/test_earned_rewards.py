"""Many earn a reward at the same moment: nobody's code is anybody else's, and no pool gives more than it holds."""

from collections import Counter
from collections.abc import Callable

from tests.races.crew import Crew
from tests.races.test_one_balance import assert_proved, one
from tests.races.test_redeeming import many, reward, rows, settle_all

__all__ = ["many"]


def test_fifty_earn_from_one_pool_exactly_what_it_holds(crew: Crew, shop: int, many: Callable[..., list[int]]) -> None:
    everybody = many(shop, 50, 1)
    which = reward(shop, coupons=[f"POOL-{number}" for number in range(30)])
    came = crew.together([("earn_rewards", shop, everybody[at : at + 5], which, "once") for at in range(0, 50, 5)])
    codes = Counter(code for hand in came for code in hand)
    assert codes.pop("none", 0) == 20
    assert set(codes.values()) == {1} and len(codes) == 30
    assert_proved(shop)


def test_fifty_earn_a_reward_that_has_no_code_ready_and_all_of_them_get_one(
    crew: Crew, shop: int, many: Callable[..., list[int]]
) -> None:
    everybody = many(shop, 50, 1)
    which = reward(shop, is_active=False)
    came = crew.together([("earn_rewards", shop, everybody[at : at + 5], which, "once") for at in range(0, 50, 5)])
    assert {code for hand in came for code in hand} == {"requested"}
    settle_all(shop)
    codes = [row.code for row in rows("select code from redemption where shop_id = :shop", shop=shop)]
    assert len(set(codes)) == 50 and None not in codes
    assert_proved(shop)


def test_the_same_occasion_in_ten_processes_is_one_reward(
    crew: Crew, shop: int, many: Callable[..., list[int]]
) -> None:
    (member,) = many(shop, 1, 1)
    which = reward(shop)
    came = crew.together([("earn_rewards", shop, [member] * 5, which, "once") for _ in range(10)])
    assert len({code for hand in came for code in hand}) == 1
    assert one("select count(*) from redemption where shop_id = :shop", shop=shop) == 1
    assert_proved(shop)
