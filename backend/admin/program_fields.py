"""The fields of the program's forms and the settings' document, one made from the other. Pure.

A field is named by its place in the document (contract section 8), with dots: `earn.spend_step`, `rules_text.de`,
`tiers.levels.0.name.en`. So whatever the verb refuses names the field that it stands in. The form of one way to earn
leaves `rules.N.` out. Numbers that are none stay texts, to be refused by the verb in its own words.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from werkzeug.datastructures import MultiDict

from backend.admin import reward_fields
from backend.admin.reward_fields import joined, nested, split
from backend.loyalty.calendar_rules import instant_of
from backend.loyalty.eligibility.eligibility_terms import MONTHS
from backend.loyalty.program.program_words import SECTIONS
from backend.loyalty.program.settings import CLAIMED, OF_ORDERS

Fields = MultiDict[str, str]

MEMBER_POINTS = ("enabled", "earn", "assign", "expiry", "rules_text")
"""What is set on the page Member Points (S3.3 to S3.6)."""
KEYS: Mapping[str, tuple[str, ...]] = {section.name: section.keys for section in SECTIONS}
_WHOLE = re.compile("[0-9]{1,15}")


# From the form to the document


def said(typed: Fields, keys: Iterable[str], known_levels: Iterable[str] = ()) -> dict[str, Any]:
    """These keys of the document as they were typed. `known_levels` are the ids that levels have already."""
    form = clean(typed)
    whole = nested(form)
    return {
        key: _levels(form, _part(whole, "tiers"), list(known_levels)) if key == "tiers" else _READ[key](form, whole)
        for key in keys
    }


def clean(typed: Fields) -> Fields:
    """Browsers send the ends of lines as two characters."""
    return MultiDict((name, value.replace("\r\n", "\n")) for name, value in typed.items(multi=True))


def _earn(form: Fields, whole: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "spend_step": _text(form, "earn.spend_step"),
        "points_per_step": _number(form, "earn.points_per_step"),
        "base": _text(form, "earn.base"),
        "round": _text(form, "earn.round"),
        "pos": "earn.pos" in form,
    }


def _assign(form: Fields, whole: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "delay_days": _number(form, "assign.delay_days"),
        "on": _text(form, "assign.on"),
        "arrived_carriers": split(_text(form, "assign.arrived_carriers")),
    }


def _expiry(form: Fields, whole: Mapping[str, Any]) -> dict[str, Any]:
    kind = _text(form, "expiry.kind")
    own = {"fixed_day": ("month", "day"), "days": ("days",)}.get(kind, ())
    return {"kind": kind, **{name: _number(form, f"expiry.{name}") for name in (*own, "grace_days")}}


def _points_name(form: Fields, whole: Mapping[str, Any]) -> dict[str, Any]:
    named = {tag: texts(forms) for tag, forms in _part(whole, "points_name").items()}
    return {tag: forms for tag, forms in named.items() if forms}


def _referral(form: Fields, whole: Mapping[str, Any]) -> dict[str, Any]:
    def side(name: str) -> dict[str, Any]:
        points = f"referral.{name}.points"
        return {
            "points": _number(form, points) if _text(form, points) else 0,
            "reward": _text(form, f"referral.{name}.reward") or None,
        }

    return {
        "enabled": "referral.enabled" in form,
        "reward_when": _text(form, "referral.reward_when"),
        "advocate": side("advocate"),
        "friend": side("friend"),
        "hold_days": _number(form, "referral.hold_days"),
        "caps": {name: _maybe(form, f"referral.caps.{name}") for name in ("per_day", "per_month", "total")},
        "households": "referral.households" in form,
        "text": texts(_part(whole, "referral").get("text")) or None,
    }


def _notifications(form: Fields, whole: Mapping[str, Any]) -> dict[str, Any]:
    names = ("points_earned", "reward_issued", "reward_available", "tier_changed", "referral_rewarded")
    return {name: f"notifications.{name}" in form for name in names}


def _appearance(form: Fields, whole: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "position": _text(form, "appearance.position"),
        "accent": _text(form, "appearance.accent"),
        "launcher_label": texts(_part(whole, "appearance").get("launcher_label")) or None,
    }


_READ: Mapping[str, Callable[[Fields, Mapping[str, Any]], Any]] = {
    "enabled": lambda form, whole: "enabled" in form,
    "earn": _earn,
    "assign": _assign,
    "expiry": _expiry,
    "points_name": _points_name,
    "rules_text": lambda form, whole: texts(whole.get("rules_text")),
    "referral": _referral,
    "notifications": _notifications,
    "appearance": _appearance,
}


def _levels(form: Fields, whole: Mapping[str, Any], known: list[str]) -> dict[str, Any] | None:
    """The levels; None for a program without any, whatever else is said of them."""
    rows = reward_fields.rows(whole.get("levels"))
    kept = [
        row for row in rows if not row.get("remove") and (row.get("id") or row.get("from") or texts(row.get("name")))
    ]
    taken = [*known, *(row["id"] for row in kept if row.get("id"))]
    levels = []
    for row in kept:
        name = texts(row.get("name"))
        own = row.get("id") or new_id(next(iter(name.values()), ""), taken, "level")
        taken.append(own)
        levels.append(
            {
                "id": own,
                "from": _as_number(row.get("from", "")),
                "name": name,
                "multiplier": row.get("multiplier") or "1",
                "gift": row.get("gift") or None,
                "perks": [perk for each in reward_fields.rows(row.get("perks")) if (perk := texts(each))],
            }
        )
    if not levels:
        return None
    return {
        "basis": _text(form, "tiers.basis"),
        "window": _text(form, "tiers.window"),
        "levels": levels,
        "downgrade": {
            "policy": _text(form, "tiers.downgrade.policy"),
            "grace_days": _number(form, "tiers.downgrade.grace_days"),
        },
    }


def way_has(kind: str, name: str) -> bool:
    """Whether ways to earn of that kind have the field."""
    match name:
        case "points":
            return kind not in ("multiplier", "exclusion")
        case "factor":
            return kind == "multiplier"
        case "event":
            return kind == "event"
        case "network":
            return kind in ("follow", "share")
        case "items":
            return kind in OF_ORDERS
        case "delay_days":
            return kind not in OF_ORDERS
        case "limit":
            return kind in CLAIMED | {"newsletter", "review", "event", "product"}
    return True


def way(typed: Fields, kind: str, tz: ZoneInfo) -> dict[str, Any]:
    """A way to earn as it was typed, without its id."""
    form = clean(typed)
    whole = nested(form)
    title, text, button = texts(whole.get("title")), texts(whole.get("text")), _part(whole, "button")
    label, url = texts(button.get("label")), _text(form, "button.url")
    items = {name: split(_text(form, f"items.{name}")) for name in ("product_ids", "skus", "categories")}
    times = _text(form, "limit.times")
    per = _text(form, "limit.per") or ("order" if kind == "product" else "ever")
    return {
        "kind": kind,
        "title": title,
        "text": text or None,
        "points": _maybe(form, "points") if way_has(kind, "points") else None,
        "factor": (_text(form, "factor") or None) if way_has(kind, "factor") else None,
        "items": items if way_has(kind, "items") and any(items.values()) else None,
        "event": (_text(form, "event") or None) if way_has(kind, "event") else None,
        "network": _text(form, "network") or None,
        "delay_days": _as_number(_text(form, "delay_days") or "0") if way_has(kind, "delay_days") else 0,
        "limit": {"times": _as_number(times), "per": per} if times else None,
        "eligibility": reward_fields.eligibility(whole.get(reward_fields.RULES)),
        "active_from": _moment(form, "active_from", tz),
        "active_to": _moment(form, "active_to", tz),
        "button": {"label": label, "url": url} if label or url else None,
    }


def new_id(name: str, taken: Iterable[str], otherwise: str) -> str:
    """An id made from a name, unlike those that are taken: "Gold" is `gold`, the next one `gold-2`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub("[^a-z0-9]+", "-", plain).strip("-")[:50].strip("-") or otherwise
    used = set(taken)
    return next(each for each in (slug, *(f"{slug}-{n}" for n in range(2, len(used) + 3))) if each not in used)


