"""An order as the platform last told it, with its milestones and what it brings."""

from decimal import Decimal

from sqlalchemy.orm import Mapped, mapped_column

from backend.db import db
from backend.models.columns import At, Document, Points, Ref, RowId, ShopId, Str, Texts


class Order(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "orders"

    shop_id: Mapped[ShopId]
    id: Mapped[RowId]
    external_id: Mapped[Str]
    member_id: Mapped[Ref | None]
    guest_email: Mapped[Str | None]
    known: Mapped[Document]
    placed_at: Mapped[At]
    program_version: Mapped[int]
    due_at: Mapped[At | None]
    expires_at: Mapped[At | None]
    expected_points: Mapped[Points]
    expired_taken_back: Mapped[Points]
    steps: Mapped[int]
    tier: Mapped[Str | None]
    tier_factor: Mapped[Decimal | None]
    rules_open: Mapped[Texts | None]
    stands: Mapped[bool] = mapped_column(default=False)
    received_at: Mapped[At | None]


class Refund(db.Model):  # type: ignore[name-defined,misc]
    """A refund; it may arrive before its order, so it points at the order by the platform's id."""

    __tablename__ = "refund"

    shop_id: Mapped[ShopId]
    order_external_id: Mapped[Str] = mapped_column(primary_key=True)
    external_id: Mapped[Str] = mapped_column(primary_key=True)
    document: Mapped[Document]
