"""Everything that a merchant may say of a reward (S0.14 to S0.43, S2.5 to S2.30, contract section 6), checked.

`parse` reads what a person wrote and refuses it in one sentence; `to_document` gives it back whole, as it was meant;
`stored` reads again what `to_document` wrote. Texts are in the shop's own language, `translations` holds the others.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo

from babel.numbers import get_currency_symbol
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    model_validator,
)

from backend.errors import BadInput, Contradiction
from backend.loyalty import mistakes
from backend.loyalty.calendar_rules import first_instant
from backend.loyalty.eligibility import eligibility
from backend.loyalty.eligibility.eligibility_reading import OUT_OF_ORDER
from backend.loyalty.program.settings import Amount, Html, Label, Page, Title, in_distinct_languages
from backend.loyalty.wording import pick
from backend.money import quantum

RewardType = Literal["coupon_based_reward", "gift", "event_invitation", "cashback", "custom"]
RewardSubType = Literal["fixed_amount_discount", "percentage_discount", "value_code", "free_shipping"]
GivenAs = Literal["code", "gift_card", "store_credit"]
"""What a value code is to the store: an amount off, or money. Only Shopify has the latter two (docs/decisions/0031)."""
CouponSource = Literal["none", "uploaded", "made", "each"]
"""`made`: ahead of need; `each`: for each redemption by itself, so that there is never a stock."""

MAX_POINTS = 1_000_000_000
MAX_WHOLE_VALUE = 1_000_000_000_000
MAX_UPLOADED = 100_000
"""Codes in one request."""
MAX_TAGS_IN_ALL = 5_000
"""Of all texts of a reward together: cleaning costs time by tags (`merchant_html.MAX_TAGS`), and there are many texts."""
_SHOWN_ERRORS = 20

FITS: Mapping[RewardType, frozenset[str]] = {
    "coupon_based_reward": frozenset(
        {"reward_sub_type", "given_as", "points_to_be_redeemed", "minimum_subtotal", "custom_transaction_attributes",
         "coupons", "code_prefix", "coupon_valid_days", "points_back_when_expired"}
    ),
    "gift": frozenset(
        {"points_to_be_redeemed", "minimum_subtotal", "product_id", "custom_transaction_attributes", "code_prefix",
         "coupon_valid_days", "points_back_when_expired"}
    ),
    "event_invitation": frozenset(
        {"points_to_be_redeemed", "custom_transaction_attributes", "coupons", "coupon_valid_days",
         "points_back_when_expired"}
    ),
    "cashback": frozenset({"point_value", "code_prefix"}),
    "custom": frozenset(
        {"points_to_be_redeemed", "custom_transaction_attributes", "coupons", "coupon_valid_days",
         "points_back_when_expired"}
    ),
}  # fmt: skip
"""Fields that some types alone have (S0.13); all others belong to every type."""
NEEDS: Mapping[RewardType, tuple[str, ...]] = {
    "coupon_based_reward": ("reward_sub_type", "points_to_be_redeemed"),
    "gift": ("points_to_be_redeemed",),
    "event_invitation": ("points_to_be_redeemed",),
    "cashback": ("point_value",),
    "custom": ("points_to_be_redeemed",),
}
OF_SOME_TYPES = frozenset().union(*FITS.values())

_WHOLE = re.compile(r"-?[0-9]{1,10}")
_REWARD_ID = re.compile(r"[^\x00-\x20\x7f-\xa0\ud800-\udfff]{1,100}")
_ATTRIBUTE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PREFIX = re.compile(r"[A-Za-z0-9_-]{1,16}")
_NOT_IN_A_PREFIX = re.compile("[_-]")
LONGEST_GIFT_CARD_PREFIX = 8
"""Of the 20 characters that a gift card's code may have at Shopify, 12 are random."""
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_WORTH = re.compile(
    r"(?P<before>[^\d\s%.,+-]{1,4})?\s?(?P<number>[0-9]{1,12}(\.[0-9]{1,4})?)\s?(?P<after>[^\d\s.,+-]{1,4})?"
)
_PERCENTAGE = re.compile(r"[0-9]{1,3}(\.[0-9]{1,2})?\s?%?")
_NOT_OF_AN_ID = re.compile(r"[^a-z0-9]+")
_NOT_OF_A_REWARD_ID = re.compile(r"[\s\x00-\x20\x7f-\xa0\ud800-\udfff]+")
_DISCOUNTS = {
    "fixed_amount_discount": "fixed_amount",
    "value_code": "fixed_amount",
    "percentage_discount": "percentage",
    "free_shipping": "free_shipping",
}
_MONEY = ("fixed_amount", "gift_card", "store_credit")
"""Kinds of worth that are an amount."""
_EARLIEST, _LATEST = date(1, 1, 3), date(9998, 12, 30)
"""Days further out mean "always" all the same, and have no instant in every zone."""


