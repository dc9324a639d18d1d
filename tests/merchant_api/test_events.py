"""Events of members, told by the merchant's own systems."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.conftest import BusinessTime, TestShop
from tests.loyalty.earn_world import given, had, rule
from tests.merchant_api.conftest import Api

NOW = "2026-11-25T12:00:00+01:00"  # a Wednesday
VIPS = [{"conditions": [{"attribute": "User Tags", "operator": "Contain any of", "value": ["vip"]}]}]


@pytest.fixture
def member(time: BusinessTime, api: Api) -> str:
    time.set(NOW)
    return api.member("c-1")


@pytest.fixture
def rules(time: BusinessTime) -> Callable[..., None]:
    def set_rules(shop: TestShop, *all_rules: dict[str, Any], **more: Any) -> None:
        shop.set_program(rules=list(all_rules), **more)
        time.advance(seconds=1)

    return set_rules


def test_an_event_gives_what_the_rules_about_it_give(rules: Callable[..., None], api: Api, member: str) -> None:
    rules(
        api.shop,
        rule("event", 30, id="quiz", event="quiz-won"),
        rule("review", 20),
        rule("event", 5, id="x", event="x"),
    )
    answer = api.post(f"/members/{member}/events", {"event": "quiz-won", "reason": "All ten right"})
    assert answer.status_code == 201, answer.text
    assert answer.json["given"] == [{"rule": "quiz", "points": 30, "due_at": "2026-11-24T23:00:00Z"}]
    assert (answer.json["event"], answer.json["id"], answer.json["refused"]) == ("quiz-won", None, [])
    api.post(f"/members/{member}/events", {"event": "review", "id": "review-1"})
    assert had(api.shop) == 50
    (bonus,) = given(api.shop, "quiz")
    assert (bonus.why["event"], bonus.why["reason"]) == ("quiz-won", "All ten right")


def test_an_id_makes_it_once_for_each_member(rules: Callable[..., None], api: Api, member: str) -> None:
    rules(api.shop, rule("review", 20))
    other = api.member("c-2")
    first = api.post(f"/members/{member}/events", {"event": "review", "id": "r/1 é"})
    for _ in range(2):
        again = api.post(f"/members/{member}/events", {"event": "review", "id": "r/1 é", "reason": "again"})
        assert (again.status_code, again.json) == (201, first.json)
    assert api.post(f"/members/{other}/events", {"event": "review", "id": "r/1 é"}).json["given"]
    assert (had(api.shop), had(api.shop, "c-2")) == (20, 20)


def test_the_ids_of_one_event_are_not_those_of_another(rules: Callable[..., None], api: Api, member: str) -> None:
    rules(api.shop, rule("event", 30, id="quiz", event="summer-quiz"))
    assert api.post(f"/members/{member}/events", {"event": "summer-quiz", "id": "1"}).json["given"]
    rules(api.shop, rule("event", 30, id="quiz", event="winter-quiz"))
    assert api.post(f"/members/{member}/events", {"event": "winter-quiz", "id": "1"}).json["given"]
    assert had(api.shop) == 60


def test_the_same_idempotency_key_is_the_same_event(rules: Callable[..., None], api: Api, member: str) -> None:
    rules(api.shop, rule("review", 20))
    for _ in range(2):
        assert api.post(f"/members/{member}/events", {"event": "review"}, key="k-1").status_code == 201
    assert had(api.shop) == 20


def test_many_at_once_with_one_id_give_it_once(
    rules: Callable[..., None], api: Api, member: str, at_once: Callable[..., list[tuple[int, bytes]]]
) -> None:
    rules(api.shop, rule("review", 20))
    answers = at_once(f"/members/{member}/events", [{"event": "review", "id": "r-1"}] * 5)
    assert {status for status, _ in answers} == {201}
    assert len({body for _, body in answers}) == 1
    assert had(api.shop) == 20


@pytest.mark.parametrize(
    ("per", "at", "is_given"),
    [
        ("ever", "2020-01-01T00:00:00Z", False),
        ("day", "2026-11-24T23:00:00Z", False),  # the first instant of today in Paris
        ("day", "2026-11-24T22:59:59Z", True),
        ("week", "2026-11-22T23:00:00Z", False),  # Monday
        ("week", "2026-11-22T22:59:59Z", True),
        ("month", "2026-11-01T00:00:00Z", False),
        ("month", "2026-10-31T22:59:59Z", True),
        ("year", "2026-01-01T00:00:00Z", False),
        ("year", "2025-12-31T22:59:59Z", True),
    ],
)
def test_a_limit_counts_in_periods_of_the_shops_zone(
    rules: Callable[..., None], api: Api, member: str, time: BusinessTime, per: str, at: str, is_given: bool
) -> None:
    time.set("2019-01-01T00:00:00Z")
    rules(api.shop, rule("review", 20, limit={"times": 1, "per": per}))
    time.set(NOW)
    assert api.post(f"/members/{member}/events", {"event": "review"}).json["given"]
    answer = api.post(f"/members/{member}/events", {"event": "review", "at": at})
    if is_given:
        assert answer.json["refused"] == []
    else:
        (refused,) = answer.json["refused"]
        assert (refused["rule"], refused["because"]) == ("review", "limit_reached")
    assert had(api.shop) == (40 if is_given else 20)


def test_a_rule_for_others_or_of_another_time_says_why_it_gives_nothing(
    rules: Callable[..., None], api: Api, member: str
) -> None:
    rules(
        api.shop,
        rule("review", id="vip", eligibility=VIPS),
        rule("review", id="over", active_to="2026-11-25T11:00:00+01:00"),
        rule("review", id="all"),
    )
    answer = api.post(f"/members/{member}/events", {"event": "review"}).json
    assert [each["rule"] for each in answer["given"]] == ["all"]
    assert [(each["rule"], each["because"]) for each in answer["refused"]] == [
        ("vip", "not_eligible"),
        ("over", "not_active"),
    ]
    assert answer["refused"][0]["message"].startswith("For members ")


@pytest.mark.parametrize(
    ("event", "at", "code"),
    [
        ("nothing", None, "no_such_event"),
        ("signup", None, "no_such_event"),  # no kind is an event but newsletter and review
        ("review", "2026-11-20T12:00:00Z", "no_such_event"),  # before there was a program
        ("review", "2026-11-25T13:00:00+01:00", "in_the_future"),
    ],
)
def test_what_no_rule_is_about_is_refused(
    rules: Callable[..., None], api: Api, member: str, event: str, at: str | None, code: str
) -> None:
    rules(api.shop, rule("review"), rule("signup"))
    answer = api.post(f"/members/{member}/events", {"event": event, "at": at, "id": "e-1"})
    assert (answer.status_code, answer.json["code"]) == (409, code)
    assert had(api.shop) == 0


def test_a_clock_that_is_a_little_ahead_is_forgiven(
    rules: Callable[..., None], api: Api, member: str, time: BusinessTime
) -> None:
    rules(api.shop, rule("review"))
    at = (time.now + timedelta(minutes=4)).isoformat()
    assert api.post(f"/members/{member}/events", {"event": "review", "at": at}).status_code == 201


def test_a_subscriber_is_paid_once_however_it_is_told(rules: Callable[..., None], api: Api, member: str) -> None:
    rules(api.shop, rule("newsletter"))
    api.shop.tell("customer.updated", {"id": "c-1", "accepts_marketing": True})
    answer = api.post(f"/members/{member}/events", {"event": "newsletter"}).json
    assert answer["refused"][0]["because"] == "limit_reached"
    assert had(api.shop) == 50


def test_while_the_program_is_off_there_is_no_such_event(rules: Callable[..., None], api: Api, member: str) -> None:
    rules(api.shop, rule("review"), enabled=False)
    assert api.post(f"/members/{member}/events", {"event": "review"}).json["code"] == "no_such_event"


def test_an_erased_member_gets_nothing(rules: Callable[..., None], api: Api, member: str) -> None:
    rules(api.shop, rule("review"))
    api.shop.tell("customer.redacted", {"id": "c-1"})
    assert api.post(f"/members/{member}/events", {"event": "review"}).json["code"] == "member_erased"
