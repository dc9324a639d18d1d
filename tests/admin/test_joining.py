"""Choosing a password: who was invited, who forgot theirs, and the first person of a new shop."""

import re
from collections.abc import Callable
from email.message import EmailMessage
from urllib.parse import urlsplit

import pytest
import time_machine
from bs4 import BeautifulSoup
from flask import Flask, current_app
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from backend.config import Config
from backend.db import transaction
from backend.models import Staff
from backend.staff import invitations
from backend.staff.invitations import Links
from backend.staff.rights import ROLES, Right
from tests.admin.conftest import PASSWORD, Desk, PostOffice, forget_request, said
from tests.conftest import TestShop

NEW = "a password of my own"


def link_in(letter: EmailMessage) -> str:
    """The path of the link in a letter."""
    body = letter.get_body(("plain",))
    assert body is not None
    found = re.search(r"http\S+/admin/\S+", body.get_content())
    assert found is not None, body.get_content()
    return urlsplit(found[0]).path


def choose(client: FlaskClient, path: str, **fields: str) -> TestResponse:
    """Open the link and send its form."""
    forget_request()
    page = client.get(path)
    if page.status_code != 200:
        return page
    token = BeautifulSoup(page.text, "html.parser").find("meta", {"name": "csrf-token"})
    assert token is not None
    forget_request()
    return client.post(path, data={"csrf_token": token["content"], "password": NEW, "repeated": NEW, **fields})


def log_in(app: Flask, email: str, password: str) -> TestResponse:
    return choose(app.test_client(), "/admin/log-in", email=email, password=password)


class TestAnInvitation:
    @pytest.fixture
    def letter(self, desk: Desk, post_office: PostOffice) -> EmailMessage:
        notice = desk.done(
            "/people/invite", name="Bo Helper", email=f"bo.of{desk.shop.id}@shop.example", role="Customer care"
        )
        assert notice == f"An invitation is on its way to bo.of{desk.shop.id}@shop.example."
        (letter,) = post_office.to(f"bo.of{desk.shop.id}@shop.example")
        return letter

    def test_says_who_asks_and_where_it_leads(self, letter: EmailMessage) -> None:
        assert letter["Subject"] == "Join Maison Test on Lagniappe"
        body = letter.get_body(("plain",))
        assert body is not None
        assert "Hello Bo Helper," in body.get_content()
        assert letter["List-Unsubscribe"] is None

    def test_its_link_makes_a_password_once(self, app: Flask, letter: EmailMessage) -> None:
        client = app.test_client()
        answer = choose(client, link_in(letter), name="Bo Helper")
        assert answer.headers["Location"] == "/admin"
        assert "Bo Helper" in client.get("/admin/account").text
        assert choose(app.test_client(), link_in(letter), name="Bo Helper").status_code == 404
        assert log_in(app, str(letter["To"].addresses[0].addr_spec), NEW).status_code == 303

    def test_gives_the_rights_of_the_role_and_no_more(self, app: Flask, letter: EmailMessage) -> None:
        client = app.test_client()
        choose(client, link_in(letter), name="Bo Helper")
        assert client.get("/admin/people").status_code == 403
        with transaction() as session:
            kept = session.execute(select(Staff.rights).where(Staff.email == letter["To"].addresses[0].addr_spec))
            assert set(kept.scalar_one()) == ROLES["Customer care"]

    @pytest.mark.parametrize(
        "fields, complaint",
        [
            ({"password": "short", "repeated": "short"}, "The password should have 12 to 200 characters."),
            ({"repeated": "something else"}, "The two passwords are not the same."),
            ({"name": " "}, "The name should have 1 to 120 characters."),
        ],
    )
    def test_a_bad_choice_is_said_and_the_link_still_works(
        self, app: Flask, letter: EmailMessage, fields: dict[str, str], complaint: str
    ) -> None:
        answer = choose(app.test_client(), link_in(letter), **{"name": "Bo", **fields})
        assert (answer.status_code, said(answer)) == (422, complaint)
        assert choose(app.test_client(), link_in(letter), name="Bo").status_code == 303

    def test_is_too_old_after_a_week(self, app: Flask, letter: EmailMessage) -> None:
        with time_machine.travel("2027-06-01T12:00:00Z", tick=True):
            answer = app.test_client().get(link_in(letter))
        assert answer.status_code == 404
        assert "too old" in answer.text

    def test_a_newer_one_takes_its_place(
        self, app: Flask, desk: Desk, post_office: PostOffice, letter: EmailMessage
    ) -> None:
        address = letter["To"].addresses[0].addr_spec
        with transaction() as session:
            staff_id = session.execute(select(Staff.id).where(Staff.email == address)).scalar_one()
        desk.done(f"/people/{staff_id}/invite")
        newer = post_office.to(address)[-1]
        assert app.test_client().get(link_in(letter)).status_code == 404
        assert choose(app.test_client(), link_in(newer), name="Bo").status_code == 303

    def test_nobody_comes_in_who_was_let_go_meanwhile(self, app: Flask, desk: Desk, letter: EmailMessage) -> None:
        with transaction() as session:
            staff_id = session.execute(
                select(Staff.id).where(Staff.email == letter["To"].addresses[0].addr_spec)
            ).scalar_one()
        desk.done(f"/people/{staff_id}/remove")
        assert app.test_client().get(link_in(letter)).status_code == 404

    def test_a_link_that_was_changed_is_none(self, app: Flask, letter: EmailMessage) -> None:
        assert app.test_client().get(link_in(letter)[:-3] + "abc").status_code == 404


