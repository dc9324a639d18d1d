"""Signing in: what a wrong password meets, several shops, the second factor, where one comes out."""

from collections.abc import Callable
from datetime import timedelta

import pyotp
import pytest
from argon2 import PasswordHasher
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from backend import clock
from backend.db import transaction
from backend.staff import accounts, passwords, sessions, throttle
from tests.admin.conftest import PASSWORD, Desk, forget_request, said
from tests.conftest import TestShop

SignIn = Callable[..., Desk]
HASHER = passwords._hasher
"""What tests/conftest.py replaces by a lighter one."""


class Visitor:
    """A browser without JavaScript in which nobody is signed in yet."""

    def __init__(self, client: FlaskClient, address: str = "9.9.9.7") -> None:
        self.client = client
        self.address = address

    def post(self, path: str, **fields: object) -> TestResponse:
        forget_request()
        page = self.client.get("/admin/log-in", follow_redirects=True)
        forget_request()
        token = BeautifulSoup(page.text, "html.parser").find("meta", {"name": "csrf-token"})
        data = {"csrf_token": token["content"] if token else "", **fields}
        return self.client.post(f"/admin{path}", data=data, headers={"X-Forwarded-For": self.address})

    def log_in(self, email: str, password: str, **more: str) -> TestResponse:
        return self.post("/log-in", email=email, password=password, **more)


@pytest.fixture
def visitor(app: Flask) -> Visitor:
    return Visitor(app.test_client())


def test_a_wrong_password_says_no_more_than_an_unknown_address(visitor: Visitor, desk: Desk) -> None:
    wrong = visitor.log_in(desk.email, "a wrong password")
    unknown = visitor.log_in("nobody@shop.example", PASSWORD)
    assert wrong.status_code == unknown.status_code == 422
    assert said(wrong) == said(unknown) == "The address or the password is wrong."


def test_the_address_may_be_typed_in_capitals_with_space_around_it(visitor: Visitor, desk: Desk) -> None:
    assert visitor.log_in(f" {desk.email.upper()} ", PASSWORD).headers["Location"] == "/admin"


@pytest.mark.parametrize(
    "wanted, comes_out_at",
    [
        ("/admin/people?a=b", "/admin/people?a=b"),
        ("https://evil.example/admin/", "/admin"),
        ("//evil.example/admin", "/admin"),
        ("/admin.evil.example", "/admin"),
        ("", "/admin"),
    ],
)
def test_one_comes_out_where_one_wanted_to_go_and_never_elsewhere(
    visitor: Visitor, desk: Desk, wanted: str, comes_out_at: str
) -> None:
    assert visitor.log_in(desk.email, PASSWORD, next=wanted).headers["Location"] == comes_out_at


class TestTooManyTries:
    def test_after_five_wrong_ones_the_right_one_has_to_wait_too(self, visitor: Visitor, desk: Desk) -> None:
        for _ in range(5):
            assert visitor.log_in(desk.email, "a wrong password").status_code == 422
        answer = visitor.log_in(desk.email, PASSWORD)
        assert answer.status_code == 429
        assert said(answer) == "Too many tries. Try again in 15 minutes."
        assert 0 < int(answer.headers["Retry-After"]) <= 900

    def test_its_owner_elsewhere_can_still_come_in(self, app: Flask, visitor: Visitor, desk: Desk) -> None:
        for _ in range(6):
            visitor.log_in(desk.email, "a wrong password")
        elsewhere = Visitor(app.test_client(), "9.9.8.9")
        assert elsewhere.log_in(desk.email, PASSWORD).status_code == 303

    def test_the_wait_ends(self, visitor: Visitor, desk: Desk) -> None:
        for _ in range(6):
            visitor.log_in(desk.email, "a wrong password")
        with transaction() as session:
            session.execute(text("update sign_in_try set since = since - interval '16 minutes'"))
        assert visitor.log_in(desk.email, PASSWORD).status_code == 303

    def test_one_place_that_tries_many_addresses_is_stopped(self, visitor: Visitor, desk: Desk) -> None:
        place = "9.9.9.99"
        for _ in range(throttle.LIMITS["place"].tries):
            throttle.count("place", place, clock.wall())
        assert Visitor(visitor.client, place).log_in(desk.email, PASSWORD).status_code == 429

    def test_a_right_password_does_not_free_a_place_of_its_wrong_ones(
        self, app: Flask, visitor: Visitor, desk: Desk
    ) -> None:
        place = "9.9.9.98"
        for _ in range(throttle.LIMITS["place"].tries - 1):
            throttle.count("place", place, clock.wall())
        assert Visitor(visitor.client, place).log_in(desk.email, PASSWORD).status_code == 303
        others = Visitor(app.test_client(), place)
        assert others.log_in("a@shop.example", PASSWORD).status_code == 422
        assert others.log_in("b@shop.example", PASSWORD).status_code == 429


