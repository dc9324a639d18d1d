"""Somebody at the merchant's desk: signed in, with any rights."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask, g
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from backend import clock
from backend.app import create_app
from backend.db import db, transaction
from backend.jobs import outbox
from backend.staff import accounts, letters
from backend.staff.rights import Right
from tests.conftest import TestShop
from tests.mail.conftest import Mailbox

PASSWORD = "correct horse battery staple"


@dataclass
class Desk:
    """A browser without JavaScript, signed in as one person."""

    shop: TestShop
    client: FlaskClient
    email: str
    staff_id: int
    _token: str = field(default="", repr=False)

    def get(self, path: str, **query: Any) -> TestResponse:
        """A page, by its address below /admin."""
        forget_request()
        return self.client.get(f"/admin{path}", query_string=query)

    def page(self, path: str, **query: Any) -> BeautifulSoup:
        """The page, which must be there, to look into."""
        answer = self.get(path, **query)
        assert answer.status_code == 200, (answer.status_code, answer.headers.get("Location"), answer.text[:500])
        return BeautifulSoup(answer.text, "html.parser")

    def post(self, path: str, **fields: Any) -> TestResponse:
        """Send a form. Lists are fields that are given several times; a file is a (stream, name) pair."""
        data = {"csrf_token": self.csrf(), **fields}
        forget_request()
        return self.client.post(f"/admin{path}", data=data)

    def done(self, path: str, **fields: Any) -> str:
        """Send a form that must succeed; what the next page says of it."""
        answer = self.post(path, **fields)
        assert answer.status_code == 303, (answer.status_code, said(answer))
        forget_request()
        return said(self.client.get(answer.headers["Location"]))

    def csrf(self) -> str:
        if not self._token:
            found = BeautifulSoup(self.get("/account").text, "html.parser").find("meta", {"name": "csrf-token"})
            assert found is not None, "no page with a token"
            self._token = str(found["content"])
        return self._token


def forget_request() -> None:
    """A test's requests share one application context, in which Flask-WTF would keep the token of the first."""
    for name in ("csrf_token", "csrf_valid"):
        g.pop(name, None)


def said(answer: TestResponse) -> str:
    """The notices of a page."""
    found = BeautifulSoup(answer.text, "html.parser").select(".notice")
    return " ".join(" ".join(each.get_text(" ").split()) for each in found)


@pytest.fixture
def sign_in(app: Flask, shop: TestShop) -> Callable[..., Desk]:
    """Sign somebody in with these rights (all, if none is named)."""
    made = 0

    def make(*rights: Right, of: TestShop | None = None, email: str | None = None, name: str = "Ada Admin") -> Desk:
        nonlocal made
        made += 1
        owner = of or shop
        address = email or f"staff{made}.of{owner.id}@shop.example"
        with transaction() as session:
            person = accounts.create(
                session,
                owner.id,
                clock.now(),
                email=address,
                name=name,
                password=PASSWORD,
                rights=rights or tuple(Right),
            )
            staff_id = person.id
        client = app.test_client()
        desk = Desk(owner, client, address, staff_id)
        forget_request()
        token = BeautifulSoup(client.get("/admin/log-in").text, "html.parser").find("meta", {"name": "csrf-token"})
        assert token is not None
        desk._token = str(token["content"])
        answer = desk.post("/log-in", email=address, password=PASSWORD)
        assert answer.status_code == 303, said(answer)
        desk._token = ""
        return desk

    return make


@dataclass
class PostOffice:
    """Sends what waits for people of the team, and keeps what arrived."""

    app: Flask
    mailbox: Mailbox

    def to(self, address: str) -> list[EmailMessage]:
        """Every letter that has come to that address so far, the oldest first."""
        with self.app.app_context():
            while outbox.send_some(letters.KIND, outbox.SENDERS[letters.KIND]):
                pass
            db.session.remove()
        return [each for each in self.mailbox.letters if address in str(each["To"])]


@pytest.fixture
def post_office(app: Flask, environ: dict[str, str]) -> Iterator[PostOffice]:
    """A real mail server, and the worker's part of the outbox that writes to the team."""
    box = Mailbox()
    made = create_app({**environ, "MAIL_URL": box.url})
    yield PostOffice(made, box)
    with made.app_context():
        db.engine.dispose()
    box.controller.stop()


@pytest.fixture
def desk(sign_in: Callable[..., Desk]) -> Desk:
    """Somebody with every right."""
    return sign_in()
