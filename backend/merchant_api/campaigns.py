"""Gift campaigns: what there are, making and changing them (S3.9 to S3.17)."""

from typing import Annotated, Any, Literal

from flask import current_app
from pydantic import Field, WithJsonSchema

from backend.loyalty.rewards import campaigns, images, rewards
from backend.loyalty.shops import shops
from backend.merchant_api import campaigns_schema
from backend.merchant_api.operations import Call, DocumentedAs, operation
from backend.merchant_api.paging import Page, PageQuery, cut
from backend.merchant_api.shapes import Id, Shown, Time, example


class Campaign(Shown):
    """Gifts for points between two moments. A shop has one at a time."""

    model_config = example(
        id="3",
        names={"en": "Winter gifts", "zh-Hant": "冬季贈品"},
        terms={"en": "<p>While stocks last.</p>"},
        starts_at="2026-11-30T16:00:00Z",
        ends_at="2026-12-31T16:00:00Z",
        timezone="Asia/Taipei",
        state="planned",
        gifts=["000000000000000000000012", "000000000000000000000011"],
        banner_url="https://loyalty.example/widget/v1/images/wk_Zr3q/"
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        created_at="2026-11-23T06:50:00Z",
        modified_at="2026-11-23T06:50:00Z",
    )

    id: Id
    names: Annotated[dict[str, str], Field(description="a map from language to name")]
    terms: Annotated[dict[str, str], Field(description="a map from language to HTML")]
    starts_at: Time
    ends_at: Annotated[Time | None, Field(description="the first moment at which it is over; null: it never ends")]
    timezone: Annotated[str, Field(description="the shop's zone, in which days and times without an offset are read")]
    state: Literal["planned", "on", "over"]
    gifts: Annotated[list[str], Field(description="the `id` of each gift, the newest first: so the store shows them")]
    banner_url: Annotated[str | None, Field(description="its address never shows another picture")]
    created_at: Time
    modified_at: Time


class Campaigns(Page[Campaign]):
    """A page of campaigns."""


_REFUSALS = {
    "campaign_overlaps": "another campaign is on at that time; `detail` names it and its dates",
    "not_a_gift": "a reward that is no gift, or not there; `errors` names it",
    "banner_refused": "the banner is no JPG or PNG, or larger than 1920 x 400 pixels",
    "contradiction": "it ends before it starts",
}


@operation("GET", "/campaigns", scope="read", tag="Campaigns", summary="List gift campaigns")
def list_campaigns(call: Call, query: PageQuery) -> Campaigns:
    """The shop's gift campaigns, newest made first: planned ones, the one that is on, and those that are over."""
    found = campaigns.all_of(call.session, call.shop_id, before=query.position, limit=query.limit + 1)
    page, following = cut(found, query.limit)
    return Campaigns(items=[_shown(call, each) for each in page], next=following)


@operation("GET", "/campaigns/{id}", scope="read", tag="Campaigns", summary="One gift campaign")
def show_campaign(call: Call, id: int) -> Campaign:
    """A gift campaign by its id."""
    return _shown(call, campaigns.find(call.session, call.shop_id, id))


@operation(
    "POST",
    "/campaigns",
    scope="write",
    tag="Campaigns",
    summary="Make a gift campaign",
    status=201,
    refusals=_REFUSALS,
)
def create_campaign(
    call: Call, body: Annotated[dict[str, Any], DocumentedAs(Annotated[Any, WithJsonSchema(campaigns_schema.NEW)])]
) -> Campaign:
    """Makes a campaign. Days, and times without an offset, are read in the shop's time zone, which every answer names;
    a day as `ends_at` is the last one. Gifts are made first (`POST /rewards`) and then chosen by their `id`. The banner
    travels in base64 inside the body, which may have 1 MiB in all: so at most 750,000 bytes of JPG or PNG."""
    return _shown(call, campaigns.create(call.session, shops.facts(call.shop_id), body, call.now))


@operation(
    "PATCH",
    "/campaigns/{id}",
    scope="write",
    tag="Campaigns",
    summary="Change a gift campaign",
    refusals=_REFUSALS,
)
def update_campaign(
    call: Call,
    id: int,
    body: Annotated[dict[str, Any], DocumentedAs(Annotated[Any, WithJsonSchema(campaigns_schema.CHANGES)])],
) -> Campaign:
    """Changes the fields that are sent; null gives a field back its default. `gifts` replaces the whole choice. What
    members have already stays theirs."""
    return _shown(call, campaigns.update(call.session, shops.facts(call.shop_id), id, body, call.now))


def _shown(call: Call, campaign: campaigns.Campaign) -> Campaign:
    shop = shops.facts(call.shop_id)
    base_url = current_app.config["LAGNIAPPE"].base_url
    banner = campaign.banner_id and base_url + images.path(shop.widget_key, campaign.banner_id)
    return Campaign(
        id=str(campaign.id),
        names=dict(campaign.names),
        terms=dict(campaign.terms),
        starts_at=campaign.starts_at,
        ends_at=campaign.ends_at,
        timezone=shop.timezone,
        state=campaign.state(call.now),
        gifts=[rewards.public_id(each) for each in campaign.gifts],
        banner_url=banner,
        created_at=campaign.created_at,
        modified_at=campaign.modified_at,
    )
