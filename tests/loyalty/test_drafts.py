"""Drafts of the program: kept for the team, in force for nobody until the Update (S3.8)."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.errors import BadInput, Conflict
from backend.loyalty.program import drafts, programs
from backend.loyalty.program.drafts import Standing
from backend.models import Shop
from tests.conftest import PROGRAM, TestShop


def edit(shop: TestShop, **parts: Any) -> Standing:
    with transaction() as session:
        return drafts.change(session, shop.id, parts, author="Ada", now=clock.now())


def seen_of(shop: TestShop) -> dict[str, Any]:
    """What somebody sees who is about to press Update."""
    known = standing(shop)
    return {"seen": drafts.mark(known.edited), "version": known.version.version}


def update(shop: TestShop, author: str = "Ada") -> int:
    seen = seen_of(shop)
    with transaction() as session:
        return drafts.put_in_force(session, shop.id, **seen, author=author, now=clock.now()).version


def standing(shop: TestShop) -> Standing:
    with transaction() as session:
        return drafts.standing(session, shop.id, clock.now())


def other_set(shop: TestShop, **parts: Any) -> None:
    """Somebody else puts a version in force, without any draft."""
    with transaction() as session:
        known = drafts.standing(session, shop.id, clock.now())
        programs.set_program(session, shop.id, {**known.in_force, **parts}, author="CLI", now=clock.now())


EARN = {**PROGRAM["earn"], "points_per_step": 5}
LEFT = {"position": "left", "accent": "#112233"}


@pytest.fixture
def unchosen(shop: TestShop) -> TestShop:
    """A new shop, whose program nobody has chosen yet."""
    with transaction() as session:
        session.execute(text("delete from program_version where shop_id = :shop"), {"shop": shop.id})
        programs.start(session, session.get_one(Shop, shop.id), clock.now())
    return shop


def test_s3_8_a_draft_changes_nothing_until_it_is_put_in_force(shop: TestShop) -> None:
    before = standing(shop)
    edit(shop, earn=EARN)
    assert standing(shop).in_force == before.in_force
    assert standing(shop).edited["earn"]["points_per_step"] == 5
    number = update(shop)
    after = standing(shop)
    assert (after.version.version, after.version.author, after.draft) == (number, "Ada", None)
    assert after.in_force["earn"]["points_per_step"] == 5


def test_a_draft_of_a_new_shop_outlives_the_defaults_that_it_was_made_from(unchosen: TestShop) -> None:
    """The merchant's first version takes the place of the defaults (docs/decisions/0005)."""
    shop = unchosen
    assert standing(shop).is_unchosen
    edit(shop, earn=EARN)
    other_set(shop, appearance=LEFT)
    assert standing(shop).is_overtaken
    assert standing(shop).draft is not None
    with transaction() as session:
        drafts.take_in(session, shop.id, author="Ada", now=clock.now())
    assert standing(shop).edited["appearance"]["position"] == "left"
    assert standing(shop).edited["earn"]["points_per_step"] == 5


def test_two_people_at_different_parts_do_not_undo_each_other(shop: TestShop) -> None:
    edit(shop, earn=EARN)
    edit(shop, appearance=LEFT)
    edited = standing(shop).edited
    assert (edited["earn"]["points_per_step"], edited["appearance"]["position"]) == (5, "left")


def test_two_people_at_the_same_part_are_told(shop: TestShop) -> None:
    seen = drafts.mark(standing(shop).edited, ["earn"])
    edit(shop, earn=EARN)
    with pytest.raises(Conflict), transaction() as session:
        drafts.change(session, shop.id, {"earn": PROGRAM["earn"]}, author="Bob", now=clock.now(), seen=seen)
    assert standing(shop).edited["earn"]["points_per_step"] == 5


def test_a_draft_that_says_nothing_new_is_not_kept(shop: TestShop) -> None:
    was = standing(shop).in_force["earn"]
    assert edit(shop, earn=EARN).draft is not None
    assert edit(shop, earn=was).draft is None
    assert standing(shop).draft is None


def test_what_came_into_force_meanwhile_is_brought_in_and_the_draft_keeps_its_own(shop: TestShop) -> None:
    edit(shop, earn=EARN)
    assert not standing(shop).is_overtaken
    other_set(shop, appearance=LEFT, earn={**EARN, "points_per_step": 9})
    assert standing(shop).is_overtaken
    assert standing(shop).edited["appearance"]["position"] == "right"
    with transaction() as session:
        drafts.take_in(session, shop.id, author="Ada", now=clock.now())
    after = standing(shop)
    assert not after.is_overtaken
    assert after.edited["appearance"]["position"] == "left"
    assert after.edited["earn"]["points_per_step"] == 5


def test_an_update_of_what_nobody_has_seen_is_refused(shop: TestShop) -> None:
    edit(shop, earn=EARN)
    seen = seen_of(shop)
    edit(shop, appearance=LEFT)
    with pytest.raises(Conflict), transaction() as session:
        drafts.put_in_force(session, shop.id, **seen, author="Ada", now=clock.now())
    assert standing(shop).version.version == seen["version"]


def test_an_update_over_a_version_that_nobody_has_seen_is_refused(shop: TestShop) -> None:
    edit(shop, earn=EARN)
    seen = seen_of(shop)
    other_set(shop, appearance=LEFT)
    with pytest.raises(Conflict), transaction() as session:
        drafts.put_in_force(session, shop.id, **seen, author="Ada", now=clock.now())
    assert standing(shop).version.author == "CLI"


def test_without_a_draft_there_is_nothing_to_put_in_force(shop: TestShop) -> None:
    with pytest.raises(Conflict):
        update(shop)


def test_a_new_shop_may_choose_the_defaults(unchosen: TestShop) -> None:
    update(unchosen, author="Ada")
    assert not standing(unchosen).is_unchosen


def test_a_draft_begins_with_an_old_version(shop: TestShop) -> None:
    first = standing(shop).version.version
    edit(shop, earn=EARN)
    update(shop)
    with transaction() as session:
        drafts.start_from(session, shop.id, first, author="Ada", now=clock.now())
    assert standing(shop).edited["earn"]["points_per_step"] == 1
    with pytest.raises(Conflict), transaction() as session:
        drafts.start_from(session, shop.id, first, author="Ada", now=clock.now())


def test_a_draft_is_checked_like_a_version(shop: TestShop) -> None:
    with pytest.raises(BadInput) as refused:
        edit(shop, earn={**EARN, "spend_step": "0"})
    assert refused.value.errors[0]["field"] == "earn.spend_step"
    assert standing(shop).draft is None


def test_a_draft_is_thrown_away(shop: TestShop, new_shop: Callable[..., TestShop]) -> None:
    other_shop = new_shop()
    edit(shop, earn=EARN)
    edit(other_shop, earn=EARN)
    with transaction() as session:
        drafts.discard(session, shop.id)
        assert drafts.read(session, shop.id) is None
        assert drafts.read(session, other_shop.id) is not None
