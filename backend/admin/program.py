"""The program's settings: edited as a draft, in force by the Update button (S3.8)."""

from collections.abc import Mapping
from typing import Any

from backend.admin import program_editing, program_fields
from backend.admin.door import Answer, Visit, form, page
from backend.admin.program_editing import Place
from backend.errors import NotFound
from backend.loyalty.program import drafts
from backend.loyalty.program.program_words import CHOICES, SECTIONS, expiry_words
from backend.loyalty.wording import pick
from backend.staff.rights import Right

_LANGUAGES: Mapping[str, tuple[str, ...]] = {
    "texts": ("points_name", "rules_text"),
    "levels": ("tiers.levels.*.name",),
    "referral": ("referral.text",),
    "look": ("appearance.launcher_label",),
}
PLACES: Mapping[str, Place] = {
    section.name: Place(
        section.label,
        section.keys,
        f"program_{section.name}.html",
        "program_section",
        {"section": section.name},
        _LANGUAGES.get(section.name, ()),
    )
    for section in SECTIONS
}
_MEMBER_POINTS = Place(
    "Member points",
    program_fields.MEMBER_POINTS,
    "member_points.html",
    "member_points",
    languages_of=("rules_text",),
)
_REFERRAL_GUIDE = Place(
    "Set up referral program",
    ("referral",),
    "program_referral_guide.html",
    "referral_guide",
    languages_of=("referral.text",),
)


@page("/member-points", right=Right.SETTINGS)
def member_points(visit: Visit) -> str:
    """Customer Management > Member Points (S3.2)."""
    return program_editing.edit(visit, _MEMBER_POINTS)


@form("/member-points", right=Right.SETTINGS, again=member_points)
def save_member_points(visit: Visit) -> Answer:
    return program_editing.save(visit, _MEMBER_POINTS, lambda: member_points(visit))


@page("/program", right=Right.SETTINGS)
def program(visit: Visit) -> str:
    """All of it in words, each section with a link to its form."""
    known = program_editing.standing(visit)
    said = {section.name: _summary(visit, section.name, known.edited) for section in SECTIONS}
    changed = {
        section.name for section in SECTIONS if any(known.edited[key] != known.in_force[key] for key in section.keys)
    }
    return program_editing.render(
        visit,
        "program.html",
        standing=known,
        said=said,
        changed=changed,
        example=program_editing.example(visit, known.edited),
    )


@page("/program/<section>", right=Right.SETTINGS)
def program_section(visit: Visit, section: str) -> str:
    """The form of a section; of the ways to earn, the list."""
    place = PLACES.get(section)
    if place is None:
        raise NotFound()
    return program_editing.edit(visit, place, kinds=CHOICES["rules.kind"])


@form("/program/<section>", right=Right.SETTINGS, again=program_section)
def save_program_section(visit: Visit, section: str) -> Answer:
    place = PLACES.get(section)
    if place is None or section == "ways":
        raise NotFound()
    return program_editing.save(visit, place, lambda: program_section(visit, section))


@page("/program/referral-guide", right=Right.SETTINGS)
def referral_guide(visit: Visit) -> str:
    """Set up referral program (S4.19): the settings of the referral, one decision after the other."""
    return program_editing.edit(visit, _REFERRAL_GUIDE)


@form("/program/referral-guide", right=Right.SETTINGS, again=referral_guide)
def save_referral_guide(visit: Visit) -> Answer:
    return program_editing.save(visit, _REFERRAL_GUIDE, lambda: referral_guide(visit))


# The draft as a whole


@page("/program/changes", right=Right.SETTINGS)
def program_changes(visit: Visit) -> str:
    """What the draft would change, and what came into force since it was begun."""
    known = program_editing.standing(visit)
    overtaken_by = []
    if known.draft is not None and known.is_overtaken:
        base = drafts.document_of(visit.session, visit.shop_id, known.draft.based_on)
        overtaken_by = program_editing.changed(visit, base, known.in_force)
    return program_editing.render(
        visit,
        "program_changes.html",
        standing=known,
        seen=drafts.mark(known.edited),
        changed=program_editing.changed(visit, known.in_force, known.edited),
        overtaken_by=overtaken_by,
        example=program_editing.example(visit, known.edited),
    )


@form("/program/changes", right=Right.SETTINGS, again=program_changes)
def update_program(visit: Visit) -> Answer:
    """The Update button (S3.8)."""
    version = visit.form.get("version", "")
    seen = visit.form.get("seen", "")
    said = program_editing.update(visit, seen, int(version) if version.isdecimal() and len(version) < 10 else -1)
    return visit.done(said, "program")


@form("/program/draft/discard", right=Right.SETTINGS)
def discard_draft(visit: Visit) -> Answer:
    drafts.discard(visit.session, visit.shop_id)
    return visit.done("The draft is thrown away. Nothing was changed.", "program")


@form("/program/draft/take-in", right=Right.SETTINGS, again=program_changes)
def take_in_program(visit: Visit) -> Answer:
    """Bring what somebody else put in force into the draft."""
    drafts.take_in(visit.session, visit.shop_id, author=visit.who.name, now=visit.now)
    return visit.done("What was changed meanwhile is part of the draft now.", "program_changes")


# In a few words


def _summary(visit: Visit, section: str, document: Mapping[str, Any]) -> str:
    locale = visit.shop.locale
    match section:
        case "earning":
            earn = document["earn"]
            if not document["enabled"]:
                return "Off: orders earn nothing, nothing is redeemed."
            points = "1 point" if earn["points_per_step"] == 1 else f"{earn['points_per_step']:,} points"
            return f"Every {earn['spend_step']} {visit.shop.currency} earns {points}."
        case "days":
            assign, days = document["assign"], document["assign"]["delay_days"]
            when = CHOICES["assign.on"][assign["on"]].lower()
            after = "At once when" if days == 0 else f"{days} {'day' if days == 1 else 'days'} after"
            ends = expiry_words(document["expiry"])
            kept = "They never end." if ends == "Never" else f"They end: {ends}."
            return f"{after} an order is {when}. {kept}"
        case "texts":
            languages = ", ".join(document["rules_text"])
            return f"Rules in {languages}." if languages else "No rules text yet."
        case "ways":
            titles = [pick(each["title"], None, locale) or each["id"] for each in document["rules"]]
            more = f" and {len(titles) - 4} more" if len(titles) > 4 else ""
            return ", ".join(titles[:4]) + more if titles else "None yet."
        case "levels":
            levels = (document["tiers"] or {}).get("levels", [])
            return ", ".join(pick(each["name"], None, locale) or each["id"] for each in levels) or "No levels."
        case "referral":
            referral = document["referral"]
            return f"{'On' if referral['enabled'] else 'Off'}. " + (
                f"{CHOICES['referral.reward_when'][referral['reward_when']]}." if referral["enabled"] else ""
            )
        case "mails":
            off = [name for name, is_on in document["notifications"].items() if not is_on]
            return "All are sent." if not off else f"{len(off)} of {len(document['notifications'])} are off."
    look = document["appearance"]
    return f"{CHOICES['appearance.position'][look['position']]} corner, {look['accent']}."
