"""An event of a member that the merchant's system told, and what was answered."""

from sqlalchemy.orm import Mapped, mapped_column

from backend.db import db
from backend.models.columns import At, Document, Ref, ShopId, Str


class MemberEvent(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "member_event"

    shop_id: Mapped[ShopId]
    member_id: Mapped[Ref] = mapped_column(primary_key=True)
    event: Mapped[Str] = mapped_column(primary_key=True)
    external_id: Mapped[Str] = mapped_column(primary_key=True)
    at: Mapped[At]
    answer: Mapped[Document]
