"""“See as this customer”: the widget's own answers for other eyes, another day or a draft, which change nothing."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from werkzeug.test import TestResponse

from backend import clock, db
from backend.db import transaction
from backend.jobs import points
from backend.ledger import posting
from backend.ledger.posting import Author
from backend.loyalty.members import blocking, merging
from backend.loyalty.points import foresight
from backend.loyalty.points.foresight import Coming
from backend.loyalty.program import drafts, programs
from backend.loyalty.rewards import rewards
from backend.staff.rights import Right
from backend.widget_api.preview import SENTENCE, SHOWN
from tests.admin.conftest import Desk
from tests.conftest import NEXT_YEAR, PROGRAM, BusinessTime, TestShop
from tests.loyalty.rewards_world import (
    CASHBACK,
    GIFT,
    give_back,
    grant,
    hold,
    mark,
    member_with,
    redeem,
    reward,
    rows,
    tell_again,
)
from tests.loyalty.rewards_world import buy as buy_with
from tests.loyalty.tiers_world import AT_ONCE, GOLD, SILVER, buy, enrol, program, settle
from tests.widget_api.conftest import Widget


class Preview:
    """The widget in the frame: it knows the address that the frame's page names, and nothing else."""

    def __init__(self, desk: Desk, **query: Any) -> None:
        self.page = desk.get("/preview/frame", **query)
        assert self.page.status_code == 200, self.page.text
        found = re.search(r'src="(/preview/[^"/]+)/widget/v1/loader\.js', self.page.text)
        assert found is not None
        self.base = found[1]
        self.client = desk.client.application.test_client()  # no cookie
        self.key = desk.shop.facts.widget_key

    def call(self, path: str, method: str = "GET", **options: Any) -> TestResponse:
        return self.client.open(f"{self.base}/widget/v1/{path}", method=method, **options)

    def program(self) -> Any:
        return self.call(f"{self.key}/program").json

    def me(self) -> Any:
        begun = self.call(f"{self.key}/session", "POST", json={"identity": "preview"})
        assert begun.status_code == 200, begun.text
        assert begun.json["me"] == self.call("me").json
        return begun.json["me"]


def day_in(shop: TestShop, days: int) -> str:
    return str((clock.now().astimezone(ZoneInfo(shop.facts.timezone)) + timedelta(days=days)).date())


def written(shop: TestShop) -> dict[str, Any]:
    """All rows of a member's tables."""
    tables = (
        "member",
        "account",
        "entry",
        "lot",
        "award",
        "redemption",
        "referral",
        "bonus",
        "tier_standing",
        "outbox",
    )
    return {table: rows(shop, f"select * from {table} t where shop_id = :shop order by t::text") for table in tables}


def test_it_is_what_the_customer_sees(desk: Desk, shop: TestShop) -> None:
    member = member_with(shop, 700)
    had = redeem(shop, member, reward(shop))
    seen = Preview(desk, member=member)
    real = Widget(shop)
    assert seen.me() == real.call("me").json
    for path in ("me/activity", "me/redemptions", "me/activity?kind=spent&limit=1"):
        assert seen.call(path).json == real.call(path).json, path
    assert seen.call("me/redemptions").json["items"][0]["code"] == had.code
    assert seen.program() == shop.client.get(f"/widget/v1/{real.key}/program").json


def test_a_new_visitor_has_no_points(desk: Desk, shop: TestShop) -> None:
    member_with(shop, 700)
    seen = Preview(desk, visitor=1)
    assert "data-identity" not in seen.page.text
    assert seen.program()["program"]["enabled"] is True
    assert seen.call("me").status_code == 401


