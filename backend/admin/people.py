"""Who works here: invitations, rights, letting somebody go, and what was changed."""

from typing import Annotated

from flask import Response
from pydantic import BaseModel, StringConstraints

from backend.admin.door import Visit, form, page
from backend.staff import accounts, invitations, rights, sessions, team_log, two_factor
from backend.staff.rights import Right

CUSTOM = "Custom"


class Granted(BaseModel):
    role: Annotated[str, StringConstraints(max_length=40)] = CUSTOM
    rights: list[Right] = []

    @property
    def wanted(self) -> frozenset[Right]:
        """The role's rights, or those that are ticked."""
        return rights.ROLES.get(self.role, frozenset(self.rights))


class Invited(Granted):
    email: Annotated[str, StringConstraints(max_length=320)] = ""
    name: Annotated[str, StringConstraints(max_length=200)] = ""


@page("/people", right=Right.STAFF)
def people(visit: Visit) -> str:
    return visit.render(
        "people.html",
        people=accounts.people(visit.session, visit.shop_id),
        last_seen=sessions.last_seen(visit.session, visit.shop_id),
        role_of=lambda person: rights.role_of(held(person.rights)),
        changes=team_log.newest(visit.session, visit.shop_id),
        said=team_log.SAID,
    )


@page("/people/invite", right=Right.STAFF)
def new_person(visit: Visit) -> str:
    return visit.render("person_invite.html", roles=_roles(), rights=_rights())


@form("/people/invite", right=Right.STAFF, again=new_person)
def invite_person(visit: Visit) -> Response:
    given = visit.checked(Invited)
    person = invitations.invite(
        visit.session,
        visit.shop_id,
        visit.now,
        email=given.email,
        name=given.name,
        rights=given.wanted,
        author=visit.who.name,
    )
    return visit.done(f"An invitation is on its way to {person.email}.", "people")


@page("/people/<row_id:staff_id>", right=Right.STAFF)
def person(visit: Visit, staff_id: int) -> str:
    found = accounts.find(visit.session, visit.shop_id, staff_id)
    return visit.render(
        "person.html",
        person=found,
        held=held(found.rights),
        role=rights.role_of(held(found.rights)),
        roles=_roles(),
        rights=_rights(),
        sessions=sessions.of(visit.session, visit.shop_id, staff_id, visit.wall),
        is_self=staff_id == visit.who.staff_id,
    )


@form("/people/<row_id:staff_id>/rights", right=Right.STAFF, again=person)
def change_rights(visit: Visit, staff_id: int) -> Response:
    wanted = visit.checked(Granted).wanted
    found = accounts.change_rights(visit.session, visit.shop_id, staff_id, wanted, visit.now, author=visit.who.name)
    return visit.done(f"The rights of {found.name} are changed.", "people" if Right.STAFF in wanted else "home")


@form("/people/<row_id:staff_id>/invite", right=Right.STAFF, again=person)
def invite_again(visit: Visit, staff_id: int) -> Response:
    found = invitations.invite_again(visit.session, visit.shop_id, staff_id, visit.now, author=visit.who.name)
    return visit.done(f"A new invitation is on its way to {found.email}. The one before works no more.", "people")


@form("/people/<row_id:staff_id>/sign-out", right=Right.STAFF, again=person)
def sign_out_person(visit: Visit, staff_id: int) -> Response:
    found = accounts.find(visit.session, visit.shop_id, staff_id)
    ended = sessions.end_all(visit.session, visit.shop_id, staff_id, visit.wall)
    team_log.note(visit.session, visit.shop_id, visit.now, visit.who.name, "signed_out", found.name)
    return visit.done(f"{found.name} was signed out in {ended} {'place' if ended == 1 else 'places'}.", "people")


@form("/people/<row_id:staff_id>/two-factor/off", right=Right.STAFF, again=person)
def reset_two_factor(visit: Visit, staff_id: int) -> Response:
    found = accounts.find(visit.session, visit.shop_id, staff_id)
    two_factor.turn_off(visit.session, found, visit.now, visit.wall, author=visit.who.name)
    return visit.done(f"{found.name} can sign in with the password alone, and is told so by mail.", "people")


@form("/people/<row_id:staff_id>/remove", right=Right.STAFF, again=person)
def remove_person(visit: Visit, staff_id: int) -> Response:
    found = accounts.remove(visit.session, visit.shop_id, staff_id, visit.now, visit.wall, author=visit.who.name)
    return visit.done(f"{found.name} is not on the team any more.", "people")


def held(kept: list[str]) -> frozenset[Right]:
    """The rights that a row holds."""
    return frozenset(right for right in Right if right.value in kept)


def _roles() -> list[tuple[str, str, str]]:
    named = [
        (name, name, ", ".join(rights.SAID[each] for each in Right if each in of)) for name, of in rights.ROLES.items()
    ]
    return [*named, (CUSTOM, CUSTOM, "what is ticked below")]


def _rights() -> list[tuple[str, str]]:
    return [(each.value, rights.SAID[each][0].upper() + rights.SAID[each][1:]) for each in Right]