class Unfit(BadInput):
    """Each field is fine by itself, and the reward's type lacks one or needs another (S0.13)."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


def _flag(value: object) -> object:
    """The document's strings are taken as well (S2.30)."""
    return (
        {"True": True, "true": True, "False": False, "false": False}.get(value, value)
        if isinstance(value, str)
        else value
    )


def _whole(value: object) -> object:
    return int(value) if isinstance(value, str) and _WHOLE.fullmatch(value) else value


def _trimmed(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


def _a_reward_id(text: str) -> str:
    if not _REWARD_ID.fullmatch(text):
        raise ValueError("should be 1 to 100 characters without spaces, such as $5_OFF")
    return text


def _an_attribute_id(text: str) -> str:
    if not _ATTRIBUTE_ID.fullmatch(text):
        raise ValueError("should be 1 to 64 of the characters A-Z, a-z, 0-9, _ and -")
    return text


def _a_prefix(text: str) -> str:
    if not _PREFIX.fullmatch(text):
        raise ValueError("should be 1 to 16 of the characters A-Z, a-z, 0-9, _ and -")
    return text


def _elsewhere(url: str) -> str:
    if url.startswith("/"):
        raise ValueError("should be an https address")
    return url


def _a_day_or_time(text: str) -> str:
    _instant_of(text)
    return text


def _instant_of(text: str) -> date | datetime:
    """A day, or an instant. Raises ValueError."""
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
        if _RFC_3339.fullmatch(text):
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("should be a day such as 2026-12-31, or a time with an offset such as 2026-12-31T23:00:00Z")


def _a_worth_text(value: object) -> object:
    return str(value) if type(value) is int and 0 <= value < MAX_WHOLE_VALUE else value


def _a_rate(value: object) -> Decimal:
    text = str(value) if type(value) is int else value
    if isinstance(text, str) and re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,4})?", text) and Decimal(text) <= 100:
        return Decimal(text)
    raise ValueError('should be a percentage from 0 to 100 written as text, such as "23" or "5.5"')


def _money(value: object) -> Decimal:
    text = str(value) if type(value) is int else value
    if isinstance(text, str) and re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,4})?", text):
        return Decimal(text)
    raise ValueError('should be an amount written as text, such as "10" or "0.50"')


_AsText = PlainSerializer(lambda amount: f"{amount:f}", return_type=str)

Flag = Annotated[bool, BeforeValidator(_flag)]
Name = Annotated[Title, BeforeValidator(_trimmed)]
RewardId = Annotated[str, AfterValidator(_a_reward_id)]
Picture = Annotated[Page, AfterValidator(_elsewhere)]
Sentence = Annotated[str, Field(max_length=500)]
Worth = Annotated[Label, BeforeValidator(_a_worth_text)]
Money = Annotated[Decimal, BeforeValidator(_money), _AsText]
Rate = Annotated[Decimal, BeforeValidator(_a_rate), _AsText]
DayOrTime = Annotated[str, AfterValidator(_a_day_or_time)]


Points = Annotated[Annotated[int, Field(ge=0, le=MAX_POINTS)], BeforeValidator(_whole)]
Limit = Annotated[Annotated[int, Field(ge=1, le=MAX_POINTS)], BeforeValidator(_whole)]
MemberLimit = Annotated[Annotated[int, Field(ge=1, le=1_000_000)], BeforeValidator(_whole)]
Days = Annotated[Annotated[int, Field(ge=1, le=36_500)], BeforeValidator(_whole)]
Rank = Annotated[Annotated[int, Field(ge=-1_000_000, le=1_000_000)], BeforeValidator(_whole)]


class Attribute(_Part):
    """What a member is asked for when redeeming; carried by the ledger's entry (S2.28)."""

    attribute_name: Title
    attribute_type: Literal["Text", "Number", "Date", "Boolean"] = "Text"
    attribute_id: Annotated[str, AfterValidator(_an_attribute_id)]
    """Left out: made of the name, `Source Of Redemption` becoming `source_of_redemption`."""
    is_attribute_mandatory: Flag = False

    @model_validator(mode="before")
    @classmethod
    def _has_an_id(cls, value: Any) -> Any:
        if not isinstance(value, dict) or value.get("attribute_id") is not None:
            return value
        name = value.get("attribute_name")
        made = _NOT_OF_AN_ID.sub("_", name.lower()).strip("_")[:64] if isinstance(name, str) else ""
        return {**value, "attribute_id": made or "attribute"}


