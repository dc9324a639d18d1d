"""Merging two accounts moves points: above the limit it waits for a second person, as adding points does
(docs/decisions/0020)."""

from collections.abc import Callable

import pytest

from backend import clock
from backend.db import transaction
from backend.ledger.posting import Author
from backend.loyalty.members import erasing
from backend.staff.rights import Right
from tests.admin.conftest import Desk, said
from tests.admin.test_approvals import assign, set_limit, waiting_ids
from tests.admin.test_care import merge_key
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.rewards_world import has, member_with, rows, violations

SignIn = Callable[..., Desk]


@pytest.fixture
def ada(sign_in: SignIn) -> Desk:
    return sign_in(Right.VIEW_CUSTOMERS, Right.MANAGE_CUSTOMERS, Right.ASSIGN_POINTS, name="Ada Asks")


@pytest.fixture
def ben(sign_in: SignIn) -> Desk:
    return sign_in(Right.VIEW_CUSTOMERS, Right.ASSIGN_POINTS, name="Ben Agrees")


def merge(desk: Desk, kept: int, gone: int, reason: str = "She told us") -> str:
    return desk.done(
        f"/customers/{kept}/merge", key=merge_key(desk, kept, gone), other=gone, reason=reason, typed="merge"
    )


def status(shop: TestShop, member: int) -> str:
    (row,) = rows(shop, "select status from member where shop_id = :shop and id = :id", id=member)
    return str(row.status)


def test_above_the_limit_a_merge_waits_and_the_log_shows_both_people(
    ada: Desk, ben: Desk, shop: TestShop, time: BusinessTime
) -> None:
    set_limit(shop, 100, time)
    kept, gone = member_with(shop, 20, "c-1"), member_with(shop, 101, "c-2")
    assert "waits for a second person" in merge(ada, kept, gone)
    assert (has(shop, kept).available, has(shop, gone).available, status(shop, gone)) == (20, 101, "active")
    assert f"merged with member {gone}" in ada.page(f"/customers/{kept}").select_one("main").text  # type: ignore[union-attr]
    assert "Ada Asks has asked for this" in ada.page(f"/customers/{kept}/merge", other=gone).text
    (waiting,) = waiting_ids(shop)
    asked = ben.page("/approvals").select_one("#waiting")
    assert asked is not None
    told = " ".join(asked.text.split())
    assert "Merge: 101 points" in told
    assert f"Merge Member {gone} into this account, for good" in told
    ben.done(f"/approvals/{waiting}", decision="approved", reason="")
    assert (has(shop, kept).available, status(shop, gone)) == (121, "merged")
    assert "Ada Asks, approved by Ben Agrees" in ada.page(f"/customers/{kept}/log").text
    assert "Ada Asks, approved by Ben Agrees" in ada.page(f"/customers/{kept}/care").text
    assert violations(shop) == []


def test_the_larger_account_counts_whichever_of_the_two_stays(ada: Desk, shop: TestShop, time: BusinessTime) -> None:
    """The customer of the account that goes reaches the one that stays, with all that is in it."""
    set_limit(shop, 100, time)
    rich, friend = member_with(shop, 5_000, "c-1"), member_with(shop, 0, "c-2")
    assert "waits for a second person" in merge(ada, rich, friend)
    assert status(shop, friend) == "active"


def test_up_to_the_limit_a_merge_is_done_at_once_and_counts_towards_the_day(
    ada: Desk, shop: TestShop, time: BusinessTime
) -> None:
    set_limit(shop, 100, time)
    kept, gone = member_with(shop, 10, "c-1"), member_with(shop, 60, "c-2")
    third = member_with(shop, 50, "c-3")
    assert "one now" in merge(ada, kept, gone)
    assert has(shop, kept).available == 70
    assert "waits for a second person" in merge(ada, third, member_with(shop, 0, "c-4"))
    assert "waits for a second person" in assign(ada, kept, 41)


def test_who_asked_cannot_agree_and_whose_account_it_is_cannot_either(
    ada: Desk, sign_in: SignIn, shop: TestShop, time: BusinessTime
) -> None:
    set_limit(shop, 100, time)
    kept, gone = member_with(shop, 500, "c-1"), member_with(shop, 0, "c-2", email="dora@merging.example")
    merge(ada, kept, gone)
    (waiting,) = waiting_ids(shop)
    own = ada.post(f"/approvals/{waiting}", decision="approved", reason="")
    assert (own.status_code, "somebody else has to decide" in said(own)) == (409, True)
    dora = sign_in(Right.VIEW_CUSTOMERS, Right.ASSIGN_POINTS, email="dora@merging.example")
    hers = dora.post(f"/approvals/{waiting}", decision="approved", reason="")
    assert (hers.status_code, "own account" in said(hers)) == (409, True)
    assert status(shop, gone) == "active"


def test_who_may_not_merge_any_more_has_asked_in_vain(ada: Desk, ben: Desk, shop: TestShop, time: BusinessTime) -> None:
    set_limit(shop, 100, time)
    kept, gone = member_with(shop, 500, "c-1"), member_with(shop, 0, "c-2")
    merge(ada, kept, gone)
    with transaction() as session:
        session.connection().exec_driver_sql(
            "update staff set rights = array_remove(rights, 'customers:manage') where name = 'Ada Asks'"
        )
    (waiting,) = waiting_ids(shop)
    refused = ben.post(f"/approvals/{waiting}", decision="approved", reason="")
    assert (refused.status_code, "may not merge accounts any more" in said(refused)) == (409, True)
    assert status(shop, gone) == "active"


@pytest.mark.parametrize("which", [0, 1])
def test_what_waits_ends_with_either_account_and_what_was_written_goes(
    which: int, ada: Desk, ben: Desk, shop: TestShop, time: BusinessTime
) -> None:
    set_limit(shop, 100, time)
    both = member_with(shop, 500, "c-1"), member_with(shop, 0, "c-2")
    merge(ada, *both, reason="Zoe Quill told us")
    with transaction() as session:
        erasing.erase(session, shop.facts, both[which], Author("staff", "Ada Asks"), clock.now())
    assert waiting_ids(shop) == []
    page = ben.page("/approvals").text
    assert "Quill" not in page and "Taken back" in page


def test_what_cannot_be_merged_is_not_asked_of_anybody(ada: Desk, shop: TestShop, time: BusinessTime) -> None:
    kept, gone, third = (member_with(shop, 500, f"c-{number}") for number in (1, 2, 3))
    merge(ada, kept, gone)
    set_limit(shop, 100, time)
    refused = ada.post(f"/customers/{third}/merge", key="k" * 16, other=gone, reason="She told us", typed="merge")
    assert (refused.status_code, waiting_ids(shop)) == (409, [])
