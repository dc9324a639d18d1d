"""Rewards as the widget shows them: in one language, and with how far one member is from each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from babel.numbers import format_decimal

from backend.errors import BadInput
from backend.loyalty import merchant_html
from backend.loyalty.eligibility import eligibility
from backend.loyalty.eligibility.eligibility import Facts
from backend.loyalty.program.settings import ProgramSettings
from backend.loyalty.redemptions.endings import CASHBACK
from backend.loyalty.rewards import images, rewards
from backend.loyalty.rewards.campaigns import Campaign
from backend.loyalty.rewards.rewards import Reward
from backend.loyalty.shops.shops import ShopFacts
from backend.loyalty.wording import locale_of, pick, points_text
from backend.platforms.events import time_text
from backend.widget_api.amounts import money, rate

Words = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Tongue:
    """In which language, and by whose names for things, a reward is shown."""

    shop: ShopFacts
    settings: ProgramSettings
    language: str
    words: Words


@dataclass(frozen=True, slots=True)
class Progress:
    """What of a member decides how far they are from a reward."""

    available: int
    facts: Facts | None
    """None: no reward of the shop asks for any."""
    times_had: Mapping[int, int]
    """How often the member has had each reward that is limited per member."""


def shape(reward: Reward, tongue: Tongue) -> dict[str, Any]:
    """What everybody sees of it. Merchants' HTML was cleaned when it was written, and is again here."""
    texts = rewards.texts_in(reward, tongue.language, tongue.shop.locale)
    definition = reward.definition
    brand = definition.brand
    return {
        "id": reward.public_id,
        "reward_id": reward.redemption_id,
        "name": texts.name,
        "type": reward.type,
        "sub_type": reward.sub_type,
        "cost": reward.points,
        "cost_text": _points(reward.points, tongue),
        "value_text": value_text(reward.worth, definition.reward_value, definition.point_value, tongue),
        "description_html": cleaned(texts.short_description),
        "brand": {
            "name": texts.brand_name,
            "description_html": cleaned(texts.brand_description),
            "image_url": brand.image_url if brand is not None else None,
        }
        if brand is not None or texts.brand_name or texts.brand_description
        else None,
        "image_url": definition.reward_card_background_image_url,
        "more_info_url": definition.more_information_url,
        "featured": definition.featured,
        "categories": list(definition.categories),
        "confirmation_html": cleaned(texts.confirmation_html),
        "attributes": [
            {
                "id": each.attribute_id,
                "name": each.attribute_name,
                "type": each.attribute_type,
                "mandatory": each.is_attribute_mandatory,
            }
            for each in definition.custom_transaction_attributes
        ],
        "discount": {name: reward.worth.get(name) for name in ("kind", "value", "minimum_subtotal")}
        if reward.worth is not None
        else None,
        "point_value": f"{reward.point_value:f}" if reward.point_value is not None else None,
        "active_to": time_text(reward.active_to) if reward.active_to is not None else None,
    }


def shown_to(candidates: Iterable[Reward], facts: Facts | None) -> list[Reward]:
    """Those that the member may have and whose rule shows them on the dashboard (S2.27)."""
    if facts is None:
        return list(candidates)
    return [
        each
        for each in candidates
        if eligibility.is_in_target(each.target, facts)
        and eligibility.judge(each.rules, facts).show_on_member_dashboard
    ]


def state(reward: Reward, progress: Progress, words: Words) -> dict[str, Any]:
    """How far the member is: a sentence says why it cannot be had, and with too few points it is that of S1.7."""
    missing = max(0, reward.points - progress.available)
    message = None
    if reward.type == CASHBACK:
        missing = 0
    elif reward.coupon_source == "uploaded" and not reward.has_stock:
        message = words["sold_out"]
    elif _is_had_enough(reward, progress):
        message = words["had_enough"]
    elif missing:
        message = missing_sentence(missing, words)
    return {
        "affordable": missing == 0,
        "redeemable": message is None and reward.type != CASHBACK,
        "missing_points": missing,
        "message": message,
    }


def missing_sentence(missing: int, words: Words) -> str:
    """S1.7, in English word for word."""
    return words["missing_points"].format(missing=missing)


def campaign_shape(campaign: Campaign, tongue: Tongue, base_url: str) -> dict[str, Any]:
    """A gift campaign as everybody sees it (S3.18), without its gifts."""
    return {
        "id": str(campaign.id),
        "name": pick(campaign.names, tongue.language, tongue.shop.locale),
        "terms_html": cleaned(pick(campaign.terms, tongue.language, tongue.shop.locale)),
        "banner_url": base_url + images.path(tongue.shop.widget_key, campaign.banner_id)
        if campaign.banner_id is not None
        else None,
        "starts_at": time_text(campaign.starts_at),
        "ends_at": time_text(campaign.ends_at) if campaign.ends_at is not None else None,
    }


def value_text(
    worth: Mapping[str, Any] | None, said: str | None, point_value: Decimal | None, tongue: Tongue
) -> str | None:
    """What it is worth, as the language writes it: "€5", "10%", "Free delivery", "1 point = €2"."""
    if point_value is not None:
        amount = rate(point_value, tongue.shop.currency, tongue.language)
        return tongue.words["point_value"].format(amount=amount)
    match worth:
        case {"kind": "fixed_amount" | "gift_card" | "store_credit", "value": str(value), "currency": str(currency)}:
            return money(Decimal(value), currency, tongue.language)
        case {"kind": "percentage", "value": str(value)}:
            return _percent(Decimal(value), tongue.language)
        case {"kind": "free_shipping"}:
            return tongue.words["free_shipping"]
    return said


def cleaned(html: str | None) -> str | None:
    """A text that older rules of cleaning let pass reaches no page."""
    try:
        return merchant_html.clean(html) if html else None
    except BadInput:
        return None


def _is_had_enough(reward: Reward, progress: Progress) -> bool:
    if reward.limit_total is not None and reward.taken >= reward.limit_total:
        return True
    return reward.limit_per_member is not None and progress.times_had.get(reward.id, 0) >= reward.limit_per_member


def _points(points: int, tongue: Tongue) -> str:
    return points_text(tongue.settings.points_name, points, tongue.language, tongue.shop.locale)


def _percent(value: Decimal, language: str) -> str:
    locale = locale_of(language)
    pattern = locale.percent_formats[None].pattern
    number = format_decimal(value.normalize(), locale=locale)
    return str(pattern).replace("#,##,##0", number).replace("#,##0", number)
