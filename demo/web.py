"""The Flask application of the store."""

import secrets
from pathlib import Path

from flask import Flask, Response, render_template

from demo import money, points, times
from demo.pages import account, backroom, common, desk, discounts, storefront
from demo.shop import Shop


def create_app(shop: Shop) -> Flask:
    app = Flask(__name__)
    app.secret_key = _cookie_key(shop.settings.folder)
    # Cookies do not know ports: this name must not be the one that Lagniappe uses on the same host.
    app.config.update(SESSION_COOKIE_NAME="kiln_and_kettle", SESSION_COOKIE_SAMESITE="Lax", MAX_CONTENT_LENGTH=65536)
    app.extensions["shop"] = shop
    for group in (storefront, account, desk, backroom, discounts):
        app.register_blueprint(group.pages)
    app.context_processor(common.page_context)
    app.add_template_filter(money.shown, "money")
    app.add_template_filter(money.text, "amount")
    app.add_template_filter(points.of_cart, "cart_for_points")
    app.add_template_filter(points.of_order, "order_for_points")
    app.add_template_filter(times.shown_day, "day")
    app.add_template_filter(times.shown, "moment")
    app.add_template_filter(backroom.clock_time, "clock_time")
    app.register_error_handler(404, lambda _: (render_template("missing.html"), 404))
    app.after_request(_guard(shop.settings.lagniappe_url))
    return app


def _guard(lagniappe: str):  # type: ignore[no-untyped-def]
    """A strict content security policy, as a careful store has one: the widget must work under it."""
    policy = (
        "default-src 'none'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'; "
        f"frame-src 'self'; script-src 'self' {lagniappe}; style-src 'self' {lagniappe}; "
        f"img-src 'self' data: {lagniappe}; connect-src 'self' {lagniappe}; font-src 'self' {lagniappe}"
    )

    def add_headers(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "strict-origin-when-cross-origin")
        if not response.headers.get("Content-Type", "").startswith(("text/css", "text/javascript", "image/")):
            response.headers["Cache-Control"] = "no-store"  # each page carries the shopper's identity token
        return response

    return add_headers


def _cookie_key(folder: Path) -> bytes:
    """Made once per folder, so that a visitor stays signed in when the store starts again."""
    path = folder / "cookie.key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(secrets.token_bytes(32))
    return path.read_bytes()
