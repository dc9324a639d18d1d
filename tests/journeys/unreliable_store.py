"""A store that takes discounts at its `discounts_url` (contract section 3), and on some days does it badly.

It is another program: it knows Lagniappe by its signature alone, which a library of somebody else's checks.
"""

import json
import random
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal

from standardwebhooks import Webhook, WebhookVerificationError

from tests.platforms.servers import answer, read_request, serving

Mishap = Literal["deaf", "lost", "busy", "throttled", "slow", "foreign"]
"""`deaf`: hangs up before it does anything. `lost`: does it and hangs up. `busy`: 503, `throttled`: 429, both with a
Retry-After of a second. `slow`: does it after a second. `foreign`: 409, the code is somebody else's."""


@dataclass(frozen=True)
class Told:
    """One call, in capitals what it says of the code."""

    what: Literal["create", "disable"]
    code: str
    reference: str


@dataclass
class Discount:
    """A code that the store knows. `terms` is what it was told that it is worth."""

    reference: str
    terms: dict[str, Any]
    is_live: bool = True


def no_ceremony(told: Told, port: int) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass
class UnreliableStore:
    """`discounts`: every code that it was ever given. `heard`: every call in order, whatever became of it."""

    url: str = ""
    secret: str = ""
    """The shop's, once there is one."""
    discounts: dict[str, Discount] = field(default_factory=dict)
    heard: list[Told] = field(default_factory=list)
    forgeries: int = 0
    mishaps: dict[Mishap, float] = field(default_factory=dict)
    """How likely each of them is at any call."""
    is_down: bool = False
    turned_away: list[Told] = field(default_factory=list)
    """Calls that it hung up on because it was down."""
    around_answer: Callable[[Told, int], AbstractContextManager[None]] = no_ceremony
    """Entered when the call has had its effect, left when its answer is on its way. Given the port of the caller."""
    mishaps_to_come: deque[Mishap] = field(default_factory=deque)
    _chance: random.Random = field(default_factory=lambda: random.Random(20261125))
    _desk: threading.Lock = field(default_factory=threading.Lock)

    def will(self, *mishaps: Mishap) -> None:
        """What goes wrong with the next calls, one after the other."""
        self.mishaps_to_come.extend(mishaps)

    def is_live(self, code: str) -> bool:
        """Whether its checkout takes the code."""
        discount = self.discounts.get(code.upper())
        return discount is not None and discount.is_live

    def live(self) -> dict[str, str]:
        """What it takes of ours: code in capitals → reference. A code of somebody else's has none."""
        with self._desk:
            return {code: each.reference for code, each in self.discounts.items() if each.is_live and each.reference}

    def times_told(self, what: Literal["create", "disable"], code: str | None = None) -> int:
        return sum(told.what == what and code in (None, told.code) for told in list(self.heard))

    def talk(self, connection: socket.socket) -> None:
        while request := read_request(connection):
            if not self._reply(connection, request):
                return

    def _reply(self, connection: socket.socket, request: bytes) -> bool:
        """Answer one call; False if it hangs up instead."""
        head, _, body = request.partition(b"\r\n\r\n")
        try:
            message = Webhook(self.secret).verify(body, _headers(head))
        except WebhookVerificationError:
            self.forgeries += 1
            connection.sendall(answer("401 Unauthorized"))
            return True
        data = message["data"]
        told = Told(message["type"].removeprefix("discount."), data["code"].upper(), data["reference"])
        if self.is_down:
            self.turned_away.append(told)
            return False
        with self._desk:
            self.heard.append(told)
            mishap = self._mishap()
            said = self._refused(mishap) or (None if mishap == "deaf" else self._do(told, data, mishap))
        if mishap == "slow":
            time.sleep(1)
        if said is None or mishap == "lost":
            return False
        with self.around_answer(told, connection.getpeername()[1]):
            connection.sendall(said)
        return True

    def _mishap(self) -> Mishap | None:
        if self.mishaps_to_come:
            return self.mishaps_to_come.popleft()
        which = self._chance.random()
        for mishap, likelihood in self.mishaps.items():
            which -= likelihood
            if which < 0:
                return mishap
        return None

    def _refused(self, mishap: Mishap | None) -> bytes | None:
        if mishap == "busy":
            return answer("503 Service Unavailable", b"", "Retry-After: 1")
        if mishap == "throttled":
            return answer("429 Too Many Requests", b"", "Retry-After: 1")
        return None

    def _do(self, told: Told, data: dict[str, Any], mishap: Mishap | None) -> bytes:
        known = self.discounts.get(told.code)
        if told.what == "disable":
            if known is None or known.reference != told.reference:
                return answer("404 Not Found", b"{}")
            known.is_live = False
            return answer("200 OK", b"{}")
        if known is None and mishap == "foreign":
            known = self.discounts[told.code] = Discount("", {})
        if known is not None:
            return answer("409 Conflict", json.dumps({"reference": known.reference or None}).encode())
        self.discounts[told.code] = Discount(told.reference, data)
        return answer("201 Created", b"{}")


def _headers(head: bytes) -> dict[str, str]:
    lines = [line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:]]
    return {name.lower(): value.strip() for name, _, value in lines}


@contextmanager
def open_store() -> Iterator[UnreliableStore]:
    store = UnreliableStore()
    with serving(store.talk) as server:
        store.url = f"http://127.0.0.1:{server.port}/discounts"
        yield store
