"""A bonus: what a rule of the program, or a referral, gave a member on one occasion."""

from sqlalchemy.orm import Mapped, mapped_column

from backend.db import db
from backend.models.columns import At, Document, Points, Ref, RowId, ShopId, Str


class Bonus(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "bonus"

    shop_id: Mapped[ShopId]
    id: Mapped[RowId]
    member_id: Mapped[Ref]
    rule: Mapped[Str]
    key: Mapped[Str]
    at: Mapped[At]
    points: Mapped[Points]
    award_id: Mapped[Ref | None]
    state: Mapped[Str] = mapped_column(default="given")
    steps: Mapped[int] = mapped_column(default=1)
    why: Mapped[Document] = mapped_column(default=dict)
