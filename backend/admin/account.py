"""One's own account: password, second factor, where one is signed in."""

from typing import Annotated

from flask import Response
from pydantic import BaseModel, StringConstraints

from backend.admin.door import SIGNED_IN, Visit, form, page
from backend.admin.joining import Passwords
from backend.admin.log_in import Typed
from backend.admin.people import held
from backend.staff import accounts, rights, sessions, two_factor


class NewPassword(BaseModel):
    password: Typed = ""
    new_password: Typed = ""
    repeated: Typed = ""


class TurningOn(BaseModel):
    sealed: Typed
    code: Annotated[str, StringConstraints(max_length=64)] = ""
    password: Typed = ""


@page("/account", right=SIGNED_IN)
def account(visit: Visit) -> str:
    person = accounts.find(visit.session, visit.shop_id, visit.who.staff_id)
    return visit.render(
        "account.html",
        person=person,
        role=rights.role_of(held(person.rights)),
        rights=[rights.SAID[each] for each in rights.Right if each in visit.who.rights],
        sessions=sessions.of(visit.session, visit.shop_id, visit.who.staff_id, visit.wall),
        called=sessions.called,
        codes_left=len(person.recovery_codes),
    )


@form("/account/password", right=SIGNED_IN, again=account)
def change_password(visit: Visit) -> Response:
    given = visit.checked(NewPassword)
    accounts.require_password(
        accounts.find(visit.session, visit.shop_id, visit.who.staff_id), given.password, visit.wall
    )
    accounts.change_password(
        visit.session,
        visit.shop_id,
        visit.who.staff_id,
        visit.now,
        visit.wall,
        password=given.new_password,
        repeated=given.repeated,
        besides=visit.who.session_id,
    )
    return visit.done("Your password is changed, and you are signed out everywhere else.", "account")


@form("/account/sessions/<row_id:session_id>/end", right=SIGNED_IN, again=account)
def end_session(visit: Visit, session_id: int) -> Response:
    sessions.end_own(visit.session, visit.shop_id, visit.who.staff_id, session_id, visit.wall)
    return visit.done("Signed out there.", "account")


@form("/account/sessions/end", right=SIGNED_IN, again=account)
def end_other_sessions(visit: Visit) -> Response:
    who = visit.who
    ended = sessions.end_all(visit.session, who.shop_id, who.staff_id, visit.wall, besides=who.session_id)
    return visit.done(f"Signed out in {ended} other {'place' if ended == 1 else 'places'}.", "account")


@page("/account/two-factor", right=SIGNED_IN)
def two_factor_setup(visit: Visit) -> str:
    sealed = visit.form.get("sealed") if visit.refusal else None
    sealed = sealed or two_factor.new_secret(visit.shop_id)
    called = visit.who.email or visit.who.name
    secret, picture = two_factor.shown(sealed, visit.shop_id, email=called, shop_name=visit.shop.name)
    return visit.render("two_factor.html", sealed=sealed, secret=secret, picture=picture)


@form("/account/two-factor", right=SIGNED_IN, again=two_factor_setup)
def turn_on_two_factor(visit: Visit) -> str:
    given = visit.checked(TurningOn)
    person = accounts.find(visit.session, visit.shop_id, visit.who.staff_id)
    accounts.require_password(person, given.password, visit.wall)
    codes = two_factor.turn_on(visit.session, person, given.sealed, given.code, visit.now, visit.wall)
    return visit.render("recovery_codes.html", codes=codes)


@form("/account/two-factor/off", right=SIGNED_IN, again=account)
def turn_off_two_factor(visit: Visit) -> Response:
    person = accounts.find(visit.session, visit.shop_id, visit.who.staff_id)
    accounts.require_password(person, visit.checked(Passwords).password, visit.wall)
    two_factor.turn_off(visit.session, person, visit.now, visit.wall)
    return visit.done("Two-factor sign-in is off.", "account")
