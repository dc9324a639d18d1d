"""What the processes say: one line each on standard error, JSON in production, with the request and the shop it is about.

No tokens, no e-mail addresses: what is logged names rows by their ids.
"""

import logging
import sys
from datetime import UTC, datetime
from uuid import uuid4

import orjson
import sentry_sdk
from flask import g, has_request_context, request
from sentry_sdk.types import Event, Hint
from sentry_sdk.utils import BadDsn

from backend.config import Config
from backend.errors import ConfigError

_PLAIN = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message; of a request also its id, path and shop."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if has_request_context():
            line["request"] = request_id()
            line["path"] = request.path
            if (shop := (request.view_args or {}).get("shop_id")) is not None:
                line["shop"] = str(shop)
        return orjson.dumps(line).decode()


def configure(config: Config) -> None:
    """Let every logger of the process speak from LOG_LEVEL on; report errors to Sentry if SENTRY_DSN is set.

    Where somebody has set up logging already, such as pytest, it stays as it is.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(_PLAIN) if config.is_rehearsal else JsonLines())
    logging.basicConfig(level=config.log_level, handlers=[handler])
    for chatty in ("rq", "rq.worker", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    if config.sentry_dsn is not None:
        try:
            sentry_sdk.init(
                dsn=config.sentry_dsn,
                environment=config.environment,
                send_default_pii=False,
                include_local_variables=False,  # they hold tokens and addresses, under names that nobody can list
                before_send=without_query,
            )
        except BadDsn:
            raise ConfigError("SENTRY_DSN must be an address such as https://key@sentry.example.com/1.") from None


def without_query(event: Event, hint: Hint) -> Event:
    """A report to Sentry without what stands behind the `?` of addresses: session tokens and codes of Shopify's do."""
    asked = event.get("request", {})
    asked.pop("query_string", None)
    headers = asked.get("headers")
    if isinstance(headers, dict):
        asked["headers"] = {name: value for name, value in headers.items() if name.lower() != "referer"}
    return event


def request_id() -> str:
    """The id of the running request: the proxy's, or one of ours, made only when something is said."""
    if "request_id" not in g:
        given = request.headers.get("X-Request-Id", "")
        g.request_id = given if 0 < len(given) <= 64 and given.isascii() and given.isprintable() else uuid4().hex
    found: str = g.request_id
    return found
