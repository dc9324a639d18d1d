"""Calls to addresses that merchants gave us: never into our own network (contract section 7, reliability F-31).

The check stands where the connection is made. The name is resolved once, every address it has must be public, and the
socket connects to one of exactly these: a name that changes its mind finds nobody asking again, and how a URL is written
(`127.1`, `0x7f.1`, `2130706433`) does not matter, since what the system made of it is what is judged. The name itself
stays in Host, SNI and the check of the certificate.

No redirect is followed, no proxy and no password file of this machine is used, no cookie is kept, nothing is unpacked.
A call ends within `Limits.total`, whatever the other side does: at that moment its connection is shut down.
"""

import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, ReadTimeoutError

from backend.platforms.base import Never, TryAgain

LARGEST_ANSWER = 64 * 1024
LONGEST_RETRY_AFTER_SECONDS = 24 * 3600.0
_LONGEST_URL = 2048
_SECONDS = re.compile(r"[0-9]+")


@dataclass(frozen=True)
class Limits:
    """Seconds. `connect` is for finding the name and again for each address tried, `read` for each silence.

    `largest`: how many bytes of the answer are read."""

    connect: float = 3.0
    read: float = 5.0
    total: float = 10.0
    largest: int = LARGEST_ANSWER


LIMITS = Limits()
_most_seconds: float | None = None


@contextmanager
def no_longer_than(seconds: float) -> Iterator[None]:
    """While this lasts no call of this process takes longer, whatever its limits, in no thread. For a process that has one
    thing to do at a time, and others waiting."""
    global _most_seconds
    before, _most_seconds = _most_seconds, seconds
    try:
        yield
    finally:
        _most_seconds = before


@dataclass(frozen=True)
class Answer:
    """What came back. `headers` are found whatever their case; of `body` the first `Limits.largest` bytes are there."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def open_session(*, is_rehearsal: bool) -> requests.Session:
    """What several calls of one thread may share, so that they need not connect each time. To be closed."""
    made = requests.Session()
    made.trust_env = False
    made.headers.update({"User-Agent": "Lagniappe", "Accept": "application/json", "Accept-Encoding": "identity"})
    made.mount("https://", _GuardedAdapter(is_rehearsal))
    made.mount("http://", _GuardedAdapter(is_rehearsal))
    return made


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    is_rehearsal: bool,
    session: requests.Session | None = None,
    limits: Limits = LIMITS,
) -> Answer:
    """POST to an address that a merchant gave, and the answer whatever its status.

    `session` is one of `open_session()`. In demo and test (`is_rehearsal`) plain http and private addresses are allowed.
    Raises Never for an address that must not be called, and TryAgain if no whole answer came: then the call may or may
    not have had its effect.
    """
    check_url(url, is_rehearsal=is_rehearsal)
    if (most := _most_seconds) is not None:
        limits = replace(
            limits, connect=min(limits.connect, most), read=min(limits.read, most), total=min(limits.total, most)
        )
    if session is not None:
        return _post(url, body, headers, is_rehearsal, session, limits)
    with open_session(is_rehearsal=is_rehearsal) as own:
        return _post(url, body, headers, is_rehearsal, own, limits)


def retry_after(answer: Answer, wall: datetime) -> float | None:
    """What the answer asks to wait, in seconds from `wall`, at most a day; None for nothing and for nonsense."""
    given = (answer.headers.get("retry-after") or "").strip()
    if _SECONDS.fullmatch(given):
        return min(float(given), LONGEST_RETRY_AFTER_SECONDS)
    try:
        at = parsedate_to_datetime(given)
        seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - wall.timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)


def is_public(address: str) -> bool:
    """Whether an IP address lies in the public internet. `ipaddress.is_global` alone lets tunnels to anywhere pass."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv6Address) and ip not in _PUBLIC_6:
        return False
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _NOT_PUBLIC[type(ip)])


_PUBLIC_6 = IPv6Network("2000::/3")
"""All that is given out. Outside of it: loopback, private, link-local, multicast, mapped IPv4, NAT64 (64:ff9b::/96)."""

