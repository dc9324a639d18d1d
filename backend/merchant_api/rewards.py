"""Rewards: what there is, what a member may have, making and changing them, and the codes they come with."""

import csv
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, Literal

from babel import Locale
from flask import current_app
from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema
from sqlalchemy import text

from backend.errors import BadInput, Contradiction
from backend.ledger.posting import AnySession
from backend.loyalty.coupons import coupons as coupon_stock
from backend.loyalty.eligibility import eligibility, member_facts
from backend.loyalty.program import programs
from backend.loyalty.rewards import campaigns, reward_definition, rewards
from backend.loyalty.rewards.reward_definition import RewardSubType, RewardType, Unfit
from backend.loyalty.shops import shops
from backend.loyalty.shops.shops import ShopFacts
from backend.merchant_api import rewards_schema
from backend.merchant_api.members import MemberRef, find
from backend.merchant_api.operations import Call, DocumentedAs, operation
from backend.merchant_api.paging import DEFAULT_LIMIT, MAX_LIMIT, Limit, Page, PageQuery, cut
from backend.merchant_api.shapes import NO_CONTROLS, Given, Query, Shown, example

SHOWN_CODES = 200
"""Of the free codes, when one reward is read."""
_DIGITS = re.compile("[0-9]{1,9}")

_Flag = bool | Literal["True", "False"]
_Whole = int | Annotated[str, Field(pattern="^-?[0-9]+$")]
_Id = Annotated[str, Field(pattern="^[0-9a-f]{24}$")]
_Moment = Annotated[
    str,
    Field(pattern=r"^[0-9]{2}/[0-9]{2}/[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2}$", description="`MM/DD/YYYY HH:MM:SS`, UTC"),
]


def _read_flag(value: object) -> object:
    """`true`, and `True` as the document writes it (S2.30)."""
    known = {"true": True, "True": True, "false": False, "False": False}
    return known.get(value, value) if isinstance(value, str) else value


def _read_whole(value: object) -> object:
    return int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else value


AskedFlag = Annotated[Annotated[bool, Field(strict=True)], BeforeValidator(_read_flag)]
Format = Literal["typed", "strings"]
_FORMAT = Field(description="`strings`: numbers and booleans as the strings `500` and `True`")
_Text = Annotated[str, Field(max_length=255, pattern=NO_CONTROLS)]
_Stock = Literal["ok", "low", "empty"]


class CouponsInfo(Shown):
    """The codes of a reward. Issued and redeemed are counted separately."""

    total_coupons: Annotated[_Whole, Field(description="issued ones and free ones")]
    issued_coupons: Annotated[_Whole, Field(description="members have or had them")]
    redeemed_coupons: Annotated[_Whole, Field(description="used in an order")]
    available_coupons: Annotated[_Whole, Field(description="free ones")]
    stock: Annotated[_Stock | None, Field(description="null if it has no codes in stock")]
    coupons: Annotated[
        list[str] | None, Field(description=f"up to {SHOWN_CODES} free codes; null unless one reward is read")
    ]


class Attribute(Shown):
    """What a member is asked for."""

    attribute_name: str
    attribute_type: Literal["Text", "Number", "Date", "Boolean"]
    attribute_id: str
    is_attribute_mandatory: _Flag


class Brand(Shown):
    name: str | None
    description: Annotated[str | None, Field(description="HTML")]
    image_url: str | None


class Label(Shown):
    key: str
    value: str


_HTML = Field(description="HTML")