class TestAForgottenPassword:
    @pytest.fixture
    def letter(self, app: Flask, desk: Desk, post_office: PostOffice) -> EmailMessage:
        answer = choose(app.test_client(), "/admin/forgot", email=desk.email.upper())
        assert answer.status_code == 303
        (letter,) = post_office.to(desk.email)
        return letter

    def test_the_link_changes_it_once_and_signs_out_everywhere(
        self, app: Flask, desk: Desk, letter: EmailMessage
    ) -> None:
        assert choose(app.test_client(), link_in(letter)).headers["Location"] == "/admin/log-in"
        assert desk.get("/account").status_code == 303
        assert log_in(app, desk.email, PASSWORD).status_code == 422
        assert log_in(app, desk.email, NEW).status_code == 303
        assert app.test_client().get(link_in(letter)).status_code == 404

    def test_the_owner_is_told_that_it_was_changed(
        self, app: Flask, desk: Desk, post_office: PostOffice, letter: EmailMessage
    ) -> None:
        choose(app.test_client(), link_in(letter))
        assert post_office.to(desk.email)[-1]["Subject"] == "Your password was changed (Maison Test)"

    def test_the_link_is_too_old_after_an_hour(self, app: Flask, letter: EmailMessage) -> None:
        with time_machine.travel("2027-06-01T12:00:00Z", tick=True):
            assert app.test_client().get(link_in(letter)).status_code == 404

    def test_who_asks_hears_the_same_for_an_address_that_nobody_has(
        self, app: Flask, post_office: PostOffice, desk: Desk
    ) -> None:
        clients = app.test_client(), app.test_client()
        heard = [
            (choose(client, "/admin/forgot", email=email), said(client.get("/admin/log-in")))
            for client, email in zip(clients, (desk.email, "nobody.at.all@shop.example"), strict=True)
        ]
        assert heard[0][1] == heard[1][1] == "If this address is known here, a mail is on its way to it."
        assert post_office.to("nobody.at.all@shop.example") == []

    def test_nobody_is_flooded_with_mails(self, app: Flask, desk: Desk) -> None:
        answers = [choose(app.test_client(), "/admin/forgot", email=desk.email).status_code for _ in range(4)]
        assert answers == [303, 303, 303, 429]


class TestTheFirstPersonOfAShop:
    @pytest.fixture
    def link(self, shop: TestShop) -> str:
        config: Config = current_app.config["LAGNIAPPE"]
        return urlsplit(invitations.first_link(Links(config.secret_keys, config.base_url), shop.id)).path

    def test_comes_in_with_every_right_and_begins_with_the_guide(self, app: Flask, shop: TestShop, link: str) -> None:
        client = app.test_client()
        email = f"first.of{shop.id}@shop.example"
        answer = choose(client, link, name="Fay First", email=email)
        assert answer.headers["Location"] == "/admin/guide"
        with transaction() as session:
            kept = session.execute(select(Staff.rights).where(Staff.shop_id == shop.id)).scalar_one()
        assert set(kept) == set(Right)

    def test_there_is_one_first_person(self, app: Flask, shop: TestShop, link: str) -> None:
        choose(app.test_client(), link, name="Fay First", email=f"one.of{shop.id}@shop.example")
        assert app.test_client().get(link).status_code == 404

    def test_whoever_is_invited_before_it_is_used_ends_it(
        self, app: Flask, sign_in: Callable[..., Desk], link: str
    ) -> None:
        sign_in()
        assert app.test_client().get(link).status_code == 404
