"""What people of the team write down about a customer, for each other. The customer reads it in the export of their data.

A note is never changed: it is taken away by who wrote it, or by who looks after the team. The log of what was done with the
account says that there was one and whose, not what it said.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import RowMapping as Row

from backend.errors import BadInput, Conflict, NotFound
from backend.ledger.posting import AnySession, Author
from backend.loyalty.members import blocking, care_log

MAX_CHARACTERS = 2_000


def add(
    session: AnySession, shop_id: int, member_id: int, said: str, key: str, staff_id: int, author: Author, now: datetime
) -> None:
    """Keep it. `key` is the form's: sent twice it is one note. Raises NotFound; BadInput; Conflict for a closed account."""
    written = _checked(said)
    (member,) = blocking.held(session, shop_id, [member_id])
    blocking.require_living(member)
    kept = session.execute(
        text(
            "insert into member_note (shop_id, key, member_id, staff_id, staff_name, text, at)"
            " values (:shop, :key, :member, :staff, :name, :text, :at)"
            " on conflict (shop_id, key) do nothing returning id"
        ),
        {
            "shop": shop_id,
            "key": key,
            "member": member_id,
            "staff": staff_id,
            "name": author.name,
            "text": written,
            "at": now,
        },
    ).first()
    if kept is not None:
        care_log.note(session, shop_id, member_id, "note", author, now)


def delete(
    session: AnySession,
    shop_id: int,
    member_id: int,
    note_id: int,
    staff_id: int,
    author: Author,
    now: datetime,
    *,
    may_any: bool,
) -> None:
    """Take it away for good. `may_any`: somebody else's, too. Once gone it stays gone. Raises NotFound, Conflict."""
    who = {"shop": shop_id, "member": member_id, "note": note_id}
    found = session.execute(
        text(
            "select staff_id from member_note where shop_id = :shop and member_id = :member and id = :note for update"
        ),
        who,
    ).one_or_none()
    if found is None:
        raise NotFound()
    if not may_any and found.staff_id != staff_id:
        raise Conflict("Only who wrote this note, or who looks after the team, can delete it.", code="not_yours")
    session.execute(text("delete from member_note where shop_id = :shop and member_id = :member and id = :note"), who)
    care_log.note(session, shop_id, member_id, "note_deleted", author, now)


def of_member(session: AnySession, shop_id: int, member_id: int, before: int | None, limit: int) -> Sequence[Row]:
    """The newest first, before that id: id, staff_id, staff_name, text, at."""
    return (
        session.execute(
            text(
                "select id, staff_id, staff_name, text, at from member_note where shop_id = :shop and member_id = :member"
                " and id < :before order by id desc limit :most"
            ),
            {"shop": shop_id, "member": member_id, "before": before or 2**63 - 1, "most": limit},
        )
        .mappings()
        .all()
    )


def _checked(said: str) -> str:
    """Lines end as a browser shows them, not as it sends them: otherwise each would count twice."""
    written = said.replace("\r\n", "\n").strip()
    if not written:
        message = "Write something, or leave it."
    elif len(written) > MAX_CHARACTERS:
        message = f"Write at most {MAX_CHARACTERS:,} characters. These are {len(written):,}."
    elif not written.replace("\n", "").replace("\t", "").replace("\u200d", "").isprintable():
        message = "Write plain text."
    else:
        return written
    raise BadInput(message, [{"field": "note", "message": message}])
