"""Levels over the merchant API: where members stand, who is at a level, and levels that are given by hand."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from backend import clock
from backend.db import transaction
from backend.ledger.posting import Author
from backend.loyalty.members import merging
from backend.merchant_api.shapes import utc_text
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.tiers_world import earn, program, settle
from tests.merchant_api.conftest import Api


@pytest.fixture
def tiered(new_shop: Callable[..., TestShop], time: BusinessTime) -> Api:
    shop = new_shop(program())
    return Api(shop, shop.made.api_key)


def test_where_a_member_stands(tiered: Api) -> None:
    member = tiered.member()
    nothing = {"level": None, "reached": None, "leaves_at": None, "manual": None}
    assert tiered.get(f"/members/{member}/tier").json == {**nothing, "basis": None, "value": "0"}
    earn(tiered.shop, int(member), 120)
    shown = tiered.get("/members/external:c1/tier").json
    assert shown == {**nothing, "level": "silver", "reached": "silver", "basis": "points_earned", "value": "120"}
    assert tiered.get(f"/members/{member}").json["tier"] == "silver"


def test_members_at_a_level_are_listed(tiered: Api) -> None:
    members = [tiered.member(f"c{number}") for number in range(3)]
    for each in members[1:]:
        earn(tiered.shop, int(each), 120)
    assert [each["id"] for each in tiered.get("/members", tier="silver").json["items"]] == members[:0:-1]
    assert tiered.get("/members", tier="gold").json["items"] == []


def test_a_level_is_given_and_taken_back_and_who_and_why_is_kept(tiered: Api) -> None:
    member = tiered.member()
    until = utc_text(clock.now() + timedelta(days=30))
    given = tiered.put(f"/members/{member}/tier", {"level": "gold", "until": until, "reason": "A friend of the house"})
    assert given.status_code == 200
    assert (given.json["level"], given.json["reached"]) == ("gold", None)
    assert given.json["manual"] == {"level": "gold", "until": until}
    taken = tiered.call("DELETE", f"/members/{member}/tier")
    assert (taken.status_code, taken.json["level"], taken.json["manual"]) == (200, None, None)
    settle()
    back, there = tiered.get(f"/members/{member}/tier/changes").json["items"]
    assert (there["from_level"], there["to_level"], there["cause"]) == (None, "gold", "manual")
    assert (there["manual"], there["reason"]) == ({"level": "gold", "until": until}, "A friend of the house")
    assert there["actor"] == back["actor"] != ""
    assert (back["to_level"], back["manual"]) == (None, None)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"level": "platinum", "reason": "x"}, 409, "no_such_level"),
        ({"level": "gold", "until": "2020-01-01T00:00:00Z", "reason": "x"}, 409, "is_past"),
        ({"level": "gold"}, 422, "bad_input"),
        ({"level": "gold", "reason": "x", "until": "tomorrow"}, 422, "bad_input"),
        ({"level": None, "reason": "x"}, 422, "bad_input"),
    ],
)
def test_what_cannot_be_given(tiered: Api, body: dict[str, Any], status: int, code: str) -> None:
    refused = tiered.put(f"/members/{tiered.member()}/tier", body)
    assert (refused.status_code, refused.json["code"]) == (status, code)


def test_an_erased_member_is_given_nothing(tiered: Api) -> None:
    member = tiered.member()
    tiered.shop.tell("customer.redacted", {"id": "c1"})
    refused = tiered.put(f"/members/{member}/tier", {"level": "gold", "reason": "x"})
    assert (refused.status_code, refused.json["code"]) == (409, "erased")


def test_an_account_that_was_merged_is_given_nothing_and_is_not_called_erased(tiered: Api) -> None:
    kept, gone = tiered.member("c1"), tiered.member("c2")
    with transaction() as session:
        merging.merge(session, tiered.shop.facts, int(kept), int(gone), "a test", Author("staff", "Ada"), clock.now())
    refused = tiered.put(f"/members/{gone}/tier", {"level": "gold", "reason": "x"})
    assert (refused.status_code, refused.json["code"]) == (409, "member_merged")
    assert tiered.put(f"/members/{kept}/tier", {"level": "gold", "reason": "x"}).status_code == 200