def texts(found: Any) -> dict[str, str]:
    """A map from language to text, without those that are empty."""
    return (
        {tag: text for tag, text in found.items() if isinstance(text, str) and text} if isinstance(found, dict) else {}
    )


def _part(whole: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = whole.get(name)
    return found if isinstance(found, dict) else {}


def _text(form: Fields, name: str) -> str:
    return form.get(name, "").strip()


def _as_number(text: Any) -> Any:
    return int(text) if isinstance(text, str) and _WHOLE.fullmatch(text) else text


def _number(form: Fields, name: str) -> Any:
    return _as_number(_text(form, name))


def _maybe(form: Fields, name: str) -> Any:
    return _number(form, name) if _text(form, name) else None


def _moment(form: Fields, name: str, tz: ZoneInfo) -> str | None:
    """The moment at which the shop's clock shows what was typed; the very one that was there, if nothing else was typed."""
    typed, was = _text(form, name), _text(form, f"{name}.was")
    if not typed:
        return None
    if was and reading(was, tz) == typed:
        return was
    try:
        return instant_of(datetime.fromisoformat(typed).replace(tzinfo=None), tz).isoformat()
    except (ValueError, OverflowError):
        return typed


# From the document to the form


def shown(document: Mapping[str, Any], keys: Iterable[str]) -> Fields:
    """The form of these keys."""
    return MultiDict((name, value) for key in keys for name, value in flat(document[key], key))


def way_shown(rule: Mapping[str, Any], tz: ZoneInfo) -> Fields:
    """The form of one way to earn."""
    fields: Fields = MultiDict()
    for key, value in rule.items():
        if key in ("active_from", "active_to"):
            if value is not None:
                fields[key], fields[f"{key}.was"] = reading(value, tz), value
        elif key == "eligibility":
            fields.update(dict(reward_fields.flat(value, reward_fields.RULES)))
        else:
            fields.update(dict(flat(value, key)))
    return fields


def flat(value: Any, name: str) -> Iterable[tuple[str, str]]:
    """Objects in objects as names with dots. What is empty or false is not there, as browsers have it."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from flat(each, f"{name}.{key}")
    elif isinstance(value, list) and all(isinstance(each, str) for each in value):
        yield name, joined(value)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from flat(each, f"{name}.{number}")
    elif value is True:
        yield name, "1"
    elif value is not None and value is not False:
        yield name, str(value)


def tidied(typed: Fields, keys: Iterable[str], known_levels: Iterable[str]) -> Fields:
    """The form as it was typed, with the rows of levels numbered as in the document: that is how a refusal names them."""
    form = clean(typed)
    if "tiers" not in keys:
        return form
    fields: Fields = MultiDict(
        (name, value) for name, value in form.items(multi=True) if not name.startswith("tiers.levels.")
    )
    levels = (_levels(form, _part(nested(form), "tiers"), list(known_levels)) or {}).get("levels", [])
    fields.update(dict(flat(levels, "tiers.levels")) if levels else {})
    return fields


def reading(said: str, tz: ZoneInfo) -> str:
    """What the shop's clock shows at that moment, as a field for date and time has it."""
    local = datetime.fromisoformat(said.upper()).astimezone(tz).replace(tzinfo=None)
    is_minute = not local.second and not local.microsecond
    return local.isoformat(timespec="minutes" if is_minute else "seconds" if not local.microsecond else "milliseconds")


def languages(fields: Fields, *names: str) -> set[str]:
    """The languages in which there are texts of that name: `rules_text`, `tiers.levels.*.name`."""
    found = set()
    for name in names:
        pattern = re.compile(re.escape(name).replace(r"\*", "[0-9]+") + r"\.([^.]+)(\..*)?")
        found |= {match[1] for each in fields if (match := pattern.fullmatch(each))}
    return found


def months() -> list[tuple[str, str]]:
    """The months by their numbers, to choose from."""
    return [(str(number), name) for number, name in enumerate(MONTHS, 1)]
