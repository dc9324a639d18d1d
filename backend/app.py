"""create_app(): the only wiring."""

import os
from collections.abc import Mapping

import psycopg
from flask import Flask, Response
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from backend import clock, db, logs, models, path_converters, queue, vault  # noqa: F401 - the models register their tables
from backend.config import Config
from backend.db import is_away
from backend.errors import LagniappeError, NotFound, TooManyRequests, Unavailable
from backend.problems import problem
from backend.slow_bodies import SlowBodies


def create_app(environ: Mapping[str, str] | None = None) -> Flask:
    """The application, wired by the environment. Raises ConfigError with one sentence if a variable is wrong."""
    config = Config.from_environ(os.environ if environ is None else environ)
    logs.configure(config)
    app = Flask("backend", static_folder=None)
    app.config["LAGNIAPPE"] = config
    vault.init_app(app, config.encryption_keys)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # it would redirect to whatever host the request names
    db.init_app(app, config.database_url)
    queue.init_app(app, config.redis_url)
    path_converters.init_app(app)
    _set_clock(config)
    _register_errors(app)
    _register_doors(app)
    app.wsgi_app = SlowBodies(app.wsgi_app)  # type: ignore[method-assign]
    return app


def _set_clock(config: Config) -> None:
    if config.is_rehearsal:
        from backend import rehearsal  # only demo and test may move the clock

        clock.use_offset(rehearsal.current_offset)
    else:
        clock.use_offset(None)


def _register_doors(app: Flask) -> None:
    from backend import health, referral_links, unsubscribe
    from backend.admin import routes as admin
    from backend.merchant_api import routes as merchant_api
    from backend.shopify import gaps  # noqa: F401 - it adds to the gap report
    from backend.shopify_app import proxy as shopify_proxy
    from backend.shopify_app import routes as shopify_app
    from backend.webhooks import routes as webhooks
    from backend.widget_api import claiming, preview, routes, spending  # noqa: F401 - they put their routes on the door's
    from backend.widget_api import door as widget_api

    for door in (
        health,
        webhooks,
        widget_api,
        preview,
        merchant_api,
        admin,
        shopify_app,
        shopify_proxy,
        unsubscribe,
        referral_links,
    ):
        app.register_blueprint(door.blueprint)


def _register_errors(app: Flask) -> None:
    """Map the error family to HTTP, once."""

    @app.errorhandler(LagniappeError)
    def refused(error: LagniappeError) -> Response:
        answer = problem(error)
        if isinstance(error, TooManyRequests | Unavailable):
            answer.headers["Retry-After"] = str(error.retry_after_seconds)
        if error.status == 401:
            answer.headers["WWW-Authenticate"] = "Bearer"
        return answer

    @app.errorhandler(DBAPIError)
    @app.errorhandler(PoolTimeout)
    @app.errorhandler(psycopg.Error)
    def database_error(error: Exception) -> Response:
        if not is_away(error):
            return unexpected(error)
        app.logger.error("the database is away: %s", type(error).__name__)
        return refused(Unavailable())

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        if error.code == 404:
            return problem(NotFound())
        known = LagniappeError(error.description, code=(error.name or "error").lower().replace(" ", "_"))
        known.status = error.code or 500
        known.title = error.name
        answer = problem(known)
        for name, value in error.get_headers():
            if name.lower() in ("allow", "retry-after"):
                answer.headers[name] = value
        return answer

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        app.logger.exception("unexpected error", exc_info=error)
        return problem(LagniappeError())
