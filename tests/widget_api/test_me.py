"""GET /widget/v1/me: an honest balance, never one number (contract section 5)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from flask import current_app
from sqlalchemy import text

from backend.db import transaction
from backend.ledger import posting
from backend.ledger.posting import SYSTEM, Author
from backend.widget_api import reading
from tests.conftest import BusinessTime, TestShop
from tests.widget_api.conftest import Widget

START = datetime.fromisoformat("2026-11-23T09:00:00+00:00")
STAFF = Author("staff", "Nora")


@pytest.fixture(autouse=True)
def start(time: BusinessTime) -> None:
    time.set(START)


@pytest.fixture
def member(widget: Widget) -> int:
    return int(widget.begin().json["member"]["id"])


def grant(widget: Widget, member: int, points: int, expires_at: datetime | None = None, key: str = "") -> None:
    with transaction() as session:
        posting.grant(
            session,
            widget.shop.id,
            member,
            points,
            at=START,
            key=key or f"grant:{member}:{points}:{expires_at}",
            author=STAFF,
            reason="Sorry",
            why={},
            expires_at=expires_at,
        )


def order(number: str = "1001", customer: str = "c-1", subtotal: str = "1000.00", **given: Any) -> dict[str, Any]:
    return {
        "id": f"o-{number}",
        "number": number,
        "customer": {"id": customer},
        "currency": "EUR",
        "created_at": "2026-11-20T10:00:00Z",
        "subtotal": subtotal,
        "payment_status": "paid",
    } | given


def collected(number: str = "1001", at: str = "2026-11-23T08:00:00Z", **given: Any) -> dict[str, Any]:
    return order(number, delivery_status="collected", collected_at=at, **given)


def test_a_new_member_has_nothing_and_owes_nothing(widget: Widget, member: int) -> None:
    answer = widget.call("me")

    assert answer.json["member"] == {"id": str(member), "first_name": None, "tier": None}
    assert answer.json["balance"] == {
        "available": 0,
        "pending": [],
        "expected": [],
        "on_hold": 0,
        "owed": 0,
        "expiring": [],
    }
    assert answer.json["rewards"] == []
    assert answer.json["referral"] == {"enabled": False}
    assert answer.json["unread"] == 0
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.content_type == "application/json"


class TestOrders:
    """S3.3 to S3.5, as the shopper sees it: expected, then promised with its day, then there."""

    def test_an_order_not_collected_yet_is_expected(self, shop: TestShop, widget: Widget) -> None:
        shop.tell("order.paid", order())
        balance = widget.me()["balance"]
        assert balance["expected"] == [{"points": 100, "order": "1001"}]
        assert balance["pending"] == []
        assert balance["available"] == 0

    def test_an_order_without_a_number_is_called_by_its_id(self, shop: TestShop, widget: Widget) -> None:
        shop.tell("order.paid", order(number=None, id="o-7"))
        assert widget.me()["balance"]["expected"] == [{"points": 100, "order": "o-7"}]

    def test_several_orders_are_expected_oldest_first(self, shop: TestShop, widget: Widget) -> None:
        shop.tell("order.paid", order("1002", created_at="2026-11-21T10:00:00Z", subtotal="20"))
        shop.tell("order.paid", order("1001"))
        assert [each["order"] for each in widget.me()["balance"]["expected"]] == ["1001", "1002"]

    def test_a_collected_order_is_promised_for_its_local_day(self, shop: TestShop, widget: Widget) -> None:
        shop.tell("order.collected", collected())
        balance = widget.me()["balance"]
        assert balance["pending"] == [{"points": 100, "due_at": "2026-11-25T23:00:00Z", "reason": "Order 1001"}]
        assert balance["expected"] == []

    def test_promised_points_arrive_on_their_day_and_say_when_they_end(
        self, shop: TestShop, widget: Widget, time: BusinessTime
    ) -> None:
        shop.tell("order.collected", collected())
        time.set("2026-11-25T23:00:00Z")
        shop.work()
        balance = widget.me()["balance"]
        assert (balance["available"], balance["pending"]) == (100, [])
        assert balance["expiring"] == [{"points": 100, "expires_at": "2027-12-31T23:00:00Z"}]

    def test_what_is_promised_for_one_day_and_reason_is_one_line_soonest_first(
        self, shop: TestShop, widget: Widget, time: BusinessTime
    ) -> None:
        shop.tell("order.collected", collected("1002", "2026-11-24T08:00:00Z", subtotal="50"))
        shop.tell("order.collected", collected("1001", subtotal="100"))
        time.advance(hours=1)
        shop.tell("order.updated", collected("1001", subtotal="170"))  # promises the rest as a second award
        assert [(each["points"], each["reason"]) for each in widget.me()["balance"]["pending"]] == [
            (17, "Order 1001"),
            (5, "Order 1002"),
        ]

    def test_points_taken_back_after_they_were_spent_are_owed(
        self, shop: TestShop, widget: Widget, member: int, time: BusinessTime
    ) -> None:
        shop.tell("order.collected", collected())
        time.set("2026-11-26T12:00:00Z")
        shop.work()
        with transaction() as session:
            posting.spend(session, shop.id, member, 70, at=time.now, key="spend", author=SYSTEM, reason="", why={})
        shop.tell("order.cancelled", collected(cancelled_at="2026-11-26T11:00:00Z", updated_at="2026-11-26T11:00:00Z"))
        balance = widget.me()["balance"]
        assert (balance["available"], balance["owed"]) == (0, -70)

    def test_reasons_are_told_in_the_readers_language(self, shop: TestShop, widget: Widget) -> None:
        shop.tell("order.collected", collected())
        for options in ({"headers": {"Accept-Language": "fr-FR,fr;q=0.9"}}, {"query_string": {"locale": "fr"}}):
            me = widget.me(**options)
            assert me["balance"]["pending"][0]["reason"] == "Commande 1001"
            assert me["earn"][0]["button"]["label"] == "Acheter"

    def test_without_a_wish_the_members_own_language_is_spoken(self, shop: TestShop, widget: Widget) -> None:
        shop.tell("customer.updated", {"id": "c-1", "locale": "de-AT"})
        shop.tell("order.collected", collected())
        assert widget.me()["balance"]["pending"][0]["reason"] == "Bestellung 1001"
        assert widget.me(headers={"Accept-Language": "es"})["balance"]["pending"][0]["reason"] == "Pedido 1001"


class TestEndingPoints:
    def test_every_open_lot_with_a_date_is_summed_per_date_soonest_first(self, widget: Widget, member: int) -> None:
        soon, late = START + timedelta(days=3), START + timedelta(days=30)
        for points, ends_at in ((10, late), (7, soon), (5, late), (3, None)):
            grant(widget, member, points, ends_at)
        balance = widget.me()["balance"]
        assert balance["available"] == 25
        assert balance["expiring"] == [
            {"points": 7, "expires_at": "2026-11-26T09:00:00Z"},
            {"points": 15, "expires_at": "2026-12-23T09:00:00Z"},
        ]

    def test_only_the_date_decides_whether_or_not_a_sweep_has_run(
        self, widget: Widget, member: int, time: BusinessTime
    ) -> None:
        grant(widget, member, 10, START + timedelta(days=3))
        grant(widget, member, 4, START + timedelta(days=5))
        time.set(START + timedelta(days=3) - timedelta(seconds=1))
        assert widget.me()["balance"]["available"] == 14
        time.set(START + timedelta(days=3))
        balance = widget.me()["balance"]
        assert balance["available"] == 4
        assert balance["expiring"] == [{"points": 4, "expires_at": "2026-11-28T09:00:00Z"}]

    def test_what_was_spent_is_not_said_to_end(self, widget: Widget, member: int, shop: TestShop) -> None:
        grant(widget, member, 10, START + timedelta(days=3))
        with transaction() as session:
            posting.spend(session, shop.id, member, 4, at=START, key="spend", author=SYSTEM, reason="", why={})
        balance = widget.me()["balance"]
        assert (balance["available"], balance["expiring"][0]["points"]) == (6, 6)

    def test_points_on_hold_are_neither_available_nor_ending(self, widget: Widget, member: int, shop: TestShop) -> None:
        grant(widget, member, 10, START + timedelta(days=3))
        with transaction() as session:
            posting.hold(session, shop.id, member, 10, at=START, key="hold", author=SYSTEM, reason="", why={})
        balance = widget.me()["balance"]
        assert (balance["available"], balance["on_hold"], balance["expiring"]) == (0, 10, [])


class TestWaysToEarn:
    @pytest.fixture
    def rules(self, shop: TestShop, time: BusinessTime) -> None:
        title = {"en": "Create an account", "fr": "Créer un compte"}
        shop.set_program(rules=[{"id": "signup", "kind": "signup", "points": 50, "title": title, "delay_days": 2}])
        time.advance(hours=1)

    def test_shows_every_rule_with_how_far_the_member_is(self, rules: None, widget: Widget) -> None:
        order_rule, signup = widget.me()["earn"]
        assert (order_rule["id"], order_rule["done"], order_rule["limit"]) == ("order", False, None)
        assert order_rule["button"] == {"label": "Purchase", "url": "https://shop.example"}
        assert (signup["id"], signup["done"], signup["limit"]) == (
            "signup",
            False,
            {"times": 1, "per": "ever", "used": 0},
        )
        assert signup["button"] is None

    def test_a_sign_up_is_done_from_the_promise_on(self, rules: None, shop: TestShop, widget: Widget) -> None:
        shop.tell("customer.created", {"id": "c-1", "created_at": "2026-11-23T10:00:00Z"})
        me = widget.me()
        assert (me["earn"][1]["done"], me["earn"][1]["limit"]) == (True, {"times": 1, "per": "ever", "used": 1})
        assert me["balance"]["pending"] == [
            {"points": 50, "due_at": "2026-11-24T23:00:00Z", "reason": "Create an account"}
        ]
        assert widget.me(query_string={"locale": "fr"})["balance"]["pending"][0]["reason"] == "Créer un compte"

    def test_one_members_sign_up_is_not_anothers(
        self, rules: None, shop: TestShop, widget: Widget, widget_of: Callable[..., Widget]
    ) -> None:
        shop.tell("customer.created", {"id": "c-1", "created_at": "2026-11-23T10:00:00Z"})
        assert widget_of(shop, "c-2").me()["earn"][1]["done"] is False

    def test_a_switched_off_program_keeps_the_balance_and_shows_no_way_to_earn(
        self, widget: Widget, member: int, shop: TestShop
    ) -> None:
        grant(widget, member, 10)
        shop.set_program(enabled=False)
        me = widget.me()
        assert (me["balance"]["available"], me["earn"]) == (10, [])


class TestClaiming:
    """POST …/me/earn/<rule>: for rules that a visit completes. None of today's is one."""

    def test_a_rule_that_the_store_tells_of_cannot_be_claimed(self, shop: TestShop, widget: Widget) -> None:
        shop.set_program(rules=[{"id": "signup", "kind": "signup", "points": 50, "title": {"en": "Join"}}])
        for rule in ("signup", "order"):
            answer = widget.call(f"me/earn/{rule}", "POST")
            assert (answer.status_code, answer.json["code"]) == (409, "not_claimable")
        assert widget.me()["balance"]["available"] == 0

    @pytest.mark.parametrize("rule", ["instagram", "%00", "x" * 300, "..%2f.."])
    def test_an_unknown_rule_is_not_found(self, widget: Widget, rule: str) -> None:
        assert widget.call(f"me/earn/{rule}", "POST").status_code == 404


