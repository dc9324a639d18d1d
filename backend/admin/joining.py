"""Choosing a password: after an invitation, after forgetting the old one, as the first person of a new shop."""

from typing import Annotated

from flask import Response, current_app
from pydantic import BaseModel, StringConstraints

from backend.admin.door import ANYBODY, Answer, Visit, form, page
from backend.admin.log_in import Typed, enter
from backend.config import Config
from backend.staff import accounts, invitations, passwords, team_log, throttle
from backend.staff.invitations import Links
from backend.staff.rights import Right


class Passwords(BaseModel):
    password: Typed = ""
    repeated: Typed = ""


class Joining(Passwords):
    name: Annotated[str, StringConstraints(max_length=200)] = ""


class Beginning(Joining):
    email: Annotated[str, StringConstraints(max_length=320)] = ""


class Forgotten(BaseModel):
    email: Annotated[str, StringConstraints(max_length=320)]


def links() -> Links:
    """What makes and reads links, with the server's own keys."""
    config: Config = current_app.config["LAGNIAPPE"]
    return Links(config.secret_keys, config.base_url)


@page("/join/<token>", right=ANYBODY)
def join(visit: Visit, token: str) -> Answer:
    invited = invitations.read_invitation(visit.session, links(), token)
    return visit.render("choose_password.html", purpose="join", invited=invited)


@form("/join/<token>", right=ANYBODY, again=join)
def joined(visit: Visit, token: str) -> Response:
    invited = invitations.read_invitation(visit.session, links(), token)
    given = visit.checked(Joining)
    assert invited.staff_id is not None
    accounts.join(
        visit.session,
        invited.shop_id,
        invited.staff_id,
        visit.now,
        name=given.name,
        password=given.password,
        repeated=given.repeated,
    )
    return enter(visit, invited.shop_id, invited.staff_id)


@page("/begin/<token>", right=ANYBODY)
def begin(visit: Visit, token: str) -> Answer:
    invited = invitations.read_first(visit.session, links(), token)
    return visit.render("choose_password.html", purpose="begin", invited=invited)


@form("/begin/<token>", right=ANYBODY, again=begin)
def begun(visit: Visit, token: str) -> Response:
    invited = invitations.read_first(visit.session, links(), token)
    given = visit.checked(Beginning)
    passwords.require_same(given.password, given.repeated)
    person = accounts.create(
        visit.session,
        invited.shop_id,
        visit.now,
        email=given.email,
        name=given.name,
        password=given.password,
        rights=Right,
    )
    team_log.note(visit.session, invited.shop_id, visit.now, person.name, "began")
    return enter(visit, invited.shop_id, person.id, "/admin/guide")


@page("/forgot", right=ANYBODY)
def forgot(visit: Visit) -> str:
    return visit.render("forgot.html")


@form("/forgot", right=ANYBODY, again=forgot)
def forgotten(visit: Visit) -> Response:
    email = visit.checked(Forgotten).email
    throttle.count("forgot", email.strip().lower(), visit.wall)
    invitations.forgot(visit.session, email, visit.wall)
    return visit.done("If this address is known here, a mail is on its way to it.", "log_in")


@page("/reset/<token>", right=ANYBODY)
def reset(visit: Visit, token: str) -> Answer:
    invited = invitations.read_reset(visit.session, links(), token)
    return visit.render("choose_password.html", purpose="reset", invited=invited)


@form("/reset/<token>", right=ANYBODY, again=reset)
def was_reset(visit: Visit, token: str) -> Response:
    """The password alone: whoever reads somebody's mail still needs the second factor, so they sign in with it now."""
    invited = invitations.read_reset(visit.session, links(), token)
    given = visit.checked(Passwords)
    assert invited.staff_id is not None
    accounts.change_password(
        visit.session,
        invited.shop_id,
        invited.staff_id,
        visit.now,
        visit.wall,
        password=given.password,
        repeated=given.repeated,
    )
    return visit.done("Your password is changed. Log in with it.", "log_in")