def test_every_route_of_the_widget_that_is_not_shown_is_refused(desk: Desk, shop: TestShop, app: Flask) -> None:
    """Whoever adds a route to the widget's API decides here whether a preview may have it."""
    member = member_with(shop, 700)
    which = reward(shop)
    had = redeem(shop, member, which)
    seen = Preview(desk, member=member)
    before = written(shop)
    named = {
        "widget_key": seen.key, "rule_id": "signup", "redemption_id": had.id, "path": "lagniappe.js", "version": "v",
        "image_id": "1",
    }  # fmt: skip
    refused = set()
    for rule in app.url_map.iter_rules():
        name = rule.endpoint.removeprefix("widget_api.")
        if name == rule.endpoint or name in SHOWN:
            continue
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda match: str(named[match[1]]), rule.rule).removeprefix("/widget/v1/")
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}:
            answer = seen.call(path, method, json={"reward_id": which.public_id, "order_total": "10.00"})
            assert answer.status_code == 403, (path, answer.text)
            assert answer.json["code"] == "preview"
            assert answer.json["detail"] == SENTENCE
            refused.add(name)
    assert {"redeem", "return_redemption", "hold_cashback", "claim", "seen", "activity_table"} <= refused
    posts = {
        rule.endpoint.removeprefix("widget_api.")
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("widget_api.") and "POST" in (rule.methods or ())
    }
    assert posts & set(SHOWN) == {"begin_session", "quote_cashback"}  # they only read
    assert written(shop) == before


def test_its_credentials_open_nothing_of_the_widgets_own_api(desk: Desk, shop: TestShop) -> None:
    member = member_with(shop, 700)
    which = reward(shop)
    seen = Preview(desk, member=member)
    token = seen.base.removeprefix("/preview/")
    for bearer in (token, "preview"):
        answer = shop.client.post(
            "/widget/v1/me/redemptions",
            json={"reward_id": which.public_id},
            headers={"Authorization": f"Bearer {bearer}"},
        )
        assert answer.status_code == 401
    assert shop.client.post(f"/widget/v1/{seen.key}/session", json={"identity": token}).status_code == 401


def test_looking_writes_nothing_and_postgresql_holds_it_to_that(desk: Desk, shop: TestShop) -> None:
    shop.set_program(**{**program(), "referral": {"enabled": True}})
    member = member_with(shop, 700)
    settle()
    Widget(shop).begin()
    reward(shop, CASHBACK)
    seen = Preview(desk, member=member, at=day_in(shop, 30))
    before = written(shop)
    seen.program()
    seen.me()
    for name in ("me/activity", "me/redemptions", "me/referral"):
        assert seen.call(name).status_code == 200, name
    assert seen.call("me/cashback/quote", "POST", json={"order_total": "10.00"}).status_code == 200
    assert written(shop) == before
    with db.reading_only(), pytest.raises(DBAPIError) as refusal:
        db.db.session().execute(text("update member set first_name = 'x'"))
    assert db.sqlstate(refusal.value) == db.READ_ONLY
    with transaction() as session:  # and afterwards all is as before
        session.execute(text("update member set first_name = first_name"))


def test_no_answer_passes_for_the_shops_word(desk: Desk, shop: TestShop) -> None:
    member = member_with(shop, 5)
    seen = Preview(desk, member=member)
    foreign = {"Origin": "https://shop.example"}
    for path in ("me", f"{seen.key}/program", "me/activity"):
        answer = seen.call(path, headers=foreign)
        assert answer.status_code == 200
        assert "Lagniappe-Signature" not in answer.headers
        assert answer.headers.getlist("Access-Control-Allow-Origin") == ["null"]
        assert answer.headers["Cache-Control"] == "no-store"


def test_the_frame_is_a_sandbox_that_only_this_admin_frames(desk: Desk, shop: TestShop) -> None:
    policy = Preview(desk, visitor=1).page.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-scripts allow-forms;")
    assert "frame-ancestors 'self'" in policy
    assert "allow-same-origin" not in policy + desk.get("/preview").text
    assert "frame-ancestors 'none'" in desk.get("/preview").headers["Content-Security-Policy"]


# Who may -------------------------------------------------------------------------------------------------------------


def test_a_customer_is_seen_only_with_the_right_to_see_customers(sign_in: Callable[..., Desk], shop: TestShop) -> None:
    member = member_with(shop, 5, email="ines@shop.example")
    marketing = sign_in(Right.REWARDS, Right.SETTINGS)
    for query in ({"member": member}, {"customer": "ines@shop.example"}):
        assert marketing.get("/preview/frame", **query).status_code == 403
        assert marketing.get("/preview", **query).status_code == 403
    assert Preview(marketing, visitor=1, draft=1).program()["program"]["enabled"]
    assert marketing.page("/preview").find("input", {"name": "customer"}) is None


