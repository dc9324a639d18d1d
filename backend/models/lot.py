"""A batch of available points with one expiry date. Written by the ledger; its reminder by `loyalty/points/expiry`."""

from sqlalchemy.orm import Mapped

from backend.db import db
from backend.models.columns import At, Points, Ref, RowId, ShopId, Str


class Lot(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "lot"

    shop_id: Mapped[ShopId]
    id: Mapped[RowId]
    member_id: Mapped[Ref]
    entry_id: Mapped[Ref]
    order_id: Mapped[Ref | None]
    points: Mapped[Points]
    remaining: Mapped[Points]
    open: Mapped[bool]
    earned_at: Mapped[At]
    expires_at: Mapped[At | None]
    reminder: Mapped[Str]
    reminded_early: Mapped[bool]
    moved_from: Mapped[Ref | None]
