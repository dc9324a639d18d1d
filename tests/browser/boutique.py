"""A second store, as plain as a store can be: pages of our own making, served by a real server under a strict policy.

It sets no cookie and runs no script of its own, so whatever a page shows beyond its HTML is the widget's doing.
"""

import html
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt

from tests.browser.running_demo import Demo, DemoShop

PROGRAM: dict[str, Any] = {
    "earn": {"spend_step": "10", "points_per_step": 1},
    "expiry": {"kind": "fixed_day", "month": 12, "day": 31},
    "rules_text": {
        "en": '<p>See <a href="https://boutique.example/rules">all the rules</a>:</p><ul><li>No points on delivery.</li></ul>'
    },
    "rules": [{"id": "signup", "kind": "signup", "points": 50, "title": {"en": "Create an account"}}],
    "appearance": {"position": "left", "accent": "#ffd400", "launcher_label": {"en": "Little extras"}},
}
"""The other corner, another name, and an accent on which white cannot be read."""
REWARDS: list[dict[str, Any]] = [
    {
        "reward_name": "€5 off",
        "reward_type": "coupon_based_reward",
        "reward_sub_type": "fixed_amount_discount",
        "reward_value": "5",
        "points_to_be_redeemed": 50,
        "rank": 1,
        "featured": True,
        "show_on_guest_dashboard": True,
        "coupon_valid_days": 30,
        "enduser_reward_short_description": '<p>Off any order: see <a href="https://boutique.example/r">the rules</a>.</p>',
    },
    {
        "reward_name": "Ten percent off an order of whatever you like",
        "reward_type": "coupon_based_reward",
        "reward_sub_type": "percentage_discount",
        "reward_value": "10",
        "points_to_be_redeemed": 5000,
        "rank": 2,
        "show_on_guest_dashboard": True,
        "brand": {"name": "Boutique & Daughters"},
    },
    {
        "reward_name": "A chair at the fair",
        "reward_type": "event_invitation",
        "points_to_be_redeemed": 60,
        "rank": 3,
        "custom_transaction_attributes": [
            {
                "attribute_name": "Who comes along?",
                "attribute_type": "Text",
                "attribute_id": "guest",
                "is_attribute_mandatory": True,
            }
        ],
    },
    {
        "reward_name": "Points are money",
        "reward_type": "cashback",
        "point_value": "0.10",
        "rank": 4,
        "show_on_guest_dashboard": True,
    },
]
LABEL = "Little extras"
STYLE = "body { margin: 2rem; font: 1rem/1.5 sans-serif; color: #222; background: #fff }"
HOSTILE_STYLE = """
* { color: red !important; font: italic 33px/3 monospace !important; letter-spacing: 9px !important; margin: 17px !important;
    text-transform: uppercase !important; text-align: right !important; word-spacing: 1em; visibility: visible }
button, a, dialog, h2, h3, p, ul, li, details, summary, svg, [part], .button, .card, .panel, #head {
    background: lime !important; border: 9px dashed blue !important; padding: 40px !important; display: block !important;
    width: 77px !important; max-width: 77px !important; float: left !important; transform: rotate(9deg) !important }
lagniappe-widget { display: none !important; opacity: 1; position: static }
html { font-size: 40px; line-height: 4 }
"""
"""A theme that styles everything there is, as loudly as it can."""


@dataclass(frozen=True)
class _Resource:
    content_type: str
    body: str
    headers: Mapping[str, str]


class Boutique:
    """The store and its shop."""

    def __init__(self, url: str, resources: dict[str, _Resource]) -> None:
        self.url = url
        self._resources = resources
        self.shop: DemoShop

    def policy(self, *, asks_the_store: bool = False) -> str:
        """The strictest that the widget promises to work under: nothing inline, no style but the store's own."""
        base = self.shop.lagniappe.base_url + (" 'self'" if asks_the_store else "")
        return (
            f"default-src 'none'; script-src 'self' {base}; connect-src {base}; style-src 'self'; img-src data:; "
            "base-uri 'none'; form-action 'self'; require-trusted-types-for 'script'; trusted-types lagniappe"
        )

    def loader_url(self) -> str:
        return f"{self.shop.lagniappe.base_url}/widget/v1/loader.js?shop={self.shop.made['widget_key']}"

    def page(
        self,
        path: str,
        *,
        identity: str | None = None,
        copies: int = 1,
        theme: str = STYLE,
        root: str = "",
        main: str = "",
        **data: str,
    ) -> str:
        """Put a page there; its address. `data` are the script's data attributes, `root` those of `<html>`, `main` is
        what the page has besides.
        """
        given = data | ({"identity": identity} if identity else {})
        attributes = "".join(f' data-{name.replace("_", "-")}="{html.escape(value)}"' for name, value in given.items())
        script = f'<script src="{self.loader_url()}"{attributes} defer></script>\n'
        body = (
            f'<!doctype html><html lang="en" {root}><head><meta charset="utf-8"><title>Boutique</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            '<meta name="color-scheme" content="light"><link rel="icon" href="data:,">'
            f'<link rel="stylesheet" href="{path}.css">{script * copies}</head>'
            '<body><main><h1>Boutique</h1><p>Things to buy, and <a href="/cart">a cart</a> to put them in.</p>'
            f"{main}</main>"
            "</body></html>"
        )
        policy = self.policy(asks_the_store="identity_url" in data)
        self._resources[path] = _Resource("text/html", body, {"Content-Security-Policy": policy})
        self._resources[f"{path}.css"] = _Resource("text/css", theme, {})
        return self.url + path

    def answer(self, path: str, document: Any) -> str:
        """Have the store answer this JSON there; the path."""
        self._resources[path] = _Resource("application/json", json.dumps(document), {"Cache-Control": "no-store"})
        return path

    def identity(self, customer: str, *, age: int = 0, **claims: str) -> str:
        """Who is signed in. `age` are the seconds since the store said so; it says so for ten minutes."""
        at = int(time.time()) - age
        secret = self.shop.made["identity_secret"]
        return jwt.encode({"sub": customer, "iat": at, "exp": at + 600, **claims}, secret, algorithm="HS256")


@contextmanager
def boutique_open(demo: Demo) -> Iterator[Boutique]:
    resources: dict[str, _Resource] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = resources.get(self.path.partition("?")[0])
            body = found.body.encode() if found else b"Not here"
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", f"{found.content_type if found else 'text/plain'}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            for name, value in (found.headers if found else {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    domain = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        boutique = Boutique(f"http://{domain}", resources)
        made = demo.lagniappe.command(
            *("shop", "create", "--platform", "custom", "--name", "Boutique", "--domain", domain),
            *("--currency", "EUR", "--timezone", "Europe/Paris", "--locale", "en"),
        )
        boutique.shop = DemoShop(demo.lagniappe, made)
        boutique.shop.call("PUT", "/program", PROGRAM)
        for reward in REWARDS:
            boutique.shop.call("POST", "/rewards", reward)
        yield boutique
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
