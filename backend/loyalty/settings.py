"""The program's settings (contract section 8): what a merchant may write, checked, with the defaults of a new shop.

`parse` reads what a person wrote and refuses it in one sentence; `to_document` gives it back whole, and that is what a
program version stores; `stored` reads such a version again.
"""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, Protocol, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from backend.errors import BadInput
from backend.loyalty import merchant_html, mistakes
from backend.loyalty.wording import PLURAL_FORMS, default_points_name, is_language_tag

ORDER_RULE = "order"
"""The id of what orders earn, beside the merchant's own rules."""
MAX_LANGUAGES = 60
MAX_RULES = 100
MAX_LEVELS = 50
MAX_POINTS_OF_A_RULE = 1_000_000
MAX_DELAY_DAYS = 3650
MAX_LIFE_DAYS = 36_500
_SHOWN_ERRORS = 20

_MONEY = re.compile(r"[0-9]{1,15}(\.[0-9]{1,4})?")
_ID = re.compile(r"[a-z0-9_-]{1,64}")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_NOT_A_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_NOT_A_URL = re.compile(r"[\x00-\x20\x7f\\\ud800-\udfff]")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


def _a_text(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty")
    if _NOT_A_TEXT.search(value):
        raise ValueError("holds a control character or half a character")
    return value


def _languages(texts: dict[str, Any]) -> dict[str, Any]:
    for tag in texts:
        if not is_language_tag(tag):
            raise ValueError(f"{tag[:40]!r} is not a language tag such as en, pt-BR or zh-Hant")
    if len({tag.lower() for tag in texts}) < len(texts):
        raise ValueError("names a language twice")
    if len(texts) > MAX_LANGUAGES:
        raise ValueError(f"has over {MAX_LANGUAGES} languages")
    return texts


def _at_least_one(texts: dict[str, Any]) -> dict[str, Any]:
    if not texts:
        raise ValueError("needs a text in at least one language")
    return texts


def _plural_forms(forms: dict[str, str]) -> dict[str, str]:
    if unknown := [form for form in forms if form not in PLURAL_FORMS]:
        raise ValueError(f"{unknown[0][:40]!r} is not a plural form; use {', '.join(PLURAL_FORMS)}")
    if "other" not in forms:
        raise ValueError("needs the form other")
    return forms


def _an_id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise ValueError("should be 1 to 64 of the characters a-z, 0-9, _ and -")
    return text


def _a_colour(text: str) -> str:
    if not _COLOUR.fullmatch(text):
        raise ValueError("should be a colour such as #7a3cff")
    return text


def _amount(value: object) -> Decimal:
    text = str(value) if type(value) is int else value
    if isinstance(text, str) and _MONEY.fullmatch(text) and (amount := Decimal(text)) > 0:
        return amount
    raise ValueError('should be an amount above zero written as text, such as "10" or "0.50"')


def _cleaned(html: str) -> str:
    try:
        return merchant_html.clean(html)
    except BadInput as error:
        raise ValueError(error.detail.removesuffix(".")) from None


def _is_address(url: str, schemes: set[str]) -> bool:
    try:
        address = urlsplit(url)
        has_host = bool(address.hostname) and "@" not in address.netloc and address.port != 0
    except ValueError:  # brackets that do not close, a port that is no number
        return False
    return has_host and address.scheme in schemes


def _page(url: str, info: ValidationInfo) -> str:
    """A page of the store: an https address, or a path in the store. Never another scheme, never `//elsewhere`."""
    is_rehearsal = bool(info.context and info.context.get("rehearsal"))
    if len(url) <= 2000 and not _NOT_A_URL.search(url):
        if url.startswith("/") and not url.startswith("//"):
            return url
        if _is_address(url, {"https", "http"} if is_rehearsal else {"https"}):
            return url
    raise ValueError("should be an https address or a path that starts with one /")


Label = Annotated[str, Field(max_length=60), AfterValidator(_a_text)]
Title = Annotated[str, Field(max_length=200), AfterValidator(_a_text)]
RulesHtml = Annotated[str, AfterValidator(_cleaned)]
Labels = Annotated[dict[str, Label], AfterValidator(_languages), AfterValidator(_at_least_one)]
Titles = Annotated[dict[str, Title], AfterValidator(_languages), AfterValidator(_at_least_one)]
RulesTexts = Annotated[dict[str, RulesHtml], AfterValidator(_languages)]
PluralForms = Annotated[dict[str, Label], AfterValidator(_plural_forms)]
PointsNames = Annotated[dict[str, PluralForms], AfterValidator(_languages), AfterValidator(_at_least_one)]
Amount = Annotated[Decimal, BeforeValidator(_amount), PlainSerializer(lambda amount: f"{amount:f}", return_type=str)]
Page = Annotated[str, AfterValidator(_page)]
Id = Annotated[str, AfterValidator(_an_id)]
Colour = Annotated[str, AfterValidator(_a_colour)]
DelayDays = Annotated[int, Field(ge=0, le=MAX_DELAY_DAYS)]
RulePoints = Annotated[int, Field(ge=1, le=MAX_POINTS_OF_A_RULE)]


class _HasId(Protocol):
    @property
    def id(self) -> str: ...


Named = TypeVar("Named", bound=_HasId)


def _distinct_ids(parts: tuple[Named, ...]) -> tuple[Named, ...]:
    seen: set[str] = set()
    for part in parts:
        if part.id in seen:
            raise ValueError(f"uses the id {part.id!r} twice")
        seen.add(part.id)
    return parts


class Earn(_Part):
    """What an order earns: `points_per_step` for every `spend_step` of the shop's currency (docs/points-rules.md)."""

    spend_step: Amount = Decimal(10)
    points_per_step: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    base: Literal["items", "items_net", "total"] = "items"
    round: Literal["floor", "nearest", "ceil"] = "floor"
    pos: bool = True
    """Whether orders of the point of sale earn. The limit of S3.29 is not copied; a merchant may set it."""


class Assign(_Part):
    """When the points of an order become available: `delay_days` local days after `on` (S3.5)."""

    delay_days: DelayDays = 3
    on: Literal["collected", "paid", "shipped"] = "collected"
    arrived_carriers: Annotated[tuple[Label, ...], Field(strict=False, max_length=50)] = ("tcat",)

    def is_arrival_enough(self, carrier: str | None) -> bool:
        """True for carriers whose "arrived" counts as "collected" (S3.5: TCAT). Case does not matter."""
        return carrier is not None and carrier.casefold() in {known.casefold() for known in self.arrived_carriers}


GraceDays = Annotated[int, Field(ge=0, le=MAX_DELAY_DAYS)]
"""How long points live that come back (a returned reward) into a lot that has ended meanwhile."""


class FixedDay(_Part):
    """Points end with this day of the next year (S3.4). 29 February is the 28th in a year without it."""

    kind: Literal["fixed_day"]
    month: Annotated[int, Field(ge=1, le=12)]
    day: Annotated[int, Field(ge=1, le=31)]
    grace_days: GraceDays = 7

    @model_validator(mode="after")
    def _is_a_day(self) -> Self:
        try:
            date(2028, self.month, self.day)  # a year with 29 February
        except ValueError:
            raise ValueError(f"month {self.month} has no day {self.day}") from None
        return self


class AfterDays(_Part):
    """Points end with the local day that many days after they became available."""

    kind: Literal["days"]
    days: Annotated[int, Field(ge=1, le=MAX_LIFE_DAYS)]
    grace_days: GraceDays = 7


class Never(_Part):
    kind: Literal["never"] = "never"
    grace_days: GraceDays = 7


def _kind_of_expiry(value: Any) -> Any:
    if isinstance(value, Mapping) and not value.keys() & {"kind", "month", "day", "days"}:
        return {"kind": "never", **value}
    return value


Expiry = FixedDay | AfterDays | Never


class Limit(_Part):
    times: Annotated[int, Field(ge=1, le=1_000_000)] = 1


class Button(_Part):
    label: Labels
    url: Page


class Rule(_Part):
    """A way to earn besides orders."""

    id: Id
    kind: Literal["signup"]  # one more word for each kind that works
    points: RulePoints
    title: Titles
    delay_days: DelayDays = 0
    limit: Limit | None = None
    button: Button | None = None

    @model_validator(mode="after")
    def _is_not_the_order(self) -> Self:
        if self.id == ORDER_RULE:
            raise ValueError(f"id should not be {ORDER_RULE!r}: that is what orders earn by")
        return self

    @model_validator(mode="after")
    def _signs_up_once(self) -> Self:
        if self.kind == "signup" and self.limit is not None and self.limit.times != 1:
            raise ValueError("limit.times should be 1: a member signs up once")
        return self


class ReferralSide(_Part):
    points: Annotated[int, Field(ge=0, le=MAX_POINTS_OF_A_RULE)] = 0


class Referral(_Part):
    enabled: bool = False
    reward_when: Literal["registered", "first_order", "every_order"] = "registered"
    advocate: ReferralSide = ReferralSide(points=100)
    friend: ReferralSide = ReferralSide(points=50)
    hold_days: DelayDays = 0


class Level(_Part):
    id: Id
    starts_at: Annotated[int, Field(alias="from", ge=0, le=1_000_000_000_000)]
    name: Titles


def _distinct_starts(levels: tuple[Level, ...]) -> tuple[Level, ...]:
    if len({level.starts_at for level in levels}) < len(levels):
        raise ValueError("has two levels that start at the same value")
    return levels


class Tiers(_Part):
    basis: Literal["points_earned", "spend", "orders"] = "points_earned"
    window: Literal["lifetime", "calendar_year", "rolling_12_months"] = "rolling_12_months"
    levels: Annotated[
        tuple[Level, ...],
        Field(strict=False, min_length=1, max_length=MAX_LEVELS),
        AfterValidator(_distinct_ids),
        AfterValidator(_distinct_starts),
    ]


class Appearance(_Part):
    position: Literal["left", "right"] = "right"
    accent: Colour = "#7a3cff"
    launcher_label: Labels | None = None


class ProgramSettings(_Part):
    """All of section 8. Texts are maps from language to text; read them with `wording.pick`."""

    enabled: bool = True
    points_name: PointsNames
    earn: Earn = Earn()
    assign: Assign = Assign()
    expiry: Annotated[Expiry, Field(discriminator="kind"), BeforeValidator(_kind_of_expiry)] = Never()
    rules_text: RulesTexts = {}
    rules: Annotated[tuple[Rule, ...], Field(strict=False, max_length=MAX_RULES), AfterValidator(_distinct_ids)] = ()
    referral: Referral = Referral()
    tiers: Tiers | None = None
    appearance: Appearance = Appearance()


def parse(document: object, *, shop_locale: str, rehearsal: bool = False) -> ProgramSettings:
    """What the merchant wrote, with the defaults of a new shop for the keys left out.

    `shop_locale` chooses the default name of points. `rehearsal` (demo and tests) also allows http addresses.
    Raises BadInput: one sentence that says what is wrong and where, and `errors` with every mistake.
    """
    if not isinstance(document, dict):
        raise BadInput("The settings should be a JSON object.", [{"field": "", "message": "should be a JSON object"}])
    whole = {"points_name": default_points_name(shop_locale), **document}
    try:
        return ProgramSettings.model_validate(whole, context={"rehearsal": rehearsal})
    except ValidationError as error:
        raise _refusal(error) from None


def stored(document: dict[str, Any]) -> ProgramSettings:
    """A program version as `to_document` wrote it. Whether http was allowed was decided then."""
    return ProgramSettings.model_validate(document, context={"rehearsal": True})


def to_document(settings: ProgramSettings) -> dict[str, Any]:
    """Every key, the defaults written out, as JSON values. `parse` of it gives the same settings."""
    return settings.model_dump(mode="json", by_alias=True)


def _refusal(error: ValidationError) -> BadInput:
    errors = [
        {"field": _field(problem["loc"]), "message": _message(problem["type"], problem["msg"])}
        for problem in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    first = ": ".join(filter(None, errors[0].values()))
    more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
    return BadInput(f"The program's settings are not valid: {first}{more}.", errors[:_SHOWN_ERRORS])


def _field(location: tuple[int | str, ...]) -> str:
    """`rules.0.points`; without the kind that pydantic puts after `expiry`, and its mark for a key."""
    parts = [str(part)[:64] for part in location if part != "[key]"]
    if parts[:1] == ["expiry"] and parts[1:2] and parts[1] in {"fixed_day", "days", "never"}:
        del parts[1]
    return ".".join(parts)


_OWN_MESSAGES = {
    "extra_forbidden": "there is no such key",
    "union_tag_not_found": "needs a kind: fixed_day, days or never",
    "union_tag_invalid": "kind should be fixed_day, days or never",
    "too_short": "is empty",
}


def _message(kind: str, said: str) -> str:
    return _OWN_MESSAGES.get(kind) or mistakes.message(kind, said)
