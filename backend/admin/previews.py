"""The real widget as somebody else sees it, read-only (S4.20, docs/decisions/0016)."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask import Response, current_app, g
from pydantic import BaseModel
from sqlalchemy import func, or_, select

from backend.admin import embedding
from backend.admin.door import SIGNED_IN, Visit, page
from backend.config import Config
from backend.errors import NotFound
from backend.loyalty.calendar_rules import first_instant, instant_of, local_day
from backend.loyalty.program import drafts, programs
from backend.loyalty.program.settings import ProgramSettings
from backend.models import Member, Shop
from backend.staff import looks
from backend.staff.rights import Right

FURTHEST = timedelta(days=5 * 366)
BLOCKED = "This customer is blocked: they see no points, only that they are not taking part."
NOON = time(12)
"""What is assigned on a day is there by then, and what ends with the day still is."""


class Asked(BaseModel):
    """Whose eyes, when, by which program."""

    member: int | None = None
    customer: str = ""
    """An e-mail address or a customer id of the store, typed in."""
    visitor: bool = False
    at: date | None = None
    draft: bool = False


@dataclass(frozen=True, slots=True)
class Days:
    """The shop's days, in its zone."""

    first: date
    today: date

    @property
    def last(self) -> date:
        return self.today + FURTHEST

    def other(self, asked: date | None) -> date | None:
        """The day that is asked for, if it is another than today and can be shown."""
        return asked if asked is not None and asked != self.today and self.first <= asked <= self.last else None


@page("/preview", right=SIGNED_IN)
def preview(visit: Visit) -> str:
    """Choose, and look. Seeing it as a customer takes the right to see customers, by the draft that to see settings."""
    asked = visit.asked(Asked)
    draft = drafts.read(visit.session, visit.shop_id) if visit.may(Right.SETTINGS) else None
    found = _member(visit, asked)
    is_missing = found is None and not asked.visitor and (asked.member is not None or bool(asked.customer))
    days = _days(visit)
    day = days.other(asked.at)
    is_past = day is not None and day < days.today
    is_blocked = found is not None and found.status == "blocked"
    is_too_early = found is not None and day is not None and found.enrolled_at > _moment(visit, day, days)
    member = None if is_blocked or is_too_early else found
    is_draft = asked.draft and draft is not None and not is_past
    query = {
        "member": member.id if member is not None else None,
        "at": day.isoformat() if day is not None else None,
        "draft": 1 if is_draft else None,
    }
    return visit.render(
        "preview.html",
        asked=asked,
        found=found,
        member=member,
        is_missing=is_missing,
        is_blocked=is_blocked,
        is_too_early=is_too_early,
        day=day,
        days=days,
        is_past=is_past,
        is_before_the_shop=asked.at is not None and asked.at < days.first,
        is_draft=is_draft,
        has_draft=draft is not None,
        sees_customers=visit.may(Right.VIEW_CUSTOMERS),
        is_on=_settings(visit, is_draft, _moment(visit, day, days) if day is not None and is_past else None).enabled,
        query={name: value for name, value in query.items() if value is not None},
    )


@page("/preview/frame", right=SIGNED_IN)
def preview_frame(visit: Visit) -> Response:
    """The page in the frame. It runs in a sandbox without an origin, so nothing in it has what the person who looks has."""
    asked = visit.asked(Asked)
    member = _member(visit, asked)
    if member is None and asked.member is not None and not asked.visitor:
        raise NotFound("There is no such customer.")
    if member is not None and member.status == "blocked":
        raise NotFound(BLOCKED)
    days = _days(visit)
    day = days.other(asked.at)
    at = _moment(visit, day, days) if day is not None else None
    is_past = at is not None and at < visit.now
    if member is not None and at is not None and member.enrolled_at > at:
        raise NotFound("This customer was not there yet on that day.")
    look = looks.of(
        visit.who,
        member_id=member.id if member is not None else None,
        at=at,
        is_draft=asked.draft and not is_past,
    )
    config: Config = current_app.config["LAGNIAPPE"]
    base = f"/preview/{looks.token(look, config.secret_keys)}/widget/v1"
    said = visit.render(
        "preview_frame.html",
        loader=f"{base}/loader.js?shop={visit.shop.widget_key}",
        member=member,
        locale=(member.locale if member is not None else None) or visit.shop.locale,
        is_on=_settings(visit, asked.draft, at if is_past else None).enabled,
    )
    answer = Response(said, mimetype="text/html")
    around = embedding.current()
    answer.headers["Content-Security-Policy"] = (
        "sandbox allow-scripts allow-forms; default-src 'none'; script-src 'self'; connect-src 'self';"
        f" style-src 'self' 'nonce-{g.nonce}'; img-src 'self' data: https:; base-uri 'none'; form-action 'none';"
        f" frame-ancestors 'self'{f' {around.ancestors}' if around is not None else ''}"
    )
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


def _member(visit: Visit, asked: Asked) -> Member | None:
    """The customer whose eyes are asked for; None: a visitor's, or there is none of that name. Raises Forbidden."""
    if asked.visitor or (asked.member is None and not asked.customer):
        return None
    look = looks.Look(visit.shop_id, visit.who.session_id, 0, None, is_draft=False)
    looks.refuse_without_right(look, visit.who.rights)
    wanted = select(Member).where(Member.shop_id == visit.shop_id, Member.status.in_(("active", "blocked")))
    if asked.customer:
        typed = asked.customer
        wanted = wanted.where(or_(Member.external_id == typed, func.lower(Member.email) == typed.lower()))
    else:
        wanted = wanted.where(Member.id == asked.member)
    found: Member | None = visit.session.execute(wanted.order_by(Member.id).limit(1)).scalar_one_or_none()
    return found


def _settings(visit: Visit, is_draft: bool, past: datetime | None) -> ProgramSettings:
    if past is not None:
        return programs.settings_of(programs.version_for(visit.session, visit.shop_id, past))
    draft = drafts.read(visit.session, visit.shop_id) if is_draft else None
    return drafts.settings_of(draft) if draft is not None else programs.current(visit.shop_id)[1]


def _days(visit: Visit) -> Days:
    zone = _zone(visit)
    since = visit.session.execute(select(Shop.created_at).where(Shop.id == visit.shop_id)).scalar_one()
    today = local_day(visit.now, zone)
    return Days(min(local_day(since, zone), today), today)


def _moment(visit: Visit, day: date, days: Days) -> datetime:
    """Noon of a day to come; the last moment of one that is over, so that what happened on it is there."""
    if day < days.today:
        return first_instant(day + timedelta(days=1), _zone(visit)) - timedelta(microseconds=1)
    return instant_of(datetime.combine(day, NOON), _zone(visit))


def _zone(visit: Visit) -> ZoneInfo:
    return ZoneInfo(visit.shop.timezone)