class TestSeveralShops:
    def test_whoever_works_for_two_shops_chooses_one(
        self, visitor: Visitor, sign_in: SignIn, new_shop: Callable[..., TestShop]
    ) -> None:
        first, second = new_shop(name="Alpha"), new_shop(name="Beta")
        for each in (first, second):
            sign_in(of=each, email=f"both.of{first.id}@shop.example")
        answer = visitor.log_in(f"both.of{first.id}@shop.example", PASSWORD, next="/admin/account")
        assert answer.headers["Location"] == "/admin/log-in/shop"
        page = BeautifulSoup(visitor.client.get("/admin/log-in/shop").text, "html.parser")
        assert [each.get_text(strip=True) for each in page.select("button")] == ["Alpha", "Beta"]
        assert visitor.post("/log-in/shop", shop=second.id).headers["Location"] == "/admin/account"
        assert "Beta" in visitor.client.get("/admin/account").text

    def test_nobody_chooses_a_shop_that_is_not_theirs(
        self, visitor: Visitor, sign_in: SignIn, new_shop: Callable[..., TestShop]
    ) -> None:
        first, second, other = new_shop(), new_shop(), new_shop()
        for each in (first, second):
            sign_in(of=each, email=f"two.of{first.id}@shop.example")
        visitor.log_in(f"two.of{first.id}@shop.example", PASSWORD)
        assert visitor.post("/log-in/shop", shop=other.id).headers["Location"] == "/admin/log-in"
        assert visitor.client.get("/admin").status_code == 303

    def test_without_a_password_there_is_nothing_to_choose(self, visitor: Visitor) -> None:
        assert visitor.client.get("/admin/log-in/shop").headers["Location"] == "/admin/log-in"
        assert visitor.client.get("/admin/log-in/code").headers["Location"] == "/admin/log-in"