class Brand(_Part):
    """S0.16, S0.17, S0.35."""

    name: Title | None = None
    description: Html | None = None
    image_url: Picture | None = None


class BrandTranslation(_Part):
    name: Title | None = None
    description: Html | None = None


class Translation(_Part):
    """The texts in another language (S0.18). What is left out is read in the shop's own."""

    reward_name: Name | None = None
    enduser_reward_short_description: Html | None = None
    enduser_reward_confirmation_html: Html | None = None
    enduser_reward_post_confirmation_html: Html | None = None
    push_notification_text: Sentence | None = None
    brand: BrandTranslation | None = None


class RewardLabel(_Part):
    """For filters of the API (S0.30 to S0.32)."""

    key: Title
    value: Title


class RewardDefinition(_Part):
    """A reward as its merchant describes it."""

    reward_name: Name
    reward_id: RewardId | None = None
    """None: made of the name (`id_from_name`)."""
    is_active: Flag = True
    reward_type: RewardType
    reward_sub_type: RewardSubType | None = None
    given_as: Annotated[GivenAs, Field(exclude_if=lambda given_as: given_as == "code")] = "code"
    """Of a value code. A document that is older than the choice says nothing of it, and so does one of the first kind."""
    show_on_guest_dashboard: Flag = False
    reward_card_background_image_url: Picture | None = None
    enduser_reward_short_description: Html | None = None
    enduser_reward_confirmation_html: Html | None = None
    enduser_reward_post_confirmation_html: Html | None = None
    points_to_be_redeemed: Points | None = None
    reward_value: Worth | None = None
    """As it is shown; `worth` reads the amount in it."""
    minimum_subtotal: Amount | None = None
    product_id: Title | None = None
    member_eligibility_rules: Annotated[tuple[Any, ...], Field(strict=False)] = ()
    """As `eligibility.rules_to_document` writes them."""
    custom_transaction_attributes: Annotated[tuple[Attribute, ...], Field(strict=False, max_length=20)] = ()
    point_value: Amount | None = None
    active_from: DayOrTime | None = None
    active_to: DayOrTime | None = None
    """A day is the last one (S0.39); a time is the first moment at which it is over."""
    limit_total: Limit | None = None
    limit_per_member: MemberLimit | None = None
    coupon_valid_days: Days | None = None
    points_back_when_expired: Flag = False
    code_prefix: Annotated[str, AfterValidator(_a_prefix)] | None = None
    translations: Annotated[dict[str, Translation], AfterValidator(in_distinct_languages)] = {}
    brand: Brand | None = None
    more_information_url: Page | None = None
    push_notification_text: Sentence | None = None
    labels: Annotated[tuple[RewardLabel, ...], Field(strict=False, max_length=100)] = ()
    categories: Annotated[tuple[Label, ...], Field(strict=False, max_length=50)] = ()
    tax_rate: Rate | None = None
    tax_value: Money | None = None
    featured: Flag = False
    public: Flag = False
    target: dict[str, Any] | None = None
    """As `eligibility.target_to_document` writes it."""
    rank: Rank = 0


class NewReward(RewardDefinition):
    """What is said when the reward is made, with the codes that the merchant brings along."""

    coupons: Annotated[tuple[str, ...] | None, Field(strict=False, max_length=MAX_UPLOADED)] = None


@dataclass(frozen=True, slots=True)
class RewardTexts:
    """A reward's texts in one language, each by itself in the nearest language that has it."""

    name: str
    short_description: str | None
    confirmation_html: str | None
    post_confirmation_html: str | None
    push_notification_text: str | None
    brand_name: str | None
    brand_description: str | None


def parse_new(
    document: object, *, currency: str, tz: ZoneInfo, rehearsal: bool = False, is_shopify: bool = False
) -> tuple[RewardDefinition, tuple[str, ...] | None]:
    """The definition of a new reward and the codes that came along, None if we make them.

    Raises as `parse` does.
    """
    made = _parsed(NewReward, document, currency, tz, rehearsal, is_uploaded=False, is_shopify=is_shopify)
    said = {name: getattr(made, name) for name in RewardDefinition.model_fields}
    return RewardDefinition.model_construct(**said), made.coupons


