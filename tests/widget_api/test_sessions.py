"""Session tokens: bound to shop, member and token version, half an hour long (contract section 5)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import itsdangerous
import pytest
import time_machine
from sqlalchemy import update
from werkzeug.test import TestResponse

from backend import clock
from backend.db import transaction
from backend.models import Member
from backend.widget_api.tokens import LIFETIME, Session, SessionExpired, SessionTokens
from tests.conftest import TestShop
from tests.widget_api.conftest import ORIGIN, Widget

EVERY_CALL = [
    ("GET", "me"),
    ("GET", "me/activity"),
    ("GET", "me/redemptions"),
    ("GET", "me/referral"),
    ("POST", "me/seen"),
    ("POST", "me/earn/order"),
]


def code_of(answer: TestResponse) -> str:
    assert answer.status_code == 401, answer.text
    assert answer.content_type == "application/problem+json"
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    return answer.json["code"]


def test_a_session_brings_the_dashboard_along_so_that_an_opening_is_one_request(widget: Widget) -> None:
    answer = widget.begin()

    assert set(answer.json) == {"session", "expires_at", "member", "me"}
    assert answer.json["me"] == widget.me()
    assert answer.json["member"] == widget.me()["member"]


def test_a_session_ends_half_an_hour_after_it_began(widget: Widget) -> None:
    before = clock.wall().replace(microsecond=0)
    ends_at = datetime.fromisoformat(widget.begin().json["expires_at"])
    assert before + timedelta(minutes=30) <= ends_at <= clock.wall() + timedelta(minutes=30)


def test_an_expired_token_says_so_whatever_it_asks_for(widget: Widget) -> None:
    with time_machine.travel(clock.wall() - LIFETIME - timedelta(seconds=2)):
        widget.begin()
    for method, path in EVERY_CALL:
        assert code_of(widget.call(path, method)) == "session_expired", path


def test_a_page_of_the_shop_can_read_that_its_session_has_expired(widget: Widget) -> None:
    with time_machine.travel(clock.wall() - LIFETIME - timedelta(seconds=2)):
        widget.begin()
    answer = widget.call("me")
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Lagniappe-Signature" in answer.headers


def test_moving_the_business_clock_expires_no_session(widget: Widget, time: Any) -> None:
    widget.begin()
    time.advance(days=400)
    assert widget.call("me").status_code == 200


@pytest.mark.parametrize(("method", "path"), EVERY_CALL)
def test_without_a_token_nothing_is_read_and_nothing_done(shop: TestShop, method: str, path: str) -> None:
    url = f"/widget/v1/{path}"
    for headers in (
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer null"},
        {"Authorization": "Bearer \xe9\xe9\xe9"},
        {"Authorization": "Bearer " + "x" * 5000},
        {"Authorization": "Bearer ..."},
        {"Authorization": "Bearer 1-1-1"},
    ):
        assert code_of(shop.client.open(url, method=method, headers=headers)) == "unauthorized"


def test_a_token_in_the_address_is_not_read(widget: Widget) -> None:
    widget.begin()
    answer = widget.shop.client.get(
        f"/widget/v1/me?session={widget.token}&token={widget.token}&access_token={widget.token}"
    )
    assert code_of(answer) == "unauthorized"


def test_every_changed_character_breaks_a_token(widget: Widget) -> None:
    widget.begin()
    whole = widget.token
    assert whole is not None
    for at in range(len(whole) - 1):  # of the last character base64 leaves two bits unused
        widget.token = whole[:at] + ("A" if whole[at] != "A" else "B") + whole[at + 1 :]
        assert code_of(widget.call("me")) == "unauthorized", widget.token


def test_raising_the_token_version_revokes_every_token_of_the_member_alone(
    widget: Widget, widget_of: Callable[..., Widget]
) -> None:
    other = widget_of(widget.shop, "c-2")
    other.begin()
    member_id = int(widget.begin().json["member"]["id"])
    with transaction() as session:
        session.execute(
            update(Member)
            .where(Member.shop_id == widget.shop.id, Member.id == member_id)
            .values(token_version=Member.token_version + 1)
        )

    for method, path in EVERY_CALL:
        assert code_of(widget.call(path, method)) == "unauthorized", path
    assert other.call("me").status_code == 200
    widget.begin()
    assert widget.call("me").status_code == 200


def test_erasing_the_customer_ends_the_session(widget: Widget) -> None:
    widget.begin()
    widget.shop.tell("customer.redacted", {"id": "c-1"})
    assert code_of(widget.call("me")) == "unauthorized"


def test_a_token_reads_the_member_of_its_own_shop_alone(new_shop: Any, widget_of: Callable[..., Widget]) -> None:
    one, two = (widget_of(new_shop(domain=f"{name}.example"), "c-1", {"first_name": name}) for name in ("one", "two"))
    for each, name in ((one, "one"), (two, "two")):
        assert each.me(headers={"Origin": None})["member"]["first_name"] == name
    assert one.me(headers={"Origin": None})["member"]["id"] != two.me(headers={"Origin": None})["member"]["id"]


class TestTokens:
    """The token by itself."""

    def test_reads_what_it_issued(self) -> None:
        tokens = SessionTokens(["k" * 32])
        session = Session(7, 2**62, 3)
        assert tokens.read(tokens.issue(session)[0]) == session

    def test_the_first_key_signs_and_every_key_verifies(self) -> None:
        old, new = SessionTokens(["old " * 8]), SessionTokens(["new " * 8, "old " * 8])
        session = Session(1, 2, 3)

        assert new.read(old.issue(session)[0]) == session
        with pytest.raises(Exception, match="not a session"):
            old.read(new.issue(session)[0])
        assert SessionTokens(["new " * 8]).read(new.issue(session)[0]) == session

    def test_a_token_that_we_signed_for_another_purpose_opens_nothing(self) -> None:
        key = "k" * 32
        tokens = SessionTokens([key])
        for other in (
            itsdangerous.TimestampSigner(key),
            itsdangerous.TimestampSigner(key, salt="widget-session"),
            itsdangerous.URLSafeTimedSerializer(key, salt="widget-session"),
        ):
            made = other.sign("1-2-3").decode() if hasattr(other, "sign") else other.dumps([1, 2, 3])
            with pytest.raises(Exception, match="not a session"):
                tokens.read(made)

    def test_thirty_minutes_and_not_a_second_more(self) -> None:
        tokens = SessionTokens(["k" * 32])
        with time_machine.travel(0, tick=False) as traveller:
            token, ends_at = tokens.issue(Session(1, 2, 3))
            assert ends_at.timestamp() == 30 * 60
            traveller.shift(30 * 60)
            assert tokens.read(token) == Session(1, 2, 3)
            traveller.shift(1)
            with pytest.raises(SessionExpired) as refusal:
                tokens.read(token)
            assert refusal.value.session == Session(1, 2, 3)

    def test_a_token_is_safe_in_a_header_and_an_address(self) -> None:
        token, _ = SessionTokens(["k" * 32]).issue(Session(1, 2, 3))
        assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
