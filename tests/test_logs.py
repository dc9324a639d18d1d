"""What leaves the machine when something goes wrong."""

from typing import Any

import pytest
import sentry_sdk
from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware
from sentry_sdk.transport import Transport
from werkzeug.test import Client

from backend import logs


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
