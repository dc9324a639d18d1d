"""What everybody may know of a program's referrals, and the member's own link."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from flask import current_app

from backend import db
from backend.errors import NotFound
from backend.loyalty.program.settings import ReferralSide
from backend.loyalty.rewards import rewards
from backend.loyalty.shops.shops import ShopFacts
from backend.loyalty.wording import points_text
from backend.widget_api.referral_words import words
from backend.widget_api.reward_shapes import Tongue

OFF: dict[str, Any] = {"enabled": False}


def referral_shape(tongue: Tongue) -> dict[str, Any]:
    """Of the program: whether friends bring something, when, and what each side gets; null for a side that gets nothing."""
    terms = tongue.settings.referral
    if not (tongue.settings.enabled and terms.enabled):
        return OFF
    names = reward_names(tongue.shop, (terms.advocate, terms.friend), tongue.language)
    return {
        "enabled": True,
        "reward_when": terms.reward_when,
        "advocate_text": gift_text(tongue, terms.advocate, names),
        "friend_text": gift_text(tongue, terms.friend, names),
    }


def own_link(document_referral: Mapping[str, Any], code: str | None) -> dict[str, Any]:
    """Of the member: the link to give to friends."""
    if not document_referral["enabled"] or code is None:
        return OFF
    return {"enabled": True, "url": url_of(code), "code": code}


def url_of(code: str) -> str:
    return f"{current_app.config['LAGNIAPPE'].base_url}/r/{code}"


def gift_text(tongue: Any, side: ReferralSide, names: Mapping[str, str]) -> str | None:
    """ "100 points", "5 € off", or both; None for nothing."""
    shop, language = tongue.shop, tongue.language
    points = points_text(tongue.settings.points_name, side.points, language, shop.locale) if side.points else None
    reward = names.get(side.reward or "")
    if points and reward:
        return words(language, shop.locale)["both"].format(points=points, reward=reward)
    return points or reward


def reward_names(shop: ShopFacts, sides: Iterable[ReferralSide], language: str) -> dict[str, str]:
    """What the rewards of these sides are called, by their public ids. One that is gone has no name."""
    wanted = {side.reward for side in sides if side.reward is not None}
    names: dict[str, str] = {}
    if not wanted:
        return names
    session = db.db.session()
    try:
        for public_id in sorted(wanted):
            with suppress(NotFound):
                reward = rewards.find(session, shop.id, rewards.parse_public_id(public_id))
                names[public_id] = rewards.texts_in(reward, language, shop.locale).name
    finally:
        session.rollback()
    return names
