"""Signing in and out."""

from typing import Annotated

from flask import Response, redirect, request
from flask import session as cookie
from pydantic import BaseModel, StringConstraints
from sqlalchemy import select

from backend.admin.door import ANYBODY, PREFIX, SIGNED_IN, TOKEN, Answer, Visit, form, page
from backend.errors import BadInput
from backend.models import Staff
from backend.staff import passwords, sessions


class Credentials(BaseModel):
    email: Annotated[str, StringConstraints(max_length=320)]
    password: Annotated[str, StringConstraints(max_length=1000)]
    next: str = ""


@page("/log-in", right=ANYBODY)
def log_in(visit: Visit) -> Answer:
    return visit.go("home") if visit.signed_in else visit.render("log_in.html")


@form("/log-in", right=ANYBODY, again=log_in)
def sign_in(visit: Visit) -> Response:
    given = visit.checked(Credentials)
    found = visit.session.execute(select(Staff).where(Staff.email == given.email.lower(), Staff.status == "active"))
    person = found.scalars().first()
    if not passwords.matches(person.password_hash if person else None, given.password) or person is None:
        raise BadInput("The address or the password is wrong.")
    cookie.clear()
    cookie[TOKEN] = sessions.begin(visit.session, person.shop_id, person.id, request.user_agent.string, visit.wall)
    wanted = given.next if given.next.startswith(PREFIX + "/") else PREFIX
    return redirect(wanted, 303)  # type: ignore[return-value]


@form("/log-out", right=SIGNED_IN)
def log_out(visit: Visit) -> Response:
    sessions.end(visit.session, visit.shop_id, visit.who.session_id, visit.wall)
    cookie.clear()
    return visit.go("log_in")
