"""Redemptions as the widget shows them."""

from datetime import datetime
from decimal import Decimal
from html import escape
from typing import Any
from urllib.parse import quote

from backend.loyalty import merchant_html
from backend.loyalty.coupons import coupons
from backend.loyalty.redemptions import endings, redemptions
from backend.loyalty.redemptions.endings import CASHBACK
from backend.loyalty.rewards import rewards
from backend.loyalty.rewards.rewards import Reward
from backend.loyalty.shops import shops
from backend.loyalty.shops.shops import ShopFacts
from backend.models import Redemption
from backend.platforms.events import time_text
from backend.platforms.shopify import links
from backend.widget_api.reward_shapes import Tongue, cleaned, value_text


def shape(redemption: Redemption, tongue: Tongue, now: datetime, *, has_order: bool = False) -> dict[str, Any]:
    """One redemption as it now is. What has run out is expired, whether or not it has been swept.

    `has_order`: an order that stands carries its code.
    """
    reward = next((each for each in rewards.current(tongue.shop.id) if each.id == redemption.reward_id), None)
    frozen = redemption.frozen
    is_gift = frozen["type"] == "gift"
    point_value = frozen.get("point_value")
    worth = value_text(
        frozen["worth"], frozen["reward_value"], None if point_value is None else Decimal(point_value), tongue
    )
    given_as = _given_as(redemption)
    return {
        "id": str(redemption.id),
        "reward": {
            "id": rewards.public_id(redemption.reward_id),
            "reward_id": frozen["reward_id"],
            "name": _name(redemption, reward, tongue),
            "type": frozen["type"],
            "sub_type": frozen["sub_type"],
            "image_url": _picture(reward),
        },
        "code": redemption.code,
        "status": redemptions.status_at(redemption, now),
        "use_state": redemption.use_state,
        "delivery_status": redemption.delivery_status if is_gift else None,  # A7
        "points": redemption.points,
        "value_text": worth,
        "given_as": given_as,
        "redeemed_at": moment(redemption.requested_at),
        "issued_at": moment(redemption.issued_at),
        "used_at": moment(redemption.used_at),
        "ended_at": moment(redemption.ended_at),
        "expires_at": moment(redemption.expires_at or (redemption.hold_until if is_cashback(redemption) else None)),
        "use": _use(redemption, tongue, now) if given_as == "code" else None,
        "use_text": tongue.words[f"{given_as}_use"].format(amount=worth)
        if given_as != "code" and _can_be_used(redemption, now)
        else None,
        "can_return": endings.why_not_returnable(redemption, now, has_order=has_order) is None,
        "ending": redemption.ending,
        "points_returned": _points_returned(redemption, now),
        "post_confirmation_html": _post_confirmation(redemption, reward, tongue),
        "is_ready": redemption.is_ready,
        "discount": str(redemption.discount) if redemption.discount is not None else None,
    }


def is_cashback(redemption: Redemption) -> bool:
    return bool(redemption.frozen["type"] == CASHBACK)


def _picture(reward: Reward | None) -> str | None:
    """That of its card, else that of its brand (S0.35)."""
    if reward is None:
        return None
    brand = reward.definition.brand
    return reward.definition.reward_card_background_image_url or (brand.image_url if brand is not None else None)


def _name(redemption: Redemption, reward: Reward | None, tongue: Tongue) -> str:
    """In the reader's language while the reward is called as it was; afterwards as it was called then."""
    if reward is None or reward.name != redemption.frozen["name"]:
        return str(redemption.frozen["name"])
    return rewards.texts_in(reward, tongue.language, tongue.shop.locale).name


def _points_returned(redemption: Redemption, now: datetime) -> bool | None:
    """Of one that is over: whether its points came back. None while it is not."""
    match redemptions.status_at(redemption, now):
        case "returned" | "failed":
            return True
        case "expired":
            return is_cashback(redemption) or bool(redemption.frozen.get("points_back"))
    return None


def _use(redemption: Redemption, tongue: Tongue, now: datetime) -> dict[str, str] | None:
    """Where the code is put into the store's cart: the store's /discount/<code>. On Shopify the cart is shown then."""
    if redemption.code is None or not _can_be_used(redemption, now):
        return None
    return {"label": tongue.words["use_now"], "url": _discount_url(tongue.shop, redemption.code)}


def _can_be_used(redemption: Redemption, now: datetime) -> bool:
    is_good = redemptions.status_at(redemption, now) == ("requested" if is_cashback(redemption) else "issued")
    return is_good and redemption.is_ready and redemption.use_state != "used" and redemption.ending is None


def _given_as(redemption: Redemption) -> str:
    """`gift_card` or `store_credit` of what a store pays in money, else `code`."""
    worth = redemption.frozen["worth"]
    return str(worth["kind"]) if coupons.is_money(worth) else "code"


def _discount_url(shop: ShopFacts, code: str) -> str:
    if shop.platform == shops.SHOPIFY:
        return links.discount(shop.address, code)
    return f"{shop.address}/discount/{quote(code, safe='')}"


def _post_confirmation(redemption: Redemption, reward: Reward | None, tongue: Tongue) -> str | None:
    """The merchant's text for afterwards, with the code in its place (S2.15). The marks are filled in after cleaning."""
    if reward is None or redemption.status != "issued":
        return None
    text = cleaned(rewards.texts_in(reward, tongue.language, tongue.shop.locale).post_confirmation_html)
    if text is None:
        return None
    blanks = {
        "coupon_code": redemption.code or "",
        "points": str(redemption.points),
        "reward_name": _name(redemption, reward, tongue),
    }
    return merchant_html.filled_in(text, {name: escape(value) for name, value in blanks.items()})


def moment(at: datetime | None) -> str | None:
    """A time as the widget reads it: UTC, whole seconds."""
    return None if at is None else time_text(at.replace(microsecond=0))
