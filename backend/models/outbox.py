"""What is to be told to the outside: committed first, sent later, outside any transaction."""

from uuid import UUID

from sqlalchemy.orm import Mapped

from backend.db import db
from backend.models.columns import At, Document, RowId, ShopId, Str


class OutboxMessage(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "outbox"

    shop_id: Mapped[ShopId]
    id: Mapped[RowId]
    kind: Mapped[Str]
    key: Mapped[Str]
    payload: Mapped[Document]
    state: Mapped[Str]
    attempts: Mapped[int]
    next_try_at: Mapped[At]
    lease_until: Mapped[At | None]
    lease_token: Mapped[UUID | None]
    created_at: Mapped[At]
    done_at: Mapped[At | None]
    last_error: Mapped[Str | None]
