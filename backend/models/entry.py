"""One movement of points from one bucket to another: never updated, never deleted. Written only by the ledger."""

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import db
from backend.models.columns import At, Document, Points, Ref, RowId, ShopId, Str


class Entry(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "entry"

    shop_id: Mapped[ShopId]
    id: Mapped[RowId]
    member_id: Mapped[Ref]
    at: Mapped[At]
    kind: Mapped[Str]
    from_bucket: Mapped[Str]
    to_bucket: Mapped[Str]
    points: Mapped[Points]
    available_after: Mapped[Points]
    source_key: Mapped[Str]
    actor: Mapped[Str]
    actor_name: Mapped[Str | None]
    reason: Mapped[Str]
    order_id: Mapped[Ref | None]
    award_id: Mapped[Ref | None]
    program_version: Mapped[int | None]
    expires_at: Mapped[At | None]
    answers_entry_id: Mapped[Ref | None]
    why: Mapped[Document]


class EntryLot(db.Model):  # type: ignore[name-defined,misc]
    """How much of which lot an entry took, or gave back."""

    __tablename__ = "entry_lot"

    shop_id: Mapped[ShopId]
    entry_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    lot_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    points: Mapped[Points]