class TestNews:
    def test_counts_what_moved_since_the_member_looked(self, widget: Widget, member: int) -> None:
        for points in (1, 2, 3):
            grant(widget, member, points)
        assert widget.me()["unread"] == 3
        assert widget.call("me/seen", "POST").json == {"unread": 0}
        assert widget.me()["unread"] == 0
        grant(widget, member, 4)
        assert widget.me()["unread"] == 1

    def test_counts_no_further_than_99(self, widget: Widget, member: int) -> None:
        with transaction() as session:
            for number in range(105):
                posting.grant(
                    session,
                    widget.shop.id,
                    member,
                    1,
                    at=START,
                    key=f"{number}",
                    author=STAFF,
                    reason="",
                    why={},
                    expires_at=None,
                )
        assert widget.me()["unread"] == reading.MOST_UNREAD == 99

    def test_looking_with_nothing_there_is_fine(self, widget: Widget) -> None:
        assert widget.call("me/seen", "POST").status_code == 200

    def test_another_members_looking_changes_nothing(
        self, widget: Widget, member: int, widget_of: Callable[..., Widget]
    ) -> None:
        grant(widget, member, 5)
        widget_of(widget.shop, "c-2").call("me/seen", "POST")
        assert widget.me()["unread"] == 1


def test_members_of_two_shops_never_see_each_others_points(
    new_shop: Any, widget_of: Callable[..., Widget], time: BusinessTime
) -> None:
    """The same customer id in two shops, and two ids in one."""
    one, two = new_shop(domain="one.example"), new_shop(domain="two.example")
    for shop, points in ((one, 10), (two, 20)):
        widget = widget_of(shop)
        grant(widget, int(widget.begin().json["member"]["id"]), points, START + timedelta(days=points))
        shop.tell("order.paid", order(subtotal=str(points * 100)))

    for shop, points in ((one, 10), (two, 20)):
        me = widget_of(shop).me(headers={"Origin": None})
        assert me["balance"]["available"] == points
        assert [each["points"] for each in me["balance"]["expiring"]] == [points]
        assert [each["points"] for each in me["balance"]["expected"]] == [points * 10]
        assert widget_of(shop, "c-2").me(headers={"Origin": None})["balance"]["available"] == 0


