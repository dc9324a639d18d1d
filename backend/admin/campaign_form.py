"""The form of a points campaign (S3.10 to S3.16): names and terms by language, when it is on, its gifts, its banner."""

import re
from base64 import b64encode
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from flask import current_app
from sqlalchemy import text
from werkzeug.datastructures import MultiDict

from backend.admin.door import Answer, Visit, form, page
from backend.admin.points_campaigns import name_of
from backend.errors import BadInput, LagniappeError
from backend.loyalty.rewards import campaigns, images, rewards
from backend.loyalty.rewards.campaigns import Campaign
from backend.loyalty.uploads import MAX_CHARACTERS
from backend.loyalty.wording import is_language_tag
from backend.staff.rights import Right

LARGEST_BANNER = MAX_CHARACTERS // 4 * 3
LARGEST_UPLOAD = 4 * 1024 * 1024
SHOWN_GIFTS = 50
"""Of those that can be chosen, the newest; more are found by their name."""
_LABELS = {"starts_at": "Publish", "ends_at": "Unpublish", "gifts": "Gifts", "banner": "Banner"}

_PUBLIC_ID = re.compile("[0-9a-f]{24}")

Fields = MultiDict[str, str]


@dataclass(frozen=True)
class Gift:
    public_id: str
    name: str
    points: int
    is_active: bool


@page("/points-campaigns/new", right=Right.REWARDS)
def new_points_campaign(visit: Visit) -> str:
    return _render(visit, MultiDict(), None)


@form("/points-campaigns/new", right=Right.REWARDS, again=new_points_campaign, largest=LARGEST_UPLOAD)
def add_points_campaign(visit: Visit) -> Answer:
    if visit.form.get("do"):
        return _render(visit, visit.form, None, _in_the_way(visit, None))
    made = campaigns.create(visit.session, visit.shop, _said(visit), visit.now)
    return visit.done(f"“{name_of(visit, made)}” was added.", "points_campaign", campaign_id=made.id)


@page("/points-campaigns/<row_id:campaign_id>", right=Right.REWARDS)
def points_campaign(visit: Visit, campaign_id: int) -> str:
    found = campaigns.find(visit.session, visit.shop_id, campaign_id)
    return _render(visit, _shown(visit, found), found)


@form("/points-campaigns/<row_id:campaign_id>", right=Right.REWARDS, again=points_campaign, largest=LARGEST_UPLOAD)
def save_points_campaign(visit: Visit, campaign_id: int) -> Answer:
    found = campaigns.find(visit.session, visit.shop_id, campaign_id)
    if visit.form.get("do"):
        return _render(visit, visit.form, found, _in_the_way(visit, found))
    changes = _said(visit)
    if "banner" not in changes and visit.form.get("remove_banner"):
        changes["banner"] = None
    campaigns.update(visit.session, visit.shop, campaign_id, changes, visit.now)
    return visit.done("Saved.", "points_campaign", campaign_id=campaign_id)


# Reading


def _said(visit: Visit) -> dict[str, Any]:
    """The document, with the banner if one came along now or with a form that was refused."""
    said = _plain(visit.form)
    content = _banner(visit)
    if content is not None:
        said["banner"] = {"content_base64": b64encode(content).decode()}
    return said


def _plain(typed: Fields) -> dict[str, Any]:
    return {
        "names": _by_language(typed, "names"),
        "terms": _by_language(typed, "terms"),
        "starts_at": typed.get("starts_at", "").strip() or None,
        "ends_at": typed.get("ends_at", "").strip() or None,
        "gifts": typed.getlist("gifts"),
    }


def _by_language(typed: Fields, name: str) -> dict[str, str]:
    found = {key.removeprefix(f"{name}."): value.strip() for key, value in typed.items() if key.startswith(f"{name}.")}
    return {tag: value for tag, value in found.items() if value}


def _banner(visit: Visit) -> bytes | None:
    file = visit.file("banner")
    if file is not None:
        file.stream.seek(0)  # a form that is shown again reads it twice
        content: bytes = file.stream.read(LARGEST_UPLOAD)
    elif kept := visit.form.get("kept_banner"):
        picture = images.find(visit.shop_id, kept)
        content = picture.content if picture is not None else b""
    else:
        return None
    if len(content) > LARGEST_BANNER:
        message = f"has {len(content):,} bytes; at most {LARGEST_BANNER:,} are allowed"
        raise BadInput(f"The banner {message}.", [{"field": "banner", "message": message}])
    return content


def _in_the_way(visit: Visit, campaign: Campaign | None) -> list[Campaign] | None:
    """What overlaps with the dates as typed, if that is asked. Raises BadInput for dates that are none."""
    if visit.form.get("do") != "check":
        return None
    said = _plain(visit.form) | {"names": {"en": "-"}, "terms": {}, "gifts": []}
    return campaigns.in_the_way(visit.session, visit.shop, said, but=campaign.id if campaign else None)


