"""The client of a custom store's `discounts_url` (contract section 3, last paragraph; reliability F-66, F-67, F-69, F-70)."""

import json
import logging
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
import responses
from standardwebhooks.webhooks import Webhook

from backend.platforms.base import Never, TryAgain
from backend.platforms.custom.discounts import CodeTaken, DiscountAddress, create, disable
from backend.platforms.custom.signature import new_secret
from backend.platforms.outgoing import open_session
from tests.platforms.servers import answer, read_request, serving

URL = "https://shop.example/lagniappe/discounts"
SECRET = new_secret()
CODE = "LGN-7Q2M-X4TR"
REFERENCE = "coupon:12"
SHOP = DiscountAddress(URL, SECRET)


def wall():
    return datetime.now(UTC)


def make(shop=SHOP, **more):
    given = {"reference": REFERENCE, "code": CODE, "kind": "fixed_amount", "value": "5.00", "currency": "EUR"}
    return create(shop, **{"wall": wall(), **given, **more})


def end(shop=SHOP, **more):
    return disable(shop, **{"reference": REFERENCE, "code": CODE, "wall": wall(), **more})


VERBS = pytest.mark.parametrize("verb", [make, end])


@pytest.fixture
def store():
    with responses.RequestsMock() as mocked:
        yield mocked


def answers(store, status, body=b"", **headers):
    store.add(responses.POST, URL, body, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()})


def failure(verb, kind, **more):
    with pytest.raises(kind) as failed:
        verb(**more)
    return failed.value


# What is sent.


def test_a_discount_is_made_as_the_contract_words_it(store):
    answers(store, 201)
    make(
        product_id="p-1",
        minimum_subtotal="20.00",
        customer_id="c-1",
        expires_at=datetime(2026, 12, 31, 23, 59, 59, tzinfo=timezone(timedelta(hours=1))),
    )
    assert json.loads(store.calls[0].request.body) == {
        "type": "discount.create",
        "data": {
            "reference": REFERENCE,
            "code": CODE,
            "kind": "fixed_amount",
            "value": "5.00",
            "currency": "EUR",
            "product_id": "p-1",
            "minimum_subtotal": "20.00",
            "usage_limit": 1,
            "customer_id": "c-1",
            "expires_at": "2026-12-31T22:59:59Z",
        },
    }


def test_what_a_discount_does_not_have_is_null(store):
    answers(store, 200)
    make(kind="free_shipping", value=None)
    data = json.loads(store.calls[0].request.body)["data"]
    assert (data["kind"], data["usage_limit"]) == ("free_shipping", 1)
    assert {name for name, value in data.items() if value is None} == {
        "value",
        "product_id",
        "minimum_subtotal",
        "customer_id",
        "expires_at",
    }


def test_a_discount_is_disabled_as_the_contract_words_it(store):
    answers(store, 204)
    end()
    assert json.loads(store.calls[0].request.body) == {
        "type": "discount.disable",
        "data": {"reference": REFERENCE, "code": CODE},
    }


@VERBS
def test_the_official_library_accepts_the_signature(store, verb):
    answers(store, 200)
    verb()
    request = store.calls[0].request
    assert request.headers["content-type"] == "application/json"
    assert Webhook(SECRET).verify(request.body, dict(request.headers))["data"]["code"] == CODE


def test_a_repetition_is_known_by_its_id_and_everything_else_has_another(store):
    answers(store, 200)

    def message_id(verb, **more):
        verb(**more)
        return store.calls[-1].request.headers["webhook-id"]

    first = message_id(make)
    assert message_id(make, wall=wall() + timedelta(hours=1)) == first
    others = [
        message_id(end),
        message_id(make, reference="coupon:13"),
        message_id(make, code="LGN-OTHER"),  # after CodeTaken: a store drops an id that it has seen
        message_id(make, reference="line\r\nbreak é"),
    ]
    assert len({first, *others}) == 5


# What the answer means.


@VERBS
@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_2xx_is_done_whatever_it_says(store, verb, status):
    answers(store, status, b"" if status == 204 else b"<html>thank you")
    assert verb() is None


def test_a_code_that_the_store_has_under_our_reference_is_done(store):
    answers(store, 409, json.dumps({"reference": REFERENCE, "code": CODE}))
    assert make() is None


@pytest.mark.parametrize("reference", ["coupon:13", "", None, 12, ["coupon:12"]])
def test_a_code_of_a_foreign_discount_is_taken(store, reference):
    answers(store, 409, json.dumps({"reference": reference}))
    failure(make, CodeTaken)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><h1>Conflict</h1></html>",
        b"null",
        b'"coupon:12"',
        b'["reference"]',
        b"{}",
        b'{"code": "x"}',
        b'{"reference": "other", "reference": "coupon:12"}',
        b'{"reference": "coupon:12"',
        b'{"reference": "coupon:12", "x": "\xff"}',
        b"[" * 100_000,
        b'{"x": "' + b"x" * 50_000_000 + b'", "reference": "coupon:12"}',
    ],
    ids=lambda body: repr(body[:24]),
)
def test_409_that_does_not_say_whose_the_code_is_fails(store, body):
    answers(store, 409, body)
    assert "409" in failure(make, Never).reason


@pytest.mark.parametrize("status", [404, 410])
def test_there_is_nothing_to_disable_where_there_is_nothing(store, status):
    answers(store, status)
    assert end() is None