def test_the_members_rewards_are_none_yet(widget: Widget) -> None:
    assert widget.call("me/redemptions").json == {"items": [], "next": None}


def test_every_part_of_the_read_stands_on_an_index_of_the_member(widget: Widget, member: int) -> None:
    """Cost must not grow with history, nor with the number of members."""
    parameters: dict[str, Any] = {
        "shop": widget.shop.id,
        "member": member,
        "version": 1,
        "now": START,
        "rules": "{signup,visit}",
        "since": "{0001-01-02T00:00:00+00:00,2026-11-25T23:00:00+00:00}",
        "most": "{1,3}",
        "limited": "{1,2}",
        "with_facts": "true",
        "campaign": 1,
    }
    with psycopg.connect(current_app.config["LAGNIAPPE_DATABASE_URL"]) as connection:
        for statement in MANY_MEMBERS:
            connection.execute(statement, {"shop": widget.shop.id, "at": START})
        connection.execute("analyze")
        plan = [row[0] for row in connection.execute(f"explain {reading.ME_SQL}", parameters)]
        connection.rollback()
    assert [line for line in plan if "Seq Scan" in line] == []
    # Which of the member's redemptions were had of a limited reward may be seen among all of theirs, if they are few.
    passed_over = [line for line in plan if "Filter:" in line and "token_version" not in line]
    assert [line for line in passed_over if "reward_id = ANY" not in line] == []
    for index in (
        "member_pkey",
        "account_pkey",
        "lot_open",
        "award_pending",
        "orders_expected",
        "entry_of_member",
        "redemption_in_campaign",
        "bonus_of_member",
    ):
        assert any(f"using {index}" in line for line in plan), index


