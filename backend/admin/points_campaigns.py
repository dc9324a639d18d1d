"""Points campaigns: gifts between two moments (S3.9 to S3.19): the list, and the calendar."""

from datetime import UTC
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from backend.admin import campaign_calendar
from backend.admin.door import Answer, Visit, form, page
from backend.errors import Conflict
from backend.loyalty.calendar_rules import local_day
from backend.loyalty.rewards import campaigns
from backend.loyalty.rewards.campaigns import Campaign
from backend.loyalty.wording import pick
from backend.staff.rights import Right

PAGE_SIZE = 25


class Asked(BaseModel):
    before: int | None = Field(default=None, ge=1, lt=2**63)


class AskedMonths(BaseModel):
    month: str | None = None
    span: Literal["month", "quarter"] = "month"


@page("/points-campaigns", right=Right.REWARDS)
def points_campaigns(visit: Visit) -> str:
    """All campaigns, newest made first (S3.9)."""
    asked = visit.asked(Asked)
    found = campaigns.all_of(visit.session, visit.shop_id, before=asked.before, limit=PAGE_SIZE + 1)
    return visit.render(
        "points_campaigns.html",
        found=found[:PAGE_SIZE],
        older=found[PAGE_SIZE - 1].id if len(found) > PAGE_SIZE else None,
        is_first=asked.before is None,
        name_of=lambda campaign: name_of(visit, campaign),
        state_of=lambda campaign: campaign.state(visit.now),
    )


@page("/points-campaigns/calendar", right=Right.REWARDS)
def points_calendar(visit: Visit) -> str:
    """A month, or three, with the campaigns that are on in them."""
    asked = visit.asked(AskedMonths)
    tz = ZoneInfo(visit.shop.timezone)
    today = local_day(visit.now, tz)
    first = campaign_calendar.month_of(asked.month, today)
    count = 3 if asked.span == "quarter" else 1
    found = campaigns.between(visit.session, visit.shop_id, *campaign_calendar.span(first, count, tz))
    return visit.render(
        "points_calendar.html",
        months=campaign_calendar.months(first, count, found, tz),
        found=found,
        today=today,
        span=asked.span,
        first=first,
        earlier=campaign_calendar.later(first, -count),
        later=campaign_calendar.later(first, count),
        name_of=lambda campaign: name_of(visit, campaign),
        state_of=lambda campaign: campaign.state(visit.now),
    )


@form("/points-campaigns/<row_id:campaign_id>/publish", right=Right.REWARDS)
def publish_campaign(visit: Visit, campaign_id: int) -> Answer:
    """Begin a planned campaign now, or end the one that is on (S3.11)."""
    found = campaigns.find(visit.session, visit.shop_id, campaign_id)
    now = visit.now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    match found.state(visit.now), visit.form.get("do"):
        case "planned", "publish":
            campaigns.update(visit.session, visit.shop, campaign_id, {"starts_at": now}, visit.now)
            said = "is published"
        case "on", "unpublish":
            campaigns.update(visit.session, visit.shop, campaign_id, {"ends_at": now}, visit.now)
            said = "has ended"
        case _:
            raise Conflict("This campaign is not what it was when you opened the page. Look at it again.")
    return visit.done(f"“{name_of(visit, found)}” {said}.", "points_campaign", campaign_id=campaign_id)


def name_of(visit: Visit, campaign: Campaign) -> str:
    """The campaign's name in the shop's own language."""
    return pick(campaign.names, None, visit.shop.locale) or f"Campaign {campaign.id}"
