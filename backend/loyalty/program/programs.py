"""A shop's program: versions that are written once, and which of them an order or a moment falls under."""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import func, select, text

from backend import clock, db
from backend.errors import NotFound
from backend.ledger.posting import AnySession
from backend.loyalty.program import settings as program_settings
from backend.loyalty.program.settings import ProgramSettings
from backend.loyalty.tiers import tier_due
from backend.models import ProgramVersion, Shop

DEFAULTS = "the defaults of a new shop"
"""The author of a version that no merchant has chosen."""
CURRENT_TTL_SECONDS = 3.0
"""How long a process may go on showing the program that it knew. Orders never use this cache."""

_current: dict[int, tuple[float, tuple[int, ProgramSettings]]] = {}
_shown: ContextVar[tuple[int, tuple[int, ProgramSettings]] | None] = ContextVar("shown_program", default=None)


def start(session: AnySession, shop: Shop, now: datetime) -> ProgramVersion:
    """Give a new shop a program: the defaults, until the merchant chooses (docs/decisions/0005)."""
    return set_program(session, shop.id, {}, author=DEFAULTS, now=now)


def set_program(
    session: AnySession,
    shop_id: int,
    document: dict[str, Any],
    *,
    author: str,
    now: datetime,
    rehearsal: bool = False,
) -> ProgramVersion:
    """Put a new version in force from `now`. Raises BadInput: one sentence that says what is wrong (S3.8).

    Locks the shop's row, so that two merchants who update at once make two versions.
    """
    shop = session.execute(select(Shop).where(Shop.id == shop_id).with_for_update(key_share=True)).scalar_one()
    checked = program_settings.parse(document, shop_locale=shop.locale, rehearsal=rehearsal)
    newest = session.execute(
        select(func.coalesce(func.max(ProgramVersion.version), 0)).where(ProgramVersion.shop_id == shop_id)
    ).scalar_one()
    before = settings_of(by_number(session, shop_id, newest)) if newest else None
    _drop_unused_defaults(session, shop_id)
    version = ProgramVersion(
        shop_id=shop_id,
        version=newest + 1,
        settings=program_settings.to_document(checked),
        in_force_from=now,
        author=author,
    )
    session.add(version)
    session.flush()
    tier_due.program_changed(session, shop_id, before.tiers if before else None, checked.tiers, now)
    db.after_commit(forget_current)
    return version


def _drop_unused_defaults(session: AnySession, shop_id: int) -> None:
    """What the merchant chooses first is the first version, unless something was counted by the defaults already.

    Orders older than the first version take the first one, and that should be the merchant's. Its number goes on: a
    number never stands for two programs.
    """
    session.execute(
        text(
            "delete from program_version v where shop_id = :shop and version = 1 and author = :defaults"
            " and not exists (select 1 from orders o where o.shop_id = v.shop_id and o.program_version = v.version)"
            " and not exists (select 1 from award a where a.shop_id = v.shop_id and a.program_version = v.version)"
            " and not exists (select 1 from program_version w where w.shop_id = v.shop_id and w.version > v.version)"
        ),
        {"shop": shop_id, "defaults": DEFAULTS},
    )


def version_for(session: AnySession, shop_id: int, at: datetime) -> ProgramVersion:
    """The version in force at `at`; the first one for a moment before it (contract section 8)."""
    in_force = session.execute(
        select(ProgramVersion)
        .where(ProgramVersion.shop_id == shop_id, ProgramVersion.in_force_from <= latest_moment(at))
        .order_by(ProgramVersion.version.desc())
        .limit(1)
    ).scalar_one_or_none()
    if in_force is not None:
        return in_force
    return session.execute(
        select(ProgramVersion).where(ProgramVersion.shop_id == shop_id).order_by(ProgramVersion.version).limit(1)
    ).scalar_one()


def latest_moment(at: datetime) -> datetime:
    """The last moment that `at` may stand for. Most stores tell whole seconds: an order that was made right after a
    new version came into force would seem older than it.
    """
    return at if at.microsecond else at + timedelta(microseconds=999_999)


def began_after(version: ProgramVersion, at: datetime) -> bool:
    """Whether the version came into force after `at`, so that what happened then was promised nothing by it.

    Stores tell times by the machine's clock. Where the business clock was moved ahead of it (demo and tests only), what a
    store tells now would seem older than a program that was set before, so the clock's lead is added.
    """
    return latest_moment(at) + max(clock.offset(), timedelta()) < version.in_force_from


def by_number(session: AnySession, shop_id: int, version: int) -> ProgramVersion:
    """That version of the shop's program. A session reads each once: an order asks for its own again and again."""
    row = session.get_one(ProgramVersion, (shop_id, version))
    session.info.setdefault("program_versions", {})[shop_id, version] = row  # or it would be forgotten at once
    return row


def numbered(session: AnySession, shop_id: int, version: int) -> ProgramVersion:
    """That version of the shop's program. Raises NotFound."""
    found = session.get(ProgramVersion, (shop_id, version))
    if found is None:
        raise NotFound("There is no version of this number.")
    return found


def newest(session: AnySession, shop_id: int, *, before: int | None, limit: int) -> list[ProgramVersion]:
    """Versions from the newest on, those below the number `before` if it is given."""
    wanted = select(ProgramVersion).where(ProgramVersion.shop_id == shop_id)
    if before is not None:
        wanted = wanted.where(ProgramVersion.version < before)
    return list(session.execute(wanted.order_by(ProgramVersion.version.desc()).limit(limit)).scalars())


def settings_of(version: ProgramVersion) -> ProgramSettings:
    """The version's settings. A version never changes, so a process reads each one once."""
    return _settings(version.shop_id, version.version, orjson.dumps(version.settings))


def current(shop_id: int) -> tuple[int, ProgramSettings]:
    """The newest version and its settings, for showing. A process may know it for three seconds."""
    shown = _shown.get()
    if shown is not None and shown[0] == shop_id:
        return shown[1]
    known = _current.get(shop_id)
    if known is not None and known[0] > time.monotonic():
        return known[1]
    row = db.one_statement(
        "select version, settings from program_version where shop_id = %(shop)s order by version desc limit 1",
        {"shop": shop_id},
    )
    if row is None:
        raise LookupError(f"shop {shop_id} has no program")
    found = row["version"], _settings(shop_id, row["version"], orjson.dumps(row["settings"]))
    _current[shop_id] = (time.monotonic() + CURRENT_TTL_SECONDS, found)
    return found


@contextmanager
def showing(shop_id: int, settings: ProgramSettings) -> Iterator[None]:
    """Let the running request show these settings in place of the newest version: a draft, in a preview.

    Its number is below 0 and differs with what it says, so that whoever remembers by number keeps them apart.
    """
    document = orjson.dumps(program_settings.to_document(settings), option=orjson.OPT_SORT_KEYS)
    number = -1 - int.from_bytes(hashlib.sha256(document).digest()[:7])
    token = _shown.set((shop_id, (number, settings)))
    try:
        yield
    finally:
        _shown.reset(token)


def forget_current() -> None:
    """Drop what this process knows of all programs."""
    _current.clear()


@lru_cache(maxsize=4096)
def _settings(_shop_id: int, _version: int, document: bytes) -> ProgramSettings:
    return program_settings.stored(orjson.loads(document))
