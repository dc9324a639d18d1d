"""GET /widget/v1/me/activity: everything that moved, newest first, with its why (S4.17, S4.18)."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any

import psycopg
import pytest
from flask import current_app

from backend.db import transaction
from backend.ledger import posting
from backend.ledger.posting import SYSTEM, Author
from backend.widget_api import history
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


@pytest.fixture
def move(widget: Widget, member: int, time: BusinessTime) -> Callable[..., int]:
    """One movement by a verb of the ledger; returns what it returns."""
    numbers = iter(range(10_000))

    def move(verb: str, *given: Any, **named: Any) -> int:
        wanted = {"author": STAFF, "reason": "Sorry for the wait", "why": {}} | named
        if verb in ("grant", "deduct", "hold", "spend"):
            wanted["key"] = f"test:{next(numbers)}"
        if verb == "grant":
            wanted.setdefault("expires_at", None)
        if verb == "capture":
            del wanted["author"]
        if verb in ("release", "give_back"):
            wanted["grace_days"] = 7
        with transaction() as session:
            made = getattr(posting, verb)(session, widget.shop.id, member, *given, at=time.now, **wanted)
        assert made is not None
        return int(made)

    return move


def items(widget: Widget, **options: Any) -> list[dict[str, Any]]:
    answer = widget.call("me/activity", **options)
    assert answer.status_code == 200, answer.text
    return answer.json["items"]


def titles(widget: Widget, **options: Any) -> list[str]:
    return [item["title"] for item in items(widget, **options)]


def test_a_new_member_has_no_activity(widget: Widget) -> None:
    answer = widget.call("me/activity")
    assert answer.json == {"items": [], "next": None}
    assert answer.headers["Cache-Control"] == "no-store"


def test_shows_an_adjustment_by_hand_with_the_merchants_reason(widget: Widget, move: Callable[..., int]) -> None:
    entry_id = move("grant", 25, expires_at=START + timedelta(days=30))

    assert items(widget) == [
        {
            "id": str(entry_id),
            "at": "2026-11-23T09:00:00Z",
            "kind": "grant",
            "points": 25,
            "balance_after": 25,
            "title": "Added by Maison Test: Sorry for the wait",
            "expires_at": "2026-12-23T09:00:00Z",
            "why": {"actor": "staff", "reason": "Sorry for the wait"},
        }
    ]


def test_never_says_which_person_of_the_shop_it_was(widget: Widget, move: Callable[..., int]) -> None:
    move("grant", 25)
    move("deduct", 5)
    assert "Nora" not in widget.call("me/activity").get_data(as_text=True)


def test_points_are_signed_as_the_shopper_feels_them(
    widget: Widget, member: int, move: Callable[..., int], time: BusinessTime
) -> None:
    move("grant", 100)
    move("deduct", 10)
    spent = move("spend", 30, author=SYSTEM)
    move("give_back", spent, author=SYSTEM)
    held = move("hold", 20, author=SYSTEM)
    move("release", held, author=SYSTEM)
    held = move("hold", 20, author=SYSTEM)
    move("capture", held)

    assert [(item["kind"], item["points"], item["balance_after"]) for item in items(widget)] == [
        ("capture", -20, 70),
        ("hold", -20, 70),
        ("release", 20, 90),
        ("hold", -20, 70),
        ("return", 30, 90),
        ("spend", -30, 60),
        ("deduct", -10, 90),
        ("grant", 100, 100),
    ]
    assert titles(widget) == [
        "Reserved points spent",
        "Points reserved",
        "Reserved points are free again",
        "Points reserved",
        "Points given back",
        "Points spent",
        "Deducted by Maison Test: Sorry for the wait",
        "Added by Maison Test: Sorry for the wait",
    ]


class TestOrders:
    def order(self, **given: Any) -> dict[str, Any]:
        return {
            "id": "o-1",
            "number": "1001",
            "customer": {"id": "c-1"},
            "currency": "EUR",
            "created_at": "2026-11-20T10:00:00Z",
            "subtotal": "1000",
            "payment_status": "paid",
            "delivery_status": "collected",
            "collected_at": "2026-11-23T08:00:00Z",
        } | given

    def test_tells_the_life_of_an_order(self, shop: TestShop, widget: Widget, time: BusinessTime) -> None:
        shop.tell("order.collected", self.order())
        time.set("2026-11-26T12:00:00Z")
        shop.work()
        shop.tell("order.returned", self.order(delivery_status="returned", updated_at="2026-11-26T11:00:00Z"))

        assert [(item["kind"], item["points"], item["title"]) for item in items(widget)] == [
            ("claw_back", -100, "Order 1001: points taken back"),
            ("post", 100, "Order 1001"),
            ("promise", 100, "Order 1001: points on their way"),
        ]

    def test_tells_of_a_promise_that_came_to_nothing(self, shop: TestShop, widget: Widget) -> None:
        shop.tell("order.collected", self.order())
        shop.tell("order.cancelled", self.order(cancelled_at="2026-11-23T08:30:00Z", updated_at="2026-11-23T08:30:00Z"))
        assert titles(widget)[0] == "Order 1001: points cancelled"

    def test_each_row_opens_into_the_sum_that_made_it(self, shop: TestShop, widget: Widget) -> None:
        shop.tell("order.collected", self.order())
        why = items(widget)[0]["why"]
        assert (why["counted"], why["spend_step"], why["points"], why["order"]) == ("1000.00", "10", 100, "1001")

    def test_the_rules_that_took_part_are_called_in_the_readers_language(
        self, shop: TestShop, widget: Widget, time: BusinessTime
    ) -> None:
        title = {"en": "Double points", "fr": "Points doublés"}
        shop.set_program(rules=[{"id": "double", "kind": "multiplier", "factor": "2", "title": title}])
        time.advance(hours=2)
        at = {"created_at": "2026-11-23T10:00:00Z", "collected_at": "2026-11-23T10:30:00Z"}
        shop.tell("order.collected", self.order(**at))
        (said,) = items(widget)[0]["why"]["rules"]
        assert (said["title"], said["applied"], said["factor"]) == ("Double points", True, "2")
        assert items(widget, query_string={"locale": "fr"})[0]["why"]["rules"][0]["title"] == "Points doublés"

    def test_speaks_the_readers_language(self, shop: TestShop, widget: Widget) -> None:
        shop.tell("order.collected", self.order())
        assert titles(widget, query_string={"locale": "fr"}) == ["Commande 1001 : points en route"]
        assert titles(widget, headers={"Accept-Language": "pl,en;q=0.5"}) == ["Zamówienie 1001: punkty w drodze"]
        assert titles(widget, query_string={"locale": "tlh"}) == ["Order 1001: points on their way"]

    def test_what_an_order_is_called_is_not_read_as_anything_else(self, shop: TestShop, widget: Widget) -> None:
        shop.tell("order.collected", self.order(number="{shop} <b>%s</b>"))
        assert titles(widget) == ["Order {shop} <b>%s</b>: points on their way"]


class TestSignUp:
    def test_is_called_by_the_rules_title_also_when_the_rule_is_gone(
        self, shop: TestShop, widget: Widget, time: BusinessTime
    ) -> None:
        title = {"en": "Create an account", "fr": "Créer un compte"}
        shop.set_program(rules=[{"id": "signup", "kind": "signup", "points": 50, "title": title}])
        time.advance(hours=2)
        shop.tell("customer.created", {"id": "c-1", "created_at": "2026-11-23T10:00:00Z"})
        expected = ["Create an account", "Create an account: points on their way"]
        assert titles(widget) == expected
        shop.set_program(rules=[])
        assert titles(widget) == expected
        assert titles(widget, query_string={"locale": "fr"})[0] == "Créer un compte"


class TestPaging:
    def page(self, widget: Widget, **query: Any) -> dict[str, Any]:
        answer = widget.call("me/activity", query_string=query)
        assert answer.status_code == 200, answer.text
        return answer.json

    def test_goes_through_everything_once_newest_first(self, widget: Widget, move: Callable[..., int]) -> None:
        made = [move("grant", points) for points in range(1, 8)]
        seen: list[int] = []
        page = self.page(widget, limit=3)
        sizes = [len(page["items"])]
        while True:
            seen += [int(item["id"]) for item in page["items"]]
            if page["next"] is None:
                break
            assert re.fullmatch(r"[A-Za-z0-9_-]+", page["next"])
            page = self.page(widget, limit=3, after=page["next"])
            sizes.append(len(page["items"]))
        assert seen == made[::-1]
        assert sizes == [3, 3, 1]

    def test_a_last_page_that_is_just_full_has_no_next(self, widget: Widget, move: Callable[..., int]) -> None:
        for points in (1, 2, 3):
            move("grant", points)
        assert self.page(widget, limit=3)["next"] is None

    def test_rows_that_arrive_meanwhile_make_no_gap_and_no_repeat(
        self, widget: Widget, move: Callable[..., int]
    ) -> None:
        made = [move("grant", points) for points in range(1, 10)]
        page = self.page(widget, limit=2)
        seen = [int(item["id"]) for item in page["items"]]
        while page["next"] is not None:
            move("grant", 1)
            page = self.page(widget, limit=2, after=page["next"])
            seen += [int(item["id"]) for item in page["items"]]
        assert seen == made[::-1]

    def test_twenty_rows_are_a_page_unless_said_otherwise(self, widget: Widget, move: Callable[..., int]) -> None:
        for points in range(1, 23):
            move("grant", points)
        page = self.page(widget)
        assert len(page["items"]) == 20
        assert len(self.page(widget, after=page["next"])["items"]) == 2
        assert len(self.page(widget, limit=100)["items"]) == 22

    def test_an_empty_cursor_is_that_of_the_first_page(self, widget: Widget) -> None:
        answer = widget.call("me/activity", query_string={"after": ""})
        assert (answer.status_code, answer.json) == (200, self.page(widget))

    @pytest.mark.parametrize(
        "after",
        [
            "x",
            "e1",
            "1",
            "AAAAAAAAAAA",
            "__________8",
            "AAAAAAAAAAE=",
            "AAAAAAAAAAF",
            "A" * 5000,
            "é",
            "\x00",
            "' or 1=1",
        ],
        ids=lambda text: repr(text[:14]),
    )
    def test_a_cursor_that_is_none_of_ours_is_refused(self, widget: Widget, after: str) -> None:
        answer = widget.call("me/activity", query_string={"after": after})
        assert answer.status_code == 400, answer.text
        assert answer.content_type == "application/problem+json"
        assert answer.json["code"] == "bad_page"
        assert answer.json["errors"][0]["field"] == "after"

    @pytest.mark.parametrize("limit", ["0", "-1", "101", "1.5", "many", "", " 1", "1e1", "٣", "9" * 400])
    def test_a_page_length_that_is_none_is_refused(self, widget: Widget, limit: str) -> None:
        answer = widget.call("me/activity", query_string={"limit": limit})
        assert answer.status_code == 400, answer.text
        assert answer.json["errors"][0]["field"] == "limit"

    def test_another_members_cursor_shows_nothing_of_theirs(
        self, new_shop: Any, widget: Widget, move: Callable[..., int], widget_of: Callable[..., Widget]
    ) -> None:
        for points in (1, 2, 3):
            move("grant", points)
        cursor = self.page(widget, limit=1)["next"]
        for other in (widget_of(widget.shop, "c-2"), widget_of(new_shop(domain="other.example"))):
            answer = other.call("me/activity", query_string={"after": cursor}, headers={"Origin": None})
            assert answer.json == {"items": [], "next": None}


class TestKinds:
    @pytest.fixture
    def moved(self, move: Callable[..., int]) -> None:
        move("grant", 100)
        spent = move("spend", 30, author=SYSTEM)
        move("give_back", spent, author=SYSTEM)
        held = move("hold", 20, author=SYSTEM)
        move("release", held, author=SYSTEM)
        move("capture", move("hold", 10, author=SYSTEM))
        move("deduct", 5)

    @pytest.mark.parametrize(
        ("kind", "expected"),
        [
            ("earned", []),
            ("spent", ["capture", "hold", "hold", "spend"]),
            ("returned", ["release", "return"]),
            ("taken_back", []),
            ("expired", []),
            ("adjusted", ["deduct", "grant"]),
        ],
    )
    def test_shows_one_kind_alone(self, widget: Widget, moved: None, kind: str, expected: list[str]) -> None:
        assert [item["kind"] for item in items(widget, query_string={"kind": kind})] == expected

    def test_every_kind_of_the_ledger_is_in_exactly_one(self) -> None:
        schema = (files("migrations") / "sql" / "0010_customers.sql").read_text()  # the newest to say them
        buckets = schema.partition("check (\n    kind")[2].partition(")")[0]
        of_the_ledger = set(re.findall(r"[{,]\s*(\w+) \w+ \w+", buckets))
        assert len(of_the_ledger) == 14
        assert sorted(kind for kinds in history.KINDS.values() for kind in kinds) == sorted(of_the_ledger)

    def test_pages_of_one_kind_have_no_gap_and_no_repeat_while_others_arrive(
        self, widget: Widget, move: Callable[..., int]
    ) -> None:
        made = []
        for _ in range(5):
            made.append(move("grant", 10))
            move("spend", 3, author=SYSTEM)
            made.append(move("deduct", 1))
        seen: list[int] = []
        after: dict[str, Any] = {}
        while True:
            page = widget.call("me/activity", query_string={"kind": "adjusted", "limit": 3, **after}).json
            seen += [int(item["id"]) for item in page["items"]]
            if page["next"] is None:
                break
            after = {"after": page["next"]}
            move("grant", 1)
            move("spend", 1, author=SYSTEM)
        assert seen == made[::-1]

    @pytest.mark.parametrize("kind", ["", "all", "grant", "Earned", "earned,spent", "\x00", "' or 1=1"])
    def test_a_kind_that_is_none_is_refused(self, widget: Widget, kind: str) -> None:
        answer = widget.call("me/activity", query_string={"kind": kind})
        assert answer.status_code == 400, answer.text
        assert answer.json["errors"][0]["field"] == "kind"

    def test_a_rare_kind_is_found_without_a_look_at_all_the_others(self, widget: Widget, member: int) -> None:
        """Cost must not grow with history: here 100,000 movements, three of which the shop made by hand."""
        parameters: dict[str, Any] = {
            "shop": widget.shop.id,
            "member": member,
            "version": 1,
            "before": 2**62,
            "limit": 21,
            "kinds": list(history.KINDS["adjusted"]),
        }
        with psycopg.connect(current_app.config["LAGNIAPPE_DATABASE_URL"]) as connection:
            connection.execute(LONG_HISTORY, parameters)
            connection.execute("analyze entry")
            plan = [
                row[0] for row in connection.execute(f"explain (analyze, buffers) {history.OF_KINDS_SQL}", parameters)
            ]
            connection.rollback()
        assert any("using entry_of_member_by_kind" in line for line in plan), plan
        assert [line for line in plan if "Seq Scan" in line or "Rows Removed" in line] == []
        blocks = [int(hit) + int(read or 0) for hit, read in re.findall(r"shared hit=(\d+)(?: read=(\d+))?", plan[0])]
        assert sum(blocks) < 40, plan


LONG_HISTORY = """
insert into entry (shop_id, member_id, at, kind, from_bucket, to_bucket, points, available_after, source_key, actor, reason)
select %(shop)s, %(member)s, '2026-01-01T00:00:00Z', w.kind, w.from_bucket, w.to_bucket, 1, 0, 'long:' || n, 'system', ''
from generate_series(1, 100000) as n
cross join lateral (
    select 'grant' as kind, 'issued' as from_bucket, 'available' as to_bucket where n %% 40000 = 1
    union all
    select 'post', 'pending', 'available' where n %% 40000 <> 1
) w
"""
