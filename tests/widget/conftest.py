"""A real Chromium, and a store's page with the widget on it: served lean, as the server does, with answers at hand."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from tests.browser.chromium import PATIENCE
from widget.lean import lean

STATIC = Path(__file__).parents[2] / "widget" / "static"
STORE = "https://store.example"
SERVER = "https://points.example"
ASSETS = f"{SERVER}/widget/v1/assets/v1/"

_TYPES = {".js": "text/javascript", ".css": "text/css", ".json": "application/json"}
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run", "--disable-sync"]

LOOK: dict[str, Any] = {
    "key": "wk_test",
    "base": SERVER,
    "panel": f"{ASSETS}lagniappe.js",
    "label": "Rewards",
    "accent": "#2e5e4e",
    "ink": "#ffffff",
    "position": "right",
    "locale": "en",
    "sorry": "Please try again.",
}


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, _BROWSERS)), None)
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=_OPTIONS, timeout=2 * PATIENCE)
        yield browser
        browser.close()


def source(path: str) -> str:
    """A file of the widget as browsers get it."""
    return lean(path, (STATIC / path).read_text(encoding="utf-8"))


def loader(**look: Any) -> str:
    """The launcher's script, filled in as the server does."""
    filled = json.dumps({**LOOK, **look})
    return re.sub(r"/\*look\*/.*?/\*look\*/", lambda _: filled, source("loader.js"), count=1, flags=re.DOTALL)


@pytest.fixture(scope="package")
def module(chromium: Browser) -> Iterator[Callable[[str, str], Any]]:
    """`module("color.js", "m => m.ink('#fff')")`: the value of an expression over one module of the widget."""
    page = chromium.new_page()
    page.route(f"{SERVER}/**", _serve_static)
    page.goto(f"{ASSETS}blank")

    def evaluate(path: str, expression: str) -> Any:
        return page.evaluate(f"import('{ASSETS}{path}').then({expression})")

    yield evaluate
    page.close()


def _serve_static(route: Route) -> None:
    path = route.request.url.removeprefix(ASSETS)
    file = STATIC / path
    headers = {"Access-Control-Allow-Origin": "*"}
    if file.suffix in _TYPES and file.exists():
        route.fulfill(body=source(path), content_type=_TYPES[file.suffix], headers=headers)
    else:
        route.fulfill(body="<!doctype html><title>Blank</title>", content_type="text/html")


@dataclass
class Store:
    """A page of a store with the widget's script. `answers` are what the widget API says, by the end of the address,
    after "POST " if only that is meant; of a list, one after the other and the last one from then on."""

    page: Page
    requests: list[str] = field(default_factory=list)
    drawings: dict[str, str] = field(default_factory=dict)
    """Pictures of the store's, as SVG, by address."""
    answers: dict[str, Any] = field(default_factory=dict)
    bodies: list[Any] = field(default_factory=list)
    posts: list[tuple[str, Any, str | None]] = field(default_factory=list)
    """Of each POST: where to, its body, its Idempotency-Key."""

    def visit(
        self,
        *,
        query: str = "",
        head: str = "",
        main: str = "",
        lang: str = "en",
        times: int = 1,
        look: dict[str, Any] | None = None,
        **data: str,
    ) -> None:
        """Open the page; `main` is what it has besides, `data` are the script's data attributes."""
        attributes = " ".join(f'data-{name.replace("_", "-")}="{value}"' for name, value in data.items())
        script = f'<script src="{SERVER}/widget/v1/loader.js?shop=wk_test" {attributes} defer></script>'
        body = f"<main><h1>Store</h1><p>Things to buy</p>{main}</main>{script * times}"
        html = f'<!doctype html><html lang="{lang}"><head><title>Store</title>{head}</head><body>{body}</body></html>'
        self.page.unroute_all()
        self.page.route("**/*", self._answer(html, loader(**(look or {}))))
        self.page.goto(f"{STORE}/{query}")
        self.page.wait_for_selector("lagniappe-widget", state="attached")

    def _answer(self, html: str, script: str) -> Callable[[Route], None]:
        def answer(route: Route) -> None:
            url = route.request.url
            self.requests.append(url)
            if url in self.drawings:
                route.fulfill(body=self.drawings[url], content_type="image/svg+xml")
            elif url.startswith(STORE):
                route.fulfill(body=html, content_type="text/html")
            elif url.startswith(ASSETS):
                _serve_static(route)
            elif "/loader.js" in url:
                route.fulfill(body=script, content_type="text/javascript")
            else:
                self._answer_call(route, url.partition("/widget/v1/")[2])

        return answer

    def _answer_call(self, route: Route, call: str) -> None:
        name = call.removeprefix("wk_test/").partition("?")[0]
        if route.request.method == "POST":
            self.bodies.append(route.request.post_data_json)
            self.posts.append((name, self.bodies[-1], route.request.headers.get("idempotency-key")))
        method_and_name = f"{route.request.method} {name}"
        key = method_and_name if method_and_name in self.answers else name
        answer = self.answers[key]
        if isinstance(answer, list):
            self.answers[key] = answer[1:] if len(answer) > 1 else answer
            answer = answer[0]
        status, body, headers = answer if isinstance(answer, tuple) else (200, answer, {})
        headers = {
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key",
            "Access-Control-Expose-Headers": "Retry-After",
            **headers,
        }
        if status == "lost":
            route.abort()
        elif status != "late":  # which never comes
            sent: dict[str, Any] = {"body": body} if isinstance(body, str) else {"json": body}
            route.fulfill(status=status, headers=headers, **sent)

    def open(self) -> None:
        self.page.get_by_role("button", name="Rewards").click()
        self.page.get_by_role("dialog", name="Rewards").wait_for()

    def calls(self) -> list[str]:
        """What was asked of the widget API, in order."""
        return [url.partition("/widget/v1/")[2] for url in self.requests if "/assets/" not in url and SERVER in url]


