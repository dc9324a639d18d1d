"""The form of a reward campaign (S0.9 to S0.43): shown, added to, saved. Nothing that was typed is lost on a refusal."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from flask import current_app
from markupsafe import Markup

from backend.admin import embedding, reward_fields
from backend.admin.door import Answer, Visit, form, is_rehearsal, page
from backend.admin.reward_codes import typed_codes
from backend.admin.reward_fields import CAMPAIGN_TYPES, Fields
from backend.errors import BadInput, Conflict, LagniappeError
from backend.loyalty import merchant_html
from backend.loyalty.coupons import stock_health
from backend.loyalty.eligibility.eligibility_terms import ATTRIBUTES
from backend.loyalty.program import programs
from backend.loyalty.rewards import images, reward_definition, reward_list, rewards
from backend.loyalty.rewards.rewards import Reward
from backend.loyalty.segments import segments
from backend.loyalty.shops import shopify_shops, shops
from backend.loyalty.wording import is_language_tag, pick
from backend.models import ShopifyShop
from backend.platforms.shopify import scopes
from backend.staff.rights import Right

LARGEST_UPLOAD = images.MAX_BYTES + 4 * 1024 * 1024
"""A picture, codes and texts together."""

LABELS: Mapping[str, str] = {
    "reward_name": "Name",
    "reward_id": "Reward ID",
    "campaign_type": "Campaign type",
    "enduser_reward_short_description": "Short description",
    "enduser_reward_confirmation_html": "Question before redeeming",
    "enduser_reward_post_confirmation_html": "Text after redeeming",
    "brand.name": "Brand name",
    "brand.description": "Brand description",
    "brand.image_url": "Address of the brand's image",
    "brand_image": "Brand image",
    "is_active": "Active",
    "points_to_be_redeemed": "Cost in points",
    "more_information_url": "More information link",
    "push_notification_text": "Push notification text",
    "point_value": "Point value",
    "reward_value": "Reward value",
    "given_as": "Paid as",
    "minimum_subtotal": "Smallest order",
    "product_id": "Product of the store",
    "tax_rate": "Tax",
    "tax_value": "Tax value",
    "limit_total": "Limit in all",
    "limit_per_member": "Limit for each customer",
    "coupon_valid_days": "Days until a code ends",
    "points_back_when_expired": "Points back when it ends unused",
    "code_prefix": "Codes begin with",
    "reward_card_background_image_url": "Background picture of the card",
    "rank": "Rank",
    "labels": "Labels",
    "categories": "Categories",
    "custom_transaction_attributes": "Questions",
    "member_eligibility_rules": "Rules",
    "target.type": "Target type",
    "target.levels": "Levels",
    "target.segments": "Segments",
    "active_from": "Active from",
    "active_to": "Active to",
    "coupons": "Codes",
    "translations": "Other languages",
}
WAYS_TO_PAY: Mapping[str, str] = {
    "code": "A code for an amount off an order",
    "gift_card": "A gift card of your shop",
    "store_credit": "Store credit in the customer’s account",
}
_PLACEHOLDERS = {"before": "{{reward_name}} and {{points}}", "after": "{{reward_name}} and {{coupon_code}}"}
_NAME = re.compile("[a-z]+(_[a-z]+)+")
_OF_A_TYPE = ": a reward of the type"
_ADDING = ("add_", "preview", "fields")
"""What buttons of the form do besides saving."""


@page("/reward-campaigns/new", right=Right.REWARDS)
def new_reward_campaign(visit: Visit) -> str:
    return _render(visit, reward_fields.empty(), None)


@form("/reward-campaigns/new", right=Right.REWARDS, again=new_reward_campaign, largest=LARGEST_UPLOAD)
def add_reward_campaign(visit: Visit) -> Answer:
    if visit.form.get("do", "").startswith(_ADDING):
        return _render(visit, _typed(visit), None)
    said = _said(visit)
    codes = typed_codes(visit, "coupons")
    takes_codes = "coupons" in reward_definition.FITS[said["reward_type"]] and said["given_as"] in (None, "code")
    if visit.form.get("coupons_from") == "uploaded" and takes_codes:
        said["coupons"] = codes
    made = rewards.create(visit.session, visit.shop, said, visit.now, rehearsal=is_rehearsal())
    _warn(visit, made)
    _look_at_scopes(visit, made)
    return visit.done(f"“{made.name}” was added.", "reward_campaign", reward=made.id)


@page("/reward-campaigns/<reward_id:reward>", right=Right.REWARDS)
def reward_campaign(visit: Visit, reward: int) -> str:
    found = rewards.find(visit.session, visit.shop_id, reward)
    return _render(visit, reward_fields.shown(found.definition, ZoneInfo(visit.shop.timezone)), found)


@form("/reward-campaigns/<reward_id:reward>", right=Right.REWARDS, again=reward_campaign, largest=LARGEST_UPLOAD)
def save_reward_campaign(visit: Visit, reward: int) -> Answer:
    found = rewards.find(visit.session, visit.shop_id, reward)
    if visit.form.get("do", "").startswith(_ADDING):
        return _render(visit, _typed(visit), found)
    opened = visit.form.get("version", "")
    try:
        said = _said(visit)
        saved = rewards.update(visit.session, visit.shop, reward, said, visit.now, rehearsal=is_rehearsal())
    except (BadInput, Conflict):
        if opened not in ("", str(found.version)):
            raise _changed_meanwhile() from None
        raise
    # What changes nothing, such as a second click, is in nobody's way.
    if opened not in ("", str(saved.version - 1)) and saved.version != found.version:
        raise _changed_meanwhile()
    _look_at_scopes(visit, saved)
    return visit.done("Saved.", "reward_campaign", reward=reward)


def _changed_meanwhile() -> Conflict:
    return Conflict(
        "Somebody has changed this campaign since you opened it. What you typed is below; save again to put it in place of"
        " theirs.",
        code="changed_meanwhile",
    )


def in_words(said: str) -> str:
    """What a verb says of fields, with their labels instead of their names, and nothing of the API's names for types."""
    said = _NAME.sub(lambda name: LABELS.get(name[0], name[0]), said.partition(_OF_A_TYPE)[0])
    first, sign, rest = said.partition(":")
    return LABELS.get(first, first) + sign + rest


