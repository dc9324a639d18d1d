"""GET /widget/v1/me/activity.csv: all that ever moved, as a table that any spreadsheet opens and none runs (F-35)."""

import csv
import io
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from werkzeug.test import TestResponse

from backend.db import transaction
from backend.ledger import posting
from backend.ledger.posting import SYSTEM, Author
from backend.widget_api import history_table
from backend.widget_api.history_words import WORDS
from backend.widget_api.words import SENTENCES
from tests.conftest import BusinessTime, TestShop
from tests.widget_api.conftest import ORIGIN, Widget

START = datetime.fromisoformat("2026-11-23T09:00:00+00:00")
STAFF = Author("staff", "Nora")
HEADERS = ["Date", "What happened", "Kind", "Points", "Available afterwards", "Use by"]


@pytest.fixture(autouse=True)
def start(time: BusinessTime) -> None:
    time.set(START)


@pytest.fixture
def grant(widget: Widget, time: BusinessTime) -> Callable[..., None]:
    """So many points by hand."""
    member = int(widget.begin().json["member"]["id"])
    numbers = iter(range(100_000))

    def grant(points: int = 1, reason: str = "Sorry", expires_at: datetime | None = None) -> None:
        with transaction() as session:
            posting.grant(
                session, widget.shop.id, member, points, at=time.now, expires_at=expires_at,
                key=f"test:{next(numbers)}", author=STAFF, reason=reason, why={},
            )  # fmt: skip

    return grant


def table(widget: Widget, **options: Any) -> TestResponse:
    answer = widget.call("me/activity.csv", **options)
    assert answer.status_code == 200, answer.text
    return answer


def rows(answer: TestResponse) -> list[list[str]]:
    return list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))


def test_a_member_without_a_history_gets_the_columns_alone(widget: Widget) -> None:
    answer = table(widget)
    assert answer.data.startswith(b"\xef\xbb\xbfDate,")
    assert rows(answer) == [HEADERS]


def test_each_movement_is_a_row_newest_first_with_the_days_of_the_shop(
    widget: Widget, grant: Callable[..., None]
) -> None:
    """Times are the shop's own with their offset, and what ends at midnight is good until the day before."""
    grant(25, expires_at=datetime.fromisoformat("2026-12-31T23:00:00+00:00"))
    grant(5)
    assert widget.shop.facts.timezone == "Europe/Paris"
    assert rows(table(widget))[1:] == [
        ["2026-11-23T10:00:00+01:00", "Added by Maison Test: Sorry", "By the shop", "5", "30", ""],
        ["2026-11-23T10:00:00+01:00", "Added by Maison Test: Sorry", "By the shop", "25", "25", "2026-12-31"],
    ]


def test_lost_points_are_numbers_below_zero_and_no_formulas(widget: Widget, shop: TestShop) -> None:
    order = {
        "id": "o-1", "number": "1001", "customer": {"id": "c-1"}, "currency": "EUR", "subtotal": "1000",
        "created_at": "2026-11-20T10:00:00Z", "payment_status": "paid", "delivery_status": "collected",
        "collected_at": "2026-11-23T08:00:00Z",
    }  # fmt: skip
    shop.tell("order.collected", order)
    cancelled = {"cancelled_at": "2026-11-23T08:30:00Z", "updated_at": "2026-11-23T08:30:00Z"}
    shop.tell("order.cancelled", order | cancelled)
    assert [row[1:4] for row in rows(table(widget))[1:]] == [
        ["Order 1001: points cancelled", "Taken back", "-100"],
        ["Order 1001: points on their way", "Earned", "100"],
    ]


def test_speaks_the_readers_language(widget: Widget, grant: Callable[..., None]) -> None:
    grant()
    found = rows(table(widget, headers={"Accept-Language": "fr-CA,fr;q=0.5"}))
    assert found[0][:3] == ["Date", "Ce qui s’est passé", "Type"]
    assert found[1][2] == "Par la boutique"
    assert rows(table(widget, query_string={"locale": "tlh"}))[0] == HEADERS


def test_the_words_are_there_in_every_language() -> None:
    assert set(WORDS) >= set(SENTENCES)
    assert [language for language, words in WORDS.items() if not all(words.values())] == []


def test_a_reward_that_is_called_like_a_formula_is_a_text(widget: Widget, grant: Callable[..., None]) -> None:
    grant(50)
    member = int(widget.me()["member"]["id"])
    with transaction() as session:
        posting.spend(
            session, widget.shop.id, member, 10, at=START, key="test:spend", author=SYSTEM, reason="Redeemed",
            why={"reward": '=HYPERLINK("https://evil.example","Click, me")'},
        )  # fmt: skip
    assert rows(table(widget))[1][1] == '\'=HYPERLINK("https://evil.example","Click, me"): Points spent'


@pytest.mark.parametrize("reason", ['a "quoted", reason', "two\nlines", "é 漢字 🎁", "</script>"])
def test_whatever_is_in_a_text_stays_in_its_cell(widget: Widget, grant: Callable[..., None], reason: str) -> None:
    grant(reason=reason)
    assert rows(table(widget))[1][1] == f"Added by Maison Test: {reason}"


def test_is_whole_however_long_it_is_and_is_made_page_by_page(
    widget: Widget, grant: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_table, "PAGE", 3)
    for points in range(1, 11):
        grant(points)
    answer = widget.call("me/activity.csv")
    pieces = list(answer.iter_encoded())
    assert len(pieces) == 5  # the columns, and four pages
    found = list(csv.reader(b"".join(pieces).decode("utf-8-sig").splitlines()))
    assert [row[3] for row in found[1:]] == [str(points) for points in range(10, 0, -1)]


def test_is_never_kept_and_is_for_pages_of_the_shop_alone(widget: Widget) -> None:
    answer = table(widget)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Access-Control-Allow-Origin" not in table(widget, headers={"Origin": "https://evil.example"}).headers


def test_a_session_that_was_ended_gets_none(widget: Widget) -> None:
    widget.begin()
    with transaction() as session:
        session.execute(text("update member set token_version = token_version + 1"))
    answer = widget.call("me/activity.csv")
    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"
    assert widget.shop.client.get("/widget/v1/me/activity.csv").status_code == 401


def test_shows_nothing_of_anybody_else(
    new_shop: Any, widget: Widget, grant: Callable[..., None], widget_of: Callable[..., Widget]
) -> None:
    grant()
    for other in (widget_of(widget.shop, "c-2"), widget_of(new_shop(domain="other.example"))):
        assert rows(table(other, headers={"Origin": None})) == [HEADERS]


def test_the_day_after_the_clocks_change_keeps_its_offset(
    widget: Widget, grant: Callable[..., None], time: BusinessTime
) -> None:
    time.set(START - timedelta(days=60))
    grant()
    assert rows(table(widget))[1][0] == "2026-09-24T11:00:00+02:00"