@pytest.fixture
def store(chromium: Browser) -> Iterator[Store]:
    """Closed until `visit`. The answers are those of a shop with two rules and a member with 120 points."""
    context = chromium.new_context(reduced_motion="reduce", viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE)
    rules = [
        {
            "id": "order",
            "kind": "order",
            "title": "Complete an order",
            "points_text": "1 point for every €10",
            "button": {"label": "Purchase", "url": f"{STORE}/shop"},
        },
        {
            "id": "signup",
            "kind": "signup",
            "title": "Create an account",
            "points_text": "50 points",
            "button": {"label": "Sign up", "url": None},
        },
    ]
    program = {
        "shop": {"name": "Maison Verte", "currency": "EUR", "locale": "en", "timezone": "Europe/Paris"},
        "program": {
            "enabled": True,
            "points_name": {"one": "point", "other": "points"},
            "rules_html": "<p>Delivery does <em>not</em> count.</p>",
        },
        "appearance": {"position": "right", "accent": "#2e5e4e", "accent_ink": "#ffffff", "launcher_label": "Rewards"},
        "earn": rules,
        "strings": {},
    }
    me = {
        "member": {"id": "1", "first_name": "Ada", "tier": None},
        "balance": {
            "available": 120,
            "pending": [{"points": 30, "due_at": "2026-12-03T23:00:00Z", "reason": "Order #1002"}],
            "expected": [{"points": 45, "order": "#1003"}],
            "on_hold": 20,
            "owed": 0,
            "expiring": [{"points": 120, "expires_at": "2027-12-31T23:00:00Z"}],
        },
        "earn": [{**rules[0], "done": False}, {**rules[1], "button": None, "done": True}],
    }
    entry = {
        "id": "7",
        "at": "2026-11-20T10:00:00Z",
        "kind": "post",
        "points": 100,
        "balance_after": 120,
        "title": "Order #1001",
        "expires_at": "2027-12-31T23:00:00Z",
        "why": {
            "rule": "order",
            "program_version": 3,
            "base": "items",
            "spend_step": "10",
            "points_per_step": 1,
            "round": "floor",
            "counted": "1000.00",
            "currency": "EUR",
            "points": 100,
            "lines": [{"title": "Sofa", "quantity": 2, "counted": "1000.00", "points": 100, "taken_back": 0}],
            "excluded": [{"what": "shipping", "amount": "5.00"}],
            "note": None,
            "due_at": "2026-11-19T23:00:00Z",
            "expires_at": "2027-12-31T23:00:00Z",
        },
    }
    found = Store(context.new_page())
    found.answers = {
        "program": program,
        "session": {"session": "token", "member": me["member"], "me": me},
        "me": me,
        "me/activity": {"items": [entry], "next": None},
        "me/redemptions": {"items": [], "next": None},
    }
    yield found
    context.close()
