"""Calls to merchants' addresses: never inwards, never for ever (contract section 7; reliability F-31, F-66, F-69)."""

import gzip
import itertools
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import psutil
import pytest
import requests

from backend.platforms.base import Never, TryAgain
from backend.platforms.outgoing import (
    LARGEST_ANSWER,
    LIMITS,
    Limits,
    is_public,
    no_longer_than,
    open_session,
    post,
)
from tests import stopwatch
from tests.embedded.processes import eventually
from tests.platforms.servers import Authority, answer, answering, dripping, read_request, serving
from tests.platforms.ssrf_urls import NAMES, URLS

HASTY = Limits(connect=0.3, read=0.3, total=0.6)
SHORT = Limits(total=0.6)
"""So that no pause of the machine between two drops is the limit that is met first."""
OK = answer("200 OK", b"{}")


def call(url, *, is_rehearsal=True, **more):
    return post(url, b'{"a": 1}', {"content-type": "application/json"}, is_rehearsal=is_rehearsal, **more)


def local(server, host="127.0.0.1", scheme="http"):
    return f"{scheme}://{host}:{server.port}/discounts"


@pytest.fixture
def names(monkeypatch):
    """The world's names as the test sets them; each look-up takes the next of the answers, the last one for ever."""
    real = socket.getaddrinfo
    known = {}
    asked = []

    def getaddrinfo(host, port, family=0, type=0, proto=0, flags=0):
        name = host.decode() if isinstance(host, bytes) else host
        if name not in known and (":" in name or not name.strip(".0123456789abcdefx")):  # an address, however written
            return real(host, port, family, type, proto, flags)
        asked.append(name)
        if name not in known:
            name.encode("idna")  # raises as the system's does for a label that is empty or too long
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        answers = known[name]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [each for address in addresses for each in real(address, port, family, type, proto, flags)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    getaddrinfo.known, getaddrinfo.asked = known, asked
    return getaddrinfo


# Where calls may not go (F-31).


def test_the_corpus_is_refused_and_not_one_packet_reaches_the_canary(names):
    names.known.update({name: [addresses] for name, addresses in NAMES.items()})
    assert len(URLS) >= 60
    with serving(lambda _: None, host="0.0.0.0") as canary, ExitStack() as stack:
        canaries = [canary]
        if socket.has_dualstack_ipv6():
            with suppress(OSError):  # a machine without IPv6
                canaries.append(stack.enter_context(serving(lambda _: None, host="::1", port=canary.port)))
        for url in URLS:
            used = []
            while min(used, default=1) >= 0.05:
                assert len(used) < 5, (url, used)  # a collection of garbage may fall into any of them
                begun = time.process_time()
                with pytest.raises(Never) as refused:
                    call(url.replace("{port}", str(canary.port)), is_rehearsal=False)
                used.append(time.process_time() - begun)
            assert not any(inner in refused.value.reason for inner in ("127.", "10.", "169.254", "::")), url
        for each, host in zip(canaries, ("127.0.0.1", "::1"), strict=False):
            # Whoever came before this one would have been counted before it.
            with socket.create_connection((host, each.port)) as known:
                known.recv(1)
            assert each.connections == 1


def test_the_canary_sings_when_the_guard_is_off(names):
    names.known["rebind.example"] = [["127.0.0.1"]]
    spellings = ("127.1", "0x7f.1", "2130706433", "0177.0.0.1", "rebind.example")
    with serving(answering(OK), host="0.0.0.0") as canary:
        for host in spellings:
            assert call(local(canary, host)).status == 200
        assert canary.connections == len(spellings)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "93.184.216.34",
        "1.1.1.1",
        "172.32.0.1",
        "100.128.0.1",
        "192.0.1.1",
        "2606:4700::1111",
        "2a00:1450::1",
    ],
)
def test_public_addresses_are_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address", ["64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::1", "192.88.99.1", "192.0.0.8"]
)
def test_tunnels_and_relays_are_not_public_whatever_the_library_says(address):
    assert not is_public(address)


@pytest.mark.parametrize("text", ["", "shop.example", "127.1", "fe80::1%lo", "8.8.8.8/8"])
def test_what_is_no_address_is_not_public(text):
    assert not is_public(text)


