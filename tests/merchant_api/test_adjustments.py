"""Adding and taking points by hand, with who did it (S3.21, S3.22, contract section 8)."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import inspect, text

from backend import clock
from backend.db import db, transaction
from backend.ledger.check import check
from backend.ledger.posting import Author
from backend.loyalty.members import blocking, merging
from backend.models import Account, Award, Entry, Lot, Member
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.earn_world import rule
from tests.merchant_api.conftest import Api


def mails(shop: TestShop) -> list[dict[str, Any]]:
    rows = db.session.execute(
        text("select payload from outbox where shop_id = :shop and kind = 'mail' order by id"), {"shop": shop.id}
    ).scalars()
    found = list(rows)
    db.session.rollback()
    return found


def available(api: Api, member: str) -> int:
    found: int = api.get(f"/members/{member}/balance").json["available"]
    return found


def test_points_are_added_and_taken_by_a_negative_number(api: Api) -> None:
    member = api.member()
    added = api.adjust(member, 80, "Sorry for the late parcel", actor_name="Ada of customer care")
    taken = api.adjust(member, -50, "Mistake", actor_name="Bo")
    assert (added.status_code, taken.status_code) == (201, 201)
    assert (added.json["balance"]["available"], taken.json["balance"]["available"]) == (80, 30)

    log = api.get(f"/members/{member}/transactions").json["items"]
    assert [
        (each["kind"], each["from"], each["to"], each["points"], each["reason"], each["actor"], each["actor_name"],
         each["available_after"])
        for each in log
    ] == [
        ("deduct", "available", "adjusted", 50, "Mistake", "staff", "Bo", 30),
        ("grant", "issued", "available", 80, "Sorry for the late parcel", "staff", "Ada of customer care", 80),
    ]  # fmt: skip


def test_the_answer_is_the_transaction_as_the_log_shows_it_and_the_new_balance(api: Api) -> None:
    member = api.member()
    answer = api.adjust(member, 80).json
    balance = answer.pop("balance")
    assert answer == api.get(f"/members/{member}/transactions").json["items"][0]
    assert balance == api.get(f"/members/{member}/balance").json


def test_without_a_name_the_log_names_the_key(api: Api, key_with: Callable[..., Api]) -> None:
    member = api.member()
    assigner = key_with("points:assign", label="till 4")
    assert assigner.adjust(member, 5).json["actor_name"] == "API key “till 4”"


def test_the_whole_balance_can_be_taken_and_not_a_point_more(api: Api) -> None:
    member = api.member()
    api.adjust(member, 40)
    refused = api.adjust(member, -41)
    assert refused.status_code == 409
    assert refused.mimetype == "application/problem+json"
    assert (refused.json["code"], refused.json["missing_points"]) == ("not_enough_points", 1)
    assert available(api, member) == 40
    assert api.adjust(member, -40).status_code == 201
    assert available(api, member) == 0
    assert api.adjust(member, -1).json["missing_points"] == 1


def test_added_points_end_by_the_program_in_force(api: Api, time: BusinessTime) -> None:
    time.set("2019-12-04T09:00:00+01:00")
    member = api.member()
    ends = []
    for expiry in ({"kind": "fixed_day", "month": 12, "day": 31}, {"kind": "days", "days": 10}, {"kind": "never"}):
        api.shop.set_program(expiry=expiry)
        time.advance(seconds=1)
        ends.append(api.adjust(member, 1).json["expires_at"])
    # the end of 2020-12-31 (S3.4) and of the tenth local day, in Paris
    assert ends == ["2020-12-31T23:00:00Z", "2019-12-14T23:00:00Z", None]


def test_a_given_end_is_taken_with_any_offset(api: Api, time: BusinessTime) -> None:
    time.set("2026-06-01T00:00:00Z")
    member = api.member()
    answer = api.adjust(member, 7, expires_at="2026-07-01T02:00:00+02:00").json
    assert answer["expires_at"] == "2026-07-01T00:00:00Z"
    assert answer["why"]["expires_by"] == "given"
    assert answer["balance"]["expiring"] == [{"points": 7, "expires_at": "2026-07-01T00:00:00Z"}]
    time.set("2026-06-30T23:59:59Z")
    assert available(api, member) == 7
    time.set("2026-07-01T00:00:00Z")
    assert available(api, member) == 0
    assert api.adjust(member, -1).json["missing_points"] == 1


def test_points_that_could_never_be_spent_are_refused(api: Api, time: BusinessTime) -> None:
    time.set("2026-06-01T00:00:00Z")
    member = api.member()
    for past in ("2026-06-01T00:00:00Z", "2026-05-31T23:59:59Z", "0001-01-01T00:00:00Z"):
        assert api.adjust(member, 7, expires_at=past).json["code"] == "already_expired"
    assert api.adjust(member, 7, expires_at="2026-06-01T00:00:01Z").status_code == 201


@pytest.mark.parametrize(
    "wrong",
    [
        "2027-01-01", "2027-01-01T00:00:00", "2027-13-01T00:00:00Z", "2027-02-29T00:00:00Z", "1798761600", 1798761600,
        True, "", "tomorrow", "9999-12-31T23:59:59-23:59", "２027-01-01T00:00:00Z", [], {},
    ],
)  # fmt: skip
def test_an_end_that_is_no_moment_is_refused(api: Api, wrong: object) -> None:
    answer = api.adjust(api.member(), 7, expires_at=wrong)
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "expires_at")


@pytest.mark.parametrize("points", [0, 10**9 + 1, -(10**9) - 1, 10**18, 1.5, "5", True, None, [], {}, "a"])
def test_points_are_a_whole_number_up_to_a_billion_and_not_zero(api: Api, points: object) -> None:
    member = api.member()
    answer = api.post(f"/members/{member}/adjustments", {"points": points, "reason": "A test"})
    assert (answer.status_code, [each["field"] for each in answer.json["errors"]]) == (422, ["points"])
    assert api.get(f"/members/{member}/transactions").json["items"] == []


def test_a_billion_is_taken_and_so_is_the_same_number_with_a_point(api: Api) -> None:
    member = api.member()
    assert api.adjust(member, 10**9).status_code == 201
    assert api.adjust(member, -(10**9)).status_code == 201
    answer = api.call("POST", f"/members/{member}/adjustments", data=b'{"points": 5.0, "reason": "A test"}')
    assert answer.json["balance"]["available"] == 5


@pytest.mark.parametrize("reason", [None, "", " ", "\t", "a\nb", "a\x7f", "x" * 501, 5, ["a"]])
def test_a_reason_is_one_line_of_1_to_500_characters(api: Api, reason: object) -> None:
    member = api.member()
    answer = api.post(f"/members/{member}/adjustments", {"points": 5, "reason": reason})
    assert (answer.status_code, [each["field"] for each in answer.json["errors"]]) == (422, ["reason"])
    assert api.post(f"/members/{member}/adjustments", {"points": 5}).json["errors"] == [
        {"field": "reason", "message": "is missing"}
    ]
    assert api.adjust(member, 5, "é" * 500).status_code == 201


def columns() -> list[str]:
    names = {column.key for model in (Entry, Lot, Account, Award, Member) for column in inspect(model).columns}
    return sorted(names - {"points", "reason", "expires_at", "actor_name"})


def test_no_column_of_the_ledger_can_be_set_from_outside(api: Api) -> None:
    member = api.member()
    for name in [*columns(), "is_admin", "balance", "__class__"]:
        answer = api.adjust(member, 5, **{name: "1"})
        assert answer.status_code == 422, name
        assert answer.json["errors"] == [{"field": name, "message": "is not known here"}]
    assert api.adjust(member, -5, expires_at="2030-01-01T00:00:00Z").json["errors"][0]["field"] == "expires_at"
    assert available(api, member) == 0


def test_every_mistake_is_named_at_once(api: Api) -> None:
    answer = api.post(f"/members/{api.member()}/adjustments", {"points": "5", "actor_name": "", "shop_id": 1})
    assert {each["field"] for each in answer.json["errors"]} == {"points", "reason", "actor_name", "shop_id"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'{"points": 5, "points": 6, "reason": "x"}', 400),
        (b'{"points": NaN, "reason": "x"}', 400),
        (b'{"points": 5, "reason": "a\\u0000b"}', 400),
        (b'{"points": 5, "reason": "\\ud800"}', 400),
        (b'{"points": 5, "reason": "\xff"}', 400),
        (b"[" * 100_000, 400),
        (b'{"points": ' + b"9" * 5000 + b', "reason": "x"}', 400),
        (b'{"points": 1e400, "reason": "x"}', 400),
        (b"[]", 422),
        (b"null", 422),
        (b'"text"', 422),
        (b'{"points": 5, "reason": "' + b"x" * 1_100_000 + b'"}', 413),
    ],
)
def test_a_body_that_is_not_strict_json_is_refused_and_never_a_500(api: Api, body: bytes, status: int) -> None:
    answer = api.call("POST", f"/members/{api.member()}/adjustments", data=body)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")


def test_a_body_without_a_length_is_measured_as_it_is_read(api: Api) -> None:
    member = api.member()

    def answer(size: int) -> int:
        body = b'{"points": 5, "reason": "A test"}'.ljust(size)
        return api.call(
            "POST",
            f"/members/{member}/adjustments",
            input_stream=BytesIO(body),
            environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
        ).status_code

    assert answer(1024 * 1024) == 201
    assert answer(1024 * 1024 + 1) == 413
    assert answer(3 * 1024 * 1024) == 413


def test_what_is_owed_is_settled_from_points_added_by_hand(api: Api, time: BusinessTime) -> None:
    time.set("2026-06-01T10:00:00Z")
    member = api.member("c1")
    order = {
        "id": "o1", "number": "#1001", "customer": {"id": "c1"}, "currency": "EUR", "subtotal": "1000.00",
        "created_at": "2026-06-01T10:00:00Z", "delivery_status": "collected", "collected_at": "2026-06-01T10:00:00Z",
    }  # fmt: skip
    api.shop.tell("order.collected", order)
    time.advance(days=4)
    api.shop.work()
    assert api.adjust(member, -70).json["balance"]["available"] == 30
    api.shop.tell("order.cancelled", {**order, "cancelled_at": "2026-06-05T11:00:00Z"}, at="2026-06-05T11:00:00Z")
    balance = api.get(f"/members/{member}/balance").json
    assert (balance["available"], balance["owed"]) == (0, -70)
    answer = api.adjust(member, 100).json
    assert (answer["available_after"], answer["balance"]["available"], answer["balance"]["owed"]) == (100, 30, 0)
    settle = api.get(f"/members/{member}/transactions").json["items"][0]
    assert (settle["kind"], settle["points"], settle["available_after"]) == ("settle", 70, 30)


def test_the_member_is_told_by_mail_once(api: Api) -> None:
    member = api.member(email="ada@mail.example")
    added = api.adjust(member, 80, "Thank you").json["id"]
    taken = api.adjust(member, -30, "Mistake").json["id"]
    api.adjust(member, -500)
    assert mails(api.shop) == [
        {"purpose": "points_adjusted", "member_id": int(member), "entry_id": int(entry), "points": points,
         "reason": reason}
        for entry, points, reason in ((added, 80, "Thank you"), (taken, -30, "Mistake"))
    ]  # fmt: skip


def test_a_member_without_an_address_gets_no_mail(api: Api) -> None:
    api.adjust(api.member(), 80)
    assert mails(api.shop) == []


def test_the_account_of_an_erased_member_is_closed(api: Api) -> None:
    member = api.member("c1")
    api.shop.tell("customer.redacted", {"id": "c1"})
    for points in (5, -5):
        assert api.adjust(member, points).json["code"] == "member_erased"


def test_an_account_that_is_blocked_or_merged_gets_nothing_by_hand_or_by_an_event(api: Api) -> None:
    kept, gone, blocked = (int(api.member(each)) for each in ("c1", "c2", "c3"))
    api.shop.set_program(rules=[rule("review")])
    with transaction() as session:
        merging.merge(session, api.shop.facts, kept, gone, "a test", Author("staff", "Ada"), clock.now())
        blocking.block(session, api.shop.id, blocked, "a test", Author("staff", "Ada"), clock.now())
    for member, code in ((gone, "member_merged"), (blocked, "member_blocked")):
        assert api.adjust(str(member), 10).json["code"] == code
        assert api.post(f"/members/{member}/events", {"event": "review"}).json["code"] == code


def test_the_ledger_is_sound_after_adjustments_of_every_kind(api: Api, time: BusinessTime) -> None:
    time.set("2026-06-01T00:00:00Z")
    member = api.member()
    for points, more in ((100, {}), (-30, {}), (20, {"expires_at": "2026-06-03T00:00:00Z"}), (-75, {}), (-500, {})):
        api.post(f"/members/{member}/adjustments", {"points": points, "reason": "A test", **more}, key=f"{points}")
        time.advance(hours=13)
    with transaction() as session:
        report = check(session, time.now, clock.wall(), api.shop.id)
    assert report.violations == []
    assert available(api, member) == 15  # 100 - 30 + 20 - 75; the 500 are refused
