"""Notes on a customer: written on the profile, read there, taken away there."""

from flask import Response
from pydantic import BaseModel

from backend.admin.assigning import Key
from backend.admin.customers import customer
from backend.admin.door import Visit, form
from backend.loyalty.members import member_notes
from backend.staff.rights import Right


class Noted(BaseModel):
    key: Key
    note: str = ""


@form("/customers/<row_id:member_id>/notes", right=Right.ASSIGN_POINTS, again=customer)
def add_note(visit: Visit, member_id: int) -> Response:
    given = visit.checked(Noted)
    member_notes.add(
        visit.session, visit.shop_id, member_id, given.note, given.key, visit.who.staff_id, visit.author, visit.now
    )
    return visit.done("The note is kept.", "customer", member_id=member_id)


@form("/customers/<row_id:member_id>/notes/<row_id:note_id>/delete", right=Right.ASSIGN_POINTS, again=customer)
def delete_note(visit: Visit, member_id: int, note_id: int) -> Response:
    member_notes.delete(
        visit.session,
        visit.shop_id,
        member_id,
        note_id,
        visit.who.staff_id,
        visit.author,
        visit.now,
        may_any=visit.may(Right.STAFF),
    )
    return visit.done("The note is gone.", "customer", member_id=member_id)
