"""The load generator: one process, a few keep-alive connections, each with one request on its way at a time.

Written for this because everybody can run it and because its own cost is known: it prepares every byte before the clock
runs, and reports its CPU time per request. Its ceiling is measured in each run (README).
"""

import gc
import selectors
import socket
import statistics
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

_HUNG_SECONDS = 10.0
_BODILESS = frozenset({b"204", b"304"})


@dataclass(frozen=True, slots=True)
class Request:
    """The bytes of one HTTP request. Bodies may be shared between requests."""

    head: bytes
    body: bytes = b""


@dataclass(frozen=True)
class Load:
    """What came back. Times in seconds."""

    count: int
    seconds: float
    client_cpu: float
    latencies: list[float]

    @property
    def p50(self) -> float:
        return statistics.median(self.latencies)

    @property
    def p99(self) -> float:
        return sorted(self.latencies)[int(len(self.latencies) * 0.99)]


def request(method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Request:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return Request("\r\n".join([*lines, "", ""]).encode(), body)


def drive(port: int, requests: Iterable[Request], *, expected: int, connections: int, seconds: float) -> Load:
    """Send the requests until the time is over or none is left. Raises RuntimeError for any other answer's status."""
    waiting = iter(requests)
    status = str(expected).encode()
    lines = [_Line(socket.create_connection(("127.0.0.1", port))) for _ in range(connections)]
    gc.collect()
    gc.disable()  # a pause of ours must not count as the server's
    try:
        with selectors.DefaultSelector() as selector:
            for line in lines:
                selector.register(line.socket, selectors.EVENT_READ, line)
            return _drive(selector, lines, waiting, status, seconds)
    finally:
        gc.enable()
        for line in lines:
            line.socket.close()


def _drive(
    selector: selectors.BaseSelector,
    lines: Sequence["_Line"],
    waiting: Iterator[Request],
    status: bytes,
    seconds: float,
) -> Load:
    latencies: list[float] = []
    clock = time.perf_counter
    cpu = time.process_time()
    begin = clock()
    end = begin + seconds
    on_their_way = sum(line.send(waiting) for line in lines)
    while on_their_way:
        ready = selector.select(_HUNG_SECONDS)
        if not ready:
            raise RuntimeError(f"no answer within {_HUNG_SECONDS:.0f} seconds")
        for key, _ in ready:
            line: _Line = key.data
            if not line.receive(status):
                continue
            now = clock()
            latencies.append(now - line.sent_at)
            if now >= end or not line.send(waiting):
                on_their_way -= 1
    return Load(len(latencies), clock() - begin, time.process_time() - cpu, latencies)


def in_turn(doors: Sequence[tuple[int, Sequence[Request]]], *, expected: int) -> list[list[float]]:
    """The latencies of doors (port, requests) that take turns, one request after the other, as often as all can.

    So whatever else the machine does meets all of them alike.
    """
    status = str(expected).encode()
    lines = [_Line(socket.create_connection(("127.0.0.1", port))) for port, _ in doors]
    latencies: list[list[float]] = [[] for _ in doors]
    gc.collect()
    gc.disable()
    try:
        for turn in zip(*(requests for _, requests in doors), strict=False):
            for line, following, taken in zip(lines, turn, latencies, strict=True):
                line.send(iter((following,)))
                while not line.receive(status):
                    pass
                taken.append(time.perf_counter() - line.sent_at)
    finally:
        gc.enable()
        for line in lines:
            line.socket.close()
    return latencies


class _Line:
    """One connection."""

    __slots__ = ("_received", "_wanted", "sent_at", "socket")

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""
        self._wanted = 0
        self.sent_at = 0.0

    def send(self, waiting: Iterator[Request]) -> bool:
        """Send the next request; False if none is left."""
        following = next(waiting, None)
        if following is None:
            return False
        self.sent_at = time.perf_counter()
        if not following.body:
            self.socket.sendall(following.head)
            return True
        sent = self.socket.sendmsg([following.head, following.body])
        if sent < len(following.head) + len(following.body):
            self.socket.sendall((following.head + following.body)[sent:])
        return True

    def receive(self, status: bytes) -> bool:
        """Take what has come; True once the answer is whole."""
        part = self.socket.recv(65536)
        if not part:
            raise RuntimeError("the server closed the connection")
        data = self._received = self._received + part if self._received else part
        if not self._wanted:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                return False
            if data[9:12] != status:
                raise RuntimeError(f"answered {data[:600].decode(errors='replace')!r}")
            self._wanted = end + 4 + _content_length(data[: end + 2])
        if len(data) < self._wanted:
            return False
        self._received, self._wanted = b"", 0
        return True


def _content_length(head: bytes) -> int:
    if head[9:12] in _BODILESS:
        return 0
    lower = head.lower()
    at = lower.find(b"\r\ncontent-length:")
    if at < 0:
        raise RuntimeError(f"an answer without a length: {head.decode(errors='replace')!r}")
    return int(lower[at + 17 : lower.index(b"\r\n", at + 2)])
