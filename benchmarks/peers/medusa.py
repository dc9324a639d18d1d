"""Medusa with its own loyalty plugin: store credit accounts, which are credited, debited and read through its admin API."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from benchmarks.load import request
from benchmarks.peers.installing import Absent, installed, run
from benchmarks.peers.peer import ACCOUNTS, AMOUNT, PLENTY, Peer, in_turn
from benchmarks.processes import Server, free_port, started, wait_for
from benchmarks.stage import Stage, socket_folder

PROJECT = Path(__file__).parent / "medusa_project"
MEDUSA = "node_modules/.bin/medusa"
_EMAIL = "admin@example.com"
_CREDIT = "/admin/store-credit-accounts"


@contextmanager
def running(stage: Stage) -> Iterator[Peer]:
    """One process of it for as long as the block. Raises Absent."""
    install = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
    folder = installed("medusa", PROJECT, [install])
    password = secrets.token_urlsafe(16)
    environ = {
        "DATABASE_URL": _url(stage.empty_database("peer_medusa")),
        "SECRET": secrets.token_urlsafe(32),
        "MEDUSA_DISABLE_TELEMETRY": "1",
        "NODE_ENV": "production",
        "LOG_LEVEL": "error",
    }
    for command in (["db:migrate"], ["user", "-e", _EMAIL, "-p", password]):
        run([MEDUSA, *command], folder, os.environ | environ, f"medusa {command[0]} fails")
    port, log = free_port(), stage.log("medusa")
    command = [str(folder / MEDUSA), "start", "-H", "127.0.0.1", "-p", str(port)]
    with started(command, environ, log, folder) as child:
        wait_for(port, child, log)
        with _Admin(port, password) as admin:
            paths = [f"{_CREDIT}/{admin.make_account(number)}" for number in range(ACCOUNTS)]
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {admin.token}"}
        body = json.dumps({"amount": AMOUNT}).encode()
        yield Peer(
            Server(port, child.pid),
            credit=in_turn(request("POST", f"{path}/credit", headers, body) for path in paths),
            debit=in_turn(request("POST", f"{path}/debit", headers, body) for path in paths),
            read=in_turn(request("GET", path, headers) for path in paths),
        )


def _url(database_url: str) -> str:
    """Medusa wants the folder of PostgreSQL's socket as the host."""
    given = urlsplit(database_url)
    host = quote(socket_folder(database_url), safe="")
    return f"postgresql://{given.username}@{host}{given.path}"


class _Admin:
    """Medusa's admin API, as the user that was made."""

    def __init__(self, port: int, password: str) -> None:
        self._address = f"http://127.0.0.1:{port}"
        self._client = requests.Session()
        self.token: str = self._post("/auth/user/emailpass", {"email": _EMAIL, "password": password})["token"]
        self._client.headers["Authorization"] = f"Bearer {self.token}"

    def __enter__(self) -> "_Admin":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def make_account(self, number: int) -> str:
        """The id of a new customer's account with plenty of credit."""
        customer = self._post("/admin/customers", {"email": f"shopper{number}@example.com"})["customer"]["id"]
        wanted = {"customer_id": customer, "currency_code": "eur"}
        account: str = self._post(_CREDIT, wanted)["store_credit_account"]["id"]
        self._post(f"{_CREDIT}/{account}/credit", {"amount": PLENTY})
        return account

    def _post(self, path: str, document: dict[str, Any]) -> Any:
        answer = self._client.post(self._address + path, json=document, timeout=30)
        if not answer.ok:
            raise Absent(f"medusa answers {answer.status_code} to {path}: {answer.text[:200]}")
        return answer.json()