@pytest.mark.parametrize("status", [404, 410])
def test_a_discount_is_not_made_where_nobody_listens(store, status):
    answers(store, status)
    failure(make, Never)


@VERBS
@pytest.mark.parametrize("status", [400, 401, 402, 403, 405, 408, 413, 422, 451, 499])
def test_other_4xx_is_never(store, verb, status):
    answers(store, status)
    assert failure(verb, Never).reason == f"The store answered {status}."


def test_disabling_knows_no_409(store):
    answers(store, 409, json.dumps({"reference": REFERENCE}))
    failure(end, Never)


@VERBS
@pytest.mark.parametrize("status", [301, 302, 303, 304, 307, 308])
def test_3xx_is_never_and_is_not_followed(store, verb, status):
    answers(store, status, location="https://shop.example/elsewhere")
    assert "redirect" in failure(verb, Never).reason
    assert len(store.calls) == 1


@VERBS
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 599])
def test_429_and_5xx_are_tried_again(store, verb, status):
    answers(store, status, b"<html>oh")
    again = failure(verb, TryAgain)
    assert (again.reason, again.retry_after_seconds) == (f"The store answered {status}.", None)


AT = datetime(2026, 11, 23, 7, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 120 ", 120.0),
        ("86401", 86400.0),
        ("9" * 400, 86400.0),
        (format_datetime(AT + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(AT - timedelta(days=1), usegmt=True), 0.0),
        (format_datetime(AT + timedelta(days=9), usegmt=True), 86400.0),
        ("Mon, 23 Nov 2026 07:01:00 -0000", 60.0),
        ("Mon, 23 Nov 99999 07:01:00 GMT", None),
        ("-5", None),
        ("1.5", None),
        ("1e9", None),
        ("NaN", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_both_forms_and_capped(store, header, seconds):
    answers(store, 503, retry_after=header)
    assert failure(make, TryAgain, wall=AT).retry_after_seconds == seconds


# What the merchant is told, and what nobody is.


def test_the_store_s_words_are_shown_in_one_short_clean_line(store):
    answers(store, 422, "<style></style><h1>Kind\x00\u202e \n is <b>unknown</b></h1>" + "and so on " * 100)
    reason = failure(make, Never).reason
    assert reason.startswith("The store answered 422: Kind is unknown and so on")
    assert len(reason) < 240
    assert reason.isprintable()


@pytest.mark.parametrize("before", ["", " " * 1995, "x" * 195])
def test_neither_code_nor_secret_is_told_or_logged(store, caplog, before):
    caplog.set_level(logging.DEBUG)
    answers(store, 400, before + f"{CODE.lower()} is no code, {SECRET} no secret")
    reason = failure(make, Never).reason
    assert CODE[:4] not in reason.upper()
    assert SECRET[:6] not in reason
    assert SECRET not in repr(SHOP)
    assert CODE not in caplog.text.upper()
    assert SECRET not in caplog.text


@VERBS
def test_an_address_in_our_own_network_is_refused(verb):
    never = failure(verb, Never, shop=DiscountAddress("https://127.0.0.1/discounts", SECRET))
    assert "127" not in never.reason


# A store as bad as they come, over real connections.


class Store:
    """Keeps one discount for a code, as the contract wants, and loses its first answer as the test wants."""

    def __init__(self, losing=""):
        self.discounts = {}
        self.losing = losing

    def __call__(self, connection):
        while request := read_request(connection):
            losing, self.losing = self.losing, ""
            if losing == "before applying":
                return
            said = self.apply(request)
            if losing == "after applying":
                return
            connection.sendall(said)

    def apply(self, request):
        head, _, body = request.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
        said = Webhook(SECRET).verify(body, headers)
        code, reference = said["data"]["code"], said["data"]["reference"]
        if said["type"] == "discount.disable":
            return answer("200 OK" if self.discounts.pop(code, None) else "404 Not Found")
        if code in self.discounts:
            return answer("409 Conflict", json.dumps({"reference": self.discounts[code]}).encode())
        self.discounts[code] = reference
        return answer("201 Created")


@pytest.mark.parametrize("losing", ["before applying", "after applying"])
def test_an_answer_that_is_lost_leaves_exactly_one_code(losing):
    store = Store(losing)
    with serving(store) as server:
        shop = DiscountAddress(f"http://127.0.0.1:{server.port}/", SECRET, is_rehearsal=True)
        failure(make, TryAgain, shop=shop)
        make(shop)
        make(shop)
        assert store.discounts == {CODE: REFERENCE}
        failure(make, CodeTaken, shop=shop, reference="coupon:13")
        end(shop)
        end(shop)
        assert store.discounts == {}


def test_many_codes_go_over_one_connection():
    store = Store()
    with serving(store) as server, open_session(is_rehearsal=True) as session:
        shop = DiscountAddress(f"http://127.0.0.1:{server.port}/", SECRET, is_rehearsal=True)
        for n in range(20):
            make(shop, reference=f"coupon:{n}", code=f"LGN-{n}", session=session)
        assert (len(store.discounts), server.connections) == (20, 1)


def test_an_address_that_redirects_inwards_reaches_nobody():
    with serving(Store()) as canary:
        moved = answer("308 Permanent Redirect", b"", f"Location: http://127.0.0.1:{canary.port}/")
        with serving(lambda connection: read_request(connection) and connection.sendall(moved)) as server:
            failure(make, Never, shop=DiscountAddress(f"http://127.0.0.1:{server.port}/", SECRET, is_rehearsal=True))
        assert canary.connections == 0
