"""A redemption: one reward that one member has, or had."""

from decimal import Decimal

from sqlalchemy import Numeric
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import db
from backend.models.columns import At, Document, Points, Ref, RowId, ShopId, Str


class Redemption(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "redemption"

    shop_id: Mapped[ShopId]
    id: Mapped[RowId]
    member_id: Mapped[Ref]
    reward_id: Mapped[Ref]
    campaign_id: Mapped[Ref | None]
    origin: Mapped[Str]
    status: Mapped[Str]
    use_state: Mapped[Str] = mapped_column(default="delivered")
    delivery_status: Mapped[Str | None]
    points: Mapped[Points]
    points_after: Mapped[Points]
    frozen: Mapped[Document]
    attributes: Mapped[Document] = mapped_column(default=dict)
    address: Mapped[Document | None]
    coupon_id: Mapped[Ref | None]
    code: Mapped[Str | None]
    is_ready: Mapped[bool] = mapped_column(default=True)
    discount: Mapped[Decimal | None] = mapped_column(Numeric)
    entry_id: Mapped[Ref | None]
    steps: Mapped[int] = mapped_column(default=1)
    order_id: Mapped[Ref | None]
    ending: Mapped[Str | None]
    returned_by: Mapped[Str | None]
    problem: Mapped[Str | None]
    key: Mapped[Str | None]
    request_hash: Mapped[Str | None]
    requested_at: Mapped[At]
    issued_at: Mapped[At | None]
    used_at: Mapped[At | None]
    ended_at: Mapped[At | None]
    expires_at: Mapped[At | None]
    hold_until: Mapped[At | None]
