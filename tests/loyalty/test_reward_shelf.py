"""Archived rewards, and copies."""

from collections.abc import Callable

import pytest

from backend import clock
from backend.db import transaction
from backend.errors import Conflict, NotFound
from backend.loyalty.program import drafts
from backend.loyalty.rewards import campaigns, reward_definition, reward_shelf, rewards
from backend.loyalty.rewards.rewards import Reward
from tests.conftest import PROGRAM, BusinessTime, TestShop
from tests.loyalty.rewards_world import (
    GIFT,
    buy,
    change,
    free_codes,
    give_back,
    has,
    member_with,
    redeem,
    reward,
    violations,
)


def archive(shop: TestShop, which: Reward) -> Reward:
    with transaction() as session:
        return reward_shelf.archive(session, shop.facts, which.id, clock.now())


def restore(shop: TestShop, which: Reward) -> Reward:
    with transaction() as session:
        return reward_shelf.restore(session, shop.facts, which.id)


def copy(shop: TestShop, which: Reward) -> Reward:
    with transaction() as session:
        return reward_shelf.duplicate(session, shop.facts, which.id, clock.now())


def test_an_archived_reward_is_not_to_be_had(shop: TestShop) -> None:
    made = reward(shop)
    member = member_with(shop, 500)
    assert archive(shop, made).archived_at is not None
    with pytest.raises(Conflict) as refused:
        redeem(shop, member, made)
    assert refused.value.code == "reward_inactive"
    assert rewards.current(shop.id) == ()
    assert has(shop, member).available == 500


def test_what_was_had_before_goes_on_working(shop: TestShop) -> None:
    made = reward(shop)
    member = member_with(shop, 1000)
    used, kept = redeem(shop, member, made), redeem(shop, member, made)
    archive(shop, made)
    buy(shop, used.code)
    assert give_back(shop, member, kept.id).status == "returned"
    assert has(shop, member).available == 500
    assert violations(shop) == []


def test_archiving_twice_keeps_the_first_moment(shop: TestShop) -> None:
    made = reward(shop)
    first = archive(shop, made)
    again = archive(shop, made)
    assert again.archived_at == first.archived_at
    assert again.version == first.version


def test_it_cannot_be_changed_until_it_is_restored(shop: TestShop) -> None:
    made = reward(shop)
    archive(shop, made)
    with pytest.raises(Conflict) as refused:
        change(shop, made, is_active=True)
    assert refused.value.code == "reward_archived"
    restored = restore(shop, made)
    assert (restored.archived_at, restored.is_active) == (None, False)
    assert change(shop, made, is_active=True).is_active
    assert restore(shop, made).is_active, "what is not archived stays as it is"


def test_a_copy_is_inactive_and_has_everything_but_the_codes(shop: TestShop) -> None:
    made = reward(
        shop,
        coupons=["A-1"],
        labels=[{"key": "Event", "value": "Birthday"}],
        translations={"pl": {"reward_name": "5 zł"}},
        limit_total=3,
    )
    redeem(shop, member_with(shop, 500), made)
    copied = copy(shop, made)
    own = {"reward_name": "Copy of 5 off", "reward_id": "Copy_of_5_off", "is_active": False}
    assert reward_definition.to_document(copied.definition) == reward_definition.to_document(made.definition) | own
    assert (copied.coupon_source, copied.taken, free_codes(shop, copied)) == ("uploaded", 0, [])


def test_copies_of_copies_and_of_long_names_have_names(shop: TestShop) -> None:
    made = reward(shop, reward_name="x" * 200)
    names = [copy(shop, made).name for _ in range(11)]
    assert len(set(names)) == 11
    assert max(map(len, names)) <= 200
    assert copy(shop, copy(shop, reward(shop))).name == "Copy of Copy of 5 off"


def test_a_name_with_signs_of_patterns_is_copied_too(shop: TestShop) -> None:
    made = reward(shop, reward_name="50%_off \\")
    assert [copy(shop, made).name for _ in range(2)] == ["Copy of 50%_off \\", "Copy of 50%_off \\ (2)"]


def test_the_api_lists_no_archived_reward_and_says_why_it_cannot_be_changed(shop: TestShop) -> None:
    made = reward(shop)
    archive(shop, made)
    headers = {"Authorization": f"Bearer {shop.made.api_key}"}
    assert shop.client.get("/api/v1/rewards", headers=headers).get_json()["items"] == []
    assert shop.client.get(f"/api/v1/rewards/{made.public_id}", headers=headers).get_json()["is_active"] is False
    refused = shop.client.patch(f"/api/v1/rewards/{made.public_id}", json={"rank": 3}, headers=headers)
    assert (refused.status_code, refused.get_json()["code"]) == (409, "reward_archived")


def test_another_shops_reward_is_not_found(shop: TestShop, new_shop: Callable[..., TestShop]) -> None:
    theirs = reward(new_shop())
    for act in (archive, restore, copy):
        with pytest.raises(NotFound):
            act(shop, theirs)


def test_what_is_promised_elsewhere_cannot_be_archived(new_shop: Callable[..., TestShop], time: BusinessTime) -> None:
    shop = new_shop()
    bowl, mug = reward(shop, GIFT, reward_name="Bowl"), reward(shop, GIFT, reward_name="Mug")
    promised = {
        **PROGRAM,
        "referral": {"enabled": True, "advocate": {"points": 5}, "friend": {"reward": bowl.public_id}},
        "tiers": {"levels": [{"id": "gold", "from": 100, "name": {"en": "Gold"}, "gift": bowl.public_id}]},
    }
    shop.set_program(**promised)
    with transaction() as session:
        wanted = {"names": {"en": "Spring"}, "starts_at": "2090-03-01", "ends_at": None, "gifts": [bowl.public_id]}
        campaign = campaigns.create(session, shop.facts, wanted, clock.now())
        leaves = {**PROGRAM, "referral": {"enabled": True, "advocate": {"reward": mug.public_id}}}
        drafts.save(session, shop.id, leaves, author="Ada", now=clock.now())
    time.advance(seconds=1)
    assert places(shop, bowl) == [
        "the referral program’s gift for the friend",
        "the level “Gold”",
        "the points campaign “Spring”",
    ]
    assert places(shop, mug) == ["the referral program’s gift for who brings a friend in the draft of the program"]
    shop.set_program(**PROGRAM)
    with transaction() as session:
        drafts.discard(session, shop.id)
        campaigns.update(session, shop.facts, campaign.id, {"gifts": []}, clock.now())
    time.advance(seconds=1)
    assert archive(shop, bowl).archived_at is not None


def places(shop: TestShop, which: Reward) -> list[str]:
    with pytest.raises(Conflict) as refused:
        archive(shop, which)
    assert refused.value.code == "reward_promised"
    found: list[str] = refused.value.extra["places"]
    assert ", ".join(found) in refused.value.detail
    return found
