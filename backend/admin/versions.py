"""Every version of the program, and what differs between any two, or from the draft."""

from typing import Annotated, Any

from flask import url_for
from pydantic import BaseModel, Field

from backend.admin import program_editing
from backend.admin.door import Answer, Visit, form, is_rehearsal, page
from backend.errors import NotFound
from backend.loyalty.program import drafts, programs
from backend.loyalty.program import settings as program_settings
from backend.loyalty.program.program_words import SECTION_OF, SECTIONS, Fact, facts
from backend.loyalty.wording import pick
from backend.models import ProgramVersion
from backend.staff.rights import Right

PAGE_SIZE = 25
DRAFT = "draft"
NEWEST = 2**31 - 1
"""The largest number that a version may have in its column."""


class Asked(BaseModel):
    """What the address of the list asks for."""

    before: Annotated[int, Field(le=NEWEST)] | None = None


class Compared(BaseModel):
    """Two versions by their numbers; either may be the draft."""

    one: str = ""
    other: str = ""


@page("/program/versions", right=Right.SETTINGS)
def program_versions(visit: Visit) -> str:
    """Newest first."""
    asked = visit.asked(Asked)
    found = programs.newest(visit.session, visit.shop_id, before=asked.before, limit=PAGE_SIZE + 1)
    shown, is_more = found[:PAGE_SIZE], len(found) > PAGE_SIZE
    return program_editing.render(
        visit,
        "program_versions.html",
        versions=shown,
        defaults=programs.DEFAULTS,
        older=url_for("admin.program_versions", before=shown[-1].version) if is_more else None,
        newest=url_for("admin.program_versions") if asked.before is not None else None,
    )


@page("/program/versions/<row_id:version>", right=Right.SETTINGS)
def program_version(visit: Visit, version: int) -> str:
    """What it says, and what it changed from the one before."""
    found = _version(visit, version)
    document = _document(found)
    before = programs.newest(visit.session, visit.shop_id, before=version, limit=1)
    return program_editing.render(
        visit,
        "program_version.html",
        version=found,
        defaults=programs.DEFAULTS,
        before=before[0] if before else None,
        changed=program_editing.changed(visit, _document(before[0]), document) if before else [],
        said=_said(visit, document),
    )


@page("/program/versions/compare", right=Right.SETTINGS)
def compare_versions(visit: Visit) -> str:
    """What differs between two of them."""
    asked = visit.asked(Compared)
    one, other = _side(visit, asked.one), _side(visit, asked.other)
    return program_editing.render(
        visit,
        "program_compare.html",
        one=_named(asked.one),
        other=_named(asked.other),
        turned=url_for("admin.compare_versions", one=asked.other, other=asked.one),
        changed=program_editing.changed(visit, one, other),
    )


@form("/program/versions/<row_id:version>/draft", right=Right.SETTINGS, again=program_version)
def start_draft_from_version(visit: Visit, version: int) -> Answer:
    """Begin a draft that says what this version said."""
    if version > NEWEST:
        raise NotFound()
    drafts.start_from(
        visit.session, visit.shop_id, version, author=visit.who.name, now=visit.now, rehearsal=is_rehearsal()
    )
    return visit.done(f"A draft as version {version} was. Look at it, then update.", "program_changes")


def _version(visit: Visit, version: int) -> ProgramVersion:
    if version > NEWEST:
        raise NotFound()
    return programs.numbered(visit.session, visit.shop_id, version)


def _document(version: ProgramVersion) -> dict[str, Any]:
    return program_settings.to_document(programs.settings_of(version))


def _side(visit: Visit, asked: str) -> dict[str, Any]:
    if asked == DRAFT:
        draft = drafts.read(visit.session, visit.shop_id)
        if draft is None:
            raise NotFound("There is no draft.")
        return draft.settings
    if not asked.isdecimal() or len(asked) > 9:
        raise NotFound("There is no version of this number.")
    return _document(_version(visit, int(asked)))


def _named(asked: str) -> str:
    return "The draft" if asked == DRAFT else f"Version {asked}"


def _said(visit: Visit, document: dict[str, Any]) -> list[tuple[str, str | None, list[Fact]]]:
    """All that it says: section, way to earn or level, settings."""
    titles = {("rules", each["id"]): each["title"] for each in document["rules"]}
    titles |= {("tiers", each["id"]): each["name"] for each in (document["tiers"] or {}).get("levels", [])}
    groups: dict[tuple[str, str | None], list[Fact]] = {}
    for fact in facts(document, program_editing.speaker(visit, document)).values():
        row = None
        if fact.row is not None:
            row = pick(titles[fact.key, fact.row], None, visit.shop.locale) or fact.row
        groups.setdefault((SECTION_OF[fact.key].label, row), []).append(fact)
    order = [section.label for section in SECTIONS]
    return [
        (section, row, groups[section, row]) for section, row in sorted(groups, key=lambda each: order.index(each[0]))
    ]
