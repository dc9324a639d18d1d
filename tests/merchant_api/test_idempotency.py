"""The same request with the same Idempotency-Key: one effect, one answer (contract section 6, G7)."""

from collections.abc import Callable

import pytest
from sqlalchemy import text

from backend.db import transaction
from tests.merchant_api.conftest import Api

AtOnce = Callable[..., list[tuple[int, bytes]]]
BODY = {"points": 50, "reason": "A test"}


def moves(api: Api, member: str) -> list[int]:
    return [each["points"] for each in api.get(f"/members/{member}/transactions").json["items"]]


def test_the_same_request_again_has_no_effect_and_the_same_answer(api: Api) -> None:
    member = api.member()
    first = api.post(f"/members/{member}/adjustments", BODY, key="k")
    api.adjust(member, 7)
    again = api.post(f"/members/{member}/adjustments", BODY, key="k")
    assert first.status_code == again.status_code == 201
    assert first.data == again.data
    assert first.mimetype == again.mimetype == "application/json"
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert moves(api, member) == [7, 50]


def test_without_a_key_each_request_counts(api: Api) -> None:
    member = api.member()
    for _ in range(2):
        api.post(f"/members/{member}/adjustments", BODY)
    assert moves(api, member) == [50, 50]


def test_another_body_under_the_same_key_is_refused(api: Api) -> None:
    member = api.member()
    api.post(f"/members/{member}/adjustments", BODY, key="k")
    for other in ({**BODY, "points": 51}, {**BODY, "reason": "Another"}, {**BODY, "actor_name": "Bo"}):
        answer = api.post(f"/members/{member}/adjustments", other, key="k")
        assert (answer.status_code, answer.json["code"]) == (422, "idempotency_key_reused")
    assert moves(api, member) == [50]


def test_bad_input_does_not_use_up_the_key(api: Api) -> None:
    member = api.member()
    assert api.post(f"/members/{member}/adjustments", {"points": 0}, key="k").status_code == 422
    assert api.post("/members/external:nobody/adjustments", BODY, key="k").status_code == 404
    assert api.post(f"/members/{member}/adjustments", BODY, key="k").status_code == 201


def test_a_refusal_is_remembered_like_a_success(api: Api) -> None:
    member = api.member()
    body = {"points": -10, "reason": "A test"}
    first = api.post(f"/members/{member}/adjustments", body, key="k")
    api.adjust(member, 100)
    again = api.post(f"/members/{member}/adjustments", body, key="k")
    assert first.status_code == again.status_code == 409
    assert first.data == again.data
    assert again.mimetype == "application/problem+json"
    assert moves(api, member) == [100]
    assert api.post(f"/members/{member}/adjustments", body, key="another").status_code == 201


def test_one_key_for_two_members_is_two_requests(api: Api) -> None:
    one, other = api.member("c1"), api.member("c2")
    for member in (one, other):
        assert api.post(f"/members/{member}/adjustments", BODY, key="campaign-7").status_code == 201
    assert moves(api, one) == moves(api, other) == [50]


def test_the_keys_of_two_api_keys_do_not_meet(api: Api, key_with: Callable[..., Api]) -> None:
    member = api.member()
    second = key_with("points:assign")
    assert api.post(f"/members/{member}/adjustments", BODY, key="1").status_code == 201
    assert second.post(f"/members/{member}/adjustments", {**BODY, "points": 5}, key="1").status_code == 201
    assert moves(api, member) == [5, 50]


def test_the_ledger_remembers_longer_than_the_answers(api: Api) -> None:
    member = api.member("c1")
    first = api.post(f"/members/{member}/adjustments", BODY, key="k")
    with transaction() as session:
        session.execute(text("delete from remembered_answer where shop_id = :shop"), {"shop": api.shop.id})
    again = api.post(f"/members/{member}/adjustments", BODY, key="k")
    assert (again.status_code, again.json) == (201, first.json)
    by_another_name = api.post("/members/external:c1/adjustments", BODY, key="k")
    assert (by_another_name.status_code, by_another_name.json) == (201, first.json)
    other_body = api.post("/members/external:c1/adjustments", {**BODY, "points": 51}, key="k")
    assert other_body.status_code == 422
    assert moves(api, member) == [50]


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "é"])
def test_a_key_that_cannot_be_one_is_refused(api: Api, key: str) -> None:
    answer = api.post(f"/members/{api.member()}/adjustments", BODY, key=key)
    assert (answer.status_code, answer.json["code"]) == (400, "bad_parameter")
    assert answer.json["errors"][0]["field"] == "Idempotency-Key"


def test_the_longest_key_and_the_longest_name_fit(api: Api) -> None:
    external_id = "漢" * 255
    api.shop.tell("customer.created", {"id": external_id})
    answer = api.post(f"/members/external:{external_id}/adjustments", BODY, key="k" * 255)
    assert answer.status_code == 201
    again = api.post(f"/members/external:{external_id}/adjustments", BODY, key="k" * 255)
    assert again.data == answer.data


def test_copies_sent_at_once_have_one_effect_and_get_one_answer(api: Api, at_once: AtOnce) -> None:
    member = api.member()
    answers = at_once(f"/members/{member}/adjustments", [BODY] * 6, key="k")
    assert set(answers) == {answers[0]}
    assert answers[0][0] == 201
    assert moves(api, member) == [50]


def test_different_bodies_sent_at_once_under_one_key_have_one_effect(api: Api, at_once: AtOnce) -> None:
    member = api.member()
    bodies = [{**BODY, "points": points} for points in range(1, 6)]
    answers = at_once(f"/members/{member}/adjustments", bodies, key="k")
    assert sorted(status for status, _ in answers) == [201, 422, 422, 422, 422]
    assert len(moves(api, member)) == 1


def test_deductions_sent_at_once_never_take_more_than_there_is(api: Api, at_once: AtOnce) -> None:
    member = api.member()
    api.adjust(member, 100)
    answers = at_once(f"/members/{member}/adjustments", [{"points": -40, "reason": "A test"}] * 6)
    assert sorted(status for status, _ in answers) == [201, 201, 409, 409, 409, 409]
    assert api.get(f"/members/{member}/balance").json["available"] == 20
