"""A draft of the program: what somebody is about to change, in force for nobody until `put_in_force` (S3.8).

A team works on one draft. It changes key by key of the document (contract section 8), so that two people who are at
different parts of it do not undo each other's work.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from backend.errors import Conflict
from backend.ledger.posting import AnySession
from backend.loyalty.program import programs
from backend.loyalty.program import settings as program_settings
from backend.loyalty.program.settings import ProgramSettings
from backend.loyalty.shops import shops
from backend.models import ProgramDraft, ProgramVersion, Shop


@dataclass(frozen=True)
class Standing:
    """The program as it is in force, and as somebody is about to change it."""

    version: ProgramVersion
    in_force: dict[str, Any]
    draft: ProgramDraft | None

    @property
    def edited(self) -> dict[str, Any]:
        """What is being edited: the draft, or what is in force as long as there is none."""
        return self.draft.settings if self.draft is not None else self.in_force

    @property
    def is_unchosen(self) -> bool:
        """Whether no merchant has chosen anything yet (docs/decisions/0005)."""
        return self.version.author == programs.DEFAULTS

    @property
    def is_overtaken(self) -> bool:
        """Whether another version came into force after the draft was begun."""
        return self.draft is not None and self.draft.based_on != self.version.version


def read(session: AnySession, shop_id: int) -> ProgramDraft | None:
    """The shop's draft, if there is one. All of a team work on the same."""
    return session.get(ProgramDraft, shop_id)


def settings_of(draft: ProgramDraft) -> ProgramSettings:
    """The draft's settings."""
    return program_settings.stored(draft.settings)


def standing(session: AnySession, shop_id: int, now: datetime) -> Standing:
    """What is in force, and the draft."""
    version = programs.version_for(session, shop_id, now)
    in_force = program_settings.to_document(programs.settings_of(version))
    return Standing(version, in_force, read(session, shop_id))


def mark(document: Mapping[str, Any], keys: Iterable[str] | None = None) -> str:
    """What tells two states of these parts of a document apart (all of it, if none is named)."""
    part = {key: document[key] for key in (document if keys is None else keys)}
    return hashlib.sha256(orjson.dumps(part, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def save(
    session: AnySession,
    shop_id: int,
    document: Mapping[str, Any],
    *,
    author: str,
    now: datetime,
    based_on: int | None = None,
    guided: str | None = None,
    rehearsal: bool = False,
) -> ProgramSettings:
    """Keep the document as the draft. Raises BadInput: one sentence that says what is wrong.

    `based_on` is the version that it was made from, where that is not the one in force. `guided` is the step of the
    set-up guide that is done by this.
    """
    checked = program_settings.parse(dict(document), shop_locale=shops.facts(shop_id).locale, rehearsal=rehearsal)
    before = read(session, shop_id)
    done = list(before.guided) if before is not None else []
    said = {
        "settings": program_settings.to_document(checked),
        "author": author,
        "saved_at": now,
        "guided": [*done, guided] if guided is not None and guided not in done else done,
    }
    if based_on is not None:
        said["based_on"] = based_on
    row = {"based_on": programs.version_for(session, shop_id, now).version, **said}
    session.execute(
        insert(ProgramDraft).values(shop_id=shop_id, **row).on_conflict_do_update(index_elements=["shop_id"], set_=said)
    )
    session.expire_all()
    return checked


def change(
    session: AnySession,
    shop_id: int,
    parts: Mapping[str, Any],
    *,
    author: str,
    now: datetime,
    seen: str | None = None,
    guided: str | None = None,
    rehearsal: bool = False,
) -> Standing:
    """Put these keys of the document into the draft, which begins with what is in force.

    `seen` is the `mark` of the same keys as the author saw them. Raises Conflict if they have changed meanwhile to
    anything but what the author says, and BadInput that says what is wrong. A draft that says nothing new is not kept,
    unless a guide goes on with it.
    """
    _lock(session, shop_id)
    known = standing(session, shop_id, now)
    if seen is not None and mark(known.edited, parts) not in {seen, mark(parts)}:
        raise Conflict(
            "Somebody has changed these settings since you opened them. What you typed is below; save again to put it"
            " in place of theirs.",
            code="changed_meanwhile",
        )
    save(
        session,
        shop_id,
        {**known.edited, **parts},
        author=author,
        now=now,
        guided=guided,
        rehearsal=rehearsal,
    )
    after = standing(session, shop_id, now)
    if after.edited == after.in_force and not (after.is_overtaken or (after.draft is not None and after.draft.guided)):
        discard(session, shop_id)
        return standing(session, shop_id, now)
    return after


def put_in_force(
    session: AnySession, shop_id: int, *, seen: str, version: int, author: str, now: datetime, rehearsal: bool = False
) -> ProgramVersion:
    """Make the draft the program, from `now` (S3.8); what is in force, if nobody has chosen anything yet.

    `seen` is the `mark` of the draft and `version` the version in force, as the author saw them. Raises Conflict if
    either is another by now.
    """
    _lock(session, shop_id)
    known = standing(session, shop_id, now)
    if seen != mark(known.edited) or version != known.version.version:
        raise Conflict(
            "The settings have changed since you opened this page. What would come into force now is below.",
            code="changed_meanwhile",
        )
    if known.draft is None and not known.is_unchosen:
        raise Conflict("These settings are in force already.", code="nothing_to_update")
    made = programs.set_program(session, shop_id, known.edited, author=author, now=now, rehearsal=rehearsal)
    discard(session, shop_id)
    return made


def take_in(session: AnySession, shop_id: int, *, author: str, now: datetime, rehearsal: bool = False) -> None:
    """Bring into the draft what came into force since it was begun. What the draft itself changes stays the draft's."""
    _lock(session, shop_id)
    known = standing(session, shop_id, now)
    if known.draft is None:
        raise Conflict("There is no draft.", code="no_draft")
    base = document_of(session, shop_id, known.draft.based_on)
    own = {key: value for key, value in known.draft.settings.items() if value != base[key]}
    save(
        session,
        shop_id,
        {**known.in_force, **own},
        author=author,
        now=now,
        based_on=known.version.version,
        rehearsal=rehearsal,
    )


def start_from(
    session: AnySession, shop_id: int, version: int, *, author: str, now: datetime, rehearsal: bool = False
) -> None:
    """Begin a draft that says what a version of before said. Raises NotFound, and Conflict if there is a draft."""
    _lock(session, shop_id)
    known = standing(session, shop_id, now)
    if known.draft is not None:
        raise Conflict("There is a draft already. Update it or throw it away first.", code="draft_exists")
    document = program_settings.to_document(programs.settings_of(programs.numbered(session, shop_id, version)))
    save(session, shop_id, document, author=author, now=now, rehearsal=rehearsal)


def document_of(session: AnySession, shop_id: int, version: int) -> dict[str, Any]:
    """What that version says. The defaults of a new shop may be gone: then as they would be now."""
    found = session.get(ProgramVersion, (shop_id, version))
    if found is None:
        return program_settings.to_document(program_settings.parse({}, shop_locale=shops.facts(shop_id).locale))
    return program_settings.to_document(programs.settings_of(found))


def discard(session: AnySession, shop_id: int) -> None:
    """Forget the draft."""
    session.execute(delete(ProgramDraft).where(ProgramDraft.shop_id == shop_id))
    session.expire_all()


def _lock(session: AnySession, shop_id: int) -> None:
    """One change of a shop's program at a time."""
    session.execute(select(Shop.id).where(Shop.id == shop_id).with_for_update(key_share=True))