def test_one_private_address_among_public_ones_refuses_them_all(names, monkeypatch):
    names.known["shop.example"] = [["93.184.216.34", "2606:4700::1111", "10.0.0.1"]]
    connected = recorded_connects(monkeypatch)
    with pytest.raises(Never):
        call("https://shop.example/", is_rehearsal=False)
    assert connected == []


def test_plain_http_is_for_rehearsals():
    with serving(answering(OK)) as server:
        with pytest.raises(Never, match="https://"):
            call(local(server), is_rehearsal=False)
        assert server.connections == 0
        assert call(local(server)).status == 200


def recorded_connects(monkeypatch):
    """Where sockets are told to connect; nobody is there."""
    connected = []

    class Recorder(socket.socket):
        def connect(self, address):
            connected.append(address[:2])
            raise ConnectionRefusedError

    monkeypatch.setattr(socket, "socket", Recorder)
    return connected


def test_a_name_that_changes_its_mind_is_not_asked_again(names, monkeypatch):
    names.known["rebind.example"] = [["93.184.216.34"], ["127.0.0.1"]]
    connected = recorded_connects(monkeypatch)
    with pytest.raises(TryAgain):
        call("https://rebind.example:8443/", is_rehearsal=False)
    assert names.asked == ["rebind.example"]
    assert connected == [("93.184.216.34", 8443)]


def test_the_connection_goes_to_the_address_that_was_checked_and_the_name_into_the_host_header(names):
    names.known["shop.example"] = [["127.0.0.1"], ["127.0.0.2"]]
    seen = []
    with serving(answering(OK, seen=seen)) as server:
        assert call(local(server, "shop.example")).body == b"{}"
        assert names.asked == ["shop.example"]
        assert f"\r\nHost: shop.example:{server.port}\r\n".encode() in seen[0]


def test_the_next_address_is_tried_if_one_refuses(names):
    names.known["shop.example"] = [["127.0.0.2", "127.0.0.1"]]
    with serving(answering(OK)) as server:
        assert call(local(server, "shop.example")).status == 200


def test_a_redirect_is_an_answer_and_is_not_followed():
    with serving(answering(OK)) as canary:
        moved = answer("307 Temporary Redirect", b"", f"Location: http://127.0.0.1:{canary.port}/")
        with serving(answering(moved)) as server:
            got = call(local(server))
        assert (got.status, canary.connections) == (307, 0)


