"""Mails about movements of points: an entry of the ledger, or lots that are about to end."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from backend.loyalty.notifications import notices
from backend.loyalty.points import expiry
from backend.loyalty.wording import pick
from backend.mail.asking import Asked, NothingToTell
from backend.mail.messages import Context
from backend.platforms.base import Never

_ENTRY = text("select kind, points, reason, expires_at, why from entry where shop_id = :shop and id = :entry")
_LOTS = text(
    "select coalesce(sum(remaining), 0) as points, min(expires_at) as expires_at from lot"
    " where shop_id = :shop and member_id = :member and id = any(cast(:lots as bigint[])) and open"
)


def reminder(asked: Asked, context: Context) -> Context:
    """The points that the reminder is about, as far as they are still there."""
    lots = {"shop": asked.shop.id, "member": asked.member_id, "lots": asked.payload["lot_ids"]}
    left = asked.session.execute(_LOTS, lots).one()
    if left.points == 0:
        raise NothingToTell("nothing of these points is left")
    expires_at = left.expires_at
    if expires_at is not None and asked.payload["days"] == expiry.LAST_DAYS:
        # Sending it late moves the end (`expiry.reminder_went_out`); the mail must say the same.
        expires_at = max(expires_at, asked.now + timedelta(days=expiry.LAST_DAYS))
    return replace(context, points=int(left.points), expires_at=expires_at)


def entry(asked: Asked, context: Context) -> Context:
    """The entry of the ledger that the mail is about."""
    found = asked.session.execute(_ENTRY, {"shop": asked.shop.id, "entry": asked.payload["entry_id"]}).one_or_none()
    if found is None:
        raise Never(f"The ledger has no entry {asked.payload['entry_id']}.")
    order = found.why.get("order")
    if found.kind == "claw_back":
        reason = found.why.get("loss")
    elif found.kind in ("grant", "deduct"):
        reason = found.reason
    elif found.why.get("rule_id") == "referral":
        if asked.payload["purpose"] == "points_earned" and _is_told_otherwise(asked, found.why):
            raise NothingToTell("the mail about the referral says so")
        reason = "welcome_gift" if found.why.get("side") == "friend" else "referral_gift"
    else:
        reason = pick(found.why.get("title") or {}, asked.locale, asked.shop.locale)
    return replace(
        context,
        points=-found.points if found.kind == "deduct" else found.points,
        expires_at=found.expires_at,
        never_expires=found.expires_at is None,
        order_number=order if isinstance(order, str) else None,
        reason=reason,
    )


def _is_told_otherwise(asked: Asked, why: Mapping[str, Any]) -> bool:
    """Points of a referral come with a mail of their own; further orders of a friend bring the advocate points alone."""
    is_further = asked.settings.referral.reward_when == "every_order" and why.get("side") == "advocate"
    return notices.is_on("referral_rewarded", asked.settings) and not is_further
