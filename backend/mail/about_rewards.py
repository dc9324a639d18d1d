"""Mails about rewards: one that a member has, one that came to nothing, one that is to be had now."""

from dataclasses import replace
from typing import Literal

from backend.errors import NotFound
from backend.loyalty import merchant_html
from backend.loyalty.rewards import rewards
from backend.mail.asking import Asked, NothingToTell
from backend.mail.messages import Context
from backend.models import Redemption
from backend.platforms.base import Never

_AT_THE_CHECKOUT = frozenset({"coupon_based_reward", "gift"})
"""Types of reward whose codes the store takes; others are shown to somebody."""


def issued(asked: Asked, context: Context) -> Context:
    """The reward that the member has, with its code."""
    redemption = _redemption(asked, "issued")
    if redemption.use_state == "used" or redemption.ending is not None:
        raise NothingToTell("the reward is used or over")
    texts = rewards.texts_in(
        rewards.find(asked.session, asked.shop.id, redemption.reward_id), asked.locale, asked.shop.locale
    )
    how = _how(redemption)
    name = _name(asked, redemption)
    return replace(
        context,
        points=redemption.points,
        reward=name,
        code=redemption.code,
        how=how,
        note=_note(texts.post_confirmation_html, redemption, name),
        expires_at=redemption.expires_at,
        never_expires=redemption.expires_at is None and (how == "store_credit" or redemption.code is not None),
        is_earned=redemption.origin == "earned",
        reason=_why_earned(redemption),
    )


def came_to_nothing(asked: Asked, context: Context, status: Literal["expired", "failed", "returned"]) -> Context:
    redemption = _redemption(asked, status)
    return replace(
        context,
        points=redemption.points,
        expires_at=redemption.expires_at,
        reward=_name(asked, redemption),
        points_came_back=bool(redemption.frozen.get("points_back")),
        is_credit=_how(redemption) == "store_credit",
    )


def available(asked: Asked, context: Context) -> Context:
    """A reward that is to be had now, in the merchant's words."""
    try:
        reward = rewards.find(asked.session, asked.shop.id, asked.payload["reward_id"])
    except NotFound:
        raise NothingToTell("the reward is gone") from None
    texts = rewards.texts_in(reward, asked.locale, asked.shop.locale)
    if not texts.push_notification_text:
        raise NothingToTell("the reward has no push text any more")
    if not asked.settings.enabled or not rewards.is_available(reward, asked.now) or not rewards.is_left(reward):
        raise NothingToTell("the reward is not to be had any more")
    return replace(
        context,
        points=reward.points,
        reward=texts.name,
        announcement=texts.push_notification_text,
        expires_at=reward.active_to,
    )


def _redemption(asked: Asked, status: str) -> Redemption:
    redemption = asked.session.get(Redemption, (asked.shop.id, asked.payload["redemption_id"]))
    if redemption is None:
        raise Never(f"There is no redemption {asked.payload['redemption_id']}.")
    if redemption.status != status:
        raise NothingToTell(f"the reward is {redemption.status}")  # such as by an order that carried its code after all
    return redemption


def _name(asked: Asked, redemption: Redemption) -> str:
    """The name that it had when it was chosen, in the reader's language."""
    reward = rewards.find(asked.session, asked.shop.id, redemption.reward_id)
    name: str = redemption.frozen["name"]
    return rewards.texts_in(reward, asked.locale, asked.shop.locale).name if name == reward.name else name


def _note(html: str | None, redemption: Redemption, name: str) -> str | None:
    """The merchant's text for afterwards without its formatting, with the code in its place (S2.15)."""
    if not html:
        return None
    blanks = {"coupon_code": redemption.code or "", "points": str(redemption.points), "reward_name": name}
    return merchant_html.filled_in(merchant_html.as_text(html), blanks)


def _how(redemption: Redemption) -> Literal["code", "other", "gift", "gift_card", "store_credit"] | None:
    kind = redemption.frozen["type"]
    if (worth := redemption.frozen["worth"]) is not None and worth["kind"] in ("gift_card", "store_credit"):
        money: Literal["gift_card", "store_credit"] = worth["kind"]
        return money
    if redemption.code is not None:
        return "code" if kind in _AT_THE_CHECKOUT else "other"
    return "gift" if kind == "gift" else None


def _why_earned(redemption: Redemption) -> str | None:
    """One of the words' reasons, for a reward that was not paid for."""
    if redemption.origin != "earned":
        return None
    occasion = redemption.frozen.get("occasion", {})
    if occasion.get("rule") == "tier":
        return "tier_gift"
    return "welcome_gift" if occasion.get("part") == "friend" else "referral_gift"