def test_proxies_and_passwords_of_this_machine_are_not_used(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password mine")
    monkeypatch.setenv("NETRC", str(netrc))
    seen = []
    with serving(answering(OK)) as proxy, serving(answering(OK, seen=seen)) as server:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert call(local(server)).status == 200
        assert (proxy.connections, server.connections) == (0, 1)
    assert b"authorization" not in seen[0].lower()


def test_cookies_are_not_kept():
    seen = []
    with (
        serving(answering(answer("200 OK", b"", "Set-Cookie: a=b; Path=/"), seen=seen)) as server,
        open_session(is_rehearsal=True) as session,
    ):
        call(local(server), session=session)
        call(local(server), session=session)
    assert len(seen) == 2
    assert b"cookie" not in seen[1].lower()


# TLS.


@pytest.fixture
def authority():
    return Authority.new()


def test_the_name_is_what_the_certificate_is_checked_for(names, authority, tmp_path):
    names.known["shop.example"] = [["127.0.0.1"]]
    asked_for = []
    context = authority.server_for("shop.example", tmp_path)
    context.sni_callback = lambda _socket, name, _context: asked_for.append(name)
    with serving(answering(OK), tls=context) as server, open_session(is_rehearsal=True) as session:
        session.verify = authority.written_to(tmp_path)
        assert call(local(server, "shop.example", "https"), session=session).status == 200
    assert asked_for == ["shop.example"]


def test_the_certificate_of_somebody_else_is_not_accepted(names, authority, tmp_path):
    names.known["shop.example"] = [["127.0.0.1"]]
    seen = []
    context = authority.server_for("other.example", tmp_path)
    with serving(answering(OK, seen=seen), tls=context) as server, open_session(is_rehearsal=True) as session:
        session.verify = authority.written_to(tmp_path)
        with pytest.raises(TryAgain, match="certificate of this address is not accepted"):
            call(local(server, "shop.example", "https"), session=session)
    assert seen == []


def test_an_authority_that_the_world_does_not_know_is_not_accepted(names, authority, tmp_path):
    names.known["shop.example"] = [["127.0.0.1"]]
    seen = []
    with (
        serving(answering(OK, seen=seen), tls=authority.server_for("shop.example", tmp_path)) as server,
        pytest.raises(TryAgain, match="certificate of this address is not accepted"),
    ):
        call(local(server, "shop.example", "https"))
    assert seen == []


def test_a_server_that_speaks_no_tls_is_tried_again():
    with (
        serving(lambda plain: plain.recv(65536) and plain.sendall(answer("400 Bad Request"))) as server,
        pytest.raises(TryAgain, match="No secure connection"),
    ):
        call(local(server, scheme="https"))


# No call lasts for ever.


def within(seconds, url, **more):
    began = stopwatch.now()
    with pytest.raises(TryAgain) as failed:
        call(url, limits=more.pop("limits", SHORT), **more)
    assert stopwatch.now() - began < seconds
    return failed.value.reason


def test_the_limits_leave_the_outbox_time():
    assert Limits(connect=3.0, read=5.0, total=10.0) == LIMITS


def test_a_silent_server_is_left():
    with serving(lambda connection: connection.recv(65536) and threading.Event().wait(5)) as server:
        assert "did not answer in time" in within(2.5, local(server), limits=HASTY)


def test_who_has_others_waiting_leaves_a_silent_server_sooner_in_any_thread():
    """Whatever the limits of the call, and only as long as they wait."""
    patient = Limits(connect=3.0, read=15.0, total=20.0)
    silent = serving(lambda connection: connection.recv(65536) and threading.Event().wait(5))
    with silent as server, no_longer_than(0.3), ThreadPoolExecutor(2) as threads:
        for said in threads.map(lambda _: within(1.0, local(server), limits=patient), range(2)):
            assert "in time" in said or "within 0.3 seconds" in said
    with serving(dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", iter([b"x"]), every=0.5)) as server:
        assert call(local(server), limits=patient).body == b"x"


def test_a_server_that_drips_its_answer_is_left():
    with serving(dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", itertools.repeat(b"x"))) as server:
        assert "within 0.6 seconds" in within(2.5, local(server))


def test_what_has_dripped_until_then_is_not_taken_for_the_whole_answer():
    with serving(dripping(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", itertools.repeat(b"x"))) as server:
        assert "within 0.6 seconds" in within(2.5, local(server))


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Endless: ", b"x"),
        (b"H", b"T"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
)
def test_a_server_that_drips_anything_else_is_left(first, drop):
    with serving(dripping(first, itertools.repeat(drop))) as server:
        assert "within 0.6 seconds" in within(2.5, local(server))


def test_a_server_that_drips_its_handshake_is_left():
    def behave(connection):
        connection.recv(65536)
        connection.sendall(b"\x16\x03\x03\x40\x00")  # a record of 16 KB follows …
        while True:
            threading.Event().wait(0.05)
            connection.sendall(b"\x02")

    with serving(behave) as server:
        assert "within 0.6 seconds" in within(2.5, local(server, scheme="https"), limits=Limits(total=0.6))


def test_a_server_that_drips_behind_tls_is_left(names, authority, tmp_path):
    names.known["shop.example"] = [["127.0.0.1"]]
    drip = dripping(b"HTTP/1.1 200 OK\r\n\r\n", itertools.repeat(b"x"))
    with (
        serving(drip, tls=authority.server_for("shop.example", tmp_path)) as server,
        open_session(is_rehearsal=True) as session,
    ):
        session.verify = authority.written_to(tmp_path)
        reason = within(2.5, local(server, "shop.example", "https"), session=session)
    assert "within 0.6 seconds" in reason


def test_a_kept_connection_has_the_same_limit():
    def behave(connection):
        read_request(connection)
        connection.sendall(OK)
        dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", itertools.repeat(b"x"))(connection)

    with serving(behave) as server, open_session(is_rehearsal=True) as session:
        assert call(local(server), session=session).status == 200
        assert "within 0.6 seconds" in within(2.5, local(server), session=session)
        assert server.connections == 1


def test_a_name_server_that_does_not_answer_is_left(monkeypatch):
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [over.wait(5)][:0])
    assert "looked up in time" in within(2.5, "https://shop.example/", is_rehearsal=False)
    over.set()


def test_a_host_of_many_addresses_where_nobody_answers_has_the_same_limit(names, monkeypatch):
    names.known["shop.example"] = [[f"127.0.1.{n}" for n in range(1, 51)]]

    class Silent(socket.socket):
        def connect(self, address):
            threading.Event().wait(self.gettimeout())
            raise TimeoutError

    monkeypatch.setattr(socket, "socket", Silent)
    assert "within 0.6 seconds" in within(2.5, "http://shop.example/", limits=HASTY)


# What may pass is tried again.


def test_a_refused_connection_is_tried_again():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(TryAgain, match="refuses connections"):
        call(f"http://127.0.0.1:{port}/")


def test_a_name_that_is_not_found_is_tried_again(names):
    with pytest.raises(TryAgain, match="could not be found"):
        call("https://shop.example/", is_rehearsal=False)


def test_an_answer_that_is_lost_is_tried_again():
    with serving(lambda connection: read_request(connection) and None) as server:
        with pytest.raises(TryAgain, match="broke before"):
            call(local(server))
        assert server.connections == 1


def test_half_an_answer_is_tried_again():
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
    with (
        serving(lambda connection: read_request(connection) and connection.sendall(half)) as server,
        pytest.raises(TryAgain, match="broke before"),
    ):
        call(local(server))


def test_garbage_is_tried_again():
    with (
        serving(lambda connection: read_request(connection) and connection.sendall(b"\x00\xff" * 100)) as server,
        pytest.raises(TryAgain, match="broke before"),
    ):
        call(local(server))


# No answer fills our memory (F-69).


@pytest.mark.parametrize("status", ["200 OK", "302 Found", "409 Conflict", "500 Internal Server Error"])
def test_of_a_huge_answer_the_begin_is_read(status):
    sent = []

    def behave(connection):
        read_request(connection)
        connection.sendall(f"HTTP/1.1 {status}\r\nLocation: /\r\nContent-Length: {50 * 2**20}\r\n\r\n".encode())
        for _ in range(50):
            connection.sendall(b"x" * 2**20)
            sent.append(1)

    with serving(behave) as server:
        got = call(local(server))
    assert got.body == b"x" * LARGEST_ANSWER
    assert len(sent) < 20


def test_who_expects_a_long_answer_can_have_it():
    with serving(answering(answer("200 OK", b"x" * 3 * LARGEST_ANSWER))) as server:
        assert len(call(local(server)).body) == LARGEST_ANSWER
        assert len(call(local(server), limits=Limits(largest=2 * LARGEST_ANSWER)).body) == 2 * LARGEST_ANSWER
        assert len(call(local(server), limits=Limits(largest=8 * LARGEST_ANSWER)).body) == 3 * LARGEST_ANSWER


def test_nothing_is_unpacked():
    bomb = gzip.compress(b"\x00" * 10_000_000)
    seen = []
    with serving(answering(answer("200 OK", bomb, "Content-Encoding: gzip"), seen=seen)) as server:
        assert call(local(server)).body == bomb
    assert b"\r\nAccept-Encoding: identity\r\n" in seen[0]


# Several calls.


def test_calls_of_one_session_share_a_connection():
    with serving(answering(OK)) as server, open_session(is_rehearsal=True) as session:
        for _ in range(3):
            assert call(local(server), session=session).status == 200
        assert server.connections == 1


def test_headers_are_found_whatever_their_case():
    with serving(answering(answer("429 Too Many Requests", b"", "RETRY-AFTER: 7"))) as server:
        assert call(local(server)).headers.get("Retry-After") == "7"


def test_a_session_without_the_guard_or_of_a_rehearsal_is_not_taken():
    with requests.Session() as plain, pytest.raises(TypeError):
        call("https://shop.example/", is_rehearsal=False, session=plain)
    with open_session(is_rehearsal=True) as rehearsed, pytest.raises(TypeError):
        call("https://shop.example/", is_rehearsal=False, session=rehearsed)


def test_nothing_is_left_open():
    process = psutil.Process()
    with serving(answering(OK)) as server:
        call(local(server))
        before, threads = process.num_fds(), threading.active_count()
        for _ in range(30):
            call(local(server))
            with pytest.raises(TryAgain):
                call("http://127.0.0.1:1/")
        # the server's own ends may still be closing
        eventually(lambda: process.num_fds() <= before + 1)
        eventually(lambda: threading.active_count() <= threads + 2)
