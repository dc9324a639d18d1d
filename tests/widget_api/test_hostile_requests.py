"""Whatever comes in, the answer is one of ours and never a 500 (reliability F-17 to F-28)."""

import io
import json
from typing import Any

import pytest
from flask import Flask

from tests.conftest import TestShop
from tests.widget_api.conftest import Widget


def post(widget: Widget, body: bytes, content_type: str = "application/json") -> Any:
    return widget.shop.client.post(f"/widget/v1/{widget.key}/session", data=body, content_type=content_type)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b'{"identity": NaN}',
        b'{"identity": "a", "identity": "b"}',
        b"[" * 10_000,
        b'{"a":' * 3000,
        b'\xff\xfe{"identity": "x"}',
        b'\xef\xbb\xbf{"identity": "x"}',
        b'{"identity": "\x00"}',
        b'{"identity": "\\u0000"}',
        b'{"identity": "\\ud800"}',
        b'{"identity": ' + b"9" * 5000 + b"}",
    ],
    ids=lambda body: repr(body[:24]),
)
def test_a_body_that_is_not_strict_json_is_refused(widget: Widget, body: bytes) -> None:
    answer = post(widget, body)
    assert (answer.status_code, answer.json["code"]) == (400, "malformed_json")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "identity"),
        ({"identity": None}, "identity"),
        ({"identity": 7}, "identity"),
        ({"identity": {"sub": "c-1"}}, "identity"),
        ({"identity": "x", "ref": 7}, "ref"),
        ({"identity": "x", "customer_id": "c-1"}, "customer_id"),
        ({"identity": "x", "shop_id": 1}, "shop_id"),
        ({"identity": "x", "balance": 1000}, "balance"),
        ({"identity": "x", "tier": "gold"}, "tier"),
    ],
    ids=json.dumps,
)
def test_a_wrong_or_unknown_field_is_named(widget: Widget, body: dict[str, Any], field: str) -> None:
    answer = post(widget, json.dumps(body).encode())
    assert (answer.status_code, answer.json["code"]) == (422, "bad_input")
    assert answer.json["errors"][0]["field"] == field


@pytest.mark.parametrize("body", [b"[]", b"null", b"7", b'"text"', b"true"])
def test_json_that_is_no_object_is_refused_in_words_of_the_outside(widget: Widget, body: bytes) -> None:
    answer = post(widget, body)
    assert answer.status_code == 422
    assert answer.json["detail"] == "The body should be a JSON object."


def test_a_friends_code_is_taken_and_kept_nowhere_yet(widget: Widget) -> None:
    assert widget.begin(ref="FRIEND-1_x").status_code == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_only_json_is_read_so_that_a_browser_must_ask_first(widget: Widget, content_type: str) -> None:
    body = json.dumps({"identity": widget.identity()}).encode()
    assert post(widget, body, content_type).status_code == 415


def test_a_body_over_the_limit_is_refused_unread(widget: Widget) -> None:
    body = b'{"identity": "' + b"x" * 20_000 + b'"}'
    chunked = {"input_stream": io.BytesIO(body), "environ_base": {"wsgi.input_terminated": True}}
    for sent in ({"data": body}, chunked):
        answer = widget.shop.client.post(f"/widget/v1/{widget.key}/session", content_type="application/json", **sent)
        assert (answer.status_code, answer.json["code"]) == (413, "too_large")


def test_a_method_that_a_path_does_not_know_is_405(widget: Widget) -> None:
    client = widget.shop.client
    assert client.post(f"/widget/v1/{widget.key}/program").status_code == 405
    assert client.get(f"/widget/v1/{widget.key}/session").status_code == 405
    assert client.delete("/widget/v1/me").status_code == 405


HOSTILE = [
    "\x00",
    "é",
    "\xff\xfe",
    "' or 1=1 --",
    "$1",
    "%s%s%s%n",
    "{0}{shop}",
    "../../../etc/passwd",
    "<script>",
    "x" * 3000,
    "-1",
    "NaN",
    "[]",
    "9" * 400,
    "\u202e",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:12]))
def test_no_text_in_any_place_of_any_request_makes_a_500(app: Flask, widget: Widget, text: str) -> None:
    widget.begin()
    client = widget.shop.client
    header = text.encode().decode("latin-1").replace("\n", "").replace("\x00", "\x7f")
    member = {"Authorization": f"Bearer {widget.token}"}
    names = ("Authorization", "Origin", "If-None-Match", "Accept-Language", "Accept-Encoding", "Content-Type", "Accept")
    for rule in app.url_map.iter_rules():
        if not str(rule.rule).startswith("/widget/v1"):
            continue
        url = str(rule.rule)
        for argument in rule.arguments:
            url = url.replace(f"<path:{argument}>", text).replace(f"<{argument}>", text)
        for method in ("GET", "POST", "OPTIONS"):
            requests: list[dict[str, Any]] = [
                {},
                {"headers": member, "query_string": dict.fromkeys(("locale", "after", "limit", "shop", text), text)},
                {"headers": member, "data": text.encode(), "content_type": "application/json"},
                {"headers": dict.fromkeys(names, header)},
                {"headers": member | dict.fromkeys(names[1:], header)},
            ]
            for options in requests:
                status = client.open(url, method=method, **options).status_code
                assert status < 500, (method, url[:60], options, status)


@pytest.mark.parametrize("redemption_id", ["0", "9" * 19, "9" * 5000, "1.5", "٣"], ids=lambda text: text[:20])
def test_what_can_be_no_id_is_not_found_however_long_it_is(widget: Widget, redemption_id: str) -> None:
    widget.begin()
    assert widget.call(f"me/redemptions/{redemption_id}/return", "POST").status_code == 404


def test_no_page_of_the_widget_is_found_beside_those_of_the_contract(shop: TestShop) -> None:
    for path in ("", "me/rewards", "me/cashback", "me/referrals", "me/redemptions/1", "sessions", "me/me"):
        answer = shop.client.get(f"/widget/v1/{path}")
        assert answer.status_code == 404
        assert answer.content_type == "application/problem+json"


def test_nothing_internal_leaks_when_the_database_is_away(
    widget: Widget, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget.begin()
    monkeypatch.setitem(app.config, "LAGNIAPPE_DATABASE_URL", "postgresql://nobody@/nowhere?host=/nonexistent")
    answer = widget.call("me")
    assert (answer.status_code, answer.json["code"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    assert "nonexistent" not in answer.text
