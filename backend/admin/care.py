"""Block, merge, erase, and all that is kept of one person (docs/decisions/0021)."""

import io
import zipfile
from typing import Annotated, Any

import orjson
from flask import Response
from pydantic import BaseModel, Field

from backend.admin.assigning import Key, followed, me
from backend.admin.customers import about, form_key
from backend.admin.door import Visit, form, page
from backend.errors import BadInput
from backend.loyalty.members import (
    blocking,
    care_log,
    customer_list,
    customer_profile,
    erasing,
    merging,
    personal_export,
)
from backend.loyalty.points import approvals
from backend.staff.rights import Right

DONE = {
    "block": "Blocked",
    "unblock": "Unblocked",
    "merge": "Merged",
    "erase": "Erased",
    "export": "Data handed out",
    "data_request": "Asked the store for their data",
    "note": "Wrote a note",
    "note_deleted": "Deleted a note",
}
"""What each kind of action is called in the log."""
PARTS = {
    "member": "Profile",
    "consent": "Consent to mail",
    "balance": "Points now",
    "merged_accounts": "Accounts that were merged",
    "verified_addresses": "Addresses that the store has verified",
    "entries": "Every movement of points",
    "lots": "Points by their end",
    "awards": "Points that were promised",
    "bonuses": "Bonuses",
    "orders": "Orders",
    "refunds": "Refunds",
    "redemptions": "Rewards",
    "events": "Events that your systems told us",
    "friends_brought": "Friends who came by the link",
    "brought_by_a_friend": "How the account came by a link",
    "levels": "Levels",
    "mails": "Mails",
    "changes_by_hand": "Changes by hand",
    "care": "What was done with the account",
    "notes": "Notes of the team",
    "blocks": "Blocks",
    "connections": "When the widget was opened",
}
"""The parts of a personal export, in words."""

_Reason = Annotated[str, Field(min_length=3, max_length=500)]


class Reasoned(BaseModel):
    reason: _Reason


class MergeForm(BaseModel):
    key: Key
    other: Annotated[int, Field(ge=1, lt=2**63)]
    reason: _Reason
    typed: str = ""


class EraseForm(BaseModel):
    typed: str = ""


class AskedMerge(BaseModel):
    other: int | None = Field(default=None, ge=1, lt=2**63)
    search: str | None = Field(default=None, max_length=320)


@page("/customers/<row_id:member_id>/care", right=Right.MANAGE_CUSTOMERS)
def care(visit: Visit, member_id: int) -> str:
    """What can be done with the account, and what was done."""
    member = customer_profile.find(visit.session, visit.shop_id, member_id)
    return visit.render(
        "care.html",
        **about(visit, member),
        log=care_log.of_member(visit.session, visit.shop_id, member_id),
        accounts=merging.accounts_of(visit.session, visit.shop_id, member_id),
        done=DONE,
    )


@form("/customers/<row_id:member_id>/block", right=Right.MANAGE_CUSTOMERS, again=care)
def block_customer(visit: Visit, member_id: int) -> Response:
    said = visit.checked(Reasoned)
    blocking.block(visit.session, visit.shop_id, member_id, said.reason, visit.author, visit.now)
    return visit.done("Blocked. Nothing is earned or redeemed until you lift it.", "care", member_id=member_id)


@form("/customers/<row_id:member_id>/unblock", right=Right.MANAGE_CUSTOMERS, again=care)
def unblock_customer(visit: Visit, member_id: int) -> Response:
    said = visit.checked(Reasoned)
    blocking.unblock(visit.session, visit.shop_id, member_id, said.reason, visit.author, visit.now)
    return visit.done("Unblocked. What waited is on its way.", "care", member_id=member_id)


@page("/customers/<row_id:member_id>/merge", right=Right.MANAGE_CUSTOMERS)
def merge_customer(visit: Visit, member_id: int) -> str:
    """Find the other account, then see what would become of both."""
    member = customer_profile.find(visit.session, visit.shop_id, member_id)
    asked = visit.asked(AskedMerge)
    typed = visit.form.get("other", "")
    other_id = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 19 else asked.other
    found: list[Any] = []
    if asked.search and other_id is None:
        found = [
            each
            for each in customer_list.search(visit.session, visit.shop_id, asked.search, visit.now)
            if each.id != member_id and each.status in ("active", "blocked")
        ]
    seen = None
    if other_id is not None and other_id != member_id:
        seen = merging.preview(visit.session, visit.shop, member_id, other_id, visit.now)
    return visit.render(
        "care_merge.html",
        **about(visit, member),
        asked=asked,
        found=found,
        seen=seen,
        name_of=customer_profile.name_of,
        title_in=lambda titles: titles.get(visit.shop.locale) or next(iter(titles.values()), "a rule"),
        is_own=_is_own(visit, member_id) or (other_id is not None and _is_own(visit, other_id)),
        waits=[
            each
            for each in approvals.waiting_for(visit.session, visit.shop_id, member_id, visit.now)
            if each.what == "merge" and each.details["other_id"] == other_id
        ],
        limit=approvals.limit_of(visit.session, visit.shop_id),
        key=form_key(visit),
    )


@form("/customers/<row_id:member_id>/merge", right=Right.MANAGE_CUSTOMERS, again=merge_customer)
def do_merge_customer(visit: Visit, member_id: int) -> Response:
    said = visit.checked(MergeForm)
    _require_word(said.typed, "merge")
    change = approvals.merge(
        visit.session, visit.shop, me(visit), member_id, said.other, said.reason, said.key, visit.now
    )
    return followed(visit, change, said="The two accounts are one now.")


@page("/customers/<row_id:member_id>/erase", right=Right.MANAGE_CUSTOMERS)
def erase_customer(visit: Visit, member_id: int) -> str:
    """What goes and what stays."""
    member = customer_profile.find(visit.session, visit.shop_id, member_id)
    return visit.render(
        "care_erase.html",
        **about(visit, member),
        seen=erasing.preview(visit.session, visit.shop_id, member_id, visit.now),
    )


@form("/customers/<row_id:member_id>/erase", right=Right.MANAGE_CUSTOMERS, again=erase_customer)
def do_erase_customer(visit: Visit, member_id: int) -> Response:
    _require_word(visit.checked(EraseForm).typed, "erase")
    erasing.erase(visit.session, visit.shop, member_id, visit.author, visit.now)
    return visit.done("Erased. Nothing is kept that tells who it was.", "customers")


@form("/customers/<row_id:member_id>/data", right=Right.MANAGE_CUSTOMERS, again=care)
def export_customer(visit: Visit, member_id: int) -> Response:
    """A zip of one document for machines and one for people."""
    known = personal_export.collect(visit.session, visit.shop, member_id, visit.author, visit.now)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.json", orjson.dumps(known, default=str, option=orjson.OPT_INDENT_2))
        archive.writestr("data.html", visit.render("care_data.html", known=known, parts=PARTS))
    answer = Response(packed.getvalue(), mimetype="application/zip")
    answer.headers["Content-Disposition"] = f'attachment; filename="customer-{member_id}.zip"'
    return answer


def _is_own(visit: Visit, member_id: int) -> bool:
    return approvals.is_own(visit.session, visit.shop_id, visit.who.staff_id, member_id)


def _require_word(typed: str, word: str) -> None:
    if typed.strip().lower() != word:
        message = f"Type {word} to go on: it cannot be undone."
        raise BadInput(message, [{"field": "typed", "message": message}])
