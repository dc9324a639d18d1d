"""What the merchant API's JSON is made of: the models' base, and the types that their fields share.

The same models check what comes in, write what goes out and make the OpenAPI document (`openapi.py`), so that the
document cannot say anything else than the code does.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

LARGEST_ID = 2**63 - 1

NO_CONTROLS = r"^[^\x00-\x1f\x7f]*$"
A_LINE = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f\x85][^\x00-\x1f\x7f]*$"
"""One line of text that is not blank. U+0085 is a blank in Python, and none in JSON Schema (ECMA-262)."""

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


class Given(BaseModel):
    """What a caller sends: nothing is converted, unknown keys are refused by name."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class Shown(BaseModel):
    """What we answer."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True, validate_by_name=True)


class Query(BaseModel):
    """Parameters after the question mark. Those we do not know are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


def example(**fields: Any) -> ConfigDict:
    """A whole object as a reader would meet it, for the document."""
    return ConfigDict(json_schema_extra={"examples": [fields]})


def utc_text(at: datetime) -> str:
    """`2026-11-23T06:50:00Z`: UTC, whole seconds."""
    return at.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def _read_time(value: object) -> datetime:
    """An RFC 3339 time. pydantic alone would take numbers and dates without a time as well."""
    if isinstance(value, str) and _RFC_3339.fullmatch(value):
        try:
            return datetime.fromisoformat(value.upper()).astimezone(UTC).replace(microsecond=0)
        except (ValueError, OverflowError):
            pass
    raise ValueError("should be a time with an offset such as 2026-12-31T23:00:00Z")


_DATE_TIME = {"type": "string", "format": "date-time", "examples": ["2027-01-01T00:00:00Z"]}

Time = Annotated[datetime, PlainSerializer(utc_text, return_type=str), WithJsonSchema(_DATE_TIME)]
"""A moment, in UTC."""
GivenTime = Annotated[datetime, BeforeValidator(_read_time), WithJsonSchema(_DATE_TIME)]
"""A moment in a request, with any offset."""
Id = Annotated[
    Annotated[str, Field(pattern="^[0-9]+$")],
    BeforeValidator(lambda value: str(value) if type(value) is int else value),
]
"""An id of ours, as text."""
