"""One received webhook: raw, with what became of it."""

from sqlalchemy import SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import db
from backend.models.columns import At, RowId, ShopId, Str


class Delivery(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "delivery"

    shop_id: Mapped[ShopId]
    id: Mapped[RowId]
    delivery_id: Mapped[Str]
    type: Mapped[Str | None]
    state: Mapped[Str]
    error: Mapped[Str | None]
    body: Mapped[Str | None]
    received_at: Mapped[At]
    tries: Mapped[int] = mapped_column(SmallInteger)
    next_try_at: Mapped[At | None]
    handled_at: Mapped[At | None]
