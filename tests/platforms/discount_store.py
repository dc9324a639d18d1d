"""A store that takes discounts at its `discounts_url`, and behaves as badly as a test wants."""

import json
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from socket import socket
from typing import Any

from tests.platforms.servers import answer, read_request, serving


@dataclass
class Store:
    """`codes` is what it would take at its checkout: code in capitals → the discount. `said` is every call it heard."""

    url: str = ""
    codes: dict[str, dict[str, Any]] = field(default_factory=dict)
    said: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    _moods: deque[str] = field(default_factory=deque)

    def will(self, *moods: str) -> None:
        """How the next calls are answered, one after the other: `lose` (done, but nobody hears of it), `busy` (503),
        `busy 90` (with Retry-After), `refuse` (422), `foreign` (409, not ours), `fine`."""
        self._moods.extend(moods)

    def heard(self, what: str) -> list[str]:
        """The codes it was told of, of `create` or `disable`, repeats included."""
        return [each["data"]["code"] for each in self.said if each["type"] == f"discount.{what}"]

    def answer(self, request: bytes) -> bytes | None:
        head, _, body = request.partition(b"\r\n\r\n")
        told = json.loads(body)
        self.said.append(told)
        self.ids += [
            line[11:].strip().decode() for line in head.split(b"\r\n") if line.lower().startswith(b"webhook-id")
        ]
        mood, _, seconds = (self._moods.popleft() if self._moods else "fine").partition(" ")
        if mood == "busy":
            return answer("503 Busy", b"", *([f"Retry-After: {seconds}"] if seconds else []))
        if mood == "refuse":
            return answer("422 Unprocessable", b"No such product.")
        if mood == "foreign":
            self.codes[told["data"]["code"].upper()] = {"reference": "somebody else's"}
        done = self._do(told["type"], told["data"])
        return None if mood == "lose" else done

    def _do(self, what: str, data: dict[str, Any]) -> bytes:
        known = self.codes.get(data["code"].upper())
        if what == "discount.create":
            if known is not None:
                return answer("409 Conflict", json.dumps({"reference": known["reference"]}).encode())
            self.codes[data["code"].upper()] = data
            return answer("201 Created", b"{}")
        if known is None:
            return answer("404 Not Found", b"{}")
        del self.codes[data["code"].upper()]
        return answer("200 OK", b"{}")


@contextmanager
def open_store() -> Iterator[Store]:
    store = Store()

    def behave(connection: socket) -> None:
        while request := read_request(connection):
            said = store.answer(request)
            if said is None:
                return  # hangs up: the answer is lost
            connection.sendall(said)

    with serving(behave) as server:
        store.url = f"http://127.0.0.1:{server.port}/discounts"
        yield store
