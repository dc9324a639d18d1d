"""Many claims of one member at one moment keep to the rule's limit (reliability F-81, I-22)."""

from collections.abc import Callable

import pytest

from backend import clock
from backend.db import transaction
from backend.loyalty.program import programs
from tests.races.crew import Crew
from tests.races.test_one_balance import assert_proved, one


@pytest.mark.parametrize(("limit", "times"), [({"times": 3, "per": "day"}, 3), (None, 1)])
def test_fifty_claims_of_one_rule_give_exactly_what_its_limit_allows(
    crew: Crew, shop: int, member: Callable[..., int], limit: dict[str, object] | None, times: int
) -> None:
    rule = {"id": "visit", "kind": "visit", "points": 5, "title": {"en": "Look in"}, "limit": limit}
    with transaction() as session:
        programs.set_program(session, shop, {"rules": [rule]}, author="a race", now=clock.now())
    member_id = member()
    given = crew.together([("claim", shop, member_id, "visit", 10)] * 5)
    assert len({bonus for each in given for bonus in each}) == sum(map(len, given)) == times
    assert one("select count(*) from bonus where shop_id = :shop", shop=shop) == times
    assert one("select sum(pending + available) from account where shop_id = :shop", shop=shop) == 5 * times
    assert_proved(shop)
