"""What leaves the machine when something goes wrong."""

import logging
from typing import Any

import pytest
import sentry_sdk
from flask import Flask
from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware
from sentry_sdk.transport import Transport
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from werkzeug.test import Client

from backend import logs
from backend.db import transaction


class Kept(Transport):
    """Keeps what would be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.reports: list[str] = []

    def capture_envelope(self, envelope: Any) -> None:
        self.reports.append(envelope.serialize().decode())


def breaks(environ: Any, start_response: Any) -> Any:
    raise RuntimeError("on our side")


def test_no_report_to_sentry_holds_a_token_that_stands_in_an_address__credential_browser_leakage() -> None:
    kept = Kept()
    told = sentry_sdk.Client(
        dsn="https://key@sentry.invalid/1",
        transport=kept,
        before_send=logs.without_query,
        include_local_variables=False,
        default_integrations=False,
    )
    with sentry_sdk.new_scope() as scope, pytest.raises(RuntimeError):
        scope.set_client(told)
        address = "/shopify?id_token=very.secret.token"
        Client(SentryWsgiMiddleware(breaks)).get(address, headers={"Referer": f"https://loyalty.example{address}"})
    [report] = kept.reports
    assert "on our side" in report
    assert "very.secret.token" not in report


def test_no_failed_statement_tells_what_it_was_about(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    """Codes that are money, and addresses, are among its parameters."""
    code = "-".join(["LGN", "7G4M"])
    try:
        with transaction() as session:
            session.execute(text("select cast(:code as text) from nowhere"), {"code": code})
    except DBAPIError:
        logging.getLogger("a test").exception("it failed")
    assert "nowhere" in caplog.text
    assert code not in caplog.text
