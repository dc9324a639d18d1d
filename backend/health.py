"""Is it alive, is it ready, what waits: for load balancers, people on call and Prometheus. No personal data."""

import logging
from typing import Any

import orjson
import redis
from alembic.script import ScriptDirectory
from flask import Blueprint, Response, current_app
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from sqlalchemy import text

from backend import clock, queue
from backend.config import Config
from backend.db import db
from backend.platforms.events import time_text

blueprint = Blueprint("health", __name__)
log = logging.getLogger(__name__)

_WAITING = {
    "inbox": "select count(*) as waiting, min(next_try_at) as oldest from delivery where next_try_at <= :wall",
    "inbox_failed": "select count(*) as waiting, min(received_at) as oldest from delivery where state = 'failed'",
    "due_awards": "select count(*) as waiting, min(due_at) as oldest from award"
    " where state = 'pending' and not held and due_at <= :now",
    "holds": "select count(*) as waiting, min(requested_at) as oldest from redemption where status = 'requested'",
    "coupon_refills": "select count(*) as waiting, null::timestamptz as oldest from coupon_refill where due_at <= :wall",
    "outbox": "select count(*) as waiting, min(next_try_at) as oldest from outbox"
    " where state = 'waiting' and next_try_at <= :wall",
    "outbox_parked": "select count(*) as waiting, min(created_at) as oldest from outbox where state = 'parked'",
}
_waiting_gauge = Gauge("lagniappe_waiting", "Rows that wait", ["what"])
_oldest_gauge = Gauge("lagniappe_oldest_seconds", "Age of the row that waits longest", ["what"])
_BUSINESS_TIME = frozenset({"due_awards", "inbox_failed", "holds"})


@blueprint.get("/healthz")
def alive() -> Response:
    """The process answers."""
    return _json({"status": "alive"})


@blueprint.get("/readyz")
def ready() -> Response:
    """200 when the database answers with the schema that this code expects. The queue is only reported."""
    has_tables = db.session.execute(text("select to_regclass('alembic_version') is not null")).scalar()
    version = db.session.execute(text("select version_num from alembic_version")).scalar() if has_tables else None
    expected = ScriptDirectory(current_app.extensions["migrate"].directory).get_current_head()
    is_current = version == expected
    report = {
        "status": "ready" if is_current else "schema is not current: run lagniappe migrate",
        "database": "ok",
        "schema": version,
        "queue": "ok" if _queue_answers() else "away",
    }
    return _json(report, 200 if is_current else 503)


@blueprint.get("/status")
def status() -> Response:
    """Counts and ages (seconds) of what waits."""
    return _json({"now": time_text(clock.now()), "queue": "ok" if _queue_answers() else "away"} | _waiting())


@blueprint.get("/metrics")
def metrics() -> Response:
    """Prometheus' text format: this process, the doorbells, and what waits."""
    for name, each in _waiting().items():
        _waiting_gauge.labels(name).set(each["waiting"])
        _oldest_gauge.labels(name).set(each["oldest_seconds"] or 0)
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def _waiting() -> dict[str, dict[str, Any]]:
    now, wall = clock.now(), clock.wall()
    found: dict[str, dict[str, Any]] = {}
    for name, question in _WAITING.items():
        row = db.session.execute(text(question), {"now": now, "wall": wall}).one()
        reference = now if name in _BUSINESS_TIME else wall
        age = max(0, round((reference - row.oldest).total_seconds())) if row.oldest else None
        found[name] = {"waiting": row.waiting, "oldest_seconds": age}
    return found


def _queue_answers() -> bool:
    config: Config = current_app.config["LAGNIAPPE"]
    try:
        client = queue.client(config.redis_url)
        return bool(client.ping())
    except redis.RedisError:
        return False


def _json(document: dict[str, Any], status: int = 200) -> Response:
    answer = Response(orjson.dumps(document), status=status, mimetype="application/json")
    answer.headers["Cache-Control"] = "no-store"
    return answer
