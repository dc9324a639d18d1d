"""Measuring an HTTP door: throughput and p50 from the client, CPU time from the processes behind it."""

import itertools
import secrets
import time
from collections.abc import Callable, Iterable
from functools import partial
from random import Random

import orjson

from backend.platforms.custom import signature
from backend.widget_api.tokens import Session, SessionTokens
from benchmarks.load import Request, drive, request
from benchmarks.processes import Server, cpu_seconds
from benchmarks.rounds import Measure, Sample
from benchmarks.stage import Database

CONNECTIONS = 8
WARM_UP_SECONDS = 0.7
MOST_PER_SECOND = 6_000
"""How many distinct requests are prepared for each second; a server that is faster runs out of them a little early."""

Requests = Callable[[float], Iterable[Request]]
"""Requests for so many seconds."""


def door(server: Server, postgres_pid: int, requests: Requests, *, expected: int, seconds: float) -> Measure:
    """A measurement of one door, warmed up now."""
    measure = partial(_measure, server, postgres_pid, requests, expected)
    measure(min(WARM_UP_SECONDS, seconds))
    return partial(measure, seconds)


def _measure(server: Server, postgres_pid: int, requests: Requests, expected: int, seconds: float) -> Sample:
    prepared = requests(seconds)
    used, postgres = cpu_seconds(server.pid), cpu_seconds(postgres_pid)
    load = drive(server.port, prepared, expected=expected, connections=CONNECTIONS, seconds=seconds)
    used, postgres = cpu_seconds(server.pid) - used, cpu_seconds(postgres_pid) - postgres
    return Sample(
        per_second=load.count / load.seconds,
        server_us=used / load.count * 1e6,
        postgres_us=postgres / load.count * 1e6,
        p50_ms=load.p50 * 1e3,
        p99_ms=load.p99 * 1e3,
        client_us=load.client_cpu / load.count * 1e6,
    )


def same(one: Request) -> Requests:
    """The same request again and again."""
    return lambda seconds: itertools.repeat(one, int(seconds * MOST_PER_SECOND * 10))


def deliveries(database: Database, path: str, bodies: list[bytes]) -> Callable[[float], list[Request]]:
    """Signed deliveries, each with an id of its own, signed just before they are sent."""
    secret, run = database.shop.webhook_secret, secrets.token_hex(6)
    numbers = itertools.count(1)

    def prepared(seconds: float) -> list[Request]:
        timestamp = int(time.time())
        chosen = itertools.islice(itertools.cycle(bodies), max(1, round(seconds * MOST_PER_SECOND)))
        return [_signed(path, secret, f"msg_{run}_{next(numbers)}", timestamp, body) for body in chosen]

    return prepared


def _signed(path: str, secret: str, message_id: str, timestamp: int, body: bytes) -> Request:
    return request(
        "POST",
        path,
        {
            "User-Agent": "store/1.0",
            "Accept": "*/*",
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature.sign(secret, message_id, timestamp, body),
        },
        body,
    )


def reads(path: str, tokens: Iterable[str]) -> Requests:
    """GETs with these tokens in turn, as a browser on the shop's page sends them."""
    prepared = [request("GET", path, widget_headers(token)) for token in tokens]
    return lambda seconds: itertools.islice(itertools.cycle(prepared), int(seconds * MOST_PER_SECOND * 10))


def sessions(database: Database, members: Iterable[int]) -> list[str]:
    """The members' session tokens."""
    tokens = SessionTokens([database.environ["SECRET_KEY"]])
    return [tokens.issue(Session(database.shop.shop_id, member, 1))[0] for member in members]


def widget_headers(token: str | None = None) -> dict[str, str]:
    headers = {
        "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        "Accept": "*/*",
        "Accept-Language": "en",
        "Accept-Encoding": "gzip, deflate, br",
        "Origin": "https://shop.example",
        "Referer": "https://shop.example/",
    }
    return headers | ({"Authorization": f"Bearer {token}"} if token else {})


def some_members(database: Database, count: int) -> list[int]:
    """Members spread over the whole table, the same in every run."""
    return Random(7).sample(range(1, database.members + 1), min(count, database.members))


def orders(count: int, size: int = 8192) -> list[bytes]:
    """Deliveries of realistic orders of about `size` bytes each, with as many lines as that takes."""
    return [order(number, size) for number in range(1, count + 1)]


def order(number: int, size: int = 8192) -> bytes:
    """A delivery about order `number` of member `number`."""
    lines: list[dict[str, object]] = []
    body = b""
    while len(body) < size - 150:
        lines.append(_line(len(lines) + 1))
        body = orjson.dumps(_delivery(number, lines))
    return body


def _line(number: int) -> dict[str, object]:
    return {
        "id": f"line_{number}",
        "product_id": f"prod_{7000 + number}",
        "sku": f"TEAPOT-BLUE-{number:04}",
        "title": "Hand-thrown teapot, blue glaze, 1.2 l, with a bamboo handle",
        "quantity": 1 + number % 3,
        "unit_price": "30.00",
        "discount": "1.50",
        "total": f"{30 * (1 + number % 3)}.00",
        "gift_card": False,
    }


def _delivery(number: int, lines: list[dict[str, object]]) -> dict[str, object]:
    return {
        "type": "order.created",
        "timestamp": "2026-11-23T09:00:00Z",
        "data": {
            "id": f"ord_{number}",
            "number": str(number),
            "customer": {
                "id": f"cus_{number}",
                "email": f"shopper{number}@example.com",
                "email_verified": True,
                "phone": "+33123456789",
                "first_name": "Ada",
                "last_name": "Lovelace",
                "locale": "fr",
                "tags": ["vip", "newsletter"],
                "address": {"line1": "1 rue de la Paix", "city": "Paris", "postal_code": "75002", "country": "FR"},
                "created_at": "2026-11-01T10:00:00+01:00",
            },
            "currency": "EUR",
            "created_at": "2026-11-23T10:00:00+01:00",
            "updated_at": "2026-11-23T09:00:00Z",
            "source": "online",
            "payment_status": "paid",
            "delivery_status": "pending",
            "delivery_carrier": "tcat",
            "subtotal": "1000.00",
            "discount_total": "50.00",
            "shipping_total": "5.00",
            "fee_total": "0.00",
            "tax_total": "159.00",
            "total": "955.00",
            "discount_codes": ["WELCOME"],
            "line_items": lines,
        },
    }
