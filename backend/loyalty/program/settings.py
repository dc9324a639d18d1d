"""The program's settings (contract section 8): what a merchant may write, checked, with the defaults of a new shop.

`parse` reads what a person wrote and refuses it in one sentence; `to_document` gives it back whole, and that is what a
program version stores; `stored` reads such a version again.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
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

from backend.errors import BadInput, Contradiction
from backend.loyalty import merchant_html, mistakes
from backend.loyalty.eligibility.eligibility_reading import read_rules, rules_to_document
from backend.loyalty.wording import PLURAL_FORMS, default_points_name, is_language_tag
from backend.platforms.events import time_text

ORDER_RULE = "order"
"""The id of what orders earn, beside the merchant's own rules."""
MAX_LANGUAGES = 60
MAX_RULES = 100
MAX_LEVELS = 50
MAX_POINTS_OF_A_RULE = 1_000_000
MAX_DELAY_DAYS = 3650
MAX_LIFE_DAYS = 36_500
_SHOWN_ERRORS = 20

MAX_ITEMS = 1000
MAX_FACTOR = 100

_FACTOR = re.compile(r"[0-9]{1,3}(\.[0-9]{1,2})?")
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


def in_distinct_languages(texts: dict[str, Any]) -> dict[str, Any]:
    """The texts, by tags of at most `MAX_LANGUAGES` languages. Raises ValueError."""
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


def _factor(value: object) -> Decimal:
    text = str(value) if type(value) is int else value
    if isinstance(text, str) and _FACTOR.fullmatch(text) and 0 < (factor := Decimal(text)) <= MAX_FACTOR:
        return factor
    raise ValueError(f'should be a number above 0 and up to {MAX_FACTOR} written as text, such as "2" or "1.5"')


def _moment(value: object) -> datetime:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not 1970 < moment.year < 9998:
        raise ValueError("should be a time with an offset such as 2026-12-24T00:00:00+01:00")
    return moment.astimezone(UTC)


def _eligibility(value: object) -> list[dict[str, Any]]:
    try:
        return rules_to_document(read_rules(value, field="eligibility"))
    except (BadInput, Contradiction) as error:
        raise ValueError(error.detail.removesuffix(".")) from None


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
Html = Annotated[str, AfterValidator(_cleaned)]
Labels = Annotated[dict[str, Label], AfterValidator(in_distinct_languages), AfterValidator(_at_least_one)]
Titles = Annotated[dict[str, Title], AfterValidator(in_distinct_languages), AfterValidator(_at_least_one)]
RulesTexts = Annotated[dict[str, Html], AfterValidator(in_distinct_languages)]
PluralForms = Annotated[dict[str, Label], AfterValidator(_plural_forms)]
PointsNames = Annotated[dict[str, PluralForms], AfterValidator(in_distinct_languages), AfterValidator(_at_least_one)]
Amount = Annotated[Decimal, BeforeValidator(_amount), PlainSerializer(lambda amount: f"{amount:f}", return_type=str)]
Page = Annotated[str, AfterValidator(_page)]
Id = Annotated[str, AfterValidator(_an_id)]
Colour = Annotated[str, AfterValidator(_a_colour)]
DelayDays = Annotated[int, Field(ge=0, le=MAX_DELAY_DAYS)]
RulePoints = Annotated[int, Field(ge=1, le=MAX_POINTS_OF_A_RULE)]
Factor = Annotated[Decimal, BeforeValidator(_factor), PlainSerializer(lambda factor: f"{factor:f}", return_type=str)]
Moment = Annotated[datetime, BeforeValidator(_moment), PlainSerializer(time_text, return_type=str)]
RewardId = Annotated[str, Field(pattern=r"^[0-9a-f]{24}$")]
"""The public id of a reward. One that is gone when it should be given is noted, and nothing is given."""
Eligibility = Annotated[tuple[dict[str, Any], ...], BeforeValidator(_eligibility), Field(strict=False)]
"""Who may earn by it: alternatives as in a reward's `member_eligibility_rules`; empty: everybody."""


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