# Reading


def _typed(visit: Visit) -> Fields:
    fields = reward_fields.tidied(visit.form, ZoneInfo(visit.shop.timezone))
    if picture := _kept_picture(visit):
        fields["brand.image_url"] = picture
    return fields


def _said(visit: Visit) -> dict[str, Any]:
    """The document, with the address of the picture that came along."""
    said = reward_fields.document(visit.form, ZoneInfo(visit.shop.timezone))
    try:
        address = _keep_picture(visit)
    except BadInput as refused:
        reason = refused.detail.removesuffix(".")
        raise BadInput(f"The picture is refused: {reason}.", [{"field": "brand_image", "message": reason}]) from None
    if address is not None:
        said["brand"] = {**(said["brand"] or {}), "image_url": address}
    return said


def _keep_picture(visit: Visit) -> str | None:
    file = visit.file("brand_image")
    if file is None:
        return None
    file.stream.seek(0)  # a form that is shown again reads it twice
    picture = images.brand_picture(file.stream.read(images.MAX_BYTES + 1))
    image_id = images.keep(visit.session, visit.shop_id, picture, visit.now)
    base_url: str = current_app.config["LAGNIAPPE"].base_url
    return base_url + images.path(visit.shop.widget_key, image_id)


def _kept_picture(visit: Visit) -> str | None:
    """The picture of a form that is shown again: browsers do not send a file twice."""
    try:
        return _keep_picture(visit)
    except BadInput:
        return None


def _warn(visit: Visit, reward: Reward) -> None:
    """What became of the codes that came along; of the rest the reward's page warns each time."""
    for each in reward.warnings:
        if each not in reward_definition.warnings(reward.definition, visit.shop.currency):
            visit.say(in_words(each), "warn")


def _look_at_scopes(visit: Visit, reward: Reward) -> None:
    """Shopify was asked for what is missing when the form was sent."""
    if _lacking(visit).get(reward.definition.given_as):
        shopify_shops.look_at_scopes(visit.session, visit.shop_id, visit.wall)


# Showing


def _render(visit: Visit, fields: Fields, reward: Reward | None) -> str:
    if visit.refusal is not None:
        fields = _typed(visit)
        visit = replace(visit, form=fields, refusal=_refusal(visit.refusal, fields))
    do = visit.form.get("do", "")
    added = fields.get("add_language", "").strip() if do == "add_language" else ""
    languages = reward_fields.languages_of(fields)
    if is_language_tag(added) and added.lower() not in map(str.lower, (*languages, visit.shop.locale)):
        languages.append(added)
    return visit.render(
        "reward_form.html",
        fields=fields,
        reward=reward,
        do=do,
        types=_types(reward),
        types_with=reward_fields.types_with,
        languages=languages,
        placeholders=_PLACEHOLDERS,
        levels=_levels(visit, fields.getlist("target.levels")),
        segments=_segments(visit, fields.getlist("target.segments")),
        rules=reward_fields.places_of_conditions(fields, do),
        rows_of=reward_fields.rows_of,
        attributes=[(each, each) for each in ATTRIBUTES],
        operators=[(each, each) for each in reward_fields.ALL_OPERATORS],
        preview=_preview(fields, visit),
        free=_free(visit, reward) if reward else None,
        ways_to_pay=_ways_to_pay(visit, reward),
        lacking=_lacking(visit),
        is_framed=embedding.current() is not None,
        warnings=[] if reward is None or visit.refusal else _warnings(visit, reward),
    )


