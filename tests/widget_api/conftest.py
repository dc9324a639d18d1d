"""A shopper whom the store vouches for, and the widget that speaks for them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jwt
import pytest
from werkzeug.test import TestResponse

from backend.widget_api import rate_limits
from tests.conftest import TestShop

ORIGIN = "https://shop.example"


class Machine:
    """The machine's clock, standing where the test puts it."""

    def __init__(self) -> None:
        self.seconds = 6000.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """By which limits are counted."""
    machine = Machine()
    monkeypatch.setattr(rate_limits, "time", machine)
    return machine


def identity_token(secret: str, sub: str = "c-1", *, algorithm: str = "HS256", **claims: Any) -> str:
    """What a store's server makes for the shopper who is signed in; None leaves a claim out."""
    seconds = int(time.time())
    whole = {"sub": sub, "iat": seconds, "exp": seconds + 600} | claims
    return jwt.encode({name: value for name, value in whole.items() if value is not None}, secret, algorithm=algorithm)


@dataclass
class Widget:
    """The widget in a page of a shop, for one shopper."""

    shop: TestShop
    customer: str = "c-1"
    claims: dict[str, Any] = field(default_factory=dict)
    token: str | None = None

    @property
    def key(self) -> str:
        return self.shop.facts.widget_key

    def identity(self, **claims: Any) -> str:
        return identity_token(self.shop.facts.identity_secret, **{"sub": self.customer} | self.claims | claims)

    def begin(self, identity: str | None = None, **body: Any) -> TestResponse:
        """POST …/session; keeps the token."""
        answer = self.shop.client.post(
            f"/widget/v1/{self.key}/session", json={"identity": identity or self.identity(), **body}
        )
        if answer.status_code == 200:
            self.token = answer.json["session"]
        return answer

    def call(self, path: str, method: str = "GET", **options: Any) -> TestResponse:
        """A call with the session's token, which is begun if there is none."""
        if self.token is None:
            answer = self.begin()
            assert answer.status_code == 200, answer.text
        headers = {"Authorization": f"Bearer {self.token}", "Origin": ORIGIN} | options.pop("headers", {})
        return self.shop.client.open(
            f"/widget/v1/{path}",
            method=method,
            headers={name: value for name, value in headers.items() if value is not None},
            **options,
        )

    def me(self, **options: Any) -> dict[str, Any]:
        answer = self.call("me", **options)
        assert answer.status_code == 200, answer.text
        return answer.json

    def program(self, **options: Any) -> TestResponse:
        return self.shop.client.get(f"/widget/v1/{self.key}/program", **options)


@pytest.fixture
def widget(shop: TestShop) -> Widget:
    return Widget(shop)


@pytest.fixture
def widget_of() -> Callable[..., Widget]:
    return Widget
