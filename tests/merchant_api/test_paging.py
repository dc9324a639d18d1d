"""Pages without gaps or repeats while new rows arrive (contract section 10, F-85)."""

import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.merchant_api.paging import BEFORE_ALL, PageQuery, cursor
from tests.merchant_api.conftest import Api

LISTS = ["/members", "/members/external:c0/transactions", "/deliveries", "/program/versions"]


def arrive(api: Api, number: int) -> None:
    """One new row in each of the lists."""
    api.shop.tell("customer.created", {"id": f"c{number}"})
    api.adjust("external:c0", 1)
    api.put("/program", {})


@pytest.fixture
def seven(api: Api) -> Api:
    for number in range(7):
        arrive(api, number)
    return api


def names(items: list[dict[str, object]]) -> list[object]:
    return [each.get("id", each.get("version")) for each in items]


def pages(api: Api, path: str, limit: int, between: Callable[[], None] | None = None) -> Iterator[list[object]]:
    after: dict[str, str] = {}
    while True:
        answer = api.get(path, limit=limit, **after)
        assert answer.status_code == 200
        yield names(answer.json["items"])
        if answer.json["next"] is None:
            return
        assert re.fullmatch("[A-Za-z0-9_-]+", answer.json["next"])
        after = {"after": answer.json["next"]}
        if between is not None:
            between()


@pytest.mark.parametrize("path", LISTS)
def test_the_pages_together_are_the_list_newest_first(seven: Api, path: str) -> None:
    whole = names(seven.get(path).json["items"])
    assert len(whole) >= 7
    assert [int(str(each)) for each in whole] == sorted((int(str(each)) for each in whole), reverse=True)
    for limit in (1, 2, 3, len(whole) - 1, len(whole), len(whole) + 1, 1000):
        parts = list(pages(seven, path, limit))
        assert [each for part in parts for each in part] == whole
        assert all(len(part) == limit for part in parts[:-1])
        assert parts[-1] != []


@pytest.mark.parametrize("path", LISTS)
def test_rows_that_arrive_between_two_pages_neither_shift_nor_join_them(seven: Api, path: str) -> None:
    whole = names(seven.get(path).json["items"])
    new = iter(range(100, 200))
    seen = [each for part in pages(seven, path, 2, between=lambda: arrive(seven, next(new))) for each in part]
    assert seen == whole
    assert len(names(seven.get(path).json["items"])) > len(whole)


def test_an_empty_list_has_no_next(api: Api) -> None:
    assert api.get("/members").json == {"items": [], "next": None}


def test_a_page_holds_a_hundred_unless_told_otherwise(api: Api) -> None:
    for number in range(101):
        api.shop.deliver("nothing.known", {}, delivery_id=f"m{number}")
    first = api.get("/deliveries").json
    assert (len(first["items"]), first["next"] is None) == (100, False)
    assert len(api.get("/deliveries", after=first["next"]).json["items"]) == 1
    assert len(api.get("/deliveries", limit=1000).json["items"]) == 101


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "1.5", "1e2", "abc", "", " 5", "٥", "1_0", "null", "9" * 30])
def test_a_limit_is_1_to_1000(api: Api, limit: str) -> None:
    api.member("c0")
    for path in LISTS:
        answer = api.get(path, limit=limit)
        assert (answer.status_code, answer.mimetype) == (400, "application/problem+json")
        assert [each["field"] for each in answer.json["errors"]] == ["limit"]


def test_a_limit_that_is_given_twice_is_refused(api: Api) -> None:
    assert api.call("GET", "/members?limit=1&limit=2").json["errors"] == [
        {"field": "limit", "message": "is given twice"}
    ]


@pytest.mark.parametrize(
    "after",
    [
        "x", "garbage", "not-a-cursor", "17", "null", "AAAAAAAABN=", "AAAAAAAABNJ", "gAAAAAAABNI", "AAAAAAAABNIA",
        "AAAAAAAAB\x00I", "é" * 11, "x" * 5000, "AAAAAAAABNI\n", urlsafe_b64encode(b"17").decode().rstrip("="),
    ],
)  # fmt: skip
def test_a_cursor_that_no_page_gave_is_refused(api: Api, after: str) -> None:
    answer = api.get("/members", after=after)
    assert (answer.status_code, [each["field"] for each in answer.json["errors"]]) == (400, ["after"])


def test_an_empty_cursor_is_that_of_the_first_page(seven: Api) -> None:
    assert seven.get("/members", after="").json == seven.get("/members").json != {"items": [], "next": None}


@given(st.integers(0, BEFORE_ALL))
def test_a_cursor_is_a_position_and_nothing_else(position: int) -> None:
    written = cursor(position)
    assert re.fullmatch("[A-Za-z0-9_-]{11}", written)
    assert PageQuery(after=written).position == position


def test_a_cursor_before_everything_gives_the_first_page(seven: Api) -> None:
    newest = cursor(BEFORE_ALL)
    for path in LISTS:
        assert seven.get(path, after=newest).json == seven.get(path).json
        assert seven.get(path, after=cursor(0)).json == {"items": [], "next": None}