def test_the_draft_is_seen_only_with_the_right_to_change_settings(sign_in: Callable[..., Desk], shop: TestShop) -> None:
    care = sign_in(Right.VIEW_CUSTOMERS)
    assert care.get("/preview/frame", visitor=1, draft=1).status_code == 403
    assert Preview(care, visitor=1).program()


def test_a_preview_ends_with_the_session_or_the_right_of_who_looks(desk: Desk, shop: TestShop) -> None:
    member = member_with(shop, 5)
    seen = Preview(desk, member=member)
    with transaction() as session:
        session.execute(
            text("update staff set rights = '{settings}' where shop_id = :shop and id = :id"),
            {"shop": shop.id, "id": desk.staff_id},
        )
    assert seen.call("me").status_code == 403
    plain = Preview(desk, visitor=1)
    desk.post("/log-out")
    assert plain.call(f"{plain.key}/program").status_code == 401


def test_another_shops_customer_is_nobody(desk: Desk, new_shop: Callable[..., TestShop]) -> None:
    theirs = member_with(new_shop(), 5)
    assert desk.get("/preview/frame", member=theirs).status_code == 404
    assert "no customer" in desk.page("/preview", member=theirs).get_text()
    seen = Preview(desk, visitor=1)
    other = new_shop().facts.widget_key
    assert seen.call(f"{other}/program").status_code == 404
    assert seen.client.get(f"/preview/forged/widget/v1/{seen.key}/program").status_code == 401


# Another day, and the draft ------------------------------------------------------------------------------------------


def test_a_day_to_come_is_shown_as_it_will_be(desk: Desk, shop: TestShop, time: BusinessTime) -> None:
    """The proof of what is foreseen: the day comes, the jobs run, and the widget says what the preview said."""
    time.set("2026-03-02T09:00:00+01:00")
    shop.set_program(
        **{
            **program(SILVER, GOLD, window="rolling_12_months", downgrade={"policy": "grace", "grace_days": 10}),
            "assign": {"delay_days": 20, "on": "paid"},
            "expiry": {"kind": "days", "days": 60},
        }
    )
    time.advance(hours=1)
    member = enrol(shop)
    buy(shop, "120.00")
    with transaction() as session:
        grant(session, shop, member, 400, expires_at=clock.now() + timedelta(days=15))
        grant(session, shop, member, 30)
    reward(shop, CASHBACK)
    reward(shop, active_from=(clock.now() + timedelta(days=25)).isoformat())
    reward(shop, GIFT, active_to=(clock.now() + timedelta(days=25)).isoformat())
    hold(shop, member, "20.00")
    days = (0, 10, 19, 20, 21, 30, 79, 80, 200, 385, 400)
    foreseen = {days_on: Preview(desk, member=member, at=day_in(shop, days_on)).me() for days_on in days}
    start = time.now
    zone = ZoneInfo(shop.facts.timezone)
    widget = Widget(shop)
    for days_on in days[1:]:
        day = (start + timedelta(days=days_on)).astimezone(zone)
        time.set(day.replace(hour=12, minute=0, second=0, microsecond=0))
        for _ in range(2):
            points.release_holds()
            settle()
            points.expire()
        rewards.forget_current()
        widget.begin()
        real = widget.call("me").json
        for part in ("balance", "member", "tier", "rewards", "earn", "summary"):
            assert foreseen[days_on][part] == real[part], (days_on, part)
    assert [each["points"] for each in foreseen[0]["balance"]["pending"]] == [120]
    assert foreseen[30]["balance"]["available"] == 150
    assert foreseen[30]["member"]["tier"] == "silver"
    assert foreseen[400]["member"]["tier"] is None