_NOT_PUBLIC: dict[type, tuple[IPv4Network | IPv6Network, ...]] = {
    IPv4Address: tuple(
        ip_network(each)
        for each in (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",  # behind a provider's NAT; a cloud's metadata as well
            "127.0.0.0/8",
            "168.63.129.16/32",  # the agent of a cloud, at a public-looking address
            "169.254.0.0/16",  # the metadata of most clouds
            "172.16.0.0/12",
            "192.0.0.0/24",  # a cloud's metadata
            "192.0.2.0/24",
            "192.88.99.0/24",  # relays of 6to4
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        )
    ),
    IPv6Address: tuple(
        ip_network(each)
        for each in (
            "2001::/23",  # Teredo (2001::/32), ORCHID and other special purposes
            "2001:db8::/32",
            "2002::/16",  # 6to4: leads to any IPv4 address
            "3fff::/20",
        )
    ),
}


# One call.

_NOT_THERE = "This address may not be called: it does not lead to the public internet."
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")
_NOT_IN_URLS = re.compile(r"[\x00-\x20\x7f\\]")


def check_url(url: str, *, is_rehearsal: bool) -> None:
    """What can be said of the URL as it is written: raises Never for one that must not be called.

    Where it leads is judged when the connection is made."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Never("This is not the address of a web server.") from None
    if parts.scheme not in (("https", "http") if is_rehearsal else ("https",)):
        raise Never("This address may not be called: it must start with https://.")
    if not parts.hostname or port == 0 or len(url) > _LONGEST_URL or _NOT_IN_URLS.search(url):
        raise Never("This is not the address of a web server.")
    if "@" in parts.netloc:
        raise Never("This address may not be called: it must not hold a user name or a password.")


def _post(
    url: str, body: bytes, headers: Mapping[str, str], is_rehearsal: bool, line: requests.Session, limits: Limits
) -> Answer:
    with _Exchange(is_rehearsal, limits) as exchange:
        try:
            prepared = line.prepare_request(requests.Request("POST", url, data=body, headers=dict(headers)))
            adapter = _adapter(line, prepared, is_rehearsal)
            # Past Session.send, which reads the whole body of a redirect even if it is not to follow it.
            answer = adapter.send(
                prepared, stream=True, timeout=(limits.connect, limits.read), verify=line.verify or True, proxies=None
            )
            try:
                said = _begin_of(answer.raw, limits.largest)
            finally:
                answer.close()
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, UnicodeError):
            raise Never("This is not the address of a web server.") from None
        except (requests.RequestException, HTTPError, OSError) as error:
            raise TryAgain(exchange.late() or _what_failed(error)) from None
        if late := exchange.late():
            raise TryAgain(late)
        return Answer(answer.status_code, answer.headers, said)


def _begin_of(raw: Any, largest: int) -> bytes:
    """Read until nothing more comes: only then is a body that was cut short told from a whole one."""
    said = bytearray()
    while len(said) < largest and (more := raw.read(largest - len(said), decode_content=False)):
        said += more
    return bytes(said)


def _adapter(line: requests.Session, prepared: requests.PreparedRequest, is_rehearsal: bool) -> HTTPAdapter:
    adapter = line.get_adapter(prepared.url or "")
    # A connection that a rehearsal opened must never be used again outside of one.
    if not isinstance(adapter, _GuardedAdapter) or adapter.is_rehearsal != is_rehearsal:
        raise TypeError("calls to merchants' addresses go through outgoing.open_session(), of the same kind")
    return adapter


def _what_failed(error: Exception) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        return "No secure connection (TLS) could be made with this address."
    if isinstance(error, (requests.Timeout, ReadTimeoutError)):
        return "The server at this address did not answer in time."
    return "The connection broke before the whole answer was there."


class _Exchange:
    """One call from its begin to its end, known to the connection that it is made on. Shuts that down when it is late."""

    def __init__(self, is_rehearsal: bool, limits: Limits) -> None:
        self.is_rehearsal = is_rehearsal
        self.limits = limits
        self._ends_at = time.monotonic() + limits.total
        self._lock = threading.Lock()
        self._is_late = False
        self._lines: list[socket.socket] = []
        self._timer = threading.Timer(limits.total, self._end)
        self._timer.daemon = True

    def __enter__(self) -> "_Exchange":
        self._token = _running.set(self)
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        _running.reset(self._token)
        self._timer.cancel()
        with self._lock:
            for line in self._lines:
                line.close()
            self._lines.clear()

    def late(self) -> str | None:
        """A sentence, once the time is over."""
        if self._is_late or time.monotonic() >= self._ends_at:
            return f"The whole answer was not there within {self.limits.total:g} seconds."
        return None

    def patience(self) -> float:
        """How long the next step may take. Raises TryAgain when there is no time left."""
        if late := self.late():
            raise TryAgain(late)
        return min(self.limits.connect, max(self._ends_at - time.monotonic(), 0.001))

    def watch(self, line: socket.socket) -> None:
        """Have `line` shut down when the time is over, through a copy: TLS takes the socket itself away from us."""
        with self._lock:
            self._lines.append(socket.socket(fileno=os.dup(line.fileno())))
        if self._is_late:
            self._end()

    def _end(self) -> None:
        with self._lock:
            self._is_late = True
            for line in self._lines:
                with suppress(OSError):  # the other side was first
                    line.shutdown(socket.SHUT_RDWR)


_running: ContextVar[_Exchange] = ContextVar("_running")


# The connection.


def _connected(host: str, port: int) -> socket.socket:
    """A socket connected to an address that was checked."""
    exchange = _running.get()
    addresses = _addresses(host, port, exchange.patience())
    if not exchange.is_rehearsal and not all(is_public(str(sockaddr[0])) for _, sockaddr in addresses):
        raise Never(_NOT_THERE)
    failure: OSError = ConnectionError()
    for family, sockaddr in addresses:
        patience = exchange.patience()
        try:
            line = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:  # a family that this machine does not speak
            failure = error
            continue
        try:
            line.settimeout(patience)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line.connect(sockaddr)
            exchange.watch(line)
        except OSError as error:
            line.close()
            failure = error
        except BaseException:
            line.close()
            raise
        else:
            return line
    if isinstance(failure, TimeoutError):
        raise TryAgain(f"Nobody at this address took the connection within {exchange.limits.connect:g} seconds.")
    if isinstance(failure, ConnectionRefusedError):
        raise TryAgain("The server at this address refuses connections.")
    raise TryAgain("The server at this address cannot be reached.")


def _addresses(host: str, port: int, patience: float) -> list[tuple[socket.AddressFamily, Any]]:
    """What the name stands for, asked once. The system's own patience with a silent name server is far too long."""
    if not _HOST.fullmatch(host):
        raise Never("This is not the address of a web server.")
    found: list[tuple[socket.AddressFamily, Any]] = []
    failures: list[Exception] = []

    def ask() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend((family, sockaddr) for family, _, _, _, sockaddr in answers)
        except (OSError, UnicodeError) as error:
            failures.append(error)

    asking = threading.Thread(target=ask, name="outgoing-name", daemon=True)
    asking.start()
    asking.join(patience)
    if asking.is_alive():
        raise TryAgain("The server's name could not be looked up in time.")
    if failures and isinstance(failures[0], UnicodeError):
        raise Never("This is not the address of a web server.")
    if not found:
        raise TryAgain("The server's name could not be found.")
    return found


