"""What a reward asks when it is redeemed, and whether the answers are what they should be (S2.3, S2.28). Pure."""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from backend.errors import BadInput, Conflict
from backend.loyalty.rewards.reward_definition import Attribute

LONGEST_ATTRIBUTE = 500


class AttributesMissing(Conflict):
    """A custom attribute that the reward demands was not given."""

    code = "attributes_missing"
    title = "Something about this redemption must be said"


class AttributesWrong(BadInput):
    code = "attributes_wrong"
    title = "An attribute is not what it should be"


def checked(asked: Iterable[Attribute], given: Mapping[str, Any]) -> dict[str, Any]:
    """What was said, as it is kept. Raises AttributesMissing for a mandatory one, AttributesWrong with the field's name."""
    wanted = {each.attribute_id: each for each in asked}
    if unknown := sorted(set(given) - set(wanted)):
        raise _wrong(unknown[0], "is not known here")
    said: dict[str, Any] = {}
    for attribute_id, attribute in wanted.items():
        value = given.get(attribute_id)
        if value is None or value == "":
            if attribute.is_attribute_mandatory:
                sentence = f"Please say: {attribute.attribute_name}."
                field = {"field": f"attributes.{attribute_id}", "message": "is missing"}
                raise AttributesMissing(sentence, errors=[field])
            continue
        if (message := _reason_against(attribute.attribute_type, value)) is not None:
            raise _wrong(attribute_id, message)
        said[attribute_id] = value
    return said


def _reason_against(kind: str, value: Any) -> str | None:
    match kind:
        case "Text" if not isinstance(value, str):
            return "should be a text"
        case "Text" if len(value) > LONGEST_ATTRIBUTE or re.search(r"[\x00-\x08\x0b-\x1f\x7f]", value):
            return f"should be at most {LONGEST_ATTRIBUTE} characters of plain text"
        case "Number" if isinstance(value, bool) or not re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,6})?", f"{value}"):
            return "should be a number"
        case "Boolean" if not isinstance(value, bool) and value not in ("True", "False", "true", "false"):
            return "should be true or false"
        case "Date" if not _is_date(value):
            return "should be a date such as 2026-12-31"
    return None


def _is_date(value: Any) -> bool:
    try:
        return isinstance(value, str) and len(value) == 10 and bool(date.fromisoformat(value))
    except ValueError:
        return False


def _wrong(attribute_id: str, message: str) -> AttributesWrong:
    field = f"attributes.{attribute_id[:64]}"
    return AttributesWrong(f"{field} {message}.", [{"field": field, "message": message}])
