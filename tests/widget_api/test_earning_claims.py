"""Ways to earn in the widget: which are shown, how far a member is, and claims."""

from collections.abc import Callable
from typing import Any

import pytest

from backend.jobs import points
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.earn_world import given, had, member, rows, rule
from tests.widget_api.conftest import Widget

NOW = "2026-11-25T12:00:00+01:00"
VIPS = [{"conditions": [{"attribute": "User Tags", "operator": "Contain any of", "value": ["vip"]}]}]
FOLLOW = rule(
    "follow",
    10,
    network="instagram",
    text={"en": "We post new things first there.", "de": "Neues zeigen wir dort zuerst."},
    button={"label": {"en": "Follow"}, "url": "https://www.instagram.com/shop"},
)


@pytest.fixture
def at_work(time: BusinessTime, shop: TestShop) -> Callable[..., None]:
    def set_rules(*rules: dict[str, Any], **more: Any) -> None:
        time.set(NOW)
        shop.set_program(rules=list(rules), **more)
        time.advance(seconds=1)

    return set_rules


def ways(widget: Widget, **options: Any) -> dict[str, dict[str, Any]]:
    return {each["id"]: each for each in widget.me(**options)["earn"]}


# What is shown


def test_each_rule_is_shown_as_the_widget_needs_it(widget: Widget, at_work: Callable[..., None]) -> None:
    at_work(FOLLOW)
    order, follow = widget.program(query_string={"locale": "de"}).json["earn"]
    assert order["kind"] == "order"
    assert follow == {
        "id": "follow",
        "kind": "follow",
        "title": "Follow",
        "text": "Neues zeigen wir dort zuerst.",
        "points_text": "10 Punkte",
        "button": {"label": "Follow", "url": "https://www.instagram.com/shop"},
        "network": "instagram",
        "is_claim": True,
        "limit_text": "Einmal",
        "active_to": None,
    }
    assert ways(widget)["follow"] == {
        **next(each for each in widget.program().json["earn"] if each["id"] == "follow"),
        "done": False,
        "limit": {"times": 1, "per": "ever", "used": 0},
        "is_claimable": True,
    }


@pytest.mark.parametrize(
    ("given_rule", "points_text", "limit_text"),
    [
        ({"kind": "multiplier", "factor": "2"}, "2× points", None),
        ({"kind": "multiplier", "factor": "1.5"}, "1.5× points", None),
        ({"kind": "product", "points": 20, "items": {"skus": ["a"]}}, "20 points per item", None),
        (
            {"kind": "product", "points": 1, "items": {"skus": ["a"]}, "limit": {"times": 3, "per": "order"}},
            "1 point per item",
            "Up to 3× per order",
        ),
        ({"kind": "visit", "points": 1, "limit": {"times": 1, "per": "day"}}, "1 point", "Once a day"),
        ({"kind": "share", "points": 1, "limit": {"times": 5, "per": "week"}}, "1 point", "Up to 5× a week"),
        ({"kind": "birthday", "points": 100}, "100 points", None),
        ({"kind": "event", "points": 1200, "event": "quiz"}, "1,200 points", None),
    ],
)
def test_points_and_limits_are_said_in_words(
    widget: Widget, at_work: Callable[..., None], given_rule: dict[str, Any], points_text: str, limit_text: str | None
) -> None:
    at_work({"id": "r", "title": {"en": "A rule"}, **given_rule})
    shown = widget.program().json["earn"][1]
    assert (shown["points_text"], shown["limit_text"]) == (points_text, limit_text)


def test_what_is_not_in_force_now_and_exclusions_are_not_shown(
    widget: Widget, at_work: Callable[..., None], time: BusinessTime
) -> None:
    at_work(
        rule("visit", id="soon", active_from="2026-11-26T00:00:00+01:00", active_to="2026-11-27T00:00:00+01:00"),
        {"id": "books", "kind": "exclusion", "title": {"en": "No books"}, "items": {"skus": ["b"]}},
    )

    def shown() -> list[str]:
        assert list(ways(widget)) == [each["id"] for each in widget.program().json["earn"]]
        return list(ways(widget))

    assert shown() == ["order"]
    time.set("2026-11-26T00:00:00+01:00")
    assert shown() == ["order", "soon"]
    assert ways(widget)["soon"]["active_to"] == "2026-11-26T23:00:00Z"
    time.set("2026-11-27T00:00:00+01:00")
    assert shown() == ["order"]


def test_what_is_not_for_this_member_is_left_out(
    widget: Widget, at_work: Callable[..., None], shop: TestShop, time: BusinessTime
) -> None:
    at_work(rule("visit", eligibility=VIPS))
    assert "visit" not in ways(widget)
    time.advance(minutes=1)
    member(shop, tags=["vip"])
    assert "visit" in ways(widget)


# Claims


def test_a_claim_is_recorded_once_and_says_that_it_is_one(
    widget: Widget, at_work: Callable[..., None], shop: TestShop
) -> None:
    at_work(FOLLOW)
    answer = widget.call("me/earn/follow", "POST", json={})
    assert answer.status_code == 201
    assert answer.json == {
        "id": "follow",
        "points": 10,
        "points_text": "10 points",
        "due_at": "2026-11-24T23:00:00Z",
        "done": True,
        "limit": {"times": 1, "per": "ever", "used": 1},
    }
    again = widget.call("me/earn/follow", "POST", json={}, headers={"Accept-Language": "de"})
    assert (again.status_code, again.json["code"]) == (409, "already_claimed")
    assert again.json["detail"] == "Das hast du schon gemeldet."
    points.post_due()
    (entry, *_) = widget.call("me/activity").json["items"]
    assert entry["title"] == "Follow"
    assert (entry["why"]["claimed"], entry["why"]["network"]) == (True, "instagram")
    assert ways(widget)["follow"]["done"] is True
    assert had(shop) == 10