class _GuardedConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connected(self._dns_host, self.port)

    def request(self, *given: Any, **named: Any) -> None:
        if self.sock is not None:  # kept from an earlier call, whose time is no longer counted
            _running.get().watch(self.sock)
        super().request(*given, **named)


class _GuardedSecureConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connected(self._dns_host, self.port)

    def connect(self) -> None:
        try:
            super().connect()
        except ssl.SSLCertVerificationError as error:
            raise TryAgain(f"The certificate of this address is not accepted: {error.verify_message}.") from None

    def request(self, *given: Any, **named: Any) -> None:
        if self.sock is not None:
            _running.get().watch(self.sock)
        super().request(*given, **named)


class _GuardedPool(HTTPConnectionPool):
    ConnectionCls = _GuardedConnection


class _GuardedSecurePool(HTTPSConnectionPool):
    ConnectionCls = _GuardedSecureConnection


class _GuardedAdapter(HTTPAdapter):
    def __init__(self, is_rehearsal: bool) -> None:
        self.is_rehearsal = is_rehearsal
        super().__init__()

    def init_poolmanager(self, *given: Any, **named: Any) -> None:
        super().init_poolmanager(*given, **named)
        self.poolmanager.pool_classes_by_scheme = {"http": _GuardedPool, "https": _GuardedSecurePool}

    def proxy_manager_for(self, *_: Any, **__: Any) -> Any:
        raise TypeError("calls to merchants' addresses take no proxy, which would resolve names by itself")
