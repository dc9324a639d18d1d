"""A shopper's own link for friends, learnt as their browser learns it: signed in at the widget's door."""

import time
from typing import Any

import requests

from demo import signing, times
from demo.people import Customer
from demo.settings import Settings

_PAUSE_SECONDS = 0.25
_TIMEOUT_SECONDS = 10


def code_of(settings: Settings, customer: Customer) -> str:
    """The code at the end of the customer's link; "" if the program has none, or nobody answers in time."""
    deadline = time.monotonic() + settings.patience_seconds
    with requests.Session() as session:
        session.trust_env = False
        while True:
            try:
                return _ask(session, settings, customer)
            except requests.HTTPError as error:
                if error.response.status_code < 500:
                    return ""
            except (requests.RequestException, LookupError, TypeError):
                pass  # it is starting, or answers in another tongue
            if time.monotonic() >= deadline:
                return ""
            time.sleep(_PAUSE_SECONDS)


def _ask(session: requests.Session, settings: Settings, customer: Customer) -> str:
    door = f"{settings.lagniappe_url}/widget/v1"
    identity = signing.identity_token(settings.identity_secret, customer, times.wall())
    begun = session.post(f"{door}/{settings.widget_key}/session", json={"identity": identity}, timeout=_TIMEOUT_SECONDS)
    begun.raise_for_status()
    signed_in = {"Authorization": f"Bearer {begun.json()['session']}"}
    answer = session.get(f"{door}/me", headers=signed_in, timeout=_TIMEOUT_SECONDS)
    answer.raise_for_status()
    referral: dict[str, Any] = answer.json()["referral"]
    return str(referral.get("code", ""))
