"""A shopper with the widget open, over HTTP: asks again with the same key until there is an answer."""

import threading
from typing import Any

import requests

from tests.journeys.running import RunningShop, wait_until
from tests.widget_api.conftest import identity_token

PATIENCE_SECONDS = 240


class Shopper:
    """A member of a running shop. Threads may share it."""

    def __init__(self, shop: RunningShop, customer: str, points: int) -> None:
        """Signs up and is given points by the merchant."""
        self.shop = shop
        self.customer = customer
        self._threads = threading.local()
        identity = identity_token(shop.made["identity_secret"], customer)
        self._token = self._send("POST", f"{shop.made['widget_key']}/session", json={"identity": identity}).json()[
            "session"
        ]
        shop.call("POST", f"/members/external:{customer}/adjustments", {"points": points, "reason": "For a journey"})

    def redeem(self, reward: str, key: str) -> dict[str, Any]:
        return self._have("me/redemptions", {"reward_id": reward}, key)

    def hold(self, points: int, key: str, order_total: str = "100.00") -> dict[str, Any]:
        """Pay with points at a checkout."""
        return self._have("me/cashback/hold", {"order_total": order_total, "points": points}, key)

    def give_back(self, redemption: dict[str, Any]) -> dict[str, Any]:
        answer = self._send("POST", f"me/redemptions/{redemption['id']}/return")
        assert answer.status_code == 200, answer.text
        given_back: dict[str, Any] = answer.json()
        return given_back

    def redemptions(self) -> list[dict[str, Any]]:
        """All of them, newest first."""
        items: list[dict[str, Any]] = []
        path = "me/redemptions?limit=100"
        while True:
            page = self._send("GET", path).json()
            items += page["items"]
            if page["next"] is None:
                return items
            path = f"me/redemptions?limit=100&after={page['next']}"

    def redemption(self, which: dict[str, Any]) -> dict[str, Any]:
        """The redemption as it now is."""
        return next(each for each in self.redemptions() if each["id"] == which["id"])

    def balance(self) -> dict[str, Any]:
        found: dict[str, Any] = self._send("GET", "me").json()["balance"]
        return found

    def _have(self, path: str, document: dict[str, Any], key: str) -> dict[str, Any]:
        answer = self._send("POST", path, json=document, headers={"Idempotency-Key": key})
        assert answer.status_code == 201, answer.text
        had: dict[str, Any] = answer.json()
        return had

    def _send(self, method: str, path: str, headers: dict[str, str] | None = None, **options: Any) -> requests.Response:
        """One call, again after every 5xx and every broken connection, as the widget does."""
        if not hasattr(self._threads, "line"):
            self._threads.line = requests.Session()
        answers: list[requests.Response] = []
        told = {"Origin": "https://shop.example", **(headers or {})}
        if hasattr(self, "_token"):
            told["Authorization"] = f"Bearer {self._token}"

        def is_answered() -> bool:
            try:
                answers.append(
                    self._threads.line.request(
                        method, f"{self.shop.lagniappe.base_url}/widget/v1/{path}", headers=told, timeout=10, **options
                    )
                )
            except requests.RequestException:
                return False
            return answers[-1].status_code < 500

        wait_until(is_answered, PATIENCE_SECONDS, lambda: answers[-1].text if answers else "no answer at all")
        return answers[-1]
