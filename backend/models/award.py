"""Points promised: they wait for `due_at`, then are posted, or are voided. Written only by the ledger."""

from sqlalchemy.orm import Mapped, mapped_column

from backend.db import db
from backend.models.columns import At, Document, Points, Ref, RowId, ShopId, Str


class Award(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "award"

    shop_id: Mapped[ShopId]
    id: Mapped[RowId]
    member_id: Mapped[Ref]
    order_id: Mapped[Ref | None]
    rule: Mapped[Str]
    promised: Mapped[Points]
    pending: Mapped[Points]
    state: Mapped[Str]
    due_at: Mapped[At]
    expires_at: Mapped[At | None]
    reason: Mapped[Str]
    program_version: Mapped[int]
    why: Mapped[Document]
    held: Mapped[bool] = mapped_column(default=False)
