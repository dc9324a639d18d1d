"""What the server and Flask cost by themselves."""

from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Response, jsonify, request

RAW_BODY = b'{"hello":"world"}'


def create_app() -> Flask:
    """`GET /hello` answers JSON, `POST /empty` reads the body and answers, `/raw` answers before Flask is reached."""
    app = Flask("bare", static_folder=None)

    @app.get("/hello")
    def hello() -> Response:
        return jsonify(hello="world")

    @app.post("/empty")
    def empty() -> tuple[Response, int]:
        request.get_data(cache=False)
        return jsonify(status="accepted"), 202

    app.wsgi_app = _before_flask(app.wsgi_app)  # type: ignore[method-assign]
    return app


def _before_flask(inner: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    def answer(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/raw":
            return inner(environ, start_response)
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(RAW_BODY)))])
        return [RAW_BODY]

    return answer
