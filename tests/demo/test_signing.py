"""What the store proves: deliveries and shoppers."""

import json
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from demo import signing, times
from tests.demo.conftest import IDENTITY_SECRET, SECRET


def test_the_standards_own_vector() -> None:
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = signing.webhook_headers(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}')
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_the_standards_library_verifies_a_delivery_and_refuses_a_changed_one() -> None:
    body = json.dumps({"type": "order.paid", "data": {"title": "Thé – 茶"}}, ensure_ascii=False).encode()
    headers = signing.webhook_headers(SECRET, "msg_1", times.wall(), body)
    assert Webhook(SECRET).verify(body, headers)["type"] == "order.paid"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body.replace(b"paid", b"sent"), headers)


def test_a_webhook_that_the_standards_library_signed_is_genuine_for_five_minutes_and_a_changed_one_never() -> None:
    at, body = times.wall(), b'{"type": "discount.create"}'
    signature = Webhook(SECRET).sign("msg_1", at, body.decode())
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}
    several = {**headers, "webhook-signature": f"v1,AAAA {signature} v2,x"}
    assert signing.is_genuine(SECRET, headers, at, body)
    assert signing.is_genuine(SECRET, several, at + timedelta(minutes=4), body)
    assert not signing.is_genuine(SECRET, headers, at, body + b" ")
    for minutes in (6, -6):
        assert not signing.is_genuine(SECRET, headers, at + timedelta(minutes=minutes), body)
    for name in headers:
        assert not signing.is_genuine(SECRET, {**headers, name: ""}, at, body)
        assert not signing.is_genuine(SECRET, {**headers, name: "é"}, at, body)


def test_an_identity_lives_at_most_fifteen_minutes_and_says_who_it_is() -> None:
    customer = {"id": "cus_1", "email": "camille@example.com", "first_name": "Camille", "last_name": "", "locale": "fr"}
    token = signing.identity_token(IDENTITY_SECRET, customer, times.wall())
    claims = jwt.decode(token, IDENTITY_SECRET, algorithms=["HS256"])
    assert (claims["sub"], claims["email"], claims["first_name"], claims["locale"]) == (
        "cus_1",
        "camille@example.com",
        "Camille",
        "fr",
    )
    assert "last_name" not in claims
    assert timedelta(0) < timedelta(seconds=claims["exp"] - claims["iat"]) <= timedelta(minutes=15)