def parse(
    document: object,
    *,
    currency: str,
    tz: ZoneInfo,
    is_uploaded: bool = False,
    rehearsal: bool = False,
    is_shopify: bool = False,
) -> RewardDefinition:
    """What the merchant wrote, null meaning the same as left out. `is_uploaded`: its codes are the merchant's own;
    `is_shopify`: the store can pay in gift cards and store credit.

    Raises BadInput for what is wrong by itself or does not fit the type, Contradiction for parts that do not go
    together: one sentence that names the field, and `errors` with every mistake. `rehearsal` also allows http.
    """
    return _parsed(RewardDefinition, document, currency, tz, rehearsal, is_uploaded, is_shopify)


def stored(document: Mapping[str, Any]) -> RewardDefinition:
    """A definition as `to_document` wrote it. Whether http was allowed was decided then."""
    return RewardDefinition.model_validate(document, context={"rehearsal": True})


def to_document(definition: RewardDefinition) -> dict[str, Any]:
    """Every field, the defaults written out but for `given_as`, as JSON values. `parse` of it gives the same definition."""
    return definition.model_dump(mode="json")


def to_strings(value: Any) -> Any:
    """The document's own form (S2.30): numbers and booleans as strings, `"500"` and `"True"`."""
    if isinstance(value, dict):
        return {key: to_strings(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [to_strings(each) for each in value]
    return str(value) if isinstance(value, bool | int) else value


# What follows from a definition


def coupon_source(definition: RewardDefinition, is_uploaded: bool) -> CouponSource:
    """Whose codes the reward has: the merchant's, ours, or none. A gift has codes if it names a product of the store."""
    if is_uploaded:
        return "uploaded"
    if definition.given_as != "code":
        return "each"
    is_made = definition.reward_type == "coupon_based_reward" or definition.product_id is not None
    return "made" if is_made else "none"


def worth(definition: RewardDefinition, currency: str) -> dict[str, Any] | None:
    """What the store is told of a code of this reward, or None if its codes mean nothing to a store."""
    kind: str
    if definition.reward_sub_type is not None:
        kind = _DISCOUNTS[definition.reward_sub_type] if definition.given_as == "code" else definition.given_as
    elif definition.product_id is not None:
        kind = "gift"
    else:
        return None
    value = None
    if kind in (*_MONEY, "percentage"):
        number = _number(definition.reward_value or "")
        if number is not None:
            value = _plain(number) if kind == "percentage" else f"{number.quantize(quantum(currency)):f}"
    return {
        "kind": kind,
        "value": value,
        "currency": currency,
        "product_id": definition.product_id,
        "minimum_subtotal": None if definition.minimum_subtotal is None else f"{definition.minimum_subtotal:f}",
    }


def active_from(definition: RewardDefinition, tz: ZoneInfo) -> datetime | None:
    """The first instant at which it is available; None: always was (S0.38)."""
    return _instant(definition.active_from, tz, days_later=0)


def active_to(definition: RewardDefinition, tz: ZoneInfo) -> datetime | None:
    """The first instant at which it is over: after a day, the next local midnight (S0.39); None: never."""
    return _instant(definition.active_to, tz, days_later=1)


def id_from_name(name: str) -> str:
    """`$5 OFF` becomes `$5_OFF` (S2.6)."""
    return _NOT_OF_A_REWARD_ID.sub("_", name.strip())[:90]


def warnings(definition: RewardDefinition, currency: str) -> list[str]:
    """What is allowed and probably not meant, one sentence each."""
    said = []
    tax, coin = _expected_tax(definition), quantum(currency)
    if tax is not None and definition.tax_value is not None and abs(definition.tax_value - tax) > coin / 2:
        said.append(
            f"tax_value is {definition.tax_value:f}, and {definition.tax_rate:f} % of {definition.reward_value}"
            f" is {tax.quantize(coin):f}."
        )
    told = worth(definition, currency)
    if told is not None and told["kind"] in _MONEY and definition.reward_value:
        match = _WORTH.fullmatch(definition.reward_value)
        signs = {sign for sign in (match["before"], match["after"]) if sign} if match else set()
        if signs - {currency, get_currency_symbol(currency, locale="en"), _narrow_symbol(currency)}:
            said.append(f"reward_value is shown as {definition.reward_value} and is worth {told['value']} {currency}.")
    return said


def texts_in(definition: RewardDefinition, language: str | None, shop_locale: str) -> RewardTexts:
    """The texts for a reader of that language: each in it, else in the shop's own, by `wording.pick`."""

    def text(of: str, own: str | None) -> str | None:
        others = {tag: said for tag, each in definition.translations.items() if (said := getattr(each, of)) is not None}
        return pick(others if own is None else {shop_locale: own} | others, language, shop_locale)

    def of_brand(of: str) -> str | None:
        own = getattr(definition.brand, of) if definition.brand else None
        others = {
            tag: said
            for tag, each in definition.translations.items()
            if each.brand is not None and (said := getattr(each.brand, of)) is not None
        }
        return pick(others if own is None else {shop_locale: own} | others, language, shop_locale)

    return RewardTexts(
        name=text("reward_name", definition.reward_name) or definition.reward_name,
        short_description=text("enduser_reward_short_description", definition.enduser_reward_short_description),
        confirmation_html=text("enduser_reward_confirmation_html", definition.enduser_reward_confirmation_html),
        post_confirmation_html=text(
            "enduser_reward_post_confirmation_html", definition.enduser_reward_post_confirmation_html
        ),
        push_notification_text=text("push_notification_text", definition.push_notification_text),
        brand_name=of_brand("name"),
        brand_description=of_brand("description"),
    )


def _instant(text: str | None, tz: ZoneInfo, days_later: int) -> datetime | None:
    if text is None:
        return None
    found = _instant_of(text)
    if isinstance(found, datetime):
        return found
    return first_instant(min(max(found, _EARLIEST), _LATEST) + timedelta(days=days_later), tz)


def _number(text: str) -> Decimal | None:
    """The amount in `$5`, `5.00`, `5 EUR` or `10%`."""
    match = _WORTH.fullmatch(text.strip())
    return Decimal(match["number"]) if match else None


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


def _narrow_symbol(currency: str) -> str:
    return get_currency_symbol(currency, locale="en").lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ") or currency


def _expected_tax(definition: RewardDefinition) -> Decimal | None:
    """The rate of the reward's value (A9), which has more decimals than any coin."""
    value = _number(definition.reward_value or "")
    if value is None or definition.tax_rate is None or "%" in (definition.reward_value or ""):
        return None
    return value * definition.tax_rate / 100


# Checking

Model = TypeVar("Model", bound=RewardDefinition)


def _parsed(
    model: type[Model],
    document: object,
    currency: str,
    tz: ZoneInfo,
    rehearsal: bool,
    is_uploaded: bool,
    is_shopify: bool,
) -> Model:
    if not isinstance(document, dict):
        raise BadInput("The reward should be a JSON object.", [{"field": "", "message": "should be a JSON object"}])
    given = {name: value for name, value in document.items() if value is not None or name not in model.model_fields}
    if _tags_in(given) > MAX_TAGS_IN_ALL:
        raise BadInput(f"The texts of the reward have more than {MAX_TAGS_IN_ALL:,} tags in all.")
    errors = _take_over_audience(given)
    out_of_order = [each for each in errors if each["message"].endswith(OUT_OF_ORDER)]
    errors = [each for each in errors if each not in out_of_order]
    try:
        definition = model.model_validate(given, context={"rehearsal": rehearsal})
    except ValidationError as refused:
        raise _refusal([*mistakes.errors_of(refused), *errors]) from None
    if errors:
        raise _refusal(errors)
    if unfit := list(_unfit(definition)):
        raise Unfit(mistakes.sentence("The reward", unfit), unfit[:_SHOWN_ERRORS])
    is_uploaded = is_uploaded or getattr(definition, "coupons", None) is not None
    contradictions = [*out_of_order, *_contradictions(definition, currency, tz, is_uploaded)]
    if definition.given_as != "code":
        contradictions += _against_money(definition, is_uploaded, is_shopify)
    if contradictions:
        raise Contradiction(mistakes.sentence("The reward", contradictions), contradictions)
    return definition


def _take_over_audience(given: dict[str, Any]) -> list[dict[str, str]]:
    """Who may have it is another module's language: puts its own form into `given`; what it refuses."""
    errors: list[dict[str, str]] = []
    try:
        if "member_eligibility_rules" in given:
            rules = eligibility.read_rules(given.pop("member_eligibility_rules"))
            given["member_eligibility_rules"] = eligibility.rules_to_document(rules)
    except (BadInput, Contradiction) as refused:
        errors += refused.errors or [{"field": "member_eligibility_rules", "message": refused.detail}]
    try:
        if "target" in given:
            given["target"] = eligibility.target_to_document(eligibility.read_target(given.pop("target")))
    except BadInput as refused:
        errors += refused.errors or [{"field": "target", "message": refused.detail}]
    return errors


def _unfit(definition: RewardDefinition) -> Iterator[dict[str, str]]:
    """Fields that the type lacks, and needs (S0.13)."""
    kind = definition.reward_type
    for name in type(definition).model_fields:
        value, default = getattr(definition, name), type(definition).model_fields[name].default
        if name in NEEDS[kind] and value is None:
            yield {"field": name, "message": f"is missing: a reward of the type {kind} needs it"}
        elif name in OF_SOME_TYPES - FITS[kind] and value != default:
            yield {"field": name, "message": f"does not fit a reward of the type {kind}"}
    if definition.given_as != "code" and kind == "coupon_based_reward" and definition.reward_sub_type != "value_code":
        yield {"field": "given_as", "message": "is for value codes: every other code is something off an order"}
    told = _DISCOUNTS.get(definition.reward_sub_type or "")
    number = _number(definition.reward_value or "")
    if told == "fixed_amount" and (number is None or not number or "%" in (definition.reward_value or "")):
        yield {"field": "reward_value", "message": 'should be an amount above zero, such as "5", "5.00" or "€5"'}
    if told == "percentage" and not (
        number is not None and 0 < number <= 100 and _PERCENTAGE.fullmatch(definition.reward_value or "")
    ):
        yield {
            "field": "reward_value",
            "message": 'should be a percentage above 0 and at most 100, such as "10" or "10%"',
        }


def _contradictions(
    definition: RewardDefinition, currency: str, tz: ZoneInfo, is_uploaded: bool
) -> Iterator[dict[str, str]]:
    """What no field is wrong of by itself, nor by the type alone."""
    starts, ends = active_from(definition, tz), active_to(definition, tz)
    if starts is not None and ends is not None and starts >= ends:
        yield {"field": "active_to", "message": "should not be before active_from"}
    ids = [each.attribute_id for each in definition.custom_transaction_attributes]
    if len(set(ids)) < len(ids):
        yield {"field": "custom_transaction_attributes", "message": "two attributes have the same attribute_id"}
    smallest = quantum(currency)
    amounts = {"minimum_subtotal": definition.minimum_subtotal, "tax_value": definition.tax_value}
    if _DISCOUNTS.get(definition.reward_sub_type or "") == "fixed_amount":
        amounts["reward_value"] = _number(definition.reward_value or "")
    for name, amount in amounts.items():
        if amount is not None and amount % smallest:
            yield {"field": name, "message": f"has more decimals than {currency} has"}
    has_our_codes = definition.reward_type == "cashback" or coupon_source(definition, is_uploaded) in ("made", "each")
    if definition.code_prefix is not None and not has_our_codes:
        yield {"field": "code_prefix", "message": "is for codes that we make, and this reward has none"}
    if definition.minimum_subtotal is not None and worth(definition, currency) is None:
        yield {"field": "minimum_subtotal", "message": "is for discounts and for gifts with a product_id"}


def _against_money(definition: RewardDefinition, is_uploaded: bool, is_shopify: bool) -> Iterator[dict[str, str]]:
    """What does not go together with a gift card or store credit."""
    if not is_shopify:
        yield {"field": "given_as", "message": "only a shop on Shopify pays in gift cards and store credit"}
    if is_uploaded:
        yield {"field": "coupons", "message": "are for codes: gift cards and store credit are made by the store"}
    if definition.minimum_subtotal is not None:
        yield {"field": "minimum_subtotal", "message": "is for discounts: money is good for every order"}
    if definition.code_prefix is None:
        return
    if definition.given_as == "store_credit":
        yield {"field": "code_prefix", "message": "is for codes, and store credit has none"}
    elif len(_NOT_IN_A_PREFIX.sub("", definition.code_prefix)) > LONGEST_GIFT_CARD_PREFIX:
        longest = LONGEST_GIFT_CARD_PREFIX
        yield {"field": "code_prefix", "message": f"of a gift card should have at most {longest} letters and digits"}


def _tags_in(value: Any) -> int:
    if isinstance(value, str):
        return value.count("<")
    if isinstance(value, dict):
        return sum(map(_tags_in, value.values()))
    return sum(map(_tags_in, value)) if isinstance(value, list | tuple) else 0


def _refusal(errors: list[dict[str, str]]) -> BadInput:
    return BadInput(mistakes.sentence("The reward", errors), errors[:_SHOWN_ERRORS])
