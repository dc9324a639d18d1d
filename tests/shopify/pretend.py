"""A pretend Shopify: it answers by Shopify's own schema, and misbehaves when a test says so.

What a field of `Query` or `Mutation` answers is registered in `resolvers`, by "Query.orders" and the like: a function of
`(shop, **arguments)` that returns plain values (dictionaries of fields; a `__typename` where an interface or a union needs
one). A call whose document or variables the schema does not allow, or with a token that is none, is refused as Shopify does.
One that uses what is deprecated is refused as well, before Shopify does.
"""

import gzip
import json
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from graphql import GraphQLError, GraphQLSchema, build_client_schema, execute, parse, validate

from tests.shopify.deprecation import deprecated, operation

PAYLOADS = Path(__file__).parent.parent / "payloads" / "shopify"
CLIENT_ID = "1f0e8d7c6b5a49382716053f4e2d1c0b"
SECRET = "shpss_0123456789abcdef0123456789abcdef"
OLD_SECRET = "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"
VERSION = "2026-10"


@cache
def schema_document() -> dict[str, Any]:
    return json.loads(gzip.decompress((PAYLOADS / "admin_2026-10.json.gz").read_bytes()))


@cache
def schema() -> GraphQLSchema:
    """Shopify's Admin API, as it describes itself."""
    return build_client_schema(schema_document()["data"], assume_valid=True)


@dataclass(frozen=True)
class Asked:
    """One call to the Admin API: the shop's domain, the operation's name, and its variables."""

    shop: str
    operation: str
    variables: dict[str, Any]


