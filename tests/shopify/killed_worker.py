"""A worker of its own that is killed while Shopify is busy with what it asks."""

import os
import subprocess
import sys
from collections.abc import Mapping

from tests.embedded.processes import eventually
from tests.shopify.pretend import Pretend

_WORKER = """
from backend.app import create_app
from backend.jobs import outbox
with create_app().app_context():
    outbox.send()
"""


def kill_a_worker_at(shopify: Pretend, environ: Mapping[str, str], call: int, *, busy_seconds: float) -> None:
    """kill -9 in the midst of its `call`-th call. What it had asked for is done all the same when this returns."""
    shopify.will(*[""] * (call - 1), f"slow {busy_seconds}")
    worker = subprocess.Popen(
        [sys.executable, "-c", _WORKER],
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: not shopify.moods)
    finally:
        worker.kill()
        worker.wait()
    eventually(lambda: len(shopify.asked) == call)