def test_points_of_a_reward_that_runs_out_unused_are_foreseen_if_they_come_back(
    desk: Desk, shop: TestShop, time: BusinessTime
) -> None:
    time.set(f"{NEXT_YEAR}-03-02T09:00:00+01:00")
    member = member_with(shop, 300)
    with transaction() as session:  # spent first, and over before the code is
        grant(session, shop, member, 500, expires_at=clock.now() + timedelta(days=2))
    for name, comes_back in (("back", True), ("gone", False)):
        shown = reward(
            shop, reward_name=name, points_to_be_redeemed=300, coupon_valid_days=3, points_back_when_expired=comes_back
        )
        redeem(shop, member, shown)
    days = (1, 3, 4, 10, 11, 12)
    foreseen = {days_on: Preview(desk, member=member, at=day_in(shop, days_on)).me()["balance"] for days_on in days}
    start = time.now.astimezone(ZoneInfo(shop.facts.timezone))
    widget = Widget(shop)
    for days_on in range(1, 13):
        time.set((start + timedelta(days=days_on)).replace(hour=0))  # as the jobs do: as soon as it is over
        points.expire_rewards()
        points.expire()
        time.set((start + timedelta(days=days_on)).replace(hour=12))
        widget.begin()
        assert foreseen.get(days_on) in (None, widget.me()["balance"]), days_on
    assert [foreseen[days_on]["available"] for days_on in days] == [200, 200, 500, 500, 200, 200]


def test_no_points_are_foreseen_to_come_back_of_what_an_order_has_used(desk: Desk, shop: TestShop) -> None:
    """Though a merchant took its mark away: when its days are over it is marked again."""
    member = member_with(shop, 300)
    had = redeem(
        shop, member, reward(shop, points_to_be_redeemed=300, coupon_valid_days=3, points_back_when_expired=True)
    )
    buy_with(shop, had.code, customer={"id": "a-friend"})
    mark(shop, had.id, use_state="delivered")
    assert Preview(desk, member=member, at=day_in(shop, 5)).me()["balance"]["available"] == 0


def test_owed_points_are_settled_by_those_that_come() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    coming = [Coming(30, now + timedelta(days=2), None), Coming(50, now + timedelta(days=1), now + timedelta(days=3))]
    found = foresight.ahead(-60, 0, [], coming, now + timedelta(days=2))
    assert (found.owed, found.available, found.expiring) == (0, 20, ())
    found = foresight.ahead(-60, 0, [], coming, now + timedelta(days=1))
    assert (found.owed, found.available) == (-10, 0)


def test_the_draft_is_shown_to_who_looks_and_to_nobody_else(desk: Desk, shop: TestShop) -> None:
    member = member_with(shop, 5)
    with transaction() as session:
        drafts.save(
            session,
            shop.id,
            {**PROGRAM, "points_name": {"en": {"one": "star", "other": "stars"}}, "appearance": {"accent": "#0a7d4f"}},
            author="a test",
            now=clock.now(),
        )
    drafted = Preview(desk, member=member, draft=1)
    assert drafted.program()["appearance"]["accent"] == "#0a7d4f"
    assert drafted.me()["summary"]["points_text"] == "5 stars"
    assert "#0a7d4f" in drafted.call(f"loader.js?shop={drafted.key}").text
    assert Preview(desk, member=member).me()["summary"]["points_text"] == "5 points"
    assert shop.client.get(f"/widget/v1/{drafted.key}/program").json["appearance"]["accent"] != "#0a7d4f"


def test_a_program_that_is_switched_off_says_so(desk: Desk, shop: TestShop) -> None:
    shop.set_program(enabled=False)
    assert "switched off" in desk.page("/preview").get_text()
    page = desk.page("/preview/frame", visitor=1)
    assert "switched off" in page.get_text()
    assert page.find("script") is None


def test_the_page_says_what_is_foreseen_and_what_is_not(desk: Desk, shop: TestShop) -> None:
    member = member_with(shop, 5, email="ines@shop.example")
    page = desk.page("/preview", customer="INES@shop.example", at=day_in(shop, 30))
    assert "points and codes that will have expired" in page.get_text()
    assert "new orders, refunds" in page.get_text()
    frame = page.find("iframe", {"sandbox": True})
    assert frame is not None
    assert f"member={member}" in frame["src"]
    assert f"at={day_in(shop, 30)}" in frame["src"]
    for odd in (day_in(shop, -3), "soon", day_in(shop, 0)):
        assert "at=" not in desk.page("/preview", member=member, at=odd).find("iframe")["src"]


# Days that are over --------------------------------------------------------------------------------------------------

