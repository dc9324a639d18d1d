"""Signing in and out: a password, the shop if there are several, a code if the account asks for one."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

from flask import Response, redirect, request, url_for
from flask import session as cookie
from pydantic import BaseModel, StringConstraints

from backend.admin import embedding
from backend.admin.door import ANYBODY, PREFIX, SIGNED_IN, TOKEN, Answer, Visit, form, page
from backend.staff import sessions, signing_in
from backend.staff.signing_in import Account
from backend.visitor_address import visitor_address

_HALF_WAY = "half_way"  # in the cookie: whose password was right, since when, and where they want to go
_PATIENCE = timedelta(minutes=10)

Typed = Annotated[str, StringConstraints(max_length=1000)]


class Credentials(BaseModel):
    email: Annotated[str, StringConstraints(max_length=320)]
    password: Typed
    next: Typed = ""


class Chosen(BaseModel):
    shop: int


class Code(BaseModel):
    code: Annotated[str, StringConstraints(max_length=64)]


@page("/log-in", right=ANYBODY)
def log_in(visit: Visit) -> Answer:
    return visit.go("home") if visit.signed_in else visit.render("log_in.html")


@form("/log-in", right=ANYBODY, again=log_in)
def sign_in(visit: Visit) -> Response:
    given = visit.checked(Credentials)
    found = signing_in.with_password(
        visit.session, given.email, given.password, visitor_address(request.environ), visit.wall
    )
    cookie.clear()
    return _next_step(visit, found, given.next)


@page("/log-in/shop", right=ANYBODY)
def choose_shop(visit: Visit) -> Answer:
    found, _ = _half_way(visit)
    return visit.render("log_in_shop.html", accounts=found) if found else visit.go("log_in")


@form("/log-in/shop", right=ANYBODY, again=choose_shop)
def chosen_shop(visit: Visit) -> Response:
    found, wanted = _half_way(visit)
    shop_id = visit.checked(Chosen).shop
    chosen = [each for each in found if each.shop_id == shop_id]
    return _next_step(visit, chosen, wanted) if chosen else visit.go("log_in")


@page("/log-in/code", right=ANYBODY)
def ask_code(visit: Visit) -> Answer:
    found, _ = _half_way(visit)
    return visit.render("log_in_code.html") if len(found) == 1 else visit.go("log_in")


@form("/log-in/code", right=ANYBODY, again=ask_code)
def given_code(visit: Visit) -> Response:
    found, wanted = _half_way(visit)
    if len(found) != 1:
        return visit.go("log_in")
    signing_in.with_code(visit.session, found[0], visit.checked(Code).code, visit.wall)
    return enter(visit, found[0].shop_id, found[0].staff_id, wanted)


@form("/log-out", right=SIGNED_IN)
def log_out(visit: Visit) -> Response:
    embedding.refuse_doorway()
    sessions.end(visit.session, visit.shop_id, visit.who.session_id, visit.wall)
    cookie.clear()
    return visit.go("log_in")


def enter(visit: Visit, shop_id: int, staff_id: int, wanted: str = "") -> Response:
    """They have proved who they are: begin a session under a new token, and go where they wanted to."""
    cookie.clear()
    cookie[TOKEN] = sessions.begin(visit.session, shop_id, staff_id, request.user_agent.string, visit.wall)
    to = wanted if wanted.startswith(f"{PREFIX}/") else PREFIX  # nowhere but here, whatever the address said
    return redirect(to, 303)  # type: ignore[return-value]


def _next_step(visit: Visit, found: Sequence[Account], wanted: str) -> Response:
    if len(found) == 1 and not found[0].needs_code:
        return enter(visit, found[0].shop_id, found[0].staff_id, wanted)
    cookie[_HALF_WAY] = [[[each.shop_id, each.staff_id] for each in found], int(visit.wall.timestamp()), wanted[:1000]]
    return redirect(url_for("admin.ask_code" if len(found) == 1 else "admin.choose_shop"), 303)  # type: ignore[return-value]


def _half_way(visit: Visit) -> tuple[Sequence[Account], str]:
    """Who has shown the right password a moment ago (the cookie is signed), and where they want to go."""
    kept = cookie.get(_HALF_WAY)
    if kept is None or visit.wall.timestamp() - kept[1] > _PATIENCE.total_seconds():
        return [], ""
    return signing_in.again(visit.session, [(shop_id, staff_id) for shop_id, staff_id in kept[0]]), kept[2]
