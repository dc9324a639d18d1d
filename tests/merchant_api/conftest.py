"""A caller of the merchant API, with a key of any scopes."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from backend import clock, db
from backend.db import transaction
from backend.loyalty.shops import shops
from backend.merchant_api.operations import OPERATIONS
from tests.conftest import TestShop


@dataclass
class Api:
    """Calls `/api/v1` of one shop with one key."""

    shop: TestShop
    key: str

    def call(self, method: str, path: str, **given: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.key}", **given.pop("headers", {})}
        answer = self.shop.client.open(f"/api/v1{path}", method=method, headers=headers, **given)
        if answer.status_code == 409:
            assert answer.json["code"] in self._documented_refusals(method, path), (
                "the document does not name this refusal"
            )
        return answer

    def _documented_refusals(self, method: str, path: str) -> set[str]:
        endpoint, _ = self.shop.client.application.url_map.bind("").match(f"/api/v1{path}", method)
        return set(OPERATIONS[endpoint.rpartition(".")[2]].conflicts())

    def get(self, path: str, **query: Any) -> TestResponse:
        return self.call("GET", path, query_string=query)

    def put(self, path: str, body: Any) -> TestResponse:
        return self.call("PUT", path, json=body)

    def post(self, path: str, body: Any = None, *, key: str | None = None) -> TestResponse:
        headers = {} if key is None else {"Idempotency-Key": key}
        return self.call("POST", path, headers=headers, **({} if body is None else {"json": body}))

    def member(self, external_id: str = "c1", **said: Any) -> str:
        """A member who has just signed up, by id."""
        self.shop.tell("customer.created", {"id": external_id, **said})
        answer = self.get(f"/members/external:{external_id}")
        assert answer.status_code == 200, answer.text
        member_id: str = answer.json["id"]
        return member_id

    def adjust(self, member: str, points: int, reason: str = "A test", **given: Any) -> TestResponse:
        return self.post(f"/members/{member}/adjustments", {"points": points, "reason": reason, **given})


@pytest.fixture
def key_with(shop: TestShop) -> Callable[..., Api]:
    """Make a key of some scopes for the shop."""

    def make(*scopes: str, label: str = "a key", of: TestShop | None = None) -> Api:
        owner = of or shop
        with transaction() as session:
            return Api(owner, shops.new_api_key(session, owner.id, clock.now(), label=label, scopes=scopes))

    return make


@pytest.fixture
def api(shop: TestShop) -> Api:
    """All scopes."""
    return Api(shop, shop.made.api_key)


@pytest.fixture
def at_once(app: Flask, api: Api) -> Callable[..., list[tuple[int, bytes]]]:
    """Send several bodies to one path in the same moment, each by a thread of its own; (status, body) of each answer."""

    def send(path: str, bodies: Sequence[Any], *, key: str | None = None) -> list[tuple[int, bytes]]:
        answers: list[tuple[int, bytes]] = []
        together = threading.Barrier(len(bodies))

        def one(body: Any) -> None:
            with app.app_context():
                client = Api(TestShop(api.shop.made, app.test_client()), api.key)
                together.wait()
                answer = client.post(path, body, key=key)
                answers.append((answer.status_code, answer.data))
                db.direct().close()

        threads = [threading.Thread(target=one, args=(body,)) for body in bodies]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(answers) == len(bodies)
        return answers

    return send
