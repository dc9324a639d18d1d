"""What Lagniappe tells the store of discount codes: contract section 3, by the standard's own library."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient
from standardwebhooks import Webhook
from werkzeug.serving import make_server

from demo import moods, times
from demo.shop import Shop
from demo.web import create_app
from tests.demo.conftest import SECRET

DOOR = "/lagniappe/discounts"


@pytest.fixture
def door(shop: Shop) -> FlaskClient:
    return create_app(shop).test_client()


def signed(body: str, *, secret: str = SECRET, age: timedelta = timedelta(0)) -> dict[str, str]:
    at = times.wall() - age
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", at, body),
        "content-type": "application/json",
    }


def message(type_: str, code: str = "LGN-7QXK", reference: str = "r1", **data: Any) -> str:
    terms = {"kind": "fixed_amount", "value": "5.00", "currency": "EUR", "usage_limit": 1}
    told = {"reference": reference, "code": code, **(terms if type_ == "discount.create" else {}), **data}
    return json.dumps({"type": type_, "timestamp": times.iso(times.wall()), "data": told})


def tell(door: FlaskClient, type_: str, **told: Any) -> tuple[int, Any]:
    body = message(type_, **told)
    answer = door.post(DOOR, data=body, headers=signed(body))
    return answer.status_code, answer.get_json()


def known(door: FlaskClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = door.get("/discounts.json").get_json()["items"]
    return found


def test_a_code_is_made_with_all_its_terms(door: FlaskClient) -> None:
    terms = {"minimum_subtotal": "20.00", "customer_id": "cus_1", "expires_at": "2026-12-31T23:00:00+01:00"}
    assert tell(door, "discount.create", **terms) == (201, {"status": "created"})
    (code,) = known(door)
    assert (
        code.items()
        >= {
            "code": "LGN-7QXK",
            "reference": "r1",
            "source": "lagniappe",
            "kind": "fixed_amount",
            "value": "5.00",
            "currency": "EUR",
            "product_id": None,
            "minimum_subtotal": "20.00",
            "usage_limit": 1,
            "customer_id": "cus_1",
            "expires_at": "2026-12-31T22:00:00.000Z",
            "disabled_at": None,
            "uses": [],
        }.items()
    )


def test_a_code_that_exists_is_told_with_its_reference_whatever_the_case(door: FlaskClient) -> None:
    tell(door, "discount.create")
    assert tell(door, "discount.create") == (409, {"reference": "r1"})
    assert tell(door, "discount.create", code="lgn-7qxk", reference="r2") == (409, {"reference": "r1"})
    assert [(code["reference"], code["told"]) for code in known(door)] == [("r1", 3)]


def test_disabling_is_done_once_and_said_as_often_as_asked(door: FlaskClient) -> None:
    tell(door, "discount.create")
    assert tell(door, "discount.disable") == (200, {"status": "disabled"})
    first = known(door)[0]["disabled_at"]
    assert tell(door, "discount.disable")[0] == 200
    assert known(door)[0]["disabled_at"] == first is not None


@pytest.mark.parametrize("told", [{"code": "LGN-OTHER"}, {"reference": "r2"}])
def test_a_code_that_is_not_known_under_the_reference_is_404(door: FlaskClient, told: dict[str, str]) -> None:
    tell(door, "discount.create")
    assert tell(door, "discount.disable", **told)[0] == 404
    assert known(door)[0]["disabled_at"] is None


def test_only_the_shops_own_secret_opens_the_door_and_only_for_five_minutes(door: FlaskClient) -> None:
    body = message("discount.create")
    other = "whsec_" + "A" * 32
    for headers in ({}, signed(body, secret=other), signed(body, age=timedelta(minutes=6)), signed(body + " ")):
        assert door.post(DOOR, data=body, headers=headers).status_code == 401
    assert known(door) == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("not JSON", 400),
        ("[]", 422),
        ('{"type": "discount.create"}', 422),
        (message("discount.create", reference=""), 422),
        (message("discount.create", code="A B"), 422),
        (message("discount.create", value="five"), 422),
        (message("discount.forget"), 422),
    ],
)
def test_what_is_malformed_is_refused_for_good(door: FlaskClient, body: str, status: int) -> None:
    assert door.post(DOOR, data=body, headers=signed(body)).status_code == status
    assert known(door) == []


def test_a_shop_that_is_down_says_when_to_come_again(door: FlaskClient) -> None:
    door.post("/mischief/discounts", data={"on": ["down"]})
    body = message("discount.create")
    answer = door.post(DOOR, data=body, headers=signed(body))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert known(door) == []
    door.post("/mischief/discounts")
    assert tell(door, "discount.create")[0] == 201


def test_a_slow_shop_answers_in_the_end(door: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moods, "SLOW_SECONDS", 0.2)
    door.post("/mischief/discounts", data={"on": ["slow"]})
    began = times.wall()
    assert tell(door, "discount.create")[0] == 201
    assert times.wall() - began >= timedelta(seconds=0.2)


def test_a_lost_answer_does_not_undo_what_was_done(door: FlaskClient) -> None:
    door.post("/mischief/discounts", data={"on": ["forgetful"], "lost_percent": "100"})
    assert tell(door, "discount.create")[0] == 500
    assert tell(door, "discount.disable")[0] == 500
    assert known(door)[0]["disabled_at"] is not None
    door.post("/mischief/discounts", data={"on": ["forgetful"], "lost_percent": "0"})
    assert tell(door, "discount.create") == (409, {"reference": "r1"})


def test_about_a_quarter_of_the_answers_is_lost_unless_another_share_is_set(door: FlaskClient) -> None:
    door.post("/mischief/discounts", data={"on": ["forgetful"]})
    statuses = [tell(door, "discount.create", code=f"C{n}", reference=f"r{n}")[0] for n in range(120)]
    assert set(statuses) == {201, 500}
    assert 8 <= statuses.count(500) <= 60
    assert len(known(door)) == 120


@pytest.fixture
def address(shop: Shop) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, create_app(shop), threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_on_a_real_line_the_lost_answer_never_arrives(address: str) -> None:
    requests.post(f"{address}/mischief/discounts", data={"on": "forgetful", "lost_percent": "100"}, timeout=60)
    body = message("discount.create")
    with pytest.raises(requests.ConnectionError):
        requests.post(f"{address}{DOOR}", data=body, headers=signed(body), timeout=60)
    assert len(requests.get(f"{address}/discounts.json", timeout=60).json()["items"]) == 1


def test_the_page_shows_every_code_and_the_moods_on_both_pages(door: FlaskClient) -> None:
    assert "None yet." in door.get("/discounts").text
    tell(door, "discount.create", code="LGN-READY")
    tell(door, "discount.create", code="LGN-GONE", reference="r2")
    tell(door, "discount.disable", code="LGN-GONE", reference="r2")
    door.post("/mischief/discounts", data={"on": ["slow"]})
    page = door.get("/discounts").text
    for words in ("LGN-READY", "LGN-GONE", "€5 off", "1 ready", "from Lagniappe as r2", "disabled"):
        assert words in page
    for path in ("/discounts", "/sent"):
        assert 'value="slow"' in door.get(path).text
