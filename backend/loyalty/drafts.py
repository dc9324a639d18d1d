"""A draft of the program: what somebody is about to change, in force for nobody until `programs.set_program` (S3.8)."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from backend.ledger.posting import AnySession
from backend.loyalty import programs, shops
from backend.loyalty import settings as program_settings
from backend.loyalty.settings import ProgramSettings
from backend.models import ProgramDraft


def read(session: AnySession, shop_id: int) -> ProgramDraft | None:
    """The shop's draft, if there is one. All of a team work on the same."""
    return session.get(ProgramDraft, shop_id)


def settings_of(draft: ProgramDraft) -> ProgramSettings:
    """The draft's settings."""
    return program_settings.stored(draft.settings)


def save(
    session: AnySession, shop_id: int, document: dict[str, Any], *, author: str, now: datetime, rehearsal: bool = False
) -> ProgramSettings:
    """Keep the document as the draft. Raises BadInput: one sentence that says what is wrong."""
    checked = program_settings.parse(document, shop_locale=shops.facts(shop_id).locale, rehearsal=rehearsal)
    said = {"settings": program_settings.to_document(checked), "author": author, "saved_at": now}
    session.execute(
        insert(ProgramDraft)
        .values(shop_id=shop_id, based_on=programs.version_for(session, shop_id, now).version, **said)
        .on_conflict_do_update(index_elements=["shop_id"], set_=said)
    )
    session.expire_all()
    return checked


def discard(session: AnySession, shop_id: int) -> None:
    """Forget the draft."""
    session.execute(delete(ProgramDraft).where(ProgramDraft.shop_id == shop_id))
