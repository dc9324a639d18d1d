"""Editing the program, for every page that does: the draft's bar, fields, refusals at their field, Save and Update.

A page edits a `Place`: some keys of the settings' document. Saving puts them into the draft; Update puts the draft in
force, at once if the draft says nothing else, and else after a look at what it changes.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from zoneinfo import ZoneInfo

from flask import url_for
from markupsafe import Markup
from sqlalchemy import text
from werkzeug.datastructures import MultiDict

from backend.admin import program_fields
from backend.admin.door import Answer, Visit, is_rehearsal
from backend.admin.program_fields import Fields
from backend.admin.reward_fields import RULES, rows_of
from backend.errors import BadInput, LagniappeError
from backend.loyalty import merchant_html
from backend.loyalty.program import drafts, program_changes, program_example
from backend.loyalty.program import settings as program_settings
from backend.loyalty.program.drafts import Standing
from backend.loyalty.program.program_changes import Changed
from backend.loyalty.program.program_example import Example
from backend.loyalty.program.program_words import CHOICES, LABELS, SECTIONS, Speaker
from backend.loyalty.rewards import rewards
from backend.loyalty.wording import forms_of, is_language_tag, own_language, points_text

ADDING = ("add_", "preview", "fields")
"""What buttons of the forms do besides saving."""
SHOWN_REWARDS = 200
"""Of those that can be chosen, the newest."""
_CAN_NAME_REWARDS = frozenset({"referral", "tiers"})
"""Parts of the program that can promise a reward."""
_OWN_TEXTS = frozenset(
    {
        "rules_text", "title", "text", "button.label", "referral.text", "appearance.launcher_label", "rules.title",
        "rules.text", "rules.button.label", "tiers.levels.name",
    }
)  # fmt: skip
"""Maps from language to text: what is wrong with one as a whole stands at the shop's own language."""


@dataclass(frozen=True)
class Place:
    """A page that edits `keys`. `name` is the page's, `path` the rest of its address."""

    label: str
    keys: tuple[str, ...]
    template: str
    name: str
    path: Mapping[str, str] = field(default_factory=dict)
    languages_of: tuple[str, ...] = ()
    """Fields that are there once for each language."""
    guided: str | None = None
    """The step of the set-up guide that this is."""
    next: Callable[[Visit], Answer] | None = None
    """Where a saved step goes on."""

    @property
    def url(self) -> str:
        return url_for(f"admin.{self.name}", **dict[str, Any](self.path))


# What every page shows


def render(visit: Visit, template: str, **context: Any) -> str:
    """A page of the program, with the draft's bar."""
    known = context.pop("standing", None) or standing(visit)
    differs = changed(visit, known.in_force, known.edited) if known.draft is not None else []
    return visit.render(
        template,
        standing=known,
        draft_changes=program_changes.count(differs),
        program_sections=SECTIONS,
        labels=LABELS,
        choices={name: list(words.items()) for name, words in CHOICES.items()},
        months=program_fields.months(),
        **context,
    )


def standing(visit: Visit) -> Standing:
    return drafts.standing(visit.session, visit.shop_id, visit.now)


def changed(visit: Visit, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Changed]:
    """What differs between two documents, in words."""
    return program_changes.changes(before, after, speaker(visit, before, after), visit.shop.locale)


def speaker(visit: Visit, *documents: Mapping[str, Any]) -> Speaker:
    """Words for the shop, which know the names of the rewards that the documents name."""
    names = _reward_names(visit, {each for document in documents for each in _rewards_in(document)})
    return Speaker(
        visit.shop.currency, ZoneInfo(visit.shop.timezone), lambda said: names.get(said, f"{said} (there is none now)")
    )


def example(visit: Visit, document: Mapping[str, Any]) -> Example | None:
    """The worked example; None for settings that make no sense yet."""
    try:
        settings = program_settings.parse(dict(document), shop_locale=visit.shop.locale, rehearsal=is_rehearsal())
    except BadInput:
        return None
    return program_example.example(settings, visit.shop.currency, ZoneInfo(visit.shop.timezone), visit.now)


# A page's form


def edit(visit: Visit, place: Place, **context: Any) -> str:
    """The page with its form: as the draft has it, or as it was typed if it is shown again."""
    known = standing(visit)
    document = known.edited
    levels = [each["id"] for each in (document["tiers"] or {}).get("levels", [])]
    if visit.form:
        fields = program_fields.tidied(visit.form, place.keys, levels)
        document = {**document, **program_fields.said(visit.form, place.keys, levels)}
    else:
        fields = program_fields.shown(document, place.keys)
    refused = visit.refusal
    own = {name: own_language(_texts_at(known.edited, name), visit.shop.locale) for name in place.languages_of}
    if refused is not None:
        visit = replace(visit, form=fields, refusal=refusal(refused, own, visit.shop.locale))
    return render(
        visit,
        place.template,
        standing=known,
        place=place,
        fields=fields,
        seen=seen(visit, refused, known.edited, place.keys),
        do=visit.form.get("do", ""),
        languages=_languages(visit, place, fields, own),
        known_levels=levels,
        rewards=rewards_to_choose(visit, _rewards_in(document)) if _CAN_NAME_REWARDS & set(place.keys) else [],
        example=example(visit, document),
        forms_of=forms_of,
        rows_of=rows_of,
        rules_shown=_rules_shown(document),
        points_text=lambda points: points_text(document["points_name"], points, None, visit.shop.locale),
        **context,
    )


