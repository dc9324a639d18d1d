"""How a friend comes by a shopper's link: the shopper finds it in the widget, and the friend opens it."""

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from demo import signing, times
from demo.people import Customer
from demo.settings import Settings

_PAUSE_SECONDS = 0.25
_TIMEOUT_SECONDS = 10


def code_of(settings: Settings, advocate: Customer, friend: str) -> str:
    """What `?ref=` says when the friend of that name follows the advocate's link; "" if there is none, or nobody answers
    in time.
    """
    deadline = time.monotonic() + settings.patience_seconds
    with requests.Session() as session:
        session.trust_env = False
        while True:
            try:
                link = _link_of(session, settings, advocate)
                return _follow(session, link, friend) if link else ""
            except requests.HTTPError as error:
                if error.response.status_code < 500:
                    return ""
            except (requests.RequestException, LookupError, TypeError):
                pass  # it is starting, or somebody else answers there
            if time.monotonic() >= deadline:
                return ""
            time.sleep(_PAUSE_SECONDS)


def _link_of(session: requests.Session, settings: Settings, customer: Customer) -> str:
    """As the customer's browser learns it."""
    door = f"{settings.lagniappe_url}/widget/v1"
    identity = signing.identity_token(settings.identity_secret, customer, times.wall())
    begun = session.post(f"{door}/{settings.widget_key}/session", json={"identity": identity}, timeout=_TIMEOUT_SECONDS)
    begun.raise_for_status()
    signed_in = {"Authorization": f"Bearer {begun.json()['session']}"}
    answer = session.get(f"{door}/me", headers=signed_in, timeout=_TIMEOUT_SECONDS)
    answer.raise_for_status()
    referral: dict[str, Any] = answer.json()["referral"]
    return str(referral.get("url", ""))


def _follow(session: requests.Session, link: str, friend: str) -> str:
    """The friend's browser is sent to the store; what it finds there is read off the address alone."""
    agent = {"User-Agent": f"Mozilla/5.0 ({friend}'s browser)"}
    answer = session.get(link, headers=agent, timeout=_TIMEOUT_SECONDS, allow_redirects=False)
    answer.raise_for_status()
    return parse_qs(urlsplit(answer.headers["Location"]).query)["ref"][0]
