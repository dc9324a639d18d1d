"""Everything that a merchant may say of a gift campaign (S3.10 to S3.15), checked.

`parse` reads what a person wrote and refuses it in one sentence. Times without an offset are read in the shop's zone
(S3.12).
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo

from backend.errors import BadInput
from backend.loyalty import mistakes
from backend.loyalty.calendar_rules import first_instant, instant_of
from backend.loyalty.program.settings import RulesTexts, Titles
from backend.loyalty.uploads import Content

MAX_GIFTS = 200
MAX_TAGS_IN_ALL = 5_000
"""Of the terms in all languages together: cleaning costs time by tags (`merchant_html.MAX_TAGS`)."""
_SHOWN_ERRORS = 20

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_WALL_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d)?", re.ASCII)
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_PUBLIC_ID = re.compile("[0-9a-f]{24}")
_EARLIEST, _LATEST = datetime(1, 1, 3, tzinfo=UTC), datetime(9998, 12, 30, tzinfo=UTC)
"""Moments further out mean "always" all the same, and have no reading in every zone."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


def _begin(value: object, info: ValidationInfo) -> datetime:
    """A moment; of a day, its first."""
    return _instant(value, info, days_later=0)


def _end(value: object, info: ValidationInfo) -> datetime:
    """The first moment at which it is over; a day is the last one."""
    return _instant(value, info, days_later=1)


def _instant(value: object, info: ValidationInfo, days_later: int) -> datetime:
    tz: ZoneInfo = (info.context or {})["tz"]
    written = value.upper() if isinstance(value, str) else ""
    try:
        if _DAY.fullmatch(written):
            day = min(max(date.fromisoformat(written), _EARLIEST.date()), _LATEST.date())
            return _within(first_instant(day + timedelta(days=days_later), tz))
        if _WALL_TIME.fullmatch(written):
            reading = _within(datetime.fromisoformat(written).replace(tzinfo=UTC))
            return _within(instant_of(reading.replace(tzinfo=None), tz))
        if _RFC_3339.fullmatch(written):
            return _within(datetime.fromisoformat(written))
    except ValueError:
        pass
    raise ValueError(
        "should be a day such as 2026-12-31, a time in the shop's zone such as 2026-12-31T18:00, or a time with an"
        " offset such as 2026-12-31T17:00:00Z"
    )


def _within(at: datetime) -> datetime:
    return min(max(at, _EARLIEST), _LATEST).astimezone(UTC).replace(microsecond=0)


def _a_public_id(value: str) -> str:
    if not _PUBLIC_ID.fullmatch(value):
        raise ValueError("should be the id of a reward, 24 hex digits")
    return value


GiftId = Annotated[str, AfterValidator(_a_public_id)]


class Banner(_Part):
    """The picture above the campaign: JPG or PNG, at most 1920 x 400 pixels (S3.15)."""

    content: Annotated[Content, Field(alias="content_base64")]


class CampaignDefinition(_Part):
    """A campaign as its merchant describes it. A time without an offset is the shop's own."""

    names: Titles
    terms: RulesTexts = {}
    starts_at: Annotated[datetime, BeforeValidator(_begin)]
    ends_at: Annotated[datetime, BeforeValidator(_end)] | None = None
    """The first moment at which it is over; of a day, the end. None: it never ends (S3.11)."""
    gifts: Annotated[tuple[GiftId, ...], Field(strict=False, max_length=MAX_GIFTS)] = ()
    banner: Banner | None = None


def parse(document: object, tz: ZoneInfo) -> CampaignDefinition:
    """What the merchant wrote, null meaning the same as left out.

    Raises BadInput: one sentence that says what is wrong and where, and `errors` with every mistake.
    """
    if not isinstance(document, Mapping):
        raise BadInput("The campaign should be a JSON object.", [{"field": "", "message": "should be a JSON object"}])
    given = {
        name: value
        for name, value in document.items()
        if value is not None or name not in CampaignDefinition.model_fields
    }
    terms = given.get("terms")
    if isinstance(terms, Mapping) and sum(str(each).count("<") for each in terms.values()) > MAX_TAGS_IN_ALL:
        raise _refusal([{"field": "terms", "message": f"have more than {MAX_TAGS_IN_ALL:,} tags in all"}])
    try:
        return CampaignDefinition.model_validate(given, context={"tz": tz})
    except ValidationError as refused:
        raise _refusal(mistakes.errors_of(refused)) from None


def _refusal(errors: list[dict[str, str]]) -> BadInput:
    return BadInput(mistakes.sentence("The campaign", errors), errors[:_SHOWN_ERRORS])