def save(visit: Visit, place: Place, again: Callable[[], Answer]) -> Answer:
    """What the page's buttons do: add a row, save in the draft, or update."""
    do = visit.form.get("do", "")
    if do.startswith(ADDING):
        return again()
    levels = [each["id"] for each in (standing(visit).edited["tiers"] or {}).get("levels", [])]
    parts = program_fields.said(visit.form, place.keys, levels)
    is_shown = do == "show"  # in the widget beside the form: it is saved, and the page stays
    after = change(visit, parts, seen=visit.form.get("seen") or None, guided=None if is_shown else place.guided)
    if is_shown:
        return visit.go(place.name, **place.path)
    if place.next is not None:
        return place.next(visit)
    return finish(visit, after, parts, place.name, **place.path)


def change(visit: Visit, parts: Mapping[str, Any], *, seen: str | None = None, guided: str | None = None) -> Standing:
    return drafts.change(
        visit.session,
        visit.shop_id,
        parts,
        author=visit.who.name,
        now=visit.now,
        seen=seen,
        guided=guided,
        rehearsal=is_rehearsal(),
    )


def finish(visit: Visit, after: Standing, parts: Iterable[str], name: str, **path: Any) -> Answer:
    """After saving in the draft: put it in force if that is asked and nothing else would come with it."""
    if visit.form.get("do") != "update":
        if after.draft is None:
            return visit.done("Nothing differs from what is in force.", name, **path)
        return visit.done("Saved in the draft. Nothing is in force until you update.", name, **path)
    if after.draft is None and not after.is_unchosen:
        return visit.done("Nothing differs from what is in force.", name, **path)
    own = set(parts)
    if after.is_overtaken or any(after.edited[key] != after.in_force[key] for key in after.edited if key not in own):
        return visit.done("Saved in the draft. Look at what else the update would change.", "program_changes")
    return visit.done(update(visit, drafts.mark(after.edited), after.version.version), name, **path)


def update(visit: Visit, seen: str, version: int) -> str:
    """Put the draft in force; what to say of it."""
    made = drafts.put_in_force(
        visit.session,
        visit.shop_id,
        seen=seen,
        version=version,
        author=visit.who.name,
        now=visit.now,
        rehearsal=is_rehearsal(),
    )
    return f"Updated. Version {made.version} is in force from now on."


def seen(visit: Visit, refused: LagniappeError | None, document: Mapping[str, Any], keys: Iterable[str]) -> str:
    """What the form was begun with: so that it is known whether somebody changed it since."""
    kept = visit.form.get("seen")
    is_told = refused is not None and refused.code == "changed_meanwhile"
    return kept if kept and not is_told else drafts.mark(document, keys)


def languages_with(tags: Iterable[str], own: str, added: str) -> list[str]:
    """The shop's own first, and the one that is being added last."""
    found = [own, *sorted(set(tags) - {own})]
    if is_language_tag(added) and added.lower() not in map(str.lower, found):
        found.append(added)
    return found


def _languages(visit: Visit, place: Place, fields: Fields, own: Mapping[str, str]) -> dict[str, list[str]]:
    """The languages of each of the place's texts, the shop's own first."""
    typed = MultiDict(visit.form)
    return {
        name: languages_with(
            program_fields.languages(fields, name, f"{name}.*") | program_fields.languages(typed, name, f"{name}.*"),
            own[name],
            visit.form.get("add_language", "").strip() if visit.form.get("do") == f"add_language.{name}" else "",
        )
        for name in place.languages_of
    }


def _texts_at(document: Mapping[str, Any], name: str) -> Iterable[str]:
    """The languages at that place of the document; `*` stands for the rows of a list."""
    found: list[Any] = [document]
    for part in name.split("."):
        found = [row for each in found for row in each] if part == "*" else [each.get(part) for each in found]
        found = [each for each in found if each]
    return list(dict.fromkeys(tag for each in found for tag in each))


def _rules_shown(document: Mapping[str, Any]) -> dict[str, Markup]:
    """The rules' texts as customers see them."""
    shown = {}
    for tag, said in document["rules_text"].items():
        try:
            shown[tag] = Markup(merchant_html.clean(said))  # noqa: S704 - this is what cleans it
        except BadInput:
            shown[tag] = Markup("")
    return shown


