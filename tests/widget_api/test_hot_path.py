"""The short way in front of Flask answers what Flask would have answered."""

from typing import Any

import pytest
from flask import Flask
from werkzeug.test import Client

from backend.app import create_app
from backend.widget_api.hot_path import HotPath
from tests.widget_api.conftest import ORIGIN, Widget


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


def test_what_the_widget_asks_never_reaches_flask(
    widget: Widget, hot_path: HotPath, request: pytest.FixtureRequest
) -> None:
    widget.begin()
    reached: list[str] = request.getfixturevalue("without_flask")
    headers = {"Authorization": f"Bearer {widget.token}", "Origin": ORIGIN, "Accept-Language": "fr"}
    assert Client(hot_path).get("/widget/v1/me", headers=headers).status_code == 200
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
    ],
    ids=str,
)
def test_everything_unusual_is_flasks(
    hot_path: HotPath, without_flask: list[str], method: str, path: str, headers: dict[str, str]
) -> None:
    assert Client(hot_path).open(path, method=method, headers=headers).status_code == 599
    assert without_flask == [path.partition("?")[0]]


def test_the_limits_hold_on_the_short_way(environ: dict[str, str], widget: Widget) -> None:
    widget.begin()
    client = create_app(environ | {"LAGNIAPPE_RATE_LIMITS": "reads=2/hour;address=1000/hour"}).test_client()
    headers = {"Authorization": f"Bearer {widget.token}"}
    assert [client.get("/widget/v1/me", headers=headers).status_code for _ in range(3)] == [200, 200, 429]
    client = create_app(environ | {"LAGNIAPPE_RATE_LIMITS": "reads=1000/hour;address=2/hour"}).test_client()
    assert [client.get("/widget/v1/me", headers=headers).status_code for _ in range(3)] == [200, 200, 429]
