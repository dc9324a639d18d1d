"""The door of the admin: who gets in, what a stranger sees, what protects its pages."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from backend.admin.door import DECLARED
from backend.admin.routes import WITHOUT_RIGHT, Admin
from tests.admin.conftest import Desk


def test_every_route_of_the_admin_is_declared_with_a_right(app: Flask) -> None:
    endpoints = {
        rule.endpoint.removeprefix("admin.") for rule in app.url_map.iter_rules() if rule.rule.startswith("/admin")
    }
    assert endpoints == set(DECLARED) | WITHOUT_RIGHT


def test_a_route_without_a_right_stops_the_start() -> None:
    blueprint = Admin("admin", __name__)
    blueprint.add_url_rule("/backdoor", endpoint="backdoor", view_func=lambda: "open")
    with pytest.raises(RuntimeError, match="/backdoor of the admin has no right"):
        Flask(__name__).register_blueprint(blueprint, url_prefix="/admin")


def test_a_stranger_is_sent_to_log_in_and_then_where_they_wanted_to_go(client: FlaskClient) -> None:
    assert client.get("/admin").headers["Location"] == "/admin/log-in"
    assert client.get("/admin/account?a=b").headers["Location"] == "/admin/log-in?next=%2Fadmin%2Faccount%3Fa%3Db"


def test_the_bare_address_of_the_server_leads_to_the_admin(client: FlaskClient) -> None:
    answer = client.get("/")
    assert (answer.status_code, answer.location) == (302, "/admin")


def test_the_first_page_greets(desk: Desk) -> None:
    assert "Ada Admin" in desk.page("").get_text()


def test_pages_stay_out_of_caches_frames_and_other_sites(desk: Desk) -> None:
    headers = desk.get("").headers
    assert headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "script-src" not in headers["Content-Security-Policy"]  # default-src 'self': no inline script at all
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_form_from_elsewhere_changes_nothing(desk: Desk) -> None:
    answer = desk.client.post("/admin/log-out", data={"csrf_token": "forged"})
    assert answer.status_code == 400
    assert desk.get("").status_code == 200


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/reward-campaigns", {"search": "a\x00b", "label": "\x00", "category": "\x00"}),
        ("/redeemed-rewards", {"redeemed_from": "0001-01-01T00:00", "used_to": "9999-12-31T23:59:59Z"}),
        ("/redeemed-rewards.csv", {"redeemed_from": "0001-01-01T00:00", "used_to": "9999-12-31T23:59:59Z"}),
        ("/customers", {"search": "\x00", "tier": "\x00", "segment": "\x00"}),
        ("/deliveries", {"delivery": "\x00", "type": "\x00", "first": "0001-01-01", "last": "9999-12-31"}),
        ("/missing-points", {"order": "\x00"}),
        ("/preview", {"customer": "\x00", "member": "9" * 20}),
        ("/program/versions", {"before": "9" * 20}),
    ],
)
def test_what_an_address_cannot_mean_is_left_out_of_it(desk: Desk, path: str, query: dict[str, str]) -> None:
    assert desk.get(path, **query).status_code == 200


def test_an_unknown_page_is_a_page(desk: Desk) -> None:
    answer = desk.get("/nowhere")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text