class TestTheSecondFactor:
    @pytest.fixture
    def protected(self, desk: Desk) -> tuple[Desk, pyotp.TOTP, list[str]]:
        """Somebody who has turned it on: with the app's secret and the recovery codes."""
        page = desk.page("/account/two-factor")
        sealed = page.find("input", {"name": "sealed"})["value"]
        secret = page.find("code").get_text().replace(" ", "")
        code = pyotp.TOTP(secret).at(clock.wall())
        answer = desk.post("/account/two-factor", sealed=sealed, code=code, password=PASSWORD)
        assert answer.status_code == 200, said(answer)
        codes = [each.get_text() for each in BeautifulSoup(answer.text, "html.parser").select(".codes li")]
        return desk, pyotp.TOTP(secret), codes

    @staticmethod
    def next_code(app_of_phone: pyotp.TOTP) -> str:
        """Of the half minute to come: good already, and still when the present one, whose code was used, ends meanwhile."""
        return app_of_phone.at(clock.wall() + timedelta(seconds=30))

    def test_the_password_alone_shows_nothing(
        self, visitor: Visitor, protected: tuple[Desk, pyotp.TOTP, list[str]]
    ) -> None:
        answer = visitor.log_in(protected[0].email, PASSWORD)
        assert answer.headers["Location"] == "/admin/log-in/code"
        assert visitor.client.get("/admin").headers["Location"] == "/admin/log-in"

    def test_the_apps_code_lets_in_once(
        self, app: Flask, visitor: Visitor, protected: tuple[Desk, pyotp.TOTP, list[str]]
    ) -> None:
        desk, app_of_phone, _ = protected
        code = self.next_code(app_of_phone)
        visitor.log_in(desk.email, PASSWORD, next="/admin/account")
        assert visitor.post("/log-in/code", code=code).headers["Location"] == "/admin/account"
        thief = Visitor(app.test_client())
        thief.log_in(desk.email, PASSWORD)
        assert thief.post("/log-in/code", code=code).status_code == 422

    def test_a_recovery_code_lets_in_once(
        self, app: Flask, visitor: Visitor, protected: tuple[Desk, pyotp.TOTP, list[str]]
    ) -> None:
        desk, _, codes = protected
        assert len(codes) == len(set(codes)) == 10
        visitor.log_in(desk.email, PASSWORD)
        assert visitor.post("/log-in/code", code=f" {codes[0].upper()} ").headers["Location"] == "/admin"
        again = Visitor(app.test_client())
        again.log_in(desk.email, PASSWORD)
        assert again.post("/log-in/code", code=codes[0]).status_code == 422
        assert "9 recovery codes are left" in " ".join(desk.page("/account").get_text(" ").split())

    def test_codes_cannot_be_guessed_for_long(
        self, visitor: Visitor, protected: tuple[Desk, pyotp.TOTP, list[str]]
    ) -> None:
        desk, app_of_phone, _ = protected
        visitor.log_in(desk.email, PASSWORD)
        for guess in range(5):
            assert visitor.post("/log-in/code", code=f"guess-{guess}").status_code == 422
        assert visitor.post("/log-in/code", code=self.next_code(app_of_phone)).status_code == 429

    @pytest.mark.parametrize("code", ["", "²²²²²²", "١٢٣٤٥٦", "0" * 64])
    def test_what_is_no_code_is_wrong_and_nothing_worse(
        self, visitor: Visitor, protected: tuple[Desk, pyotp.TOTP, list[str]], code: str
    ) -> None:
        visitor.log_in(protected[0].email, PASSWORD)
        assert visitor.post("/log-in/code", code=code).status_code == 422

    def test_it_is_turned_off_with_the_password_alone_and_no_other(
        self, visitor: Visitor, protected: tuple[Desk, pyotp.TOTP, list[str]]
    ) -> None:
        desk = protected[0]
        assert desk.post("/account/two-factor/off", password="not this one").status_code == 422
        assert "Two-factor sign-in is off" in desk.done("/account/two-factor/off", password=PASSWORD)
        assert visitor.log_in(desk.email, PASSWORD).headers["Location"] == "/admin"

    def test_a_wrong_code_does_not_turn_it_on(self, desk: Desk) -> None:
        page = desk.page("/account/two-factor")
        sealed = page.find("input", {"name": "sealed"})["value"]
        answer = desk.post("/account/two-factor", sealed=sealed, code="000000", password=PASSWORD)
        assert answer.status_code == 422
        shown_again = BeautifulSoup(answer.text, "html.parser")
        assert shown_again.find("input", {"name": "sealed"})["value"] == sealed, (
            "the phone would have to read another one"
        )


class TestBeingSignedIn:
    def test_signing_out_ends_it_for_who_kept_the_cookie(self, desk: Desk) -> None:
        kept = desk.client.get_cookie("lagniappe")
        assert kept is not None
        desk.post("/log-out")
        desk.client.set_cookie("lagniappe", kept.value)
        assert desk.get("").status_code == 303

    def test_a_day_without_a_visit_ends_it(self, desk: Desk) -> None:
        with transaction() as session:
            session.execute(
                text("update staff_session set seen_at = :then where staff_id = :staff"),
                {"then": clock.wall() - sessions.IDLE - timedelta(minutes=1), "staff": desk.staff_id},
            )
        assert desk.get("").status_code == 303

    def test_it_ends_after_two_weeks_whatever_happens(self, desk: Desk) -> None:
        with transaction() as session:
            session.execute(
                text("update staff_session set expires_at = :now where staff_id = :staff"),
                {"now": clock.wall(), "staff": desk.staff_id},
            )
        assert desk.get("").status_code == 303

    def test_signing_in_makes_a_new_token(self, visitor: Visitor, desk: Desk) -> None:
        visitor.log_in(desk.email, PASSWORD)
        first = visitor.client.get_cookie("lagniappe")
        visitor.client.get("/admin")
        visitor.post("/log-out")
        visitor.log_in(desk.email, PASSWORD)
        second = visitor.client.get_cookie("lagniappe")
        assert first is not None and second is not None
        assert first.value != second.value


def test_an_outdated_hash_is_made_anew_at_the_next_sign_in(
    visitor: Visitor, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8192).hash(PASSWORD)
    with transaction() as session:
        accounts.find(session, desk.shop.id, desk.staff_id).password_hash = weak
    monkeypatch.setattr(passwords, "_hasher", HASHER)
    assert visitor.log_in(desk.email, PASSWORD).status_code == 303
    with transaction() as session:
        made = accounts.find(session, desk.shop.id, desk.staff_id).password_hash
    assert made is not None and made.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert visitor.log_in(desk.email, PASSWORD).status_code == 303
