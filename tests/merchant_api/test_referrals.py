"""Who brought whom, and the merchant's decision where one is asked for."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import BusinessTime, TestShop
from tests.loyalty.referral_world import advocate, available, join, open_widget, program, settle
from tests.loyalty.rewards_world import violations
from tests.merchant_api.conftest import Api
from tests.merchant_api.test_openapi import address, findings

__all__ = ["address"]
HOME = {"line1": "1 Rue de la Paix", "city": "Paris", "postal_code": "75002"}


@pytest.fixture
def api(new_shop: Callable[..., TestShop], time: BusinessTime) -> Api:
    shop = new_shop(program(reward_when="registered", hold_days=0))
    time.advance(days=1)
    return Api(shop, shop.made.api_key)


@pytest.fixture
def held(api: Api) -> str:
    """The id of a referral between two who share a home."""
    _, code = advocate(api.shop, address=HOME, first_name="Ada")
    join(api.shop, "bea", code, address=HOME, email="bea@example.com", first_name="Bea")
    found: str = api.get("/referrals", review="waiting").json["items"][0]["id"]
    return found


def decide(api: Api, referral: str, review: str, **more: Any) -> Any:
    return api.call("PATCH", f"/referrals/{referral}", json={"review": review, **more})


def test_a_referral_says_who_when_and_why(api: Api, held: str) -> None:
    shown = api.get(f"/referrals/{held}").json
    assert shown["advocate"].items() >= {"external_id": "ada", "first_name": "Ada", "points": 0}.items()
    assert shown["friend"].items() >= {"external_id": "bea", "email": "bea@example.com", "points": 0}.items()
    assert (shown["state"], shown["review"], shown["reason"]) == ("qualified", "waiting", None)
    assert shown["evidence"] == {"review": ["address"]}
    assert shown["came_at"] == shown["qualified_at"] is not None and shown["rewarded_at"] is None


def test_approving_gives_what_was_held_and_says_who_did_it(api: Api, held: str) -> None:
    settle()
    assert api.get(f"/referrals/{held}").json["state"] == "qualified"
    answer = decide(api, held, "approved", reason="they are sisters", actor_name="Eve")
    assert answer.status_code == 200
    assert (answer.json["advocate"]["points"], answer.json["friend"]["points"]) == (100, 50)
    settle()
    shown = api.get(f"/referrals/{held}").json
    assert (shown["state"], shown["reviewed_by"], shown["review_reason"]) == ("rewarded", "Eve", "they are sisters")
    assert available(api.shop, int(shown["advocate"]["id"])) == 100
    assert violations(api.shop) == []


def test_refusing_is_noted_with_the_key_and_can_be_taken_back(api: Api, held: str) -> None:
    refused = decide(api, held, "refused").json
    assert (refused["state"], refused["reason"], refused["review"]) == ("rejected", "review", "refused")
    assert refused["reviewed_by"].startswith("API key")
    assert decide(api, held, "refused").json == refused
    assert decide(api, held, "approved").json["state"] == "qualified"
    assert violations(api.shop) == []


def test_what_the_rules_decided_is_refused_in_words(api: Api) -> None:
    ada, code = advocate(api.shop)
    open_widget(api.shop, ada, code)
    own = api.get("/referrals").json["items"][0]
    assert (own["state"], own["reason"], own["evidence"]) == ("rejected", "self", {"signals": ["account"]})
    answer = decide(api, own["id"], "approved")
    assert (answer.status_code, answer.json["code"]) == (409, "not_reviewable")
    join(api.shop, "bea", code)
    fine = api.get("/referrals", state="qualified").json["items"][0]["id"]
    assert decide(api, fine, "approved").json["code"] == "not_reviewable"


def test_the_list_is_filtered_and_paged(api: Api) -> None:
    ada, code = advocate(api.shop)
    _, other = advocate(api.shop, "cleo")
    for number in range(3):
        join(api.shop, f"friend-{number}", code)
    join(api.shop, "bea", other)
    open_widget(api.shop, ada, code)
    assert len(api.get("/referrals").json["items"]) == 5
    mine = api.get("/referrals", advocate=str(ada)).json["items"]
    assert [each["friend"]["external_id"] for each in mine] == ["ada", "friend-2", "friend-1", "friend-0"]
    assert len(api.get("/referrals", state="rejected").json["items"]) == 1
    assert api.get("/referrals", review="waiting").json["items"] == []
    first = api.get("/referrals", limit=3).json
    rest = api.get("/referrals", limit=3, after=first["next"]).json
    assert len(first["items"]) == 3 and len(rest["items"]) == 2 and rest["next"] is None
    assert api.get("/referrals", state="perhaps").status_code == 400


def test_an_erased_friend_has_no_name_any_more(api: Api, held: str) -> None:
    api.shop.tell("customer.redacted", {"id": "bea"})
    friend = api.get(f"/referrals/{held}").json["friend"]
    assert {friend["external_id"], friend["email"], friend["first_name"]} == {None}


@pytest.mark.parametrize("body", [{}, {"review": "perhaps"}, {"review": "approved", "reason": " "}, {"reviewed": True}])
def test_what_is_no_decision_is_refused(api: Api, held: str, body: dict[str, Any]) -> None:
    assert api.call("PATCH", f"/referrals/{held}", json=body).status_code == 422


def test_schemathesis_finds_nothing_with_a_referral_that_exists(api: Api, held: str, address: str) -> None:
    _, found = findings(
        address,
        api.key,
        parameters={"path.id": held},
        phases={"coverage": {"enabled": False}},
        generation={"max-examples": 10, "deterministic": True, "database": "none"},
        operations=[{"include-path-regex": "^/(?!referrals)", "enabled": False}],
    )
    assert found == []
    assert api.get(f"/referrals/{held}").json["review"] in ("approved", "refused")
