"""What people on call, load balancers and Prometheus are told."""

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from backend import clock
from backend.app import create_app
from backend.db import db
from backend.logs import JsonLines
from tests.conftest import TestShop


def test_it_is_alive_without_a_database(environ: dict[str, str]) -> None:
    away = create_app(environ | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none"})
    assert away.test_client().get("/healthz").status_code == 200


def test_it_is_ready_when_the_schema_is_current(client: FlaskClient) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.get_json()["status"], answer.get_json()["queue"]) == (200, "ready", "ok")


@pytest.mark.parametrize(
    "spoil, mend",
    [
        ("update alembic_version set version_num = 'x' || version_num", "set version_num = substr(version_num, 2)"),
        ("alter table alembic_version rename to no_version", ""),
    ],
)
def test_it_is_not_ready_with_another_schema_or_none(client: FlaskClient, spoil: str, mend: str) -> None:
    db.session.execute(text(spoil))
    db.session.commit()
    try:
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert answer.get_json()["status"] == "schema is not current: run lagniappe migrate"
    finally:
        mending = f"update alembic_version {mend}" if mend else "alter table no_version rename to alembic_version"
        db.session.execute(text(mending))
        db.session.commit()


def test_it_is_not_ready_without_a_database(environ: dict[str, str]) -> None:
    away = create_app(environ | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none"})
    assert away.test_client().get("/readyz").status_code == 503


def test_without_the_queue_it_is_ready_and_says_so(another_app: Callable[..., Flask]) -> None:
    answer = another_app(REDIS_URL="redis://127.0.0.1:9/0").test_client().get("/readyz")
    assert (answer.status_code, answer.get_json()["queue"]) == (200, "away")


def test_status_tells_how_long_a_delivery_has_waited(shop: TestShop, client: FlaskClient) -> None:
    shop.deliver("customer.created", {"id": "c-1"})
    db.session.execute(
        text("update delivery set next_try_at = :then where shop_id = :shop"),
        {"then": clock.wall() - timedelta(minutes=5), "shop": shop.id},
    )
    db.session.commit()
    inbox = client.get("/status").get_json()["inbox"]
    assert inbox["waiting"] >= 1 and inbox["oldest_seconds"] >= 300
    assert 'lagniappe_oldest_seconds{what="inbox"}' in client.get("/metrics").text
    shop.work()


def test_a_missing_setting_stops_the_start_with_one_sentence_that_names_it() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "backend.cli", "ledger", "check"],
        env={"LAGNIAPPE_ENV": "production", "DATABASE_URL": "postgresql://x", "REDIS_URL": "redis://x"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 1
    assert ended.stderr == "Error: SECRET_KEY is not set.\n"


def test_a_log_line_of_a_request_names_the_request_and_the_shop(client: FlaskClient) -> None:
    record = logging.LogRecord("backend", logging.WARNING, __file__, 1, "%s points", (3,), None)
    with client.application.test_request_context("/webhooks/custom/7", method="POST", headers={"X-Request-Id": "r-1"}):
        line = json.loads(JsonLines().format(record))
    assert line["message"] == "3 points"
    assert (line["request"], line["shop"], line["path"]) == ("r-1", "7", "/webhooks/custom/7")
