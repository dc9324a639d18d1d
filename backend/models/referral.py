"""A referral: one friend whom one advocate brought, with the links that were claimed and what both get."""

from sqlalchemy.orm import Mapped, mapped_column

from backend.db import db
from backend.models.columns import At, Document, Points, Ref, RowId, ShopId, Str


class Referral(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "referral"

    shop_id: Mapped[ShopId]
    id: Mapped[RowId]
    advocate_id: Mapped[Ref]
    friend_id: Mapped[Ref]
    at: Mapped[At]
    program_version: Mapped[int]
    state: Mapped[Str]
    reason: Mapped[Str | None]
    review: Mapped[Str] = mapped_column(default="none")
    evidence: Mapped[Document] = mapped_column(default=dict)
    order_id: Mapped[Ref | None]
    qualified_at: Mapped[At | None]
    counted_at: Mapped[At | None]
    due_at: Mapped[At | None]
    rewarded_at: Mapped[At | None]
    changed_at: Mapped[At]
    reviewed_by: Mapped[Str | None]
    reviewed_at: Mapped[At | None]
    review_reason: Mapped[Str | None]
    recheck: Mapped[bool] = mapped_column(default=False)


class ReferralPayout(db.Model):  # type: ignore[name-defined,misc]
    """What one side gets of a referral: `part` is `advocate`, `friend`, or `order:<id>`."""

    __tablename__ = "referral_payout"

    shop_id: Mapped[ShopId]
    referral_id: Mapped[Ref] = mapped_column(primary_key=True)
    part: Mapped[Str] = mapped_column(primary_key=True)
    member_id: Mapped[Ref]
    order_id: Mapped[Ref | None]
    at: Mapped[At]
    due_at: Mapped[At]
    points: Mapped[Points]
    reward_id: Mapped[Ref | None]
    state: Mapped[Str]
    steps: Mapped[int] = mapped_column(default=1)