RECONSTRUCTED = ("balance", "member", "tier", "rewards", "earn", "summary", "campaign", "referral")


def said_by(call: Callable[..., TestResponse]) -> dict[str, Any]:
    """All that the widget says of the member, of what is told of days that are over."""
    me = call("me").json
    if me["tier"]:
        del me["tier"]["leaves_at"]  # when a grace ends is not kept
    lists = {path: call(path).json for path in ("me/activity", "me/redemptions", "me/referral")}
    return {part: me[part] for part in RECONSTRUCTED} | lists


def work() -> None:
    """Let the jobs have done all that is due."""
    for _ in range(2):
        points.release_holds()
        settle()
        points.expire()
        points.reward_referrals()
    rewards.forget_current()


def test_a_day_that_is_over_is_shown_as_it_was(desk: Desk, shop: TestShop, time: BusinessTime) -> None:
    """The proof of what is reconstructed: a life goes by, the widget is asked each evening, and the preview at its end."""
    time.set(f"{NEXT_YEAR}-03-02T09:00:00+01:00")
    rules = {
        **program(SILVER, GOLD, window="rolling_12_months", downgrade={"policy": "grace", "grace_days": 5}),
        "assign": {"delay_days": 10, "on": "paid"},
        "expiry": {"kind": "days", "days": 60},
        "referral": {
            "enabled": True,
            "reward_when": "first_order",
            "advocate": {"points": 70},
            "friend": {"points": 7},
            "hold_days": 5,
        },
    }
    shop.set_program(**rules)
    coupon, bottle = reward(shop), reward(shop, GIFT)
    reward(shop, CASHBACK)
    widget = Widget(shop)
    zone = ZoneInfo(shop.facts.timezone)
    member = enrol(shop)
    had: dict[str, Any] = {}
    order: dict[str, Any] = {}

    def granted() -> None:
        with transaction() as session:
            grant(session, shop, member, 1000, expires_at=clock.now() + timedelta(days=90))
            grant(session, shop, member, 30)

    def redeemed() -> None:
        had.update(coupon=redeem(shop, member, coupon), gift=redeem(shop, member, bottle))

    def returned() -> None:
        give_back(shop, member, had["coupon"].id)

    def owing() -> None:
        with transaction() as session:
            posting.spend(
                session, shop.id, member, 2000, at=clock.now(), key="test:owing", author=posting.SYSTEM, reason="a test",
                why={}, may_owe=True,
            )  # fmt: skip

    def a_friend() -> None:
        enrol(shop, "c-2")
        code = widget.call("me/referral").json["code"]
        Widget(shop, "c-2").begin(ref=code)

    steps: dict[int, Callable[[], Any]] = {
        1: granted,
        3: lambda: order.update(buy(shop, "350.00")),
        5: redeemed,
        6: a_friend,
        8: lambda: hold(shop, member, "20.00"),
        9: returned,
        11: lambda: mark(shop, had["gift"].id, use_state="used"),
        14: lambda: buy(shop, "50.00", "o-2", customer={"id": "c-2"}),
        20: lambda: tell_again(shop, order, payment_status="refunded"),
        25: lambda: shop.set_program(**{**rules, "points_name": {"en": {"one": "star", "other": "stars"}}}),
        30: owing,
        33: lambda: buy(shop, "120.00", "o-3"),
    }
    start, kept = time.now, {}
    for days_on in (*range(45), 80, 104, 120, 420):
        morning = (start + timedelta(days=days_on)).astimezone(zone).replace(hour=10)
        time.set(morning)
        work()
        steps.get(days_on, lambda: None)()
        if days_on == 8:
            time.set(morning + timedelta(minutes=5))
            widget.begin()
            assert widget.me()["balance"]["on_hold"] > 0
        time.set(morning.replace(hour=23, minute=58))
        work()
        programs.forget_current()
        widget.begin()
        kept[morning.date()] = said_by(widget.call)
    time.advance(days=30)
    work()
    wrong = {}
    for day, real in kept.items():
        seen = Preview(desk, member=member, at=str(day))
        told = said_by(seen.call)
        for part, said in real.items():
            if told[part] != said:
                wrong[str(day), part] = (said, told[part])
    assert not wrong, next(iter(wrong.items()))
    levels = [each["member"]["tier"] for each in kept.values()]
    assert levels.count("gold") and levels.count("silver") and levels[0] is None
    assert any(each["balance"]["owed"] < 0 for each in kept.values())
    assert any(each["balance"]["pending"] for each in kept.values())
    states = {each["status"] for said in kept.values() for each in said["me/redemptions"]["items"]}
    assert {"issued", "returned"} <= states
    friends = {each["state"] for said in kept.values() for each in said["me/referral"]["friends"]}
    assert {"registered", "qualified", "rewarded"} <= friends


