"""Ways to earn beside orders: each has a page of its own, and the list an order."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from backend.admin import program_editing, program_fields, reward_fields
from backend.admin.door import Answer, Visit, form, is_rehearsal, page
from backend.admin.program_fields import Fields
from backend.errors import BadInput, Conflict, NotFound
from backend.loyalty.eligibility.eligibility_terms import ATTRIBUTES
from backend.loyalty.program import drafts
from backend.loyalty.program import settings as program_settings
from backend.loyalty.program.program_words import CHOICES
from backend.loyalty.wording import factor_text, own_language, pick, points_text
from backend.staff.rights import Right

_LANGUAGES_OF = ("title", "text", "button.label")
_START = {"title": "", "delay_days": "0"}


@page("/program/ways/add/<kind>", right=Right.SETTINGS)
def new_way_to_earn(visit: Visit, kind: str) -> str:
    _known_kind(kind)
    return _edit(visit, kind, None)


@form("/program/ways/add/<kind>", right=Right.SETTINGS, again=new_way_to_earn)
def add_way_to_earn(visit: Visit, kind: str) -> Answer:
    _known_kind(kind)
    if visit.form.get("do", "").startswith(program_editing.ADDING):
        return _edit(visit, kind, None)
    rules = program_editing.standing(visit).edited["rules"]
    way = program_fields.way(visit.form, kind, _tz(visit))
    name = pick(way["title"], None, visit.shop.locale) or ""
    own = visit.form.get("id", "").strip() or program_fields.new_id(name, (each["id"] for each in rules), kind)
    return _save(visit, [*rules, {"id": own, **way}])


@page("/program/ways/<way>", right=Right.SETTINGS)
def way_to_earn(visit: Visit, way: str) -> str:
    rules = program_editing.standing(visit).edited["rules"]
    found = rules[_place(rules, way)]
    return _edit(visit, found["kind"], found)


@form("/program/ways/<way>", right=Right.SETTINGS, again=way_to_earn)
def save_way_to_earn(visit: Visit, way: str) -> Answer:
    rules = list(program_editing.standing(visit).edited["rules"])
    number = _place(rules, way)
    found = rules[number]
    if visit.form.get("do", "").startswith(program_editing.ADDING):
        return _edit(visit, found["kind"], found)
    if visit.form.get("seen", "") not in ("", drafts.mark(found)):
        raise Conflict(
            "Somebody has changed this way to earn since you opened it. What you typed is below; save again to put it"
            " in place of theirs.",
            code="changed_meanwhile",
        )
    rules[number] = {"id": way, **program_fields.way(visit.form, found["kind"], _tz(visit))}
    return _save(visit, rules)


@form("/program/ways/<way>/move", right=Right.SETTINGS)
def move_way_to_earn(visit: Visit, way: str) -> Answer:
    """One up, or down: customers see them in this order."""
    rules = list(program_editing.standing(visit).edited["rules"])
    number = _place(rules, way)
    to = number + (-1 if visit.form.get("to") == "up" else 1)
    if 0 <= to < len(rules):
        rules[number], rules[to] = rules[to], rules[number]
    program_editing.change(visit, {"rules": rules})
    return visit.go("program_section", section="ways")


@form("/program/ways/<way>/remove", right=Right.SETTINGS)
def remove_way_to_earn(visit: Visit, way: str) -> Answer:
    rules = list(program_editing.standing(visit).edited["rules"])
    gone = rules.pop(_place(rules, way))
    program_editing.change(visit, {"rules": rules})
    name = pick(gone["title"], None, visit.shop.locale) or way
    return visit.done(
        f"“{name}” is taken out of the draft. It goes on until you update.", "program_section", section="ways"
    )


def _save(visit: Visit, rules: list[dict[str, Any]]) -> Answer:
    after = program_editing.change(visit, {"rules": rules})
    return program_editing.finish(visit, after, ["rules"], "program_section", section="ways")


def _known_kind(kind: str) -> None:
    if kind not in CHOICES["rules.kind"]:
        raise NotFound()


def _place(rules: list[dict[str, Any]], way: str) -> int:
    found = next((number for number, each in enumerate(rules) if each["id"] == way), None)
    if found is None:
        raise NotFound("There is no way to earn of this name in the draft.")
    return found


def _tz(visit: Visit) -> ZoneInfo:
    return ZoneInfo(visit.shop.timezone)


# Showing


def _edit(visit: Visit, kind: str, way: dict[str, Any] | None) -> str:
    tz = _tz(visit)
    fields: Fields = program_fields.way_shown(way or {**_START, "kind": kind}, tz)
    if visit.form:
        typed = program_fields.clean(visit.form)
        fields = _with_conditions_numbered(typed, program_fields.way(typed, kind, tz))
    own = own_language((way or {}).get("title", {}), visit.shop.locale)
    refused = visit.refusal
    do = visit.form.get("do", "")
    if refused is not None:
        prefix = _prefix(refused)
        known = dict.fromkeys(_LANGUAGES_OF, own)
        visit = replace(visit, form=fields, refusal=program_editing.refusal(refused, known, own, prefix))
    added = visit.form.get("add_language", "").strip() if do == "add_language" else ""
    tags = program_fields.languages(fields, *_LANGUAGES_OF)
    return program_editing.render(
        visit,
        "program_way.html",
        way=way,
        kind=kind,
        title=pick(way["title"], None, visit.shop.locale) if way else None,
        fields=fields,
        has=lambda name: program_fields.way_has(kind, name),
        seen=program_editing.seen(visit, refused, way, way.keys()) if way else "",
        do=do,
        own=own,
        languages=program_editing.languages_with(tags, own, added),
        rules=reward_fields.places_of_conditions(fields, do),
        attributes=[(each, each) for each in ATTRIBUTES],
        operators=[(each, each) for each in reward_fields.ALL_OPERATORS],
        preview=_preview(visit, kind, fields, tz),
    )


def _prefix(refused: Any) -> str:
    """Where in the list of ways the refused one stands: the form leaves it out."""
    for each in refused.errors:
        parts = each["field"].split(".")
        if len(parts) > 1 and parts[0] == "rules" and parts[1].isdecimal():
            return f"rules.{parts[1]}" + ("." if len(parts) > 2 else "")
    return "rules."


def _with_conditions_numbered(typed: Fields, way: dict[str, Any]) -> Fields:
    fields: Fields = type(typed)(
        (name, value) for name, value in typed.items(multi=True) if not name.startswith(f"{reward_fields.RULES}.")
    )
    fields.update(dict(reward_fields.flat(way["eligibility"], reward_fields.RULES)))
    return fields


def _preview(visit: Visit, kind: str, fields: Fields, tz: ZoneInfo) -> dict[str, str] | None:
    """What customers read of it; None as long as it makes no sense."""
    document = program_editing.standing(visit).edited
    said = {"id": "this-one", **program_fields.way(fields, kind, tz)}
    try:
        settings = program_settings.parse(
            {"points_name": document["points_name"], "rules": [said]},
            shop_locale=visit.shop.locale,
            rehearsal=is_rehearsal(),
        )
    except BadInput:
        return None
    rule = settings.rules[0]
    words: Callable[..., str] = factor_text if rule.factor is not None else points_text
    amount = rule.factor if rule.factor is not None else rule.points
    return {
        "title": pick(rule.title, None, visit.shop.locale) or "",
        "text": pick(rule.text or {}, None, visit.shop.locale) or "",
        "points": words(settings.points_name, amount, None, visit.shop.locale) if amount is not None else "",
        "button": pick(rule.button.label, None, visit.shop.locale) or "" if rule.button else "",
    }
