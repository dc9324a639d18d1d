"""The short way in front of Flask answers what Flask would have answered."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import Client

from backend.widget_api.hot_path import HotPath
from tests.widget_api.conftest import ORIGIN, Machine, Widget


@pytest.fixture
def hot_path(app: Flask) -> HotPath:
    """The middleware, found where the app has it."""
    found: Any = app.wsgi_app
    while not isinstance(found, HotPath):
        found = found._app
    return found


@pytest.fixture
def without_flask(hot_path: HotPath, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that reach Flask meanwhile."""
    reached: list[str] = []

    def refuse(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        reached.append(environ["PATH_INFO"])
        start_response("599 Flask", [])
        return [b""]

    monkeypatch.setattr(hot_path, "_next", refuse)
    return reached


VARIETY = [
    {},
    {"Origin": ORIGIN},
    {"Origin": "https://evil.example"},
    {"Accept-Language": "fr-CA,fr;q=0.8"},
    {"Accept-Language": ""},
    {"Accept-Language": ";;,,"},
    {"Accept": "text/html", "Cookie": "a=b", "If-None-Match": '"x"'},
]


@pytest.mark.parametrize("headers", VARIETY, ids=str)
def test_both_ways_answer_the_same(app: Flask, hot_path: HotPath, widget: Widget, headers: dict[str, str]) -> None:
    widget.begin()
    given = headers | {"Authorization": f"Bearer {widget.token}"}
    ways = [
        Client(hot_path).get("/widget/v1/me", headers=given),
        Client(hot_path._next).get("/widget/v1/me", headers=given),
    ]
    short, long = ({name: value for name, value in way.headers if name != "Lagniappe-Signature"} for way in ways)
    assert ways[0].status_code == ways[1].status_code == 200
    assert ways[0].data == ways[1].data
    assert short == long
    assert all("Lagniappe-Signature" in way.headers for way in ways)


PROGRAM_VARIETY = [
    {},
    {"Origin": "https://evil.example"},
    {"Accept-Encoding": "gzip, deflate, br, zstd"},
    {"Accept-Encoding": "gzip;q=0"},
    {"Accept-Encoding": "br"},
    {"If-None-Match": '"another"'},
    {"If-None-Match": "its own"},
    {"If-None-Match": "its own", "Accept-Encoding": "gzip"},
    {"If-None-Match": 'W/"another", *'},
]


@pytest.mark.parametrize("query", ["", "locale=fr", "locale=zh-TW", "locale=", "locale=%C3%A9&x=1"])
@pytest.mark.parametrize("headers", PROGRAM_VARIETY, ids=str)
def test_both_ways_answer_the_same_program(
    hot_path: HotPath, widget: Widget, headers: dict[str, str], query: str
) -> None:
    path = f"/widget/v1/{widget.shop.facts.widget_key}/program"
    if headers.get("If-None-Match") == "its own":
        plain = {name: value for name, value in headers.items() if name != "If-None-Match"}
        headers = headers | {
            "If-None-Match": Client(hot_path._next).get(path, query_string=query, headers=plain).headers["ETag"]
        }
    ways = [Client(each).get(path, query_string=query, headers=headers) for each in (hot_path, hot_path._next)]
    short, long = ({name: value for name, value in way.headers if name != "Lagniappe-Signature"} for way in ways)
    assert (ways[0].status_code, ways[0].data, short) == (ways[1].status_code, ways[1].data, long)
    assert ways[0].status_code in (200, 304)
    assert ("Lagniappe-Signature" in ways[0].headers) == ("Lagniappe-Signature" in ways[1].headers)


def test_what_the_widget_asks_never_reaches_flask(
    widget: Widget, hot_path: HotPath, request: pytest.FixtureRequest
) -> None:
    widget.begin()
    reached: list[str] = request.getfixturevalue("without_flask")
    headers = {"Authorization": f"Bearer {widget.token}", "Origin": ORIGIN, "Accept-Language": "fr"}
    assert Client(hot_path).get("/widget/v1/me", headers=headers).status_code == 200
    program = f"/widget/v1/{widget.shop.facts.widget_key}/program?locale=fr"
    first = Client(hot_path).get(program, headers={"Accept-Encoding": "gzip, deflate, br, zstd"})
    assert first.status_code == 200
    again = Client(hot_path).get(program, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert reached == []


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/widget/v1/me", {}),
        ("GET", "/widget/v1/me", {"Authorization": "Bearer nonsense"}),
        ("GET", "/widget/v1/me?locale=fr", {}),
        ("GET", "/widget/v1/me/", {}),
        ("HEAD", "/widget/v1/me", {}),
        ("POST", "/widget/v1/me", {}),
        ("OPTIONS", "/widget/v1/me", {"Origin": ORIGIN}),
        ("GET", "/widget/v1/me/activity", {}),
        ("GET", "/widget/v1/nobody/program", {}),
        ("POST", "/widget/v1/nobody/program", {}),
    ],
    ids=str,
)
def test_everything_unusual_is_flasks(
    hot_path: HotPath, without_flask: list[str], method: str, path: str, headers: dict[str, str]
) -> None:
    assert Client(hot_path).open(path, method=method, headers=headers).status_code == 599
    assert without_flask == [path.partition("?")[0]]


def test_the_limits_hold_on_the_short_way(another_app: Callable[..., Flask], widget: Widget, machine: Machine) -> None:
    widget.begin()
    client = another_app(LAGNIAPPE_RATE_LIMITS="reads=2/hour;address=1000/hour").test_client()
    headers = {"Authorization": f"Bearer {widget.token}"}
    assert [client.get("/widget/v1/me", headers=headers).status_code for _ in range(3)] == [200, 200, 429]
    client = another_app(LAGNIAPPE_RATE_LIMITS="reads=1000/hour;address=2/hour").test_client()
    assert [client.get("/widget/v1/me", headers=headers).status_code for _ in range(3)] == [200, 200, 429]