EXAMPLE: dict[str, Any] = {
    "id": "000000000000000000000011",
    "reward_id": "$5_OFF",
    "reward_name": "$5 OFF",
    "is_active": True,
    "reward_type": "coupon_based_reward",
    "reward_sub_type": "fixed_amount_discount",
    "show_on_guest_dashboard": True,
    "reward_card_background_image_url": None,
    "enduser_reward_short_description": "$5 OFF for 500 points",
    "enduser_reward_confirmation_html": "<p>You get {{reward_name}} for {{points}} points. Do you wish to confirm?</p>",
    "enduser_reward_post_confirmation_html": "<p>Your code: {{coupon_code}}</p>",
    "points_to_be_redeemed": 500,
    "reward_value": "$5",
    "minimum_subtotal": None,
    "product_id": None,
    "coupons_info": {
        "total_coupons": 102,
        "issued_coupons": 4,
        "redeemed_coupons": 0,
        "available_coupons": 98,
        "stock": "ok",
        "coupons": None,
    },
    "coupon_source": "uploaded",
    "member_eligibility_rules": rewards_schema.EXAMPLE["member_eligibility_rules"],
    "target": None,
    "custom_transaction_attributes": [
        {
            "attribute_name": "Source Of Redemption",
            "attribute_type": "Text",
            "attribute_id": "source_of_redemption",
            "is_attribute_mandatory": False,
        }
    ],
    "point_value": None,
    "active_from": None,
    "active_to": "2026-12-31",
    "limit_total": None,
    "limit_per_member": 1,
    "coupon_valid_days": 90,
    "points_back_when_expired": False,
    "code_prefix": None,
    "translations": {},
    "brand": None,
    "more_information_url": None,
    "push_notification_text": None,
    "labels": [{"key": "Event", "value": "Birthday"}],
    "categories": [],
    "tax_rate": None,
    "tax_value": None,
    "featured": False,
    "public": True,
    "rank": 0,
    "created_date": "11/23/2026 06:50:00",
    "last_modified_date": "11/23/2026 06:50:00",
    "warnings": [],
}


class Reward(Shown):
    """A reward, with the names of the documents."""

    model_config = example(**EXAMPLE)

    id: _Id
    reward_id: Annotated[str, Field(description="the merchant's own name for it")]
    reward_name: str
    is_active: Annotated[_Flag, Field(description="false: not to be had, whatever the dates say")]
    reward_type: RewardType
    reward_sub_type: RewardSubType | None
    given_as: Annotated[
        reward_definition.GivenAs,
        Field(
            exclude_if=lambda given_as: given_as == "code",
            description="of a value code that a shop on Shopify pays as money; left out of all others",
        ),
    ] = "code"
    show_on_guest_dashboard: _Flag
    reward_card_background_image_url: str | None
    enduser_reward_short_description: Annotated[str | None, _HTML]
    enduser_reward_confirmation_html: Annotated[str | None, _HTML]
    enduser_reward_post_confirmation_html: Annotated[str | None, _HTML]
    points_to_be_redeemed: Annotated[_Whole | None, Field(description="its price; null for cashback")]
    reward_value: str | None
    minimum_subtotal: str | None
    product_id: str | None
    coupons_info: CouponsInfo
    coupon_source: Annotated[
        reward_definition.CouponSource,
        Field(
            description="made: codes of ours; uploaded: your own; each: made by the store for each redemption; none: no codes"
        ),
    ]
    member_eligibility_rules: list[dict[str, Any]]
    target: dict[str, Any] | None
    custom_transaction_attributes: list[Attribute]
    point_value: Annotated[str | None, Field(description="of cashback: what one point is worth")]
    active_from: str | None
    active_to: Annotated[str | None, Field(description="a day is the last one; a moment is when it is over")]
    limit_total: _Whole | None
    limit_per_member: _Whole | None
    coupon_valid_days: _Whole | None
    points_back_when_expired: _Flag
    code_prefix: str | None
    translations: dict[str, dict[str, Any]]
    brand: Brand | None
    more_information_url: str | None
    push_notification_text: str | None
    labels: list[Label]
    categories: list[str]
    tax_rate: Annotated[str | None, Field(description="in percent")]
    tax_value: str | None
    featured: _Flag
    public: _Flag
    rank: _Whole
    created_date: _Moment
    last_modified_date: _Moment
    warnings: Annotated[list[str], Field(description="what is allowed and probably not meant")]


