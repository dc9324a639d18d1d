"""The fields of the reward form and the reward's document, one made from the other. Pure.

A field is named by its place in the document, with dots: `labels.0.key`, `translations.pl.reward_name`. So whatever the
verb refuses names the field that it stands in. Rows without anything in them are left out, and the others move up: the
form is shown again as the document was numbered (`tidied`).
"""

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from werkzeug.datastructures import MultiDict

from backend.loyalty.calendar_rules import instant_of
from backend.loyalty.eligibility.eligibility_terms import OPERATORS, shape
from backend.loyalty.rewards.reward_definition import FITS, OF_SOME_TYPES, RewardDefinition, RewardType, to_document

Fields = MultiDict[str, str]

CAMPAIGN_TYPES: Mapping[str, tuple[RewardType, str | None, str]] = {
    "fixed_amount_discount": ("coupon_based_reward", "fixed_amount_discount", "Discount code"),
    "percentage_discount": ("coupon_based_reward", "percentage_discount", "Percentage discount code"),
    "value_code": ("coupon_based_reward", "value_code", "Value code"),
    "free_shipping": ("coupon_based_reward", "free_shipping", "Free delivery"),
    "gift": ("gift", None, "Gift"),
    "event_invitation": ("event_invitation", None, "Invitation for the event"),
    "cashback": ("cashback", None, "Cashback"),
    "custom": ("custom", None, "Custom campaign"),
}
"""The eight types of S1.31 by what the form calls them: type, sub type, label. The first is preselected (S0.11)."""
FIRST_TYPE = "fixed_amount_discount"
ALL_OPERATORS = tuple(dict.fromkeys(name for known in OPERATORS.values() for name in known))
"""Of conditions, whatever they are about."""

PLAIN = (
    "reward_name", "reward_id", "enduser_reward_short_description", "enduser_reward_confirmation_html",
    "enduser_reward_post_confirmation_html", "reward_card_background_image_url", "points_to_be_redeemed", "reward_value",
    "given_as", "minimum_subtotal", "product_id", "point_value", "limit_total", "limit_per_member", "coupon_valid_days",
    "code_prefix", "more_information_url", "push_notification_text", "tax_rate", "tax_value", "rank",
)  # fmt: skip
"""Fields that are one line or one text, as they stand."""
BOXES = ("show_on_guest_dashboard", "points_back_when_expired", "featured", "public")
TRANSLATED = (
    "reward_name", "enduser_reward_short_description", "enduser_reward_confirmation_html",
    "enduser_reward_post_confirmation_html", "push_notification_text",
)  # fmt: skip
BRAND = ("name", "description", "image_url")
_NOT_OF_MONEY = {"gift_card": ("minimum_subtotal",), "store_credit": ("minimum_subtotal", "code_prefix")}
_ATTRIBUTE = ("attribute_name", "attribute_type", "attribute_id", "is_attribute_mandatory")
RULES = "member_eligibility_rules"
"""What the fields of conditions are called in every form."""
_ATTRIBUTES = "custom_transaction_attributes"


def type_of(reward_type: str, sub_type: str | None) -> str:
    """What the form calls it."""
    return next(name for name, known in CAMPAIGN_TYPES.items() if known[:2] == (reward_type, sub_type))


def label_of(reward_type: str, sub_type: str | None) -> str:
    """The type as people read it (S1.31)."""
    return CAMPAIGN_TYPES[type_of(reward_type, sub_type)][2]


def types_with(field: str) -> str:
    """The campaign types that have the field, as the page's script reads them: `gift|custom`."""
    return "|".join(name for name, (kind, _, _) in CAMPAIGN_TYPES.items() if field in FITS[kind])


# From the form to the document


def document(form: Fields, tz: ZoneInfo) -> dict[str, Any]:
    """What was typed as the verbs read it: every field of the definition, None for what was left empty.

    Fields that the campaign's type, or the kind of money, lacks are left out, whatever stands in them (S0.12). Texts are not
    judged here.
    """
    campaign_type = form.get("campaign_type", FIRST_TYPE)
    reward_type, sub_type, _ = CAMPAIGN_TYPES.get(campaign_type, CAMPAIGN_TYPES[FIRST_TYPE])
    whole = nested(form)
    said: dict[str, Any] = {name: _text(form, name) for name in PLAIN}
    said |= {name: bool(form.get(name)) for name in BOXES}
    is_limited = not form.get("all_time_active")
    said |= {
        "reward_type": reward_type,
        "reward_sub_type": sub_type,
        "is_active": form.get("is_active", "1") == "1",
        "active_from": _when(form, "active_from", tz) if is_limited else None,
        "active_to": _when(form, "active_to", tz) if is_limited else None,
        "labels": [_only(row, ("key", "value")) for row in rows(whole.get("labels")) if any(row.values())],
        "categories": split(form.get("categories", "")),
        "brand": _without_empty(_only(whole.get("brand"), BRAND)) or None,
        "translations": _translations(whole.get("translations")),
        "target": _target(form),
        _ATTRIBUTES: _attributes(whole.get(_ATTRIBUTES)),
        RULES: eligibility(whole.get(RULES)),
    }
    for name in OF_SOME_TYPES - FITS[reward_type]:
        if name in said:
            said[name] = None
    if sub_type != "value_code":
        said["given_as"] = None
    for name in _NOT_OF_MONEY.get(said["given_as"], ()):
        said[name] = None
    return said


