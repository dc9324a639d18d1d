"""The rewards that were had most: exact, but where summing takes long good for a minute."""

import pytest

from backend.db import transaction
from backend.reports import kept, program
from tests.conftest import TestShop
from tests.loyalty.rewards_world import FIVE_OFF, member_with, redeem, reward


def had(shop: TestShop) -> list[tuple[str, int]]:
    with transaction() as session:
        found = program.rewards(session, shop.id, *kept.ALWAYS, limit=5)
        return [(each.name, each.times) for each in found]


@pytest.mark.parametrize(("slow_from", "seen_again"), [(60.0, 2), (0.0, 1)])
def test_what_took_long_is_shown_again_for_a_while(
    shop: TestShop, monkeypatch: pytest.MonkeyPatch, slow_from: float, seen_again: int
) -> None:
    monkeypatch.setattr(program, "SLOW_SECONDS", slow_from)
    which = reward(shop, **{**FIVE_OFF, "coupons": ["A-1", "A-2"]})
    member = member_with(shop, 1000)
    redeem(shop, member, which)
    assert [times for _, times in had(shop)] == [1]
    redeem(shop, member, which)
    assert [times for _, times in had(shop)] == [seen_again]