class Rewards(Page[Reward]):
    """A page of rewards."""


class RewardsQuery(PageQuery):
    label: Annotated[_Text | None, Field(description="only those with this label: `key` or `key:value`")] = None
    category: Annotated[_Text | None, Field(description="only those of this category")] = None
    featured: Annotated[AskedFlag | None, Field(description="only those that are, or are not, featured")] = None
    public: Annotated[AskedFlag | None, Field(description="only those that are, or are not, public")] = None
    active: Annotated[AskedFlag | None, Field(description="only those that are, or are not, active")] = None
    format: Annotated[Format, _FORMAT] = "typed"


class RewardQuery(Query):
    format: Annotated[Format, _FORMAT] = "typed"


@operation("GET", "/rewards", scope="read", tag="Rewards", summary="List rewards")
def list_rewards(call: Call, query: RewardsQuery) -> Rewards:
    """The shop's rewards, newest first, active or not. Those that were archived in the admin are left out."""
    found = rewards.newest(
        call.session,
        call.shop_id,
        before=query.position,
        limit=query.limit + 1,
        label=query.label,
        category=query.category,
        featured=query.featured,
        public=query.public,
        active=query.active,
    )
    page, following = cut(found, query.limit)
    infos = _coupons_infos(call.session, call.shop_id, page)
    return Rewards(items=[_shown(call, each, infos[each.id], query.format) for each in page], next=following)


@operation("GET", "/rewards/{reward}", scope="read", tag="Rewards", summary="One reward")
def show_reward(call: Call, reward: int, query: RewardQuery) -> Reward:
    """A reward by its `id`, with some of the codes that are free."""
    found = rewards.find(call.session, call.shop_id, reward)
    return _shown(call, found, _coupons_info_of_one(call.session, found), query.format)


_TAKEN = {
    "name_taken": "another reward has the name",
    "reward_id_taken": "another reward has the `reward_id`",
    "contradiction": "parts that do not go together, such as an end before its beginning; `errors` names the fields",
}


@operation("POST", "/rewards", scope="write", tag="Rewards", summary="Make a reward", status=201, refusals=_TAKEN)
def create_reward(
    call: Call, body: Annotated[dict[str, Any], DocumentedAs(Annotated[Any, WithJsonSchema(rewards_schema.NEW)])]
) -> Reward:
    """Makes a reward. Which fields it has depends on its type; null is the same as left out, and the document's strings
    (`500`, `True`) are read as what they say. With `coupons` its codes are your own, and those that are refused are told
    in `warnings`; without, we make codes ahead of need."""
    made = rewards.create(call.session, _shop(call), body, call.now, rehearsal=_is_rehearsal())
    return _shown(call, made, _coupons_info_of_one(call.session, made), "typed")


@operation(
    "PATCH",
    "/rewards/{reward}",
    scope="write",
    tag="Rewards",
    summary="Change a reward",
    refusals={**_TAKEN, "reward_archived": "the reward is archived, and has to be restored in the admin first"},
)
def update_reward(
    call: Call,
    reward: int,
    body: Annotated[dict[str, Any], DocumentedAs(Annotated[Any, WithJsonSchema(rewards_schema.CHANGES)])],
) -> Reward:
    """Changes the fields that are sent; null gives a field back its default. What members have already stays as it was:
    price and worth are frozen when they redeem. A new worth disables the codes in stock and makes new ones."""
    try:
        changed = rewards.update(call.session, _shop(call), reward, body, call.now, rehearsal=_is_rehearsal())
    except Unfit as unfit:  # no schema knows the type of the reward that is changed
        raise Contradiction(unfit.detail, unfit.errors) from None
    return _shown(call, changed, _coupons_info_of_one(call.session, changed), "typed")


# Codes


class AddCodes(Given):
    """A list of codes."""

    coupons: Annotated[
        list[Annotated[str, Field(pattern=r"^[^\x00]*$")]],
        Field(max_length=reward_definition.MAX_UPLOADED, examples=[["SPRING-1", "SPRING-2"]]),
    ]


