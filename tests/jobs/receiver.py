"""A merchant's own system that hears of events, and behaves as badly as a test wants."""

import json
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from socket import socket
from typing import Any

from tests.platforms.servers import answer, read_request, serving


@dataclass(frozen=True)
class Heard:
    """One call. `headers` by their names in small letters."""

    headers: dict[str, str]
    body: bytes

    @property
    def said(self) -> dict[str, Any]:
        return json.loads(self.body)


@dataclass
class Receiver:
    url: str = ""
    heard: list[Heard] = field(default_factory=list)
    _moods: deque[str] = field(default_factory=deque)
    _always: str = "fine"
    _told: dict[str, deque[str]] = field(default_factory=dict)

    def will(self, *moods: str) -> None:
        """How the next calls are answered, one after the other: `fine`, `503`, `429 90` (with Retry-After), `410`, `302`,
        `slow 0.5` (takes so many seconds), `lose` (hangs up), `talk` (a long answer)."""
        self._moods.extend(moods)

    def will_tell(self, type_: str, *moods: str) -> None:
        """The same for calls about events of one type alone: others may come in between."""
        self._told.setdefault(type_, deque()).extend(moods)

    def always(self, mood: str) -> None:
        self._always = mood

    @property
    def in_order(self) -> list[Heard]:
        """What was heard, in the order of what happened: calls run side by side."""
        return sorted(self.heard, key=lambda each: int(each.headers["lagniappe-sequence"]))

    @property
    def types(self) -> list[str]:
        return [each.said["type"] for each in self.heard]

    def answer(self, request: bytes) -> bytes | None:
        head, _, body = request.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")[1:]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self.heard.append(Heard(headers, body))
        moods = self._told.get(self.heard[-1].said["type"]) if self._told else self._moods
        mood, _, detail = (moods.popleft() if moods else self._always).partition(" ")
        if mood == "lose":
            return None
        if mood == "slow":
            time.sleep(float(detail))
        if mood == "talk":
            return answer("200 OK", b"x" * 5000)
        if mood.isdigit():
            return answer(f"{mood} Said", b"because", *([f"Retry-After: {detail}"] if detail else []))
        return answer("204 No Content")


@contextmanager
def open_receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    def behave(connection: socket) -> None:
        while request := read_request(connection):
            said = receiver.answer(request)
            if said is None:
                return
            connection.sendall(said)

    with serving(behave) as server:
        receiver.url = f"http://127.0.0.1:{server.port}/hooks"
        yield receiver
