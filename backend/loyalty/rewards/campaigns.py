"""Gift campaigns (S3.9 to S3.19): gifts for points between two moments, never two campaigns at once."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import delete, insert, select, text
from sqlalchemy import update as change
from sqlalchemy.exc import IntegrityError

from backend import db
from backend.errors import BadInput, Conflict, NotFound
from backend.ledger.posting import AnySession
from backend.loyalty.rewards import announcement_plan, images, rewards
from backend.loyalty.rewards.campaign_definition import Banner, CampaignDefinition, parse
from backend.loyalty.shops.shops import ShopFacts
from backend.loyalty.wording import pick
from backend.models import Campaign as Row
from backend.models import CampaignGift
from backend.models import Reward as RewardRow

CURRENT_TTL_SECONDS = 3.0
"""How long a process may go on with the campaigns that it knew."""
_EXCLUSION_VIOLATION = "23P01"
_ANY_TIME = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign as it is now. It is on while `starts_at <= now < ends_at`; without an end it never ends (S3.11)."""

    shop_id: int
    id: int
    names: Mapping[str, str]
    terms: Mapping[str, str]
    starts_at: datetime
    ends_at: datetime | None
    banner_id: str | None
    gifts: tuple[int, ...]
    """Rewards, by the date they were made, newest first (S3.17)."""
    created_at: datetime
    modified_at: datetime

    def is_on(self, now: datetime) -> bool:
        return self.state(now) == "on"

    def state(self, now: datetime) -> Literal["planned", "on", "over"]:
        if now < self.starts_at:
            return "planned"
        return "on" if self.ends_at is None or now < self.ends_at else "over"


# Making and changing


def create(session: AnySession, shop: ShopFacts, document: object, now: datetime) -> Campaign:
    """Make a campaign.

    Raises BadInput for what is wrong by itself, and Conflict: `contradiction` (it ends before it starts), `not_a_gift`
    (a reward that is none, or is not there), `banner_refused`, and `campaign_overlaps` with the other one's dates.
    """
    wanted = _checked(document, shop)
    gifts = _gifts(session, shop.id, wanted.gifts)
    banner_id = None if wanted.banner is None else _keep_banner(session, shop.id, wanted.banner, now)
    try:
        with session.begin_nested():
            campaign_id: int = session.execute(
                insert(Row)
                .values(shop_id=shop.id, created_at=now, modified_at=now, banner_id=banner_id, **_columns(wanted))
                .returning(Row.id)
            ).scalar_one()
    except IntegrityError as error:
        raise _overlap(session, shop, wanted, error) from error
    _put_gifts(session, shop.id, campaign_id, gifts)
    announcement_plan.campaign_changed(session, shop.id, gifts, wanted.starts_at)
    db.after_commit(forget_current)
    return find(session, shop.id, campaign_id)


def update(
    session: AnySession, shop: ShopFacts, campaign_id: int, changes: Mapping[str, Any], now: datetime
) -> Campaign:
    """Change the fields that `changes` names; null gives a field back its default. Locks the campaign's row.

    What was had in the campaign stays as it was. Raises as `create` does, and NotFound.
    """
    found = session.execute(
        select(Row.id).where(Row.shop_id == shop.id, Row.id == campaign_id).with_for_update()
    ).scalar_one_or_none()
    if found is None:
        raise NotFound()
    before = find(session, shop.id, campaign_id)
    wanted = _checked(_changed(before, changes), shop)
    gifts = _gifts(session, shop.id, wanted.gifts)
    banner_id = before.banner_id
    if "banner" in changes:
        banner_id = None if wanted.banner is None else _keep_banner(session, shop.id, wanted.banner, now)
    try:
        with session.begin_nested():
            session.execute(
                change(Row)
                .where(Row.shop_id == shop.id, Row.id == campaign_id)
                .values(modified_at=now, banner_id=banner_id, **_columns(wanted))
                .execution_options(synchronize_session=False)
            )
    except IntegrityError as error:
        raise _overlap(session, shop, wanted, error, but=campaign_id) from error
    _put_gifts(session, shop.id, campaign_id, gifts)
    announcement_plan.campaign_changed(session, shop.id, gifts, wanted.starts_at)
    db.after_commit(forget_current)
    return find(session, shop.id, campaign_id)


# Reading

_SELECT = """
    select c.shop_id, c.id, c.names, c.terms, c.starts_at, c.ends_at, c.banner_id, c.created_at, c.modified_at,
        array(
            select g.reward_id
            from campaign_gift g
            join reward r on r.shop_id = g.shop_id and r.id = g.reward_id
            where g.shop_id = c.shop_id and g.campaign_id = c.id
            order by r.created_at desc, r.id desc
        ) as gifts
    from campaign c
"""


