"""The real widget as somebody else sees it, read-only (S4.20, docs/decisions/0016)."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask import Response, current_app, g
from pydantic import BaseModel
from sqlalchemy import func, or_, select

from backend.admin.door import SIGNED_IN, Visit, page
from backend.config import Config
from backend.errors import NotFound
from backend.loyalty import drafts, programs
from backend.loyalty.calendar_rules import instant_of, local_day
from backend.loyalty.settings import ProgramSettings
from backend.models import Member
from backend.staff import looks
from backend.staff.rights import Right

FURTHEST = timedelta(days=5 * 366)
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


@page("/preview", right=SIGNED_IN)
def preview(visit: Visit) -> str:
    """Choose, and look. Seeing it as a customer takes the right to see customers, by the draft that to see settings."""
    asked = visit.asked(Asked)
    draft = drafts.read(visit.session, visit.shop_id) if visit.may(Right.SETTINGS) else None
    member = _member(visit, asked)
    is_missing = member is None and not asked.visitor and (asked.member is not None or bool(asked.customer))
    today = local_day(visit.now, _zone(visit))
    day = _day(asked.at, today)
    is_draft = asked.draft and draft is not None
    query = {
        "member": member.id if member is not None else None,
        "at": day.isoformat() if day is not None else None,
        "draft": 1 if is_draft else None,
    }
    return visit.render(
        "preview.html",
        asked=asked,
        member=member,
        is_missing=is_missing,
        day=day,
        today=today,
        last_day=today + FURTHEST,
        is_draft=is_draft,
        has_draft=draft is not None,
        sees_customers=visit.may(Right.VIEW_CUSTOMERS),
        is_on=_settings(visit, is_draft).enabled,
        query={name: value for name, value in query.items() if value is not None},
    )


@page("/preview/frame", right=SIGNED_IN)
def preview_frame(visit: Visit) -> Response:
    """The page in the frame. It runs in a sandbox without an origin, so nothing in it has what the person who looks has."""
    asked = visit.asked(Asked)
    member = _member(visit, asked)
    if member is None and asked.member is not None and not asked.visitor:
        raise NotFound("There is no such customer.")
    day = _day(asked.at, local_day(visit.now, _zone(visit)))
    look = looks.of(
        visit.who,
        member_id=member.id if member is not None else None,
        at=instant_of(datetime.combine(day, NOON), _zone(visit)) if day is not None else None,
        is_draft=asked.draft,
    )
    config: Config = current_app.config["LAGNIAPPE"]
    base = f"/preview/{looks.token(look, config.secret_keys)}/widget/v1"
    said = visit.render(
        "preview_frame.html",
        loader=f"{base}/loader.js?shop={visit.shop.widget_key}",
        member=member,
        locale=(member.locale if member is not None else None) or visit.shop.locale,
        is_on=_settings(visit, asked.draft).enabled,
    )
    answer = Response(said, mimetype="text/html")
    answer.headers["Content-Security-Policy"] = (
        "sandbox allow-scripts allow-forms; default-src 'none'; script-src 'self'; connect-src 'self';"
        f" style-src 'self' 'nonce-{g.nonce}'; img-src 'self' data: https:; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'self'"
    )
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


def _member(visit: Visit, asked: Asked) -> Member | None:
    """The customer whose eyes are asked for; None: a visitor's, or there is none of that name. Raises Forbidden."""
    if asked.visitor or (asked.member is None and not asked.customer):
        return None
    look = looks.Look(visit.shop_id, visit.who.session_id, 0, None, is_draft=False)
    looks.refuse_without_right(look, visit.who.rights)
    wanted = select(Member).where(Member.shop_id == visit.shop_id, Member.status == "active")
    if asked.customer:
        typed = asked.customer
        wanted = wanted.where(or_(Member.external_id == typed, func.lower(Member.email) == typed.lower()))
    else:
        wanted = wanted.where(Member.id == asked.member)
    found: Member | None = visit.session.execute(wanted.order_by(Member.id).limit(1)).scalar_one_or_none()
    return found


def _settings(visit: Visit, is_draft: bool) -> ProgramSettings:
    draft = drafts.read(visit.session, visit.shop_id) if is_draft else None
    return drafts.settings_of(draft) if draft is not None else programs.current(visit.shop_id)[1]


def _day(asked: date | None, today: date) -> date | None:
    """A day to come. What is past has been, and today is now."""
    return asked if asked is not None and today < asked <= today + FURTHEST else None


def _zone(visit: Visit) -> ZoneInfo:
    return ZoneInfo(visit.shop.timezone)