# Rewards that settings name


def rewards_to_choose(visit: Visit, chosen: Iterable[str]) -> list[tuple[str, str]]:
    """What may be given: nothing, the newest rewards, and those that are chosen already."""
    rows = visit.session.execute(
        text(
            "select id, name from reward where shop_id = :shop and is_active and archived_at is null"
            " order by id desc limit :most"
        ),
        {"shop": visit.shop_id, "most": SHOWN_REWARDS},
    )
    known = [(rewards.public_id(row.id), row.name) for row in rows]
    there = {each for each, _ in known}
    missing = [each for each in dict.fromkeys(chosen) if each not in there]
    names = _reward_names(visit, missing)
    return [("", "–"), *known, *((each, names.get(each, f"{each} (there is none now)")) for each in missing)]


def _rewards_in(document: Mapping[str, Any]) -> list[str]:
    referral, tiers = document.get("referral") or {}, document.get("tiers") or {}
    named = [(referral.get(side) or {}).get("reward") for side in ("advocate", "friend")]
    return [each for each in (*named, *(level.get("gift") for level in tiers.get("levels", []))) if each]


def _reward_names(visit: Visit, ids: Iterable[str]) -> dict[str, str]:
    known = {int(each, 16): each for each in ids if len(each) == 24 and set(each) <= set("0123456789abcdef")}
    rows = visit.session.execute(
        text("select id, name from reward where shop_id = :shop and id = any(:ids)"),
        {"shop": visit.shop_id, "ids": [each for each in known if each < 2**63]},
    )
    return {known[row.id]: row.name for row in rows}


# Refusals


def refusal(refused: LagniappeError, own: Mapping[str, str], locale: str, prefix: str = "") -> LagniappeError:
    """The same refusal, its fields named as the form has them and as people read them.

    `own` is the language in which the shop's own texts of a name stand. `prefix` is what the form leaves out.
    """
    errors = []
    for each in refused.errors:
        name, message = _at_field(each["field"].removeprefix(prefix), each["message"], own, locale)
        errors.append({"field": name, "message": message, "label": label_of(name, "rules" if prefix else "")})
    if not errors:
        return refused
    more = f" and {len(errors) - 1} more" if len(errors) > 1 else ""
    return BadInput(f"Not saved. {errors[0]['label']}: {errors[0]['message']}{more}.", errors)


_WITHIN = {
    "points": "points", "factor": "factor", "event": "event", "items": "items.product_ids", "delay_days": "delay_days",
    "limit.times": "limit.times", "limit.per": "limit.per", "limit": "limit.times", "active_to": "active_to", "id": "id",
}  # fmt: skip
"""Fields of a way to earn by the word with which what is wrong with the whole begins."""


_CONDITION = re.compile(r"eligibility\.([0-9]+\.conditions\.[0-9]+\.[a-z]+):? (.+)")
"""Where in the conditions something is wrong, as the sentence has it."""


def _at_field(place: str, message: str, own: Mapping[str, str], locale: str) -> tuple[str, str]:
    general = ".".join("*" if part.isdecimal() else part for part in place.split("."))
    named = general.replace("*.", "")
    if named in _OWN_TEXTS:
        return f"{place}.{own.get(general) or own.get(named) or locale}", message
    if place == "expiry":
        return "expiry.day", message
    if place.startswith("points_name.") and place.count(".") == 1:
        return f"{place}.other", message
    if place.startswith("eligibility"):
        if found := _CONDITION.search(message):
            return f"{RULES}.{found[1]}", found[2]
        return RULES, message
    if place.isdecimal() or place == "":  # of a way to earn as a whole
        first, _, rest = message.partition(" ")
        return (_WITHIN[first], rest) if first in _WITHIN else ("id", message)
    for top in ("assign.arrived_carriers", "items.product_ids", "items.skus", "items.categories"):
        if place.startswith(f"{top}."):
            return top, message
    return ("id", message) if place == "rules" else (place, message)


def label_of(name: str, of: str = "") -> str:
    """What people call a field: "Level 2: Name (de)"."""
    parts = name.split(".")
    if parts[0] == RULES:
        return LABELS["rules.eligibility"]
    plain = [part for part in parts if not part.isdecimal()]
    known = ".".join(filter(None, [of, *plain]))
    rest: list[str] = []
    while known and known not in LABELS:
        known, _, last = known.rpartition(".")
        rest.insert(0, last)
    label = LABELS.get(known, name)
    if rest and known:
        label = f"{label} ({rest[0]})"
    number = next((int(part) + 1 for part in parts if part.isdecimal()), None)
    return f"Level {number}: {label}" if number and known.startswith("tiers.levels") else label