def find(session: AnySession, shop_id: int, campaign_id: int) -> Campaign:
    """That campaign as this transaction sees it. Raises NotFound, the same for none and for another shop's."""
    row = (
        session.execute(text(f"{_SELECT} where c.shop_id = :shop and c.id = :id"), {"shop": shop_id, "id": campaign_id})
        .mappings()
        .first()
    )
    if row is None:
        raise NotFound()
    return _campaign(dict(row))


def all_of(session: AnySession, shop_id: int, *, before: int | None = None, limit: int | None = None) -> list[Campaign]:
    """The shop's campaigns, newest made first: at most `limit` of those with an id below `before`."""
    rows = session.execute(
        text(
            f"{_SELECT} where c.shop_id = :shop and (cast(:before as bigint) is null or c.id < :before)"
            " order by c.id desc limit :limit"
        ),
        {"shop": shop_id, "before": before, "limit": limit},
    ).mappings()
    return [_campaign(dict(row)) for row in rows]


def between(
    session: AnySession, shop_id: int, starts_at: datetime, ends_at: datetime | None, *, but: int | None = None
) -> list[Campaign]:
    """The campaigns that are on at some moment from `starts_at` until before `ends_at` (None: for ever), first ones first;
    `but` is left out."""
    rows = session.execute(
        text(
            f"{_SELECT} where c.shop_id = :shop and c.id is distinct from :but"
            " and tstzrange(c.starts_at, c.ends_at) && tstzrange(:starts_at, :ends_at) order by c.starts_at"
        ),
        {"shop": shop_id, "but": but, "starts_at": starts_at, "ends_at": ends_at},
    ).mappings()
    return [_campaign(dict(row)) for row in rows]


def in_the_way(session: AnySession, shop: ShopFacts, document: object, *, but: int | None = None) -> list[Campaign]:
    """The campaigns that overlap with what is wanted (S3.16), before anything is saved. Raises as `create` does, but for
    what is wrong with gifts and banner."""
    wanted = _checked(document, shop)
    return between(session, shop.id, wanted.starts_at, wanted.ends_at, but=but)


# What a process knows


@dataclass(frozen=True, slots=True)
class _Known:
    until: float
    since: datetime
    """Campaigns that were over by then are left out."""
    campaigns: tuple[Campaign, ...]
    gift_ids: frozenset[int]
    """Every reward that is or was part of a campaign."""


_known: dict[int, _Known] = {}

_NOT_OVER = f"""
    select
        (select coalesce(jsonb_agg(to_jsonb(campaign)), '[]') from (
            {_SELECT} where c.shop_id = %(shop)s and (c.ends_at is null or c.ends_at > %(since)s)
        ) campaign) as campaigns,
        array(select distinct reward_id from campaign_gift where shop_id = %(shop)s) as gift_ids
"""  # noqa: S608 - our own words


def current(shop_id: int, now: datetime) -> Campaign | None:
    """The campaign that is on at `now`. A process may go by what it knew for three seconds."""
    return next((each for each in _known_of(shop_id, now).campaigns if each.is_on(now)), None)


def next_start(shop_id: int, reward_id: int, now: datetime) -> datetime | None:
    """When the next campaign begins that has this gift, as far as it is known."""
    later = (
        each.starts_at for each in _known_of(shop_id, now).campaigns if each.starts_at > now and reward_id in each.gifts
    )
    return min(later, default=None)


def is_gift_of_any(shop_id: int, reward_id: int) -> bool:
    """Whether the reward belongs to any campaign, also one that is over: such a gift is had in a campaign alone."""
    return reward_id in _known_of(shop_id, _ANY_TIME).gift_ids


def forget_current() -> None:
    """Drop what this process knows of all campaigns."""
    _known.clear()


def _known_of(shop_id: int, since: datetime) -> _Known:
    known = _known.get(shop_id)
    if known is not None and known.until > time.monotonic() and known.since <= since:
        return known
    row = db.one_statement(_NOT_OVER, {"shop": shop_id, "since": since}) or {"campaigns": [], "gift_ids": []}
    known = _known[shop_id] = _Known(
        until=time.monotonic() + CURRENT_TTL_SECONDS,
        since=since,
        campaigns=tuple(_campaign(_with_times(each)) for each in row["campaigns"]),
        gift_ids=frozenset(row["gift_ids"]),
    )
    return known