class AddCsv(Given):
    """A CSV file whose first column holds the codes."""

    csv: Annotated[str, Field(pattern=r"^[^\x00]*$", examples=["code\nSPRING-1\nSPRING-2\n"])]


def _which(value: Any) -> str:
    has_csv = "csv" in value if isinstance(value, dict) else isinstance(value, AddCsv)
    return "=csv" if has_csv else "=coupons"


Codes = Annotated[Annotated[AddCodes, Tag("=coupons")] | Annotated[AddCsv, Tag("=csv")], Discriminator(_which)]


class RefusedCode(Shown):
    line: Annotated[int, Field(ge=1, description="its place in what was sent")]
    code: str
    reason: str


class UploadReport(Shown):
    """What became of the codes."""

    model_config = example(added=2, refused=[{"line": 4, "code": "SPRING-1", "reason": "stands in line 2 already"}])

    added: Annotated[int, Field(ge=0)]
    refused: list[RefusedCode]


@operation(
    "POST",
    "/rewards/{reward}/coupons",
    scope="write",
    tag="Rewards",
    summary="Add codes of your own",
    status=201,
    refusals={"codes_not_uploaded": "the reward was made without codes of your own"},
)
def add_coupons(call: Call, reward: int, body: Codes) -> UploadReport:
    """Adds codes to the pool of a reward that was made with `coupons`. A code is taken once in a shop, whatever its
    case; those that are refused are told with the reason, and the others are added all the same."""
    codes = _csv_codes(body.csv) if isinstance(body, AddCsv) else body.coupons
    report = rewards.add_codes(call.session, call.shop_id, reward, codes, call.now)
    return UploadReport(
        added=report.added,
        refused=[RefusedCode(line=each.line, code=each.code, reason=each.reason) for each in report.refused],
    )


def _csv_codes(document: str) -> list[str]:
    try:
        return coupon_stock.read_csv(document)
    except csv.Error as error:
        message = f"is not a CSV file: {error}"
        raise BadInput(f"csv {message}.", [{"field": "csv", "message": message}]) from None


# What a member may have (S2.33)

Sort = Literal[
    "rank",
    "-rank",
    "points_to_be_redeemed",
    "-points_to_be_redeemed",
    "rank,points_to_be_redeemed",
    "rank,-points_to_be_redeemed",
    "-rank,points_to_be_redeemed",
    "-rank,-points_to_be_redeemed",
    "points_to_be_redeemed,rank",
    "points_to_be_redeemed,-rank",
    "-points_to_be_redeemed,rank",
    "-points_to_be_redeemed,-rank",
]


class MemberReward(Reward):
    """A reward as a member would read it."""

    model_config = example(**EXAMPLE, is_eligible=True, refusal=None)

    is_eligible: _Flag
    refusal: Annotated[str | None, Field(description="what the member lacks, in one sentence")]


class MemberRewards(Shown):
    """Some of the rewards."""

    items: list[MemberReward]
    next: Annotated[str | None, Field(description="the `after`, or `start_index`, of what follows; null at the end")]


class MemberRewardsQuery(Query):
    start_index: Annotated[
        Annotated[Annotated[int, Field(ge=0, le=999_999_999, strict=True)], BeforeValidator(_read_whole)],
        Field(description="how many to pass over"),
    ] = 0
    count: Annotated[
        Annotated[Annotated[int, Field(ge=1, le=MAX_LIMIT, strict=True)], BeforeValidator(_read_whole)],
        Field(description="how many at most"),
    ] = DEFAULT_LIMIT
    limit: Annotated[Limit, Field(description="as in every list: goes before `count`")] = DEFAULT_LIMIT
    after: Annotated[
        Annotated[str, Field(pattern="^[0-9]{0,9}$")],
        Field(description="as in every list, the `next` of the page before: goes before `start_index`"),
    ] = ""
    language: Annotated[_Text, Field(description="of the texts: a tag such as `pt-BR`, or an English name")] = "english"
    include_ineligible: Annotated[
        AskedFlag, Field(description="also those that the member may not have, with the reason")
    ] = False
    sort: Annotated[Sort, Field(description="`-` is descending")] = "rank,points_to_be_redeemed"
    format: Annotated[Format, _FORMAT] = "typed"

    @property
    def window(self) -> slice:
        """Which of the rewards, by whichever names it was asked."""
        start = int(self.after) if self.after else self.start_index
        return slice(start, start + (self.limit if "limit" in self.model_fields_set else self.count))


