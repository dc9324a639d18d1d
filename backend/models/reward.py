"""A reward: something that members can have for their points."""

from decimal import Decimal

from sqlalchemy import Numeric
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import db
from backend.models.columns import At, Document, Points, RowId, ShopId, Str


class Reward(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "reward"

    shop_id: Mapped[ShopId]
    id: Mapped[RowId]
    redemption_id: Mapped[Str]
    name: Mapped[Str]
    type: Mapped[Str]
    sub_type: Mapped[Str | None]
    is_active: Mapped[bool]
    active_from: Mapped[At | None]
    active_to: Mapped[At | None]
    points: Mapped[Points]
    point_value: Mapped[Decimal | None] = mapped_column(Numeric)
    worth: Mapped[Document | None]
    coupon_source: Mapped[Str]
    coupon_valid_days: Mapped[int | None]
    points_back_when_expired: Mapped[bool] = mapped_column(default=False)
    limit_total: Mapped[Points | None]
    limit_per_member: Mapped[int | None]
    taken: Mapped[Points] = mapped_column(default=0)
    rank: Mapped[int] = mapped_column(default=0)
    details: Mapped[Document]
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[At]
    modified_at: Mapped[At]
    archived_at: Mapped[At | None]


class Image(db.Model):  # type: ignore[name-defined,misc]
    """A picture that the merchant uploaded; its id is the SHA-256 of its content."""

    __tablename__ = "image"

    shop_id: Mapped[ShopId]
    id: Mapped[Str] = mapped_column(primary_key=True)
    content_type: Mapped[Str]
    content: Mapped[bytes]
    width: Mapped[int]
    height: Mapped[int]
    created_at: Mapped[At]
