"""Mails to the merchant's team. Who reads one, and whether they still may, is looked up when it goes out."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import current_app

from backend import clock
from backend.config import Config
from backend.db import db
from backend.jobs.calls import Call, Send
from backend.loyalty.shops import shops
from backend.mail.about_the_shop import LETTERS, Inquiry, compose
from backend.mail.asking import NothingToTell
from backend.mail.sending import Letterhead, MailServer, Post, letter, postbox
from backend.models import Staff
from backend.platforms.base import Never
from backend.staff.invitations import Links


@contextmanager
def line() -> Iterator[Send]:
    """A line to the mail server for a batch of mails."""
    config: Config = current_app.config["LAGNIAPPE"]
    server = MailServer.from_url(config.mail_url, config.base_url) if config.mail_url else None
    sender = server.sender if server is not None else "no-reply@localhost"
    links = Links(config.secret_keys, config.base_url)
    with postbox(server) as post:

        def send(call: Call) -> str | None:
            return _send(call, post, sender, links)

        yield send


def went_out(session: Any, call: Call) -> None:
    """Nothing follows from it."""


def cannot_go_out(session: Any, call: Call, reason: str) -> None:
    """Nothing follows from it: the admin shows the same on its pages."""


def _send(call: Call, post: Post, sender: str, links: Links) -> str | None:
    payload = call.payload
    worded = LETTERS.get(payload["purpose"])
    if worded is None:
        raise Never(f"There is no mail called {payload['purpose']!r}.")
    try:
        reader = db.session.get(Staff, (call.shop_id, payload["staff_id"]))
        if reader is None or reader.status == "removed":
            return "not sent: this person is not on the team any more"
        if reader.email is None:
            return "not sent: nobody knows this person's address"
        if payload.get("right") is not None and payload["right"] not in reader.rights:
            return "not sent: this person may not see it any more"
        shop = shops.facts(call.shop_id)
        asked = Inquiry(db.session(), shop, payload, reader.id, reader.name, clock.now(), clock.wall(), links)
        message = compose(asked, worded(asked))
        email, name = reader.email, reader.name
    except NothingToTell as reason:
        return f"not sent: {reason}"
    finally:
        db.session.rollback()  # the call below may take its time: not inside a transaction
    head = Letterhead(from_address=sender, from_name="Lagniappe", list_name=f"team-{shop.id}")
    post(letter(message, to_address=email, to_name=name, head=head, key=f"{call.shop_id}:{call.key}"))
    return None