# Showing


def _shown(visit: Visit, campaign: Campaign) -> Fields:
    tz = ZoneInfo(visit.shop.timezone)
    fields: Fields = MultiDict()
    for name, texts in (("names", campaign.names), ("terms", campaign.terms)):
        for tag, said in texts.items():
            fields[f"{name}.{tag}"] = said
    for name, at in (("starts_at", campaign.starts_at), ("ends_at", campaign.ends_at)):
        if at is not None:
            local = at.astimezone(tz)
            fields[name] = f"{local:%Y-%m-%dT%H:%M:%S}" if local.second else f"{local:%Y-%m-%dT%H:%M}"
    fields.setlist("gifts", [rewards.public_id(each) for each in campaign.gifts])
    return fields


def _render(visit: Visit, fields: Fields, campaign: Campaign | None, in_the_way: list[Campaign] | None = None) -> str:
    kept = None
    if visit.refusal is not None:
        fields, kept = visit.form, _kept_banner(visit)
        visit = replace(visit, refusal=_refusal(visit.refusal))
    added = fields.get("add_language", "").strip() if fields.get("do") == "add_language" else ""
    tags = {key.split(".")[1] for key in fields if key.startswith(("names.", "terms."))} - {visit.shop.locale}
    languages = [visit.shop.locale, *sorted(tags)]
    if is_language_tag(added) and added.lower() not in map(str.lower, languages):
        languages.append(added)
    banner_id = kept or fields.get("kept_banner") or (campaign and campaign.banner_id)
    gifts, more = _gifts(visit, fields)
    return visit.render(
        "points_campaign.html",
        fields=fields,
        campaign=campaign,
        title=name_of(visit, campaign) if campaign else None,
        state=campaign and campaign.state(visit.now),
        languages=languages,
        gifts=gifts,
        more_gifts=more,
        banner=banner_id and current_app.config["LAGNIAPPE"].base_url + images.path(visit.shop.widget_key, banner_id),
        kept_banner=kept or fields.get("kept_banner"),
        is_checked=in_the_way is not None,
        in_the_way=in_the_way or [],
        taken=campaigns.between(visit.session, visit.shop_id, visit.now, None, but=campaign.id if campaign else None),
        name_of=lambda each: name_of(visit, each),
    )


def _gifts(visit: Visit, fields: Fields) -> tuple[list[Gift], bool]:
    """Gifts to choose from, by the date they were made, newest first (S3.17): those that are chosen, and the newest that
    are asked for by name. Whether there are more."""
    chosen = [int(each, 16) for each in fields.getlist("gifts") if _PUBLIC_ID.fullmatch(each)]
    rows = visit.session.execute(
        text(
            "(select id, name, points, is_active, created_at from reward where shop_id = :shop and id = any(:chosen)"
            " and type = 'gift') union (select id, name, points, is_active, created_at from reward where shop_id = :shop"
            " and type = 'gift' and archived_at is null and strpos(lower(name), lower(:search)) > 0"
            " order by id desc limit :most) order by created_at desc, id desc"
        ),
        {
            "shop": visit.shop_id,
            "chosen": [each for each in chosen if each < 2**63],
            "search": fields.get("gift_search", ""),
            "most": SHOWN_GIFTS + 1,
        },
    ).all()
    gifts = [Gift(rewards.public_id(row.id), row.name, row.points, row.is_active) for row in rows]
    return gifts, len(gifts) > SHOWN_GIFTS


def _kept_banner(visit: Visit) -> str | None:
    """The banner of a form that is shown again: browsers do not send a file twice."""
    try:
        content = _banner(visit) if visit.file("banner") is not None else None
        return None if content is None else images.keep(visit.session, visit.shop_id, images.banner(content), visit.now)
    except BadInput:
        return None


def _refusal(refusal: LagniappeError) -> LagniappeError:
    """The same refusal with the fields as the form has them."""
    errors = []
    for each in refusal.errors:
        top, *rest = each["field"].split(".")
        name = each["field"] if top in ("names", "terms") and rest else "names" if top == "names" else top
        label = _LABELS.get(top) or ("Name" if top == "names" else "Terms and conditions" if top == "terms" else top)
        errors.append({"field": name, "message": each["message"], "label": f"{label} ({rest[0]})" if rest else label})
    if not errors:
        return refusal
    if refusal.code in ("campaign_overlaps", "banner_refused"):
        return BadInput(refusal.detail, errors)  # the verb's own sentence names the other one
    more = f" and {len(errors) - 1} more" if len(errors) > 1 else ""
    return BadInput(f"Not saved. {errors[0]['label']}: {errors[0]['message']}{more}.", errors)