@operation("GET", "/members/{ref}/rewards", scope="read", tag="Rewards", summary="The rewards that a member may have")
def list_member_rewards(call: Call, ref: MemberRef, query: MemberRewardsQuery) -> MemberRewards:
    """The rewards that are to be had now, that the member is eligible for, and whose rule says
    `include_in_api_response`; whether the points suffice is not asked. A gift of campaigns is to be had while one of them
    is on, and nothing while the program is switched off. Texts are in `language`, else in the shop's own."""
    shop = _shop(call)
    member_id = find(call.session, call.shop_id, ref)
    there = _to_be_had(call)
    with_orders = any(eligibility.needs_orders(each.rules) for each in there)
    facts = member_facts.facts(call.session, shop, member_id, with_orders, call.now)
    language = _language(query.language)
    judged = [(each, *_judged(each, facts, language)) for each in there]
    wanted = [
        (reward, refusal)
        for reward, refusal, in_api in judged
        if in_api and (refusal is None or query.include_ineligible)
    ]
    ordered = _sorted(wanted, query.sort)
    page = ordered[query.window]
    infos = _coupons_infos(call.session, call.shop_id, [reward for reward, _ in page])
    after = query.window.start + len(page)
    return MemberRewards(
        items=[_for_member(call, each, infos[each.id], refusal, language, query.format) for each, refusal in page],
        next=str(after) if page and after < len(ordered) else None,
    )


def _to_be_had(call: Call) -> list[rewards.Reward]:
    """What is available now, nothing while the program is off; gifts of campaigns only with the one that is on."""
    _, settings = programs.current(call.shop_id)
    if not settings.enabled:
        return []
    campaign = campaigns.current(call.shop_id, call.now)
    on = campaign.gifts if campaign is not None else ()
    return [
        each
        for each in rewards.current(call.shop_id)
        if rewards.is_available(each, call.now)
        and (each.type != "gift" or each.id in on or not campaigns.is_gift_of_any(call.shop_id, each.id))
    ]


def _judged(reward: rewards.Reward, facts: eligibility.Facts, language: str) -> tuple[str | None, bool]:
    """Why the member may not have it, None if they may; and whether the API shows it to them. To those who may not it is
    shown unless every rule keeps it out of the API."""
    verdict = eligibility.judge(reward.rules, facts, language)
    refusal = None if verdict.is_eligible else verdict.refusal
    if reward.target is not None and not eligibility.is_in_target(reward.target, facts):
        refusal = eligibility.target_missing(reward.target, language)
    if refusal is None:
        return None, verdict.include_in_api_response
    return refusal, not reward.rules or any(each.include_in_api_response for each in reward.rules)


def _sorted(found: list[tuple[rewards.Reward, str | None]], sort: str) -> list[tuple[rewards.Reward, str | None]]:
    """By the names in `sort`, the first one first; the older of equals stands first."""
    ordered = sorted(found, key=lambda each: each[0].id)
    for name in reversed(sort.split(",")):
        by_rank = name.endswith("rank")
        ordered.sort(
            key=lambda each, by_rank=by_rank: each[0].rank if by_rank else each[0].points,  # type: ignore[misc]
            reverse=name.startswith("-"),
        )
    return ordered


@cache
def _language_names() -> Mapping[str, str]:
    """English names of languages as the documents use them: `english`, `polish`."""
    return {name.casefold(): code.replace("_", "-") for code, name in Locale("en").languages.items()}