def _refusal(refusal: LagniappeError, fields: Fields) -> LagniappeError:
    """The same refusal, its fields named as the form has them and as people read them."""
    errors = []
    for each in refusal.errors:
        name = _field(each["field"])
        errors.append({"field": name, "message": in_words(each["message"]), "label": _label(name)})
    if not errors:
        return refusal
    more = f" and {len(errors) - 1} more" if len(errors) > 1 else ""
    first = errors[0]
    known = refusal.detail if isinstance(refusal, Conflict) and len(errors) == 1 and "named" in refusal.detail else None
    return BadInput(known or f"Not saved. {first['label']}: {first['message']}{more}.", errors)


def _field(place: str) -> str:
    """Which field of the form stands for that place of the document."""
    top = place.split(".")[0]
    if top in ("categories", "coupons"):
        return top
    if top == "target" and place.count(".") > 1:
        return ".".join(place.split(".")[:2])
    return {"reward_type": "campaign_type", "reward_sub_type": "campaign_type", "brand": "brand.name"}.get(place, place)


def _label(name: str) -> str:
    if name in LABELS:
        return LABELS[name]
    top, *rest = name.split(".")
    if top == "translations" and len(rest) > 1:
        return f"{_label('.'.join(rest[1:]))} ({rest[0]})"
    number = next((int(each) + 1 for each in rest if each.isdecimal()), None)
    of = {"labels": "Label", "custom_transaction_attributes": "Question", "member_eligibility_rules": "Rule"}.get(
        top, top
    )
    last = rest[-1].removeprefix("attribute_").replace("_", " ") if rest and not rest[-1].isdecimal() else ""
    return " ".join(filter(None, (of, str(number or ""), last)))


def _types(reward: Reward | None) -> list[tuple[str, str]]:
    """What may be chosen: of a reward that is there, the types that differ in what the code is worth alone."""
    return [
        (name, label)
        for name, (kind, _, label) in CAMPAIGN_TYPES.items()
        if reward is None or kind == reward.definition.reward_type
    ]


def _ways_to_pay(visit: Visit, reward: Reward | None) -> list[tuple[str, str]]:
    """What a value code may be, where there is a choice: in a shop on Shopify, for codes that are not the merchant's own."""
    has_own_codes = reward is not None and reward.coupon_source == "uploaded"
    return list(WAYS_TO_PAY.items()) if visit.shop.platform == shops.SHOPIFY and not has_own_codes else []


def _lacking(visit: Visit) -> dict[str, list[str]]:
    """By the kind of money, the permissions that the shop on Shopify has not granted for it."""
    if visit.shop.platform != shops.SHOPIFY:
        return {}
    granted = visit.session.get_one(ShopifyShop, visit.shop_id).scopes
    return {kind: scopes.missing(granted, wanted) for kind, wanted in scopes.FOR_MONEY.items()}


def _levels(visit: Visit, chosen: list[str]) -> list[tuple[str, str]]:
    _, settings = programs.current(visit.shop_id)
    levels = settings.tiers.levels if settings.tiers is not None else ()
    known = [(each.id, pick(each.name, None, visit.shop.locale) or each.id) for each in levels]
    return _with_chosen(known, chosen)


def _segments(visit: Visit, chosen: list[str]) -> list[tuple[str, str]]:
    return _with_chosen([(each.id, each.name) for each in segments.all_of(visit.session, visit.shop_id)], chosen)


def _with_chosen(known: list[tuple[str, str]], chosen: list[str]) -> list[tuple[str, str]]:
    there = {each for each, _ in known}
    return known + [(each, f"{each} (there is none of this name now)") for each in chosen if each not in there]


def _preview(fields: Fields, visit: Visit) -> dict[str, Any]:
    kind = fields.get("campaign_type", "")
    points = fields.get("points_to_be_redeemed", "")
    return {
        "name": fields.get("reward_name") or "Name",
        "description": _clean(fields.get("enduser_reward_short_description", "")),
        "brand": fields.get("brand.name"),
        "picture": fields.get("brand.image_url") if fields.get("brand.image_url", "").startswith("http") else None,
        "type": CAMPAIGN_TYPES.get(kind, CAMPAIGN_TYPES[reward_fields.FIRST_TYPE])[2],
        "is_cashback": kind == "cashback",
        "points": int(points) if points.isdecimal() and len(points) < 11 else None,
        "point_value": fields.get("point_value"),
        "is_active": fields.get("is_active", "1") == "1",
    }


def _clean(html: str) -> Markup:
    try:
        return Markup(merchant_html.clean(html))  # noqa: S704 - this is what cleans it
    except BadInput:
        return Markup("")


def _free(visit: Visit, reward: Reward) -> str | None:
    """How many codes are free, such as "250" or "1,000+"; None for a campaign without a stock of codes."""
    if reward.coupon_source in ("none", "each"):
        return None
    counted = stock_health.free_codes(visit.session, visit.shop_id, reward.id, reward_list.MOST_COUNTED)
    return f"{counted:,}{'+' if counted == reward_list.MOST_COUNTED else ''}"


def _warnings(visit: Visit, reward: Reward) -> list[str]:
    return [in_words(each) for each in reward_definition.warnings(reward.definition, visit.shop.currency)]
