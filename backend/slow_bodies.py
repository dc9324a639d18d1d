"""Frees the web server's threads from bodies that never arrive (reliability F-15).

granian gives a request to one of its few threads as soon as its head is there; reading the body then waits in that
thread, without a limit. A phone that lost its network in the middle of a request would keep the thread for ever, and
as many of them as there are threads would keep everybody else out. The wait cannot be interrupted from Python, so the
connection is ended: the read returns, and the thread is free.

A client that trickles a byte now and then is an attack, not an accident: for that a proxy that collects bodies stands
in front, as it must for https anyway.
"""

import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]

_TICK = 0.5
_OPEN_FILES = Path("/proc/self/fd")
_IDLE_MILLISECONDS = struct.Struct("=44xI4xI")
"""`tcpi_last_data_sent` and `tcpi_last_data_recv` in Linux's struct tcp_info."""


class SlowBodies:
    """WSGI middleware. Does nothing where the system does not tell how long a connection has been silent (not Linux)."""

    def __init__(self, app: Wsgi, *, patience: float = 10.0, crowd: int = 4, crowded_patience: float = 2.0) -> None:
        """`patience`: seconds that a body may take while its connection is silent, when `crowd` or more bodies are
        awaited at once only `crowded_patience`."""
        self._app = app
        self._patience = patience
        self._crowd = crowd
        self._crowded_patience = crowded_patience
        self._awaited: dict[int, float] = {}
        self._port = ""
        self._watcher: threading.Thread | None = None
        self._watcher_lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get("CONTENT_LENGTH", "0") != "0" or "HTTP_TRANSFER_ENCODING" in environ:
            environ["wsgi.input"] = _Body(environ["wsgi.input"], self._awaited)
            if self._watcher is None:
                self._start_watching(environ["SERVER_PORT"])
        return self._app(environ, start_response)

    def _start_watching(self, port: str) -> None:
        with self._watcher_lock:
            if self._watcher is None and sys.platform == "linux":
                self._port = port
                self._watcher = threading.Thread(target=self._watch, name="slow-bodies", daemon=True)
                self._watcher.start()

    def _watch(self) -> None:
        while True:
            time.sleep(_TICK)
            since = list(self._awaited.values())
            patience = self._crowded_patience if len(since) >= self._crowd else self._patience
            if since and time.monotonic() - min(since) > patience:
                for connection in _connections(int(self._port)):
                    with connection, suppress(OSError):
                        if _silent_for(connection) >= patience:
                            connection.shutdown(socket.SHUT_RDWR)


class _Body:
    """The request's input; noted as awaited while somebody reads it."""

    def __init__(self, inner: Any, awaited: dict[int, float]) -> None:
        self._inner = inner
        self._awaited = awaited
        self._since: float | None = None

    def read(self, *size: int) -> bytes:
        return bytes(self._waiting_for(self._inner.read, *size))

    def readline(self, *size: int) -> bytes:
        return bytes(self._waiting_for(self._inner.readline, *size))

    def readlines(self, *hint: int) -> list[bytes]:
        return list(self._waiting_for(self._inner.readlines, *hint))

    def __iter__(self) -> Iterator[bytes]:
        while line := self.readline():
            yield line

    def _waiting_for(self, read: Callable[..., Any], *arguments: int) -> Any:
        self._since = self._since or time.monotonic()
        self._awaited[id(self)] = self._since
        try:
            return read(*arguments)
        finally:
            del self._awaited[id(self)]


def _connections(port: int) -> Iterator[socket.socket]:
    """A copy of each open connection that this process accepted on `port`."""
    for file in _OPEN_FILES.iterdir():
        try:
            descriptor = os.dup(int(file.name))
        except OSError:  # closed meanwhile
            continue
        try:
            copy = socket.socket(fileno=descriptor)
        except OSError:  # no socket
            os.close(descriptor)
            continue
        if _is_accepted(copy, port):
            yield copy
        else:
            copy.close()


def _is_accepted(connection: socket.socket, port: int) -> bool:
    try:
        connection.getpeername()  # fails for the listening one
        return connection.family in (socket.AF_INET, socket.AF_INET6) and connection.getsockname()[1] == port
    except OSError:
        return False


def _silent_for(connection: socket.socket) -> float:
    """Seconds since anything was sent or received."""
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _IDLE_MILLISECONDS.size)
    sent, received = _IDLE_MILLISECONDS.unpack(info)
    return float(min(sent, received) / 1000)