def tidied(form: Fields, tz: ZoneInfo) -> Fields:
    """The form with its rows numbered as in the document; all else as it was typed."""
    of_rows = ("labels.", f"{_ATTRIBUTES}.", f"{RULES}.", "translations.")
    fields: Fields = MultiDict((name, value) for name, value in form.items(multi=True) if not name.startswith(of_rows))
    said = document(form, tz)
    for name in ("labels", _ATTRIBUTES, RULES, "translations"):
        for key, value in flat(said[name] or {}, name):
            fields[key] = value
    return fields


def nested(form: Fields) -> dict[str, Any]:
    """Names with dots as objects in objects; those of numbers stay objects, whose keys `rows` sorts."""
    whole: dict[str, Any] = {}
    for name, value in form.items():
        *above, last = name.split(".")
        here: Any = whole
        for part in above:
            here = here.setdefault(part, {}) if isinstance(here, dict) else {}
            if not isinstance(here, dict):
                break
        else:
            here[last] = value.strip()
    return whole


def split(typed: str) -> list[str]:
    """`a, b, "c, d"` as three texts."""
    rows = csv.reader(io.StringIO(" ".join(typed.split())), skipinitialspace=True)
    return [each.strip() for row in rows for each in row if each.strip()]


def joined(texts: Iterable[Any]) -> str:
    """What `split` reads to the same texts."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([str(each) for each in texts])
    return line.getvalue().replace(",", ", ") if '"' not in line.getvalue() else line.getvalue()


def _text(form: Fields, name: str) -> str | None:
    return form.get(name, "").strip() or None


def _when(form: Fields, name: str, tz: ZoneInfo) -> str | None:
    """A day; with a time the moment at which the shop's clock shows it. What is no date, or a time without a day, stays as
    typed, to be refused."""
    day, time = _text(form, name), _text(form, f"{name}_time")
    if day is None or time is None:
        return day or time
    try:
        return f"{instant_of(datetime.fromisoformat(f'{day}T{time}'), tz):%Y-%m-%dT%H:%M:%SZ}"
    except ValueError:
        return f"{day} {time}"


def rows(found: Any) -> list[dict[str, Any]]:
    """Numbered rows in their order."""
    if not isinstance(found, dict):
        return []
    numbered = sorted((int(key), row) for key, row in found.items() if key.isdecimal() and len(key) < 5)
    return [row if isinstance(row, dict) else {"": row} for _, row in numbered]


def _only(row: Any, names: Iterable[str]) -> dict[str, Any]:
    return {name: row.get(name, "") for name in names} if isinstance(row, dict) else {}


def _without_empty(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value not in ("", None, {})}


def _translations(found: Any) -> dict[str, Any]:
    said = {}
    for tag, row in found.items() if isinstance(found, dict) else ():
        texts = _without_empty(_only(row, TRANSLATED))
        if isinstance(row, dict) and (brand := _without_empty(_only(row.get("brand"), ("name", "description")))):
            texts["brand"] = brand
        if texts:
            said[tag] = texts
    return said


def _target(form: Fields) -> dict[str, Any] | None:
    match form.get("target.type"):
        case "level":
            return {"type": "level", "levels": form.getlist("target.levels")}
        case "segment":
            return {"type": "segment", "segments": form.getlist("target.segments")}
    return None


def _attributes(found: Any) -> list[dict[str, Any]]:
    said = []
    for row in rows(found):
        if row.get("attribute_name") or row.get("attribute_id"):
            attribute = _without_empty(_only(row, _ATTRIBUTE[:3]))
            said.append({**attribute, "is_attribute_mandatory": bool(row.get("is_attribute_mandatory"))})
    return said


def eligibility(found: Any) -> list[dict[str, Any]]:
    """Rules with at least one condition, and those without any that are kept as they came."""
    said = []
    for row in rows(found):
        conditions: list[Any] = []
        word = "AND"
        for item in rows(row.get("conditions")):
            if "" in item:
                word = item[""] if item[""] in ("AND", "OR") else "AND"
            elif item.get("attribute"):
                conditions += [word] if conditions else []
                conditions.append(_condition(item))
        if (conditions or row.get("kept")) and not row.get("remove"):
            said.append(
                {
                    "show_on_member_dashboard": bool(row.get("show_on_member_dashboard")),
                    "include_in_api_response": bool(row.get("include_in_api_response")),
                    "conditions": conditions,
                }
            )
    return said


def _condition(item: Mapping[str, Any]) -> dict[str, Any]:
    operator = item.get("operator", "")
    said: dict[str, Any] = {"attribute": item["attribute"], "operator": operator}
    if value := item.get("value"):
        many = operator in ALL_OPERATORS and shape(operator) == "many"
        said["value"] = split(value) if many else _yes_no(value)
    return said


def _yes_no(value: str) -> Any:
    return {"yes": "True", "no": "False"}.get(value.casefold(), value)


# From the document to the form


def shown(definition: RewardDefinition, tz: ZoneInfo) -> Fields:
    """The form of a reward that is there."""
    said = to_document(definition)
    fields: Fields = MultiDict()
    for name in PLAIN:
        if said.get(name) is not None:
            fields[name] = str(said[name])
    for name in BOXES:
        if said[name]:
            fields[name] = "1"
    fields["campaign_type"] = type_of(definition.reward_type, definition.reward_sub_type)
    fields["is_active"] = "1" if definition.is_active else "0"
    if said["active_from"] is None and said["active_to"] is None:
        fields["all_time_active"] = "1"
    for name in ("active_from", "active_to"):
        if said[name] is not None:
            fields[name], fields[f"{name}_time"] = _day_and_time(said[name], tz)
    fields["categories"] = joined(said["categories"])
    if said["target"] is not None:
        kind = fields["target.type"] = said["target"]["type"]
        fields.setlist(f"target.{kind}s", said["target"][f"{kind}s"])
    for name in ("labels", _ATTRIBUTES, RULES, "translations", "brand"):
        for key, value in flat(said[name] or {}, name):
            fields[key] = value
    return fields


def empty() -> Fields:
    """The form of a reward that is not there yet (S0.11)."""
    return MultiDict({"campaign_type": FIRST_TYPE, "is_active": "1", "all_time_active": "1", "coupons_from": "made"})


def flat(value: Any, name: str) -> Iterable[tuple[str, str]]:
    """Objects in objects as names with dots. What is empty or false is not there, as browsers have it."""
    if isinstance(value, Mapping):
        if "conditions" in value and not value["conditions"]:
            yield f"{name}.kept", "1"
        for key, each in value.items():
            yield from flat(each, f"{name}.{key}")
    elif isinstance(value, list) and name.endswith(".value"):
        yield name, joined(value)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from flat(each, f"{name}.{number}")
    elif value is True:
        yield name, "1" if not name.endswith(".value") else "yes"
    elif value is not None and (value is not False or name.endswith(".value")):
        yield name, "no" if value is False else str(value)


def rows_of(fields: Fields, name: str) -> int:
    """How many numbered rows of that name there are."""
    numbers = [key.removeprefix(f"{name}.").split(".")[0] for key in fields if key.startswith(f"{name}.")]
    return max((int(number) + 1 for number in numbers if number.isdecimal() and len(number) < 5), default=0)


def places_of_conditions(fields: Fields, do: str) -> list[list[int]]:
    """Where in each rule its conditions stand, with an empty one where a button asks for it. Between them are AND and OR."""
    count = rows_of(fields, RULES)
    shown = []
    for number in range(count + (do == "add_rule")):
        conditions = (rows_of(fields, f"{RULES}.{number}.conditions") + 1) // 2
        more = number == count or do == f"add_condition.{number}"
        shown.append([2 * each for each in range(conditions + more)])
    return shown


def languages_of(fields: Fields) -> list[str]:
    """The other languages that the form has texts in."""
    return sorted({key.split(".")[1] for key in fields if key.startswith("translations.")})


def _day_and_time(said: str, tz: ZoneInfo) -> tuple[str, str]:
    if len(said) == 10:
        return said, ""
    local = datetime.fromisoformat(said.upper()).astimezone(tz)
    return f"{local:%Y-%m-%d}", f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"