def test_a_claim_may_come_again_in_the_next_period(
    widget: Widget, at_work: Callable[..., None], time: BusinessTime, shop: TestShop
) -> None:
    at_work(rule("visit", 1, limit={"times": 2, "per": "day"}))
    statuses = [widget.call("me/earn/visit", "POST").status_code for _ in range(3)]
    assert statuses == [201, 201, 409]
    assert widget.call("me/earn/visit", "POST").json["code"] == "limit_reached"
    time.set("2026-11-26T00:00:00+01:00")
    widget.token = None
    assert ways(widget)["visit"]["limit"] == {"times": 2, "per": "day", "used": 0}
    assert widget.call("me/earn/visit", "POST").json["limit"]["used"] == 1
    assert had(shop) == 3


def test_points_of_a_claim_wait_for_the_rules_delay(
    widget: Widget, at_work: Callable[..., None], shop: TestShop
) -> None:
    at_work(rule("share", 5, delay_days=2))
    assert widget.call("me/earn/share", "POST").json["due_at"] == "2026-11-26T23:00:00Z"
    (pending,) = widget.me()["balance"]["pending"]
    assert (pending["points"], pending["reason"]) == (5, "Share")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("signup", 409, "not_claimable"),
        ("review", 409, "not_claimable"),
        ("double", 409, "not_claimable"),
        ("order", 409, "not_claimable"),
        ("vip", 409, "not_eligible"),
        ("over", 404, "not_found"),
        ("nothing", 404, "not_found"),
        ("NOT%20AN%20ID", 404, "not_found"),
    ],
)
def test_what_cannot_be_claimed(
    widget: Widget, at_work: Callable[..., None], shop: TestShop, path: str, status: int, code: str
) -> None:
    at_work(
        rule("signup"),
        rule("review"),
        {"id": "double", "kind": "multiplier", "factor": "2", "title": {"en": "Twice"}},
        rule("visit", id="vip", eligibility=VIPS),
        rule("visit", id="over", active_to="2026-11-25T11:00:00+01:00"),
    )
    answer = widget.call(f"me/earn/{path}", "POST", json={})
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert had(shop) == 0


def test_a_refusal_speaks_the_members_language(widget: Widget, at_work: Callable[..., None]) -> None:
    at_work(rule("visit", eligibility=VIPS))
    sentences = {
        language: widget.call("me/earn/visit", "POST", headers={"Accept-Language": language}).json["detail"]
        for language in ("en", "de")
    }
    assert "vip" in sentences["en"] and "vip" in sentences["de"]
    assert sentences["en"] != sentences["de"]


@pytest.mark.parametrize("body", [{"birthday": "1990-02-28"}, {"other": 1}, []])
def test_a_claim_takes_nothing_that_does_not_belong_to_it(
    widget: Widget, at_work: Callable[..., None], shop: TestShop, body: Any
) -> None:
    at_work(FOLLOW)
    assert widget.call("me/earn/follow", "POST", json=body).status_code == 422
    assert had(shop) == 0


def test_a_session_that_was_ended_claims_nothing(widget: Widget, at_work: Callable[..., None], shop: TestShop) -> None:
    at_work(FOLLOW)
    widget.begin()
    shop.tell("customer.redacted", {"id": "c-1"})
    assert widget.call("me/earn/follow", "POST").status_code == 401
    assert given(shop, "follow") == []


# A birthday


def test_a_birthday_is_told_once(
    widget: Widget, at_work: Callable[..., None], time: BusinessTime, shop: TestShop
) -> None:
    at_work(rule("birthday", 100))
    birthday = ways(widget)["birthday"]
    assert (birthday["birthday_known"], birthday["is_claimable"], birthday["done"]) == (False, True, False)
    answer = widget.call("me/earn/birthday", "POST", json={"birthday": "1990-12-01"})
    assert answer.status_code == 201, answer.text
    assert (answer.json["points"], answer.json["due_at"], answer.json["done"]) == (100, None, False)
    birthday = ways(widget)["birthday"]
    assert (birthday["birthday_known"], birthday["is_claimable"]) == (True, False)
    again = widget.call("me/earn/birthday", "POST", json={"birthday": "1990-12-02"})
    assert (again.status_code, again.json["code"]) == (409, "already_known")
    assert had(shop) == 0


@pytest.mark.parametrize("said", [None, "1990-02-30", "90-02-28", "2026-11-26", "1899-12-31", 5])
def test_what_is_no_birthday_is_refused(widget: Widget, at_work: Callable[..., None], said: Any) -> None:
    at_work(rule("birthday"))
    answer = widget.call("me/earn/birthday", "POST", json={} if said is None else {"birthday": said})
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "birthday")
    assert ways(widget)["birthday"]["birthday_known"] is False


def test_the_stores_own_word_for_a_birthday_that_was_told_in_the_widget_counts_later(
    widget: Widget, at_work: Callable[..., None], time: BusinessTime, shop: TestShop
) -> None:
    at_work(rule("birthday"))
    widget.call("me/earn/birthday", "POST", json={"birthday": "1990-12-01"})
    shop.tell("customer.updated", {"id": "c-1", "birthday": "1991-01-01"}, at="2026-11-01T00:00:00Z")
    assert birthday_of(shop) == "1990-12-01"
    time.advance(minutes=1)
    shop.tell("customer.updated", {"id": "c-1", "birthday": "1991-01-01"})
    assert birthday_of(shop) == "1991-01-01"


def birthday_of(shop: TestShop) -> str:
    return str(rows("select birthday from member where shop_id = :shop", shop=shop.id)[0].birthday)