def _with_times(row: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has no times: those of the row as what they are."""
    times = ("starts_at", "ends_at", "created_at", "modified_at")
    return {**row, **{name: row[name] and datetime.fromisoformat(row[name]) for name in times}}


def _campaign(row: Mapping[str, Any]) -> Campaign:
    return Campaign(**{**row, "gifts": tuple(row["gifts"])})


# What a change writes


def _checked(document: object, shop: ShopFacts) -> CampaignDefinition:
    wanted = parse(document, ZoneInfo(shop.timezone))
    if wanted.ends_at is not None and wanted.ends_at <= wanted.starts_at:
        raise _refused("contradiction", [{"field": "ends_at", "message": "should be later than starts_at"}])
    return wanted


def _columns(wanted: CampaignDefinition) -> dict[str, Any]:
    return {
        "names": wanted.names,
        "terms": wanted.terms,
        "starts_at": wanted.starts_at,
        "ends_at": wanted.ends_at,
    }


def _changed(before: Campaign, changes: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(changes, Mapping):
        raise BadInput("The changes should be a JSON object.", [{"field": "", "message": "should be a JSON object"}])
    whole = {
        "names": before.names,
        "terms": before.terms,
        "starts_at": before.starts_at.isoformat(),
        "ends_at": before.ends_at and before.ends_at.isoformat(),
        "gifts": [rewards.public_id(each) for each in before.gifts],
    }
    return {**whole, **changes}


def _gifts(session: AnySession, shop_id: int, public_ids: tuple[str, ...]) -> set[int]:
    """The rewards behind the ids. Raises Conflict for one that is not there or no gift (S3.13)."""
    wanted = [int(each, 16) for each in public_ids]
    found = session.execute(
        select(RewardRow.id, RewardRow.type).where(
            RewardRow.shop_id == shop_id, RewardRow.id.in_([each for each in wanted if each < 2**63])
        )
    )
    known = {row.id: row.type for row in found}
    errors = [
        {
            "field": f"gifts.{place}",
            "message": "there is no such reward" if each not in known else f"is no gift but a {known[each]}",
        }
        for place, each in enumerate(wanted)
        if known.get(each) != "gift"
    ]
    if errors:
        raise _refused("not_a_gift", errors)
    return set(wanted)


def _put_gifts(session: AnySession, shop_id: int, campaign_id: int, gifts: set[int]) -> None:
    of_campaign = (CampaignGift.shop_id == shop_id, CampaignGift.campaign_id == campaign_id)
    before = set(session.execute(select(CampaignGift.reward_id).where(*of_campaign)).scalars())
    if gone := before - gifts:
        session.execute(delete(CampaignGift).where(*of_campaign, CampaignGift.reward_id.in_(gone)))
    if new := gifts - before:
        session.execute(
            insert(CampaignGift),
            [{"shop_id": shop_id, "campaign_id": campaign_id, "reward_id": each} for each in sorted(new)],
        )


def _keep_banner(session: AnySession, shop_id: int, banner: Banner, now: datetime) -> str:
    try:
        picture = images.banner(banner.content)
    except BadInput as refused:
        raise _refused("banner_refused", [{"field": "banner", "message": refused.detail.removesuffix(".")}]) from None
    return images.keep(session, shop_id, picture, now)


def _refused(code: str, errors: list[dict[str, str]]) -> Conflict:
    """Of parts that are fine by themselves and do not go with what is there."""
    more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
    return Conflict(f"The campaign is not valid: {': '.join(errors[0].values())}{more}.", code=code, errors=errors)


def _overlap(
    session: AnySession, shop: ShopFacts, wanted: CampaignDefinition, error: IntegrityError, but: int | None = None
) -> Exception:
    """The refusal that names the campaign which is on at the same time (S3.16), or the error if it is another."""
    if db.sqlstate(error) != _EXCLUSION_VIOLATION:
        return error
    others = between(session, shop.id, wanted.starts_at, wanted.ends_at, but=but)
    other = named(others[0], shop) if others else "another campaign"
    return Conflict(
        f"Campaigns cannot overlap, and at that time there is {other}.",
        code="campaign_overlaps",
        errors=[{"field": "starts_at", "message": "overlaps with another campaign"}],
    )


def named(campaign: Campaign, shop: ShopFacts) -> str:
    """`“Spring”, from 2026-03-01 00:00 to 2026-04-01 00:00 (Europe/Paris)`."""
    tz = ZoneInfo(shop.timezone)
    begins = f"{campaign.starts_at.astimezone(tz):%Y-%m-%d %H:%M}"
    ends = "without an end" if campaign.ends_at is None else f"to {campaign.ends_at.astimezone(tz):%Y-%m-%d %H:%M}"
    return f"“{pick(campaign.names, None, shop.locale)}”, from {begins} {ends} ({shop.timezone})"