@dataclass
class Pretend:
    """`moods` are how the next calls to the Admin API are answered, before anything is done: `throttled`, `429 2` (with
    Retry-After), `503`, `401`, `402`, `423`, `lose` (hangs up before), `lose after` (does it, then hangs up), `slow 0.5`,
    `garbage`, `internal` (an error in a 200)."""

    url: str = ""
    moods: deque[str] = field(default_factory=deque)
    asked: list[Asked] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    """The access tokens that are good, with the domain of the shop of each."""
    token_calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """The calls to /admin/oauth/access_token: the shop's domain and the body."""
    grant: Callable[["Pretend", str, dict[str, Any]], tuple[int, dict[str, Any]] | None] | None = None
    """Answers those calls, or hangs up; tests/shopify/pretend_tokens.py says how Shopify does."""
    resolvers: dict[str, Callable[..., Any]] = field(default_factory=dict)
    available: float = 2000.0
    """What is left in the bucket of cost, as the answers say."""
    restore_rate: float = 100.0
    version: str = VERSION
    """Of the Admin API, as the answers say."""

    def will(self, *moods: str) -> None:
        self.moods.extend(moods)

    def forget(self) -> None:
        """As new, for the next test. What is registered stays."""
        self.moods.clear()
        self.asked.clear()
        self.tokens.clear()
        self.token_calls.clear()
        self.available, self.restore_rate = 2000.0, 100.0
        self.version = VERSION

    def new_token(self, domain: str) -> str:
        token = f"shpat_{secrets.token_hex(16)}"
        self.tokens[token] = domain
        return token

    def operations(self) -> list[str]:
        return [each.operation for each in self.asked]

    def answer(self, domain: str, token: str, said: dict[str, Any]) -> tuple[int, dict[str, str], bytes] | None:
        """Status, headers and body; None: hang up."""
        mood, _, detail = (self.moods.popleft() if self.moods else "").partition(" ")
        if mood == "slow":
            time.sleep(float(detail))
        if mood == "lose" and detail != "after":
            return None
        if mood.isdigit():
            return int(mood), {"Retry-After": detail} if detail else {}, b'{"errors":"said no"}'
        if mood == "garbage":
            return 200, {}, b"<html>not today</html>"
        if mood == "throttled":
            return self._said({"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]}, 50, 0)
        if mood == "internal":
            error = {"message": "Internal error", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}
            return self._said({"errors": [error]}, 50, 0)
        if self.tokens.get(token) != domain:
            return 401, {}, b'{"errors":"[API] Invalid API key or access token"}'
        answered = self._execute(domain, said)
        return None if mood == "lose" else answered

    def _execute(self, domain: str, said: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        document, variables = parse(said["query"]), said.get("variables") or {}
        if errors := validate(schema(), document):
            return self._said({"errors": [{"message": each.message} for each in errors]}, 0, 0)
        if old := deprecated(schema(), document, variables):  # Shopify would take it, until it does not
            return self._said({"errors": [{"message": each} for each in old]}, 0, 0)
        named = operation(document).name
        name = named.value if named else ""
        self.asked.append(Asked(domain, name, variables))

        def resolve(source: Any, info: Any, **arguments: Any) -> Any:
            if info.path.prev is None:
                wanted = f"{info.parent_type.name.removesuffix('Root')}.{info.field_name}"
                if wanted not in self.resolvers:
                    raise GraphQLError(f"the pretend Shopify does not know {wanted}")
                return self.resolvers[wanted](domain, **arguments)
            found = source[info.field_name] if isinstance(source, dict) else getattr(source, info.field_name)
            return found(**arguments) if callable(found) else found

        done = execute(
            schema(),
            document,
            variable_values=variables,
            field_resolver=resolve,
            type_resolver=lambda value, *_: value["__typename"],
        )
        body: dict[str, Any] = {"data": done.data}  # type: ignore[union-attr]
        if done.errors:  # type: ignore[union-attr]
            body["errors"] = [each.formatted for each in done.errors]  # type: ignore[union-attr]
        return self._said(body, 12, 10)

    def _said(self, body: dict[str, Any], requested: int, actual: int) -> tuple[int, dict[str, str], bytes]:
        body["extensions"] = {
            "cost": {
                "requestedQueryCost": requested,
                "actualQueryCost": actual,
                "throttleStatus": {
                    "maximumAvailable": 2000.0,
                    "currentlyAvailable": self.available,
                    "restoreRate": self.restore_rate,
                },
            }
        }
        return 200, {"X-Shopify-API-Version": self.version}, json.dumps(body).encode()


def figure(amount: Decimal) -> str:
    """An amount as Shopify writes it: with one decimal at least, and no more noughts than that, whatever it was told."""
    said = f"{amount:f}"
    said = said.rstrip("0") if "." in said else f"{said}."
    return f"{said}0" if said.endswith(".") else said


def by_kind(pretend: Pretend) -> Callable[..., Any]:
    """`Query.nodes`: each id by what is registered for its kind, as "nodes GiftCard" and the like."""

    def nodes(shop: str, ids: list[str]) -> list[Any]:
        return [pretend.resolvers[f"nodes {each.split('/')[3]}"](shop, each) for each in ids]

    return nodes


@contextmanager
def open_pretend() -> Iterator[Pretend]:
    """One that answers at `url` for every shop, as `<url>/<domain>/admin/…`."""
    pretend = Pretend()

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            domain, _, path = self.path.lstrip("/").partition("/")
            if path == "admin/oauth/access_token":
                pretend.token_calls.append((domain, said))
                assert pretend.grant is not None
                granted = pretend.grant(pretend, domain, said)
                if granted is None:
                    self.close_connection = True
                else:
                    self._say(granted[0], {}, json.dumps(granted[1]).encode())
            elif path == f"admin/api/{VERSION}/graphql.json":
                answer = pretend.answer(domain, self.headers.get("X-Shopify-Access-Token") or "", said)
                if answer is None:
                    self.close_connection = True
                else:
                    self._say(*answer)
            else:
                self._say(404, {}, b'{"errors":"Not Found"}')

        def _say(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    pretend.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield pretend
    finally:
        server.shutdown()
        server.server_close()
