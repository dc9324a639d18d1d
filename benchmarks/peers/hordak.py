"""django-hordak, a double-entry ledger for Django, behind the smallest service that it can have.

Under our own web server and its flags, in a Python environment of its own.
"""

import json
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.load import request
from benchmarks.peers.installing import installed, run
from benchmarks.peers.peer import ACCOUNTS, AMOUNT, PLENTY, Peer, in_turn
from benchmarks.processes import web
from benchmarks.stage import Stage

PROJECT = Path(__file__).parent / "hordak_project"


@contextmanager
def running(stage: Stage) -> Iterator[Peer]:
    """The service for as long as the block. Raises Absent."""
    folder = installed(
        "hordak",
        PROJECT,
        [
            [sys.executable, "-m", "venv", "venv"],
            ["venv/bin/python", "-m", "pip", "install", "--quiet", "--no-input", "-r", "requirements.txt"],
        ],
    )
    programs = folder / "venv" / "bin"
    environ = {
        "DATABASE_URL": stage.empty_database("peer_hordak"),
        "SECRET": secrets.token_urlsafe(32),
        "PYTHONPATH": str(folder),
    }
    made = run(
        [programs / "python", "service.py", str(ACCOUNTS), str(PLENTY)],
        folder,
        os.environ | environ,
        "hordak's service does not start",
    )
    paths = [f"/accounts/{each}" for each in json.loads(made)]
    body = json.dumps({"amount": AMOUNT}).encode()
    headers = {"Content-Type": "application/json"}
    with web("service:create_app", environ, stage.log("hordak"), programs) as server:
        yield Peer(
            server,
            credit=in_turn(request("POST", f"{path}/credit", headers, body) for path in paths),
            debit=in_turn(request("POST", f"{path}/debit", headers, body) for path in paths),
            read=in_turn(request("GET", path, {}) for path in paths),
        )