Period = Literal["ever", "day", "week", "month", "year", "order"]
"""What a limit counts in: calendar periods of the shop's zone, weeks from Monday (ISO 8601)."""


class Limit(_Part):
    """How often a rule pays one member: `times` in each `per`."""

    times: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    per: Period = "ever"


_ONCE_EVER, _ONCE_A_YEAR = Limit(), Limit(per="year")


class Button(_Part):
    label: Labels
    url: Page


class Items(_Part):
    """Which lines of an order are meant: those that any of the lists names. All empty: every line."""

    product_ids: Annotated[tuple[Title, ...], Field(strict=False, max_length=MAX_ITEMS)] = ()
    skus: Annotated[tuple[Title, ...], Field(strict=False, max_length=MAX_ITEMS)] = ()
    categories: Annotated[tuple[Title, ...], Field(strict=False, max_length=MAX_ITEMS)] = ()

    @property
    def is_all(self) -> bool:
        return not (self.product_ids or self.skus or self.categories)


RuleKind = Literal[
    "signup",
    "first_order",
    "birthday",
    "newsletter",
    "visit",
    "follow",
    "share",
    "review",
    "event",
    "product",
    "exclusion",
    "multiplier",
]
CLAIMED = frozenset({"visit", "follow", "share"})
"""What members say they did: we cannot see it, and say so."""
OF_ORDERS = frozenset({"product", "exclusion", "multiplier"})
"""Rules that take part in what an order earns; the others give points of their own."""
ONCE = frozenset({"signup", "first_order"})


class Rule(_Part):
    """A way to earn besides what every order earns."""

    id: Id
    kind: RuleKind
    title: Titles
    text: Titles | None = None
    points: RulePoints | None = None
    """Each time; of `product` for each piece. Not with `multiplier` and `exclusion`."""
    factor: Factor | None = None
    """Of `multiplier`: the points of the lines it names, times this."""
    items: Items | None = None
    """Of `product`, `exclusion` and `multiplier`: which lines."""
    event: Id | None = None
    """Of `event`: its name in the merchant API. A `newsletter` or `review` is the event of that name."""
    network: Literal["facebook", "instagram", "tiktok", "youtube", "x", "pinterest", "line", "threads"] | None = None
    delay_days: DelayDays = 0
    limit: Limit | None = None
    eligibility: Eligibility = ()
    active_from: Moment | None = None
    active_to: Moment | None = None
    """Valid while active_from <= moment < active_to."""
    button: Button | None = None

    @property
    def event_name(self) -> str | None:
        """The event of the merchant API that this rule pays for."""
        return self.event if self.kind == "event" else self.kind if self.kind in ("newsletter", "review") else None

    def is_active(self, at: datetime) -> bool:
        return (self.active_from is None or self.active_from <= at) and (self.active_to is None or at < self.active_to)

    @model_validator(mode="after")
    def _is_not_the_order(self) -> Self:
        if self.id == ORDER_RULE:
            raise ValueError(f"id should not be {ORDER_RULE!r}: that is what orders earn by")
        return self

    @model_validator(mode="after")
    def _says_what_its_kind_needs(self) -> Self:
        if self.kind in ("multiplier", "exclusion"):
            if self.points is not None:
                raise ValueError(f"points should be left out: a rule of the kind {self.kind} gives none of its own")
        elif self.points is None:
            raise ValueError("points should be given")
        if (self.kind == "multiplier") != (self.factor is not None):
            raise ValueError("factor should be given for the kind multiplier, and for no other")
        if (self.kind == "event") != (self.event is not None):
            raise ValueError("event should be given for the kind event, and for no other")
        if self.items is not None and self.kind not in OF_ORDERS:
            raise ValueError("items should be given for the kinds product, exclusion and multiplier alone")
        if self.kind in ("product", "exclusion") and (self.items is None or self.items.is_all):
            raise ValueError("items should name product_ids, skus or categories")
        if self.kind in OF_ORDERS and self.delay_days:
            raise ValueError("delay_days should be 0: these points come with the order's")
        return self

    @model_validator(mode="after")
    def _starts_before_it_ends(self) -> Self:
        if self.active_from is not None and self.active_to is not None and self.active_from >= self.active_to:
            raise ValueError("active_to should be later than active_from")
        return self

    @model_validator(mode="after")
    def _has_a_limit_of_its_kind(self) -> Self:
        if self.limit is None:
            return self
        if self.kind == "signup" and (self.limit.times, self.limit.per) != (1, "ever"):
            raise ValueError("limit.times should be 1: a member signs up once")
        if self.kind == "first_order" and (self.limit.times, self.limit.per) != (1, "ever"):
            raise ValueError("limit.times should be 1: there is one first order")
        if self.kind == "birthday" and (self.limit.times, self.limit.per) != (1, "year"):
            raise ValueError("limit should be once a year: that is how often a birthday comes")
        if self.kind in ("multiplier", "exclusion"):
            raise ValueError(f"limit should be left out: a rule of the kind {self.kind} has none")
        if (self.limit.per == "order") != (self.kind == "product"):
            raise ValueError("limit.per should be order for the kind product, and for no other")
        return self

    @property
    def most(self) -> Limit | None:
        """How often it pays one member; None: as often as it happens."""
        if self.kind in ONCE or (self.kind in CLAIMED | {"newsletter"} and self.limit is None):
            return _ONCE_EVER
        return _ONCE_A_YEAR if self.kind == "birthday" else self.limit


