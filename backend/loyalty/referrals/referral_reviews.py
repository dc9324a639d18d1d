"""What a merchant decides of a referral that is held for a look."""

from datetime import datetime
from typing import Literal

from sqlalchemy import select

from backend.errors import Conflict, NotFound
from backend.ledger.posting import AnySession, Author
from backend.loyalty.referrals import referral_judging, referrals
from backend.loyalty.shops.shops import ShopFacts
from backend.models import Referral

Decision = Literal["approved", "refused"]


def decide(
    session: AnySession,
    shop: ShopFacts,
    referral_id: int,
    decision: Decision,
    reason: str | None,
    author: Author,
    now: datetime,
) -> Referral:
    """Approve or refuse; the same decision again changes nothing, and the other one replaces it: what was promised
    meanwhile is taken back, or promised after all. Takes its own locks: call it first in a transaction.

    Raises NotFound; Conflict `not_reviewable` for one that the rules have decided, or that there is nothing to approve of.
    """
    friend_id = session.execute(
        select(Referral.friend_id).where(Referral.shop_id == shop.id, Referral.id == referral_id)
    ).scalar_one_or_none()
    if friend_id is None:
        raise NotFound()
    referrals.hold_link(session, shop.id, [friend_id])
    row = referral_judging.of_friend(session, shop.id, friend_id)
    if row is None or row.id != referral_id:
        raise NotFound()
    if row.review == decision:
        return row
    if row.reason not in (None, "review"):
        raise Conflict("The rules have decided this referral: there is nothing to review.", code="not_reviewable")
    if row.review == "none" and decision == "approved":
        raise Conflict("This referral is not held for a review.", code="not_reviewable")
    row.reviewed_by, row.reviewed_at, row.review_reason = author.name, now, reason
    if decision == "refused":
        row.state, row.reason = "rejected", "review"  # what they got is taken back below
    row.review = decision
    session.flush()
    referral_judging.judge(session, shop, friend_id, now)
    return row