MANY_MEMBERS = (
    """insert into reward (shop_id, redemption_id, name, type, is_active, points, coupon_source, details, created_at,
           modified_at)
       select %(shop)s, 'r' || n, 'r' || n, 'gift', false, 1, 'none', '{}', %(at)s, %(at)s from generate_series(1, 30) n""",
    """insert into member (shop_id, external_id, enrolled_at)
       select %(shop)s, 'many ' || n, %(at)s from generate_series(1, 1000) n""",
    "insert into account select shop_id, id from member where shop_id = %(shop)s on conflict do nothing",
    "insert into tier_standing (shop_id, member_id) select shop_id, id from member where shop_id = %(shop)s",
    """insert into entry (shop_id, member_id, at, kind, from_bucket, to_bucket, points, available_after, source_key, actor,
           reason)
       select shop_id, id, %(at)s, 'grant', 'issued', 'available', 1, 1, id || ':' || n, 'staff', ''
       from member, generate_series(1, 4) n where shop_id = %(shop)s""",
    """insert into lot (shop_id, member_id, entry_id, points, remaining, open, earned_at, expires_at)
       select shop_id, member_id, id, 1, id %% 2, id %% 2 = 1, %(at)s, %(at)s from entry where shop_id = %(shop)s""",
    """insert into award (shop_id, member_id, rule, promised, pending, state, due_at, reason, program_version, why)
       select shop_id, id, 'order', 1, id %% 2, case id %% 2 when 1 then 'pending' else 'posted' end, %(at)s, '', 1, '{}'
       from member where shop_id = %(shop)s""",
    """insert into orders (shop_id, external_id, member_id, known, placed_at, program_version, expected_points)
       select shop_id, id || ':' || n, id, '{}', %(at)s, 1, n / 20 from member, generate_series(1, 20) n
       where shop_id = %(shop)s""",
    """insert into bonus (shop_id, member_id, rule, key, at, points)
       select shop_id, id, 'visit', id || ':' || n, %(at)s + n * interval '-1 hour', 1 from member, generate_series(1, 20) n
       where shop_id = %(shop)s""",
    """insert into redemption (shop_id, member_id, reward_id, campaign_id, origin, status, points, points_after, frozen,
           requested_at)
       select m.shop_id, m.id, r.id, 1, 'points', 'issued', 1, 1, '{}', %(at)s
       from member m join account a on a.shop_id = m.shop_id and a.member_id = m.id
       join reward r on r.shop_id = m.shop_id where m.shop_id = %(shop)s""",
)


def test_money_and_points_are_whole_numbers(widget: Widget, member: int) -> None:
    grant(widget, member, 10, START + timedelta(days=3))
    raw = widget.call("me").get_data(as_text=True)
    assert '"available":10,' in raw
    assert '"points":10,' in raw


def test_reading_writes_nothing(widget: Widget, member: int, shop: TestShop) -> None:
    grant(widget, member, 10)

    def state() -> Any:
        with transaction() as session:
            return session.execute(
                text(
                    "select m.xmin::text, a.xmin::text from member m join account a on a.member_id = m.id where m.id = :m"
                ),
                {"m": member},
            ).one()

    before = state()
    for path in ("me", "me/activity", "me/redemptions"):
        assert widget.call(path).status_code == 200
    assert state() == before