def test_a_checkout_that_held_points_is_told_while_it_held_them(desk: Desk, shop: TestShop, time: BusinessTime) -> None:
    time.set(f"{NEXT_YEAR}-03-02T23:45:00+01:00")
    member = member_with(shop, 700)
    reward(shop, CASHBACK)
    hold(shop, member, "20.00")
    evening = Widget(shop).me()["balance"]
    assert evening["on_hold"] == 10
    time.advance(days=1)
    work()
    assert Widget(shop).me()["balance"]["on_hold"] == 0
    seen = Preview(desk, member=member, at=f"{NEXT_YEAR}-03-02")
    assert seen.me()["balance"] == evening
    held = seen.call("me/redemptions").json["items"][0]
    assert (held["status"], held["expires_at"]) == ("requested", f"{NEXT_YEAR}-03-02T23:15:00Z")
    quoted = seen.call("me/cashback/quote", "POST", json={"order_total": "10.00"})
    assert (quoted.status_code, quoted.json["code"]) == (403, "preview")


def test_the_program_of_then_is_shown_and_the_draft_is_not(desk: Desk, shop: TestShop, time: BusinessTime) -> None:
    time.set(f"{NEXT_YEAR}-03-02T09:00:00+01:00")
    shop.set_program(**PROGRAM)
    time.set(f"{NEXT_YEAR}-03-12T09:00:00+01:00")
    shop.set_program(**{**PROGRAM, "appearance": {"accent": "#0a7d4f"}})
    with transaction() as session:
        drafts.save(
            session, shop.id, {**PROGRAM, "appearance": {"accent": "#112233"}}, author="a test", now=clock.now()
        )
    time.set(f"{NEXT_YEAR}-03-22T09:00:00+01:00")
    for day, accent in (
        (f"{NEXT_YEAR}-03-05", None),
        (f"{NEXT_YEAR}-03-12", "#0a7d4f"),
        (f"{NEXT_YEAR}-03-22", "#0a7d4f"),
    ):
        seen = Preview(desk, visitor=1, at=day).program()["appearance"]["accent"]
        assert (seen == "#0a7d4f") == (accent is not None), day
    assert Preview(desk, visitor=1, draft=1, at=f"{NEXT_YEAR}-03-12").program()["appearance"]["accent"] == "#0a7d4f"


def test_looking_at_the_past_writes_nothing(desk: Desk, shop: TestShop, time: BusinessTime) -> None:
    time.set(f"{NEXT_YEAR}-03-02T09:00:00+01:00")
    member = member_with(shop, 700)
    redeem(shop, member, reward(shop))
    time.advance(days=3)
    before = written(shop)
    said_by(Preview(desk, member=member, at=f"{NEXT_YEAR}-03-03").call)
    assert written(shop) == before


def test_the_page_says_what_of_the_past_is_todays(desk: Desk, shop: TestShop, time: BusinessTime) -> None:
    time.set(f"{NEXT_YEAR}-03-02T09:00:00+01:00")
    member = member_with(shop, 5, email="ines@shop.example")
    time.advance(days=10)
    page = desk.page("/preview", member=member, at=f"{NEXT_YEAR}-03-05")
    assert "Rewards to redeem, segments and pictures are today" in page.get_text()
    assert f"member={member}" in page.find("iframe")["src"]
    assert f"at={NEXT_YEAR}-03-05" in page.find("iframe")["src"]