def _language(asked: str) -> str:
    return _language_names().get(asked.strip().casefold(), asked)


# Shaping


def _shop(call: Call) -> ShopFacts:
    return shops.facts(call.shop_id)


def _is_rehearsal() -> bool:
    return bool(current_app.config["LAGNIAPPE"].is_rehearsal)


def _document(call: Call, reward: rewards.Reward, info: CouponsInfo) -> dict[str, Any]:
    currency = _shop(call).currency
    return {
        **reward_definition.to_document(reward.definition),
        "id": reward.public_id,
        "coupons_info": info.model_dump(),
        "coupon_source": reward.coupon_source,
        "created_date": _moment(reward.created_at),
        "last_modified_date": _moment(reward.modified_at),
        "warnings": list(reward.warnings) or reward_definition.warnings(reward.definition, currency),
    }


def _shown(call: Call, reward: rewards.Reward, info: CouponsInfo, form: Format) -> Reward:
    document = _document(call, reward, info)
    return Reward.model_validate(reward_definition.to_strings(document) if form == "strings" else document)


def _for_member(
    call: Call, reward: rewards.Reward, info: CouponsInfo, refusal: str | None, language: str, form: Format
) -> MemberReward:
    texts = rewards.texts_in(reward, language, _shop(call).locale)
    document = _document(call, reward, info) | {
        "reward_name": texts.name,
        "enduser_reward_short_description": texts.short_description,
        "enduser_reward_confirmation_html": texts.confirmation_html,
        "enduser_reward_post_confirmation_html": texts.post_confirmation_html,
        "push_notification_text": texts.push_notification_text,
        "is_eligible": refusal is None,
        "refusal": refusal,
    }
    if document["brand"] is not None:
        document["brand"] |= {"name": texts.brand_name, "description": texts.brand_description}
    return MemberReward.model_validate(reward_definition.to_strings(document) if form == "strings" else document)


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%m/%d/%Y %H:%M:%S")


_COUNTS = text(
    """
    select r.id,
        (select count(*) from coupon_free f where f.shop_id = :shop and f.reward_id = r.id) as free,
        coalesce(had.issued, 0) as issued, coalesce(had.used, 0) as used
    from unnest(cast(:rewards as bigint[])) as r (id)
    left join (
        select reward_id,
            count(*) filter (where code is not null or coupon_id is not null and issued_at is not null) as issued,
            count(*) filter (where use_state = 'used') as used
        from redemption where shop_id = :shop and reward_id = any(cast(:rewards as bigint[])) group by reward_id
    ) had on had.reward_id = r.id
    """
)


def _coupons_infos(session: AnySession, shop_id: int, found: Iterable[rewards.Reward]) -> dict[int, CouponsInfo]:
    sources = {each.id: each.coupon_source for each in found}
    if not sources:
        return {}
    rows = session.execute(_COUNTS, {"shop": shop_id, "rewards": list(sources)})
    return {
        row.id: CouponsInfo(
            total_coupons=row.free + row.issued,
            issued_coupons=row.issued,
            redeemed_coupons=row.used,
            available_coupons=row.free,
            stock=_stock(row.free) if sources[row.id] in ("uploaded", "made") else None,
            coupons=None,
        )
        for row in rows
    }


def _coupons_info_of_one(session: AnySession, reward: rewards.Reward) -> CouponsInfo:
    codes = session.execute(
        text(
            "select code from coupon_free where shop_id = :shop and reward_id = :reward order by coupon_id limit :most"
        ),
        {"shop": reward.shop_id, "reward": reward.id, "most": SHOWN_CODES},
    ).scalars()
    info = _coupons_infos(session, reward.shop_id, [reward])[reward.id]
    return info.model_copy(update={"coupons": list(codes)})


def _stock(free: int) -> _Stock:
    return "empty" if free == 0 else "low" if free < coupon_stock.LOW_STOCK else "ok"
