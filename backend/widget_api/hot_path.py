"""What the widget reads when it opens, the program and the member, answered in front of Flask.

What Flask does for a request (contexts, routing, a request and a response object) costs more than the whole read; with a
warm cache 70 µs, and three times as much when PostgreSQL has just used the same core. So `GET /widget/v1/me` and
`GET /widget/v1/<widget_key>/program` as the widget asks them are answered here. Everything else, and everything unusual
(no token, over a limit, an unknown shop, a database that is away, any error at all) is left to Flask, which begins anew and
says what is wrong: there is one place that refuses.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask

from backend import clock, strict_json
from backend.loyalty.shops import shops
from backend.visitor_address import visitor_address
from backend.widget_api import answers, program_document, reading
from backend.widget_api.rate_limits import RateLimits
from backend.widget_api.tokens import SessionTokens, bearer

ME = "/widget/v1/me"
_PROGRAM = re.compile(r"/widget/v1/([A-Za-z0-9_-]{1,64})/program")
_QUERY = re.compile(r"(?:locale=([A-Za-z0-9-]{1,35}))?")
Environ = dict[str, Any]


class HotPath:
    """WSGI middleware around an app whose routes for both answer the same."""

    def __init__(self, app: Flask, tokens: SessionTokens, limits: RateLimits) -> None:
        self._app = app
        self._next: Callable[[Environ, Any], Iterable[bytes]] = app.wsgi_app
        self._tokens = tokens
        self._limits = limits

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            answer = self._answer(environ)
        except Exception:
            answer = None
        if answer is None:
            return self._next(environ, start_response)
        status, headers, body = answer
        start_response(status, headers)
        return [body]

    def _answer(self, environ: Environ) -> tuple[str, answers.Headers, bytes] | None:
        """None if it is Flask's to answer."""
        if environ["REQUEST_METHOD"] != "GET":
            return None
        path, query = environ["PATH_INFO"], environ.get("QUERY_STRING", "")
        if path == ME:
            return None if query else ("200 OK", *self._me(environ))
        asked = _PROGRAM.fullmatch(path)
        named = _QUERY.fullmatch(query) if asked is not None else None
        return None if asked is None or named is None else self._program(environ, asked[1], named[1])

    def _program(
        self, environ: Environ, widget_key: str, locale: str | None
    ) -> tuple[str, answers.Headers, bytes] | None:
        known, encodings = environ.get("HTTP_IF_NONE_MATCH"), environ.get("HTTP_ACCEPT_ENCODING", "")
        if ";" in encodings:
            return None  # weighed one against the other
        with self._app.app_context():
            self._limits.hit("address", visitor_address(environ))
            shop = shops.facts_by_widget_key(widget_key)
            document = program_document.of(shop, locale)
        if known is not None:
            is_ours = known in (document.etag, document.compressed_etag)
            return ("304 Not Modified", answers.unchanged(known), b"") if is_ours else None
        headers, body = document.answer(is_compressed="gzip" in encodings)
        headers.append(("Content-Length", str(len(body))))
        return "200 OK", headers, body

    def _me(self, environ: Environ) -> tuple[answers.Headers, bytes]:
        session = self._tokens.read(bearer(environ.get("HTTP_AUTHORIZATION")))
        with self._app.app_context():
            shop = shops.facts(session.shop_id)
            self._limits.hit("address", visitor_address(environ))
            self._limits.hit("reads", (session.shop_id, session.member_id))
            wanted = reading.first_language(environ.get("HTTP_ACCEPT_LANGUAGE"))
            body = strict_json.dumps(reading.me(shop, session, wanted, clock.now()))
        headers = answers.own(shop, body, environ.get("HTTP_ORIGIN"))
        headers.append(("Content-Length", str(len(body))))
        return headers, body