def test_who_was_not_there_yet_is_shown_as_a_visitor(desk: Desk, shop: TestShop, time: BusinessTime) -> None:
    time.set(f"{NEXT_YEAR}-03-12T09:00:00+01:00")
    member = member_with(shop, 5)
    page = desk.page("/preview", member=member, at=f"{NEXT_YEAR}-03-11")
    assert "This customer was not there yet" in page.get_text()
    assert "member=" not in page.find("iframe")["src"]
    assert desk.get("/preview/frame", member=member, at=f"{NEXT_YEAR}-03-11").status_code == 404
    assert "not there yet" not in desk.page("/preview", member=member, at=f"{NEXT_YEAR}-03-12").get_text()


def test_a_day_before_the_shop_is_refused(desk: Desk, shop: TestShop) -> None:
    page = desk.page("/preview", visitor=1, at=day_in(shop, -3))
    assert "Your shop began here on" in page.get_text()
    assert "at=" not in page.find("iframe")["src"]


def test_a_blocked_customer_is_said_to_be_blocked(desk: Desk, shop: TestShop) -> None:
    member = member_with(shop, 5, email="ines@shop.example")
    with transaction() as session:
        blocking.block(session, shop.id, member, "a test", Author("staff", "Ada"), clock.now())
    for query in ({"member": member}, {"customer": "ines@shop.example"}):
        page = desk.page("/preview", **query)
        assert "This customer is blocked" in page.get_text()
        assert "no customer" not in page.get_text()
        assert "member=" not in page.find("iframe")["src"]
    assert "blocked" in desk.get("/preview/frame", member=member).text


def test_what_another_account_brought_is_told_from_the_day_of_merging_on(
    desk: Desk, shop: TestShop, time: BusinessTime
) -> None:
    time.set(f"{NEXT_YEAR}-03-02T09:00:00+01:00")
    shop.set_program(**{**AT_ONCE, "assign": {"delay_days": 30, "on": "paid"}})
    time.advance(hours=1)
    kept_id, gone_id = member_with(shop, 100), member_with(shop, 900, "c-2")
    buy(shop, "80.00", customer={"id": "c-2"})
    redeem(shop, gone_id, reward(shop))
    widget, told = Widget(shop), {}
    for days_on in range(4):
        if days_on == 2:
            with transaction() as session:
                merging.merge(session, shop.facts, kept_id, gone_id, "a test", Author("staff", "Ada"), clock.now())
        widget.begin()
        told[str(time.now.date())] = said_by(widget.call)
        time.advance(days=1)
    for day, said in told.items():
        assert said_by(Preview(desk, member=kept_id, at=day).call) == said, day
    assert [len(said["me/redemptions"]["items"]) for said in told.values()] == [0, 0, 1, 1]
    assert [len(said["balance"]["pending"]) for said in told.values()] == [0, 0, 1, 1]


def test_a_code_is_told_as_usable_until_it_ran_out(desk: Desk, shop: TestShop, time: BusinessTime) -> None:
    time.set(f"{NEXT_YEAR}-03-02T09:00:00+01:00")
    member = member_with(shop, 700)
    coupon = reward(shop, coupon_valid_days=3)
    had = redeem(shop, member, coupon)
    assert had.expires_at is not None
    time.advance(days=10)
    points.expire_rewards()
    (last,) = Preview(desk, member=member, at=f"{NEXT_YEAR}-03-04").call("me/redemptions").json["items"]
    assert (last["status"], last["can_return"], last["code"]) == ("issued", True, had.code)
    (over,) = Preview(desk, member=member, at=f"{NEXT_YEAR}-03-08").call("me/redemptions").json["items"]
    assert over["status"] == "expired"


def test_a_reward_that_an_order_used_later_could_be_given_back_until_then(
    desk: Desk, shop: TestShop, time: BusinessTime
) -> None:
    time.set(f"{NEXT_YEAR}-03-02T09:00:00+01:00")
    member = member_with(shop, 700)
    had = redeem(shop, member, reward(shop))
    time.advance(days=3)
    buy_with(shop, had.code)
    time.advance(days=3)
    seen = {
        day: Preview(desk, member=member, at=f"{NEXT_YEAR}-03-{day}").call("me/redemptions").json["items"]
        for day in ("03", "06")
    }
    assert {day: (each["use_state"], each["can_return"]) for day, (each,) in seen.items()} == {
        "03": ("delivered", True),
        "06": ("used", False),
    }