class ReferralSide(_Part):
    """What one of the two gets: points, a reward by its id, or both."""

    points: Annotated[int, Field(ge=0, le=MAX_POINTS_OF_A_RULE)] = 0
    reward: RewardId | None = None


class ReferralCaps(_Part):
    """How many friends bring an advocate something; null: any number."""

    per_day: Annotated[int, Field(ge=1, le=1_000_000)] | None = 10
    per_month: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    total: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class Referral(_Part):
    enabled: bool = False
    reward_when: Literal["registered", "first_order", "every_order"] = "registered"
    advocate: ReferralSide = ReferralSide(points=100)
    friend: ReferralSide = ReferralSide(points=50)
    hold_days: DelayDays = 0
    caps: ReferralCaps = ReferralCaps()
    households: bool = False
    """Whether people who share an address or a connection may refer each other without a review."""
    text: Titles | None = None
    """What is shared with the link; left out: ours."""


class Level(_Part):
    id: Id
    starts_at: Annotated[int, Field(alias="from", ge=0, le=1_000_000_000_000)]
    name: Titles
    multiplier: Factor = Decimal(1)
    """Times which an order's points come to members of this level."""
    gift: RewardId | None = None
    """A reward that a member gets on entering the level, once for life."""
    perks: Annotated[tuple[Titles, ...], Field(strict=False, max_length=20)] = ()
    """What else the level brings, in words."""


def _distinct_starts(levels: tuple[Level, ...]) -> tuple[Level, ...]:
    if len({level.starts_at for level in levels}) < len(levels):
        raise ValueError("has two levels that start at the same value")
    return levels


class Downgrade(_Part):
    """What happens when a member no longer reaches their level."""

    policy: Literal["grace", "never"] = "grace"
    grace_days: DelayDays = 30
    """How long the level stays after it was last reached. The member hears of it when the time begins."""


class Tiers(_Part):
    basis: Literal["points_earned", "spend", "orders"] = "points_earned"
    window: Literal["lifetime", "calendar_year", "rolling_12_months"] = "rolling_12_months"
    levels: Annotated[
        tuple[Level, ...],
        Field(strict=False, min_length=1, max_length=MAX_LEVELS),
        AfterValidator(_distinct_ids),
        AfterValidator(_distinct_starts),
    ]
    downgrade: Downgrade = Downgrade()


class Notifications(_Part):
    """Which mails members get; false: quiet. What takes points away is always told: its switch is not here (decision 3)."""

    points_earned: bool = True
    reward_issued: bool = True
    reward_available: bool = True
    tier_changed: bool = True
    referral_rewarded: bool = True


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
    notifications: Notifications = Notifications()
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
